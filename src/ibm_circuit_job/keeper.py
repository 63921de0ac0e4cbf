"""What a handle has to do with the store of its job: it writes what is news, and reads what memory does without.

Trouble of the store is told in the log and nowhere else: the job goes on without it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from returns.io import IOResult
from returns.result import Success

from ibm_circuit_job import effects
from ibm_circuit_job.errors import Failure, StoreTrouble, Unreachable, describe
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
        self._is_behind = False
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
        self._is_behind = pending is not None
        if pending is None:
            return
        # What the service says can be asked for again, so that it may wait for the next time.
        given = (pending.inputs, pending.retagged, pending.renamed)
        synced = given != (None, None, None)
        # Once it could not be stored, nobody is to wait for that again.
        patient = synced and given != self._waited_for
        if not self._written(pending, client, synced=synced, patient=patient):
            self._waited_for = given

    def keep_payload(self, payload: ResultPayload, known: Job, client: Any) -> None:
        """Write a result, and with it what else is news. When this returns, it is on the disk.

        Args:
            payload: The body of the result.
            known: What is known of the job.
            client: Whom it was asked of.
        """
        pending = news(self.kept, known) or Job(known.job_id)
        # Once it could not be stored, nobody is to wait for that again.
        if self._written(pending, client, payload, patient=payload.sha256 != self._lacks):
            self._has, self._lacks = payload.sha256, None
        else:
            self._has, self._lacks = None, payload.sha256

    def _written(
        self,
        pending: Job,
        client: Any,
        payload: ResultPayload | None = None,
        *,
        synced: bool = True,
        patient: bool = True,
    ) -> bool:
        """Write what is news, and perhaps a result; return whether that worked."""
        learned = pending if payload is None else refresh(pending, payload)
        service = effects.service_of(client)
        keep = partial(effects.keep, self.store, learned, service=service, synced=synced, patient=patient)
        # Also if the database says nothing at all.
        written = effects.perform(keep() if patient else effects.within(_IMPATIENT_SECONDS, keep))
        if isinstance(written, Success):
            with self._lock:
                self.kept = merge(self.kept, pending)
            self._is_behind = False
            return True
        failure = written.failure()
        if isinstance(failure, Unreachable):
            doing = f"keep job {pending.job_id}"
            failure = StoreTrouble(
                doing, f"could not {doing}: the store says nothing for {_IMPATIENT_SECONDS:g} seconds"
            )
            self.store.rest()
        if payload is None:
            effects.warn_of_store(failure)
        else:
            effects.warn_of_unkept_result(pending.job_id, failure)
        return False

    @property
    def is_behind(self) -> bool:
        """Whether there were news that could not be written."""
        return self._is_behind

    def lacks(self, payload: ResultPayload | None) -> bool:
        """Return whether this is the result that could not be stored when it arrived."""
        return payload is not None and payload.sha256 == self._lacks

    def payloads(self) -> Iterator[ResultPayload]:
        """Yield the results that the store has, the newest first; those that are damaged are passed over."""
        newer, failures = 0, Counter[str]()
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
            failures[describe(failure)] += 1
            if not isinstance(failure, StoreTrouble) or not failure.is_damaged or max(failures.values()) == _SAME:
                return

    def inputs(self) -> JobInputs | None:
        """Return the inputs that the store has."""
        return _read(effects.stored_inputs(self.store, self.kept.job_id))


_SAME: Final = 3
"""How often a store may say that the same thing is damaged: a store that is damaged itself says so of any result."""
_IMPATIENT_SECONDS: Final = 1.0
"""How long a store may take over what is written at once or not at all."""


def _read(read: IOResult[_T | None, Failure]) -> _T | None:
    """What a store answers; ``None`` where it is in trouble."""
    done = effects.perform(read)
    if isinstance(done, Success):
        found: _T | None = done.unwrap()
        return found
    effects.warn_of_store(done.failure())
    return None
