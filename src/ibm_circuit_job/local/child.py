"""Executing one job in a child process, from any thread of any worker: the child can be ended while it simulates.

A simulation lets no thread of its process run, so that a worker could neither answer its cluster nor end the job. A
child that has answered in order executes the next job, since it takes seconds until a new one is ready. Children end
with the process that started them.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import psutil
from attrs import evolve, frozen

from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.execution import Outcome, Task
from ibm_circuit_job.local.limits import TRIES, Limits
from ibm_circuit_job.local.worker import Pipe
from ibm_circuit_job.threads.locks import ForkFreeLock, PerProcess

_WATCH_SECONDS: Final = 0.05
"""Seconds between two looks at a child that executes a job."""
_START_SECONDS: Final = 120.0
"""Seconds that a child may take until it is ready for its first job."""
_END_SECONDS: Final = 5.0
_MB: Final = 1024 * 1024

NOT_WANTED: Final = Outcome(None, "The job was cancelled.")
"""How a job ends that is no longer wanted."""


@frozen
class Setup:
    """How a child is set up: what two jobs have in common that the same child can execute."""

    limits: Limits
    """What it may use."""
    devices: bytes
    """The backends of the service, as :func:`packed` returns them."""


def packed(devices: Sequence[Device]) -> bytes:
    """Return backends as bytes, for a :class:`Setup`."""
    return pickle.dumps(tuple(devices))


def execute_in_child(task: Task, setup: Setup, is_wanted: Callable[[], bool]) -> Outcome:
    """Execute a job in a child process. One that dies costs a second try, in a new one.

    Args:
        task: The job.
        setup: Its limits, and the backends of the service.
        is_wanted: Asked 20 times a second whether the job is to go on; where it is not, the child ends.

    Returns:
        The outcome; of a job that went over a limit, was not wanted, or whose child died at each try, the reason.
    """
    limits = setup.limits
    task = evolve(task, memory_mb=limits.memory_mb, memory_setting=limits.memory_setting)
    died: _Died | None = None
    for _ in range(TRIES):
        if not is_wanted():
            return NOT_WANTED
        child: _Child | None = None
        try:
            child = _idle().taken(setup)
            outcome = child.outcome_of(task, is_wanted)
        except _Died as error:
            died = error
        else:
            return outcome
        finally:
            if child is not None:
                _idle().put_back(child)
    return Outcome(None, limits.died_twice(str(died)))


class _Died(Exception):  # noqa: N818 - named for what it says
    """The child ended by itself; the message says how."""


class _Child:
    """One child process, from its start to its end."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._is_ready = False
        self._is_sound = True
        self._frames: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # It finds what this process finds, such as packages that a cluster has unpacked.
        found = os.pathsep.join(path for path in sys.path if path)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "ibm_circuit_job.local.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": found},
            )
        except OSError as error:
            raise _Died(f"it could not be started: {error.strerror}") from None
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self._pipe = Pipe(self._process.stdout, self._process.stdin)
        self._measured: psutil.Process | None = None
        with contextlib.suppress(psutil.Error):
            self._measured = psutil.Process(self._process.pid)
        threading.Thread(target=self._read, name="child-of-worker", daemon=True).start()
        self._send(pickle.dumps((os.getpid(), setup.limits.memory_mb, setup.devices)))

    @property
    def is_sound(self) -> bool:
        """Whether it can execute another job: it lives, and most of its memory is free."""
        limit = self.setup.limits.memory_mb // 2
        return self._is_sound and self._process.poll() is None and self._resident_mb() <= limit

    def outcome_of(self, task: Task, is_wanted: Callable[[], bool]) -> Outcome:
        """Execute a job. Where there is no answer in time, the child is ended.

        Raises:
            _Died: If the child ends by itself.
        """
        limits = self.setup.limits
        has_answered = False
        try:
            if not self._is_ready:
                ready = self._answer(_START_SECONDS, lambda: None if is_wanted() else NOT_WANTED)
                if isinstance(ready, Outcome):
                    return ready
                if ready is None:
                    raise _Died(f"it was not ready within {_START_SECONDS:g} seconds")
                self._is_ready = True
            self._send(msgspec.msgpack.encode(task))

            def must_end() -> Outcome | None:
                if not is_wanted():
                    return NOT_WANTED
                if self._resident_mb() > limits.memory_mb:
                    return Outcome(None, limits.over_memory())
                return None

            seconds, too_long = limits.seconds_for(task.seconds)
            answer = self._answer(seconds, must_end)
            if isinstance(answer, Outcome):
                return answer
            if answer is None:
                return Outcome(None, too_long)
            outcome = msgspec.msgpack.decode(answer, type=Outcome)
            has_answered = True
            return outcome
        finally:
            if not has_answered:
                self.kill()

    def kill(self) -> None:
        """End the process at once; it has nothing to put in order."""
        self._is_sound = False
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self._pipe.close()

    def _answer(self, seconds: float, must_end: Callable[[], Outcome | None]) -> bytes | Outcome | None:
        """The next answer; an outcome where it must end before, and ``None`` after so many seconds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                frame = self._frames.get(timeout=min(_WATCH_SECONDS, left))
                if frame is None:
                    raise _Died(self._end())
                return frame
            if (outcome := must_end()) is not None:
                return outcome
        return None

    def _read(self) -> None:
        try:
            while True:
                self._frames.put(self._pipe.recv_bytes())
        except (EOFError, OSError, ValueError):
            # An end in the midst of an answer is one, too.
            self._frames.put(None)
        finally:
            self._pipe.close_source()

    def _send(self, frame: bytes) -> None:
        try:
            self._pipe.send_bytes(frame)
        except (OSError, ValueError):
            raise _Died(self._end()) from None

    def _end(self) -> str:
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return "it closed its pipe"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def _resident_mb(self) -> int:
        try:
            return 0 if self._measured is None else int(self._measured.memory_info().rss) // _MB
        except psutil.Error:
            # It has just ended, which its pipe says as well.
            return 0


class _IdleChildren:
    """The children of this process that have no job."""

    def __init__(self) -> None:
        self._children: list[_Child] = []
        self._lock = ForkFreeLock()

    def taken(self, setup: Setup) -> _Child:
        """Return a child for a job: an idle one that is set up in this way, or a new one.

        Raises:
            _Died: If none can be started.
        """
        with self._lock():
            idle, self._children = self._children, []
        found: _Child | None = None
        for child in idle:
            if child.setup != setup or not child.is_sound:
                child.kill()
            elif found is None:
                found = child
            else:
                self.put_back(child)
        return _Child(setup) if found is None else found

    def put_back(self, child: _Child) -> None:
        """Let a child have another job, unless it cannot."""
        if not child.is_sound:
            child.kill()
            return
        with self._lock():
            self._children.append(child)

    def kill(self) -> None:
        """End them all."""
        with self._lock():
            idle, self._children = self._children, []
        for child in idle:
            child.kill()


_idle: Final = PerProcess(_IdleChildren)
"""A fork has none: those of its parent answer the parent."""
atexit.register(lambda: _idle().kill())


def end_idle_children() -> None:
    """End the children of this process that have no job; those that have one end with it."""
    _idle().kill()


def is_file_there(file: Path) -> Callable[[], bool]:
    """Return whether a job is wanted whose file is there for so long, as a function.

    On a machine that does not have the folder of the file, every job is wanted: it cannot be seen that it is not.
    """
    sees_folder = file.parent.is_dir()
    return lambda: not sees_folder or file.exists()
