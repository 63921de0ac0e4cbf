"""Computes where the qubits of a device are drawn, so that coupled qubits are one unit apart. Pure.

The distances in the drawing approximate the distances in the coupling map: classical scaling gives the first places,
and stress majorization improves them. IBM's lattices look like lattices, without a table for each device.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np

_ROUNDS: Final = 120
"""The number of steps of stress majorization."""


@lru_cache(maxsize=32)
def places(qubits: int, coupling: tuple[tuple[int, int], ...]) -> tuple[tuple[float, float], ...]:
    """Return the place ``(x, y)`` of each qubit, to the right and down from 0, in units of the distance of a pair.

    The longer side of the device is horizontal. Parts of the device that are not connected are drawn side by side.

    Args:
        qubits: The number of qubits.
        coupling: The pairs of coupled qubits, in one direction or both.

    Example:
        >>> places(3, ((0, 1), (1, 2)))
        ((0.0, 0.0), (1.0, 0.0), (2.0, 0.0))
    """
    found = np.zeros((qubits, 2))
    edge = 0.0
    for part in _parts(qubits, coupling):
        found[part] = _drawn(_distances(part, coupling)) + np.array([edge, 0.0])
        edge = float(found[part, 0].max()) + 1.0
    return tuple((round(float(x), 3), round(float(y), 3)) for x, y in found + 0.0)


def _neighbours(qubits: Iterable[int], coupling: Iterable[Sequence[int]]) -> dict[int, set[int]]:
    near: dict[int, set[int]] = {qubit: set() for qubit in qubits}
    for first, second in coupling:
        if first in near and second in near:
            near[first].add(second)
            near[second].add(first)
    return near


def _parts(qubits: int, coupling: Iterable[Sequence[int]]) -> list[list[int]]:
    near, left, parts = _neighbours(range(qubits), coupling), set(range(qubits)), []
    while left:
        part = sorted(_steps_from(min(left), near))
        left.difference_update(part)
        parts.append(part)
    return parts


def _steps_from(start: int, near: dict[int, set[int]]) -> dict[int, int]:
    steps, queue = {start: 0}, deque([start])
    while queue:
        qubit = queue.popleft()
        for other in near[qubit] - steps.keys():
            steps[other] = steps[qubit] + 1
            queue.append(other)
    return steps


def _distances(part: Sequence[int], coupling: Iterable[Sequence[int]]) -> Any:
    near = _neighbours(part, coupling)
    return np.array([[steps[other] for other in part] for steps in (_steps_from(qubit, near) for qubit in part)], float)


def _drawn(distances: Any) -> Any:
    size = len(distances)
    if size == 1:
        return np.zeros((1, 2))
    centred = np.eye(size) - 1.0 / size
    values, vectors = np.linalg.eigh(-0.5 * centred @ distances**2 @ centred)
    found = vectors[:, [-1, -2]] * np.sqrt(np.maximum(values[[-1, -2]], 0.0))
    # Near pairs have the largest weights, since the drawing is to show which qubits are coupled.
    weights = np.divide(1.0, distances**2, out=np.zeros_like(distances), where=distances > 0)
    inverse = np.linalg.pinv(np.diag(weights.sum(axis=1)) - weights)
    wanted = weights * distances
    for _ in range(_ROUNDS):
        apart = np.hypot(*(found[:, None] - found[None]).transpose(2, 0, 1))
        ratio = np.divide(wanted, apart, out=np.zeros_like(apart), where=apart > 1e-9)
        found = inverse @ (ratio.sum(axis=1)[:, None] * found - ratio @ found)
    # Mirrored where needed, so that the first qubit is at the top left.
    found *= np.where(found[0] > 1e-9, -1.0, 1.0)
    return found - found.min(axis=0)
