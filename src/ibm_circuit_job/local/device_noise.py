"""The noise of a device: what its calibration says, as Aer simulates it.

A gate has a depolarizing error, of the strength that its ``gate_error`` says. A measurement errs by
``prob_meas0_prep1`` and ``prob_meas1_prep0``, or by ``readout_error`` where these are not there. In a delay a qubit
decays by T1 and T2. What a calibration does not say is ideal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from attrs import frozen
from qiskit_aer.noise import NoiseModel, QuantumError, ReadoutError, pauli_error, thermal_relaxation_error

from ibm_circuit_job.local.devices import measured

_NOT_GATES: Final = frozenset({"delay", "measure", "measure_2", "reset", "reset_2"})
_PAULIS: Final = ("I", "X", "Y", "Z")


@frozen(eq=False)
class Errors:
    """The errors of a device, as numbers."""

    gates: Mapping[tuple[str, tuple[int, ...]], float]
    """For gates on qubits, the probability that their qubits lose their state, from 0 to 1; where that is not 0."""
    readout: Mapping[int, tuple[float, float]]
    """For qubits, the probabilities to measure 0 after 1 was prepared, and 1 after 0."""
    times: Mapping[int, tuple[float, float]]
    """For qubits, T1 and T2 in seconds; infinite where they are not there."""
    names: tuple[str, ...]
    """The gates of the device."""


def errors_of(calibration: Mapping[str, Any]) -> Errors:
    """Return the errors of a device.

    Args:
        calibration: The reply to ``GET /backends/NAME/properties``. Its ``gate_error`` is one minus the average
            fidelity of the gate, as randomized benchmarking measures it; 1 where a gate was not measured.
    """
    gates: dict[tuple[str, tuple[int, ...]], float] = {}
    for gate in calibration.get("gates", ()):
        error = measured(gate["parameters"]).get("gate_error", 0.0)
        if error > 0 and gate["gate"] not in _NOT_GATES:
            width = len(gate["qubits"])
            # A qubit that has lost its state is right by chance all the same.
            gates[gate["gate"], tuple(gate["qubits"])] = min(1.0, error * 2**width / (2**width - 1))
    readout, times = {}, {}
    for index, qubit in enumerate(calibration.get("qubits", ())):
        value = measured(qubit)
        both = value.get("readout_error", 0.0)
        readout[index] = (value.get("prob_meas0_prep1", both), value.get("prob_meas1_prep0", both))
        t1 = value.get("T1", math.inf)
        # No state decays more slowly than that; a measured figure can say so.
        times[index] = (t1, min(value.get("T2", math.inf), 2 * t1))
    names = sorted({gate["gate"] for gate in calibration.get("gates", ())} - _NOT_GATES)
    return Errors(gates, readout, times, tuple(names))


def noise_model(calibration: Mapping[str, Any]) -> NoiseModel:
    """Return the errors of gates and of readout of a whole device.

    Args:
        calibration: The reply to ``GET /backends/NAME/properties``.
    """
    return model_of(errors_of(calibration), range(len(calibration.get("qubits", ()))))


def model_of(
    errors: Errors, qubits: Sequence[int], delays: Mapping[str, tuple[int, QuantumError]] | None = None
) -> NoiseModel:
    """Return the errors of some qubits of a device.

    Args:
        errors: The errors of the device.
        qubits: Qubits of the device, in the order of the qubits of the simulation.
        delays: The errors of delays, each by a name of its own, with the qubit of the simulation.
    """
    model = NoiseModel(basis_gates=[*errors.names])
    places = {qubit: index for index, qubit in enumerate(qubits)}
    for (name, operands), lost in errors.gates.items():
        if all(qubit in places for qubit in operands):
            model.add_quantum_error(_depolarizing(lost, len(operands)), name, [places[qubit] for qubit in operands])
    for qubit, index in places.items():
        down, up = errors.readout.get(qubit, (0.0, 0.0))
        if down or up:
            model.add_readout_error(ReadoutError([[1 - up, up], [down, 1 - down]]), [index])
    for name, (index, error) in (delays or {}).items():
        model.add_quantum_error(error, name, [index])
    return model


@lru_cache(maxsize=4096)
def _depolarizing(lost: float, width: int) -> QuantumError:
    """All Pauli errors with the same probability; Aer's own function takes ten times as long."""
    texts = [""]
    for _ in range(width):
        texts = [text + pauli for text in texts for pauli in _PAULIS]
    each = lost / 4**width
    return pauli_error([(text, 1 - lost + each if set(text) == {"I"} else each) for text in texts])


def decay(times: tuple[float, float], seconds: float, *, is_pauli: bool) -> QuantumError | None:
    """Return what a delay does to a qubit; ``None`` for nothing.

    Args:
        times: Its T1 and T2 in seconds.
        seconds: The duration of the delay.
        is_pauli: Whether to return the Pauli error that is nearest, its twirl, with the same fidelity.
    """
    t1, t2 = times
    if seconds <= 0 or math.isinf(min(t1, t2)):
        return None
    if not is_pauli:
        return thermal_relaxation_error(t1, t2, seconds)
    x, z = twirled(times, seconds)
    return pauli_error([("X", x), ("Y", x), ("Z", z), ("I", 1 - 2 * x - z)])


def twirled(times: tuple[float, float], seconds: float) -> tuple[float, float]:
    """Return the probabilities of X (which is that of Y) and of Z in a delay.

    Args:
        times: T1 and T2 in seconds.
        seconds: The duration of the delay.

    Example:
        >>> from ibm_circuit_job.local.device_noise import twirled
        >>> [round(each, 4) for each in twirled((100e-6, 100e-6), 10e-6)]
        [0.0238, 0.0238]
    """
    t1, t2 = times
    fallen, dephased = -math.expm1(-seconds / t1), -math.expm1(-seconds / t2)
    return fallen / 4, max(0.0, dephased / 2 - fallen / 4)
