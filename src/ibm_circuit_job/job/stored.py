"""Effects on a store: each calls one method and returns an ``IOResult``. Failures become warnings in the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from returns.functions import tap
from returns.io import IOFailure, IOResult, IOSuccess
from returns.result import Success

from ibm_circuit_job import effects, wire
from ibm_circuit_job.errors import (
    Failure,
    JobStoreDamagedError,
    JobStoreError,
    StoreTrouble,
    describe,
)
from ibm_circuit_job.state.facts import JobInputs, ResultPayload
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.store.writing import Writing

if TYPE_CHECKING:
    from ibm_circuit_job.store import RecordStore

_T = TypeVar("_T")
_logger: Final = logging.getLogger(__name__)


def save(
    store: RecordStore,
    job: Job,
    *,
    service: str | None = None,
    how: Writing = Writing.SYNCED,
    seen_at: datetime | None = None,
) -> IOResult[None, Failure]:
    """Save a record: the store merges it into its own record of the job.

    Args:
        store: The store.
        job: The record.
        service: The name of the service that has the job.
        how: Whether to sync the write, and whether to wait for other writers.
        seen_at: When the record was observed, if just now: it then counts as newer than all in the store.
    """
    return _stored(store, f"save job {job.job_id}", partial(store.save, job, service=service, how=how, now=seen_at))


def stored_record(store: RecordStore, job_id: str, *, how: Writing = Writing.SYNCED) -> IOResult[Job | None, Failure]:
    """Load a job's record, without the bytes of its inputs and its result; ``None`` if the store has none."""
    return _stored(store, f"read job {job_id}", lambda: store.record(job_id, how=how))


def save_all(store: RecordStore, jobs: Sequence[Job], *, service: str | None = None) -> IOResult[None, Failure]:
    """Save the records of many jobs that were observed just now, without waiting for other writers.

    If the store's record of one job is damaged, the other jobs are saved, and a failure is returned.
    """
    seen = effects.now()

    def save_each() -> None:
        damage: JobStoreDamagedError | None = None
        for job in jobs:
            try:
                store.save(job, service=service, how=Writing.SOON, now=seen)
            except JobStoreDamagedError as error:
                damage = error
        if damage is not None:
            try:
                raise damage
            finally:
                del damage

    def save_together() -> None:
        try:
            store.save_all(jobs, service=service, how=Writing.SOON, now=seen)
        except JobStoreDamagedError:
            save_each()

    return _stored(store, f"save {len(jobs)} jobs", save_together)


def give_up_result(store: RecordStore, job_id: str) -> IOResult[None, Failure]:
    """Record in a store that the service has no result of a job any more."""
    return _stored(store, f"save job {job_id}", lambda: store.give_up_result(job_id))


def stored_records(store: RecordStore, job_ids: Sequence[str]) -> IOResult[Mapping[str, Job], Failure]:
    """Load the records of many jobs, without the bytes of their inputs and results."""
    return _stored(store, "read jobs", lambda: store.records_of(job_ids))


def stored_inputs(store: RecordStore, job_id: str) -> IOResult[JobInputs | None, Failure]:
    """Load the inputs of a job; ``None`` if the store has none."""
    return _stored(store, f"read the inputs of job {job_id}", lambda: store.inputs(job_id))


def stored_payload(store: RecordStore, job_id: str, newer: int = 0) -> IOResult[ResultPayload | None, Failure]:
    """Load a result of a job: the newest, or the one before *newer* newer ones; ``None`` if there is none."""
    return _stored(store, f"read the result of job {job_id}", lambda: store.payload(job_id, newer))


def _stored(store: RecordStore, doing: str, call: Callable[[], _T]) -> IOResult[_T, Failure]:
    try:
        return IOSuccess(call())
    except JobStoreError as error:
        is_damaged = isinstance(error, JobStoreDamagedError)
        return IOFailure(StoreTrouble(doing, str(error), is_damaged, store.was_told(error)))
    except Exception as error:  # noqa: BLE001 - a result has arrived, and is not lost whatever a store does
        return IOFailure(StoreTrouble(doing, f"could not {doing}: {type(error).__name__}: {error}"))


def value_or_warn(effect: IOResult[_T | None, Failure]) -> _T | None:
    """Return the outcome of an effect on a store; after a failure ``None``, with a warning in the log."""
    match effects.perform(effect.alt(tap(warn_of_store))):
        case Success(found):
            outcome: _T | None = found
            return outcome
    return None


def warn_of_store(failure: Failure) -> None:
    """Log that something could not be saved or loaded, unless the log says so already: a poll would repeat it."""
    is_logged = isinstance(failure, StoreTrouble) and failure.is_known
    if not is_logged:
        _logger.warning("%s. The job goes on without the store.", wire.values.whole_text(describe(failure)))


def warn_of_unsaved_result(job_id: str, failure: Failure) -> None:
    """Log that a result could not be saved and exists only in memory, even if the log has this failure already."""
    _logger.warning(
        "Could not save the result of job %s; it exists only in memory: %s.",
        wire.values.whole_text(job_id),
        wire.values.whole_text(describe(failure)),
    )
