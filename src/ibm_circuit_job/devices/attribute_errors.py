"""Documented exceptions that are also an ``AttributeError``, for attributes that send a request.

``hasattr``, ``getattr`` with a default and ``inspect.getmembers`` catch only ``AttributeError``. To them, an attribute
that cannot be fetched now is absent. A program that reads the attribute itself gets the documented exception.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar

from ibm_circuit_job.errors import IBMError

_T = TypeVar("_T")


def missing_attribute(error: IBMError) -> IBMError:
    """Return the exception as one that is also an ``AttributeError``. It is pickled as the original exception.

    Example:
        >>> from ibm_circuit_job.errors import IBMBackendApiError
        >>> missing = missing_attribute(IBMBackendApiError("no answer"))
        >>> isinstance(missing, AttributeError), isinstance(missing, IBMBackendApiError), missing
        (True, True, IBMBackendApiError('no answer'))
    """
    if isinstance(error, AttributeError):
        return error
    kind: Any = type(error)
    missing: IBMError = _missing_kind(kind)(*error.args)
    missing.__dict__.update(error.__dict__)
    return missing


@cache
def _missing_kind(kind: Any) -> type[IBMError]:
    def reduced(error: IBMError) -> tuple[Any, ...]:
        return kind, error.args, error.__dict__

    return type(kind.__name__, (kind, AttributeError), {"__module__": kind.__module__, "__reduce__": reduced})


def or_missing(read: Callable[[Any], _T]) -> Callable[[Any], _T]:
    """Decorate the function of a property: its documented exceptions are also an ``AttributeError``.

    After an ``AttributeError``, Python calls ``__getattr__`` of the object, if it has one. That method must begin with
    :func:`property_again`, or the request would be sent twice.
    """

    @wraps(read)
    def reading(self: Any) -> _T:
        try:
            return read(self)
        except IBMError as error:
            missing = missing_attribute(error)
            _last.raised = (self, read.__name__, missing)
            raise missing from None

    return reading


def property_again(self: Any, name: str) -> tuple[Any] | None:
    """Return the value of a property, in a tuple, for ``__getattr__``.

    Python calls ``__getattr__`` after a property has raised an ``AttributeError``, and discards that error.

    Returns:
        The value in a tuple; ``None`` if there is no property of that name.

    Raises:
        IBMError: The error that the property has just raised in this thread. The property is not read again then.
        AttributeError: Any other error of the property, which would be lost otherwise.
    """
    owner, of, error = _last.__dict__.pop("raised", (None, None, None))
    if owner is self and of == name:
        raise error
    member = getattr(type(self), name, None)
    return (member.fget(self),) if isinstance(member, property) and member.fget is not None else None


_last = threading.local()
