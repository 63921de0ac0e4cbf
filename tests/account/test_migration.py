"""Programs that were written for ``qiskit-ibm-provider`` run with only the import line changed."""

import subprocess
import sys
from pathlib import Path

import pytest
from qiskit import QuantumCircuit, qasm3

PROGRAMS = Path(__file__).parent / "migration"
THEIRS = "from qiskit_ibm_provider import IBMProvider\n"
STRICT = "import warnings; warnings.simplefilter('error')\n"
OURS = "from ibm_circuit_job import IBMProvider\n"


def flipped(gate):
    circuit = QuantumCircuit(1, 1)
    gate(circuit)
    circuit.measure(0, 0)
    return circuit


@pytest.fixture(scope="module")
def study(simulator, device):
    """Three jobs of a study, one of which failed."""
    jobs = [
        simulator.run(flipped(lambda circuit: circuit.x(0)), shots=30, job_tags=["migration-study"]),
        simulator.run(flipped(lambda circuit: circuit.id(0)), shots=20, job_tags=["migration-study", "more"]),
        device.run(qasm3.dumps(flipped(lambda circuit: circuit.h(0))), shots=10, job_tags=["migration-study"]),
    ]
    for job in jobs:
        job.wait_for_final_state(timeout=60)


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("bell_counts.py", ["'local_27q', 'local_heron', 'ibmq_qasm_simulator'", "counts ['00', '11'] 1000"]),
        ("monitor_loop.py", ["queued, position 1", "RUNNING", "DONE", "more ones than zeros True"]),
        ("collect_by_tag.py", ["left out: ", "3 jobs {'0': 20, '1': 30}"]),
    ],
)
def test_program_runs_with_only_the_import_line_changed(provider, program, monkeypatch, written, says):
    text = (PROGRAMS / written).read_text()
    assert text.count(THEIRS) == text.count("qiskit_ibm_provider") == 1
    monkeypatch.setenv("QISKIT_IBM_TOKEN", provider.token)
    monkeypatch.setenv("QISKIT_IBM_URL", provider.url)
    with program("-c", STRICT + text.replace(THEIRS, OURS)) as process:
        printed, errors = process.communicate()
    assert process.returncode == 0, errors
    for words in says:
        assert words in printed


def test_import_of_the_provider_warns_of_nothing():
    subprocess.run([sys.executable, "-W", "error", "-c", OURS], check=True)
