"""Progress: shows jobs during a wait, and after Ctrl-C a line that says how to come back to them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TextIO

from attrs import evolve

from ibm_circuit_job.job.screens import screen_for
from ibm_circuit_job.job.shown import view_in_short
from ibm_circuit_job.threads.background import wait_for
from ibm_circuit_job.threads.locks import ForkFreeLock
from ibm_circuit_job.views import live
from ibm_circuit_job.views.records import JobView
from ibm_circuit_job.views.words import number_of_jobs

if TYPE_CHECKING:
    from ibm_circuit_job.job.cell import JobCell
    from ibm_circuit_job.state.job import Job

_logger: Final = logging.getLogger(__name__)
_TICK_SECONDS: Final = 1.0
"""Seconds between two drawings of a screen that shows the time elapsed."""


class Progress:
    """A context manager that shows jobs on a screen, from their records, until its ``with`` block ends.

    Drawing sends no request. An error of the output ends the drawing, not the wait.

    Args:
        cells: The cells of the jobs' handles.
        output: A file or a terminal; by default the cell of a notebook, else the standard output.
        several: Whether to show a table even for one job.
    """

    def __init__(self, cells: Sequence[JobCell], output: TextIO | None = None, *, several: bool = False) -> None:
        self._cells = cells
        self._screen = screen_for(output, several=several or len(cells) != 1)
        self._lock = ForkFreeLock()
        self._is_due = threading.Event()
        self._is_over = False
        self._is_broken = False
        self._seen_before_their_end: set[int] = set()
        self._made: dict[int, tuple[Job, JobView]] = {}

    def __enter__(self) -> Self:
        if self._screen.moves and self._cells:
            try:
                # Only this thread draws, until the end: Ctrl-C interrupts the main thread, so it interrupts no drawing.
                threading.Thread(target=self._draw_on, name="ibm-circuit-job-progress", daemon=True).start()
            except RuntimeError:
                # At the end of a process Python starts no more threads. The wait goes on without a display.
                pass
            except KeyboardInterrupt as interruption:
                # The thread may have drawn already, and without this it would go on drawing.
                self.__exit__(type(interruption), interruption, interruption.__traceback__)
                raise
        return self

    def on_change(self, *_: object, **__: object) -> None:
        """Draw at once. This is the callback of the wait; its arguments are not used."""
        if self._screen.moves:
            self._is_due.set()
        else:
            self._draw()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        self._is_due.set()
        with self._lock():
            if self._cells:
                self._show(closing=True, interrupted=kind is not None and issubclass(kind, KeyboardInterrupt))

    def _draw_on(self) -> None:
        while not self._is_over:
            self._draw()
            wait_for(self._is_due, _TICK_SECONDS)
            self._is_due.clear()

    def _draw(self) -> None:
        with self._lock():
            if not self._is_over:
                self._show()

    def _show(self, *, closing: bool = False, interrupted: bool = False) -> None:
        if self._is_broken:
            return
        views = self._views()
        try:
            self._screen.draw(views, self._cells[0].clock.now())
            if closing:
                self._screen.close()
            if interrupted:
                self._screen.say(live.how_to_come_back(views))
        except Exception as trouble:  # noqa: BLE001 - whatever ails the output, the wait goes on
            self._is_broken = True
            with suppress(Exception):
                self._screen.close()
            _logger.warning("The progress of %s is not shown any more: %s", number_of_jobs(len(self._cells)), trouble)

    def _views(self) -> list[JobView]:
        return [self._view(number, cell) for number, cell in enumerate(self._cells)]

    def _view(self, number: int, cell: JobCell) -> JobView:
        """Return the view of a job, computed again only if its record has changed, since each callback draws all."""
        state = cell.state
        made = self._made.get(number)
        if made is None or made[0] is not state:
            made = self._made[number] = (state, self._fresh(number, cell))
        return made[1]

    def _fresh(self, number: int, cell: JobCell) -> JobView:
        """Return a new view of a job. If the job ended while it was shown, its end is when that was observed."""
        view = view_in_short(cell)
        if not live.has_ended(view):
            self._seen_before_their_end.add(number)
        elif view.ended is None and number in self._seen_before_their_end:
            return evolve(view, ended=view.seen_at)
        return view
