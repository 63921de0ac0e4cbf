"""AccountConnection: the base class of ``IBMProvider``, with log-in, clients, copies and pickles."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

from attrs import evolve

from ibm_circuit_job import clients
from ibm_circuit_job.account.client_calls import replied
from ibm_circuit_job.clients.foreign import adapted
from ibm_circuit_job.devices.attribute_errors import missing_attribute
from ibm_circuit_job.errors import IBMAccountError, IBMBackendApiError, IBMError, InvalidAccountError

if TYPE_CHECKING:
    from ibm_circuit_job.account.backend import IBMBackend
    from ibm_circuit_job.clients.instances import Instance
    from ibm_circuit_job.devices.configuration import BackendStatus
    from ibm_circuit_job.local import LocalService
    from ibm_circuit_job.store import RecordStore


_logger: Final = logging.getLogger("ibm_circuit_job.account.provider")  # one for all of a provider


class AccountConnection:
    """The clients of an account, its log-in, and the properties that need no request."""

    store: RecordStore | None
    account_client: clients.AccountClient | clients.PlatformAccount
    runtime_client: clients.RuntimeClient
    _parameters: clients.ClientParameters
    _source: str
    _service: LocalService | None
    _stops_service: bool
    _backends: dict[tuple[str, str, bool | None, str | None], IBMBackend]
    _retired: dict[str, IBMBackend]
    _checked: str | None
    _names: tuple[str, ...]
    _hubs: tuple[str, ...] = ()
    """On the channel ``ibm_quantum``: the instances that the account may use."""
    _statuses: Mapping[str, BackendStatus] = MappingProxyType({})
    """On IBM Quantum Platform: the statuses of the backends at log-in, by name."""

    def _log_in(self) -> str:
        """Log in, check that the account may use the instance, and return the instance."""
        if isinstance(self.account_client, clients.PlatformAccount):
            self.account_client.find_instance()
            self._parameters = self.account_client.params
        self.account_client.check_login()
        self._checked = self._checked_instance(self._parameters.instance)
        # A store saves the instance with each job.
        self.runtime_client.params = evolve(self._parameters, instance=self._checked)
        self._log_account()
        return self._checked

    def _online(self, kind: type[IBMError]) -> str:
        """Return the instance, after logging in if needed; raise an exception of *kind* if that fails."""
        try:
            return self.instance
        except IBMAccountError as error:
            raise kind(str(error)) from None

    @property
    def instance(self) -> str:
        """The instance that jobs run in: its CRN, or on the channel ``ibm_quantum`` the ``hub/group/project``.

        Raises:
            IBMAccountError: If the provider has not logged in yet, and the service cannot be reached now.
        """
        try:
            return self._checked or self._log_in()
        except IBMAccountError as error:
            raise missing_attribute(error) from None

    def __copy__(self) -> Self:
        copied = type(self).__new__(type(self))
        copied.__setstate__(
            {
                **self.__dict__,
                # The copy refers to the local service, which so runs on, but only the original stops it.
                "_stops_service": False,
                "_backends": {key: copy.copy(backend) for key, backend in self._backends.items()},
                "_retired": {name: copy.copy(backend) for name, backend in self._retired.items()},
            }
        )
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # A connection and a store cannot be copied, and all other data is immutable.
        copied = memo[id(self)] = self.__copy__()
        return copied

    def _adopted(self, backend: IBMBackend) -> IBMBackend:
        backend._provider = self  # noqa: SLF001 - a backend of our own
        return backend

    def __getstate__(self) -> dict[str, Any]:
        return self._state_with(self._backends, self._retired)

    def without_connection(self, backend: IBMBackend) -> Self:
        """Return a copy of the provider with one backend, and without connection, store and token.

        A pickle of the backend contains this copy. Members that need a request raise the documented exception.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> with IBMProvider.local(store=None) as provider:
            ...     backend = provider.get_backend("local_5q")
            ...     provider.without_connection(backend).get_backend("local_5q") is backend
            True
        """
        provider = type(self).__new__(type(self))
        provider.__dict__.update(
            self._state_with({key: known for key, known in self._backends.items() if known is backend}, {})
        )
        return provider

    def _state_with(self, backends: Mapping[Any, IBMBackend], retired: Mapping[str, IBMBackend]) -> dict[str, Any]:
        """Return the attributes of the provider with these backends, and without connections and secrets."""
        account = clients.no_account.NoAccount(self._parameters)
        return {
            **self.__dict__,
            "store": None,
            "account_client": account,
            "runtime_client": account.client(),
            "_parameters": account.params,
            "_service": None,
            "_backends": dict(backends),
            "_retired": dict(retired),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for backend in (*self._backends.values(), *self._retired.values()):
            self._adopted(backend)

    @property
    def url(self) -> str:
        """The URL that the provider logs into. Other clients can use it, too."""
        return self._parameters.url

    @property
    def channel(self) -> str:
        """The channel: ``"ibm_quantum"`` or ``"ibm_quantum_platform"``."""
        return self._parameters.channel

    @property
    def service(self) -> str:
        """The name of the service and the instance in a store, without credentials.

        While the service cannot be reached and the instance is not known, the name is that of all its instances.
        """
        return str(adapted(self.runtime_client).service)

    @property
    def token(self) -> str:
        """The API key that the provider logs in with. Other clients can use it, too.

        Raises:
            IBMAccountError: If the provider was unpickled: a pickle has no key.
        """
        if isinstance(self.account_client, clients.no_account.NoAccount):
            raise missing_attribute(self.account_client.error("return the token"))
        return str(self._parameters.token)

    def active_account(self) -> dict[str, Any]:
        """Return the account and the source that it was found in, without secrets. No request is sent.

        Returns:
            ``channel``, ``url``, ``instance`` (the CRN, or ``hub/group/project``), ``name``, ``plan`` and ``region`` of
            the instance, ``source`` and ``verify``; also ``private_endpoint``, if it is used. Unknown values are
            ``None``.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> with IBMProvider.local(store=None) as provider:
            ...     account = provider.active_account()
            >>> account["channel"], account["instance"], account["source"]
            ('ibm_quantum', 'ibm-q/open/main', 'the arguments')
        """
        parameters = self._parameters
        found = self._instance_record()
        account = {
            "channel": parameters.channel,
            "url": parameters.url,
            "instance": self._checked or (parameters.instance if parameters.is_located else None),
            "name": found.name if found else self._checked,
            "plan": found.plan if found else None,
            "region": found.region if found else parameters.region,
            "source": self._source,
            "verify": parameters.verify,
        }
        return account | ({"private_endpoint": True} if parameters.private_endpoint else {})

    def _instance_record(self) -> Instance | None:
        known = self.account_client.chosen if isinstance(self.account_client, clients.PlatformAccount) else None
        crn = self._parameters.instance if self._parameters.is_located else None
        return known or (None if crn is None else clients.instances.Instance(crn))

    def _log_account(self) -> None:
        account = self.active_account()
        known = {what: account[what] for what in ("name", "plan", "region") if account[what]}
        details = ", ".join(f"{what} {value}" for what, value in known.items())
        _logger.info(
            "Logged in at %s (%s) with %s, in the instance %s%s.",
            account["url"],
            account["channel"],
            account["source"],
            account["instance"],
            f" ({details})" if details else "",
        )

    def _checked_instance(self, instance: str | None) -> str:
        if isinstance(self.account_client, clients.PlatformAccount):
            # The first request finds out whether the account may use the instance.
            try:
                listed = self.runtime_client.listed_backends()
                self._names, self._statuses = tuple(listed), _statuses_in(listed)
            except clients.RequestFailed as error:
                raise self.account_client.refused_instance(error.failure) from None
            return str(instance)
        instances = replied(self.account_client.user_hubs, IBMAccountError)
        self._hubs = tuple(instances)
        if not instances:
            raise IBMAccountError(f"the account at {self.url} has access to no hub/group/project")
        if instance is not None and instance not in instances:
            raise InvalidAccountError(f"expected instance to be one of {', '.join(instances)}, got {instance!r}")
        return instance or instances[0]


def _statuses_in(listed: Mapping[str, Mapping[str, Any]]) -> dict[str, BackendStatus]:
    """Return the statuses of backends in a listing, by name."""
    from ibm_circuit_job.devices.configuration import BackendStatus  # noqa: PLC0415 - slow to import: loaded after the log-in

    found = {}
    for name, record in listed.items():
        # An entry that cannot be read is left out.
        with suppress(IBMBackendApiError):
            found[name] = BackendStatus.from_reply(record, name)
    return found
