"""The members of a provider that return backends, and handles on jobs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from qiskit.providers.exceptions import QiskitBackendNotFoundError

from ibm_circuit_job import clients
from ibm_circuit_job.account.account_connection import AccountConnection
from ibm_circuit_job.account.client_calls import replied
from ibm_circuit_job.devices.fractional_gates import checked_choice, is_fractional
from ibm_circuit_job.errors import IBMBackendApiError, IBMBackendValueError, IBMError
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
from ibm_circuit_job.state.job import Job

if TYPE_CHECKING:
    from ibm_circuit_job.account.backend import IBMBackend


_STATUS_FIELDS = frozenset({"operational", "pending_jobs", "status_msg"})


_logger: Final = logging.getLogger("ibm_circuit_job.account.provider")  # one for all of a provider


class BackendsOfAccount(AccountConnection):
    """The backends that an account may use."""

    def backend_names(self) -> list[str]:
        """Return the names of the backends that the account may use, without their descriptions.

        Source: ``GET /backends``.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> with IBMProvider.local(store=None) as provider:
            ...     provider.backend_names()[:2]
            ['local_simulator', 'local_5q']
        """
        instance = self._online(IBMBackendApiError)
        return list(self._names) or replied(lambda: self.runtime_client.list_backends(instance), IBMBackendApiError)

    def backends(
        self,
        name: str | None = None,
        filters: Callable[[IBMBackend], bool] | None = None,
        min_num_qubits: int | None = None,
        instance: str | None = None,
        dynamic_circuits: bool | None = None,
        *,
        use_fractional_gates: bool | None = False,
        **kwargs: Any,
    ) -> list[IBMBackend]:
        """Return the account's backends that match the arguments.

        Args:
            name: Only the backend of this name.
            filters: A function of a backend; only backends for which it returns true.
            min_num_qubits: Only backends with at least this number of qubits.
            instance: Only backends of this ``hub/group/project``; the provider's by default.
            dynamic_circuits: True for only backends that run circuits with control flow; False for only the others.
            use_fractional_gates: Whether devices have their fractional gates, such as ``rx`` and ``rzz``. False leaves
                them out; True and None are the same.
            **kwargs: Only backends whose description or status has these values: ``simulator=False``,
                ``operational=True`` ... The status is requested only for one of its fields: ``operational``,
                ``pending_jobs`` or ``status_msg``.

        Raises:
            QiskitBackendNotFoundError: If the account has no backend of this ``name``; the message lists its backends.
            IBMBackendApiError: If the service refused or could not be reached.
            IBMBackendValueError: If the account does not have the ``instance``, or if ``use_fractional_gates`` is
                neither True, False nor None. On IBM Quantum Platform also if ``instance`` is not the provider's.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> with IBMProvider.local() as provider:
            ...     [backend.name for backend in provider.backends(simulator=False, min_num_qubits=10)]
            ['local_27q', 'local_heron']
        """
        choice = checked_choice(use_fractional_gates)
        found, names = self._named(name, self._instance(instance, IBMBackendApiError), choice)
        if name is not None and not found:
            raise QiskitBackendNotFoundError(f"expected name to be one of {', '.join(names)}, got {name!r}")
        if dynamic_circuits is not None:
            found = [backend for backend in found if _runs_control_flow(backend) is bool(dynamic_circuits)]
        if min_num_qubits is not None:
            found = [backend for backend in found if backend.num_qubits >= min_num_qubits]
        found = [backend for backend in found if _has(backend, kwargs)]
        return found if filters is None else [backend for backend in found if filters(backend)]

    def get_backend(
        self,
        name: str | None = None,
        instance: str | None = None,
        *,
        use_fractional_gates: bool | None = False,
        calibration_id: str | None = None,
        **kwargs: Any,
    ) -> IBMBackend:
        """Return the backend of a name, or the first backend that matches. Its ``options`` get their default values.

        On IBM Quantum Platform, this is one request after logging in. The properties of a device are requested later,
        by ``target`` or ``run()``. On the channel ``ibm_quantum`` this method requests them.

        Args:
            name: The name of the backend.
            instance: The ``hub/group/project`` that it belongs to; the provider's by default.
            use_fractional_gates: Whether a device has its fractional gates, such as ``rx`` and ``rzz``. False leaves
                them out; True and None are the same.
            calibration_id: The ID of the calibration that describes the backend, and that its jobs run with; the newest
                by default. Only on IBM Quantum Platform, and only together with ``name``.
            **kwargs: As for :meth:`backends`.

        Raises:
            QiskitBackendNotFoundError: If no backend matches; the message lists the account's backends.
            IBMBackendApiError: If the service refused or could not be reached.
            IBMBackendValueError: If the account does not have the ``instance``; on IBM Quantum Platform also if it is
                not the provider's. If ``use_fractional_gates`` is neither True, False nor None, or if it is True and
                the backend has no fractional gates. If ``calibration_id`` is no ID, is without a ``name``, or is on the
                channel ``ibm_quantum``.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> with IBMProvider.local() as provider:
            ...     provider.get_backend("local_5q").num_qubits
            5
        """
        choice = checked_choice(use_fractional_gates)
        if calibration_id is not None:
            self._check_calibration(calibration_id, name)
        meant = self._instance(instance, IBMBackendApiError)
        key = (meant, name or "", choice, calibration_id)
        if isinstance(name, str) and key in self._backends and not kwargs:
            return self._ready(self._backends[key], choice)
        found, names = self._named(name, meant, choice, calibration_id)
        fitting = [backend for backend in found if _has(backend, kwargs)]
        if not fitting:
            wanted = repr(name) if not kwargs else f"{name!r} with {kwargs!r}"
            raise QiskitBackendNotFoundError(f"expected one of {', '.join(names)}, got {wanted}")
        return self._ready(fitting[0], choice)

    def _check_calibration(self, calibration_id: object, name: str | None) -> None:
        if not isinstance(calibration_id, str) or not calibration_id or not calibration_id.isprintable():
            raise IBMBackendValueError(f"expected calibration_id to be the ID of a calibration, got {calibration_id!r}")
        if name is None:
            raise IBMBackendValueError("expected a name with calibration_id: a calibration is one of a single backend")
        if self.channel != "ibm_quantum_platform":
            raise IBMBackendValueError(
                "expected no calibration_id: calibrations are chosen on IBM Quantum Platform only; this provider uses "
                f"the channel {self.channel!r}"
            )

    def _ready(self, backend: IBMBackend, use_fractional_gates: bool | None) -> IBMBackend:
        """Return a backend with default options; raise if it lacks the fractional gates that were requested."""
        configuration = backend.configuration()
        if use_fractional_gates and not any(map(is_fractional, configuration.basis_gates)):
            raise IBMBackendValueError(
                f"expected use_fractional_gates to be False or None, because {backend.name} has no fractional gates, "
                f"only {', '.join(configuration.basis_gates)}; got True"
            )
        backend.reset_options()
        if self.channel == "ibm_quantum":
            backend.fetch_properties()
            backend.fetch_status()
        return backend

    def _named(
        self, name: str | None, instance: str, use_fractional_gates: bool | None, calibration_id: str | None = None
    ) -> tuple[list[IBMBackend], list[str]]:
        """Return the backend of a name, or all backends that the service can describe; and the names of all."""
        if name is not None and name in self._names:
            # The log-in has listed this name. The names are listed again only if the backend is not there any more.
            with suppress(IBMBackendApiError):
                return [self._backend(name, instance, use_fractional_gates, calibration_id)], list(self._names)
            self._names = ()
        names = replied(lambda: self.runtime_client.list_backends(instance), IBMBackendApiError)
        found = []
        for each in names:
            if name is None:
                try:
                    found.append(self._backend(each, instance, use_fractional_gates))
                except IBMBackendApiError as error:
                    _logger.warning("Backend %s is left out: %s", each, error)
            elif name == each:
                found.append(self._backend(each, instance, use_fractional_gates, calibration_id))
        return found, names

    def _backend(
        self,
        name: str,
        instance: str,
        use_fractional_gates: bool | None = False,
        calibration_id: str | None = None,
    ) -> IBMBackend:
        from ibm_circuit_job.account.backend import IBMBackend  # noqa: PLC0415 - slow to import, and not every program needs it

        key = (instance, name, use_fractional_gates, calibration_id)
        if key not in self._backends:
            configuration = replied(
                lambda: self.runtime_client.backend_configuration(name, calibration_id=calibration_id),
                IBMBackendApiError,
            )
            self._backends[key] = IBMBackend(
                self,
                configuration,
                instance=instance,
                use_fractional_gates=use_fractional_gates,
                calibration_id=calibration_id,
            )
            self._backends[key].last_status = self._statuses.get(name)
        return self._backends[key]

    def _backend_of_job(self, name: str | None) -> IBMBackend | None:
        """Return the backend of a job; an ``IBMRetiredBackend`` if the service cannot describe it."""
        from ibm_circuit_job.account.retired_backend import IBMRetiredBackend  # noqa: PLC0415 - slow to import

        if name is None:
            return None
        try:
            instance = self._online(IBMBackendApiError)
            known = self._backends.get((instance, name, False, None)) or self._retired.get(name)
            if known is not None:
                return known
            if name in self.runtime_client.list_backends(instance):
                return self._backend(name, instance)
        except (clients.RequestFailed, IBMBackendApiError) as error:
            _logger.warning("Backend %s cannot be described now: %s", name, error)
            return IBMRetiredBackend(self, name)
        return self._retired.setdefault(name, IBMRetiredBackend(self, name))

    def handle_on(
        self,
        seen: Job,
        backend: IBMBackend | None,
        kept: Job | None = None,
        *,
        find_backend: Callable[[Job], IBMBackend | None] | None = None,
    ) -> IBMCircuitJob:
        """Return a handle on a job, and save its record if the provider has a store.

        Args:
            seen: The record of the job, from a reply or a submission.
            backend: The backend that runs it.
            kept: The store's record of the job, if it was loaded before.
            find_backend: Returns the backend for the record of the job; called when the backend is first needed.

        Raises:
            ValueError: If ``seen`` and ``kept`` are records of different jobs.

        Example:
            >>> from ibm_circuit_job import IBMProvider, Job
            >>> with IBMProvider.local(store=None) as provider:
            ...     provider.handle_on(Job("cq1x"), None)
            <IBMCircuitJob('cq1x', status unknown)>
        """
        connection: dict[str, Any] = {
            "backend": backend,
            "api_client": self.account_client,
            "runtime_client": self.runtime_client,
            "find_backend": find_backend,
        }
        if self.store is None:
            return IBMCircuitJob.from_state(seen, **connection)
        job = IBMCircuitJob.from_store(self.store, kept or Job(seen.job_id), **connection)
        job.observe(seen)
        return job

    def _instance(self, instance: str | None, kind: type[IBMError]) -> str:
        """Return *instance*, or the provider's own for ``None``; raise if the account cannot use it."""
        own = self._online(kind)
        if instance is not None and instance != own and self.channel == "ibm_quantum_platform":
            raise IBMBackendValueError(
                f"expected instance to be the provider's own, {own!r}; make another provider for {instance!r}"
            )
        if instance is not None and self._hubs and instance not in self._hubs:
            raise IBMBackendValueError(
                f"expected instance to be one that the account has, {', '.join(self._hubs)}, got {instance!r}"
            )
        return instance or own


def _runs_control_flow(backend: IBMBackend) -> bool:
    from ibm_circuit_job.devices.target import CONTROL_FLOW  # noqa: PLC0415 - slow to import

    said = backend.configuration()
    return "qasm3" in said.supported_features or not CONTROL_FLOW.keys().isdisjoint(said.supported_instructions)


def _has(backend: IBMBackend, wanted: Mapping[str, Any]) -> bool:
    """Whether a backend's description, or its status, has these values."""
    described = backend.configuration().to_dict()
    of_status = {name for name in wanted if name in _STATUS_FIELDS and name not in described}
    if any(
        name not in described or described[name] != value for name, value in wanted.items() if name not in of_status
    ):
        return False
    if not of_status:
        return True
    status = backend.status()
    return all(getattr(status, name) == wanted[name] for name in of_status)
