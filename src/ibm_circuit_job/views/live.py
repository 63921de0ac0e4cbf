"""The progress of a job at one moment, as the text of a live line or the cells of a live table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Final

from qiskit.providers.jobstatus import JOB_FINAL_STATES, JobStatus

from ibm_circuit_job.views.records import JobView
from ibm_circuit_job.views.words import LARGEST, in_zone, printable, seconds

HEADS: Final = ("Status", "Job", "Place", "Elapsed", "Expected end", "What")
"""The column titles of a table with a :func:`row` for each job."""
_FINAL: Final = frozenset(status.name for status in JOB_FINAL_STATES)
_MOST_NAMED: Final = 5


def describe(job: JobView, now: datetime, zone: tzinfo | None = None) -> str:
    """Return the progress of a job as one line.

    The line has, as far as they are known: the value of the job's ``JobStatus``, the place in the queue, the name of
    the status, the elapsed time, the expected end, and the reason of a failure.

    Args:
        job: The job.
        now: The time, aware, up to which the elapsed time is counted.
        zone: The time zone of the times in the line; the machine's zone by default.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job.views.records import JobView
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> job = JobView("cq1x", status="QUEUED", place=3, created=noon, expected_end=noon.replace(hour=13))
        >>> describe(job, noon.replace(minute=2), UTC)
        'job is queued (3), QUEUED, elapsed 2 min 0 s, expected to end 2024-02-03 13:00:00 UTC'
    """
    place = _place(job)
    known = [f"{what(job)} ({place})" if place else what(job), None if job.status is None else printable(job.status)]
    passed = elapsed(job, now)
    if passed is not None:
        known.append(f"elapsed {seconds(passed)}")
    if job.expected_end is not None:
        known.append(f"expected to end {in_zone(job.expected_end, zone)}")
    line = ", ".join(words for words in known if words is not None)
    return line if job.reason is None or job.status != "ERROR" else f"{line}: {printable(job.reason)}"


def row(job: JobView, now: datetime, zone: tzinfo | None = None) -> tuple[str, ...]:
    """Return the progress of a job as the cells under :data:`HEADS`; the arguments are those of :func:`describe`.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job.views.records import JobView
        >>> row(JobView("cq1x", status="QUEUED", place=3), datetime(2024, 2, 3, 12, tzinfo=UTC))
        ('QUEUED', 'cq1x', '3', '', '', 'job is queued')
    """
    passed = elapsed(job, now)
    reason = "" if job.reason is None or job.status != "ERROR" else f": {printable(job.reason)}"
    return (
        "unknown" if job.status is None else printable(job.status),
        printable(job.job_id),
        _place(job),
        "" if passed is None else seconds(passed),
        "" if job.expected_end is None else in_zone(job.expected_end, zone),
        f"{what(job)}{reason}",
    )


def _place(job: JobView) -> str:
    if job.place is None:
        return ""
    return str(job.place) if abs(job.place) < LARGEST else "very many"


def what(job: JobView) -> str:
    """Return the value of a job's ``JobStatus``, which describes the status in words.

    Example:
        >>> from ibm_circuit_job.views.records import JobView
        >>> what(JobView("a", status="DONE"))
        'job has successfully run'
    """
    if job.status not in JobStatus.__members__:
        return "status unknown"
    words: str = JobStatus[job.status].value
    return words


def elapsed(job: JobView, now: datetime) -> float | None:
    """Return the whole seconds from the creation of a job to its end, or to *now* if it has not ended.

    ``None`` if the creation is not known, or if the job has ended at an unknown time.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job.views.records import JobView
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> elapsed(JobView("a", created=noon), noon.replace(minute=1))
        60.0
        >>> elapsed(JobView("a", status="DONE", created=noon), noon.replace(minute=1)) is None
        True
    """
    until = job.ended if has_ended(job) else now
    if job.created is None or until is None:
        return None
    # Never negative: the two times may come from two clocks.
    return float(max((until - job.created).total_seconds() // 1, 0.0))


def has_ended(job: JobView) -> bool:
    """Return whether a job has ended: DONE, ERROR or CANCELLED.

    Example:
        >>> from ibm_circuit_job.views.records import JobView
        >>> has_ended(JobView("a", status="DONE"))
        True
    """
    return job.status in _FINAL


def how_to_come_back(jobs: Sequence[JobView]) -> str:
    """Return the message after a wait was interrupted: the jobs go on, and these calls retrieve them.

    Example:
        >>> from ibm_circuit_job.views.records import JobView
        >>> how_to_come_back([JobView("cq1x", status="RUNNING")])
        'The job goes on. To come back to it: provider.retrieve_job("cq1x")'
    """
    left = [job for job in jobs if not has_ended(job)]
    if not left:
        return "All jobs have ended." if len(jobs) > 1 else "The job has ended."
    calls = ", ".join(f'provider.retrieve_job("{printable(job.job_id)}")' for job in left[:_MOST_NAMED])
    if len(left) == 1:
        return f"The job goes on. To come back to it: {calls}"
    more = "" if len(left) <= _MOST_NAMED else ", ..."
    return f"{len(left)} jobs go on. To come back to them: {calls}{more}"
