"""NoAccount: the account of what was unpickled. It has neither a connection nor a token, and says how to get them."""

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
"""Stands for the token, where parameters must have one."""
_WHY: Final = (
    "there is no connection and no token, such as after unpickling; make an IBMProvider, and give the backend or the "
    "job to its attach()"
)


class NoAccount(PlatformAccount):
    """Stands where an account does. Every question is a ``RequestFailed`` that says how to connect again.

    Args:
        params: Where the service was; the token and the proxies of it are forgotten.

    Example:
        >>> from ibm_circuit_job.clients import ClientParameters
        >>> NoAccount(ClientParameters("secret", "http://127.0.0.1:8080/api")).client().list_backends()
        Traceback (most recent call last):
        ibm_circuit_job.clients.http.RequestFailed: could not ask the service: there is no connection and no token, \
such as after unpickling; make an IBMProvider, and give the backend or the job to its attach()
    """

    def __init__(self, params: ClientParameters) -> None:
        # Nothing of an account is set up: there is no session that could send anything.
        self.params = evolve(params, token=_PLACEHOLDER, proxies=None)
        self.instance = params.instance
        self.chosen = None

    def client(self) -> RuntimeClient:
        """Return a client of jobs and backends, of the dialect of the service, that can ask nothing."""
        if self.params.channel == "ibm_quantum_platform":
            return PlatformClient(self.params, account=self)
        return RuntimeClient(self.params, account=self)

    def headers(self, rejected: Mapping[str, str] | None = None, *, seconds: float | None = None) -> NoReturn:
        """Refuse."""
        self._refuse(rejected, seconds)

    def user_urls(self, *, seconds: float | None = None) -> NoReturn:
        """Refuse."""
        self._refuse(seconds)

    def instances(self) -> NoReturn:
        """Refuse."""
        self._refuse()

    def access_token(self, rejected: str | None = None, *, seconds: float | None = None) -> NoReturn:
        """Refuse."""
        self._refuse(rejected, seconds)

    def find_instance(self) -> NoReturn:
        """Refuse, as logging in does.

        Raises:
            IBMAccountError: Always.
        """
        raise self.error("log in")

    def check_login(self) -> NoReturn:
        """Refuse, as logging in does.

        Raises:
            IBMAccountError: Always.
        """
        raise self.error("log in")

    def error(self, doing: str) -> IBMAccountError:
        """Return the exception for what cannot be done without an account."""
        return account_error(Unsupported(doing, _WHY))

    def close(self) -> None:
        """Do nothing: there is no connection to close."""

    def _refuse(self, *_: Any) -> NoReturn:
        raise RequestFailed(Unsupported("ask the service", _WHY))
