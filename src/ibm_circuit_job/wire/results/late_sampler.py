"""From the body of a ``sampler`` job to a ``Result`` whose bits are decompressed at the first access.

One pass over the body decompresses the first bytes of each array, which have its shape. A body with anything unusual is
decoded as a whole by :mod:`~ibm_circuit_job.wire.results.primitives`.
"""

from __future__ import annotations

import base64
import io
import math
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, Final, Literal

import msgspec
import numpy as np
from qiskit.result.models import ExperimentResult
from returns.result import Result

from ibm_circuit_job.errors import OtherForm, Unreadable
from ibm_circuit_job.wire.results.context import ResultContext
from ibm_circuit_job.wire.results.decoded import DecodedResult
from ibm_circuit_job.wire.results.experiments import Declared, experiments, gathered
from ibm_circuit_job.wire.results.late import LateBits
from ibm_circuit_job.wire.results.primitives import checked_pub, circuit_metadata, result_of
from ibm_circuit_job.wire.typed_json import MOST_DECOMPRESSED, PartsReader

_HEAD_CHARACTERS: Final = 2048
"""Characters of an array in base64 that are decompressed to read its shape. numpy's header has 128 bytes, and zlib's
tables before it have at most some 300."""
_MOST_HEADER_BYTES: Final = 512


def _typed(name: str) -> Any:
    return msgspec.field(name=name)


class _Array(msgspec.Struct, forbid_unknown_fields=True):
    kind: Literal["ndarray"] = _typed("__type__")
    value: msgspec.Raw = _typed("__value__")


class _Bits(msgspec.Struct, forbid_unknown_fields=True):
    array: _Array
    num_bits: int


class _BitArray(msgspec.Struct, forbid_unknown_fields=True):
    kind: Literal["BitArray"] = _typed("__type__")
    value: _Bits = _typed("__value__")


class _Data(msgspec.Struct, forbid_unknown_fields=True):
    fields: dict[str, _BitArray]
    field_names: list[str] = []
    field_types: Any = None
    shape: list[int] | None = None


class _DataBin(msgspec.Struct, forbid_unknown_fields=True):
    kind: Literal["DataBin"] = _typed("__type__")
    value: _Data = _typed("__value__")


class _Pub(msgspec.Struct, forbid_unknown_fields=True):
    data: _DataBin
    metadata: Any = None


class _PubResult(msgspec.Struct, forbid_unknown_fields=True):
    kind: Literal["SamplerPubResult"] = _typed("__type__")
    value: _Pub = _typed("__value__")


class _Pubs(msgspec.Struct, forbid_unknown_fields=True):
    pub_results: list[msgspec.Raw]
    metadata: Any = None


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    kind: Literal["PrimitiveResult"] = _typed("__type__")
    value: _Pubs = _typed("__value__")


_body = msgspec.json.Decoder(_Body)
_pub = msgspec.json.Decoder(_PubResult)


def of_body(raw: bytes, context: ResultContext) -> Result[DecodedResult, Unreadable | OtherForm] | None:
    """Return the ``Result`` of a body; ``None`` if the body has another kind, or must be decoded as a whole.

    Args:
        raw: The body.
        context: The names of circuits and registers.

    Returns:
        The ``Result``. Damaged data are found at the first access, which raises a ``QiskitError`` with the name of the
        circuit.
    """
    reader = PartsReader()
    try:
        body = _body.decode(raw).value
        # A single circuit is decoded at once: that costs no more, and damaged data are then reported as no result.
        if len(body.pub_results) < 2:
            return None
        circuits = [*map(_pub_of, body.pub_results)]
        if sum(size for _, _, size in circuits) > MOST_DECOMPRESSED:
            return None
        notes = [circuit_metadata(reader.value(pub.metadata)) for pub, *_ in circuits]
        metadata = reader.value(body.metadata)
    except (ValueError, RecursionError, zlib.error):
        return None

    def experiments_of(index: int) -> Iterator[ExperimentResult]:
        pub, declared, _ = circuits[index]
        bits = LateBits(partial(_bits, body.pub_results[index], index), declared, index, context)
        return experiments(declared, tuple(pub.data.value.shape or ()), notes[index], index, context, bits)

    found = gathered((partial(experiments_of, index) for index in range(len(circuits))), "pub_results", context)
    return found.map(lambda parts: result_of(parts, metadata, context))


def _bits(raw: msgspec.Raw, index: int) -> Mapping[str, Any]:
    """The bits of a pub, decoded in the same way as those of a whole body."""
    return dict(checked_pub(PartsReader().value(raw), index).data.items())


def _pub_of(raw: msgspec.Raw) -> tuple[_Pub, dict[str, Declared], int]:
    """A pub, the declared sizes of each register, and how many bytes its arrays have together.

    Raises:
        ValueError: If anything in it is unusual.
    """
    pub = _pub.decode(raw).value
    data = pub.data.value
    names, shape = data.field_names or [*data.fields], tuple(data.shape or ())
    if {*names} != {*data.fields} or not names:
        raise ValueError("expected the names of its registers")
    declared, total = {}, 0
    for name in names:
        register = data.fields[name].value
        found, size = _shape_of(register.array.value)
        if found[:-2] != shape or found[-1] != (register.num_bits + 7) // 8 or register.num_bits < 1:
            raise ValueError("expected bits of the shape of the pub")
        declared[name] = Declared(shape, found[-2], register.num_bits)
        total += size
    return pub, declared, total


def _shape_of(text: msgspec.Raw) -> tuple[tuple[int, ...], int]:
    """The shape of an array of bytes in base64 of zlib, and the size of its file.

    Raises:
        ValueError: If it is not in that form.
    """
    characters = bytes(memoryview(text)[: _HEAD_CHARACTERS + 1])
    if characters[:1] != b'"' or len(memoryview(text)) % 4 != 2:
        raise ValueError("expected base64")
    packed = base64.b64decode(characters[1:].removesuffix(b'"'), validate=True)
    head = zlib.decompressobj().decompress(packed, _MOST_HEADER_BYTES)
    length = 10 + int.from_bytes(head[8:10], "little")
    shape = _shape_in(head[:length])
    return shape, length + math.prod(shape)


@lru_cache(maxsize=64)
def _shape_in(head: bytes) -> tuple[int, ...]:
    """The shape in a header of numpy's file format. Cached, because most arrays of a body have the same header.

    Raises:
        ValueError: If it is not such a header, or that of other arrays than those of bits.
    """
    file = io.BytesIO(head)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("expected numpy's format 1.0")
    try:
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    except Exception as error:
        # The header is Python's syntax: numpy raises a SyntaxError, a TokenError and more if it is damaged.
        raise ValueError("expected a header of numpy's format 1.0") from error
    if fortran_order or dtype != np.uint8 or len(shape) < 2:
        raise ValueError("expected bytes in C order")
    return shape
