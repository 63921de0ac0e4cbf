"""Twenty circuits that every client and every primitive counts on the same seeded devices, and how counts compare."""

import math
import random

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

SEED = 7
SHOTS = 500
SIGMAS = 5
DEVICES = {
    "local_5q": ("cx", 5, (0, 1, 2, 3, 4), ((0, 1), (1, 0), (1, 2), (3, 1), (3, 4))),
    "local_heron": ("cz", 156, (3, 16, 23, 24, 25), ((0, 1), (1, 0), (1, 2), (3, 2), (3, 4))),
}
"""For each device its gate on two qubits, its size, the five qubits that are used, and the coupled pairs of these."""
_FEW = 5.0
"""Outcomes that are expected less often than this are counted together."""


def circuits(device="local_5q"):
    """Return circuits of the gates of a device, the same each time."""
    chance = random.Random(20)
    return [_circuit(f"circuit {number}", chance, *DEVICES[device]) for number in range(20)]


def _circuit(name, chance, entangler, size, qubits, pairs):
    measured = ClassicalRegister(5, "meas")
    circuit = QuantumCircuit(QuantumRegister(size, "q"), measured, name=name)
    for _ in range(20):
        match chance.choice((entangler, "rz", "sx", "x")):
            case "rz":
                circuit.rz(chance.uniform(0.0, 6.0), qubits[chance.randrange(5)])
            case gate if gate == entangler:
                getattr(circuit, gate)(*(qubits[index] for index in chance.choice(pairs)))
            case gate:
                getattr(circuit, gate)(qubits[chance.randrange(5)])
    circuit.barrier(qubits)
    circuit.measure(qubits, measured)
    return circuit


def apart(counts, others):
    """Return by how many standard deviations the counts of lists of circuits differ at most.

    Outcomes that are expected a few times at most are counted together: their numbers are not normally distributed.
    """
    return max((_apart(mine, yours) for mine, yours in zip(counts, others, strict=True)), default=0.0)


def _apart(mine, yours):
    shots = sum(mine.values()), sum(yours.values())
    merged = {}
    for outcome in mine.keys() | yours.keys():
        pair = mine.get(outcome, 0), yours.get(outcome, 0)
        is_rare = sum(pair) / sum(shots) * min(shots) < _FEW
        before = merged.get("rare" if is_rare else outcome, (0, 0))
        merged["rare" if is_rare else outcome] = before[0] + pair[0], before[1] + pair[1]
    return max(_sigmas(pair, shots) for pair in merged.values())


def _sigmas(pair, shots):
    mean = sum(pair) / sum(shots)
    sigma = math.sqrt(mean * (1 - mean) * sum(1 / number for number in shots))
    difference = abs(pair[0] / shots[0] - pair[1] / shots[1])
    return difference / sigma if sigma else 0.0


def value(counts, bit):
    """Return the mean of Z of a bit, +1 for 0 and -1 for 1."""
    return sum((1 - 2 * int(outcome[-1 - bit])) * number for outcome, number in counts.items()) / sum(counts.values())
