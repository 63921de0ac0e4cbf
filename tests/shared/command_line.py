"""The command as tests type it, in this process, with its output caught.

``CliRunner.invoke`` of Typer builds all commands anew for every line that is typed, which takes three times as long as
most lines do. Here they are built once, as in a program.
"""

import sys

import attrs
import typer
from typer.testing import CliRunner

from ibm_circuit_job import cli

COMMAND = typer.main.get_command(cli.app)
"""The group of all commands."""


@attrs.frozen
class Ran:
    """What a line did."""

    exit_code: int
    exception: BaseException | None
    """What ended it: an error, or ``SystemExit`` with another code than 0."""
    stdout: str
    stderr: str
    output: str
    """Both, in the order in which they were written."""


def run_line(*words, given=None):
    """Type a line of words, with a text as the input of the command; return what it did.

    Any error of the command is caught, and is in what is returned.
    """
    exit_code, exception = 0, None
    with CliRunner().isolation(input=given) as streams:
        try:
            COMMAND.main(args=words, prog_name=COMMAND.name)
        except SystemExit as ended:
            exit_code = ended.code or 0
            exception = ended if exit_code else None
        except Exception as error:  # noqa: BLE001 - the test sees it
            exit_code, exception = 1, error
        sys.stdout.flush()
        sys.stderr.flush()
        stdout, stderr, output = (each.getvalue().decode() for each in streams)
    return Ran(exit_code, exception, stdout, stderr, output)
