"""Which of the jobs that a store holds are asked for, and in which order they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sql
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.job_filter import WantedJobs
from ibm_circuit_job.state.status import FINAL_RANK
from ibm_circuit_job.store import schema
from ibm_circuit_job.store.schema import digest_of, micros_of


def fitting(wanted: WantedJobs, backend_name: str | None, service: str | None) -> sql.Select[tuple[str, str]]:
    """Return a query for the IDs and records of jobs.

    Args:
        wanted: What they have in common.
        backend_name: Only those of this backend.
        service: Only those of this service, or of none that is known.
    """
    conditions = [*_conditions(wanted), *_of_service(service)]
    if backend_name is not None:
        conditions.append(schema.jobs.c.backend_digest == digest_of(backend_name))
    return _records().where(*conditions)


def unfinished(service: str | None) -> sql.Select[tuple[str, str]]:
    """Return a query for the IDs and records of jobs that had not ended, or whose result is awaited.

    Args:
        service: Only those of this service, or of none that is known.
    """
    jobs = schema.jobs.c
    is_without = sql.not_(sql.or_(jobs.has_result, jobs.result_is_gone))
    without_result = sql.and_(jobs.status == JobStatus.DONE.name, is_without, jobs.is_awaited)
    return _records().where(sql.or_(sql.not_(jobs.has_ended), without_result), *_of_service(service))


def in_order(query: sql.Select[tuple[str, str]], *, descending: bool) -> sql.Select[tuple[str, str]]:
    """Return a query with its jobs in the order of their creation."""
    order = sql.desc if descending else sql.asc
    # The ID, so that there is one order where two were created at once.
    return query.order_by(order(schema.moment), order(schema.jobs.c.job_id))


def _records() -> sql.Select[tuple[str, str]]:
    return sql.select(schema.jobs.c.job_id, schema.jobs.c.record)


def _conditions(wanted: WantedJobs) -> Iterator[Any]:
    jobs, tags = schema.jobs.c, schema.tags.c
    if wanted.statuses is not None:
        yield jobs.status.in_(status.name for status in wanted.statuses)
    elif wanted.pending is not None:
        final = jobs.status.in_(status.name for status in FINAL_RANK)
        yield sql.or_(jobs.status.is_(None), sql.not_(final)) if wanted.pending else final
    if wanted.created_after is not None:
        yield schema.moment >= micros_of(wanted.created_after)
    if wanted.created_before is not None:
        yield schema.moment <= micros_of(wanted.created_before)
    for tag in wanted.tags or ():
        yield jobs.job_id.in_(sql.select(tags.job_id).where(tags.tag_digest == digest_of(tag)))


def _of_service(service: str | None) -> Iterator[Any]:
    if service is not None:
        known = schema.jobs.c.service
        url, _, instance = service.partition(" ")
        # A service that somebody saved, or asks for, without its instance may be any of them.
        fitting = known == url if instance else known.startswith(f"{url} ", autoescape=True)
        yield sql.or_(known.is_(None), known == service, fitting)
