"""The interface of what executes the jobs of a service: its own processes, an executor, or a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from ibm_circuit_job.local.execution import Outcome, Task

Started: TypeAlias = Callable[[str], None]
"""Called with the name of the worker that executes a job, once for each try."""


class ExecutorUnavailable(Exception):  # noqa: N818 - named for what it says
    """The executor cannot execute jobs; the message says why."""


class JobExecutor(Protocol):
    """Executes jobs.

    :meth:`execute` and :meth:`stop` are called in the event loop of the service; :meth:`start` and :meth:`kill` outside
    of it.
    """

    @property
    def memory_mb(self) -> int | None:
        """MB of memory that a job may use; ``None`` if the limit depends on the worker."""

    @property
    def at_once(self) -> int:
        """How many jobs of one simulator run at once."""

    def start(self) -> None:
        """Prepare for jobs. Called once, before the event loop runs.

        Raises:
            ExecutorUnavailable: If jobs cannot be executed.
        """

    def kill(self) -> None:
        """Stop at once, with the jobs that are running. A second call does nothing."""

    async def stop(self) -> None:
        """Stop. Called after every call of :meth:`execute` has returned or was cancelled."""

    async def execute(self, task: Task, started: Started) -> Outcome:
        """Execute a job. If the call is cancelled, the job is stopped on its worker as well.

        Args:
            task: The job.
            started: Called with the name of the worker, once for each try: at its start, or, if the executor does not
                report starts, at its end.

        Returns:
            The outcome. For a job that exceeded a limit, or whose worker died too often, it has the reason.
        """
