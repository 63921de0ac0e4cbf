"""What a waiter does next: a pure function of what happened so far.

A waiter is a loop without an opinion: it asks :func:`next_step`, does what it is told, writes down what came of
it with one of the ``after_`` functions, and asks again. No clock, no socket and no sleep is in here, so that
waits of ten days are tested in a millisecond. Times are seconds of a monotonic clock of the waiter's choice.

The order of things:

1. A job that has ended is not asked for again.
2. Trouble that cannot get better ends the wait; other trouble does so when it lasted longer than the patience.
3. Then the caller's deadline.
4. A push stream is listened to, at once, where the client offers one. It is refused while the job does not run;
   then it is tried again when the job was seen running.
5. When a stream ends, the status is read at once, and again after short pauses while the service lags behind
   the stream.
6. Without a stream the status is polled. While the job is queued, the pause is a share of the time waited; then it
   stays the same for hours, because a job often runs for a few seconds only; after hours it grows again, with the
   square root of the time. While the service expects the job to start much later, the pause is longer.
7. A job that runs is asked for more often: after a share of the time that it has run; and more often still about the
   moment when the service expects its end.
8. Pauses are spread: two waiters that began together do not stay in step.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from attrs import evolve, field, frozen
from attrs.validators import ge, gt, le, lt

from ibm_circuit_job.errors import Failure

_PAUSE = [gt(0.0), le(1e6)]
"""No system can sleep for any number of seconds."""


@frozen
class WaitPolicy:
    """How a wait is paced. All pauses are in seconds.

    Example:
        >>> WaitPolicy(longest_pause=5.0).longest_pause
        5.0
    """

    shortest_pause: float = field(default=0.35, validator=_PAUSE)
    """The shortest pause between two polls."""
    share: float = field(default=0.08, validator=[gt(0.0), lt(math.inf)])
    """The pause as a share of the time waited so far; while the job runs, of the time that it has run."""
    steady_pause: float = field(default=5.4, validator=_PAUSE)
    """The longest pause in the first two hours of a wait. After that it grows: after a day it is 18.7 s."""
    longest_pause: float = field(default=30.0, validator=_PAUSE)
    """The longest pause between two polls, however long the wait."""
    lag_pause: float = field(default=0.01, validator=_PAUSE)
    """The first pause after a stream ended, while the status lags behind; it doubles each time."""
    guard_pause: float = field(default=60.0, validator=_PAUSE)
    """How long an open stream is trusted without a look at the status."""
    stream_retry: float = field(default=5.0, validator=_PAUSE)
    """The pause before a stream that was refused to a running job is tried again; it doubles each time."""
    patience: float = field(default=86_400.0, validator=ge(0.0))
    """How long trouble may last without one good reply before the wait is given up."""
    spread: float = field(default=0.1, validator=[ge(0.0), le(0.5)])
    """By which share pauses are cut at most, so that many waiters do not ask in step."""

    @classmethod
    def prompt(cls) -> WaitPolicy:
        """Return a policy that is told earlier, with about four times the requests.

        Example:
            >>> WaitPolicy.prompt().steady_pause
            1.2
        """
        return cls(shortest_pause=0.1, share=0.03, steady_pause=1.2, longest_pause=8.0)

    @classmethod
    def gentle(cls) -> WaitPolicy:
        """Return a policy with about a quarter of the requests, that is told later.

        Example:
            >>> WaitPolicy.gentle().steady_pause
            20.0
        """
        return cls(shortest_pause=1.0, share=0.2, steady_pause=20.0, longest_pause=120.0)


@frozen
class Trouble:
    """A row of failures without one good reply in between."""

    since: float
    """When the first of them came."""
    last: Failure
    """The last one."""
    count: int = 1
    """How many there were."""


@frozen
class Wait:
    """What happened in a wait so far."""

    started: float
    """When the wait began."""
    deadline: float | None = None
    """When the caller's time is up; ``None`` for never."""
    offers_stream: bool = False
    """Whether the client can listen to a push stream."""
    ended: bool = False
    """Whether the job is known to have ended."""
    running_since: float | None = None
    """When a reply said first that the job runs; ``None`` where the last good reply did not say so."""
    running_for: float | None = None
    """How many seconds the service expects the job to run, where it says so."""
    polled: float | None = None
    """When the status was last asked for; ``None`` before the first time."""
    stream_tried: float | None = None
    """When a stream was last tried."""
    refusals: int = 0
    """How many streams in a row were refused to a job that was seen running."""
    lagging: int | None = None
    """How many polls there were since a stream closed on a job that had not ended; ``None`` if there was none."""
    poll_now: bool = False
    """Whether something just happened that makes the status worth a look at once."""
    trouble: Trouble | None = None
    """The trouble that goes on, if any."""
    expected_start: float | None = None
    """When the service expects the job to start, where it says so."""
    estimated: float | None = None
    """When the service was last asked for that."""
    seed: float = 0.0
    """A number from 0 to 1 that is another one for each waiter."""
    polls: int = 0
    """How often the status was asked for."""

    @property
    def running(self) -> bool:
        """Whether the last good reply said that the job runs."""
        return self.running_since is not None


@frozen
class Listen:
    """Listen to the push stream, for at most so many seconds."""

    seconds: float | None
    """How long to listen; ``None`` for as long as it takes."""


@frozen
class Poll:
    """Ask for the status after a pause of so many seconds."""

    after: float
    """The pause before the question."""


@frozen
class Finished:
    """The job has ended. Stop."""


@frozen
class TimedOut:
    """The caller's time is up. Stop."""


@frozen
class GaveUp:
    """Trouble that cannot get better, or lasted too long. Stop."""

    trouble: Trouble
    """What went wrong, how often, and since when."""


Step: TypeAlias = Listen | Poll | Finished | TimedOut | GaveUp
"""What to do next: a closed union, to be taken apart with ``match``."""


def next_step(policy: WaitPolicy, wait: Wait, now: float) -> Step:
    """Return what a waiter does next.

    Args:
        policy: How the wait is paced.
        wait: What happened so far.
        now: The time, by the same clock as the times in ``wait``.

    Example:
        >>> next_step(WaitPolicy(), Wait(started=0.0, offers_stream=True), now=0.0)
        Listen(seconds=60.0)
        >>> next_step(WaitPolicy(), Wait(started=0.0, polled=100.0), now=100.0)
        Poll(after=5.4)
    """
    if wait.ended:
        return Finished()
    if wait.trouble is not None and _is_hopeless(policy, wait.trouble, now):
        return GaveUp(wait.trouble)
    remaining = None if wait.deadline is None else wait.deadline - now
    if remaining is not None and remaining <= 0 and wait.polled is not None:
        return TimedOut()
    if not wait.poll_now and _may_listen(policy, wait, now):
        return Listen(policy.guard_pause if remaining is None else min(policy.guard_pause, max(remaining, 0.0)))
    pause = 0.0 if wait.poll_now or wait.polled is None else _pause(policy, wait, now)
    return Poll(pause if remaining is None else min(pause, max(remaining, 0.0)))


def _is_hopeless(policy: WaitPolicy, trouble: Trouble, now: float) -> bool:
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
    asked_for = min(getattr(wait.trouble and wait.trouble.last, "retry_after", None) or 0.0, _MOST_ASKED_FOR)
    return max(0.0, max(regular, asked_for) - (now - polled))


def _regular_pause(policy: WaitPolicy, wait: Wait, polled: float) -> float:
    """The pause after a poll, before it is spread."""
    waited = max(polled - wait.started, 0.0)
    most = min(max(policy.steady_pause, policy.steady_pause * math.sqrt(waited / _STEADY)), policy.longest_pause)
    if wait.running_since is None:
        pause = min(policy.share * waited, most)
        if wait.expected_start is not None:
            # The queue may move faster than the service expects.
            pause = max(pause, min(_SHARE_TO_GO * (wait.expected_start - polled), policy.longest_pause))
    else:
        pause = policy.share * (polled - wait.running_since)
        if wait.running_for is not None:
            pause = min(pause, _SHARE_TO_GO * abs(wait.running_since + wait.running_for - polled))
        pause = min(pause, most)
    return min(max(pause, policy.shortest_pause), policy.longest_pause)


_STEADY = 7_200.0
"""For so many seconds the pause in the queue does not grow beyond the steady one."""
_SHARE_TO_GO = 0.2
"""A pause, as a share of the time until a moment that the service expects, or since then."""
_GOLDEN = (5.0**0.5 - 1.0) / 2.0
"""The step that spreads any number of points most evenly over an interval."""
_MOST_ASKED_FOR = 3600.0
"""However long a service asks to wait, after so many seconds it is asked again."""


def after_poll(wait: Wait, now: float, *, ended: bool, running: bool, running_for: float | None = None) -> Wait:
    """Return the wait after a good reply about the job's status.

    Args:
        wait: What happened before.
        now: The time.
        ended: Whether the job has ended.
        running: Whether it runs.
        running_for: How many seconds the service expects it to run; ``None`` where it does not say so.

    Example:
        >>> after_poll(Wait(started=0.0), 1.0, ended=True, running=False).ended
        True
    """
    lagging = None if wait.lagging is None else wait.lagging + 1
    # A stream that was closed on a job that runs on is as good as one that was refused.
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
"""After so many doubled pauses a closed stream says nothing any more about the status."""


def after_estimate(wait: Wait, now: float, expected_start: float | None) -> Wait:
    """Return the wait after the service was asked when it expects the job to start, and perhaps said so."""
    return evolve(wait, estimated=now, expected_start=expected_start)


def wants_estimate(wait: Wait, now: float) -> bool:
    """Return whether it is worth a request to hear when the service expects the job to start.

    It is after a while in the queue, and then each time that the wait is longer by a quarter: a queue may move faster
    than the last estimate said, and many estimates are in the past.

    Example:
        >>> wants_estimate(Wait(started=0.0, polled=5.0), 5.0), wants_estimate(Wait(started=0.0, polled=15.0), 15.0)
        (False, True)
    """
    if wait.running or wait.ended or now - wait.started < _WORTH_AN_ESTIMATE:
        return False
    if wait.estimated is None:
        return True
    least = _ESTIMATE_HOLDS if wait.expected_start is None else _WORTH_AN_ESTIMATE
    return now - wait.estimated >= max(least, _SHARE_WAITED * (wait.estimated - wait.started))


_WORTH_AN_ESTIMATE = 10.0
"""So many seconds in the queue pass before the first estimate is asked for, and between two at least."""
_ESTIMATE_HOLDS = 60.0
"""For so many seconds a service that gave no estimate is not asked for one again."""
_SHARE_WAITED = 0.25
"""An estimate is asked for again after so much of the time that was waited until the last one."""


def after_trouble(wait: Wait, now: float, failure: Failure) -> Wait:
    """Return the wait after the status could not be read.

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
    """Return the wait after the service closed a stream that was open: the job probably ended."""
    return evolve(wait, stream_tried=now, poll_now=True, lagging=0)


def after_stream_quiet(wait: Wait, now: float) -> Wait:
    """Return the wait after a stream was listened to for as long as asked, and nothing came."""
    return evolve(wait, stream_tried=now, refusals=0, poll_now=True)


def after_stream_failed(wait: Wait, now: float) -> Wait:
    """Return the wait after a stream was refused, or broke.

    Before the job was seen running that is no more than the service's way of saying so. The first time after that, the
    job has most likely just ended, which is worth a look at once.
    """
    worth_a_look = not wait.running or wait.refusals == 0
    return evolve(wait, stream_tried=now, refusals=wait.refusals + wait.running, poll_now=worth_a_look)
