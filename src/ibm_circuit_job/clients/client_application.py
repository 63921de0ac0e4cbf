"""How requests name the program that sends them, in the header ``x-qx-client-application``.

The service returns it as ``caller`` in the metrics of a job. The value has the form that ``qiskit-ibm-runtime`` uses:
``qiskit-version-2/PACKAGE-VERSION,.../CLIENT``.
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

HEADER: Final = "X-Qx-Client-Application"
"""The name of the header."""
OPT_OUT: Final = "USAGE_DATA_OPT_OUT"
"""The environment variable of the official client; where it is ``"True"``, no versions are sent."""


def client_headers() -> dict[str, str]:
    """Return the header that names this client, its version and that of qiskit; nothing where the user opted out.

    Example:
        >>> client_headers()["X-Qx-Client-Application"].split("/")[-2]
        'ibm-circuit-job'
    """
    return {} if os.environ.get(OPT_OUT) == "True" else {HEADER: _application()}


@lru_cache(maxsize=1)
def _application() -> str:
    return f"qiskit-version-2/qiskit-{_installed('qiskit')}/ibm-circuit-job/{_installed('ibm-circuit-job')}"


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        # It runs from its sources.
        return "0"
