"""The examples of docs/commands.md print what it says, but for numbers. To renew them, run this file with python."""

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import COMMAND, run_line
from qiskit import QuantumCircuit, qpy
from qiskit.providers.jobstatus import JobStatus
from rich.console import Console

from ibm_circuit_job import IBMProvider, JobStore, cli
from ibm_circuit_job.local import LocalService

DOCUMENT = Path(__file__).parents[2] / "docs" / "commands.md"
BELL, SLOW = "a722ec50666a85d1322f", "5d0c9a41e07b33c2f816"
"""The IDs that the document has for two jobs."""
OLD_PROGRAM = """\
from qiskit import IBMQ, QuantumCircuit, execute

IBMQ.load_account()
provider = IBMQ.get_provider(hub='ibm-q')
backend = provider.get_backend('ibmq_vigo')  # five qubits

bell = QuantumCircuit(2)
bell.h(0)
bell.cnot(0, 1)
bell.measure_all()
counts = execute(bell, backend, shots=1000).result().get_counts()
"""
_BLOCK = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)


@contextmanager
def world(service, folder) -> Iterator[dict[str, str]]:
    """A store with a job that has ended and one that runs, of which it knows that they were submitted: ID by ID."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("INSTANCE", "CHANNEL"):
            patch.delenv(f"QISKIT_IBM_{variable}", raising=False)
        for variable, value in {
            "HOME": folder,
            "IBM_CIRCUIT_JOB_STORE": f"{folder}/jobs.sqlite",
            "QISKIT_IBM_TOKEN": service.token,
            "QISKIT_IBM_URL": service.url,
        }.items():
            patch.setenv(variable, str(value))
        patch.chdir(folder)
        patch.setattr(cli.terminal, "console", Console(force_terminal=True, color_system=None, width=100))
        IBMProvider.save_account(service.token, service.url, channel="ibm_quantum", name="here")
        with JobStore() as store, IBMProvider(store=store) as provider, IBMProvider() as other:
            bell = provider.get_backend("local_simulator").run(_bell(), shots=100, job_tags=["bell"]).job_id()
            slow = provider.get_backend("local_5q").run(_slow(), shots=100_000, rep_delay=500e-6).job_id()
            other.retrieve_job(bell).wait_for_final_state(60)
            running = other.retrieve_job(slow)
            while running.status() is not JobStatus.RUNNING:
                assert not running.state.is_final
                time.sleep(0.01)
            with Path("bell.qpy").open("wb") as file:
                qpy.dump(_bell(), file)
            Path("bell.py").write_text(OLD_PROGRAM, "utf-8")
            yield {BELL: bell, SLOW: slow}


def _bell():
    circuit = QuantumCircuit(2, name="bell")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def _slow():
    circuit = QuantumCircuit(1, 1, name="slow")
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


def printed(command: str, ids: dict[str, str]) -> str:
    """Type a command of the document, and return what it prints, with the IDs of the document."""
    words = command.removeprefix("$ ibm-circuit-job ").split()
    whole = [
        next((real for shown, real in ids.items() if len(word) > 3 and shown.startswith(word)), word) for word in words
    ]
    ran = run_line(*whole)
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    said = ran.output
    for shown, real in ids.items():
        said = said.replace(real, shown)
    return "".join(f"{line.rstrip()}\n" for line in said.splitlines())


def renewed(block: str, ids: dict[str, str]) -> str:
    """Return a block with what its commands print."""
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"{command}\n{printed(command, ids)}" for command in commands)


def without_numbers(text: str) -> str:
    """Return a text in which all numbers, bars and gaps are alike."""
    named = text.replace(BELL, "BELL").replace(SLOW, "SLOW")
    return re.sub(r"(?<=\S) {2,}", "  ", re.sub("█+", "█", re.sub(r"\d+(\.\d+)?", "0", named)))


def test_examples_print_what_the_document_says(service, tmp_path):
    blocks = _BLOCK.findall(DOCUMENT.read_text("utf-8"))
    with world(service, tmp_path) as ids:
        for block in blocks:
            assert without_numbers(renewed(block, ids)) == without_numbers(block)


@pytest.mark.parametrize("command", sorted(COMMAND.commands))
def test_document_has_the_command(command):
    assert f"`{command}`" in DOCUMENT.read_text("utf-8").partition("## ")[0]


if __name__ == "__main__":
    with LocalService(seed=7) as started, tempfile.TemporaryDirectory() as there:
        os.environ["IBM_CIRCUIT_JOB_STORE"] = "none"
        with world(started, there) as made:
            written = _BLOCK.sub(lambda block: renewed(block[0], made), DOCUMENT.read_text("utf-8"))
    DOCUMENT.write_text(written, "utf-8")
    sys.stdout.write(written)
