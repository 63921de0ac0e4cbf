"""What a handle has to do with the store of its job: it writes what is news, and reads what memory does without.

Trouble of the store is in the log and nowhere else: the job goes on without it, and ``journal`` has what could not be
written.
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

_SAME: Final = 3
"""How often a store may say that the same thing is damaged: a store that is damaged itself says so of any result."""


class Keeper:
    """Keeps one job in one store. Any number of threads may call it.

    Args:
        store: The store.
        kept: What the store is known to have of the job, but for the bodies of results.
        opened: What ``store.opened`` was when that was read; by default what it is now.
    """

    def __init__(self, store: RecordStore, kept: Job, *, opened: tuple[int, bool] | None = None) -> None:
        self.store = store
        self.kept = kept
        self.damage: str | None = None
        """What the store said of a result that is damaged, where it has none that is not."""
        self.unread: str | None = None
        """What the store said where it could not be read when the result was last looked for in it."""
        self._own_journal: Journal | None = None
        self._opened = store.opened if opened is None else opened
        self._read: Callable[[], ResultPayload | None] = lambda: None
        """Returns the result that was read last, as long as the store holds it in memory."""
        self._waited_for: tuple[Fact | None, ...] = ()
        """The submission, tags and name that could not be stored when they were given."""

    @classmethod
    def of(cls, store: RecordStore, job_id: str) -> Self:
        """Return a keeper that has read what the store has of a job."""
        return cls(store, stored.value_or_warn(stored.stored_record(store, job_id)) or Job(job_id))

    @property
    def _journal(self) -> Journal:
        # Found where it is needed, for most handles of a listing have nothing to write. No cached_property: its lock
        # in Python 3.11 may be held by another thread when a fork begins.
        if self._own_journal is None:
            self._own_journal = journal_of(self.store, self.kept.job_id)
        return self._own_journal

    # Writing

    def note(self, saved: Job) -> None:
        """Note what another process has saved of the job, so that it is not written again."""
        self.kept = merge(self.kept, saved)

    def look_again(self) -> bool:
        """Find out what is in the store, where it may be another one than before: then all that is known is news.

        Returns:
            Whether it may be another one.
        """
        opened = self.store.opened
        if opened == self._opened:
            return False
        self._opened = opened
        job_id, journal = self.kept.job_id, self._journal.used_by(self.store)
        # A poll is not to wait. What could not be read is written again, which changes nothing.
        there = None
        if not self.store.is_replaced:
            there = stored.value_or_warn(stored.stored_record(self.store, job_id, how=Writing.SOON))
        self.kept = there or Job(job_id)
        payload = self._read()
        journal.stored.clear()
        if payload is not None:
            journal.add(self.kept, self.kept, journal.client, payload)
            self._write(Writing.AT_ONCE)
        return True

    def hold(self, result: object, payload: ResultPayload) -> None:
        """Have a decoded result in memory for a while, and what it was decoded from."""
        self._read = weakref.ref(payload)
        self.store.hold(result, payload)

    def keep_news(self, known: Job, client: Any, *, seen_at: datetime | None = None, was_given: bool = False) -> None:
        """Write what the store does not have yet of what is known, but for the bodies of results.

        Args:
            known: What is known of the job.
            client: The client that it was asked of.
            seen_at: When the news were seen, if that is just now: then they come after all that the store has.
            was_given: Whether tags or a name were given to the job here.
        """
        mine = news(self.kept, known)
        # Not with each poll, for to look at the file takes as long as a tenth of one.
        is_again = mine is not None and self.look_again()
        if is_again:
            mine = news(self.kept, known)
        journal = self._journal.used_by(self.store)
        journal.add(self.kept, known, client, seen_at=seen_at)
        if journal.learned is None:
            return
        # What the service says can be asked for again, so that it may wait for the next time.
        given = () if mine is None else (mine.inputs, mine.details if was_given else None)
        how = Writing.SOON
        if any(fact is not None for fact in given):
            # Once it could not be stored, no caller waits for that again.
            how = Writing.AT_ONCE if is_again or given == self._waited_for else Writing.SYNCED
        if not self._write(how):
            self._waited_for = given

    def keep_payload(self, payload: ResultPayload, known: Job, client: Any, *, seen_at: datetime | None = None) -> None:
        """Write a result, and with it what else is news. When this returns, it is on the disk.

        Args:
            payload: The body of the result.
            known: What is known of the job.
            client: The client that it was asked of.
            seen_at: When the result has arrived, if that is just now: then it comes after all that the store has.
        """
        self.look_again()
        journal = self._journal.used_by(self.store)
        # Once it could not be stored, no caller waits for that again.
        how = Writing.SYNCED if payload.sha256 not in journal.payloads else Writing.AT_ONCE
        journal.add(self.kept, known, client, payload, seen_at=seen_at)
        self._write(how)

    def catch_up(self, *, insisting: bool) -> None:
        """Write what could not be written when it was learned, by any handle on the job; without waiting.

        Args:
            insisting: Whether to try however short a time ago the store was in trouble.
        """
        if self._journal.used_by(self.store).is_left:
            if insisting:
                self.store.end_back_off()
            self._write(Writing.AT_ONCE)

    def _write(self, how: Writing) -> bool:
        """Write what is left, and return whether all of it is in the store."""
        written = self._journal.write(how)
        if not isinstance(written, Job):
            return False
        self.kept = merge(self.kept, written)
        return True

    def give_up_result(self) -> None:
        """Note that the result cannot be had any more."""
        stored.value_or_warn(stored.give_up_result(self.store, self.kept.job_id))

    # Reading

    def is_stored(self, payload: ResultPayload) -> bool:
        """Return whether the store is known to have this result."""
        return payload.sha256 in self._journal.stored and payload.sha256 not in self._journal.payloads

    def payloads(self) -> Iterator[ResultPayload]:
        """Yield the results that are there, the newest first; those that are damaged are passed over.

        First those that any handle on the job could not write when they arrived, then those that the store has.
        """
        self.damage = self.unread = None
        self.look_again()
        journal = self._journal.used_by(self.store)
        if journal.is_left:
            # What is being written, or is about to be, is not to be read before that was tried.
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
            read = effects.perform(stored.stored_payload(self.store, self.kept.job_id, newer))
            newer += 1
            match read:
                case Success(None):
                    return
                case Success(payload):
                    self._journal.stored.add(payload.sha256)
                    if results.is_result(payload, self.kept.job_id):
                        self.damage = None
                    yield payload
                    continue
            failure = read.failure()
            stored.warn_of_store(failure)
            # What is read from the service instead is to be written.
            self._journal.stored.clear()
            if isinstance(failure, StoreTrouble) and failure.is_damaged:
                self.damage = self.damage or describe(failure)
            else:
                self.unread = describe(failure)
            failures[describe(failure)] += 1
            if not isinstance(failure, StoreTrouble) or not failure.is_damaged or max(failures.values()) == _SAME:
                return

    def inputs(self) -> JobInputs | None:
        """Return the inputs that the store has."""
        return stored.value_or_warn(stored.stored_inputs(self.store, self.kept.job_id))
