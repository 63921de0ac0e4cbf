"""Reading a result with retries: ``read`` blocks its thread, and ``read_async`` is for asyncio.

Both do what ``state.reading`` decides. Each try runs in a thread of its own. After a timeout the try goes on: a reply
that has begun may be the only copy of the result, so it is read to its end, and the next call returns it.
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
    """One try to read a result, running or ended."""

    key: Hashable
    """Identifies what is read; see :attr:`Wanted.key`."""
    outcome: Future[Any]
    """The result, or a :class:`~ibm_circuit_job.state.reading.Missed`."""
    process: int = field(factory=os.getpid)
    """The ID of the process whose thread it runs in. A fork has no such thread."""


class Tries:
    """The tries to read the result of one handle's job: one at a time, for all threads and tasks together."""

    def __init__(self) -> None:
        self._lock = ForkFreeLock()
        self._running: Try | None = None

    def join(self, key: Hashable, try_once: Callable[[], object], *, to_its_end: bool) -> Try:
        """Return the running try, whatever it reads; else begin one.

        Args:
            key: Identifies what a new try reads.
            try_once: Reads it once.
            to_its_end: Whether the end of the program waits for a new try.
        """
        with self._lock():
            running = self._running
            if running is not None and not running.outcome.done() and running.process == os.getpid():
                return running
            begun = self._running = Try(key, background.started(try_once, to_its_end=to_its_end))
        # Not referred to any longer than it runs: the reader itself caches what it is to cache.
        begun.outcome.add_done_callback(self._forget)
        return begun

    def _forget(self, outcome: Future[Any]) -> None:
        with self._lock():
            if self._running is not None and self._running.outcome is outcome:
                self._running = None


@frozen(eq=False)
class Wanted(Generic[_T]):
    """What to read of a job that has ended."""

    job_id: str
    key: Hashable
    """Identifies what is read, among all that can be read of the job: form, refresh, partial."""
    tries: Tries
    try_once: Callable[[], _T | Missed]
    """Reads it once."""
    error: Callable[[TimedOut | GaveUp, float | None], IBMError | None]
    """Returns the error that says why there is none, within some seconds; ``None`` if the last failure says it."""
    ended_at: float
    """When the job was first seen to have ended, by the monotonic clock."""
    clock: Clock
    """The clock of the wait."""
    to_its_end: bool = False
    """Whether the end of the program waits for a running try, because a store saves its result."""


def read(wanted: Wanted[_T], policy: WaitPolicy, timeout: float | None, began: float) -> _T:
    """Read a result, with retries, blocking this thread.

    Args:
        wanted: What to read.
        policy: The pauses of the wait.
        timeout: Seconds that the call may take; ``None`` for as long as it takes.
        began: When the call began, by the monotonic clock.

    Raises:
        IBMJobTimeoutError: If the result has not arrived in time. A reply that has begun is read to its end.
        IBMError: If there is no result, or failures lasted for longer than the policy's patience.
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
    """Read a result, with retries, without blocking the event loop; see :func:`read`."""
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
                # In a thread, because it may send another request.
                raise await background.aside(partial(course.error, step))
            case _:
                assert_never(step)


@define
class _Course(Generic[_T]):
    """The state of one call for a result, which changes with each try."""

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
        """Return the seconds to wait for a try: until the deadline, and after it SHORTEST_CALL at most."""
        deadline = self.reading.wait.deadline
        if deadline is None:
            return None
        left = deadline - self.wanted.clock.monotonic()
        return max(left, min(SHORTEST_CALL, left + SHORTEST_CALL), 0.01)
