"""Programs as people wrote them run unchanged, with the official package, against the service."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from qiskit import QuantumCircuit
from waiting import ended

PROGRAMS = Path(__file__).parents[2] / "account/migration"


@pytest.fixture(scope="module")
def _study(simulator):
    """Two jobs of a study, for the program that looks for them."""
    for gate, shots in (("x", 30), ("id", 20)):
        circuit = QuantumCircuit(1, 1)
        getattr(circuit, gate)(0)
        circuit.measure(0, 0)
        ended(simulator.run(circuit, shots=shots, job_tags=["migration-study"]))


@pytest.mark.usefixtures("_study")
@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("bell_counts.py", "counts ['00', '11'] 1000"),
        ("monitor_loop.py", "more ones than zeros True"),
        ("collect_by_tag.py", "2 jobs {'0': 20, '1': 30}"),
    ],
)
def test_program_runs_with_the_official_package(services, program, says):
    account = {"QISKIT_IBM_TOKEN": services.plain.token, "QISKIT_IBM_URL": services.plain.url}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", PROGRAMS / program],
        env=os.environ | account,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert says in ran.stdout
