"""Between bytes and facts: what the service's replies say, and how a Job is kept as JSON.

Every reader takes the body of one kind of reply and the time at which it arrived, and returns a ``Result``:
the facts, or an :class:`~ibm_circuit_job.errors.Unreadable` that names the path to what was wrong. No reader
raises because of what a body holds. Fields are looked up without regard to case or underscores; fields that no
reader knows are kept verbatim. Bodies of results and inputs are not read here, but on demand: see ``results``.

All knowledge of the formats is in two cattrs converters: ``_replies`` structures what the service says,
leniently; ``_records`` takes our own records to JSON and back, strictly.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from operator import eq
from typing import Any, Final, Optional, TypeVar

import msgspec
from attrs import define, fields_dict, frozen
from cattrs import Converter
from cattrs.preconf.msgspec import make_converter
from cattrs.v import transform_error
from qiskit.providers.jobstatus import JobStatus
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import Unreadable
from ibm_circuit_job.state import documents
from ibm_circuit_job.state.facts import (
    JobDetails,
    JobInputs,
    JobMetrics,
    StatusReport,
)
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.status import RAN_TOO_LONG, RAN_TOO_LONG_REASON, status_of

_T = TypeVar("_T")
_Made = TypeVar("_Made")

Document = bytes | Mapping[str, Any]
"""A reply: its bytes, or, from a client that decodes by itself, the object that it made of them."""


@frozen
class JobPage:
    """One page of a listing: the jobs, and where in the whole listing they stand."""

    jobs: tuple[Job, ...]
    """What the page says of each job."""
    count: int | None = None
    """How many jobs the whole listing holds, where the service says so."""
    offset: int = 0
    """How many jobs of the listing come before this page."""


@frozen
class Submission:
    """The service's answer to a submission."""

    job_id: str
    """The ID that it gave to the job."""
    backend: str | None = None
    """The backend on which the job will run."""


@frozen
class ServerMessage:
    """What the body of an error reply says."""

    message: str
    """The server's own words; empty where there are none."""
    code: str | None = None
    """The server's error code."""
    trace_id: str | None = None
    """The ID under which its operators find the request."""


# What the service's replies hold, on its way from JSON to facts. The names are those of the wire. Times are texts
# here; the functions that make facts read them.

_NULL: Final = msgspec.Raw(b"null")


@define
class _StateFields:
    status: str | None = None
    reason: str | None = None
    reason_code: int | str | None = None


@define
class _ProgramFields:
    id: str | None = None


@define
class _JobFields:
    id: str
    state: _StateFields | None = None
    status: str | None = None
    backend: str | None = None
    program: _ProgramFields | None = None
    created: str | None = None
    name: str | None = None
    tags: tuple[str, ...] | None = None
    session_id: str | None = None
    run_mode: str | None = None
    estimated_running_time_seconds: float | None = None
    private: bool | None = None
    params: msgspec.Raw = _NULL


@define
class _UsageFields:
    quantum_seconds: float | None = None
    seconds: float | None = None


@define
class _MetricsFields:
    timestamps: dict[str, str | None] | None = None
    position_in_queue: int | None = None
    position_in_provider: int | None = None
    estimated_start_time: str | None = None
    estimated_completion_time: str | None = None
    usage: _UsageFields | None = None
    qiskit_version: str | None = None


@define
class _PageFields:
    jobs: msgspec.Raw
    count: int | None = None
    offset: int | None = None


@define
class _SubmissionFields:
    id: str
    backend: str | None = None


@define
class _PushedStatus:
    status: str


@define
class _PushFields:
    type: str
    data: Any = None


_RAW_FIELDS: Final = frozenset({"params", "jobs"})
"""Fields that stay bytes: they may be large, and each has a reader of its own."""

_KEPT_WHOLE: Final = frozenset({"usage"})
"""Fields of which a reader takes a part, and which are therefore kept verbatim as well."""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "..."


def _text(value: Any, _: type) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        # A foreign client has read the time already.
        return value.isoformat()
    raise TypeError(f"expected a string, got {_shown(value)}")


def _number(value: Any, _: type) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"expected a number, got {_shown(value)}") from None
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, got {_shown(value)}")
    return number


def _identifier(path: str, text: str) -> str:
    if text:
        return text
    raise _Wrong(path, "expected the ID of a job, got an empty string")


def _integer(value: Any, target: type) -> int:
    number = _number(value, target)
    if number != int(number):
        raise ValueError(f"expected a whole number, got {_shown(value)}")
    return int(number)


def _flag(value: Any, _: type) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise TypeError(f"expected true or false, got {_shown(value)}")


class _Wrong(ValueError):  # noqa: N818 - it never leaves this module
    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def _moment(path: str, text: str | None) -> datetime | None:
    """A time in ISO 8601; one without a zone is UTC, as the REST reference has it."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.strip().upper())
        except ValueError:
            raise _Wrong(path, f"expected a time in ISO 8601, got {_shown(text)}") from None
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise _Wrong(path, f"expected a time between the years 1 and 9999, got {_shown(text)}") from None


def _code(value: Any, _: type) -> int | str | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) < 10 else value
    raise TypeError(f"expected an integer or a string, got {_shown(value)}")


def _texts(value: Any, _: type) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"expected a list of strings, got {_shown(value)}")
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise TypeError(f"expected a list of strings, got {_shown(item)} at [{index}]")
    return tuple(value)


def _raw(value: Any, _: type) -> msgspec.Raw:
    return value if isinstance(value, msgspec.Raw) else msgspec.Raw(_as_json(value).encode())


def _program(value: Any, _: type) -> _ProgramFields:
    if isinstance(value, str):
        return _ProgramFields(value)
    name = _known_fields(_object(value), _ProgramFields).get("id")
    return _ProgramFields(None if name is None else _text(name, str))


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise TypeError(f"expected an object, got {_shown(value)}")


def _unless_none(hook: Callable[[Any, type], Any], value: Any, target: type) -> Any:
    return None if value is None else hook(value, target)


_LENIENT_HOOKS: Final[Mapping[type, Callable[[Any, type], Any]]] = {
    str: _text,
    float: _number,
    int: _integer,
    bool: _flag,
    msgspec.Raw: _raw,
    _ProgramFields: _program,
}


def _reply_converter(*, explaining: bool) -> Converter:
    """A converter from what the service says. The explaining one is slower, and names the path to an error."""
    converter = Converter(detailed_validation=explaining)
    for target, hook in _LENIENT_HOOKS.items():
        converter.register_structure_hook(target, hook)
        # Said here once more, since cattrs' own way to an optional value is slower.
        converter.register_structure_hook_func(partial(eq, Optional[target]), partial(_unless_none, hook))  # noqa: UP045 - a type made at run time
    converter.register_structure_hook_func(partial(eq, int | str | None), _code)
    converter.register_structure_hook_func(partial(eq, tuple[str, ...]), _texts)
    for nested in (_StateFields, _UsageFields):
        _fold_names(converter, nested)
    return converter


def _fold_names(converter: Converter, target: type) -> None:
    structure = converter.get_structure_hook(target)
    converter.register_structure_hook(
        target, lambda value, kind: structure(_known_fields(_object(value), target), kind)
    )


_replies = _reply_converter(explaining=False)
_replies_explaining = _reply_converter(explaining=True)


@lru_cache(maxsize=10_000)
def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


_WIRE_NAMES: Final[Mapping[Any, Mapping[str, str]]] = {
    target: {spelling: name for name in fields_dict(target) for spelling in (name, _folded(name))}
    for target in (
        _JobFields,
        _MetricsFields,
        _PageFields,
        _SubmissionFields,
        _PushFields,
        _PushedStatus,
        _StateFields,
        _UsageFields,
        _ProgramFields,
    )
}
"""For each kind of object: how its fields are spelt, by their spelling without case and underscores."""


def _sorted_out(found: Mapping[str, _T], target: type) -> tuple[dict[str, _T], list[tuple[str, _T]]]:
    """The fields that the target has, under its own spelling, and those to keep verbatim.

    Where a field is there in several spellings, the exact one is read, and the others are kept.
    """
    names = _WIRE_NAMES[target]
    known: dict[str, _T] = {}
    kept: list[tuple[str, _T]] = []
    for name, value in found.items():
        spelt = names.get(name) or names.get(_folded(name))
        if spelt is None or (spelt != name and spelt in found):
            kept.append((name, value))
            continue
        known[spelt] = value
        if spelt in _KEPT_WHOLE:
            kept.append((name, value))
    return known, kept


_quick: Final[Mapping[type, tuple[Any, frozenset[str]]]] = {
    target: (msgspec.json.Decoder(target), frozenset(fields_dict(target)) - _KEPT_WHOLE) for target in _WIRE_NAMES
}
"""For each kind of object: its decoder, and the fields of which nothing is left over."""


_SHORT: Final = 2000
"""Bytes of a reply that is short enough for what it says to be remembered."""


@lru_cache(maxsize=1000)
def _shared(unknown: _Unknown) -> _Unknown:
    """One object for all that is equal: the jobs of one account differ in little of what we do not know."""
    return unknown


@lru_cache(maxsize=1000)
def _holds_a_misspelt(target: Hashable, names: frozenset[str]) -> bool:
    """Whether one of the names is another spelling of a field of the target. Replies hold the same names each time."""
    return any(_folded(name) in _WIRE_NAMES[target] for name in names - _KEPT_WHOLE)


def _known_fields(found: Mapping[str, Any], target: type) -> dict[str, Any]:
    return _sorted_out(found, target)[0]


_Unknown = tuple[tuple[str, str], ...]


def _opened(body: Document, target: type[_T], what: str) -> Result[tuple[_T, _Unknown], Unreadable]:
    """Read one object: the fields that the target has, and all others verbatim."""
    if isinstance(body, Mapping):
        return _opened_object(body, target, what)
    quick = _opened_quickly(body, target)
    return _opened_leniently(body, target, what) if quick is None else Success(quick)


def _opened_object(body: Mapping[str, Any], target: type[_T], what: str) -> Result[tuple[_T, _Unknown], Unreadable]:
    """Read what a foreign client has decoded already."""
    known, kept = _sorted_out({str(name): value for name, value in body.items()}, target)
    try:
        unknown = tuple((name, _as_json(value)) for name, value in kept)
    except (ValueError, TypeError, RecursionError) as error:
        return Bad(Unreadable(what, "", f"expected what goes to JSON: {error}"))
    return _structured(known, target, what).map(lambda read: (read, unknown))


def _opened_quickly(body: bytes, target: type[_T]) -> tuple[_T, _Unknown] | None:
    """Read an object in which each field is spelt and typed as the target has it: nearly every one is."""
    decoder, used = _quick[target]
    try:
        read = decoder.decode(body)
        found = documents.raw_fields(body)
    except (ValueError, RecursionError):
        return None
    kept = found.keys() - used
    if _holds_a_misspelt(target, frozenset(kept)):  # type: ignore[arg-type]  # mypy takes no type for hashable
        return None
    unknown = tuple(sorted([(name, _verbatim(found[name])) for name in kept]))
    return read, _shared(unknown) if len(body) < _SHORT else unknown


def _opened_leniently(body: bytes, target: type[_T], what: str) -> Result[tuple[_T, _Unknown], Unreadable]:
    """Read an object in which something is spelt or typed otherwise, or say what is wrong with it."""
    opened = documents.fields(body, what)
    if not isinstance(opened, Success):
        return Bad(opened.failure())
    raw, kept = _sorted_out(opened.unwrap(), target)
    plain = documents.plain(raw, what, leave=_RAW_FIELDS)
    if not isinstance(plain, Success):
        return Bad(plain.failure())
    unknown = tuple((name, _verbatim(field)) for name, field in kept)
    return _structured(plain.unwrap(), target, what).map(lambda read: (read, unknown))


def _verbatim(raw: msgspec.Raw) -> str:
    return str(raw, "utf-8", "replace")


def _as_json(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=repr).decode()


def _structured(known: dict[str, Any], target: type[_T], what: str) -> Result[_T, Unreadable]:
    with contextlib.suppress(Exception):  # whatever it is, the explaining converter names it
        return Success(_replies.structure(known, target))
    try:
        return Success(_replies_explaining.structure(known, target))
    except Exception as error:  # noqa: BLE001 - cattrs groups errors of every kind
        explained = transform_error(error, path="", format_exception=_explained)[0]
        message, _, path = explained.rpartition(" @ ")
        return Bad(Unreadable(what, path.removeprefix("."), message))


def _explained(error: BaseException, _: type | None) -> str:
    if isinstance(error, KeyError):
        return f"expected a field {error.args[0]!r}, which is missing"
    if isinstance(error, RecursionError):
        return "expected a document of reasonable depth, got one that is nested too deep"
    return str(error)


def read_job(body: Document, observed_at: datetime) -> Result[Job, Unreadable]:
    """Read the reply to ``GET /jobs/ID``.

    Args:
        body: The reply.
        observed_at: When it arrived, an aware time.

    Returns:
        A Job that holds the facts of this reply and nothing else, to be merged into what is known.

    Example:
        >>> seen = read_job(b'{"id": "a", "state": {"status": "Completed"}, "cost": 10}', datetime.now(UTC)).unwrap()
        >>> seen.status.status.name, seen.details.unknown
        ('DONE', (('cost', '10'),))
        >>> read_job(b'{"id": "a", "state": {"status": 3}}', datetime.now(UTC)).failure()
        Unreadable(what='job reply', path='state.status', message='expected a string, got 3')
    """
    return _read(body, _JobFields, "job reply", _job, observed_at)


def _read(
    body: Document,
    target: type[_T],
    what: str,
    make: Callable[[_T, _Unknown, datetime], _Made],
    observed_at: datetime,
) -> Result[_Made, Unreadable]:
    """Read one object, and make facts of it."""
    quick = _opened_quickly(body, target) if isinstance(body, bytes) else None
    if quick is None:
        opened = _opened(body, target, what)
        if not isinstance(opened, Success):
            return Bad(opened.failure())
        quick = opened.unwrap()
    try:
        return Success(make(quick[0], quick[1], observed_at))
    except _Wrong as wrong:
        return Bad(Unreadable(what, wrong.path, str(wrong)))


def _job(said: _JobFields, unknown: tuple[tuple[str, str], ...], observed_at: datetime) -> Job:
    details = JobDetails(
        observed_at,
        backend=said.backend,
        program=None if said.program is None else said.program.id,
        created=_moment("created", said.created),
        name=said.name,
        tags=said.tags or (),
        session_id=said.session_id,
        run_mode=said.run_mode,
        usage_estimate=said.estimated_running_time_seconds,
        private=said.private,
        unknown=unknown,
    )
    params = None if said.params is _NULL else bytes(said.params)
    inputs = None if params in _NO_PARAMS else JobInputs(observed_at, params)
    return Job(_identifier("id", said.id), status=_status(said, observed_at), details=details, inputs=inputs)


_NO_PARAMS: Final = (None, b"null", b"{}")
"""What stands for params that the service keeps to itself."""


def _status(said: _JobFields, observed_at: datetime) -> StatusReport | None:
    if said.state is not None and said.state.status is not None:
        return status_report(said.state.status, observed_at, said.state.reason, said.state.reason_code)
    if said.status is not None:
        return status_report(said.status, observed_at)
    return None


def status_report(
    server_status: str,
    observed_at: datetime,
    reason: str | None = None,
    reason_code: int | str | None = None,
) -> StatusReport:
    """Return the report for a status string of the service.

    A job that was cancelled because it ran too long gets a reason that says so, where the service gives none.

    Example:
        >>> status_report("CANCELLED - RAN TOO LONG", datetime.now(UTC)).reason
        'The job ran longer than its maximum execution time and was cancelled.'
    """
    status = status_of(server_status)
    if status is JobStatus.CANCELLED and not reason:
        ran_too_long = reason_code == RAN_TOO_LONG or "RAN TOO LONG" in server_status.upper()
        reason = RAN_TOO_LONG_REASON if ran_too_long else reason
    return StatusReport(observed_at, status, server_status, reason, reason_code)


def read_job_page(body: Document, observed_at: datetime) -> Result[JobPage, Unreadable]:
    """Read the reply to ``GET /jobs``.

    Example:
        >>> page = read_job_page(b'{"jobs": [{"id": "a"}, {"id": "b"}], "count": 2}', datetime.now(UTC)).unwrap()
        >>> [job.job_id for job in page.jobs]
        ['a', 'b']
    """
    opened = _opened(body, _PageFields, "job listing")
    if not isinstance(opened, Success):
        return Bad(opened.failure())
    said, _ = opened.unwrap()
    entries: Result[list[Any], Unreadable] = (
        documents.elements(said.jobs, "job listing") if isinstance(said.jobs, msgspec.Raw) else Success(list(said.jobs))
    )
    if not isinstance(entries, Success):
        return Bad(Unreadable("job listing", "jobs", entries.failure().message))
    jobs: list[Job] = []
    for index, entry in enumerate(entries.unwrap()):
        read = read_job(entry, observed_at)
        if not isinstance(read, Success):
            wrong = read.failure()
            return Bad(Unreadable("job listing", f"jobs[{index}].{wrong.path}".rstrip("."), wrong.message))
        jobs.append(read.unwrap())
    return Success(JobPage(tuple(jobs), said.count, said.offset or 0))


def read_metrics(body: Document, observed_at: datetime) -> Result[JobMetrics, Unreadable]:
    """Read the reply to ``GET /jobs/ID/metrics``.

    Example:
        >>> read_metrics(b'{"position_in_queue": "3"}', datetime.now(UTC)).unwrap().position_in_queue
        3
    """
    return _read(body, _MetricsFields, "metrics reply", _metrics, observed_at)


def _metrics(said: _MetricsFields, unknown: tuple[tuple[str, str], ...], observed_at: datetime) -> JobMetrics:
    usage = said.usage or _UsageFields()
    return JobMetrics(
        observed_at,
        timestamps=tuple(
            (step, moment)
            for step, text in (said.timestamps or {}).items()
            if (moment := _moment(f"timestamps.{step}", text)) is not None
        ),
        position_in_queue=said.position_in_queue,
        position_in_provider=said.position_in_provider,
        estimated_start=_moment("estimated_start_time", said.estimated_start_time),
        estimated_completion=_moment("estimated_completion_time", said.estimated_completion_time),
        quantum_seconds=usage.quantum_seconds,
        usage_seconds=usage.seconds,
        client_version=said.qiskit_version,
        unknown=unknown,
    )


def read_submission(body: Document) -> Result[Submission, Unreadable]:
    """Read the reply to ``POST /jobs``.

    Example:
        >>> read_submission(b'{"id": "a", "backend": "local_simulator"}').unwrap()
        Submission(job_id='a', backend='local_simulator')
    """
    return _opened(body, _SubmissionFields, "reply to a submission").map(
        lambda read: Submission(read[0].id, read[0].backend)
    )


def read_pushed_status(message: Document, observed_at: datetime) -> Result[StatusReport | None, Unreadable]:
    """Read one message of the oldest push, ``wss://.../jobs/ID/status``.

    Returns:
        The status that it reports; ``None`` for the message that acknowledges the authentication.

    Example:
        >>> message = b'{"type": "job-status", "data": {"status": "RUNNING"}}'
        >>> read_pushed_status(message, datetime.now(UTC)).unwrap().status.name
        'RUNNING'
    """
    opened = _opened(message, _PushFields, "pushed message")
    if not isinstance(opened, Success):
        return Bad(opened.failure())
    said, _ = opened.unwrap()
    if said.type != "job-status":
        return Success(None)
    if not isinstance(said.data, Mapping):
        return Bad(Unreadable("pushed message", "data", f"expected an object, got {_shown(said.data)}"))
    pushed = _structured(_known_fields(said.data, _PushedStatus), _PushedStatus, "pushed message")
    return pushed.map(lambda read: status_report(read.status, observed_at)).alt(
        lambda wrong: Unreadable(wrong.what, f"data.{wrong.path}".rstrip("."), wrong.message)
    )


def read_error(body: bytes) -> ServerMessage:
    """Read the body of an error reply of either dialect. Whatever is in it, there is an answer.

    Example:
        >>> read_error(b'{"error": {"code": 1291, "message": "Job not found."}}')
        ServerMessage(message='Job not found.', code='1291', trace_id=None)
        >>> read_error(b'{"errors": [{"code": 1291, "message": "No.", "solution": "Ask."}], "trace": "x1"}')
        ServerMessage(message='No. Ask.', code='1291', trace_id='x1')
        >>> read_error(b"<html><title>Bad gateway</title></html>").message
        'Bad gateway'
    """
    read = documents.value(body, "error reply")
    said = read.value_or(None)
    if not isinstance(said, Mapping):
        return ServerMessage(_words_of_page(body))
    errors = said.get("errors")
    error = errors[0] if isinstance(errors, list) and errors else said.get("error", said)
    if not isinstance(error, Mapping):
        error = {"message": error}
    words = [error[key] for key in ("message", "solution") if isinstance(error.get(key), str)]
    code, trace = error.get("code"), said.get("trace")
    return ServerMessage(
        " ".join(words)[:_LONGEST_MESSAGE],
        None if code is None else str(code)[:100],
        str(trace)[:100] if trace else None,
    )


_LONGEST_MESSAGE: Final = 1000


def _words_of_page(body: bytes) -> str:
    """What an outage page, or a plain text, says: its title, else the start of its text."""
    text = body[:10_000].decode("utf-8", "replace")
    lower = text.lower()
    start, end = lower.find("<title>"), lower.find("</title>")
    if 0 <= start < end:
        return text[start + len("<title>") : end].strip()[:_LONGEST_MESSAGE]
    return "an HTML page" if "<html" in lower else text.strip()[:200]


# Our own records as JSON.

FORMAT: Final = 1
"""The version of the JSON that :func:`to_json` writes."""


def _strict_flag(value: Any, _: type) -> bool:
    if isinstance(value, bool):
        return value
    raise TypeError(f"expected true or false, got {_shown(value)}")


def _record_converter() -> Converter:
    # JSON that another program wrote is checked as strictly as Python code: bad fields have a path.
    converter: Converter = make_converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(JobStatus, lambda status: status.name)
    converter.register_structure_hook(JobStatus, lambda name, _: JobStatus[name])
    converter.register_structure_hook_func(partial(eq, int | str | None), lambda code, _: code)
    converter.register_structure_hook(bool, _strict_flag)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(str, _text)
    return converter


_records = _record_converter()


def to_json(job: Job) -> bytes:
    """Return a Job as JSON, from which :func:`from_json` makes an equal one.

    Bytes of inputs and results are in it as base64.

    Example:
        >>> to_json(Job("a"))[:40]
        b'{"format":1,"job":{"job_id":"a","status"'
    """
    return msgspec.json.encode({"format": FORMAT, "job": _records.unstructure(job)})


def from_json(body: bytes) -> Result[Job, Unreadable]:
    """Return the Job that :func:`to_json` wrote.

    Returns:
        The Job; or an ``Unreadable`` where the JSON is of a newer format, or no such JSON at all, or where a
        result is not what its SHA-256 says.

    Example:
        >>> from_json(to_json(Job("a"))).unwrap() == Job("a")
        True
    """
    what = "stored job"
    read = documents.value(body, what)
    if not isinstance(read, Success):
        return Bad(read.failure())
    stored = read.unwrap()
    if not isinstance(stored, Mapping) or stored.get("format") != FORMAT:
        got = stored.get("format") if isinstance(stored, Mapping) else stored
        return Bad(Unreadable(what, "format", f"expected {FORMAT}, got {_shown(got)}"))
    try:
        job = _records.structure(stored.get("job"), Job)
    except Exception as error:  # noqa: BLE001 - cattrs groups errors of every kind
        explained = transform_error(error, path="job", format_exception=_explained)[0]
        message, _, path = explained.rpartition(" @ ")
        return Bad(Unreadable(what, path, message))
    if job.payload is not None and not job.payload.is_intact:
        return Bad(Unreadable(what, "job.payload.raw", "expected the bytes that sha256 names, got others"))
    return Success(job)
