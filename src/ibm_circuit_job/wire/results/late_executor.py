"""From the body of an ``executor`` job to a ``Result`` whose bits are decoded at the first access.

One pass over the body finds the shape of each tensor, which its JSON has. A body with other data than bits, or with
anything unusual, is decoded as a whole by :mod:`~ibm_circuit_job.wire.results.executor`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Literal

import msgspec
import numpy as np
from attrs import evolve, frozen
from qiskit.result.models import ExperimentResult
from returns.result import Result, Success

from ibm_circuit_job.errors import OtherForm, Unreadable
from ibm_circuit_job.wire import documents, typed_json
from ibm_circuit_job.wire.results import client_side, executor
from ibm_circuit_job.wire.results.context import ResultContext
from ibm_circuit_job.wire.results.decoded import DecodedResult
from ibm_circuit_job.wire.results.experiments import Declared, experiments, gathered
from ibm_circuit_job.wire.results.frozen import thawed_json
from ibm_circuit_job.wire.results.late import LateBits
from ibm_circuit_job.wire.results.limits import MOST_ARRAY_BYTES
from ibm_circuit_job.wire.results.primitives import result_of
from ibm_circuit_job.wire.results.tensors import TensorReader, version_of

_NULL = msgspec.Raw(b"null")


class _Tensor(msgspec.Struct, forbid_unknown_fields=True):
    data: msgspec.Raw
    shape: list[int]
    dtype: Literal["bool"]


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    results: dict[str, _Tensor]
    metadata: Any = None


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    data: list[msgspec.Raw]
    metadata: msgspec.Raw = _NULL
    passthrough_data: msgspec.Raw = _NULL
    semantic_role: msgspec.Raw = _NULL
    schema_version: msgspec.Raw = _NULL


_body = msgspec.json.Decoder(_Body)
_item = msgspec.json.Decoder(_Item)


@frozen(eq=False)
class _Program:
    """The part of a body that applies to all its items."""

    whole: executor.ExecutorResult
    """The result without its items."""
    metadata: Any
    """The metadata of the ``Result``."""
    is_sampled: bool
    """Whether the official client's sampler made the job."""
    is_twirled: bool = False
    """Whether the first axis of each array is over randomizations, which become shots."""


def of_body(raw: bytes, context: ResultContext) -> Result[DecodedResult, Unreadable | OtherForm] | None:
    """Return the ``Result`` of a body; ``None`` if the body has another kind, or must be decoded as a whole.

    Args:
        raw: The body.
        context: The names of circuits and registers.

    Returns:
        The ``Result``. Damaged data are found at the first access, which raises a ``QiskitError`` with the name of the
        circuit.
    """
    try:
        body = _body.decode(raw)
        # A single circuit is decoded at once: that costs no more, and damaged data are then reported as no result.
        program = _program(body) if len(body.data) > 1 else None
        if program is None:
            return None
        shapes = [_shapes_of(item, program.whole.schema_version) for item in body.data]
        if sum(math.prod(shape) for item in shapes for shape in item.values()) > MOST_ARRAY_BYTES:
            return None
        circuits = [_declared(item, program) for item in shapes]
    except (ValueError, RecursionError):
        return None

    def experiments_of(index: int) -> Iterator[ExperimentResult]:
        declared, note = circuits[index], thawed_json(executor.circuit_metadata(program.whole, index))
        bits = LateBits(partial(_bits, body.data[index], index, program), declared, index, context)
        return experiments(declared, next(iter(declared.values())).shape, note, index, context, bits)

    found = gathered((partial(experiments_of, index) for index in range(len(circuits))), "data", context)
    return found.map(lambda parts: result_of(parts, program.metadata, context))


def _program(body: _Body) -> _Program | None:
    """The part of a body that applies to all its items; ``None`` if the body must be decoded as a whole."""
    reader = typed_json.PartsReader()
    fields = {name: reader.value(value) for name, value in msgspec.structs.asdict(body).items() if name != "data"}
    match executor.of_body({**fields, "data": []}):
        case Success(whole) if client_side.role_of(whole) != client_side.SAMPLER:
            return _Program(whole, {"executor": dict(whole.metadata)}, is_sampled=False)
        case Success(whole):
            match client_side.primitive_result(whole):
                case Success(sampled) if _are_usual(whole, len(body.data)):
                    twirled = client_side.are_bits_twirled(whole)
                    return None if twirled is None else _Program(whole, sampled.metadata, True, twirled)
    return None


def _are_usual(whole: executor.ExecutorResult, items: int) -> bool:
    """Whether each circuit has a dictionary as the user's metadata, or none."""
    notes = whole.passthrough_data["post_processor"].get("circuits_metadata")
    return not notes or (len(notes) == items and all(note is None or isinstance(note, Mapping) for note in notes))


def _shapes_of(raw: msgspec.Raw, version: object) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays of an item.

    Raises:
        ValueError: If anything in it is unusual.
    """
    is_compressed = version_of(version) >= (2, 0)
    found = {}
    for name, tensor in _item.decode(raw).results.items():
        shape, characters = tuple(tensor.shape), len(memoryview(tensor.data)) - 2
        size = (math.prod(shape) + 7) // 8
        if name == executor.SIGNS or min(shape, default=0) < 1 or characters % 4:
            raise ValueError("expected arrays of bits")
        # Without compression, the length shows whether the data were cut off.
        if not is_compressed and characters != (size + 2) // 3 * 4:
            raise ValueError("expected as many bytes as the shape says")
        found[name] = shape
    return found


def _declared(shapes: Mapping[str, tuple[int, ...]], program: _Program) -> dict[str, Declared]:
    """The declared sizes of the registers of an item.

    Raises:
        ValueError: If it has no registers, or registers of different shapes.
    """
    declared = {}
    own = int(program.is_twirled)
    for name, shape in shapes.items():
        if name.startswith(executor.FLIPS):
            continue
        flips = shapes.get(f"{executor.FLIPS}{name}", ())
        if len(shape) < 2 + own or np.broadcast_shapes(shape, flips) != shape:
            raise ValueError("expected the shots and the bits of a register")
        declared[name] = Declared(shape[own:-2], math.prod(shape[:own]) * shape[-2], shape[-1])
    if len({register.shape for register in declared.values()}) != 1:
        raise ValueError("expected registers of one shape")
    return declared


def _bits(raw: msgspec.Raw, index: int, program: _Program) -> Mapping[str, Any]:
    """The bits of an item, decoded in the same way as those of a whole body."""
    item = executor.item_of(documents.decoded(raw), index, TensorReader(program.whole.schema_version))
    if not program.is_sampled:
        return executor.registers(item)[0]
    pubs = client_side.primitive_result(evolve(program.whole, items=(item,))).unwrap()
    return dict(pubs[0].data.items())
