"""Chooses the method that simulates a circuit, or says why no method can.

Stabilizers simulate circuits of Clifford gates, with any number of qubits. A state vector simulates any circuit, and
needs 16 bytes for each of 2**qubits amplitudes. The memory of a matrix product state grows with the entanglement.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, Literal

from attrs import frozen
from qiskit import QuantumCircuit

from ibm_circuit_job.local.reduced import not_clifford, pairs

Method = Literal["stabilizer", "statevector", "matrix_product_state"]

WORKER_MB: Final = 256
"""MB of memory that a worker needs in addition to the state of a simulation."""
_MB: Final = 2**20
_AMPLITUDE_BYTES: Final = 16
"""Bytes of a complex number."""
_COPIES: Final = 4
"""The number of copies of its tensors that are in memory while a gate is applied to a matrix product state."""
FAST_QUBITS: Final = 20
"""With at most this number of qubits, a state vector is fast, and preferred to a matrix product state."""


_TURNS: Final = 64
"""How often the body of a loop counts. After so many turns, the entanglement of most circuits does not grow further."""


class NoMethod(Exception):  # noqa: N818 - named for what it says
    """No method can simulate the circuit in the available memory; the message says why."""


@frozen
class Need:
    """What each method needs for a circuit."""

    not_clifford: str | None
    """The first instruction that stabilizers cannot simulate; ``None`` if there is none."""
    statevector_mb: int
    """MB of memory of a state vector."""
    product_mb: int
    """MB of memory that a matrix product state needs at most."""


def need_of(circuit: QuantumCircuit) -> Need:
    """Return what each method needs for a circuit.

    Args:
        circuit: A circuit without unused qubits.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from ibm_circuit_job.local.methods import need_of
        >>> circuit = QuantumCircuit(40)
        >>> for qubit in range(39):
        ...     _ = circuit.cz(qubit, qubit + 1)
        >>> need_of(circuit)
        Need(not_clifford=None, statevector_mb=16777217, product_mb=1)
    """
    qubits = circuit.num_qubits
    return Need(not_clifford(circuit), 2**qubits * _AMPLITUDE_BYTES // _MB + 1, _product_mb(circuit))


def method_of(need: Need, qubits: int, memory_mb: int, *, is_pauli: bool) -> Method:
    """Return the method that simulates a circuit.

    Args:
        need: What each method needs for the circuit.
        qubits: The number of qubits of the circuit.
        memory_mb: MB of memory that the state of the simulation may use.
        is_pauli: Whether all errors are Pauli errors, which stabilizers can simulate.

    Raises:
        NoMethod: If no method can simulate it in this memory.

    Example:
        >>> from ibm_circuit_job.local.methods import Need, method_of
        >>> method_of(Need("rz(0.3)", 2**36, 3), 50, 1000, is_pauli=True)
        'matrix_product_state'
        >>> method_of(Need("rz(0.3)", 2**36, 2**30), 50, 1000, is_pauli=True)
        Traceback (most recent call last):
        ...
        ibm_circuit_job.local.methods.NoMethod: no method can simulate its 50 qubits in 1000 MB: stabilizers take Clifford gates only, and not rz(0.3); a state vector needs 68719476736 MB; a matrix product state may need 1073741824 MB
    """  # noqa: E501 - the line is one message
    if is_pauli and need.not_clifford is None:
        return "stabilizer"
    fits = need.statevector_mb <= memory_mb
    if fits and (qubits <= FAST_QUBITS or need.statevector_mb <= need.product_mb):
        return "statevector"
    if need.product_mb <= memory_mb:
        return "matrix_product_state"
    if fits:
        return "statevector"
    why = f"Clifford gates only, and not {need.not_clifford}" if need.not_clifford else "Pauli errors only"
    raise NoMethod(
        f"no method can simulate its {qubits} qubits in {memory_mb} MB: stabilizers take {why}; a state vector "
        f"needs {need.statevector_mb} MB; a matrix product state may need {need.product_mb} MB"
    )


def _product_mb(circuit: QuantumCircuit) -> int:
    """Return the most MB of a matrix product state, from the gates across each cut of the line of qubits.

    Successive gates on the same two qubits count as two at most, since no operator on two qubits has a rank above 4.
    """
    qubits = circuit.num_qubits
    crossed = [0] * (qubits + 1)
    partner: dict[int, tuple[int, int]] = {}
    for first, second in pairs(circuit, _TURNS):
        low, high = min(first, second), max(first, second)
        met, times = partner.get(low, (-1, 0))
        again = met == high and partner.get(high, (-1, 0))[0] == low
        times = times + 1 if again else 1
        partner[low], partner[high] = (high, times), (low, times)
        if times <= 2:
            # Aer moves the two qubits next to each other with swaps, across all cuts between them.
            for cut in range(low + 1, high + 1):
                crossed[cut] += 1
    exponents = [min(count, cut, qubits - cut) for cut, count in enumerate(crossed)]
    total: int = sum(2 ** (left + right + 1) for left, right in pairwise(exponents))
    return total * _AMPLITUDE_BYTES * _COPIES // _MB + 1
