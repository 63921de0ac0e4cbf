"""RecordStore: jobs, their histories and the bodies of their results, merged by any number of processes.

Here stands what each call promises, and which transaction it takes. How facts are merged is ``merging``'s business,
which jobs fit ``listing``'s, how bodies lie in rows ``bodies``', and what trouble means ``trouble``'s.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial, reduce
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import sqlalchemy as sql
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.errors import JobStoreDamagedError, JobStoreError, JobStoreUnavailableError
from ibm_circuit_job.state import registers
from ibm_circuit_job.state.facts import Body, Fact, JobDetails, JobInputs, JobMetrics, ResultPayload, StatusReport
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.selection import wanted_jobs, wanted_text
from ibm_circuit_job.state.transitions import refresh
from ibm_circuit_job.store import archive, listing, schema
from ibm_circuit_job.store.archive import Archived
from ibm_circuit_job.store.bodies import Packed, Reference, pack, put, raw_of, reference_in, references_in
from ibm_circuit_job.store.database import TIMEOUT, Database
from ibm_circuit_job.store.merging import history_of, merge_in
from ibm_circuit_job.store.records import read_record
from ibm_circuit_job.store.statements import portions
from ibm_circuit_job.store.trouble import Damaged
from ibm_circuit_job.store.url import with_secrets, without_secrets
from ibm_circuit_job.store.writing import Writing

_BACK_OFF_SECONDS: Final = 10.0
"""How long nothing is written that is not to wait, after that went wrong."""
_LONGEST_SECONDS: Final = 86_400
"""The longest timeout: a day."""
_LARGEST: Final = 2**63 - 1
"""The largest number that a database has, and more than it has rows."""
_logger: Final = logging.getLogger(__name__)


def default_url() -> str | None:
    """Return where jobs are kept by default: what ``IBM_CIRCUIT_JOB_STORE`` says, else in the user's data folder.

    ``None`` where the variable says ``none``.
    """
    said = os.environ.get("IBM_CIRCUIT_JOB_STORE")
    if said:
        return None if said.lower() == "none" else said
    import platformdirs  # noqa: PLC0415 - for those that need the default

    return str(Path(platformdirs.user_data_dir("ibm-circuit-job", appauthor=False)) / "jobs.sqlite")


class RecordStore:
    """Records of jobs, their histories and their bodies, in a database; see ``JobStore``, which makes handles of them.

    Args:
        url: The path of a file, or the URL of a database.
        results_held: How many decoded results are kept in memory together; ``None`` for all.
        create: Whether to make a store where there is none.
        timeout: Seconds that a call may take for each of its transactions, whatever the database does.

    Raises:
        JobStoreUnavailableError: If it cannot be reached now.
        JobStoreError: If it cannot be opened, is of another program, or was written by a newer version; if there is
            none, and ``create`` is false.
        JobStoreDamagedError: If it is damaged.

    Example:
        >>> import tempfile
        >>> from ibm_circuit_job import Job
        >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
        ...     store.save(Job("cq1x"))
        ...     store.records()
        [Job('cq1x')]
    """

    def __init__(
        self,
        url: str | os.PathLike[str] | None = None,
        *,
        results_held: int | None = 4,
        create: bool = True,
        timeout: float = TIMEOUT,
    ) -> None:
        if results_held is not None and (type(results_held) is not int or not 0 <= results_held <= sys.maxsize):
            raise JobStoreError(
                f"expected results_held to be a whole number from 0 to {sys.maxsize}, or None, got {results_held!r}"
            )
        chosen = default_url() if url is None else url
        if chosen is None:
            raise JobStoreError("expected the URL of a store: IBM_CIRCUIT_JOB_STORE says that there is none by default")
        _check_timeout(timeout)
        self._set_up(Database(chosen, create=create, timeout=timeout), results_held)

    def _set_up(self, database: Database, results_held: int | None) -> None:
        self._database = database
        self._results_held = results_held
        self._held: deque[object] = deque(maxlen=results_held)
        self._backs_off_until = 0.0

    @property
    def location(self) -> str:
        """Where it is, without any credentials: the path of a file, with no links, or ``HOST/DATABASE``.

        Example:
            >>> import os
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     os.path.basename(store.location)
            'jobs.sqlite'
        """
        return self._database.location

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._database.name!r})>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[sql.URL, int | None, bool, float]]:
        database = self._database
        # Without its secrets: they are found again where the copy is used.
        url = without_secrets(database.url)
        unpickled = type(self)._unpickled  # noqa: SLF001 - of this class
        return unpickled, (url, self._results_held, database.create, database.timeout)

    @classmethod
    def _unpickled(cls, url: sql.URL, results_held: int | None, create: bool, timeout: float) -> Self:
        """A copy of a store. It is opened when it is first used, so that trouble is raised there."""
        copy = cls.__new__(cls)
        database = Database(with_secrets(url), create=create, timeout=timeout, at_once=False)
        copy._set_up(database, results_held)  # noqa: SLF001 - of this class
        return copy

    def close(self) -> None:
        """Close all connections to the database. What comes after opens one again."""
        self._database.close()

    def was_told(self, error: JobStoreError) -> bool:
        """Return whether trouble was told before, and note that it is told now: it is of the store, and of no job."""
        if not isinstance(error, JobStoreUnavailableError):
            return False
        return error.is_repeated or self._database.was_told(error)

    # Saving

    def save(
        self,
        job: Job,
        *,
        service: str | None = None,
        how: Writing = Writing.SYNCED,
        now: datetime | None = None,
    ) -> None:
        """Merge a record into what is kept of the job, and its facts into the job's history.

        Args:
            job: The record.
            service: The service that has the job, as ``IBMProvider.service`` names it.
            how: Whether it is on the disk when this returns, and whether to wait for others that write. One that does
                not wait fails at once where they write, or where there was trouble just now.
            now: Where the record is what was seen just now, the wall time of the machine that has seen it: then it
                comes after all that is kept, also if the clock of another machine that shares the store is ahead.

        Raises:
            JobStoreError: If an argument is wrong, or the store cannot be written to; then nothing is changed.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     store.load("cq1x") == Job("cq1x")
            True
        """
        self.save_all([job], service=service, how=how, now=now)

    def save_all(
        self,
        jobs: Iterable[Job],
        *,
        service: str | None = None,
        how: Writing = Writing.SYNCED,
        now: datetime | None = None,
    ) -> None:
        """Merge any number of records, of any jobs, into what is kept, in one transaction.

        Args:
            jobs: The records; more than one may be of the same job.
            service: The service that has the jobs, as ``IBMProvider.service`` names it.
            how: As for :meth:`save`.
            now: As for :meth:`save`.

        Raises:
            JobStoreError: If an argument is wrong, or the store cannot be written to; then nothing is changed.
            JobStoreDamagedError: If what is kept of one of them is damaged beyond its history; then nothing is changed.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save_all([Job("cq1x"), Job("cq2y")])
            ...     len(store.records())
            2
        """
        facts: dict[str, list[Fact]] = {}
        _check_service(service)
        for job in _checked_jobs(jobs):
            facts.setdefault(job.job_id, []).extend(job.facts)
        if facts:
            self._save(facts, service=service, how=how, now=now)

    def _save(
        self,
        facts: Mapping[str, Sequence[Fact]],
        *,
        service: str | None,
        how: Writing = Writing.SYNCED,
        now: datetime | None = None,
    ) -> None:
        for job_id in facts:
            if not job_id.isprintable():
                raise JobStoreError(f"expected the ID of a job, got {job_id!r}")
        if not how.waits and time.monotonic() < self._backs_off_until:
            trouble = JobStoreUnavailableError(
                f"could not keep jobs in the store at {self._database.name}: it was in trouble just now"
            )
            trouble.is_repeated = True
            raise trouble
        named = f"job {next(iter(facts))}" if len(facts) == 1 else f"{len(facts)} jobs"
        bodies = {fact.sha256: fact.raw for learned in facts.values() for fact in learned if isinstance(fact, Body)}

        def work(connection: sql.Connection) -> None:
            put(connection, bodies, packed)
            # In one order, so that two that save the same jobs do not wait for each other.
            for job_id in sorted(facts):
                merge_in(connection, job_id, facts[job_id], service, now)

        try:
            # Compressed before any lock is taken.
            packed = self._packed(bodies, f"keep {named}", how)
            self._database.write(f"keep {named}", work, how=how, size=sum(map(len, bodies.values())))
        except JobStoreDamagedError:
            # What is kept of one job is no trouble for the others.
            raise
        except JobStoreError:
            if not how.waits:
                self.back_off()
            raise

    def _packed(self, bodies: Mapping[str, bytes], doing: str, how: Writing) -> dict[str, Packed]:
        """The bodies that are not in the store yet, or not any more as they were, by their SHA-256."""
        if not bodies:
            return {}

        def work(connection: sql.Connection) -> dict[str, Packed]:
            return {sha256: pack(raw) for sha256, raw in bodies.items() if raw_of(connection, sha256) != raw}

        return self._database.read(doing, work, how=how, size=sum(map(len, bodies.values())))

    # Reading

    def load(self, job_id: str) -> Job | None:
        """Return all that is kept of a job, the bodies of its inputs and its result included; ``None`` if nothing is.

        Raises:
            JobStoreError: If the store cannot be read.
            JobStoreDamagedError: If what it holds of the job is not what was put into it; the message says what.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     store.load("cq1x") == Job("cq1x"), store.load("another")
            (True, None)
        """
        check_id(job_id)

        def work(connection: sql.Connection) -> Job | None:
            row = connection.execute(sql.select(schema.jobs).where(schema.jobs.c.job_id == job_id)).mappings().first()
            if row is None:
                return None
            job = self._record(job_id, row["record"])
            bodies = (self._body(connection, job_id, reference) for reference in references_in(row).values())
            return refresh(job, *bodies)

        return self._database.read(f"read job {job_id}", work)

    def record(self, job_id: str) -> Job | None:
        """Return what is kept of a job but the bodies of its inputs and its result; ``None`` if nothing is.

        Raises:
            JobStoreError: If the store cannot be read.
            JobStoreDamagedError: If the record is not what was put into the store.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     store.record("cq1x").job_id
            'cq1x'
        """
        check_id(job_id)
        jobs = schema.jobs.c
        query = sql.select(jobs.record).where(jobs.job_id == job_id)
        record = self._database.read(f"read job {job_id}", lambda connection: connection.execute(query).scalar())
        return None if record is None else self._record(job_id, record)

    def records_of(self, job_ids: Iterable[str]) -> dict[str, Job]:
        """Return what is kept of some jobs, without their bodies: ID -> record, of those of which something is.

        Raises:
            JobStoreError: If the store cannot be read. A record that is damaged is left out, with a warning in the log.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     list(store.records_of(["cq1x", "another"]))
            ['cq1x']
        """
        if not isinstance(job_ids, Iterable):
            raise JobStoreError(f"expected a list of IDs of jobs, got {job_ids!r}")
        listed = list(job_ids)
        for job_id in listed:
            check_id(job_id)

        def work(connection: sql.Connection) -> dict[str, Job]:
            found: dict[str, Job] = {}
            for wanted in portions(dict.fromkeys(listed)):
                query = sql.select(schema.jobs.c.job_id, schema.jobs.c.record).where(schema.jobs.c.job_id.in_(wanted))
                found.update(self._sound(connection.execute(query)))
            return found

        return self._database.read("read jobs", work)

    def payload(self, job_id: str, newer: int = 0) -> ResultPayload | None:
        """Return the body of a result that has arrived for a job, or ``None``.

        Args:
            job_id: The job's ID.
            newer: How many newer ones to pass over: there is more than one where a result was asked for again.

        Raises:
            JobStoreError: If the store cannot be read.
            JobStoreDamagedError: If it is not what was put into the store.

        Example:
            >>> import tempfile
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
        table = schema.history
        query = (
            sql.select(table)
            .where(table.c.job_id == job_id, table.c.slot == "payload")
            .order_by(
                sql.func.coalesce(table.c.stamp, table.c.observed_at).desc(),
                table.c.observed_at.desc(),
                table.c.sha256.desc(),
            )
            .limit(1)
            .offset(min(newer, _LARGEST))
        )

        def work(connection: sql.Connection) -> Body | None:
            row = connection.execute(query).mappings().first()
            return None if row is None else self._body(connection, job_id, reference_in(row))

        body = self._database.read(f"read the result of job {job_id}", work)
        return body if isinstance(body, ResultPayload) else None

    def inputs(self, job_id: str) -> JobInputs | None:
        """Return the inputs of a job, or ``None`` where they are not kept.

        Raises:
            JobStoreError: If the store cannot be read.
            JobStoreDamagedError: If they are not what was put into the store.

        Example:
            >>> import tempfile
            >>> from datetime import UTC, datetime
            >>> from ibm_circuit_job import Job, JobInputs
            >>> submitted = JobInputs(datetime(2024, 2, 3, tzinfo=UTC), b'{"shots": 10}')
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x", inputs=submitted))
            ...     store.inputs("cq1x").raw
            b'{"shots": 10}'
        """
        check_id(job_id)

        def work(connection: sql.Connection) -> Body | None:
            row = connection.execute(sql.select(schema.jobs).where(schema.jobs.c.job_id == job_id)).mappings().first()
            reference = None if row is None else references_in(row).get("inputs")
            return None if reference is None else self._body(connection, job_id, reference)

        body = self._database.read(f"read the inputs of job {job_id}", work)
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
        """Return the records of the jobs that fit, without the bodies of their inputs and results.

        Args:
            limit: How many at most; ``None`` for all.
            skip: How many of those that fit are passed over first.
            backend_name: Only those of this backend.
            status: Only those that are ``"pending"`` or ``"completed"``, that is, ended; or that have this status, or
                one of these.
            start_datetime: Only those created then or later. A time without a zone is in the machine's.
            end_datetime: Only those created then or before. A time without a zone is in the machine's.
            job_tags: Only those that have all of these tags.
            descending: Whether the newest come first.
            service: Only those of this service, as ``IBMProvider.service`` names it, or of none that is known.

        Raises:
            IBMBackendValueError: If an argument is wrong; the message says what would be right.
            JobStoreError: If the store cannot be read. A record that is damaged is left out, with a warning in the log.

        Example:
            >>> import tempfile
            >>> from datetime import UTC, datetime
            >>> from ibm_circuit_job import Job, JobDetails
            >>> tagged = Job("cq1x", details=JobDetails(datetime(2024, 2, 3, tzinfo=UTC), tags=["bell"]))
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(tagged)
            ...     store.records(job_tags=["bell"]) == [tagged]
            True
        """
        wanted = wanted_jobs(limit, skip, status, start_datetime, end_datetime, job_tags)
        backend, service = wanted_text("backend_name", backend_name), wanted_text("service", service)

        def work(connection: sql.Connection) -> list[Job]:
            services = listing.services_like(connection, service)
            query = listing.fitting(wanted, backend, services, descending=descending)
            return self._found(connection, query, limit=limit, skip=skip)

        return self._database.read("list jobs", work)

    def unfinished(self, *, service: str | None = None) -> list[Job]:
        """Return the records, without bodies, of jobs that had not ended, or whose result is not here; oldest first.

        One that had ended when it was first seen is left out, unless something has arrived of its result; so is one
        whose result is gone.

        Args:
            service: Only those of this service, as ``IBMProvider.service`` names it, or of none that is known.

        Raises:
            JobStoreError: If ``service`` is no text, or the store cannot be read.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     [record.job_id for record in store.unfinished()]
            ['cq1x']
        """
        _check_service(service)

        def work(connection: sql.Connection) -> list[Job]:
            query = listing.unfinished(listing.services_like(connection, service))
            return self._found(connection, query, limit=None, skip=0)

        return self._database.read("list jobs", work)

    def history(self, job_id: str) -> list[Fact]:
        """Return the facts that were learned of a job, in the order in which they came to the store.

        ``reduce(refresh, store.history(job_id), Job(job_id))`` is the job. Of the facts that do not count any more,
        the oldest are left out where there are more than a thousand.

        Raises:
            JobStoreError: If the store cannot be read.
            JobStoreDamagedError: If what it holds of the job is not what was put into it.

        Example:
            >>> import tempfile
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
            # Each once: a fact that an older version wrote may have come again, and looks different in JSON.
            return [*dict.fromkeys(fact for row in rows for fact in self._facts(connection, row))]

        return self._database.read(f"read the history of job {job_id}", work)

    def _facts(self, connection: sql.Connection, row: sql.RowMapping) -> Sequence[Fact]:
        """The fact that a row of a history holds."""
        if row["slot"] is None:
            return self._record(row["job_id"], row["record"]).facts
        return [self._body(connection, row["job_id"], reference_in(row))]

    def at(self, job_id: str, moment: datetime) -> Job:
        """Return what had been seen of a job by a moment.

        Args:
            job_id: The job's ID.
            moment: An aware time.

        Raises:
            JobStoreError: If the store cannot be read, or ``moment`` is no aware time.
            JobStoreDamagedError: If what it holds of the job is not what was put into it.

        Example:
            >>> import tempfile
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

    def delete(self, job_id: str) -> None:
        """Forget a job: its record, its history, and its bodies, as far as no other job has the same.

        That there is no such job is no error.

        Raises:
            JobStoreError: If the store cannot be written to; then nothing is changed.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
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
            still_used = set(
                connection.execute(sql.select(history.c.sha256).where(history.c.sha256.in_(left))).scalars()
            )
            connection.execute(sql.delete(bodies).where(bodies.c.sha256.in_(left - still_used)))

        self._database.write(f"forget job {job_id}", work)

    # Archives

    def export(self, path: str | os.PathLike[str]) -> int:
        """Write all that is kept to files that a person can read, and that a later version can import.

        ``jobs.jsonl`` has a line of JSON for each job; ``bodies`` has the bodies of inputs and results, as they came.

        Args:
            path: The folder to make, for its owner alone. There must be nothing yet, or an empty folder, which stays as
                open to others as it is.

        Returns:
            How many jobs there are.

        Raises:
            JobStoreError: If the folder cannot be written to, or the store cannot be read; then there is no folder.
            JobStoreDamagedError: If something is damaged. All else was exported.

        Example:
            >>> import os
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     print(store.export(f"{folder}/archive"), sorted(os.listdir(f"{folder}/archive")))
            ...     RecordStore(f"{folder}/another.sqlite").import_(f"{folder}/archive")
            1 ['bodies', 'jobs.jsonl']
            1
        """
        folder = archive.folder_at(path, "export the store to")
        damaged: list[str] = []
        count = archive.write(folder, self._archived(damaged))
        if damaged:
            raise JobStoreDamagedError(f"all was exported to {path} but for what is damaged: {'; '.join(damaged)}")
        return count

    def _archived(self, damaged: list[str]) -> Iterator[Archived]:
        """All jobs, in the order of their IDs, and what is wrong with those facts that are left out."""
        jobs = schema.jobs.c
        query = sql.select(jobs.job_id, jobs.service).order_by(jobs.job_id)
        listed = self._database.read("export jobs", lambda connection: connection.execute(query).all())
        for job_id, service in listed:
            if not _is_text(job_id) or not (service is None or _is_text(service)):
                damaged.append(f"what is kept of job {job_id!r} is damaged: expected texts, as the name of its service")
                continue
            facts, wrong = self._database.read(f"export job {job_id}", partial(self._sound_facts, job_id))
            damaged += wrong
            yield Archived(job_id, service or None, tuple(facts))

    def _sound_facts(self, job_id: str, connection: sql.Connection) -> tuple[list[Fact], list[str]]:
        """The history of a job, and what is wrong with those facts that are left out."""
        facts: list[Fact] = []
        damaged: list[str] = []
        for row in history_of(connection, job_id):
            try:
                facts += self._facts(connection, row)
            except (Damaged, JobStoreDamagedError) as error:
                damaged.append(str(error))
        return facts, damaged

    def import_(self, path: str | os.PathLike[str]) -> int:
        """Merge what :meth:`export` wrote into what is kept. All of it is checked before anything is saved.

        Args:
            path: The folder.

        Returns:
            How many jobs there were.

        Raises:
            JobStoreError: If it cannot be read, is of a newer version, or the store cannot be written to.
            JobStoreDamagedError: If something in it is damaged; the message names the line or the file.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     store.export(f"{folder}/archive")
            ...     store.delete("cq1x")
            ...     store.import_(f"{folder}/archive")
            1
            1
        """
        folder = archive.folder_at(path, "import the archive at")
        number = sum(1 for _ in archive.read(folder))
        for job in archive.read(folder):
            self._save({job.job_id: job.facts}, service=job.service)
        return number

    # For the handles

    def give_up_result(self, job_id: str) -> None:
        """Note that the result of a job cannot be had any more, so that it is not asked for again.

        Raises:
            JobStoreError: If the store cannot be written to.
        """
        jobs = schema.jobs.c
        gone = sql.update(schema.jobs).where(jobs.job_id == job_id)
        gone = gone.values(result_is_gone=True, unfinished=sql.not_(jobs.has_ended))
        self._database.write(f"keep job {job_id}", lambda connection: connection.execute(gone), how=Writing.SOON)

    def hold(self, result: object) -> None:
        """Keep a decoded result in memory, until as many others as are held were asked for."""
        # Two threads at once may drop one, which then is decoded again.
        self._held = deque((*(held for held in [*self._held] if held is not result), result), self._results_held)

    def back_off(self) -> None:
        """Leave the database alone for a while, where no caller is to wait for it; what waits for a job is not to."""
        self._backs_off_until = time.monotonic() + _BACK_OFF_SECONDS

    def end_back_off(self) -> None:
        """Try again with the next that is to be written."""
        self._backs_off_until = 0.0

    # Inside

    def _found(self, connection: sql.Connection, query: listing.Records, *, limit: int | None, skip: int) -> list[Job]:
        found: list[Job] = []
        skip = min(skip, _LARGEST)
        while True:
            wanted = None if limit is None else min(limit - len(found), _LARGEST)
            rows = connection.execute(query.limit(wanted).offset(skip)).all()
            found += (job for _, job in self._sound(rows))
            skip += len(rows)
            # Others in the place of those that are damaged.
            if wanted is None or len(rows) < wanted or len(found) == limit:
                return found

    def _sound(self, rows: Iterable[Any]) -> Iterator[tuple[str, Job]]:
        """The records of a listing; one that is damaged hides no other."""
        for job_id, record, *_ in rows:
            try:
                yield job_id, self._record(job_id, record)
            except JobStoreDamagedError as error:
                _logger.warning("A job is left out: %s", error)

    def _record(self, job_id: str, text: object) -> Job:
        try:
            return read_record(text)
        except Damaged as damage:
            # Of a damaged row the ID may be no text, too.
            shown = job_id.encode("utf-8", "backslashreplace").decode()
            raise JobStoreDamagedError(
                f"the record of job {shown} in the store at {self._database.name} is damaged: {damage}"
            ) from None

    def _body(self, connection: sql.Connection, job_id: str, reference: Reference) -> Body:
        raw = raw_of(connection, reference.sha256)
        if raw is not None:
            fact = reference.kind(reference.observed_at, raw, stamp=reference.stamp)
            if fact.sha256 == reference.sha256:
                return fact
        what = "result" if reference.kind is ResultPayload else "inputs"
        why = "it is not there in full" if raw is None else "it is not what its SHA-256 says"
        raise JobStoreDamagedError(
            f"the {what} of job {job_id} in the store at {self._database.name} cannot be given back: {why} "
            f"({reference.sha256})"
        )


def _is_text(value: Any) -> bool:
    """Whether a value is a text that can be written."""
    return isinstance(value, str) and not any("\ud800" <= sign <= "\udfff" for sign in value)


def check_id(job_id: Any) -> None:
    """Check that something can be the ID of a job.

    Raises:
        JobStoreError: If it is no text, or empty.

    Example:
        >>> check_id("cq1x")
    """
    if not isinstance(job_id, str) or not job_id:
        raise JobStoreError(f"expected the ID of a job, got {job_id!r}")


def _said_by(facts: Iterable[Fact], moment: datetime) -> Iterator[Fact]:
    """What had been seen by a moment, of facts that may say also what was seen before them."""
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


def _check_timeout(timeout: Any) -> None:
    if type(timeout) not in {int, float} or not 0 < timeout <= _LONGEST_SECONDS:
        raise JobStoreError(
            f"expected timeout to be a number of seconds above 0, and at most {_LONGEST_SECONDS}, got {timeout!r}"
        )


def _check_service(service: Any) -> None:
    if service is not None and not isinstance(service, str):
        raise JobStoreError(f"expected service to be a string or None, got {service!r}")


def _checked_jobs(jobs: Any) -> Iterator[Job]:
    if not isinstance(jobs, Iterable):
        raise JobStoreError(f"expected a list of Jobs, got a {type(jobs).__name__}")
    for job in jobs:
        if not isinstance(job, Job):
            raise JobStoreError(f"expected a Job, such as the state of a handle, got a {type(job).__name__}")
        yield job
