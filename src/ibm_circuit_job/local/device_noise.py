"""Converts the calibration of a device to a noise model of Aer.

A gate has a depolarizing error, whose strength follows from its ``gate_error``. A measurement has the errors
``prob_meas0_prep1`` and ``prob_meas1_prep0``, or ``readout_error`` if these are missing. In a delay, a qubit decays
with T1 and T2. An instruction without a figure in the calibration has no error.
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
    """(Gate, qubits) -> probability that the state of the qubits becomes completely mixed; gates with 0 are missing."""
    readout: Mapping[int, tuple[float, float]]
    """Qubit -> probability to measure 0 after 1 was prepared, and to measure 1 after 0 was prepared."""
    times: Mapping[int, tuple[float, float]]
    """Qubit -> T1 and T2 in seconds; infinite if the calibration does not have them."""
    names: tuple[str, ...]
    """The names of the gates of the device."""


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
            # A completely mixed state still has an overlap with the right one, so this probability is larger.
            gates[gate["gate"], tuple(gate["qubits"])] = min(1.0, error * 2**width / (2**width - 1))
    readout, times = {}, {}
    for index, qubit in enumerate(calibration.get("qubits", ())):
        value = measured(qubit)
        both = value.get("readout_error", 0.0)
        readout[index] = (value.get("prob_meas0_prep1", both), value.get("prob_meas1_prep0", both))
        t1 = value.get("T1", math.inf)
        # T2 cannot exceed 2 * T1, but a measured value can.
        times[index] = (t1, min(value.get("T2", math.inf), 2 * t1))
    names = sorted({gate["gate"] for gate in calibration.get("gates", ())} - _NOT_GATES)
    return Errors(gates, readout, times, tuple(names))


def noise_model(calibration: Mapping[str, Any]) -> NoiseModel:
    """Return the errors of all gates and measurements of a device, as a noise model.

    Args:
        calibration: The reply to ``GET /backends/NAME/properties``.
    """
    return model_of(errors_of(calibration), range(len(calibration.get("qubits", ()))))


def model_of(
    errors: Errors, qubits: Sequence[int], delays: Mapping[str, tuple[int, QuantumError]] | None = None
) -> NoiseModel:
    """Return the errors of some qubits of a device, as a noise model.

    Args:
        errors: The errors of the device.
        qubits: The qubits of the device, in the order of the qubits of the simulation.
        delays: Label of a delay -> the qubit of the simulation, and the error.
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
    """Return an error with all Pauli operators at the same probability. Aer's own function takes ten times as long."""
    texts = [""]
    for _ in range(width):
        texts = [text + pauli for text in texts for pauli in _PAULIS]
    each = lost / 4**width
    return pauli_error([(text, 1 - lost + each if set(text) == {"I"} else each) for text in texts])


def decay(times: tuple[float, float], seconds: float, *, is_pauli: bool) -> QuantumError | None:
    """Return the error of a delay of a qubit; ``None`` if there is none.

    Args:
        times: T1 and T2 of the qubit, in seconds.
        seconds: The duration of the delay in seconds.
        is_pauli: Whether to return the twirled error, which is a Pauli error with the same fidelity.
    """
    t1, t2 = times
    if seconds <= 0 or math.isinf(min(t1, t2)):
        return None
    if not is_pauli:
        return thermal_relaxation_error(t1, t2, seconds)
    x, z = twirled(times, seconds)
    return pauli_error([("X", x), ("Y", x), ("Z", z), ("I", 1 - 2 * x - z)])


def twirled(times: tuple[float, float], seconds: float) -> tuple[float, float]:
    """Return the probabilities of X and of Z in the twirled error of a delay; Y has the probability of X.

    Args:
        times: T1 and T2 of the qubit, in seconds.
        seconds: The duration of the delay in seconds.

    Example:
        >>> from ibm_circuit_job.local.device_noise import twirled
        >>> [round(each, 4) for each in twirled((100e-6, 100e-6), 10e-6)]
        [0.0238, 0.0238]
    """
    t1, t2 = times
    relaxed, dephased = -math.expm1(-seconds / t1), -math.expm1(-seconds / t2)
    return relaxed / 4, max(0.0, dephased / 2 - relaxed / 4)
