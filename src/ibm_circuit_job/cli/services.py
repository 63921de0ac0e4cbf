"""Services: the accounts with which a command sends requests about jobs.

If the options choose an account, it is used. Otherwise a job of the store is requested with an account of the job's own
service: the account that a program without a name uses, else a saved one. A key is only sent to the URL from the same
source.
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

Account = Annotated[str | None, typer.Option(help="The name of the saved account to use.")]
"""The option ``--account``."""
Url = Annotated[
    str | None,
    typer.Option(
        help="The URL of the service. The key is taken from a saved account or the environment variables with the same "
        "URL; for a service on this machine also from the variable IBM_CIRCUIT_JOB_TOKEN."
    ),
]
"""The option ``--url``."""
InstanceOption = Annotated[str | None, typer.Option(help="The CRN or the name of the instance.")]
"""The option ``--instance``."""

TOKEN_VARIABLE: Final = "IBM_CIRCUIT_JOB_TOKEN"  # noqa: S105 - the name of a variable
"""The environment variable with the token of the service on this machine."""
_LISTENING_SECONDS: Final = 0.5
"""The longest time until a service on this machine accepts a connection."""


@frozen
class Choice:
    """The account in the options of a command."""

    account: str | None = None
    url: str | None = None
    instance: str | None = None

    @property
    def is_made(self) -> bool:
        """Whether any option was given."""
        return any(given is not None for given in (self.account, self.url, self.instance))


@frozen
class _Known:
    """An account on this machine, and the arguments with which a provider finds it."""

    parameters: ClientParameters
    arguments: dict[str, Any] = field(repr=False)


class Services:
    """The accounts of a command. Each logs in once, when it is first used.

    Args:
        choice: The account in the options.
        store: The store in which replies are saved; ``None`` to save nothing.
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
        """Return the account in the options; without one, the default account.

        Raises:
            IBMAccountError: If there is no account, or it cannot log in.
        """
        if None not in self._providers:
            self._providers[None] = self._provider(self._arguments())
        return self._providers[None]

    def of(self, record: Job, service: str | None) -> IBMProvider:
        """Return the account for requests about a job of the store.

        Args:
            record: The record of the job.
            service: The name of its service in the store.

        Raises:
            IBMAccountError: If there is no account, it cannot log in, or the service does not run any more.
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
        """Return whether a job has not ended and its service, one on this machine, does not run any more.

        The service may run again at another URL. So a job is gone only if no known service on this machine runs, or if
        :meth:`record_absence` was called for it.
        """
        if record.is_final or service != THIS_MACHINE or self._choice.is_made or self.runs_at(_url_of(record)):
            return False
        return record.job_id in self._absent or not any(self._local())

    def record_absence(self, record: Job) -> None:
        """Record that the service on this machine does not have a job."""
        self._absent.add(record.job_id)

    def why_gone(self, record: Job) -> str:
        """Return why no request can be sent about a job of a service on this machine."""
        return _why_gone(record, _url_of(record))

    def runs_at(self, url: str | None) -> bool:
        """Return whether a service on this machine accepts connections at a URL; false for ``None``."""
        return url is not None and self._is_listening(url)

    def _is_listening(self, url: str) -> bool:
        if url not in self._listening:
            self._listening[url] = is_listening(url)
        return self._listening[url]

    def _arguments(self) -> dict[str, Any]:
        """The arguments of a provider for the account in the options."""
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
                raise IBMAccountError(
                    f"expected a saved account with the URL {url}, found none; save one with login --url {url}{also}"
                )
            token = typer.prompt(f"API key for {url}", hide_input=True)
        return {"token": token, "url": choice.url, **instance}

    def _local_account(self, record: Job) -> _Known:
        """The account of the service on this machine that has a job, or may have it after a restart."""
        url = _url_of(record)
        local = [*self._local()]
        for known in local:
            if known.parameters.url == url:
                return known
        if not local or self.runs_at(url):
            raise IBMAccountError(self.why_gone(record))
        return local[0]

    def _found(self, record: Job, service: str) -> IBMProvider:
        """A provider for a service that the store names, with the first account that can log in there."""
        url, _, instance = service.partition(" ")
        fitting = [known for known in self._accounts() if known.parameters.url == url]
        fitting.sort(key=lambda known: known.parameters.instance != instance)
        first_error: IBMAccountError | None = None
        for known in fitting:
            try:
                return self._provider(known.arguments | ({"instance": instance} if instance else {}))
            except IBMAccountError as error:
                first_error = first_error or error
        raise first_error or IBMAccountError(
            f"expected an account for {service}, which has job {record.job_id}, found none; save one with login, or "
            "give --account"
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
        """All accounts on this machine: the account that a program without a name uses, then the saved accounts."""
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
            # An entry that is not an account does not hide the others.
            continue


def _url_of(record: Job) -> str | None:
    return None if record.details is None else record.details.service_url


def _why_gone(record: Job, url: str | None) -> str:
    """Why no request can be sent about a job of a service on this machine."""
    job_id = record.job_id
    if url is None:
        return f"job {job_id} was on a service on this machine; no known service on this machine runs"
    if is_listening(url):
        return (
            f"expected an account for the service at {url}, which has job {job_id}, found none; give --url {url}, and "
            f"its token in the variable {TOKEN_VARIABLE}"
        )
    return f"job {job_id} was on the service at {url} on this machine, which does not run any more"


def is_listening(url: str) -> bool:
    """Return whether a program on this machine accepts connections at a URL; false for a URL of another machine.

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
