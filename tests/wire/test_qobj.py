"""Reading a Qobj of 2018 to 2023 as circuits."""

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import U2Gate, U3Gate
from qiskit.quantum_info import Operator

from ibm_circuit_job.local.qobj_of_params import qobj_of
from ibm_circuit_job.wire import typed_json
from ibm_circuit_job.wire.qobj import params_of


def read(*instructions, cregs=(("c", 2),)):
    header = {"name": "x", "qreg_sizes": [["q", 2]], "creg_sizes": [list(each) for each in cregs], "memory_slots": 2}
    submitted = {"experiments": [{"header": header, "config": {}, "instructions": list(instructions)}]}
    return params_of(submitted)["circuits"][0]


def test_gates_of_the_first_devices():
    circuit = read(
        {"name": "u2", "qubits": [0], "params": [0.0, 3.14]},
        {"name": "u3", "qubits": [1], "params": [0.1, 0.2, 0.3]},
        {"name": "cx", "qubits": [0, 1]},
        {"name": "id", "qubits": [0]},
        {"name": "barrier", "qubits": [0, 1]},
        {"name": "measure", "qubits": [0], "memory": [1], "register": [1]},
    )
    expected = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(2, "c"), name="x")
    expected.append(U2Gate(0.0, 3.14), [0])
    expected.append(U3Gate(0.1, 0.2, 0.3), [1])
    expected.cx(0, 1)
    expected.id(0)
    expected.barrier(0, 1)
    expected.measure(0, 1)
    assert circuit == expected


def test_condition_on_a_register_is_an_if():
    circuit = read(
        {"name": "measure", "qubits": [0], "memory": [0], "register": [0]},
        {"name": "bfunc", "mask": "0x2", "relation": "==", "val": "0x2", "register": 2},
        {"name": "x", "qubits": [1], "conditional": 2},
        cregs=(("a", 1), ("b", 1)),
    )
    condition = circuit.data[1].operation.condition
    assert (condition[0].name, condition[1]) == ("b", 1)
    assert circuit.data[1].operation.blocks[0].count_ops() == {"x": 1}


def test_gate_of_an_unknown_name_is_opaque():
    assert read({"name": "my_gate", "qubits": [0, 1], "params": [0.5]}).data[0].operation.name == "my_gate"


def test_what_cannot_be_read_leaves_the_others():
    good = {"header": {"name": "good"}, "config": {"n_qubits": 1, "memory_slots": 1}, "instructions": []}
    pulse = {"header": {"name": "pulse"}, "config": {}, "instructions": [{"name": "pulse0", "ch": "d0", "t0": 0}]}
    found = params_of({"experiments": [pulse, good, None]})["circuits"]
    assert [None if circuit is None else circuit.name for circuit in found] == [None, "good", None]


def test_circuit_comes_back_from_the_qobj_of_the_local_service():
    circuit = QuantumCircuit(2, 2, name="all", metadata={"k": 1}, global_phase=0.25)
    circuit.rz(0.5, 0)
    circuit.unitary([[0, 1j], [-1j, 0]], 1)
    circuit.delay(16, 0)
    circuit.reset(1)
    gates = circuit.copy()
    circuit.measure([0, 1], [0, 1])
    body = typed_json.encode({"circuits": [circuit], "shots": 3})
    read_again = params_of(qobj_of("a", body))["circuits"][0]
    assert read_again == circuit
    assert read_again.metadata == {"k": 1}
    assert gates.count_ops()["unitary"] == 1
    assert Operator(read_again.data[1].operation) == Operator(circuit.data[1].operation)


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"circuits": ["OPENQASM 3;"]}'])
def test_job_without_circuits_has_no_qobj(body):
    assert qobj_of("a", body) is None


def test_circuit_with_control_flow_has_no_qobj():
    circuit = QuantumCircuit(1, 1)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
    assert qobj_of("a", typed_json.encode({"circuits": [circuit]})) is None
