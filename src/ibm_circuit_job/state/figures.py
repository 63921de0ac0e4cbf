"""Figures of which the service says more than one: the place in the queue, and the quantum time that is charged."""

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
    """Return a job's place in the queue, within its hub/group/project where the service says that; 1 is next.

    ``None`` where it is not known, and where the job is known to run, or to have ended.

    Args:
        report: The status report that holds.
        metrics: What was measured.

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
    said = {name: stamp_of(metrics, name) for name in ("position_in_provider", "position_in_queue")}
    return within if said["position_in_provider"] >= said["position_in_queue"] else of_all


def charged(metrics: JobMetrics | None, details: JobDetails | None, *, partial: bool = False) -> float | None:
    """Return the seconds of quantum time that a job is charged for; ``None`` where the service has not said.

    Args:
        metrics: What was measured.
        details: What was said of the job itself.
        partial: Return what is charged so far, where the service says that more may come; else that is 0.0.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import JobMetrics
        >>> measured = JobMetrics(datetime.now(UTC), charged_seconds=2, usage_status="pending")
        >>> charged(measured, None), charged(measured, None, partial=True)
        (0.0, 2.0)
    """
    said = _said(metrics, details)
    if said is None:
        return None
    seconds, status = said
    return 0.0 if status == _PENDING and not partial else seconds


def charge_is_complete(metrics: JobMetrics | None, details: JobDetails | None) -> bool:
    """Return whether the service has said what a job is charged for, and that this is final.

    Example:
        >>> charge_is_complete(None, None)
        False
    """
    said = _said(metrics, details)
    return said is not None and said[1] in _COMPLETE


def charge_is_pending(metrics: JobMetrics | None, details: JobDetails | None) -> bool:
    """Return whether the service has said that it does not know yet what a job is charged for.

    Example:
        >>> charge_is_pending(None, None)
        False
    """
    said = _said(metrics, details)
    return said is not None and said[1] == _PENDING


def queued_seconds(metrics: JobMetrics | None, details: JobDetails | None) -> float | None:
    """Return how long a job was in the queue: from its creation until it ran; ``None`` where a step is not known.

    Example:
        >>> queued_seconds(None, None) is None
        True
    """
    steps = _steps(metrics)
    created, running = steps.get("created", None if details is None else details.created), steps.get("running")
    return None if created is None or running is None else (running - created).total_seconds()


def run_seconds(metrics: JobMetrics | None) -> float | None:
    """Return how long a job ran; ``None`` where a step is not known.

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


def _said(metrics: JobMetrics | None, details: JobDetails | None) -> tuple[float, str | None] | None:
    """The figure that counts, and its status: a final one first, then what was measured, then what a listing said."""
    said = []
    if metrics is not None:
        names = ("charged_seconds", "quantum_seconds", "usage_seconds")
        name = next((name for name in names if getattr(metrics, name) is not None), "charged_seconds")
        said.append((getattr(metrics, name), metrics.usage_status, stamp_of(metrics, name)))
    if details is not None:
        # When the figure was said, which is not when the job was renamed.
        said.append((details.charged_seconds, details.usage_status, stamp_of(details, "charged_seconds")))
    known = [(seconds, status and status.lower(), at) for seconds, status, at in said if seconds is not None]
    final = [each for each in known if each[1] in _COMPLETE]
    chosen = max(final, key=lambda each: each[2]) if final else next(iter(known), None)
    return None if chosen is None else chosen[:2]
