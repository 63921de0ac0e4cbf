"""``ibm-circuit-job doctor``: what works between this machine and the service, and a recording of it."""

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
    backend: Annotated[str | None, typer.Option(help="The backend to run it on; by default the idlest.")] = None,
    record: Annotated[
        Path | None,
        typer.Option(help="Write what is sent and received to this file, with all that identifies you replaced."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print an object as JSON for each step.")] = False,
) -> None:
    """Try, step by step, what a job needs: the account, the network, the log-in, instances, backends and jobs.

    Exits with 1 where a step failed. A step that needs one that failed is not tried.

    Example: ibm-circuit-job doctor
    """
    if record is not None and not record.absolute().parent.is_dir():
        terminal.fail(f"expected --record to be a file in a folder that exists; there is no {record.absolute().parent}")
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
            "addresses are replaced; read it before you pass it on."
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
