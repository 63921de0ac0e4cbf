"""What a reader of a result does next: a pure function of what happened so far, as ``waiting`` is for the status.

To read the result is the last part of a wait. So its tries are paced, and its trouble is waited out, by the same
policy and until the same deadline:

1. Trouble that may pass (no answer, 429, 503, a body that is cut off, a page of HTML) is waited out until the deadline,
   or for as long as the policy's patience lasts. What the service itself refuses for good ends it.
2. That there is no result (yet) is believed :data:`COMES_WITHIN` seconds after the job was first seen to have ended.
3. A body that arrived in full and is no result is asked for again; where the service sends the same bytes again, they
   are all that there is.

Times are seconds of the same monotonic clock as those of the wait.
"""

from __future__ import annotations

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
"""Seconds after the end of a job within which its result comes, if it has one; and of patience with strange pages."""
_SAME_DOCUMENT: Final = 2
"""How often the service sends a document that is no result, until that is its answer."""
_SAME_NOISE: Final = 5
"""The same for what is no JSON: where that is half of a result, chance may cut it in the same place again."""


@frozen
class Missed:
    """One try at a result, which brought none."""

    failure: Failure
    """Why not."""
    sha256: str | None = None
    """SHA-256 of the body that arrived in full and is no result; ``None`` where there was none."""
    is_document: bool = False
    """Whether that body is a whole JSON document."""


@frozen
class Reading:
    """What happened so far while a result was read."""

    wait: Wait
    """The tries, the deadline, and the trouble that goes on; ``polled`` is when a try last came to its end."""
    ended: float
    """When the job was first seen to have ended."""
    missed: tuple[Missed, ...] = ()
    """The tries that brought a body which is no result."""
    strange_since: float | None = None
    """When the first of the strange pages came that the last tries brought; ``None`` where the last was none."""


def next_try(policy: WaitPolicy, reading: Reading, now: float) -> Poll | Finished | TimedOut | GaveUp:
    """Return what a reader does next; ``Poll`` is a try at the result after a pause.

    Args:
        policy: How the wait is paced.
        reading: What happened so far.
        now: The time, by the same clock as the times in ``reading``.

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
    trouble, left = reading.wait.trouble, _seconds_of_hope(reading, now)
    if trouble is not None and left is not None and left <= 0.0:
        return GaveUp(trouble)
    step = next_step(policy, reading.wait, now)
    if isinstance(step, Listen):
        # A result has no stream.
        return Poll(0.0)
    return Poll(min(step.after, left)) if isinstance(step, Poll) and left is not None else step


def _seconds_of_hope(reading: Reading, now: float) -> float | None:
    """For how long the trouble is waited out yet; ``None`` for as long as any."""
    trouble = reading.wait.trouble
    if trouble is None:
        return None
    if isinstance(trouble.last, NoResult):
        return reading.ended + COMES_WITHIN - now
    if reading.strange_since is not None and reading.wait.deadline is None:
        return reading.strange_since + COMES_WITHIN - now
    return 0.0 if _is_all_there_is(reading) else None


def _is_all_there_is(reading: Reading) -> bool:
    """Whether the last body came as often as that the service has no other."""
    if (
        not reading.missed
        or reading.wait.trouble is None
        or reading.missed[-1].failure is not reading.wait.trouble.last
    ):
        return False
    last = reading.missed[-1]
    times = sum(missed.sha256 == last.sha256 for missed in reading.missed)
    return times >= (_SAME_DOCUMENT if last.is_document else _SAME_NOISE)


def after_missed(reading: Reading, now: float, missed: Missed) -> Reading:
    """Return the reading after a try that brought no result.

    Example:
        >>> from ibm_circuit_job.errors import Unreachable
        >>> from ibm_circuit_job.state.waiting import Wait
        >>> missed = Missed(Unreachable("read the result of job a", "http://x", "gone"))
        >>> after_missed(Reading(Wait(started=0.0), ended=0.0), 1.0, missed).wait.trouble.count
        1
    """
    bodies = reading.missed if missed.sha256 is None else (*reading.missed, missed)
    # An outage before it does not count: the first page after one is no more final than any other.
    is_strange = isinstance(missed.failure, Refused) and not missed.failure.is_busy
    since = (now if reading.strange_since is None else reading.strange_since) if is_strange else None
    return evolve(reading, wait=after_trouble(reading.wait, now, missed.failure), missed=bodies, strange_since=since)


def after_found(reading: Reading, now: float) -> Reading:
    """Return the reading after the result was there.

    Example:
        >>> from ibm_circuit_job.state.waiting import Wait, WaitPolicy
        >>> next_try(WaitPolicy(), after_found(Reading(Wait(started=0.0), ended=0.0), 1.0), 1.0)
        Finished()
    """
    return evolve(reading, wait=after_poll(reading.wait, now, ended=True, running=False))


def after_silence(reading: Reading, now: float) -> Reading:
    """Return the reading after the deadline came while a try goes on."""
    return evolve(reading, wait=evolve(reading.wait, polled=now))


def after_another(reading: Reading) -> Reading:
    """Return the reading after a try that another caller had begun came to its end: now there is room for one's own."""
    return evolve(reading, wait=evolve(reading.wait, poll_now=True))
