"""Values in words: what a plain representation of a job says."""

from __future__ import annotations

from ibm_circuit_job.views.records import JobView


def job_words(job: JobView) -> str:
    """Return what is known of a job in a few words: its status, its place in the queue, its backend and its name.

    Example:
        >>> from ibm_circuit_job.views.records import JobView
        >>> job_words(JobView("a"))
        'status unknown'
        >>> job_words(JobView("a", status="QUEUED", place=3, backend="ibm_x", name="bell"))
        "QUEUED, place 3, backend 'ibm_x', name 'bell'"
    """
    known = (
        job.status or "status unknown",
        None if job.place is None else f"place {job.place}",
        None if job.backend is None else f"backend {job.backend!r}",
        None if job.name is None else f"name {job.name!r}",
    )
    return ", ".join(words for words in known if words is not None)
