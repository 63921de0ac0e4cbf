"""The two shells around ``state.reading``: one that blocks its thread, and one for asyncio. Neither decides anything.

Each try at a result runs in a thread of its own. A caller whose time is up leaves it alone: what has begun to arrive
may be the only copy, so it is read to its end, and the next caller finds it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, TypeVar, assert_never

from attrs import define, field, frozen

from ibm_circuit_job import effects
from ibm_circuit_job.effects import Clock
from ibm_circuit_job.errors import IBMError, TimeUp, to_exception
from ibm_circuit_job.job.waiter import pause
from ibm_circuit_job.state import reading
from ibm_circuit_job.state.course import SHORTEST_CALL, gave_up
from ibm_circuit_job.state.reading import Missed, Reading
from ibm_circuit_job.state.waiting import Finished, GaveUp, Poll, TimedOut, Wait, WaitPolicy
from ibm_circuit_job.threads import background
from ibm_circuit_job.threads.following import TroubleLog
from ibm_circuit_job.threads.locks import ForkFreeLock

_T = TypeVar("_T")


@frozen(eq=False)
class Try:
    """One try at a result, which runs or has ended."""

    key: Hashable
    """What is tried."""
    outcome: Future[Any]
    """What it comes to: the result, or a :class:`~ibm_circuit_job.state.reading.Missed`."""
    process: int = field(factory=os.getpid)
    """The process whose thread it runs in. A fork has no such thread."""


class Tries:
    """The tries at the result of one handle's job: one at a time, however many threads and tasks want it."""

    def __init__(self) -> None:
        self._lock = ForkFreeLock()
        self._running: Try | None = None

    def join(self, key: Hashable, try_once: Callable[[], object], *, to_its_end: bool) -> Try:
        """Return the try that runs, whatever it tries; else begin one.

        Args:
            key: What is to be tried.
            try_once: Tries it.
            to_its_end: Whether the end of the program waits for it.
        """
        with self._lock():
            running = self._running
            if running is not None and not running.outcome.done() and running.process == os.getpid():
                return running
            begun = self._running = Try(key, background.started(try_once, to_its_end=to_its_end))
        # What it came to is for its callers: memory has it where it is to stay.
        begun.outcome.add_done_callback(self._forget)
        return begun

    def _forget(self, outcome: Future[Any]) -> None:
        with self._lock():
            if self._running is not None and self._running.outcome is outcome:
                self._running = None


@frozen(eq=False)
class Wanted(Generic[_T]):
    """What is read of a job that has ended."""

    job_id: str
    key: Hashable
    """What tells it apart from all else that is read of the same job."""
    tries: Tries
    try_once: Callable[[], _T | Missed]
    """Tries to read it, once."""
    error: Callable[[TimedOut | GaveUp, float | None], IBMError | None]
    """Says why there is none, within so many seconds; ``None`` where there is nothing to add to the trouble."""
    ended_at: float
    """When the job was first seen to have ended, by the monotonic clock."""
    clock: Clock
    """The clock of the wait."""
    to_its_end: bool = False
    """Whether the end of the program waits for it, since there is a store to write it to."""


def read(wanted: Wanted[_T], policy: WaitPolicy, timeout: float | None, began: float) -> _T:
    """Read a result, and wait trouble out, blocking this thread.

    Args:
        wanted: What is read.
        policy: How the wait is paced.
        timeout: Seconds that the call may take; ``None`` for as long as it takes.
        began: When the call began, by the monotonic clock.

    Raises:
        IBMJobTimeoutError: If the result is not there in time. A body that is under way is read on.
        IBMError: If there is none, or trouble lasted for longer than the policy's patience.
    """
    course = _Course.begun(wanted, policy, timeout, began)
    while True:
        step = course.next_step()
        match step:
            case Poll(after):
                wanted.clock.sleep(after)
                attempt = course.attempt()
                background.await_end(attempt.outcome, course.seconds())
                course.after(attempt)
            case Finished():
                return course.found()
            case TimedOut() | GaveUp():
                raise course.error(step)
            case _:
                assert_never(step)


async def read_async(wanted: Wanted[_T], policy: WaitPolicy, timeout: float | None, began: float) -> _T:
    """Read a result, and wait trouble out, while the event loop goes on; see :func:`read`."""
    course = _Course.begun(wanted, policy, timeout, began)
    while True:
        step = course.next_step()
        match step:
            case Poll(after):
                await pause(after, wanted.clock)
                attempt = course.attempt()
                await background.await_end_async(attempt.outcome, course.seconds())
                course.after(attempt)
            case Finished():
                return course.found()
            case TimedOut() | GaveUp():
                # It may ask the service once more.
                raise await background.aside(partial(course.error, step))
            case _:
                assert_never(step)


@define
class _Course(Generic[_T]):
    """One call for a result: what happened so far, and what each try means for it."""

    wanted: Wanted[_T]
    policy: WaitPolicy
    timeout: float | None
    reading: Reading
    troubles: TroubleLog
    came_to: Any = None

    @classmethod
    def begun(cls, wanted: Wanted[_T], policy: WaitPolicy, timeout: float | None, began: float) -> _Course[_T]:
        deadline = None if timeout is None else began + timeout
        wait = Wait(wanted.clock.monotonic(), deadline, seed=effects.chance())
        begun = Reading(wait, min(wanted.ended_at, wait.started))
        return cls(wanted, policy, timeout, begun, TroubleLog(f"the result of job {wanted.job_id}"))

    def next_step(self) -> Poll | Finished | TimedOut | GaveUp:
        now = self.wanted.clock.monotonic()
        step = reading.next_try(self.policy, self.reading, now)
        trouble = self.reading.wait.trouble
        if isinstance(step, Poll) and trouble is not None:
            self.troubles.note(trouble.last, now)
        return step

    def attempt(self) -> Try:
        return self.wanted.tries.join(self.wanted.key, self.wanted.try_once, to_its_end=self.wanted.to_its_end)

    def after(self, attempt: Try) -> None:
        now = self.wanted.clock.monotonic()
        if not attempt.outcome.done():
            self.reading = reading.after_silence(self.reading, now)
            return
        if attempt.key != self.wanted.key:
            self.reading = reading.after_another(self.reading)
            return
        came_to = attempt.outcome.result()
        if isinstance(came_to, Missed):
            self.reading = reading.after_missed(self.reading, now, came_to)
        else:
            self.troubles.over(now)
            self.reading = reading.after_found(self.reading, now)
            self.came_to = came_to

    def found(self) -> _T:
        result: _T = self.came_to
        return result

    def error(self, step: TimedOut | GaveUp) -> IBMError:
        why = self.wanted.error(step, self.seconds())
        if why is not None:
            return why
        what = f"the result of job {self.wanted.job_id}"
        if isinstance(step, GaveUp):
            return to_exception(gave_up(what, step.trouble, self.wanted.clock.monotonic()))
        trouble = self.reading.wait.trouble
        return to_exception(TimeUp(f"read {what}", self.timeout or 0.0, None if trouble is None else trouble.last))

    def seconds(self) -> float | None:
        """How long a try is waited for: until the deadline; past it for no more than a moment."""
        deadline = self.reading.wait.deadline
        if deadline is None:
            return None
        left = deadline - self.wanted.clock.monotonic()
        return max(left, min(SHORTEST_CALL, left + SHORTEST_CALL), 0.01)
