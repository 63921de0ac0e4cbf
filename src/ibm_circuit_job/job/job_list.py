"""JobList: a list of handles that a notebook shows as a table."""

from __future__ import annotations

from typing import SupportsIndex, overload

from ibm_circuit_job.job import parts
from ibm_circuit_job.job.circuit_job import IBMCircuitJob


class JobList(list[IBMCircuitJob]):
    """A ``list`` of handles that a notebook shows as a table. A slice of it is a ``JobList`` as well.

    Example:
        >>> from ibm_circuit_job import IBMCircuitJob, Job
        >>> jobs = JobList(IBMCircuitJob.from_state(Job(job_id)) for job_id in ("a", "b", "c"))
        >>> jobs[:1]
        [<IBMCircuitJob('a', status unknown)>]
        >>> "<table>" in jobs[1:]._repr_html_()
        True
    """

    @overload
    def __getitem__(self, index: SupportsIndex) -> IBMCircuitJob: ...
    @overload
    def __getitem__(self, index: slice) -> JobList: ...
    def __getitem__(self, index: SupportsIndex | slice) -> IBMCircuitJob | JobList:
        return JobList(super().__getitem__(index)) if isinstance(index, slice) else super().__getitem__(index)

    def copy(self) -> JobList:
        """Return a shallow copy."""
        return JobList(self)

    def _repr_html_(self) -> str | None:
        """Return an HTML table of the jobs; ``None`` for a plain list, if it contains other objects."""
        from ibm_circuit_job.views.html import MOST_ROWS, jobs_html  # noqa: PLC0415 - loaded with the first HTML

        first = list.__getitem__(self, slice(MOST_ROWS))
        if not all(isinstance(job, IBMCircuitJob) for job in first):
            return None
        views = [parts.shown.view_in_short(job._cell) for job in first]  # noqa: SLF001 - handles of our own
        return jobs_html(views, number=len(self))
