"""The header ``x-qx-client-application``, which names the program that sends a request.

The service returns its value as ``caller`` in the metrics of a job. The value has the same form as in
``qiskit-ibm-runtime``: ``qiskit-version-2/PACKAGE-VERSION,.../CLIENT``.
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

HEADER: Final = "X-Qx-Client-Application"
"""The name of the header."""
OPT_OUT: Final = "USAGE_DATA_OPT_OUT"
"""The environment variable of the official client that turns the header off: ``"True"``."""


def client_headers() -> dict[str, str]:
    """Return the header that names this client and the versions of it and of qiskit; empty if the user has opted out.

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
        # The package runs from its sources, and is not installed.
        return "0"
