"""From the data of one circuit, register by register, to the experiments of a qiskit ``Result``.

Data are bits (``BitArray``), or complex numbers: those of each shot (kerneled), or their mean (averaged). There is one
experiment for each set of the circuit's parameters. The first register holds the lowest bits, as in ``backend.run``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ibm_circuit_job.wire.results.context import Binding, ResultContext
from ibm_circuit_job.wire.results.header import give_header
from ibm_circuit_job.wire.results.limits import MOST_EXPERIMENTS, MOST_SHOTS

if TYPE_CHECKING:
    from qiskit.result.models import ExperimentResult


def experiments(
    registers: Mapping[str, Any],
    shape: tuple[int, ...],
    metadata: Mapping[str, Any],
    index: int,
    context: ResultContext,
) -> Iterator[ExperimentResult]:
    """Yield the experiments of one circuit.

    Args:
        registers: The data of each register: a ``BitArray`` of *shape*, or a complex array of the shape
            ``(*shape, shots, bits)`` or, averaged over the shots, ``(*shape, bits)``.
        shape: The shape of the sets of parameters.
        metadata: What the user wrote to the circuit.
        index: The index of the circuit in the job.
        context: What is known of the job.

    Raises:
        ValueError: If the data do not have these shapes, or are too many.
        TypeError: If a register holds something else.
    """
    from qiskit.primitives.containers import BitArray  # noqa: PLC0415 - the core is imported without them

    binding = context.binding(index)
    ordered = _in_order(registers, binding.registers)
    sets = math.prod(shape)
    if sets > MOST_EXPERIMENTS or (shape and not ordered):
        raise ValueError(f"expected at most {MOST_EXPERIMENTS} experiments with registers, got shape {shape}")
    if all(isinstance(data, BitArray) for data in ordered.values()):
        found = _of_bits(ordered, shape)
    else:
        found = _of_complex(ordered, shape)
    sizes, outcomes = found
    for number in range(sets):
        header = {
            "name": context.name(index),
            "creg_sizes": sizes,
            "memory_slots": sum(size for _, size in sizes),
            "metadata": metadata,
            "pub_index": index,
            "pub_shape": [*shape],
            "index": _unravelled(number, shape),
            "parameters": _parameters(binding, number, sets),
        }
        yield _experiment(next(outcomes), header)


def failed(problem: str, index: int, context: ResultContext) -> ExperimentResult:
    """Return the experiment of a circuit whose data cannot be read: to ask for its counts raises a ``QiskitError``.

    Args:
        problem: Why they cannot; the error says so.
        index: The index of the circuit in the job.
        context: What is known of the job.
    """
    header = {"name": context.name(index), "creg_sizes": [], "memory_slots": 0, "metadata": {}, "pub_index": index}
    return _experiment({"shots": 0, "data": {}, "success": False, "status": problem}, header)


def _experiment(fields: Mapping[str, Any], header: Mapping[str, Any]) -> ExperimentResult:
    from qiskit.result.models import ExperimentResult, ExperimentResultData  # noqa: PLC0415 - costly

    # Not by its constructor: in qiskit 1 the header is no dictionary, but something made of one.
    experiment = ExperimentResult.from_dict({"success": True, "status": "DONE", **fields, "data": {}, "header": header})
    data = fields["data"]
    experiment.data = data if isinstance(data, ExperimentResultData) else ExperimentResultData(**data)
    give_header(experiment)
    return experiment


def _in_order(registers: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    """The registers in the order of the circuit, where that is known; objects of JSON are in any order."""
    return {name: registers[name] for name in names} if {*names} == {*registers} else registers


def _unravelled(number: int, shape: Sequence[int]) -> list[int]:
    """The place in an array of a shape that the C order gives a number."""
    place: list[int] = []
    for size in reversed(shape):
        number, within = divmod(number, size)
        place.append(within)
    return place[::-1]


def _parameters(binding: Binding, number: int, sets: int) -> dict[str, float]:
    """The values of the parameters of one set."""
    count = len(binding.parameters)
    if not count or binding.values is None or binding.values.size != sets * count:
        return {}
    values = binding.values.reshape(sets, count)[number]
    return dict(zip(binding.parameters, values.tolist(), strict=True))


# Bits

_Found = tuple[list[list[Any]], Iterator[dict[str, Any]]]
"""The name and the size of each register; then the fields of each experiment."""


def _of_bits(registers: Mapping[str, Any], shape: tuple[int, ...]) -> _Found:
    from ibm_circuit_job.wire.results.lazy_data import LazyData, OfBits  # noqa: PLC0415 - it imports qiskit

    sets = math.prod(shape)
    for name, bits in registers.items():
        if bits.shape != shape:
            raise ValueError(f"expected bits of shape {shape} in {name!r}, got {bits.shape}")
    if sum(bits.num_shots for bits in registers.values()) * sets > MOST_SHOTS * len(registers):
        raise ValueError(f"expected at most {MOST_SHOTS} shots")
    sizes = [[name, bits.num_bits] for name, bits in registers.items()]
    rows = [bits.array.reshape(sets, *bits.array.shape[-2:]) for bits in registers.values()]

    if len({len(row[0]) for row in rows} if sets else ()) > 1:
        raise ValueError(f"expected as many shots in each register, got {[len(row[0]) for row in rows]}")

    def outcomes() -> Iterator[dict[str, Any]]:
        for number in range(sets):
            registers = [row[number] for row in rows]
            data = LazyData(OfBits(registers, [size for _, size in sizes]))
            yield {"shots": len(registers[0]) if registers else 0, "data": data}

    return sizes, outcomes()


# Complex numbers


def _of_complex(registers: Mapping[str, Any], shape: tuple[int, ...]) -> _Found:
    import numpy as np  # noqa: PLC0415 - costly, and few bodies hold an array

    arrays = []
    for name, data in registers.items():
        if not isinstance(data, np.ndarray) or data.dtype.kind not in "cfiu":
            raise TypeError(f"expected bits or complex numbers in {name!r}, got a {type(data).__name__}")
        if data.shape[: len(shape)] != shape or not 1 <= data.ndim - len(shape) <= 2:
            raise ValueError(f"expected numbers of shape {(*shape, 'shots', 'bits')} in {name!r}, got {data.shape}")
        arrays.append(np.asarray(data, dtype=complex))
    joined = np.concatenate(arrays, axis=-1)
    is_averaged = joined.ndim == len(shape) + 1
    # As qiskit has memory of this level: pairs of a real and an imaginary part.
    memory = np.stack([joined.real, joined.imag], axis=-1)
    memory = memory.reshape(math.prod(shape), *memory.shape[len(shape) :])

    def outcomes() -> Iterator[dict[str, Any]]:
        for each in memory:
            yield {
                "shots": 0 if is_averaged else len(each),
                "data": {"memory": each},
                "meas_level": 1,
                "meas_return": "avg" if is_averaged else "single",
            }

    return [[name, array.shape[-1]] for name, array in zip(registers, arrays, strict=True)], outcomes()
