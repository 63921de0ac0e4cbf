"""Checks whether a backend can run circuits, and simulates them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import lru_cache
from typing import Any, Final

import numpy as np
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import BoxOp, ControlFlowOp
from qiskit.circuit.controlflow import CONTROL_FLOW_OP_NAMES
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.device_simulation import SEEDS, run_on_device, why_cannot_run
from ibm_circuit_job.local.devices import DEVICES, MAX_SHOTS, configuration
from ibm_circuit_job.local.execution import Task
from ibm_circuit_job.local.methods import NoMethod
from ibm_circuit_job.local.programs.refusals import CannotRun

_FEW: Final = 8
"""A run with more circuits than this number uses one thread."""
_SMALL_QUBITS: Final = 14
"""From this number of qubits on, Aer divides a state vector among threads."""
_FEW_SHOTS: Final = 4_000
"""Up to this number of shots, it takes longer to start threads than they save."""


def checked_shots(shots: Any) -> int:
    """Return a number of shots if it is valid.

    Raises:
        CannotRun: If it is no whole number from 1 to :data:`~.devices.MAX_SHOTS`.
    """
    if not isinstance(shots, int) or not 1 <= shots <= MAX_SHOTS:
        raise CannotRun(f"Expected 1 to {MAX_SHOTS} shots, got {shots!r}.")
    return shots


def noise_of_options(device: Device, fields: Mapping[str, Any], path: str) -> NoiseModel:
    """Return the noise model in the options of a job.

    Args:
        device: The backend, which has to be an ideal simulator.
        fields: The noise, as from ``NoiseModel.to_dict`` of Aer.
        path: The path of the option, for the message.

    Raises:
        CannotRun: If the backend has its own noise, or the fields are no noise model.
    """
    if not device.is_simulator:
        raise CannotRun(f"{path}: expected null; {device.name} has noise of its own.")
    try:
        with warnings.catch_warnings():
            # The method is deprecated, but Aer has no other that reads a noise model.
            warnings.simplefilter("ignore")
            return NoiseModel.from_dict(_with_matrices(fields))
    except Exception as error:  # noqa: BLE001 - Aer raises anything
        raise CannotRun(f"{path}: {type(error).__name__}: {error}") from None


def _with_matrices(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a noise model with matrices of complex numbers instead of the pairs of numbers that JSON has."""
    noise: dict[str, Any] = deepcopy(dict(fields))
    for error in noise.get("errors", ()):
        for circuit in error.get("instructions", ()):
            for instruction in circuit:
                if "params" in instruction:
                    instruction["params"] = [_matrix(param) for param in instruction["params"]]
    return noise


def _matrix(param: Any) -> Any:
    array = np.asarray(param)
    is_of_pairs = array.ndim == 3 and array.shape[-1] == 2 and array.dtype.kind in "fi"
    return array[..., 0] + 1j * array[..., 1] if is_of_pairs else param


def simulated(
    task: Task,
    ready: Sequence[QuantumCircuit],
    *,
    shots: int,
    memory: bool,
    seed: Any,
    noise_model: NoiseModel | None = None,
    binds: Sequence[Mapping[Any, Sequence[float]]] | None = None,
    first: int = 0,
) -> Any:
    """Simulate circuits, and return the ``Result`` of Aer.

    Args:
        task: The job, with its backend, start, seed and memory.
        ready: Circuits that :func:`runnable` returned.
        shots: The number of shots of each circuit.
        memory: Whether the result contains the outcome of each shot.
        seed: The seed; ``None`` for that of the task.
        noise_model: The noise; ``None`` for that of the backend.
        binds: For each circuit, parameter -> values. The circuit is run once for each value.
        first: The number of circuits of the job that were run before. The seed of each circuit depends on it.

    Raises:
        CannotRun: If no method can simulate a circuit in the memory of the job.
    """
    chosen = task.seed if seed is None else seed
    device = DEVICES[task.backend]
    if not device.is_simulator:
        try:
            return run_on_device(
                device,
                task.started,
                ready,
                shots=shots,
                memory=memory,
                seed=chosen,
                memory_mb=task.memory_mb,
                binds=binds,
                first=first,
            )
        except NoMethod as error:
            raise CannotRun(str(error)) from None
    options: dict[str, Any] = {"shots": shots, "memory": memory}
    if chosen is not None:
        options["seed_simulator"] = chosen + SEEDS * first
    if binds is not None:
        options["parameter_binds"] = binds
    is_small = shots <= _FEW_SHOTS and all(circuit.num_qubits < _SMALL_QUBITS for circuit in ready)
    if binds is not None or len(ready) > _FEW or is_small:
        # Threads gain nothing for small circuits, and wait for each other when the machine is busy.
        options["max_parallel_threads"] = 1
    if noise_model is not None:
        options["noise_model"] = noise_model
    if task.memory_mb is not None:
        # With this, Aer refuses a circuit before it allocates more memory.
        options["max_memory_mb"] = task.memory_mb
    return AerSimulator().run(list(ready), **options).result()


def runnable(task: Task, circuit: QuantumCircuit) -> QuantumCircuit | str:
    """Return a circuit in the form that the simulator needs, or a text that says why the backend cannot run it.

    Boxes are replaced by their bodies. On a simulator, composite gates are replaced by gates that it knows.
    """
    device = DEVICES[task.backend]
    if (variable := _variable(circuit)) is not None:
        return (
            f"Circuit {circuit.name!r} cannot be simulated: it has {variable}. Conditions of classical bits and "
            "registers, and expressions of them, can be."
        )
    circuit = _unboxed(circuit)
    if not device.is_simulator:
        return why_cannot_run(device, task.started, circuit, task.memory_mb) or circuit
    if circuit.num_qubits > device.qubits:
        return f"Circuit {circuit.name!r} has {circuit.num_qubits} qubits; {device.name} has {device.qubits}."
    try:
        return _unrolled(device, circuit)
    except CannotRun as error:
        return str(error)


def _variable(circuit: QuantumCircuit) -> str | None:
    """Return a variable or a stretch of a circuit as a text; ``None`` if it has none.

    Aer's process crashes when a circuit reads a variable.
    """
    for variable in circuit.iter_vars():
        return f"the variable {variable.name!r}"
    for stretch in getattr(circuit, "iter_stretches", tuple)():  # qiskit 2 and later
        return f"the stretch {stretch.name!r}"
    if CONTROL_FLOW_OP_NAMES.isdisjoint(circuit.count_ops()):
        return None
    blocks = (block for each in circuit.data for block in getattr(each.operation, "blocks", ()))
    return next((found for found in map(_variable, blocks) if found is not None), None)


def _unboxed(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return the circuit with boxes, which Aer does not know, replaced by their bodies."""
    if not any(isinstance(each.operation, ControlFlowOp) for each in circuit.data):
        return circuit
    plain = circuit.copy_empty_like()
    for each in circuit.data:
        operation = each.operation
        if isinstance(operation, BoxOp):
            plain.compose(_unboxed(operation.body), each.qubits, each.clbits, inplace=True, inline_captures=True)
        elif isinstance(operation, ControlFlowOp):
            blocks = [_unboxed(block) for block in operation.blocks]
            plain.append(operation.replace_blocks(blocks), each.qubits, each.clbits)
        else:
            plain.append(each)
    return plain


def _unrolled(device: Device, circuit: QuantumCircuit) -> QuantumCircuit:
    """Return the circuit in gates that the simulator knows."""
    _check_definitions(device, circuit)
    if all(instruction.operation.name in _instructions(device.name) for instruction in circuit.data):
        return circuit
    return transpile(circuit, target=_AER_TARGET, optimization_level=0)


def _check_definitions(device: Device, circuit: QuantumCircuit) -> None:
    for instruction in circuit.data:
        operation = instruction.operation
        for block in getattr(operation, "blocks", ()):
            _check_definitions(device, block)
        known = operation.name in _instructions(device.name) or operation.name in _AER_INSTRUCTIONS
        if not known and operation.definition is None:
            raise CannotRun(f"Instruction {operation.name!r} is not supported by {device.name}.")


# Aer makes it anew each time that it is asked for, which a transpiler does some 150 times for one circuit.
_AER_TARGET: Final = AerSimulator().target
_AER_INSTRUCTIONS = frozenset(AerSimulator().configuration().basis_gates) | frozenset(
    AerSimulator().configuration().custom_instructions
)


@lru_cache
def _instructions(name: str) -> frozenset[str]:
    return frozenset(configuration(DEVICES[name])["supported_instructions"])
