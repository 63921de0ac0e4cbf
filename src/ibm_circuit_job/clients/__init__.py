"""Thin REST clients of the service: they send requests, return the bytes of replies, and raise what went wrong.

They do not interpret jobs. A module of this package is imported when one of its names is first used; ``requests`` and
``websocket`` are imported with it.
"""

from typing import TYPE_CHECKING, Final

from ibm_circuit_job.lazy_names import lazy_names

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
    {
        "account_file",
        "credentials",
        "instances",
        "log_in_errors",
        "no_account",
        "object_store",
        "oldest_jobs",
        "pasted",
        "private_files",
    }
)
"""The modules that other packages import as modules."""

if TYPE_CHECKING:
    from ibm_circuit_job.clients import account_file as account_file
    from ibm_circuit_job.clients import credentials as credentials
    from ibm_circuit_job.clients import instances as instances
    from ibm_circuit_job.clients import log_in_errors as log_in_errors
    from ibm_circuit_job.clients import no_account as no_account
    from ibm_circuit_job.clients import object_store as object_store
    from ibm_circuit_job.clients import oldest_jobs as oldest_jobs
    from ibm_circuit_job.clients import pasted as pasted
    from ibm_circuit_job.clients import private_files as private_files
    from ibm_circuit_job.clients.account import AccountClient
    from ibm_circuit_job.clients.http import RequestFailed
    from ibm_circuit_job.clients.parameters import ClientParameters
    from ibm_circuit_job.clients.platform import PlatformAccount, PlatformClient
    from ibm_circuit_job.clients.protocols import JobClient, StreamingClient
    from ibm_circuit_job.clients.runtime import RuntimeClient
else:
    __getattr__, __dir__ = lazy_names(__name__, modules=_MODULES, module_of=_MODULE_OF)
