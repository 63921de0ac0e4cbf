"""Values in words: what a plain representation of a job says."""

from __future__ import annotations

from ibm_circuit_job.views.records import JobView


def job_words(job: JobView) -> str:
    """Return what is known of a job in a few words: its status and its place, else its backend and its name.

    Example:
        >>> from ibm_circuit_job.views.records import JobView
        >>> job_words(JobView("a", status="QUEUED", place=3, backend="ibm_x"))
        'QUEUED, place 3'
        >>> job_words(JobView("a", backend="ibm_x", name="bell"))
        "status unknown, backend 'ibm_x', name 'bell'"
    """
    place = None if job.place is None else f"place {job.place}"
    if job.status is not None:
        known = [job.status, place]
    else:
        backend = None if job.backend is None else f"backend {job.backend!r}"
        name = None if job.name is None else f"name {job.name!r}"
        known = ["status unknown", place, backend, name]
    return ", ".join(words for words in known if words is not None)
