"""Executing one job, in a worker process: parameters in, the body of the result out.

Here, and only here, is what a client submitted turned into objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import numpy as np
from attrs import evolve, frozen
from qiskit import QuantumCircuit, qasm3, transpile
from qiskit.exceptions import MissingOptionalLibraryError, QiskitError
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, SamplerPubResult
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.qasm3 import QASM3ImporterError
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from returns.result import Success

from ibm_circuit_job.errors import describe
from ibm_circuit_job.local.device_noise import noise_model as noise_of
from ibm_circuit_job.local.device_noise import relaxing
from ibm_circuit_job.local.devices import (
    BACKEND_VERSION,
    DEVICES,
    MAX_CIRCUITS,
    MAX_SHOTS,
    Device,
    calibrated_at,
    configuration,
    properties,
)
from ibm_circuit_job.local.limits import over_memory
from ibm_circuit_job.wire import documents, typed_json

NOT_FOR_THIS_BACKEND = 1517
"""The service's reason code for a circuit that the backend cannot run."""


_LONGEST_REASON: Final = 2_000


@frozen
class Task:
    """One job, as it goes to a worker process."""

    job_id: str
    """Its ID, which goes into the result."""
    backend: str
    """The name of one of ``DEVICES``."""
    program: str
    """One of ``PROGRAMS``."""
    params: bytes
    """The parameters that were submitted, as the service's JSON."""
    started: datetime
    """When it starts, for the calibration that holds then."""
    seed: int | None = None
    """The seed of the simulation, where the job gives none."""
    memory_mb: int | None = None
    """MB of memory that it may use; any by default."""


@frozen
class Outcome:
    """How a job ended."""

    result: bytes | None
    """The body of its result; of a job that failed, what there is of one."""
    reason: str = ""
    """Why it failed; empty where it did not."""
    reason_code: int | None = None
    """The service's number for the reason."""

    @property
    def succeeded(self) -> bool:
        """Whether the whole result is there."""
        return self.result is not None and not self.reason


class _CannotRun(Exception):  # noqa: N818 - it never leaves this module
    """The circuit cannot run on the backend; the message says why."""


def warm_up() -> None:
    """Run something, so that the first job need not wait for what is loaded with the first run."""
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    AerSimulator().run(transpile(circuit, AerSimulator(), optimization_level=0), shots=1).result()


def execute(task: Task) -> Outcome:
    """Execute a job.

    Returns:
        The result, or the reason why there is none. Whatever was submitted, nothing is raised.
    """
    try:
        outcome = PROGRAMS[task.program](task)
    except _CannotRun as error:
        outcome = Outcome(None, str(error), NOT_FOR_THIS_BACKEND)
    except QiskitError as error:
        outcome = Outcome(None, str(error.message))
    except MemoryError:
        outcome = Outcome(None, "MemoryError")
    except Exception as error:  # noqa: BLE001 - anything may be in there, and the service must live
        outcome = Outcome(None, f"{type(error).__name__}: {error}")
    if task.memory_mb is not None and _NO_MEMORY.search(outcome.reason):
        outcome = evolve(outcome, reason=f"{over_memory(task.memory_mb)} {outcome.reason}", reason_code=None)
    # Every listing repeats it, so not at any length.
    return evolve(outcome, reason=outcome.reason[:_LONGEST_REASON])


_NO_MEMORY: Final = re.compile(r"^MemoryError|[Ii]nsufficient memory|[Cc]annot allocate memory|\bbad_alloc\b")
"""How Python, Aer and the C++ library say that there is no more memory."""


def _params(task: Task, field: str) -> Mapping[str, Any]:
    decoded = typed_json.decode(task.params, "params")
    if not isinstance(decoded, Success):
        raise _CannotRun(describe(decoded.failure()))
    submitted: Any = decoded.unwrap()
    if not isinstance(submitted, Mapping) or field not in submitted:
        raise _CannotRun(f"Expected params with a field {field!r}, which is missing.")
    return submitted


# circuit-runner and qasm3-runner


def _run_circuits(task: Task) -> Outcome:
    """The counts of circuits, as a ``Result``. Those that cannot run do not keep the others from it."""
    submitted, device = _params(task, "circuits"), DEVICES[task.backend]
    circuits = submitted["circuits"]
    circuits = circuits if isinstance(circuits, list) else [circuits]
    if task.program == "qasm3-runner":
        circuits = [_read_if_text(circuit, f"circuit-{index}") for index, circuit in enumerate(circuits)]
    if not 1 <= len(circuits) <= MAX_CIRCUITS:
        raise _CannotRun(f"Expected 1 to {MAX_CIRCUITS} circuits, got {len(circuits)}.")
    shots = _checked_shots(submitted.get("shots", 4000))
    prepared = [_runnable(device, _prepared(circuit, submitted.get("init_circuit"))) for circuit in circuits]
    ready = [circuit for circuit in prepared if isinstance(circuit, QuantumCircuit)]
    reasons = [reason for reason in prepared if isinstance(reason, str)]
    if not ready:
        raise _CannotRun(reasons[0])
    noise = submitted.get("noise_model") if device.is_simulator else None
    ran = _simulated(
        task,
        ready,
        shots=shots,
        memory=bool(submitted.get("memory")),
        seed=submitted.get("seed_simulator"),
        noise_model=NoiseModel.from_dict(dict(noise)) if isinstance(noise, Mapping) else None,
    )
    if len(ran.results) != len(ready):
        # Refused as a whole, before any of them ran.
        raise _CannotRun(str(ran.status))
    reasons += [str(each.status) for each in ran.results if not each.success]
    result: dict[str, Any] = ran.to_dict()
    result.pop("metadata", None)
    simulated = iter(result["results"])
    result["results"] = [
        next(simulated) if isinstance(each, QuantumCircuit) else _failed(circuit, shots, each)
        for circuit, each in zip(circuits, prepared, strict=True)
    ]
    result |= {
        "job_id": task.job_id,
        "qobj_id": task.job_id,
        "backend_name": task.backend,
        "backend_version": BACKEND_VERSION,
        "success": not reasons,
    }
    # The header goes back as it came, and not as what was made of it.
    given = documents.fields(task.params, "params").unwrap().get("header")
    result["header"] = {} if given is None or bytes(given) == b"null" else given
    reason = "; ".join(dict.fromkeys(reasons))
    return Outcome(typed_json.encode(result), reason, NOT_FOR_THIS_BACKEND if reason else None)


def _failed(circuit: Any, shots: int, reason: str) -> dict[str, Any]:
    """The experiment of a circuit that could not run."""
    header = {"name": circuit.name, "memory_slots": circuit.num_clbits}
    return {"shots": shots, "success": False, "status": f"ERROR: {reason}", "header": header, "data": {}}


def _prepared(circuit: Any, initial: Any) -> QuantumCircuit:
    if not isinstance(circuit, QuantumCircuit):
        raise _CannotRun(f"Expected circuits, got a {type(circuit).__name__}.")
    if not isinstance(initial, QuantumCircuit):
        return circuit
    return circuit.compose(initial, qubits=range(initial.num_qubits), front=True)


def _checked_shots(shots: Any) -> int:
    if not isinstance(shots, int) or not 1 <= shots <= MAX_SHOTS:
        raise _CannotRun(f"Expected 1 to {MAX_SHOTS} shots, got {shots!r}.")
    return shots


# sampler


def _sample(task: Task) -> Outcome:
    """The bits of circuits, register by register, as a ``PrimitiveResult``: version 2 of the sampler."""
    submitted, device = _params(task, "pubs"), DEVICES[task.backend]
    if submitted.get("version", 2) != 2:
        raise _CannotRun(f"Expected version 2 of the sampler, got {submitted['version']!r}.")
    options = submitted.get("options") or {}
    kind = (options.get("execution") or {}).get("meas_type", "classified")
    if kind != "classified":
        raise _CannotRun(f"Expected meas_type to be 'classified', got {kind!r}.")
    shots = options.get("default_shots") or 4096
    pubs = [_checked_pub(pub, index, shots) for index, pub in enumerate(submitted["pubs"])]
    if not 1 <= sum(pub.size for pub in pubs) <= MAX_CIRCUITS:
        raise _CannotRun(f"Expected 1 to {MAX_CIRCUITS} circuits, got {sum(pub.size for pub in pubs)}.")
    ready: list[list[QuantumCircuit]] = []
    for pub in pubs:
        bound = [_runnable(device, circuit) for circuit in np.ravel(pub.parameter_values.bind_all(pub.circuit))]
        reasons = [reason for reason in bound if isinstance(reason, str)]
        if reasons:
            raise _CannotRun(reasons[0])
        ready.append(bound)
    seed = (options.get("simulator") or {}).get("seed_simulator")
    memories = _memories(task, [pub.shots for pub in pubs], ready, seed)
    sampled = [
        SamplerPubResult(
            DataBin(**_registers(pub.circuit, memory, pub.shape), shape=pub.shape),
            metadata={"circuit_metadata": pub.circuit.metadata},
        )
        for pub, memory in zip(pubs, memories, strict=True)
    ]
    return Outcome(typed_json.encode(PrimitiveResult(sampled, metadata={"version": 2})))


def _checked_pub(pub: Any, index: int, shots: int) -> SamplerPub:
    if isinstance(pub, list) and pub:
        pub = [_read_if_text(pub[0], f"circuit-{index}"), *pub[1:]]
    if not isinstance(pub, list) or not pub or not isinstance(pub[0], QuantumCircuit):
        raise _CannotRun(f"pubs[{index}]: expected a list that begins with a circuit, got a {type(pub).__name__}.")
    parts = [*pub, None, None][:3]
    # A circuit without parameters may still be asked for many times: an array of shape x 0.
    values = None if parts[1] is None else np.asarray(parts[1], dtype=float)
    try:
        coerced = SamplerPub.coerce((parts[0], values, parts[2] or shots))
    except (ValueError, TypeError, QiskitError) as error:
        raise _CannotRun(f"pubs[{index}]: {error}") from None
    _checked_shots(coerced.shots)
    if not coerced.circuit.cregs:
        raise _CannotRun(f"pubs[{index}]: expected a circuit with classical registers, got one without.")
    return coerced


def _memories(
    task: Task, shots: Sequence[int], ready: Sequence[Sequence[QuantumCircuit]], seed: int | None
) -> list[list[Sequence[str]]]:
    """The outcome of each shot of each circuit of each pub, in hexadecimal."""
    if len(set(shots)) == 1:
        # All at once, as circuit-runner does: with the same seed it gives the same counts.
        flat = [circuit for circuits in ready for circuit in circuits]
        ran = _simulated(task, flat, shots=shots[0], memory=True, seed=seed)
        found = iter(_outcomes(ran, len(flat)))
        return [[next(found) for _ in circuits] for circuits in ready]
    return [
        _outcomes(_simulated(task, circuits, shots=each, memory=True, seed=seed), len(circuits))
        for each, circuits in zip(shots, ready, strict=True)
    ]


def _outcomes(ran: Any, number: int) -> list[Sequence[str]]:
    if not ran.success:
        raise _CannotRun("; ".join(str(each.status) for each in ran.results if not each.success))
    return [ran.data(index).get("memory") or ["0x0"] * ran.results[index].shots for index in range(number)]


def _registers(
    circuit: QuantumCircuit, memories: Sequence[Sequence[str]], shape: tuple[int, ...]
) -> dict[str, BitArray]:
    """The bits of each register: an array of shape x shots x bytes, the most significant byte first."""
    width = max(1, -(-circuit.num_clbits // 8))
    packed = b"".join(int(outcome, 16).to_bytes(width) for memory in memories for outcome in memory)
    shots = len(memories[0])
    bits = np.unpackbits(np.frombuffer(packed, np.uint8).reshape(len(memories), shots, width), axis=-1)[..., ::-1]
    found: dict[str, BitArray] = {}
    for register in circuit.cregs:
        of_register = bits[..., [circuit.find_bit(bit).index for bit in register]][..., ::-1]
        padded = np.pad(of_register, ((0, 0), (0, 0), (-len(register) % 8, 0)))
        array = np.packbits(padded, axis=-1).reshape(*shape, shots, -1)
        found[register.name] = BitArray(array, len(register))
    return found


# OpenQASM 3


def _read_if_text(circuit: Any, name: str) -> Any:
    """The circuit that a text in OpenQASM 3 describes; anything else as it is."""
    if not isinstance(circuit, str):
        return circuit
    declared = sum(int(size or 1) for size in _DECLARED.findall(circuit))
    if declared > typed_json.MOST_BITS:
        raise _CannotRun(f"{name}: expected at most {typed_json.MOST_BITS} qubits and bits, got {declared}.")
    try:
        read = qasm3.loads(circuit)
    except MissingOptionalLibraryError as error:
        raise _CannotRun(f"{name}: OpenQASM 3 cannot be read here: {error.message}") from None
    except RecursionError:
        raise _CannotRun(f"{name}: expected OpenQASM 3, got text that is nested too deep.") from None
    except QASM3ImporterError as error:
        raise _CannotRun(f"{name}: expected OpenQASM 3: {error.message}") from None
    except Exception as error:  # noqa: BLE001 - the parser raises anything
        raise _CannotRun(f"{name}: expected OpenQASM 3: {type(error).__name__}: {error}") from None
    read.name = name
    return read


_DECLARED: Final = re.compile(r"\b(?:qubit|bit|qreg|creg)\b[^;\[\]]{0,200}?(?:\[\s*(\d{1,15})\s*\])?[^;\[\]]{0,200};")
"""Declarations of qubits and bits, and how many of them."""


PROGRAMS: Final[Mapping[str, Callable[[Task], Outcome]]] = {
    "circuit-runner": _run_circuits,
    "qasm3-runner": _run_circuits,
    "sampler": _sample,
}
"""The programs that the service runs."""


# Simulating


def _simulated(
    task: Task,
    ready: Sequence[QuantumCircuit],
    *,
    shots: int,
    memory: bool,
    seed: Any,
    noise_model: NoiseModel | None = None,
) -> Any:
    options: dict[str, Any] = {"shots": shots, "memory": memory}
    chosen = task.seed if seed is None else seed
    if chosen is not None:
        options["seed_simulator"] = chosen
    if noise_model is not None:
        options["noise_model"] = noise_model
    if task.memory_mb is not None:
        # Aer then says what it would need, before it needs it.
        options["max_memory_mb"] = task.memory_mb
    device, calibrated = DEVICES[task.backend], calibrated_at(task.started)
    circuits = list(ready)
    if not device.is_simulator:
        dt = configuration(device)["dt"] * 1e-9
        circuits = [relaxing(circuit, _calibration(device.name, calibrated), dt) for circuit in circuits]
    return _simulator(device.name, calibrated).run(circuits, **options).result()


def _runnable(device: Device, circuit: QuantumCircuit) -> QuantumCircuit | str:
    """The circuit as the simulator takes it, or why the backend cannot run it."""
    if circuit.num_qubits > device.qubits:
        return f"Circuit {circuit.name!r} has {circuit.num_qubits} qubits; {device.name} has {device.qubits}."
    try:
        if device.is_simulator:
            return _unrolled(device, circuit)
        _check_instructions(device, circuit)
    except _CannotRun as error:
        return str(error)
    return circuit


def _unrolled(device: Device, circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit in gates that the simulator knows; composite ones are taken apart."""
    _check_definitions(device, circuit)
    if all(instruction.operation.name in _instructions(device.name) for instruction in circuit.data):
        return circuit
    return transpile(circuit, AerSimulator(), optimization_level=0)


def _check_definitions(device: Device, circuit: QuantumCircuit) -> None:
    for instruction in circuit.data:
        operation = instruction.operation
        for block in getattr(operation, "blocks", ()):
            _check_definitions(device, block)
        known = operation.name in _instructions(device.name) or operation.name in _AER_INSTRUCTIONS
        if not known and operation.definition is None:
            raise _CannotRun(f"Instruction {operation.name!r} is not supported by {device.name}.")


_AER_INSTRUCTIONS = frozenset(AerSimulator().configuration().basis_gates) | frozenset(
    AerSimulator().configuration().custom_instructions
)


def _check_instructions(device: Device, circuit: QuantumCircuit) -> None:
    for instruction in circuit.data:
        name = instruction.operation.name
        qubits = tuple(circuit.find_bit(qubit).index for qubit in instruction.qubits)
        couples = len(qubits) != 2 or name == "barrier" or qubits in device.coupling
        if name not in _instructions(device.name) or not couples:
            raise _CannotRun(
                f"Instruction {name!r} on qubits {qubits} is not supported by {device.name}. "
                "Transpile the circuit for this backend before running it."
            )


@lru_cache
def _instructions(name: str) -> frozenset[str]:
    return frozenset(configuration(DEVICES[name])["supported_instructions"])


@lru_cache(maxsize=8)
def _simulator(name: str, calibrated: datetime) -> AerSimulator:
    device = DEVICES[name]
    if device.is_simulator:
        return AerSimulator()
    # One thread per worker: the service runs several workers on few cores.
    return AerSimulator(noise_model=noise_of(_calibration(name, calibrated)), max_parallel_threads=1)


@lru_cache(maxsize=8)
def _calibration(name: str, calibrated: datetime) -> dict[str, Any]:
    return properties(DEVICES[name], calibrated)
