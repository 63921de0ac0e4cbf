"""The program ``executor``, which returns arrays for a quantum program, a list of circuits and samplexes.

Source: ``ibm_quantum_schemas.executor``, in all of its versions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

import ibm_quantum_schemas.executor as schemas
import msgspec
import numpy as np
from attrs import frozen
from qiskit import QuantumCircuit

from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.execution import Outcome, Task
from ibm_circuit_job.local.programs.options import check_repetition, refuse_given
from ibm_circuit_job.local.programs.randomized import ANGLES, bound, drawn
from ibm_circuit_job.local.programs.refusals import CannotRun, checked, plain
from ibm_circuit_job.local.programs.schemas import schema_of
from ibm_circuit_job.local.programs.signals import points
from ibm_circuit_job.local.programs.sweeps import Chunk, Sweep, register_bits, run_sweeps, shaped
from ibm_circuit_job.local.simulation import checked_shots


@frozen(eq=False)
class _Item:
    """An item of a quantum program, ready to run."""

    sweep: Sweep
    """Its circuit and parameter values."""
    shape: tuple[int, ...]
    """The shape of the array of parameter sets."""
    outputs: Mapping[str, Any]
    """Name -> array of the outputs of its samplex, without the angles."""


def run(task: Task) -> Outcome:
    """Return the arrays of each item.

    Raises:
        CannotRun: If the parameters do not fit IBM's model, or have an option that cannot be simulated.
    """
    submitted = plain(task.params)
    schema = schema_of(schemas, submitted.get("schema_version"))
    params = checked(schema.ParamsModel, submitted)
    program = params.quantum_program
    _check_options(DEVICES[task.backend], params.options)
    checked_shots(program.shots)
    random = np.random.default_rng(task.seed)
    items = [
        _circuit_item(circuit, item, program.shots, path)
        if item.item_type == "circuit"
        else _samplex_item(circuit, item, program.shots, random, path)
        for circuit, item, path in _listed(program)
    ]
    ran = run_sweeps(task, [item.sweep for item in items], None, rep_delay=params.options.rep_delay)
    level = getattr(program, "meas_level", "classified")
    tensor = get_args(schema.QuantumProgramResultItemModel.model_fields["results"].annotation)[1].from_numpy
    data = [
        {
            "results": {
                name: tensor(np.ascontiguousarray(array)).model_dump(mode="json")
                for name, array in _arrays(item, packed, level, random).items()
            },
            "metadata": None if schema.ParamsModel.model_fields["schema_version"].default == "v0.1" else {},
        }
        for item, packed in zip(items, ran.outcomes, strict=True)
    ]
    timing = {"chunk_timing": [_span(chunk, items) for chunk in ran.chunks]}
    body = {"schema_version": params.schema_version, "data": data, "metadata": timing}
    written = schema.QuantumProgramResultModel.model_validate(body).model_dump(mode="json")
    # Pass-through data are returned unchanged, not decoded and encoded.
    given = submitted["quantum_program"]
    passed = ("passthrough_data", "semantic_role")
    written |= {name: given.get(name) for name in passed if name in written}
    return Outcome(msgspec.json.encode(written), device_seconds=ran.device_seconds)


def _check_options(device: Device, options: Any) -> None:
    check_repetition(device, options.init_qubits, options.rep_delay, "options")
    names = ("scheduler_timing", "stretch_values")
    unscheduled = "expected none; the local service simulates circuits, and does not schedule them."
    refuse_given({name: getattr(options, name, False) for name in names}, "options", unscheduled)
    refuse_given(getattr(options, "experimental", {}), "options.experimental", "not known here.")


def _listed(program: Any) -> Sequence[tuple[QuantumCircuit, Any, str]]:
    """Return the circuit, the item and the path of each item."""
    paths = [f"quantum_program.items[{index}]" for index in range(len(program.items))]
    if hasattr(program, "circuits"):
        circuits = _read(program.circuits.to_python, "quantum_program.circuits")
    else:
        circuits = [
            _read(item.circuit.to_quantum_circuit, f"{path}.circuit")
            for path, item in zip(paths, program.items, strict=True)
        ]
    for path, circuit in zip(paths, circuits, strict=True):
        if not isinstance(circuit, QuantumCircuit):
            raise CannotRun(f"{path}: expected a circuit, got a {type(circuit).__name__}.")
    return list(zip(circuits, program.items, paths, strict=True))


def _read(read: Callable[[], Any], path: str) -> Any:
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - the readers of QPY, OpenQASM 3 and samplexes raise anything
        raise CannotRun(f"{path}: {type(error).__name__}: {error}") from None


def _circuit_item(circuit: QuantumCircuit, item: Any, shots: int, path: str) -> _Item:
    values, shape = shaped(
        item.circuit_arguments.to_numpy(),
        circuit.num_parameters,
        getattr(item, "shape", ()),
        f"{path}.circuit_arguments",
    )
    return _Item(Sweep(circuit, values, shots, _chunk_size(item)), shape, {})


def _samplex_item(circuit: QuantumCircuit, item: Any, shots: int, random: np.random.Generator, path: str) -> _Item:
    samplex = _read(lambda: item.samplex.to_samplex().finalize(), f"{path}.samplex")
    inputs = bound(
        samplex, {name: _value(each) for name, each in item.samplex_arguments.items()}, f"{path}.samplex_arguments"
    )
    outputs = drawn(samplex, inputs, item.shape, random, f"{path}.shape")
    angles = outputs.pop(ANGLES, np.empty((*item.shape, 0)))
    values, shape = shaped(angles, circuit.num_parameters, (), f"{path}.samplex")
    return _Item(Sweep(circuit, values, shots, _chunk_size(item)), shape, outputs)


def _value(argument: Any) -> Any:
    """Return an argument of a samplex as an array, a Pauli-Lindblad map or a number."""
    for reader in ("to_numpy", "to_pauli_lindblad_map"):
        if hasattr(argument, reader):
            return getattr(argument, reader)()
    return argument


def _chunk_size(item: Any) -> int | None:
    return None if item.chunk_size == "auto" else item.chunk_size


def _arrays(item: _Item, packed: Any, level: str, random: np.random.Generator) -> dict[str, Any]:
    """Return name -> array of the results of an item. The names are those that the official client expects."""
    arrays = dict(item.outputs)
    for name, bits in register_bits(item.sweep.circuit, packed).items():
        shots = bits.reshape(*item.shape, *bits.shape[1:])
        if level in {"classified", "both"}:
            arrays[name] = shots
        if level in {"kerneled", "both"}:
            arrays[f"{name}_iq"] = points(shots, random)
        if level == "avg_kerneled":
            arrays[f"{name}_avg_iq"] = points(shots, random).mean(axis=-2)
    return arrays


def _span(chunk: Chunk, items: Sequence[_Item]) -> dict[str, Any]:
    parts = [
        {
            "idx_item": part.sweep,
            "size": part.stop - part.start,
            "permutation": list(range(len(items[part.sweep].shape))),
            "element_range": (part.start, part.stop, 1),
        }
        for part in chunk.parts
    ]
    return {"start": chunk.start, "stop": chunk.stop, "parts": parts}
