"""The jobs of the local service: their records, their queues, and the worker processes that execute them.

Lives in the service's event loop, and is touched from nowhere else.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError as PoolCancelledError
from concurrent.futures import TimeoutError as PoolTimeoutError
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import Any, Final

import msgspec
from attrs import define, field
from pebble import ProcessExpired, ProcessPool

from ibm_circuit_job.local import execution
from ibm_circuit_job.local.devices import DEFAULT_REP_DELAY, DEVICES

MOST_SECONDS: Final = 300.0
"""How long a job may execute."""

FINAL: Final = frozenset({"Completed", "Failed", "Cancelled"})
"""The statuses that a job never leaves."""


class CannotCancel(Exception):  # noqa: N818 - named for what it says
    """The job has ended already."""


@define(eq=False)
class LocalJob:
    """One job of the service, from its submission on."""

    id: str
    backend: str
    program: str
    params: bytes
    tags: list[str]
    session_id: str | None
    created: datetime
    status: str = "Queued"
    reason: str | None = None
    reason_code: int | None = None
    running: datetime | None = None
    finished: datetime | None = None
    result: bytes | None = None
    ended: asyncio.Event = field(factory=asyncio.Event)

    @property
    def in_final_state(self) -> bool:
        """Whether the job has ended."""
        return self.status in FINAL


class _Pace(msgspec.Struct):
    """What of a job's parameters decides how long a device takes for it."""

    shots: int = 4000
    rep_delay: float = DEFAULT_REP_DELAY
    circuits: list[msgspec.Raw] = msgspec.field(default_factory=list)


def device_seconds(job: LocalJob) -> float:
    """Return how long the job's backend takes for it: shots x circuits x the delay between shots.

    Nothing that a client submitted is decoded into objects for it. A simulator takes no longer than it needs.
    """
    if DEVICES[job.backend].is_simulator:
        return 0.0
    try:
        pace = msgspec.json.decode(job.params, type=_Pace)
    except msgspec.MsgspecError:
        return 0.0
    return min(max(pace.shots, 0) * len(pace.circuits) * max(pace.rep_delay, 0.0), MOST_SECONDS)


class JobQueues:
    """One queue per backend, each of which runs one job at a time.

    Args:
        workers: How many processes execute jobs.
        clock: Where the times of jobs come from.
    """

    def __init__(self, workers: int = 2, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.jobs: dict[str, LocalJob] = {}
        self._clock = clock
        self._waiting: dict[str, deque[LocalJob]] = {name: deque() for name in DEVICES}
        self._news: dict[str, asyncio.Event] = {name: asyncio.Event() for name in DEVICES}
        self._current: dict[str, asyncio.Future[Any]] = {}
        self._pool = ProcessPool(max_workers=workers, context=get_context("spawn"))
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to execute jobs, and prepare a worker for the first one."""
        self._pool.schedule(execution.warm_up)
        self._tasks = [asyncio.create_task(self._run_backend(name)) for name in DEVICES]

    async def stop(self) -> None:
        """Stop at once; what runs is given up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pool.stop()
        await asyncio.to_thread(self._pool.join)

    def submit(self, backend: str, program: str, params: bytes, tags: list[str], session_id: str | None) -> LocalJob:
        """Take a job on."""
        job = LocalJob(secrets.token_hex(10), backend, program, params, tags, session_id, self._clock())
        self.jobs[job.id] = job
        self._waiting[backend].append(job)
        self._news[backend].set()
        return job

    def cancel(self, job: LocalJob) -> None:
        """Cancel a job that waits or runs.

        Raises:
            CannotCancel: If it has ended.
        """
        if job.in_final_state:
            raise CannotCancel
        if job.status != "Running":
            self._waiting[job.backend].remove(job)
        elif not self._current[job.backend].cancel():
            # Its outcome is there already, and about to be written down.
            raise CannotCancel
        self._end(job, "Cancelled")

    def position(self, job: LocalJob) -> int | None:
        """Return the job's place in its backend's queue, from 1; ``None`` where it does not wait."""
        waiting = self._waiting[job.backend]
        return waiting.index(job) + 1 if job in waiting else None

    def length(self, backend: str) -> int:
        """Return how many jobs wait or run on a backend."""
        return len(self._waiting[backend]) + (backend in self._current)

    def newest_first(self) -> Iterable[LocalJob]:
        """Return all jobs, the newest first."""
        return reversed(self.jobs.values())

    async def _run_backend(self, name: str) -> None:
        waiting, news = self._waiting[name], self._news[name]
        while True:
            while not waiting:
                news.clear()
                await news.wait()
            job = waiting.popleft()
            job.status, job.running = "Running", self._clock()
            self._current[name] = asyncio.ensure_future(self._execute(job))
            try:
                outcome = await asyncio.shield(self._current[name])
            except asyncio.CancelledError:
                if not job.in_final_state:
                    # The service stops.
                    self._current[name].cancel()
                    raise
                continue
            finally:
                del self._current[name]
            job.result, job.reason, job.reason_code = (
                outcome.result,
                outcome.reason or None,
                outcome.reason_code,
            )
            self._end(job, "Failed" if outcome.result is None else "Completed")

    async def _execute(self, job: LocalJob) -> execution.Outcome:
        started = asyncio.get_running_loop().time()
        scheduled = self._pool.schedule(
            execution.execute, args=[job.id, job.backend, job.params, job.running], timeout=MOST_SECONDS
        )
        try:
            outcome: execution.Outcome = await asyncio.wrap_future(scheduled)
        except PoolTimeoutError:
            return execution.Outcome(None, f"The job ran longer than {MOST_SECONDS:g} seconds.", 1305)
        except (ProcessExpired, PoolCancelledError) as error:
            return execution.Outcome(None, f"The process that executed the job died: {error}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the queue goes on
            return execution.Outcome(None, f"The job could not be executed: {error!r}")
        if outcome.result is not None:
            spent = asyncio.get_running_loop().time() - started
            await asyncio.sleep(max(0.0, device_seconds(job) - spent))
        return outcome

    def _end(self, job: LocalJob, status: str) -> None:
        job.finished = self._clock()
        job.status = status
        job.ended.set()
