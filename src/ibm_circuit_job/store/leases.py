"""Leases: if several processes wait for a job, its lease names the one that asks the service.

The other processes are notified when that one saves something. In PostgreSQL, a transaction that saves a job with a
lease sends a notice, which is delivered at its commit. In SQLite, ``PRAGMA data_version`` is a number that changes with
each commit of another connection. The rules by which a lease is free are in ``state.watching``.
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
"""The seconds after the last renewal of a watcher until its row is removed."""


def announce(connection: sql.Connection, job_ids: Iterable[str]) -> None:
    """Notify the processes that wait for these jobs, when the transaction commits.

    Args:
        connection: The transaction.
        job_ids: The jobs that were saved. Jobs without a lease cost nothing, since no process waits for them.
    """
    if connection.dialect.name == "postgresql":
        for wanted in portions(job_ids):
            connection.execute(_ANNOUNCE, {"of_jobs": wanted}).all()


# PostgreSQL delivers equal notices of one transaction once. The notice is empty: there is something to read.
_ANNOUNCE: Final = sql.select(sql.func.pg_notify(postgresql.CHANNEL, "")).where(
    sql.exists().where(schema.leases.c.job_id.in_(sql.bindparam("of_jobs", expanding=True)))
)


@frozen
class Look:
    """The leases of some jobs, and the records that have changed."""

    leases: Mapping[str, Lease]
    """Job ID -> lease, for each job that has one."""
    changed: Mapping[str, tuple[str | None, Job | None]]
    """Job ID -> digest and record, for each record that has changed; the record is ``None`` if it is damaged."""


class Leases:
    """The leases in one database.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def are_in_file(self) -> bool:
        """Whether the database is a file. A file sends no notices, so it must be read at intervals."""
        return self._database.is_sqlite

    def read_and_take(
        self, watcher: str, job_ids: Collection[str], free_among: Callable[[Mapping[str, Lease]], Collection[str]]
    ) -> dict[str, Lease]:
        """Renew a watcher, take the leases that are free, and return all leases of some jobs.

        Args:
            watcher: The ID of the calling process as a watcher.
            job_ids: The jobs that it waits for.
            free_among: From the leases that exist, returns the IDs of the jobs whose leases the watcher takes.

        Returns:
            Job ID -> lease.

        Raises:
            JobStoreError: If the store cannot be written to at the moment.
        """

        def work(connection: sql.Connection) -> dict[str, Lease]:
            _renew(connection, watcher)
            there = _leases_of(connection, job_ids)
            if free_among(there):
                if connection.dialect.name == "postgresql":
                    # If two processes take the same leases, the second one waits here, and finds them taken.
                    connection.exec_driver_sql(f"LOCK TABLE {schema.leases.name} IN SHARE ROW EXCLUSIVE MODE")
                    there = _leases_of(connection, job_ids)
                _take(connection, watcher, free_among(there))
                there = _leases_of(connection, job_ids)
            return there

        return self._database.write("share the wait for jobs", work, how=Writing.SOON)

    def release(self, watcher: str, job_ids: Collection[str], *, is_last: bool = False) -> None:
        """Delete the leases of some jobs, so that another process can take them at once.

        Args:
            watcher: The watcher that has the leases.
            job_ids: The jobs.
            is_last: Whether the watcher waits for no other jobs, so that it is removed as well.

        Raises:
            JobStoreError: If the store cannot be written to at the moment. The leases then expire.
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
            digests: Job ID -> digest of the record that the caller has.
            at_all: Whether to read in any case. Otherwise a file is read only if it has changed since the last call.

        Returns:
            The leases and the changed records; ``None`` if a file has not changed.

        Raises:
            JobStoreError: If the store cannot be read at the moment.
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
        """Return a separate connection on which notices arrive.

        Raises:
            Exception: If the connection fails: any error of the driver.
        """
        return self._database.listener()


def _record(row: Any) -> Job | None:
    with suppress(Damaged):
        return record_in(row)
    return None


def _now(connection: sql.Connection) -> sql.ColumnElement[float]:
    """The time by the clock of the database, in seconds since 1970, UTC."""
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
    # A new watcher removes the rows of processes that were killed, with their leases.
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
    # The number is the connection's own. On a connection without an earlier number, assume a change.
    found = connection.exec_driver_sql("PRAGMA data_version").scalar()
    has_changed = connection.info.get("data_version") != found
    connection.info["data_version"] = found
    return has_changed
