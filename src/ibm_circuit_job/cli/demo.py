"""``ibm-circuit-job demo``: a Bell job on a service on this machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import typer
from qiskit import QuantumCircuit
from qiskit.providers.jobstatus import JobStatus
from rich.markup import escape

from ibm_circuit_job.account.provider import IBMProvider
from ibm_circuit_job.cli import terminal
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
from ibm_circuit_job.views.records import CountsView


def demo(
    shots: Annotated[int, typer.Option(min=1, help="How often the circuit is run.")] = 1000,
) -> None:
    """Run a Bell job on a service on this machine, and show its steps and its counts.

    Example: ibm-circuit-job demo --shots 100
    """
    with IBMProvider.local() as provider:
        terminal.console.print(f"A service runs at [bold]{provider.url}[/bold].")
        bell = QuantumCircuit(2, name="bell")
        bell.h(0)
        bell.cx(0, 1)
        bell.measure_all()
        backend = provider.get_backend("local_simulator")
        # The first job occupies the backend, so that the second one waits in the queue.
        first = backend.run(bell, shots=20_000, job_tags=["demo-first"])
        job = backend.run(bell, shots=shots, job_tags=["demo"])
        terminal.console.print(f"Job [bold]{job.job_id()}[/bold] on {backend.name}:")
        _show_steps(job)
        counts = job.result().get_counts()
        # The service ends with this command. Without its result here, a later resume() would look for the first job.
        first.result()
        first.refresh()
        is_saved = provider.store is not None
    terminal.show_counts([CountsView(None, counts)])
    if not set(counts) <= {"00", "11"} or sum(counts.values()) != shots:
        terminal.console.print(f"[red]Expected {shots} shots of 00 and 11 only.[/red]")
        raise typer.Exit(1)
    if shots > 1:
        terminal.console.print(f"{shots} shots, 00 and 11 only: the two qubits are entangled.")
    else:
        terminal.console.print("1 shot: with more shots, 00 and 11 occur about equally often.")
    if is_saved:
        listing = escape(f"{terminal.command_line()} jobs")
        terminal.console.print(
            f"The jobs and their results are saved: [bold]{listing}[/bold] lists them.", soft_wrap=True
        )


def _show_steps(job: IBMCircuitJob) -> None:
    """Print each step of a job when it is reached, with the time of the step by the service."""
    submitted = job.creation_date()
    _show_step(submitted, submitted, "submitted")
    if job.status() is JobStatus.QUEUED:
        _show_step(submitted, datetime.now(UTC), "queued")
    while job.status() is JobStatus.QUEUED:
        time.sleep(0.02)
    job.refresh()
    _show_step(submitted, _service_time(job, "running"), "running")
    job.wait_for_final_state()
    job.refresh()
    _show_step(submitted, _service_time(job, "finished"), job.status().name.lower())


def _service_time(job: IBMCircuitJob, step: str) -> datetime:
    metrics = job.state.metrics
    return dict(metrics.timestamps).get(step, metrics.observed_at) if metrics else datetime.now(UTC)


def _show_step(submitted: datetime, moment: datetime, step: str) -> None:
    seconds = (moment - submitted).total_seconds()
    terminal.console.print(f"  {moment.astimezone():%H:%M:%S.%f}  [bold]{step:<9}[/bold]  +{seconds:.3f} s")
