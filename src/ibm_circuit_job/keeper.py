"""What a handle has to do with the store of its job: it writes what is news, and reads what memory does without.

Trouble of the store is told in the log and nowhere else: the job goes on without it. What could not be written then is
written later, and at the latest when the process ends.
"""

from __future__ import annotations

import atexit
import os
from collections import Counter
from collections.abc import Iterator
from functools import partial
from multiprocessing import util as finalizers
from typing import TYPE_CHECKING, Any, Final, Self

from returns.result import Success

from ibm_circuit_job import effects
from ibm_circuit_job.errors import Failure, StoreTrouble, Unreachable, describe
from ibm_circuit_job.locks import ForkFreeLock
from ibm_circuit_job.state import results
from ibm_circuit_job.state.facts import Fact, JobInputs, ResultPayload
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.transitions import merge, news, refresh

if TYPE_CHECKING:
    from ibm_circuit_job.store import JobStore


class Keeper:
    """Keeps one job in one store. Any number of threads may call it.

    Args:
        store: The store.
        kept: What the store is known to have of the job, but for the bodies of results.
    """

    def __init__(self, store: JobStore, kept: Job) -> None:
        self.store = store
        self.kept = kept
        self._stored_sha256: str | None = None
        """The SHA-256 of the result that the store is known to have."""
        self.damage: str | None = None
        """What the store said of a result that is damaged, where it has none that is not."""
        self._pending: Job | None = None
        """What could not be written when it was learned."""
        self._pending_payloads: dict[str, ResultPayload] = {}
        """The results that could not be written when they arrived, by SHA-256, the last one last."""
        self._client: Any = None
        self._waited_for: tuple[Fact | None, ...] | None = None
        """The submission, tags and name that could not be stored when they were given."""

    @classmethod
    def of(cls, store: JobStore, job_id: str) -> Self:
        """Return a keeper that has read what the store has of a job."""
        return cls(store, effects.read_or_warn(effects.stored_record(store, job_id)) or Job(job_id))

    def is_stored(self, payload: ResultPayload) -> bool:
        """Return whether the store is known to have this result."""
        return payload.sha256 == self._stored_sha256

    def keep_news(self, known: Job, client: Any) -> None:
        """Write what the store does not have yet of what is known, but for the bodies of results.

        Args:
            known: What is known of the job.
            client: Whom it was asked of.
        """
        pending = self._line_up(known, client)
        if pending is None:
            return
        # What the service says can be asked for again, so that it may wait for the next time.
        given = (pending.inputs, pending.retagged, pending.renamed)
        synced = given != (None, None, None)
        # Once it could not be stored, nobody is to wait for that again.
        patient = synced and given != self._waited_for
        if self._write(pending, None, synced=synced, patient=patient) is not None:
            self._waited_for = given

    def keep_payload(self, payload: ResultPayload, known: Job, client: Any) -> None:
        """Write a result, and with it what else is news. When this returns, it is on the disk.

        Args:
            payload: The body of the result.
            known: What is known of the job.
            client: Whom it was asked of.
        """
        # Once it could not be stored, nobody is to wait for that again.
        patient = not self.is_pending(payload)
        self._line_up(known, client, payload)
        self.write_pending(patient=patient)

    def _line_up(self, known: Job, client: Any, payload: ResultPayload | None = None) -> Job | None:
        """Remember what is to be written, until it is; return what is news."""
        with _lock():
            self._client = client
            self._pending = news(self.kept, known if self._pending is None else merge(self._pending, known))
            if payload is not None:
                self._pending_payloads.pop(payload.sha256, None)
                self._pending_payloads[payload.sha256] = payload
            self._register()
            return self._pending

    def _register(self) -> None:
        if self._pending is not None or self._pending_payloads:
            _with_pending.add(self)
        else:
            _with_pending.discard(self)

    def write_pending(self, *, patient: bool, bounded: bool = True) -> Failure | None:
        """Write what could not be written when it was learned; return why that did not work.

        Args:
            patient: Whether to wait for others that write.
            bounded: Whether to wait for no more than a second where it is not patient.
        """
        with _lock():
            pending, payloads = self._pending, [*self._pending_payloads.values()]
        wanted: list[ResultPayload | None] = [*payloads]
        if pending is not None and not payloads:
            wanted.append(None)
        trouble = None
        for payload in wanted:
            written = self._write(pending or Job(self.kept.job_id), payload, patient=patient, bounded=bounded)
            trouble = written or trouble
            if payload is not None:
                self._stored_sha256 = payload.sha256 if written is None else None
        return trouble

    def forget_pending(self) -> None:
        """Write nothing of what could not be written when it was learned."""
        with _lock():
            self._pending = None
            self._pending_payloads.clear()
            self._register()

    def _write(
        self,
        pending: Job,
        payload: ResultPayload | None,
        *,
        synced: bool = True,
        patient: bool = True,
        bounded: bool = True,
    ) -> Failure | None:
        """Write what is news, and perhaps a result; return why that did not work."""
        learned = pending if payload is None else refresh(pending, payload)
        service = effects.service_of(self._client)
        keep = partial(effects.keep, self.store, learned, service=service, synced=synced, patient=patient)
        # Also if the database says nothing at all.
        written = effects.perform(effects.within(_IMPATIENT_SECONDS, keep) if bounded and not patient else keep())
        if isinstance(written, Success):
            with _lock():
                self.kept = merge(self.kept, pending)
                # Another thread may have learned something newer meanwhile.
                self._pending = None if self._pending is None else news(self.kept, self._pending)
                if payload is not None:
                    self._pending_payloads.pop(payload.sha256, None)
                self._register()
            return None
        failure: Failure = written.failure()
        if isinstance(failure, Unreachable):
            doing = f"keep job {pending.job_id}"
            failure = StoreTrouble(
                doing, f"could not {doing}: the store says nothing for {_IMPATIENT_SECONDS:g} seconds"
            )
            self.store.back_off()
        if payload is None:
            effects.warn_of_store(failure)
        else:
            effects.warn_of_unkept_result(pending.job_id, failure)
        return failure

    def is_pending(self, payload: ResultPayload | None) -> bool:
        """Return whether this is the result that could not be stored when it arrived."""
        return payload is not None and payload.sha256 in self._pending_payloads

    def catch_up(self, *, insisting: bool) -> None:
        """Write what could not be written when it was learned, by any handle on the job; without waiting.

        Args:
            insisting: Whether to try however short a time ago the store was in trouble.
        """
        behind = _pending_keepers(self.store, self.kept.job_id)
        if behind and insisting:
            self.store.end_back_off()
        for keeper in behind:
            keeper.write_pending(patient=False)

    def payloads(self) -> Iterator[ResultPayload]:
        """Yield the results that are there, the newest first; those that are damaged are passed over.

        First those that any handle on the job could not write when they arrived, then those that the store has.
        """
        self.damage = None
        for keeper in _pending_keepers(self.store, self.kept.job_id):
            yield from reversed([*keeper._pending_payloads.values()])  # noqa: SLF001 - of this class
        yield from self._stored_payloads()

    def _stored_payloads(self) -> Iterator[ResultPayload]:
        newer, failures = 0, Counter[str]()
        while True:
            read = effects.perform(effects.stored_payload(self.store, self.kept.job_id, newer))
            newer += 1
            if isinstance(read, Success):
                payload: ResultPayload | None = read.unwrap()
                if payload is None:
                    return
                self._stored_sha256 = payload.sha256
                if results.is_result(payload):
                    self.damage = None
                yield payload
                continue
            failure = read.failure()
            effects.warn_of_store(failure)
            # What is read from the service instead is to be written.
            self._stored_sha256 = None
            if isinstance(failure, StoreTrouble) and failure.is_damaged:
                self.damage = self.damage or describe(failure)
            failures[describe(failure)] += 1
            if not isinstance(failure, StoreTrouble) or not failure.is_damaged or max(failures.values()) == _SAME:
                return

    def give_up_result(self) -> None:
        """Note that the result cannot be had any more."""
        written = effects.perform(effects.give_up_result(self.store, self.kept.job_id))
        if not isinstance(written, Success):
            effects.warn_of_store(written.failure())

    def inputs(self) -> JobInputs | None:
        """Return the inputs that the store has."""
        return effects.read_or_warn(effects.stored_inputs(self.store, self.kept.job_id))


_lock: Final = ForkFreeLock()
_with_pending: Final[set[Keeper]] = set()
"""Those of which something could not be written. They are held here, for nobody else may hold a job any more."""


def write_pending(store: JobStore | None = None) -> None:
    """Write what could not be written when it was learned: now, for there may be no other time.

    Args:
        store: Only to this store.
    """
    behind = sorted(_pending_keepers(store), key=lambda keeper: keeper.kept.job_id)
    deadline = effects.monotonic() + _PENDING_SECONDS
    in_trouble: set[JobStore] = set()
    for keeper in behind:
        # Where it waited in vain for one job, it does not for the next, and tries for so long.
        patient = keeper.store not in in_trouble
        if patient or effects.monotonic() < deadline:
            keeper.store.end_back_off()
            # No thread helps to be in time: there can be none when Python ends.
            trouble = keeper.write_pending(patient=patient, bounded=False)
            if trouble is not None and not (isinstance(trouble, StoreTrouble) and trouble.is_damaged):
                in_trouble.add(keeper.store)


def forget_pending(store: JobStore, job_id: str) -> None:
    """Write nothing more of a job that is to be forgotten."""
    for keeper in _pending_keepers(store, job_id):
        keeper.forget_pending()


def _pending_keepers(store: JobStore | None = None, job_id: str | None = None) -> list[Keeper]:
    """Those of which something could not be written; only of this store, only of this job."""
    with _lock():
        return [
            keeper
            for keeper in _with_pending
            if (store is None or keeper.store.location == store.location)
            and (job_id is None or keeper.kept.job_id == job_id)
        ]


def _at_end() -> None:
    """Let what has begun to be read come to its end, and write what is left."""
    try:
        effects.finish(_PENDING_SECONDS)
    finally:
        write_pending()


def _at_end_of_child() -> None:
    # A process that multiprocessing has forked ends without atexit.
    finalizers.Finalize(None, _at_end, exitpriority=-1)


# Threads that the end of Python waits for are done by then.
atexit.register(_at_end)
_at_end_of_child()
finalizers.register_after_fork(Keeper, lambda _: _at_end_of_child())
if hasattr(os, "register_at_fork"):
    # The parent writes what it has learned.
    os.register_at_fork(after_in_child=_with_pending.clear)

_PENDING_SECONDS: Final = 60.0
"""For how long what is left is written to a store that was in trouble with the first of it."""
_SAME: Final = 3
"""How often a store may say that the same thing is damaged: a store that is damaged itself says so of any result."""
_IMPATIENT_SECONDS: Final = 1.0
"""How long a store may take over what is written at once or not at all."""
