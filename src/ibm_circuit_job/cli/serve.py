"""``ibm-circuit-job serve``: an IBM Quantum service on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import platformdirs
import typer
from rich.markup import escape

from ibm_circuit_job.cli import terminal

_VARIABLE: Final = "IBM_CIRCUIT_JOB_TOKEN"
"""The variable that has the token of the service on this machine."""


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
    from ibm_circuit_job.local.server import PortUnavailable, ServerSettings, Started, bound_socket, is_loopback  # noqa: PLC0415
    from ibm_circuit_job.local.server import serve as run_server  # noqa: PLC0415

    if not is_loopback(host) and not token:
        terminal.fail(f"other machines reach the service at {host}; give it a token of your own with --token")

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
            terminal.console.print(line, soft_wrap=True)

    folder = data or Path(platformdirs.user_data_dir("ibm-circuit-job", appauthor=False)) / "service"
    try:
        plan = FaultPlan() if faults is None else read_plan(faults.read_bytes())
        settings = ServerSettings(str(folder), token, host, port, seed=seed, rate_limit=rate_limit, faults=plan)
        run_server(settings, bound_socket(host, port), started)
    except (PortUnavailable, RecordsUnavailable, NoFaultPlan) as error:
        terminal.fail(str(error))
