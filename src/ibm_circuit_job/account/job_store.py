"""JobStore: the store that users open. It makes handles of the records of a ``RecordStore``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.account.backend import IBMBackend
from ibm_circuit_job.account.retired_backend import IBMRetiredBackend
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
from ibm_circuit_job.job.job_list import JobList
from ibm_circuit_job.job.journal import forgetting
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.store import RecordStore


class JobStore(RecordStore):
    """Jobs and their results, kept so that they outlive the process.

    What was saved when a method returns is on the disk. Saving is a merge: any number of threads, processes and
    machines may save what they know of one job, in any order, and all of it is in the record that is there afterwards.
    A result is compressed, kept once however often it is saved, and compared with its SHA-256 when it is read.

    Args:
        url: Where: the path of a file, for SQLite; or ``postgresql+psycopg://USER@HOST/DATABASE``, with the extra
            ``postgresql``, for a team. By default what the variable ``IBM_CIRCUIT_JOB_STORE`` says, else a file in the
            user's data folder. A file, and a folder that is made for it, are their owner's alone.
        results_held: How many decoded results the handles of this store keep in memory together, those that were
            asked for last; of others, what nothing else refers to is decoded again when asked for. ``None`` for all.
        create: Whether to make a store where there is none.
        timeout: Seconds that a call may take for each of its transactions, whatever the database does. What a poll
            writes, which can be asked for again, is given up after three.
        payloads: Where new bodies of inputs and results are to lie outside of the database: a folder, as a path or
            ``file:///FOLDER``, or an object store, as ``s3://BUCKET/PREFIX``, with the extra ``payloads`` and the
            package that fsspec needs for it. The store remembers it, so that it is given once. By default they lie
            where the store says, else in the database.
        share_waits: Whether processes that wait for the same jobs of this store let one of them ask the service, and
            read what it saves; see ``docs/team_store.md``.
        pool_size: How many connections to the database there are at most, from 1 to 1000; five of them stay open. More
            threads than that wait for one another. A server of PostgreSQL takes 100 connections in all, unless its
            ``max_connections`` says otherwise.
        pool_timeout: Seconds that a call waits for a free connection; ``None`` for nearly all of its ``timeout``.

    Raises:
        JobStoreUnavailableError: If it cannot be reached now.
        JobStoreError: If it cannot be opened, is of another program, or was written by a newer version; if there is
            none, and ``create`` is false; if it has its payloads in another place than the one that is given.
        JobStoreDamagedError: If it is damaged.

    Example:
        >>> import tempfile
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job, JobDetails
        >>> with tempfile.TemporaryDirectory() as folder, JobStore(f"{folder}/jobs.sqlite") as store:
        ...     store.save(Job("cq1x", details=JobDetails(datetime(2024, 2, 3, tzinfo=UTC), name="bell")))
        ...     [job.name() for job in store.jobs()]
        ['bell']
    """

    def jobs(
        self,
        limit: int | None = None,
        skip: int = 0,
        backend_name: str | None = None,
        status: str | JobStatus | Sequence[str | JobStatus] | None = None,
        start_datetime: datetime | None = None,
        end_datetime: datetime | None = None,
        job_tags: list[str] | None = None,
        descending: bool = True,
        *,
        service: str | None = None,
    ) -> list[IBMCircuitJob]:
        """Return handles on the jobs that fit. They have no connection, and answer all that is kept without one.

        Their ``backend()`` knows its name, and nothing else. A notebook shows the list as a table. What the store has
        of a job at the time of this call is decoded when its handle is first used.

        ``IBMProvider.attach()`` connects one; ``IBMProvider.resume()`` finds and connects those that had not ended.

        The arguments are those of :meth:`IBMProvider.jobs() <ibm_circuit_job.IBMProvider.jobs>`, and *service* that of
        :meth:`records`.

        Raises:
            IBMBackendValueError: If an argument is wrong; the message says what would be right.
            JobStoreError: If the store cannot be read. A record that is damaged is left out, with a warning in the log.

        Example:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder, JobStore(f"{folder}/jobs.sqlite") as store:
            ...     store.jobs(status="DONE", job_tags=["bell"])
            []
        """
        unread = self.unread_records(
            limit, skip, backend_name, status, start_datetime, end_datetime, job_tags, descending, service=service
        )
        return JobList(IBMCircuitJob.from_listing(unread, store=self, find_backend=_named_backend))

    def _repr_html_(self) -> str:
        """Where the store is, as a notebook shows it. Nothing is read."""
        from ibm_circuit_job.views.html import store_html  # noqa: PLC0415 - loaded with the first HTML
        from ibm_circuit_job.views.records import StoreView  # noqa: PLC0415

        return store_html(StoreView(self.location))

    def _forgetting(self, job_id: str) -> AbstractContextManager[None]:
        return forgetting(self, job_id)


def _named_backend(record: Job) -> IBMBackend | None:
    """The backend that a job ran on, of which a store knows the name alone."""
    return None if record.backend is None else IBMRetiredBackend(None, record.backend)
