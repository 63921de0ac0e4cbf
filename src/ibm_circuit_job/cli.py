"""The command ``ibm-circuit-job``. Needs the extra ``cli``, and ``local`` for a service on this machine."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final, NoReturn, assert_never

import platformdirs
import typer
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.providers.jobstatus import JobStatus
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ibm_circuit_job.circuit_job import IBMCircuitJob
from ibm_circuit_job.errors import IBMError, IBMJobApiError, JobStoreDamagedError
from ibm_circuit_job.provider import IBMProvider
from ibm_circuit_job.state import queries
from ibm_circuit_job.state.facts import (
    Fact,
    JobDetails,
    JobInputs,
    JobMetrics,
    JobName,
    JobTags,
    ResultPayload,
    StatusReport,
)
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.store import JobStore

_VARIABLE: Final = "IBM_CIRCUIT_JOB_TOKEN"
"""The variable that has the token of the service on this machine."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_console = Console(highlight=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(version("ibm-circuit-job"))
        raise typer.Exit


@app.callback()
def command(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Hold on to jobs on IBM Quantum."""


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
        kept = provider.store is not None
    _console.print(_bars(counts))
    if set(counts) != {"00", "11"} or sum(counts.values()) != shots:
        _console.print(f"[red]Expected {shots} shots of 00 and 11 only.[/red]")
        raise typer.Exit(1)
    _console.print(f"{shots} shots, 00 and 11 only: the two qubits are entangled.")
    if kept:
        _console.print("The jobs are kept, results and all: [bold]ibm-circuit-job jobs[/bold] lists them.")


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
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 for any.")] = 8080,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            envvar=_VARIABLE,
            help="The API token to demand; by default a random one, kept with the jobs.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="The folder to keep jobs in; by default the user's data folder.", file_okay=False),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The seed of every simulation whose job gives none.")] = None,
    rate_limit: Annotated[
        int | None, typer.Option(min=1, help="How many jobs may be submitted a minute; any number by default.")
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(help="A plan of what goes wrong, as JSON.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Run an IBM Quantum service on this machine, in the foreground. It goes on where it stopped."""
    from ibm_circuit_job.local.faults import FaultPlan, NoFaultPlan, read_plan  # noqa: PLC0415
    from ibm_circuit_job.local.records import RecordsUnavailable  # noqa: PLC0415
    from ibm_circuit_job.local.server import (  # noqa: PLC0415
        PortUnavailable,
        ServerSettings,
        Started,
        bound_socket,
        is_loopback,
    )
    from ibm_circuit_job.local.server import serve as run_server  # noqa: PLC0415

    if not is_loopback(host) and not token:
        _fail(f"other machines reach the service at {host}; give it a token of your own with --token")

    def started(where: Started, _: Callable[[], None]) -> None:
        in_environment = token is not None and token == os.environ.get(_VARIABLE)
        shown = f'os.environ["{_VARIABLE}"]' if in_environment else '"..."' if token else repr(where.token)
        for line in (
            f"Serving at [bold]{where.url}[/bold]. Ctrl-C stops.",
            f"Jobs are kept in {escape(str(folder))}",
            *([] if token else [f"Token: {escape(where.token)}"]),
            "Connect with:",
            f"  IBMProvider(token={escape(shown)}, url={where.url!r}, store=JobStore())",
        ):
            _console.print(line, soft_wrap=True)

    folder = data or Path(platformdirs.user_data_dir("ibm-circuit-job", appauthor=False)) / "service"
    try:
        plan = FaultPlan() if faults is None else read_plan(faults.read_bytes())
        settings = ServerSettings(str(folder), token, host, port, seed=seed, rate_limit=rate_limit, faults=plan)
        run_server(settings, bound_socket(host, port), started)
    except (PortUnavailable, RecordsUnavailable, NoFaultPlan) as error:
        _fail(str(error))


_STORE = typer.Option(
    "--store",
    help="The path of a store's file, or the URL of a store in PostgreSQL; by default what IBM_CIRCUIT_JOB_STORE says, "
    "else in the user's data folder.",
)
_StoreOption = Annotated[str | None, _STORE]


def _opened(store: str | None) -> JobStore:
    """The store that is read. One that is not there is not made, for then its name was mistyped."""
    return JobStore(store, create=False)


@app.command()
def jobs(
    status: Annotated[str | None, typer.Option(help="Only those: pending, completed, DONE, ERROR ...")] = None,
    backend: Annotated[str | None, typer.Option(help="Only those of this backend.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only those that have this tag; may be given again.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    store: _StoreOption = None,
) -> None:
    """List the jobs that are kept on this machine, the newest first.

    Where the output goes to another program, a line for each: ID, time of creation, status, backend, tags, with tabs
    between them.
    """
    with _opened(store) as opened:
        records = opened.records(limit + 1, backend_name=backend, status=status, job_tags=tag)
    if len(records) > limit:
        print(f"These are the newest {limit}; there are more, see --limit.", file=sys.stderr)
        records = records[:limit]
    when = "%Y-%m-%d %H:%M:%S" if _console.is_terminal else "%Y-%m-%dT%H:%M:%S%z"
    rows = [_cells(record, when) for record in records]
    if not _console.is_terminal:
        for row in rows:
            print("\t".join(row))
        return
    # An ID that was cut off, or in two, is none: on a terminal that is too narrow, lines go on below.
    longest = max((cell_len(job_id) for job_id, *_ in rows), default=0)
    needed = longest + 4 * _NARROWEST + 5 * 2
    table = Table(box=None, header_style="bold", width=needed if needed > _console.width else None)
    table.add_column("job", no_wrap=True, min_width=longest)
    for name in ("created", "status", "backend", "tags"):
        table.add_column(name, overflow="fold", min_width=_NARROWEST)
    for row in rows:
        table.add_row(*map(Text, row))
    _console.print(table, soft_wrap=True)


_NARROWEST: Final = len("2024-02-03")
"""How narrow a column may be, beside that of the IDs."""


def _cells(record: Job, when: str) -> list[str]:
    """What is listed of a job: its ID, when it was created, its status, backend and tags."""
    created, known = queries.creation_date(record), queries.status(record)
    cells = (
        record.job_id,
        "" if created is None else created.strftime(when),
        "" if known is None else known.name,
        queries.backend_name(record) or "",
        ", ".join(record.tags),
    )
    return [_printable(cell) for cell in cells]


def _printable(text: str) -> str:
    """A text that anybody may have chosen, on one line, and without what a terminal would act on."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


@app.command()
def history(job_id: Annotated[str, typer.Argument(help="The job's ID.")], store: _StoreOption = None) -> None:
    """Show what was learned of a job that is kept on this machine, in the order in which it came."""
    with _opened(store) as opened:
        facts = opened.history(job_id)
    if not facts:
        _fail(f"nothing is kept of job {job_id}")
    for fact in facts:
        print(f"{fact.observed_at.astimezone():%Y-%m-%d %H:%M:%S}  {_printable(_in_short(fact))}")


def _in_short(fact: Fact) -> str:  # noqa: PLR0911 - one for each kind of fact
    """What a fact says, in a few words."""
    match fact:
        case StatusReport():
            return f"status {fact.status.name}" + (f": {fact.reason}" if fact.reason else "")
        case JobDetails():
            return f"details: backend {fact.backend}, program {fact.program}"
        case JobMetrics():
            return f"metrics: {', '.join(step for step, _ in fact.timestamps)}"
        case JobInputs():
            return f"inputs of {len(fact.raw)} bytes"
        case ResultPayload():
            return f"result of {len(fact.raw)} bytes"
        case JobTags():
            return f"tags {', '.join(fact.tags)}"
        case JobName():
            return f"name {fact.name}"
        case _:
            assert_never(fact)


@app.command()
def result(job_id: Annotated[str, typer.Argument(help="The job's ID.")], store: _StoreOption = None) -> None:
    """Print what was counted in a job whose result is kept: a line of JSON for each circuit."""
    with _opened(store) as opened:
        record = opened.record(job_id)
        if record is None:
            _fail(f"nothing is kept of job {job_id}")
        try:
            found = IBMCircuitJob.from_store(opened, record).result()
        except IBMJobApiError:
            # Nobody is asked from here.
            known = queries.status(record)
            seen = "nobody has asked for its status" if known is None else f"it was {known.name} when last seen"
            _fail(f"no result of job {job_id} is kept, and {seen}; IBMProvider(store=JobStore()).resume() asks for it")
    try:
        counts = [found.get_counts(number) for number in range(len(found.results))]
    except QiskitError as error:
        _fail(f"the result of job {job_id} is kept, and has no counts: {error.message}")
    for each in counts:
        print(json.dumps(each))


@app.command()
def delete(job_ids: Annotated[list[str], typer.Argument(help="Their IDs.")], store: _StoreOption = None) -> None:
    """Forget jobs and their results. What only this store has is gone then."""
    with _opened(store) as opened:
        wanted = list(dict.fromkeys(job_ids))
        for job_id in wanted:
            # One that is damaged is to be deleted, if any.
            with suppress(JobStoreDamagedError):
                if opened.record(job_id) is None:
                    _fail(f"nothing is kept of job {job_id}")
        for job_id in wanted:
            opened.delete(job_id)
    print(f"{len(wanted)} jobs deleted")


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    store: _StoreOption = None,
) -> None:
    """Write the jobs that are kept on this machine to files: JSON lines, and the bodies of their results."""
    with _opened(store) as opened:
        count = opened.export(folder)
    print(f"{count} jobs exported to {_printable(str(folder))}")


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="The folder that was exported.")],
    store: _StoreOption = None,
) -> None:
    """Merge exported jobs into those that are kept on this machine."""
    with JobStore(store) as opened:
        count = opened.import_(folder)
    print(f"{count} jobs imported")


def _fail(message: str) -> NoReturn:
    Console(stderr=True, highlight=False).print(Text(_printable(message), style="red"), soft_wrap=True)
    raise typer.Exit(1)


def main() -> None:
    """Run the command line; what went wrong is one line, not a traceback."""
    try:
        app()
    except IBMError as error:
        print(f"error: {_printable(str(error))}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
