"""What a waiter does next: a pure function of what happened so far.

A waiter is a loop. It calls :func:`next_step`, does that step, records the outcome with one of the ``after_``
functions, and repeats. This module uses no clock, no socket and no sleep, so a wait of ten days is tested in a
millisecond. Times are seconds of a monotonic clock that the waiter chooses.

The rules, in this order:

1. A job that has ended is not polled again.
2. A permanent failure ends the wait. Temporary failures end it when they have lasted longer than ``patience``.
3. The deadline of the caller ends the wait.
4. If the client offers a push stream, on which the service reports changes of the job, the waiter listens to it. The
   service refuses a stream while the job does not run. The waiter then tries again after it has seen the job running.
5. When a stream closes, the waiter polls the status at once. While the status lags behind the stream, it polls again
   after short pauses.
6. Without a stream the waiter polls. For a queued job the pause is a share of the time waited, up to ``steady_pause``.
   It stays at ``steady_pause`` until the wait is two hours old, because many jobs run for a few seconds only. Then it
   grows with the square root of the time waited. It is longer while the service expects the job to start much later.
7. For a running job the pause is a share of the time that the job has run. It is shorter around the moment at which the
   service expects the job to end.
8. Each pause is shortened by a different amount, so that two waiters that began together do not poll together.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from attrs import evolve, field, frozen
from attrs.validators import ge, gt, le, lt

from ibm_circuit_job.errors import Failure

_PAUSE = [gt(0.0), le(1e6)]
"""The range of a pause in seconds. It has an end, because operating systems cannot sleep for any length of time."""


@frozen
class WaitPolicy:
    """The pauses and limits of a wait, in seconds unless an attribute says otherwise.

    Example:
        >>> WaitPolicy(longest_pause=5.0).longest_pause
        5.0
    """

    shortest_pause: float = field(default=0.35, validator=_PAUSE)
    """The shortest pause between two polls."""
    share: float = field(default=0.08, validator=[gt(0.0), lt(math.inf)])
    """The pause divided by the time waited so far, or by the time that the job has run: a number without a unit."""
    steady_pause: float = field(default=5.4, validator=_PAUSE)
    """The longest pause in the first two hours of a wait. It grows afterwards, to 18.7 s after a day."""
    longest_pause: float = field(default=30.0, validator=_PAUSE)
    """The longest pause between two polls in a wait of any length."""
    lag_pause: float = field(default=0.01, validator=_PAUSE)
    """The first pause after a stream closed, if the status does not yet say that the job has ended. Each further pause
    is twice as long."""
    guard_pause: float = field(default=60.0, validator=_PAUSE)
    """How long to listen to an open stream before the status is polled as a check."""
    stream_retry: float = field(default=5.0, validator=_PAUSE)
    """The pause after a stream was refused for a running job; each further pause is twice as long."""
    patience: float = field(default=86_400.0, validator=ge(0.0))
    """How long requests may fail, without one good reply, before the wait ends with an error."""
    spread: float = field(default=0.1, validator=[ge(0.0), le(0.5)])
    """The largest share, from 0 to 0.5, by which a pause is shortened, so that many waiters do not poll together."""

    @classmethod
    def prompt(cls) -> WaitPolicy:
        """Return a policy that sees the end of a job earlier, with about four times as many requests.

        Example:
            >>> WaitPolicy.prompt().steady_pause
            1.2
        """
        return cls(shortest_pause=0.1, share=0.03, steady_pause=1.2, longest_pause=8.0)

    @classmethod
    def gentle(cls) -> WaitPolicy:
        """Return a policy that sees the end of a job later, with about a quarter of the requests.

        Example:
            >>> WaitPolicy.gentle().steady_pause
            20.0
        """
        return cls(shortest_pause=1.0, share=0.2, steady_pause=20.0, longest_pause=120.0)


@frozen
class Trouble:
    """Failures in a row, without a good reply in between."""

    since: float
    """When the first failure came."""
    last: Failure
    """The last failure."""
    count: int = 1
    """How many failures there were."""


@frozen
class Wait:
    """The state of a wait: what happened so far. Times are seconds of the waiter's clock."""

    started: float
    """When the wait began."""
    deadline: float | None = None
    """When the caller's timeout expires; ``None`` without a timeout."""
    offers_stream: bool = False
    """Whether the client can listen to a push stream."""
    ended: bool = False
    """Whether the job is known to have ended."""
    running_since: float | None = None
    """When the job was first seen running; ``None`` if it was not running in the last good reply."""
    running_for: float | None = None
    """How many seconds the service expects the job to run; ``None`` if it gives no estimate."""
    polled: float | None = None
    """When the status was last polled; ``None`` before the first poll."""
    stream_tried: float | None = None
    """When a stream was last tried; ``None`` before the first try."""
    refusals: int = 0
    """How many streams in a row were refused for a job that was seen running."""
    lagging: int | None = None
    """How many polls followed a closed stream without a final status; ``None`` unless a stream has just closed."""
    poll_now: bool = False
    """Whether the next poll comes without a pause."""
    trouble: Trouble | None = None
    """The failures since the last good reply; ``None`` if the last reply was good."""
    expected_start: float | None = None
    """When the service expects the job to start; ``None`` if it gives no estimate."""
    estimated: float | None = None
    """When that estimate was last requested; ``None`` before the first request."""
    seed: float = 0.0
    """A random number in [0, 1), a different one for each waiter."""
    polls: int = 0
    """How many times the status was polled."""

    @property
    def running(self) -> bool:
        """Whether the job was running in the last good reply."""
        return self.running_since is not None


@frozen
class Listen:
    """Listen to the push stream."""

    seconds: float | None
    """For how many seconds to listen at most; ``None`` for no limit."""


@frozen
class Poll:
    """Poll the status after a pause."""

    after: float
    """The pause in seconds."""


@frozen
class Finished:
    """Stop: the job has ended."""


@frozen
class TimedOut:
    """Stop: the caller's timeout has expired."""


@frozen
class GaveUp:
    """Stop: a failure is permanent, or failures lasted longer than ``patience``."""

    trouble: Trouble
    """The failures."""


Step: TypeAlias = Listen | Poll | Finished | TimedOut | GaveUp
"""What to do next: a closed union, for use with ``match``."""


def next_step(policy: WaitPolicy, wait: Wait, now: float) -> Step:
    """Return what a waiter does next.

    Args:
        policy: The pauses and limits of the wait.
        wait: What happened so far.
        now: The time, by the clock of the times in *wait*.

    Example:
        >>> next_step(WaitPolicy(), Wait(started=0.0, offers_stream=True), now=0.0)
        Listen(seconds=60.0)
        >>> next_step(WaitPolicy(), Wait(started=0.0, polled=100.0), now=100.0)
        Poll(after=5.4)
    """
    if wait.ended:
        return Finished()
    if wait.trouble is not None and _ends_the_wait(policy, wait.trouble, now):
        return GaveUp(wait.trouble)
    remaining = None if wait.deadline is None else wait.deadline - now
    if remaining is not None and remaining <= 0 and wait.polled is not None:
        return TimedOut()
    if not wait.poll_now and _may_listen(policy, wait, now):
        return Listen(policy.guard_pause if remaining is None else min(policy.guard_pause, max(remaining, 0.0)))
    pause = 0.0 if wait.poll_now or wait.polled is None else _pause(policy, wait, now)
    return Poll(pause if remaining is None else min(pause, max(remaining, 0.0)))


def _ends_the_wait(policy: WaitPolicy, trouble: Trouble, now: float) -> bool:
    return not trouble.last.can_retry or now - trouble.since > policy.patience


def _may_listen(policy: WaitPolicy, wait: Wait, now: float) -> bool:
    if not wait.offers_stream or wait.trouble is not None or wait.lagging is not None:
        return False
    if wait.stream_tried is None:
        return True
    if not wait.running:
        return False
    if wait.refusals == 0:
        return True
    return now - wait.stream_tried >= policy.stream_retry * 2.0 ** min(wait.refusals - 1, 10)


def _pause(policy: WaitPolicy, wait: Wait, now: float) -> float:
    polled = now if wait.polled is None else wait.polled
    regular = _regular_pause(policy, wait, polled)
    regular = max(regular * (1.0 - policy.spread * ((wait.seed + wait.polls * _GOLDEN) % 1.0)), policy.shortest_pause)
    if wait.lagging is not None:
        regular = min(regular, policy.lag_pause * 2.0 ** max(wait.lagging - 1, 0))
    requested = min(getattr(wait.trouble and wait.trouble.last, "retry_after", None) or 0.0, _LONGEST_REQUESTED_PAUSE)
    return max(0.0, max(regular, requested) - (now - polled))


def _regular_pause(policy: WaitPolicy, wait: Wait, polled: float) -> float:
    """The pause after a poll in seconds, before ``spread`` shortens it."""
    waited = max(polled - wait.started, 0.0)
    growth = math.sqrt(waited / _STEADY_SECONDS)
    most = min(max(policy.steady_pause, policy.steady_pause * growth), policy.longest_pause)
    if wait.running_since is None:
        pause = min(policy.share * waited, most)
        if wait.expected_start is not None:
            # Not the whole time to the expected start, because the queue may move faster than the service expects.
            pause = max(pause, min(_SHARE_TO_GO * (wait.expected_start - polled), policy.longest_pause))
    else:
        pause = policy.share * (polled - wait.running_since)
        if wait.running_for is not None:
            pause = min(pause, _SHARE_TO_GO * abs(wait.running_since + wait.running_for - polled))
        pause = min(pause, most)
    return min(max(pause, policy.shortest_pause), policy.longest_pause)


_STEADY_SECONDS = 7_200.0
"""Seconds of a wait in which the pause does not exceed ``steady_pause``."""
_SHARE_TO_GO = 0.2
"""The pause as a share of the time to a moment that the service expects, or of the time since then."""
_GOLDEN = (5.0**0.5 - 1.0) / 2.0
"""The golden ratio minus 1. The multiples of it, modulo 1, are spread most evenly over an interval."""
_LONGEST_REQUESTED_PAUSE = 3600.0
"""The longest pause in seconds that a service can request by ``Retry-After``; a longer one is cut to this."""


def after_poll(wait: Wait, now: float, *, ended: bool, running: bool, running_for: float | None = None) -> Wait:
    """Return the wait after a good reply about the job's status.

    Args:
        wait: What happened before.
        now: The time.
        ended: Whether the job has ended.
        running: Whether the job runs.
        running_for: How many seconds the service expects the job to run; ``None`` if it gives no estimate.

    Example:
        >>> after_poll(Wait(started=0.0), 1.0, ended=True, running=False).ended
        True
    """
    lagging = None if wait.lagging is None else wait.lagging + 1
    # If a stream closed and the job did not end, this counts as a refusal, so that the next stream is tried later.
    useless = lagging is not None and lagging > _MOST_LAGGING and not ended
    return evolve(
        wait,
        polled=now,
        polls=wait.polls + 1,
        refusals=wait.refusals + useless,
        poll_now=False,
        ended=ended,
        running_since=(now if wait.running_since is None else wait.running_since) if running else None,
        running_for=running_for,
        lagging=lagging if lagging is not None and lagging <= _MOST_LAGGING else None,
        trouble=None,
    )


_MOST_LAGGING = 12
"""How many polls may follow a closed stream before the status no longer counts as lagging."""


def after_estimate(wait: Wait, now: float, expected_start: float | None) -> Wait:
    """Return the wait after a request for the expected start of the job.

    Args:
        wait: What happened before.
        now: The time.
        expected_start: When the service expects the job to start; ``None`` if it gave no estimate.
    """
    return evolve(wait, estimated=now, expected_start=expected_start)


def wants_estimate(wait: Wait, now: float) -> bool:
    """Return whether to request an estimate of the job's start.

    The first request comes after the first 10 seconds of a wait. The next one comes each time that the wait has grown
    by a quarter, because a queue may move faster than estimated, and many estimates are in the past.

    Example:
        >>> wants_estimate(Wait(started=0.0, polled=5.0), 5.0), wants_estimate(Wait(started=0.0, polled=15.0), 15.0)
        (False, True)
    """
    if wait.running or wait.ended or now - wait.started < _SECONDS_BETWEEN_ESTIMATES:
        return False
    if wait.estimated is None:
        return True
    least = _SECONDS_AFTER_NO_ESTIMATE if wait.expected_start is None else _SECONDS_BETWEEN_ESTIMATES
    return now - wait.estimated >= max(least, _SHARE_WAITED * (wait.estimated - wait.started))


_SECONDS_BETWEEN_ESTIMATES = 10.0
"""Seconds before the first request for an estimate, and the least seconds between two requests."""
_SECONDS_AFTER_NO_ESTIMATE = 60.0
"""Seconds until the next request, if the service gave no estimate."""
_SHARE_WAITED = 0.25
"""Time to the next request, divided by the time waited until the last request."""


def after_trouble(wait: Wait, now: float, failure: Failure) -> Wait:
    """Return the wait after a poll failed.

    Args:
        wait: What happened before.
        now: The time.
        failure: Why the poll failed.

    Example:
        >>> from ibm_circuit_job.errors import Unreachable
        >>> after_trouble(Wait(started=0.0), 1.0, Unreachable("read job a", "http://x", "gone")).trouble.count
        1
    """
    trouble = (
        Trouble(now, failure) if wait.trouble is None else Trouble(wait.trouble.since, failure, wait.trouble.count + 1)
    )
    return evolve(wait, polled=now, polls=wait.polls + 1, poll_now=False, trouble=trouble)


def after_stream_closed(wait: Wait, now: float) -> Wait:
    """Return the wait after the service closed an open stream, which it does when the job ends.

    Example:
        >>> next_step(WaitPolicy(), after_stream_closed(Wait(started=0.0, offers_stream=True), 9.0), 9.0)
        Poll(after=0.0)
    """
    return evolve(wait, stream_tried=now, poll_now=True, lagging=0)


def after_stream_quiet(wait: Wait, now: float) -> Wait:
    """Return the wait after a stream stayed open and sent nothing for the whole time of :class:`Listen`.

    Example:
        >>> next_step(WaitPolicy(), after_stream_quiet(Wait(started=0.0, offers_stream=True), 60.0), 60.0)
        Poll(after=0.0)
    """
    return evolve(wait, stream_tried=now, refusals=0, poll_now=True)


def after_stream_failed(wait: Wait, now: float) -> Wait:
    """Return the wait after a stream was refused, or broke.

    Before the job runs, the service refuses every stream. The first refusal for a running job most likely means that
    the job has just ended, so the status is polled at once.

    Example:
        >>> next_step(WaitPolicy(), after_stream_failed(Wait(started=0.0, offers_stream=True), 0.1), 0.1)
        Poll(after=0.0)
    """
    poll_now = not wait.running or wait.refusals == 0
    return evolve(wait, stream_tried=now, refusals=wait.refusals + wait.running, poll_now=poll_now)
