"""JobStore: the store that users open: a ``RecordStore`` whose ``jobs()`` returns handles."""

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
    """A database of jobs and their results, which outlive the process.

    When a method that saves returns, the data is on the disk. The store merges each saved record into its own record
    of the job, so threads, processes and machines may save the same job in any order, and no fact is lost. A result is
    compressed and saved once, and its SHA-256 is checked when it is loaded.

    Args:
        url: The path of a file, for SQLite; or ``postgresql+psycopg://USER@HOST/DATABASE``, with the extra
            ``postgresql``, for a team. By default the environment variable ``IBM_CIRCUIT_JOB_STORE``, else a file in
            the user's data folder. Only its owner can read a new file, and a new folder for it.
        results_held: The most decoded results that this store caches in memory, for all its handles together; the
            results used last stay. A result that is not cached is decoded again. ``None`` for all results.
        create: Whether to create the store if it does not exist.
        timeout: The most seconds for each transaction of a call, whatever the database does. Data of a poll, which can
            be requested again, is given up after 3 seconds.
        payloads: The place for new payloads and inputs outside of the database: a folder, as a path or
            ``file:///FOLDER``, or an object store, as ``s3://BUCKET/PREFIX``, with the extra ``payloads`` and the
            package that fsspec needs for it. The store saves the place, so it is needed once. By default the saved
            place, else the database.
        share_waits: Whether processes that wait for the same jobs of this store share the polling: one polls the
            service, and the others read what it saves. See ``docs/team_store.md``.
        pool_size: The most connections to the database, from 1 to 1000; five of them stay open. Further threads wait
            for a free connection. A PostgreSQL server accepts 100 connections in all, unless its ``max_connections``
            says otherwise.
        pool_timeout: Seconds that a call waits for a free connection; ``None`` for nearly all of its ``timeout``.

    Raises:
        JobStoreUnavailableError: If the store cannot be reached now.
        JobStoreError: If the store cannot be opened, is of another program, or was written by a newer version. Also
            if it does not exist and ``create`` is false, or if its payloads are in another place than ``payloads``.
        JobStoreDamagedError: If the store is damaged.

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
        """Return handles on the jobs that match the arguments. They have no connection.

        The handles answer from the store. Their ``backend()`` has a name, and nothing else. A notebook shows the list
        as a table. The records are those at the time of this call; each is decoded when its handle is first used.

        ``IBMProvider.attach()`` connects a handle. ``IBMProvider.resume()`` returns connected handles on the jobs that
        had not ended.

        The arguments are those of :meth:`IBMProvider.jobs() <ibm_circuit_job.IBMProvider.jobs>`, and *service* is that
        of :meth:`records`.

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
        """Return the HTML that a notebook shows: the location of the store. Nothing is read."""
        from ibm_circuit_job.views.html import store_html  # noqa: PLC0415 - loaded with the first HTML
        from ibm_circuit_job.views.records import StoreView  # noqa: PLC0415

        return store_html(StoreView(self.location))

    def _forgetting(self, job_id: str) -> AbstractContextManager[None]:
        return forgetting(self, job_id)


def _named_backend(record: Job) -> IBMBackend | None:
    """Return the backend that a job ran on, with its name alone: a store has nothing else of it."""
    return None if record.backend is None else IBMRetiredBackend(None, record.backend)
