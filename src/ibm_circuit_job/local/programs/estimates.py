"""What an estimator measures: for each pub, noise factor and basis a sweep; and the terms' values from its bits."""

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
"""The register that the bases are measured into; a circuit may have others."""


@frozen(eq=False)
class Measurement:
    """A basis of a pub at one noise factor, ready to run."""

    basis: Basis
    """The basis."""
    sets: Any
    """Which sets of parameters of the pub are run, ascending."""
    rounds: int
    """How many randomizations there are; 1 without twirling."""
    sweep: Sweep
    """The circuit, and for each randomization and set its parameters."""
    flips: Any = None
    """The bits that twirling has flipped: randomizations x sets x 1 x bits."""

    def bits(self, outcomes: Any) -> Any:
        """Return the bits without flips: an array of randomizations x sets x shots x measured qubits."""
        found = register_bits(self.sweep.circuit, outcomes)[_REGISTER]
        found = found.reshape(self.rounds, len(self.sets), *found.shape[1:])
        return found if self.flips is None else found ^ self.flips


def needed(observables: Sequence[Mapping[str, float]], pairs: Sequence[tuple[int, int]]) -> list[tuple[Basis, Any]]:
    """Return the bases of a pub, each with the sets of parameters that it is measured for.

    Args:
        observables: The observables in flat order.
        pairs: For each expectation value the index of its set of parameters and of its observable.
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
        basis: What is measured.
        angles: An array of sets x parameters.
        sets: Which of the sets are run.
        shots: How often each is run in all.
        twirling: The twirling options, with ``enable_gates`` and ``enable_measure`` as they are.
        random: Where the randomizations come from.
        path: The field of the circuit, for an error.

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
    """The standard error, from the spread over the randomizations where there are several."""
    ensemble_error: float
    """The standard error that the shots alone give."""


def estimated(
    of: Measurement, outcomes: Any, which: int, weights: Mapping[str, float], readout: Mapping[str, tuple[float, float]]
) -> Estimate:
    """Return the mean of a sum of terms for one set of parameters.

    Args:
        of: What was measured.
        outcomes: The bits, as :meth:`Measurement.bits` returns them.
        which: The set of parameters.
        weights: The terms of the basis and their coefficients.
        readout: For the terms whose readout is mitigated what readout makes of 1, and its standard error.
    """
    terms = list(weights)
    scale = np.array([readout.get(term, (1.0, 0.0)) for term in terms])
    factors = np.array([weights[term] for term in terms]) / scale[:, 0]
    values = signs(of.basis, terms, outcomes[:, int(np.searchsorted(of.sets, which))])
    each = values @ factors
    number = each.size
    ensemble = float(each.var() / max(1, number - 1))
    spread = float(each.mean(axis=1).var(ddof=1) / of.rounds) if of.rounds > 1 else ensemble
    # What the calibration of the readout leaves open.
    calibration = float((((values.mean(axis=(0, 1)) * factors) * scale[:, 1] / scale[:, 0]) ** 2).sum())
    return Estimate(float(each.mean()), math.sqrt(spread + calibration), math.sqrt(ensemble + calibration))
