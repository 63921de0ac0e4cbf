"""The versions of the client that submitted a job, read from the texts that the service returns."""

from __future__ import annotations

import re
from typing import Final

_LONGEST_CALLER: Final = 2000
"""Characters of a ``caller`` that are read."""
_PREFIX: Final = "qiskit-version-2/"
"""The name of the list's format. It is not a version of qiskit."""
_NAME: Final = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)
_VERSION: Final = re.compile(r"\d[\w.+]*", re.ASCII)
_LISTED: Final = re.compile(r"(?P<name>[A-Za-z][\w.-]*?)-(?P<version>\d[\w.+]*)\*?", re.ASCII)
"""A package that the client has imported has an asterisk at its end."""


def named_versions(caller: str) -> dict[str, str]:
    """Return the packages that a client reported, with their versions: package -> version.

    Source: ``caller`` of ``GET /jobs/ID/metrics``. A package is a list item ``NAME-VERSION``, or ``NAME/VERSION``.

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


def classic_versions(text: str) -> dict[str, str]:
    """Return the versions that IBM Quantum Platform Classic returned: package -> version; empty for an empty text.

    Source: ``qiskit_version`` of ``GET /jobs/ID/metrics``. Two versions are those of the client and of qiskit's core;
    a single one is that of qiskit as a whole.

    Example:
        >>> classic_versions("0.1.0,0.21.2")
        {'qiskit-ibm-provider': '0.1.0', 'qiskit-terra': '0.21.2'}
        >>> classic_versions("0.45.1")
        {'qiskit': '0.45.1'}
    """
    if not text:
        return {}
    versions = text.split(",")
    if len(versions) == 1:
        return {"qiskit": versions[0]}
    return dict(zip(("qiskit-ibm-provider", "qiskit-terra"), versions, strict=False))
