"""The providers of this process for unpickled handles: each factory of providers is called once."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

from ibm_circuit_job.errors import IBMJobInvalidStateError
from ibm_circuit_job.threads.locks import ForkFreeLock, PerProcess


class AttachesJobs(Protocol):
    """An object that connects handles: an ``IBMProvider``."""

    def attach(self, job: Any) -> Any:
        """Give a handle a connection."""


ProviderFactory: TypeAlias = Callable[[], AttachesJobs]
"""Returns a provider; can be pickled, so that it works in any process."""

_providers: Final[PerProcess[dict[object, AttachesJobs]]] = PerProcess(dict)
"""The providers of this process, by their factories. A fork has its own providers."""
_lock: Final = ForkFreeLock()


def checked_factory(factory: Any) -> ProviderFactory:
    """Return a factory of providers.

    Raises:
        IBMJobInvalidStateError: If it cannot be called, for example because it is a provider.
    """
    if not callable(factory):
        raise IBMJobInvalidStateError(
            "expected provider_factory to be a function that returns an IBMProvider, or the class IBMProvider, got "
            f"{type(factory).__name__}"
        )
    made: ProviderFactory = factory
    return made


def provider_of(factory: ProviderFactory) -> AttachesJobs:
    """Return the provider of a factory, called once in a process. Equal factories share one provider.

    Raises:
        IBMJobInvalidStateError: If the factory returned something else than a provider.
        Exception: What the factory raises. It is called again for the next handle.

    Example:
        >>> from types import SimpleNamespace
        >>> def provider():
        ...     return SimpleNamespace(attach=lambda job: job)
        >>> provider_of(provider) is provider_of(provider)
        True
    """
    key = _identity(factory)
    with _lock():
        found = _providers().get(key)
        if found is None:
            found = factory()
            if not callable(getattr(found, "attach", None)):
                raise IBMJobInvalidStateError(
                    f"expected provider_factory to return an IBMProvider, got {type(found).__name__}"
                )
            _providers()[key] = found
    return found


def _identity(factory: ProviderFactory) -> object:
    """Return a key that is equal for two unpickled copies of a factory, such as a ``functools.partial``."""
    try:
        return pickle.dumps(factory)
    except Exception:  # noqa: BLE001 - a function outside a module is its own key; cloudpickle can pickle it
        return factory
