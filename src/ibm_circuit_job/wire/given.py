# ruff: noqa: TRY004 - every wrong argument raises ValueError, which the class turns into its own exception
"""From the arguments of a handle's constructor to facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from ibm_circuit_job.state.facts import JobDetails, JobMetrics, JobTags, ResultPayload, StatusReport
from ibm_circuit_job.state.field_values import check_whole
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.wire import typed_json
from ibm_circuit_job.wire.replies import status_report
from ibm_circuit_job.wire.values import code_of, shown

_T = TypeVar("_T")

FAILED = "FAILED"
"""The status string of a job of which only an error is given."""


def given_job(
    job_id: str,
    at: datetime,
    *,
    creation_date: Any = None,
    status: Any = None,
    kind: Any = None,
    name: Any = None,
    time_per_step: Any = None,
    result: Any = None,
    error: Any = None,
    session_id: Any = None,
    tags: Any = None,
    run_mode: Any = None,
    client_info: Any = None,
) -> Job:
    """Return the record for the arguments of a handle's constructor.

    Args:
        job_id: The job's ID.
        at: When the constructor was called, an aware time.
        creation_date: ISO 8601 text or a ``datetime``; UTC where it names no zone.
        status: The service's status string.
        kind: The kind of the job, in the service's words.
        name: The job's name.
        time_per_step: Step -> ISO 8601 text, ``datetime`` or ``None``; UTC where it names no zone.
        result: The job's result, as a dictionary, JSON text or bytes.
        error: Why the job failed: a dictionary with ``message`` and perhaps ``code``, or a text.
        session_id: The session that the job belongs to.
        tags: A list of strings.
        run_mode: How the job is scheduled.
        client_info: The versions of the submitting client: the service's text, or package -> version.

    Raises:
        ValueError: If one of them cannot be read; the message names it and says what would be right.

    Example:
        >>> from datetime import UTC, datetime
        >>> given_job("a", datetime(2024, 2, 3, tzinfo=UTC), status="COMPLETED", tags=["x"]).tags
        ('x',)
        >>> given_job("a", datetime(2024, 2, 3, tzinfo=UTC), tags="x")
        Traceback (most recent call last):
            ...
        ValueError: expected tags to be a list of strings, got 'x'
    """
    reason, code = (None, None) if error is None else _read_error(error)
    report = None
    if status is not None:
        report = status_report(_text("status", status), at, reason, code)
    details = JobDetails(
        at,
        created=None if creation_date is None else _moment("creation_date", creation_date),
        name=_text("name", name),
        tags=None if tags is None else _read("tags", "a list of strings", tags, lambda: JobTags(at, tags).tags),
        session_id=_text("session_id", session_id),
        run_mode=_text("run_mode", run_mode),
        unknown=() if kind is None else [("kind", msgspec.json.encode(_text("kind", kind)).decode())],
    )
    steps = () if time_per_step is None else _steps(time_per_step)
    version = None if client_info is None else _client_version(client_info)
    return Job(
        job_id,
        report,
        None if details.is_empty else details,
        JobMetrics(at, timestamps=steps, client_version=version) if steps or version else None,
        payload=None if result is None else ResultPayload(at, _body(result)),
    )


def given_error(at: datetime, error: Any) -> StatusReport:
    """Return the status report for a failed job of which only the error is known.

    Raises:
        ValueError: If the error is neither a text nor a dictionary with a ``message``.

    Example:
        >>> from datetime import UTC, datetime
        >>> given_error(datetime(2024, 2, 3, tzinfo=UTC), {"message": "No.", "code": 1517}).reason_code
        1517
    """
    return status_report(FAILED, at, *_read_error(error))


def _read(name: str, expected: str, value: Any, make: Callable[[], _T]) -> _T:
    try:
        return make()
    except (TypeError, ValueError):
        raise ValueError(f"expected {name} to be {expected}, got {shown(value)}") from None


def _text(name: str, value: Any) -> Any:
    return None if value is None else _read(name, "a string", value, lambda: _whole(value))


def _whole(value: Any) -> str:
    """Check that a value is a string without lone surrogates."""
    if type(value) is not str:
        raise TypeError
    return check_whole(value)


def _moment(name: str, value: Any) -> datetime:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"expected {name} to be a time in ISO 8601, got {shown(value)}") from None


def _steps(steps: Any) -> tuple[tuple[str, datetime], ...]:
    if not isinstance(steps, Mapping) or not all(isinstance(step, str) for step in steps):
        raise ValueError(f"expected time_per_step to be a dictionary of times by step, got {shown(steps)}")
    return tuple(
        (step, _moment(f"time_per_step[{step!r}]", moment)) for step, moment in steps.items() if moment is not None
    )


def _body(result: Any) -> bytes:
    if isinstance(result, (bytes, bytearray)):
        return bytes(result)
    try:
        body = result.encode() if isinstance(result, str) else typed_json.encode(result)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"expected result to be a dictionary, JSON text or bytes: {error}") from None
    if not isinstance(result, str) and not body.startswith(b"{"):
        raise ValueError(f"expected result to be a dictionary, JSON text or bytes, got {shown(result)}")
    return body


def _read_error(error: Any) -> tuple[str | None, int | str | None]:
    if isinstance(error, str):
        return _text("error", error), None
    if not isinstance(error, Mapping):
        raise ValueError(f"expected error to be a dictionary with a 'message', got {shown(error)}")
    message, code = error.get("message"), error.get("code")
    message = _text("error['message']", message)
    return message, _read("error['code']", "an integer or a string", code, lambda: code_of(code))


def _client_version(info: Any) -> str:
    """The service's text, or for packages with versions JSON, which ``queries.client_version`` decodes."""
    return _read("client_info", "a text such as '0.1.0,0.21.2', or versions by package", info, lambda: _versions(info))


def _versions(info: Any) -> str:
    if not isinstance(info, Mapping):
        return _whole(info)
    by_package = {_whole(package): _whole(version) for package, version in info.items()}
    return msgspec.json.encode(by_package).decode() if by_package else ""
