"""Finds the parts of a circuit that are not connected. Each part can be simulated separately, with its own method.

Bits that the same instruction acts on, quantum or classical, are connected. This includes conditions, since an
instruction of control flow has the bits that its condition reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any, Final

import rustworkx
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, ControlFlowOp

from ibm_circuit_job.local.reduced import why_not_clifford

TOGETHER: Final = 6
"""Parts are joined up to this number of qubits, since a density matrix of so few qubits is fast."""


class _Kind(IntEnum):
    """What the simulation of an instruction needs."""

    FRAMES = 0
    """Pauli frames: for Clifford gates and Pauli errors."""
    BRANCHES = 1
    """Stabilizers: for control flow with Clifford gates and Pauli errors."""
    AMPLITUDES = 2
    """Amplitudes: for other gates and errors."""


def separate_parts(circuit: QuantumCircuit, used: Sequence[int], *, is_pauli: bool) -> list[tuple[int, ...]]:
    """Return the qubits of each part of a circuit that can be simulated separately.

    All qubits that stabilizers can simulate without control flow are one part. Small other parts are joined until they
    have :data:`TOGETHER` qubits. A circuit with at most :data:`TOGETHER` qubits is one part.

    Args:
        circuit: A circuit on the qubits of a device.
        used: The qubits that it uses, from :func:`~.reduced.used_qubits`.
        is_pauli: Whether the errors of delays are Pauli errors.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from ibm_circuit_job.local.separate_parts import separate_parts
        >>> circuit = QuantumCircuit(9, 9)
        >>> _ = circuit.rx(0.3, 1)
        >>> _ = circuit.cz(1, 5)
        >>> _ = circuit.measure(range(9), range(9))
        >>> separate_parts(circuit, range(9), is_pauli=True)
        [(0, 2, 3, 4, 6, 7, 8), (1, 5)]
    """
    if len(used) <= TOGETHER:
        return [tuple(used)]
    labels, kinds = _labelled(circuit, is_pauli=is_pauli)
    members: dict[int, list[int]] = {}
    for qubit in used:
        members.setdefault(labels[qubit], []).append(qubit)
    parts: list[tuple[int, ...]] = []
    for kind in _Kind:
        groups = [qubits for label, qubits in members.items() if kinds.get(label, _Kind.FRAMES) is kind]
        most = len(used) if kind is _Kind.FRAMES else TOGETHER
        parts += [tuple(sorted(qubits)) for qubits in _joined(groups, most)]
    return parts


def _joined(groups: Iterable[list[int]], most: int) -> list[list[int]]:
    """Return the groups, with neighbours joined as long as they have at most *most* members together."""
    found: list[list[int]] = []
    for group in groups:
        if found and len(found[-1]) + len(group) <= most:
            found[-1] += group
        else:
            found.append(group)
    return found


def _labelled(circuit: QuantumCircuit, *, is_pauli: bool) -> tuple[dict[int, int], dict[int, _Kind]]:
    """Return the number of the part of each qubit, and number -> kind of the parts that are not of kind FRAMES."""
    numbers: dict[Any, int] = {bit: index for index, bit in enumerate((*circuit.qubits, *circuit.clbits))}
    connections: rustworkx.PyGraph[int, None] = rustworkx.PyGraph(multigraph=False)
    connections.add_nodes_from(range(len(numbers)))
    special = []
    for instruction in circuit.data:
        if instruction.operation.name == "barrier":
            continue
        bits = [numbers[bit] for bit in (*instruction.qubits, *instruction.clbits)]
        connections.add_edges_from_no_data([(bits[0], bit) for bit in bits[1:]])
        if bits and (kind := _kind_of(instruction, is_pauli=is_pauli)) is not _Kind.FRAMES:
            special.append((bits[0], kind))
    parts = enumerate(rustworkx.connected_components(connections))
    labels = {bit: label for label, part in parts for bit in part}
    kinds: dict[int, _Kind] = {}
    for bit, kind in special:
        kinds[labels[bit]] = max(kind, kinds.get(labels[bit], kind))
    return labels, kinds


def _kind_of(instruction: CircuitInstruction, *, is_pauli: bool) -> _Kind:
    if why_not_clifford(instruction) is not None or not (is_pauli or _never_waits(instruction)):
        return _Kind.AMPLITUDES
    return _Kind.BRANCHES if isinstance(instruction.operation, ControlFlowOp) else _Kind.FRAMES


def _never_waits(instruction: CircuitInstruction) -> bool:
    operation = instruction.operation
    blocks = operation.blocks if isinstance(operation, ControlFlowOp) else ()
    return operation.name != "delay" and all(_never_waits(each) for block in blocks for each in block.data)
