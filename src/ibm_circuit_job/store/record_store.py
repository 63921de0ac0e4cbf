"""RecordStore: jobs, their histories and the bodies of their results, merged by any number of processes.

Here stands what each call promises that writes, and which transaction it takes. How facts are merged is ``merging``'s
business, what is read ``reading``'s, how bodies lie in rows ``bodies``', and what trouble means ``trouble``'s.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import IO, Any

import sqlalchemy as sql

from ibm_circuit_job.errors import JobStoreDamagedError, JobStoreError
from ibm_circuit_job.state.facts import Body, Fact
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.store import archive, checking, leases, merging, schema, seals
from ibm_circuit_job.store.archive import Archived
from ibm_circuit_job.store.bodies import Packed, pack, packing_file, put, put_all, unlike
from ibm_circuit_job.store.checking import StoreReport
from ibm_circuit_job.store.merging import Saving, history_of, merge_in, results_among
from ibm_circuit_job.store.reading import check_service
from ibm_circuit_job.store.removal import StoreRemoval
from ibm_circuit_job.store.trouble import Damaged
from ibm_circuit_job.store.writing import Writing


class RecordStore(StoreRemoval):
    """Records of jobs, their histories and their bodies, in a database; see ``JobStore``, which makes handles of them.

    Args:
        url: The path of a file, or the URL of a database.
        results_held: How many decoded results are kept in memory together; ``None`` for all.
        create: Whether to make a store where there is none.
        timeout: Seconds that a call may take for each of its transactions, whatever the database does.
        payloads: Where bodies of inputs and results are to lie outside of the database; see ``JobStore``.
        share_waits: Whether processes that wait for the same jobs let one of them ask the service.
        pool_size: How many connections to the database there are at most, from 1 to 1000; five of them stay open. More
            threads than that wait for one another. A server of PostgreSQL takes 100 connections in all, unless its
            ``max_connections`` says otherwise.
        pool_timeout: Seconds that a call waits for a free connection; ``None`` for nearly all of its ``timeout``.

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
            how: Whether it is on the disk when this returns, and whether to wait for others that write, as
                ``ibm_circuit_job.store.Writing`` names it. One that does not wait fails at once where they write, or
                where there was trouble just now.
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
            JobStoreDamagedError: If what is kept of one of them is damaged beyond its history; all others are saved.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save_all([Job("cq1x"), Job("cq2y")])
            ...     len(store.records())
            2
        """
        facts: dict[str, list[Fact]] = {}
        check_service(service)
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
        if how is not Writing.SYNCED:
            self.check_back_off("keep jobs")
        named = f"job {next(iter(facts))}" if len(facts) == 1 else f"{len(facts)} jobs"
        bodies = {fact.sha256: fact.raw for learned in facts.values() for fact in learned if isinstance(fact, Body)}
        damaged: dict[str, str] = {}

        def work(connection: sql.Connection) -> None:
            put(connection, bodies, packed, file)
            damaged.clear()
            damaged.update(merge_in(connection, saving))
            if damaged:
                raise Damaged("; ".join(damaged.values()))
            leases.announce(connection, facts)

        # Looked at, and compressed, before any lock is taken.
        saving = Saving(facts, service, now, results_among(facts))
        try:
            with packing_file() as file:
                packed = self._packed(bodies, file, f"keep {named}", how)
                self._database.write(f"keep {named}", work, how=how, size=sum(map(len, bodies.values())))
        except JobStoreDamagedError as error:
            # What is kept of one job is no trouble for the others.
            sound = {job_id: learned for job_id, learned in facts.items() if job_id not in damaged}
            if not damaged or not sound:
                raise
            self._save(sound, service=service, how=how, now=now)
            raise JobStoreDamagedError(
                f"{error}; of the {len(facts)} jobs, the other {len(sound)} were saved"
            ) from None
        except JobStoreError:
            if how is not Writing.SYNCED:
                self.back_off()
            raise

    def _packed(self, bodies: Mapping[str, bytes], file: IO[bytes], doing: str, how: Writing) -> dict[str, Packed]:
        """The bodies that are not in the store yet, or not any more as they were, by their SHA-256.

        Those that are to lie outside of the database are there afterwards.
        """
        if not bodies:
            return {}

        def work(connection: sql.Connection) -> dict[str, Packed]:
            self._database.payloads.look(connection)
            return {sha256: pack(bodies[sha256], file) for sha256 in sorted(unlike(connection, bodies))}

        size = sum(map(len, bodies.values()))
        packed = self._database.read(doing, work, how=how, size=size)
        place = self._database.payloads.known
        if place is not None:
            # While no transaction waits for that.
            self._database.beside(doing, partial(put_all, place, packed), how=how, size=size)
        return packed

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
        query = sql.select(schema.jobs.c.job_id).order_by(schema.jobs.c.job_id)
        listed = self._database.read("export jobs", lambda connection: connection.execute(query).scalars().all())
        for job_id in listed:
            if not _is_text(job_id):
                damaged.append(f"what is kept of job {job_id!r} is damaged: expected a text as its ID")
                continue
            job, wrong = self._database.read(f"export job {job_id}", partial(self._sound_job, job_id))
            damaged += wrong
            yield job

    def _sound_job(self, job_id: str, connection: sql.Connection) -> tuple[Archived, list[str]]:
        """What is sound of a job, and what is wrong with the facts that are left out."""
        facts: list[Fact] = []
        service: str | None = None
        damaged: list[str] = []
        rows = history_of(connection, job_id)
        for row in rows:
            try:
                facts += self._facts(connection, row)
            except (Damaged, JobStoreDamagedError) as error:
                damaged.append(str(error))
        try:
            found = self._row(connection, job_id)
            if found is not None:
                record, service = self._record(job_id, found), found["service"]
                # What is missing there may be here.
                facts += () if facts else record.facts
                seals.check_history(job_id, found["history_digest"], rows)
        except (Damaged, JobStoreDamagedError) as error:
            damaged.append(str(error))
        return Archived(job_id, service or None, tuple(facts)), damaged

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

    def give_up_result(self, job_id: str) -> None:
        """Note that the result of a job cannot be had any more, so that it is not asked for again.

        Raises:
            JobStoreError: If the store cannot be written to.
        """
        self._database.write(
            f"keep job {job_id}", lambda connection: merging.give_up_result(connection, job_id), how=Writing.SOON
        )

    def check(self) -> StoreReport:
        """Read all that the store has, and return what is damaged: also what no listing and no job shows.

        Every record and every fact is compared with its digest, every history with that of the whole, every body with
        its SHA-256, every column with the record that it copies. Of a file, SQLite checks each page and each index.
        It takes as long as to read all of it; others may read and write meanwhile.

        Raises:
            JobStoreError: If the store cannot be read at all.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     report = store.check()
            >>> report.jobs, report.is_sound, report.damage
            (1, True, ())
        """
        return checking.checked(self._database)


def _is_text(value: Any) -> bool:
    """Whether a value is a text that can be written."""
    return isinstance(value, str) and not any("\ud800" <= sign <= "\udfff" for sign in value)


def _checked_jobs(jobs: Any) -> Iterator[Job]:
    if not isinstance(jobs, Iterable):
        raise JobStoreError(f"expected a list of Jobs, got a {type(jobs).__name__}")
    for job in jobs:
        if not isinstance(job, Job):
            raise JobStoreError(f"expected a Job, such as the state of a handle, got a {type(job).__name__}")
        yield job
