"""Simulates all shots of a stabilizer circuit with Pauli errors at once.

Aer simulates one shot without errors. Each other shot differs from it by a Pauli operator, its frame. A Clifford gate
turns a frame into another Pauli operator, so a gate is a few operations on arrays with one bit for each shot.
Source: C. Gidney, "Stim: a fast stabilizer circuit simulator", Quantum 5, 497 (2021).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from ibm_circuit_job.local.device_noise import Errors, twirled
from ibm_circuit_job.local.reduced import quarter_turns

_Bits = NDArray[np.bool_]


class _Frames:
    """The Pauli operator of each shot: two arrays of bits of shape (qubits, shots), for its X and Z on each qubit."""

    def __init__(self, qubits: int, shots: int, random: np.random.Generator) -> None:
        self.shots, self.random = shots, random
        self.x = np.zeros((qubits, shots), dtype=bool)
        # Each qubit starts in state 0, on which Z has no effect, so its frame may contain a random Z.
        self.z = self.coins(qubits)

    def coins(self, *rows: int) -> _Bits:
        """Return random bits, for each of *rows* an array with one bit for each shot."""
        return self.random.integers(0, 2, (*rows, self.shots), dtype=np.uint8).astype(bool)

    def phase(self, qubit: int) -> None:
        self.z[qubit] ^= self.x[qubit]

    def root(self, qubit: int) -> None:
        self.x[qubit] ^= self.z[qubit]

    def hadamard(self, qubit: int) -> None:
        self.x[qubit], self.z[qubit] = self.z[qubit].copy(), self.x[qubit].copy()

    def controlled_x(self, control: int, target: int) -> None:
        self.x[target] ^= self.x[control]
        self.z[control] ^= self.z[target]

    def controlled_y(self, control: int, target: int) -> None:
        self.phase(target)
        self.controlled_x(control, target)
        self.phase(target)

    def controlled_z(self, first: int, second: int) -> None:
        self.z[first] ^= self.x[second]
        self.z[second] ^= self.x[first]

    def echoed(self, first: int, second: int) -> None:
        self.phase(first)
        self.root(second)
        self.controlled_x(first, second)

    def swap(self, first: int, second: int) -> None:
        for bits in (self.x, self.z):
            bits[[first, second]] = bits[[second, first]]

    def nothing(self, *_: int) -> None:
        """Do nothing: a Pauli gate changes only the sign of a frame."""

    def reset(self, qubit: int) -> None:
        self.x[qubit] = False
        self.z[qubit] = self.coins()

    def measured(self, qubit: int) -> _Bits:
        """Return for each shot whether its outcome differs from that of the shot without errors."""
        flipped: _Bits = self.x[qubit].copy()
        self.z[qubit] = self.coins()
        return flipped

    def depolarize(self, qubits: Sequence[int], lost: float) -> None:
        """Replace the state of the qubits by a completely mixed one, in each shot with this probability."""
        hit = np.flatnonzero(self.random.random(self.shots) < lost)
        for qubit in qubits:
            for bits in (self.x, self.z):
                bits[qubit, hit] ^= self.random.integers(0, 2, hit.size, dtype=np.uint8).astype(bool)

    def disturb(self, qubit: int, x: float, z: float) -> None:
        """Apply X with probability *x*, Y with probability *x*, and Z with probability *z*, in each shot."""
        drawn = self.random.random(self.shots)
        self.x[qubit] ^= drawn < 2 * x
        self.z[qubit] ^= (drawn >= x) & (drawn < 2 * x + z)


_GATES: Final[Mapping[str, Callable[..., None]]] = {
    "cx": _Frames.controlled_x,
    "cy": _Frames.controlled_y,
    "cz": _Frames.controlled_z,
    "ecr": _Frames.echoed,
    "h": _Frames.hadamard,
    "id": _Frames.nothing,
    "reset": _Frames.reset,
    "s": _Frames.phase,
    "sdg": _Frames.phase,
    "swap": _Frames.swap,
    "sx": _Frames.root,
    "sxdg": _Frames.root,
    "x": _Frames.nothing,
    "y": _Frames.nothing,
    "z": _Frames.nothing,
}


def can_have_frames(circuit: QuantumCircuit) -> bool:
    """Return whether :func:`outcomes_of` can simulate a stabilizer circuit: it must not have control flow."""
    return all(
        instruction.operation.name in _GATES or instruction.operation.name in {"rz", "measure", "barrier"}
        for instruction in circuit.data
    )


def outcomes_of(
    circuit: QuantumCircuit,
    errors: Errors,
    used: Sequence[int],
    delays: Mapping[str, tuple[int, float]],
    *,
    shots: int,
    seed: int | None,
) -> list[str]:
    """Return the outcome of each shot, in hexadecimal.

    Args:
        circuit: A circuit of Clifford gates without control flow.
        errors: The errors of the device.
        used: For each qubit of the circuit, the qubit of the device.
        delays: Label of a delay -> the qubit of the circuit and the seconds.
        shots: The number of shots.
        seed: The seed; ``None`` for a new one.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from ibm_circuit_job.local.device_noise import Errors
        >>> from ibm_circuit_job.local.frames import outcomes_of
        >>> circuit = QuantumCircuit(1, 1)
        >>> _ = circuit.x(0)
        >>> _ = circuit.measure(0, 0)
        >>> outcomes_of(circuit, Errors({}, {}, {}, ()), [0], {}, shots=2, seed=1)
        ['0x1', '0x1']
    """
    if not circuit.num_clbits:
        return ["0x0"] * shots
    expected = _without_errors(circuit, seed)
    frames = _Frames(circuit.num_qubits, shots, np.random.default_rng(seed))
    found = np.zeros((circuit.num_clbits, shots), dtype=bool)
    numbers = {bit: index for bits in (circuit.qubits, circuit.clbits) for index, bit in enumerate(bits)}
    for instruction in circuit.data:
        operation = instruction.operation
        qubits = [numbers[qubit] for qubit in instruction.qubits]
        if operation.name == "barrier":
            continue
        if operation.name == "measure":
            bit = numbers[instruction.clbits[0]]
            outcome = frames.measured(qubits[0]) ^ expected[bit]
            down, up = errors.readout.get(used[qubits[0]], (0.0, 0.0))
            found[bit] = outcome ^ (frames.random.random(shots) < np.where(outcome, down, up))
            continue
        if operation.name != "rz":
            _GATES[operation.name](frames, *qubits)
        elif (quarter_turns(operation.params[0]) or 0) % 2:
            frames.phase(qubits[0])
        _err(frames, operation.label or operation.name, qubits, errors, used, delays)
    return _hexadecimal(found)


def _err(
    frames: _Frames,
    name: str,
    qubits: Sequence[int],
    errors: Errors,
    used: Sequence[int],
    delays: Mapping[str, tuple[int, float]],
) -> None:
    if name in delays:
        number, seconds = delays[name]
        frames.disturb(number, *twirled(errors.times[used[number]], seconds))
    elif lost := errors.gates.get((name, tuple(used[qubit] for qubit in qubits))):
        frames.depolarize(qubits, lost)


def _without_errors(circuit: QuantumCircuit, seed: int | None) -> list[bool]:
    """Return the bits of the outcome of one shot without errors."""
    options: dict[str, Any] = {} if seed is None else {"seed_simulator": seed}
    simulator = AerSimulator(method="stabilizer", max_parallel_threads=1)
    ran = simulator.run(circuit, shots=1, memory=True, **options).result()
    (outcome,) = ran.data(0).get("memory") or ["0x0"]
    return [bool(int(outcome, 16) >> bit & 1) for bit in range(circuit.num_clbits)]


def _hexadecimal(bits: _Bits) -> list[str]:
    packed = np.packbits(bits, axis=0, bitorder="little")
    width = packed.shape[0]
    data = np.ascontiguousarray(packed.T).tobytes()
    return [hex(int.from_bytes(data[at : at + width], "little")) for at in range(0, len(data), width)]
