"""The worker processes: jobs go in, outcomes come out, whatever becomes of a process.

Lives in the service's event loop. A worker that dies takes no other job with it; its own is tried once more. What goes
over a limit is ended here. A library's pool of processes does less: those of Pebble, loky and the standard library are
broken as a whole when an idle process dies, and none of them limits memory.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any, Final

import msgspec
import psutil

from ibm_circuit_job.local import execution, worker
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.execution import Outcome, Task
from ibm_circuit_job.local.executor import Started
from ibm_circuit_job.local.limits import TRIES, Limits

_WATCH_SECONDS: Final = 0.05
"""Seconds between two looks at the memory of a process that executes a job."""
_START_SECONDS: Final = 120.0
"""Seconds that a process may take until it is ready for its first job."""
_FIRST_METHOD: Final = "fork" if sys.platform == "linux" else "spawn"
"""How the first processes start. A forked one has loaded Qiskit and Aer already: about a second less each."""
_MB: Final = 1024 * 1024


class _Died(Exception):  # noqa: N818 - named for what it says
    """The process ended by itself; the message says how."""


class Crew:
    """So many worker processes, each of which executes one job at a time.

    Args:
        workers: How many.
        limits: What each of them may use.
    """

    def __init__(self, workers: int, limits: Limits) -> None:
        self.limits: Final = limits
        """What each of them may use."""
        self.memory_mb: Final = limits.memory_mb
        """MB of memory that a job may use."""
        self.at_once: Final = 1
        """How many jobs of one simulator run at once: one, in the order of their submission."""
        self._workers = workers
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._all: set[_Worker] = set()
        # Twice as many: the thread of a process that was killed may end after its successor has begun.
        self._threads = ThreadPoolExecutor(2 * workers, thread_name_prefix="worker")

    def start(self) -> None:
        """Start the processes, which prepare themselves for their first jobs.

        Call it before there are other threads, connections to a database, or an event loop: the processes are forked.
        """
        if _FIRST_METHOD == "fork":
            execution.load()
        for _ in range(self._workers):
            self._idle.put_nowait(self._new(_FIRST_METHOD))

    def kill(self) -> None:
        """End the processes at once, and what they execute."""
        for each in self._all:
            each.kill()

    async def stop(self) -> None:
        """End the processes, and what they execute, and the threads that wait for them."""
        self.kill()
        await asyncio.to_thread(self._threads.shutdown)

    async def execute(self, task: Task, started: Started) -> Outcome:
        """Execute a job in the first process that is free. Where this is cancelled, the process ends.

        Args:
            task: The job.
            started: Called with the name of the process when that begins, at each try.

        Returns:
            The outcome; if it has gone over a limit, or its process has died twice, the reason.
        """
        died: _Died | None = None
        mine = await self._idle.get()
        try:
            for _ in range(TRIES):
                if not mine.is_sound:
                    # It died while it was idle, or with this job: the next try is in a new process.
                    mine = self._replaced(mine)
                started(mine.name)
                try:
                    return await mine.run(task)
                except _Died as error:
                    died = error
        finally:
            self._idle.put_nowait(mine if mine.is_sound else self._replaced(mine))
        return Outcome(None, self.limits.died_twice(str(died)))

    def _new(self, method: str) -> _Worker:
        made = _Worker(self.limits, self._threads, method)
        self._all.add(made)
        return made

    def _replaced(self, old: _Worker) -> _Worker:
        old.kill()
        self._all.discard(old)
        # Spawned: the service has threads now, and what they hold would be held in a forked process for ever.
        return self._new("spawn")


class _Worker:
    """One process, from its start to its end.

    Args:
        limits: What it may use.
        threads: Where its pipe is read and written.
        method: ``fork`` or ``spawn``.
    """

    def __init__(self, limits: Limits, threads: ThreadPoolExecutor, method: str) -> None:
        self._limits = limits
        self._threads = threads
        self._is_killed = False
        self._is_ready = False
        self._measured: psutil.Process | None = None
        context: Any = get_context(method)
        self._failure: str | None = None
        try:
            self._pipe, theirs = context.Pipe()
            with theirs:
                self._process = context.Process(
                    target=worker.main,
                    args=(theirs, os.getpid(), limits.memory_mb, tuple(DEVICES.values())),
                    name="worker",
                    daemon=True,
                )
                self._process.start()
        except OSError as error:
            # Such as too many processes, or too many open files. The next job tries again.
            self._is_killed = True
            self._failure = f"it could not be started: {error.strerror}"

    @property
    def is_sound(self) -> bool:
        """Whether it can execute another job: it lives, and most of its memory is free."""
        if self._is_killed or not self._process.is_alive():
            return False
        return self._resident_mb() <= self._limits.memory_mb // 2

    @property
    def name(self) -> str:
        """What it is called in the log of a job."""
        return "a process that could not be started" if self._failure is not None else f"process {self._process.pid}"

    async def run(self, task: Task) -> Outcome:
        """Execute a job. Where it does not answer, the process is ended.

        Raises:
            _Died: If the process ends by itself.
        """
        loop = asyncio.get_running_loop()
        has_answered = False
        try:
            if not self._is_ready:
                await self._in_thread(self._begin)
            answer = self._in_thread(self._ask, msgspec.msgpack.encode(task))
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
        """End the process at once; it has nothing to put in order."""
        self._is_killed = True
        if self._failure is None:
            self._process.kill()

    def _in_thread(self, function: Any, *arguments: Any) -> asyncio.Future[Any]:
        future = asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        # A process that was killed answers with an error for which no one waits.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    # In a thread: these wait for the process.

    def _begin(self) -> None:
        if self._failure is not None:
            raise _Died(self._failure)
        if not self._pipe.poll(_START_SECONDS):
            raise _Died(f"it was not ready within {_START_SECONDS:g} seconds")
        self._received()
        self._is_ready = True

    def _ask(self, asked: bytes) -> bytes:
        try:
            self._pipe.send_bytes(asked)
        except OSError:
            raise _Died(self._end()) from None
        return self._received()

    def _received(self) -> bytes:
        try:
            received: bytes = self._pipe.recv_bytes()
        except (EOFError, OSError):
            # At an end in the midst of an answer, too: the part of it is of no use.
            raise _Died(self._end()) from None
        return received

    def _end(self) -> str:
        self._process.join(5.0)
        code = self._process.exitcode
        if code is None:
            return "it closed its pipe"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def _resident_mb(self) -> int:
        """The memory that the process uses."""
        try:
            if self._measured is None:
                self._measured = psutil.Process(self._process.pid)
            return int(self._measured.memory_info().rss) // _MB
        except psutil.Error:
            # It has just ended, which its pipe says as well.
            return 0
