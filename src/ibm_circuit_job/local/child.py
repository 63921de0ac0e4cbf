"""Executes a job in a child process, so that it can be stopped while it simulates. Used by workers of executors.

While Aer simulates, no other Python thread of its process runs. So a worker that simulated by itself could neither
reply to its cluster nor stop the job. A child that has returned an outcome executes the next job as well, since a new
child needs seconds to start. Children end with the process that started them.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import queue
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
from ibm_circuit_job.local.limits import TRIES, Limits, how_ended, resident_mb
from ibm_circuit_job.local.worker import Pipe
from ibm_circuit_job.threads.locks import ForkFreeLock, PerProcess

_WATCH_SECONDS: Final = 0.05
"""Seconds between two looks at a child that executes a job."""
_START_SECONDS: Final = 120.0
"""Seconds within which a child has to be ready for its first job."""
_END_SECONDS: Final = 5.0
"""Seconds to wait for the end of a child that was killed."""

NOT_WANTED: Final = Outcome(None, "The job was cancelled.")
"""The outcome of a job that is not wanted any more."""


@frozen
class Setup:
    """The settings of a child. A child can execute all jobs with the same settings."""

    limits: Limits
    """The limits of a job."""
    devices: bytes
    """The backends of the service, as :func:`packed` returns them."""


def packed(devices: Sequence[Device]) -> bytes:
    """Return pickled backends, for a :class:`Setup`."""
    return pickle.dumps(tuple(devices))


def execute_in_child(task: Task, setup: Setup, is_wanted: Callable[[], bool]) -> Outcome:
    """Execute a job in a child process. If the child dies, the job is tried once more, in a new child.

    Args:
        task: The job.
        setup: Its limits, and the backends of the service.
        is_wanted: Called 20 times a second. When it returns ``False``, the child is killed.

    Returns:
        The outcome. For a job that exceeded a limit, was not wanted any more, or whose child died at each try, it has
        the reason.
    """
    limits = setup.limits
    task = evolve(task, memory_mb=limits.memory_mb, memory_setting=limits.memory_setting)
    died = ""
    for _ in range(TRIES):
        if not is_wanted():
            return NOT_WANTED
        child: _Child | None = None
        try:
            child = _idle().taken(setup)
            outcome = child.outcome_of(task, is_wanted)
        except _Died as error:
            died = str(error)
        else:
            return outcome
        finally:
            if child is not None:
                _idle().put_back(child)
    return Outcome(None, limits.died_twice(died))


class _Died(Exception):  # noqa: N818 - named for what it says
    """The child ended without being killed by its parent; the message says how."""


class _Child:
    """One child process."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._is_ready = False
        self._is_killed = False
        self._frames: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # The child imports from the same places as this process, for example packages that a cluster has unpacked.
        import_path = os.pathsep.join(path for path in sys.path if path)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "ibm_circuit_job.local.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": import_path},
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
    def is_usable(self) -> bool:
        """Whether it can execute another job: it runs, and uses at most half of its memory."""
        limit = self.setup.limits.memory_mb // 2
        return not self._is_killed and self._process.poll() is None and resident_mb(self._measured) <= limit

    def outcome_of(self, task: Task, is_wanted: Callable[[], bool]) -> Outcome:
        """Execute a job. If the child does not return an outcome, it is killed.

        Raises:
            _Died: If the child ends without being killed.
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
                if resident_mb(self._measured) > limits.memory_mb:
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
        """Kill the process. It has nothing to clean up."""
        self._is_killed = True
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self._pipe.close()

    def _answer(self, seconds: float, must_end: Callable[[], Outcome | None]) -> bytes | Outcome | None:
        """Return the next frame of the child, the outcome of *must_end* once it returns one, or ``None`` in the end.

        Args:
            seconds: Seconds after which to return ``None``.
            must_end: Called 20 times a second; returns the outcome of a job that must be stopped, otherwise ``None``.

        Raises:
            _Died: If the child ends.
        """
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
            # Also if the child ended in the middle of a frame.
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
            return how_ended(self._process.wait(_END_SECONDS))
        except subprocess.TimeoutExpired:
            return "it closed its pipe"


class _IdleChildren:
    """The children of this process that are not executing a job."""

    def __init__(self) -> None:
        self._children: list[_Child] = []
        self._lock = ForkFreeLock()

    def taken(self, setup: Setup) -> _Child:
        """Return a child with these settings, an idle one or a new one.

        Raises:
            _Died: If no child can be started.
        """
        with self._lock():
            idle, self._children = self._children, []
        found: _Child | None = None
        for child in idle:
            if child.setup != setup or not child.is_usable:
                child.kill()
            elif found is None:
                found = child
            else:
                self.put_back(child)
        return _Child(setup) if found is None else found

    def put_back(self, child: _Child) -> None:
        """Let another job use a child, or kill it if it is not usable."""
        if not child.is_usable:
            child.kill()
            return
        with self._lock():
            self._children.append(child)

    def kill(self) -> None:
        """Kill all of them."""
        with self._lock():
            idle, self._children = self._children, []
        for child in idle:
            child.kill()


_idle: Final = PerProcess(_IdleChildren)
"""The idle children of each process. A forked process has none, since those of its parent reply to the parent."""
atexit.register(lambda: _idle().kill())


def end_idle_children() -> None:
    """Kill the children of this process that are not executing a job."""
    _idle().kill()


def is_file_there(file: Path) -> Callable[[], bool]:
    """Return a function that returns whether a job is wanted: as long as its file exists.

    On a machine without the folder of the file, the function always returns ``True``.

    Args:
        file: The path of the file; see :mod:`.pooled`.
    """
    has_folder = file.parent.is_dir()
    return lambda: not has_folder or file.exists()
