"""JobCell: mutable holder of a handle's current ``Job``, its client and its store.

The one thing of a handle that changes. The record in it is replaced by ``merge`` and ``refresh``, so that any number of
threads may learn about the job at once; what is learned goes to the store before anybody is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve
from returns.io import IOFailure, IOResult

from ibm_circuit_job import effects
from ibm_circuit_job.clients.foreign import Client, adapted
from ibm_circuit_job.clients.oldest_jobs import OldestJobs, has_oldest_jobs
from ibm_circuit_job.effects import Clock
from ibm_circuit_job.errors import Failure, NoResult
from ibm_circuit_job.job.keeper import Keeper
from ibm_circuit_job.state.facts import Fact, JobName, JobTags, ResultPayload, StatusReport
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.transitions import after, merge, refresh
from ibm_circuit_job.threads.following import warn_of_unknown_status
from ibm_circuit_job.threads.locks import ForkFreeLock
from ibm_circuit_job.wire import queries, results
from ibm_circuit_job.wire.oldest_replies import IQX, is_oldest

if TYPE_CHECKING:
    from ibm_circuit_job.store import RecordStore

_T = TypeVar("_T")


class JobCell:
    """What is known of a job.

    Args:
        given: What the handle was told when it was made.
        given_error: Why the job failed, as it was told then.
        state: What is known by now.
        clock: The clock that stamps what is seen, and lets pauses pass.
    """

    def __init__(self, given: Job, given_error: StatusReport | None, state: Job, clock: Clock) -> None:
        self.given = given
        self.given_error = given_error
        self.state = state
        self.clock = clock
        self._asked: Client = adapted(None)
        self._oldest: Client | None = None
        """The client of the oldest jobs, where the account's client can read them."""
        self._is_oldest = False
        self.reconnect: Callable[[], None] | None = None
        """Gives the handle a client, with the first request; ``None`` where it has one, or none can be had."""
        self._reconnecting = ForkFreeLock()
        self.backend: Any = None
        """The backend that runs it, where one was given or found."""
        self.keeper: Keeper | None = None
        """Keeps the job; ``None`` without a store."""
        self._end = _end_of(state)
        self._was_told = False
        self._was_labelled = given.details is not None and (given.details.tags, given.details.name) != (None, None)
        """Whether tags or a name were given to the job here."""
        self._lock = ForkFreeLock()

    @property
    def job_id(self) -> str:
        """The job's ID."""
        return self.state.job_id

    def ensure_client(self) -> None:
        """Make the client, where that is to be done with the first request.

        Raises:
            Exception: What the handle's factory of providers raises.
        """
        if self.reconnect is not None:
            with self._reconnecting():
                if self.reconnect is not None:
                    # It calls connect, so it is not called again.
                    self.reconnect()

    def connect(self, api_client: Any, runtime_client: Any) -> None:
        """Choose the client that is asked about the job: of one of the oldest jobs, the account's.

        Args:
            api_client: The client of the account's side of the service.
            runtime_client: The client to ask about the job; ``api_client`` by default.
        """
        self.reconnect = None
        self._asked = adapted(api_client if runtime_client is None else runtime_client)
        is_ready = isinstance(self._asked.original, OldestJobs) or not has_oldest_jobs(api_client)
        self._oldest = None if is_ready else adapted(OldestJobs(api_client, runtime_client))
        self._is_oldest = is_oldest(self.state) or (runtime_client is None and not hasattr(api_client, "job_results"))

    @property
    def client(self) -> Client:
        """The client for requests about the job; of one of the oldest jobs, a client of the account's API.

        Raises:
            Exception: What the factory of providers of an unpickled handle raises.
        """
        self.ensure_client()
        return self._oldest if self._is_oldest and self._oldest is not None else self._asked

    def fetch_result(self, *, prompt: bool) -> IOResult[ResultPayload, Failure]:
        """Fetch the body of the result; that of one of the oldest jobs from the account's API.

        Which jobs are of these is asked (``job_type``) where the record does not know the job's program, and the
        service has no result of it.
        """
        ask = partial(effects.fetch_result, job_id=self.job_id, prompt=prompt, clock=self.clock)
        oldest, fetched = self._oldest, ask(self.client)
        if oldest is None or self._is_oldest or self.known(lambda job: job.program) is not None:
            return fetched

        def again(failure: Failure) -> IOResult[ResultPayload, Failure]:
            may_come = failure.can_retry and not isinstance(failure, NoResult)
            if may_come or effects.perform(self.client.job_type(self.job_id)).value_or(None) != IQX:
                return IOFailure(failure)
            self._is_oldest = True
            return ask(oldest)

        return fetched.lash(again)

    # Learning

    def observe(self, seen: Job) -> None:
        """Learn what was seen of the job just now, and keep what is news."""
        seen_at = self.clock.now()
        self._learn(seen, seen_at)
        # A reply says both; a push has no details, and what was submitted no status.
        told = seen.status is not None and not seen.status.assumed and seen.details is not None
        self._was_told = self._was_told or told
        self.keep(seen_at=seen_at)

    def learn(self, record: Job) -> None:
        """Merge a record of the job, of any age, into what is known, and keep what is news."""
        self._learn(record, None)
        self.keep()

    def learn_saved(self, record: Job) -> None:
        """Learn what another process has saved of the job in the store; it is not written again."""
        if self.keeper is not None:
            self.keeper.note(record)
        self._learn(record, None)

    def _learn(self, seen: Job, seen_at: datetime | None) -> None:
        if seen.status is not None:
            warn_of_unknown_status(seen.status)
        with self._lock():
            self._is_oldest = self._is_oldest or is_oldest(seen)
            found = seen if seen_at is None else after(seen, self.state, seen_at)
            self.state = merge(self.state, found)
            # The first time, for later reports of the same end are newer and say nothing new.
            self._end = self._end or _end_of(self.state)

    def observe_facts(self, *facts: Fact) -> None:
        """Learn facts that are no status and were seen just now, and keep what is news but for results."""
        self._learn_facts(facts, self.clock.now())

    def learn_facts(self, *facts: Fact) -> None:
        """Learn facts of any age that are no status, and keep what is news but for results."""
        self._learn_facts(facts, None)

    def _learn_facts(self, facts: tuple[Fact, ...], seen_at: datetime | None) -> None:
        self._learn(refresh(Job(self.job_id), *facts), seen_at)
        was_given = any(isinstance(fact, JobTags | JobName) for fact in facts)
        self._was_labelled = self._was_labelled or was_given
        if self.keeper is not None:
            self.keeper.keep_news(self.state, self.client, seen_at=seen_at, was_given=was_given)

    def ask(self) -> None:
        """Ask the service for the job, once, and learn what it says.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        seen = effects.value(effects.fetch_job(self.client, self.job_id, clock=self.clock))
        # However little it says: to ask again says no more.
        self._was_told = True
        self.observe(seen)

    def ask_for_all(self) -> None:
        """Ask the service for the job and, where the client can, for its metrics, and learn what it says.

        Raises:
            IBMJobApiError: If the service refused or could not be reached; nothing is learned then.
        """
        seen = effects.value(effects.fetch_job(self.client, self.job_id, clock=self.clock))
        measured = effects.value_if_possible(effects.fetch_metrics(self.client, self.job_id, clock=self.clock))
        self.observe(seen)
        if measured is not None:
            self.observe_facts(measured)

    def ask_if_possible(self) -> None:
        """Ask the service for the job, unless the client cannot.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        seen = effects.value_if_possible(effects.fetch_job(self.client, self.job_id, clock=self.clock))
        if seen is not None:
            self.observe(seen)

    def measure_if_possible(self) -> None:
        """Ask the service for the job's metrics, unless the client cannot.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        measured = effects.value_if_possible(effects.fetch_metrics(self.client, self.job_id, clock=self.clock))
        if measured is not None:
            self.observe_facts(measured)

    def measure(self) -> None:
        """Ask the service for the job's metrics, once, and learn what it says.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        self.observe_facts(effects.value(effects.fetch_metrics(self.client, self.job_id, clock=self.clock)))

    # Knowing

    def known(self, query: Callable[[Job], _T | None]) -> _T | None:
        """Return what the service said, else what was given when the handle was made."""
        said = query(self.state)
        return query(self.given) if said is None else said

    def answer(self, query: Callable[[Job], _T | None]) -> _T | None:
        """Return what is known; the service is asked, once, where it has said nothing of the job yet.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        known = self.known(query)
        if known is None and not self.heard:
            self.ask()
            known = self.known(query)
        return known

    @property
    def heard(self) -> bool:
        """Whether the service has said anything of the job itself."""
        # Each reply says when the job was created; what is known of a submission does not.
        return self._was_told or self.state.created is not None

    @property
    def measured(self) -> bool:
        """Whether the service has said what it measured."""
        return self.state.metrics is not self.given.metrics

    @property
    def ended_at(self) -> datetime | None:
        """When it was first seen that the service says that the job has ended."""
        return None if self._end is None else self._end.observed_at

    @property
    def metrics_are_final(self) -> bool:
        """Whether what was measured was seen when the job had ended, and stays as it is."""
        metrics = self.state.metrics
        if metrics is None or self._end is None:
            return False
        # Another handle may have seen the end first.
        names_the_end = any(step.lower() == "finished" for step, _ in metrics.timestamps)
        return names_the_end or metrics.stamp >= self._end.stamp

    @property
    def backend_name(self) -> str | None:
        """The name of the backend that runs the job, as far as is known."""
        name = getattr(self.backend, "name", None)
        return name if isinstance(name, str) else self.known(lambda job: job.backend)

    @property
    def failed(self) -> Job:
        """The record that says best why the job failed: what the service said, else what was given."""
        given = Job(self.job_id, self.given_error)
        return given if queries.has_reason(given) and not queries.has_reason(self.state) else self.state

    # Keeping

    def keep_in(self, store: RecordStore) -> None:
        """Keep the job in a store from now on; learn what is kept of it there."""
        keeper, before = Keeper.of(store, self.job_id), self.keeper
        self.learn(keeper.kept)
        self.keeper = keeper
        self.catch_up(insisting=True)
        self.keep(was_given=self._was_labelled)
        if before is not None and before.store is not store:
            self._bring_along(before, keeper)

    def _bring_along(self, before: Keeper, keeper: Keeper) -> None:
        """Write what memory does without to another store as well."""
        inputs = before.inputs()
        if inputs is not None:
            keeper.keep_news(refresh(self.state, inputs), self.client)
        for payload in reversed([*before.payloads()]):
            keeper.keep_payload(payload, self.state, self.client)
            if not keeper.is_stored(payload):
                self.learn_facts(payload)

    def keep(self, *, seen_at: datetime | None = None, was_given: bool = False) -> None:
        """Write what is news to the store, and a result that is in memory still, which then need not be.

        Args:
            seen_at: When the news were seen, if that is just now: then they come after all that the store has.
            was_given: Whether tags or a name among them were given to the job here.
        """
        if self.keeper is None:
            return
        self.keeper.keep_news(self.state, self.client, seen_at=seen_at, was_given=was_given)
        payload = self.state.payload
        if payload is not None and not self.is_stored(payload):
            self.keep_result(payload)
        self._forget_stored()

    def _forget_stored(self) -> None:
        """Have memory do without a result that the store has."""
        payload = self.state.payload
        if payload is not None and self.is_stored(payload):
            with self._lock():
                self.state = evolve(self.state, payload=None) if self.state.payload is payload else self.state

    def catch_up(self, *, insisting: bool = False) -> None:
        """Write what could not be written when it was learned, where no later call may do so.

        Args:
            insisting: Whether to try however short a time ago the store was in trouble.
        """
        if self.keeper is not None:
            if self.keeper.look_again():
                self.keep()
            self.keeper.catch_up(insisting=insisting)
            self._forget_stored()

    def is_stored(self, payload: ResultPayload) -> bool:
        """Return whether a store is known to have this result."""
        return self.keeper is not None and self.keeper.is_stored(payload)

    def keep_result(self, payload: ResultPayload, *, seen_at: datetime | None = None) -> None:
        """Write a result to the store, where there is one; when this returns, it is on the disk.

        Args:
            payload: The result.
            seen_at: When it has arrived, if that is just now: then it comes after all that the store has.
        """
        if self.keeper is not None:
            self.keeper.keep_payload(payload, self.state, self.client, seen_at=seen_at)

    def take_in(self, payload: ResultPayload) -> None:
        """Learn a result that has arrived just now; where the store has it, memory need not."""
        if not self.is_stored(payload):
            self.observe_facts(payload)

    def arrived(self) -> Iterator[ResultPayload]:
        """Yield the bodies of results that have arrived: the one in memory, then those in the store, newest first."""
        held = self.state.payload
        if held is not None:
            yield held
        if self.keeper is not None:
            yield from self.keeper.payloads()

    def complete_state(self) -> Job:
        """Return what is known, with the inputs and the result that were left to the store."""
        if self.keeper is None:
            return self.state
        arrived = [*self.arrived()]
        # What came last may be a page that says that there is no result now.
        held = next(
            (payload for payload in arrived if results.is_result(payload, self.job_id)), next(iter(arrived), None)
        )
        return evolve(self.state, payload=held, inputs=self.state.inputs or self.keeper.inputs())


def _end_of(job: Job) -> StatusReport | None:
    """The report by which the service said that the job has ended."""
    return job.status if job.is_confirmed_final else None
