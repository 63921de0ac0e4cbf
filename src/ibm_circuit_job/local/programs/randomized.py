"""Draws random parameter values from a samplex, for twirling, changes of basis and injected noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from samplomatic.samplex import Samplex

from ibm_circuit_job.local.programs.refusals import CannotRun

ANGLES: Final = "parameter_values"
"""The output of a samplex with the parameter values of its circuit."""
_CLOSE: Final = 1e-9
"""Radians up to which an angle is rounded to a multiple of pi/2."""


def bound(samplex: Samplex, arguments: Mapping[str, Any], path: str) -> Any:
    """Return the inputs of a samplex, bound to values.

    Args:
        samplex: The samplex.
        arguments: Name of an input -> value.
        path: The path of the arguments, for messages.

    Raises:
        CannotRun: If a value does not fit, or one is missing.
    """
    try:
        inputs = samplex.inputs().make_broadcastable().bind(**arguments)
    except Exception as error:  # noqa: BLE001 - anything may be given
        raise CannotRun(f"{path}: {error}") from None
    if not inputs.fully_bound:
        raise CannotRun(f"{path}: missing are {inputs.describe(prefix='', include_bound=False)}")
    return inputs


def drawn(
    samplex: Samplex, inputs: Any, shape: Sequence[int], random: np.random.Generator, path: str
) -> dict[str, Any]:
    """Draw from a samplex.

    Args:
        samplex: The samplex.
        inputs: Its inputs, as :func:`bound` returns them.
        shape: The shape of the array of draws. Along axes that the inputs do not have, each draw is independent.
        random: The source of randomness.
        path: The path of the shape, for messages.

    Returns:
        Name of an output -> array, with the axes of *shape*, then those of the output.

    Raises:
        CannotRun: If the inputs cannot be broadcast to the shape.
    """
    shape = tuple(shape)
    try:
        fits = np.broadcast_shapes(shape, inputs.shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise CannotRun(
            f"{path}: expected a shape to which arguments of shape {inputs.shape} can be broadcast, got {shape}."
        )
    padded = (1,) * (len(shape) - inputs.ndim) + tuple(inputs.shape)
    swept = [axis for axis, size in enumerate(padded) if size > 1]
    free = [axis for axis, size in enumerate(padded) if size <= 1]
    sizes, repeats = [shape[axis] for axis in swept], [shape[axis] for axis in free]
    found: dict[str, Any] = {}
    for place in np.ndindex(*sizes):
        at = dict(zip(swept, place, strict=True))
        index = tuple(at.get(axis, 0) for axis in range(len(shape) - inputs.ndim, len(shape)))
        sample = samplex.sample(inputs[index], num_randomizations=math.prod(repeats), rng=random, max_workers=1)
        for name, array in sample.items():
            if isinstance(array, np.ndarray):
                own = array.shape[1:]
                whole = found.setdefault(name, np.empty((*sizes, *repeats, *own), array.dtype))
                whole[place] = array.reshape(*repeats, *own)
    order = np.argsort([*swept, *free])
    found = {name: array.transpose(*order, *range(len(shape), array.ndim)) for name, array in found.items()}
    if ANGLES in found:
        found[ANGLES] = _exact(found[ANGLES])
    return found


def _exact(angles: Any) -> Any:
    """Return the angles, with those near a multiple of pi/2 made exact, since stabilizers need exact ones."""
    nearest = np.round(angles / (np.pi / 2)) * (np.pi / 2)
    return np.where(np.abs(angles - nearest) < _CLOSE, nearest, angles)
