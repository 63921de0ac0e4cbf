"""Progress: shows how jobs are while they are waited for, and says how to come back to them after Ctrl-C."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TextIO

from attrs import evolve

from ibm_circuit_job.job.screens import screen_for
from ibm_circuit_job.job.shown import view_in_short
from ibm_circuit_job.threads.background import started, wait_for
from ibm_circuit_job.threads.locks import ForkFreeLock
from ibm_circuit_job.views import live
from ibm_circuit_job.views.records import JobView

if TYPE_CHECKING:
    from ibm_circuit_job.job.cell import JobCell

_logger: Final = logging.getLogger(__name__)
_TICK_SECONDS: Final = 1.0
"""How often a screen that moves is drawn."""


class Progress:
    """A screen that shows some jobs, for as long as a ``with`` block lasts.

    Drawing sends no request: it shows what the handles know. Trouble of the output ends the drawing, not the wait.

    Args:
        cells: What is known of each job.
        output: A file or a terminal; by default the cell of a notebook, and the standard output elsewhere.
        several: Whether to show a table even of one job.
    """

    def __init__(self, cells: Sequence[JobCell], output: TextIO | None = None, *, several: bool = False) -> None:
        self._cells = cells
        self._screen = screen_for(output, several=several or len(cells) != 1)
        self._lock = ForkFreeLock()
        self._is_over = threading.Event()
        self._is_broken = False
        self._seen_before_their_end: set[int] = set()

    def __enter__(self) -> Self:
        if self._screen.moves and self._cells:
            self._draw()
            started(self._tick)
        return self

    def heard(self, *_: object, **__: object) -> None:
        """Draw at once; the callback of a wait."""
        self._draw()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        with self._lock():
            if not self._cells or self._is_broken:
                return
            try:
                self._screen.draw(self._views(), self._cells[0].clock.now())
                self._screen.close()
                if kind is not None and issubclass(kind, KeyboardInterrupt):
                    self._screen.say(live.how_to_come_back(self._views()))
            except (OSError, ValueError) as trouble:
                self._give_up(trouble)

    def _tick(self) -> None:
        while not wait_for(self._is_over, _TICK_SECONDS):
            self._draw()

    def _draw(self) -> None:
        with self._lock():
            if self._is_over.is_set() or self._is_broken:
                return
            try:
                self._screen.draw(self._views(), self._cells[0].clock.now())
            except (OSError, ValueError) as trouble:
                self._give_up(trouble)

    def _give_up(self, trouble: Exception) -> None:
        self._is_broken = True
        _logger.warning("The progress of %d jobs is not shown any more: %s", len(self._cells), trouble)

    def _views(self) -> list[JobView]:
        return [self._view(number, cell) for number, cell in enumerate(self._cells)]

    def _view(self, number: int, cell: JobCell) -> JobView:
        """How a job is; with the time at which its end was seen, where that was while it was shown."""
        view = view_in_short(cell)
        if not live.has_ended(view):
            self._seen_before_their_end.add(number)
        elif view.ended is None and number in self._seen_before_their_end:
            return evolve(view, ended=view.seen_at)
        return view
