"""Figures that are chosen or computed from several fields: place in the queue, quantum time, seconds of a step."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.state.facts import JobDetails, JobMetrics, StatusReport
from ibm_circuit_job.state.registers import stamp_of
from ibm_circuit_job.state.status import FINAL_RANK

_OUT_OF_THE_QUEUE: Final = frozenset({JobStatus.RUNNING, *FINAL_RANK})
_PENDING: Final = "pending"
_COMPLETE: Final = frozenset({"complete", "completed"})


def place_in_queue(report: StatusReport | None, metrics: JobMetrics | None) -> int | None:
    """Return a job's place in the queue; 1 is next.

    It is the place within the job's hub/group/project if the service reports that, else within the backend's queue. It
    is ``None`` if no place is known, or if the job runs or has ended.

    Args:
        report: The status report of the job.
        metrics: The metrics of the job.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import JobMetrics
        >>> place_in_queue(None, JobMetrics(datetime.now(UTC), position_in_queue=3))
        3
    """
    if metrics is None or (report is not None and report.status in _OUT_OF_THE_QUEUE):
        return None
    within, of_all = metrics.position_in_provider, metrics.position_in_queue
    if within is None or of_all is None:
        return of_all if within is None else within
    is_newer = stamp_of(metrics, "position_in_provider") >= stamp_of(metrics, "position_in_queue")
    return within if is_newer else of_all


def charged(metrics: JobMetrics | None, details: JobDetails | None, *, partial: bool = False) -> float | None:
    """Return the quantum time that the service charges for a job, in seconds; ``None`` if no reply contained it.

    Args:
        metrics: The metrics of the job.
        details: The details of the job.
        partial: What to return while the charge is pending: the seconds so far if True, else 0.0.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import JobMetrics
        >>> measured = JobMetrics(datetime.now(UTC), charged_seconds=2, usage_status="pending")
        >>> charged(measured, None), charged(measured, None, partial=True)
        (0.0, 2.0)
    """
    charge = _charge(metrics, details)
    if charge is None:
        return None
    seconds, status = charge
    return 0.0 if status == _PENDING and not partial else seconds


def charge_is_complete(metrics: JobMetrics | None, details: JobDetails | None) -> bool:
    """Return whether the service has reported the final charge for a job.

    Example:
        >>> charge_is_complete(None, None)
        False
    """
    charge = _charge(metrics, details)
    return charge is not None and charge[1] in _COMPLETE


def charge_is_pending(metrics: JobMetrics | None, details: JobDetails | None) -> bool:
    """Return whether the service has reported that the charge for a job is not final yet.

    Example:
        >>> charge_is_pending(None, None)
        False
    """
    charge = _charge(metrics, details)
    return charge is not None and charge[1] == _PENDING


def queued_seconds(metrics: JobMetrics | None, details: JobDetails | None) -> float | None:
    """Return the seconds from the creation of a job until it ran; ``None`` if one of the two times is not known.

    Example:
        >>> queued_seconds(None, None) is None
        True
    """
    steps = _steps(metrics)
    created, running = steps.get("created", None if details is None else details.created), steps.get("running")
    return None if created is None or running is None else (running - created).total_seconds()


def run_seconds(metrics: JobMetrics | None) -> float | None:
    """Return the seconds that a job ran; ``None`` if its start or its end is not known.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> from ibm_circuit_job import JobMetrics
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> run_seconds(JobMetrics(noon, timestamps=[("running", noon), ("finished", noon + timedelta(seconds=3))]))
        3.0
    """
    steps = _steps(metrics)
    running, finished = steps.get("running"), steps.get("finished", steps.get("completed"))
    return None if running is None or finished is None else (finished - running).total_seconds()


def _steps(metrics: JobMetrics | None) -> dict[str, datetime]:
    return {} if metrics is None else {step.lower(): at for step, at in metrics.timestamps}


def _charge(metrics: JobMetrics | None, details: JobDetails | None) -> tuple[float, str | None] | None:
    """The charge in seconds, and its status: the newest final charge, else that of the metrics, else of the details."""
    charges = []
    if metrics is not None:
        names = ("charged_seconds", "quantum_seconds", "usage_seconds")
        name = next((name for name in names if getattr(metrics, name) is not None), "charged_seconds")
        charges.append((getattr(metrics, name), metrics.usage_status, stamp_of(metrics, name)))
    if details is not None:
        # The stamp of this field, because the stamp of the details also changes with the name and the tags.
        charges.append((details.charged_seconds, details.usage_status, stamp_of(details, "charged_seconds")))
    known = [(seconds, status and status.lower(), at) for seconds, status, at in charges if seconds is not None]
    final = [each for each in known if each[1] in _COMPLETE]
    chosen = max(final, key=lambda each: each[2]) if final else next(iter(known), None)
    return None if chosen is None else chosen[:2]
