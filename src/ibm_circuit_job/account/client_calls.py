"""Calls of a client of an account, whose failures become documented exceptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ibm_circuit_job import clients
from ibm_circuit_job.errors import IBMError, to_exception

_T = TypeVar("_T")


def replied(call: Callable[[], _T], kind: type[IBMError]) -> _T:
    """Return what a call of a client returns.

    Args:
        call: Sends the request.
        kind: The documented exception to raise if the request failed.

    Raises:
        IBMError: Of this *kind*, if the service refused or could not be reached.

    Example:
        >>> from ibm_circuit_job.errors import IBMBackendApiError
        >>> replied(lambda: ["ibm_fez"], IBMBackendApiError)
        ['ibm_fez']
    """
    try:
        return call()
    except clients.RequestFailed as error:
        raise to_exception(error.failure, kind) from None
