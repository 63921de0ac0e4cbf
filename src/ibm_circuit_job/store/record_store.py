"""RecordStore: saves jobs, their histories and bodies. Any number of processes can use one store.

This module has the calls that write, and their transactions. ``merging`` merges facts, ``reading`` has the calls that
read, ``bodies`` saves bodies as rows, and ``trouble`` explains errors of the database.
"""

from __future__ import annotations

import os
import time
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
from ibm_circuit_job.store.bodies import Packed, missing_or_damaged, pack, packing_file, put, put_all
from ibm_circuit_job.store.checking import StoreReport
from ibm_circuit_job.store.merging import Saving, history_of, merge_in, results_among
from ibm_circuit_job.store.reading import check_service
from ibm_circuit_job.store.removal import StoreRemoval
from ibm_circuit_job.store.trouble import Damaged
from ibm_circuit_job.store.writing import Writing


class RecordStore(StoreRemoval):
    """A database of job records, their histories and bodies. ``JobStore`` is the same and returns handles.

    Args:
        url: The path of a file, or the URL of a database.
        results_held: The number of decoded results to cache in memory; ``None`` for all.
        create: Whether to create a store if there is none.
        timeout: The longest time in seconds for each transaction of a call.
        payloads: The place outside of the database for bodies of inputs and results; see ``JobStore``.
        share_waits: Whether only one process sends requests if several processes wait for the same jobs.
        pool_size: The most connections to the database at once, from 1 to 1000; five stay open. Additional threads
            wait for a free connection. A server of PostgreSQL accepts 100 connections in all by default; see its
            setting ``max_connections``.
        pool_timeout: The longest wait for a free connection in seconds; ``None`` for nearly all of *timeout*.

    Raises:
        JobStoreUnavailableError: If the database cannot be reached now.
        JobStoreError: If the database cannot be opened, belongs to another program, or was written by a newer version;
            if there is none, and *create* is false.
        JobStoreDamagedError: If the database is damaged.

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
        """Merge a record into the record in the store, and append its facts to the history of the job.

        Args:
            job: The record.
            service: The service that has the job, as ``IBMProvider.service`` names it; ``None`` if unknown.
            how: A ``Writing``: whether the change is on the disk when this returns, and whether to wait for other
                programs that write. Without a wait, this fails at once if they write, or if a write has just failed.
            now: The present time with a time zone, if the record has just been observed; ``None`` for an older record.
                The facts then count as newer than all in the store, even if another machine's clock is ahead.

        Raises:
            JobStoreError: If an argument is wrong, or the store cannot be written to. Nothing is changed then.

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
        """Merge any number of records into the store in one transaction.

        Args:
            jobs: The records; several may be of the same job.
            service: The service that has the jobs, as ``IBMProvider.service`` names it; ``None`` if unknown.
            how: As for :meth:`save`.
            now: As for :meth:`save`.

        Raises:
            JobStoreError: If an argument is wrong, or the store cannot be written to. Nothing is changed then.
            JobStoreDamagedError: If a job in the store is damaged and cannot be restored from its history. All other
                jobs are saved.

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
            self.check_back_off("save jobs")
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

        # Large bodies are examined and compressed before any lock is taken.
        saving = Saving(facts, service, now, results_among(facts))
        began = time.monotonic()
        try:
            with packing_file() as file:
                packed = self._packed(bodies, file, f"save {named}", how)
                self._database.write(f"save {named}", work, how=how, size=sum(map(len, bodies.values())))
        except JobStoreDamagedError as error:
            # A damaged job does not prevent that the others are saved.
            sound = {job_id: learned for job_id, learned in facts.items() if job_id not in damaged}
            if not damaged or not sound:
                raise
            self._save(sound, service=service, how=how, now=now)
            raise JobStoreDamagedError(
                f"{error}; of the {len(facts)} jobs, the other {len(sound)} were saved"
            ) from None
        except JobStoreError:
            if how is not Writing.SYNCED:
                self.back_off(time.monotonic() - began)
            raise

    def _packed(self, bodies: Mapping[str, bytes], file: IO[bytes], doing: str, how: Writing) -> dict[str, Packed]:
        """Compress the bodies that the store lacks or has damaged, and return them by SHA-256.

        If the store has a place for payloads, they are also written there.
        """
        if not bodies:
            return {}

        def work(connection: sql.Connection) -> dict[str, Packed]:
            self._database.payloads.look(connection)
            return {sha256: pack(bodies[sha256], file) for sha256 in sorted(missing_or_damaged(connection, bodies))}

        size = sum(map(len, bodies.values()))
        packed = self._database.read(doing, work, how=how, size=size)
        place = self._database.payloads.known
        if place is not None:
            # Outside of any transaction, since this may take long.
            self._database.without_connection(doing, partial(put_all, place, packed), how=how, size=size)
        return packed

    # Archives

    def export(self, path: str | os.PathLike[str]) -> int:
        """Write the whole store to files that people can read, and that later versions can import.

        ``jobs.jsonl`` has a line of JSON for each job. ``bodies`` has the bodies of inputs and results, unchanged.

        Args:
            path: The folder; it must be empty, or not exist. A new folder can be read by its owner only.

        Returns:
            The number of jobs.

        Raises:
            JobStoreError: If the folder cannot be written to, or the store cannot be read. No folder is left then.
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
            raise JobStoreDamagedError(f"exported all to {path}, except what is damaged: {'; '.join(damaged)}")
        return count

    def _archived(self, damaged: list[str]) -> Iterator[Archived]:
        """Yield all jobs, sorted by ID. A line for each damaged fact is added to *damaged*."""
        query = sql.select(schema.jobs.c.job_id).order_by(schema.jobs.c.job_id)
        listed = self._database.read("export jobs", lambda connection: connection.execute(query).scalars().all())
        for job_id in listed:
            if not _is_text(job_id):
                damaged.append(f"the record of job {job_id!r} is damaged: expected a text as its ID")
                continue
            job, wrong = self._database.read(f"export job {job_id}", partial(self._sound_job, job_id))
            damaged += wrong
            yield job

    def _sound_job(self, job_id: str, connection: sql.Connection) -> tuple[Archived, list[str]]:
        """The facts of a job that are not damaged, and a line for each that is."""
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
                record, service = self._record(found), found["service"]
                # If all facts are damaged, the record may still be sound.
                facts += () if facts else record.facts
                seals.check_history(job_id, found["history_digest"], rows)
        except (Damaged, JobStoreDamagedError) as error:
            damaged.append(str(error))
        return Archived(job_id, service or None, tuple(facts)), damaged

    def import_(self, path: str | os.PathLike[str]) -> int:
        """Merge the files of :meth:`export` into the store. All files are checked before anything is saved.

        Args:
            path: The folder.

        Returns:
            The number of jobs in the folder.

        Raises:
            JobStoreError: If the folder cannot be read, is of a newer version, or the store cannot be written to.
            JobStoreDamagedError: If a file is damaged. The message names the line or the file.

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
        """Record that the result of a job is no longer available, so that it is not requested again.

        Args:
            job_id: The job's ID.

        Raises:
            JobStoreError: If the store cannot be written to.
        """
        self._database.write(
            f"save job {job_id}", lambda connection: merging.give_up_result(connection, job_id), how=Writing.SOON
        )

    def check(self) -> StoreReport:
        """Read the whole store, and return a report of all damage, including damage that no listing and no job shows.

        Each record, fact and history is compared with its digest, each body with its SHA-256, and each column with the
        record from which it was copied. SQLite also checks each page and index of its file. Other programs can read
        and write meanwhile.

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
    """Whether a value is a string that can be encoded in UTF-8."""
    return isinstance(value, str) and not any("\ud800" <= sign <= "\udfff" for sign in value)


def _checked_jobs(jobs: Any) -> Iterator[Job]:
    if not isinstance(jobs, Iterable):
        raise JobStoreError(f"expected a list of Jobs, got a {type(jobs).__name__}")
    for job in jobs:
        if not isinstance(job, Job):
            raise JobStoreError(f"expected a Job, such as the state of a handle, got a {type(job).__name__}")
        yield job
