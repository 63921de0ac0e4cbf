"""Which of the jobs of a store are asked for, and in which order they come.

A listing is read from an index in its order, so that its first jobs cost the same in a store of any size. An index has
one value of a column in the order of time. Where several values are asked for, such as all statuses of jobs that have
not ended, there is a query for each, and the database merges what they find.
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

_T = TypeVar("_T")
Records: TypeAlias = sql.Select[Any]
"""A query for the records and moments of jobs, with all that their digests are of."""
_PORTION: Final = 1000
"""How many rows are fetched at once."""
_LARGEST: Final = 2**63 - 1
"""The largest number that a database has, and more than it has rows."""
_logger: Final = logging.getLogger(__name__)
_SHOWN: Final = tuple(schema.jobs.c[name] for name in (*seals.SEALED, "digest"))


def fitting(
    wanted: WantedJobs, backend_name: str | None, services: Iterable[str] | None, *, descending: bool
) -> Records:
    """Return a query for the jobs that fit, in the order of their creation.

    Args:
        wanted: What they have in common.
        backend_name: Only those of this backend.
        services: Only those of these services; see :func:`services_like`.
        descending: Whether the newest come first.
    """
    jobs, tags = schema.jobs.c, schema.tags.c
    among, listed = statuses(wanted), None if services is None else sorted(services)
    conditions, ordered = [], schema.jobs.c
    query = sql.select(*_SHOWN, jobs.moment)
    # One of the filters says in which index the jobs stand; the others look at what is found there.
    lead: list[Any] = []
    if wanted.tags:
        first, *others = map(key_of, wanted.tags)
        ordered = tags
        # By the ID in the index that the jobs are found in, so that they come in order.
        query = sql.select(tags.job_id, *(column for column in _SHOWN if column.name != "job_id"), tags.moment)
        query = query.join_from(schema.tags, schema.jobs, tags.job_id == jobs.job_id)
        lead = [tags.tag == first]
        conditions += [_has_tag(tag) for tag in others]
    if backend_name is not None:
        (conditions if lead else lead).append(jobs.backend == key_of(backend_name))
    if among is not None:
        if lead:
            conditions.append(_looked_at(jobs.status).in_(among))
        else:
            lead = [jobs.status == status for status in among]
    if listed is not None:
        if lead:
            conditions.append(_looked_at(jobs.service).in_(listed))
        else:
            lead = [jobs.service == service for service in listed]
    if wanted.created_after is not None:
        conditions.append(ordered.moment >= micros_of(wanted.created_after))
    if wanted.created_before is not None:
        conditions.append(ordered.moment <= micros_of(wanted.created_before))
    return _in_order([query.where(*conditions, condition) for condition in lead or [sql.true()]], descending=descending)


def unfinished(services: Iterable[str] | None) -> Records:
    """Return a query for the jobs that had not ended, or whose result is awaited, the oldest first.

    Args:
        services: Only those of these services; see :func:`services_like`.
    """
    jobs = schema.jobs.c
    query = sql.select(*_SHOWN, jobs.moment).where(schema.is_unfinished)
    if services is not None:
        query = query.where(_looked_at(jobs.service).in_(sorted(services)))
    return _in_order([query], descending=False)


def services_like(connection: sql.Connection, service: str | None) -> set[str] | None:
    """Return the names, in this store, of all services that a service may be; ``None`` where none is asked for.

    One that was saved, or is asked for, without its instance may be any of them.
    """
    if service is None:
        return None
    url, _, instance = service.partition(" ")
    if instance:
        return {"", service, url}
    # One look into the index for each service, of which there are few. In which order they are, the database knows.
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
    made_of: Callable[[str, sql.RowMapping], _T],
    *,
    limit: int | None,
    skip: int,
) -> list[_T]:
    """Return what is made of the rows that a query finds.

    Args:
        connection: The transaction that reads.
        query: The query.
        made_of: Makes something of the ID of a job and its row.
        limit: How many at most; ``None`` for all. Those that are damaged are replaced by later ones.
        skip: How many rows are passed over first.
    """
    made: list[_T] = []
    skip = min(skip, _LARGEST)
    while True:
        wanted = None if limit is None else min(limit - len(made), _LARGEST)
        number = 0
        for rows in connection.execute(query.limit(wanted).offset(skip)).mappings().partitions(_PORTION):
            made += sound(rows, made_of)
            number += len(rows)
        skip += number
        if wanted is None or number < wanted or len(made) == limit:
            return made


def sound(rows: Iterable[sql.RowMapping], made_of: Callable[[str, sql.RowMapping], _T]) -> Iterator[_T]:
    """Yield what is made of rows. One that is damaged is left out, with a warning in the log."""
    for row in rows:
        try:
            yield made_of(row["job_id"], row)
        except JobStoreDamagedError as error:
            _logger.warning("A job is left out: %s", error)


def _in_order(queries: list[sql.Select[Any]], *, descending: bool) -> Records:
    if len(queries) == 1:
        return _ordered(queries[0], queries[0].selected_columns, descending=descending)
    # Each in its order, too: else PostgreSQL would sort all that they find.
    parts = [_ordered(query, query.selected_columns, descending=descending).subquery() for query in queries]
    found = sql.union_all(*map(sql.select, parts)).subquery()
    return _ordered(sql.select(found), found.c, descending=descending)


def _ordered(query: Records, columns: Any, *, descending: bool) -> Records:
    order = sql.desc if descending else sql.asc
    # The ID, so that there is one order where two were created at once.
    return query.order_by(*(order(columns[name]) for name in _ORDER))


_ORDER: Final = ("moment", "job_id")


def statuses(wanted: WantedJobs) -> list[str] | None:
    """Return what the column of the status may have; ``None`` for anything."""
    if wanted.statuses is not None:
        return sorted(status.name for status in wanted.statuses)
    if wanted.pending is None:
        return None
    final = sorted(status.name for status in FINAL_RANK)
    # A job of which no status is known has not ended.
    return ["", *sorted({*JobStatus.__members__} - {*final})] if wanted.pending else final


def _has_tag(tag: str) -> Any:
    other = schema.tags.alias()
    return sql.exists().where(other.c.job_id == schema.tags.c.job_id, other.c.tag == tag)


def _looked_at(column: Any) -> Any:
    """A column of which no index is used."""
    return sql.func.coalesce(column, "")
