"""StoreRemoval: what is removed from a store: one job, or all that are old enough."""

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
from ibm_circuit_job.store.bodies import delete_unreferenced
from ibm_circuit_job.store.lookup import check_id
from ibm_circuit_job.store.payloads import delete_unused, has_unused
from ibm_circuit_job.store.retention import PruneReport
from ibm_circuit_job.store.survey import StoreSurvey


class StoreRemoval(StoreSurvey):
    """A store from which jobs are removed. ``RecordStore`` saves, too."""

    def delete(self, job_id: str) -> None:
        """Forget a job: its record, its history, and its bodies, as far as no other job has the same.

        What handles were still to write of it is not written. That there is no such job is no error.

        Raises:
            JobStoreError: If the store cannot be written to; then nothing is changed.
            JobStoreUnavailableError: Also if payloads lie outside of the database, and cannot be deleted there now. The
                job is forgotten then; the next call that deletes any job deletes these payloads.

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
        jobs, history, bodies = schema.jobs, schema.history, schema.bodies

        def work(connection: sql.Connection) -> None:
            of_job = sql.select(history.c.sha256).where(history.c.job_id == job_id, history.c.sha256.is_not(None))
            # A process that saves any of it meanwhile waits. The order is that of saving, which excludes a deadlock.
            of_bodies = sql.select(bodies.c.sha256).where(bodies.c.sha256.in_(of_job)).order_by(bodies.c.sha256)
            connection.execute(of_bodies.with_for_update())
            connection.execute(sql.select(jobs.c.job_id).where(jobs.c.job_id == job_id).with_for_update())
            left = set(connection.execute(of_job).scalars())
            for table in (schema.tags, history, jobs):
                connection.execute(sql.delete(table).where(table.c.job_id == job_id))
            delete_unreferenced(connection, left)

        with self._forgetting(job_id):
            self._remove(f"forget job {job_id}", work)

    def _remove(self, doing: str, work: Callable[[sql.Connection], None]) -> None:
        """Do some work that may leave bodies without a job, and delete those that lie outside of the database."""

        def transaction(connection: sql.Connection) -> bool:
            work(connection)
            return has_unused(connection)

        has_more = self._database.write(doing, transaction)
        while has_more:
            has_more = self._database.write(f"{doing} outside of the database", delete_unused)

    def _forgetting(self, _job_id: str) -> AbstractContextManager[None]:
        """What goes on while a job is deleted."""
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
        """Remove the jobs that fit, or their results alone; by default only say which jobs these are.

        Without *unfinished* and *private*, neither a job goes that has not ended or whose result is awaited, nor a
        private one: the service gives the result of that once, so this store may have the only copy. A job whose
        record is damaged stays in any case. Each job goes in a transaction of its own, so what an error interrupts is
        done up to there.

        Args:
            older_than: Only jobs that were created so long ago; of a job that does not say when, that were first seen
                then.
            status: Only jobs of these statuses, as for :meth:`records`.
            tags: Only jobs that have all of these tags.
            service: Only jobs of this service, as ``IBMProvider.service`` names it, or of none that is known.
            among: Only jobs with these IDs.
            results_only: Remove their results, and leave record, inputs and history of all else.
            unfinished: Also jobs that have not ended, or whose result is awaited and not here.
            private: Also private jobs.
            dry_run: Remove nothing.

        Returns:
            The IDs of the jobs, the oldest first, and how many bytes of inputs and results go with them.

        Raises:
            IBMBackendValueError: If an argument is wrong, or none says which jobs; the message says what is right.
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
            raise IBMBackendValueError("expected at least one of older_than, status, tags, service and among")
        before = retention.moment_before(older_than, datetime.now(UTC))
        wanted = wanted_jobs(None, 0, status, None, before, tags)
        jobs, size = retention.chosen(
            self._database,
            wanted,
            wanted_text("service", service),
            retention.Retained(unfinished=not unfinished, private=not private),
            among=None if among is None else retention.each_once(among),
            results_only=results_only,
        )
        for job_id in () if dry_run else jobs:
            if results_only:
                self._remove(f"remove the result of job {job_id}", partial(retention.drop_results, job_id=job_id))
            else:
                self.delete(job_id)
        return PruneReport(tuple(jobs), size, is_dry_run=dry_run)
