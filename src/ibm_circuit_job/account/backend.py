"""IBMBackend: a backend of the service, as qiskit's ``BackendV2``, and the ``run()`` that submits jobs.

``devices`` reads the service's descriptions of devices. ``run_options``, ``sampler_options`` and ``executor_options``
check the arguments of ``run()``. ``submitter`` sends them, and finds the job if the reply was lost.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime as python_datetime
from typing import Any, Final, Protocol

from qiskit import QuantumCircuit
from qiskit.providers import Options
from returns.io import IOResult
from returns.result import Failure as Bad
from returns.result import Result

from ibm_circuit_job import effects
from ibm_circuit_job.account import run_options
from ibm_circuit_job.account.executor_options import executor_request
from ibm_circuit_job.account.measured_backend import MeasuredBackend
from ibm_circuit_job.account.run_options import DEFAULT_SHOTS, RunRequest
from ibm_circuit_job.account.sampler_options import sampler_request
from ibm_circuit_job.account.sessions import Session, session_for
from ibm_circuit_job.account.submitter import Order, is_no_such_program, submit
from ibm_circuit_job.clients import RuntimeClient
from ibm_circuit_job.clients.foreign import adapted
from ibm_circuit_job.devices.configuration import BackendConfiguration
from ibm_circuit_job.devices.fractional_gates import checked_choice, without_fractional_gates
from ibm_circuit_job.devices.shown import backend_view
from ibm_circuit_job.devices.usage_estimate import UsageEstimate, estimated_usage
from ibm_circuit_job.errors import (
    Failure,
    IBMBackendApiError,
    IBMBackendValueError,
)
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
from ibm_circuit_job.state.facts import JobDetails, JobInputs
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.wire import typed_json
from ibm_circuit_job.wire.submitting import SubmissionPolicy

_logger: Final = logging.getLogger(__name__)


class ProviderOfBackend(Protocol):
    """The members of ``IBMProvider`` that a backend uses."""

    runtime_client: RuntimeClient
    """The client for requests about jobs and backends."""

    @property
    def instance(self) -> str:
        """The instance that jobs run in."""
        ...

    @property
    def channel(self) -> str:
        """The channel of the service."""
        ...

    def handle_on(self, seen: Job, backend: IBMBackend | None) -> IBMCircuitJob:
        """Return a handle on a job, and save its record."""
        ...


class IBMBackend(MeasuredBackend):
    """A backend of the service. ``IBMProvider.get_backend()`` returns one.

    The fields of the service's description are attributes: ``backend.simulator``, ``backend.max_shots`` ...

    A copy shares the connection, and has its own options. A pickle has neither the connection nor the token. An
    unpickled backend answers from its description; a member that needs a request raises ``IBMBackendApiError``.
    ``IBMProvider.attach()`` connects it again.

    Args:
        provider: The provider that the backend belongs to.
        configuration: The service's description of the backend.
        instance: The instance that jobs run in; the provider's by default.
        calibration_id: The ID of the calibration for properties and jobs; the newest by default. Only on IBM Quantum
            Platform.
        use_fractional_gates: Whether a device has its fractional gates, such as ``rx`` and ``rzz``. False leaves them
            out of ``configuration()`` and ``target``, as circuits with control flow need; True and None are the same.
            A simulator always has them.

    Raises:
        IBMBackendApiError: If ``configuration`` is no description of a backend.
        IBMBackendValueError: If ``use_fractional_gates`` is neither True, False nor None.
    """

    def __init__(
        self,
        provider: ProviderOfBackend | None,
        configuration: Mapping[str, Any],
        *,
        instance: str | None = None,
        calibration_id: str | None = None,
        use_fractional_gates: bool | None = False,
    ) -> None:
        record = BackendConfiguration.from_dict(configuration)
        if checked_choice(use_fractional_gates) is False and not record.get("simulator", False):
            record = BackendConfiguration.from_dict(without_fractional_gates(configuration))
        super().__init__(
            record,
            calibration_id,
            use_fractional_gates,
            provider=provider,
            name=record.backend_name,
            description=configuration.get("description"),
            online_date=_online_date(record),
            backend_version=configuration.get("backend_version"),
        )
        self._instance = provider.instance if instance is None and provider is not None else instance
        self._lacks_sampler = False
        self._session: Session | None = None
        self.submission_policy = SubmissionPolicy()
        """The pauses of submissions, and how long a job is searched for if the reply was lost; it can be assigned."""
        self.reset_options()

    def reset_options(self) -> None:
        """Set :attr:`options` to their default values. ``IBMProvider.get_backend()`` calls it.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> with IBMProvider.local(store=None) as provider:
            ...     backend = provider.get_backend("local_5q")
            ...     backend.set_options(shots=10)
            ...     provider.get_backend("local_5q") is backend, backend.options.shots
            (True, 4000)
        """
        self._options = self._default_options()
        if 0 < (most := self._record.get("max_shots", DEFAULT_SHOTS)) < DEFAULT_SHOTS:
            self.set_options(shots=most)

    def set_options(self, **fields: Any) -> None:
        """Set :attr:`options`: the defaults for the arguments of :meth:`run`.

        Args:
            **fields: The values by name; ``None`` for the default value.

        Raises:
            IBMBackendValueError: If ``shots``, ``rep_delay`` or ``noise_model`` are not within the backend's limits.
                It is a ``ValueError``, as in the archived client. No option changes then.
            AttributeError: If there is no option of that name.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> with IBMProvider.local(store=None) as provider:
            ...     provider.get_backend("local_5q").set_options(shots=1_000_000)
            Traceback (most recent call last):
                ...
            ibm_circuit_job.errors.IBMBackendValueError: expected at most 100000 shots for local_5q, got 1000000
        """
        run_options.check_options(self._record, fields)
        super().set_options(**fields)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.name!r})>"

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows: the backend's description. No request is sent."""
        from ibm_circuit_job.views.html import backend_html  # noqa: PLC0415 - loaded with the first HTML

        return backend_html(backend_view(self.name, self._record, self._properties))

    @classmethod
    def _default_options(cls) -> Options:
        return Options(
            shots=DEFAULT_SHOTS,
            memory=False,
            header=None,
            meas_level=None,
            meas_return=None,
            rep_delay=None,
            init_qubits=None,
            init_circuit=None,
            init_num_resets=None,
            use_measure_esp=None,
            noise_model=None,
            seed_simulator=None,
        )

    def run(
        self,
        circuits: QuantumCircuit | str | Sequence[QuantumCircuit | str],
        dynamic: bool | None = None,
        job_tags: list[str] | None = None,
        init_circuit: QuantumCircuit | None = None,
        init_num_resets: int | None = None,
        header: Mapping[str, Any] | None = None,
        shots: float | None = None,
        memory: bool | None = None,
        meas_level: int | None = None,
        meas_return: str | None = None,
        rep_delay: float | None = None,
        init_qubits: bool | None = None,
        use_measure_esp: bool | None = None,
        noise_model: Any = None,
        seed_simulator: int | None = None,
        *,
        max_quantum_seconds: float | None = None,
        **run_config: Any,
    ) -> IBMCircuitJob:
        """Submit circuits, and return a handle on the job that runs them.

        All arguments are checked before the request. The defaults are ``options``. A circuit for a device has to be in
        its instruction set, and must not use qubits or gates that do not work; ``transpile(circuit, backend)`` returns
        such a circuit. A simulator runs any circuit.

        On IBM Quantum Platform the program ``sampler`` runs the circuits, or ``executor`` if the service has no
        ``sampler``. On the channel ``ibm_quantum``, ``qasm3-runner`` runs circuits with control flow and texts, and
        ``circuit-runner`` all others. An argument that the program does not support is an error.

        Exactly one job is submitted. If the reply is lost, the job is searched for on the service before the request is
        sent again, for up to ten minutes. If the service accepts no more jobs at the moment, the call waits for up to
        an hour. Source: ``POST /jobs``.

        Args:
            circuits: One circuit, or a list of circuits. A text is a circuit in OpenQASM 3.
            dynamic: Whether the circuits contain control flow; by default this is detected.
            job_tags: Tags to find the job by. IBM Quantum Platform accepts at most 8 tags of at most 86 characters.
            init_circuit: A circuit that prepares the qubits before each of the circuits. Dynamic circuits only.
            init_num_resets: How often the qubits are reset before each circuit. Dynamic circuits only.
            header: A dictionary of JSON values, which is returned as the header of the result.
            shots: How often each circuit is run; by default 4000, or the backend's maximum if that is less. A fraction
                is dropped, with a warning.
            memory: Whether the result has the outcome of every shot, in addition to the counts.
            meas_level: 0 for raw signals, 1 for kernelled signals, 2 (the default) for bits; if the backend supports
                it.
            meas_return: For levels 0 and 1: ``"single"`` for every shot, ``"avg"`` for the average.
            rep_delay: Seconds between two shots. Devices only.
            init_qubits: Whether the qubits are reset before each shot; the service's default is True.
            use_measure_esp: Whether to read out with excited state promotion, on backends that support it.
            noise_model: A ``NoiseModel`` of Aer. Simulators only.
            seed_simulator: The seed of the simulation, for the same counts each time.
            max_quantum_seconds: The most seconds of quantum time that :meth:`estimate` may return for this job. It is
                checked before the request, and not sent. No limit by default.
            **run_config: ``private=True`` for a job whose inputs are hidden, and whose result can be read only once.
                ``image`` is not sent, with a warning. Other arguments are sent as parameters of the program, with a
                warning.

        Returns:
            A handle on the job.

        Raises:
            IBMBackendValueError: If an argument is wrong, or a circuit cannot run on the device; the message says what
                would be right.
            IBMUsageLimitError: If the job is expected to use more than ``max_quantum_seconds``.
            IBMBackendApiError: If the service refused the job or could not be reached. Also if the reply was lost, and
                the search did not find out whether the job exists; the message says so.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> from qiskit import QuantumCircuit
            >>> circuit = QuantumCircuit(1)
            >>> circuit.measure_all()
            >>> with IBMProvider.local(store=None) as provider:
            ...     job = provider.get_backend("local_simulator").run(circuit, shots=10, job_tags=["zero"])
            ...     job.tags()
            ['zero']
        """
        request = self._request(
            circuits,
            dynamic=dynamic,
            job_tags=job_tags,
            init_circuit=init_circuit,
            init_num_resets=init_num_resets,
            header=header,
            shots=shots,
            memory=memory,
            meas_level=meas_level,
            meas_return=meas_return,
            rep_delay=rep_delay,
            init_qubits=init_qubits,
            use_measure_esp=use_measure_esp,
            noise_model=noise_model,
            seed_simulator=seed_simulator,
            **run_config,
        )
        if max_quantum_seconds is not None:
            run_options.refuse_above(max_quantum_seconds, self._estimated(request).quantum_seconds)
        for warned in request.warnings:
            warnings.warn(warned, stacklevel=2)
        self._warn_if_paused()
        if request.program == "sampler" and self._lacks_sampler:
            request = executor_request(request)
        done = self._submitted(request)
        match done:
            case Bad(failure) if request.program == "sampler" and is_no_such_program(failure):
                _logger.info("The service has no program 'sampler', so %s runs circuits with 'executor'.", self.name)
                self._lacks_sampler = True
                done = self._submitted(executor_request(request))
        submitted = effects.value(IOResult.from_result(done), IBMBackendApiError)
        job: IBMCircuitJob = self.provider.handle_on(submitted, self)
        return job

    def estimate(
        self,
        circuits: QuantumCircuit | str | Sequence[QuantumCircuit | str],
        *,
        shots: float | None = None,
        rep_delay: float | None = None,
        dynamic: bool | None = None,
        init_circuit: QuantumCircuit | None = None,
        **run_config: Any,
    ) -> UsageEstimate:
        """Return the quantum time that a job with the same arguments as for :meth:`run` is expected to use.

        No job is submitted. The estimate is IBM's formula: an overhead for the job (2 seconds; 0 on the local
        service), and for each execution ``rep_delay`` and the duration of the circuit. The durations are from the
        backend's properties, which are requested if they are not known.

        In a circuit with control flow, the longest branch counts. Times that are not known before the job runs do not
        count, and ``unknown`` names them: the number of runs of a ``while`` loop, the duration of a circuit that is a
        text, and the computing time of a simulator.

        Args:
            circuits: As for :meth:`run`.
            shots: As for :meth:`run`.
            rep_delay: As for :meth:`run`; the device's own by default.
            dynamic: As for :meth:`run`.
            init_circuit: As for :meth:`run`.
            **run_config: The other arguments of :meth:`run`. They are checked, and do not change the estimate.

        Returns:
            The estimate, in seconds.

        Raises:
            IBMBackendValueError: If :meth:`run` would refuse an argument or a circuit.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> from qiskit import QuantumCircuit
            >>> circuit = QuantumCircuit(1)
            >>> circuit.x(0)  # doctest: +ELLIPSIS
            <qiskit...>
            >>> circuit.measure_all()
            >>> with IBMProvider.local(store=None) as provider:
            ...     estimate = provider.get_backend("local_5q").estimate(circuit, shots=1000)
            >>> round(estimate.quantum_seconds, 3), estimate.unknown
            (0.251, ())
        """
        request = self._request(
            circuits, shots=shots, rep_delay=rep_delay, dynamic=dynamic, init_circuit=init_circuit, **run_config
        )
        return self._estimated(request)

    def _estimated(self, request: RunRequest) -> UsageEstimate:
        return estimated_usage(
            self._record,
            self._target_to_check(),
            request.circuits,
            request.shots,
            rep_delay=request.options.get("rep_delay"),
            init_circuit=request.options.get("init_circuit"),
        )

    def open_session(self, max_time: int | str | None = None) -> Session:
        """Open a session. :meth:`run` submits jobs into it until it is closed or cancelled.

        Args:
            max_time: The maximum duration of the session, in seconds or as a text like ``"2h 30m 40s"``; the service's
                own limit by default.

        Returns:
            The session. It is closed at the end of its ``with`` block.

        Raises:
            IBMBackendValueError: If ``max_time`` is no such duration.
            IBMBackendApiError: If the service refused or could not be reached.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> with IBMProvider.local() as provider:
            ...     backend = provider.get_backend("local_5q")
            ...     with backend.open_session(max_time="2h 30m") as session:
            ...         session.details()["max_time"]
            9000
        """
        self._session = Session(self, max_time)
        return self._session

    def __getstate__(self) -> dict[str, Any]:
        # A session cannot be used without its connection.
        return super().__getstate__() | {"_session": None}

    @property
    def session(self) -> Session | None:
        """The session that :meth:`open_session` opened; ``None`` if it is closed, or there was none."""
        return None if self._session is None or self._session.is_closed else self._session

    def close_session(self) -> None:
        """Close the session of :meth:`open_session`: it accepts no more jobs. Without a session, nothing happens.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        if self._session is not None:
            self._session.close()

    def cancel_session(self) -> None:
        """Close the session of :meth:`open_session`, and cancel its jobs. Without a session, nothing happens.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        if self._session is not None:
            self._session.cancel()

    def _request(self, circuits: Any, **arguments: Any) -> RunRequest:
        """Check all arguments of ``run()``, and return the request for the channel's program."""
        request = run_options.checked_request(
            self._record,
            dict(self.options),
            circuits,
            limited_tags=adapted(self._client).limits_tags,
            run_config={name: value for name, value in arguments.items() if name not in run_options.ARGUMENTS},
            **{name: arguments.get(name) for name in run_options.ARGUMENTS},
        )
        checked = request
        if self.provider.channel == "ibm_quantum_platform":
            request = sampler_request(request, is_simulator=self._record.get("simulator", False))
        self._refuse_foreign_instructions(checked.circuits, checked.options.get("init_circuit"))
        return request

    def _submitted(self, request: RunRequest) -> Result[Job, Failure]:
        try:
            encoded = typed_json.encode(request.params)
        except (TypeError, ValueError, RecursionError) as error:
            raise IBMBackendValueError(f"expected arguments that go to JSON: {error}") from None
        order = Order(
            request.program,
            self.name,
            encoded,
            self._instance,
            tuple(request.tags),
            request.private,
            self._calibration_id,
            session_for(self, self.session),
        )
        done = submit(self._client, order, self.submission_policy)
        # The record has all that was sent, so none of it has to be requested.
        at, calibration = effects.now(), self._calibration_id
        details = JobDetails(
            at,
            backend=self.name,
            program=request.program,
            tags=request.tags or None,
            private=request.private or None,
            session_id=order.session_id,
            unknown=[] if calibration is None else [("calibration_id", json.dumps(calibration))],
            service_url=self._service_url(),
        )
        return done.map(lambda job_id: Job(job_id, details=details, inputs=JobInputs(at, encoded)))

    def _service_url(self) -> str | None:
        """The URL of the service; ``None`` for a third-party client."""
        parameters = adapted(self._client).parameters
        return None if parameters is None else parameters.url


def _online_date(record: BackendConfiguration) -> python_datetime | None:
    """When a backend went online; ``None`` if that cannot be read."""
    try:
        return record.online_date
    except IBMBackendApiError:
        return None
