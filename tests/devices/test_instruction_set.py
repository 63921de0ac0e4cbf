"""A circuit that is not in the device's instruction set is refused by run(), before anything is sent."""

import math

import pytest
import self_made_device as device
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Gate, Parameter

from ibm_circuit_job import IBMBackend, IBMBackendApiError, IBMBackendValueError
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.errors import Unreachable


class SentError(Exception):
    """The circuit was sent."""


class Client:
    """Says this of its device, counts the requests, and stops a job that is sent."""

    limits_tags = True

    def __init__(self, properties=None):
        self.properties = device.properties() if properties is None else properties
        self.asked = []

    def backend_properties(self, name, datetime=None):
        self.asked.append("properties")
        if isinstance(self.properties, Exception):
            raise self.properties
        return self.properties

    def program_run(self, **_):
        self.asked.append("run")
        raise SentError


class Provider:
    channel = "ibm_quantum_platform"
    instance = "crn"

    def __init__(self, client):
        self.runtime_client = client


def backend_of(properties=None, use_fractional_gates=None, **configuration):
    said = device.configuration(**configuration)
    return IBMBackend(Provider(Client(properties)), said, use_fractional_gates=use_fractional_gates)


def circuit_of(*steps, width=4):
    """A circuit of these methods and arguments, with a bit for each qubit."""
    circuit = QuantumCircuit(width, width, name="tried")
    for name, *arguments in steps:
        getattr(circuit, name)(*arguments)
    return circuit


def branch(*steps, qubits=(0, 1)):
    """A circuit with these steps in the body of a branch on those qubits."""
    circuit = QuantumCircuit(4, 4, name="tried")
    circuit.measure(0, 0)
    body = QuantumCircuit(len(qubits))
    for name, *arguments in steps:
        getattr(body, name)(*arguments)
    circuit.if_test((circuit.clbits[0], 1), body, list(qubits), [])
    return circuit


def sent(backend, *circuits, **arguments):
    """Whether a backend sends circuits; else the error is raised."""
    try:
        backend.run(list(circuits), **arguments)
    except SentError:
        return True
    return False


UNKNOWN = QuantumCircuit(4, 4, name="tried")
UNKNOWN.append(Gate("swirl", 1, []), [0])
WIDE = QuantumCircuit(4, 4, name="tried")
WIDE.ccx(0, 1, 2)


@pytest.mark.parametrize(
    ("circuit", "reason"),
    [
        (circuit_of(("h", 0)), "it has no h, but cz, delay, id, if_else, measure, measure_2, reset, "),
        (UNKNOWN, "it has no swirl, but"),
        (WIDE, "it has no ccx, but"),
        (circuit_of(("cx", 0, 1)), "it has no cx, but"),
        (circuit_of(("cz", 0, 3)), "it has no cz on qubits (0, 3)"),
        (circuit_of(("x", 0), ("cz", 3, 1)), "it has no cz on qubits (3, 1)"),
        (circuit_of(("rzz", -0.1, 0, 1)), "it runs rzz with angles from 0 to pi/2 only, got -0.1"),
        (circuit_of(("rzz", 1.6, 0, 1)), "it runs rzz with angles from 0 to pi/2 only, got 1.6"),
        (circuit_of(("rzz", 1.0, 0, 2)), "it has no rzz on qubits (0, 2)"),
        (branch(("h", 0)), "it has no h, but"),
        (branch(("cz", 0, 1), qubits=(0, 2)), "it has no cz on qubits (0, 2)"),
        (branch(("rzz", 3.0, 0, 1), qubits=(2, 1)), "it runs rzz with angles from 0 to pi/2 only, got 3.0"),
    ],
)
def test_circuit_outside_of_the_instruction_set_is_refused(circuit, reason):
    backend = backend_of()
    with pytest.raises(IBMBackendValueError) as refused:
        backend.run([circuit_of(("x", 0)), circuit])
    assert str(refused.value).startswith(
        f"expected circuits in the instruction set of ibm_selfmade, got 'tried' at [1]: {reason}"
    )
    assert "transpile(circuit, backend) or generate_preset_pass_manager(backend=backend)" in str(refused.value)
    assert "run" not in backend.provider.runtime_client.asked


@pytest.mark.parametrize(
    "circuit",
    [
        circuit_of(("x", 3), ("cz", 2, 3), ("rz", 9.0, 0), ("rx", -3.0, 1), ("barrier",), ("reset", 0)),
        circuit_of(("rzz", 0.0, 0, 1), ("rzz", math.pi / 2 + 1e-11, 1, 0)),
        circuit_of(("delay", 160, 0), ("delay", 7, 1), ("measure", 1, 1)),
        branch(("x", 0), ("cz", 0, 1), ("barrier",), qubits=(2, 1)),
        branch(("rx", 0.5, 0), ("rzz", 0.5, 0, 1)),
    ],
)
def test_circuit_of_the_instruction_set_is_sent(circuit):
    assert sent(backend_of(), circuit)


def test_free_angle_in_a_loop_is_not_refused():
    offered = [*device.configuration()["supported_instructions"], "for_loop"]
    circuit, angle = QuantumCircuit(4, 4), Parameter("angle")
    with circuit.for_loop(range(2), angle):
        circuit.rzz(angle, 0, 1)
    assert sent(backend_of(supported_instructions=offered), circuit)


@pytest.mark.parametrize(
    ("coupler", "faulty", "circuit", "reason"),
    [
        ("cz", {"faulty_qubits": [1]}, circuit_of(("x", 1)), "its qubit 1 does not work"),
        ("cx", {"faulty_qubits": [1]}, circuit_of(("cx", 0, 1)), "its qubit 1 does not work"),
        ("cz", {"faulty_qubits": [1]}, circuit_of(("measure", 1, 1)), "its qubit 1 does not work"),
        ("cz", {"faulty_qubits": [1]}, branch(("x", 0), qubits=(1,)), "its qubit 1 does not work"),
        ("cz", {"faulty_gates": [("cz", 1, 2)]}, circuit_of(("cz", 1, 2)), "its cz on qubits (1, 2) does not work"),
        ("ecr", {"faulty_gates": [("ecr", 2, 1)]}, circuit_of(("ecr", 2, 1)), "its ecr on qubits (2, 1) does not work"),
        ("cz", {"faulty_gates": [("sx", 3)]}, circuit_of(("sx", 3)), "its sx on qubits (3,) does not work"),
    ],
)
def test_circuit_that_needs_a_faulty_part_is_refused(coupler, faulty, circuit, reason):
    backend = backend_of(device.properties(coupler, **faulty), coupler=coupler)
    with pytest.raises(IBMBackendValueError) as refused:
        backend.run(circuit)
    assert f"{reason}, as of the properties of 2024-02-0" in str(refused.value)
    assert "run" not in backend.provider.runtime_client.asked


def test_circuit_beside_a_faulty_part_is_sent():
    faulty = device.properties(faulty_qubits=[0], faulty_gates=[("cz", 1, 2)])
    assert sent(backend_of(faulty), circuit_of(("x", 1), ("cz", 2, 1), ("measure", 3, 3), ("barrier",)))


def test_device_without_reset_refuses_it():
    offered = [name for name in device.configuration()["supported_instructions"] if name != "reset"]
    with pytest.raises(IBMBackendValueError, match="it has no reset, but"):
        backend_of(supported_instructions=offered).run(circuit_of(("reset", 0)))


@pytest.mark.parametrize("steps", [[("rx", 0.5, 0)], [("rzz", 0.5, 0, 1)]])
def test_fractional_gate_with_control_flow_is_refused(steps):
    within, beside = branch(*steps), branch(("x", 0)).compose(circuit_of(*steps))
    old = backend_of(supported_features=["qobj", "qasm3"])
    for circuit in (within, beside):
        with pytest.raises(
            IBMBackendValueError, match=r"it runs no fractional gates, such as r\w+, in a circuit with control flow"
        ):
            old.run(circuit)
        assert sent(backend_of(), circuit)
        assert sent(backend_of(supported_features=None), circuit)
    assert sent(old, circuit_of(*steps))
    assert sent(old, branch(("x", 0)))


def test_unwanted_fractional_gate_is_refused_with_advice():
    backend = backend_of(use_fractional_gates=False)
    with pytest.raises(IBMBackendValueError, match=r"get_backend\(\.\.\., use_fractional_gates=True\)"):
        backend.run(circuit_of(("rx", 0.5, 0)))
    assert "rx" not in backend.configuration().basis_gates
    assert "rx" not in backend.operation_names


def test_transpiled_circuit_is_sent():
    circuit = circuit_of(("h", 0), ("cx", 0, 3), ("rzz", -2.0, 1, 2), ("measure", range(4), range(4)))
    for choice in (False, True, None):
        backend = backend_of(device.properties(faulty_gates=[("x", 2)]), use_fractional_gates=choice)
        assert sent(backend, transpile(circuit, backend, seed_transpiler=1))


def test_initial_circuit_is_checked_too():
    backend = backend_of()
    backend.provider.channel = "ibm_quantum"
    with pytest.raises(IBMBackendValueError, match="got init_circuit: it has no h, but"):
        backend.run(branch(("x", 0)), init_circuit=circuit_of(("h", 0)))


def test_texts_are_not_checked():
    assert sent(backend_of(), 'OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; h q[0];')


def test_simulator_is_sent_any_circuit():
    backend = backend_of(simulator=True)
    assert sent(backend, circuit_of(("h", 0), ("cx", 0, 3), ("rzz", -3.0, 0, 2)))
    assert backend.provider.runtime_client.asked == ["run"]


# What is asked for, and when


def test_known_properties_are_not_asked_for_again():
    backend = backend_of()
    backend.fetch_properties()
    assert sent(backend, circuit_of(("x", 0)))
    assert sent(backend, circuit_of(("x", 0)))
    assert backend.provider.runtime_client.asked == ["properties", "run", "run"]


def test_unknown_properties_are_asked_for_once():
    backend = backend_of(RequestFailed(Unreachable("read the properties", "http://x", "gone")))
    assert sent(backend, circuit_of(("x", 0)))
    with pytest.raises(IBMBackendValueError, match="it has no h"):
        backend.run(circuit_of(("h", 0)))
    assert sent(backend, circuit_of(("x", 0)))
    assert backend.provider.runtime_client.asked == ["properties", "run", "run"]


def test_target_is_not_made_of_properties_that_were_not_answered():
    backend = backend_of(RequestFailed(Unreachable("read the properties", "http://x", "gone")))
    assert sent(backend, circuit_of(("x", 0)))
    with pytest.raises(IBMBackendApiError, match="gone"):
        _ = backend.target
    backend.provider.runtime_client.properties = device.properties(faulty_qubits=[2])
    assert set(backend.target["x"]) == {(0,), (1,), (3,)}


def test_newer_properties_make_a_newer_target():
    backend = backend_of(device.properties(faulty_qubits=[2]))
    with pytest.raises(IBMBackendValueError, match="its qubit 2 does not work"):
        backend.run(circuit_of(("x", 2)))
    backend.provider.runtime_client.properties = device.properties()
    backend.properties(refresh=True)
    assert sent(backend, circuit_of(("x", 2)))
    assert (2,) in backend.target["x"]
