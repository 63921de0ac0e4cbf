"""From the body of an ``executor`` job to a record of its arrays, and from that to a ``Result``.

Source: ``ibm_quantum_schemas.executor``, versions v0.1, v0.2, v1.0, v1.1 and v2.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import IBMJobApiError, OtherForm, Unreadable
from ibm_circuit_job.wire.results.context import ResultContext
from ibm_circuit_job.wire.results.frozen import FrozenDict, frozen_json, same
from ibm_circuit_job.wire.results.tensors import TensorReader

if TYPE_CHECKING:
    from ibm_circuit_job.wire.results.decoded import DecodedResult
    from ibm_circuit_job.wire.results.experiments import Gathered

FLIPS: Final = "measurement_flips."
"""The beginning of the name of an array of bits that twirling has flipped. The register's name follows."""
SIGNS: Final = "pauli_signs"
"""The name of the array with the signs of probabilistic error cancellation."""


@frozen(eq=False)
class ExecutorItem(Mapping[str, Any]):
    """The arrays of one item of a quantum program: an immutable mapping from name to array.

    The bits of a classical register are a boolean array of shape ``(*item, shots, bits)``, bit 0 first.

    Example:
        >>> import numpy as np
        >>> item = ExecutorItem(dict(c=np.zeros((4, 2), bool)))
        >>> item["c"].shape, [*item]
        ((4, 2), ['c'])
    """

    arrays: Mapping[str, Any] = field(converter=frozen_json)
    """Name -> array; empty if the arrays cannot be read."""
    metadata: Mapping[str, Any] = FrozenDict()
    """The item's metadata."""
    problem: str | None = None
    """Why the arrays cannot be read; ``None`` if they can."""

    def __getitem__(self, name: str) -> Any:
        if self.problem is not None:
            raise IBMJobApiError(self.problem)
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExecutorItem) and all(
            same(getattr(self, field), getattr(other, field)) for field in ("arrays", "metadata", "problem")
        )

    __hash__ = None  # type: ignore[assignment]


@frozen(eq=False)
class ExecutorResult:
    """The immutable result of an ``executor`` job: arrays, metadata and pass-through data.

    Example:
        >>> result = ExecutorResult((ExecutorItem({}),), {}, {"note": "mine"})
        >>> len(result), result.passthrough_data["note"]
        (1, 'mine')
    """

    items: tuple[ExecutorItem, ...]
    """The items, in the order of the quantum program."""
    metadata: Mapping[str, Any] = field(converter=frozen_json)
    """The metadata of the job. ``chunk_timing`` has the times at which its parts were measured, in UTC."""
    passthrough_data: Any = field(default=None, converter=frozen_json)
    """The nested data, with arrays, that the submitted program contained and the service returned unchanged."""
    semantic_role: str | None = None
    """The primitive that made the job: ``"sampler_v2"``, ``"estimator_v2"``; ``None`` for any other program."""
    schema_version: str | None = None
    """The version of the body, as in ``"v2.0"``."""

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[ExecutorItem]:
        return iter(self.items)

    def __getitem__(self, index: int) -> ExecutorItem:
        return self.items[index]

    def __eq__(self, other: object) -> bool:
        fields = ("items", "metadata", "passthrough_data", "semantic_role", "schema_version")
        return isinstance(other, ExecutorResult) and all(
            same(getattr(self, field), getattr(other, field)) if field != "items" else self.items == other.items
            for field in fields
        )

    __hash__ = None  # type: ignore[assignment]


def of_body(body: Mapping[str, Any]) -> Result[ExecutorResult, Unreadable | OtherForm]:
    """Return the record of a body; an ``Unreadable`` if no item can be read."""
    reader = TensorReader(body.get("schema_version"))
    items = tuple(item_of(fields, index, reader) for index, fields in enumerate(body["data"]))
    problems = [item.problem for item in items if item.problem is not None]
    if problems and len(problems) == len(items):
        return Bad(Unreadable("result", "data[0].results", problems[0]))
    role, version = body.get("semantic_role"), body.get("schema_version")
    return Success(
        ExecutorResult(
            items,
            _metadata(body.get("metadata")),
            reader.tree(body.get("passthrough_data")),
            role if isinstance(role, str) else None,
            version if isinstance(version, str) else None,
        )
    )


def item_of(fields: Any, index: int, reader: TensorReader) -> ExecutorItem:
    """Return one item of a body; its ``problem`` says why, if it cannot be read."""
    metadata = fields.get("metadata") if isinstance(fields, Mapping) else None
    metadata = metadata if isinstance(metadata, Mapping) else {}
    try:
        arrays = {name: reader.array(tensor) for name, tensor in fields["results"].items()}
    except Exception as error:  # noqa: BLE001 - a damaged item may be anything
        return ExecutorItem({}, metadata, f"item {index} of the result cannot be read: {error}")
    return ExecutorItem(arrays, metadata)


def _metadata(metadata: Any) -> Mapping[str, Any]:
    """The metadata of the job, with the times of the chunks as datetimes in UTC."""
    found = dict(metadata) if isinstance(metadata, Mapping) else {}
    chunks = found.get("chunk_timing")
    if isinstance(chunks, list):
        found["chunk_timing"] = [_chunk(chunk) for chunk in chunks]
    return found


def _chunk(chunk: Any) -> Any:
    try:
        return {**chunk, "start": _utc(chunk["start"]), "stop": _utc(chunk["stop"])}
    except (KeyError, TypeError, ValueError):
        return chunk


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    # In the schema, a time without a zone is in UTC.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


# Counts


def counted(result: ExecutorResult, context: ResultContext) -> Result[DecodedResult, Unreadable | OtherForm]:
    """Return the ``Result`` of the bits of classical registers: one experiment for each element of an item.

    Bits that twirling has flipped are flipped back. An item of measurement level 1 has complex memory. An item without
    registers is an experiment with ``success`` False.
    """
    from ibm_circuit_job.wire.results.experiments import experiments, gathered  # noqa: PLC0415 - qiskit is costly
    from ibm_circuit_job.wire.results.primitives import result_of  # noqa: PLC0415

    def of_item(item: ExecutorItem, index: int) -> Iterable[Any]:
        return experiments(*registers(item), circuit_metadata(result, index), index, context)

    def whole(found: Gathered) -> Result[DecodedResult, Unreadable | OtherForm]:
        if len(found.problems) < len(found.experiments):
            return Success(result_of(found, {"executor": dict(result.metadata)}, context))
        return Bad(
            OtherForm(
                f"the result of job {context.job_id} has no counts: it has arrays, but no bits of registers; "
                "primitive_result() returns them"
            )
        )

    circuits = (partial(of_item, item, index) for index, item in enumerate(result.items))
    return gathered(circuits, "data", context).bind(whole)


def circuit_metadata(result: ExecutorResult, index: int) -> Any:
    """Return the user's metadata of a circuit, which the official client's sampler puts into the pass-through data."""
    given = result.passthrough_data if isinstance(result.passthrough_data, Mapping) else {}
    data = given.get("post_processor")
    listed = data.get("circuits_metadata") if isinstance(data, Mapping) else None
    found = listed[index] if isinstance(listed, tuple) and index < len(listed) else None
    return found if isinstance(found, Mapping) else {}


def registers(item: ExecutorItem) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Return the data of the classical registers of an item, and the shape of the item.

    Raises:
        ValueError: If the item has no registers, or cannot be read.
    """
    import numpy as np  # noqa: PLC0415 - costly
    from qiskit.primitives.containers import BitArray  # noqa: PLC0415 - costly

    if item.problem is not None:
        raise ValueError(item.problem)
    named = {name: array for name, array in item.items() if not name.startswith(FLIPS) and name != SIGNS}
    bits = {name: array for name, array in named.items() if array.dtype.kind == "b" and array.ndim >= 2}
    if bits:
        flipped = {name: flipped_back(item, name) for name in bits}
        shape = next(iter(flipped.values())).shape[:-2]
        return {name: BitArray.from_bool_array(array, order="little") for name, array in flipped.items()}, shape
    kerneled = {name.removesuffix("_iq"): each for name, each in named.items() if _is_kerneled(name, each)}
    averaged = {name.removesuffix("_avg_iq"): each for name, each in named.items() if name.endswith("_avg_iq")}
    found, axes = (averaged, 1) if averaged else (kerneled, 2)
    if not found:
        raise ValueError("it has no bits of classical registers")
    shape = next(iter(found.values())).shape
    return {name: np.asarray(array) for name, array in found.items()}, shape[: len(shape) - axes]


def flipped_back(item: ExecutorItem, register: str) -> Any:
    """Return the bits of a register without the flips of twirling.

    Raises:
        ValueError: If the flips have another shape.
        KeyError: If the item has no register of this name.
    """
    import numpy as np  # noqa: PLC0415 - costly

    bits, flips = item[register], item.get(f"{FLIPS}{register}")
    if flips is None:
        return bits
    if bits.dtype.kind != "b" or flips.dtype.kind != "b" or np.broadcast_shapes(bits.shape, flips.shape) != bits.shape:
        raise ValueError(f"expected flips for bits of shape {bits.shape} in {register!r}, got shape {flips.shape}")
    return bits ^ flips


def _is_kerneled(name: str, array: Any) -> bool:
    return array.dtype.kind == "c" and array.ndim >= 2 and not name.endswith("_avg_iq")
