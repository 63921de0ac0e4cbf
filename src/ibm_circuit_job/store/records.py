"""The row of a job: its record as JSON, and the columns that copy fields of the record for queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen
from qiskit.providers.jobstatus import JobStatus
from returns.result import Success

from ibm_circuit_job.errors import JobStoreDamagedError, describe
from ibm_circuit_job.state import figures
from ibm_circuit_job.state.facts import micros_of
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.store.schema import key_of
from ibm_circuit_job.store.seals import Row, digest_of_job
from ibm_circuit_job.store.trouble import Damaged
from ibm_circuit_job.wire import queries, records
from ibm_circuit_job.wire.values import whole_text


def read_record(text: object) -> Job:
    """Return the record in the JSON text of a row.

    Raises:
        Damaged: If the text is no record.
    """
    if not isinstance(text, str):
        raise Damaged(f"expected a text, got a {type(text).__name__}")
    # A damaged text in SQLite may be no UTF-8.
    read = records.from_json(text.encode(errors="surrogateescape"))
    if isinstance(read, Success):
        job: Job = read.unwrap()
        return job
    raise Damaged(describe(read.failure()))


def record_in(row: Row) -> Job:
    """Return the record in a row of ``jobs``, checked against the digest of the row.

    Raises:
        Damaged: If the row differs from what was saved.
    """
    job = read_record(row["record"])
    if digest_of_job(row) != row["digest"]:
        raise Damaged("it does not match its digest")
    return job


@frozen
class UnreadRecord:
    """The record of a job as JSON text that matches its digest. The text is decoded by :meth:`read`.

    To decode a record takes three times as long as to list it.
    """

    job_id: str
    """The ID of the job."""
    opened: tuple[int, bool] = field(repr=False)
    """The value of ``RecordStore.opened`` when the record was listed."""
    _text: str = field(repr=False)
    _store_name: str = field(repr=False)

    def read(self) -> Job:
        """Return the record.

        Raises:
            JobStoreDamagedError: If the text is no record, although it matches its digest.
        """
        try:
            return read_record(self._text)
        except Damaged as damage:
            raise damaged_record(self.job_id, self._store_name, str(damage)) from None


def damaged_record(job_id: str, store_name: str, what: str) -> JobStoreDamagedError:
    """Return the exception for a damaged record.

    Args:
        job_id: The job's ID.
        store_name: The name of the store in messages.
        what: A description of the damage.
    """
    return JobStoreDamagedError(
        f"the record of job {whole_text(job_id)} in the store at {store_name} is damaged: {what}"
    )


def columns_of(job: Job) -> dict[str, Any]:
    """Return the columns of ``jobs`` that copy fields of a record: column -> value."""
    status = queries.status(job)
    return {
        "status": "" if status is None else status.name,
        "has_ended": job.is_confirmed_final,
        "backend": key_of(job.backend),
        "program": key_of(job.program),
        "session_id": key_of(job.session_id),
        "created": None if job.created is None else micros_of(job.created),
        "usage_seconds": queries.usage(job),
        "queued_seconds": figures.queued_seconds(job.metrics, job.details),
        "run_seconds": figures.run_seconds(job.metrics),
    }


def service_columns(service: str | None) -> dict[str, str]:
    """Return the columns of ``jobs`` for a service and its instance; empty texts if they are unknown."""
    return {"service": service or "", "instance": key_of((service or "").partition(" ")[2] or None)}


def derived_columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns ``moment`` and ``unfinished`` of ``jobs``, which follow from other columns of the row."""
    lacks_result = row["is_awaited"] and not (row["has_result"] or row["result_is_gone"])
    return {
        "moment": row["first_seen"] if row["created"] is None else row["created"],
        "unfinished": not row["has_ended"] or (row["status"] == JobStatus.DONE.name and bool(lacks_result)),
    }


def tag_rows(job: Job, moment: int) -> list[dict[str, Any]]:
    """Return the rows of ``tags`` for a job.

    Args:
        job: The job.
        moment: The value of its column ``moment``, in microseconds since 1970, UTC.
    """
    return [{"job_id": job.job_id, "tag": tag, "moment": moment} for tag in sorted({*map(key_of, job.tags)})]
