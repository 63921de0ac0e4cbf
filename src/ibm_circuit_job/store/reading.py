"""StoreReader: reads the records, bodies and histories of jobs, and checks each against its digest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial, reduce
from typing import Any, Final, TypeVar

import sqlalchemy as sql
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.errors import JobStoreDamagedError, JobStoreError
from ibm_circuit_job.state import registers
from ibm_circuit_job.state.facts import Body, Fact, JobDetails, JobInputs, JobMetrics, ResultPayload, StatusReport
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.selection import WantedJobs, wanted_jobs, wanted_text
from ibm_circuit_job.state.transitions import refresh
from ibm_circuit_job.store import listing, schema, seals
from ibm_circuit_job.store.bodies import Reference, body_of, raw_of, reference_in, references_in
from ibm_circuit_job.store.lookup import StoreLookup, check_id, checked_ids
from ibm_circuit_job.store.merging import history_of
from ibm_circuit_job.store.payloads import where
from ibm_circuit_job.store.records import UnreadRecord, damaged_record, read_record, record_in
from ibm_circuit_job.store.statements import portions
from ibm_circuit_job.store.trouble import Damaged
from ibm_circuit_job.store.writing import Writing

_T = TypeVar("_T")


class StoreReader(StoreLookup):
    """A store that reads jobs. ``RecordStore`` also writes them."""

    def load(self, job_id: str) -> Job | None:
        """Return the record of a job with the bodies of its inputs and its result; ``None`` if it is not in the store.

        Args:
            job_id: The job's ID.

        Raises:
            JobStoreError: If the store cannot be read.
            JobStoreDamagedError: If the record or a body differs from what was saved. The message says which.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job.store import RecordStore
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     store.load("cq1x") == Job("cq1x"), store.load("another")
            (True, None)
        """
        check_id(job_id)

        def work(connection: sql.Connection) -> Job | None:
            row = self._row(connection, job_id)
            if row is None:
                return None
            job = self._record(row)
            bodies = (self._body(connection, job_id, reference) for reference in references_in(row).values())
            return refresh(job, *bodies)

        return self._database.read(f"read job {job_id}", work)

    def record(self, job_id: str, *, how: Writing = Writing.SYNCED) -> Job | None:
        """Return the record of a job, without the bodies of inputs and result; ``None`` if it is not in the store.

        Args:
            job_id: The job's ID.
            how: Whether to wait for other programs that use the store.

        Raises:
            JobStoreError: If the store cannot be read.
            JobStoreDamagedError: If the record differs from what was saved.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job.store import RecordStore
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     store.record("cq1x").job_id
            'cq1x'
        """
        check_id(job_id)
        row = self._database.read(f"read job {job_id}", partial(self._row, job_id=job_id), how=how)
        return None if row is None else self._record(row)

    def records_of(self, job_ids: Iterable[str]) -> dict[str, Job]:
        """Return the records of some jobs without their bodies: job ID -> record. Unknown jobs are left out.

        A damaged record is left out as well, with a warning in the log.

        Args:
            job_ids: The IDs of the jobs.

        Raises:
            JobStoreError: If the store cannot be read, or an ID is empty or no string.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job.store import RecordStore
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     list(store.records_of(["cq1x", "another"]))
            ['cq1x']
        """
        listed = checked_ids(job_ids)

        def work(connection: sql.Connection) -> dict[str, Job]:
            found: dict[str, Job] = {}
            for wanted in portions(dict.fromkeys(listed)):
                query = sql.select(schema.jobs).where(schema.jobs.c.job_id.in_(wanted))
                rows = connection.execute(query).mappings()
                found.update((job.job_id, job) for job in listing.sound(rows, self._record))
            return found

        return self._database.read("read jobs", work)

    def payload(self, job_id: str, newer: int = 0) -> ResultPayload | None:
        """Return the newest reply to a request for the result of a job; ``None`` if there is none.

        Source: ``GET /jobs/ID/results``. There are several if the result was requested again.

        Args:
            job_id: The job's ID.
            newer: The number of newer replies to skip, from 0.

        Raises:
            JobStoreError: If the store cannot be read, or an argument is wrong.
            JobStoreDamagedError: If the body differs from what was saved.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job.store import RecordStore
            >>> from datetime import UTC, datetime
            >>> from ibm_circuit_job import Job, ResultPayload
            >>> arrived = ResultPayload(datetime(2024, 2, 3, tzinfo=UTC), b'{"results": []}')
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x", payload=arrived))
            ...     store.payload("cq1x").raw, store.payload("cq1x", newer=1)
            (b'{"results": []}', None)
        """
        check_id(job_id)
        if type(newer) is not int or newer < 0:
            raise JobStoreError(f"expected newer to be a whole number from 0 up, got {newer!r}")
        body = self._database.read(
            f"read the result of job {job_id}",
            lambda connection: self._newest(connection, job_id, "payload", newer),
        )
        return body if isinstance(body, ResultPayload) else None

    def inputs(self, job_id: str) -> JobInputs | None:
        """Return the inputs of a job; ``None`` if they are not in the store.

        Args:
            job_id: The job's ID.

        Raises:
            JobStoreError: If the store cannot be read.
            JobStoreDamagedError: If the body differs from what was saved.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job.store import RecordStore
            >>> from datetime import UTC, datetime
            >>> from ibm_circuit_job import Job, JobInputs
            >>> submitted = JobInputs(datetime(2024, 2, 3, tzinfo=UTC), b'{"shots": 10}')
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x", inputs=submitted))
            ...     store.inputs("cq1x").raw
            b'{"shots": 10}'
        """
        check_id(job_id)
        body = self._database.read(
            f"read the inputs of job {job_id}", lambda connection: self._newest(connection, job_id, "inputs")
        )
        return body if isinstance(body, JobInputs) else None

    def records(
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
    ) -> list[Job]:
        """Return the records of the jobs that match all filters, without the bodies of their inputs and results.

        The arguments are those of :meth:`IBMProvider.jobs() <ibm_circuit_job.IBMProvider.jobs>`, and *service*. With
        *service*, as ``IBMProvider.service`` names it, only jobs on this service and jobs with an unknown service are
        returned. A damaged record is left out, with a warning in the log.

        Raises:
            IBMBackendValueError: If an argument is wrong; the message says what would be right.
            JobStoreError: If the store cannot be read.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job.store import RecordStore
            >>> from datetime import UTC, datetime
            >>> from ibm_circuit_job import Job, JobDetails
            >>> tagged = Job("cq1x", details=JobDetails(datetime(2024, 2, 3, tzinfo=UTC), tags=["bell"]))
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(tagged)
            ...     store.records(job_tags=["bell"]) == [tagged]
            True
        """
        wanted = wanted_jobs(limit, skip, status, start_datetime, end_datetime, job_tags)
        return self._listed(
            self._listed_record, wanted, limit, skip, backend_name=backend_name, service=service, descending=descending
        )

    def unread_records(
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
    ) -> list[UnreadRecord]:
        """Return the same jobs as :meth:`records`, each as JSON that matches its digest and is decoded later.

        The arguments are those of :meth:`records`. A damaged record is left out, with a warning in the log.

        Raises:
            IBMBackendValueError: If an argument is wrong; the message says what would be right.
            JobStoreError: If the store cannot be read.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job.store import RecordStore
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     [unread] = store.unread_records()
            >>> unread.job_id, unread.read()
            ('cq1x', Job('cq1x'))
        """
        wanted = wanted_jobs(limit, skip, status, start_datetime, end_datetime, job_tags)
        return self._listed(
            partial(self._unread, self.opened),
            wanted,
            limit,
            skip,
            backend_name=backend_name,
            service=service,
            descending=descending,
        )

    def unfinished(self, *, service: str | None = None) -> list[Job]:
        """Return the jobs that have not ended, or whose result has not arrived, oldest first and without bodies.

        A job that had already ended when it was first seen is left out, unless a part of its result has arrived. A job
        whose result is no longer available is left out as well.

        Args:
            service: Only jobs on this service, as ``IBMProvider.service`` names it, and jobs with an unknown service.

        Raises:
            JobStoreError: If *service* is no string, or the store cannot be read.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job.store import RecordStore
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     [record.job_id for record in store.unfinished()]
            ['cq1x']
        """
        check_service(service)

        def work(connection: sql.Connection) -> list[Job]:
            query = listing.unfinished(listing.services_like(connection, service))
            return listing.found(connection, query, self._listed_record, limit=None, skip=0)

        return self._database.read("list jobs", work)

    def history(self, job_id: str) -> list[Fact]:
        """Return the facts of a job, in the order in which they were saved.

        ``reduce(refresh, store.history(job_id), Job(job_id))`` is the job. From a history of more than a thousand
        facts, the store removes the oldest ones that newer facts have replaced.

        Args:
            job_id: The job's ID.

        Raises:
            JobStoreError: If the store cannot be read.
            JobStoreDamagedError: If the history differs from what was saved.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job.store import RecordStore
            >>> from datetime import UTC, datetime
            >>> from ibm_circuit_job import Job, JobDetails
            >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     for hour, name in ((13, "ghz"), (12, "bell")):
            ...         store.save(Job("cq1x", details=JobDetails(noon.replace(hour=hour), name=name)))
            ...     [fact.name for fact in store.history("cq1x")], store.load("cq1x").name
            (['ghz', 'bell'], 'ghz')
        """
        check_id(job_id)

        def work(connection: sql.Connection) -> list[Fact]:
            rows = history_of(connection, job_id)
            row = self._row(connection, job_id)
            seals.check_history(job_id, None if row is None else row["history_digest"], rows)
            # Without duplicates: the same fact, saved by an older version, differs in its JSON.
            return [*dict.fromkeys(fact for each in rows for fact in self._facts(connection, each))]

        return self._database.read(f"read the history of job {job_id}", work)

    def _facts(self, connection: sql.Connection, row: sql.RowMapping) -> Sequence[Fact]:
        """The fact in a row of a history."""
        seals.check_fact(row)
        if row["slot"] is None:
            return read_record(row["record"]).facts
        return [self._body(connection, row["job_id"], reference_in(row))]

    def at(self, job_id: str, moment: datetime) -> Job:
        """Return a job as it was known at a time in the past.

        Args:
            job_id: The job's ID.
            moment: The time, with a time zone.

        Raises:
            JobStoreError: If the store cannot be read, or *moment* is no ``datetime`` with a time zone.
            JobStoreDamagedError: If the history differs from what was saved.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job.store import RecordStore
            >>> from datetime import UTC, datetime, timedelta
            >>> from ibm_circuit_job import Job, JobDetails
            >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     for hour, name in enumerate(["bell", "ghz"]):
            ...         store.save(Job("cq1x", details=JobDetails(noon + timedelta(hours=hour), name=name)))
            ...     store.at("cq1x", noon).name, store.load("cq1x").name
            ('bell', 'ghz')
        """
        _check_aware(moment)
        return reduce(refresh, _said_by(self.history(job_id), moment), Job(job_id))

    # Inside

    def _listed(
        self,
        made_of: Callable[[sql.Row[Any]], _T],
        wanted: WantedJobs,
        limit: int | None,
        skip: int,
        *,
        backend_name: str | None,
        service: str | None,
        descending: bool,
    ) -> list[_T]:
        backend, of_service = wanted_text("backend_name", backend_name), wanted_text("service", service)

        def work(connection: sql.Connection) -> list[_T]:
            services = listing.services_like(connection, of_service)
            query = listing.fitting(wanted, backend, services, descending=descending)
            return listing.found(connection, query, made_of, limit=limit, skip=skip)

        return self._database.read("list jobs", work)

    def _row(self, connection: sql.Connection, job_id: str) -> sql.RowMapping | None:
        """The row of a job; ``None`` if the job is not in the store."""
        row = connection.execute(_ROW, {"of_job": job_id}).mappings().first()
        if row is None and connection.execute(_FACT, {"of_job": job_id}).first() is not None:
            raise self._damaged(job_id, "the record is missing, but the job has a history")
        return row

    def _record(self, row: seals.Row) -> Job:
        try:
            return record_in(row)
        except Damaged as damage:
            raise self._damaged(row["job_id"], str(damage)) from None

    def _listed_record(self, row: sql.Row[Any]) -> Job:
        return self._record(listing.with_names(row))

    def _unread(self, opened: tuple[int, bool], row: sql.Row[Any]) -> UnreadRecord:
        values, digest = row[: len(seals.SEALED)], row[len(seals.SEALED)]
        text = values[_RECORD]
        if not isinstance(text, str) or seals.digest_of_values(values) != digest:
            self._listed_record(row)  # This raises the error that says what is wrong.
        return UnreadRecord(values[0], opened, text, self._database.name)

    def _damaged(self, job_id: str, what: str) -> JobStoreDamagedError:
        return damaged_record(job_id, self._database.name, what)

    def _newest(self, connection: sql.Connection, job_id: str, slot: str, newer: int = 0) -> Body | None:
        """A body of a job: the newest one, or that before *newer* newer ones."""
        row = self._row(connection, job_id)
        if row is None:
            return None
        found: list[Reference] = []
        if seals.digest_of_job(row) == row["digest"]:
            found += (reference for name, reference in references_in(row).items() if name == slot)
            if newer < len(found) or not (newer or found):
                return self._body(connection, job_id, found[newer]) if found else None
        rows = history_of(connection, job_id)
        for fact in rows:
            if fact["slot"] == slot and seals.digest_of_fact(fact) == fact["digest"]:
                found.append(reference_in(fact))
        listed = sorted(dict.fromkeys(found), key=lambda reference: reference.order, reverse=True)
        if newer < len(listed):
            return self._body(connection, job_id, listed[newer])
        # There is no such body. Check that this is not due to damage.
        for fact in rows:
            seals.check_fact(fact)
        seals.check_history(job_id, row["history_digest"], rows)
        return None

    def _body(self, connection: sql.Connection, job_id: str, reference: Reference) -> Body:
        body = body_of(connection, reference)
        if body is not None:
            return body
        what = "result" if reference.kind is ResultPayload else "inputs"
        is_there, place = raw_of(connection, reference.sha256) is not None, where(connection, reference.sha256)
        why = "the bytes do not match their SHA-256" if is_there else "bytes are missing"
        raise JobStoreDamagedError(
            f"could not load the {what} of job {job_id} from the store at {self._database.name}: {why} ({place})"
        )


_RECORD: Final = seals.SEALED.index("record")
_ROW: Final = sql.select(schema.jobs).where(schema.jobs.c.job_id == sql.bindparam("of_job"))
_FACT: Final = sql.select(schema.history.c.number).where(schema.history.c.job_id == sql.bindparam("of_job")).limit(1)


def _said_by(facts: Iterable[Fact], moment: datetime) -> Iterator[Fact]:
    """The parts of some facts that were observed by a given time. A fact may have fields that were observed earlier."""
    for fact in facts:
        if isinstance(fact, StatusReport | JobDetails | JobMetrics):
            partial: Any = fact
            said = registers.said_by(partial, moment)
            if said is not None:
                yield said
        elif fact.observed_at <= moment:
            yield fact


def _check_aware(moment: Any) -> None:
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise JobStoreError(f"expected moment to be a datetime with a time zone, got {moment!r}")


def check_service(service: Any) -> None:
    """Check that a value is a string, as the name of a service, or ``None``.

    Raises:
        JobStoreError: If it is neither.
    """
    if service is not None and not isinstance(service, str):
        raise JobStoreError(f"expected service to be a string or None, got {service!r}")
