"""Fractional gates: which gates are fractional, and the configuration of a device without them.

IBM calls a gate fractional if it has an angle and takes time, as ``rx`` and ``rzz``. The gates ``rz``, ``p`` and
``u1`` take no time, so they are not fractional. Some devices run no fractional gates in circuits with control flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from qiskit.circuit.library.standard_gates import get_standard_gate_name_mapping

from ibm_circuit_job.errors import IBMBackendValueError

_NOT_FRACTIONAL: Final = frozenset({"rz", "p", "u1", "delay"})
"""Instructions with a parameter that changes no pulse."""


@cache
def _fractional_names() -> frozenset[str]:
    known = get_standard_gate_name_mapping()
    return frozenset(name for name, gate in known.items() if gate.params and name not in _NOT_FRACTIONAL)


def is_fractional(name: object) -> bool:
    """Return whether this is the name of a fractional gate.

    Example:
        >>> [is_fractional(name) for name in ("rx", "rzz", "rz", "cz", "measure")]
        [True, True, False, False, False]
    """
    return isinstance(name, str) and name in _fractional_names()


def without_fractional_gates(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the service's configuration of a device without its fractional gates.

    The gates are removed from ``basis_gates``, ``gates`` and ``supported_instructions``. A field that is no list stays
    as it is.

    Args:
        configuration: The reply to ``GET /backends/NAME/configuration``; it is not changed.

    Example:
        >>> without_fractional_gates({"basis_gates": ["cz", "rx", "rzz"], "gates": [{"name": "rx"}]})
        {'basis_gates': ['cz'], 'gates': []}
    """
    left = dict(configuration)
    for field in ("basis_gates", "supported_instructions"):
        if isinstance(left.get(field), (list, tuple)):
            left[field] = [name for name in left[field] if not is_fractional(name)]
    if isinstance(left.get("gates"), (list, tuple)):
        left["gates"] = [
            gate for gate in left["gates"] if not (isinstance(gate, Mapping) and is_fractional(gate.get("name")))
        ]
    return left


def checked_choice(use_fractional_gates: object) -> bool | None:
    """Return the argument ``use_fractional_gates``, checked.

    Raises:
        IBMBackendValueError: If it is neither True, False nor None.
    """
    if use_fractional_gates is None or isinstance(use_fractional_gates, bool):
        return use_fractional_gates
    raise IBMBackendValueError(f"expected use_fractional_gates to be True, False or None, got {use_fractional_gates!r}")
