"""What a submission does next: a pure function of what happened so far.

A job costs money, so none is submitted twice. Like a wait (:mod:`ibm_circuit_job.state.waiting`), a submission is a
loop that asks :func:`next_submission_step`, does that, records the outcome with one of the ``after_`` functions, and
asks again. Times are seconds of a monotonic clock of the caller's choice.

The rules:

1. A service that accepted the job ends it; so does one that refused it for good, and a service without a connection.
2. A service that takes no more jobs just now (429) is obeyed: the next try comes after the pause that it asks for.
3. An answer that was lost (a broken connection, silence, 5xx, a page instead of a reply) says nothing. The job may
   exist, so the jobs of the service are listed. The one with the same parameters is the job.
4. If there is none, the listing may lag, so it is read once more after a short pause; after a gateway's time-out (408,
   504, 524), behind which the request may still be at work, four times more. Then the request is sent again.
5. If there are jobs that cannot be told apart from it, it ends, and names them.
6. Trouble with the listing is waited out. When the patience ends, the submission ends.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, assert_never

from attrs import evolve, field, frozen
from attrs.validators import ge, gt

from ibm_circuit_job.errors import Failure, Refused, SubmissionUnknown, Unreachable, Unreadable, Unsupported
from ibm_circuit_job.state.facts import JobDetails
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.wire import documents
from ibm_circuit_job.wire.replies import REPLY_TO_SUBMISSION


@frozen
class SubmissionPolicy:
    """How a submission is paced. All times are in seconds.

    Example:
        >>> SubmissionPolicy().patience
        600.0
    """

    patience: float = field(default=600.0, validator=ge(0.0))
    """How long to find out about a lost answer, from the first one on, or from the first one after a pause that the
    service asked for."""
    pacing_patience: float = field(default=3600.0, validator=ge(0.0))
    """How long to wait in all for a service that takes no more jobs just now; also the longest pause that it may ask
    for."""
    lag_pause: float = field(default=1.0, validator=ge(0.0))
    """The first pause before a listing without the job is read once more; it doubles each time."""
    shortest_pause: float = field(default=0.2, validator=gt(0.0))
    """The first pause after trouble; it doubles each time."""
    longest_pause: float = field(default=30.0, validator=gt(0.0))
    """The longest pause after trouble."""


@frozen
class Submission:
    """What happened to a submission so far."""

    doing: str
    """What is tried, as in ``"submit a job to ibm_x"``."""
    is_lost: bool = False
    """Whether the answer to the last request was lost, so that the job may exist."""
    lost_since: float | None = None
    """When the first answer was lost; ``None`` if none was, or the service has asked for a pause since."""
    looks: int = 0
    """How many good listings since the last request did not have the job."""
    not_before: float = 0.0
    """When the next request may be sent."""
    paced_since: float | None = None
    """When the service first took no more jobs; ``None`` if it never said so."""
    troubles: int = 0
    """How many failures there were in a row."""
    last: Refused | Unreachable | Unreadable | Unsupported | None = None
    """The last failure."""
    outcome: Accepted | GiveUp | None = None
    """How it ended; ``None`` before it did."""


@frozen
class Send:
    """Send the request."""


@frozen
class LookFor:
    """List the jobs of the service, and look for one with the parameters that were sent."""


@frozen
class Pause:
    """Do nothing for so many seconds."""

    seconds: float
    """How long."""
    is_paced: bool = False
    """Whether the service takes no more jobs until then."""


@frozen
class Accepted:
    """The service has the job."""

    job_id: str
    """The ID of the job."""
    was_lost: bool = False
    """Whether the answer was lost, and the job was found in the listing."""


@frozen
class GiveUp:
    """It failed."""

    failure: Failure
    """Why."""


SubmissionStep: TypeAlias = Send | LookFor | Pause | Accepted | GiveUp
"""What to do next: a closed union, to be taken apart with ``match``."""


def next_submission_step(submission: Submission, now: float) -> SubmissionStep:
    """Return what a submission does next.

    Example:
        >>> from ibm_circuit_job.errors import Unreachable
        >>> next_submission_step(Submission("submit a job to b"), now=0.0)
        Send()
        >>> lost = Unreachable("submit a job to b", "http://x", "reset")
        >>> next_submission_step(after_failure(SubmissionPolicy(), Submission("submit a job to b"), 0.0, lost), 0.0)
        LookFor()
    """
    if submission.outcome is not None:
        return submission.outcome
    if now < submission.not_before:
        return Pause(submission.not_before - now, is_paced=not submission.is_lost)
    return LookFor() if submission.is_lost else Send()


def after_accepted(submission: Submission, job_id: str) -> Submission:
    """Return the submission after the service answered with the ID of the job."""
    return evolve(submission, outcome=Accepted(job_id))


def after_held(submission: Submission, now: float, until: float) -> Submission:
    """Return the submission after another one was told that the service takes no more jobs until a time."""
    since = now if submission.paced_since is None else submission.paced_since
    # The request is about to be sent, so that no job of it exists: the pause costs none of the patience.
    return evolve(submission, lost_since=None, paced_since=since, not_before=max(submission.not_before, until))


def after_failure(policy: SubmissionPolicy, submission: Submission, now: float, failure: Failure) -> Submission:
    """Return the submission after a request without a good answer.

    Args:
        policy: How it is paced.
        submission: What happened so far.
        now: The time.
        failure: What came of the request.

    Example:
        >>> from ibm_circuit_job.errors import Refused
        >>> refusal = Refused("submit a job to b", "http://x", 400, "No such backend.")
        >>> after_failure(SubmissionPolicy(), Submission("submit a job to b"), 0.0, refusal).outcome.failure.http_status
        400
    """
    if isinstance(failure, Refused) and failure.http_status == 429 and failure.doing == submission.doing:
        return _paced(policy, submission, now, failure)
    if not may_exist(failure, submission.doing):
        return evolve(submission, outcome=GiveUp(failure))
    assert isinstance(failure, (Unreachable, Refused, Unreadable))  # noqa: S101 - see may_exist()
    since = now if submission.lost_since is None else submission.lost_since
    lost = evolve(submission, is_lost=True, lost_since=since, looks=0, troubles=0, last=failure)
    return _unless_out_of_patience(policy, lost, now)


def may_exist(failure: Failure, doing: str) -> bool:
    """Return whether a job may exist though its submission failed so.

    Args:
        failure: What came of the request.
        doing: What was tried. A failure to log in names another thing; no request was sent then.

    Example:
        >>> from ibm_circuit_job.errors import Refused
        >>> may_exist(Refused("submit a job to b", "http://x", 503), "submit a job to b")
        True
        >>> may_exist(Refused("log in", "http://x", 503), "submit a job to b")
        False
    """
    match failure:
        case Unreachable():
            return failure.was_sent and failure.doing == doing
        case Refused():
            return failure.can_retry and failure.http_status != 429 and failure.doing == doing
        case Unreadable():
            return failure.what == REPLY_TO_SUBMISSION
        case _:
            return False


def _paced(policy: SubmissionPolicy, submission: Submission, now: float, refusal: Refused) -> Submission:
    since = now if submission.paced_since is None else submission.paced_since
    asked = refusal.retry_after
    pause = _backoff(policy, submission.troubles) if asked is None else max(asked, policy.shortest_pause)
    paced = evolve(
        submission,
        is_lost=False,
        lost_since=None,
        paced_since=since,
        not_before=now + pause,
        troubles=submission.troubles + 1,
        last=refusal,
    )
    if now + pause - since <= policy.pacing_patience:
        return paced
    words = f"{refusal.message} " if refusal.message else ""
    limit = f"run() waits {policy.pacing_patience:g} seconds in all, and the next try would be in {pause:g} seconds"
    return evolve(paced, outcome=GiveUp(evolve(refusal, message=f"{words}{limit}")))


def _backoff(policy: SubmissionPolicy, troubles: int) -> float:
    return min(policy.shortest_pause * 2.0 ** min(troubles, 30), policy.longest_pause)


@frozen
class Found:
    """The listing has the job."""

    job_id: str
    """Its ID."""


@frozen
class NotFound:
    """The listing does not have the job."""


@frozen
class NotTold:
    """The listing has jobs that may be it, and of which the service does not give away the parameters."""

    candidates: tuple[str, ...]
    """Their IDs."""


Look: TypeAlias = Found | NotFound | NotTold
"""What a good listing says."""


def after_look(policy: SubmissionPolicy, submission: Submission, now: float, look: Look) -> Submission:
    """Return the submission after the listing was read."""
    match look:
        case Found():
            return evolve(submission, outcome=Accepted(look.job_id, was_lost=True))
        case NotTold():
            assert submission.last is not None  # noqa: S101 - nothing is looked for before
            unknown = SubmissionUnknown(submission.doing, submission.last, look.candidates)
            return evolve(submission, outcome=GiveUp(unknown))
        case NotFound():
            seen = evolve(submission, looks=submission.looks + 1, troubles=0)
            if seen.looks >= _looks_after(submission.last):
                return evolve(seen, is_lost=False)
            pause = policy.lag_pause * 2.0 ** (seen.looks - 1)
            return _unless_out_of_patience(policy, evolve(seen, not_before=now + pause), now)
        case _:
            assert_never(look)


_LOOKS = 2
"""How many listings must not have the job before it counts as not submitted."""
_LOOKS_BEHIND_A_GATEWAY = 5
"""The same where the request may still be at work: with the pauses in between some 15 seconds."""
_TIMED_OUT = frozenset({408, 504, 524})
"""What a gateway answers whose time was up before the service's answer came."""


def _looks_after(lost: Failure | None) -> int:
    is_at_work = isinstance(lost, Refused) and lost.http_status in _TIMED_OUT
    return _LOOKS_BEHIND_A_GATEWAY if is_at_work else _LOOKS


def after_listing_trouble(policy: SubmissionPolicy, submission: Submission, now: float, failure: Failure) -> Submission:
    """Return the submission after the listing could not be read."""
    last = failure if isinstance(failure, (Refused, Unreachable, Unreadable, Unsupported)) else submission.last
    asked = getattr(failure, "retry_after", None) or 0.0
    pause = max(_backoff(policy, submission.troubles), asked)
    troubled = evolve(submission, troubles=submission.troubles + 1, not_before=now + pause, last=last)
    if not failure.can_retry:
        return evolve(troubled, outcome=_unknown(troubled))
    return _unless_out_of_patience(policy, troubled, now + pause)


def _unless_out_of_patience(policy: SubmissionPolicy, submission: Submission, then: float) -> Submission:
    since = then if submission.lost_since is None else submission.lost_since
    return submission if then - since <= policy.patience else evolve(submission, outcome=_unknown(submission))


def _unknown(submission: Submission) -> GiveUp:
    assert submission.last is not None  # noqa: S101 - there was trouble
    return GiveUp(SubmissionUnknown(submission.doing, submission.last))


def is_candidate(
    seen: Job, *, program: str, backend: str, tags: Sequence[str], private: bool, not_before: datetime
) -> bool:
    """Return whether a job of the listing may be the one that was submitted, as far as the listing says.

    Args:
        seen: What the listing says of the job.
        program: The program that was to run.
        backend: The backend that was to run it.
        tags: The tags that were sent.
        private: Whether it was to be private.
        not_before: When the request was sent, by the service's clock.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job, JobDetails
        >>> noon = datetime(2026, 11, 26, 12, tzinfo=UTC)
        >>> wanted = {"program": "sampler", "backend": "b", "tags": [], "private": False, "not_before": noon}
        >>> is_candidate(Job("a", details=JobDetails(noon, program="sampler", created=noon)), **wanted)
        True
        >>> is_candidate(Job("a", details=JobDetails(noon, program="estimator", created=noon)), **wanted)
        False
    """
    details = seen.details or JobDetails(not_before)
    return (
        details.program in {None, program}
        and details.backend in {None, backend}
        and (details.created is None or details.created >= not_before)
        and (details.tags is None or {*details.tags} == {*tags})
        and bool(details.private) == private
    )


def are_same_params(sent: bytes, served: bytes) -> bool:
    """Return whether two documents of parameters say the same: the one that was sent, and what a service gives away.

    The order of fields, the spelling of numbers and fields that are ``null`` do not matter. Texts that are base64 of
    zlib are compared by what they hold.

    Example:
        >>> are_same_params(b'{"shots": 10, "seed": null}', b'{"shots":1e1}')
        True
        >>> are_same_params(b'{"shots": 10}', b'{"shots": 11}')
        False
    """
    if sent == served:
        return True
    ours, theirs = (documents.value(body, "params").value_or(_NOTHING) for body in (sent, served))
    return ours is not _NOTHING and theirs is not _NOTHING and _are_same(ours, theirs)


_NOTHING = object()


def _are_same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        names = {name for each in (ours, theirs) for name, value in each.items() if value is not None}
        return all(_are_same(ours.get(name), theirs.get(name)) for name in names)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_are_same, ours, theirs))
    if isinstance(ours, str) and isinstance(theirs, str):
        return ours == theirs or (_unpacked(ours) is not None and _unpacked(ours) == _unpacked(theirs))
    # 1 and True are equal in Python, and not in JSON.
    return isinstance(ours, bool) == isinstance(theirs, bool) and bool(ours == theirs)


_MOST_UNPACKED = 64 * 1024 * 1024


def _unpacked(text: str) -> bytes | None:
    """The bytes behind base64 of zlib; ``None`` where it is none, or too many."""
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(base64.b64decode(text, validate=True), _MOST_UNPACKED)
    except (binascii.Error, ValueError, zlib.error):
        return None
    return data if stream.eof else None
