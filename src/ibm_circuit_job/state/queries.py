"""What a Job answers to a person's questions: views of the facts, computed when asked for."""

from __future__ import annotations

from datetime import datetime, tzinfo

from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.results import error_in


def status(job: Job) -> JobStatus | None:
    """Return the job's status, or ``None`` while nothing is known of it."""
    return None if job.status is None else job.status.status


def creation_date(job: Job, zone: tzinfo | None = None) -> datetime | None:
    """Return when the job was created.

    Args:
        job: The job.
        zone: The time zone to give the answer in; the machine's local zone by default.

    Returns:
        An aware time in that zone, or ``None`` while it is not known.

    Example:
        >>> from datetime import UTC
        >>> from ibm_circuit_job.state.facts import JobDetails
        >>> created = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> creation_date(Job("a", details=JobDetails(created, created=created)), UTC).hour
        12
    """
    if job.details is None or job.details.created is None:
        return None
    return job.details.created.astimezone(zone)


def error_message(job: Job) -> str | None:
    """Return why the job failed.

    Returns:
        The service's reason with its code; where it gives none, what the results text says; where that says
        nothing, that the reason is unknown. ``None`` unless the job failed.

    Example:
        >>> from datetime import UTC
        >>> from ibm_circuit_job.state.wire import status_report
        >>> report = status_report("Failed", datetime.now(UTC), "Too many shots.", 1517)
        >>> error_message(Job("a", status=report))
        'Error code 1517; Too many shots.'
    """
    if status(job) is not JobStatus.ERROR or job.status is None:
        return None
    if has_reason(job):
        code = job.status.reason_code
        return job.status.reason if code is None else f"Error code {code}; {job.status.reason}"
    return (job.payload and error_in(job.payload)) or "The service gave no reason."


def has_reason(job: Job) -> bool:
    """Return whether the service gave a reason for the status that says more than ``"Error"``."""
    return job.status is not None and bool(job.status.reason) and job.status.reason != "Error"
