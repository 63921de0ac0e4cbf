"""Gates on two qubits, folded: a gate, its inverse and the gate again do the same with three times the noise."""

from __future__ import annotations

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Gate


def folded(circuit: QuantumCircuit, factor: float, amplifier: str, random: np.random.Generator) -> QuantumCircuit:
    """Return a circuit whose gates on two qubits have about *factor* times the noise.

    Args:
        circuit: The circuit.
        factor: What the noise is amplified by, from 1 up.
        amplifier: Which gates are folded once more than the others where the factor is no odd number: those in
            ``gate_folding_front`` or ``gate_folding_back``, or any, by ``gate_folding``.
        random: Where the choice of any comes from.

    Example:
        >>> import numpy as np
        >>> from qiskit import QuantumCircuit
        >>> circuit = QuantumCircuit(2)
        >>> _ = circuit.cx(0, 1), circuit.cx(0, 1)
        >>> [folded(circuit, factor, "gate_folding", np.random.default_rng(1)).size() for factor in (1, 2, 3)]
        [2, 4, 6]
    """
    places = [index for index, each in enumerate(circuit.data) if _is_folded(each.operation)]
    pairs, rest = divmod(round((factor - 1) / 2 * len(places)), max(1, len(places)))
    match amplifier:
        case "gate_folding_front":
            once_more = places[:rest]
        case "gate_folding_back":
            once_more = places[len(places) - rest :]
        case _:
            once_more = random.permutation(places)[:rest].tolist()
    found = circuit.copy_empty_like()
    for index, each in enumerate(circuit.data):
        found.append(each)
        if _is_folded(each.operation):
            for _ in range(pairs + (index in once_more)):
                found.append(each.operation.inverse(), each.qubits)
                found.append(each)
    return found


def _is_folded(operation: object) -> bool:
    return isinstance(operation, Gate) and operation.num_qubits == 2
