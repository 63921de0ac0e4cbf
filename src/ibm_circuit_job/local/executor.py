"""What executes the jobs of a service: its own processes, an executor that was given, or a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from ibm_circuit_job.local.execution import Outcome, Task

Started: TypeAlias = Callable[[str], None]
"""Called with the name of the worker that executes a job; once for each try."""


class ExecutorUnavailable(Exception):  # noqa: N818 - named for what it says
    """Jobs cannot be executed there; the message says why."""


class JobExecutor(Protocol):
    """What executes jobs. It lives in the service's event loop; :meth:`start` and :meth:`kill` are called outside."""

    @property
    def memory_mb(self) -> int | None:
        """MB of memory that a job may use; ``None`` where the worker decides."""

    @property
    def at_once(self) -> int:
        """How many jobs of one simulator run at once."""

    def start(self) -> None:
        """Prepare for jobs; called before the event loop runs.

        Raises:
            ExecutorUnavailable: If no job can be executed.
        """

    def kill(self) -> None:
        """End at once, with what is being executed; ending twice is no error."""

    async def stop(self) -> None:
        """End, after every call of :meth:`execute` was cancelled or has returned."""

    async def execute(self, task: Task, started: Started) -> Outcome:
        """Execute a job. Where this is cancelled, the job ends on its worker as well.

        Args:
            task: The job.
            started: Called with the worker's name, at each try: as it begins where that is known, else at the end.

        Returns:
            The outcome; of a job that went over a limit, or whose worker died too often, the reason.
        """
