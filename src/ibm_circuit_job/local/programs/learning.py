"""Learning the noise of layers of gates, and of readout, by running circuits on the backend.

A layer that is its own inverse is repeated an even number of times between the preparation and the measurement of Pauli
eigenstates, with Pauli twirls; the decay of each mean with the number of repetitions is free of errors of preparation
and readout. The rates of a Pauli-Lindblad model with generators on one qubit and on two connected ones are fitted to
the decays. A Pauli and what the layer makes of it are taken to decay alike, as their product alone can be measured.

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
"""How many standard errors a mean has to be above zero to count."""


@frozen
class Design:
    """How much is run to learn a layer."""

    depths: tuple[int, ...]
    """How many pairs of the layer there are between preparation and measurement."""
    rounds: int
    """Randomizations of each circuit."""
    shots: int
    """Shots of each randomization."""


@frozen(eq=False)
class Layer:
    """Gates on different qubits, or measurements of them."""

    gates: QuantumCircuit
    """The gates, on as many qubits as the layer has; empty where the layer measures."""
    places: tuple[int, ...]
    """The qubits of the device, ascending."""
    edges: tuple[tuple[int, int], ...]
    """The pairs of the layer's own qubits that are connected."""
    measures: bool = False
    """Whether the layer measures its qubits."""
    path: str = ""
    """The field it comes from, for an error."""


@frozen(eq=False)
class Learned:
    """The noise of a layer."""

    generators: tuple[tuple[str, tuple[int, ...]], ...]
    """Each generator: its letters, and the qubits of the layer that they are on."""
    rates: Any
    """The rate of each generator."""
    errors: Any
    """The standard errors of the rates."""


@frozen(eq=False)
class _Experiment:
    """A basis at a depth."""

    letters: tuple[str, ...]
    """What each qubit is prepared and measured in."""
    depth: int
    """How many pairs of the layer there are."""
    sweep: Sweep
    """The circuit and the angles of its randomizations."""
    flips: Any
    """The bits that twirling has flipped."""


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
        design: How much is run.
        qubits: How many qubits the device has.
        random: Where the randomizations come from.
        measure: What runs sweeps.

    Raises:
        CannotRun: If a layer is not its own inverse, or its noise is too large to be seen.
    """
    planned = [_experiments(layer, design, qubits, random) for layer in layers]
    outcomes = iter(measure([each.sweep for experiments in planned for each in experiments]))
    found = []
    for layer, experiments in zip(layers, planned, strict=True):
        bits = [_bits(each, next(outcomes)) for each in experiments]
        found.append(_readout(bits[0]) if layer.measures else _fitted(layer, design, experiments, bits))
    return found


def _bits(of: _Experiment, outcomes: Any) -> Any:
    """Randomizations x shots x qubits, without flips."""
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
    """0 or 1 for each qubit, so that connected ones differ: then nine bases have all pairs of letters on each edge."""
    found: dict[int, int] = {}
    neighbours = {qubit: [{*edge} - {qubit} for edge in edges if qubit in edge] for qubit in range(size)}
    for start in range(size):
        waiting = [(start, 0)] if start not in found else []
        while waiting:
            qubit, colour = waiting.pop()
            if qubit in found:
                if found[qubit] != colour:
                    raise CannotRun("The qubits of a layer have a ring of odd length, which is not learned here.")
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
    """The rate at which each bit is flipped."""
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
    # A pair of layers, each of which takes exp(-2 rate) of a mean for each generator that does not commute with it.
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
    """How much the logarithm of a Pauli's mean falls with each pair of layers, and the standard error."""
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
        # The spread over randomizations, and no less than what the shots alone give.
        error = max(float(means.std(ddof=1)) / math.sqrt(means.size), math.sqrt(max(1 - mean**2, 1 / shots) / shots))
        if mean > _LEAST * error:
            x.append(float(depth))
            y.append(math.log(mean))
            sigma.append(error / mean)
    if len(x) < 2:
        raise CannotRun(
            f"{path}: the noise of {letters} on qubits {qubits} is too large to be learned at these depths."
        )
    depths, logs, weights = np.array(x), np.array(y), 1 / np.array(sigma) ** 2
    middle = (weights * depths).sum() / weights.sum()
    spread = (weights * (depths - middle) ** 2).sum()
    slope = (weights * (depths - middle) * logs).sum() / spread
    return max(0.0, -float(slope)), float(1 / math.sqrt(spread))
