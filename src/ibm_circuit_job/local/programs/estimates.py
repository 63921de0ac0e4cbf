"""The measurements of an estimator, one for each pub, noise factor and basis, and the estimates from their bits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from attrs import frozen
from qiskit import QuantumCircuit

from ibm_circuit_job.local.programs.observables import Basis, bases, measured, signs
from ibm_circuit_job.local.programs.randomized import ANGLES, bound, drawn
from ibm_circuit_job.local.programs.sweeps import Sweep, register_bits
from ibm_circuit_job.local.programs.twirling import randomizations, twirled

_REGISTER: Final = "estimated"
"""The register with the measured bits of a basis; a circuit may have other registers."""


@frozen(eq=False)
class Measurement:
    """A measurement in one basis, for one pub and noise factor, ready to run."""

    basis: Basis
    """The basis."""
    sets: Any
    """The indices of the parameter sets of the pub that are run, ascending."""
    rounds: int
    """The number of randomizations; 1 without twirling."""
    sweep: Sweep
    """The circuit, and its parameter values for each randomization and set."""
    flips: Any = None
    """Which bits twirling has flipped; shape (randomizations, sets, 1, bits). ``None`` without twirling."""

    def bits(self, outcomes: Any) -> Any:
        """Return the measured bits, with the flips of twirling undone.

        Args:
            outcomes: The outcomes of the sweep, from :func:`~.sweeps.run_sweeps`.

        Returns:
            An array of booleans of shape (randomizations, sets, shots, measured qubits).
        """
        found = register_bits(self.sweep.circuit, outcomes)[_REGISTER]
        found = found.reshape(self.rounds, len(self.sets), *found.shape[1:])
        return found if self.flips is None else found ^ self.flips


def needed(observables: Sequence[Mapping[str, float]], pairs: Sequence[tuple[int, int]]) -> list[tuple[Basis, Any]]:
    """Return the bases of a pub, each with the indices of the parameter sets for which it is measured.

    Args:
        observables: The observables in flat order, each as term -> coefficient.
        pairs: For each expectation value, the index of its parameter set and of its observable.
    """
    found = []
    for basis in bases([term for observable in observables for term in observable]):
        having = {index for index, each in enumerate(observables) if not each.keys().isdisjoint(basis.terms)}
        found.append((basis, np.unique([of for of, observable in pairs if observable in having])))
    return [(basis, sets.astype(int)) for basis, sets in found if len(sets)]


def measurement(
    circuit: QuantumCircuit,
    basis: Basis,
    angles: Any,
    sets: Any,
    shots: int,
    twirling: Any,
    random: np.random.Generator,
    path: str,
) -> Measurement:
    """Return a measurement that is ready to run.

    Args:
        circuit: The circuit, without the measurement.
        basis: The basis in which it is measured.
        angles: The parameter values of the pub, of shape (sets, parameters).
        sets: The indices of the sets that are run.
        shots: The number of shots of each set, over all randomizations.
        twirling: The twirling options; ``enable_gates`` and ``enable_measure`` must not be ``None``.
        random: The source of randomizations.
        path: The path of the circuit in the parameters, for messages.

    Raises:
        CannotRun: If the circuit cannot be twirled.
    """
    whole = measured(circuit, basis, _REGISTER)
    if not (twirling.enable_gates or twirling.enable_measure):
        return Measurement(basis, sets, 1, Sweep(whole, angles[sets], shots))
    rounds, size = randomizations(shots, twirling.num_randomizations, twirling.shots_per_randomization)
    template, samplex = twirled(whole, twirling, path)
    inputs = bound(samplex, {ANGLES: angles[sets]} if circuit.num_parameters else {}, path)
    shape = (rounds, len(sets))
    outputs = drawn(samplex, inputs, shape, random, path)
    values = outputs.get(ANGLES, np.empty((*shape, 0))).reshape(math.prod(shape), -1)
    return Measurement(
        basis, sets, rounds, Sweep(template, values, size), outputs.get(f"measurement_flips.{_REGISTER}")
    )


@frozen(eq=False)
class Estimate:
    """A mean, and its standard errors."""

    value: float
    """The mean."""
    error: float
    """The standard error; with several randomizations, from the spread of their means."""
    ensemble_error: float
    """The standard error from the spread of the shots."""


def estimated(
    of: Measurement, outcomes: Any, which: int, weights: Mapping[str, float], readout: Mapping[str, tuple[float, float]]
) -> Estimate:
    """Return the mean of a sum of terms for one parameter set.

    Args:
        of: The measurement.
        outcomes: Its bits, as :meth:`Measurement.bits` returns them.
        which: The index of the parameter set.
        weights: Term of the basis -> coefficient.
        readout: Term whose readout is mitigated -> the mean that readout errors turn 1 into, and its standard error.
    """
    terms = list(weights)
    scale = np.array([readout.get(term, (1.0, 0.0)) for term in terms])
    factors = np.array([weights[term] for term in terms]) / scale[:, 0]
    values = signs(of.basis, terms, outcomes[:, int(np.searchsorted(of.sets, which))])
    each = values @ factors
    number = each.size
    ensemble = float(each.var() / max(1, number - 1))
    spread = float(each.mean(axis=1).var(ddof=1) / of.rounds) if of.rounds > 1 else ensemble
    # The contribution of the standard errors of the readout calibration.
    calibration = float((((values.mean(axis=(0, 1)) * factors) * scale[:, 1] / scale[:, 0]) ** 2).sum())
    return Estimate(float(each.mean()), math.sqrt(spread + calibration), math.sqrt(ensemble + calibration))
