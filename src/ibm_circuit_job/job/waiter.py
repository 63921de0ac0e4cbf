"""The two shells around ``state.waiting``: one that blocks its thread, and one for asyncio. Neither decides anything.

Both ask :func:`~ibm_circuit_job.state.waiting.next_step` what to do, do it, and write down what came of it. They are
alike line by line; what differs is how they pause.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, Protocol, assert_never

from attrs import define, field
from qiskit.providers.jobstatus import JobStatus
from returns.io import IOResult
from returns.result import Result, Success

from ibm_circuit_job import effects
from ibm_circuit_job.errors import Failure, IBMError, TimeUp, describe, to_exception
from ibm_circuit_job.state import waiting
from ibm_circuit_job.state.facts import JobMetrics
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.waiting import Finished, GaveUp, Listen, Poll, TimedOut, Trouble, Wait, WaitPolicy
from ibm_circuit_job.wire import queries

_logger: Final = logging.getLogger(__name__)

SHORTEST_CALL: Final = 0.05
"""Seconds that even the last look before a timeout may take."""
PAGE: Final = 200
"""How many jobs the service lists at once."""
LONGEST_CALL: Final = 30.0
"""Seconds after which a look is given up, to be tried again."""


class Waited(Protocol):
    """What is waited for: a handle on a job."""

    @property
    def state(self) -> Job:
        """What is known of the job."""
        ...

    @property
    def client(self) -> Any:
        """Whom to ask."""
        ...

    def observe(self, seen: Job) -> None:
        """Learn what a reply said just now."""
        ...


def wait(
    job: Waited, policy: WaitPolicy, timeout: float | None = None, tell: Callable[[], object] | None = None
) -> None:
    """Wait until a job has ended, blocking this thread.

    Args:
        job: What is waited for.
        policy: How the wait is paced.
        timeout: Seconds to wait; ``None`` for as long as it takes.
        tell: Called after each good reply, and at the end.

    Raises:
        IBMJobTimeoutError: If the job has not ended in time.
        IBMJobApiError: If the service refused for good, or was in trouble for longer than the policy's patience.
    """
    course = _Course.begun(job, policy, timeout)
    while True:
        step = course.next_step()
        match step:
            case Listen(seconds):
                course.after_listening(effects.perform(course.listen(seconds)))
            case Poll(after):
                effects.sleep(after)
                course.after_polling(effects.perform(course.poll()))
                if course.wants_metrics(told=tell is not None):
                    course.after_measuring(effects.perform(course.measure()))
                _call(tell)
            case Finished():
                _call(tell)
                return
            case TimedOut() | GaveUp():
                raise course.error(step)
            case _:
                assert_never(step)


async def wait_async(
    job: Waited, policy: WaitPolicy, timeout: float | None = None, tell: Callable[[], object] | None = None
) -> None:
    """Wait until a job has ended, while the event loop goes on; see :func:`wait`."""
    course = _Course.begun(job, policy, timeout)
    while True:
        step = course.next_step()
        match step:
            case Listen(seconds):
                course.after_listening(effects.perform(await effects.aside(lambda: course.listen(seconds))))
            case Poll(after):
                await effects.pause(after)
                # What is learned may be written to a store, which is not to hold the loop up either.
                await effects.aside(lambda: course.after_polling(effects.perform(course.poll())))
                if course.wants_metrics(told=tell is not None):
                    await effects.aside(lambda: course.after_measuring(effects.perform(course.measure())))
                _call(tell)
            case Finished():
                _call(tell)
                return
            case TimedOut() | GaveUp():
                raise course.error(step)
            case _:
                assert_never(step)


def _call(tell: Callable[[], object] | None) -> None:
    if tell is not None:
        tell()


@define
class _Course:
    """One wait: what happened so far, and what each thing that comes means for it."""

    job: Waited
    policy: WaitPolicy
    timeout: float | None
    wait: Wait
    troubles: TroubleLog

    @classmethod
    def begun(cls, job: Waited, policy: WaitPolicy, timeout: float | None) -> _Course:
        now = effects.monotonic()
        begun = Wait(
            started=now,
            deadline=None if timeout is None else now + timeout,
            offers_stream=effects.offers_stream(job.client),
            ended=job.state.is_confirmed_final,
            running=_runs(job.state),
            seed=effects.chance(),
        )
        return cls(job, policy, timeout, begun, TroubleLog(f"job {job.state.job_id}"))

    def next_step(self) -> waiting.Step:
        if self.job.state.is_confirmed_final and not self.wait.ended:
            # Somebody else has seen it meanwhile.
            self.wait = waiting.after_poll(self.wait, effects.monotonic(), ended=True, running=False)
        return waiting.next_step(self.policy, self.wait, effects.monotonic())

    def listen(self, seconds: float | None) -> IOResult[bool, Failure]:
        # Held to the caller's deadline, and not to the moment at which it is time for a look at the status.
        limit = None if self.wait.deadline is None else max(self.wait.deadline - effects.monotonic(), SHORTEST_CALL)
        return effects.within(limit, lambda: effects.listen(self.job.client, self.job.state.job_id, seconds))

    def after_listening(self, heard: Result[bool, Failure]) -> None:
        now = effects.monotonic()
        if not isinstance(heard, Success):
            self.wait = waiting.after_stream_failed(self.wait, now)
        elif heard.unwrap():
            self.wait = waiting.after_stream_closed(self.wait, now)
        else:
            self.wait = waiting.after_stream_quiet(self.wait, now)

    def poll(self) -> IOResult[Job, Failure]:
        seconds = self._call_seconds()
        limit = None if self.wait.deadline is None else seconds
        return effects.within(limit, lambda: effects.fetch_job(self.job.client, self.job.state.job_id, seconds))

    def after_polling(self, seen: Result[Job, Failure]) -> None:
        now = effects.monotonic()
        if isinstance(seen, Success):
            self.job.observe(seen.unwrap())
            state = self.job.state
            self.troubles.over(now)
            self.wait = waiting.after_poll(self.wait, now, ended=state.is_confirmed_final, running=_runs(state))
        else:
            self.wait = waiting.after_trouble(self.wait, now, seen.failure())
            if seen.failure().can_retry:
                self.troubles.note(seen.failure(), now)

    def wants_metrics(self, *, told: bool) -> bool:
        """Whether it is worth a request where in the queue the job is: for whoever is told, and for the pauses."""
        if self.wait.trouble is not None or queries.status(self.job.state) is not JobStatus.QUEUED:
            return False
        return told or waiting.wants_estimate(self.wait, effects.monotonic())

    def measure(self) -> IOResult[JobMetrics, Failure]:
        job_id = self.job.state.job_id
        limit = None if self.wait.deadline is None else self._call_seconds()
        return effects.within(limit, lambda: effects.fetch_metrics(self.job.client, job_id))

    def after_measuring(self, measured: Result[JobMetrics, Failure]) -> None:
        """That the place in the queue is not known is no reason to end a wait."""
        now, ahead = effects.monotonic(), None
        if isinstance(measured, Success):
            metrics = measured.unwrap()
            self.job.observe(Job(self.job.state.job_id, metrics=metrics))
            ahead = effects.seconds_until(metrics.estimated_start)
        self.wait = waiting.after_estimate(self.wait, now, None if ahead is None else now + ahead)

    def error(self, step: TimedOut | GaveUp) -> IBMError:
        job_id = self.job.state.job_id
        if isinstance(step, GaveUp):
            return gave_up(f"job {job_id}", step.trouble, effects.monotonic())
        last = None if self.wait.trouble is None else self.wait.trouble.last
        return to_exception(TimeUp(f"see job {job_id} end", self.timeout or 0.0, last))

    def _call_seconds(self) -> float:
        remaining = LONGEST_CALL if self.wait.deadline is None else self.wait.deadline - effects.monotonic()
        return min(max(remaining, SHORTEST_CALL), LONGEST_CALL)


def gave_up(subject: str, trouble: Trouble, now: float) -> IBMError:
    """Return the exception for trouble that ended a wait.

    Args:
        subject: What is waited for, as in ``"job abc"``.
        trouble: What went wrong.
        now: The time, by the clock of the trouble.
    """
    found = to_exception(trouble.last)
    if trouble.count == 1:
        return found
    seconds = now - trouble.since
    return type(found)(
        f"gave up waiting for {subject} after {trouble.count} tries in {seconds:.0f} seconds "
        f"without one good reply; the last one: {describe(trouble.last)}"
    )


def _runs(job: Job) -> bool:
    return queries.status(job) is JobStatus.RUNNING


@define
class TroubleLog:
    """Says once of each kind of trouble that it has begun, and once that all of it is over."""

    subject: str
    """What is waited for, as in ``"job abc"``."""
    kinds: set[tuple[str, int | None]] = field(factory=set)
    since: float | None = None

    def note(self, failure: Failure, now: float) -> None:
        """Say that there is trouble, unless it is known."""
        kind = (type(failure).__name__, failure.http_status)
        self.since = now if self.since is None else self.since
        if kind not in self.kinds:
            self.kinds.add(kind)
            _logger.warning("Waiting for %s goes on through trouble: %s", self.subject, describe(failure))

    def over(self, now: float) -> None:
        """Say that the trouble is over, if there was any."""
        if self.since is not None:
            _logger.warning("Waiting for %s: the trouble is over after %.1f seconds", self.subject, now - self.since)
            self.since = None
            self.kinds.clear()
