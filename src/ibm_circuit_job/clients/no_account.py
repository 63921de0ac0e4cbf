"""NoAccount: the account of an unpickled backend or job. It has no connection and no token, only an error message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from attrs import evolve

from ibm_circuit_job.clients.http import RequestFailed
from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.clients.platform import PlatformAccount, PlatformClient
from ibm_circuit_job.clients.runtime import RuntimeClient
from ibm_circuit_job.errors import IBMAccountError, Unsupported, account_error

_PLACEHOLDER: Final = "-"
"""The token of parameters without a token, since they need one."""
_WHY: Final = (
    "there is no connection and no token, as after unpickling; make an IBMProvider, and give the backend or the job to "
    "its attach()"
)


class NoAccount(PlatformAccount):
    """An account without a connection. Every request raises a ``RequestFailed`` that says how to connect again.

    Args:
        params: The parameters of the former account. The token and the proxies in them are not stored.

    Example:
        >>> from ibm_circuit_job.clients import ClientParameters
        >>> NoAccount(ClientParameters("secret", "http://127.0.0.1:8080/api")).client().list_backends()
        Traceback (most recent call last):
        ibm_circuit_job.clients.http.RequestFailed: could not ask the service: there is no connection and no token, \
as after unpickling; make an IBMProvider, and give the backend or the job to its attach()
    """

    def __init__(self, params: ClientParameters) -> None:
        # The constructor of the base class is not called: it makes a session, which could send requests.
        self.params = evolve(params, token=_PLACEHOLDER, proxies=None)
        self.instance = params.instance
        self.chosen = None

    def client(self) -> RuntimeClient:
        """Return a client of jobs and backends on the channel of the account. Each of its requests raises."""
        if self.params.channel == "ibm_quantum_platform":
            return PlatformClient(self.params, account=self)
        return RuntimeClient(self.params, account=self)

    def headers(self, rejected: Mapping[str, str] | None = None, *, seconds: float | None = None) -> NoReturn:
        """Raise RequestFailed."""
        self._refuse(rejected, seconds)

    def user_urls(self, *, seconds: float | None = None) -> NoReturn:
        """Raise RequestFailed."""
        self._refuse(seconds)

    def instances(self) -> NoReturn:
        """Raise RequestFailed."""
        self._refuse()

    def access_token(self, rejected: str | None = None, *, seconds: float | None = None) -> NoReturn:
        """Raise RequestFailed."""
        self._refuse(rejected, seconds)

    def find_instance(self) -> NoReturn:
        """Raise IBMAccountError: an instance cannot be found without an account."""
        raise self.error("log in")

    def check_login(self) -> NoReturn:
        """Raise IBMAccountError: there is no token to log in with."""
        raise self.error("log in")

    def error(self, doing: str) -> IBMAccountError:
        """Return the exception for an action that needs an account.

        Args:
            doing: The action, as in ``"log in"``.
        """
        return account_error(Unsupported(doing, _WHY))

    def close(self) -> None:
        """Do nothing: there is no connection to close."""

    def _refuse(self, *_: Any) -> NoReturn:
        raise RequestFailed(Unsupported("ask the service", _WHY))
