"""Which service a job is on, and the account that this machine has for it.

An account that is chosen by option counts. Else a job of the store is asked for with the account of its own service:
the one of the variables or the default one, or any other saved one. No key is sent to a URL that did not come with it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

import typer
from attrs import field, frozen

from ibm_circuit_job.account.job_store import JobStore
from ibm_circuit_job.account.provider import IBMProvider
from ibm_circuit_job.cli import terminal
from ibm_circuit_job.clients import ClientParameters, account_file, pasted
from ibm_circuit_job.clients.credentials import Asked, find_credentials
from ibm_circuit_job.clients.foreign import THIS_MACHINE
from ibm_circuit_job.errors import IBMAccountError
from ibm_circuit_job.state.job import Job

Account = Annotated[str | None, typer.Option(help="The name of the saved account to ask with.")]
"""The option ``--account``."""
Url = Annotated[
    str | None,
    typer.Option(
        help="The URL of the service to ask. Its key is that of a saved account or of the variables, where one of them "
        "has this URL; for a service on this machine also that of the variable IBM_CIRCUIT_JOB_TOKEN."
    ),
]
"""The option ``--url``."""
InstanceOption = Annotated[str | None, typer.Option(help="The CRN or the name of the instance.")]
"""The option ``--instance``."""

TOKEN_VARIABLE: Final = "IBM_CIRCUIT_JOB_TOKEN"  # noqa: S105 - the name of a variable
"""The variable that has the token of the service on this machine."""
_LISTENING_SECONDS: Final = 0.5
"""How long to wait for a service on this machine to take a connection."""


@frozen
class Choice:
    """The account that the options choose."""

    account: str | None = None
    url: str | None = None
    instance: str | None = None

    @property
    def is_made(self) -> bool:
        """Whether any option was given."""
        return any(given is not None for given in (self.account, self.url, self.instance))


@frozen
class _Known:
    """An account that this machine has, and the arguments with which a provider finds it."""

    parameters: ClientParameters
    arguments: dict[str, Any] = field(repr=False)


class Services:
    """The services that a command asks; each is logged into once, when it is first asked.

    Args:
        choice: The account that the options choose.
        store: Where what they say is saved.
    """

    def __init__(self, choice: Choice, store: JobStore | None = None) -> None:
        self._choice, self._store = choice, store
        self._open = ExitStack()
        self._providers: dict[str | None, IBMProvider] = {}
        self._known: list[_Known] | None = None
        self._listening: dict[str, bool] = {}
        self._absent: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def chosen(self) -> IBMProvider:
        """Return the account that the options choose; the default one where they choose none.

        Raises:
            IBMAccountError: If there is none, or it cannot log in.
        """
        if None not in self._providers:
            self._providers[None] = self._provider(self._arguments())
        return self._providers[None]

    def of(self, record: Job, service: str | None) -> IBMProvider:
        """Return the account that can ask for a job of the store.

        Args:
            record: The job.
            service: What the store calls its service.

        Raises:
            IBMAccountError: If there is none, or it cannot log in; or if the service is gone.
        """
        if self._choice.is_made or service is None:
            return self.chosen()
        if service == THIS_MACHINE:
            known = self._local_account(record)
            key = known.parameters.url
            if key not in self._providers:
                self._providers[key] = self._provider(known.arguments)
        else:
            key = service
            if key not in self._providers:
                self._providers[key] = self._found(record, service)
        return self._providers[key]

    def is_gone(self, record: Job, service: str | None) -> bool:
        """Return whether a job has not ended, and no service on this machine runs that could have it.

        A service may have started again at another URL, so one that is known there is asked first.
        """
        if record.is_final or service != THIS_MACHINE or self._choice.is_made or self.runs_at(_url_of(record)):
            return False
        return record.job_id in self._absent or not any(self._local())

    def has_none(self, record: Job) -> None:
        """Note that the service on this machine that was asked for a job does not have it."""
        self._absent.add(record.job_id)

    def why_gone(self, record: Job) -> str:
        """Return why a job of a service on this machine cannot be asked for."""
        return _no_local(record, _url_of(record))

    def runs_at(self, url: str | None) -> bool:
        """Return whether a service on this machine takes connections at a URL; false where none is known."""
        return url is not None and self._is_listening(url)

    def _is_listening(self, url: str) -> bool:
        if url not in self._listening:
            self._listening[url] = is_listening(url)
        return self._listening[url]

    def _arguments(self) -> dict[str, Any]:
        """The arguments of a provider for the account that the options choose."""
        choice = self._choice
        instance = {} if choice.instance is None else {"instance": choice.instance}
        if choice.url is None:
            return {"name": choice.account, **instance}
        if choice.account is not None:
            return {"name": choice.account, "url": choice.url, **instance}
        url = pasted.clean_url(choice.url)
        for known in self._accounts():
            if pasted.clean_url(known.parameters.url) == url:
                return known.arguments | instance
        is_local = pasted.is_loopback(pasted.host_of(url))
        token = os.environ.get(TOKEN_VARIABLE) if is_local else None
        if not token:
            if not terminal.can_ask():
                also = f", or set the variable {TOKEN_VARIABLE}" if is_local else ""
                raise IBMAccountError(f"no account has the URL {url}; save one with login --url {url}{also}")
            token = typer.prompt(f"API key for {url}", hide_input=True)
        return {"token": token, "url": choice.url, **instance}

    def _local_account(self, record: Job) -> _Known:
        """The account of the service on this machine that a job is on, or may be on since that has started again."""
        url = _url_of(record)
        local = [*self._local()]
        for known in local:
            if known.parameters.url == url:
                return known
        if not local or self.runs_at(url):
            raise IBMAccountError(self.why_gone(record))
        return local[0]

    def _found(self, record: Job, service: str) -> IBMProvider:
        """A provider for a service that the store names, by the first account that may use it."""
        url, _, instance = service.partition(" ")
        fitting = [known for known in self._accounts() if known.parameters.url == url]
        fitting.sort(key=lambda known: known.parameters.instance != instance)
        trouble: IBMAccountError | None = None
        for known in fitting:
            try:
                return self._provider(known.arguments | ({"instance": instance} if instance else {}))
            except IBMAccountError as error:
                trouble = trouble or error
        raise trouble or IBMAccountError(
            f"no account is known for {service}, which has job {record.job_id}; save one with login, or give --account"
        )

    def _provider(self, arguments: dict[str, Any]) -> IBMProvider:
        return self._open.enter_context(IBMProvider(**arguments, store=self._store))

    def _local(self) -> Iterator[_Known]:
        """The accounts of services that run on this machine."""
        for known in self._accounts():
            url = known.parameters.url
            if pasted.is_loopback(pasted.host_of(url)) and self._is_listening(url):
                yield known

    def _accounts(self) -> list[_Known]:
        """All accounts that this machine has: the one that is used where none is named, then the saved ones."""
        if self._known is None:
            self._known = [*_known_accounts()]
        return self._known


def _known_accounts() -> Iterator[_Known]:
    try:
        names = [None, *account_file.saved()]
    except IBMAccountError:
        names = [None]
    for name in names:
        try:
            yield _Known(find_credentials(Asked(name=name)).parameters, {"name": name})
        except IBMAccountError:
            # It is no account, and hides no other one.
            continue


def _url_of(record: Job) -> str | None:
    return None if record.details is None else record.details.service_url


def _no_local(record: Job, url: str | None) -> str:
    """Why a job of a service on this machine cannot be asked for."""
    job_id = record.job_id
    if url is None:
        return f"job {job_id} was on a service on this machine, and none is known that runs"
    if is_listening(url):
        return (
            f"job {job_id} is on the service at {url}, for which no account is known; give --url {url}, and its token "
            f"in the variable {TOKEN_VARIABLE}"
        )
    return f"job {job_id} was on a service on this machine, at {url}, which is gone"


def is_listening(url: str) -> bool:
    """Return whether something on this machine takes connections at a URL; false for a URL of another machine.

    Example:
        >>> is_listening("https://quantum.cloud.ibm.com")
        False
    """
    host = pasted.host_of(url)
    if not pasted.is_loopback(host):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((host, port), _LISTENING_SECONDS):
            return True
    except (OSError, ValueError):
        return False
