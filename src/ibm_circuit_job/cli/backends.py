"""``ibm-circuit-job backends``: the backends of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ibm_circuit_job.cli import terminal
from ibm_circuit_job.cli.services import Account, Choice, InstanceOption, Services, Url
from ibm_circuit_job.cli.terminal import Column
from ibm_circuit_job.errors import IBMBackendApiError

if TYPE_CHECKING:
    from ibm_circuit_job.account.backend import IBMBackend

_COLUMNS = (
    Column("backend"),
    Column("qubits"),
    Column("queue", rank=1),
    Column("status", rank=2, least=8),
    Column("kind", rank=3),
)


def backends(
    min_qubits: Annotated[int | None, typer.Option(min=1, help="Only backends with at least so many qubits.")] = None,
    account: Account = None,
    url: Url = None,
    instance: InstanceOption = None,
    as_json: terminal.JsonList = False,
) -> None:
    """List the backends that the account may use, with their queues.

    If the output goes to another program, each backend is a line: name, qubits, jobs in the queue, status and kind,
    separated by tabs.

    Example: ibm-circuit-job backends --min-qubits 100
    """
    with Services(Choice(account, url, instance)) as services:
        found = [_document(backend) for backend in services.chosen().backends(min_num_qubits=min_qubits)]
    if as_json:
        terminal.show_json(found)
        return
    terminal.show_table(
        _COLUMNS,
        [
            {
                "backend": each["name"],
                "qubits": str(each["num_qubits"]),
                "queue": "" if each["pending_jobs"] is None else str(each["pending_jobs"]),
                "status": each["status"] or "",
                "kind": "simulator" if each["simulator"] else "device",
            }
            for each in found
        ],
    )


def _document(backend: IBMBackend) -> dict[str, Any]:
    """A backend as an object of JSON. If its status cannot be read, only the fields of the status are null."""
    try:
        status = backend.status()
    except IBMBackendApiError as error:
        terminal.warn(str(error))
        status = None
    return {
        "name": backend.name,
        "num_qubits": backend.num_qubits,
        "simulator": bool(backend.simulator),
        "operational": None if status is None else status.operational,
        "pending_jobs": None if status is None else status.pending_jobs,
        "status": None if status is None else status.status_msg,
    }
