"""The outputs for the progress of a wait: a cell of a notebook, a terminal, or lines of text.

Each has ``draw``, which shows the jobs; ``say``, which adds a line; and ``close``. ``views`` makes the text and the
HTML. IPython is used only in a notebook, and rich only on a terminal, if it is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

from ibm_circuit_job.views import live
from ibm_circuit_job.views.html import live_html
from ibm_circuit_job.views.records import JobView
from ibm_circuit_job.views.words import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_TITLE: Final = "Job Status"


class Screen(Protocol):
    """An output for progress."""

    moves: bool
    """Whether to draw again as time passes, and not only when a job has changed."""

    def draw(self, jobs: Sequence[JobView], now: datetime) -> None:
        """Show the jobs, with the times from *now*."""
        ...

    def say(self, line: str) -> None:
        """Add a line, after :meth:`close`."""
        ...

    def close(self) -> None:
        """Leave what was drawn last as it is."""
        ...


def screen_for(output: TextIO | None, *, several: bool) -> Screen:
    """Return the screen for an output.

    Args:
        output: A file or a terminal; by default the cell of a notebook, else the standard output.
        several: Whether several jobs are shown, as a table.
    """
    if output is None and _in_notebook():
        return Cell(several=several)
    file = sys.stdout if output is None else output
    console = _console(file)
    return Lines(file, several=several) if console is None else Terminal(console, several=several)


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this program."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _console(file: TextIO) -> Console | None:
    """Return a console for a file; ``None`` if it is no terminal with a movable cursor, or rich is not installed."""
    is_terminal = getattr(file, "isatty", None)
    if is_terminal is None or not is_terminal():
        return None
    try:
        from rich.console import Console  # noqa: PLC0415 - of an extra
    except ImportError:
        return None
    console = Console(file=file, highlight=False, markup=False, emoji=False)
    return console if console.is_terminal and not console.is_dumb_terminal and not console.is_jupyter else None


def _line(job: JobView, now: datetime, *, several: bool) -> str:
    return f"{printable(job.job_id) if several else _TITLE}: {live.describe(job, now)}"


class Lines:
    """Lines of text, such as in a file: one for each change of a status or a place in the queue."""

    moves = False

    def __init__(self, file: TextIO | None, *, several: bool) -> None:
        self._file = file
        self._several = several
        self._drawn: dict[int, tuple[str | None, int | None]] = {}

    def draw(self, jobs: Sequence[JobView], now: datetime) -> None:
        """Print a line for each job whose status or place has changed."""
        for number, job in enumerate(jobs):
            shown = (job.status, job.place)
            if job.status is not None and self._drawn.get(number) != shown:
                self._drawn[number] = shown
                self.say(_line(job, now, several=self._several))

    def say(self, line: str) -> None:
        """Print a line; a character that the file's encoding lacks is escaped."""
        encoding = getattr(self._file, "encoding", None) or "utf-8"
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=self._file, flush=True)

    def close(self) -> None:
        """Do nothing."""


class Terminal:
    """A line on a terminal that is replaced at each drawing, or a table of several jobs."""

    moves = True

    def __init__(self, console: Console, *, several: bool) -> None:
        from rich.live import Live  # noqa: PLC0415 - of an extra

        self._console = console
        self._several = several
        self._live = Live(console=console, auto_refresh=False)

    def draw(self, jobs: Sequence[JobView], now: datetime) -> None:
        """Write the line or the table again."""
        if not self._live.is_started:
            self._live.start()
        self._live.update(self._drawing(jobs, now), refresh=True)

    def _drawing(self, jobs: Sequence[JobView], now: datetime) -> RenderableType:
        from rich.table import Table  # noqa: PLC0415 - of an extra
        from rich.text import Text  # noqa: PLC0415 - of an extra

        if not self._several:
            return Text(_line(jobs[0], now, several=False))
        # A table that is higher than the terminal cannot be replaced in place.
        most = max(self._console.height - 4, 1)
        # If not all fit, the jobs that have not ended come first.
        chosen = jobs if len(jobs) <= most else sorted(jobs, key=live.has_ended)[:most]
        rows = [live.row(job, now) for job in chosen]
        caption = f"{sum(map(live.has_ended, jobs))} of {len(jobs)} have ended"
        table = Table(box=None, pad_edge=False, header_style="bold", caption=caption, caption_justify="left")
        widths = _widths(self._console.width, rows)
        for head, width in zip(live.HEADS, widths, strict=False):
            table.add_column(head, width=width, no_wrap=True, overflow="ellipsis")
        for row in rows:
            table.add_row(*map(Text, row[: len(widths)]))
        return table

    def say(self, line: str) -> None:
        """Print a line below."""
        self._console.print(line, soft_wrap=True)

    def close(self) -> None:
        """Stop writing, and show the cursor again."""
        self._live.stop()


def _widths(room: int, rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the widths of the columns that fit into *room* characters.

    The first two columns always fit. The second one, and the last one with the words for the status, may be cut off.
    """
    from rich.cells import cell_len  # noqa: PLC0415 - of an extra

    widths: list[int] = []
    for number, head in enumerate(live.HEADS):
        needed = max(cell_len(cell) for cell in (head, *(row[number] for row in rows)))
        left = room - sum(widths) - _GAP * len(widths)
        if number == 1 or (number == len(live.HEADS) - 1 and left >= _NARROWEST):
            needed = max(min(needed, left), 1)
        if number > 1 and needed > left:
            break
        widths.append(needed)
    return widths


_GAP: Final = 2
_NARROWEST: Final = 16


class Cell:
    """The output of a notebook's cell: an HTML table that is replaced."""

    moves = True

    def __init__(self, *, several: bool) -> None:
        self._several = several
        self._handle: Any = None

    def draw(self, jobs: Sequence[JobView], now: datetime) -> None:
        """Show the table, in place of the previous one."""
        frame = _Frame(jobs, now, several=self._several)
        if self._handle is None:
            from IPython.display import display  # noqa: PLC0415 - there in a notebook

            self._handle = display(frame, display_id=True)
        else:
            self._handle.update(frame)

    def say(self, line: str) -> None:
        """Print a line below the table."""
        print(line, flush=True)  # noqa: T201

    def close(self) -> None:
        """Do nothing."""


class _Frame:
    """One drawing: HTML for a notebook, and lines of text for a front end without HTML."""

    def __init__(self, jobs: Sequence[JobView], now: datetime, *, several: bool) -> None:
        self._html = live_html(jobs, now)
        self._text = "\n".join(_line(job, now, several=several) for job in jobs)

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return self._text
