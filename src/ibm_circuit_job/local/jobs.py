"""The queues of jobs of the local service: which job is executed next, and what happens when it ends.

Only the event loop of the service uses them. A change is saved before the client gets the reply. So after a restart no
job is missing, and jobs that had not ended run again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from attrs import define, evolve, field

from ibm_circuit_job.local import execution
from ibm_circuit_job.local.changes import Changes
from ibm_circuit_job.local.charges import MOST_COST, RAN_TOO_LONG, charged_for, estimated_seconds, settled
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.executor import JobExecutor
from ibm_circuit_job.local.records import JobRecord, NotWritten, Records
from ibm_circuit_job.local.saved_sessions import SavedSessions

MOST_SECONDS: Final = 300.0
"""The most seconds that the service waits so that a job on a device takes as long as on a real one."""
_AGAIN_SECONDS: Final = 1.0
"""Seconds between two tries to save that a job has ended, and between two looks at how many jobs run at once."""

FINAL: Final = frozenset({"Completed", "Failed", "Cancelled"})
"""The final statuses."""

_logger: Final = logging.getLogger(__name__)


class CannotCancel(Exception):  # noqa: N818 - named for what it says
    """The job has ended, so it cannot be cancelled."""


@define(eq=False)
class LocalJob(JobRecord):
    """One job of the service, with further attributes that are not saved."""

    ended: asyncio.Event = field(factory=asyncio.Event)
    """Set when the job has ended, and this is saved."""
    is_being_sent: bool = False
    """Whether the result of a private job is being sent to a client."""

    @property
    def ran_too_long(self) -> bool:
        """Whether the job was cancelled because it exceeded a limit on its charged seconds."""
        return self.status == "Cancelled" and self.reason_code == RAN_TOO_LONG

    @property
    def in_final_state(self) -> bool:
        """Whether the job has ended."""
        return self.status in FINAL


class JobQueues:
    """One queue per backend. A device runs one job at a time, a simulator as many as the executor takes at once.

    Args:
        records: The records, in which the jobs are saved.
        executor: Executes jobs. It has been started, and is stopped with the queues.
        seed: The seed of every simulation whose job gives no seed; by default a new one each time.
        clock: Returns the time, in UTC.
    """

    def __init__(
        self,
        records: Records,
        executor: JobExecutor,
        *,
        seed: int | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.records = records
        self.clock = clock
        self.sessions = SavedSessions(records)
        self.changes = Changes()
        """Counts the changes of jobs, so that the page can wait for the next one."""
        self.jobs: dict[str, LocalJob] = {job.id: job for job in records.jobs(LocalJob)}
        self._seed = seed
        # Jobs of backends that the service does not have after this start stay in their queues.
        backends = {*DEVICES, *(job.backend for job in self.jobs.values())}
        self._waiting: dict[str, deque[LocalJob]] = {name: deque() for name in backends}
        self._changed: dict[str, asyncio.Event] = {name: asyncio.Event() for name in DEVICES}
        self._current: dict[str, asyncio.Future[execution.Outcome]] = {}
        self._runs: dict[str, set[asyncio.Task[None]]] = {name: set() for name in DEVICES}
        self._executor = executor
        self._tasks: list[asyncio.Task[None]] = []
        for job in self.jobs.values():
            if job.in_final_state:
                job.ended.set()
            else:
                self._waiting[job.backend].append(job)

    def start(self) -> None:
        """Start to execute jobs. Needs a running event loop."""
        self._tasks = [asyncio.create_task(self._run_backend(name)) for name in DEVICES]

    async def stop(self) -> None:
        """Stop at once. Jobs that were running run again when a service starts with the same records."""
        tasks = [*self._tasks, *(run for runs in self._runs.values() for run in runs)]
        cancelled: list[asyncio.Future[Any]] = [*tasks, *self._current.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*cancelled, return_exceptions=True)
        await self._executor.stop()

    def submit(
        self,
        backend: str,
        program: str,
        params: bytes,
        tags: list[str],
        session_id: str | None,
        *,
        private: bool = False,
        client: str | None = None,
        cost: int | None = None,
        calibration_id: str | None = None,
        instance: str | None = None,
    ) -> LocalJob:
        """Add a job to the queue of its backend, and return it.

        Args:
            backend: The name of the backend.
            program: The name of the program.
            params: The parameters, as JSON.
            tags: The tags.
            session_id: The session; ``None`` for none.
            private: Whether the result can be read only once.
            client: The header ``X-Qx-Client-Application`` of the submission.
            cost: The most seconds that the job may be charged; ``None`` for the limit of the service.
            calibration_id: The calibration with which it is simulated; ``None`` for the newest.
            instance: The instance (CRN) that pays; ``None`` for the first one.

        Raises:
            NotWritten: If the job cannot be saved; it is not added then.
        """
        job = LocalJob(secrets.token_hex(10), backend, program, tags, session_id, private, self.clock())
        job.estimate, job.client = estimated_seconds(backend, program, params), client
        job.cost, job.calibration_id, job.instance = cost, calibration_id, instance
        self.records.add(job, params)
        self.jobs[job.id] = job
        self._waiting[backend].append(job)
        self._changed[backend].set()
        self.changes.note()
        return job

    def cancel(self, job: LocalJob) -> None:
        """Cancel a job that is waiting or running.

        Raises:
            CannotCancel: If it has ended.
            NotWritten: If the change cannot be saved; the job goes on.
        """
        running = self._current.get(job.id)
        if job.in_final_state or (running is not None and running.done()):
            # The job has an outcome, which is about to be saved.
            raise CannotCancel
        now = self.clock()
        self._write(job, status="Cancelled", finished=now, charged=settled(job, now))
        if running is None:
            self._waiting[job.backend].remove(job)
        else:
            running.cancel()
        job.ended.set()
        self.changes.note()

    def retag(self, job: LocalJob, tags: list[str]) -> None:
        """Replace the tags of a job.

        Raises:
            NotWritten: If the change cannot be saved; the tags stay as they were.
        """
        self._write(job, tags=tags)
        self.changes.note()

    def age(self, job: LocalJob) -> None:
        """Turn a job that has ended into one of the oldest kind; see ``oldest_api``.

        Raises:
            NotWritten: If the change cannot be saved.
        """
        self._write(job, is_oldest=True)
        self.changes.note()

    def delete(self, job: LocalJob) -> None:
        """Delete a job that has ended.

        Raises:
            NotWritten: If this cannot be saved; the job stays.
        """
        self.records.delete(job)
        del self.jobs[job.id]
        self.changes.note()

    def position(self, job: LocalJob) -> int | None:
        """Return the place of a job in the queue of its backend, from 1; ``None`` if it is not waiting."""
        waiting = self._waiting[job.backend]
        return waiting.index(job) + 1 if job in waiting else None

    def expected(self, job: LocalJob) -> tuple[datetime, datetime] | None:
        """Return the estimated times at which a job will start and end, in UTC; ``None`` if it is not waiting."""
        waiting = self._waiting[job.backend]
        if job not in waiting:
            return None
        start = self.clock()
        for other in self.jobs.values():
            if other.backend == job.backend and other.status == "Running" and other.running is not None:
                start = max(start, other.running + timedelta(seconds=other.estimate or 0.0))
        ahead = list(waiting)[: waiting.index(job)]
        start += timedelta(seconds=sum(other.estimate or 0.0 for other in ahead))
        return start, start + timedelta(seconds=job.estimate or 0.0)

    def length(self, backend: str) -> int:
        """Return how many jobs are waiting for a backend or running on it."""
        return len(self._waiting[backend]) + len(self._runs.get(backend, ()))

    def waiting_on(self, backend: str) -> list[LocalJob]:
        """Return the jobs that are waiting for a backend, the next one first."""
        return list(self._waiting[backend])

    def running_on(self, backend: str) -> list[LocalJob]:
        """Return the jobs that are running on a backend, in the order of their submission."""
        return [job for job in self.jobs.values() if job.backend == backend and job.status == "Running"]

    def newest_first(self) -> Iterable[LocalJob]:
        """Return all jobs, the newest first."""
        return reversed(self.jobs.values())

    async def _run_backend(self, name: str) -> None:
        waiting, changed, runs = self._waiting[name], self._changed[name], self._runs[name]
        while True:
            while not waiting or len(runs) >= self._at_once(name):
                changed.clear()
                # While jobs are waiting, look again after a second: a cluster may have more workers by then.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_AGAIN_SECONDS if waiting and self._at_once(name) > 1 else None):
                        await changed.wait()
            job = waiting.popleft()
            # This status is not saved. If the process of the service dies, the job runs again.
            job.status, job.running = "Running", self.clock()
            self._current[job.id] = asyncio.ensure_future(self._execute(job))
            run = asyncio.create_task(self._run(job))
            runs.add(run)
            run.add_done_callback(runs.discard)
            run.add_done_callback(lambda _: changed.set())
            self.changes.note()

    def _at_once(self, backend: str) -> int:
        return self._executor.at_once if DEVICES[backend].is_simulator else 1

    async def _run(self, job: LocalJob) -> None:
        """Wait for the outcome of a job that is being executed, and save it."""
        try:
            outcome = await asyncio.shield(self._current[job.id])
        except asyncio.CancelledError:
            if not job.in_final_state:
                # The service stops; a cancelled job is in a final state before its execution is cancelled.
                self._current[job.id].cancel()
                raise
        else:
            await self._end(job, outcome)
        finally:
            del self._current[job.id]

    async def _execute(self, job: LocalJob) -> execution.Outcome:
        started = asyncio.get_running_loop().time()
        allowed = self._allowed_seconds(job)
        too_long = execution.Outcome(None, _too_long(allowed), RAN_TOO_LONG, max(0.0, allowed))
        if allowed <= 0:
            return too_long
        try:
            # Only a simulator's job is stopped: a device charges its own time, not the time of the simulation.
            async with asyncio.timeout(allowed if job.estimate is None else None):
                outcome = await self._outcome(job)
        except TimeoutError:
            return too_long
        except Exception as error:
            # Any error ends only this job; the queue goes on.
            _logger.warning("Job %s could not be executed.", job.id, exc_info=True)
            reason = f"The job could not be executed: {type(error).__name__}. The log of the service has the traceback."
            return execution.Outcome(None, reason)
        if not outcome.succeeded or job.estimate is None:
            return evolve(outcome, device_seconds=None)
        seconds = job.estimate if outcome.device_seconds is None else outcome.device_seconds
        spent = asyncio.get_running_loop().time() - started
        await asyncio.sleep(max(0.0, min(seconds, allowed, MOST_SECONDS) - spent))
        return too_long if seconds > allowed else evolve(outcome, device_seconds=seconds)

    async def _outcome(self, job: LocalJob) -> execution.Outcome:
        params = self.records.params(job)

        def started(worker: str) -> None:
            job.workers.append(worker)
            self.changes.note()

        task = execution.Task(
            job.id,
            job.backend,
            job.program,
            params,
            _calibrated(job),
            self._seed,
            self._executor.memory_mb,
        )
        return await self._executor.execute(task, started)

    def _allowed_seconds(self, job: LocalJob) -> float:
        """Return the most seconds that a job may be charged: its own limit, or what its session has left."""
        own = float(job.cost or MOST_COST)
        session = self.sessions.find(job.session_id)
        if session is None or session.max_ttl is None:
            return own
        return min(own, session.max_ttl - self._charged_to_session(job, without=job))

    def _charged_to_session(self, job: LocalJob, without: LocalJob | None = None) -> float:
        now = self.clock()
        return sum(charged_for(each, now) for each in self.of_session(job.session_id) if each is not without)

    def _close_spent_session(self, job: LocalJob) -> None:
        """Close the session of a job if its jobs were charged all of its seconds."""
        session = self.sessions.find(job.session_id)
        if session is None or session.max_ttl is None or not session.accepting_jobs or job.session_id is None:
            return
        if self._charged_to_session(job) >= session.max_ttl:
            closed = msgspec.structs.replace(session, accepting_jobs=False, closed=self.clock().isoformat())
            self.sessions.save(job.session_id, closed)

    def of_session(self, session_id: str | None) -> list[LocalJob]:
        """Return the jobs of a session."""
        return [job for job in self.jobs.values() if job.session_id == session_id]

    def _write(self, job: LocalJob, result: bytes | None = None, **changes: Any) -> None:
        """Save changes of a job, and then make them in memory.

        Raises:
            NotWritten: If they cannot be saved; the job stays as it was.
        """
        self.records.update(evolve(job, **changes), result)
        for name, value in changes.items():
            setattr(job, name, value)

    async def _end(self, job: LocalJob, outcome: execution.Outcome) -> None:
        """Save the end of a job. While it cannot be saved, for example on a full disk, the job has not ended."""
        finished = self.clock()
        try:
            self._write(
                job,
                outcome.result,
                status=_status(outcome),
                has_result=outcome.result is not None,
                reason=outcome.reason or None,
                reason_code=outcome.reason_code,
                finished=finished,
                charged=settled(job, finished, outcome.device_seconds),
            )
            self._close_spent_session(job)
        except NotWritten as error:
            _logger.warning("Job %s: its end could not be written, and is tried again: %s.", job.id, error)
            reason = f"The service could not save the result of the job: {error}."
            while True:
                try:
                    self._write(job, status="Failed", has_result=False, reason=reason, finished=finished)
                    break
                except NotWritten:
                    await asyncio.sleep(_AGAIN_SECONDS)
        job.ended.set()
        self.changes.note()


def _status(outcome: execution.Outcome) -> str:
    if outcome.succeeded:
        return "Completed"
    return "Cancelled" if outcome.reason_code == RAN_TOO_LONG else "Failed"


def _too_long(allowed: float) -> str:
    return f"The job was cancelled because it ran longer than the {max(0.0, allowed):g} seconds that it may be charged."


def _calibrated(job: LocalJob) -> datetime:
    """Return the time whose calibration is simulated: that of the job's own calibration ID, otherwise of its start."""
    started = job.running or job.created
    if job.calibration_id is None:
        return started
    return DEVICES[job.backend].calibration(job.calibration_id, started) or started
