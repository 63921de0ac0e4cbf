"""Retention: chooses the jobs that ``prune`` deletes, counts the bytes that this frees, and deletes results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sql
from attrs import frozen

from ibm_circuit_job.errors import IBMBackendValueError
from ibm_circuit_job.state.facts import ResultPayload
from ibm_circuit_job.state.job import BODIES
from ibm_circuit_job.state.selection import WantedJobs
from ibm_circuit_job.store import listing, schema, seals
from ibm_circuit_job.store.bodies import delete_unreferenced, lock_bodies
from ibm_circuit_job.store.database import Database
from ibm_circuit_job.store.records import derived_columns, record_in
from ibm_circuit_job.store.statements import portions
from ibm_circuit_job.store.survey import conditions
from ibm_circuit_job.store.trouble import Damaged

_PAGE: Final = 500
"""The most jobs that are read in one transaction."""
_SLOT: Final = next(slot for slot, kind in BODIES.items() if kind is ResultPayload)
_LONGEST: Final = timedelta(days=365 * 1000)


@frozen
class PruneReport:
    """The result of :meth:`RecordStore.prune`: the jobs that it has deleted, or would delete.

    Example:
        >>> PruneReport(("cq1x", "cq2y"), 2048, is_dry_run=True).jobs
        ('cq1x', 'cq2y')
    """

    jobs: tuple[str, ...]
    """The IDs of the jobs, oldest first."""
    bytes: int
    """The number of bytes of the inputs and results that are deleted, before compression. A body that a remaining job
    has as well is not counted."""
    is_dry_run: bool
    """Whether nothing was deleted."""


@frozen
class Retained:
    """The kinds of jobs that stay even if they match all filters."""

    unfinished: bool = True
    """Whether jobs stay that have not ended, or whose result is awaited."""
    private: bool = True
    """Whether private jobs stay. Their results can be read from the service once, so this may be the only copy."""


def moment_before(older_than: Any, now: datetime) -> datetime | None:
    """Return the latest time of creation for jobs of a minimum age; ``None`` for no limit.

    Args:
        older_than: The minimum age, a ``timedelta`` from 0 to 1000 years; ``None`` for no limit.
        now: The present time.

    Raises:
        IBMBackendValueError: If *older_than* is anything else.
    """
    if older_than is None:
        return None
    if not isinstance(older_than, timedelta) or not timedelta(0) <= older_than <= _LONGEST:
        raise IBMBackendValueError(
            f"expected older_than to be a timedelta from 0 to 1000 years, as timedelta(days=90), got {older_than!r}"
        )
    return now - older_than


def chosen(
    database: Database,
    wanted: WantedJobs,
    service: str | None,
    retained: Retained,
    *,
    among: Collection[str] | None,
    results_only: bool,
) -> tuple[list[str], int]:
    """Return the IDs of the jobs that match all filters, oldest first, and the bytes of bodies that only they have.

    Jobs with a damaged record are left out, since it is unknown whether they match.

    Args:
        database: The database.
        wanted: Filters by status, time and tags.
        service: Only jobs on this service, and jobs with an unknown service; ``None`` for any.
        retained: The kinds of jobs that are left out.
        among: Only jobs with these IDs; ``None`` for any.
        results_only: Whether only results count. Jobs without a result are then left out.

    Raises:
        JobStoreError: If the store cannot be read.
    """
    found: list[str] = []
    freed: Counter[str] = Counter()
    last: tuple[int, str] | None = None
    while True:

        def work(connection: sql.Connection, last: tuple[int, str] | None = last) -> Sequence[sql.RowMapping]:
            return connection.execute(_page(connection, wanted, service, retained, last)).mappings().all()

        rows = database.read("look for jobs to remove", work)
        if not rows:
            break
        fitting = [row["job_id"] for row in rows if _may_go(row, retained, among)]
        of_page = database.read("look for jobs to remove", lambda connection: _bodies_of(connection, fitting))  # noqa: B023 - called at once
        with_result = {job_id for job_id, slot, _ in of_page if slot == _SLOT}
        freed.update(sha256 for _, slot, sha256 in of_page if slot == _SLOT or not results_only)
        found += (job_id for job_id in fitting if job_id in with_result or not results_only)
        last = rows[-1]["moment"], rows[-1]["job_id"]
    return found, database.read("look for jobs to remove", lambda connection: _bytes_of(connection, freed))


def _page(
    connection: sql.Connection,
    wanted: WantedJobs,
    service: str | None,
    retained: Retained,
    last: tuple[int, str] | None,
) -> sql.Select[Any]:
    jobs = schema.jobs.c
    query = sql.select(*(jobs[name] for name in (*seals.SEALED, "digest")), jobs.moment)
    query = query.where(*conditions(wanted, None, listing.services_like(connection, service)))
    statuses = listing.statuses(wanted)
    if statuses is not None:
        query = query.where(jobs.status.in_(statuses))
    if retained.unfinished:
        query = query.where(jobs.has_ended.is_(True), jobs.unfinished.is_(False))
    if last is not None:
        query = query.where(sql.tuple_(jobs.moment, jobs.job_id) > sql.tuple_(*last))
    return query.order_by(jobs.moment, jobs.job_id).limit(_PAGE)


def _may_go(row: sql.RowMapping, retained: Retained, among: Collection[str] | None) -> bool:
    if among is not None and row["job_id"] not in among:
        return False
    try:
        return not (record_in(row).private and retained.private)
    except Damaged:
        return False


def _bodies_of(connection: sql.Connection, job_ids: Iterable[str]) -> list[tuple[str, str, str]]:
    """The bodies in the histories of jobs: job ID, slot and SHA-256."""
    history = schema.history.c
    found: list[tuple[str, str, str]] = []
    for wanted in portions(job_ids):
        query = sql.select(history.job_id, history.slot, history.sha256)
        rows = connection.execute(query.where(history.job_id.in_(wanted), history.sha256.is_not(None)))
        found += ((job_id, slot, sha256) for job_id, slot, sha256 in rows)
    return found


def _bytes_of(connection: sql.Connection, freed: Counter[str]) -> int:
    """The bytes of the bodies to which no other history refers.

    Args:
        connection: The transaction.
        freed: SHA-256 -> the number of references that would be deleted.
    """
    bodies, history = schema.bodies.c, schema.history.c
    total = 0
    for wanted in portions(sorted(freed)):
        query = (
            sql.select(bodies.sha256, bodies.size, sql.func.count())
            .join_from(schema.bodies, schema.history, history.sha256 == bodies.sha256)
            .where(bodies.sha256.in_(wanted))
            .group_by(bodies.sha256, bodies.size)
        )
        total += sum(size for sha256, size, count in connection.execute(query) if count == freed[sha256])
    return total


def drop_results(connection: sql.Connection, job_id: str) -> None:
    """Delete the results of a job, and record that they are gone. All other facts stay.

    Nothing is changed if the record or one of the results in the history is damaged.

    Args:
        connection: The transaction.
        job_id: The job's ID.
    """
    jobs, history = schema.jobs, schema.history
    of_job = (history.c.job_id == job_id, history.c.slot == _SLOT)
    lock_bodies(connection, sql.select(history.c.sha256).where(*of_job))
    row = connection.execute(sql.select(jobs).where(jobs.c.job_id == job_id).with_for_update()).mappings().first()
    facts = connection.execute(sql.select(history).where(*of_job)).mappings().all()
    if row is None or seals.digest_of_job(row) != row["digest"]:
        return
    if any(seals.digest_of_fact(fact) != fact["digest"] for fact in facts):
        return
    connection.execute(sql.delete(history).where(*of_job))
    values: dict[str, Any] = {
        **dict.fromkeys(f"{_SLOT}_{name}" for name in ("at", "stamp", "sha256")),
        "has_result": False,
        # Prevents that handles request the result again.
        "result_is_gone": True,
        "history_digest": seals.with_facts(row["history_digest"], facts, removed=True),
    }
    values |= derived_columns({**row, **values})
    values["digest"] = seals.digest_of_job({**row, **values})
    connection.execute(sql.update(jobs).where(jobs.c.job_id == job_id).values(values))
    delete_unreferenced(connection, {fact["sha256"] for fact in facts})


def checked_among(job_ids: Any) -> frozenset[str]:
    """Return the argument *among* as a set of IDs of jobs. A string is refused: it is not a list of IDs.

    Raises:
        IBMBackendValueError: If the argument is no list of strings.
    """
    if isinstance(job_ids, str) or not isinstance(job_ids, Iterable):
        raise IBMBackendValueError(f"expected among to be a list of IDs of jobs, got {job_ids!r}")
    listed = list(job_ids)
    for job_id in listed:
        if not isinstance(job_id, str):
            raise IBMBackendValueError(f"expected among to be a list of IDs of jobs, got {job_id!r} in it")
    return frozenset(listed)
