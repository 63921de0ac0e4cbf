"""``ibm-circuit-job doctor``: tests each step between this machine and the service, and records the requests."""

from __future__ import annotations

import contextlib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from attrs import asdict
from rich.text import Text

from ibm_circuit_job.cli import terminal
from ibm_circuit_job.cli.accounts import Filename, Name
from ibm_circuit_job.cli.checkup import Checkup, Finding
from ibm_circuit_job.clients.credentials import Asked
from ibm_circuit_job.clients.recorder import Recorder, write_fixture

_MARKS: Final = {True: ("ok", "green"), False: ("failed", "red"), None: ("skipped", "yellow")}


def doctor(
    name: Name = None,
    filename: Filename = None,
    instance: Annotated[str | None, typer.Option(help="The CRN or the name of the instance.")] = None,
    run: Annotated[bool, typer.Option("--run", help="Run a Bell job of 100 shots, which costs quantum time.")] = False,
    backend: Annotated[
        str | None, typer.Option(help="The backend of that job; by default the one with the fewest waiting jobs.")
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(help="Write all requests and replies to this file, without anything that identifies you."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print an object as JSON for each step.")] = False,
) -> None:
    """Try, step by step, what a job needs: the account, the network, the log-in, instances, backends and jobs.

    The exit code is 1 if a step failed. A step is not tried if a step that it needs has failed.

    Example: ibm-circuit-job doctor
    """
    if record is not None and not record.absolute().parent.is_dir():
        folder = record.absolute().parent
        terminal.fail(f"expected --record to be a file in an existing folder; {folder} does not exist")
    checkup = Checkup(Asked(name=name, filename=filename, instance=instance), runs=run, backend=backend)
    recorder = Recorder(datetime.now(UTC))
    passed = True
    with recorder.recording() if record is not None else contextlib.nullcontext():
        for finding in checkup.findings():
            if as_json:
                terminal.show_json(asdict(finding))
            else:
                _show(finding)
            passed = passed and finding.has_passed is not False
    if record is not None:
        write_fixture(recorder.fixture(), record)
        recorded = (
            f"{len(recorder)} requests and replies are in {terminal.printable(str(record))}. Keys, IDs, names and "
            "addresses are replaced; read the file before you send it to others."
        )
        print(recorded, file=sys.stderr if as_json else sys.stdout)
    if not passed:
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    mark, colour = _MARKS[finding.has_passed]
    took = "" if finding.has_passed is None else f" ({finding.seconds:.2f} s)"
    line = Text(f"{mark:<8}", style=colour) + Text(terminal.printable(f"{finding.step}: {finding.said}{took}"))
    terminal.console.print(line, soft_wrap=True)
    if finding.next_step:
        terminal.console.print(Text(terminal.printable(f"{'':<8}next: {finding.next_step}")), soft_wrap=True)
