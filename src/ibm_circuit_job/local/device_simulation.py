"""Simulates circuits on a device, with its noise: only the qubits that a circuit uses are simulated.

Parts of a circuit that are not connected are simulated separately (:mod:`.separate_parts`), each with its own method
(:mod:`.methods`), and their outcomes are combined shot by shot. Parts on the same qubits are simulated in one run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, reduce
from operator import or_
from typing import Any, Final, TypeAlias

import numpy as np
from attrs import field, frozen
from qiskit import QuantumCircuit
from qiskit.result import Result
from qiskit_aer import AerSimulator

from ibm_circuit_job.devices.configuration import BackendConfiguration
from ibm_circuit_job.devices.instruction_set import InstructionSet, mixes_fractional_gates, why_not
from ibm_circuit_job.devices.properties import BackendProperties
from ibm_circuit_job.devices.target import target_of
from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.device_noise import Errors, decay, errors_of, model_of
from ibm_circuit_job.local.frames import can_have_frames, outcomes_of
from ibm_circuit_job.local.limits import share_of_machine
from ibm_circuit_job.local.methods import FAST_QUBITS, WORKER_MB, Method, NoMethod, method_of, need_of
from ibm_circuit_job.local.reduced import neighbours_together, not_clifford, reduced, used_qubits
from ibm_circuit_job.local.separate_parts import separate_parts

SEEDS: Final = 2113
"""Aer adds this number to the seed for each further circuit of a run. Source: ``AerSimulator``."""


def why_cannot_run(device: Device, moment: datetime, circuit: QuantumCircuit, memory_mb: int | None) -> str | None:
    """Return why a device cannot run a circuit; ``None`` if it can.

    Args:
        device: The device.
        moment: The time whose calibration is simulated, with a time zone.
        circuit: The circuit.
        memory_mb: MB of memory that the process may use; ``None`` for all that is free.
    """
    if circuit.num_qubits > device.qubits:
        return f"Circuit {circuit.name!r} has {circuit.num_qubits} qubits; {device.name} has {device.qubits}."
    if (why := why_not(circuit, _instructions(device, device.calibrated_at(moment)))) is not None:
        return (
            f"Circuit {circuit.name!r} is not supported by {device.name}: {why}. "
            "Transpile the circuit for this backend before running it."
        )
    if circuit.parameters:
        # The method depends on the angles: only some make a rotation a Clifford gate.
        return None
    try:
        _ready(device, circuit, memory_mb)
    except NoMethod as error:
        return f"Circuit {circuit.name!r} cannot be simulated: {error} (setting memory_mb)."
    return None


def run_on_device(
    device: Device,
    moment: datetime,
    circuits: Sequence[QuantumCircuit],
    *,
    shots: int,
    memory: bool,
    seed: int | None,
    memory_mb: int | None,
    binds: Sequence[Mapping[Any, Sequence[float]]] | None = None,
    first: int = 0,
) -> Result:
    """Simulate circuits on a device, and return one result for all of them.

    Args:
        device: The device; not a simulator.
        moment: The time whose calibration is simulated, with a time zone.
        circuits: Circuits for which :func:`why_cannot_run` returns ``None``.
        shots: The number of shots of each circuit.
        memory: Whether the result contains the outcome of each shot.
        seed: The seed; ``None`` for a new one.
        memory_mb: MB of memory that the process may use; ``None`` for all that is free.
        binds: For each circuit, parameter -> values. The circuit is run once for each value.
        first: The number of circuits of the job that were run before. The outcomes of a circuit depend on the seed and
            on its number in the job, but not on the circuits that are run with it.

    Raises:
        NoMethod: If no method can simulate a circuit.
    """
    if binds is not None:
        circuits = [bound for pair in zip(circuits, binds, strict=True) for bound in _bound(*pair)]
    batches: dict[_Kind, list[tuple[int, _Ready]]] = {}
    for index, circuit in enumerate(circuits):
        parts = _ready(device, circuit, memory_mb)
        for part in parts:
            kind = part.method, part.used, part.has_frames, len(parts) > 1
            batches.setdefault(kind, []).append((index, part))
    found: list[list[dict[str, Any]]] = [[] for _ in circuits]
    for (*_, is_one_of_several), members in batches.items():
        for run in _in_row(members) if seed is not None else [members]:
            ran = _simulated(
                device,
                device.calibrated_at(moment),
                [part for _, part in run],
                shots=shots,
                memory=memory or is_one_of_several,
                seed=_seed(seed, first + run[0][0], run[0][1].used if is_one_of_several else None),
                memory_mb=memory_mb,
            )
            if len(ran["results"]) != len(run):
                # Aer refused the whole run, before any circuit of it.
                return Result.from_dict(ran)
            for (index, _), each in zip(run, ran["results"], strict=True):
                found[index].append(each)
    results = [
        # The result of a circuit that failed has no header.
        (each := _joined(circuit, those, memory=memory)) | {"header": each.get("header", {}) | _header(circuit)}
        for circuit, those in zip(circuits, found, strict=True)
    ]
    return Result.from_dict(
        {
            "backend_name": device.name,
            "backend_version": str(_configuration(device).get("backend_version")),
            "qobj_id": "",
            "job_id": "",
            "success": all(each["success"] for each in results),
            "status": "COMPLETED",
            "results": results,
        }
    )


def _bound(circuit: QuantumCircuit, values: Mapping[Any, Sequence[float]]) -> list[QuantumCircuit]:
    """Return the circuit with each set of values; the circuit itself if it has no parameters."""
    if not values:
        return [circuit]
    return [
        circuit.assign_parameters(dict(zip(values, each, strict=True))) for each in zip(*values.values(), strict=True)
    ]


@frozen(eq=False)
class _Ready:
    """A circuit or a part of one, and how it is simulated."""

    circuit: QuantumCircuit
    """The circuit, with only the qubits that are simulated and all classical bits."""
    used: tuple[int, ...]
    """For each qubit of the simulation, the qubit of the device."""
    method: Method
    """The method of the simulation."""
    delays: Mapping[str, tuple[int, float]] = field(factory=dict)
    """Label of a delay -> the qubit of the simulation and the seconds."""

    @property
    def has_frames(self) -> bool:
        """Whether :mod:`.frames` simulates it, all shots at once."""
        return self.method == "stabilizer" and can_have_frames(self.circuit)

    @classmethod
    def of(cls, device: Device, circuit: QuantumCircuit, used: tuple[int, ...], memory_mb: int | None) -> _Ready:
        made = reduced(circuit, used, device.pace.dt)
        is_pauli = device.has_pauli_noise or not made.delays
        if is_pauli and not_clifford(made.circuit) is None:
            return cls(made.circuit, used, "stabilizer", made.delays)
        if len(used) > FAST_QUBITS:
            used = tuple(used[index] for index in neighbours_together(made.circuit))
            made = reduced(circuit, used, device.pace.dt)
        method = method_of(need_of(made.circuit), len(used), _for_the_state(memory_mb), is_pauli=is_pauli)
        return cls(made.circuit, used, method, made.delays)


_Kind: TypeAlias = tuple[Method, tuple[int, ...], bool, bool]
"""Method, qubits, has frames, is one of several parts. Parts with the same values are simulated in one run."""


def _ready(device: Device, circuit: QuantumCircuit, memory_mb: int | None) -> list[_Ready]:
    """Return the parts of a circuit.

    Raises:
        NoMethod: If no method can simulate one of them.
    """
    parts = separate_parts(circuit, used_qubits(circuit), is_pauli=device.has_pauli_noise)
    return [_Ready.of(device, circuit, part, memory_mb) for part in parts]


def _in_row(members: Sequence[tuple[int, _Ready]]) -> Iterator[list[tuple[int, _Ready]]]:
    """Yield the members in groups of successive indices, since Aer gives the circuits of a run successive seeds."""
    row: list[tuple[int, _Ready]] = []
    for member in members:
        if row and member[0] != row[-1][0] + 1:
            yield row
            row = []
        row.append(member)
    yield row


def _seed(seed: int | None, number: int, part: tuple[int, ...] | None) -> int | None:
    """Return the seed of a circuit with this number in its job, or of one of its parts. All seeds are different."""
    if seed is None:
        return None
    own = seed if part is None else int(np.random.SeedSequence([abs(seed), *part]).generate_state(1)[0] >> 1)
    return own + SEEDS * number


def _joined(circuit: QuantumCircuit, parts: Sequence[dict[str, Any]], *, memory: bool) -> dict[str, Any]:
    """Return the result of a circuit from those of its parts, in Aer's form. Each classical bit belongs to one part."""
    if len(parts) == 1:
        return parts[0]
    for each in parts:
        if not each["success"]:
            return each
    shots = zip(*(each["data"]["memory"] for each in parts if "memory" in each["data"]), strict=True)
    outcomes = [hex(reduce(or_, (int(outcome, 16) for outcome in shot))) for shot in shots]
    methods = dict.fromkeys(each["metadata"]["method"] for each in parts)
    counted = _counted(circuit, outcomes or ["0x0"] * parts[0]["shots"], memory=memory)
    return counted | {"metadata": {"method": ", ".join(methods), "num_qubits": circuit.num_qubits}}


def _for_the_state(memory_mb: int | None) -> int:
    return max(1, (memory_mb or share_of_machine(1)) - WORKER_MB)


def _simulated(
    device: Device,
    calibrated: datetime,
    ready: Sequence[_Ready],
    *,
    shots: int,
    memory: bool,
    seed: int | None,
    memory_mb: int | None,
) -> dict[str, Any]:
    """Simulate circuits on the same qubits with the same method; return the result, as ``Result.to_dict()`` does."""
    used, errors = ready[0].used, _errors(device, calibrated)
    if ready[0].has_frames:
        results = [
            _counted(
                each.circuit,
                outcomes_of(each.circuit, errors, used, each.delays, shots=shots, seed=_seed(seed, index, None)),
                memory=memory,
            )
            for index, each in enumerate(ready)
        ]
        return {"results": results}
    labels = {label: delay for each in ready for label, delay in each.delays.items()}
    delays = {
        label: (number, error)
        for label, (number, seconds) in labels.items()
        if (error := decay(errors.times[used[number]], seconds, is_pauli=device.has_pauli_noise)) is not None
    }
    options: dict[str, Any] = {"shots": shots, "memory": memory}
    if seed is not None:
        options["seed_simulator"] = seed
    if memory_mb is not None:
        # With this, Aer refuses a circuit before it allocates more memory.
        options["max_memory_mb"] = memory_mb
    simulator = AerSimulator(
        # Automatic: Aer chooses between a state vector and a density matrix, whichever is faster.
        method="automatic" if ready[0].method == "statevector" else ready[0].method,
        noise_model=model_of(errors, used, delays),
        # One thread per worker: the service runs several workers on few cores.
        max_parallel_threads=1,
    )
    result: dict[str, Any] = simulator.run([each.circuit for each in ready], **options).result().to_dict()
    return result


def _counted(circuit: QuantumCircuit, outcomes: list[str], *, memory: bool) -> dict[str, Any]:
    """Return the result of one circuit, in Aer's form."""
    data: dict[str, Any] = {"counts": dict(Counter(outcomes))} if circuit.num_clbits else {}
    return {
        "shots": len(outcomes),
        "success": True,
        "status": "DONE",
        "meas_level": 2,
        "data": data | ({"memory": outcomes} if memory and circuit.num_clbits else {}),
        "header": {
            "name": circuit.name,
            "memory_slots": circuit.num_clbits,
            "creg_sizes": [[register.name, register.size] for register in circuit.cregs],
            "global_phase": float(circuit.global_phase),
            "metadata": circuit.metadata or {},
        },
        "metadata": {"method": "stabilizer", "num_qubits": circuit.num_qubits},
    }


def _header(circuit: QuantumCircuit) -> dict[str, Any]:
    """Return the fields of a header about the qubits, for the circuit that was submitted, not for its parts."""
    return {
        "n_qubits": circuit.num_qubits,
        "qreg_sizes": [[register.name, register.size] for register in circuit.qregs],
    }


@lru_cache(maxsize=16)
def _configuration(device: Device) -> dict[str, Any]:
    return device.configuration()


@lru_cache(maxsize=16)
def _instructions(device: Device, calibrated: datetime) -> InstructionSet:
    configuration = BackendConfiguration.from_dict(_configuration(device))
    measured = device.properties(calibrated)
    properties = BackendProperties.from_dict(measured) if measured else None
    return InstructionSet(target_of(configuration, properties, None), properties, mixes_fractional_gates(configuration))


@lru_cache(maxsize=16)
def _errors(device: Device, calibrated: datetime) -> Errors:
    return errors_of(device.properties(calibrated))
