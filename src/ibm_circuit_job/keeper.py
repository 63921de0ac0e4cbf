"""What a handle has to do with the store of its job: it writes what is news, and reads what memory does without.

Trouble of the store is told in the log and nowhere else: the job goes on without it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self, TypeVar

from returns.io import IOResult
from returns.result import Success

from ibm_circuit_job import effects
from ibm_circuit_job.errors import Failure, StoreTrouble
from ibm_circuit_job.state.facts import Fact, JobInputs, ResultPayload
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.transitions import merge, news, refresh

if TYPE_CHECKING:
    from ibm_circuit_job.store import JobStore

_T = TypeVar("_T")


class Keeper:
    """Keeps one job in one store. Any number of threads may call it.

    Args:
        store: The store.
        kept: What the store is known to have of the job, but for the bodies of results.
    """

    def __init__(self, store: JobStore, kept: Job) -> None:
        self.store = store
        self.kept = kept
        self._has: str | None = None
        """The SHA-256 of the result that the store is known to have."""
        self._lacks: str | None = None
        """The SHA-256 of the result that could not be stored when it arrived."""
        self._waited_for: tuple[Fact | None, ...] | None = None
        """The submission, tags and name that could not be stored when they were given."""
        self._asked_for_inputs = False
        self._lock = threading.Lock()

    @classmethod
    def of(cls, store: JobStore, job_id: str) -> Self:
        """Return a keeper that has read what the store has of a job."""
        return cls(store, _read(effects.stored_record(store, job_id)) or Job(job_id))

    def has(self, payload: ResultPayload) -> bool:
        """Return whether the store is known to have this result."""
        return payload.sha256 == self._has

    def keep_news(self, known: Job, client: Any) -> None:
        """Write what the store does not have yet of what is known, but for the bodies of results.

        Args:
            known: What is known of the job.
            client: Whom it was asked of.
        """
        pending = news(self.kept, known)
        if pending is None:
            return
        # What the service says can be asked for again, so that it may wait for the next time.
        given = (pending.inputs, pending.retagged, pending.renamed)
        synced = given != (None, None, None)
        # Once it could not be stored, nobody is to wait for that again.
        patient = synced and given != self._waited_for
        service = effects.service_of(client)
        keeping = effects.keep(self.store, pending, service=service, synced=synced, patient=patient)
        written = effects.perform(keeping)
        if isinstance(written, Success):
            self._note(pending)
        else:
            self._waited_for = given
            effects.warn_of_store(written.failure())

    def keep_payload(self, payload: ResultPayload, known: Job, client: Any) -> None:
        """Write a result, unless it is there, and with it what else is news. When this returns, it is on the disk.

        Args:
            payload: The body of the result.
            known: What is known of the job.
            client: Whom it was asked of.
        """
        if self.has(payload):
            return
        pending = news(self.kept, known) or Job(known.job_id)
        # Once it could not be stored, nobody is to wait for that again.
        patient = payload.sha256 != self._lacks
        service = effects.service_of(client)
        written = effects.perform(effects.keep(self.store, refresh(pending, payload), service=service, patient=patient))
        if isinstance(written, Success):
            self._has, self._lacks = payload.sha256, None
            self._note(pending)
        else:
            self._lacks = payload.sha256
            effects.warn_of_unkept_result(known.job_id, written.failure())

    def lacks(self, payload: ResultPayload | None) -> bool:
        """Return whether this is the result that could not be stored when it arrived."""
        return payload is not None and payload.sha256 == self._lacks

    def payloads(self) -> Iterator[ResultPayload]:
        """Yield the results that the store has, the newest first; those that are damaged are passed over."""
        newer, last = 0, None
        while True:
            read = effects.perform(effects.stored_payload(self.store, self.kept.job_id, newer))
            newer += 1
            if isinstance(read, Success):
                payload: ResultPayload | None = read.unwrap()
                if payload is None:
                    return
                self._has = payload.sha256
                yield payload
                continue
            failure = read.failure()
            effects.warn_of_store(failure)
            # What is read from the service instead is to be written.
            self._has = None
            if not isinstance(failure, StoreTrouble) or not failure.is_damaged or failure == last:
                # If not one result but the store is damaged, it says the same of any.
                return
            last = failure

    def inputs(self) -> JobInputs | None:
        """Return the inputs that the store has, when it is asked for them the first time."""
        if self._asked_for_inputs:
            return None
        self._asked_for_inputs = True
        inputs = _read(effects.stored_inputs(self.store, self.kept.job_id))
        if inputs is not None:
            self._note(Job(self.kept.job_id, inputs=inputs))
        return inputs

    def _note(self, written: Job) -> None:
        with self._lock:
            self.kept = merge(self.kept, written)


def _read(read: IOResult[_T | None, Failure]) -> _T | None:
    """What a store answers; ``None`` where it is in trouble."""
    done = effects.perform(read)
    if isinstance(done, Success):
        found: _T | None = done.unwrap()
        return found
    effects.warn_of_store(done.failure())
    return None
