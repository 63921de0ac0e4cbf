"""IBMProvider: its constructors, the instances and the usage of its account.

``account_connection`` logs in, ``backends_of_account`` has the backends, ``jobs_of_account`` the jobs, and
``saved_accounts`` the saved accounts.
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
from ibm_circuit_job.account.client_calls import replied
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

    Credentials are looked up in this order; all of them come from the first source that has an account:

    1. the arguments, if there is a ``token``;
    2. the saved account ``name``, or the file ``filename``;
    3. the environment variables ``QISKIT_IBM_TOKEN``, ``QISKIT_IBM_URL``, ``QISKIT_IBM_INSTANCE`` and
       ``QISKIT_IBM_CHANNEL``; the last three are ignored without a token;
    4. the same variables in a file ``.env`` in the working directory or above it, if ``python-dotenv`` is installed;
    5. the default account in the official client's file, ``.qiskit/qiskit-ibm.json`` in the home directory.

    The arguments ``instance``, ``proxies``, ``verify``, ``region``, ``plans_preference`` and ``tags`` override the
    values of an account from another source. Token, URL and instance may be pasted with quotes and spaces around them.

    Args:
        token: The API key. Not together with ``name`` or ``filename``.
        url: The URL to log into; IBM's by default. Only together with ``token``, because a key from another source is
            not sent to this host. ``http://`` is allowed only for this machine.
        name: The name of a saved account.
        instance: The CRN of an instance, its name, or ``"auto"``; on the channel ``ibm_quantum`` the
            ``hub/group/project``. By default the instance of the account; without one, an instance is chosen by
            ``region``, ``plans_preference`` and ``tags``.
        proxies: Proxies, as ``{"urls": {"https": "http://host:port"}}``, with ``username_ntlm`` and ``password_ntlm``
            for NTLM. The mapping of URLs alone is accepted, too.
        verify: Whether to check the certificates of https servers, or the path of certificates to trust. By default
            they are checked.
        channel: ``"ibm_quantum_platform"``, or its older name ``"ibm_cloud"``; ``"ibm_quantum"`` for IBM Quantum
            Platform Classic. The default depends on the URL: IBM Quantum Platform, except for URLs of Classic and of
            the local service. Only accounts of this channel are found.
        filename: The path of the file of saved accounts.
        region: The region of the instance, such as ``"us-east"`` or ``"eu-de"``. No effect if ``instance`` is a CRN.
        plans_preference: The plans of the instance, such as ``["open", "premium"]``, the preferred one first.
        tags: The tags of the instance.
        store: The store that the provider's jobs are saved in, so that they and their results outlive the process.

    Raises:
        IBMAccountError: If there is no account, or if the arguments are contradictory or invalid. Also if the service
            cannot be reached, does not accept the token, or does not let the account use the instance. With a store, a
            service that cannot be reached is only a warning in the log: the jobs of the store can be used, and the
            provider logs in before its next request.

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
        """The store that the jobs are saved in, or ``None``."""
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
        # Tracebacks may show local variables: the key and the proxies' URLs are replaced.
        token, proxies = hidden(token), None
        found = clients.credentials.find_credentials(asked_for)
        parameters = found.parameters
        if parameters.channel == "ibm_quantum_platform":
            platform_account = clients.PlatformAccount(parameters)
            self.account_client: clients.AccountClient | clients.PlatformAccount = platform_account
            """The client for requests about the account."""
            self.runtime_client: clients.RuntimeClient = clients.PlatformClient(parameters, account=platform_account)
            """The client for requests about jobs and backends."""
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
                    # A store knows the instance by its CRN, and only the service can find the CRN of this name.
                    self.runtime_client.params = evolve(self._parameters, instance=None)
            _logger.warning("Only the jobs of the store can be used until the service can be reached: %s", error)

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

        The service runs in a process of its own. It stops with :meth:`close`, at the end of a ``with`` block, when
        nothing refers to the provider any more, and at the latest when this process ends or is killed.

        Args:
            port: The port on this machine's loopback interface; 0 for any free one.
            data: The folder in which the service saves its jobs and loads them again. By default a new folder, which
                is removed when the service stops.
            seed: The seed of simulations whose job has none, for the same counts each time.
            channel: The API that the provider uses: ``"ibm_quantum"`` or ``"ibm_quantum_platform"``.
            store: The store that jobs are saved in, so that they outlive the process and the service. ``"default"`` is
                the store that ``JobStore()`` opens; ``None`` is no store.

        Raises:
            LocalServiceError: If the port is in use, the folder cannot be used, or the extra ``local`` is not
                installed.
            IBMAccountError: If there is no such channel.

        Example:
            >>> with IBMProvider.local(channel="ibm_quantum_platform") as provider:
            ...     provider.get_backend("local_5q").num_qubits
            5
        """
        from ibm_circuit_job.local import LocalService  # noqa: PLC0415 - loaded on first use

        service = LocalService(port=port, data=data, seed=seed)
        try:
            opened = _default_store() if store == "default" else store
            if channel == "ibm_quantum":
                provider = cls(service.token, service.url, channel=channel, store=opened)
            else:
                url = service.platform_url
                provider = cls(service.token, url, instance=service.instance, channel=channel, store=opened)
        except BaseException:
            service.stop()
            raise
        provider._service = service
        return provider

    @property
    def backend(self) -> IBMBackendService:
        """The backends and jobs under the archived client's names: ``provider.backend.jobs()`` ..."""
        from ibm_circuit_job.account.backend_service import IBMBackendService  # noqa: PLC0415 - loaded on first use

        return IBMBackendService(self)

    def __repr__(self) -> str:
        return f"<IBMProvider({self.url!r})>"

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows, without the token. No request is sent."""
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
        """Close all connections, and stop the local service if the provider has started one.

        Data that could not be saved in the store earlier is saved first.
        """
        if self.store is not None:
            from ibm_circuit_job.job.journal import write_pending  # noqa: PLC0415 - loaded on first use

            write_pending(self.store)
        self.runtime_client.close()
        if self._service is not None and self._stops_service:
            self._service.stop()

    def instances(self) -> list[Any]:
        """Return the instances that the account may use.

        Source: IBM Cloud's global search and catalog; on the channel ``ibm_quantum``, ``GET /Network``.

        Returns:
            On IBM Quantum Platform a dictionary for each instance, sorted by name, with the official client's keys
            ``crn``, ``name``, ``plan``, ``pricing_type``, ``region`` and ``tags``. Instances without an allocation are
            left out, because they have no backends. ``plan`` and ``pricing_type`` are ``"unknown"`` for a plan that IBM
            does not sell any more. On the channel ``ibm_quantum`` the ``hub/group/project`` of each, the default one
            first.

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
        """Return the quantum time that the instance has used in the current period.

        Source: ``GET /instances/usage`` of IBM Quantum Platform.

        Returns:
            The figures, in seconds. A figure that the reply lacks, or that cannot be read, is ``None``.

        Raises:
            IBMAccountError: If the service refused or could not be reached. Always on the channel ``ibm_quantum``,
                which has no such figures.

        Example:
            >>> with IBMProvider.local(channel="ibm_quantum_platform", store=None) as provider:
            ...     provider.usage().consumed_seconds
            0.0
        """
        client = self.runtime_client
        if not isinstance(client, clients.PlatformClient):
            raise IBMAccountError(
                "only IBM Quantum Platform reports the usage of an instance; this provider uses the channel "
                f"{self.channel!r}"
            )
        self._online(IBMAccountError)
        read = wire.instance_usage.read_instance_usage(replied(client.instance_usage, IBMAccountError))
        if not isinstance(read, Success):
            raise to_exception(read.failure(), IBMAccountError)
        usage: InstanceUsage = read.unwrap()
        return usage

    @overload
    def attach(self, job: IBMCircuitJob) -> IBMCircuitJob: ...
    @overload
    def attach(self, job: IBMBackend) -> IBMBackend: ...
    def attach(self, job: IBMCircuitJob | IBMBackend) -> IBMCircuitJob | IBMBackend:
        """Connect a handle or a backend to this account, for example after unpickling.

        Args:
            job: The handle, or the backend.

        Returns:
            The same object, with its record and the provider's clients. A handle without a store gets the provider's.

        Raises:
            IBMBackendValueError: If ``job`` is a backend of the other channel.
            IBMJobNotFoundError: If the backend of the job is not known, and this account has no such job.
            IBMJobApiError: If the backend of the job is not known, and the service refused or could not be reached.
            IBMBackendApiError: If ``job`` is a backend, and the service could not be reached.

        Example:
            >>> import pickle
            >>> from qiskit import QuantumCircuit
            >>> with IBMProvider.local() as provider:
            ...     job = provider.get_backend("local_simulator").run(QuantumCircuit(1, 1))
            ...     pickled = pickle.dumps(job)
            ...     provider.attach(pickle.loads(pickled)).status().name in {"QUEUED", "RUNNING", "DONE"}
            True
        """
        from ibm_circuit_job.account.backend import IBMBackend  # noqa: PLC0415 - slow to import, and not every program needs it

        if isinstance(job, IBMBackend):
            return self._attached(job)
        name = job.state.backend
        if name is None:
            # For example, because the handle was pickled before its first request.
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
            # Requests are sent for the provider's instance.
            backend._instance = self._online(IBMBackendApiError)  # noqa: SLF001 - a backend of our own
        return self._adopted(backend)


def _default_store() -> JobStore | None:
    """Return the store in the user's data folder; ``None``, with a warning in the log, if it cannot be opened."""
    from ibm_circuit_job.account.job_store import JobStore  # noqa: PLC0415 - loaded on first use
    from ibm_circuit_job.store.opening import default_url  # noqa: PLC0415

    try:
        return None if default_url() is None else JobStore()
    except JobStoreError as error:
        _logger.warning("Jobs are not saved: %s", error)
        return None
