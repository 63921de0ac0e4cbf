"""The terms of observables, the bases in which they are measured, and their eigenvalues for measured bits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen
from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister
from qiskit.quantum_info import PauliList


@frozen
class Basis:
    """A basis, in which several terms are measured together."""

    letters: str
    """The Pauli letter of each qubit, that of qubit 0 last; ``I`` for a qubit that is not measured."""
    terms: tuple[str, ...]
    """The terms. Each has for each qubit the letter of the basis, or ``I``."""

    @property
    def qubits(self) -> tuple[int, ...]:
        """The measured qubits, ascending."""
        return tuple(index for index, letter in enumerate(reversed(self.letters)) if letter != "I")


def bases(terms: Sequence[str]) -> list[Basis]:
    """Return the bases in which terms are measured. Terms that commute on each qubit can have the same basis.

    Args:
        terms: The terms, as strings of ``IXYZ`` with the letter of qubit 0 last.

    Example:
        >>> [basis.letters for basis in bases(["ZZ", "IZ", "XX", "II"])]
        ['ZZ', 'XX']
    """
    measured = [term for term in dict.fromkeys(terms) if term.strip("I")]
    if not measured:
        return []
    groups = PauliList(measured).group_commuting(qubit_wise=True)
    found = []
    for group in groups:
        labels = group.to_labels()
        letters = "".join(max(column, key=lambda letter: letter != "I") for column in zip(*labels, strict=True))
        found.append(Basis(letters, tuple(labels)))
    return sorted(found, key=lambda basis: measured.index(basis.terms[0]))


def measured(circuit: QuantumCircuit, basis: Basis, register: str) -> QuantumCircuit:
    """Return a circuit with measurements in a basis. They use only ``sx`` and ``rz``, which every device has.

    Args:
        circuit: The circuit, without these measurements.
        basis: The basis.
        register: The name of the new register for the measured bits.
    """
    found = circuit.copy()
    bits = ClassicalRegister(len(basis.qubits), register)
    found.add_register(bits)
    for qubit in basis.qubits:
        match basis.letters[-1 - qubit]:
            case "X":
                # Like a Hadamard gate, up to phases.
                found.rz(math.pi / 2, qubit)
                found.sx(qubit)
            case "Y":
                found.sx(qubit)
    found.measure(basis.qubits, bits)
    return found


def signs(basis: Basis, terms: Sequence[str], bits: Any) -> Any:
    """Return the eigenvalue of each term for each shot.

    Args:
        basis: The basis of the measurement.
        terms: Terms of the basis.
        bits: The measured bits, of shape (..., measured qubits).

    Returns:
        An array of 1 and -1, of shape (..., terms).
    """
    chosen = np.array([[term[-1 - qubit] != "I" for qubit in basis.qubits] for term in terms], dtype=np.int64)
    return 1.0 - 2.0 * ((bits.astype(np.int64) @ chosen.T) % 2)


def support(term: str) -> str:
    """Return a term with ``Z`` instead of ``X`` and ``Y``. Its readout errors are the same.

    Args:
        term: The term.

    Example:
        >>> support("XIY")
        'ZIZ'
    """
    return "".join("I" if letter == "I" else "Z" for letter in term)


def terms_of(observables: Any) -> list[Mapping[str, float]]:
    """Return each observable of an array as term -> coefficient, in flat order."""
    return [dict(each) for each in np.ravel(observables)]
