"""What a submission does next: a pure function of what happened so far.

A job costs money, so no job is submitted twice. A submission is a loop, like a wait
(:mod:`ibm_circuit_job.state.waiting`). It calls :func:`next_submission_step`, does that step, records the outcome with
one of the ``after_`` functions, and repeats. Times are seconds of a monotonic clock that the caller chooses.

The rules:

1. The submission ends when the service accepts the job, when it refuses the job permanently, or when no connection to
   the service is possible.
2. If the service takes no more jobs just now (429), the next try comes after the pause that the service requests.
3. If the answer was lost (a broken connection, silence, 5xx, a page instead of a reply), the job may exist. So the jobs
   of the service are listed. A job with the same parameters is the submitted job.
4. If no job has them, the listing may lag, so it is read once more after a short pause. After the timeout of a gateway
   (408, 504, 524), the request may still be running, so the listing is read four times more. Then the request is sent
   again.
5. If jobs are found whose parameters the service does not show, the submission ends with an error that names these
   jobs.
6. If the listing cannot be read, it is tried again. The submission ends when ``patience`` is over.
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
    """The pauses and limits of a submission. All times are in seconds.

    Example:
        >>> SubmissionPolicy().patience
        600.0
    """

    patience: float = field(default=600.0, validator=ge(0.0))
    """How long to search for a job whose answer was lost. The time starts at the first lost answer, and again at the
    first one after a pause that the service requested."""
    pacing_patience: float = field(default=3600.0, validator=ge(0.0))
    """How long to wait in all for a service that takes no more jobs just now. A longer requested pause is an error."""
    lag_pause: float = field(default=1.0, validator=ge(0.0))
    """The first pause before a listing without the job is read again; each further pause is twice as long."""
    shortest_pause: float = field(default=0.2, validator=gt(0.0))
    """The first pause after a failure; each further pause is twice as long."""
    longest_pause: float = field(default=30.0, validator=gt(0.0))
    """The longest pause after a failure."""


@frozen
class Submission:
    """The state of a submission: what happened so far."""

    doing: str
    """What is tried, as in ``"submit a job to ibm_x"``."""
    is_lost: bool = False
    """Whether the answer to the last request was lost, so that the job may exist."""
    lost_since: float | None = None
    """When the first answer was lost; ``None`` if no answer was lost since the service last requested a pause."""
    looks: int = 0
    """How many good listings without the job were read since the last request."""
    not_before: float = 0.0
    """The earliest time of the next request."""
    paced_since: float | None = None
    """When the service first took no more jobs; ``None`` if it always took them."""
    troubles: int = 0
    """How many failures in a row there were."""
    last: Refused | Unreachable | Unreadable | Unsupported | None = None
    """The last failure; ``None`` if there was none."""
    outcome: Accepted | GiveUp | None = None
    """How the submission ended; ``None`` while it goes on."""


@frozen
class Send:
    """Send the request."""


@frozen
class LookFor:
    """List the jobs of the service, and search for one with the parameters that were sent."""


@frozen
class Pause:
    """Wait before the next step."""

    seconds: float
    """How many seconds to wait."""
    is_paced: bool = False
    """Whether the reason is that the service takes no more jobs just now."""


@frozen
class Accepted:
    """The service has the job."""

    job_id: str
    """The ID of the job."""
    was_lost: bool = False
    """Whether the answer was lost and the job was found in the listing."""


@frozen
class GiveUp:
    """The submission failed."""

    failure: Failure
    """Why it failed."""


SubmissionStep: TypeAlias = Send | LookFor | Pause | Accepted | GiveUp
"""What to do next: a closed union, for use with ``match``."""


def next_submission_step(submission: Submission, now: float) -> SubmissionStep:
    """Return what a submission does next.

    Args:
        submission: What happened so far.
        now: The time.

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
    """Return the submission after the service replied with the ID of the job."""
    return evolve(submission, outcome=Accepted(job_id))


def after_pause_of_another(submission: Submission, now: float, until: float) -> Submission:
    """Return the submission after the service refused another submission of this process until a time.

    Args:
        submission: What happened so far.
        now: The time.
        until: When the service takes jobs again.
    """
    since = now if submission.paced_since is None else submission.paced_since
    # The request was not sent yet, so no job of it can exist. The pause therefore does not count as ``patience``.
    return evolve(submission, lost_since=None, paced_since=since, not_before=max(submission.not_before, until))


def after_failure(policy: SubmissionPolicy, submission: Submission, now: float, failure: Failure) -> Submission:
    """Return the submission after a request failed.

    Args:
        policy: The pauses and limits of the submission.
        submission: What happened so far.
        now: The time.
        failure: Why the request failed.

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
    """Return whether the job may exist although its submission failed.

    Args:
        failure: Why the request failed.
        doing: What was tried. If *failure* has another ``doing``, such as a login, the submission was not sent.

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
    """The ID of the job."""


@frozen
class NotFound:
    """The listing does not have the job."""


@frozen
class Undecided:
    """The listing has jobs that may be the submitted one, and the service does not show their parameters."""

    candidates: tuple[str, ...]
    """The IDs of these jobs."""


Look: TypeAlias = Found | NotFound | Undecided
"""The outcome of a search in a good listing."""


def after_look(policy: SubmissionPolicy, submission: Submission, now: float, look: Look) -> Submission:
    """Return the submission after the listing was read.

    Args:
        policy: The pauses and limits of the submission.
        submission: What happened so far.
        now: The time.
        look: What was found.
    """
    match look:
        case Found():
            return evolve(submission, outcome=Accepted(look.job_id, was_lost=True))
        case Undecided():
            assert submission.last is not None  # noqa: S101 - jobs are listed only after a failure
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
"""How many listings without the job are read before the request is sent again."""
_LOOKS_BEHIND_A_GATEWAY = 5
"""The same if the request may still be running at the service; with their pauses these take some 15 seconds."""
_TIMED_OUT = frozenset({408, 504, 524})
"""The HTTP statuses of a gateway that did not wait for the service's reply."""


def _looks_after(lost: Failure | None) -> int:
    may_be_running = isinstance(lost, Refused) and lost.http_status in _TIMED_OUT
    return _LOOKS_BEHIND_A_GATEWAY if may_be_running else _LOOKS


def after_listing_trouble(policy: SubmissionPolicy, submission: Submission, now: float, failure: Failure) -> Submission:
    """Return the submission after the listing could not be read.

    Args:
        policy: The pauses and limits of the submission.
        submission: What happened so far.
        now: The time.
        failure: Why it could not be read.
    """
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
    assert submission.last is not None  # noqa: S101 - this follows a failure
    return GiveUp(SubmissionUnknown(submission.doing, submission.last))


def is_candidate(
    seen: Job, *, program: str, backend: str, tags: Sequence[str], private: bool, not_before: datetime
) -> bool:
    """Return whether a job of the listing may be the submitted one, as far as the listing shows.

    Args:
        seen: The record of the job from the listing.
        program: The submitted program.
        backend: The submitted backend.
        tags: The submitted tags.
        private: Whether the submitted job is private.
        not_before: When the request was sent, by the service's clock; an aware time.

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
    """Return whether two JSON documents of parameters are equal.

    The order of fields, the spelling of numbers and fields that are ``null`` do not count. Texts in base64 of zlib data
    are decompressed before they are compared.

    Args:
        sent: The document that was submitted.
        served: The document that the service returned.

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
    # 1 and True are equal in Python, but not in JSON.
    return isinstance(ours, bool) == isinstance(theirs, bool) and bool(ours == theirs)


_MOST_UNPACKED = 64 * 1024 * 1024
"""The most bytes that a text is decompressed to."""


def _unpacked(text: str) -> bytes | None:
    """The decompressed bytes of base64 of zlib data; ``None`` if the text has another form, or decompresses to more."""
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(base64.b64decode(text, validate=True), _MOST_UNPACKED)
    except (binascii.Error, ValueError, zlib.error):
        return None
    return data if stream.eof else None
