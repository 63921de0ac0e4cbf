"""From the bytes of the service's replies to facts.

Each reader takes the body of one kind of reply, and the time at which it arrived. It returns a ``Result``: the facts,
or an :class:`~ibm_circuit_job.errors.Unreadable` that names the path to the wrong field. No body makes a reader raise.
Case and underscores in the names of fields do not count. Unknown fields are recorded verbatim. Results and inputs stay
bytes here; ``results`` and ``inputs`` decode them on demand.

``reply_fields`` lists the fields of each reply and reads their values. ``error_replies`` reads error replies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from attrs import frozen
from qiskit.providers.jobstatus import JobStatus
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import Unreadable
from ibm_circuit_job.state.facts import (
    JobDetails,
    JobInputs,
    JobMetrics,
    StatusReport,
)
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.status import (
    FINAL_RANK,
    RAN_TOO_LONG,
    RAN_TOO_LONG_REASON,
    is_reason,
    says_ran_too_long,
    status_of,
)
from ibm_circuit_job.wire import documents
from ibm_circuit_job.wire.reply_fields import (
    NULL,
    BssFields,
    Document,
    JobFields,
    MetricsFields,
    PageFields,
    PushFields,
    StateFields,
    SubmissionFields,
    Unknown,
    UsageFields,
    opened,
)
from ibm_circuit_job.wire.values import code_of

_T = TypeVar("_T")
_Made = TypeVar("_Made")


@frozen
class JobPage:
    """One page of a listing of jobs."""

    jobs: tuple[Job, ...]
    """A record for each job of the page, with the facts of the page only."""
    count: int | None = None
    """How many jobs the whole listing has; ``None`` if the service does not report it."""
    offset: int = 0
    """How many jobs of the listing come before this page."""
    unreadable: tuple[Unreadable, ...] = ()
    """What was wrong with each entry that could not be read. Such entries are missing in ``jobs``."""


@frozen
class Submission:
    """The service's reply to a submission."""

    job_id: str
    """The ID of the new job."""
    backend: str | None = None
    """The backend on which the job will run."""


class _Wrong(ValueError):  # noqa: N818 - it never leaves this module
    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def _identifier(text: str) -> str:
    if text:
        return text
    raise _Wrong("id", _NO_ID)


_NO_ID: Final = "expected the ID of a job, got an empty string"


def _moment(text: str | None) -> datetime | None:
    """A time in ISO 8601, in UTC unless it names a zone; ``None`` if the text is not a time. Source: REST reference."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.strip().upper())
        except ValueError:
            return None
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return None


def _with_unread(unknown: Unknown, unread: Mapping[str, Any]) -> Unknown:
    """The unknown fields, and the JSON text of fields whose values could not be read."""
    names = {name for name, _ in unknown}
    texts = ((name, msgspec.json.encode(value).decode()) for name, value in unread.items() if name not in names)
    return (*unknown, *texts)


def read_job(body: Document, observed_at: datetime) -> Result[Job, Unreadable]:
    """Read the reply to ``GET /jobs/ID``.

    Args:
        body: The body of the reply.
        observed_at: When it arrived, an aware time.

    Returns:
        A record with the facts of this reply only, which the caller merges into the known record. Or an ``Unreadable``.

    Example:
        >>> from datetime import UTC, datetime
        >>> seen = read_job(b'{"id": "a", "state": {"status": "Completed"}, "cost": 10}', datetime.now(UTC)).unwrap()
        >>> seen.status.status.name, seen.details.unknown
        ('DONE', (('cost', '10'),))
        >>> read_job(b'{"id": "a", "state": {"status": 3}}', datetime.now(UTC)).failure()
        Unreadable(what='job reply', path='state.status', message='expected a string, got 3')
    """
    return _read(body, JobFields, "job reply", _job, observed_at)


def _read(
    body: Document,
    target: type[_T],
    what: str,
    make: Callable[[_T, Unknown, datetime], _Made],
    observed_at: datetime,
) -> Result[_Made, Unreadable]:
    """Read one JSON object, and make facts of its fields."""
    return opened(body, target, what).bind(partial(_made, what, make, observed_at))


def _made(
    what: str, make: Callable[[_T, Unknown, datetime], _Made], observed_at: datetime, read: tuple[_T, Unknown]
) -> Result[_Made, Unreadable]:
    try:
        return Success(make(read[0], read[1], observed_at))
    except _Wrong as wrong:
        return Bad(Unreadable(what, wrong.path, str(wrong)))


def _job(said: JobFields, unknown: Unknown, observed_at: datetime) -> Job:
    created = _moment(said.created)
    if said.created and created is None:
        unknown = _with_unread(unknown, {"created": said.created})
    params = None if said.params is NULL else bytes(said.params)
    if params is not None and not _are_params(params):
        if params not in _NO_PARAMS:
            unknown = _with_unread(unknown, {"params": msgspec.Raw(params)})
        params = None
    usage = said.usage or _NO_USAGE
    details = JobDetails(
        observed_at,
        backend=said.backend,
        program=None if said.program is None else said.program.id,
        created=created,
        name=said.name,
        tags=said.tags,
        session_id=said.session_id,
        run_mode=said.run_mode,
        usage_estimate=said.estimated_running_time_seconds,
        private=said.private,
        unknown=unknown,
        charged_seconds=_charged_seconds(usage, said.bss),
        usage_status=usage.status,
    )
    return Job(
        _identifier(said.id),
        status=_status(said, observed_at),
        # Without this, a reply with no details would count as newer details.
        details=None if details.is_empty else details,
        inputs=None if params is None else JobInputs(observed_at, params),
    )


def _charged_seconds(usage: UsageFields, bss: BssFields | None) -> float | None:
    """The charge in seconds, in the present form, else in the forms before API version 2026-03-15."""
    if usage.qpu_charge_time_seconds is not None:
        return usage.qpu_charge_time_seconds
    if usage.quantum_seconds is not None:
        return usage.quantum_seconds
    return usage.seconds if usage.seconds is not None or bss is None else bss.seconds


_NO_USAGE: Final = UsageFields()
_NO_PARAMS: Final = (b"null", b"{}")
"""The params of a reply in which the service hides them."""


def _are_params(raw: bytes) -> bool:
    """Whether the JSON of params is an object that is not empty. Anything else must not replace known params."""
    return raw.startswith(b"{") and (len(raw) > _SHORT or bool(raw[1:-1].strip()))


_SHORT: Final = 100


def _status(said: JobFields, observed_at: datetime) -> StatusReport | None:
    state = said.state or _NO_STATE
    server_status = said.status if state.status is None else state.status
    if server_status is None:
        return None
    if said.status is not None and says_ran_too_long(said.status) and status_of(server_status) in FINAL_RANK:
        # Only the outer status says "ran too long". The state just says that the job was cancelled.
        server_status = said.status
    return status_report(server_status, observed_at, state.reason, state.reason_code, state.reason_solution)


_NO_STATE: Final = StateFields()


def status_report(
    server_status: str,
    observed_at: datetime,
    reason: str | None = None,
    reason_code: int | str | None = None,
    reason_solution: str | None = None,
) -> StatusReport:
    """Return the report for a status string of the service.

    A job with the reason code 1305, or with a status that says "ran too long", was cancelled because it ran longer than
    allowed. If the service gives no reason then, the report has one.

    Args:
        server_status: The service's status string, verbatim.
        observed_at: When it was seen, an aware time.
        reason: Why the job has this status, in the service's words.
        reason_code: The service's number for the reason.
        reason_solution: What the user can do about it, in the service's words.

    Example:
        >>> from datetime import UTC, datetime
        >>> status_report("CANCELLED - RAN TOO LONG", datetime.now(UTC)).reason
        'The job ran longer than its maximum execution time and was cancelled: its time limit was passed.'
    """
    status, code = status_of(server_status), None if reason_code is None else code_of(reason_code)
    if status is JobStatus.CANCELLED or code == RAN_TOO_LONG:
        ran_too_long = code == RAN_TOO_LONG or says_ran_too_long(server_status)
        if ran_too_long and status in FINAL_RANK:
            # Normalised, so that a merge with a less exact report preserves this status and its reason.
            status, code = JobStatus.CANCELLED, RAN_TOO_LONG if code is None else code
            reason = reason if is_reason(reason) else RAN_TOO_LONG_REASON
    return StatusReport(observed_at, status, server_status, reason, code, reason_solution=reason_solution)


def read_job_page(body: Document, observed_at: datetime) -> Result[JobPage, Unreadable]:
    """Read the reply to ``GET /jobs``.

    Args:
        body: The body of the reply.
        observed_at: When it arrived, an aware time.

    Returns:
        The page, without the entries that cannot be read. An ``Unreadable`` if no entry can be read.

    Example:
        >>> from datetime import UTC, datetime
        >>> page = read_job_page(b'{"jobs": [{"id": "a"}, {"id": "b"}], "count": 2}', datetime.now(UTC)).unwrap()
        >>> [job.job_id for job in page.jobs]
        ['a', 'b']
    """
    return opened(body, PageFields, "job listing").bind(partial(_page, observed_at))


def _page(observed_at: datetime, read: tuple[PageFields, Unknown]) -> Result[JobPage, Unreadable]:
    said, _ = read
    match documents.elements(said.jobs, "job listing"):
        case Success(entries):
            found = [read_job(bytes(entry), observed_at) for entry in entries]
        case Bad(wrong):
            return Bad(Unreadable("job listing", "jobs", wrong.message))
    jobs: list[Job] = []
    unreadable: list[Unreadable] = []
    for index, entry in enumerate(found):
        match entry:
            case Success(job):
                jobs.append(job)
            case Bad(wrong):
                unreadable.append(Unreadable("job listing", f"jobs[{index}].{wrong.path}".rstrip("."), wrong.message))
    if unreadable and not jobs:
        return Bad(unreadable[0])
    return Success(JobPage(tuple(jobs), said.count, said.offset or 0, tuple(unreadable)))


def read_metrics(body: Document, observed_at: datetime) -> Result[JobMetrics, Unreadable]:
    """Read the reply to ``GET /jobs/ID/metrics``.

    Args:
        body: The body of the reply.
        observed_at: When it arrived, an aware time.

    Example:
        >>> from datetime import UTC, datetime
        >>> read_metrics(b'{"position_in_queue": "3"}', datetime.now(UTC)).unwrap().position_in_queue
        3
    """
    return _read(body, MetricsFields, "metrics reply", _metrics, observed_at)


def _metrics(said: MetricsFields, unknown: Unknown, observed_at: datetime) -> JobMetrics:
    usage, bss = said.usage or _NO_USAGE, said.bss or BssFields()
    steps = {step: _moment(text) for step, text in (said.timestamps or {}).items()}
    times = {
        "estimated_start_time": said.estimated_start_time,
        "estimated_completion_time": said.estimated_completion_time,
    }
    moments = {name: _moment(text) for name, text in times.items()}
    unread: dict[str, Any] = {name: text for name, text in times.items() if text and moments[name] is None}
    if any(text and steps[step] is None for step, text in (said.timestamps or {}).items()):
        unread["timestamps"] = said.timestamps
    if unread:
        unknown = _with_unread(unknown, unread)
    return JobMetrics(
        observed_at,
        timestamps=tuple((step, moment) for step, moment in steps.items() if moment is not None),
        position_in_queue=said.position_in_queue,
        position_in_provider=said.position_in_provider,
        estimated_start=moments["estimated_start_time"],
        estimated_completion=moments["estimated_completion_time"],
        quantum_seconds=usage.quantum_seconds,
        usage_seconds=bss.seconds if usage.seconds is None else usage.seconds,
        client_version=said.qiskit_version,
        unknown=unknown,
        charged_seconds=usage.qpu_charge_time_seconds,
        usage_status=usage.status,
        caller=said.caller,
    )


def read_submission(body: Document) -> Result[Submission, Unreadable]:
    """Read the reply to ``POST /jobs``.

    Example:
        >>> read_submission(b'{"id": "a", "backend": "local_simulator"}').unwrap()
        Submission(job_id='a', backend='local_simulator')
    """
    return opened(body, SubmissionFields, REPLY_TO_SUBMISSION).bind(_submission)


def _submission(read: tuple[SubmissionFields, Unknown]) -> Result[Submission, Unreadable]:
    said, _ = read
    if not said.id:
        return Bad(Unreadable(REPLY_TO_SUBMISSION, "id", _NO_ID))
    return Success(Submission(said.id, said.backend))


REPLY_TO_SUBMISSION: Final = "reply to a submission"
"""The ``what`` of an :class:`~ibm_circuit_job.errors.Unreadable` for such a reply."""


def read_pushed_status(message: Document, observed_at: datetime) -> Result[StatusReport | None, Unreadable]:
    """Read one message of the oldest push stream, ``wss://.../jobs/ID/status``.

    Args:
        message: The message.
        observed_at: When it arrived, an aware time.

    Returns:
        The status report; ``None`` for the message that confirms the authentication.

    Example:
        >>> from datetime import UTC, datetime
        >>> message = b'{"type": "job-status", "data": {"status": "RUNNING"}}'
        >>> read_pushed_status(message, datetime.now(UTC)).unwrap().status.name
        'RUNNING'
    """
    return _read(message, PushFields, "pushed message", _pushed, observed_at)


def _pushed(said: PushFields, _: Unknown, observed_at: datetime) -> StatusReport | None:
    if said.type != "job-status":
        return None
    if said.data is None:
        raise _Wrong("data", "expected an object, which is missing")
    return status_report(said.data.status, observed_at)


def read_result_location(body: bytes) -> str | None:
    """Return the URL of a result, if the body of a results reply has only a URL; ``None`` for any other body.

    Source: ``GET /jobs/ID/results`` may answer ``{"url": U}``. The result is then fetched from there, without a token.

    Example:
        >>> read_result_location(b'{"url": "https://storage.example.com/x"}')
        'https://storage.example.com/x'
        >>> read_result_location(b'{"results": []}') is None
        True
    """
    if len(body) > _LONGEST_LOCATION:
        return None
    found = documents.fields(body, "result").value_or({})
    if found.keys() != {"url"}:
        return None
    location = documents.value(found["url"], "result").value_or(None)
    return location if isinstance(location, str) else None


_LONGEST_LOCATION: Final = 10_000


def read_cancel(answer: object) -> bool:
    """Return whether a successful reply to a cancel means that the job was cancelled.

    The reply of IBM Quantum Platform is empty. The oldest service answered ``{"cancelled": false}`` if it refused.

    Args:
        answer: The body of the reply, or what a third-party client returned.

    Example:
        >>> read_cancel(b""), read_cancel(b'{"cancelled": false}')
        (True, False)
    """
    if isinstance(answer, bool):
        return answer
    reply = documents.value(answer, "answer").value_or(None) if isinstance(answer, bytes) and answer else answer
    if not isinstance(reply, Mapping):
        return True
    return not any(reply.get(name) is False for name in ("cancelled", "canceled", "cancel"))


def is_empty(body: bytes) -> bool:
    """Return whether the body of a results reply is empty or ``null``: there is no result, or not yet.

    Source: ``GET /jobs/ID/results`` answers 204 without a body if there is no result.

    Example:
        >>> is_empty(b""), is_empty(b" null"), is_empty(b"{}")
        (True, True, False)
    """
    return len(body) < _LONGEST_NOTHING and body.strip() in {b"", b"null"}


_LONGEST_NOTHING: Final = 1000
