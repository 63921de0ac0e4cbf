"""What is shown of a record: its facts as the plain values of ``views``."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attrs import evolve

from ibm_circuit_job.state import figures
from ibm_circuit_job.state.facts import JobDetails, JobMetrics, StatusReport
from ibm_circuit_job.views.records import JobView

_LAST_STEPS: Final = frozenset({"finished", "completed"})
"""What the two dialects call the step that ends a job."""


def job_view(
    job_id: str, report: StatusReport | None, details: JobDetails | None, metrics: JobMetrics | None
) -> JobView:
    """Return what is shown of a job.

    Args:
        job_id: Its ID.
        report: The status report that holds.
        details: What was said of the job itself.
        metrics: What was measured.

    Example:
        >>> job_view("cq1x", None, None, None).job_id
        'cq1x'
    """
    view = JobView(
        job_id,
        place=figures.place_in_queue(report, metrics),
        usage=figures.charged(metrics, details),
        usage_is_pending=figures.charge_is_pending(metrics, details),
    )
    if report is not None:
        view = evolve(
            view,
            status=report.status.name,
            server_status=report.server_status,
            is_assumed=report.assumed,
            seen_at=report.observed_at,
            reason=report.reason,
        )
    if details is not None:
        view = evolve(
            view,
            name=details.name,
            backend=details.backend,
            program=details.program,
            created=details.created,
            submitted=None if details.service_url is None else _first_seen(details),
            service_url=details.service_url,
            usage_estimate=details.usage_estimate,
            tags=details.tags or (),
            session_id=details.session_id,
            private=details.private,
        )
    if metrics is not None:
        view = evolve(view, steps=metrics.timestamps)
        if report is None or not report.is_final:
            view = evolve(view, expected_start=metrics.estimated_start, expected_end=metrics.estimated_completion)
        else:
            ends = [moment for step, moment in metrics.timestamps if step.lower() in _LAST_STEPS]
            view = evolve(view, ended=max(ends, default=None))
    return view


def _first_seen(details: JobDetails) -> datetime:
    """When the oldest of what is known was seen, which is the submission where this machine has submitted the job."""
    return min([details.observed_at, *(group.observed_at for group in details.earlier)])
