"""IBMBackend: a backend of the service, as qiskit's transpiler sees it, and the run() that submits jobs."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from datetime import datetime as python_datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from qiskit import QuantumCircuit
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import Target
from returns.result import Result, Success

from ibm_circuit_job import effects, run_options
from ibm_circuit_job.circuit_job import IBMCircuitJob
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.errors import (
    Failure,
    IBMBackendApiError,
    IBMBackendError,
    IBMBackendValueError,
    IBMError,
    Refused,
    to_exception,
)
from ibm_circuit_job.executor_options import executor_request
from ibm_circuit_job.run_options import DEFAULT_SHOTS, RunRequest
from ibm_circuit_job.sampler_options import sampler_request
from ibm_circuit_job.state import typed_json
from ibm_circuit_job.state.backend_configuration import BackendConfiguration, BackendStatus
from ibm_circuit_job.state.backend_properties import BackendProperties
from ibm_circuit_job.state.facts import JobInputs, JobTags
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.submitting import SubmissionPolicy
from ibm_circuit_job.submitter import Order, submit
from ibm_circuit_job.target import target_of

if TYPE_CHECKING:
    from ibm_circuit_job.provider import IBMProvider

_T = TypeVar("_T")
_logger: Final = logging.getLogger(__name__)


class IBMBackend(BackendV2):
    """A backend of the service. ``IBMProvider.get_backend()`` makes one.

    What the service's description of it says is an attribute: ``backend.simulator``, ``backend.max_shots`` ...

    Args:
        provider: The provider that it belongs to.
        configuration: The service's description of the backend.
        instance: The instance that jobs run in; the provider's by default.
    """

    def __init__(self, provider: IBMProvider, configuration: Mapping[str, Any], *, instance: str | None = None) -> None:
        record = BackendConfiguration.from_dict(configuration)
        super().__init__(
            provider=provider,
            name=record.backend_name,
            description=configuration.get("description"),
            backend_version=configuration.get("backend_version"),
        )
        self._record = record
        self._instance = provider.instance if instance is None else instance
        self._client = provider.runtime_client
        self._target: Target | None = None
        self._properties: BackendProperties | None = None
        self._lacks_sampler = False
        self.submission_policy = SubmissionPolicy()
        """How submissions are paced, and how long a job is looked for whose answer was lost; any other may be set."""
        if record.max_shots is not None and record.max_shots < DEFAULT_SHOTS:
            self.set_options(shots=record.max_shots)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.name!r})>"

    def __getattr__(self, name: str) -> Any:
        # Only asked for what is no member.
        if name.startswith("_") or hasattr(type(self), name):
            # What a member of that name has raised stays hidden behind no other answer.
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        return getattr(self._record, name)

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

    @property
    def target(self) -> Target:
        """What the backend can do, and how well, as qiskit's transpiler wants it.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached; it is asked once.
        """
        if self._target is None:
            self._target = target_of(self._record, self.properties())
        return self._target

    @property
    def max_circuits(self) -> int | None:
        """How many circuits a job may hold."""
        return self._record.max_experiments

    def configuration(self) -> BackendConfiguration:
        """Return what the backend is: its size, its gates, its limits. It is asked for once, with the backend."""
        return self._record

    def properties(self, refresh: bool = False, datetime: python_datetime | None = None) -> BackendProperties | None:
        """Return how good the backend is, in SI units and with times in the machine's zone.

        Args:
            refresh: Ask the service again. Else what was learned before counts.
            datetime: At which time; now by default. One without a zone is in the machine's.

        Returns:
            The properties; ``None`` for a simulator, and where the service has none.

        Raises:
            TypeError: If ``datetime`` is no ``datetime``.
            IBMBackendValueError: If there is no such time in UTC.
            IBMBackendApiError: If the service refused or could not be reached.
        """
        if datetime is not None and not isinstance(datetime, python_datetime):
            raise TypeError(f"expected datetime to be a datetime or None, got {datetime!r}")
        if datetime is None and not refresh and self._properties is not None:
            return self._properties
        try:
            moment = None if datetime is None else datetime.astimezone(UTC)
        except (OverflowError, ValueError):
            raise IBMBackendValueError(f"expected datetime to be within the calendar, got {datetime!r}") from None
        reply = self._calibration(moment)
        found = BackendProperties.from_dict(reply) if reply else None
        if datetime is None:
            self._properties = found
        return found

    def _calibration(self, moment: python_datetime | None = None) -> Mapping[str, Any] | None:
        if self._record.simulator:
            return None
        try:
            return self._client.backend_properties(self.name, datetime=moment)
        except RequestFailed as error:
            if error.status_code == 404:
                return None
            raise to_exception(error.failure, IBMBackendApiError) from None

    def status(self) -> BackendStatus:
        """Ask the service whether the backend is up, and how many jobs it has.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        reply = asked(lambda: self._client.backend_status(self.name), IBMBackendApiError)
        return BackendStatus.from_reply({"backend_name": self.name, **reply})

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
        **run_config: Any,
    ) -> IBMCircuitJob:
        """Submit circuits and return the job that runs them.

        All arguments are checked before anything is sent. What is not given is taken from ``options``. Circuits with
        control flow and texts are run by the program ``qasm3-runner``, all others by ``circuit-runner``. IBM Quantum
        Platform runs them by the program ``sampler``, or by ``executor`` where it has no sampler. Arguments that these
        cannot honour are refused.

        One job is submitted. Where the answer is lost, the jobs of the service are looked at before the request is sent
        again, for up to ten minutes. A service that takes no more jobs just now is waited for, for up to an hour.

        Args:
            circuits: One circuit, or a list of them. A text is a circuit in OpenQASM 3.
            dynamic: Whether the circuits hold control flow; found out by default.
            job_tags: Tags, by which the job can be found later. IBM Quantum Platform takes 8 of 86 characters at most.
            init_circuit: A circuit that prepares the qubits before each of the circuits. Dynamic circuits only.
            init_num_resets: How often the qubits are reset before each circuit. Dynamic circuits only.
            header: Anything that goes to JSON; it comes back as the header of the result.
            shots: How often each circuit is run; 4000 or the backend's maximum by default, whichever is less.
            memory: Whether the outcome of every shot is wanted, not only the counts.
            meas_level: 0 for raw signals, 1 for kernelled ones, 2, the default, for bits; as far as the backend can.
            meas_return: For levels 0 and 1: ``"single"`` for every shot, ``"avg"`` for the average.
            rep_delay: Seconds between two shots. Devices only.
            init_qubits: Whether the qubits are reset before each shot; the service's default is yes.
            use_measure_esp: Whether to read out with excited state promotion; backends that can only.
            noise_model: A noise model of Aer. Simulators only.
            seed_simulator: The seed of the simulation, for the same counts each time.
            **run_config: ``private=True`` for a job whose inputs are hidden, and whose result can be read only once.
                More parameters of the program are passed on as they are, with a warning in the log.

        Returns:
            The job.

        Raises:
            IBMBackendValueError: If an argument is wrong; the message says what would be right.
            IBMBackendApiError: If the service refused the job or could not be reached; or if the answer was lost, and
                it could not be found out whether the job exists, which the message says.
        """
        request = run_options.checked_request(
            self._record,
            dict(self.options),
            circuits,
            dynamic=dynamic,
            job_tags=job_tags,
            limited_tags=effects.limits_tags(self._client),
            run_config=run_config,
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
        )
        for name in request.unknown:
            meant = "".join(f"; did you mean {close!r}?" for close in run_options.close_matches(name))
            _logger.warning("run() has no argument %r, so it is passed on to the service as it is%s", name, meant)
        if self.provider.channel == "ibm_quantum_platform":
            request = sampler_request(request, is_simulator=self._record.simulator)
        if request.program == "sampler" and self._lacks_sampler:
            request = executor_request(request)
        done = self._submitted(request)
        if not isinstance(done, Success) and request.program == "sampler" and is_no_such_program(done.failure()):
            _logger.info("The service has no program 'sampler', so %s runs circuits with 'executor'.", self.name)
            self._lacks_sampler = True
            done = self._submitted(executor_request(request))
        if not isinstance(done, Success):
            raise to_exception(done.failure(), IBMBackendApiError)
        job: IBMCircuitJob = self.provider.handle_on(done.unwrap(), self)
        return job

    def _submitted(self, request: RunRequest) -> Result[Job, Failure]:
        try:
            encoded = typed_json.encode(request.params)
        except (TypeError, ValueError, RecursionError) as error:
            raise IBMBackendValueError(f"expected arguments that go to JSON: {error}") from None
        order = Order(request.program, self.name, encoded, self._instance, tuple(request.tags), request.private)
        done = submit(self._client, order, self.submission_policy)
        # What was sent is known of the job, and need never be asked for.
        at = effects.now()
        tagged = JobTags(at, request.tags) if request.tags else None
        return done.map(lambda job_id: Job(job_id, inputs=JobInputs(at, encoded), retagged=tagged))


def is_no_such_program(failure: Failure) -> bool:
    """Return whether a service refused a submission because it does not have the program.

    It answers 404, or 400, with an error about the program. No public list of error codes has one for that, so the
    words count. A page that the service did not write has none.

    Example:
        >>> from ibm_circuit_job.errors import Refused
        >>> words = ("Program 'sampler' not found.", "Backend 'x' not found.")
        >>> [is_no_such_program(Refused("submit a job to x", "http://x", 404, said)) for said in words]
        [True, False]
    """
    if not isinstance(failure, Refused) or failure.http_status not in {400, 404, 410}:
        return False
    return _NO_SUCH_PROGRAM.search(failure.message) is not None


_NO_SUCH_PROGRAM: Final = re.compile(
    r"\bprogram\b.{0,80}\b(?:not (?:be )?found|(?:not|n't) (?:exist|supported|available)|unknown|unsupported|retired|"
    r"no longer)\b|\b(?:no such|unknown|unsupported|invalid) program\b(?! (?:in|param))",
    re.IGNORECASE | re.DOTALL,
)


class IBMRetiredBackend(IBMBackend):
    """A backend that is gone, or cannot be described: jobs that ran on it still name it. Nothing can be run on it.

    Args:
        provider: The provider that it belonged to.
        name: Its name.
    """

    def __init__(self, provider: IBMProvider, name: str) -> None:
        description = {"backend_name": name, "n_qubits": 0, "basis_gates": [], "simulator": False}
        # Nothing runs, so that no instance is needed: nobody may know it, where the service cannot be reached.
        super().__init__(provider, description, instance="")

    def run(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse.

        Raises:
            IBMBackendError: Always.
        """
        raise IBMBackendError(f"backend {self.name!r} is gone, or the service could not describe it")


def asked(question: Callable[[], _T], kind: type[IBMError]) -> _T:
    """Return what a client answers; where it raises, raise the documented exception instead."""
    try:
        return question()
    except RequestFailed as error:
        raise to_exception(error.failure, kind) from None
