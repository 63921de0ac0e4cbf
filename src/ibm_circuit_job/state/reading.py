"""What a reader of a result does next: a pure function of what happened so far.

Reading the result is the last part of a wait. It uses the policy and the deadline of that wait:

1. A temporary failure (no answer, 429, 503, a body that is cut off, a page of HTML) leads to another try, until the
   deadline, or until the policy's ``patience`` is over. A permanent refusal by the service itself ends the reading.
2. "No result" is accepted :data:`COMES_WITHIN` seconds after the job was first seen to have ended. Before that, the
   result may only be late.
3. If a body arrives in full but is not a result, it is requested again. If the service then sends the same bytes, the
   reading ends.

Times are seconds of the monotonic clock of the wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve, frozen

from ibm_circuit_job.errors import Failure, NoResult, Refused
from ibm_circuit_job.state.waiting import (
    Finished,
    GaveUp,
    Listen,
    Poll,
    TimedOut,
    Wait,
    WaitPolicy,
    after_poll,
    after_trouble,
    next_step,
)

COMES_WITHIN: Final = 60.0
"""Seconds from the end of a job until its result arrives, if it has one; also the patience with proxies."""
_SAME_DOCUMENT: Final = 2
"""How many times the same JSON document, which is not a result, must arrive before the reading ends."""
_SAME_NOISE: Final = 5
"""The same for a body that is not JSON. It may be half of a result, and be cut off at the same place again."""


@frozen
class Missed:
    """A try that did not return a result."""

    failure: Failure
    """Why it did not."""
    sha256: str | None = None
    """SHA-256 of a body that arrived in full but is not a result; ``None`` if no such body arrived."""
    is_document: bool = False
    """Whether that body is a whole JSON document."""


@frozen
class Reading:
    """The state of a reading: what happened so far."""

    wait: Wait
    """The tries, the deadline, and the current trouble; ``polled`` is when the last try ended."""
    ended: float
    """When the job was first seen to have ended."""
    missed: tuple[Missed, ...] = ()
    """The tries that returned a body which is not a result."""
    strange_since: float | None = None
    """When the current row of refusals that are not temporary began; ``None`` if the last try was not one of them."""


def next_try(policy: WaitPolicy, reading: Reading, now: float) -> Poll | Finished | TimedOut | GaveUp:
    """Return what a reader does next. ``Poll`` means a pause and then another try.

    Args:
        policy: The pauses and limits of the wait.
        reading: What happened so far.
        now: The time, by the clock of the times in *reading*.

    Example:
        >>> from ibm_circuit_job.errors import NoResult
        >>> from ibm_circuit_job.state.waiting import Wait, WaitPolicy
        >>> reading = Reading(Wait(started=0.0), ended=-5.0)
        >>> next_try(WaitPolicy(), reading, 0.0)
        Poll(after=0.0)
        >>> none = after_missed(reading, 0.0, Missed(NoResult("read the result of job a")))
        >>> next_try(WaitPolicy(), none, 0.0)
        Poll(after=0.35)
        >>> type(next_try(WaitPolicy(), none, 55.0)).__name__
        'GaveUp'
    """
    trouble, left = reading.wait.trouble, _seconds_left(reading, now)
    if trouble is not None and left is not None and left <= 0.0:
        return GaveUp(trouble)
    step = next_step(policy, reading.wait, now)
    if isinstance(step, Listen):
        # Results are not streamed.
        return Poll(0.0)
    return Poll(min(step.after, left)) if isinstance(step, Poll) and left is not None else step


def _seconds_left(reading: Reading, now: float) -> float | None:
    """How many seconds the current trouble is tolerated from now on; ``None`` for the policy's ``patience``."""
    trouble = reading.wait.trouble
    if trouble is None:
        return None
    if isinstance(trouble.last, NoResult):
        return reading.ended + COMES_WITHIN - now
    if reading.strange_since is not None and reading.wait.deadline is None:
        return reading.strange_since + COMES_WITHIN - now
    return 0.0 if _has_no_other_body(reading.missed, trouble.last) else None


def _has_no_other_body(missed: Sequence[Missed], failure: Failure) -> bool:
    """Whether the last failure is a wrong body that arrived so often that the service has no other one."""
    if not missed or missed[-1].failure is not failure:
        return False
    last = missed[-1]
    times = sum(each.sha256 == last.sha256 for each in missed)
    return times >= (_SAME_DOCUMENT if last.is_document else _SAME_NOISE)


def after_missed(reading: Reading, now: float, missed: Missed) -> Reading:
    """Return the reading after a try that did not return a result.

    Example:
        >>> from ibm_circuit_job.errors import Unreachable
        >>> from ibm_circuit_job.state.waiting import Wait
        >>> missed = Missed(Unreachable("read the result of job a", "http://x", "gone"))
        >>> after_missed(Reading(Wait(started=0.0), ended=0.0), 1.0, missed).wait.trouble.count
        1
    """
    bodies = reading.missed if missed.sha256 is None else (*reading.missed, missed)
    # The time starts at the first such refusal, not at an outage before it.
    is_strange = isinstance(missed.failure, Refused) and not missed.failure.is_busy
    since = (now if reading.strange_since is None else reading.strange_since) if is_strange else None
    return evolve(reading, wait=after_trouble(reading.wait, now, missed.failure), missed=bodies, strange_since=since)


def after_found(reading: Reading, now: float) -> Reading:
    """Return the reading after the result arrived.

    Example:
        >>> from ibm_circuit_job.state.waiting import Wait, WaitPolicy
        >>> next_try(WaitPolicy(), after_found(Reading(Wait(started=0.0), ended=0.0), 1.0), 1.0)
        Finished()
    """
    return evolve(reading, wait=after_poll(reading.wait, now, ended=True, running=False))


def after_silence(reading: Reading, now: float) -> Reading:
    """Return the reading after the deadline passed while a try was still running."""
    return evolve(reading, wait=evolve(reading.wait, polled=now))


def after_another(reading: Reading) -> Reading:
    """Return the reading after another caller's try ended. The next try follows at once."""
    return evolve(reading, wait=evolve(reading.wait, poll_now=True))
