"""Observables: their terms, the bases that these are measured in, and their values from bits."""

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
    """Terms that are measured together."""

    letters: str
    """The Pauli that each qubit is measured in, that of qubit 0 last; ``I`` where it is not measured."""
    terms: tuple[str, ...]
    """The terms, each of which has these letters or ``I``."""

    @property
    def qubits(self) -> tuple[int, ...]:
        """The qubits that are measured, ascending."""
        return tuple(index for index, letter in enumerate(reversed(self.letters)) if letter != "I")


def bases(terms: Sequence[str]) -> list[Basis]:
    """Return the bases for terms; those that commute on each qubit are in the same one.

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
    """Return the circuit with measurements in a basis, into a register of that name.

    The bases are changed by ``sx`` and ``rz``, which every device has.
    """
    found = circuit.copy()
    bits = ClassicalRegister(len(basis.qubits), register)
    found.add_register(bits)
    for qubit in basis.qubits:
        match basis.letters[-1 - qubit]:
            case "X":
                # A Hadamard but for its phases.
                found.rz(math.pi / 2, qubit)
                found.sx(qubit)
            case "Y":
                found.sx(qubit)
    found.measure(basis.qubits, bits)
    return found


def signs(basis: Basis, terms: Sequence[str], bits: Any) -> Any:
    """Return the eigenvalue of each term for each shot.

    Args:
        basis: The basis that was measured.
        terms: Terms of it.
        bits: An array of ... x bits, one for each measured qubit.

    Returns:
        An array of ... x terms of 1 and -1.
    """
    chosen = np.array([[term[-1 - qubit] != "I" for qubit in basis.qubits] for term in terms], dtype=np.int64)
    return 1.0 - 2.0 * ((bits.astype(np.int64) @ chosen.T) % 2)


def support(term: str) -> str:
    """Return the qubits of a term as ``Z`` and ``I``: what readout errors depend on.

    Example:
        >>> support("XIY")
        'ZIZ'
    """
    return "".join("I" if letter == "I" else "Z" for letter in term)


def terms_of(observables: Any) -> list[Mapping[str, float]]:
    """Return each observable of an array, in its flat order, as terms of ``IXYZ`` with their coefficients."""
    return [dict(each) for each in np.ravel(observables)]
