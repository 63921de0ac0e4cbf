"""Many jobs at once: their standing by the page, and waiting for each of them with a handful of threads.

The service lists 200 jobs in one request. So what N jobs are doing is known after about N / 200 requests, whatever
mixture of states they are in: those that have not ended are listed first, and of those that are not among them the
ended ones are listed, or asked for one by one where they are few.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from attrs import define, evolve, field
from qiskit.providers.jobstatus import JobStatus
from returns.result import Result, Success

from ibm_circuit_job import effects
from ibm_circuit_job.clients.foreign import adapted
from ibm_circuit_job.effects import PAGE
from ibm_circuit_job.errors import (
    Failure,
    IBMError,
    IBMJobTimeoutError,
    Refused,
    Unreadable,
    describe,
    is_answer,
    to_exception,
)
from ibm_circuit_job.job.arguments import checked_timeout
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
from ibm_circuit_job.job.sharing import SharedJobs
from ibm_circuit_job.job.telling import Teller
from ibm_circuit_job.state import waiting
from ibm_circuit_job.state.course import LONGEST_CALL, SHORTEST_CALL, is_at
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.waiting import GaveUp, Poll, Wait, WaitPolicy
from ibm_circuit_job.threads.background import started, wait_for, within
from ibm_circuit_job.threads.following import TroubleLog
from ibm_circuit_job.views.words import number_of_jobs
from ibm_circuit_job.wire import queries
from ibm_circuit_job.wire.replies import JobPage

_logger: Final = logging.getLogger(__name__)
FEW: Final = 3
"""So many jobs are asked for one by one."""
ONE_BY_ONE: Final = 50
"""So many are asked for one by one where the listing cannot be read."""
STREAMS: Final = 4
"""Where no more than so many jobs run, they are listened to."""
MEASURED: Final = 8
"""Where no more than so many jobs are queued, their places are asked for, one by one, for a callback."""


def refresh_all(jobs: Iterable[IBMCircuitJob]) -> None:
    """Ask the service for the standing of many jobs, in about N / 200 requests. Circuits and results are not read.

    Jobs that are known to have ended are not asked for.

    Args:
        jobs: The jobs; they may be of several accounts.

    Raises:
        IBMJobApiError: If the service refused, or could not be reached; what was learned before that is kept.

    Example:
        >>> from ibm_circuit_job import IBMCircuitJob
        >>> from ibm_circuit_job.testing import ScriptedClient
        >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'])
        >>> job = IBMCircuitJob(None, None, "a", runtime_client=client)
        >>> refresh_all([job])
        >>> job.state.is_final
        True
    """
    failures = [failure for group in _grouped(jobs) for failure in group.look()]
    if failures:
        raise to_exception(failures[0])


def refresh_known(jobs: Iterable[IBMCircuitJob]) -> list[IBMCircuitJob]:
    """Ask for the standing of many jobs, also of those that have ended, and return those that the service knows.

    One of which the service will not tell is left out, with a warning in the log; one of which it tells something that
    cannot be read is returned as it was.

    Raises:
        IBMJobApiError: If the service could not be reached, was in trouble, or will tell of none of them.
    """
    asked = list(jobs)
    groups = _grouped(asked)
    for group in groups:
        for failure in group.look(also_ended=True):
            # What need not be tried again was said of one job; so was what cannot be read, unless it was the listing.
            about_one = not failure.can_retry or any(failure is each for each in group.unreadable.values())
            if not about_one or failure.http_status == _NOT_LOGGED_IN:
                raise to_exception(failure)
    refusals = {(id(group.client), job_id): why for group in groups for job_id, why in group.refusals.items()}
    refused = {job_id: why for (_, job_id), why in refusals.items() if not is_answer(why, 404, 410)}
    if refused and len(refusals) == sum(len(group.waiting) for group in groups):
        raise to_exception(next(iter(refused.values())))
    for job_id, why in refused.items():
        _logger.warning("Job %s is left out: %s", job_id, describe(why))
    for group in groups:
        for job_id, why in group.unreadable.items():
            _logger.warning("Job %s is as it was when it was seen last: %s", job_id, describe(why))
    unknown = refusals.keys() - {key for key in refusals if key[1] in refused}
    missed = [job for job in asked if (id(job.client), job.state.job_id) in unknown and not _is_elsewhere(job)]
    if missed:
        _logger.warning("Left out, because the service does not have them: %s.", number_of_jobs(len(missed)))
    return [job for job in asked if (id(job.client), job.state.job_id) not in refusals]


_NOT_LOGGED_IN: Final = 401


def _is_elsewhere(job: IBMCircuitJob) -> bool:
    """Whether a job was submitted to another service than the one that was asked.

    A store has all services on this machine under one name, since one goes on with what another has stored.
    """
    details, parameters = job.state.details, adapted(job.client).parameters
    url = None if details is None else details.service_url
    return url is not None and parameters is not None and url != parameters.url


def as_completed(
    jobs: Iterable[IBMCircuitJob],
    timeout: float | None = None,
    *,
    callback: Callable[..., object] | None = None,
    policy: WaitPolicy | None = None,
) -> Iterator[IBMCircuitJob]:
    """Yield jobs as they end, each once; see :func:`~ibm_circuit_job.wait_all`.

    Example:
        >>> from ibm_circuit_job import IBMCircuitJob
        >>> from ibm_circuit_job.testing import ScriptedClient
        >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'])
        >>> list(as_completed([IBMCircuitJob(None, None, "a", runtime_client=client)]))
        [<IBMCircuitJob('a', DONE)>]
    """
    limit = checked_timeout(timeout)
    return _ending(_grouped(jobs), limit, None if callback is None else Teller(callback), policy or WaitPolicy())


def _ending(
    groups: Sequence[_Group], limit: float | None, teller: Teller | None, policy: WaitPolicy
) -> Iterator[IBMCircuitJob]:
    began = effects.monotonic()
    deadline = None if limit is None else began + limit
    news = threading.Event()
    for group in groups:
        group.wait = Wait(began, deadline, seed=effects.chance())
        group.is_waiting = True
        group.news = news
        group.teller = teller
    try:
        for group in groups:
            group.begin_to_share()
        yield from _until_all_ended(groups, news, limit, policy)
    finally:
        for group in groups:
            group.shared.leave()


def _until_all_ended(
    groups: Sequence[_Group], news: threading.Event, limit: float | None, policy: WaitPolicy
) -> Iterator[IBMCircuitJob]:
    hopeless: list[IBMError] = []
    while True:
        for group in groups:
            group.tell()
            yield from group.take_ended()
            hopeless += group.give_up(policy)
        groups = [group for group in groups if group.waiting]
        if not groups:
            break
        if all(group.is_late() for group in groups):
            raise _not_ended(groups, limit or 0.0)
        for group in groups:
            group.take_turns()
        pause = min(group.pause(policy) for group in groups)
        for group in groups:
            group.shared.promise(pause)
            group.listen(policy)
        wait_for(news, pause)
        news.clear()
        for group in groups:
            group.take_turns()
            group.look_if_due(policy)
    if hopeless:
        raise hopeless[0]


def _not_ended(groups: Sequence[_Group], seconds: float) -> IBMJobTimeoutError:
    missing = [job_id for group in groups for job_id in group.waiting]
    named = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
    troubles = [group.wait.trouble.last for group in groups if group.wait.trouble is not None]
    last = f"; the last trouble on the way: {describe(troubles[-1])}" if troubles else ""
    number = f"{number_of_jobs(len(missing))} {'has' if len(missing) == 1 else 'have'}"
    return IBMJobTimeoutError(f"{number} not ended within {seconds:g} seconds: {named}{last}")


def _grouped(jobs: Iterable[IBMCircuitJob]) -> list[_Group]:
    """The jobs by the client that is asked about them, and by ID: two handles on one job are asked for once."""
    groups: dict[int, _Group] = {}
    for job in jobs:
        group = groups.setdefault(id(job.client), _Group(job.client))
        group.waiting[job.state.job_id].append(job)
    for group in groups.values():
        group.share()
    return list(groups.values())


@define(eq=False)
class _Group:
    """Jobs of one client, and the wait for them."""

    client: Any
    waiting: dict[str, list[IBMCircuitJob]] = field(factory=lambda: defaultdict(list))
    wait: Wait = field(factory=lambda: Wait(0.0))
    is_waiting: bool = False
    """Whether the policy of a wait tries again; else each request is patient by itself."""
    news: threading.Event = field(factory=threading.Event)
    listening: dict[str, str | None] = field(factory=dict)
    """The jobs that are listened to: ID -> how that went, once it is over: ``closed``, ``quiet`` or ``refused``."""
    tried: set[str] = field(factory=set)
    """Those whose stream has ended, or was refused."""
    troubles: TroubleLog = field(factory=lambda: TroubleLog("many jobs"))
    teller: Teller | None = None
    """What calls the callback of the wait."""
    refusals: dict[str, Failure] = field(factory=dict)
    """Those that the service will say nothing of."""
    shared: SharedJobs = field(factory=SharedJobs)
    """What other processes that wait for the same jobs have to do with it."""
    unreadable: dict[str, Failure] = field(factory=dict)
    """Those of which it said something that cannot be read, or of which something in front of it spoke instead."""

    def look(self, *, also_ended: bool = False) -> Iterator[Failure]:
        """Ask for the standing of all, and yield what went wrong.

        Args:
            also_ended: Ask also for those that are known to have ended; and for the others, too, where what was said of
                one cannot be read, which is not asked for again.
        """
        wanted = {
            job_id
            for job_id, handles in self.waiting.items()
            if (also_ended or not handles[0].state.is_confirmed_final) and self.shared.is_asking(job_id)
        }
        if len(wanted) > FEW:
            failure = self._list(wanted, pending=True)
            if failure is None and len(wanted) > FEW:
                failure = self._list(wanted, pending=False)
            hopeless = failure is not None and _says_nothing(failure) and len(wanted) <= ONE_BY_ONE
            if failure is not None and failure.can_retry and not hopeless:
                yield failure
                return
            # A listing that is not there, or forbidden, leaves to ask for each.
        for job_id in sorted(wanted):
            if self._seconds() == 0.0:
                return
            failure = self._ask(job_id)
            if failure is not None:
                yield failure
                if failure.can_retry and not (also_ended and job_id in self.unreadable):
                    return

    def _list(self, wanted: set[str], *, pending: bool) -> Failure | None:
        """Page through a listing until all that are wanted were in it; those that were are not wanted any more."""
        created = [queries.creation_date(self.waiting[job_id][0].state) for job_id in wanted]
        known = [moment for moment in created if moment is not None]
        since: datetime | None = min(known) if len(known) == len(created) else None
        until: datetime | None = max(known) if len(known) == len(created) else None
        # As many pages as would hold them, and as many again for jobs of others between them.
        most = 2 * -(-len(wanted) // PAGE) + 1
        offset = 0
        for _ in range(most):
            seconds = self._seconds()
            if seconds == 0.0:
                break
            ask = partial(
                effects.fetch_job_page,
                self.client,
                limit=PAGE,
                skip=offset,
                pending=pending,
                created_after=since,
                created_before=until,
                seconds=seconds,
            )
            listed: Result[JobPage, Failure] = effects.perform(within(seconds, ask))
            match listed:
                case Success(found):
                    page = found
                case _:
                    return listed.failure()
            for seen in page.jobs:
                if seen.job_id in wanted:
                    wanted.discard(seen.job_id)
                    self.shared.promise(0.0)
                    for job in self.waiting[seen.job_id]:
                        job.observe(seen)
            offset += len(page.jobs)
            if not wanted or not page.jobs or (page.count is not None and offset >= page.count):
                break
        return None

    def _ask(self, job_id: str) -> Failure | None:
        seconds = self._seconds()
        self.shared.promise(0.0)
        read = effects.perform(within(seconds, lambda: effects.fetch_job(self.client, job_id, seconds)))
        match read:
            case Success(seen):
                self.unreadable.pop(job_id, None)
                for job in self.waiting[job_id]:
                    job.observe(seen)
                return None
        failure = read.failure()
        if not failure.can_retry:
            self.refusals[job_id] = failure
        elif _says_nothing(failure):
            self.unreadable[job_id] = failure
        return failure

    def share(self) -> None:
        """Let the handles on one job know what any of them knows."""
        for handles in self.waiting.values():
            for job in handles[1:]:
                handles[0].learn(job.state)
            for job in handles[1:]:
                job.learn(handles[0].state)

    def begin_to_share(self) -> None:
        """Share the wait with the processes that wait for the same jobs of a store."""
        cells = [job._cell for handles in self.waiting.values() for job in handles]  # noqa: SLF001 - our own
        self.shared.begin(cells, self.news.set)

    def take_turns(self) -> None:
        """Find out which jobs this process asks for, and ask at once where another one did until now."""
        if self.shared.take_turns() and self.wait.polled is not None:
            self.wait = evolve(self.wait, poll_now=True)

    def _seconds(self) -> float | None:
        """How long a request may take: ``None`` for as long as it takes, 0.0 where there is no time left for one.

        None of a wait takes longer than LONGEST_CALL: a connection may die without a word.

        The last look of all has a moment, even if the time is up.
        """
        if self.wait.deadline is None:
            return LONGEST_CALL if self.is_waiting else None
        remaining = self.wait.deadline - effects.monotonic()
        if remaining <= 0.0 and self.wait.polled is not None and self.wait.polled >= self.wait.deadline:
            return 0.0
        return min(max(remaining, SHORTEST_CALL), LONGEST_CALL)

    def look_if_due(self, policy: WaitPolicy) -> None:
        """Ask for all where it is time to, else for those whose stream has ended."""
        over = {job_id: heard for job_id, heard in self.listening.items() if heard is not None}
        for job_id, heard in over.items():
            del self.listening[job_id]
            if heard != "quiet":
                self.tried.add(job_id)
            if heard != "refused" and job_id in self.waiting:
                self._ask(job_id)
        now = effects.monotonic()
        step = waiting.next_step(policy, self.wait, now)
        if isinstance(step, Poll) and step.after > 0.001:
            return
        failures = list(self.look())
        now = effects.monotonic()
        if failures and failures[-1].can_retry:
            self.wait = waiting.after_trouble(self.wait, now, failures[-1])
            self.troubles.note(failures[-1], now)
        else:
            self.troubles.over(now)
            running = any(is_at(handles[0].state, JobStatus.RUNNING) for handles in self.waiting.values())
            self.wait = waiting.after_poll(self.wait, now, ended=False, running=running)
            self._measure()

    def pause(self, policy: WaitPolicy) -> float:
        """Return after how many seconds it is time to ask again."""
        step = waiting.next_step(policy, self.wait, effects.monotonic())
        return step.after if isinstance(step, Poll) else 0.0

    def is_late(self) -> bool:
        """Return whether the time is up, and there was a last look."""
        wait = self.wait
        return wait.deadline is not None and wait.polled is not None and wait.polled >= wait.deadline

    def give_up(self, policy: WaitPolicy) -> list[IBMError]:
        """Return the errors of those for which there is no hope, and wait for them no longer."""
        step = waiting.next_step(policy, self.wait, effects.monotonic())
        if isinstance(step, GaveUp):
            self.refusals |= dict.fromkeys(self.waiting, step.trouble.last)
        refused = [job_id for job_id in self.refusals if self.waiting.pop(job_id, None) is not None]
        self.shared.drop(refused)
        return [to_exception(self.refusals[job_id]) for job_id in refused]

    def listen(self, policy: WaitPolicy) -> None:
        """Listen to some of the jobs that run, where the service pushes.

        Not for as long as a job takes: a caller that stops iterating would leave the thread and its stream behind.
        """
        if not adapted(self.client).offers_stream:
            return
        running = [
            job_id
            for job_id, handles in self.waiting.items()
            if is_at(handles[0].state, JobStatus.RUNNING) and self.shared.is_asking(job_id)
        ]
        if len(running) > STREAMS:
            # To listen to a few of many would cost more requests than it tells.
            return
        for job_id in running:
            if job_id in self.listening or job_id in self.tried:
                continue
            self.listening[job_id] = None
            deadline = self.wait.deadline
            left = policy.guard_pause if deadline is None else max(deadline - effects.monotonic(), 0.1)
            seconds = min(policy.guard_pause, left)
            started(partial(self._listened, job_id, seconds))

    def _listened(self, job_id: str, seconds: float) -> None:
        heard = effects.listen(self.client, job_id, seconds).map(lambda closed: "closed" if closed else "quiet")
        self.listening[job_id] = effects.perform(heard).value_or("refused")
        self.news.set()

    def tell(self) -> None:
        """Call the callback for the handles whose status or place differs from the last call."""
        if self.teller is None:
            return
        for job in [job for handles in self.waiting.values() for job in handles]:
            # What is known from before this wait may be old, unless it is the end.
            if self.wait.polled is not None or job.state.is_confirmed_final:
                self.teller.tell(job)

    def _measure(self) -> None:
        """Ask for the places in the queue, for a callback; a wait goes on without them."""
        queued = [
            job_id
            for job_id, handles in self.waiting.items()
            if is_at(handles[0].state, JobStatus.QUEUED) and self.shared.is_asking(job_id)
        ]
        if self.teller is None or len(queued) > MEASURED:
            return
        for job_id in queued:
            seconds = self._seconds()
            if seconds == 0.0:
                return
            ask = partial(effects.fetch_metrics, self.client, job_id, seconds)
            match effects.perform(within(seconds, ask)):
                case Success(metrics):
                    for job in self.waiting[job_id]:
                        job.observe(Job(job_id, metrics=metrics))

    def take_ended(self) -> list[IBMCircuitJob]:
        """Return the handles on jobs that have ended, and wait for them no longer."""
        ended = [job_id for job_id, handles in self.waiting.items() if handles[0].state.is_confirmed_final]
        self.shared.drop(ended)
        return [job for job_id in ended for job in self.waiting.pop(job_id)]


def _says_nothing(failure: Failure) -> bool:
    """Whether there was an answer that tells nothing of what was asked: not to be read, or not the service's own."""
    return isinstance(failure, Unreadable) or (
        isinstance(failure, Refused) and failure.can_retry and not failure.is_busy
    )
