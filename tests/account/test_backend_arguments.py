"""Wrong arguments of run() are refused before anything is sent, with what would be right."""

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from ibm_circuit_job import IBMBackend, IBMBackendValueError
from ibm_circuit_job.local.devices import DEVICES, configuration


class SilentProvider:
    """Has a client that fails the test when anything is sent."""

    channel = "ibm_quantum"
    instance = "a/b/c"
    account_client = None
    runtime_client = object()


@pytest.fixture
def backend():
    return IBMBackend(SilentProvider(), configuration(DEVICES["local_simulator"]))


@pytest.fixture
def device():
    return IBMBackend(SilentProvider(), configuration(DEVICES["local_5q"]))


def parametrized():
    circuit = QuantumCircuit(1, 1)
    circuit.rx(Parameter("theta"), 0)
    return circuit


ONE = QuantumCircuit(1, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"circuits": "a string"},
            "OpenQASM 3 text that begins with 'OPENQASM 3.0;', or a list of them, got 'a string' at [0]",
        ),
        ({"circuits": [ONE, 3]}, "got a int at [1]"),
        ({"circuits": []}, "expected at least one circuit"),
        ({"circuits": [ONE] * 301}, "expected at most 300 circuits for local_simulator, got 301"),
        ({"circuits": QuantumCircuit(31)}, "expected circuits of at most 30 qubits for local_simulator, got 31"),
        ({"circuits": parametrized()}, "got theta"),
        ({"circuits": ONE, "shots": 0}, "expected shots to be a whole number from 1 to 100000, got 0"),
        ({"circuits": ONE, "shots": 0.5}, "got 0.5"),
        ({"circuits": ONE, "shots": True}, "got True"),
        ({"circuits": ONE, "shots": "10"}, "got '10'"),
        ({"circuits": ONE, "shots": 100_001}, "expected at most 100000 shots for local_simulator, got 100001"),
        ({"circuits": ONE, "job_tags": "tag"}, "expected job_tags to be a list of strings, got 'tag'"),
        ({"circuits": ONE, "job_tags": ["tag", 3]}, "expected job_tags to be a list of strings"),
        ({"circuits": ONE, "rep_delay": 1e-4}, "local_simulator does not support it"),
        ({"circuits": ONE, "header": {"a": object()}}, "got a object"),
        ({"circuits": ONE, "header": "note"}, "expected header to be a dictionary"),
        ({"circuits": ONE, "header": {"a": "\ud800"}}, "expected arguments that go to JSON"),
        ({"circuits": ONE, "seed_simulator": 1.5}, "expected seed_simulator to be a whole number"),
        ({"circuits": ONE, "memory": "no"}, "expected memory to be True or False, got 'no'"),
        ({"circuits": ONE, "dynamic": "no"}, "expected dynamic to be True or False, got 'no'"),
        ({"circuits": ONE, "job_tags": ["\ud800"]}, "expected job_tags to be a list of strings"),
        ({"circuits": ONE, "meas_return": ["single"]}, "expected meas_return to be 'single' or 'avg', got ['single']"),
        ({"circuits": ONE, "program_id": ["x"]}, "expected program_id to be 'circuit-runner' or 'qasm3-runner'"),
        ({"circuits": ONE, "noise_model": "x"}, "expected noise_model to be a NoiseModel of qiskit-aer, got 'x'"),
    ],
)
def test_wrong_argument_says_what_would_be_right(backend, arguments, message):
    with pytest.raises(IBMBackendValueError) as raised:
        backend.run(**arguments)
    assert message in str(raised.value)


def test_rep_delay_outside_the_range_of_the_device_is_refused(device):
    with pytest.raises(IBMBackendValueError, match=r"from 0 to 0\.0005 seconds for local_5q, got 1\.0"):
        device.run(ONE, rep_delay=1.0)


def test_most_shots_may_be_a_text():
    backend = IBMBackend(SilentProvider(), configuration(DEVICES["local_simulator"]) | {"max_shots": "100"})
    with pytest.raises(IBMBackendValueError, match="expected at most 100 shots for local_simulator, got 101"):
        backend.run(ONE, shots=101)
