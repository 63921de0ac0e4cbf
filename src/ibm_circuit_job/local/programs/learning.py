"""Learns the noise of layers of gates, and of readout, by running circuits on the backend.

Pauli eigenstates are prepared, a layer that is its own inverse is repeated an even number of times with Pauli twirls,
and the states are measured. Errors of preparation and readout do not change how fast a mean decays with the number of
repetitions. The rates of a Pauli-Lindblad model are fitted to the decays, with generators on one qubit and on two
connected qubits. Only the product of the decays of a Pauli and of the Pauli into which the layer turns it can be
measured, so both are assumed to be equal.

Source: arXiv:2201.09866.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, Final

import numpy as np
from attrs import frozen
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.quantum_info import Clifford, PauliList
from samplomatic import Twirl, build

from ibm_circuit_job.local.programs.randomized import ANGLES, bound, drawn
from ibm_circuit_job.local.programs.refusals import CannotRun
from ibm_circuit_job.local.programs.sweeps import Sweep, register_bits

_REGISTER: Final = "learned"
_LEAST: Final = 3.0
"""A mean is used only if it is at least this number of standard errors above zero."""


@frozen
class Design:
    """The circuits with which a layer is learned."""

    depths: tuple[int, ...]
    """The numbers of pairs of the layer between preparation and measurement; one circuit for each."""
    rounds: int
    """The number of randomizations of each circuit."""
    shots: int
    """The number of shots of each randomization."""


@frozen(eq=False)
class Layer:
    """A layer: gates on different qubits, or measurements."""

    gates: QuantumCircuit
    """The gates, on the qubits of the layer; empty if the layer measures."""
    places: tuple[int, ...]
    """For each qubit of the layer, the qubit of the device; ascending."""
    edges: tuple[tuple[int, int], ...]
    """The pairs of qubits of the layer that are connected."""
    measures: bool = False
    """Whether the layer measures its qubits."""
    path: str = ""
    """Its path in the parameters, for messages."""


@frozen(eq=False)
class Learned:
    """The noise of a layer."""

    generators: tuple[tuple[str, tuple[int, ...]], ...]
    """Each generator: its Pauli letters, and the qubits of the layer on which they act."""
    rates: Any
    """The rate of each generator."""
    errors: Any
    """The standard errors of the rates."""


@frozen(eq=False)
class _Experiment:
    """A circuit in one basis with one number of repetitions of the layer."""

    letters: tuple[str, ...]
    """For each qubit, the Pauli letter of its preparation and measurement."""
    depth: int
    """The number of pairs of the layer."""
    sweep: Sweep
    """The circuit and the angles of its randomizations."""
    flips: Any
    """Which bits twirling has flipped."""


def learn(
    layers: Sequence[Layer],
    design: Design,
    qubits: int,
    random: np.random.Generator,
    measure: Callable[[Sequence[Sweep]], list[Any]],
) -> list[Learned]:
    """Return the noise of layers.

    Args:
        layers: The layers.
        design: The circuits with which each layer is learned.
        qubits: The number of qubits of the device.
        random: The source of randomizations.
        measure: A function that runs sweeps, and returns their outcomes.

    Raises:
        CannotRun: If a layer is not its own inverse, or its noise is too large to be learned.
    """
    planned = [_experiments(layer, design, qubits, random) for layer in layers]
    outcomes = iter(measure([each.sweep for experiments in planned for each in experiments]))
    found = []
    for layer, experiments in zip(layers, planned, strict=True):
        bits = [_bits(each, next(outcomes)) for each in experiments]
        found.append(_readout(bits[0]) if layer.measures else _fitted(layer, design, experiments, bits))
    return found


def _bits(of: _Experiment, outcomes: Any) -> Any:
    """Return the measured bits with the flips of twirling undone, of shape (randomizations, shots, qubits)."""
    return register_bits(of.sweep.circuit, outcomes)[_REGISTER] ^ of.flips


def _experiments(layer: Layer, design: Design, qubits: int, random: np.random.Generator) -> list[_Experiment]:
    size = len(layer.places)
    if layer.measures:
        return [_experiment(layer, ("Z",) * size, 0, design, qubits, random)]
    try:
        gates = Clifford(layer.gates)
        is_own_inverse = gates.compose(gates) == Clifford(QuantumCircuit(size))
    except Exception:  # noqa: BLE001 - what is no Clifford gate raises anything
        is_own_inverse = False
    if not is_own_inverse:
        raise CannotRun(f"{layer.path}: expected Clifford gates that are their own inverses.")
    colours = _colours(size, layer.edges)
    return [
        _experiment(layer, tuple((first, second)[colour] for colour in colours), depth, design, qubits, random)
        for first, second in product("XYZ", repeat=2)
        for depth in design.depths
    ]


def _colours(size: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return 0 or 1 for each qubit, different for connected ones, so that nine bases have all letters on each edge."""
    found: dict[int, int] = {}
    neighbours = {qubit: [{*edge} - {qubit} for edge in edges if qubit in edge] for qubit in range(size)}
    for start in range(size):
        waiting = [(start, 0)] if start not in found else []
        while waiting:
            qubit, colour = waiting.pop()
            if qubit in found:
                if found[qubit] != colour:
                    message = "Expected layers without a ring of an odd number of qubits, which cannot be learned here."
                    raise CannotRun(message)
                continue
            found[qubit] = colour
            waiting += [(other, 1 - colour) for each in neighbours[qubit] for other in each]
    return [found[qubit] for qubit in range(size)]


def _experiment(
    layer: Layer, letters: tuple[str, ...], depth: int, design: Design, qubits: int, random: np.random.Generator
) -> _Experiment:
    size = len(layer.places)
    circuit = QuantumCircuit(QuantumRegister(qubits, "q"), ClassicalRegister(size, _REGISTER))
    places = [circuit.qubits[place] for place in layer.places]
    for qubit, letter in zip(places, letters, strict=True):
        if letter == "X":
            circuit.sx(qubit)
            circuit.rz(math.pi / 2, qubit)
        elif letter == "Y":
            circuit.sx(qubit)
            circuit.rz(math.pi, qubit)
    for _ in range(2 * depth):
        with circuit.box([Twirl()]):
            circuit.compose(layer.gates, places, inplace=True)
            circuit.noop(*places)
    with circuit.box([Twirl()]):
        for qubit, letter in zip(places, letters, strict=True):
            if letter == "X":
                circuit.rz(math.pi / 2, qubit)
            if letter in "XY":
                circuit.sx(qubit)
        circuit.measure(places, circuit.clbits)
    try:
        template, samplex = build(circuit)
        samplex.finalize()
    except Exception as error:  # noqa: BLE001 - the builder of samplexes raises anything
        raise CannotRun(f"{layer.path}: the layer cannot be twirled: {error}") from None
    outputs = drawn(samplex, bound(samplex, {}, layer.path), (design.rounds,), random, layer.path)
    sweep = Sweep(template, outputs[ANGLES], design.shots)
    return _Experiment(letters, depth, sweep, outputs[f"measurement_flips.{_REGISTER}"])


def _readout(bits: Any) -> Learned:
    """Return the rates at which readout flips each bit."""
    flipped = bits.mean(axis=(0, 1))
    number = bits.shape[0] * bits.shape[1]
    fidelity = np.clip(1 - 2 * flipped, 1 / number, 1.0)
    errors = np.sqrt(flipped * (1 - flipped) / number) / fidelity
    return Learned(tuple(("X", (qubit,)) for qubit in range(bits.shape[-1])), -np.log(fidelity) / 2, errors)


def _fitted(layer: Layer, design: Design, experiments: Sequence[_Experiment], bits: Sequence[Any]) -> Learned:
    from scipy.optimize import nnls  # noqa: PLC0415 - costly

    size = len(layer.places)
    generators: list[tuple[str, tuple[int, ...]]]
    generators = [(letter, (qubit,)) for qubit in range(size) for letter in "XYZ"]
    generators += [("".join(pair), edge) for edge in layer.edges for pair in product("XYZ", repeat=2)]
    paulis = PauliList([_label(*each, size) for each in generators])
    decays = np.array([_decay(each, design, experiments, bits, layer.path) for each in generators])
    anticommuting = np.array([[not one for one in paulis.commutes(each)] for each in paulis], dtype=float)
    # Each layer of a pair multiplies a mean by exp(-2 * rate) for each generator that anticommutes with its Pauli.
    model, values, weights = 4 * anticommuting, decays[:, 0], 1 / decays[:, 1]
    rates, _ = nnls(model * weights[:, None], values * weights)
    inverse = np.linalg.pinv(model * weights[:, None])
    return Learned(tuple(generators), rates, np.sqrt((inverse**2).sum(axis=1)))


def _label(letters: str, qubits: Sequence[int], size: int) -> str:
    placed = dict(zip(qubits, letters, strict=True))
    return "".join(placed.get(qubit, "I") for qubit in reversed(range(size)))


def _decay(
    generator: tuple[str, tuple[int, ...]],
    design: Design,
    experiments: Sequence[_Experiment],
    bits: Sequence[Any],
    path: str,
) -> tuple[float, float]:
    """Return by how much each pair of layers reduces the logarithm of the mean of a Pauli, and the standard error."""
    letters, qubits = generator
    x, y, sigma = [], [], []
    for depth in design.depths:
        signs = [
            (1.0 - 2.0 * (found[..., list(qubits)].sum(axis=-1) % 2)).mean(axis=1)
            for each, found in zip(experiments, bits, strict=True)
            if each.depth == depth
            and all(each.letters[at] == letter for at, letter in zip(qubits, letters, strict=True))
        ]
        means = np.concatenate(signs)
        mean, shots = float(means.mean()), means.size * design.shots
        # The standard error from the spread of the randomizations, but at least the one from the number of shots.
        error = max(float(means.std(ddof=1)) / math.sqrt(means.size), math.sqrt(max(1 - mean**2, 1 / shots) / shots))
        if mean > _LEAST * error:
            x.append(float(depth))
            y.append(math.log(mean))
            sigma.append(error / mean)
    if len(x) < 2:
        raise CannotRun(
            f"{path}: the noise of {letters} on qubits {qubits} is too large to be learned at these depths. "
            "Use smaller layer_pair_depths, or more shots."
        )
    depths, logs, weights = np.array(x), np.array(y), 1 / np.array(sigma) ** 2
    middle = (weights * depths).sum() / weights.sum()
    spread = (weights * (depths - middle) ** 2).sum()
    slope = (weights * (depths - middle) * logs).sum() / spread
    return max(0.0, -float(slope)), float(1 / math.sqrt(spread))
