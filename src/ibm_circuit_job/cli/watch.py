"""``ibm-circuit-job watch``: a live table of jobs."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import job_monitor, wait_all
from ibm_circuit_job.cli import terminal
from ibm_circuit_job.cli.job import Jobs, interruptible, looked_for
from ibm_circuit_job.cli.jobs import ask_all
from ibm_circuit_job.cli.services import Account, InstanceOption, Url
from ibm_circuit_job.cli.shown import job_document
from ibm_circuit_job.cli.stores import Store, complete_id
from ibm_circuit_job.job.circuit_job import IBMCircuitJob


def watch(
    job_ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="JOB",
            help="The IDs of the jobs, or their first letters; by default all jobs of the store that have not ended.",
            autocompletion=complete_id,
        ),
    ] = None,
    interval: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds between two polls; by default as for a wait.")
    ] = None,
    account: Account = None,
    url: Url = None,
    instance: InstanceOption = None,
    store: Store = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print an object as JSON for each status of a job.")] = False,
) -> None:
    """Show a live table of jobs until they have ended. If the output is not a terminal, print a line for each status.

    Ctrl-C ends the table; the jobs go on.

    Example: ibm-circuit-job watch --interval 5
    """
    with looked_for(account, url, instance, store) as jobs, interruptible("watch", job_ids or []):
        handles = _watched(jobs, job_ids)
        if not handles:
            terminal.note("All jobs have ended.")
        elif as_json:
            wait_all(handles, callback=partial(_print, jobs))
        else:
            job_monitor(handles[0] if len(handles) == 1 else handles, interval)


def _watched(jobs: Jobs, job_ids: list[str] | None) -> list[IBMCircuitJob]:
    if job_ids:
        return [jobs.handle(job_id) for job_id in dict.fromkeys(job_ids)]
    found = [] if jobs.store is None else ask_all(jobs.store, jobs.services)
    return [job for job in found if not job.state.is_final]


def _print(jobs: Jobs, _id: str, _status: JobStatus, job: IBMCircuitJob, **_: Any) -> None:
    terminal.show_json(job_document(jobs.view(job.state)))
