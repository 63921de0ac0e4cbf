"""Documented exceptions that are an ``AttributeError`` as well, for attributes that have to be asked for.

``hasattr``, ``getattr`` with a default and ``inspect.getmembers`` catch an ``AttributeError`` and nothing else. So an
attribute that cannot be had now looks absent to them, and the caller who names it gets the documented exception.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar

from ibm_circuit_job.errors import IBMError

_T = TypeVar("_T")


def missing_attribute(error: IBMError) -> IBMError:
    """Return the exception as one that is an ``AttributeError`` as well. A pickle of it is the exception itself.

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
    """Decorate the function of a property: a documented exception that it raises is an ``AttributeError`` as well.

    Of an object with ``__getattr__``, which Python calls then: it is to begin with :func:`property_again`. Else the
    service would be asked a second time.
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
    """Return the value of a property for which Python has called ``__getattr__``, in a tuple.

    Python does so where the property has raised an ``AttributeError``, and drops that one.

    Returns:
        The value in a tuple; ``None`` where there is no property of that name.

    Raises:
        IBMError: What the property has just raised in this thread; it is not read a second time then.
        AttributeError: If another one was raised below the property, which is not to be dropped.
    """
    owner, of, error = _last.__dict__.pop("raised", (None, None, None))
    if owner is self and of == name:
        raise error
    member = getattr(type(self), name, None)
    return (member.fget(self),) if isinstance(member, property) and member.fget is not None else None


_last = threading.local()
