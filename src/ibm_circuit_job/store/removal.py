"""StoreRemoval: deletes one job from a store, or all jobs that match filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial

import sqlalchemy as sql
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.errors import IBMBackendValueError
from ibm_circuit_job.state.selection import wanted_jobs, wanted_text
from ibm_circuit_job.store import retention, schema
from ibm_circuit_job.store.bodies import delete_unreferenced, lock_bodies
from ibm_circuit_job.store.lookup import check_id
from ibm_circuit_job.store.payloads import delete_unused, has_unused
from ibm_circuit_job.store.retention import PruneReport
from ibm_circuit_job.store.survey import StoreSurvey


class StoreRemoval(StoreSurvey):
    """A store that deletes jobs. ``RecordStore`` also saves them."""

    def delete(self, job_id: str) -> None:
        """Delete a job: its record, its history, and the bodies that no other job has.

        Changes that handles have not saved yet are discarded. To delete an unknown job is no error.

        Args:
            job_id: The job's ID.

        Raises:
            JobStoreError: If the store cannot be written to. Nothing is changed then.
            JobStoreUnavailableError: Also if payloads outside of the database cannot be deleted now. The job is deleted
                then, and the next call that deletes a job deletes these payloads.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> from ibm_circuit_job.store import RecordStore
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     store.delete("cq1x")
            ...     store.records()
            []
        """
        check_id(job_id)
        jobs, history = schema.jobs, schema.history

        def work(connection: sql.Connection) -> None:
            of_job = sql.select(history.c.sha256).where(history.c.job_id == job_id, history.c.sha256.is_not(None))
            # Processes that save the job meanwhile wait.
            lock_bodies(connection, of_job)
            row = sql.select(jobs.c.job_id).where(jobs.c.job_id == job_id).with_for_update()
            if connection.execute(row).first() is None:
                # Without a lock, others may save the job between two statements of this transaction.
                return
            left = set(connection.execute(of_job).scalars())
            for table in (schema.tags, history, jobs):
                connection.execute(sql.delete(table).where(table.c.job_id == job_id))
            delete_unreferenced(connection, left)

        with self._forgetting(job_id):
            self._remove(f"delete job {job_id}", work)

    def _remove(self, doing: str, work: Callable[[sql.Connection], None]) -> None:
        """Run a transaction that deletes jobs or results; then delete unused payloads from their place."""

        def transaction(connection: sql.Connection) -> bool:
            work(connection)
            return has_unused(connection)

        has_more = self._database.write(doing, transaction)
        while has_more:
            has_more = self._database.write(f"{doing} outside of the database", delete_unused)

    def _forgetting(self, _job_id: str) -> AbstractContextManager[None]:
        """A context in which a job is deleted. ``JobStore`` discards the unsaved changes of its handles in it."""
        return nullcontext()

    def prune(
        self,
        *,
        older_than: timedelta | None = None,
        status: str | JobStatus | Sequence[str | JobStatus] | None = None,
        tags: list[str] | None = None,
        service: str | None = None,
        among: Iterable[str] | None = None,
        results_only: bool = False,
        unfinished: bool = False,
        private: bool = False,
        dry_run: bool = True,
    ) -> PruneReport:
        """Delete the jobs that match all filters, or only their results. By default, only report which jobs these are.

        Jobs that have not ended, whose result is awaited, or that are private stay, unless *unfinished* or *private*
        is true: the result of a private job can be read from the service only once, so this store may have the only
        copy. A job with a damaged record always stays. Each job is deleted in its own transaction, so an error
        leaves earlier jobs deleted.

        Args:
            older_than: Only jobs that were created at least this long ago. If the time of creation is unknown, it is
                the time at which the job was first seen.
            status: Only jobs with these statuses, as for :meth:`records`.
            tags: Only jobs with all these tags.
            service: Only jobs on this service, as ``IBMProvider.service`` names it, and jobs with an unknown service.
            among: Only jobs with these IDs.
            results_only: Whether to delete only the results. Records, inputs and all other facts stay.
            unfinished: Whether to include jobs that have not ended, or whose result has not arrived.
            private: Whether to include private jobs.
            dry_run: Whether to only report, and delete nothing.

        Returns:
            The IDs of the jobs, oldest first, and the number of bytes of their inputs and results.

        Raises:
            IBMBackendValueError: If an argument is wrong, or no filter is given. The message says what would be right.
            JobStoreError: If the store cannot be read or written to.
            JobStoreUnavailableError: As for :meth:`delete`.

        Example:
            >>> import tempfile
            >>> from datetime import UTC, datetime, timedelta
            >>> from ibm_circuit_job import Job, ResultPayload
            >>> from ibm_circuit_job.store import RecordStore
            >>> from ibm_circuit_job.wire.replies import status_report
            >>> then = datetime(2024, 2, 3, tzinfo=UTC)
            >>> done = Job("cq1x", status_report("Completed", then), payload=ResultPayload(then, b'{"results": []}'))
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(done)
            ...     print(store.prune(older_than=timedelta(days=90)))
            ...     store.prune(older_than=timedelta(days=90), dry_run=False).jobs, store.records()
            PruneReport(jobs=('cq1x',), bytes=15, is_dry_run=True)
            (('cq1x',), [])
        """
        if all(each is None for each in (older_than, status, tags, service, among)):
            raise IBMBackendValueError(
                "expected at least one of older_than, status, tags, service and among; without a filter all jobs match"
            )
        before = retention.moment_before(older_than, datetime.now(UTC))
        wanted = wanted_jobs(None, 0, status, None, before, tags)
        jobs, size = retention.chosen(
            self._database,
            wanted,
            wanted_text("service", service),
            retention.Retained(unfinished=not unfinished, private=not private),
            among=None if among is None else retention.checked_among(among),
            results_only=results_only,
        )
        for job_id in () if dry_run else jobs:
            if results_only:
                self._remove(f"remove the result of job {job_id}", partial(retention.drop_results, job_id=job_id))
            else:
                self.delete(job_id)
        return PruneReport(tuple(jobs), size, is_dry_run=dry_run)
