"""The value without noise, extrapolated from the values at several noise factors.

All requested models are fitted. The first model with a possible value is chosen; if there is none, the model with the
smallest error. Source: ``qiskit_mitigation.zne.extrapolation`` 0.1.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from attrs import frozen
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

_POLYNOMIAL: Final = re.compile(r"polynomial_degree_([1-7])")
_ONLY_PROJECTORS: Final = re.compile(r"[I01lr+\-]+")
_FITS: Final = frozenset({"exponential", "double_exponential", "fallback"})
_SMALLEST: Final = 1e-15
"""The smallest value of which a logarithm is taken; smaller values are raised to it."""
_STEP: Final = 1e-8
"""The relative step of a parameter for the numerical derivative of a model."""

Numbers = NDArray[np.float64]
_Model = tuple[Callable[..., Any], list[float], tuple[Any, Any]]
"""(function, initial parameters, bounds of the parameters)."""


@frozen
class Extrapolation:
    """How values without noise are extrapolated."""

    noise_factors: tuple[float, ...] = ()
    """The factors by which the noise was amplified."""
    models: tuple[str, ...] = ()
    """The models in the order of preference: ``linear``, ``polynomial_degree_2``, ``exponential`` ..."""
    evaluated_at: tuple[float, ...] = ()
    """Further noise factors at which each model is evaluated."""


@frozen(eq=False)
class Fit:
    """The extrapolated values of one term."""

    value: float
    """The value without noise."""
    error: float
    """The standard error of the value."""
    model: str
    """The chosen model."""
    values: Numbers
    """The values at the further noise factors: an array of shape ``(models, factors)``."""
    errors: Numbers
    """The standard errors of these values, in the same shape."""


def extrapolated(values: Sequence[float], errors: Sequence[float], term: str, how: Extrapolation) -> Fit:
    """Return the extrapolated values of one term.

    Args:
        values: The mean of the term at each noise factor.
        errors: The standard deviations at each noise factor.
        term: The term, as letters; it determines the possible values.
        how: The noise factors and the models.

    Raises:
        ValueError: If a model is not known.

    Example:
        >>> how = Extrapolation((1, 2, 3), ("linear",))
        >>> round(extrapolated([0.9, 0.8, 0.7], [0.1, 0.1, 0.1], "ZZ", how).value, 6)
        1.0
    """
    at = np.array([0.0, *how.evaluated_at])
    x, y, sigma = (np.asarray(each, dtype=float) for each in (how.noise_factors, values, errors))
    fitted = [_evaluated(model, x, y, sigma, at) for model in how.models]
    found, stds = np.array([each[0] for each in fitted]), np.array([each[1] for each in fitted])
    taken = _taken(found[:, 0], stds[:, 0], term)
    value, error = (float(np.nan_to_num(each[taken, 0], nan=np.inf)) for each in (found, stds))
    return Fit(value, error, how.models[taken], found[:, 1:], stds[:, 1:])


def _taken(values: Numbers, errors: Numbers, term: str) -> int:
    """The index of the first model with a possible value, else of the one with the smallest error."""
    low = 0.0 if _ONLY_PROJECTORS.fullmatch(term) else -1.0
    possible = (
        np.isfinite(values)
        & np.isfinite(errors)
        & (errors <= 1.0)
        & (values - errors >= low - 1.0)
        & (values + errors <= 2.0)
    )
    return int(np.argmax(possible) if possible.any() else np.argmin(np.nan_to_num(errors, nan=np.inf)))


def _evaluated(model: str, x: Numbers, y: Numbers, sigma: Numbers, at: Numbers) -> tuple[Numbers, Numbers]:
    """The values of a fitted model, and their errors; NaN if the model cannot be fitted."""
    from scipy.optimize import curve_fit  # noqa: PLC0415 - costly, and few results need it

    if model not in _FITS and _degree(model) is None:
        raise ValueError(f"the extrapolator {model!r} is not known")
    if model == "fallback":
        least = int(np.argmin(x))
        return np.full(at.shape, y[least]), np.full(at.shape, sigma[least])
    usable = _usable(sigma)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function, start, bounds = _model(model, x, y, None if usable is None else 1 / usable)
            found, covariance = curve_fit(function, x, y, p0=start, sigma=usable, bounds=bounds)
            return _with_errors(function, found, covariance, at)
    except Exception:  # noqa: BLE001 - too few values, or no fit; another model may fit
        return np.full(at.shape, np.nan), np.full(at.shape, np.nan)


def _usable(sigma: Numbers) -> Numbers | None:
    """Errors that can weight a fit, without zeros, infinities and NaN; ``None`` if no error is usable."""
    good = sigma[(sigma > 0) & np.isfinite(sigma)]
    return np.clip(np.nan_to_num(sigma, nan=np.inf), good.min(), good.max()) if good.size else None


def _degree(model: str) -> int | None:
    found = _POLYNOMIAL.fullmatch(model)
    return 1 if model == "linear" else int(found[1]) if found else None


def _model(model: str, x: Numbers, y: Numbers, weights: Numbers | None) -> _Model:
    degree = _degree(model)
    if degree is not None:
        return _polynomial, [*np.polyfit(x, y, degree, w=weights)[::-1]], (-np.inf, np.inf)
    number = 1 if model == "exponential" else 2
    start = _exponential_start(x, y, weights, number)
    bounds = (-np.inf, np.inf) if number == 1 else ([-np.inf, -np.inf] * 2, [np.inf, 0.0] * 2)
    return _exponentials, start, bounds


def _polynomial(x: Numbers, *coefficients: float) -> Numbers:
    return np.array(polyval(np.asarray(x, dtype=float), coefficients))


def _exponentials(x: Numbers, *parameters: float) -> Numbers:
    """The sum of exponentials, each of an amplitude and a rate."""
    total = np.zeros_like(np.asarray(x, dtype=float))
    for amplitude, rate in zip(parameters[::2], parameters[1::2], strict=True):
        total = total + amplitude * np.exp(rate * np.asarray(x, dtype=float))
    return total


def _exponential_start(x: Numbers, y: Numbers, weights: Numbers | None, number: int) -> list[float]:
    """The initial parameters for exponentials: from a line through the logarithms of the values."""
    size = np.clip(np.abs(y), _SMALLEST, None)
    # The error of a logarithm is the error of the value, divided by the value.
    rate, level = np.polyfit(x, np.log(size), 1, w=None if weights is None else size * weights)
    amplitude = (np.sign(y[np.argmin(x)]) or 1.0) * np.exp(level)
    if number == 2:
        rate = -abs(rate)
    # The rates must differ, because two equal exponentials would stay equal.
    return [value for part in range(number) for value in (amplitude / number, rate * (part + 1))]


def _with_errors(function: Callable[..., Any], found: Any, covariance: Any, at: Numbers) -> tuple[Numbers, Numbers]:
    """The values of a model, and their errors from the covariance of its parameters."""
    values = np.asarray(function(at, *found), dtype=float)
    slopes = np.empty((values.size, len(found)))
    for number in range(len(found)):
        moved = np.array(found, dtype=float)
        step = _STEP * max(abs(found[number]), 1.0)
        moved[number] += step
        slopes[:, number] = (np.asarray(function(at, *moved), dtype=float) - values) / step
    variances = np.einsum("ij,jk,ik->i", slopes, covariance, slopes)
    return values, np.sqrt(np.clip(variances, 0.0, None))
