"""The command ``ibm-circuit-job``. Each group of its subcommands has its own module."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Annotated, Final

import typer

from ibm_circuit_job.cli import accounts, exit_codes, job, jobs, records, terminal
from ibm_circuit_job.cli.backends import backends
from ibm_circuit_job.cli.demo import demo
from ibm_circuit_job.cli.doctor import doctor
from ibm_circuit_job.cli.estimate import estimate
from ibm_circuit_job.cli.migrate import migrate
from ibm_circuit_job.cli.serve import serve
from ibm_circuit_job.cli.usage import usage
from ibm_circuit_job.cli.watch import watch
from ibm_circuit_job.errors import IBMBackendValueError, IBMError

app = typer.Typer(
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(version("ibm-circuit-job"))
        raise typer.Exit


@app.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Run, watch and look up jobs on IBM Quantum.

    Programs with a store and these commands save jobs on this machine. Without a command, this help is printed. Exit
    codes: 0 done; 1 failed, with the reason in one sentence; 2 wrong usage. Also of wait and result: 3 the job failed,
    4 the job was cancelled, 5 the job has not ended in time. Also of migrate: 6 some lines must be changed by hand.
    """
    if context.invoked_subcommand is None:
        print(context.get_help())


_PANELS: Final[Mapping[str, tuple[Callable[..., None], ...]]] = {
    "Jobs": (
        jobs.jobs,
        job.show,
        job.status,
        job.wait,
        job.result,
        job.cancel,
        job.tag,
        jobs.resume,
        watch,
        records.history,
    ),
    "Services and accounts": (
        backends,
        estimate,
        usage,
        accounts.login,
        accounts.whoami,
        accounts.accounts,
        accounts.logout,
        doctor,
    ),
    "The store on this machine": (records.check, records.delete, jobs.prune, records.export, records.import_),
    "A service on this machine": (demo, serve),
    "Programs of 2018 to 2024": (migrate,),
}
"""Heading in the help -> the commands under it."""
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(_command.__name__.rstrip("_"), rich_help_panel=_panel)(_command)


def main() -> None:
    """Run the command line. An error is printed as one line, without a traceback."""
    try:
        app()
    except (IBMError, OSError) as error:
        print(f"error: {terminal.printable(str(error))}", file=sys.stderr)
        sys.exit(exit_codes.USAGE if isinstance(error, IBMBackendValueError) else exit_codes.FAILED)
