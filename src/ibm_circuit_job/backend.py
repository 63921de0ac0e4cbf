"""IBMBackend: a backend of the service, as qiskit's transpiler sees it, and the run() that submits jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from qiskit import QuantumCircuit
from qiskit.circuit import Delay, Measure, Parameter, Reset
from qiskit.circuit.controlflow import (
    BreakLoopOp,
    ContinueLoopOp,
    ForLoopOp,
    IfElseOp,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.library.standard_gates import get_standard_gate_name_mapping
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import InstructionProperties, Target
from returns.result import Success

from ibm_circuit_job import effects
from ibm_circuit_job.circuit_job import IBMCircuitJob
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.errors import IBMBackendApiError, IBMBackendValueError, IBMError, to_exception
from ibm_circuit_job.state import typed_json
from ibm_circuit_job.state.facts import JobInputs
from ibm_circuit_job.state.job import Job

if TYPE_CHECKING:
    from ibm_circuit_job.provider import IBMProvider

DEFAULT_SHOTS: Final = 4000

_CONTROL_FLOW: Final[Mapping[str, Any]] = {
    "if_else": IfElseOp,
    "while_loop": WhileLoopOp,
    "for_loop": ForLoopOp,
    "switch_case": SwitchCaseOp,
    "break_loop": BreakLoopOp,
    "continue_loop": ContinueLoopOp,
}


class IBMBackend(BackendV2):
    """A backend of the service. ``IBMProvider.get_backend()`` makes one.

    Args:
        provider: The provider that it belongs to.
        configuration: The service's description of the backend.
    """

    def __init__(self, provider: IBMProvider, configuration: Mapping[str, Any]) -> None:
        missing = [name for name in ("backend_name", "n_qubits", "basis_gates") if name not in configuration]
        if missing:
            raise IBMBackendApiError(f"the service's description of the backend has no {', '.join(missing)}")
        super().__init__(
            provider=provider,
            name=str(configuration["backend_name"]),
            description=configuration.get("description"),
            backend_version=configuration.get("backend_version"),
        )
        self._configuration = configuration
        self._client = provider.runtime_client
        self._target: Target | None = None

    def __repr__(self) -> str:
        return f"<IBMBackend({self.name!r})>"

    @classmethod
    def _default_options(cls) -> Options:
        return Options(shots=DEFAULT_SHOTS, memory=False, seed_simulator=None, rep_delay=None)

    @property
    def target(self) -> Target:
        """What the backend can do, and how well, as qiskit's transpiler wants it.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached; it is asked once.
        """
        if self._target is None:
            self._target = _target(self._configuration, self._calibration())
        return self._target

    def _calibration(self) -> Mapping[str, Any]:
        if self._configuration.get("simulator"):
            return {}
        return asked(lambda: self._client.backend_properties(self.name), IBMBackendApiError) or {}

    @property
    def max_circuits(self) -> int | None:
        """How many circuits a job may hold."""
        return self._configuration.get("max_experiments")

    def run(
        self,
        circuits: QuantumCircuit | Sequence[QuantumCircuit],
        dynamic: bool | None = None,
        job_tags: list[str] | None = None,
        header: Mapping[str, Any] | None = None,
        shots: int | None = None,
        memory: bool | None = None,
        rep_delay: float | None = None,
        noise_model: Any = None,
        seed_simulator: int | None = None,
    ) -> IBMCircuitJob:
        """Submit circuits and return the job that runs them.

        All arguments are checked before anything is sent. What is not given is taken from ``options``.

        Args:
            circuits: One circuit, or a list of them.
            dynamic: Whether the circuits hold control flow; found out by default.
            job_tags: Tags, by which the job can be found later.
            header: Anything that goes to JSON; it comes back as the header of the result.
            shots: How often each circuit is run; 4000 or the backend's maximum by default, whichever is less.
            memory: Whether the outcome of every shot is wanted, not only the counts.
            rep_delay: Seconds between two shots. Devices only.
            noise_model: A noise model of Aer. Simulators only.
            seed_simulator: The seed of the simulation, for the same counts each time.

        Returns:
            The job.

        Raises:
            IBMBackendValueError: If an argument is wrong; the message says what would be right.
            IBMBackendApiError: If the service refused the job or could not be reached.
        """
        options, device = self.options, self._configuration
        checked = _checked_circuits(circuits, device)
        tags = _checked_tags(job_tags)
        params: dict[str, Any] = {
            "circuits": checked,
            "shots": _checked_shots(_first(shots, options.shots), device, given=shots is not None),
            "memory": _checked_flag("memory", _first(memory, options.memory)),
            "skip_transpilation": True,
        }
        optional = {
            "seed_simulator": _checked_seed(_first(seed_simulator, options.seed_simulator)),
            "rep_delay": _checked_rep_delay(_first(rep_delay, options.rep_delay), device),
            "noise_model": _checked_noise_model(noise_model, device),
            "header": _checked_header(header),
        }
        params |= {name: value for name, value in optional.items() if value is not None}
        _checked_flag("dynamic", dynamic)
        holds_control_flow = any(_has_control_flow(circuit) for circuit in checked)
        program = "qasm3-runner" if dynamic or holds_control_flow else "circuit-runner"
        return self._submitted(program, params, tags)

    def _submitted(self, program: str, params: Mapping[str, Any], tags: Sequence[str]) -> IBMCircuitJob:
        try:
            encoded = typed_json.encode(params)
        except (TypeError, ValueError, RecursionError) as error:
            raise IBMBackendValueError(f"expected arguments that go to JSON: {error}") from None
        done = effects.perform(
            effects.submit_job(
                self._client,
                program=program,
                backend=self.name,
                params=msgspec.Raw(encoded),
                instance=self.provider.instance,
                tags=tags,
            )
        )
        if not isinstance(done, Success):
            raise to_exception(done.failure(), IBMBackendApiError)
        # What was sent is known of the job, and need never be asked for.
        state = Job(done.unwrap().job_id, inputs=JobInputs(effects.now(), encoded))
        return IBMCircuitJob.from_state(
            state, backend=self, api_client=self.provider.account_client, runtime_client=self._client
        )


_T = TypeVar("_T")


def asked(question: Callable[[], _T], kind: type[IBMError]) -> _T:
    """Return what a client answers; where it raises, raise the documented exception instead."""
    try:
        return question()
    except RequestFailed as error:
        raise to_exception(error.failure, kind) from None


def _first(given: _T | None, default: _T | None) -> _T | None:
    return default if given is None else given


def _checked_circuits(circuits: object, configuration: Mapping[str, Any]) -> list[QuantumCircuit]:
    listed = list(circuits) if isinstance(circuits, Sequence) and not isinstance(circuits, str) else [circuits]
    if not listed:
        raise IBMBackendValueError("expected at least one circuit, got an empty list")
    most, name = configuration.get("max_experiments"), configuration["backend_name"]
    if most is not None and len(listed) > most:
        raise IBMBackendValueError(f"expected at most {most} circuits for {name}, got {len(listed)}")
    return [_checked_circuit(circuit, index, configuration) for index, circuit in enumerate(listed)]


def _checked_circuit(circuit: object, index: int, configuration: Mapping[str, Any]) -> QuantumCircuit:
    if not isinstance(circuit, QuantumCircuit):
        raise IBMBackendValueError(
            f"expected circuits to be a QuantumCircuit or a list of them, got a {type(circuit).__name__} at [{index}]"
        )
    most, name = configuration["n_qubits"], configuration["backend_name"]
    if circuit.num_qubits > most:
        raise IBMBackendValueError(
            f"expected circuits of at most {most} qubits for {name}, "
            f"got {circuit.num_qubits} in circuit {circuit.name!r} at [{index}]"
        )
    if circuit.num_parameters:
        names = ", ".join(sorted(parameter.name for parameter in circuit.parameters))
        raise IBMBackendValueError(
            f"expected circuits without free parameters, got {names} in circuit {circuit.name!r} at [{index}]; "
            "bind them with assign_parameters()"
        )
    return circuit


def _checked_shots(shots: Any, configuration: Mapping[str, Any], *, given: bool) -> int:
    most = configuration.get("max_shots")
    integer = isinstance(shots, Integral) or (isinstance(shots, float) and shots.is_integer())
    if isinstance(shots, bool) or not integer or shots < 1:
        raise IBMBackendValueError(f"expected shots to be a whole number from 1 to {most}, got {shots!r}")
    if most is not None and shots > most:
        if given:
            name = configuration["backend_name"]
            raise IBMBackendValueError(f"expected at most {most} shots for {name}, got {shots}")
        return int(most)
    return int(shots)


def _checked_tags(tags: object) -> list[str]:
    if tags is None:
        return []
    if not isinstance(tags, (list, tuple)) or not all(isinstance(tag, str) for tag in tags):
        raise IBMBackendValueError(f"expected job_tags to be a list of strings, got {tags!r}")
    return list(tags)


def _checked_flag(name: str, flag: Any) -> bool | None:
    if flag is None or isinstance(flag, bool):
        return flag
    raise IBMBackendValueError(f"expected {name} to be True or False, got {flag!r}")


def _checked_seed(seed: Any) -> int | None:
    if seed is None:
        return None
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < 2**63:
        raise IBMBackendValueError(f"expected seed_simulator to be a whole number from 0 to 2**63 - 1, got {seed!r}")
    return int(seed)


def _checked_noise_model(model: Any, configuration: Mapping[str, Any]) -> Any:
    if model is None:
        return None
    if not configuration.get("simulator"):
        raise IBMBackendValueError(f"expected no noise_model, for {configuration['backend_name']} is no simulator")
    if type(model).__name__ != "NoiseModel":
        raise IBMBackendValueError(f"expected noise_model to be a NoiseModel of qiskit-aer, got {model!r}")
    return model


def _checked_header(header: Any) -> dict[str, Any] | None:
    if header is None:
        return None
    if not isinstance(header, Mapping) or not all(isinstance(name, str) for name in header):
        raise IBMBackendValueError(f"expected header to be a dictionary with strings as keys, got {header!r}")
    return dict(header)


def _checked_rep_delay(delay: Any, configuration: Mapping[str, Any]) -> float | None:
    if delay is None:
        return None
    name = configuration["backend_name"]
    if not configuration.get("dynamic_reprate_enabled"):
        raise IBMBackendValueError(f"expected no rep_delay, for {name} does not support it; got {delay!r}")
    # The service's documents are in microseconds, and the documented interface in seconds.
    low, high = (float(limit) * 1e-6 for limit in configuration["rep_delay_range"])
    if isinstance(delay, bool) or not isinstance(delay, (int, float)) or not low <= delay <= high:
        raise IBMBackendValueError(f"expected rep_delay from {low:g} to {high:g} seconds for {name}, got {delay!r}")
    return float(delay)


def _has_control_flow(circuit: QuantumCircuit) -> bool:
    return any(instruction.operation.name in _CONTROL_FLOW for instruction in circuit.data)


def _target(configuration: Mapping[str, Any], calibration: Mapping[str, Any]) -> Target:
    """The target of a backend; an instruction without calibration is ideal."""
    qubits = range(configuration["n_qubits"])
    coupling = configuration.get("coupling_map")
    measured = _calibrated_gates(calibration) | _calibrated_readout(calibration)
    target = Target(
        description=configuration["backend_name"],
        num_qubits=configuration["n_qubits"],
        dt=None if configuration.get("dt") is None else configuration["dt"] * 1e-9,
    )
    gates = get_standard_gate_name_mapping()
    for name in configuration["basis_gates"]:
        gate = gates.get(name)
        if gate is None or name in {"reset", "delay", "measure"}:
            continue
        operands = _operands(gate.num_qubits, qubits, coupling)
        target.add_instruction(gate, operands and {each: measured.get((name, each)) for each in operands})
    target.add_instruction(Measure(), {(qubit,): measured.get(("measure", (qubit,))) for qubit in qubits})
    target.add_instruction(Delay(Parameter("t")), {(qubit,): None for qubit in qubits})
    target.add_instruction(Reset(), {(qubit,): measured.get(("reset", (qubit,))) for qubit in qubits})
    for name in configuration.get("supported_instructions") or ():
        if name in _CONTROL_FLOW:
            target.add_instruction(_CONTROL_FLOW[name], name=name)
    return target


def _operands(width: int, qubits: range, coupling: Any) -> list[tuple[int, ...]] | None:
    """The qubits that a gate acts on; ``None`` where it acts on any."""
    if width == 1:
        return [(qubit,) for qubit in qubits]
    if coupling is None:
        return None
    return [tuple(pair) for pair in coupling if len(pair) == width]


def _calibrated_gates(
    calibration: Mapping[str, Any],
) -> dict[tuple[str, tuple[int, ...]], InstructionProperties]:
    found: dict[tuple[str, tuple[int, ...]], InstructionProperties] = {}
    for gate in calibration.get("gates", ()):
        value = {entry["name"]: entry["value"] for entry in gate["parameters"]}
        length = value.get("gate_length")
        found[gate["gate"], tuple(gate["qubits"])] = InstructionProperties(
            duration=None if length is None else length * 1e-9, error=value.get("gate_error")
        )
    return found


def _calibrated_readout(
    calibration: Mapping[str, Any],
) -> dict[tuple[str, tuple[int, ...]], InstructionProperties]:
    found: dict[tuple[str, tuple[int, ...]], InstructionProperties] = {}
    for index, qubit in enumerate(calibration.get("qubits", ())):
        value = {entry["name"]: entry["value"] for entry in qubit}
        length = value.get("readout_length")
        found["measure", (index,)] = InstructionProperties(
            duration=None if length is None else length * 1e-9, error=value.get("readout_error")
        )
    return found
