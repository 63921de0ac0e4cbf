"""Refreshes many jobs, and waits for many jobs, with few requests and few threads.

The service lists 200 jobs in one request, so the statuses of N jobs take about N / 200 requests. The listing of jobs
that have not ended is read first. Jobs that are not in it are found in the listing of ended jobs; a few of them are
requested one by one.
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
from ibm_circuit_job.job.status_callback import StatusCallback
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
"""Up to this many jobs are requested one by one; more are listed."""
ONE_BY_ONE: Final = 50
"""Up to this many jobs are requested one by one if the listing cannot be read."""
STREAMS: Final = 4
"""The most push streams that one wait opens. If more jobs run, it opens none and polls."""
MEASURED: Final = 8
"""Up to this many queued jobs, a wait with a callback requests their places in the queue, one by one."""


def refresh_all(jobs: Iterable[IBMCircuitJob]) -> None:
    """Update the statuses and descriptions of many jobs, in about N / 200 requests for N jobs.

    Circuits and results are not read. Jobs that have ended are not requested. Source: ``GET /jobs``.

    Args:
        jobs: The jobs; they may be of several accounts.

    Raises:
        IBMJobApiError: If the service refused or could not be reached. Jobs that were read before that are updated.

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
    """Update many jobs, including those that have ended, and return the jobs that the service knows.

    A job that the service refuses to describe is left out, with a warning in the log. A job whose reply cannot be read
    is returned unchanged.

    Raises:
        IBMJobApiError: If the service could not be reached, failed, or refuses to describe any of the jobs.
    """
    wanted = list(jobs)
    groups = _grouped(wanted)
    for group in groups:
        for failure in group.look(also_ended=True):
            # A final refusal is about one job. So is an unreadable reply, unless it is the listing.
            is_about_one_job = not failure.can_retry or any(failure is each for each in group.unreadable.values())
            if not is_about_one_job or failure.http_status == _NOT_LOGGED_IN:
                raise to_exception(failure)
    refusals = {(id(group.client), job_id): why for group in groups for job_id, why in group.refusals.items()}
    refused = {job_id: why for (_, job_id), why in refusals.items() if not is_answer(why, 404, 410)}
    if refused and len(refusals) == sum(len(group.waiting) for group in groups):
        raise to_exception(next(iter(refused.values())))
    for job_id, why in refused.items():
        _logger.warning("Job %s is left out: %s", job_id, describe(why))
    for group in groups:
        for job_id, why in group.unreadable.items():
            _logger.warning("The new status of job %s could not be read: %s", job_id, describe(why))
    unknown = refusals.keys() - {key for key in refusals if key[1] in refused}
    missed = [job for job in wanted if (id(job.client), job.state.job_id) in unknown and not _is_elsewhere(job)]
    if missed:
        _logger.warning("Left out, because the service does not have them: %s.", number_of_jobs(len(missed)))
    return [job for job in wanted if (id(job.client), job.state.job_id) not in refusals]


_NOT_LOGGED_IN: Final = 401


def _is_elsewhere(job: IBMCircuitJob) -> bool:
    """Whether a job was submitted to another service than the one its client sends requests to.

    A store has one name for all local services, since a new local service continues with the jobs of an earlier one.
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
    """Yield each job when it has ended.

    Args:
        jobs: The jobs; they may be of several accounts.
        timeout: Seconds to wait for all of them; ``None`` for as long as it takes.
        callback: Called as ``callback(job_id, status, job, queue_info=...)``; see
            :func:`~ibm_circuit_job.wait_all`.
        policy: The pauses of the wait.

    Raises:
        IBMJobTimeoutError: If not all jobs have ended after ``timeout`` seconds.
        IBMJobInvalidStateError: If ``timeout`` is no number.
        IBMJobApiError: If the service refused a job for good; raised after all other jobs were yielded.

    Example:
        >>> from ibm_circuit_job import IBMCircuitJob
        >>> from ibm_circuit_job.testing import ScriptedClient
        >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'])
        >>> list(as_completed([IBMCircuitJob(None, None, "a", runtime_client=client)]))
        [<IBMCircuitJob('a', DONE)>]
    """
    limit = checked_timeout(timeout)
    reported = None if callback is None else StatusCallback(callback)
    return _ending(_grouped(jobs), limit, reported, policy or WaitPolicy())


def _ending(
    groups: Sequence[_Group], limit: float | None, callback: StatusCallback | None, policy: WaitPolicy
) -> Iterator[IBMCircuitJob]:
    began = effects.monotonic()
    deadline = None if limit is None else began + limit
    changed = threading.Event()
    for group in groups:
        group.wait = Wait(began, deadline, seed=effects.chance())
        group.is_waiting = True
        group.changed = changed
        group.callback = callback
    try:
        for group in groups:
            group.begin_to_share()
        yield from _until_all_ended(groups, changed, limit, policy)
    finally:
        for group in groups:
            group.shared.leave()


def _until_all_ended(
    groups: Sequence[_Group], changed: threading.Event, limit: float | None, policy: WaitPolicy
) -> Iterator[IBMCircuitJob]:
    errors: list[IBMError] = []
    while True:
        for group in groups:
            group.call_callback()
            yield from group.take_ended()
            errors += group.give_up(policy)
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
        wait_for(changed, pause)
        changed.clear()
        for group in groups:
            group.take_turns()
            group.look_if_due(policy)
    if errors:
        raise errors[0]


def _not_ended(groups: Sequence[_Group], seconds: float) -> IBMJobTimeoutError:
    missing = [job_id for group in groups for job_id in group.waiting]
    named = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
    troubles = [group.wait.trouble.last for group in groups if group.wait.trouble is not None]
    last = f"; the last trouble on the way: {describe(troubles[-1])}" if troubles else ""
    number = f"{number_of_jobs(len(missing))} {'has' if len(missing) == 1 else 'have'}"
    return IBMJobTimeoutError(f"{number} not ended within {seconds:g} seconds: {named}{last}")


def _grouped(jobs: Iterable[IBMCircuitJob]) -> list[_Group]:
    """Return the jobs grouped by their client, and by ID: a job with two handles is requested once."""
    groups: dict[int, _Group] = {}
    for job in jobs:
        group = groups.setdefault(id(job.client), _Group(job.client))
        group.waiting[job.state.job_id].append(job)
    for group in groups.values():
        group.share()
    return list(groups.values())


@define(eq=False)
class _Group:
    """The jobs of one client, and the wait for them."""

    client: Any
    """The client for requests about the jobs."""
    waiting: dict[str, list[IBMCircuitJob]] = field(factory=lambda: defaultdict(list))
    """The jobs that have not ended: ID -> the handles on the job."""
    wait: Wait = field(factory=lambda: Wait(0.0))
    """The state of the wait."""
    is_waiting: bool = False
    """Whether this is a wait, which repeats requests by its policy; else the client repeats each request."""
    changed: threading.Event = field(factory=threading.Event)
    """Set when a record has changed, or a push stream has ended. It ends the pause of the wait."""
    listening: dict[str, str | None] = field(factory=dict)
    """The jobs with a push stream: ID -> ``None``, or how the stream ended: ``closed``, ``quiet`` or ``refused``."""
    tried: set[str] = field(factory=set)
    """The IDs of jobs whose stream has ended, or was refused. They get no other stream."""
    troubles: TroubleLog = field(factory=lambda: TroubleLog("many jobs"))
    """Logs the failures of the wait."""
    callback: StatusCallback | None = None
    """The callback of the wait."""
    refusals: dict[str, Failure] = field(factory=dict)
    """The jobs that the service refuses to describe: ID -> why."""
    shared: SharedJobs = field(factory=SharedJobs)
    """The part of the wait that is shared with other processes, which wait for the same jobs."""
    unreadable: dict[str, Failure] = field(factory=dict)
    """The jobs whose reply cannot be read, or is not the service's own, such as a proxy's page: ID -> why."""

    def look(self, *, also_ended: bool = False) -> Iterator[Failure]:
        """Request all jobs, by listings or one by one, and yield the failures.

        Args:
            also_ended: Whether to request also the jobs that have ended. An unreadable reply about one job then does
                not end the requests for the others.
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
            # Without a listing, each job is requested by itself.
        for job_id in sorted(wanted):
            if self._seconds() == 0.0:
                return
            failure = self._ask(job_id)
            if failure is not None:
                yield failure
                if failure.can_retry and not (also_ended and job_id in self.unreadable):
                    return

    def _list(self, wanted: set[str], *, pending: bool) -> Failure | None:
        """Read pages of a listing until all wanted jobs were found, and remove each job found from *wanted*."""
        created = [queries.creation_date(self.waiting[job_id][0].state) for job_id in wanted]
        known = [moment for moment in created if moment is not None]
        since: datetime | None = min(known) if len(known) == len(created) else None
        until: datetime | None = max(known) if len(known) == len(created) else None
        # The pages that the wanted jobs fill, and as many again for other jobs between them.
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
        """Merge the records of all handles on one job."""
        for handles in self.waiting.values():
            for job in handles[1:]:
                handles[0].learn(job.state)
            for job in handles[1:]:
                job.learn(handles[0].state)

    def begin_to_share(self) -> None:
        """Share the wait with other processes that wait for the same jobs of a store."""
        cells = [job._cell for handles in self.waiting.values() for job in handles]  # noqa: SLF001 - our own
        self.shared.begin(cells, self.changed.set)

    def take_turns(self) -> None:
        """Find out which jobs this process requests, and poll at once if it takes some over from another process."""
        if self.shared.take_turns() and self.wait.polled is not None:
            self.wait = evolve(self.wait, poll_now=True)

    def _seconds(self) -> float | None:
        """Return the seconds that a request may take; ``None`` for no limit, 0.0 if no time is left for one.

        A request of a wait takes at most LONGEST_CALL, because a connection may die without an error. After the
        deadline there is one last request, of SHORTEST_CALL at most.
        """
        if self.wait.deadline is None:
            return LONGEST_CALL if self.is_waiting else None
        remaining = self.wait.deadline - effects.monotonic()
        if remaining <= 0.0 and self.wait.polled is not None and self.wait.polled >= self.wait.deadline:
            return 0.0
        return min(max(remaining, SHORTEST_CALL), LONGEST_CALL)

    def look_if_due(self, policy: WaitPolicy) -> None:
        """Request all jobs if a poll is due; else the jobs whose stream has ended."""
        ended = {job_id: how for job_id, how in self.listening.items() if how is not None}
        for job_id, how in ended.items():
            del self.listening[job_id]
            if how != "quiet":
                self.tried.add(job_id)
            if how != "refused" and job_id in self.waiting:
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
        """Return the seconds until the next poll."""
        step = waiting.next_step(policy, self.wait, effects.monotonic())
        return step.after if isinstance(step, Poll) else 0.0

    def is_late(self) -> bool:
        """Return whether the deadline has passed, and there was a poll after it."""
        wait = self.wait
        return wait.deadline is not None and wait.polled is not None and wait.polled >= wait.deadline

    def give_up(self, policy: WaitPolicy) -> list[IBMError]:
        """Return the errors of jobs that the service refused for good, and stop waiting for these jobs."""
        step = waiting.next_step(policy, self.wait, effects.monotonic())
        if isinstance(step, GaveUp):
            self.refusals |= dict.fromkeys(self.waiting, step.trouble.last)
        refused = [job_id for job_id in self.refusals if self.waiting.pop(job_id, None) is not None]
        self.shared.drop(refused)
        return [to_exception(self.refusals[job_id]) for job_id in refused]

    def listen(self, policy: WaitPolicy) -> None:
        """Open push streams for the jobs that run, if the service has push streams.

        A stream stays open for a limited time: if the caller stops iterating, its thread ends soon.
        """
        if not adapted(self.client).offers_stream:
            return
        running = [
            job_id
            for job_id, handles in self.waiting.items()
            if is_at(handles[0].state, JobStatus.RUNNING) and self.shared.is_asking(job_id)
        ]
        if len(running) > STREAMS:
            # A few streams would cost more requests than they save.
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
        ended = effects.listen(self.client, job_id, seconds).map(lambda closed: "closed" if closed else "quiet")
        self.listening[job_id] = effects.perform(ended).value_or("refused")
        self.changed.set()

    def call_callback(self) -> None:
        """Call the callback for the handles whose status or place differs from the last call."""
        if self.callback is None:
            return
        for job in [job for handles in self.waiting.values() for job in handles]:
            # A status from before this wait may be old, unless it is final.
            if self.wait.polled is not None or job.state.is_confirmed_final:
                self.callback.call_if_changed(job)

    def _measure(self) -> None:
        """Request the places in the queue for the callback. Failures are ignored."""
        queued = [
            job_id
            for job_id, handles in self.waiting.items()
            if is_at(handles[0].state, JobStatus.QUEUED) and self.shared.is_asking(job_id)
        ]
        if self.callback is None or len(queued) > MEASURED:
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
        """Return the handles on jobs that have ended, and stop waiting for these jobs."""
        ended = [job_id for job_id, handles in self.waiting.items() if handles[0].state.is_confirmed_final]
        self.shared.drop(ended)
        return [job for job_id in ended for job in self.waiting.pop(job_id)]


def _says_nothing(failure: Failure) -> bool:
    """Whether a reply says nothing of the job: it cannot be read, or is not the service's own."""
    return isinstance(failure, Unreadable) or (
        isinstance(failure, Refused) and failure.can_retry and not failure.is_busy
    )
