"""Questions to a record, one function for each: they compute from its facts, and send no request.

The first argument is always the record. Times are in UTC unless another zone is given. An unknown value is ``None``, or
an empty collection.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, tzinfo
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.state import figures
from ibm_circuit_job.state.client_versions import classic_versions, named_versions
from ibm_circuit_job.state.facts import StatusReport
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.queue_info import QueueInfo
from ibm_circuit_job.state.status import RAN_TOO_LONG_REASON, is_reason
from ibm_circuit_job.wire import results

_OF_INPUTS: Final = frozenset({"backend_options", "circuits", "header", "named_bindings", "params", "sampled_names"})


def status(job: Job) -> JobStatus | None:
    """Return the job's status; ``None`` if it is not known.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.wire.replies import status_report
        >>> status(Job("a", status_report("Running", datetime.now(UTC)))).name
        'RUNNING'
    """
    return None if job.status is None else job.status.status


def creation_date(job: Job, zone: tzinfo | None = UTC) -> datetime | None:
    """Return when the job was created, as an aware time; ``None`` if it is not known.

    Args:
        job: The record.
        zone: The time zone of the returned time; ``None`` for the machine's zone.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.state.facts import JobDetails
        >>> created = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> creation_date(Job("a", details=JobDetails(created, created=created))).isoformat()
        '2024-02-03T12:00:00+00:00'
    """
    return None if job.details is None else _in_zone(job.details.created, zone)


def time_per_step(job: Job, zone: tzinfo | None = UTC) -> dict[str, datetime] | None:
    """Return when each step of the job began: step -> aware time, the earliest first; ``None`` if no step is known.

    Args:
        job: The record.
        zone: The time zone of the returned times; ``None`` for the machine's zone.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.state.facts import JobMetrics
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> list(time_per_step(Job("a", metrics=JobMetrics(noon, timestamps=[("created", noon)]))))
        ['created']
    """
    if job.metrics is None or not job.metrics.timestamps:
        return None
    return {step: _in_zone(moment, zone) or moment for step, moment in job.metrics.timestamps}


def queue_position(job: Job) -> int | None:
    """Return the job's place in the queue; 1 is next.

    It is the place within the job's hub/group/project if the service reports that, else within the backend's queue. It
    is ``None`` if no place is known, or if the job runs or has ended.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.state.facts import JobMetrics
        >>> queue_position(Job("a", metrics=JobMetrics(datetime.now(UTC), position_in_queue=3)))
        3
    """
    return figures.place_in_queue(job.status, job.metrics)


def queue_info(job: Job, zone: tzinfo | None = UTC) -> QueueInfo | None:
    """Return what is known of the job's place in the queue; ``None`` if that is nothing, or if the job has ended.

    Args:
        job: The record.
        zone: The time zone of the times in the ``QueueInfo``; ``None`` for the machine's zone.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.state.facts import JobMetrics
        >>> queue_info(Job("a", metrics=JobMetrics(datetime.now(UTC), position_in_queue=3)))
        QueueInfo(job_id='a', position=3)
        >>> queue_info(Job("a")) is None
        True
    """
    metrics = job.metrics
    if metrics is None or job.is_final:
        return None
    info = QueueInfo(
        job.job_id,
        position=queue_position(job),
        status=None if job.status is None else job.status.server_status,
        estimated_start_time=_in_zone(metrics.estimated_start, zone),
        estimated_complete_time=_in_zone(metrics.estimated_completion, zone),
        hub_priority=_number(metrics.unknown, "hub_priority"),
        group_priority=_number(metrics.unknown, "group_priority"),
        project_priority=_number(metrics.unknown, "project_priority"),
    )
    nothing = QueueInfo(job.job_id, status=info.status)
    return None if info == nothing else info


def metrics(job: Job) -> dict[str, Any]:
    """Return the job's metrics in the form of the service's JSON; empty if nothing is known.

    Times are ISO 8601 texts in UTC. Source: ``GET /jobs/ID/metrics``.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.state.facts import JobMetrics
        >>> metrics(Job("a", metrics=JobMetrics(datetime.now(UTC), position_in_queue=3)))
        {'position_in_queue': 3}
    """
    known = job.metrics
    if known is None:
        return {}
    used = {
        "quantum_seconds": known.quantum_seconds,
        "seconds": known.usage_seconds,
        "qpu_charge_time_seconds": known.charged_seconds,
        "status": known.usage_status,
    }
    fields = {
        "timestamps": {step: _iso(moment) for step, moment in known.timestamps} or None,
        "position_in_queue": known.position_in_queue,
        "position_in_provider": known.position_in_provider,
        "estimated_start_time": known.estimated_start and _iso(known.estimated_start),
        "estimated_completion_time": known.estimated_completion and _iso(known.estimated_completion),
        "usage": {name: value for name, value in used.items() if value is not None} or None,
        "caller": known.caller,
        "qiskit_version": known.client_version,
    }
    read = {name: value for name, value in fields.items() if value is not None}
    verbatim = decoded_fields(known.unknown)
    # An object that was read in part, such as ``usage``, is also among the unknown fields; its rest may be older.
    both = {name: verbatim[name] | value for name, value in read.items() if _are_objects(verbatim.get(name), value)}
    return verbatim | read | both


def _are_objects(*values: object) -> bool:
    return all(isinstance(value, dict) for value in values)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def unknown_fields(job: Job) -> dict[str, Any]:
    """Return the fields of job replies that this library does not interpret: name -> decoded value.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job.wire.replies import read_job
        >>> unknown_fields(read_job(b'{"id": "a", "cost": 10}', datetime.now(UTC)).unwrap())
        {'cost': 10}
    """
    return {} if job.details is None else decoded_fields(job.details.unknown)


def decoded_fields(unknown: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Return decoded fields: name -> value. Each call returns new objects.

    Args:
        unknown: Pairs of a name and its JSON text. A text that cannot be decoded stays a text.

    Example:
        >>> decoded_fields((("cost", "10"),))
        {'cost': 10}
    """
    from ibm_circuit_job.wire import typed_json  # noqa: PLC0415 - costly, and few jobs have such fields

    return {name: typed_json.decode(text.encode(), name).value_or(text) for name, text in unknown}


def usage(job: Job, *, partial: bool = False) -> float | None:
    """Return the quantum time that the service charges for the job, in seconds; ``None`` if no reply contained it.

    The charged time is returned if a reply had it, else the measured time of older API versions.

    Args:
        job: The record.
        partial: What to return while the charge is pending: the seconds so far if True, else 0.0.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.state.facts import JobMetrics
        >>> charged = JobMetrics(datetime.now(UTC), charged_seconds=2, usage_status="pending")
        >>> usage(Job("a", metrics=charged)), usage(Job("a", metrics=charged), partial=True)
        (0.0, 2.0)
    """
    return figures.charged(job.metrics, job.details, partial=partial)


def usage_is_complete(job: Job) -> bool:
    """Return whether the service has reported the final charge for the job.

    Example:
        >>> from ibm_circuit_job import Job
        >>> usage_is_complete(Job("a"))
        False
    """
    return figures.charge_is_complete(job.metrics, job.details)


def usage_is_pending(job: Job) -> bool:
    """Return whether the service has reported that the charge for the job is not final yet.

    Example:
        >>> from ibm_circuit_job import Job
        >>> usage_is_pending(Job("a"))
        False
    """
    return figures.charge_is_pending(job.metrics, job.details)


def client_version(job: Job) -> dict[str, str]:
    """Return the versions of the client that submitted the job: package -> version; empty if they are not known.

    Source: ``caller`` and ``qiskit_version`` of ``GET /jobs/ID/metrics``. If both name a package, ``caller`` wins.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.state.facts import JobMetrics
        >>> client_version(Job("a", metrics=JobMetrics(datetime.now(UTC), client_version="0.1.0,0.21.2")))
        {'qiskit-ibm-provider': '0.1.0', 'qiskit-terra': '0.21.2'}
        >>> client_version(Job("a", metrics=JobMetrics(datetime.now(UTC), caller="qiskit/2.6.2/ibm-circuit-job/0.1.0")))
        {'qiskit': '2.6.2', 'ibm-circuit-job': '0.1.0'}
    """
    if job.metrics is None:
        return {}
    text = job.metrics.client_version or ""
    from ibm_circuit_job.wire import documents  # noqa: PLC0415 - costly

    # The constructor's ``client_info`` is recorded as JSON; the service's text is no JSON.
    given = documents.value(text.encode(), "client_info").value_or(None) if text.startswith("{") else None
    versions = classic_versions(text) if given is None else {str(name): str(each) for name, each in given.items()}
    named = named_versions(job.metrics.caller or "")
    return named | {package: version for package, version in versions.items() if package not in named}


def error_message(job: Job) -> str | None:
    """Return why the job failed; ``None`` unless it failed or was cancelled because it ran longer than allowed.

    Returns:
        The service's reason with its code and its advice. If there is no reason, the error in the text of the
        results. If there is none either, a sentence that says so.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.wire.replies import status_report
        >>> report = status_report("Failed", datetime.now(UTC), "Too many shots.", 1517, "Use fewer.")
        >>> error_message(Job("a", status=report))
        'Error code 1517; Too many shots. Use fewer.'
    """
    report = job.status
    if report is None:
        return None
    if ran_too_long(report):
        return _reason_of(report)
    if report.status is not JobStatus.ERROR:
        return None
    if has_reason(job):
        return _reason_of(report)
    return _with_solution(report, (job.payload and results.error_in(job.payload)) or "The service gave no reason.")


def _reason_of(report: StatusReport) -> str:
    code = "" if report.reason_code is None else f"Error code {report.reason_code}; "
    return _with_solution(report, f"{code}{report.reason or RAN_TOO_LONG_REASON}")


def _with_solution(report: StatusReport, words: str) -> str:
    solution = report.reason_solution
    return words if not solution or solution in words else f"{words} {solution}"


def ran_too_long(report: StatusReport) -> bool:
    """Return whether the service cancelled the job because it ran longer than allowed.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job.wire.replies import status_report
        >>> ran_too_long(status_report("Cancelled", datetime.now(UTC), reason_code="1305"))
        True
    """
    return report.ran_too_long


def has_reason(job: Job) -> bool:
    """Return whether the service gave a reason for the status, other than the word ``"Error"``.

    Example:
        >>> from ibm_circuit_job import Job
        >>> has_reason(Job("a"))
        False
    """
    return job.status is not None and is_reason(job.status.reason)


# The questions about inputs have their own module, which is loaded at their first use.
if TYPE_CHECKING:
    from ibm_circuit_job.wire.inputs import backend_options as backend_options  # noqa: PLC0414 - given on
    from ibm_circuit_job.wire.inputs import circuits as circuits  # noqa: PLC0414 - given on
    from ibm_circuit_job.wire.inputs import header as header  # noqa: PLC0414 - given on
    from ibm_circuit_job.wire.inputs import named_bindings as named_bindings  # noqa: PLC0414 - given on
    from ibm_circuit_job.wire.inputs import params as params  # noqa: PLC0414 - given on
    from ibm_circuit_job.wire.inputs import sampled_names as sampled_names  # noqa: PLC0414 - given on
else:

    def __getattr__(name: str) -> Any:
        if name not in _OF_INPUTS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module("ibm_circuit_job.wire.inputs"), name)


def _in_zone(moment: datetime | None, zone: tzinfo | None) -> datetime | None:
    if moment is None:
        return None
    try:
        return moment.astimezone(zone)
    except OverflowError:
        # The time would be before the year 1 or after the year 9999 in that zone.
        return moment


def _number(unknown: tuple[tuple[str, str], ...], field: str) -> float | None:
    from ibm_circuit_job.wire import documents  # noqa: PLC0415 - costly
    from ibm_circuit_job.wire.values import number_of  # noqa: PLC0415 - costly

    for found, text in unknown:
        if found.lower() == field:
            # A name may occur in several spellings; the first readable one is returned.
            with contextlib.suppress(TypeError, ValueError):
                return number_of(documents.value(text.encode(), field).value_or(None), float)
    return None
