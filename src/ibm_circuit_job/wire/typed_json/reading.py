"""The reader of the service's typed JSON. It does not trust the server."""

from __future__ import annotations

import base64
import binascii
import io
import math
import re
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from json import JSONDecoder
from typing import Any, Final

import msgspec
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import Unreadable
from ibm_circuit_job.wire import documents, execution_spans
from ibm_circuit_job.wire.typed_json import circuit_files

MOST_DECOMPRESSED: Final = 512 * 1024 * 1024
"""The most bytes that all objects of one document together may decompress to."""

_PLAIN_ARRAYS: Final = "biufcSU"
"""The kinds of numpy dtype that are read: numbers, booleans and texts, but no objects and no records."""


def decode(body: bytes, what: str) -> Result[Any, Unreadable]:
    """Return the objects of a document of typed JSON; an ``Unreadable`` if one of them cannot be built.

    Args:
        body: The document.
        what: The kind of document, for the failure: ``"result"``.

    Example:
        >>> decode(b'{"phase": {"__type__": "complex", "__value__": [0, 1]}}', "result").unwrap()
        {'phase': 1j}
        >>> decode(b'{"__type__": "settings", "__module__": "os", "__value__": {}}', "result").unwrap()
        {'__type__': 'settings', '__module__': 'os', '__value__': {}}
    """
    read = documents.value(body, what)
    return read.bind(partial(_built, what)) if b"__type__" in body else read


def _built(what: str, value: Any) -> Result[Any, Unreadable]:
    try:
        return Success(_Decoding().built(value))
    except _Unbuildable as error:
        return Bad(Unreadable(what, error.path, str(error)))
    except RecursionError:
        return Bad(_too_deep(what))


def _too_deep(what: str) -> Unreadable:
    return Unreadable(what, "", "expected a document of reasonable depth, got one nested too deep")


def decode_parts(body: bytes, what: str) -> Result[Any, Unreadable]:
    """Return the objects of a document of typed JSON; one that cannot be built is an :class:`Unbuilt`.

    Args:
        body: The document.
        what: The kind of document, for the failure: ``"result"``.

    Example:
        >>> found = decode_parts(b'{"a": {"__type__": "complex", "__value__": [1]}, "b": 2}', "result").unwrap()
        >>> found
        {'a': {'__type__': 'complex', '__value__': [1]}, 'b': 2}
        >>> found["a"].problem
        'expected a complex, got one that cannot be built: not enough values to unpack (expected 2, got 1)'
    """
    read = documents.value(body, what)
    return read.bind(partial(_built_in_parts, what)) if b"__type__" in body else read


def _built_in_parts(what: str, value: Any) -> Result[Any, Unreadable]:
    try:
        return Success(_DecodingParts().built(value))
    except RecursionError:
        return Bad(_too_deep(what))


class PartsReader:
    """Reads the parts of one document as :func:`decode_parts` does. All parts share one limit of decompressed bytes.

    Example:
        >>> import msgspec
        >>> PartsReader().value(msgspec.Raw(b'{"phase": {"__type__": "complex", "__value__": [0, 1]}}'))
        {'phase': 1j}
    """

    def __init__(self) -> None:
        self._decoding = _DecodingParts()

    def value(self, part: Any) -> Any:
        """Return the objects of a part.

        Args:
            part: Raw JSON, or decoded plain JSON.

        Raises:
            ValueError: If it is not JSON.
            RecursionError: If it is nested too deep.
        """
        if isinstance(part, msgspec.Raw):
            found = documents.decoded(part)
            return self._decoding.built(found) if b"__type__" in bytes(part) else found
        return self._decoding.built(part) if isinstance(part, (dict, list)) else part


def decode_circuits(text: str, most: int) -> Result[list[Any], Unreadable]:
    """Return the circuits of a QPY file in base64, compressed or not.

    Source: ``ibm_quantum_schemas.common.qpy``. The file is compressed since version v2.0 of the ``executor``'s
    parameters.

    Args:
        text: The file in base64.
        most: The most circuits that it may contain.
    """
    decoding = _Decoding()
    try:
        data = _unarmoured(text)
        return Success(
            decoding.loaded_circuits(data if data.startswith(b"QISKIT") else decoding.unpacked(text), most=most)
        )
    except Exception as error:  # noqa: BLE001 - qiskit raises anything on a damaged file
        return Bad(Unreadable("circuits", "", f"expected a file of circuits: {error}"))


class Unbuilt(dict[str, Any]):
    """A typed object that could not be built, as the dictionary of its JSON."""

    def __init__(self, fields: Mapping[str, Any], problem: str) -> None:
        super().__init__(fields)
        self.problem = problem
        """What was expected, and what was found."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Unbuilt, (dict(self), self.problem)


class _Unbuildable(Exception):  # noqa: N818 - it never leaves this module
    path: str = ""


class _Decoding:
    """The decoding of one document."""

    def __init__(self) -> None:
        self.budget = MOST_DECOMPRESSED
        """How many more bytes the document may decompress to."""
        self.depth = 0
        """How many circuits enclose the metadata that is being read."""

    def built(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._at(f"[{index}]", item) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        inside = {name: self._at(f".{name}", item) for name, item in value.items()}
        return self.object_of(inside, value)

    def object_of(self, inside: dict[str, Any], came_as: dict[str, Any]) -> Any:  # noqa: ARG002 - see _DecodingParts
        """The object of a dictionary whose values were built before."""
        kind = inside.get("__type__")
        build = _DECODERS.get(kind) if isinstance(kind, str) else None
        if build is None:
            return inside
        try:
            return build(self, inside.get("__value__"))
        except _Unbuildable:
            raise
        except RecursionError:
            raise
        except Exception as error:  # noqa: BLE001 - qiskit and numpy raise anything on a damaged body
            raise _Unbuildable(f"expected a {kind}, got one that cannot be built: {error}") from None

    def _at(self, step: str, value: Any) -> Any:
        if not isinstance(value, (dict, list)):
            return value
        try:
            return self.built(value)
        except _Unbuildable as error:
            error.path = f"{step}{error.path}".removeprefix(".") if not error.path else f"{step}.{error.path}"
            error.path = error.path.replace(".[", "[").removeprefix(".")
            raise

    def unpacked(self, text: Any) -> bytes:
        """The decompressed bytes of base64 of zlib data."""
        stream = zlib.decompressobj()
        data = stream.decompress(_unarmoured(text), self.budget + 1)
        if len(data) > self.budget:
            raise ValueError(f"it decompresses to more than {MOST_DECOMPRESSED} bytes")
        if not stream.eof:
            raise ValueError("its compressed data ends too early")
        self.budget -= len(data)
        return data

    def array(self, value: Any) -> Any:
        import numpy as np  # noqa: PLC0415 - costly, and few bodies contain an array

        if isinstance(value, list):
            if not _are_numbers(value):
                raise ValueError("its items are not numbers")
            return np.array(value)
        data = io.BytesIO(self.unpacked(value))
        version = np.lib.format.read_magic(data)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read_header(data)
        if dtype.kind not in _PLAIN_ARRAYS:
            raise ValueError(f"its items are of type {dtype}")
        content = data.read()
        if math.prod(shape) * dtype.itemsize != len(content):
            raise ValueError(f"its header says {shape} x {dtype}, and {len(content)} bytes follow")
        array = np.frombuffer(content, dtype)
        return array.reshape(shape, order="F" if fortran_order else "C")

    def circuit(self, value: Any) -> Any:
        return self.loaded_circuits(self.unpacked(value), most=1)[0]

    def loaded_circuits(self, data: bytes, *, most: int) -> list[Any]:
        """The circuits of a QPY file, at most *most*."""
        return circuit_files.read(data, most, self._metadata_decoder())

    def _metadata_decoder(self) -> type[JSONDecoder]:
        """The JSON decoder for the metadata in a circuit file, which is typed JSON.

        An entry that cannot be built stays a dictionary. Metadata is only a note of the user, so the circuit is
        complete without it.
        """
        # Shares the budget of the document, and counts nested circuits: metadata may contain circuits.
        parts = _DecodingParts(self)

        class MetadataDecoder(JSONDecoder):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **{**kwargs, "object_hook": lambda fields: parts.object_of(fields, fields)})

        return MetadataDecoder

    def instruction(self, value: Any) -> Any:
        """The instruction, which is sent as the only one of a circuit."""
        return self.circuit(value).data[0].operation

    def parameter(self, value: Any) -> Any:
        return circuit_files.parameter_of(_unarmoured(value))

    def bit_array(self, value: Any) -> Any:
        import numpy as np  # noqa: PLC0415 - costly, and few bodies contain an array
        from qiskit.primitives.containers import BitArray  # noqa: PLC0415

        array = _sound(value["array"])
        if array.dtype.kind in "iu" and array.dtype != np.uint8 and np.all((array >= 0) & (array < 256)):
            # It was a list in JSON, which has no type for its numbers.
            array = array.astype(np.uint8)
        return BitArray(array, value["num_bits"])

    def data_bin(self, value: Any) -> Any:
        from qiskit.primitives.containers import DataBin  # noqa: PLC0415

        # In the order of ``field_names``, which is that of the registers. JSON objects have no order.
        fields = value["fields"]
        names = value.get("field_names") or list(fields)
        return DataBin(shape=tuple(value.get("shape") or ()), **{name: _sound(fields[name], name) for name in names})

    def pub_result(self, value: Any) -> Any:
        from qiskit.primitives.containers import PubResult  # noqa: PLC0415

        return PubResult(_sound(value["data"], "data"), value.get("metadata"))

    def sampler_pub_result(self, value: Any) -> Any:
        from qiskit.primitives.containers import SamplerPubResult  # noqa: PLC0415

        return SamplerPubResult(_sound(value["data"], "data"), value.get("metadata"))

    def primitive_result(self, value: Any) -> Any:
        from qiskit.primitives.containers import PrimitiveResult  # noqa: PLC0415

        return PrimitiveResult(value["pub_results"], value.get("metadata"))


class _DecodingParts(_Decoding):
    """The decoding of a document, or of a circuit's metadata, in which a damaged object becomes an ``Unbuilt``."""

    def __init__(self, outer: _Decoding | None = None) -> None:
        super().__init__()
        self._outer = outer
        self.depth = 0 if outer is None else outer.depth + 1

    def unpacked(self, text: Any) -> bytes:
        return super().unpacked(text) if self._outer is None else self._outer.unpacked(text)

    def circuit(self, value: Any) -> Any:
        if self.depth > _DEEPEST_METADATA:
            raise ValueError(f"it is in the metadata of more than {_DEEPEST_METADATA} nested circuits")
        return super().circuit(value)

    def object_of(self, inside: dict[str, Any], came_as: dict[str, Any]) -> Any:
        try:
            return super().object_of(inside, came_as)
        except _Unbuildable as error:
            return Unbuilt(came_as, str(error))

    def array(self, value: Any) -> Any:
        import numpy as np  # noqa: PLC0415 - costly, and few bodies contain an array

        if isinstance(value, str) and _NAME.fullmatch(value):
            # An array without dimensions, of a single text such as the name of an extrapolator.
            return value
        if isinstance(value, (int, float)) or (isinstance(value, list) and not _are_numbers(value)):
            # The official client writes an array of Python objects as a list of its items.
            return np.array(value, dtype=object if isinstance(value, list) else None)
        return super().array(value)


_DEEPEST_METADATA: Final = 3
"""How many circuits may be nested in metadata."""
_NAME: Final = re.compile(r"[a-z_]{1,20}(?:_[1-7])?")


def _sound(value: Any, name: str = "") -> Any:
    """A part of an object, after a check that it was built.

    Raises:
        ValueError: If the part could not be built.
    """
    if isinstance(value, Unbuilt):
        raise ValueError(f"{name}: {value.problem}" if name else value.problem)  # noqa: TRY004 - of a good type
    return value


def _are_numbers(value: Any) -> bool:
    """Whether a nested list has only numbers. numpy would pad texts to the length of the longest one."""
    if isinstance(value, list):
        return all(map(_are_numbers, value))
    return isinstance(value, (int, float, complex))


def _unarmoured(text: Any) -> bytes:
    """The bytes of a text in base64."""
    if not isinstance(text, str):
        raise TypeError(f"expected base64, got a {type(text).__name__}")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"expected base64: {error}") from None


def _complex(_: _Decoding, value: Any) -> complex:
    real, imaginary = value
    return complex(real, imaginary)


def _datetime(_: _Decoding, value: Any) -> datetime:
    return datetime.fromisoformat(value)


def _set(_: _Decoding, value: Any) -> Any:
    return set(value)


def _qiskit_result(_: _Decoding, value: Any) -> Any:
    from qiskit.result import Result as QiskitResult  # noqa: PLC0415 - costly

    if not isinstance(value, Mapping):
        raise TypeError(f"expected an object, got a {type(value).__name__}")
    return QiskitResult.from_dict(dict(value))


def _span(kind: str, _: _Decoding, value: Any) -> Any:
    return execution_spans.span(kind, value)


def _spans(_: _Decoding, value: Any) -> Any:
    return execution_spans.spans([_sound(span) for span in value["spans"]])


def _array(decoding: _Decoding, value: Any) -> Any:
    # Not the method itself, because a subclass overrides it.
    return decoding.array(value)


def _circuit(decoding: _Decoding, value: Any) -> Any:
    return decoding.circuit(value)


def _as_it_is(_: _Decoding, value: Any) -> Any:
    return value


_DECODERS: Final[Mapping[str, Callable[[_Decoding, Any], Any]]] = {
    "complex": _complex,
    "datetime": _datetime,
    "set": _set,
    "ndarray": _array,
    "QuantumCircuit": _circuit,
    "Instruction": _Decoding.instruction,
    "Parameter": _Decoding.parameter,
    "BitArray": _Decoding.bit_array,
    "DataBin": _Decoding.data_bin,
    "PubResult": _Decoding.pub_result,
    "SamplerPubResult": _Decoding.sampler_pub_result,
    "PrimitiveResult": _Decoding.primitive_result,
    "Result": _qiskit_result,
    "EstimatorPubResult": _Decoding.pub_result,
    "NoiseModel": _as_it_is,
    "DoubleSliceSpan": partial(_span, "DoubleSliceSpan"),
    "TwirledSliceSpan": partial(_span, "TwirledSliceSpan"),
    "TwirledSliceSpanV2": partial(_span, "TwirledSliceSpanV2"),
    "ExecutionSpan": partial(_span, "SliceSpan"),
    "ExecutionSpans": _spans,
    "ExecutionSpanCollection": _spans,
}
"""The types that are built. A noise model stays a dictionary, because building it needs Aer."""
