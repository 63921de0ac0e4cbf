"""least_busy: the backend that has the fewest jobs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from ibm_circuit_job.errors import IBMError

_B = TypeVar("_B")
_ACTIVE = frozenset({"active", "online"})
"""How a service calls a backend that runs jobs: IBM Quantum Platform's listing says ``online``."""


def least_busy(backends: Iterable[_B]) -> _B:
    """Return the backend that has the fewest jobs, of those that take jobs and run them. Each is asked for its status.

    Args:
        backends: The backends: anything with a ``status()``.

    Returns:
        The backend; of several, the first.

    Raises:
        IBMError: If there is none, if none is operational and active, or if one does not say how many jobs it has.
        IBMBackendApiError: If the service refused or could not be reached.

    Example:
        >>> from ibm_circuit_job import IBMProvider
        >>> with IBMProvider.local(store=None) as provider:
        ...     least_busy(provider.backends(simulator=False, min_num_qubits=20)).name
        'local_27q'
    """
    found = list(backends)
    if not found:
        raise IBMError("expected at least one backend to choose the least busy of, got none")
    asked = [(backend, _status_of(backend)) for backend in found]
    try:
        active = [
            (backend, said.pending_jobs) for backend, said in asked if said.operational and said.status_msg in _ACTIVE
        ]
    except AttributeError as error:
        raise IBMError(f"expected a status that says how busy the backend is: {error}") from None
    if not active:
        said = ", ".join(f"{_name(backend)} ({status.status_msg})" for backend, status in asked)
        raise IBMError(f"expected a backend that is operational and active, got {said}")
    return min(active, key=lambda each: each[1])[0]


def _status_of(backend: Any) -> Any:
    if not callable(getattr(backend, "status", None)):
        raise IBMError(f"expected backends with a status(), {_name(backend)} has none")
    return backend.status()


def _name(backend: Any) -> str:
    return str(getattr(backend, "name", backend))
