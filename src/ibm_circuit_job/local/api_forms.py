"""The versions of the API of IBM Quantum Platform, and which fields a reply has in each version. Pure.

Source: IBM's API description (``get_versions``) and the release notes of its versions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

SUNSETS: Final[Mapping[str, str | None]] = {
    "2024-01-01": "2027-01-01",
    "2025-01-01": "2027-01-01",
    "2025-05-01": "2027-01-01",
    "2026-02-01": "2027-02-01",
    "2026-02-15": "2027-02-15",
    "2026-03-15": None,
    "2026-04-15": None,
}
"""API version, oldest first -> the date from which IBM may withdraw it; ``None`` if IBM has set no date."""

_SINCE: Final[Mapping[str, Mapping[str, str]]] = {
    "usage": {"qpu_charge_time_seconds": "2026-03-15", "status": "2026-03-15"},
    "metrics": {"circuits_execution_time_ns": "2026-04-15"},
}
"""Kind of reply -> field -> the first version that has it."""
_UNTIL: Final[Mapping[str, Mapping[str, str]]] = {
    "usage": {"quantum_seconds": "2026-03-15", "seconds": "2026-03-15"},
    "job": {"bss": "2026-03-15"},
    "metrics": {"bss": "2026-03-15"},
}
"""Kind of reply -> field -> the first version without it."""
_NEVER: Final[Mapping[str, Collection[str]]] = {
    "metrics": frozenset(
        ("position_in_queue", "position_in_provider", "estimated_start_time", "estimated_completion_time")
    ),
    "backend_status": frozenset(("backend_name",)),
}
"""Kind of reply -> the fields that only the API of IBM Quantum Platform Classic has."""


def listed(withdrawn: Collection[str] = ()) -> list[dict[str, str]]:
    """Return the versions, as in the reply to ``GET /versions``.

    Args:
        withdrawn: Versions that are not served any more, and not listed.

    Example:
        >>> known = ["2024-01-01", "2025-01-01", "2025-05-01", "2026-02-01", "2026-02-15"]
        >>> listed(withdrawn=known)
        [{'version': '2026-03-15', 'status': 'live'}, {'version': '2026-04-15', 'status': 'live'}]
    """
    return [
        {"version": version, "status": "live"}
        if sunset is None
        else {"version": version, "status": "deprecated", "sunset_date": sunset}
        for version, sunset in SUNSETS.items()
        if version not in withdrawn
    ]


def formed(kind: str, reply: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Return the fields that a reply has in one version of the API, without fields that are ``None``.

    Args:
        kind: ``"job"``, ``"metrics"``, ``"usage"`` or ``"backend_status"``. A reply of any other kind has all fields.
        reply: The fields of all versions.
        version: The version that the request names.

    Example:
        >>> usage = {"seconds": 2.0, "quantum_seconds": 2.0, "qpu_charge_time_seconds": 2.0, "status": "complete"}
        >>> formed("usage", usage, "2026-02-15")
        {'seconds': 2.0, 'quantum_seconds': 2.0}
        >>> formed("usage", usage, "2026-03-15")
        {'qpu_charge_time_seconds': 2.0, 'status': 'complete'}
    """
    since, until, never = _SINCE.get(kind, {}), _UNTIL.get(kind, {}), _NEVER.get(kind, ())
    fields = {
        name: value
        for name, value in reply.items()
        if value is not None
        and name not in never
        and since.get(name, "") <= version
        and (name not in until or version < until[name])
    }
    if "usage" in fields:
        fields["usage"] = formed("usage", fields["usage"], version)
    if "timestamps" in fields:
        fields["timestamps"] = {step: moment for step, moment in fields["timestamps"].items() if moment is not None}
    return fields
