"""Runs circuits for many sets of parameter values, in chunks, and records when each chunk ran."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from attrs import define, field, frozen
from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel

from ibm_circuit_job.local.device_time import device_seconds
from ibm_circuit_job.local.devices import MAX_CIRCUITS, MAX_SHOTS
from ibm_circuit_job.local.execution import Task
from ibm_circuit_job.local.programs.refusals import CannotRun
from ibm_circuit_job.local.simulation import runnable, simulated

MOST_OUTCOMES: Final = MAX_CIRCUITS * MAX_SHOTS
"""The most outcomes of a job, over all of its circuits, parameter sets and shots."""
_MOST_SETS: Final = 1000
"""The most parameter sets of a chunk, if the job does not set its size."""
_MOST_IN_CHUNK: Final = 2_000_000
"""The most outcomes of such a chunk, if it has more than one parameter set."""


@frozen(eq=False)
class Sweep:
    """A circuit, and the sets of parameter values for which it is run."""

    circuit: QuantumCircuit
    """The circuit."""
    values: Any
    """The values, of shape (sets, parameters), in the order of ``circuit.parameters``; (sets, 0) without parameters."""
    shots: int
    """The number of shots of each set."""
    chunk_size: int | None = None
    """The number of sets that are run at once; ``None`` for a suitable number."""

    @property
    def sets(self) -> int:
        """The number of sets."""
        return len(self.values)


@frozen
class Part:
    """A range of parameter sets of one sweep."""

    sweep: int
    """The index of the sweep."""
    start: int
    """The index of the first set."""
    stop: int
    """The index after the last set."""


@define
class Chunk:
    """The parameter sets that were run at once."""

    parts: list[Part]
    """The parameter sets."""
    start: datetime = field(factory=lambda: datetime.now(UTC))
    """When it started, in UTC."""
    stop: datetime = field(factory=lambda: datetime.now(UTC))
    """When it ended, in UTC."""


@frozen(eq=False)
class Ran:
    """The outcomes of sweeps."""

    outcomes: list[Any]
    """For each sweep, its outcomes, of shape (sets, shots, bytes), with the most significant byte first."""
    chunks: list[Chunk]
    """The chunks, in order of time."""
    device_seconds: float | None
    """The seconds that the device charges; ``None`` for a simulator."""


def run_sweeps(
    task: Task,
    sweeps: Sequence[Sweep],
    seed: int | None,
    noise: NoiseModel | None = None,
    rep_delay: float | None = None,
) -> Ran:
    """Run circuits for their sets of parameter values.

    Args:
        task: The job.
        sweeps: The circuits and the values.
        seed: The seed of the job; ``None`` for that of the service.
        noise: The noise; ``None`` for that of the backend.
        rep_delay: The repetition delay in seconds, for the charge; ``None`` for the default of the device.

    Raises:
        CannotRun: If a circuit cannot run on the backend, or there are too many outcomes.
    """
    outcomes = sum(sweep.sets * sweep.shots for sweep in sweeps)
    if outcomes > MOST_OUTCOMES:
        raise CannotRun(f"Expected at most {MOST_OUTCOMES} outcomes of all circuits and shots, got {outcomes}.")
    ready: list[QuantumCircuit] = []
    for sweep in sweeps:
        circuit = runnable(task, sweep.circuit)
        if isinstance(circuit, str):
            raise CannotRun(circuit)
        ready.append(circuit)
    found: list[list[Any]] = [[] for _ in sweeps]
    chunks = []
    done = 0
    for parts in _chunks(sweeps):
        chunk = Chunk(parts)
        for part, packed in zip(parts, _run(task, sweeps, ready, parts, seed, noise, done), strict=True):
            found[part.sweep].append(packed)
        done += sum(part.stop - part.start for part in parts)
        chunk.stop = datetime.now(UTC)
        chunks.append(chunk)
    joined = [_joined(sweep, packed) for sweep, packed in zip(sweeps, found, strict=True)]
    executed = ((sweep.circuit, sweep.values, sweep.shots) for sweep in sweeps)
    return Ran(joined, chunks, device_seconds(task, executed, rep_delay))


def _chunks(sweeps: Sequence[Sweep]) -> Iterator[list[Part]]:
    """Yield the parts of each chunk. All circuits of a chunk have the same number of shots."""
    parts: list[Part] = []
    room = 0
    for index, sweep in enumerate(sweeps):
        most = sweep.chunk_size or max(1, min(_MOST_SETS, _MOST_IN_CHUNK // sweep.shots))
        if parts and (sweep.chunk_size or sweep.shots != sweeps[parts[0].sweep].shots):
            yield parts
            parts = []
        at = 0
        while at < sweep.sets:
            if not parts:
                room = most
            taken = min(room, sweep.sets - at)
            parts.append(Part(index, at, at + taken))
            at, room = at + taken, room - taken
            if room == 0 or (sweep.chunk_size and at == sweep.sets):
                yield parts
                parts = []
    if parts:
        yield parts


def _run(
    task: Task,
    sweeps: Sequence[Sweep],
    ready: Sequence[QuantumCircuit],
    parts: Sequence[Part],
    seed: int | None,
    noise: NoiseModel | None,
    done: int,
) -> Iterator[Any]:
    circuits: list[QuantumCircuit] = []
    binds: list[dict[Any, list[float]]] = []
    for part in parts:
        circuit, values = ready[part.sweep], sweeps[part.sweep].values[part.start : part.stop]
        if values.shape[-1]:
            circuits.append(circuit)
            columns = zip(circuit.parameters, values.T, strict=True)
            binds.append({parameter: column.tolist() for parameter, column in columns})
        else:
            circuits += [circuit] * len(values)
            binds += [{} for _ in values]
    shots = sweeps[parts[0].sweep].shots
    bound = binds if any(binds) else None
    ran = simulated(task, circuits, shots=shots, memory=True, seed=seed, noise_model=noise, binds=bound, first=done)
    if not ran.success:
        raise CannotRun("; ".join(str(each.status) for each in ran.results if not each.success) or str(ran.status))
    at = 0
    for part in parts:
        sets, width = part.stop - part.start, _bytes(ready[part.sweep].num_clbits)
        outcomes = (ran.data(index).get("memory") or ["0x0"] * shots for index in range(at, at + sets))
        packed = b"".join(int(outcome, 16).to_bytes(width) for memory in outcomes for outcome in memory)
        at += sets
        yield np.frombuffer(packed, np.uint8).reshape(sets, shots, width)


def _joined(sweep: Sweep, found: Sequence[Any]) -> Any:
    if not found:
        return np.empty((0, sweep.shots, _bytes(sweep.circuit.num_clbits)), np.uint8)
    return found[0] if len(found) == 1 else np.concatenate(found)


def _bytes(bits: int) -> int:
    return max(1, -(-bits // 8))


def register_bits(circuit: QuantumCircuit, outcomes: Any) -> dict[str, Any]:
    """Return the bits of each classical register.

    Args:
        circuit: The circuit.
        outcomes: Its outcomes, of shape (..., bytes), with the most significant byte first.

    Returns:
        Name of a register -> array of booleans of shape (..., bits), with bit 0 first.
    """
    bits = np.unpackbits(outcomes, axis=-1)[..., ::-1].view(bool)
    return {
        register.name: np.ascontiguousarray(bits[..., [circuit.find_bit(bit).index for bit in register]])
        for register in circuit.cregs
    }


def shaped(values: Any, parameters: int, shape: Sequence[int], path: str) -> tuple[Any, tuple[int, ...]]:
    """Return parameter values as an array of shape (sets, parameters), and the original shape of the sets.

    Args:
        values: The values, of shape (..., parameters).
        parameters: The number of parameters of the circuit.
        shape: A shape to which the sets are broadcast.
        path: The path of the values, for messages.

    Raises:
        CannotRun: If the values do not fit the parameters or the shape, or are not finite.
    """
    got = values.shape[-1] if values.ndim else 0
    if got != parameters and not (parameters == 0 and values.size == 0):
        raise CannotRun(f"{path}: expected {parameters} values along the last axis, one for each parameter, got {got}.")
    own = values.shape[:-1]
    try:
        whole = np.broadcast_shapes(own, tuple(shape))
    except ValueError:
        raise CannotRun(f"{path}: values of shape {own} cannot be broadcast to the shape {tuple(shape)}.") from None
    if parameters == 0:
        return np.empty((math.prod(whole), 0)), whole
    if not np.isfinite(values).all():
        raise CannotRun(f"{path}: expected finite numbers.")
    return np.broadcast_to(values, (*whole, parameters)).reshape(-1, parameters), whole
