"""The steps of a wait for the end of one job. Each does what the wait's ``Course`` asks for, and records the outcome.

How a job is asked for is passed in: ``effects.begin_wait`` makes the steps.
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
    """What a wait watches: the cell of a handle, or any other holder of the record of one job."""

    @property
    def state(self) -> Job:
        """What is known of the job."""
        ...

    def observe(self, seen: Job) -> None:
        """Learn what a reply said just now."""
        ...


@define
class Known:
    """A record in a variable, for a wait without a handle."""

    state: Job
    clock: Clock

    def observe(self, seen: Job) -> None:
        """Merge what a reply said just now into the record."""
        if seen.status is not None:
            warn_of_unknown_status(seen.status)
        self.state = merge(self.state, after(seen, self.state, self.clock.now()))


@frozen
class Asked:
    """How a wait asks for its job: effects of one client, bound to the job's ID."""

    look: Callable[[float], IOResult[Job, Failure]]
    """Fetches the job reply, within so many seconds."""
    measure: Callable[[float], IOResult[JobMetrics, Failure]]
    """Fetches the metrics, within so many seconds."""
    listen: Callable[[float | None], IOResult[bool, Failure]]
    """Listens to the push stream until it is closed (True), or for so many seconds (False)."""


class Shared(Protocol):
    """A wait that other processes share: one of them asks the service, and the others learn what it saves."""

    def is_asking(self) -> bool:
        """Whether this process asks."""
        ...

    def promise(self, seconds: float) -> None:
        """Promise to ask again within so many seconds, after which other processes may ask."""
        ...

    def resume(self) -> None:
        """Take part again, where a promise was not kept."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait until something was learned, or for so many seconds."""
        ...


@define
class TroubleLog:
    """Logs one warning when a kind of trouble begins, and one when all trouble is over."""

    subject: str
    """What is waited for, as in ``"job abc"``."""
    kinds: set[tuple[str, int | None]] = field(factory=set)
    since: float | None = None

    def note(self, failure: Failure, now: float) -> None:
        """Log that there is trouble, once for each kind."""
        kind = (type(failure).__name__, failure.http_status)
        self.since = now if self.since is None else self.since
        if kind not in self.kinds:
            self.kinds.add(kind)
            _logger.warning("Waiting for %s goes on through trouble: %s", self.subject, describe(failure))

    def over(self, now: float) -> None:
        """Log that the trouble is over, if there was any."""
        if self.since is not None:
            _logger.warning("Waiting for %s: the trouble is over after %.1f seconds", self.subject, now - self.since)
            self.since = None
            self.kinds.clear()


@define
class Steps:
    """The steps of one wait, each an effect, and the :class:`~ibm_circuit_job.state.course.Course` that they make."""

    job: Watched
    course: Course
    clock: Clock
    asked: Asked
    troubles: TroubleLog
    shared: Shared | None = None
    """What other processes have to do with the wait; ``None`` where it is this one's alone."""

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
            job: What is waited for.
            asked: How the service is asked for it.
            policy: How the wait is paced; ``None`` for ``WaitPolicy()``.
            timeout: Seconds to wait; ``None`` for no limit.
            clock: The clock that stamps what is learned and lets the pauses pass.
            offers_stream: Whether the client can listen to a push stream.
            seed: A number in [0, 1) that spreads the pauses.
        """
        paced = policy or WaitPolicy()
        course = Course.begun(job.state, paced, timeout, clock.monotonic(), offers_stream=offers_stream, seed=seed)
        return cls(job, course, clock, asked, TroubleLog(f"job {job.state.job_id}"))

    def next(self) -> Step:
        """Return the step to take next."""
        return self.course.next_step(self.job.state, self.clock.monotonic())

    def look_first(self) -> None:
        """Ask for the status before anything else."""
        self.course = self.course.looking_first()

    @property
    def is_following(self) -> bool:
        """Whether another process asks the service, so that this one does not."""
        return self.shared is not None and not self.shared.is_asking()

    def pause(self, seconds: float) -> None:
        """Wait before the next poll; where another process asks, no longer than until something was learned."""
        if self.shared is not None:
            self.shared.promise(seconds)
            if not self.shared.is_asking():
                self.shared.pause(seconds)
                return
        self.clock.sleep(seconds)

    def listen(self, seconds: float | None) -> None:
        """Listen to the push stream for so many seconds; where another process does, learn what it saves."""
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
        """Ask for the job reply, and learn what it says, unless another process does."""
        if self.shared is not None:
            self.shared.resume()
            if not self.shared.is_asking():
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
        """Note a poll that cost no request: the record has what another process saved."""
        self.course = self.course.after_polling(self.job.state, None, self.clock.monotonic())

    def wants_metrics(self, *, has_listener: bool) -> bool:
        """Return whether to :meth:`measure` now."""
        if self.is_following:
            return False
        return self.course.wants_metrics(self.job.state, self.clock.monotonic(), has_listener=has_listener)

    def measure(self) -> None:
        """Ask for the metrics. A wait goes on without them."""
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
        # Without a deadline a request runs in this thread.
        return None if self.course.wait.deadline is None else seconds


def follow(steps: Steps, tell: Callable[[], object] | None = None) -> IOResult[Job, Failure]:
    """Take the steps of a wait until it ends, blocking this thread.

    Args:
        steps: The steps.
        tell: Called after each reply, and at the end.

    Returns:
        The record, whose status is final; or why the wait ended before the job did.
    """
    if tell is not None:
        steps.look_first()
    while True:
        step = steps.next()
        match step:
            case Listen(seconds):
                steps.listen(seconds)
            case Poll(pause):
                steps.pause(pause)
                steps.poll()
                if steps.wants_metrics(has_listener=tell is not None):
                    steps.measure()
                if tell is not None:
                    tell()
            case Finished():
                if tell is not None:
                    tell()
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
