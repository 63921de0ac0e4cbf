"""A question to a client of an account, answered with a value or a documented exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ibm_circuit_job import clients
from ibm_circuit_job.errors import IBMError, to_exception

_T = TypeVar("_T")


def asked(question: Callable[[], _T], kind: type[IBMError]) -> _T:
    """Return what a client answers; where it raises, raise the documented exception instead.

    Example:
        >>> from ibm_circuit_job.errors import IBMBackendApiError
        >>> asked(lambda: ["ibm_fez"], IBMBackendApiError)
        ['ibm_fez']
    """
    try:
        return question()
    except clients.RequestFailed as error:
        raise to_exception(error.failure, kind) from None
