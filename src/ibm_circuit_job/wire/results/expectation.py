"""Expectation values of the official client-side estimator, from the bits that an ``executor`` job measured.

A *task* belongs to one pub (a circuit with its parameters and observables). It has the observables, and the bases that
were measured for each set of parameters. Its mitigation is one of these:

- none;
- ``pec`` (probabilistic error cancellation): each randomization has a sign, and the mean is scaled;
- ``gate_folding`` or ``pea``: the noise is amplified by several factors, and the value without noise is extrapolated.

Each of them can be combined with a calibration of the readout (TREX, twirled readout error extinction), which scales
each term.

Source: ``qiskit_mitigation`` 0.1, version 0.1 of its tasks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from qiskit.primitives.containers.observables_array import ObservablesArray

from ibm_circuit_job.wire.results.executor import SIGNS, ExecutorItem, ExecutorResult, flipped_back
from ibm_circuit_job.wire.results.extrapolation import Extrapolation, extrapolated
from ibm_circuit_job.wire.results.frozen import thawed_json
from ibm_circuit_job.wire.results.limits import MOST_EXPERIMENTS

_REGISTER: Final = "_meas"
"""The register that the estimator measures into."""
_VERSION: Final = "0.1"
_AXES: Final = str.maketrans("01+-rl", "ZZXXYY")
"""Letter of a term -> measured axis. A projector is measured along the axis of its Pauli operator."""

Index = tuple[int, ...]
Calibration = NDArray[Any]
"""The readout error of each bit, as a fraction from 0 to 1."""


@frozen(eq=False)
class Task:
    """The observables and the mitigation of one pub."""

    mitigation: str | None
    """``None``, ``"pec"``, ``"gate_folding"`` or ``"pea"``."""
    observables: ObservablesArray
    """The observables."""
    shape: Index
    """The shape of the sets of parameters."""
    bases: Mapping[Index, Sequence[tuple[str, int]]]
    """Set of parameters -> the measured bases, each with its index in the data."""
    first_item: int
    """The index of the first item of the quantum program that has the bits."""
    gamma: float
    """The factor that scales the mean for ``pec``; 1 for other mitigations."""
    noise_factors: tuple[float, ...]
    """The factors by which the noise was amplified; empty if it was not."""
    extrapolation: Extrapolation
    """How the values without noise are extrapolated."""
    is_calibrated: bool
    """Whether the same program has a calibration of the readout."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return the task from its JSON, which the client sent with the job and the service returned unchanged.

        Raises:
            ValueError: If the version or the mitigation of the task is not known, or if its observables are not
                broadcast with its parameters.
        """
        mitigation = data["mitigation"]
        if data["version"] != _VERSION or mitigation not in {None, "pec", "gate_folding", "pea"}:
            raise ValueError(f"expected a task of version {_VERSION}, got {data['version']!r} and {mitigation!r}")
        if not data["broadcast_obs_and_params"]:
            raise ValueError("expected observables that are broadcast with the parameters")
        bases: dict[Index, list[tuple[str, int]]] = {}
        for place, (index, basis) in enumerate(data["param_basis_pairs"]):
            bases.setdefault(tuple(index), []).append((basis, place))
        amplified = mitigation in {"gate_folding", "pea"}
        extrapolation = Extrapolation(
            tuple(data["noise_factors"]) if amplified else (),
            tuple(data["extrapolator"]) if amplified else (),
            tuple(_numbers(data.get("extrapolated_noise_factors"))) if amplified else (),
        )
        return cls(
            mitigation,
            ObservablesArray.coerce(thawed_json(data["observables"])),
            tuple(data["param_shape"]),
            bases,
            data["program_item_index"],
            float(data["pec_gamma"]) if mitigation == "pec" else 1.0,
            extrapolation.noise_factors,
            extrapolation,
            bool(data.get("trex_calibration")),
        )

    @property
    def number_of_items(self) -> int:
        """How many items of the program belong to this task: with folded gates one for each noise factor, else one."""
        return len(self.noise_factors) if self.mitigation == "gate_folding" else 1

    @property
    def result_shape(self) -> Index:
        """The shape of the expectation values.

        Raises:
            ValueError: If there are more values than a result may have.
        """
        shape: Index = np.broadcast_shapes(self.shape, self.observables.shape)
        if math.prod(shape) > MOST_EXPERIMENTS:
            raise ValueError(f"expected at most {MOST_EXPERIMENTS} expectation values, got the shape {shape}")
        return shape


def _numbers(value: Any) -> Sequence[float]:
    found: list[float] = [] if value is None else np.atleast_1d(value).astype(float).tolist()
    return found


def calibration_of(result: ExecutorResult, parts: Sequence[Mapping[str, Any]]) -> Calibration | None:
    """Return the readout error of each bit; ``None`` if no item of the program measures it."""
    found = [part for part in parts if part.get("mitigation") == "trex"]
    if not found:
        return None
    item = result.items[found[-1]["program_item_index"]]
    bits = flipped_back(item, "_trex_cal" if "_trex_cal" in item else _REGISTER)
    rates: Calibration = bits.mean(axis=(0, 1))
    return rates


def expectations(
    items: Sequence[ExecutorItem], task: Task, calibration: Calibration | None
) -> tuple[dict[str, Any], Any]:
    """Return the fields of a pub's data, and the chosen extrapolators (``None`` without extrapolation).

    Args:
        items: The items of the program that belong to the task.
        task: The task.
        calibration: The readout error of each bit, if the program measures it.

    Raises:
        ValueError: If the data do not have the shape of the task.
        KeyError: If an item lacks an array.
    """
    if task.is_calibrated and calibration is None:
        raise ValueError("the calibration of its readout is missing")
    scale = _scale(calibration if task.is_calibrated else None)
    if task.noise_factors:
        data = _amplified(items, task)
        return _extrapolated_fields(data, task, scale)
    [item] = items
    data = flipped_back(item, _REGISTER)
    if data.ndim != 4:
        raise ValueError(f"expected bits with 4 axes, got {data.ndim}")
    signs = None
    if task.mitigation == "pec":
        # The values of a randomization with an odd number of inserted errors are negated.
        signs = 1 - 2 * (np.sum(item[SIGNS], axis=-1) % 2).astype(int)
    return _mean_fields(data, signs, task, scale), None


def _amplified(items: Sequence[ExecutorItem], task: Task) -> NDArray[Any]:
    """The bits at each noise factor, which is the first axis."""
    arrays = [flipped_back(item, _REGISTER) for item in items]
    data: NDArray[Any] = arrays[0] if task.mitigation == "pea" else np.stack(arrays)
    if data.ndim != 5 or len(data) != len(task.noise_factors):
        raise ValueError(f"expected bits with 5 axes, {len(task.noise_factors)} noise factors, got {data.shape}")
    return data


# One term


@frozen
class _Moments:
    """The mean of a term, and its variances."""

    mean: float
    of_shots: float
    """The variance of the values of all shots."""
    of_twirls: float
    """The variance of the means of the randomizations."""


def _moments(term: str, bits: NDArray[Any], signs: NDArray[Any] | None = None) -> _Moments:
    """The moments of a term, from bits of the shape ``(randomizations, shots, bits)``. The bit of qubit 0 is first."""
    letters = np.array(list(term))[::-1]
    parity = np.isin(letters, list("XYZ"))
    values = 1 - 2 * (bits[..., parity].sum(axis=-1) % 2)
    if signs is not None:
        values = values * signs[:, np.newaxis]
    low, high = np.isin(letters, list("0+r")), np.isin(letters, list("1-l"))
    if low.any() or high.any():
        values = np.where(~bits[..., low].any(axis=-1) & bits[..., high].all(axis=-1), values, 0)
    mean = values.mean()
    of_shots = np.mean(values**2) - mean**2
    of_twirls = of_shots if len(values) == 1 else np.var(values.mean(axis=-1))
    return _Moments(float(mean), float(of_shots), float(of_twirls))


def _place(term: str, bases: Sequence[tuple[str, int]]) -> int:
    """The index in the data at which a term was measured: the index of the first basis that fits all its qubits."""
    wanted = term.translate(_AXES)
    for basis, place in bases:
        if all(letter in ("I", axis) for letter, axis in zip(wanted, basis.lstrip("+-"), strict=True)):
            return place
    raise ValueError(f"no basis was measured for the term {term}")


def _scale(calibration: Calibration | None) -> Callable[[str], float]:
    """Return a function from a term to the factor that corrects its readout errors."""

    def of_term(term: str) -> float:
        if calibration is None:
            return 1.0
        acted_on = [qubit for qubit, letter in enumerate(reversed(term)) if letter != "I"]
        # The fidelity of a Pauli operator under errors with these rates.
        return float(1 / math.prod(math.exp(-2 * calibration[qubit]) for qubit in acted_on))

    return of_term


def _terms(task: Task, place: Index) -> tuple[list[tuple[str, float]], Sequence[tuple[str, int]]]:
    """The terms of the observable at an index of the result, and the measured bases for its parameters."""
    observable = task.observables[_within(place, task.observables.shape)]
    return [*observable.items()], task.bases[_within(place, task.shape)]


def _within(place: Index, shape: Index) -> Index:
    """The index into an array that is broadcast, for an index of the result."""
    own = place[len(place) - len(shape) :]
    return tuple(0 if size == 1 else index for index, size in zip(own, shape, strict=True))


# All values of a pub


def _mean_fields(
    data: NDArray[Any], signs: NDArray[Any] | None, task: Task, scale: Callable[[str], float]
) -> dict[str, Any]:
    shape = task.result_shape
    means, of_shots, of_twirls = (np.zeros(shape) for _ in range(3))
    for place in np.ndindex(shape):
        terms, bases = _terms(task, place)
        for term, coefficient in terms:
            at = _place(term, bases)
            found = _moments(term, data[:, at], None if signs is None else signs[:, at])
            factor = coefficient * scale(term) * task.gamma
            means[place] += factor * found.mean
            of_shots[place] += factor**2 * found.of_shots
            of_twirls[place] += factor**2 * found.of_twirls
    stds, ensemble = _errors(of_shots, of_twirls, data.shape[0], data.shape[-2])
    return {"evs": means, "stds": stds, "ensemble_standard_error": ensemble}


def _errors(of_shots: Any, of_twirls: Any, randomizations: int, shots: int) -> tuple[Any, Any]:
    """The standard errors: of the means of the randomizations, and of all shots as one ensemble."""
    ensemble = np.sqrt(of_shots / (randomizations * shots))
    return ensemble.copy() if randomizations == 1 else np.sqrt(of_twirls / randomizations), ensemble


def _extrapolated_fields(
    data: NDArray[Any], task: Task, scale: Callable[[str], float]
) -> tuple[dict[str, Any], NDArray[Any]]:
    shape, how = task.result_shape, task.extrapolation
    means, variances = np.zeros(shape), np.zeros(shape)
    at_factors = [np.zeros((*shape, len(how.noise_factors))) for _ in range(3)]
    beyond = [np.zeros((*shape, len(how.models), len(how.evaluated_at))) for _ in range(2)]
    chosen = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        terms, bases = _terms(task, place)
        names = set()
        for term, coefficient in terms:
            at, factor = _place(term, bases), coefficient * scale(term)
            found = [_moments(term, bits[:, at]) for bits in data]
            at_factors[0][place] += factor * np.array([each.mean for each in found])
            at_factors[1][place] += factor**2 * np.array([each.of_shots for each in found])
            at_factors[2][place] += factor**2 * np.array([each.of_twirls for each in found])
            fit = extrapolated([each.mean for each in found], [math.sqrt(each.of_shots) for each in found], term, how)
            names.add(fit.model)
            means[place] += factor * fit.value
            variances[place] += factor**2 * fit.error**2
            beyond[0][place] += factor * fit.values
            beyond[1][place] += factor**2 * fit.errors**2
        chosen[place] = names.pop() if len(names) == 1 else "multiple"
    stds, ensemble = _errors(at_factors[1], at_factors[2], data.shape[1], data.shape[-2])
    fields: dict[str, Any] = {
        "evs": means,
        "stds": np.sqrt(variances),
        "evs_noise_factors": at_factors[0],
        "stds_noise_factors": stds,
        "ensemble_stds_noise_factors": ensemble,
    }
    values, errors = (beyond[0], np.sqrt(beyond[1])) if how.evaluated_at else (None, None)
    fields |= {"evs_extrapolated": values, "stds_extrapolated": errors}
    return fields, chosen.astype(str)
