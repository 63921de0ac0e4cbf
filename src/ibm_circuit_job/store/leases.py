"""Leases: the rows that say which process asks the service for a job that several wait for, and what wakes the others.

Which lease is free is ``state.watching``'s business. In PostgreSQL a transaction that saves a job with a lease sends a
notice, which is delivered when it commits. A file of SQLite has a number that changes with each commit of another
connection (``PRAGMA data_version``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import sqlalchemy as sql
from attrs import frozen

from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.watching import Lease
from ibm_circuit_job.store import postgresql, schema
from ibm_circuit_job.store.database import Database
from ibm_circuit_job.store.records import record_in
from ibm_circuit_job.store.statements import portions
from ibm_circuit_job.store.trouble import Damaged
from ibm_circuit_job.store.writing import Writing

_REMOVED_AFTER: Final = 3600.0
"""Seconds after which the row of a watcher that is not renewed is removed."""


def announce(connection: sql.Connection, job_ids: Iterable[str]) -> None:
    """Have the processes that follow these jobs notice that something was saved, when the transaction commits.

    Args:
        connection: The transaction.
        job_ids: The jobs. Those without a lease cost nothing: no process follows them.
    """
    if connection.dialect.name == "postgresql":
        for wanted in portions(job_ids):
            connection.execute(_ANNOUNCE, {"of_jobs": wanted}).all()


# Notices of one transaction that are alike are one. It says no more than that there is something to read.
_ANNOUNCE: Final = sql.select(sql.func.pg_notify(postgresql.CHANNEL, "")).where(
    sql.exists().where(schema.leases.c.job_id.in_(sql.bindparam("of_jobs", expanding=True)))
)


@frozen
class Look:
    """What was read of some jobs."""

    leases: Mapping[str, Lease]
    """ID -> the job's lease, of those that have one."""
    changed: Mapping[str, tuple[str | None, Job | None]]
    """ID -> the digest and the record of each job whose record has changed; ``None`` for one that is damaged."""


class Leases:
    """The leases in one database.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def are_in_file(self) -> bool:
        """Whether the database is a file, which sends no notices, and is looked at instead."""
        return self._database.is_sqlite

    def read_and_take(
        self, watcher: str, job_ids: Collection[str], free_among: Callable[[Mapping[str, Lease]], Collection[str]]
    ) -> dict[str, Lease]:
        """Renew a watcher, take the leases that are free, and return the leases of some jobs: ID -> lease.

        Args:
            watcher: The process that asks.
            job_ids: The jobs that it waits for.
            free_among: Returns those that the watcher takes, given the leases that there are.

        Raises:
            JobStoreError: If the store cannot be written to just now.
        """

        def work(connection: sql.Connection) -> dict[str, Lease]:
            _renew(connection, watcher)
            there = _leases_of(connection, job_ids)
            if free_among(there):
                if connection.dialect.name == "postgresql":
                    # Two processes that take the same leases: the second waits, and finds them taken.
                    connection.exec_driver_sql(f"LOCK TABLE {schema.leases.name} IN SHARE ROW EXCLUSIVE MODE")
                    there = _leases_of(connection, job_ids)
                _take(connection, watcher, free_among(there))
                there = _leases_of(connection, job_ids)
            return there

        return self._database.write("share the wait for jobs", work, how=Writing.SOON)

    def release(self, watcher: str, job_ids: Collection[str], *, is_last: bool = False) -> None:
        """Give up the leases of some jobs, so that another process takes them at once.

        Args:
            watcher: The process that has them.
            job_ids: The jobs.
            is_last: Whether the process waits for no other jobs.

        Raises:
            JobStoreError: If the store cannot be written to just now; then they end by themselves.
        """

        def work(connection: sql.Connection) -> None:
            announce(connection, job_ids)
            mine = schema.leases.c.watcher == watcher
            for wanted in portions(job_ids):
                connection.execute(sql.delete(schema.leases).where(mine, schema.leases.c.job_id.in_(wanted)))
            if is_last:
                connection.execute(sql.delete(schema.watchers).where(schema.watchers.c.watcher == watcher))

        self._database.write("share the wait for jobs", work, how=Writing.SOON)

    def look(self, digests: Mapping[str, str | None], *, at_all: bool) -> Look | None:
        """Return the leases of some jobs, and the records that have changed.

        Args:
            digests: The jobs, and of each the digest of the record that is known.
            at_all: Whether to look also where nothing was saved since the last time, as far as a file says so.

        Returns:
            What there is; ``None`` where nothing was saved.

        Raises:
            JobStoreError: If the store cannot be read just now.
        """
        jobs = schema.jobs

        def work(connection: sql.Connection) -> tuple[dict[str, Lease], list[sql.RowMapping]] | None:
            if self._database.is_sqlite and not _has_changed(connection) and not at_all:
                return None
            different: list[str] = []
            for wanted in portions(digests):
                query = sql.select(jobs.c.job_id, jobs.c.digest).where(jobs.c.job_id.in_(wanted))
                different += [job_id for job_id, digest in connection.execute(query) if digest != digests[job_id]]
            rows = [
                row
                for wanted in portions(different)
                for row in connection.execute(sql.select(jobs).where(jobs.c.job_id.in_(wanted))).mappings()
            ]
            return _leases_of(connection, digests), rows

        found = self._database.read("read jobs", work, how=Writing.SOON)
        if found is None:
            return None
        leases, rows = found
        return Look(leases, {row["job_id"]: (row["digest"], _record(row)) for row in rows})

    def listener(self) -> postgresql.Listener:
        """Return a connection of its own on which notices arrive.

        Raises:
            Exception: If there can be none just now: any error of the driver.
        """
        return self._database.listener()


def _record(row: Any) -> Job | None:
    with suppress(Damaged):
        return record_in(row)
    return None


def _now(connection: sql.Connection) -> sql.ColumnElement[float]:
    """The seconds of the clock of the database."""
    if connection.dialect.name == "postgresql":
        return sql.cast(sql.extract("epoch", sql.func.clock_timestamp()), sql.Double)
    days: sql.ColumnElement[float] = sql.func.julianday("now", type_=sql.Double)
    return (days - _JULIAN_1970) * _SECONDS_PER_DAY


_JULIAN_1970: Final = 2440587.5
_SECONDS_PER_DAY: Final = 86400.0


def _renew(connection: sql.Connection, watcher: str) -> None:
    watchers, now = schema.watchers, _now(connection)
    mine = watchers.c.watcher == watcher
    if connection.execute(sql.update(watchers).where(mine).values(renewed=now)).rowcount:
        return
    connection.execute(sql.insert(watchers).values(watcher=watcher, renewed=now))
    # Those that a process has left behind. One that is killed does not remove its own.
    connection.execute(sql.delete(watchers).where(watchers.c.renewed < now - _REMOVED_AFTER))
    others = sql.select(watchers.c.watcher)
    connection.execute(sql.delete(schema.leases).where(schema.leases.c.watcher.not_in(others)))


def _leases_of(connection: sql.Connection, job_ids: Iterable[str]) -> dict[str, Lease]:
    leases, watchers = schema.leases, schema.watchers
    found: dict[str, Lease] = {}
    for wanted in portions(job_ids):
        query = (
            sql.select(leases.c.job_id, leases.c.watcher, watchers.c.renewed, _now(connection) - watchers.c.renewed)
            .join_from(leases, watchers, leases.c.watcher == watchers.c.watcher, isouter=True)
            .where(leases.c.job_id.in_(wanted))
        )
        for job_id, watcher, renewed, age in connection.execute(query):
            found[job_id] = Lease(watcher, renewed, age)
    return found


def _take(connection: sql.Connection, watcher: str, job_ids: Collection[str]) -> None:
    for wanted in portions(job_ids):
        connection.execute(sql.delete(schema.leases).where(schema.leases.c.job_id.in_(wanted)))
        rows = [{"job_id": job_id, "watcher": watcher} for job_id in wanted]
        connection.execute(sql.insert(schema.leases), rows)


def _has_changed(connection: sql.Connection) -> bool:
    # Each connection counts for itself: one that was not asked yet may have missed something.
    found = connection.exec_driver_sql("PRAGMA data_version").scalar()
    has_changed = connection.info.get("data_version") != found
    connection.info["data_version"] = found
    return has_changed
