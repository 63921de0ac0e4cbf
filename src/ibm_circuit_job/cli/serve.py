"""``ibm-circuit-job serve``: an IBM Quantum service on this machine."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import platformdirs
import typer
from rich.markup import escape

from ibm_circuit_job.cli import terminal
from ibm_circuit_job.cli.services import TOKEN_VARIABLE

_WAYS: Final = f"--token-file, --ask-token or the variable {TOKEN_VARIABLE}"


def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 for any.")] = 8080,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Another host name of the service for clients, besides localhost and IP addresses."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="A file with the API token of the service; by default the value of IBM_CIRCUIT_JOB_TOKEN, "
            "else a random token, which is saved with the jobs.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    ask_token: Annotated[
        bool, typer.Option("--ask-token", help="Ask for the API token of the service on the terminal.")
    ] = False,
    token: Annotated[
        str | None,
        typer.Option(
            help="The API token of the service. Other users of the machine can see it in the list of processes."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="The folder in which jobs are saved; by default the user's data folder.", file_okay=False),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The seed of the simulations of jobs without a seed of their own.")
    ] = None,
    rate_limit: Annotated[
        int | None, typer.Option(min=1, help="The most submissions in a minute; by default without a limit.")
    ] = None,
    memory_mb: Annotated[
        int | None,
        typer.Option(min=256, help="The memory limit of a job in MB; by default an equal share of the free memory."),
    ] = None,
    job_seconds: Annotated[float, typer.Option(min=0.001, help="The time limit of a job's execution.")] = 300.0,
    executor: Annotated[
        str | None,
        typer.Option(
            help="The address of a Dask scheduler whose workers execute jobs, as in dask://127.0.0.1:8786; by default "
            "processes of the service execute them."
        ),
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(
            help="A backend to offer instead of the usual ones: its name, as in local_heron or fake_fez, or the paths "
            "of its configuration and properties, separated by a comma. May be given several times."
        ),
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(help="A JSON file with a plan of faults.", exists=True, dir_okay=False)
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="A file with settings in TOML or JSON, named like the arguments of LocalService. Options on the "
            "command line override it.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Run an IBM Quantum service on this machine, in the foreground. It continues the jobs of its last run.

    Example: ibm-circuit-job serve --port 8080
    """
    from ibm_circuit_job.local.executor import ExecutorUnavailable  # noqa: PLC0415
    from ibm_circuit_job.local.faults import FaultPlan, NoFaultPlan, read_plan  # noqa: PLC0415
    from ibm_circuit_job.local.given_devices import NoDevice, devices_of, documents_of  # noqa: PLC0415
    from ibm_circuit_job.local.records import RecordsUnavailable  # noqa: PLC0415
    from ibm_circuit_job.local.server import PortUnavailable, ServerSettings, Started, bound_socket, is_loopback  # noqa: PLC0415
    from ibm_circuit_job.local.server import serve as run_server  # noqa: PLC0415
    from ibm_circuit_job.local.settings_file import NoSettings, read_settings  # noqa: PLC0415

    try:
        settings = {} if config is None else read_settings(config.read_bytes())
        given = {
            "port": port,
            "host": host,
            "allowed_hosts": tuple(allow_host or ()),
            "data": str(data or _default_folder()),
            "seed": seed,
            "rate_limit": rate_limit,
            "memory_mb": memory_mb,
            "job_seconds": job_seconds,
            "executor": executor,
            "devices": tuple(devices_of([documents_of(_paths(each)) for each in device])) if device else None,
            "faults": FaultPlan() if faults is None else read_plan(faults.read_bytes()),
        }
    except (NoSettings, NoDevice, NoFaultPlan) as error:
        terminal.fail(str(error))
    for name, value in given.items():
        option = {"allowed_hosts": "allow_host", "devices": "device"}.get(name, name)
        source = context.get_parameter_source(option)
        if name not in settings or (source is not None and source.name != "DEFAULT"):
            settings[name] = value
    demanded, shown = _token(token, token_file, ask=ask_token)
    if not is_loopback(settings["host"]) and demanded is None:
        if not terminal.can_ask():
            terminal.fail(
                f"expected a token, because other machines can reach the service at {settings['host']}; give one with "
                f"{_WAYS}"
            )
        demanded, shown = _token(None, None, ask=True)

    def started(where: Started, _: Callable[[], None]) -> None:
        variables = where.environment | ({"QISKIT_IBM_TOKEN": "..."} if demanded else {})
        for line in (
            f"Serving at [bold]{where.url}[/bold]. Ctrl-C stops.",
            f"Page: {escape(f'{where.root}/' if demanded else where.page_url)}",
            f"Jobs are saved in {escape(settings['data'])}",
            *([] if demanded else [f"Token: {escape(where.token)}"]),
            "Connect with:",
            f"  IBMProvider(token={escape(shown or repr(where.token))}, url={where.url!r}, store=JobStore())",
            "Or set these environment variables, and connect with IBMProvider() or",
            f"QiskitRuntimeService(){'; set the token to yours' if demanded else ''}:",
            *(f"  export {name}={escape(shlex.quote(value))}" for name, value in variables.items()),
        ):
            terminal.console.print(line, soft_wrap=True)

    try:
        server = ServerSettings(token=demanded, **settings)
        run_server(server, bound_socket(server.host, server.port), started)
    except (PortUnavailable, RecordsUnavailable, ExecutorUnavailable) as error:
        terminal.fail(str(error))


def _default_folder() -> Path:
    return Path(platformdirs.user_data_dir("ibm-circuit-job", appauthor=False)) / "service"


def _paths(device: str) -> str | list[str]:
    """The paths in an option, or the name of a device unchanged."""
    return device.split(",") if "," in device or device.endswith(".json") else device


def _token(given: str | None, file: Path | None, *, ask: bool) -> tuple[str | None, str | None]:
    """The given token, and the Python expression for it in the printed example; both ``None`` without a token."""
    if (given is not None) + (file is not None) + ask > 1:
        terminal.fail("expected one of --token-file, --ask-token and --token, got several; leave out the others")
    if given is not None:
        terminal.warn(f"other users can see a token on the command line in the list of processes; use {_WAYS}")
    shown = '"..."'
    if file is not None:
        try:
            given = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            terminal.fail(f"expected {file} to be a text file with a token, cannot read it: {error}")
    elif ask:
        given = typer.prompt("API token", hide_input=True).strip()
    elif given is None:
        given, shown = os.environ.get(TOKEN_VARIABLE) or None, f'os.environ["{TOKEN_VARIABLE}"]'
    if given is None:
        return None, None
    if not given.isascii() or not given.isprintable() or not given.strip():
        terminal.fail("expected a token of printable ASCII characters, got an empty text or other characters")
    return given, shown
