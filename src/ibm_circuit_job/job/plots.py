"""plot_timeline() and plot_usage(): pictures of jobs. They need the extra ``plot``."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from matplotlib.figure import Figure

from ibm_circuit_job import effects
from ibm_circuit_job.errors import IBMBackendValueError, IBMError
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.shown import job_view
from ibm_circuit_job.views import plots

if TYPE_CHECKING:
    from ibm_circuit_job.store import RecordStore


def plot_timeline(jobs: IBMCircuitJob | Job | Iterable[IBMCircuitJob | Job]) -> Figure:
    """Return a matplotlib ``Figure`` of when jobs were queued and ran: axes for each backend, a row for each job.

    If a handle does not know the steps of its job, they are requested. If the service does not reply, the row of the
    job shows what is known. A job that has not ended is drawn until now.

    Args:
        jobs: A handle or a record, or several of them.

    Returns:
        The figure. A notebook shows it, and ``figure.savefig(path)`` writes it to a file. Times are in UTC.

    Raises:
        IBMBackendValueError: If ``jobs`` contains anything other than handles and records.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job, JobDetails
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> figure = plot_timeline(Job("cq1x", details=JobDetails(noon, backend="ibm_x", created=noon)))
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['cq1x']
    """
    given: Any = jobs
    if not isinstance(given, Iterable):
        given = [given]
    records = [_record(job) for job in given]
    views = [job_view(job.job_id, job.status, job.details, job.metrics) for job in records]
    return plots.timeline(views, effects.now())


def _record(job: Any) -> Job:
    if isinstance(job, Job):
        return job
    if not isinstance(job, IBMCircuitJob):
        raise IBMBackendValueError(f"expected jobs to be IBMCircuitJobs or Jobs, got a {type(job).__name__}")
    with suppress(IBMError):
        job.time_per_step()
    return job.state


def plot_usage(store: RecordStore, by: Literal["tag", "backend", "day", "instance"] = "day", **filters: Any) -> Figure:
    """Return a matplotlib ``Figure`` of the quantum time that the jobs of a store used, with a bar for each group.

    Args:
        store: The store.
        by: The groups: ``"tag"``, ``"backend"``, ``"day"`` or ``"instance"``; see ``store.usage()``.
        **filters: The other arguments of ``store.usage()``.

    Returns:
        The figure. The bars are in seconds.

    Raises:
        IBMBackendValueError: If an argument is wrong; the message says what would be right.
        JobStoreError: If the store cannot be read.

    Example:
        >>> import tempfile
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job, JobDetails, JobStore
        >>> charged = JobDetails(datetime(2024, 2, 3, tzinfo=UTC), tags=["bell"], charged_seconds=2.5)
        >>> with tempfile.TemporaryDirectory() as folder, JobStore(f"{folder}/jobs.sqlite") as store:
        ...     store.save(Job("cq1x", details=charged))
        ...     figure = plot_usage(store, by="tag")
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['bell']
    """
    return plots.usage(store.usage(by, **filters), by)
