"""From the data of one circuit, register by register, to the experiments of a qiskit ``Result``.

Data are bits (``BitArray``) or complex numbers. Complex numbers are those of each shot (kerneled) or their mean
(averaged). Each set of the circuit's parameters has one experiment. The first register has the lowest bits, as in
``backend.run``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import frozen
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import OtherForm, Unreadable
from ibm_circuit_job.wire.results.context import Binding, ResultContext
from ibm_circuit_job.wire.results.header import give_header
from ibm_circuit_job.wire.results.limits import MOST_EXPERIMENTS, MOST_SHOTS

if TYPE_CHECKING:
    from qiskit.primitives.containers import BitArray
    from qiskit.result.models import ExperimentResult


@frozen
class Declared:
    """The sizes of a register, as the body declares them before its bits are decoded."""

    shape: tuple[int, ...]
    """The shape of the sets of parameters."""
    num_shots: int
    """How many shots each set has."""
    num_bits: int
    """How many bits the register has."""


@frozen(eq=False)
class Gathered:
    """The experiments of all circuits of a job."""

    experiments: list[ExperimentResult]
    """The experiments, in the order of the circuits."""
    problems: list[str]
    """Why circuits cannot be read: one text for each such circuit."""


def gathered(
    circuits: Iterable[Callable[[], Iterable[ExperimentResult]]], path: str, context: ResultContext
) -> Result[Gathered, Unreadable | OtherForm]:
    """Return the experiments of circuits. A circuit that cannot be read has one experiment with ``success`` False.

    Args:
        circuits: For each circuit a function that returns its experiments, or raises.
        path: The field of the body that has the circuits, for the failure.
        context: The names of the circuits.

    Returns:
        The experiments; an ``Unreadable`` if there are too many experiments or shots.
    """
    found = Gathered([], [])
    shots = 0
    for index, circuit in enumerate(circuits):
        try:
            of_circuit = [*circuit()]
        except Exception as error:  # noqa: BLE001 - shapes that do not fit make numpy raise anything
            found.problems.append(str(error))
            of_circuit = [failed(unreadable(index, context, error), index, context)]
        found.experiments.extend(of_circuit)
        shots += sum(each.shots for each in of_circuit)
        if len(found.experiments) > MOST_EXPERIMENTS or shots > MOST_SHOTS:
            limits = f"expected at most {MOST_EXPERIMENTS} experiments and {MOST_SHOTS} shots"
            return Bad(Unreadable("result", path, limits))
    return Success(found)


def unreadable(index: int, context: ResultContext, error: Exception) -> str:
    """Return the message for a circuit whose data cannot be read."""
    return f"the circuit {context.name(index)!r} cannot be read: {error}"


def experiments(
    registers: Mapping[str, Any],
    shape: tuple[int, ...],
    metadata: Mapping[str, Any],
    index: int,
    context: ResultContext,
    bits: Callable[[], Mapping[str, BitArray]] | None = None,
) -> Iterator[ExperimentResult]:
    """Yield the experiments of one circuit.

    Args:
        registers: The data of each register: a ``BitArray`` of *shape*, a complex array of shape
            ``(*shape, shots, bits)``, or averaged over the shots ``(*shape, bits)``; or a :class:`Declared`.
        shape: The shape of the sets of parameters.
        metadata: The user's metadata of the circuit.
        index: The index of the circuit in the job.
        context: The names of circuits, registers and parameters.
        bits: Returns the bits of all registers, if *registers* has only their declared sizes.

    Raises:
        ValueError: If the data have other shapes, or exceed a limit.
        TypeError: If the data of a register have another type.
    """
    from qiskit.primitives.containers import BitArray  # noqa: PLC0415 - the core is imported without them

    # Given data stay in memory as long as the experiments. Declared data are decoded at each access.
    bits = bits or (lambda: registers)
    binding = context.binding(index)
    ordered = _in_order(registers, binding.registers)
    sets = math.prod(shape)
    if sets > MOST_EXPERIMENTS or (shape and not ordered):
        raise ValueError(f"expected at most {MOST_EXPERIMENTS} experiments with registers, got shape {shape}")
    if all(isinstance(data, (BitArray, Declared)) for data in ordered.values()):
        found = _of_bits(ordered, shape, bits)
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
    """Return the experiment of a circuit whose data cannot be read. Its ``get_counts()`` raises a ``QiskitError``.

    Args:
        problem: Why the data cannot be read; the error has this text.
        index: The index of the circuit in the job.
        context: The names of the circuits.
    """
    header = {"name": context.name(index), "creg_sizes": [], "memory_slots": 0, "metadata": {}, "pub_index": index}
    return _experiment({"shots": 0, "data": {}, "success": False, "status": problem}, header)


def _experiment(fields: Mapping[str, Any], header: Mapping[str, Any]) -> ExperimentResult:
    from qiskit.result.models import ExperimentResult, ExperimentResultData  # noqa: PLC0415 - costly

    # Not its constructor: in qiskit 1, from_dict() makes an object of the header.
    experiment = ExperimentResult.from_dict({"success": True, "status": "DONE", **fields, "data": {}, "header": header})
    data = fields["data"]
    experiment.data = data if isinstance(data, ExperimentResultData) else ExperimentResultData(**data)
    give_header(experiment)
    return experiment


def _in_order(registers: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    """The registers in the order of the circuit, if that is known. JSON objects have no order."""
    return {name: registers[name] for name in names} if {*names} == {*registers} else registers


def _unravelled(number: int, shape: Sequence[int]) -> list[int]:
    """The index in an array of this shape for a number in C order."""
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


def _of_bits(
    registers: Mapping[str, Any], shape: tuple[int, ...], bits: Callable[[], Mapping[str, BitArray]]
) -> _Found:
    from ibm_circuit_job.wire.results.lazy_data import LazyData, OfBits  # noqa: PLC0415 - it imports qiskit

    sets = math.prod(shape)
    for name, register in registers.items():
        if register.shape != shape:
            raise ValueError(f"expected bits of shape {shape} in {name!r}, got {register.shape}")
    if sum(register.num_shots for register in registers.values()) * sets > MOST_SHOTS * len(registers):
        raise ValueError(f"expected at most {MOST_SHOTS} shots")
    shots = [register.num_shots for register in registers.values()] or [0]
    if sets and len({*shots}) > 1:
        raise ValueError(f"expected as many shots in each register, got {shots}")
    sizes = [register.num_bits for register in registers.values()]

    def rows(number: int) -> list[Any]:
        """The bytes of each register for one set of parameters."""
        found = bits()
        arrays = [found[name].array for name in registers]
        return [array.reshape(sets, *array.shape[-2:])[number] for array in arrays]

    def outcomes() -> Iterator[dict[str, Any]]:
        for number in range(sets):
            yield {"shots": shots[0], "data": LazyData(OfBits(partial(rows, number), sizes))}

    return [[name, register.num_bits] for name, register in registers.items()], outcomes()


# Complex numbers


def _of_complex(registers: Mapping[str, Any], shape: tuple[int, ...]) -> _Found:
    import numpy as np  # noqa: PLC0415 - costly, and few bodies contain an array

    arrays = []
    for name, data in registers.items():
        if not isinstance(data, np.ndarray) or data.dtype.kind not in "cfiu":
            raise TypeError(f"expected bits or complex numbers in {name!r}, got a {type(data).__name__}")
        if data.shape[: len(shape)] != shape or not 1 <= data.ndim - len(shape) <= 2:
            raise ValueError(f"expected numbers of shape {(*shape, 'shots', 'bits')} in {name!r}, got {data.shape}")
        arrays.append(np.asarray(data, dtype=complex))
    joined = np.concatenate(arrays, axis=-1)
    is_averaged = joined.ndim == len(shape) + 1
    # qiskit's form for memory of level 1: pairs of a real and an imaginary part.
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
