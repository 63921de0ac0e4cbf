"""The versions of the client that submitted a job, in the texts in which the service returns them."""

from __future__ import annotations

import re
from typing import Final

_LONGEST_CALLER: Final = 2000
_PREFIX: Final = "qiskit-version-2/"
"""Which form follows; it is no version of qiskit."""
_NAME: Final = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)
_VERSION: Final = re.compile(r"\d[\w.+]*", re.ASCII)
_LISTED: Final = re.compile(r"(?P<name>[A-Za-z][\w.-]*?)-(?P<version>\d[\w.+]*)\*?", re.ASCII)
"""An asterisk says that the package was imported."""


def named_versions(caller: str) -> dict[str, str]:
    """Return the packages that a client names with their versions: package -> version.

    Source: ``caller`` of a metrics reply. Versions stand in a list, as ``NAME-VERSION``, or as ``NAME/VERSION``.

    Example:
        >>> named_versions("qiskit/2.6.2/ibm-circuit-job/0.1.0")
        {'qiskit': '2.6.2', 'ibm-circuit-job': '0.1.0'}
        >>> named_versions("qiskit-version-2/qiskit_ibm_runtime-0.51.0,qiskit-2.6.2*/qiskit")
        {'qiskit_ibm_runtime': '0.51.0', 'qiskit': '2.6.2'}
    """
    found: dict[str, str] = {}
    parts = caller[:_LONGEST_CALLER].removeprefix(_PREFIX).split("/")
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        listed = [_LISTED.fullmatch(each) for each in part.split(",")]
        found |= {match["name"]: match["version"] for match in listed if match is not None}
        if _NAME.fullmatch(part) and _VERSION.fullmatch(following):
            found[part] = following
    return found


def kept_versions(told: str) -> dict[str, str]:
    """Return the versions that IBM Quantum Platform Classic returned: package -> version; empty for an empty text.

    Source: ``qiskit_version`` of a metrics reply: of the client and of qiskit's core, or of qiskit as a whole.

    Example:
        >>> kept_versions("0.1.0,0.21.2")
        {'qiskit-ibm-provider': '0.1.0', 'qiskit-terra': '0.21.2'}
        >>> kept_versions("0.45.1")
        {'qiskit': '0.45.1'}
    """
    if not told:
        return {}
    versions = told.split(",")
    if len(versions) == 1:
        return {"qiskit": versions[0]}
    return dict(zip(("qiskit-ibm-provider", "qiskit-terra"), versions, strict=False))
