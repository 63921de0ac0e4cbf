"""From the service's description of a backend, and its calibration, to the ``Target`` that qiskit transpiles for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from qiskit.circuit import Delay, Measure, Parameter, Reset
from qiskit.circuit.controlflow import (
    BreakLoopOp,
    ContinueLoopOp,
    ForLoopOp,
    IfElseOp,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.library.standard_gates import get_standard_gate_name_mapping
from qiskit.transpiler import InstructionProperties, Target

from ibm_circuit_job.errors import BackendPropertyError
from ibm_circuit_job.state.backend_configuration import BackendConfiguration
from ibm_circuit_job.state.backend_properties import BackendProperties

CONTROL_FLOW: Final[Mapping[str, Any]] = {
    "if_else": IfElseOp,
    "while_loop": WhileLoopOp,
    "for_loop": ForLoopOp,
    "switch_case": SwitchCaseOp,
    "break_loop": BreakLoopOp,
    "continue_loop": ContinueLoopOp,
}
"""The instructions that make a circuit dynamic."""


def target_of(configuration: BackendConfiguration, properties: BackendProperties | None) -> Target:
    """Return the target of a backend.

    Args:
        configuration: What the backend is.
        properties: How good it is; an instruction that is not in it is ideal.

    Raises:
        IBMBackendApiError: If the service's description of the backend is no such thing.
    """
    qubits = range(configuration.n_qubits)
    coupling = configuration.coupling_map
    target = Target(description=configuration.backend_name, num_qubits=configuration.n_qubits, dt=configuration.dt)
    gates = get_standard_gate_name_mapping()
    for name in dict.fromkeys(configuration.basis_gates):
        gate = gates.get(name)
        if gate is None or name in {"reset", "delay", "measure"}:
            continue
        operands = _operands(gate.num_qubits, qubits, coupling)
        target.add_instruction(gate, operands and {each: _of_gate(properties, name, each) for each in operands})
    target.add_instruction(Measure(), {(qubit,): _of_readout(properties, qubit) for qubit in qubits})
    target.add_instruction(Delay(Parameter("t")), {(qubit,): None for qubit in qubits})
    target.add_instruction(Reset(), {(qubit,): _of_gate(properties, "reset", (qubit,)) for qubit in qubits})
    for name in dict.fromkeys(configuration.supported_instructions or ()):
        if name in CONTROL_FLOW:
            target.add_instruction(CONTROL_FLOW[name], name=name)
    return target


def _operands(width: int, qubits: range, coupling: Any) -> list[tuple[int, ...]] | None:
    """The qubits that a gate acts on; ``None`` where it acts on any."""
    if width == 1:
        return [(qubit,) for qubit in qubits]
    if coupling is None:
        return None
    return list(dict.fromkeys(tuple(pair) for pair in coupling if len(pair) == width))


def _of_gate(
    properties: BackendProperties | None, name: str, operands: tuple[int, ...]
) -> InstructionProperties | None:
    if properties is None:
        return None
    try:
        measured = properties.gate_property(name, operands)
    except BackendPropertyError:
        return None
    return _measured(measured, "gate_length", "gate_error")


def _of_readout(properties: BackendProperties | None, qubit: int) -> InstructionProperties | None:
    if properties is None:
        return None
    try:
        measured = properties.qubit_property(qubit)
    except BackendPropertyError:
        return None
    return _measured(measured, "readout_length", "readout_error")


def _measured(measured: Mapping[str, Any], length: str, error: str) -> InstructionProperties:
    return InstructionProperties(
        duration=measured[length][0] if length in measured else None,
        error=measured[error][0] if error in measured else None,
    )
