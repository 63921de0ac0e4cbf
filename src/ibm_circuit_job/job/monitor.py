"""wait_all and job_monitor: wait until jobs have ended, and show how they are meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TextIO

from ibm_circuit_job.errors import IBMJobInvalidStateError
from ibm_circuit_job.job.arguments import paced
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
from ibm_circuit_job.job.progress import Progress
from ibm_circuit_job.job.watch import as_completed
from ibm_circuit_job.state.waiting import WaitPolicy


def wait_all(
    jobs: Iterable[IBMCircuitJob],
    timeout: float | None = None,
    *,
    callback: Callable[..., object] | None = None,
    policy: WaitPolicy | None = None,
    progress: bool = False,
) -> None:
    """Wait until all jobs have ended.

    Args:
        jobs: The jobs; they may be of several accounts.
        timeout: Seconds to wait for all of them; ``None`` for as long as it takes.
        callback: Called as ``callback(job_id, status, job, queue_info=...)``, as that of
            :meth:`IBMCircuitJob.wait_for_final_state`. Places in the queue are asked for where at most eight jobs wait.
        policy: How the wait is paced.
        progress: Show how the jobs are, as :func:`job_monitor` does. After Ctrl-C a line says how to
            come back to them.

    Raises:
        IBMJobTimeoutError: If not all have ended by then; the message names those that have not.
        IBMJobInvalidStateError: If ``timeout`` is no number.
        IBMJobApiError: If the service refused for good, after all others have ended.

    Example:
        >>> from ibm_circuit_job import IBMCircuitJob
        >>> from ibm_circuit_job.testing import ScriptedClient
        >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'])
        >>> job = IBMCircuitJob(None, None, "a", runtime_client=client)
        >>> wait_all([job], callback=lambda job_id, status, job, **kwargs: print(job_id, status.name))
        a DONE
    """
    if progress:
        waited_for = list(jobs)
        shown = Progress([job._cell for job in waited_for], several=True)  # noqa: SLF001 - handles of our own

        def heard(*told: object, **more: object) -> None:
            shown.heard()
            if callback is not None:
                callback(*told, **more)

        with shown:
            wait_all(waited_for, timeout, callback=heard, policy=policy)
        return
    for _ in as_completed(jobs, timeout, callback=callback, policy=policy):
        pass


def job_monitor(
    job_or_jobs: IBMCircuitJob | Iterable[IBMCircuitJob], interval: float | None = None, output: TextIO | None = None
) -> None:
    """Show how jobs are until they have ended: status, place in the queue, time elapsed, expected end.

    In a notebook that is a table in the cell, and on a terminal one line, or a table of several jobs; both are updated
    each second, and need the extra ``notebook``. Elsewhere it is a line for each status and each place in the queue.

    A job that fails raises nothing here. Ctrl-C ends the watching, and not the jobs.

    Args:
        job_or_jobs: A job, or several; they may be of several accounts.
        interval: Seconds between two polls; by default the pauses of :attr:`IBMCircuitJob.wait_policy`.
        output: The file or terminal to write to; by default the cell of a notebook, and the standard output elsewhere.

    Raises:
        IBMJobInvalidStateError: If an argument is of the wrong kind; the message says what would be right.
        IBMJobApiError: If the service refused for good, or was in trouble for a day without one good reply.
        KeyboardInterrupt: After Ctrl-C, when a line has said how to come back to the jobs.

    Example:
        >>> from ibm_circuit_job import IBMCircuitJob
        >>> from ibm_circuit_job.testing import ScriptedClient
        >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'])
        >>> job_monitor(IBMCircuitJob(None, None, "a", runtime_client=client))
        Job Status: job has successfully run, DONE
    """
    if output is not None and not callable(getattr(output, "write", None)):
        raise IBMJobInvalidStateError(
            f"expected output to be an open text file, or None, got a {type(output).__name__}"
        )
    if isinstance(job_or_jobs, IBMCircuitJob):
        # The wait takes the interval as it is; here an error names it as the caller does.
        paced(job_or_jobs.wait_policy, interval, "interval")
        with Progress([job_or_jobs._cell], output) as progress:  # noqa: SLF001 - a handle of our own
            job_or_jobs.wait_for_final_state(wait=interval, callback=progress.heard)
        return
    jobs, policy = _checked(job_or_jobs), paced(WaitPolicy(), interval, "interval")
    with Progress([job._cell for job in jobs], output, several=True) as progress:  # noqa: SLF001 - handles of our own
        wait_all(jobs, callback=progress.heard, policy=policy)


def _checked(jobs: Any) -> list[IBMCircuitJob]:
    found = list(jobs) if isinstance(jobs, Iterable) else [jobs]
    for job in found:
        if not isinstance(job, IBMCircuitJob):
            raise IBMJobInvalidStateError(
                f"expected an IBMCircuitJob, or several, got a {type(job).__name__}; "
                "IBMCircuitJob.from_runtime_job() takes a job of another client over"
            )
    return found
