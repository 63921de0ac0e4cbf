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

CONTROL_FLOW: Final[Mapping[str, Any]] = {
    "if_else": IfElseOp,
    "while_loop": WhileLoopOp,
    "for_loop": ForLoopOp,
    "switch_case": SwitchCaseOp,
    "break_loop": BreakLoopOp,
    "continue_loop": ContinueLoopOp,
}
"""The instructions that make a circuit dynamic."""


def target_of(configuration: Mapping[str, Any], calibration: Mapping[str, Any]) -> Target:
    """Return the target of a backend.

    Args:
        configuration: The reply to ``GET /backends/NAME/configuration``.
        calibration: The reply to ``GET /backends/NAME/properties``; an instruction that is not in it is ideal.
    """
    qubits = range(configuration["n_qubits"])
    coupling = configuration.get("coupling_map")
    measured = _calibrated_gates(calibration) | _calibrated_readout(calibration)
    target = Target(
        description=configuration["backend_name"],
        num_qubits=configuration["n_qubits"],
        dt=None if configuration.get("dt") is None else configuration["dt"] * 1e-9,
    )
    gates = get_standard_gate_name_mapping()
    for name in configuration["basis_gates"]:
        gate = gates.get(name)
        if gate is None or name in {"reset", "delay", "measure"}:
            continue
        operands = _operands(gate.num_qubits, qubits, coupling)
        target.add_instruction(gate, operands and {each: measured.get((name, each)) for each in operands})
    target.add_instruction(Measure(), {(qubit,): measured.get(("measure", (qubit,))) for qubit in qubits})
    target.add_instruction(Delay(Parameter("t")), {(qubit,): None for qubit in qubits})
    target.add_instruction(Reset(), {(qubit,): measured.get(("reset", (qubit,))) for qubit in qubits})
    for name in configuration.get("supported_instructions") or ():
        if name in CONTROL_FLOW:
            target.add_instruction(CONTROL_FLOW[name], name=name)
    return target


def _operands(width: int, qubits: range, coupling: Any) -> list[tuple[int, ...]] | None:
    """The qubits that a gate acts on; ``None`` where it acts on any."""
    if width == 1:
        return [(qubit,) for qubit in qubits]
    if coupling is None:
        return None
    return [tuple(pair) for pair in coupling if len(pair) == width]


def _calibrated_gates(
    calibration: Mapping[str, Any],
) -> dict[tuple[str, tuple[int, ...]], InstructionProperties]:
    found: dict[tuple[str, tuple[int, ...]], InstructionProperties] = {}
    for gate in calibration.get("gates", ()):
        value = {entry["name"]: entry["value"] for entry in gate["parameters"]}
        length = value.get("gate_length")
        found[gate["gate"], tuple(gate["qubits"])] = InstructionProperties(
            duration=None if length is None else length * 1e-9, error=value.get("gate_error")
        )
    return found


def _calibrated_readout(
    calibration: Mapping[str, Any],
) -> dict[tuple[str, tuple[int, ...]], InstructionProperties]:
    found: dict[tuple[str, tuple[int, ...]], InstructionProperties] = {}
    for index, qubit in enumerate(calibration.get("qubits", ())):
        value = {entry["name"]: entry["value"] for entry in qubit}
        length = value.get("readout_length")
        found["measure", (index,)] = InstructionProperties(
            duration=None if length is None else length * 1e-9, error=value.get("readout_error")
        )
    return found
