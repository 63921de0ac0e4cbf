"""What handles have learned of a job, and a store does not have yet.

All handles of the process on one job in one store share a journal. What could not be written stays here until it is:
when the job is asked for again, when the provider is closed, and at the latest when the process ends.
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
"""For how long what is left is written to a store that was in trouble with the first of it."""


@define(eq=False)
class Journal:
    """What is to be written of one job to one store. Two stores at one place are one."""

    store: RecordStore
    job_id: str
    client: Any = None
    """The client that the last of it was asked of."""
    learned: Job | None = None
    """Facts, but for results."""
    seen_at: datetime | None = None
    """When they were seen, if that is just now: then they come after all that the store has."""
    payloads: dict[str, ResultPayload] = field(factory=dict)
    """Results, by SHA-256, the last one last."""
    tried: set[str] = field(factory=set)
    """The SHA-256 of those results that could not be written."""
    stored: set[str] = field(factory=set)
    """The SHA-256 of the results that the store is known to have."""
    writing: ForkFreeLock = field(factory=ForkFreeLock)
    """Held by the thread that writes. What is being written is not to be read yet."""

    @property
    def is_left(self) -> bool:
        """Whether there is anything."""
        return self.learned is not None or bool(self.payloads)

    def used_by(self, store: RecordStore) -> Self:
        """Write through a store from now on, and return the journal.

        A fork writes what its parent has not written only where it uses it.

        Args:
            store: One at the same place. The one before may have been opened before its file was replaced.
        """
        with _lock():
            if store is not self.store:
                self.store = store
                self.stored.clear()
            self._register()
        return self

    def add(
        self,
        kept: Job,
        known: Job,
        client: Any,
        payload: ResultPayload | None = None,
        *,
        seen_at: datetime | None = None,
    ) -> None:
        """Add what is known of the job, and is not in the store.

        Args:
            kept: What the store is known to have.
            known: What is known.
            client: The client that it was asked of.
            payload: A result that has arrived.
            seen_at: When what is known was seen, if that is just now.
        """
        with _lock():
            self.client = client
            # First of all, and each step at once: Ctrl-C may come after any of them.
            _unwritten.add(self)
            is_first = self.learned is None and self.payloads.keys() <= {payload and payload.sha256}
            self.seen_at = seen_at if is_first or self.seen_at is not None else None
            self.learned = news(kept, known if self.learned is None else merge(self.learned, known))
            if payload is not None:
                self.stored.discard(payload.sha256)
                others = {sha256: other for sha256, other in self.payloads.items() if sha256 != payload.sha256}
                self.payloads = others | {payload.sha256: payload}
            self._register()

    def clear(self) -> None:
        """Drop what was to be written."""
        with _lock():
            self.learned, self.payloads = None, {}
            self.tried.clear()
            self.stored.clear()
            self._register()

    def write(self, how: Writing = Writing.SYNCED) -> Job | Failure:
        """Write all of it; return the facts that are in the store now, or why not all of it is.

        Args:
            how: Whether facts are on the disk when this returns, as results always are; and whether to wait for others
                that write, in this process, too. Else it takes a second at most, and one more for each million bytes
                of a result.
        """
        if how is not Writing.SYNCED and self.writing().locked():
            # It is written later, and then it is not the last that was seen.
            self.seen_at = None
            doing = f"keep job {self.job_id}"
            return StoreTrouble(doing, f"could not {doing}: another thread writes just now", is_known=True)
        with self.writing():
            with _lock():
                learned, payloads = self.learned, [*self.payloads.values()]
            job = learned or Job(self.job_id)
            trouble: Failure | None = None
            if learned is not None and not payloads:
                trouble = self._write(job, None, how)
            for payload in payloads:
                # Where the first has waited in vain, the others do not.
                waits = how is Writing.SYNCED and trouble is None
                trouble = self._write(job, payload, Writing.SYNCED if waits else Writing.AT_ONCE) or trouble
            return job if trouble is None else trouble

    def _write(self, learned: Job, payload: ResultPayload | None, how: Writing) -> Failure | None:
        """Write facts, and perhaps a result; return why that did not work."""
        record = learned if payload is None else refresh(learned, payload)
        service = adapted(self.client).service
        effect = stored.keep(self.store, record, service=service, how=how, seen_at=self.seen_at)
        # Later it is no longer the last that was seen, whatever other machines have kept meanwhile.
        self.seen_at = None
        written = effects.perform(effect)
        if isinstance(written, Success):
            with _lock():
                # Another thread may have learned something newer meanwhile.
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
            stored.warn_of_unkept_result(self.job_id, failure)
        if payload is not None:
            self.tried.add(payload.sha256)
        return failure

    def _register(self) -> None:
        """Be among the unwritten for as long as there is something; the lock is held."""
        (_unwritten.add if self.is_left else _unwritten.discard)(self)


_lock: Final = ForkFreeLock()
_journals: Final[WeakValueDictionary[tuple[object, str], Journal]] = WeakValueDictionary()
"""Place of a store, ID of a job -> the journal that all handles on the job have."""
_unwritten: Final[set[Journal]] = set()
"""The journals of which something is left. There may be no handle on a job any more."""


def _place_of(store: RecordStore) -> object:
    location = getattr(store, "location", None)
    return location if isinstance(location, str) else id(store)


def journal_of(store: RecordStore, job_id: str) -> Journal:
    """Return the journal of a job in a store, which all handles of this process on it share."""
    key = _place_of(store), job_id
    with _lock():
        journal = _journals.get(key)
        if journal is None:
            journal = _journals[key] = Journal(store, job_id)
        return journal


def write_pending(store: RecordStore | None = None) -> None:
    """Write what could not be written when it was learned: now, for there may be no other time.

    Args:
        store: Only to this store.
    """
    with _lock():
        wanted = None if store is None else _place_of(store)
        left = [journal for journal in _unwritten if wanted in {None, _place_of(journal.store)}]
    deadline = effects.monotonic() + _AT_END_SECONDS
    in_trouble: set[object] = set()
    for journal in sorted(left, key=lambda journal: journal.job_id):
        # Where it waited in vain for one job, it does not for the next, and tries for so long.
        how = Writing.AT_ONCE if _place_of(journal.store) in in_trouble else Writing.SYNCED
        if how is Writing.SYNCED or effects.monotonic() < deadline:
            journal.store.end_back_off()
            if journal.store.is_replaced:
                # What is left goes to the file that is there.
                journal.store.close()
            trouble = journal.write(how)
            if not isinstance(trouble, Job) and not (isinstance(trouble, StoreTrouble) and trouble.is_damaged):
                in_trouble.add(_place_of(journal.store))


@contextmanager
def forgetting(store: RecordStore, job_id: str) -> Iterator[None]:
    """Delete a job: nothing of it is written meanwhile, nor, if that works, what was to be written before."""
    journal = journal_of(store, job_id).used_by(store)
    with journal.writing():
        yield
        journal.clear()


_ended: Final[dict[int, set[Journal]]] = {}
"""The process that has come to its end -> what it could not write then."""


def _at_end() -> None:
    """Let what has begun to be read come to its end, and write what is left."""
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
    """The parent writes what it has learned; if a fork does so too, then later."""
    for journal in _unwritten:
        journal.seen_at = None
    _unwritten.clear()


# Threads that the end of Python waits for are done by then.
atexit.register(_at_end)
if multiprocessing.parent_process() is not None:
    _at_end_of_child()
finalizers.register_after_fork(Journal, lambda _: _at_end_of_child())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
