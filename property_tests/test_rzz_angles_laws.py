"""The circuit that stands for rzz with any angle equals it, the global phase included."""

import math

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.circuit.library import CZGate, RXGate, RZGate, RZZGate, SXGate, XGate
from qiskit.converters import dag_to_circuit
from qiskit.quantum_info import Operator
from qiskit.transpiler import Target

from ibm_circuit_job.devices.rzz_angles import LARGEST_ANGLE, folded, is_in_bounds, register

angles = st.floats(-7, 7) | st.integers(-14, 14).map(lambda quarters: quarters * math.pi / 2)

FEWER = settings(max_examples=max(20, settings.default.max_examples // 5))
"""An example is a transpilation or two products of matrices; the angles at which something changes are written out."""


@FEWER
@given(angles)
@example(math.pi / 2)
@example(-math.pi / 2)
@example(math.nextafter(math.pi / 2, 4))
@example(1.5 * math.pi)
@example(0.0)
def test_folded_circuit_equals_rzz_with_its_phase(angle):
    circuit = dag_to_circuit(folded([angle]))
    assert np.allclose(Operator(circuit).data, Operator(RZZGate(angle)).data, atol=1e-9)
    kept = [each.operation.params[0] for each in circuit.data if each.operation.name == "rzz"]
    assert all(is_in_bounds(each) for each in kept)
    assert {each.operation.name for each in circuit.data} <= {"x", "rz", "rzz"}


@FEWER
@given(angles)
def test_transpiler_makes_a_circuit_that_equals_rzz(angle):
    assert register()
    target = Target(num_qubits=2)
    for gate in (RZGate(Parameter("a")), RXGate(Parameter("a")), SXGate(), XGate()):
        target.add_instruction(gate, {(0,): None, (1,): None})
    pairs = {(0, 1): None, (1, 0): None}
    target.add_instruction(CZGate(), pairs)
    target.add_instruction(RZZGate(Parameter("a")), pairs, angle_bounds=[(0, LARGEST_ANGLE)])
    circuit = QuantumCircuit(2)
    circuit.rzz(angle, 0, 1)
    ready = transpile(circuit, target=target, optimization_level=0, seed_transpiler=1)
    assert np.allclose(Operator.from_circuit(ready).data, Operator(circuit).data, atol=1e-9)
    assert all(is_in_bounds(each.operation.params[0]) for each in ready.data if each.operation.name == "rzz")
