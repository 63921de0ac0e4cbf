"""The command ``ibm-circuit-job`` and its parts; each group of commands has a module of its own."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from ibm_circuit_job.cli import accounts, jobs, terminal
from ibm_circuit_job.cli.demo import demo
from ibm_circuit_job.cli.doctor import doctor
from ibm_circuit_job.cli.serve import serve
from ibm_circuit_job.errors import IBMError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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


app.command()(demo)
app.command()(serve)
app.command()(accounts.login)
app.command()(accounts.whoami)
app.command()(accounts.accounts)
app.command()(accounts.logout)
app.command()(doctor)
app.command()(jobs.jobs)
app.command()(jobs.history)
app.command()(jobs.result)
app.command()(jobs.check)
app.command()(jobs.delete)
app.command()(jobs.export)
app.command("import")(jobs.import_)


def main() -> None:
    """Run the command line; what went wrong is one line, not a traceback."""
    try:
        app()
    except IBMError as error:
        print(f"error: {terminal.printable(str(error))}", file=sys.stderr)
        sys.exit(1)
