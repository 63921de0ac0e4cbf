"""Computes the seconds that a device takes for circuits, and charges for a job. Used in worker processes only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias

from qiskit import QuantumCircuit
from qiskit.circuit import ParameterExpression

from ibm_circuit_job.local.charges import charged
from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.devices import DEVICES, measured
from ibm_circuit_job.local.execution import Task
from ibm_circuit_job.local.reduced import seconds_of

Lengths: TypeAlias = "Mapping[tuple[str, tuple[int, ...]], float]"
"""(Name of an instruction, its qubits) -> its length in seconds."""


def device_seconds(
    task: Task, executed: Iterable[tuple[QuantumCircuit, Any, int]], rep_delay: float | None
) -> float | None:
    """Return the seconds that a device charges for a job: for each execution, the repetition delay and the circuit.

    Args:
        task: The job.
        executed: The circuits that were executed. Each with its parameter values, an array of shape (sets,
            parameters), and the number of shots for each set.
        rep_delay: The repetition delay in seconds; ``None`` for the default of the device.

    Returns:
        Seconds; ``None`` for a simulator.
    """
    device = DEVICES[task.backend]
    if device.is_simulator:
        return None
    lengths, pace = _lengths(device, device.calibrated_at(task.started)), device.pace
    return sum(
        charged(number, pace.delay(rep_delay), circuit_seconds(circuit, lengths, pace.dt))
        for circuit, values, shots in executed
        for circuit, number in _alike(circuit, values, shots)
    )


def _alike(circuit: QuantumCircuit, values: Any, shots: int) -> Iterator[tuple[QuantumCircuit, int]]:
    """Yield circuits of the same length with their number of executions.

    If delays depend on parameters, each set of values gives another circuit.
    """
    if not _has_open_delays(circuit):
        yield circuit, len(values) * shots
        return
    for row in values.tolist():
        yield circuit.assign_parameters(row), shots


def _has_open_delays(circuit: QuantumCircuit) -> bool:
    return bool(circuit.parameters) and any(
        any(map(_has_open_delays, getattr(each.operation, "blocks", ())))
        or (each.operation.name == "delay" and isinstance(each.operation.duration, ParameterExpression))
        for each in circuit.data
    )


@lru_cache(maxsize=16)
def _lengths(device: Device, calibrated: datetime) -> Lengths:
    return lengths_of(device.properties(calibrated))


def lengths_of(properties: Mapping[str, Any]) -> Lengths:
    """Return the length of each instruction of a device, in seconds.

    Args:
        properties: The reply to ``GET /backends/NAME/properties``.
    """
    lengths = {
        (gate["gate"], tuple(gate["qubits"])): measured(gate["parameters"]).get("gate_length", 0.0)
        for gate in properties.get("gates", ())
    }
    for qubit, entries in enumerate(properties.get("qubits", ())):
        if (length := measured(entries).get("readout_length")) is not None:
            lengths["measure", (qubit,)] = length
    return lengths


def circuit_seconds(circuit: QuantumCircuit, lengths: Lengths, dt: float) -> float:
    """Return the seconds that a circuit takes on a device: the longest path through its instructions.

    Of several branches, the longest one counts. The body of a ``for`` loop counts as often as it runs, the body of a
    ``while`` loop once.

    Args:
        circuit: A circuit that consists of instructions of the device.
        lengths: The length of each instruction in seconds; 0 for one that is missing.
        dt: The seconds of the unit ``dt``, for delays.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from ibm_circuit_job.local.device_time import circuit_seconds
        >>> circuit = QuantumCircuit(2)
        >>> for _ in range(3):
        ...     _ = circuit.sx(1)
        >>> _ = circuit.delay(2, 0, unit="s")
        >>> circuit_seconds(circuit, {("sx", (1,)): 1.0}, 1e-9)
        3.0
    """
    return _longest_path(circuit, range(circuit.num_qubits), lengths, dt)


def _longest_path(circuit: QuantumCircuit, places: Iterable[int], lengths: Lengths, dt: float) -> float:
    """Return the seconds of a circuit on these qubits of the device."""
    numbers = dict(zip(circuit.qubits, places, strict=True))
    free: dict[Any, float] = {}
    for instruction in circuit.data:
        operation = instruction.operation
        on = tuple(numbers[qubit] for qubit in instruction.qubits)
        if blocks := getattr(operation, "blocks", ()):
            turns = len(operation.params[0]) if operation.name == "for_loop" else 1
            length = turns * max(_longest_path(block, on, lengths, dt) for block in blocks)
        elif operation.name == "delay":
            length = seconds_of(operation, dt) or 0.0
        else:
            length = lengths.get((operation.name, on), 0.0)
        bits = (*instruction.qubits, *instruction.clbits)
        end = max((free.get(bit, 0.0) for bit in bits), default=0.0) + length
        free.update(dict.fromkeys(bits, end))
    return max(free.values(), default=0.0)
