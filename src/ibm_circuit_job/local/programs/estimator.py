"""The program ``estimator``, version 2, which returns expectation values of observables with their standard errors.

Readout errors are mitigated by twirled readout error extinction (``measure_mitigation``), errors of gates by zero-noise
extrapolation with folded gates (``zne_mitigation``). Unlike in IBM's model, a pub may omit its last entries.

Source: ``ibm_quantum_schemas.estimator.version_0_1``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen
from ibm_quantum_schemas.estimator.version_0_1 import ParamsModel
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.primitives.containers import DataBin, PrimitiveResult, PubResult
from qiskit.primitives.containers.estimator_pub import EstimatorPub

from ibm_circuit_job.local.devices import DEVICES, MAX_CIRCUITS
from ibm_circuit_job.local.execution import Outcome, Task
from ibm_circuit_job.local.programs.estimates import Estimate, Measurement, estimated, measurement, needed
from ibm_circuit_job.local.programs.folding import folded
from ibm_circuit_job.local.programs.observables import Basis, signs, support, terms_of
from ibm_circuit_job.local.programs.options import check_repetition, check_simulator, refuse_given, remarks
from ibm_circuit_job.local.programs.qasm3_text import read_if_text
from ibm_circuit_job.local.programs.refusals import CannotRun, checked, decoded, plain
from ibm_circuit_job.local.programs.sweeps import run_sweeps
from ibm_circuit_job.local.simulation import checked_shots, noise_of_options
from ibm_circuit_job.wire import typed_json
from ibm_circuit_job.wire.results.extrapolation import Extrapolation, Fit, extrapolated


@frozen(eq=False)
class _Options:
    """The options. Those that were not submitted have the defaults of the resilience level."""

    given: Any
    """The options that were submitted."""
    twirling: Any
    """The twirling options, with defaults for those that were not submitted."""
    mitigates_readout: bool
    """Whether readout errors are mitigated."""
    extrapolation: Extrapolation | None
    """How results are extrapolated to zero noise; ``None`` if they are not."""

    @property
    def noise_factors(self) -> tuple[float, ...]:
        """The factors by which the noise is amplified."""
        return (1.0,) if self.extrapolation is None else self.extrapolation.noise_factors


@frozen(eq=False)
class _Pub:
    """A pub, ready to run."""

    given: EstimatorPub
    """The pub that was submitted."""
    precision: float
    """The standard error that is wanted."""
    observables: list[Mapping[str, float]]
    """The observables in flat order, each as term -> coefficient."""
    pairs: list[tuple[int, int]]
    """For each expectation value, the index of its parameter set and of its observable."""
    measurements: list[list[Measurement]]
    """For each noise factor, the measurements."""


def run(task: Task) -> Outcome:
    """Return the expectation values of each pub.

    Raises:
        CannotRun: If the parameters do not fit IBM's model, or have an option that cannot be simulated.
    """
    submitted, body = decoded(task.params, "pubs"), plain(task.params)
    # Without pubs, since the model accepts only those of the official client.
    params = checked(ParamsModel, body | {"pubs": [], "options": body.get("options") or {}})
    options = _resolved(task, params)
    given = submitted["pubs"]
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_CIRCUITS:
        raise CannotRun(f"pubs: expected a list of 1 to {MAX_CIRCUITS} pubs.")
    simulator = params.options.simulator
    seed = params.options.seed_estimator
    if seed is None and simulator is not None:
        seed = simulator.seed_simulator
    random = np.random.default_rng(task.seed if seed is None else abs(seed))
    pubs = [_ready(pub, options, random, f"pubs[{index}]") for index, pub in enumerate(given)]
    every = [each for pub in pubs for at_factor in pub.measurements for each in at_factor]
    calibration = _calibration(every, options, random) if options.mitigates_readout and every else None
    noise = None
    if simulator is not None and simulator.noise_model is not None:
        noise = noise_of_options(DEVICES[task.backend], simulator.noise_model.value_, "options.simulator.noise_model")
    sweeps = [each.sweep for each in every] + ([] if calibration is None else [calibration.sweep])
    ran = run_sweeps(task, sweeps, seed, noise, params.options.execution.rep_delay)
    bits = {id(each): each.bits(found) for each, found in zip(every, ran.outcomes, strict=False)}
    readout = {} if calibration is None else _readout(calibration, calibration.bits(ran.outcomes[-1]), pubs)
    results = [_data(pub, options, bits, readout) for pub in pubs]
    metadata = [_pub_metadata(pub, options) | remarks(options.given, DEVICES[task.backend]) for pub in pubs]
    if not body.get("support_qiskit"):
        listed = [
            {"data": {name: each.tolist() for name, each in data.items()}, "metadata": about}
            for data, about in zip(results, metadata, strict=True)
        ]
        plain_body = typed_json.encode({"results": listed, "metadata": _metadata(options)})
        return Outcome(plain_body, device_seconds=ran.device_seconds)
    written = [
        PubResult(DataBin(**data, shape=pub.given.shape), metadata=about)
        for pub, data, about in zip(pubs, results, metadata, strict=True)
    ]
    typed_body = typed_json.encode(PrimitiveResult(written, metadata=_metadata(options)))
    return Outcome(typed_body, device_seconds=ran.device_seconds)


# Options


def _resolved(task: Task, params: Any) -> _Options:
    options, level = params.options, params.resilience_level
    resilience, device = options.resilience, DEVICES[task.backend]
    check_repetition(device, options.execution.init_qubits, options.execution.rep_delay, "options.execution")
    refuse_given(options.experimental, "options.experimental", "not known here.")
    refuse_given(
        {"pec_mitigation": resilience.pec_mitigation, "layer_noise_model": resilience.layer_noise_model},
        "options.resilience",
        "expected none; the local service mitigates errors with measure_mitigation and zne_mitigation only.",
    )
    check_simulator(options.simulator)
    mitigates = level >= 1 if resilience.measure_mitigation is None else resilience.measure_mitigation
    twirling = options.twirling.model_copy()
    if twirling.enable_gates is None:
        twirling.enable_gates = level == 2
    if twirling.enable_measure is None:
        twirling.enable_measure = mitigates
    if mitigates and not twirling.enable_measure:
        raise CannotRun("options.twirling.enable_measure: expected true where measure_mitigation is on.")
    extrapolates = level == 2 if resilience.zne_mitigation is None else resilience.zne_mitigation
    return _Options(options, twirling, mitigates, _extrapolation(resilience.zne) if extrapolates else None)


def _extrapolation(zne: Any) -> Extrapolation:
    if zne.amplifier == "pea":
        raise CannotRun("options.resilience.zne.amplifier: expected one of the gate foldings, got 'pea'.")
    factors = tuple(zne.noise_factors)
    at = (0.0, *factors) if zne.extrapolated_noise_factors == "auto" else tuple(zne.extrapolated_noise_factors)
    models = (zne.extrapolator,) if isinstance(zne.extrapolator, str) else tuple(zne.extrapolator)
    return Extrapolation(factors, models, at)


# Pubs


def _ready(pub: Any, options: _Options, random: np.random.Generator, path: str) -> _Pub:
    given = _coerced(pub, path)
    precision, shots = _precision(given, options.given)
    circuit, observables = given.circuit, terms_of(given.observables.tolist())
    letters = {letter for observable in observables for term in observable for letter in term}
    if not letters <= set("IXYZ"):
        unknown = ", ".join(sorted(letters - set("IXYZ")))
        raise CannotRun(f"{path}[1]: expected Pauli terms of I, X, Y and Z, got {unknown}.")
    sets = np.arange(math.prod(given.parameter_values.shape)).reshape(given.parameter_values.shape)
    places = np.arange(len(observables)).reshape(given.observables.shape)
    pairs = [(int(of), int(which)) for of, which in zip(*map(np.ravel, np.broadcast_arrays(sets, places)), strict=True)]
    angles = given.parameter_values.as_array(circuit.parameters).reshape(sets.size, -1)
    amplifier = options.given.resilience.zne.amplifier
    measurements = [
        [
            measurement(
                folded(circuit, factor, amplifier, random), basis, angles, which, shots, options.twirling, random, path
            )
            for basis, which in needed(observables, pairs)
        ]
        for factor in options.noise_factors
    ]
    return _Pub(given, precision, observables, pairs, measurements)


def _coerced(pub: Any, path: str) -> EstimatorPub:
    if isinstance(pub, list) and pub:
        pub = [read_if_text(pub[0], path), *pub[1:]]
    if not isinstance(pub, list) or not 2 <= len(pub) <= 4 or not isinstance(pub[0], QuantumCircuit):
        raise CannotRun(f"{path}: expected a list of a circuit, observables, values and a precision.")
    circuit, observables, values, precision = [*pub, None, None][:4]
    try:
        array = None if values is None else np.asarray(values, dtype=float)
        return EstimatorPub.coerce((circuit, observables, array, precision))
    except (ValueError, TypeError, QiskitError) as error:
        raise CannotRun(f"{path}: {error}") from None


def _precision(pub: EstimatorPub, options: Any) -> tuple[float, int]:
    """Return the precision of a pub, and the shots that it needs."""
    if pub.precision is None and options.default_shots is not None:
        return 1 / math.sqrt(options.default_shots), checked_shots(options.default_shots)
    precision = options.default_precision if pub.precision is None else pub.precision
    if precision <= 0:
        raise CannotRun(f"pubs: expected a precision above 0, got {precision!r}.")
    return precision, checked_shots(math.ceil(round(1 / precision**2, 6)))


# Readout


def _calibration(every: Sequence[Measurement], options: _Options, random: np.random.Generator) -> Measurement:
    """Return the measurement of an empty circuit, whose only errors are readout errors."""
    size = max(each.sweep.circuit.num_qubits for each in every)
    qubits = {qubit for each in every for qubit in each.basis.qubits}
    letters = "".join("Z" if qubit in qubits else "I" for qubit in reversed(range(size)))
    learning = options.given.resilience.measure_noise_learning
    most = max(each.sweep.shots * each.rounds for each in every)
    per_round = learning.shots_per_randomization
    if per_round == "auto":
        per_round = math.ceil(most / learning.num_randomizations)
    update = {
        "enable_gates": False,
        "enable_measure": True,
        "num_randomizations": learning.num_randomizations,
        "shots_per_randomization": per_round,
    }
    twirling = options.twirling.model_copy(update=update)
    shots = learning.num_randomizations * per_round
    path = "options.resilience.measure_noise_learning"
    nothing = QuantumCircuit(size)
    return measurement(nothing, Basis(letters, ()), np.empty((1, 0)), np.array([0]), shots, twirling, random, path)


def _readout(calibration: Measurement, bits: Any, pubs: Sequence[_Pub]) -> dict[str, tuple[float, float]]:
    """Return term -> the mean that readout errors turn 1 into, and its standard error."""
    size = len(calibration.basis.letters)
    found: dict[str, tuple[float, float]] = {}
    for term in {term for pub in pubs for observable in pub.observables for term in observable if term.strip("I")}:
        values = signs(calibration.basis, [support(term).rjust(size, "I")], bits)[..., 0]
        mean, error = float(values.mean()), float(values.std() / math.sqrt(values.size))
        if mean <= 5 * error:
            raise CannotRun(
                f"options.resilience.measure_mitigation: the readout errors of {term} are too large to be mitigated. "
                "Set measure_mitigation to false, or use other qubits."
            )
        found[term] = mean, error
    return found


# Results


def _data(pub: _Pub, options: _Options, bits: Mapping[int, Any], readout: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arrays of the result of a pub."""

    def summed(weights: Mapping[str, float], which: int, factor: int) -> Estimate:
        """Return the estimate of an observable: the sum of the estimates in its bases."""
        total = sum(weight for term, weight in weights.items() if not term.strip("I"))
        error = ensemble = 0.0
        for each in pub.measurements[factor]:
            part = {term: weights[term] for term in each.basis.terms if term in weights}
            if part:
                found = estimated(each, bits[id(each)], which, part, readout)
                total, error = total + found.value, math.hypot(error, found.error)
                ensemble = math.hypot(ensemble, found.ensemble_error)
        return Estimate(total, error, ensemble)

    factors = range(len(options.noise_factors))
    estimates = [
        [summed(pub.observables[observable], which, factor) for factor in factors] for which, observable in pub.pairs
    ]
    shape = pub.given.shape

    def array(values: Any, *own: int) -> Any:
        return np.array(values, dtype=float).reshape((*shape, *own))

    if options.extrapolation is None:
        return {
            "evs": array([each.value for [each] in estimates]),
            "stds": array([each.error for [each] in estimates]),
            "ensemble_standard_error": array([each.ensemble_error for [each] in estimates]),
        }
    how = options.extrapolation

    def fitted(weights: Mapping[str, float], which: int) -> Fit:
        terms = {
            term: [summed({term: 1.0}, which, factor) for factor in factors] for term in weights if term.strip("I")
        }
        return _fitted(weights, terms, how)

    fits = [fitted(pub.observables[observable], which) for which, observable in pub.pairs]
    number, models, at = len(how.noise_factors), len(how.models), len(how.evaluated_at)
    return {
        "evs": array([fit.value for fit in fits]),
        "stds": array([fit.error for fit in fits]),
        "evs_noise_factors": array([[each.value for each in row] for row in estimates], number),
        "stds_noise_factors": array([[each.error for each in row] for row in estimates], number),
        "ensemble_stds_noise_factors": array([[each.ensemble_error for each in row] for row in estimates], number),
        "evs_extrapolated": array([fit.values for fit in fits], models, at),
        "stds_extrapolated": array([fit.errors for fit in fits], models, at),
    }


def _fitted(weights: Mapping[str, float], terms: Mapping[str, Sequence[Estimate]], how: Extrapolation) -> Fit:
    """Return the extrapolation of an observable: the sum of the extrapolations of its terms."""
    shape = (len(how.models), len(how.evaluated_at))
    total = Fit(0.0, 0.0, how.models[0], np.zeros(shape), np.zeros(shape))
    for term, weight in weights.items():
        if term not in terms:
            total = evolve(total, value=total.value + weight, values=total.values + weight)
            continue
        found = terms[term]
        fit = extrapolated([each.value for each in found], [each.error for each in found], term, how)
        total = evolve(
            total,
            value=total.value + weight * fit.value,
            error=math.hypot(total.error, weight * fit.error),
            values=total.values + weight * fit.values,
            errors=np.hypot(total.errors, weight * fit.errors),
        )
    return total


def _pub_metadata(pub: _Pub, options: _Options) -> dict[str, Any]:
    first = next(iter(pub.measurements[0]), None)
    shots = None if first is None else first.rounds * first.sweep.shots
    return {
        "shots": shots,
        "target_precision": pub.precision,
        "circuit_metadata": pub.given.circuit.metadata,
        "resilience": {}
        if options.extrapolation is None
        else {"zne": {"extrapolator": [*options.extrapolation.models]}},
        "num_randomizations": None if first is None else first.rounds,
    }


def _metadata(options: _Options) -> dict[str, Any]:
    resilience: dict[str, Any] = {
        "measure_mitigation": options.mitigates_readout,
        "zne_mitigation": options.extrapolation is not None,
        "pec_mitigation": False,
    }
    if options.extrapolation is not None:
        resilience["zne"] = {
            "noise_factors": [*options.extrapolation.noise_factors],
            "extrapolator": [*options.extrapolation.models],
            "extrapolated_noise_factors": [*options.extrapolation.evaluated_at],
        }
    decoupling = options.given.dynamical_decoupling
    return {
        "dynamical_decoupling": decoupling.model_dump(mode="json"),
        "twirling": options.twirling.model_dump(mode="json"),
        "resilience": resilience,
        "version": 2,
    }
