"""JobCell: mutable holder of a handle's current ``Job``, its client and its store.

The cell is the only mutable part of a handle. Its record is replaced by ``merge`` and ``refresh``, so several threads
may update it at once. A new record is saved in the store before a member returns it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve
from returns.io import IOFailure, IOResult

from ibm_circuit_job import clients, effects, wire
from ibm_circuit_job.clients.foreign import Client, adapted
from ibm_circuit_job.effects import Clock
from ibm_circuit_job.errors import Failure, NoResult
from ibm_circuit_job.job.saved_job import SavedJob
from ibm_circuit_job.state.facts import Fact, JobName, JobTags, ResultPayload, StatusReport
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.transitions import after, merge, refresh
from ibm_circuit_job.threads.following import warn_of_unknown_status
from ibm_circuit_job.threads.locks import ForkFreeLock
from ibm_circuit_job.wire import queries, results

if TYPE_CHECKING:
    from ibm_circuit_job.store import RecordStore

_T = TypeVar("_T")


class JobCell:
    """The current record of a job, with its client and its store.

    Args:
        given: The record made from the constructor's arguments.
        given_error: Why the job failed, from the constructor's arguments.
        state: The current record.
        clock: The clock that stamps replies and paces waits.
    """

    def __init__(self, given: Job, given_error: StatusReport | None, state: Job, clock: Clock) -> None:
        self.given = given
        self.given_error = given_error
        self.state = state
        self.clock = clock
        self._client: Client = adapted(None)
        self._oldest: Client | None = None
        """The client for the oldest jobs, if the account's client can read them."""
        self._is_oldest = False
        self.reconnect: Callable[[], None] | None = None
        """Connects the handle, before its first request; ``None`` if it has a client, or no factory of providers."""
        self._reconnecting = ForkFreeLock()
        self.backend: Any = None
        """The backend that runs the job, if it was passed in or found."""
        self.saved_job: SavedJob | None = None
        """The job in its store; ``None`` without a store."""
        self._end = _end_of(state)
        """The first report of a final status."""
        self._had_reply = False
        self._has_own_labels = given.details is not None and (given.details.tags, given.details.name) != (None, None)
        """Whether tags or a name were set with this handle."""
        self._lock = ForkFreeLock()

    @property
    def job_id(self) -> str:
        """The job's ID."""
        return self.state.job_id

    def ensure_client(self) -> None:
        """Connect an unpickled handle that has a factory of providers, once.

        Raises:
            Exception: What the factory raises.
        """
        if self.reconnect is not None:
            with self._reconnecting():
                if self.reconnect is not None:
                    # It calls connect(), which sets reconnect to None.
                    self.reconnect()

    def connect(self, api_client: Any, runtime_client: Any) -> None:
        """Set the client for requests about the job. For one of the oldest jobs it is the account's client.

        Args:
            api_client: The client of the account's API.
            runtime_client: The client for requests about the job; ``api_client`` by default.
        """
        self.reconnect = None
        self._client = adapted(api_client if runtime_client is None else runtime_client)
        oldest = clients.oldest_jobs
        is_ready = isinstance(self._client.original, oldest.OldestJobs) or not oldest.has_oldest_jobs(api_client)
        self._oldest = None if is_ready else adapted(oldest.OldestJobs(api_client, runtime_client))
        self._is_oldest = wire.oldest_replies.is_oldest(self.state) or (
            runtime_client is None and not hasattr(api_client, "job_results")
        )

    @property
    def client(self) -> Client:
        """The client for requests about the job; for one of the oldest jobs, a client of the account's API.

        Raises:
            Exception: What the factory of providers of an unpickled handle raises.
        """
        self.ensure_client()
        return self._oldest if self._is_oldest and self._oldest is not None else self._client

    def fetch_result(self, *, prompt: bool) -> IOResult[ResultPayload, Failure]:
        """Fetch the bytes of the result; for one of the oldest jobs, from the account's API.

        If the job's program is not known, and the service has no result, one more request (``job_type``) finds out
        whether it is one of the oldest jobs.
        """
        ask = partial(effects.fetch_result, job_id=self.job_id, prompt=prompt, clock=self.clock)
        oldest, fetched = self._oldest, ask(self.client)
        if oldest is None or self._is_oldest or self.known(lambda job: job.program) is not None:
            return fetched

        def again(failure: Failure) -> IOResult[ResultPayload, Failure]:
            may_come = failure.can_retry and not isinstance(failure, NoResult)
            if may_come or effects.perform(self.client.job_type(self.job_id)).value_or(None) != wire.oldest_replies.IQX:
                return IOFailure(failure)
            self._is_oldest = True
            return ask(oldest)

        return fetched.lash(again)

    # Merging

    def observe(self, seen: Job) -> None:
        """Merge a record that was observed just now, and save what changed."""
        seen_at = self.clock.now()
        self._learn(seen, seen_at)
        # A reply about a job has a status and details. A push has no details, and a submission has no status.
        is_reply = seen.status is not None and not seen.status.assumed and seen.details is not None
        self._had_reply = self._had_reply or is_reply
        self.save(seen_at=seen_at)

    def learn(self, record: Job) -> None:
        """Merge a record of any age, and save what changed."""
        self._learn(record, None)
        self.save()

    def learn_saved(self, record: Job) -> None:
        """Merge a record that another process has saved in the store. It is not saved again."""
        if self.saved_job is not None:
            self.saved_job.note_saved(record)
        self._learn(record, None)

    def _learn(self, seen: Job, seen_at: datetime | None) -> None:
        if seen.status is not None:
            warn_of_unknown_status(seen.status)
        with self._lock():
            self._is_oldest = self._is_oldest or wire.oldest_replies.is_oldest(seen)
            found = seen if seen_at is None else after(seen, self.state, seen_at)
            self.state = merge(self.state, found)
            # The first report stays: a later report that differs only in its time is not a change.
            self._end = self._end or _end_of(self.state)

    def observe_facts(self, *facts: Fact) -> None:
        """Merge facts other than a status that were observed just now, and save changes except results."""
        self._learn_facts(facts, self.clock.now())

    def learn_facts(self, *facts: Fact) -> None:
        """Merge facts other than a status, of any age, and save changes except results."""
        self._learn_facts(facts, None)

    def _learn_facts(self, facts: tuple[Fact, ...], seen_at: datetime | None) -> None:
        self._learn(refresh(Job(self.job_id), *facts), seen_at)
        has_labels = any(isinstance(fact, JobTags | JobName) for fact in facts)
        self._has_own_labels = self._has_own_labels or has_labels
        if self.saved_job is not None:
            self.saved_job.save_facts(self.state, self.client, seen_at=seen_at, has_labels=has_labels)

    # Requesting

    def request_job(self) -> None:
        """Request the job, once, and merge the reply.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        seen = effects.value(effects.fetch_job(self.client, self.job_id, clock=self.clock))
        # Even if the reply has few fields: another request would have no more.
        self._had_reply = True
        self.observe(seen)

    def request_all(self) -> None:
        """Request the job and, if the client can, its metrics, and merge the replies.

        Raises:
            IBMJobApiError: If the service refused or could not be reached. The record does not change then.
        """
        seen = effects.value(effects.fetch_job(self.client, self.job_id, clock=self.clock))
        measured = effects.value_if_possible(effects.fetch_metrics(self.client, self.job_id, clock=self.clock))
        self.observe(seen)
        if measured is not None:
            self.observe_facts(measured)

    def request_job_if_possible(self) -> None:
        """Request the job, if the client can, and merge the reply.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        seen = effects.value_if_possible(effects.fetch_job(self.client, self.job_id, clock=self.clock))
        if seen is not None:
            self.observe(seen)

    def request_metrics_if_possible(self) -> None:
        """Request the job's metrics, if the client can, and merge the reply.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        measured = effects.value_if_possible(effects.fetch_metrics(self.client, self.job_id, clock=self.clock))
        if measured is not None:
            self.observe_facts(measured)

    def request_metrics(self) -> None:
        """Request the job's metrics, once, and merge the reply.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        self.observe_facts(effects.value(effects.fetch_metrics(self.client, self.job_id, clock=self.clock)))

    # Reading the record

    def known(self, query: Callable[[Job], _T | None]) -> _T | None:
        """Return a value from the current record, else from the constructor's arguments."""
        found = query(self.state)
        return query(self.given) if found is None else found

    def known_or_requested(self, query: Callable[[Job], _T | None]) -> _T | None:
        """Return a value from the record. If it is unknown and there was no reply yet, the job is requested once.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        known = self.known(query)
        if known is None and not self.has_reply:
            self.request_job()
            known = self.known(query)
        return known

    @property
    def has_reply(self) -> bool:
        """Whether there was a reply about the job."""
        # Each reply has a time of creation; the record of a submission has none.
        return self._had_reply or self.state.created is not None

    @property
    def has_metrics(self) -> bool:
        """Whether there was a reply with metrics."""
        return self.state.metrics is not self.given.metrics

    @property
    def ended_at(self) -> datetime | None:
        """When a reply first had a final status; ``None`` if there was none yet."""
        return None if self._end is None else self._end.observed_at

    @property
    def metrics_are_final(self) -> bool:
        """Whether the metrics were observed after the job had ended, so that they do not change any more."""
        metrics = self.state.metrics
        if metrics is None or self._end is None:
            return False
        # Another handle may have observed the final status first.
        names_the_end = any(step.lower() == "finished" for step, _ in metrics.timestamps)
        return names_the_end or metrics.stamp >= self._end.stamp

    @property
    def backend_name(self) -> str | None:
        """The name of the backend that runs the job; ``None`` if it is not known."""
        name = getattr(self.backend, "name", None)
        return name if isinstance(name, str) else self.known(lambda job: job.backend)

    @property
    def failed(self) -> Job:
        """The record with the reason why the job failed: from a reply, else from the constructor's arguments."""
        given = Job(self.job_id, self.given_error)
        return given if queries.has_reason(given) and not queries.has_reason(self.state) else self.state

    # Saving

    def keep_in(self, store: RecordStore) -> None:
        """Save the job in a store from now on, and merge the store's record of it."""
        saved_job, before = SavedJob.of(store, self.job_id), self.saved_job
        self.learn(saved_job.record)
        self.saved_job = saved_job
        self.save_pending(ignore_back_off=True)
        self.save(has_labels=self._has_own_labels)
        if before is not None and before.store is not store:
            self._copy_to(before, saved_job)

    def _copy_to(self, before: SavedJob, saved_job: SavedJob) -> None:
        """Copy the inputs and the results of the job from one store to another."""
        inputs = before.inputs()
        if inputs is not None:
            saved_job.save_facts(refresh(self.state, inputs), self.client)
        for payload in reversed([*before.payloads()]):
            saved_job.save_payload(payload, self.state, self.client)
            if not saved_job.is_stored(payload):
                self.learn_facts(payload)

    def save(self, *, seen_at: datetime | None = None, has_labels: bool = False) -> None:
        """Save what changed in the store, and move a result from memory to the store.

        Args:
            seen_at: When the changes were observed, if just now: they then count as newer than all in the store.
            has_labels: Whether the changes have tags or a name that were set with this handle.
        """
        if self.saved_job is None:
            return
        self.saved_job.save_facts(self.state, self.client, seen_at=seen_at, has_labels=has_labels)
        payload = self.state.payload
        if payload is not None and not self.is_stored(payload):
            self.save_result(payload)
        self._drop_saved_payload()

    def _drop_saved_payload(self) -> None:
        """Remove a result from memory if the store has it."""
        payload = self.state.payload
        if payload is not None and self.is_stored(payload):
            with self._lock():
                self.state = evolve(self.state, payload=None) if self.state.payload is payload else self.state

    def save_pending(self, *, ignore_back_off: bool = False) -> None:
        """Save what could not be saved when it was observed.

        Args:
            ignore_back_off: Whether to try even if the store failed a short time ago.
        """
        if self.saved_job is not None:
            if self.saved_job.reload_if_replaced():
                self.save()
            self.saved_job.save_pending(ignore_back_off=ignore_back_off)
            self._drop_saved_payload()

    def is_stored(self, payload: ResultPayload) -> bool:
        """Return whether a store is known to have this result."""
        return self.saved_job is not None and self.saved_job.is_stored(payload)

    def save_result(self, payload: ResultPayload, *, seen_at: datetime | None = None) -> None:
        """Save a result in the store, if there is one. It is on the disk when this returns.

        Args:
            payload: The bytes of the result.
            seen_at: When the result arrived, if just now: it then counts as newer than all in the store.
        """
        if self.saved_job is not None:
            self.saved_job.save_payload(payload, self.state, self.client, seen_at=seen_at)

    def cache_unless_saved(self, payload: ResultPayload) -> None:
        """Cache a result that has arrived just now, unless the store has it."""
        if not self.is_stored(payload):
            self.observe_facts(payload)

    def arrived_payloads(self) -> Iterator[ResultPayload]:
        """Yield the results that have arrived: the one in memory, then those in the store, newest first."""
        cached = self.state.payload
        if cached is not None:
            yield cached
        if self.saved_job is not None:
            yield from self.saved_job.payloads()

    def complete_state(self) -> Job:
        """Return the record with the inputs and the result that are only in the store."""
        if self.saved_job is None:
            return self.state
        arrived = [*self.arrived_payloads()]
        # The newest payload may be an error page instead of a result.
        best = next(
            (payload for payload in arrived if results.is_result(payload, self.job_id)), next(iter(arrived), None)
        )
        return evolve(self.state, payload=best, inputs=self.state.inputs or self.saved_job.inputs())


def _end_of(job: Job) -> StatusReport | None:
    """Return the service's report of a final status, or ``None``."""
    return job.status if job.is_confirmed_final else None
