"""Executing one job, in a worker process: parameters in, the body of the result out.

Here, and only here, is what a client submitted turned into objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from attrs import frozen
from qiskit import QuantumCircuit, transpile
from qiskit.exceptions import QiskitError
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from returns.result import Success

from ibm_circuit_job.errors import describe
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
from ibm_circuit_job.state import documents, typed_json

NOT_FOR_THIS_BACKEND = 1517
"""The service's reason code for a circuit that the backend cannot run."""


@frozen
class Outcome:
    """How a job ended."""

    result: bytes | None
    """The body of its result; ``None`` where it failed."""
    reason: str = ""
    """Why it failed."""
    reason_code: int | None = None
    """The service's number for the reason."""


class _CannotRun(Exception):  # noqa: N818 - it never leaves this module
    """The circuit cannot run on the backend; the message says why."""


def warm_up() -> None:
    """Run something, so that the first job need not wait for what is loaded with the first run."""
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    AerSimulator().run(transpile(circuit, AerSimulator(), optimization_level=0), shots=1).result()


def execute(job_id: str, backend: str, params: bytes, started: datetime) -> Outcome:
    """Execute a job.

    Args:
        job_id: Its ID, which goes into the result.
        backend: The name of one of ``DEVICES``.
        params: The parameters that were submitted, as the service's JSON.
        started: When it starts, for the calibration that holds then.

    Returns:
        The result, or the reason why there is none. Whatever was submitted, nothing is raised.
    """
    try:
        return Outcome(_executed(job_id, backend, params, started))
    except _CannotRun as error:
        return Outcome(None, str(error), NOT_FOR_THIS_BACKEND)
    except QiskitError as error:
        return Outcome(None, str(error.message))
    except Exception as error:  # noqa: BLE001 - anything may be in there, and the service must live
        return Outcome(None, f"{type(error).__name__}: {error}")


def _executed(job_id: str, backend: str, params: bytes, started: datetime) -> bytes:
    decoded = typed_json.decode(params, "params")
    if not isinstance(decoded, Success):
        raise _CannotRun(describe(decoded.failure()))
    submitted = decoded.unwrap()
    if not isinstance(submitted, Mapping) or "circuits" not in submitted:
        raise _CannotRun("Expected params with a field 'circuits', which is missing.")
    result = _run(DEVICES[backend], submitted, started)
    result |= {"job_id": job_id, "backend_name": backend, "backend_version": BACKEND_VERSION}
    # The header goes back as it came, and not as what was made of it.
    given = documents.fields(params, "params").unwrap().get("header")
    result["header"] = {} if given is None or bytes(given) == b"null" else given
    return typed_json.encode(result)


def _run(device: Device, submitted: Any, started: datetime) -> dict[str, Any]:
    circuits = submitted["circuits"]
    circuits = circuits if isinstance(circuits, list) else [circuits]
    if not 1 <= len(circuits) <= MAX_CIRCUITS:
        raise _CannotRun(f"Expected 1 to {MAX_CIRCUITS} circuits, got {len(circuits)}.")
    shots = submitted.get("shots", 4000)
    if not isinstance(shots, int) or not 1 <= shots <= MAX_SHOTS:
        raise _CannotRun(f"Expected 1 to {MAX_SHOTS} shots, got {shots!r}.")
    ready = [_runnable(device, circuit) for circuit in circuits]
    options = {"shots": shots, "memory": bool(submitted.get("memory"))}
    if submitted.get("seed_simulator") is not None:
        options["seed_simulator"] = submitted["seed_simulator"]
    noise = submitted.get("noise_model") if device.is_simulator else None
    if isinstance(noise, Mapping):
        options["noise_model"] = NoiseModel.from_dict(dict(noise))
    ran = _simulator(device.name, calibrated_at(started)).run(ready, **options).result()
    if not ran.success:
        raise _CannotRun(_why(ran))
    result: dict[str, Any] = ran.to_dict()
    result.pop("metadata", None)
    return result


def _why(ran: Any) -> str:
    statuses = [str(each.status) for each in ran.results if not each.success]
    return "; ".join([str(ran.status), *statuses])


def _runnable(device: Device, circuit: Any) -> QuantumCircuit:
    if not isinstance(circuit, QuantumCircuit):
        raise _CannotRun(f"Expected circuits, got a {type(circuit).__name__}.")
    if circuit.num_qubits > device.qubits:
        raise _CannotRun(
            f"Circuit {circuit.name!r} has {circuit.num_qubits} qubits; {device.name} has {device.qubits}."
        )
    if device.is_simulator:
        return _unrolled(device, circuit)
    _check_instructions(device, circuit)
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
    return AerSimulator(noise_model=_noise(properties(device, calibrated)), max_parallel_threads=1)


def _noise(calibration: Mapping[str, Any]) -> NoiseModel:
    model = NoiseModel(basis_gates=["cx", "id", "rz", "sx", "x"])
    for gate in calibration["gates"]:
        error = next(entry["value"] for entry in gate["parameters"] if entry["name"] == "gate_error")
        if error > 0:
            model.add_quantum_error(depolarizing_error(error, len(gate["qubits"])), gate["gate"], gate["qubits"])
    for index, qubit in enumerate(calibration["qubits"]):
        value = {entry["name"]: entry["value"] for entry in qubit}
        down, up = value["prob_meas0_prep1"], value["prob_meas1_prep0"]
        model.add_readout_error(ReadoutError([[1 - up, up], [down, 1 - down]]), [index])
    return model
