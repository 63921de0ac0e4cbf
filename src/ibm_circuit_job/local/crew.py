"""Executes jobs in worker processes of the service.

If a worker dies, only its own job is affected, and is tried once more. A job that exceeds a limit is stopped. The
process pools of Pebble, loky and the standard library do not do this: the whole pool breaks when an idle process dies,
and none of them limits memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import Pipe, get_context
from typing import Any, Final

import msgspec
import psutil

from ibm_circuit_job.local import execution, worker
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.execution import Outcome, Task
from ibm_circuit_job.local.executor import Started
from ibm_circuit_job.local.fork_server import ForkServer, Main
from ibm_circuit_job.local.limits import TRIES, Limits, how_ended, resident_mb

_WATCH_SECONDS: Final = 0.05
"""Seconds between two looks at the memory of a process that executes a job."""
_START_SECONDS: Final = 120.0
"""Seconds within which a process has to be ready for its first job."""


class _Died(Exception):  # noqa: N818 - named for what it says
    """The process ended without being killed by the service; the message says how."""


class Crew:
    """Worker processes; each executes one job at a time.

    Args:
        workers: The number of processes.
        limits: The limits of each process.
    """

    def __init__(self, workers: int, limits: Limits) -> None:
        self.limits: Final = limits
        """The limits of each process."""
        self.memory_mb: Final = limits.memory_mb
        """MB of memory that a job may use."""
        self.at_once: Final = 1
        """How many jobs of one simulator run at once: one, so jobs run in the order of their submission."""
        self._workers = workers
        self._forks: ForkServer | None = None
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._all: set[_Worker] = set()
        # Two for each process: the thread of a killed process may end after the next process has started.
        self._threads = ThreadPoolExecutor(2 * workers, thread_name_prefix="worker")

    def start(self) -> None:
        """Start the processes, which then prepare for their first jobs.

        On Linux they are forked (see :mod:`.fork_server`). So this must be called before other threads, database
        connections or an event loop exist.
        """
        if sys.platform == "linux":
            execution.load()
            self._forks = ForkServer(self._main())
        for _ in range(self._workers):
            self._idle.put_nowait(self._new())

    def kill(self) -> None:
        """Kill the processes, with the jobs that are running."""
        for each in self._all:
            each.kill()

    async def stop(self) -> None:
        """Kill the processes, with the jobs that are running, and wait for the threads that read from them."""
        self.kill()
        await asyncio.to_thread(self._threads.shutdown)
        if self._forks is not None:
            await asyncio.to_thread(self._forks.stop)

    async def execute(self, task: Task, started: Started) -> Outcome:
        """Execute a job in the first process that is idle. If the call is cancelled, the process is killed.

        Args:
            task: The job.
            started: Called with the name of the process at the start of each try.

        Returns:
            The outcome. For a job that exceeded a limit, or whose process died at each try, it has the reason.
        """
        died = ""
        chosen = await self._idle.get()
        try:
            for _ in range(TRIES):
                if not chosen.is_usable:
                    # It died while it was idle, or in the first try: use a new process.
                    chosen = self._replaced(chosen)
                started(chosen.name)
                try:
                    return await chosen.run(task)
                except _Died as error:
                    died = str(error)
        finally:
            self._idle.put_nowait(chosen if chosen.is_usable else self._replaced(chosen))
        return Outcome(None, self.limits.died_twice(died))

    def _main(self) -> Main:
        """Return what each process runs."""
        return partial(worker.main, memory_mb=self.limits.memory_mb, devices=tuple(DEVICES.values()))

    def _started(self, theirs: Any) -> Any:
        """Start a process with its end of a pipe. Without a fork server, it imports Qiskit and Aer by itself."""
        if self._forks is not None and self._forks.is_alive:
            return self._forks.start(theirs)
        process = get_context("spawn").Process(
            target=self._main(), args=(theirs, os.getpid()), name="worker", daemon=True
        )
        process.start()
        return process

    def _new(self) -> _Worker:
        made = _Worker(self.limits, self._threads, self._started)
        self._all.add(made)
        return made

    def _replaced(self, old: _Worker) -> _Worker:
        old.kill()
        self._all.discard(old)
        return self._new()


class _Worker:
    """One worker process.

    Args:
        limits: Its limits.
        threads: The threads in which its pipe is read and written.
        start: Starts the process with its end of the pipe, and returns it; raises an ``OSError`` if it cannot.
    """

    def __init__(self, limits: Limits, threads: ThreadPoolExecutor, start: Callable[[Any], Any]) -> None:
        self._limits = limits
        self._threads = threads
        self._is_killed = False
        self._is_ready = False
        self._measured: psutil.Process | None = None
        self._failure: str | None = None
        self._process: Any = None
        try:
            self._pipe, theirs = Pipe()
            with theirs:
                self._process = start(theirs)
        except OSError as error:
            # For example, too many processes or open files. The next job tries again, with a new process.
            self._is_killed = True
            self._failure = f"it could not be started: {error.strerror}"

    @property
    def is_usable(self) -> bool:
        """Whether it can execute another job: it runs, and uses at most half of its memory."""
        if self._is_killed or not self._process.is_alive():
            return False
        return self._resident_mb() <= self._limits.memory_mb // 2

    @property
    def name(self) -> str:
        """Its name in the log of a job."""
        return "a process that could not be started" if self._failure is not None else f"process {self._process.pid}"

    async def run(self, task: Task) -> Outcome:
        """Execute a job. If the process does not return an outcome, it is killed.

        Raises:
            _Died: If the process ends without being killed.
        """
        loop = asyncio.get_running_loop()
        has_answered = False
        try:
            if not self._is_ready:
                await self._in_thread(self._begin)
            answer = self._in_thread(self._answer_to, msgspec.msgpack.encode(task))
            limits = self._limits
            seconds, too_long = limits.seconds_for(task.seconds)
            end = loop.time() + seconds
            while not answer.done():
                await asyncio.wait({answer}, timeout=max(0.0, min(_WATCH_SECONDS, end - loop.time())))
                if answer.done():
                    break
                if loop.time() >= end:
                    return Outcome(None, too_long)
                if self._resident_mb() > limits.memory_mb:
                    return Outcome(None, limits.over_memory())
            outcome = msgspec.msgpack.decode(answer.result(), type=Outcome)
            has_answered = True
            return outcome
        finally:
            if not has_answered:
                self.kill()

    def kill(self) -> None:
        """Kill the process. It has nothing to clean up."""
        self._is_killed = True
        if self._failure is None:
            self._process.kill()

    def _in_thread(self, function: Any, *arguments: Any) -> asyncio.Future[Any]:
        future = asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        # Reads the exception, which asyncio logs otherwise: after a kill, no coroutine waits for the future.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    # These methods wait for the process, so they are called in a thread.

    def _begin(self) -> None:
        if self._failure is not None:
            raise _Died(self._failure)
        if not self._pipe.poll(_START_SECONDS):
            raise _Died(f"it was not ready within {_START_SECONDS:g} seconds")
        self._received()
        self._is_ready = True

    def _answer_to(self, frame: bytes) -> bytes:
        try:
            self._pipe.send_bytes(frame)
        except OSError:
            raise _Died(self._end()) from None
        return self._received()

    def _received(self) -> bytes:
        try:
            received: bytes = self._pipe.recv_bytes()
        except (EOFError, OSError):
            # Also if the process ended in the middle of an answer.
            raise _Died(self._end()) from None
        return received

    def _end(self) -> str:
        self._process.join(5.0)
        code = self._process.exitcode
        return "it closed its pipe" if code is None else how_ended(code)

    def _resident_mb(self) -> int:
        if self._measured is None:
            # The process may have ended already.
            with contextlib.suppress(psutil.Error):
                self._measured = psutil.Process(self._process.pid)
        return resident_mb(self._measured)
