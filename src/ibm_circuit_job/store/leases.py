"""Leases: if several processes wait for a job, its lease names the process that polls the service.

The other processes are notified when this process saves something. In PostgreSQL, a transaction that saves a job with a
lease sends a notice, which is delivered at its commit. In SQLite, ``PRAGMA data_version`` is a number that changes with
each commit of another connection. ``state.watching`` has the rules that say when a lease is free.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any, ClassVar, Final

import msgspec
import sqlalchemy as sql
from attrs import frozen

from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.watching import Lease
from ibm_circuit_job.store import postgresql, schema
from ibm_circuit_job.store.database import Database
from ibm_circuit_job.store.records import record_in
from ibm_circuit_job.store.statements import ByDialect, insert, is_among, json_list, pairs, texts
from ibm_circuit_job.store.trouble import Damaged
from ibm_circuit_job.store.writing import Writing

_REMOVED_AFTER: Final = 3600.0
"""Seconds after which the row of a watcher that was not renewed is removed. A watcher is a process that waits."""


def announce(connection: sql.Connection, job_ids: Iterable[str]) -> None:
    """Notify the processes that wait for these jobs, when the transaction commits.

    Args:
        connection: The transaction.
        job_ids: The jobs that were saved. Jobs without a lease cost nothing, since no process waits for them.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_ANNOUNCE, {"of_jobs": texts(job_ids)}).all()


_IS_WANTED: Final = is_among(schema.leases.c.job_id, "of_jobs")
# A notice is the ID of a job. PostgreSQL takes no longer text. For a job with a longer ID there is no notice: processes
# see its changes when they renew their leases.
_LONGEST_NOTICE: Final = 7999
_ANNOUNCE: Final = sql.select(sql.func.pg_notify(postgresql.CHANNEL, schema.leases.c.job_id)).where(
    _IS_WANTED, sql.func.octet_length(schema.leases.c.job_id) <= _LONGEST_NOTICE
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
        """Renew a watcher, give it the leases that are free, and return all leases of some jobs.

        Args:
            watcher: The ID of the calling process as a watcher.
            job_ids: The jobs that it waits for.
            free_among: A function of the leases that exist. It returns the IDs of the jobs whose leases the watcher
                is to take.

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
            is_last: Whether the watcher waits for no other jobs. Then its row is removed as well.

        Raises:
            JobStoreError: If the store cannot be written to at the moment. The leases then expire.
        """

        def work(connection: sql.Connection) -> None:
            announce(connection, job_ids)
            connection.execute(_RELEASE, {"of_watcher": watcher, "of_jobs": texts(job_ids)})
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

        def work(connection: sql.Connection) -> tuple[dict[str, Lease], list[sql.RowMapping]] | None:
            if self._database.is_sqlite and not _has_changed(connection) and not at_all:
                return None
            given = {"digests": msgspec.json.encode(digests).decode()}
            return _leases_of(connection, digests), [*connection.execute(_CHANGED, given).mappings()]

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


_DIGESTS: Final = pairs("digests")
# The records whose digest differs from the digest that the caller has.
_CHANGED: Final = (
    sql.select(schema.jobs)
    .join_from(_DIGESTS, schema.jobs, schema.jobs.c.job_id == _DIGESTS.c.key)
    .where(schema.jobs.c.digest.is_distinct_from(_DIGESTS.c.value))
)


class _Now(ByDialect[float]):
    """The time by the clock of the database, in seconds since 1970, UTC."""

    inherit_cache = True
    type = sql.Double()
    spelt: ClassVar = {
        "postgresql": "CAST(EXTRACT(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)",
        # SQLite counts the days since noon of 24 November 4714 BC.
        "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    }


_OF_WATCHER: Final[sql.BindParameter[str]] = sql.bindparam("of_watcher")
_RENEW: Final = sql.update(schema.watchers).where(schema.watchers.c.watcher == _OF_WATCHER).values(renewed=_Now())
_BEGIN: Final = sql.insert(schema.watchers).values(watcher=_OF_WATCHER, renewed=_Now())
_REMOVE: Final = sql.delete(schema.watchers).where(schema.watchers.c.renewed < _Now() - _REMOVED_AFTER)
_REMOVE_LEASES: Final = sql.delete(schema.leases).where(
    schema.leases.c.watcher.not_in(sql.select(schema.watchers.c.watcher))
)
_RELEASE: Final = sql.delete(schema.leases).where(schema.leases.c.watcher == _OF_WATCHER, _IS_WANTED)
# To take a lease, its row is deleted, and a new one is inserted.
_TAKE: Final = sql.delete(schema.leases).where(_IS_WANTED)
# One row for each watcher, of which there are few.
_LEASES: Final = (
    sql.select(
        schema.leases.c.watcher,
        schema.watchers.c.renewed,
        _Now() - schema.watchers.c.renewed,
        json_list(schema.leases.c.job_id),
    )
    .join_from(schema.leases, schema.watchers, schema.leases.c.watcher == schema.watchers.c.watcher, isouter=True)
    .where(_IS_WANTED)
    .group_by(schema.leases.c.watcher, schema.watchers.c.renewed)
)


def _renew(connection: sql.Connection, watcher: str) -> None:
    of_watcher = {"of_watcher": watcher}
    if connection.execute(_RENEW, of_watcher).rowcount:
        return
    connection.execute(_BEGIN, of_watcher)
    # A new watcher removes the rows of processes that were killed, with their leases.
    connection.execute(_REMOVE)
    connection.execute(_REMOVE_LEASES)


def _leases_of(connection: sql.Connection, job_ids: Iterable[str]) -> dict[str, Lease]:
    return {
        job_id: lease
        for watcher, renewed, age, listed in connection.execute(_LEASES, {"of_jobs": texts(job_ids)})
        for lease in [Lease(watcher, renewed, age)]
        for job_id in msgspec.json.decode(listed, type=list[str])
    }


def _take(connection: sql.Connection, watcher: str, job_ids: Collection[str]) -> None:
    connection.execute(_TAKE, {"of_jobs": texts(job_ids)})
    insert(connection, schema.leases, [{"job_id": job_id, "watcher": watcher} for job_id in job_ids])


def _has_changed(connection: sql.Connection) -> bool:
    # The number is the connection's own. On a connection without an earlier number, assume a change.
    found = connection.exec_driver_sql("PRAGMA data_version").scalar()
    has_changed = connection.info.get("data_version") != found
    connection.info["data_version"] = found
    return has_changed
