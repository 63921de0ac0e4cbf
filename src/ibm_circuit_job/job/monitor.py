"""wait_all and job_monitor: wait until jobs have ended, and show their progress."""

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
        callback: Called as ``callback(job_id, status, job, queue_info=...)``; see
            :meth:`IBMCircuitJob.wait_for_final_state`. Places in the queue are requested if at most eight jobs are
            queued.
        policy: The pauses of the wait.
        progress: Whether to show the progress of the jobs, as :func:`job_monitor` does. After Ctrl-C a line says how
            to come back to them.

    Raises:
        IBMJobTimeoutError: If not all jobs have ended after ``timeout`` seconds; the message names up to five of them.
        IBMJobInvalidStateError: If ``timeout`` is no number.
        IBMJobApiError: If the service refused a job for good; raised after all other jobs have ended.

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

        def on_change(*arguments: object, **named: object) -> None:
            shown.on_change()
            if callback is not None:
                callback(*arguments, **named)

        with shown:
            wait_all(waited_for, timeout, callback=on_change, policy=policy)
        return
    for _ in as_completed(jobs, timeout, callback=callback, policy=policy):
        pass


def job_monitor(
    job_or_jobs: IBMCircuitJob | Iterable[IBMCircuitJob], interval: float | None = None, output: TextIO | None = None
) -> None:
    """Show the progress of jobs until they have ended: status, place in the queue, time elapsed, expected end.

    A notebook shows a table in the cell; a terminal shows one line, or a table of several jobs. Both are updated
    each second, and need the extra ``notebook``. Other outputs get a line for each change of a status or a place in
    the queue.

    A failed job raises no exception here. Ctrl-C ends the display, not the jobs.

    Args:
        job_or_jobs: A job, or several; they may be of several accounts.
        interval: Seconds between two polls; by default the pauses of :attr:`IBMCircuitJob.wait_policy`.
        output: The file or terminal to write to; by default the cell of a notebook, else the standard output.

    Raises:
        IBMJobInvalidStateError: If an argument is of the wrong kind; the message says what would be right.
        IBMJobApiError: If the service refused for good, or gave no good reply for a day.
        KeyboardInterrupt: After Ctrl-C, and after a line that says how to come back to the jobs.

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
        # Checked here so that the error names the argument ``interval``; wait_for_final_state() would name ``wait``.
        paced(job_or_jobs.wait_policy, interval, "interval")
        with Progress([job_or_jobs._cell], output) as progress:  # noqa: SLF001 - a handle of our own
            job_or_jobs.wait_for_final_state(wait=interval, callback=progress.on_change)
        return
    jobs, policy = _checked(job_or_jobs), paced(WaitPolicy(), interval, "interval")
    with Progress([job._cell for job in jobs], output, several=True) as progress:  # noqa: SLF001 - handles of our own
        wait_all(jobs, callback=progress.on_change, policy=policy)


def _checked(jobs: Any) -> list[IBMCircuitJob]:
    found = list(jobs) if isinstance(jobs, Iterable) else [jobs]
    for job in found:
        if not isinstance(job, IBMCircuitJob):
            raise IBMJobInvalidStateError(
                f"expected an IBMCircuitJob, or several, got a {type(job).__name__}; "
                "IBMCircuitJob.from_runtime_job() makes one of a job of another client"
            )
    return found
