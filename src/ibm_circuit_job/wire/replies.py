"""Between bytes and facts: what the service's replies say of jobs.

Every reader takes the body of one kind of reply and the time at which it arrived, and returns a ``Result``:
the facts, or an :class:`~ibm_circuit_job.errors.Unreadable` that names the path to what was wrong. No reader
raises because of what a body holds. Fields are looked up without regard to case or underscores; fields that no
reader knows are kept verbatim. Bodies of results and inputs are not read here, but on demand: see ``results``.

What the replies hold, and how leniently it is read, is the business of ``reply_fields``; error replies have
``error_replies``.
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
    """One page of a listing: the jobs, and where in the whole listing they stand."""

    jobs: tuple[Job, ...]
    """What the page says of each job."""
    count: int | None = None
    """How many jobs the whole listing holds, where the service says so."""
    offset: int = 0
    """How many jobs of the listing come before this page."""
    unreadable: tuple[Unreadable, ...] = ()
    """What was wrong with the entries that are left out of ``jobs``, for they could not be read."""


@frozen
class Submission:
    """The service's answer to a submission."""

    job_id: str
    """The ID that it gave to the job."""
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
    """A time in ISO 8601, in UTC where it names no zone, as the REST reference has it; ``None`` where it is none."""
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


def _kept_unread(unknown: Unknown, unread: Mapping[str, Any]) -> Unknown:
    """The fields that are kept verbatim, and with them those that were there and could not be read."""
    kept = {name for name, _ in unknown}
    texts = ((name, msgspec.json.encode(value).decode()) for name, value in unread.items() if name not in kept)
    return (*unknown, *texts)


def read_job(body: Document, observed_at: datetime) -> Result[Job, Unreadable]:
    """Read the reply to ``GET /jobs/ID``.

    Args:
        body: The reply.
        observed_at: When it arrived, an aware time.

    Returns:
        A Job that holds the facts of this reply and nothing else, to be merged into what is known.

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
    """Read one object, and make facts of it."""
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
        unknown = _kept_unread(unknown, {"created": said.created})
    params = None if said.params is NULL else bytes(said.params)
    if params is not None and not _are_params(params):
        if params not in _NO_PARAMS:
            unknown = _kept_unread(unknown, {"params": msgspec.Raw(params)})
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
        # A reply that says nothing of the job is not news of it.
        details=None if details.is_empty else details,
        inputs=None if params is None else JobInputs(observed_at, params),
    )


def _charged_seconds(usage: UsageFields, bss: BssFields | None) -> float | None:
    """What the service charges: in the form of today, else in that of the versions before 2026-03-15."""
    if usage.qpu_charge_time_seconds is not None:
        return usage.qpu_charge_time_seconds
    if usage.quantum_seconds is not None:
        return usage.quantum_seconds
    return usage.seconds if usage.seconds is not None or bss is None else bss.seconds


_NO_USAGE: Final = UsageFields()
_NO_PARAMS: Final = (b"null", b"{}")
"""What stands for params that the service keeps to itself."""


def _are_params(raw: bytes) -> bool:
    """Whether the JSON of params is an object with something in it; anything else must not replace what is known."""
    return raw.startswith(b"{") and (len(raw) > _SHORT or bool(raw[1:-1].strip()))


_SHORT: Final = 100


def _status(said: JobFields, observed_at: datetime) -> StatusReport | None:
    state = said.state or _NO_STATE
    server_status = said.status if state.status is None else state.status
    if server_status is None:
        return None
    if said.status is not None and says_ran_too_long(said.status) and status_of(server_status) in FINAL_RANK:
        # The state of such a job has the status of any job that was cancelled.
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

    A job that ended with the code 1305, or with a status that says so, was cancelled because it ran too long; where
    the service gives no reason, the report says so.

    Example:
        >>> from datetime import UTC, datetime
        >>> status_report("CANCELLED - RAN TOO LONG", datetime.now(UTC)).reason
        'The job ran longer than its maximum execution time and was cancelled: its time limit was passed.'
    """
    status, code = status_of(server_status), None if reason_code is None else code_of(reason_code)
    if status is JobStatus.CANCELLED or code == RAN_TOO_LONG:
        ran_too_long = code == RAN_TOO_LONG or says_ran_too_long(server_status)
        if ran_too_long and status in FINAL_RANK:
            # So that a later report that says less does not hide it.
            status, code = JobStatus.CANCELLED, RAN_TOO_LONG if code is None else code
            reason = reason if is_reason(reason) else RAN_TOO_LONG_REASON
    return StatusReport(observed_at, status, server_status, reason, code, reason_solution=reason_solution)


def read_job_page(body: Document, observed_at: datetime) -> Result[JobPage, Unreadable]:
    """Read the reply to ``GET /jobs``.

    Returns:
        The page. Entries that cannot be read do not hide the others; only where none can be, it is a failure.

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
        unknown = _kept_unread(unknown, unread)
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
"""What an :class:`~ibm_circuit_job.errors.Unreadable` of such a reply names."""


def read_pushed_status(message: Document, observed_at: datetime) -> Result[StatusReport | None, Unreadable]:
    """Read one message of the oldest push, ``wss://.../jobs/ID/status``.

    Returns:
        The status that it reports; ``None`` for the message that acknowledges the authentication.

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
    """Return where a result lies, if the body of a results reply says no more than that; ``None`` where it is one.

    Source: ``GET /jobs/ID/results`` may answer ``{"url": U}``; the result then is to be fetched from there, without
    a token.

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
    """Return whether the service's answer to a cancel, which was no error, says that it cancelled.

    The services of today answer nothing at all; the oldest said ``{"cancelled": false}`` where it did not.

    Example:
        >>> read_cancel(b""), read_cancel(b'{"cancelled": false}')
        (True, False)
    """
    if isinstance(answer, bool):
        return answer
    said = documents.value(answer, "answer").value_or(None) if isinstance(answer, bytes) and answer else answer
    if not isinstance(said, Mapping):
        return True
    return not any(said.get(name) is False for name in ("cancelled", "canceled", "cancel"))


def is_empty(body: bytes) -> bool:
    """Return whether the body of a results reply says that there is no result, or none yet: nothing, or ``null``.

    Source: ``GET /jobs/ID/results`` answers 204 and no body where there is no result.

    Example:
        >>> is_empty(b""), is_empty(b" null"), is_empty(b"{}")
        (True, True, False)
    """
    return len(body) < _LONGEST_NOTHING and body.strip() in {b"", b"null"}


_LONGEST_NOTHING: Final = 1000
