"""From the facts of a record to a ``JobView``, the plain values that ``views`` renders."""

from __future__ import annotations

from datetime import datetime

from attrs import evolve

from ibm_circuit_job.state import figures
from ibm_circuit_job.state.facts import JobDetails, JobMetrics, StatusReport
from ibm_circuit_job.state.field_values import LAST_STEPS
from ibm_circuit_job.views.records import JobView


def job_view(
    job_id: str, report: StatusReport | None, details: JobDetails | None, metrics: JobMetrics | None
) -> JobView:
    """Return the plain values of a job that are shown to a user.

    Args:
        job_id: The job's ID.
        report: The status report of the job.
        details: The details of the job.
        metrics: The metrics of the job.

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
            ends = [moment for step, moment in metrics.timestamps if step.lower() in LAST_STEPS]
            view = evolve(view, ended=max(ends, default=None))
    return view


def _first_seen(details: JobDetails) -> datetime:
    """The time of the oldest known value. For a job that this machine submitted, that is the submission."""
    return min([details.observed_at, *(group.observed_at for group in details.earlier)])
