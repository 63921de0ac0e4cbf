"""IBMCircuitJob: the classic object. A cell that holds the current Job, and calls effects.

Nothing is decided here. What a reply means is ``state``'s business, what a waiter does next
``state.waiting``'s, and what goes over the network ``effects``'. The cell is replaced by ``merge``, so that any
number of threads may learn about the job at once.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, assert_never

from qiskit.providers import JobV1
from qiskit.providers.jobstatus import JobStatus
from qiskit.result import Result as QiskitResult
from returns.io import IOResult
from returns.result import Success

from ibm_circuit_job import effects
from ibm_circuit_job.errors import (
    Failure,
    IBMJobApiError,
    IBMJobError,
    IBMJobFailureError,
    IBMJobInvalidStateError,
    Refused,
    TimeUp,
    Unreachable,
    Unreadable,
    to_exception,
)
from ibm_circuit_job.state import queries, results, waiting
from ibm_circuit_job.state.facts import Fact, JobDetails, ResultPayload
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.status import UNKNOWN
from ibm_circuit_job.state.transitions import mark_cancelled, merge, refresh
from ibm_circuit_job.state.waiting import Finished, GaveUp, Listen, Poll, TimedOut, Wait, WaitPolicy
from ibm_circuit_job.state.wire import status_report

if TYPE_CHECKING:
    from ibm_circuit_job.backend import IBMBackend

_T = TypeVar("_T")


class IBMCircuitJob(JobV1):
    """A job on IBM Quantum.

    ``IBMBackend.run()`` and ``IBMProvider.retrieve_job()`` make one. Any member may be called from any thread.

    Args:
        backend: The backend that runs the job.
        api_client: The client of the account's side of the service.
        job_id: The ID that the service gave to the job.
        creation_date: When the job was created, ISO 8601; UTC where it names no zone.
        status: The service's status string.
        runtime_client: The client to ask about the job; ``api_client`` by default. Anything with the methods of
            :class:`~ibm_circuit_job.clients.JobClient` will do.
        kind: The kind of the job. Kept, and not used yet.
        name: The job's name.
        time_per_step: When each step of the job began. Kept, and not used yet.
        result: The job's result. Kept, and not used yet.
        error: Why the job failed. Kept, and not used yet.
        session_id: The session that the job belongs to.
        tags: The job's tags.
        run_mode: How the job is scheduled.
        client_info: The versions of the client that submitted the job. Kept, and not used yet.
        **kwargs: More that is known of the job.

    Example:
        >>> from ibm_circuit_job.testing import ScriptedClient
        >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Running"}}'])
        >>> IBMCircuitJob(backend=None, api_client=None, job_id="a", runtime_client=client).status().name
        'RUNNING'
    """

    def __init__(
        self,
        backend: IBMBackend | None,
        api_client: Any,
        job_id: str,
        creation_date: str | None = None,
        status: str | None = None,
        runtime_client: Any = None,
        kind: str | None = None,
        name: str | None = None,
        time_per_step: dict[str, Any] | None = None,
        result: dict[str, Any] | None = None,
        error: dict[str, Any] | None = None,
        session_id: str | None = None,
        tags: list[str] | None = None,
        run_mode: str | None = None,
        client_info: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(backend, job_id, **kwargs)
        self._api_client = api_client
        self._client = api_client if runtime_client is None else runtime_client
        self._given = {"kind": kind, "time_per_step": time_per_step, "result": result, "error": error}
        self._client_info = client_info
        self.wait_policy = WaitPolicy()
        """How waits for this job are paced; any other may be set."""
        self._cell = threading.Lock()
        self._download = threading.Lock()
        self._decoded: tuple[ResultPayload, QiskitResult] | None = None
        self._state = _given_state(
            job_id, creation_date, status, name=name, session_id=session_id, tags=tags, run_mode=run_mode
        )

    @classmethod
    def from_state(
        cls, state: Job, *, backend: IBMBackend | None = None, api_client: Any = None, runtime_client: Any = None
    ) -> Self:
        """Return a handle on a job of which a record is there, such as one that was kept as JSON.

        Args:
            state: What is known of the job.
            backend: The backend that runs it.
            api_client: The client of the account's side of the service.
            runtime_client: The client to ask about the job; ``api_client`` by default.

        Example:
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> IBMCircuitJob.from_state(Job("a"), runtime_client=ScriptedClient())
            <IBMCircuitJob('a', status unknown)>
        """
        job = cls(backend, api_client, state.job_id, runtime_client=runtime_client)
        job._learn_job(state)
        return job

    def __repr__(self) -> str:
        report = self._state.status
        known = "status unknown" if report is None else report.status.name
        return f"<IBMCircuitJob({self._state.job_id!r}, {known})>"

    @property
    def state(self) -> Job:
        """All that is known of the job, as the frozen record that the pure functions take."""
        return self._state

    def submit(self) -> NoReturn:
        """Not supported.

        Raises:
            NotImplementedError: Always; ``IBMBackend.run()`` submits jobs.
        """
        raise NotImplementedError("a job cannot be submitted again; use IBMBackend.run() to submit one")

    def status(self) -> JobStatus:
        """Ask the service for the job's status. A final status is not asked for again.

        Returns:
            The status. One that this version of the library does not know counts as not final.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if not self._has_ended():
            self._ask()
        return queries.status(self._state) or UNKNOWN

    def refresh(self) -> None:
        """Ask the service for all that it says of the job. This never consumes a result.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        seen = self._value(effects.fetch_job(self._client, self._state.job_id))
        metrics = self._value(effects.fetch_metrics(self._client, self._state.job_id))
        # Both or nothing: a call that fails changes no record.
        self._learn_job(seen)
        self._learn(metrics)

    def wait_for_final_state(self, timeout: float | None = None) -> None:
        """Wait until the job has ended.

        Where the service offers a push stream, the wait listens to it; else it polls, with pauses that grow with
        the time waited. Trouble that may pass does not end the wait.

        Args:
            timeout: Seconds to wait; ``None`` for as long as it takes.

        Raises:
            IBMJobTimeoutError: If the job has not ended by then.
            IBMJobInvalidStateError: If ``timeout`` is no number.
            IBMJobApiError: If the service refused for good, or was in trouble for a day without one good reply.
        """
        limit = _checked_timeout(timeout)
        began = effects.monotonic()
        wait = Wait(
            started=began,
            deadline=None if limit is None else began + limit,
            offers_stream=effects.offers_stream(self._client),
            ended=self._has_ended(),
            running=queries.status(self._state) is JobStatus.RUNNING,
        )
        while True:
            step = waiting.next_step(self.wait_policy, wait, effects.monotonic())
            match step:
                case Listen(seconds):
                    wait = self._listened(wait, seconds)
                case Poll(after):
                    effects.sleep(after)
                    wait = self._polled(wait)
                case Finished():
                    return
                case TimedOut():
                    last = None if wait.trouble is None else wait.trouble.last
                    raise to_exception(_time_up(self._state.job_id, timeout or 0.0, last))
                case GaveUp(trouble):
                    raise to_exception(trouble.last)
                case _:
                    assert_never(step)

    def result(self, timeout: float | None = None, refresh: bool = False) -> QiskitResult:
        """Wait until the job has ended, and return its result.

        The result is read from the service once and kept: that of a private job can be read only once.

        Args:
            timeout: Seconds to wait for the job to end; ``None`` for as long as it takes. To read the result then
                takes what it takes: what has begun to arrive may be the only copy.
            refresh: Read the result from the service again. What was kept stays until it has arrived.

        Returns:
            The result.

        Raises:
            IBMJobInvalidStateError: If the job was cancelled.
            IBMJobFailureError: If the job failed; the message holds the service's reason.
            IBMJobTimeoutError: If the job has not ended in time.
            IBMJobApiError: If the service refused or could not be reached.
        """
        if not refresh and self._decoded is not None:
            return self._decoded[1]
        self.wait_for_final_state(timeout)
        status = queries.status(self._state)
        if status is JobStatus.CANCELLED:
            raise IBMJobInvalidStateError(f"job {self._state.job_id} was cancelled, so it has no result")
        if status is JobStatus.ERROR:
            raise IBMJobFailureError(f"job {self._state.job_id} failed: {self.error_message()}")
        with self._download:
            return self._downloaded(refresh=refresh)

    def cancel(self) -> bool:
        """Ask the service to cancel the job.

        Returns:
            True if the service accepted, or the job was cancelled before.

        Raises:
            IBMJobInvalidStateError: If the job is in a state that cannot be cancelled.
            IBMJobError: If the service refused otherwise, or could not be reached.
        """
        if queries.status(self._state) is JobStatus.CANCELLED:
            return True
        accepted = effects.perform(effects.request_cancel(self._client, self._state.job_id))
        if isinstance(accepted, Success):
            self._learn_job(mark_cancelled(self._state, accepted.unwrap()))
            return True
        failure = accepted.failure()
        if failure.http_status != 409:
            raise to_exception(failure, IBMJobError)
        if self.status() is JobStatus.CANCELLED:
            return True
        raise to_exception(failure, IBMJobInvalidStateError)

    def error_message(self) -> str | None:
        """Return why the job failed.

        Returns:
            The service's reason with its code, else what the results text says; ``None`` unless the job failed.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if self.status() is not JobStatus.ERROR:
            return None
        with self._download:
            if not queries.has_reason(self._state) and self._state.payload is None:
                self._look_for_a_reason()
        return queries.error_message(self._state)

    def _look_for_a_reason(self) -> None:
        """Read the results text of a job that failed; that there is none is no error."""
        fetched = effects.perform(effects.fetch_result(self._client, self._state.job_id))
        if isinstance(fetched, Success):
            self._learn(fetched.unwrap())
        elif fetched.failure().can_retry:
            raise to_exception(fetched.failure())

    def tags(self) -> list[str]:
        """Return the job's tags.

        Raises:
            IBMJobApiError: If they are not known yet, and the service refused or could not be reached.
        """
        if self._state.retagged is None and self._state.details is None:
            self._ask()
        return list(self._state.tags)

    def creation_date(self) -> datetime:
        """Return when the job was created, in local time.

        Raises:
            IBMJobApiError: If it is not known yet, and the service refused or could not be reached.
        """
        if queries.creation_date(self._state) is None:
            self._ask()
        created = queries.creation_date(self._state)
        if created is None:
            raise IBMJobApiError(f"the service does not say when job {self._state.job_id} was created")
        return created

    def _has_ended(self) -> bool:
        """Whether the service itself said that the job has ended."""
        report = self._state.status
        return report is not None and report.is_final and not report.assumed

    def _downloaded(self, *, refresh: bool) -> QiskitResult:
        if not refresh and self._decoded is not None:
            # Another thread was faster.
            return self._decoded[1]
        held = self._state.payload
        if held is not None and not refresh:
            decoded = results.decode(held, self._context())
            if isinstance(decoded, Success):
                return self._kept(held, decoded.unwrap())
        payload = self._value(effects.fetch_result(self._client, self._state.job_id))
        decoded = results.decode(payload, self._context())
        if isinstance(decoded, Success):
            self._learn(payload)
            return self._kept(payload, decoded.unwrap())
        if held is None:
            # Perhaps the only copy there will ever be; the next call asks again, and this stays until there is better.
            self._learn(payload)
        raise to_exception(decoded.failure())

    def _kept(self, payload: ResultPayload, result: QiskitResult) -> QiskitResult:
        self._decoded = (payload, result)
        return result

    def _context(self) -> results.ResultContext:
        details = self._state.details
        return results.ResultContext(self._state.job_id, None if details is None else details.backend)

    def _listened(self, wait: Wait, seconds: float | None) -> Wait:
        closed = effects.perform(effects.listen(self._client, self._state.job_id, seconds))
        now = effects.monotonic()
        if not isinstance(closed, Success):
            return waiting.after_stream_failed(wait, now)
        return waiting.after_stream_closed(wait, now) if closed.unwrap() else waiting.after_stream_quiet(wait, now)

    def _polled(self, wait: Wait) -> Wait:
        remaining = _LONGEST_CALL if wait.deadline is None else wait.deadline - effects.monotonic()
        remaining = min(max(remaining, _SHORTEST_CALL), _LONGEST_CALL)
        seen = effects.perform(effects.fetch_job(self._client, self._state.job_id, remaining))
        now = effects.monotonic()
        if not isinstance(seen, Success):
            return waiting.after_trouble(wait, now, seen.failure())
        self._learn_job(seen.unwrap())
        running = queries.status(self._state) is JobStatus.RUNNING
        return waiting.after_poll(wait, now, ended=self._has_ended(), running=running)

    def _learn(self, *facts: Fact) -> None:
        with self._cell:
            self._state = refresh(self._state, *facts)

    def _learn_job(self, seen: Job) -> None:
        if seen.status is not None:
            effects.warn_of_unknown_status(seen.status)
        with self._cell:
            self._state = merge(self._state, seen)

    def _ask(self) -> None:
        """Ask the service for the job, once, and learn what it says."""
        self._learn_job(self._value(effects.fetch_job(self._client, self._state.job_id)))

    def _value(self, done: IOResult[_T, Failure]) -> _T:
        result = effects.perform(done)
        if not isinstance(result, Success):
            raise to_exception(result.failure())
        value: _T = result.unwrap()
        return value


_SHORTEST_CALL = 0.05
"""Seconds that even the last look before a timeout may take."""
_LONGEST_CALL = 30.0
"""Seconds after which a look is given up, to be tried again."""


def _checked_timeout(timeout: Any) -> float | None:
    if timeout is None or timeout == math.inf:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or math.isnan(timeout):
        raise IBMJobInvalidStateError(f"expected timeout to be a number of seconds, or None, got {timeout!r}")
    return max(float(timeout), 0.0)


def _given_state(
    job_id: str,
    creation_date: str | None,
    status: str | None,
    *,
    name: str | None,
    session_id: str | None,
    tags: Sequence[str] | None,
    run_mode: str | None,
) -> Job:
    """What the constructor was told, as a Job."""
    now = effects.now()
    report = None if status is None else status_report(status, now)
    if all(given is None for given in (creation_date, name, session_id, tags, run_mode)):
        return Job(job_id, report)
    details = JobDetails(
        now,
        created=None if creation_date is None else _moment(creation_date),
        name=name,
        tags=tags,
        session_id=session_id,
        run_mode=run_mode,
    )
    return Job(job_id, report, details)


def _moment(creation_date: str) -> datetime:
    try:
        moment = datetime.fromisoformat(creation_date)
    except (TypeError, ValueError):
        raise IBMJobInvalidStateError(
            f"expected creation_date to be a time in ISO 8601, got {creation_date!r}"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _time_up(job_id: str, seconds: float, last: Failure | None) -> TimeUp:
    known = last if isinstance(last, (Unreachable, Refused, Unreadable)) else None
    return TimeUp(f"see job {job_id} end", seconds, known)
