"""Thin REST clients for the service: they move bytes, and say what went wrong. They take no decisions.

A module of this package, and with it ``requests`` and ``websocket``, is loaded when its first name is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

__all__ = [
    "AccountClient",
    "ClientParameters",
    "JobClient",
    "PlatformAccount",
    "PlatformClient",
    "RequestFailed",
    "RuntimeClient",
    "StreamingClient",
]

_MODULE_OF: Final = {
    "AccountClient": "account",
    "ClientParameters": "parameters",
    "JobClient": "protocols",
    "PlatformAccount": "platform",
    "PlatformClient": "platform",
    "RequestFailed": "http",
    "RuntimeClient": "runtime",
    "StreamingClient": "protocols",
}
_MODULES: Final = frozenset(
    {"account_file", "credentials", "instances", "log_in_errors", "no_account", "object_store", "pasted"}
)
"""The modules that other rooms use whole."""

if TYPE_CHECKING:
    from ibm_circuit_job.clients import account_file as account_file
    from ibm_circuit_job.clients import credentials as credentials
    from ibm_circuit_job.clients import instances as instances
    from ibm_circuit_job.clients import log_in_errors as log_in_errors
    from ibm_circuit_job.clients import no_account as no_account
    from ibm_circuit_job.clients import object_store as object_store
    from ibm_circuit_job.clients import pasted as pasted
    from ibm_circuit_job.clients.account import AccountClient
    from ibm_circuit_job.clients.http import RequestFailed
    from ibm_circuit_job.clients.parameters import ClientParameters
    from ibm_circuit_job.clients.platform import PlatformAccount, PlatformClient
    from ibm_circuit_job.clients.protocols import JobClient, StreamingClient
    from ibm_circuit_job.clients.runtime import RuntimeClient
else:

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
