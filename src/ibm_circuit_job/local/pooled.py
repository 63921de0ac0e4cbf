"""Executes jobs in an executor of ``concurrent.futures``: threads, processes, or the executor of another library.

Such an executor cannot stop a function that is running, and does not report when and where one starts. So each job runs
in a child process (see :mod:`.child`). The service creates a file for each job, and deletes it when the job is not
wanted any more; then the child ends. On a machine without the folder of this file, a job runs until its time limit.
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
"""The method ``submit`` of an executor."""


@frozen
class _Call:
    task: Task
    setup: Setup
    wanted: str
    """The path of a file that exists as long as the job is wanted."""


def execute_call(call: bytes) -> bytes:
    """Execute a job. The executor calls this in one of its workers.

    Args:
        call: The job, its limits and the backends of the service, as MessagePack.

    Returns:
        The name of the worker and the outcome, as MessagePack.
    """
    read = msgspec.msgpack.decode(call, type=_Call)
    outcome = execute_in_child(read.task, read.setup, is_file_there(Path(read.wanted)))
    return msgspec.msgpack.encode((f"process {os.getpid()} of {socket.gethostname()}", outcome))


class PooledExecutor:
    """Executes jobs in an executor of ``concurrent.futures``.

    Args:
        submit: The method ``submit`` of the executor. The caller shuts the executor down.
        at_once: How many jobs of one simulator it gets at once.
        limits: The limits of each job.
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
        """Create the folder whose files say which jobs are wanted."""
        self._folder = Path(tempfile.mkdtemp(prefix="ibm-circuit-job-wanted-"))

    def kill(self) -> None:
        """Stop every job, by deleting the folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def stop(self) -> None:
        """Stop every job, by deleting the folder."""
        self.kill()

    async def execute(self, task: Task, started: Started) -> Outcome:
        """Execute a job. If the call is cancelled, its child process ends; see :class:`~.executor.JobExecutor`."""
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
