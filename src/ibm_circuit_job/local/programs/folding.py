"""Folds two-qubit gates, to amplify noise.

A gate followed by its inverse and the gate again has the effect of the gate, with three times the noise.
"""

from __future__ import annotations

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Gate


def folded(circuit: QuantumCircuit, factor: float, amplifier: str, random: np.random.Generator) -> QuantumCircuit:
    """Return a circuit whose two-qubit gates have about *factor* times the noise.

    Args:
        circuit: The circuit.
        factor: The factor by which the noise is amplified, from 1 up.
        amplifier: If the factor is no odd number, some gates are folded once more than others: the first ones
            (``gate_folding_front``), the last ones (``gate_folding_back``) or random ones (``gate_folding``).
        random: The source of the random choice.

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
