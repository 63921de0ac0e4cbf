"""least_busy: the backend with the fewest queued jobs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from ibm_circuit_job.errors import IBMError

_B = TypeVar("_B")
_ACTIVE = frozenset({"active", "online"})
"""The service's words for a backend that runs jobs. ``online`` is that of IBM Quantum Platform's listing."""


def least_busy(backends: Iterable[_B]) -> _B:
    """Return the backend with the fewest pending jobs, among those that are operational and active.

    The status of each backend is requested.

    Args:
        backends: The backends: objects with a method ``status()``.

    Returns:
        The backend; the first of those with equally few jobs.

    Raises:
        IBMError: If ``backends`` is empty, if none is operational and active, or if a status has no number of jobs.
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
    statuses = [(backend, _status_of(backend)) for backend in found]
    try:
        active = [
            (backend, status.pending_jobs)
            for backend, status in statuses
            if status.operational and status.status_msg in _ACTIVE
        ]
    except AttributeError as error:
        raise IBMError(f"expected a status that says how busy the backend is: {error}") from None
    if not active:
        listed = ", ".join(f"{_name(backend)} ({status.status_msg})" for backend, status in statuses)
        raise IBMError(f"expected a backend that is operational and active, got {listed}")
    return min(active, key=lambda each: each[1])[0]


def _status_of(backend: Any) -> Any:
    if not callable(getattr(backend, "status", None)):
        raise IBMError(f"expected backends with a status(), {_name(backend)} has none")
    return backend.status()


def _name(backend: Any) -> str:
    return str(getattr(backend, "name", backend))
