"""``ibm-circuit-job estimate``: the quantum time that circuits would cost on a backend."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from attrs import asdict
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError

from ibm_circuit_job.cli import exit_codes, terminal
from ibm_circuit_job.cli.services import Account, Choice, InstanceOption, Services, Url

if TYPE_CHECKING:
    from ibm_circuit_job.account.backend import IBMBackend


def estimate(
    file: Annotated[
        Path,
        typer.Argument(help="A file of circuits: QPY, or OpenQASM 2 if its name ends with .qasm."),
    ],
    backend: Annotated[str, typer.Option(help="The name of the backend.")],
    shots: Annotated[int | None, typer.Option(min=1, help="The shots of each circuit; by default as in run().")] = None,
    account: Account = None,
    url: Url = None,
    instance: InstanceOption = None,
    as_json: terminal.JsonObject = False,
) -> None:
    """Estimate the quantum time that circuits would cost on a backend, without submitting anything.

    Circuits for a device are transpiled to its instruction set first.

    Example: ibm-circuit-job estimate circuits.qpy --backend ibm_torino --shots 4000
    """
    circuits = _circuits(file)
    with Services(Choice(account, url, instance)) as services:
        meant = services.chosen().get_backend(backend)
        found = meant.estimate(_transpiled(circuits, meant), shots=shots)
    if as_json:
        terminal.show_json(asdict(found))
    else:
        print(terminal.printable(str(found)))


def _circuits(file: Path) -> list[QuantumCircuit]:
    from qiskit import qasm2, qpy  # noqa: PLC0415 - other commands do not need it

    try:
        if file.suffix == ".qasm":
            return [qasm2.load(str(file))]
        with file.open("rb") as opened:
            return list(qpy.load(opened))
    except (QiskitError, OSError, ValueError, EOFError) as error:
        terminal.fail(f"expected a file of QPY or OpenQASM 2, got {file}: {error}", exit_codes.USAGE)


def _transpiled(circuits: list[QuantumCircuit], backend: IBMBackend) -> list[QuantumCircuit]:
    """The circuits in the instruction set of the backend; a simulator runs them as they are."""
    if backend.simulator:
        return circuits
    from qiskit.transpiler import generate_preset_pass_manager  # noqa: PLC0415 - other commands do not need it

    return list(generate_preset_pass_manager(1, backend=backend, seed_transpiler=0).run(circuits))
