"""The commands about jobs that are in a store on this machine: ``jobs``, ``history``, ``result``, ``delete`` ..."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, assert_never

import typer
from attrs import asdict
from qiskit.exceptions import QiskitError
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from ibm_circuit_job.account.job_store import JobStore
from ibm_circuit_job.cli import terminal
from ibm_circuit_job.errors import IBMJobApiError, JobStoreDamagedError
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
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
from ibm_circuit_job.wire import queries

_STORE = typer.Option(
    "--store",
    help="The path of a store's file, or the URL of a store in PostgreSQL; by default what IBM_CIRCUIT_JOB_STORE says, "
    "else in the user's data folder.",
)
_StoreOption = Annotated[str | None, _STORE]


def _opened(store: str | None) -> JobStore:
    """The store that is read. One that is not there is not made, for then its name was mistyped."""
    return JobStore(store, create=False)


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
    when = "%Y-%m-%d %H:%M:%S" if terminal.console.is_terminal else "%Y-%m-%dT%H:%M:%S%z"
    rows = [_cells(record, when) for record in records]
    if not terminal.console.is_terminal:
        for row in rows:
            print("\t".join(row))
        return
    # An ID that was cut off, or in two, is none: on a terminal that is too narrow, lines go on below.
    longest = max((cell_len(job_id) for job_id, *_ in rows), default=0)
    needed = longest + 4 * _NARROWEST + 5 * 2
    table = Table(box=None, header_style="bold", width=needed if needed > terminal.console.width else None)
    table.add_column("job", no_wrap=True, min_width=longest)
    for name in ("created", "status", "backend", "tags"):
        table.add_column(name, overflow="fold", min_width=_NARROWEST)
    for row in rows:
        table.add_row(*map(Text, row))
    terminal.console.print(table, soft_wrap=True)


_NARROWEST: Final = len("2024-02-03")
"""How narrow a column may be, beside that of the IDs."""


def _cells(record: Job, when: str) -> list[str]:
    """What is listed of a job: its ID, when it was created, its status, backend and tags."""
    created, known = queries.creation_date(record, zone=None), queries.status(record)
    cells = (
        record.job_id,
        "" if created is None else created.strftime(when),
        "" if known is None else known.name,
        record.backend or "",
        ", ".join(record.tags),
    )
    return [terminal.printable(cell) for cell in cells]


def history(job_id: Annotated[str, typer.Argument(help="The job's ID.")], store: _StoreOption = None) -> None:
    """Show what was learned of a job that is kept on this machine, in the order in which it came."""
    with _opened(store) as opened:
        facts = opened.history(job_id)
    if not facts:
        terminal.fail(f"nothing is kept of job {job_id}")
    for fact in facts:
        print(f"{fact.observed_at.astimezone():%Y-%m-%d %H:%M:%S}  {terminal.printable(_in_short(fact))}")


def _in_short(fact: Fact) -> str:  # noqa: PLR0911 - one for each kind of fact
    """What a fact says, in a few words."""
    match fact:
        case StatusReport():
            return f"status {fact.status.name}" + (f": {fact.reason}" if fact.reason else "")
        case JobDetails():
            said = {"backend": fact.backend, "program": fact.program, "name": fact.name}
            if fact.tags is not None:
                said["tags"] = ", ".join(fact.tags) or "none"
            return f"details: {', '.join(f'{what} {value}' for what, value in said.items() if value) or 'others'}"
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


def result(job_id: Annotated[str, typer.Argument(help="The job's ID.")], store: _StoreOption = None) -> None:
    """Print what was counted in a job whose result is kept: a line of JSON for each circuit."""
    with _opened(store) as opened:
        record = opened.record(job_id)
        if record is None:
            terminal.fail(f"nothing is kept of job {job_id}")
        try:
            found = IBMCircuitJob.from_store(opened, record).result()
        except IBMJobApiError:
            # No service is asked from here.
            known = queries.status(record)
            seen = "its status was never asked for" if known is None else f"it was {known.name} when last seen"
            terminal.fail(
                f"no result of job {job_id} is kept, and {seen}; IBMProvider(store=JobStore()).resume() asks for it"
            )
    try:
        counts = [found.get_counts(number) for number in range(len(found.results))]
    except QiskitError as error:
        terminal.fail(f"the result of job {job_id} is kept, and has no counts: {error.message}")
    for each in counts:
        print(json.dumps(each))


def check(
    store: _StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one document of JSON.")] = False,
) -> None:
    """Read all that is kept on this machine, and say what is damaged. Exit code 1 if anything is."""
    with _opened(store) as opened:
        report = opened.check()
    if as_json:
        print(json.dumps({**asdict(report), "is_sound": report.is_sound}))
    else:
        for line in report.damage:
            print(terminal.printable(line))
        print(f"{report.jobs} jobs, {report.facts} facts, {report.bodies} bodies; {len(report.damage)} damaged")
    if not report.is_sound:
        raise typer.Exit(1)


def delete(job_ids: Annotated[list[str], typer.Argument(help="Their IDs.")], store: _StoreOption = None) -> None:
    """Forget jobs and their results. What only this store has is gone then."""
    with _opened(store) as opened:
        wanted = list(dict.fromkeys(job_ids))
        for job_id in wanted:
            # One that is damaged is to be deleted, if any.
            with suppress(JobStoreDamagedError):
                if opened.record(job_id) is None:
                    terminal.fail(f"nothing is kept of job {job_id}")
        for job_id in wanted:
            opened.delete(job_id)
    print(f"{len(wanted)} jobs deleted")


def export(
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    store: _StoreOption = None,
) -> None:
    """Write the jobs that are kept on this machine to files: JSON lines, and the bodies of their results."""
    with _opened(store) as opened:
        count = opened.export(folder)
    print(f"{count} jobs exported to {terminal.printable(str(folder))}")


def import_(
    folder: Annotated[Path, typer.Argument(help="The folder that was exported.")],
    store: _StoreOption = None,
) -> None:
    """Merge exported jobs into those that are kept on this machine."""
    with JobStore(store) as opened:
        count = opened.import_(folder)
    print(f"{count} jobs imported")
