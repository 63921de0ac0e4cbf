"""SavedJob: one job in one store, as a handle saves and loads it.

A failure of the store is a warning in the log, not an exception: the job goes on without the store, and ``journal``
has what could not be saved.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Self

from returns.result import Success

from ibm_circuit_job import effects
from ibm_circuit_job.errors import StoreTrouble, describe
from ibm_circuit_job.job import stored
from ibm_circuit_job.job.journal import Journal, journal_of
from ibm_circuit_job.state.facts import Fact, JobInputs, ResultPayload
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.transitions import merge, news
from ibm_circuit_job.store.writing import Writing
from ibm_circuit_job.wire import results

if TYPE_CHECKING:
    from ibm_circuit_job.store import RecordStore

_MOST_SAME_DAMAGES: Final = 3
"""After so many results with the same damage no more are read: a damaged store reports the same for all of them."""


class SavedJob:
    """One job in one store. Safe to use from several threads.

    Args:
        store: The store.
        record: The store's record of the job, as far as is known, without the bytes of results.
        opened: ``store.opened`` at the time when the record was read; by default its current value.
    """

    def __init__(self, store: RecordStore, record: Job, *, opened: tuple[int, bool] | None = None) -> None:
        self.store = store
        self.record = record
        self.damage: str | None = None
        """The store's error about a damaged result, if it has no undamaged one."""
        self.outage: str | None = None
        """The store's error, if it could not be read when the result was last loaded."""
        self._own_journal: Journal | None = None
        self._opened = store.opened if opened is None else opened
        self._cached: Callable[[], ResultPayload | None] = lambda: None
        """Returns the payload that was cached last, as long as the store has it in memory."""
        self._unsaved: tuple[Fact | None, ...] = ()
        """The submission, tags and name that could not be saved when they were set."""

    @classmethod
    def of(cls, store: RecordStore, job_id: str) -> Self:
        """Load a store's record of a job."""
        return cls(store, stored.value_or_warn(stored.stored_record(store, job_id)) or Job(job_id))

    @property
    def _journal(self) -> Journal:
        # Created when it is first needed, because most handles of a listing save nothing. Not a cached_property: its
        # lock in Python 3.11 may be held by another thread when a fork begins.
        if self._own_journal is None:
            self._own_journal = journal_of(self.store, self.record.job_id)
        return self._own_journal

    # Saving

    def note_saved(self, saved: Job) -> None:
        """Record what another process has saved of the job, so that it is not saved again."""
        self.record = merge(self.record, saved)

    def reload_if_replaced(self) -> bool:
        """Load the record again if the store's file was opened or replaced since it was last read.

        Returns:
            Whether the record was loaded again. Everything that the handle knows may then have to be saved again.
        """
        opened = self.store.opened
        if opened == self._opened:
            return False
        self._opened = opened
        job_id, journal = self.record.job_id, self._journal.used_by(self.store)
        # SOON, because a poll does not wait for a store. If the read fails, facts are saved a second time: harmless.
        found = None
        if not self.store.is_replaced:
            found = stored.value_or_warn(stored.stored_record(self.store, job_id, how=Writing.SOON))
        self.record = found or Job(job_id)
        payload = self._cached()
        journal.stored.clear()
        if payload is not None:
            journal.add(self.record, self.record, journal.client, payload)
            self._write(Writing.AT_ONCE)
        return True

    def cache(self, result: object, payload: ResultPayload) -> None:
        """Cache a decoded result, and the payload that it was decoded from, in the store's memory."""
        self._cached = weakref.ref(payload)
        self.store.cache_decoded(result, payload)

    def save_facts(self, known: Job, client: Any, *, seen_at: datetime | None = None, has_labels: bool = False) -> None:
        """Save the facts that the store does not have yet, except results.

        Args:
            known: The handle's record of the job.
            client: The client that the facts came from.
            seen_at: When new facts were observed, if just now: they then count as newer than all in the store.
            has_labels: Whether tags or a name were set with this handle.
        """
        unsaved = news(self.record, known)
        # Only with new facts, not with each poll: a look at the file takes a tenth of the time of a poll.
        is_reloaded = unsaved is not None and self.reload_if_replaced()
        if is_reloaded:
            unsaved = news(self.record, known)
        journal = self._journal.used_by(self.store)
        journal.add(self.record, known, client, seen_at=seen_at)
        if journal.learned is None:
            return
        # A submission, tags and names cannot be requested again, so they are synced. Other facts can be saved later.
        own = () if unsaved is None else (unsaved.inputs, unsaved.details if has_labels else None)
        how = Writing.SOON
        if any(fact is not None for fact in own):
            # If saving them failed before, no caller waits for the store a second time.
            how = Writing.AT_ONCE if is_reloaded or own == self._unsaved else Writing.SYNCED
        if not self._write(how):
            self._unsaved = own

    def save_payload(self, payload: ResultPayload, known: Job, client: Any, *, seen_at: datetime | None = None) -> None:
        """Save a result, and other new facts with it. It is on the disk when this returns.

        Args:
            payload: The bytes of the result.
            known: The handle's record of the job.
            client: The client that the result came from.
            seen_at: When the result arrived, if just now: it then counts as newer than all in the store.
        """
        self.reload_if_replaced()
        journal = self._journal.used_by(self.store)
        # If saving it failed before, no caller waits for the store a second time.
        how = Writing.SYNCED if payload.sha256 not in journal.payloads else Writing.AT_ONCE
        journal.add(self.record, known, client, payload, seen_at=seen_at)
        self._write(how)

    def save_pending(self, *, ignore_back_off: bool) -> None:
        """Save what any handle on the job could not save when it was observed, without waiting.

        Args:
            ignore_back_off: Whether to try even if the store failed a short time ago.
        """
        if self._journal.used_by(self.store).is_left:
            if ignore_back_off:
                self.store.end_back_off()
            self._write(Writing.AT_ONCE)

    def _write(self, how: Writing) -> bool:
        """Write the journal, and return whether all of it is in the store."""
        written = self._journal.write(how)
        if not isinstance(written, Job):
            return False
        self.record = merge(self.record, written)
        return True

    def give_up_result(self) -> None:
        """Record in the store that the service has no result any more."""
        stored.value_or_warn(stored.give_up_result(self.store, self.record.job_id))

    # Loading

    def is_stored(self, payload: ResultPayload) -> bool:
        """Return whether the store is known to have this result."""
        return payload.sha256 in self._journal.stored and payload.sha256 not in self._journal.payloads

    def payloads(self) -> Iterator[ResultPayload]:
        """Yield the results, the newest first: unsaved ones of any handle on the job, then those in the store.

        Damaged results are left out.
        """
        self.damage = self.outage = None
        self.reload_if_replaced()
        journal = self._journal.used_by(self.store)
        if journal.is_left:
            # A result is on the disk before it is read, so saving it is tried first.
            with journal.writing():
                left = {**journal.payloads}
            if not left.keys() <= journal.tried:
                self._write(Writing.SYNCED)
                left = {**journal.payloads}
            yield from reversed(left.values())
        yield from self._stored_payloads()

    def _stored_payloads(self) -> Iterator[ResultPayload]:
        newer, failures = 0, Counter[str]()
        while True:
            read = effects.perform(stored.stored_payload(self.store, self.record.job_id, newer))
            newer += 1
            match read:
                case Success(None):
                    return
                case Success(payload):
                    self._journal.stored.add(payload.sha256)
                    if results.is_result(payload, self.record.job_id):
                        self.damage = None
                    yield payload
                    continue
            failure = read.failure()
            stored.warn_of_store(failure)
            # The result will be read from the service instead, and is to be saved then.
            self._journal.stored.clear()
            if not isinstance(failure, StoreTrouble) or not failure.is_damaged:
                self.outage = describe(failure)
                return
            self.damage = self.damage or describe(failure)
            failures[describe(failure)] += 1
            if max(failures.values()) == _MOST_SAME_DAMAGES:
                return

    def inputs(self) -> JobInputs | None:
        """Return the inputs that the store has, or ``None``."""
        return stored.value_or_warn(stored.stored_inputs(self.store, self.record.job_id))
