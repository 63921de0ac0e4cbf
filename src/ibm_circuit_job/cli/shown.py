"""How the commands print jobs: as rows of a table, or as JSON. Times in JSON are in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import evolve

from ibm_circuit_job.account.job_store import JobStore
from ibm_circuit_job.cli import terminal
from ibm_circuit_job.cli.services import Services
from ibm_circuit_job.cli.terminal import Column, show_table
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.shown import job_view
from ibm_circuit_job.views.records import JobView
from ibm_circuit_job.views.text import job_cells

COLUMNS: Final = (
    Column("job"),
    Column("created", rank=2),
    Column("status"),
    Column("place", rank=4),
    Column("backend", rank=1, least=8),
    Column("tags", rank=3, least=8),
    Column("service", rank=5, least=8),
    Column("usage", rank=6),
    Column("name", rank=7, least=8),
)
"""The columns of a table of jobs on a terminal."""
_PIPED_COLUMNS: Final = tuple(Column(name) for name in ("job", "created", "status", "backend", "tags"))
"""The fields of a line for another program."""


def views_of(records: Sequence[Job], store: JobStore | None, services: Services) -> list[JobView]:
    """Return the views of jobs, with the names of their services.

    Args:
        records: The records of the jobs.
        store: The store, which has the names of the services.
        services: The services, which know whether a service on this machine runs.
    """
    named = {} if store is None else store.services_of(record.job_id for record in records)
    return [view_of(record, named.get(record.job_id), services) for record in records]


def view_of(record: Job, service: str | None, services: Services) -> JobView:
    """Return the view of a job, without its inputs and its result.

    Args:
        record: The record of the job.
        service: The name of its service; ``None`` where it is not known.
        services: The services, which know whether a service on this machine runs.
    """
    view = job_view(record.job_id, record.status, record.details, record.metrics)
    return evolve(view, service=service, service_is_gone=services.is_gone(record, service))


def show_jobs(views: Iterable[JobView]) -> None:
    """Print jobs as a table. For another program, print a line for each: ID, time, status, backend, tags, with tabs."""
    if terminal.console.is_terminal:
        show_table(COLUMNS, map(job_cells, views))
    else:
        show_table(_PIPED_COLUMNS, map(_piped_cells, views))


def _piped_cells(view: JobView) -> Mapping[str, str]:
    created = view.created or view.submitted
    when = "" if created is None else created.astimezone().strftime("%Y-%m-%dT%H:%M:%S%z")
    return {**job_cells(view), "created": when}


def job_document(view: JobView) -> dict[str, Any]:
    """Return a job as an object of JSON. Unknown values are null."""
    return {
        "job_id": view.job_id,
        "status": view.status,
        "server_status": view.server_status,
        "reason": view.reason,
        "seen": iso(view.seen_at),
        "backend": view.backend,
        "created": iso(view.created or view.submitted),
        "place": view.place,
        "expected_start": iso(view.expected_start),
        "expected_end": iso(view.expected_end),
        "name": view.name,
        "tags": list(view.tags),
        "program": view.program,
        "session_id": view.session_id,
        "private": view.private,
        "usage_seconds": view.usage,
        "usage_is_pending": view.usage_is_pending,
        "service": view.service,
        "service_is_gone": view.service_is_gone,
    }


def iso(moment: datetime | None) -> str | None:
    """Return an aware time as ISO 8601; ``None`` for ``None``."""
    return None if moment is None else moment.isoformat()
