"""What one job may use of the machine: memory and time. And the reasons of jobs that used more."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import psutil
from attrs import frozen

JOB_SECONDS: Final = 300.0
"""Seconds that a job may execute, unless the service is set up otherwise."""
LEAST_MB: Final = 512
"""MB that a worker gets on any machine; it needs about 200 before its first job."""
MEMORY_SETTING: Final = "setting memory_mb"
"""Where the memory of a job is limited, unless a cluster limits it."""
TRIES: Final = 2
"""How often a job is tried whose process dies."""
_MB: Final = 1024 * 1024
_CONTAINER: Final = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
"""Where Linux says the limit and the use of a container, in versions 2 and 1 of control groups."""


@frozen
class Limits:
    """What one worker process may use for a job."""

    memory_mb: int
    """MB of memory, of which the process itself needs some."""
    job_seconds: float = JOB_SECONDS
    """Seconds from the moment at which a worker has the job until it has an answer."""
    memory_setting: str = MEMORY_SETTING
    """Where *memory_mb* is set, as reasons of jobs say it."""

    def over_memory(self) -> str:
        """Return the reason of a job that needs more memory.

        Example:
            >>> print(Limits(memory_mb=1000).over_memory())
            The job needs more memory than the 1000 MB that this service gives a worker (setting memory_mb).
        """
        return over_memory(self.memory_mb, self.memory_setting)

    def over_time(self) -> str:
        """Return the reason of a job that needs more time.

        Example:
            >>> print(Limits(memory_mb=1000, job_seconds=2.5).over_time())
            The job ran longer than the 2.5 seconds that this service gives a job (setting job_seconds).
        """
        given = f"the {self.job_seconds:g} seconds that this service gives a job"
        return f"The job ran longer than {given} (setting job_seconds)."

    def seconds_for(self, given: float | None) -> tuple[float, str]:
        """Return how many seconds a task may take, and the reason of one that takes longer.

        Args:
            given: The seconds of the task's own limit; ``None`` where it has none.

        Example:
            >>> Limits(memory_mb=1000, job_seconds=2.5).seconds_for(0.5)
            (0.5, 'It took longer than 0.5 seconds.')
        """
        if given is None or given > self.job_seconds:
            return self.job_seconds, self.over_time()
        return given, f"It took longer than {given:g} seconds."

    def died_twice(self, how: str) -> str:
        """Return the reason of a job whose process died at each try.

        Args:
            how: How it died the last time.

        Example:
            >>> print(Limits(memory_mb=1000).died_twice("signal SIGKILL"))  # doctest: +ELLIPSIS
            The process that executed the job died twice: signal SIGKILL; its limit of memory is 1000 MB (setting ...).
        """
        limit = f"its limit of memory is {self.memory_mb} MB ({self.memory_setting})"
        return f"The process that executed the job died twice: {how}; {limit}."


def over_memory(memory_mb: int, setting: str = MEMORY_SETTING) -> str:
    """Return the reason of a job that needs more than *memory_mb* MB, which *setting* allows it."""
    return f"The job needs more memory than the {memory_mb} MB that this service gives a worker ({setting})."


def share_of_machine(workers: int) -> int:
    """Return the MB of memory that each of *workers* processes may use, so that all fit into what is free now.

    In a container, no more than its limit counts.

    Example:
        >>> from ibm_circuit_job.local.limits import LEAST_MB
        >>> share_of_machine(1) >= share_of_machine(2) >= LEAST_MB
        True
    """
    free = [int(psutil.virtual_memory().available)]
    for limit, used in _CONTAINER:
        # Not there on other systems; the text "max" where there is no limit.
        with contextlib.suppress(OSError, ValueError):
            free.append(int(Path(limit).read_text()) - int(Path(used).read_text()))
    return max(LEAST_MB, min(free) // _MB // workers)
