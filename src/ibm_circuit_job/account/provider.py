"""IBMProvider: what it is made with, and what an account has used.

Logging in stands in ``account_connection``, backends in ``backends_of_account``, jobs in ``jobs_of_account``, saved
accounts in ``saved_accounts``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, overload

from attrs import evolve
from returns.result import Success

from ibm_circuit_job import clients, effects, wire
from ibm_circuit_job.account.asking import asked
from ibm_circuit_job.account.jobs_of_account import JobsOfAccount
from ibm_circuit_job.account.saved_accounts import SavedAccounts
from ibm_circuit_job.errors import (
    IBMAccountError,
    IBMBackendApiError,
    IBMBackendValueError,
    JobStoreError,
    to_exception,
)
from ibm_circuit_job.job.arguments import checked_store
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
from ibm_circuit_job.wire.hidden_values import hidden

if TYPE_CHECKING:
    from ibm_circuit_job.account.backend import IBMBackend
    from ibm_circuit_job.account.backend_service import IBMBackendService
    from ibm_circuit_job.account.job_store import JobStore
    from ibm_circuit_job.local import LocalService
    from ibm_circuit_job.wire.instance_usage import InstanceUsage

_logger: Final = logging.getLogger(__name__)


class IBMProvider(JobsOfAccount, SavedAccounts):
    """An account on the service: its backends and jobs.

    The account comes whole from one source, the first of these that has one: the argument ``token``, with the other
    arguments; the account that is saved under ``name``, or in the file ``filename``; the environment variables
    ``QISKIT_IBM_TOKEN``, ``QISKIT_IBM_URL``, ``QISKIT_IBM_INSTANCE`` and ``QISKIT_IBM_CHANNEL``, which count only
    beside the first of them; the same variables in a file ``.env`` in the working directory or above it, where
    ``python-dotenv`` is installed; the default account of the official client's file in the home directory,
    ``.qiskit/qiskit-ibm.json``. Beside an account that is found, ``instance``, ``proxies``, ``verify``, ``region``,
    ``plans_preference`` and ``tags`` override what it says. Token, URL and instance may be as they are pasted.

    Args:
        token: The API key. Neither ``name`` nor ``filename`` may stand beside it.
        url: The URL to log into; IBM's by default. Only beside a token, for a key is not sent to a host that did not
            come with it; and with ``http://`` only one on this machine.
        name: The name of a saved account.
        instance: What to work in: the CRN of an instance, its name, or ``"auto"``; on the channel ``ibm_quantum`` the
            ``hub/group/project``. By default the one of the account; else it is chosen, see ``plans_preference``.
        proxies: Proxies, as ``{"urls": {"https": "http://host:port"}}``, with ``username_ntlm`` and ``password_ntlm``
            where they want NTLM; the mapping of urls alone is taken, too.
        verify: Whether certificates of https servers are checked, or the path of those to trust; they are by default.
        channel: ``"ibm_quantum_platform"``, or its older name ``"ibm_cloud"``; ``"ibm_quantum"`` for IBM Quantum
            Platform Classic. By default IBM Quantum Platform, unless the URL is of Classic, as the local service's is.
            Only accounts of that channel are found.
        filename: The file of saved accounts.
        region: The region that the instance is to be in, such as ``"us-east"`` or ``"eu-de"``. Without effect on an
            instance that is given as CRN.
        plans_preference: The plans that the instance is to have, such as ``["open", "premium"]``, the preferred one
            first.
        tags: The tags that the instance is to have.
        store: Where the jobs that the provider makes handles on are kept, so that they and their results outlive the
            process.

    Raises:
        IBMAccountError: If there is no account, if the arguments name two, if one of them cannot be right, if the
            service cannot be reached at the URL, if it does not accept the token, or if the account may not use the
            instance. With a store, that the service cannot be reached is
            a warning in the log: the jobs of the store are there, and all else logs in when it is asked for.

    Example:
        >>> with IBMProvider.local() as provider:
        ...     [backend.name for backend in provider.backends()]
        ['local_simulator', 'local_5q', 'local_27q', 'local_heron', 'ibmq_qasm_simulator']
    """

    def __init__(
        self,
        token: str | None = None,
        url: str | None = None,
        name: str | None = None,
        instance: str | None = None,
        proxies: Mapping[str, Any] | None = None,
        verify: bool | str | os.PathLike[str] | None = None,
        *,
        channel: str | None = None,
        store: JobStore | None = None,
        filename: str | os.PathLike[str] | None = None,
        region: str | None = None,
        plans_preference: Sequence[str] | None = None,
        tags: Sequence[str] | None = None,
    ) -> None:
        self.store = None if store is None else checked_store(store)
        """Where the jobs are kept; ``None`` without a store."""
        asked_for = clients.credentials.Asked(
            token=token,
            url=url,
            name=name,
            instance=instance,
            proxies=proxies,
            verify=verify,
            channel=channel,
            filename=filename,
            region=region,
            plans_preference=plans_preference,
            tags=tags,
        )
        # No traceback that shows local variables shows the key, and what is in the URLs of proxies.
        token, proxies = hidden(token), None
        found = clients.credentials.find_credentials(asked_for)
        parameters = found.parameters
        if parameters.channel == "ibm_quantum_platform":
            platform_account = clients.PlatformAccount(parameters)
            self.account_client: clients.AccountClient | clients.PlatformAccount = platform_account
            """The client of the account's side of the service."""
            self.runtime_client: clients.RuntimeClient = clients.PlatformClient(parameters, account=platform_account)
            """The client of jobs and backends."""
        else:
            account = clients.AccountClient(parameters)
            self.account_client = account
            self.runtime_client = clients.RuntimeClient(parameters, account=account)
        self._parameters = parameters
        self._source = found.source
        if isinstance(self.account_client, clients.PlatformAccount):
            self.account_client.source = found.source
        self._service: LocalService | None = None
        self._stops_service = True
        self._backends: dict[tuple[str, str, bool | None, str | None], IBMBackend] = {}
        self._retired: dict[str, IBMBackend] = {}
        self._checked: str | None = None
        self._names: tuple[str, ...] = ()
        try:
            self._log_in()
        except IBMAccountError as error:
            if self.store is None or not error.is_passing:
                raise
            if isinstance(self.account_client, clients.PlatformAccount):
                self.account_client.find_instance_later()
                if not self._parameters.is_located:
                    # The service alone can tell which CRN, by which a store knows the instance, has this name.
                    self.runtime_client.params = evolve(self._parameters, instance=None)
            _logger.warning("There are only the jobs of the store until the service can be reached: %s", error)

    @classmethod
    def local(
        cls,
        *,
        port: int = 0,
        data: str | os.PathLike[str] | None = None,
        seed: int | None = None,
        channel: str = "ibm_quantum",
        store: JobStore | Literal["default"] | None = "default",
    ) -> Self:
        """Start an IBM Quantum service on this machine, and return a provider for it.

        The service runs in a process of its own. It stops with :meth:`close`, at the end of a ``with`` block,
        when the provider is no longer referred to, and at the latest when this process ends, however it ends.

        Args:
            port: The port on loopback; 0 for any that is free.
            data: The folder in which the service keeps its jobs, and finds them again; by default a new one, which is
                removed in the end.
            seed: The seed of every simulation whose job gives none, for the same counts each time.
            channel: The dialect to speak with it: ``"ibm_quantum"`` or ``"ibm_quantum_platform"``.
            store: Where the jobs are kept, so that they outlive process and service; ``"default"`` for the store of
                ``JobStore()``, ``None`` for none.

        Raises:
            LocalServiceError: If the port is taken, the folder cannot be used, or the extra ``local`` is not installed.
            IBMAccountError: If there is no such channel.

        Example:
            >>> with IBMProvider.local(channel="ibm_quantum_platform") as provider:
            ...     provider.get_backend("local_5q").num_qubits
            5
        """
        from ibm_circuit_job.local import LocalService  # noqa: PLC0415 - for those who use it

        service = LocalService(port=port, data=data, seed=seed)
        try:
            kept_in = _default_store() if store == "default" else store
            if channel == "ibm_quantum":
                provider = cls(service.token, service.url, channel=channel, store=kept_in)
            else:
                where = service.platform_url
                provider = cls(service.token, where, instance=service.instance, channel=channel, store=kept_in)
        except BaseException:
            service.stop()
            raise
        provider._service = service
        return provider

    @property
    def backend(self) -> IBMBackendService:
        """The backends and jobs, as programs for the archived client ask for them: ``provider.backend.jobs()`` ..."""
        from ibm_circuit_job.account.backend_service import IBMBackendService  # noqa: PLC0415 - for those who use it

        return IBMBackendService(self)

    def __repr__(self) -> str:
        return f"<IBMProvider({self.url!r})>"

    def _repr_html_(self) -> str:
        """The account as a notebook shows it, without the token. No request is sent."""
        from ibm_circuit_job.views.html import provider_html  # noqa: PLC0415 - loaded with the first HTML
        from ibm_circuit_job.views.records import ProviderView  # noqa: PLC0415

        account = self.active_account()
        view = ProviderView(
            self.url,
            **{name: account[name] for name in ("channel", "instance", "name", "plan", "region", "source")},
            backends=dict.fromkeys([*self._names, *(name for _, name, *_ in self._backends)]),
            store=None if self.store is None else self.store.location,
        )
        return provider_html(view)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections, and stop the local service where the provider started one.

        What could not be written to the store when it was learned is written before.
        """
        if self.store is not None:
            from ibm_circuit_job.job.journal import write_pending  # noqa: PLC0415 - for those who have a store

            write_pending(self.store)
        self.runtime_client.close()
        if self._service is not None and self._stops_service:
            self._service.stop()

    def instances(self) -> list[Any]:
        """Return the instances that the account may use; on the channel ``ibm_quantum`` their names.

        Source: IBM Cloud's global search and catalog; on the channel ``ibm_quantum``, ``GET /Network``.

        Returns:
            On IBM Quantum Platform a dictionary for each, by name: its ``crn``, ``name``, ``plan``, ``pricing_type``,
            ``region`` and ``tags``, as the official client has them. Instances without an allocation are left out, for
            they have no backends. Of a plan that IBM does not sell any more, ``plan`` and ``pricing_type`` are
            ``"unknown"``. On the channel ``ibm_quantum`` the ``hub/group/project`` of each, as the archived client has
            it, the default one first.

        Raises:
            IBMAccountError: If the service refused or could not be reached.

        Example:
            >>> with IBMProvider.local(channel="ibm_quantum_platform", store=None) as provider:
            ...     [(each["name"], each["plan"], each["region"]) for each in provider.instances()]
            [('local', 'open', 'us-east')]
        """
        account = self.account_client
        try:
            if isinstance(account, clients.PlatformAccount):
                return [each.to_dict() for each in account.instances()]
            return account.user_hubs()
        except clients.RequestFailed as error:
            raise clients.log_in_errors.log_in_error(error.failure, self.url) from None

    def usage(self) -> InstanceUsage:
        """Return what the instance has used of its quantum time in the current period.

        Source: ``GET /instances/usage`` of IBM Quantum Platform.

        Returns:
            The figures, in seconds; those that the service does not say, or that cannot be read, are ``None``.

        Raises:
            IBMAccountError: If the service refused or could not be reached, or on the channel ``ibm_quantum``, which
                has no such figures.

        Example:
            >>> with IBMProvider.local(channel="ibm_quantum_platform", store=None) as provider:
            ...     provider.usage().consumed_seconds
            0.0
        """
        client = self.runtime_client
        if not isinstance(client, clients.PlatformClient):
            raise IBMAccountError(
                "the usage of an instance is known on IBM Quantum Platform only; this provider uses the channel "
                f"{self.channel!r}"
            )
        self._online(IBMAccountError)
        read = wire.instance_usage.read_instance_usage(asked(client.instance_usage, IBMAccountError))
        if not isinstance(read, Success):
            raise to_exception(read.failure(), IBMAccountError)
        usage: InstanceUsage = read.unwrap()
        return usage

    @overload
    def attach(self, job: IBMCircuitJob) -> IBMCircuitJob: ...
    @overload
    def attach(self, job: IBMBackend) -> IBMBackend: ...
    def attach(self, job: IBMCircuitJob | IBMBackend) -> IBMCircuitJob | IBMBackend:
        """Give a handle or a backend that has none, such as one that was unpickled, a connection to this account.

        Args:
            job: The handle, or the backend.

        Returns:
            The same object, with all that it knew.

        Raises:
            IBMBackendValueError: If it is a backend of a service of the other dialect.
            IBMJobNotFoundError: If it does not know which backend it ran on, and this account has no such job.
            IBMJobApiError: If it does not, and the service refused or could not be reached.
            IBMBackendApiError: If the service refused to describe its backend or could not be reached.

        Example:
            >>> import pickle
            >>> from qiskit import QuantumCircuit
            >>> with IBMProvider.local() as provider:
            ...     job = provider.get_backend("local_simulator").run(QuantumCircuit(1, 1))
            ...     kept = pickle.dumps(job)
            ...     provider.attach(pickle.loads(kept)).status().name in {"QUEUED", "RUNNING", "DONE"}
            True
        """
        from ibm_circuit_job.account.backend import IBMBackend  # noqa: PLC0415 - costly: backends are made later, if at all

        if isinstance(job, IBMBackend):
            return self._attached(job)
        name = job.state.backend
        if name is None:
            # Such as one that was pickled before it had asked for anything.
            name = effects.value(effects.fetch_job(self.runtime_client, job.job_id())).backend
        job.connect(
            backend=self._backend_of_job(name),
            api_client=self.account_client,
            runtime_client=self.runtime_client,
        )
        if self.store is not None and job.store is None:
            job.keep_in(self.store)
        return job

    def _attached(self, backend: IBMBackend) -> IBMBackend:
        if backend.provider is not None and backend.provider.channel != self.channel:
            raise IBMBackendValueError(
                f"expected a backend of the channel {self.channel!r}, got {backend.name!r} of "
                f"{backend.provider.channel!r}; get one with get_backend()"
            )
        if self.channel == "ibm_quantum_platform":
            # Requests are sent for the provider's own.
            backend._instance = self._online(IBMBackendApiError)  # noqa: SLF001 - a backend of our own
        return self._adopted(backend)


def _default_store() -> JobStore | None:
    """The store of the user's data folder. That it cannot be used is no reason not to run a job."""
    from ibm_circuit_job.account.job_store import JobStore  # noqa: PLC0415 - for those who use it
    from ibm_circuit_job.store.opening import default_url  # noqa: PLC0415

    try:
        return None if default_url() is None else JobStore()
    except JobStoreError as error:
        _logger.warning("Jobs are not kept: %s", error)
        return None
