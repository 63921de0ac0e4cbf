"""The row of a job: its record as JSON, and the columns that copy what the record says for queries."""

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
    """Return the record that a row has.

    Raises:
        Damaged: If it is not what was written there.
    """
    if not isinstance(text, str):
        raise Damaged(f"expected a text, got a {type(text).__name__}")
    # What SQLite has may be no UTF-8.
    read = records.from_json(text.encode(errors="surrogateescape"))
    if isinstance(read, Success):
        job: Job = read.unwrap()
        return job
    raise Damaged(describe(read.failure()))


def record_in(row: Row) -> Job:
    """Return the record of a row of ``jobs``.

    Raises:
        Damaged: If the row is not what was written there.
    """
    job = read_record(row["record"])
    if digest_of_job(row) != row["digest"]:
        raise Damaged("it is not what its digest says")
    return job


@frozen
class UnreadRecord:
    """The record of a job in a store as JSON text, which matches its digest and is read when it is asked for.

    To read a record takes three times as long as to find it in a listing.
    """

    job_id: str
    """The ID of the job."""
    opened: tuple[int, bool] = field(repr=False)
    """What ``RecordStore.opened`` was before the record was found."""
    _text: str = field(repr=False)
    _store_name: str = field(repr=False)

    def read(self) -> Job:
        """Return the record.

        Raises:
            JobStoreDamagedError: If the text is no record, though it is what its digest says.
        """
        try:
            return read_record(self._text)
        except Damaged as damage:
            raise damaged_record(self.job_id, self._store_name, str(damage)) from None


def damaged_record(job_id: str, store_name: str, what: str) -> JobStoreDamagedError:
    """Return the exception for a record that is damaged.

    Args:
        job_id: The job's ID.
        store_name: What the store is called in messages.
        what: What is wrong.
    """
    return JobStoreDamagedError(
        f"the record of job {whole_text(job_id)} in the store at {store_name} is damaged: {what}"
    )


def columns_of(job: Job) -> dict[str, Any]:
    """Return the columns that copy what a record says."""
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
    """Return the columns that name the service of a job and its instance."""
    return {"service": service or "", "instance": key_of((service or "").partition(" ")[2] or None)}


def derived_columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that follow from others of the row of a job: its moment, and whether it is unfinished."""
    lacks_result = row["is_awaited"] and not (row["has_result"] or row["result_is_gone"])
    return {
        "moment": row["first_seen"] if row["created"] is None else row["created"],
        "unfinished": not row["has_ended"] or (row["status"] == JobStatus.DONE.name and bool(lacks_result)),
    }


def tag_rows(job: Job, moment: int) -> list[dict[str, Any]]:
    """Return the rows of a job's tags."""
    return [{"job_id": job.job_id, "tag": tag, "moment": moment} for tag in sorted({*map(key_of, job.tags)})]
