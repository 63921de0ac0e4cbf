"""The command ``ibm-circuit-job``. Needs the extras ``cli`` and ``local``."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer
from qiskit import QuantumCircuit
from qiskit.providers.jobstatus import JobStatus
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ibm_circuit_job.circuit_job import IBMCircuitJob
from ibm_circuit_job.errors import IBMError
from ibm_circuit_job.provider import IBMProvider

app = typer.Typer(
    help="Hold on to jobs on IBM Quantum.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_console = Console(highlight=False)


@app.command()
def demo(
    shots: Annotated[int, typer.Option(min=1, help="How often the circuit is run.")] = 1000,
) -> None:
    """Run a Bell job on a service on this machine, and show its life and its counts."""
    with IBMProvider.local() as provider:
        _console.print(f"A service runs at [bold]{provider.url}[/bold].")
        bell = QuantumCircuit(2, name="bell")
        bell.h(0)
        bell.cx(0, 1)
        bell.measure_all()
        backend = provider.get_backend("local_simulator")
        # A first job keeps the backend busy, so that the second is seen in the queue.
        backend.run(bell, shots=20_000)
        job = backend.run(bell, shots=shots, job_tags=["demo"])
        _console.print(f"Job [bold]{job.job_id()}[/bold] on {backend.name}:")
        _show_life(job)
        counts = job.result().get_counts()
    _console.print(_bars(counts))
    if set(counts) != {"00", "11"} or sum(counts.values()) != shots:
        _console.print(f"[red]Expected {shots} shots of 00 and 11 only.[/red]")
        raise typer.Exit(1)
    _console.print(f"{shots} shots, 00 and 11 only: the two qubits are entangled.")


def _show_life(job: IBMCircuitJob) -> None:
    """Print each step of a job's life as it comes, with the time that the service gives for it."""
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
    _console.print(f"  {moment.astimezone():%H:%M:%S.%f}  [bold]{step:<9}[/bold]  +{seconds:.3f} s")


def _bars(counts: Mapping[str, int]) -> Table:
    most = max(counts.values())
    table = Table(box=None, show_header=False, padding=(0, 1))
    for outcome, count in sorted(counts.items()):
        table.add_row(f"[bold]{escape(outcome)}[/bold]", "█" * max(1, round(40 * count / most)), str(count))
    return table


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port on loopback; 0 for any.")] = 8080,
    token: Annotated[
        str | None,
        typer.Option(envvar="IBM_CIRCUIT_JOB_TOKEN", help="The API token to demand; a random one by default."),
    ] = None,
) -> None:
    """Run an IBM Quantum service on this machine, in the foreground."""
    from ibm_circuit_job.local.server import PortUnavailable, ServerSettings, bound_socket  # noqa: PLC0415
    from ibm_circuit_job.local.server import serve as run_server  # noqa: PLC0415

    demanded = token or secrets.token_urlsafe(24)

    def started(url: str, _: Callable[[], None]) -> None:
        _console.print(f"Serving at [bold]{url}[/bold]. Ctrl-C stops.", soft_wrap=True)
        if token is None:
            _console.print(f"Token: {demanded}", soft_wrap=True)
        _console.print("Connect with:", soft_wrap=True)
        shown = repr(demanded) if token is None else 'os.environ["IBM_CIRCUIT_JOB_TOKEN"]'
        _console.print(f"  IBMProvider(token={escape(shown)}, url={url!r})", soft_wrap=True)

    try:
        bound = bound_socket(port)
    except PortUnavailable as error:
        _console.print(f"[red]{escape(str(error))}[/red]")
        raise typer.Exit(1) from None
    run_server(ServerSettings(demanded), bound, started)


def main() -> None:
    """Run the command line; what went wrong is one line, not a traceback."""
    try:
        app()
    except IBMError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
