"""Check that a circuit is in the instruction set of a device (ISA), and say why if it is not.

IBM's service has run only such circuits since March 2024. The rules are those of the official client. The device has
each instruction on its qubits, and the angle of ``rzz`` is from 0 to pi/2. The same is true for the bodies of control
flow. Barriers and ``store`` are always allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import frozen
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, ControlFlowOp, ParameterExpression, Qubit
from qiskit.transpiler import Target

from ibm_circuit_job.devices.configuration import BackendConfiguration
from ibm_circuit_job.devices.fractional_gates import is_fractional
from ibm_circuit_job.devices.properties import BackendProperties
from ibm_circuit_job.devices.rzz_angles import is_in_bounds
from ibm_circuit_job.errors import BackendPropertyError

_FREE = frozenset({"barrier", "store"})


@frozen(eq=False)
class InstructionSet:
    """The instruction set of a device."""

    target: Target
    """The instructions of the device, and their qubits."""
    properties: BackendProperties | None = None
    """The measured properties of the device, which say that a part does not work; ``None`` if unknown."""
    mixes: bool = True
    """Whether a circuit may have both fractional gates and control flow."""


def mixes_fractional_gates(configuration: BackendConfiguration) -> bool:
    """Return whether a device runs circuits with both fractional gates and control flow.

    A device that does has ``dynamic_circuits`` among its ``supported_features``. If a device lists only other features,
    it does not. If it lists none, this is unknown, and the answer is true.

    Example:
        >>> from ibm_circuit_job import BackendConfiguration
        >>> said = {"backend_name": "ibm_x", "n_qubits": 1, "basis_gates": ["rx"], "supported_features": ["qasm3"]}
        >>> mixes_fractional_gates(BackendConfiguration.from_dict(said))
        False
    """
    features = configuration.get("supported_features") or []
    return not features or "dynamic_circuits" in features


def why_not(circuit: QuantumCircuit, within: InstructionSet) -> str | None:
    """Return why a circuit is not in an instruction set; ``None`` if it is.

    Args:
        circuit: The circuit. Its first qubit is qubit 0 of the device, and so on.
        within: The instruction set.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from qiskit.circuit.library import XGate
        >>> from qiskit.transpiler import Target
        >>> target = Target(num_qubits=2)
        >>> target.add_instruction(XGate(), {(0,): None})
        >>> circuit = QuantumCircuit(2)
        >>> _ = circuit.x(0)
        >>> why_not(circuit, InstructionSet(target)) is None
        True
        >>> _ = circuit.x(1)
        >>> why_not(circuit, InstructionSet(target))
        'it has no x on qubits (1,)'
    """
    has_control_flow, fractional = False, None
    runs: set[tuple[str, tuple[int, ...]]] = set()
    for instruction, qubits in _instructions(circuit, {qubit: index for index, qubit in enumerate(circuit.qubits)}):
        name = instruction.operation.name
        if name in _FREE:
            continue
        if (name, qubits) not in runs:
            if not within.target.instruction_supported(name, qubits):
                return _what_is_missing(name, qubits, within)
            runs.add((name, qubits))
        if name == "rzz" and not _has_good_angle(instruction):
            return f"it runs rzz with angles from 0 to pi/2 only, got {instruction.operation.params[0]}"
        has_control_flow = has_control_flow or isinstance(instruction.operation, ControlFlowOp)
        fractional = fractional or (name if is_fractional(name) else None)
    if has_control_flow and fractional and not within.mixes:
        return f"it runs no fractional gates, such as {fractional}, in a circuit with control flow"
    return None


def _instructions(
    circuit: QuantumCircuit, numbers: Mapping[Qubit, int]
) -> Iterator[tuple[CircuitInstruction, tuple[int, ...]]]:
    """The instructions and the numbers of their qubits, with those in the bodies of control flow."""
    for instruction in circuit.data:
        yield instruction, tuple(numbers[qubit] for qubit in instruction.qubits)
        if isinstance(instruction.operation, ControlFlowOp):
            for block in instruction.operation.blocks:
                inner = zip(block.qubits, instruction.qubits, strict=False)
                yield from _instructions(block, {within: numbers[outer] for within, outer in inner})


def _has_good_angle(instruction: CircuitInstruction) -> bool:
    angle = instruction.operation.params[0]
    # The variable of a loop has no value yet.
    return isinstance(angle, ParameterExpression) or is_in_bounds(float(angle))


def _what_is_missing(name: str, qubits: tuple[int, ...], within: InstructionSet) -> str:
    if name not in within.target.operation_names:
        more = (
            "; if the device has fractional gates, get_backend(..., use_fractional_gates=True) offers them"
            if is_fractional(name)
            else ""
        )
        return f"it has no {name}, but {', '.join(sorted(within.target.operation_names))}{more}"
    if within.properties is not None:
        faulty = sorted(set(within.properties.faulty_qubits()).intersection(qubits))
        measured = f"as of the properties of {within.properties.last_update_date:%Y-%m-%d %H:%M %Z}"
        if faulty:
            return f"its qubit {faulty[0]} does not work, {measured}"
        if not _works(name, qubits, within.properties):
            return f"its {name} on qubits {qubits} does not work, {measured}"
    return f"it has no {name} on qubits {qubits}"


def _works(name: str, qubits: tuple[int, ...], properties: BackendProperties) -> bool:
    try:
        return properties.is_gate_operational(name, qubits)
    except BackendPropertyError:
        # The service has no figures of this gate.
        return True
