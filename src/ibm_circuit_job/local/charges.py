"""What a job is charged, and the limits that count it: the longest run of a job, of a session, of an instance.

Source: IBM's guide on the usage of a workload, whose formula is
``<overhead per sub-job> + (rep_delay + <circuit length>) * <number of executions>``. Here the overhead is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from qiskit import QuantumCircuit

from ibm_circuit_job.local.devices import DEFAULT_REP_DELAY, DEVICES, measured
from ibm_circuit_job.local.records import JobRecord

RAN_TOO_LONG: Final = 1305
"""The service's reason code of a job that went over a limit on charged seconds."""
MOST_COST: Final = 10_800
"""The largest ``cost`` that a submission may name, in seconds; also what counts where it names none."""


class _Pace(msgspec.Struct):
    """What of a job's parameters decides how long a device takes for it."""

    shots: int = 4000
    rep_delay: float = DEFAULT_REP_DELAY
    circuits: list[msgspec.Raw] = msgspec.field(default_factory=list)
    pubs: list[list[msgspec.Raw]] = msgspec.field(default_factory=list)
    options: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)


class _ExecutionOptions(msgspec.Struct):
    rep_delay: float | None = None


def estimated_seconds(backend: str, params: bytes) -> float | None:
    """Return how long a backend takes for a job, before its circuits are known: shots x circuits x repetition delay.

    Nothing that a client submitted is decoded into objects for it.

    Args:
        backend: The name of the backend.
        params: The parameters of the job, as they were submitted.

    Returns:
        Seconds; 0 where the parameters cannot be read; ``None`` for a simulator, which takes as long as it computes.

    Example:
        >>> estimated_seconds("local_5q", b'{"circuits": [{}, {}], "shots": 1000, "rep_delay": 0.0005}')
        1.0
        >>> estimated_seconds("local_simulator", b"{}") is None
        True
    """
    if DEVICES[backend].is_simulator:
        return None
    try:
        pace = msgspec.json.decode(params, type=_Pace)
        shots, delay = max(pace.shots, 0) * len(pace.circuits), pace.rep_delay
        if pace.pubs:
            default = msgspec.json.decode(pace.options.get("default_shots", b"null"), type=int | None) or 4096
            given = (msgspec.json.decode(pub[2], type=int | None) if len(pub) > 2 else None for pub in pace.pubs)
            shots = sum(default if each is None else max(each, 0) for each in given)
            wanted = msgspec.json.decode(pace.options.get("execution", b"{}"), type=_ExecutionOptions)
            delay = pace.rep_delay if wanted.rep_delay is None else wanted.rep_delay
        return charged(shots, delay, 0.0)
    except (msgspec.MsgspecError, RecursionError, OverflowError):
        return 0.0


def charged(executions: int, rep_delay: float, circuit_seconds: float) -> float:
    """Return the seconds that a device charges, by IBM's formula.

    Args:
        executions: How many times a circuit is executed: shots x circuits.
        rep_delay: Seconds between two executions.
        circuit_seconds: Seconds that a circuit takes.

    Example:
        >>> charged(10_000, 0.0002, 0.00005)
        2.5
    """
    return executions * (max(rep_delay, 0.0) + circuit_seconds)


def circuit_seconds(circuit: QuantumCircuit, properties: Mapping[str, Any], dt: float) -> float:
    """Return how long a circuit takes on a device: the longest path through it, by the lengths of its instructions.

    Of blocks of control flow, each counts once, and the longest where there are several.

    Args:
        circuit: A circuit in the gates of the device.
        properties: The device's properties, as the service replies them.
        dt: Seconds of the device's unit of time, for delays.
    """
    lengths = {
        (gate["gate"], tuple(gate["qubits"])): measured(gate["parameters"]).get("gate_length", 0.0)
        for gate in properties.get("gates", ())
    }
    for qubit, entries in enumerate(properties.get("qubits", ())):
        lengths["measure", (qubit,)] = measured(entries).get("readout_length", 0.0)
    return _longest_path(circuit, lengths, dt)


def _longest_path(circuit: QuantumCircuit, lengths: Mapping[tuple[str, tuple[int, ...]], float], dt: float) -> float:
    free: dict[Any, float] = {}
    for instruction in circuit.data:
        operation = instruction.operation
        on = tuple(circuit.find_bit(qubit).index for qubit in instruction.qubits)
        blocks = getattr(operation, "blocks", ())
        if blocks:
            length = max(_longest_path(block, lengths, dt) for block in blocks)
        elif operation.name == "delay":
            length = _delay_seconds(operation, dt)
        else:
            length = lengths.get((operation.name, on), 0.0)
        bits = (*instruction.qubits, *instruction.clbits)
        end = max((free.get(bit, 0.0) for bit in bits), default=0.0) + length
        free.update(dict.fromkeys(bits, end))
    return max(free.values(), default=0.0)


def _delay_seconds(operation: Any, dt: float) -> float:
    unit = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12, "dt": dt}.get(operation.unit, 0.0)
    try:
        return float(operation.duration) * unit
    except TypeError:
        # A stretch, or a parameter that is not bound.
        return 0.0


def charged_for(job: JobRecord, now: datetime) -> float:
    """Return the seconds that a job is charged, so far as is known.

    Args:
        job: The job.
        now: The time, for a job that runs.

    Returns:
        What was settled when it ended; for a job that runs, or was written by an earlier version, the seconds of its
        run; 0 for one that has not begun.
    """
    if job.charged is not None:
        return job.charged
    if job.running is None:
        return 0.0
    return max(0.0, ((job.finished or now) - job.running).total_seconds())


def settled(job: JobRecord, finished: datetime, device_seconds: float | None = None) -> float:
    """Return the seconds that a job is charged in the end.

    Args:
        job: The job, with the seconds that its device was expected to take for it in ``estimate``; ``None`` there for
            a simulator.
        finished: When it ended.
        device_seconds: The seconds that its device charges; ``None`` where it was not executed to its end, or by a
            simulator: then the time until it ended counts, and of a device no more than it was expected to take.
    """
    if device_seconds is not None:
        return device_seconds
    ran = 0.0 if job.running is None else max(0.0, (finished - job.running).total_seconds())
    return ran if job.estimate is None else min(ran, job.estimate)
