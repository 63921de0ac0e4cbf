"""Twenty circuits that every client runs on the same seeded device, in either dialect, for the same counts."""

import random

from qiskit import QuantumCircuit

SEED = 7
SHOTS = 500


def circuits():
    """Return circuits of the gates of ``local_5q``, the same each time."""
    chance = random.Random(20)
    return [_circuit(f"circuit {number}", chance) for number in range(20)]


def _circuit(name, chance):
    circuit = QuantumCircuit(5, name=name)
    for _ in range(20):
        match chance.choice(("cx", "rz", "sx", "x")):
            case "cx":
                circuit.cx(*chance.choice(((0, 1), (1, 0), (1, 2), (3, 1), (3, 4))))
            case "rz":
                circuit.rz(chance.uniform(0.0, 6.0), chance.randrange(5))
            case gate:
                getattr(circuit, gate)(chance.randrange(5))
    circuit.measure_all()
    return circuit
