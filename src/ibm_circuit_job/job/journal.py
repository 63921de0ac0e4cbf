"""What handles have learned of a job, and a store does not have yet.

All handles of the process on one job share it. It stays here until it is written: when the job is asked for again,
when the provider is closed, and at the latest when the process ends.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from multiprocessing import util as finalizers
from typing import TYPE_CHECKING, Any, Final, TypeAlias

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
class PendingWrites:
    """What is to be written of one job to one store."""

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
    written: set[str] = field(factory=set)
    """The SHA-256 of the results that were written from here."""
    writing: ForkFreeLock = field(factory=ForkFreeLock)
    """Held by the thread that writes. What is being written is not to be read yet."""

    @property
    def is_left(self) -> bool:
        """Whether there is anything."""
        return self.learned is not None or bool(self.payloads)

    @property
    def key(self) -> _Key:
        """What it is told apart by. Two stores at one place are one."""
        return _place_of(self.store), self.job_id

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
                    self.written.add(payload.sha256)
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
        """Be in the registry for as long as there is something; the lock is held."""
        if self.is_left:
            registered = _registry.setdefault(self.key, self)
            if registered is not self:
                registered._absorb(self)  # noqa: SLF001 - of this class
        elif _registry.get(self.key) is self:
            del _registry[self.key]

    def _absorb(self, other: PendingWrites) -> None:
        """Take over what another has of the same job; the lock is held."""
        if other.learned is not None:
            self.seen_at = self.seen_at if self.learned is not None and self.seen_at is None else other.seen_at
            self.learned = other.learned if self.learned is None else merge(self.learned, other.learned)
        self.payloads = other.payloads | self.payloads
        self.tried |= other.tried
        self.written |= other.written
        other.learned, other.payloads = None, {}


_Key: TypeAlias = tuple[object, str]
_lock: Final = ForkFreeLock()
_registry: Final[dict[_Key, PendingWrites]] = {}
"""All that is left. It is held here, as there may be no handle on a job any more."""


def _place_of(store: RecordStore) -> object:
    location = getattr(store, "location", None)
    return location if isinstance(location, str) else id(store)


def pending_writes(own: PendingWrites) -> PendingWrites:
    """Return what is to be written of a job, whichever handle has learned it.

    Args:
        own: What one handle knows of it. A fork has what its parent was to write only where it uses it.
    """
    with _lock():
        return _shared(own)


def _shared(own: PendingWrites) -> PendingWrites:
    own._register()  # noqa: SLF001 - the lock is held
    shared = _registry.get(own.key, own)
    # Through the one that is in use: another may have been opened before its file was replaced.
    shared.store = own.store
    return shared


def add_pending(
    own: PendingWrites,
    kept: Job,
    known: Job,
    client: Any,
    payload: ResultPayload | None = None,
    *,
    seen_at: datetime | None = None,
) -> PendingWrites:
    """Add what is known of a job, and not kept, to what is to be written; return that.

    Args:
        own: What one handle knows of it.
        kept: What the store is known to have.
        known: What is known.
        client: The client that it was asked of.
        payload: A result that has arrived.
        seen_at: When what is known was seen, if that is just now.
    """
    with _lock():
        pending = _shared(own)
        pending.client = client
        # First of all, and each step at once: Ctrl-C may come after any of them.
        _registry.setdefault(pending.key, pending)
        is_first = pending.learned is None and pending.payloads.keys() <= {payload and payload.sha256}
        pending.seen_at = seen_at if is_first or pending.seen_at is not None else None
        pending.learned = news(kept, known if pending.learned is None else merge(pending.learned, known))
        if payload is not None:
            pending.written.discard(payload.sha256)
            others = {sha256: other for sha256, other in pending.payloads.items() if sha256 != payload.sha256}
            pending.payloads = others | {payload.sha256: payload}
        pending._register()  # noqa: SLF001 - of this module
        return pending


def write_pending(store: RecordStore | None = None) -> None:
    """Write what could not be written when it was learned: now, for there may be no other time.

    Args:
        store: Only to this store.
    """
    with _lock():
        wanted = None if store is None else _place_of(store)
        left = [pending for (place, _), pending in _registry.items() if wanted in {None, place}]
    deadline = effects.monotonic() + _AT_END_SECONDS
    in_trouble: set[object] = set()
    for pending in sorted(left, key=lambda pending: pending.job_id):
        # Where it waited in vain for one job, it does not for the next, and tries for so long.
        how = Writing.AT_ONCE if _place_of(pending.store) in in_trouble else Writing.SYNCED
        if how is Writing.SYNCED or effects.monotonic() < deadline:
            pending.store.end_back_off()
            if pending.store.is_replaced:
                # What is left goes to the file that is there.
                pending.store.close()
            trouble = pending.write(how)
            if not isinstance(trouble, Job) and not (isinstance(trouble, StoreTrouble) and trouble.is_damaged):
                in_trouble.add(_place_of(pending.store))


@contextmanager
def forgetting(store: RecordStore, job_id: str) -> Iterator[None]:
    """Delete a job: nothing of it is written meanwhile, nor, if that works, what was to be written before."""
    pending = pending_writes(PendingWrites(store, job_id))
    with pending.writing():
        yield
        with _lock():
            pending.learned, pending.payloads = None, {}
            pending.tried.clear()
            pending.written.clear()
            pending._register()  # noqa: SLF001 - of this module


_ended: Final[dict[int, list[PendingWrites]]] = {}
"""The process that has come to its end -> what it could not write then."""


def _at_end() -> None:
    """Let what has begun to be read come to its end, and write what is left."""
    if _ended.get(os.getpid()) == [*_registry.values()]:
        return
    try:
        if os.getpid() not in _ended:
            finish(_AT_END_SECONDS)
    finally:
        write_pending()
        _ended[os.getpid()] = [*_registry.values()]


def _at_end_of_child() -> None:
    # A process that multiprocessing has forked ends without atexit.
    finalizers.Finalize(None, _at_end, exitpriority=-1)


def _leave_to_parent() -> None:
    """The parent writes what it has learned; if a fork does so too, then later."""
    for pending in _registry.values():
        pending.seen_at = None
    _registry.clear()


# Threads that the end of Python waits for are done by then.
atexit.register(_at_end)
if multiprocessing.parent_process() is not None:
    _at_end_of_child()
finalizers.register_after_fork(PendingWrites, lambda _: _at_end_of_child())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
