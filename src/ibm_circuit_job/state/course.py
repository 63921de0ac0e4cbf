"""One wait for the end of a job, and what each thing that happens in it means.

This is :mod:`~ibm_circuit_job.state.waiting` applied to a job: pure functions of values, without a clock. The shells
that do what a :class:`Course` asks for are ``threads.following.follow``, which blocks, and ``job.waiter``'s for
asyncio.
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
"""Seconds that even the last look before a timeout may take."""
LONGEST_CALL = 30.0
"""Seconds after which a look is given up, to be tried again."""


@frozen
class Course:
    """A wait for the end of one job: its policy, its time limit, and what happened so far.

    Times are seconds of one monotonic clock, which the shell reads.
    """

    policy: WaitPolicy
    wait: Wait
    timeout: float | None = None
    """Seconds that the caller allowed; ``None`` for no limit."""

    @classmethod
    def begun(
        cls, job: Job, policy: WaitPolicy, timeout: float | None, now: float, *, offers_stream: bool, seed: float
    ) -> Course:
        """Return a wait that begins now.

        Args:
            job: What is known of the job.
            policy: How the wait is paced.
            timeout: Seconds to wait; ``None`` for no limit.
            now: The time.
            offers_stream: Whether the client can listen to a push stream.
            seed: A number in [0, 1) that spreads the pauses.

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
        """Return the wait that asks for the status before it listens, for a caller that is to hear the first one.

        A stream says nothing until the job ends.

        Example:
            >>> from ibm_circuit_job import Job, WaitPolicy
            >>> begun = Course.begun(Job("a"), WaitPolicy(), None, 0.0, offers_stream=True, seed=0.0)
            >>> begun.looking_first().next_step(Job("a"), 0.0)
            Poll(after=0.0)
        """
        return evolve(self, wait=evolve(self.wait, poll_now=True))

    def next_step(self, job: Job, now: float) -> waiting.Step:
        """Return what to do next, given what is known of the job; another thread may have seen its end."""
        return waiting.next_step(self.policy, self._seen(job, now), now)

    def _seen(self, job: Job, now: float) -> Wait:
        if job.is_confirmed_final and not self.wait.ended:
            return waiting.after_poll(self.wait, now, ended=True, running=False)
        return self.wait

    def stream_seconds(self, now: float) -> float | None:
        """Return how long to listen at most: until the deadline, whatever holds the stream up."""
        return None if self.wait.deadline is None else max(self.wait.deadline - now, SHORTEST_CALL)

    def call_seconds(self, now: float) -> float:
        """Return how long one request may take."""
        remaining = LONGEST_CALL if self.wait.deadline is None else self.wait.deadline - now
        return min(max(remaining, SHORTEST_CALL), LONGEST_CALL)

    def after_listening(self, heard: Result[bool, Failure], now: float) -> Course:
        """Return the wait after listening: to a stream that was closed (True), was quiet (False), or failed."""
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
            job: What is known of the job, the reply included.
            failure: Why there was no reply; ``None`` if there was one.
            now: The time.
        """
        if failure is not None:
            return evolve(self, wait=waiting.after_trouble(self.wait, now, failure))
        ended, running = job.is_confirmed_final, is_at(job, JobStatus.RUNNING)
        after = waiting.after_poll(self.wait, now, ended=ended, running=running, running_for=job.usage_estimate)
        return evolve(self, wait=after)

    def wants_metrics(self, job: Job, now: float, *, has_listener: bool) -> bool:
        """Return whether the job's place in the queue is worth a request: for a listener, or to pace the pauses."""
        if self.wait.trouble is not None or not is_at(job, JobStatus.QUEUED):
            return False
        return has_listener or waiting.wants_estimate(self.wait, now)

    def after_measuring(self, seconds_to_start: float | None, now: float) -> Course:
        """Return the wait after the metrics were asked for, with the seconds to the expected start, where known."""
        start = None if seconds_to_start is None else now + seconds_to_start
        return evolve(self, wait=waiting.after_estimate(self.wait, now, start))

    def failure(self, job: Job, step: TimedOut | GaveUp, now: float) -> Failure:
        """Return why the wait ended before the job did."""
        if isinstance(step, GaveUp):
            return gave_up(f"job {job.job_id}", step.trouble, now)
        trouble = self.wait.trouble
        return TimeUp(f"see job {job.job_id} end", self.timeout or 0.0, None if trouble is None else trouble.last)


def is_at(job: Job, status: JobStatus) -> bool:
    """Return whether a job is known to have this status.

    Example:
        >>> from ibm_circuit_job import Job
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> is_at(Job("a"), JobStatus.RUNNING)
        False
    """
    return job.status is not None and job.status.status is status


def gave_up(subject: str, trouble: Trouble, now: float) -> Failure:
    """Return the failure for trouble that ended a wait: the trouble itself where it came but once.

    Args:
        subject: What was waited for, as in ``"job abc"``.
        trouble: What went wrong.
        now: The time, by the clock of the trouble.

    Example:
        >>> from ibm_circuit_job.errors import NoResult
        >>> from ibm_circuit_job.state.waiting import Trouble
        >>> gave_up("job a", Trouble(0.0, NoResult("read job a"), count=3), 5.0).tries
        3
    """
    if trouble.count == 1:
        return trouble.last
    return GaveUpWaiting(subject, trouble.last, trouble.count, now - trouble.since)
