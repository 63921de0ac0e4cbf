"""Tensors of the ``executor`` and the noise learner: ``{"data": base64, "shape": [...], "dtype": "f64"}`` <-> arrays.

Little-endian, C order; booleans eight to a byte, the least significant bit first. From schema version v2.0 on the bytes
are compressed with zlib.

Source: ``ibm_quantum_schemas.common.tensor``.
"""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from collections.abc import Mapping
from typing import Any, Final

from ibm_circuit_job.wire.results.limits import MOST_ARRAY_BYTES

_DTYPES: Final[Mapping[str, str]] = {
    "bool": "?",
    **{f"f{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
    **{f"{sign}{bits}": f"<{sign}{bits // 8}" for sign in "iu" for bits in (8, 16, 32, 64)},
    **{f"c{bits}": f"<c{bits // 8}" for bits in (64, 128)},
}
_FIELDS: Final = frozenset({"data", "shape", "dtype"})


def is_tensor(value: object) -> bool:
    """Return whether a JSON value has the fields of a tensor."""
    if not isinstance(value, Mapping) or value.keys() != _FIELDS:
        return False
    dtype = value["dtype"]
    return isinstance(dtype, str) and dtype in _DTYPES


class TensorReader:
    """Reads the tensors of one body. All of them together may have at most ``MOST_ARRAY_BYTES`` bytes.

    Args:
        schema_version: The schema version of the body, as in ``"v2.0"``.

    Example:
        >>> TensorReader("v1.0").array({"data": "BQ==", "shape": [3], "dtype": "bool"}).tolist()
        [True, False, True]
    """

    def __init__(self, schema_version: object) -> None:
        self._is_compressed = version_of(schema_version) >= (2, 0)
        self._left = MOST_ARRAY_BYTES

    def array(self, tensor: Any) -> Any:
        """Return a tensor as a read-only array.

        Raises:
            ValueError: If the value is not a tensor, is damaged, or exceeds the limit.
        """
        import numpy as np  # noqa: PLC0415 - costly, and few bodies contain a tensor

        if not is_tensor(tensor):
            raise ValueError(f"expected a tensor with the fields {sorted(_FIELDS)} and a known dtype")
        shape, dtype = tensor["shape"], np.dtype(_DTYPES[tensor["dtype"]])
        if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
            raise ValueError(f"expected a shape of numbers, got {str(shape)[:100]}")
        items = math.prod(shape)
        if items * dtype.itemsize > self._left:
            raise ValueError(f"expected at most {MOST_ARRAY_BYTES} bytes of arrays")
        size = (items + 7) // 8 if dtype.kind == "b" else items * dtype.itemsize
        data = self._bytes(tensor["data"], size)
        if len(data) != size:
            raise ValueError(f"expected {size} bytes for the shape {shape}, got {len(data)}")
        if dtype.kind == "b":
            bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little", count=items)
            array = bits.view(np.bool_).reshape(shape)
        else:
            array = np.frombuffer(data, dtype).reshape(shape)
        array.setflags(write=False)
        # Subtracted only now: a tensor that cannot be read does not use up the limit.
        self._left -= array.nbytes
        return array

    def tree(self, value: Any) -> Any:
        """Return nested JSON with arrays in place of its tensors. A tensor that cannot be read stays a dictionary."""
        if is_tensor(value):
            try:
                return self.array(value)
            except ValueError:
                return value
        if isinstance(value, Mapping):
            return {name: self.tree(part) for name, part in value.items()}
        return [*map(self.tree, value)] if isinstance(value, list) else value

    def _bytes(self, text: Any, size: int) -> bytes:
        if not isinstance(text, str):
            raise ValueError(f"expected base64, got a {type(text).__name__}")  # noqa: TRY004 - one kind of error
        try:
            data = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ValueError(f"expected base64: {error}") from None
        if not self._is_compressed:
            return data
        stream = zlib.decompressobj()
        try:
            whole = stream.decompress(data, size + 1)
        except zlib.error as error:
            raise ValueError(f"expected data of zlib: {error}") from None
        if not stream.eof and len(whole) <= size:
            raise ValueError("its compressed data ends too early")
        return whole


def version_of(text: object) -> tuple[int, ...]:
    """Return a schema version as numbers; ``()`` if the value is not a version.

    Example:
        >>> version_of("v1.1") < version_of("v2.0"), version_of(None)
        (True, ())
    """
    try:
        return tuple(map(int, str(text).removeprefix("v").split(".")))
    except ValueError:
        return ()
