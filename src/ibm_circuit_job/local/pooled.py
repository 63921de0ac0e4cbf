"""Executing jobs in an executor of ``concurrent.futures``: threads, processes, or what a library makes of them.

Such an executor stops no function that runs, and says neither when one begins nor where. So each job runs in a child
process (see :mod:`.child`), which ends when the job's file is gone from a folder of the service; on another machine,
where the folder is not there, it ends with the limit of time.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from attrs import frozen

from ibm_circuit_job.local.child import Setup, execute_in_child, is_file_there, packed
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.execution import Outcome, Task
from ibm_circuit_job.local.executor import Started
from ibm_circuit_job.local.limits import Limits

Submit: TypeAlias = Callable[[Callable[[bytes], bytes], bytes], Future[bytes]]
"""``submit`` of an executor."""


@frozen
class _Call:
    task: Task
    setup: Setup
    wanted: str
    """The file that is there as long as the job is wanted."""


def execute_call(call: bytes) -> bytes:
    """Execute a job in a worker of an executor.

    Args:
        call: The job, its limits and the backends of the service, as MessagePack.

    Returns:
        The name of the worker and the outcome, as MessagePack.
    """
    read = msgspec.msgpack.decode(call, type=_Call)
    outcome = execute_in_child(read.task, read.setup, is_file_there(Path(read.wanted)))
    return msgspec.msgpack.encode((f"process {os.getpid()} of {socket.gethostname()}", outcome))


class PooledExecutor:
    """Executes jobs in an executor.

    Args:
        submit: ``submit`` of the executor, which belongs to the caller, who also shuts it down.
        at_once: How many jobs of one simulator it gets at once.
        limits: What each job may use.
    """

    def __init__(self, submit: Submit, at_once: int, limits: Limits) -> None:
        self.at_once: Final = at_once
        """How many jobs of one simulator run at once."""
        self.memory_mb: Final = limits.memory_mb
        """MB of memory that a job may use."""
        self._submit = submit
        self._limits = limits
        self._folder: Path | None = None
        self._number = 0

    def start(self) -> None:
        """Make the folder whose files say which jobs are wanted."""
        self._folder = Path(tempfile.mkdtemp(prefix="ibm-circuit-job-wanted-"))

    def kill(self) -> None:
        """Let every job end: none is wanted."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def stop(self) -> None:
        """Let every job end: none is wanted."""
        self.kill()

    async def execute(self, task: Task, started: Started) -> Outcome:
        """Execute a job. Where this is cancelled, its child process ends; see :class:`~.executor.JobExecutor`."""
        assert self._folder is not None  # noqa: S101 - it was started
        self._number += 1
        wanted = self._folder / str(self._number)
        wanted.touch()
        setup = Setup(self._limits, packed(tuple(DEVICES.values())))
        call = msgspec.msgpack.encode(_Call(task, setup, str(wanted)))
        try:
            answer = await asyncio.wrap_future(self._submit(execute_call, call))
        except Exception as error:  # noqa: BLE001 - an executor may raise anything
            return Outcome(None, f"The executor did not execute the job: {type(error).__name__}: {error}")
        finally:
            wanted.unlink(missing_ok=True)
        worker, outcome = msgspec.msgpack.decode(answer, type=tuple[str, Outcome])
        started(worker)
        return outcome
