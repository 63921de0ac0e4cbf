"""IBMProvider: from an account to its backends and jobs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from qiskit.providers.exceptions import QiskitBackendNotFoundError
from returns.result import Success

from ibm_circuit_job import effects
from ibm_circuit_job.backend import IBMBackend, asked
from ibm_circuit_job.circuit_job import IBMCircuitJob
from ibm_circuit_job.clients import AccountClient, ClientParameters, RuntimeClient
from ibm_circuit_job.clients.parameters import DEFAULT_URL
from ibm_circuit_job.errors import (
    IBMAccountError,
    IBMBackendApiError,
    IBMJobApiError,
    IBMJobNotFoundError,
    to_exception,
)

if TYPE_CHECKING:
    from ibm_circuit_job.local import LocalService


class IBMProvider:
    """An account on the service: its backends and jobs.

    Args:
        token: The API token; by default the environment variable ``QISKIT_IBM_TOKEN``.
        url: The URL to log into; by default the environment variable ``QISKIT_IBM_URL``, else IBM Quantum's.
        instance: The ``hub/group/project`` to work in; the account's default by default.
        proxies: Proxies, as ``{"urls": {"https": "http://host:port"}}``.
        verify: Whether certificates of https servers are checked.

    Raises:
        IBMAccountError: If there is no token, if the service cannot be reached at the URL, if it does not accept
            the token, or if the account may not use the instance.

    Example:
        >>> with IBMProvider.local() as provider:
        ...     [backend.name for backend in provider.backends()]
        ['local_simulator', 'local_5q', 'local_27q']
    """

    def __init__(
        self,
        token: str | None = None,
        url: str | None = None,
        instance: str | None = None,
        proxies: Mapping[str, Any] | None = None,
        verify: bool = True,
    ) -> None:
        token = token or os.environ.get("QISKIT_IBM_TOKEN")
        if token is None:
            raise IBMAccountError("expected a token: give one as 'token', or in the variable QISKIT_IBM_TOKEN")
        parameters = ClientParameters(
            token, url or os.environ.get("QISKIT_IBM_URL", DEFAULT_URL), instance, proxies, verify
        )
        self.account_client = AccountClient(parameters)
        """The client of the account's side of the service."""
        self.runtime_client = RuntimeClient(parameters, account=self.account_client)
        """The client of jobs and backends."""
        self._parameters = parameters
        self._service: LocalService | None = None
        self._backends: dict[str, IBMBackend] = {}
        self.account_client.check_login()
        self.instance = self._checked_instance(instance)
        """The ``hub/group/project`` that jobs run in."""

    @classmethod
    def local(cls, *, port: int = 0) -> Self:
        """Start an IBM Quantum service on this machine, and return a provider for it.

        The service runs in a process of its own. It stops with :meth:`close`, at the end of a ``with`` block,
        when the provider is no longer referred to, and at the latest when this process ends, however it ends.

        Args:
            port: The port on loopback; 0 for any that is free.

        Raises:
            LocalServiceError: If the port is taken, or the extra ``local`` is not installed.
        """
        from ibm_circuit_job.local import LocalService  # noqa: PLC0415 - for those who use it

        service = LocalService(port=port)
        try:
            provider = cls(service.token, service.url)
        except BaseException:
            service.stop()
            raise
        provider._service = service
        return provider

    def __repr__(self) -> str:
        return f"<IBMProvider({self.url!r})>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The URL that was logged into; to be handed to any other client."""
        return self._parameters.url

    @property
    def token(self) -> str:
        """The API token that was logged in with; to be handed to any other client."""
        return self._parameters.token

    def close(self) -> None:
        """Close all connections, and stop the local service where the provider started one."""
        self.runtime_client.close()
        if self._service is not None:
            self._service.stop()

    def backends(self) -> list[IBMBackend]:
        """Return the backends that the account may use.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        names = asked(lambda: self.runtime_client.list_backends(self.instance), IBMBackendApiError)
        return [self.get_backend(name) for name in names]

    def get_backend(self, name: str) -> IBMBackend:
        """Return the backend of that name.

        Raises:
            QiskitBackendNotFoundError: If the account has no such backend; the message names those that it has.
            IBMBackendApiError: If the service refused or could not be reached.
        """
        if name not in self._backends:
            names = asked(lambda: self.runtime_client.list_backends(self.instance), IBMBackendApiError)
            if name not in names:
                raise QiskitBackendNotFoundError(f"expected one of {', '.join(names)}, got {name!r}")
            configuration = asked(lambda: self.runtime_client.backend_configuration(name), IBMBackendApiError)
            self._backends[name] = IBMBackend(self, configuration)
        return self._backends[name]

    def retrieve_job(self, job_id: str) -> IBMCircuitJob:
        """Return the job of that ID. This reads neither its result nor its circuits.

        Raises:
            IBMJobNotFoundError: If the service knows no such job.
            IBMJobApiError: If the service refused or could not be reached.
        """
        if type(job_id) is not str or not job_id:
            raise IBMJobNotFoundError(f"expected the ID of a job, got {job_id!r}")
        fetched = effects.perform(effects.fetch_job(self.runtime_client, job_id))
        if not isinstance(fetched, Success):
            raise to_exception(fetched.failure(), IBMJobApiError)
        seen = fetched.unwrap()
        name = None if seen.details is None else seen.details.backend
        backend = None if name is None else self.get_backend(name)
        return IBMCircuitJob.from_state(
            seen, backend=backend, api_client=self.account_client, runtime_client=self.runtime_client
        )

    def _checked_instance(self, instance: str | None) -> str:
        instances = asked(self.account_client.user_hubs, IBMAccountError)
        if not instances:
            raise IBMAccountError(f"the account at {self.url} has access to no hub/group/project")
        if instance is not None and instance not in instances:
            raise IBMAccountError(f"expected instance to be one of {', '.join(instances)}, got {instance!r}")
        return instance or instances[0]
