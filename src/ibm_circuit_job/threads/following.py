"""The steps of a wait for the end of one job. Each step does what ``state.course`` decides, and records the outcome.

The functions that send requests are arguments; ``effects.begin_wait`` supplies them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, assert_never

from attrs import define, field, frozen
from returns.io import IOFailure, IOResult, IOSuccess
from returns.result import Failure as Bad
from returns.result import Success

from ibm_circuit_job.errors import Failure, describe
from ibm_circuit_job.state.course import Course
from ibm_circuit_job.state.facts import JobMetrics, StatusReport
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.transitions import after, merge
from ibm_circuit_job.state.waiting import Finished, GaveUp, Listen, Poll, Step, TimedOut, WaitPolicy
from ibm_circuit_job.threads import background
from ibm_circuit_job.threads.clock import Clock
from ibm_circuit_job.threads.locks import ForkFreeLock

_logger: Final = logging.getLogger(__name__)


class Watched(Protocol):
    """An object with the record of one job, such as the cell of a handle. A wait reads the record and updates it."""

    @property
    def state(self) -> Job:
        """The record of the job."""
        ...

    def observe(self, seen: Job) -> None:
        """Merge the facts of a reply that has just arrived into the record."""
        ...


@define
class Known:
    """A record and a clock, for a wait without a handle."""

    state: Job
    clock: Clock

    def observe(self, seen: Job) -> None:
        """Merge the facts of a reply that has just arrived into the record."""
        if seen.status is not None:
            warn_of_unknown_status(seen.status)
        self.state = merge(self.state, after(seen, self.state, self.clock.now()))


@frozen
class Asked:
    """The requests of a wait: effects with one client, for one job. Their argument is the time limit in seconds."""

    look: Callable[[float], IOResult[Job, Failure]]
    """Fetches the job reply."""
    measure: Callable[[float], IOResult[JobMetrics, Failure]]
    """Fetches the metrics."""
    listen: Callable[[float | None], IOResult[bool, Failure]]
    """Listens to the push stream until the service closes it (True), or until the time limit (False)."""


class Shared(Protocol):
    """A wait that several processes share: one of them sends requests, and the others load the facts that it saves."""

    def is_asking(self) -> bool:
        """Whether this process is the one that sends requests."""
        ...

    def promise(self, seconds: float) -> None:
        """Announce the next request within *seconds*. If it does not come, another process may send requests."""
        ...

    def resume(self) -> None:
        """Take part again, if an announced request did not come in time."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait until another process has saved something, at most for *seconds*."""
        ...


@define
class TroubleLog:
    """Logs one warning for each kind of failure during a wait, and one when requests succeed again."""

    subject: str
    """What the wait is for, as in ``"job abc"``."""
    kinds: set[tuple[str, int | None]] = field(factory=set)
    """The kinds of failures that were logged: name of the class and HTTP status."""
    since: float | None = None
    """When the failures began, in seconds of the monotonic clock; ``None`` without failures."""

    def note(self, failure: Failure, now: float) -> None:
        """Log a failure, unless one of its kind was logged since the failures began."""
        kind = (type(failure).__name__, failure.http_status)
        self.since = now if self.since is None else self.since
        if kind not in self.kinds:
            self.kinds.add(kind)
            _logger.warning("Waiting for %s continues after a failure: %s", self.subject, describe(failure))

    def over(self, now: float) -> None:
        """Log that requests succeed again, if any has failed."""
        if self.since is not None:
            _logger.warning("Waiting for %s: requests succeed again after %.1f seconds", self.subject, now - self.since)
            self.since = None
            self.kinds.clear()


@define
class Steps:
    """The steps of one wait, and its :class:`~ibm_circuit_job.state.course.Course`, which decides the next step."""

    job: Watched
    course: Course
    clock: Clock
    asked: Asked
    troubles: TroubleLog
    shared: Shared | None = None
    """The other processes that share the wait; ``None`` if the wait is not shared."""

    @classmethod
    def begun(
        cls,
        job: Watched,
        asked: Asked,
        policy: WaitPolicy | None,
        timeout: float | None,
        clock: Clock,
        *,
        offers_stream: bool,
        seed: float,
    ) -> Steps:
        """Return the steps of a wait that begins now.

        Args:
            job: The object with the record of the job.
            asked: The requests.
            policy: How often to poll, and for how long to tolerate failures; ``None`` for ``WaitPolicy()``.
            timeout: The longest wait in seconds; ``None`` for no limit.
            clock: The clock that stamps replies and measures pauses.
            offers_stream: Whether the client can listen to a push stream.
            seed: A number in [0, 1) that varies the pauses, so that many waits do not poll at once.
        """
        paced = policy or WaitPolicy()
        course = Course.begun(job.state, paced, timeout, clock.monotonic(), offers_stream=offers_stream, seed=seed)
        return cls(job, course, clock, asked, TroubleLog(f"job {job.state.job_id}"))

    def next(self) -> Step:
        """Return the next step."""
        return self.course.next_step(self.job.state, self.clock.monotonic())

    def look_first(self) -> None:
        """Make a poll the first step."""
        self.course = self.course.looking_first()

    @property
    def is_following(self) -> bool:
        """Whether another process sends the requests of this wait."""
        return self.shared is not None and not self.shared.is_asking()

    def pause(self, seconds: float) -> None:
        """Wait before the next poll. If another process sends requests, wait at most until it has saved something."""
        if self.shared is not None:
            self.shared.promise(seconds)
            if not self.shared.is_asking():
                self.shared.pause(seconds)
                return
        self.clock.sleep(seconds)

    def listen(self, seconds: float | None) -> None:
        """Listen to the push stream for *seconds*. If another process does, wait until it has saved something."""
        if self.shared is not None:
            patience = self.course.policy.guard_pause if seconds is None else seconds
            self.shared.resume()
            self.shared.promise(patience)
            if not self.shared.is_asking():
                self.shared.pause(patience)
                self._note_what_was_learned()
                return
        limit = self.course.stream_seconds(self.clock.monotonic())
        heard = background.perform(background.within(limit, lambda: self.asked.listen(seconds)))
        self.course = self.course.after_listening(heard, self.clock.monotonic())

    def poll(self) -> None:
        """Fetch the job reply and merge its facts, unless another process does, or has seen the end of the job."""
        if self.shared is not None:
            self.shared.resume()
            # A process that has seen the end saves it, and leaves its turn to this one at once.
            if not self.shared.is_asking() or self.job.state.is_confirmed_final:
                self._note_what_was_learned()
                return
        seconds = self.course.call_seconds(self.clock.monotonic())
        seen = background.perform(background.within(self._limit(seconds), lambda: self.asked.look(seconds)))
        now = self.clock.monotonic()
        match seen:
            case Success(job):
                self.job.observe(job)
                self.troubles.over(now)
                self.course = self.course.after_polling(self.job.state, None, now)
            case Bad(failure):
                self.course = self.course.after_polling(self.job.state, failure, now)
                if failure.can_retry:
                    self.troubles.note(failure, now)

    def _note_what_was_learned(self) -> None:
        """Count a poll without a request: the record has the facts that another process saved."""
        self.course = self.course.after_polling(self.job.state, None, self.clock.monotonic())

    def wants_metrics(self, *, has_listener: bool) -> bool:
        """Return whether to call :meth:`measure` now.

        Args:
            has_listener: Whether the caller gets a report of each reply.
        """
        if self.is_following:
            return False
        return self.course.wants_metrics(self.job.state, self.clock.monotonic(), has_listener=has_listener)

    def measure(self) -> None:
        """Fetch the metrics. If that fails, the wait continues."""
        seconds = self.course.call_seconds(self.clock.monotonic())
        seconds_to_start = None
        match background.perform(background.within(self._limit(seconds), partial(self.asked.measure, seconds))):
            case Success(metrics):
                self.job.observe(Job(self.job.state.job_id, metrics=metrics))
                if metrics.estimated_start is not None:
                    seconds_to_start = (metrics.estimated_start - self.clock.now()).total_seconds()
        self.course = self.course.after_measuring(seconds_to_start, self.clock.monotonic())

    def failure(self, step: TimedOut | GaveUp) -> Failure:
        """Return why the wait ended before the job did."""
        return self.course.failure(self.job.state, step, self.clock.monotonic())

    def _limit(self, seconds: float) -> float | None:
        # Without a deadline, a request needs no time limit, and runs in this thread.
        return None if self.course.wait.deadline is None else seconds


def follow(steps: Steps, report: Callable[[], object] | None = None) -> IOResult[Job, Failure]:
    """Take the steps of a wait until it ends. This blocks the thread.

    Args:
        steps: The steps.
        report: A function to call after each reply, and at the end; ``None`` for none.

    Returns:
        The record with a final status; or the failure that ended the wait before the job ended.
    """
    if report is not None:
        steps.look_first()
    while True:
        step = steps.next()
        match step:
            case Listen(seconds):
                steps.listen(seconds)
            case Poll(pause):
                steps.pause(pause)
                steps.poll()
                if steps.wants_metrics(has_listener=report is not None):
                    steps.measure()
                if report is not None:
                    report()
            case Finished():
                if report is not None:
                    report()
                return IOSuccess(steps.job.state)
            case TimedOut() | GaveUp():
                return IOFailure(steps.failure(step))
            case _:
                assert_never(step)


_warned: Final[set[str]] = set()
_warned_lock: Final = ForkFreeLock()
_MOST_WARNED: Final = 1000


def warn_of_unknown_status(report: StatusReport) -> None:
    """Log one warning for each status string that this version of the library does not know."""
    if report.is_known:
        return
    with _warned_lock():
        if report.server_status in _warned or len(_warned) >= _MOST_WARNED:
            return
        _warned.add(report.server_status)
    _logger.warning(
        "The service reports a job status that this version does not know: %r. It counts as not final.",
        report.server_status[:100],
    )
