"""Journal: the facts and results of a job that are not in its store yet.

All handles of this process on one job in one store share a journal. Facts that could not be written stay in it. They
are written with the next request for the job, when the provider is closed, and at the latest when the process ends.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from multiprocessing import util as finalizers
from typing import TYPE_CHECKING, Any, Final, Self
from weakref import WeakValueDictionary

from attrs import define, field
from returns.result import Success

from ibm_circuit_job import effects
from ibm_circuit_job.clients.foreign import adapted
from ibm_circuit_job.errors import Failure, StoreTrouble
from ibm_circuit_job.job import stored
from ibm_circuit_job.state.facts import ResultPayload
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.transitions import merge, news, refresh
from ibm_circuit_job.store.writing import Writing
from ibm_circuit_job.threads.background import finish
from ibm_circuit_job.threads.locks import ForkFreeLock

if TYPE_CHECKING:
    from ibm_circuit_job.store import RecordStore

_AT_END_SECONDS: Final = 60.0
"""At the end of the process: the most seconds for writing to a store that has already failed once."""


@define(eq=False)
class Journal:
    """The facts and results of one job that are to be written to one store.

    Two ``RecordStore`` objects at the same location count as one store.
    """

    store: RecordStore
    job_id: str
    client: Any = None
    """The client that the newest entry came from."""
    learned: Job | None = None
    """The facts to write, except results."""
    seen_at: datetime | None = None
    """When the facts were observed, if just now: they then count as newer than all in the store."""
    payloads: dict[str, ResultPayload] = field(factory=dict)
    """The results to write, by SHA-256, the newest last."""
    tried: set[str] = field(factory=set)
    """The SHA-256 of results that could not be written."""
    stored: set[str] = field(factory=set)
    """The SHA-256 of results that the store is known to have."""
    writing: ForkFreeLock = field(factory=ForkFreeLock)
    """Held by the thread that writes. A result is not read while it is being written."""

    @property
    def is_left(self) -> bool:
        """Whether there is anything to write."""
        return self.learned is not None or bool(self.payloads)

    def used_by(self, store: RecordStore) -> Self:
        """Write to *store* from now on, and return the journal.

        In a fork, a journal of the parent is written only after this call.

        Args:
            store: A store at the same location. An earlier one may have been opened before its file was replaced.
        """
        with _lock():
            if store is not self.store:
                self.store = store
                self.stored.clear()
            self._register()
        return self

    def add(
        self,
        saved: Job,
        known: Job,
        client: Any,
        payload: ResultPayload | None = None,
        *,
        seen_at: datetime | None = None,
    ) -> None:
        """Add the facts that are known, and are not in the store.

        Args:
            saved: The store's record, as far as is known.
            known: The handle's record.
            client: The client that the facts came from.
            payload: A result that has arrived.
            seen_at: When the facts were observed, if just now.
        """
        with _lock():
            self.client = client
            # Before all else, and with atomic steps: Ctrl-C may come after any of them.
            _unwritten.add(self)
            is_first = self.learned is None and self.payloads.keys() <= {payload and payload.sha256}
            self.seen_at = seen_at if is_first or self.seen_at is not None else None
            self.learned = news(saved, known if self.learned is None else merge(self.learned, known))
            if payload is not None:
                self.stored.discard(payload.sha256)
                others = {sha256: other for sha256, other in self.payloads.items() if sha256 != payload.sha256}
                self.payloads = others | {payload.sha256: payload}
            self._register()

    def clear(self) -> None:
        """Remove all that was to be written."""
        with _lock():
            self.learned, self.payloads = None, {}
            self.tried.clear()
            self.stored.clear()
            self._register()

    def write(self, how: Writing = Writing.SYNCED) -> Job | Failure:
        """Write all facts and results.

        Args:
            how: ``SYNCED`` waits for other writers, and facts are on the disk when this returns. Any other value takes
                at most a second, and one more for each million bytes of a result. Results are always on the disk.

        Returns:
            The facts that are in the store now; a failure if something could not be written.
        """
        if how is not Writing.SYNCED and self.writing().locked():
            # The facts are written later, and may not be the newest then.
            self.seen_at = None
            doing = f"save job {self.job_id}"
            return StoreTrouble(doing, f"could not {doing}: another thread is writing it", is_known=True)
        with self.writing():
            with _lock():
                learned, payloads = self.learned, [*self.payloads.values()]
            job = learned or Job(self.job_id)
            trouble: Failure | None = None
            if learned is not None and not payloads:
                trouble = self._write(job, None, how)
            for payload in payloads:
                # If the first one waited and failed, the others do not wait.
                waits = how is Writing.SYNCED and trouble is None
                trouble = self._write(job, payload, Writing.SYNCED if waits else Writing.AT_ONCE) or trouble
            return job if trouble is None else trouble

    def _write(self, learned: Job, payload: ResultPayload | None, how: Writing) -> Failure | None:
        """Write facts, and a result unless it is ``None``; return the failure, or ``None``."""
        record = learned if payload is None else refresh(learned, payload)
        service = adapted(self.client).service
        effect = stored.save(self.store, record, service=service, how=how, seen_at=self.seen_at)
        # After this try the facts may not be the newest: other machines may save newer ones.
        self.seen_at = None
        written = effects.perform(effect)
        if isinstance(written, Success):
            with _lock():
                # Another thread may have added newer facts meanwhile.
                self.learned = None if self.learned is None else news(learned, self.learned)
                if payload is not None:
                    self.payloads.pop(payload.sha256, None)
                    self.tried.discard(payload.sha256)
                    self.stored.add(payload.sha256)
                self._register()
            return None
        failure: Failure = written.failure()
        if payload is None or self.tried:
            stored.warn_of_store(failure)
        else:
            stored.warn_of_unsaved_result(self.job_id, failure)
        if payload is not None:
            self.tried.add(payload.sha256)
        return failure

    def _register(self) -> None:
        """Add the journal to the unwritten ones, or remove it if nothing is left. The caller holds the lock."""
        (_unwritten.add if self.is_left else _unwritten.discard)(self)


_lock: Final = ForkFreeLock()
_journals: Final[WeakValueDictionary[tuple[object, str], Journal]] = WeakValueDictionary()
"""Location of a store, ID of a job -> the journal that all handles on the job share."""
_unwritten: Final[set[Journal]] = set()
"""The journals with something to write. This set refers to them even if there is no handle on the job any more."""


def _place_of(store: RecordStore) -> object:
    location = getattr(store, "location", None)
    return location if isinstance(location, str) else id(store)


def journal_of(store: RecordStore, job_id: str) -> Journal:
    """Return the journal of a job in a store, which all handles of this process on the job share."""
    key = _place_of(store), job_id
    with _lock():
        journal = _journals.get(key)
        if journal is None:
            journal = _journals[key] = Journal(store, job_id)
        return journal


def write_pending(store: RecordStore | None = None) -> None:
    """Write all that could not be written when it was observed.

    Args:
        store: Write only to this store; ``None`` for all stores.
    """
    with _lock():
        wanted = None if store is None else _place_of(store)
        left = [journal for journal in _unwritten if wanted in {None, _place_of(journal.store)}]
    deadline = effects.monotonic() + _AT_END_SECONDS
    in_trouble: set[object] = set()
    for journal in sorted(left, key=lambda journal: journal.job_id):
        # After a failure with this store, later jobs are tried without waiting, for _AT_END_SECONDS.
        how = Writing.AT_ONCE if _place_of(journal.store) in in_trouble else Writing.SYNCED
        if how is Writing.SYNCED or effects.monotonic() < deadline:
            journal.store.end_back_off()
            if journal.store.is_replaced:
                # Closed, so that the write opens the new file.
                journal.store.close()
            trouble = journal.write(how)
            if not isinstance(trouble, Job) and not (isinstance(trouble, StoreTrouble) and trouble.is_damaged):
                in_trouble.add(_place_of(journal.store))


@contextmanager
def forgetting(store: RecordStore, job_id: str) -> Iterator[None]:
    """Return a context in which a job is deleted: nothing is written meanwhile, and its journal is cleared."""
    journal = journal_of(store, job_id).used_by(store)
    with journal.writing():
        yield
        journal.clear()


_ended: Final[dict[int, set[Journal]]] = {}
"""ID of a process that has ended -> the journals that it could not write."""


def _at_end() -> None:
    """Wait until results that have begun to arrive are read, and write all journals."""
    if _ended.get(os.getpid()) == _unwritten:
        return
    try:
        if os.getpid() not in _ended:
            finish(_AT_END_SECONDS)
    finally:
        write_pending()
        _ended[os.getpid()] = {*_unwritten}


def _at_end_of_child() -> None:
    # A process that multiprocessing has forked ends without atexit.
    finalizers.Finalize(None, _at_end, exitpriority=-1)


def _leave_to_parent() -> None:
    """Remove the parent's journals from a fork's set: the parent writes them, and a fork only if it uses them."""
    for journal in _unwritten:
        journal.seen_at = None
    _unwritten.clear()


# atexit runs after Python has waited for all threads that are not daemons.
atexit.register(_at_end)
if multiprocessing.parent_process() is not None:
    _at_end_of_child()
finalizers.register_after_fork(Journal, lambda _: _at_end_of_child())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
