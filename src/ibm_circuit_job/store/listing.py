"""Queries that list the jobs of a store, filtered and in the order of their creation.

A listing is read from an index that has the same order, so its first jobs take the same time in a store of any size.
Within an index, the jobs with one value of a column are sorted by time. If a filter allows several values, as that for
jobs that have not ended, there is one query for each value, and the database merges their rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias, TypeVar

import sqlalchemy as sql
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.errors import JobStoreDamagedError
from ibm_circuit_job.state.facts import micros_of
from ibm_circuit_job.state.selection import WantedJobs
from ibm_circuit_job.state.status import FINAL_RANK
from ibm_circuit_job.store import schema, seals
from ibm_circuit_job.store.schema import key_of

_R = TypeVar("_R")
_T = TypeVar("_T")
Records: TypeAlias = sql.Select[Any]
"""A query for the records and times of jobs, with all columns that their digests include."""
_PORTION: Final = 1000
"""The number of rows to fetch at once."""
_LARGEST: Final = 2**63 - 1
"""The largest whole number of a database, which is more than it has rows."""
_logger: Final = logging.getLogger(__name__)
_NAMES: Final = (*seals.SEALED, "digest")
_SHOWN: Final = tuple(schema.jobs.c[name] for name in _NAMES)


def fitting(
    wanted: WantedJobs, backend_name: str | None, services: Iterable[str] | None, *, descending: bool
) -> Records:
    """Return a query for the jobs that match all filters, in the order of their creation.

    Args:
        wanted: Filters by status, time and tags.
        backend_name: Only jobs on this backend; ``None`` for any.
        services: Only jobs on these services, from :func:`services_like`; ``None`` for any.
        descending: Whether the newest jobs come first.
    """
    jobs, tags = schema.jobs.c, schema.tags.c
    among, listed = statuses(wanted), None if services is None else sorted(services)
    conditions, ordered = [], schema.jobs.c
    query = sql.select(*_SHOWN, jobs.moment)
    # One of the filters decides which index is read. The others are checked on each row that is found there.
    lead: list[Any] = []
    if wanted.tags:
        first, *others = map(key_of, wanted.tags)
        ordered = tags
        # The ID is taken from the index of tags, so that the rows come in its order.
        query = sql.select(tags.job_id, *(column for column in _SHOWN if column.name != "job_id"), tags.moment)
        query = query.join_from(schema.tags, schema.jobs, tags.job_id == jobs.job_id)
        lead = [tags.tag == first]
        conditions += [_has_tag(tag) for tag in others]
    if backend_name is not None:
        (conditions if lead else lead).append(jobs.backend == key_of(backend_name))
    if among is not None:
        if lead:
            conditions.append(_unindexed(jobs.status).in_(among))
        else:
            lead = [jobs.status == status for status in among]
    if listed is not None:
        if lead:
            conditions.append(_unindexed(jobs.service).in_(listed))
        else:
            lead = [jobs.service == service for service in listed]
    if wanted.created_after is not None:
        conditions.append(ordered.moment >= micros_of(wanted.created_after))
    if wanted.created_before is not None:
        conditions.append(ordered.moment <= micros_of(wanted.created_before))
    return _in_order([query.where(*conditions, condition) for condition in lead or [sql.true()]], descending=descending)


def unfinished(services: Iterable[str] | None) -> Records:
    """Return a query for the jobs that have not ended, or whose result has not arrived, the oldest first.

    Args:
        services: Only jobs on these services, from :func:`services_like`; ``None`` for any.
    """
    jobs = schema.jobs.c
    query = sql.select(*_SHOWN, jobs.moment).where(schema.is_unfinished)
    if services is not None:
        query = query.where(_unindexed(jobs.service).in_(sorted(services)))
    return _in_order([query], descending=False)


def services_like(connection: sql.Connection, service: str | None) -> set[str] | None:
    """Return the names in this store that may stand for a service; ``None`` for ``None``.

    A name is a URL, or a URL and an instance. A name without an instance matches every instance at this URL.

    Args:
        connection: The transaction.
        service: The service, as ``IBMProvider.service`` names it.
    """
    if service is None:
        return None
    url, _, instance = service.partition(" ")
    if instance:
        return {"", service, url}
    # One query of the index for each service, of which there are few. The database decides their order.
    known, found = schema.jobs.c.service, {"", service}
    after = sql.select(sql.func.min(known)).where(known > sql.bindparam("last"))
    last: Any = ""
    while isinstance(last, str):
        last = connection.execute(after, {"last": last}).scalar()
        if isinstance(last, str) and last.startswith(f"{url} "):
            found.add(last)
    return found


def found(
    connection: sql.Connection,
    query: Records,
    made_of: Callable[[sql.Row[Any]], _T],
    *,
    limit: int | None,
    skip: int,
) -> list[_T]:
    """Return the rows of a query, each converted by a function.

    Args:
        connection: The transaction.
        query: The query.
        made_of: Converts a row: the values of ``seals.SEALED``, the digest, and the time.
        limit: The most results to return; ``None`` for all. Damaged rows do not count.
        skip: The number of rows to skip first.
    """
    made: list[_T] = []
    skip = min(skip, _LARGEST)
    while True:
        wanted = None if limit is None else min(limit - len(made), _LARGEST)
        number = 0
        for rows in connection.execute(query.limit(wanted).offset(skip)).partitions(_PORTION):
            made += sound(rows, made_of)
            number += len(rows)
        skip += number
        if wanted is None or number < wanted or len(made) == limit:
            return made


def sound(rows: Iterable[_R], made_of: Callable[[_R], _T]) -> Iterator[_T]:
    """Yield each row, converted by a function. A damaged row is left out, with a warning in the log."""
    for row in rows:
        try:
            yield made_of(row)
        except JobStoreDamagedError as error:
            _logger.warning("A job is left out: %s", error)


def with_names(row: sql.Row[Any]) -> dict[str, Any]:
    """Return a row of a listing with the names of its columns."""
    return dict(zip(_NAMES, row, strict=False))


def _in_order(queries: list[sql.Select[Any]], *, descending: bool) -> Records:
    if len(queries) == 1:
        return _ordered(queries[0], queries[0].selected_columns, descending=descending)
    # Each subquery is sorted too: PostgreSQL then merges them, and does not sort all their rows.
    parts = [_ordered(query, query.selected_columns, descending=descending).subquery() for query in queries]
    found = sql.union_all(*map(sql.select, parts)).subquery()
    return _ordered(sql.select(found), found.c, descending=descending)


def _ordered(query: Records, columns: Any, *, descending: bool) -> Records:
    order = sql.desc if descending else sql.asc
    # The ID decides between jobs that were created at the same time.
    return query.order_by(*(order(columns[name]) for name in _ORDER))


_ORDER: Final = ("moment", "job_id")


def statuses(wanted: WantedJobs) -> list[str] | None:
    """Return the values of the column ``status`` that a filter allows; ``None`` for all."""
    if wanted.statuses is not None:
        return sorted(status.name for status in wanted.statuses)
    if wanted.pending is None:
        return None
    final = sorted(status.name for status in FINAL_RANK)
    # "" is the value of a job without a known status, which counts as not ended.
    return ["", *sorted({*JobStatus.__members__} - {*final})] if wanted.pending else final


def _has_tag(tag: str) -> Any:
    other = schema.tags.alias()
    return sql.exists().where(other.c.job_id == schema.tags.c.job_id, other.c.tag == tag)


def _unindexed(column: Any) -> Any:
    """A column, in an expression for which the database uses no index."""
    return sql.func.coalesce(column, "")
