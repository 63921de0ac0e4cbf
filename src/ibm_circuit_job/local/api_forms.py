"""The versions of the API, and what of a reply each of them has. Pure.

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
"""The API versions, oldest first, and from when on IBM may withdraw each; ``None`` for one that is live."""

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
"""Kind of reply -> field -> the first version that has it no more."""
_NEVER: Final[Mapping[str, Collection[str]]] = {
    "metrics": frozenset(
        ("position_in_queue", "position_in_provider", "estimated_start_time", "estimated_completion_time")
    ),
    "backend_status": frozenset(("backend_name",)),
}
"""Kind of reply -> what only the legacy dialect has."""


def listed(withdrawn: Collection[str] = ()) -> list[dict[str, str]]:
    """Return the versions as ``GET /versions`` lists them.

    Args:
        withdrawn: Versions that are not served any more.

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
    """Return a reply as one version of the API has it. What is ``None`` is left out.

    Args:
        kind: ``"job"``, ``"metrics"``, ``"usage"`` or ``"backend_status"``.
        reply: All that any version has.
        version: The version that the request names.

    Example:
        >>> usage = {"seconds": 2.0, "quantum_seconds": 2.0, "qpu_charge_time_seconds": 2.0, "status": "complete"}
        >>> formed("usage", usage, "2026-02-15")
        {'seconds': 2.0, 'quantum_seconds': 2.0}
        >>> formed("usage", usage, "2026-03-15")
        {'qpu_charge_time_seconds': 2.0, 'status': 'complete'}
    """
    since, until, never = _SINCE.get(kind, {}), _UNTIL.get(kind, {}), _NEVER.get(kind, ())
    kept = {
        name: value
        for name, value in reply.items()
        if value is not None
        and name not in never
        and since.get(name, "") <= version
        and (name not in until or version < until[name])
    }
    if "usage" in kept:
        kept["usage"] = formed("usage", kept["usage"], version)
    if "timestamps" in kept:
        kept["timestamps"] = {step: moment for step, moment in kept["timestamps"].items() if moment is not None}
    return kept
