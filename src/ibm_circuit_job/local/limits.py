"""The limits of a job on memory and time, and the reasons of jobs that failed because they exceeded them."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import Final

import psutil
from attrs import frozen

JOB_SECONDS: Final = 300.0
"""Seconds that a job may execute, by default."""
LEAST_MB: Final = 512
"""MB that a worker may use at least, even if less is free; it needs about 200 MB before its first job."""
MEMORY_SETTING: Final = "setting memory_mb"
"""The setting that limits the memory of a job, unless a cluster limits it."""
TRIES: Final = 2
"""How often a job is executed if its process dies each time."""
_MB: Final = 1024 * 1024
_CONTAINER: Final = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
"""Files with the memory limit and the used memory of a container, in bytes: Linux control groups, versions 2 and 1."""


@frozen
class Limits:
    """The limits of one worker process on one job."""

    memory_mb: int
    """MB of memory, including what the process needs without a job."""
    job_seconds: float = JOB_SECONDS
    """Seconds from the moment at which a worker gets the job until it has the outcome."""
    memory_setting: str = MEMORY_SETTING
    """The setting that limits the memory, for the reason of a job."""

    def over_memory(self) -> str:
        """Return the reason of a job that failed because it needed more memory.

        Example:
            >>> print(Limits(memory_mb=1000).over_memory())
            The job needs more memory than the 1000 MB that this service gives a worker (setting memory_mb).
        """
        return over_memory(self.memory_mb, self.memory_setting)

    def over_time(self) -> str:
        """Return the reason of a job that failed because it needed more time.

        Example:
            >>> print(Limits(memory_mb=1000, job_seconds=2.5).over_time())
            The job ran longer than the 2.5 seconds that this service gives a job (setting job_seconds).
        """
        given = f"the {self.job_seconds:g} seconds that this service gives a job"
        return f"The job ran longer than {given} (setting job_seconds)."

    def seconds_for(self, given: float | None) -> tuple[float, str]:
        """Return how many seconds a task may take, and the reason of a task that takes longer.

        Args:
            given: The own limit of the task in seconds; ``None`` if it has none.

        Example:
            >>> Limits(memory_mb=1000, job_seconds=2.5).seconds_for(0.5)
            (0.5, 'It took longer than 0.5 seconds.')
        """
        if given is None or given > self.job_seconds:
            return self.job_seconds, self.over_time()
        return given, f"It took longer than {given:g} seconds."

    def died_twice(self, how: str) -> str:
        """Return the reason of a job that failed because its process died at each try.

        Args:
            how: How the process died the last time; see :func:`how_ended`.

        Example:
            >>> print(Limits(memory_mb=1000).died_twice("signal SIGKILL"))  # doctest: +ELLIPSIS
            The process that executed the job died twice: signal SIGKILL; its limit of memory is 1000 MB (setting ...).
        """
        limit = f"its limit of memory is {self.memory_mb} MB ({self.memory_setting})"
        return f"The process that executed the job died twice: {how}; {limit}."


def over_memory(memory_mb: int, setting: str = MEMORY_SETTING) -> str:
    """Return the reason of a job that failed because it needed more than *memory_mb* MB, as *setting* allows."""
    return f"The job needs more memory than the {memory_mb} MB that this service gives a worker ({setting})."


def share_of_machine(workers: int) -> int:
    """Return the MB of memory that each worker may use: an equal share of the memory that is free now.

    In a container, its limit counts as well. The share is at least :data:`LEAST_MB`.

    Args:
        workers: The number of workers.

    Example:
        >>> from ibm_circuit_job.local.limits import LEAST_MB
        >>> share_of_machine(1) >= share_of_machine(2) >= LEAST_MB
        True
    """
    free = [int(psutil.virtual_memory().available)]
    for limit, used in _CONTAINER:
        # Other systems do not have these files; without a limit, the file contains "max".
        with contextlib.suppress(OSError, ValueError):
            free.append(int(Path(limit).read_text()) - int(Path(used).read_text()))
    return max(LEAST_MB, min(free) // _MB // workers)


def resident_mb(process: psutil.Process | None) -> int:
    """Return the MB of memory that a process uses; 0 if it has ended, or is ``None``."""
    try:
        return 0 if process is None else int(process.memory_info().rss) // _MB
    except psutil.Error:
        return 0


def how_ended(exit_code: int) -> str:
    """Return how a process ended, for the reason of its job.

    Args:
        exit_code: Its exit code; a negative one stands for a signal.

    Example:
        >>> how_ended(1), how_ended(-9)
        ('exit code 1', 'signal SIGKILL')
    """
    return f"signal {signal.Signals(-exit_code).name}" if exit_code < 0 else f"exit code {exit_code}"
