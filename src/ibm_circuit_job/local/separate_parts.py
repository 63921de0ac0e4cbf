"""The parts of a circuit that nothing connects: each is simulated by itself, by the method that fits it.

Qubits and classical bits belong together where an instruction has both of them. That covers conditions too: control
flow has the bits that its condition reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any, Final

from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, ControlFlowOp
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ibm_circuit_job.local.reduced import why_not_clifford

TOGETHER: Final = 6
"""Qubits that are simulated at once whether anything connects them or not: a density matrix of so few is fast."""


class _Kind(IntEnum):
    """What an instruction asks of the simulation of its part."""

    FRAMES = 0
    """Clifford gates and Pauli errors."""
    BRANCHES = 1
    """The same, in control flow."""
    AMPLITUDES = 2
    """Another gate, or another error."""


def separate_parts(circuit: QuantumCircuit, used: Sequence[int], *, is_pauli: bool) -> list[tuple[int, ...]]:
    """Return the qubits of each part of a circuit that can be simulated by itself.

    All that stabilizers can simulate without control flow is one part. Of the rest, small parts are joined until they
    have :data:`TOGETHER` qubits. A circuit of no more qubits is one part.

    Args:
        circuit: A circuit on the qubits of a device.
        used: Its qubits, which :func:`~.reduced.used_qubits` finds.
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
    """The groups, of which neighbours are joined where they have at most so many members together."""
    found: list[list[int]] = []
    for group in groups:
        if found and len(found[-1]) + len(group) <= most:
            found[-1] += group
        else:
            found.append(group)
    return found


def _labelled(circuit: QuantumCircuit, *, is_pauli: bool) -> tuple[list[int], dict[int, _Kind]]:
    """The part of each qubit as a number, and of which kind the parts are that have more than Clifford gates."""
    numbers: dict[Any, int] = {bit: index for index, bit in enumerate((*circuit.qubits, *circuit.clbits))}
    one, other, special = [], [], []
    for instruction in circuit.data:
        if instruction.operation.name == "barrier":
            continue
        bits = [numbers[bit] for bit in (*instruction.qubits, *instruction.clbits)]
        one += [bits[0]] * (len(bits) - 1)
        other += bits[1:]
        if bits and (kind := _kind_of(instruction, is_pauli=is_pauli)) is not _Kind.FRAMES:
            special.append((bits[0], kind))
    size = len(numbers)
    _, found = connected_components(coo_array(([1] * len(one), (one, other)), shape=(size, size)), directed=False)
    labels = found.tolist()
    kinds: dict[int, _Kind] = {}
    for bit, kind in special:
        kinds[labels[bit]] = max(kind, kinds.get(labels[bit], kind))
    return labels[: circuit.num_qubits], kinds


def _kind_of(instruction: CircuitInstruction, *, is_pauli: bool) -> _Kind:
    if why_not_clifford(instruction) is not None or not (is_pauli or _never_waits(instruction)):
        return _Kind.AMPLITUDES
    return _Kind.BRANCHES if isinstance(instruction.operation, ControlFlowOp) else _Kind.FRAMES


def _never_waits(instruction: CircuitInstruction) -> bool:
    operation = instruction.operation
    blocks = operation.blocks if isinstance(operation, ControlFlowOp) else ()
    return operation.name != "delay" and all(_never_waits(each) for block in blocks for each in block.data)
