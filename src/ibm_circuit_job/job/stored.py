"""Effects on a store: each does one thing, and returns an ``IOResult``; the log says what could not be done."""

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


def keep(
    store: RecordStore,
    job: Job,
    *,
    service: str | None = None,
    how: Writing = Writing.SYNCED,
    seen_at: datetime | None = None,
) -> IOResult[None, Failure]:
    """Merge a record into what a store keeps of the job.

    Args:
        store: The store.
        job: The record.
        service: The service that has the job.
        how: Whether it is synced, and whether to wait for others that write.
        seen_at: When it was seen, if that is just now: then it comes after all that the store has.
    """
    save = partial(store.save, job, service=service, how=how, now=seen_at)
    return _stored(store, f"keep job {job.job_id}", save)


def stored_record(store: RecordStore, job_id: str, *, how: Writing = Writing.SYNCED) -> IOResult[Job | None, Failure]:
    """Read what a store keeps of a job, without the bodies of its inputs and its result."""
    return _stored(store, f"read job {job_id}", lambda: store.record(job_id, how=how))


def keep_all(store: RecordStore, jobs: Sequence[Job], *, service: str | None = None) -> IOResult[None, Failure]:
    """Merge what was seen of many jobs just now into what a store keeps; soon or not at all, without waiting.

    What it keeps of one of them may be damaged: then it fails, and the others are kept.
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
            raise damage

    def save_all() -> None:
        try:
            store.save_all(jobs, service=service, how=Writing.SOON, now=seen)
        except JobStoreDamagedError:
            save_each()

    return _stored(store, f"keep {len(jobs)} jobs", save_all)


def give_up_result(store: RecordStore, job_id: str) -> IOResult[None, Failure]:
    """Note in a store that the result of a job cannot be had any more."""
    return _stored(store, f"keep job {job_id}", lambda: store.give_up_result(job_id))


def stored_records(store: RecordStore, job_ids: Sequence[str]) -> IOResult[Mapping[str, Job], Failure]:
    """Read what a store keeps of many jobs, without the bodies of their inputs and results."""
    return _stored(store, "read jobs", lambda: store.records_of(job_ids))


def stored_inputs(store: RecordStore, job_id: str) -> IOResult[JobInputs | None, Failure]:
    """Read the inputs that a store keeps of a job."""
    return _stored(store, f"read the inputs of job {job_id}", lambda: store.inputs(job_id))


def stored_payload(store: RecordStore, job_id: str, newer: int = 0) -> IOResult[ResultPayload | None, Failure]:
    """Read the body of a result that a store keeps: the newest, or the one before so many newer ones."""
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
    """Return the outcome of an effect on a store; ``None`` where the store is in trouble, which the log says."""
    match effects.perform(effect.alt(tap(warn_of_store))):
        case Success(found):
            outcome: _T | None = found
            return outcome
    return None


def warn_of_store(failure: Failure) -> None:
    """Log that something could not be saved, or loaded. The job goes on without it."""
    if not _is_told(failure):
        _logger.warning("%s. The job goes on without it.", wire.values.whole_text(describe(failure)))


def warn_of_unkept_result(job_id: str, failure: Failure) -> None:
    """Log that a result could not be saved, and exists only in memory, also where the trouble is in the log already."""
    told = wire.values.whole_text(describe(failure))
    _logger.warning(
        "The result of job %s has arrived, but it is in memory alone: %s.", wire.values.whole_text(job_id), told
    )


def _is_told(failure: Failure) -> bool:
    """Whether the log has it: a poll each second is not to fill it."""
    return isinstance(failure, StoreTrouble) and failure.is_known
