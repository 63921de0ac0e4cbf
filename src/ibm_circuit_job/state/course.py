"""One wait for the end of a job: :mod:`~ibm_circuit_job.state.waiting` applied to a record.

All functions here are pure. Two loops do what a :class:`Course` asks for: ``threads.following.follow``, which blocks,
and the loop of ``job.waiter`` for asyncio.
"""

from __future__ import annotations

from attrs import evolve, frozen
from qiskit.providers.jobstatus import JobStatus
from returns.result import Result, Success

from ibm_circuit_job.errors import Failure, GaveUpWaiting, TimeUp
from ibm_circuit_job.state import waiting
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.waiting import GaveUp, TimedOut, Trouble, Wait, WaitPolicy

SHORTEST_CALL = 0.05
"""Seconds that a request may take at least, even just before the deadline."""
LONGEST_CALL = 30.0
"""Seconds after which a request is abandoned, and sent again."""


@frozen
class Course:
    """A wait for the end of one job: its policy, its timeout, and what happened so far.

    Times are seconds of one monotonic clock. The caller reads the clock.
    """

    policy: WaitPolicy
    wait: Wait
    timeout: float | None = None
    """The caller's timeout in seconds; ``None`` for no limit."""

    @classmethod
    def begun(
        cls, job: Job, policy: WaitPolicy, timeout: float | None, now: float, *, offers_stream: bool, seed: float
    ) -> Course:
        """Return a wait that begins now.

        Args:
            job: The record of the job.
            policy: The pauses and limits of the wait.
            timeout: Seconds to wait; ``None`` for no limit.
            now: The time, in seconds of the wait's clock.
            offers_stream: Whether the client can listen to a push stream.
            seed: A random number in [0, 1). It spreads the pauses, so that several waits do not poll together.

        Example:
            >>> from ibm_circuit_job import Job, WaitPolicy
            >>> Course.begun(Job("a"), WaitPolicy(), 5.0, 100.0, offers_stream=False, seed=0.0).wait.deadline
            105.0
        """
        begun = Wait(
            started=now,
            deadline=None if timeout is None else now + timeout,
            offers_stream=offers_stream,
            ended=job.is_confirmed_final,
            running_since=now if is_at(job, JobStatus.RUNNING) else None,
            running_for=job.usage_estimate,
            seed=seed,
        )
        return cls(policy, begun, timeout)

    def looking_first(self) -> Course:
        """Return a wait that polls the status once before it listens, for a caller that reports the first status.

        A stream sends nothing until the job ends.

        Example:
            >>> from ibm_circuit_job import Job, WaitPolicy
            >>> begun = Course.begun(Job("a"), WaitPolicy(), None, 0.0, offers_stream=True, seed=0.0)
            >>> begun.looking_first().next_step(Job("a"), 0.0)
            Poll(after=0.0)
        """
        return evolve(self, wait=evolve(self.wait, poll_now=True))

    def next_step(self, job: Job, now: float) -> waiting.Step:
        """Return what to do next, given the record of the job. Another thread may have recorded its end."""
        return waiting.next_step(self.policy, self._wait_given(job, now), now)

    def _wait_given(self, job: Job, now: float) -> Wait:
        if job.is_confirmed_final and not self.wait.ended:
            return waiting.after_poll(self.wait, now, ended=True, running=False)
        return self.wait

    def stream_seconds(self, now: float) -> float | None:
        """Return for how many seconds to listen at most, which is until the deadline; ``None`` for no limit."""
        return None if self.wait.deadline is None else max(self.wait.deadline - now, SHORTEST_CALL)

    def call_seconds(self, now: float) -> float:
        """Return how many seconds one request may take."""
        remaining = LONGEST_CALL if self.wait.deadline is None else self.wait.deadline - now
        return min(max(remaining, SHORTEST_CALL), LONGEST_CALL)

    def after_listening(self, heard: Result[bool, Failure], now: float) -> Course:
        """Return the wait after listening to a stream.

        Args:
            heard: ``Success(True)`` if the service closed the stream, ``Success(False)`` if nothing came in time, or
                why the stream failed.
            now: The time.
        """
        match heard:
            case Success(True):
                after = waiting.after_stream_closed(self.wait, now)
            case Success(_):
                after = waiting.after_stream_quiet(self.wait, now)
            case _:
                after = waiting.after_stream_failed(self.wait, now)
        return evolve(self, wait=after)

    def after_polling(self, job: Job, failure: Failure | None, now: float) -> Course:
        """Return the wait after a poll.

        Args:
            job: The record of the job, merged with the reply.
            failure: Why there was no reply; ``None`` if there was one.
            now: The time.
        """
        if failure is not None:
            return evolve(self, wait=waiting.after_trouble(self.wait, now, failure))
        ended, running = job.is_confirmed_final, is_at(job, JobStatus.RUNNING)
        after = waiting.after_poll(self.wait, now, ended=ended, running=running, running_for=job.usage_estimate)
        return evolve(self, wait=after)

    def wants_metrics(self, job: Job, now: float, *, has_listener: bool) -> bool:
        """Return whether to request the job's metrics: for a listener that shows its place, or to pace the pauses."""
        if self.wait.trouble is not None or not is_at(job, JobStatus.QUEUED):
            return False
        return has_listener or waiting.wants_estimate(self.wait, now)

    def after_measuring(self, seconds_to_start: float | None, now: float) -> Course:
        """Return the wait after a request for metrics.

        Args:
            seconds_to_start: Seconds until the expected start of the job; ``None`` if that is not known.
            now: The time.
        """
        start = None if seconds_to_start is None else now + seconds_to_start
        return evolve(self, wait=waiting.after_estimate(self.wait, now, start))

    def failure(self, job: Job, step: TimedOut | GaveUp, now: float) -> Failure:
        """Return why the wait ended before the job did.

        Args:
            job: The record of the job.
            step: The last step of the wait.
            now: The time.
        """
        if isinstance(step, GaveUp):
            return gave_up(f"job {job.job_id}", step.trouble, now)
        trouble = self.wait.trouble
        return TimeUp(f"see job {job.job_id} end", self.timeout or 0.0, None if trouble is None else trouble.last)


def is_at(job: Job, status: JobStatus) -> bool:
    """Return whether a record has this status.

    Example:
        >>> from ibm_circuit_job import Job
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> is_at(Job("a"), JobStatus.RUNNING)
        False
    """
    return job.status is not None and job.status.status is status


def gave_up(subject: str, trouble: Trouble, now: float) -> Failure:
    """Return the failure that ended a wait: a ``GaveUpWaiting``, or after a single failure that failure itself.

    Args:
        subject: What was waited for, as in ``"job abc"``.
        trouble: The failures since the last good reply.
        now: The time, by the clock of *trouble*.

    Example:
        >>> from ibm_circuit_job.errors import NoResult
        >>> from ibm_circuit_job.state.waiting import Trouble
        >>> gave_up("job a", Trouble(0.0, NoResult("read job a"), count=3), 5.0).tries
        3
    """
    if trouble.count == 1:
        return trouble.last
    return GaveUpWaiting(subject, trouble.last, trouble.count, now - trouble.since)
