"""The service's own JSON: ``{"__type__": T, "__value__": V}`` stands for an object.

:func:`encode` writes what a user submits. :func:`decode` reads what a server sent, and does not trust it: only
the types in ``_DECODERS`` are built, arrays are never unpickled, what is compressed may not grow beyond
``MOST_DECOMPRESSED``, and an object of an unknown type stays the dictionary that it came as. In particular
``settings``, which names a module and a class to build, is never honoured; and ``ParameterExpression``, a text that
qiskit would work out whatever it comes to, is left as it is.

:func:`decode` is all or nothing. :func:`decode_parts` reads a result, of which one damaged part must not cost the
others: an object that cannot be built stays an :class:`Unbuilt`, the dictionary that it came as.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache, partial
from json import JSONDecoder
from typing import Any, Final

import msgspec
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import Unreadable
from ibm_circuit_job.wire import documents, execution_spans

MOST_DECOMPRESSED: Final = 512 * 1024 * 1024
"""How many bytes one document may decompress to, all its objects together."""

_PLAIN_ARRAYS: Final = "biufcSU"
"""The kinds of numpy dtype that are read: numbers, booleans and texts; no objects, no records."""


NEWEST_QPY: Final = 17
"""The newest version of QPY that the service reads; it reads 13 to 17.

Source: ``TypedQpyCircuitModelV13to17`` of ``ibm-quantum-schemas``, which the parameters of the sampler are made of.
"""


def encode(value: object) -> bytes:
    """Return the service's JSON for a value: circuits, arrays, numbers, times, sets, results and plain JSON.

    Raises:
        TypeError: If there is something in it that the service's JSON has no form for.
        ValueError: If a circuit cannot be written in a QPY version that the service reads.

    Example:
        >>> encode({"shots": 10, "phase": 1j})
        b'{"shots":10,"phase":{"__type__":"complex","__value__":[0.0,1.0]}}'
        >>> encode({1})
        b'{"__type__":"set","__value__":[1]}'
    """
    return msgspec.json.encode(_marked(value), enc_hook=_encoded)


def _marked(value: Any) -> Any:
    """Return *value* with its times and sets as typed values: msgspec would write them as texts and lists."""
    if isinstance(value, date):
        return _typed("datetime", value.isoformat())
    if isinstance(value, (set, frozenset)):
        return _typed("set", [_marked(item) for item in value])
    if isinstance(value, dict):
        return value if _is_plain(value.values()) else {name: _marked(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return value if _is_plain(value) else [_marked(item) for item in value]
    return value


def _is_plain(values: Iterable[object]) -> bool:
    """Return whether all of *values* are texts, numbers, booleans or ``None``: a body may hold millions of them."""
    return _PLAIN.issuperset(map(type, values))


_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


def _encoded(value: Any) -> Any:
    if type(value).__name__ == "NoiseModel" and hasattr(value, "to_dict"):
        # Aer's, which is not imported for the sake of a question.
        return _typed("NoiseModel", value.to_dict(serializable=True))
    for kind, encode_one in _encoders():
        if isinstance(value, kind):
            return _marked(encode_one(value))
    raise TypeError(f"expected a value that the service's JSON has a form for, got a {type(value).__name__}")


class _MetadataEncoder(json.JSONEncoder):
    """Writes a circuit's metadata, which is JSON within QPY, with typed values."""

    def default(self, value: Any) -> Any:
        marked = _marked(value)
        return _encoded(value) if marked is value else marked


@cache
def _encoders() -> tuple[tuple[type, Callable[[Any], Any]], ...]:
    """What is written for each type; of two that fit the first counts."""
    # Costly to import, and a job without circuits and results never needs them.
    import numpy as np  # noqa: PLC0415
    from qiskit.circuit import Instruction, Parameter, QuantumCircuit  # noqa: PLC0415
    from qiskit.primitives import containers as primitives  # noqa: PLC0415
    from qiskit.result import Result as QiskitResult  # noqa: PLC0415

    return (
        (QuantumCircuit, lambda circuit: _typed("QuantumCircuit", _circuit_text(circuit))),
        (complex, lambda number: _typed("complex", [number.real, number.imag])),
        (np.ndarray, lambda array: _typed("ndarray", _array_text(array))),
        (np.generic, lambda scalar: scalar.item()),
        (Parameter, lambda parameter: _typed("Parameter", _parameter_text(parameter))),
        (Instruction, lambda instruction: _typed("Instruction", _instruction_text(instruction))),
        (QiskitResult, lambda result: _typed("Result", result.to_dict())),
        (
            primitives.BitArray,
            lambda bits: _typed("BitArray", {"array": bits.array, "num_bits": bits.num_bits}),
        ),
        (
            primitives.DataBin,
            lambda data: _typed(
                "DataBin", {"field_names": list(data), "shape": data.shape, "fields": dict(data.items())}
            ),
        ),
        (primitives.SamplerPubResult, lambda result: _typed("SamplerPubResult", _pub_fields(result))),
        (primitives.PubResult, lambda result: _typed("PubResult", _pub_fields(result))),
        (
            primitives.PrimitiveResult,
            lambda result: _typed("PrimitiveResult", {"pub_results": list(result), "metadata": result.metadata}),
        ),
    )


def _pub_fields(result: Any) -> dict[str, object]:
    return {"data": result.data, "metadata": result.metadata}


def _typed(name: str, value: object) -> dict[str, object]:
    return {"__type__": name, "__value__": value}


def _circuit_text(circuit: Any) -> str:
    return _packed(qpy_file([circuit]))


def qpy_version() -> int:
    """Return the version of QPY in which circuits are written: the newest that qiskit writes and the service reads."""
    from qiskit import qpy  # noqa: PLC0415 - costly

    newest: int = qpy.QPY_VERSION
    return min(NEWEST_QPY, newest)


def qpy_file(circuits: Sequence[Any]) -> bytes:
    """Return circuits as one QPY file, their metadata in the service's JSON.

    Raises:
        TypeError: If the metadata of a circuit holds something that the service's JSON has no form for.
        ValueError: If a circuit cannot be written in a QPY version that the service reads.
    """
    from qiskit import qpy  # noqa: PLC0415 - costly
    from qiskit.exceptions import QiskitError  # noqa: PLC0415

    version, buffer = qpy_version(), io.BytesIO()
    try:
        qpy.dump(circuits, buffer, metadata_serializer=_MetadataEncoder, version=version)
    except QiskitError as error:
        names = ", ".join(repr(circuit.name) for circuit in circuits)
        raise ValueError(
            f"circuit {names} cannot be written in QPY version {version}, "
            f"and the service reads no newer one than {NEWEST_QPY}: {error}"
        ) from None
    return buffer.getvalue()


def metadata_json(metadata: object) -> Any:
    """Return the metadata of a circuit as plain JSON, with typed values: what :func:`qpy_file` writes of it.

    Raises:
        TypeError: If it holds something that the service's JSON has no form for.
        ValueError: If it holds itself.

    Example:
        >>> metadata_json({"a": 1j, None: 2})
        {'a': {'__type__': 'complex', '__value__': [0.0, 1.0]}, 'null': 2}
    """
    return json.loads(json.dumps(metadata, cls=_MetadataEncoder))


def _instruction_text(instruction: Any) -> str:
    """An instruction travels as the only one of a circuit."""
    from qiskit.circuit import QuantumCircuit  # noqa: PLC0415 - costly

    circuit = QuantumCircuit(instruction.num_qubits, instruction.num_clbits)
    circuit.append(instruction, range(instruction.num_qubits), range(instruction.num_clbits))
    return _circuit_text(circuit)


def _parameter_text(parameter: object) -> str:
    from qiskit.qpy.binary_io.value import _write_parameter  # noqa: PLC0415 - qiskit has no public writer of one

    buffer = io.BytesIO()
    _write_parameter(buffer, parameter)
    return base64.standard_b64encode(buffer.getvalue()).decode("ascii")


def _array_text(array: Any) -> str:
    import numpy as np  # noqa: PLC0415 - costly

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return _packed(buffer.getvalue())


def _packed(data: bytes) -> str:
    return base64.standard_b64encode(zlib.compress(data)).decode("ascii")


def decode(body: bytes, what: str) -> Result[Any, Unreadable]:
    """Return what the service's JSON stands for.

    Args:
        body: The document.
        what: What it should be, for the failure: ``"result"``.

    Example:
        >>> decode(b'{"phase": {"__type__": "complex", "__value__": [0, 1]}}', "result").unwrap()
        {'phase': 1j}
        >>> decode(b'{"__type__": "settings", "__module__": "os", "__value__": {}}', "result").unwrap()
        {'__type__': 'settings', '__module__': 'os', '__value__': {}}
    """
    read = documents.value(body, what)
    if not isinstance(read, Success) or b"__type__" not in body:
        return read
    try:
        return Success(_Decoding().built(read.unwrap()))
    except _Unbuildable as error:
        return Bad(Unreadable(what, error.path, str(error)))
    except RecursionError:
        return Bad(Unreadable(what, "", "expected a document of reasonable depth, got one nested too deep"))


def decode_parts(body: bytes, what: str) -> Result[Any, Unreadable]:
    """Return what the service's JSON stands for; an object that cannot be built is an :class:`Unbuilt`.

    Args:
        body: The document.
        what: What it should be, for the failure: ``"result"``.

    Example:
        >>> found = decode_parts(b'{"a": {"__type__": "complex", "__value__": [1]}, "b": 2}', "result").unwrap()
        >>> found
        {'a': {'__type__': 'complex', '__value__': [1]}, 'b': 2}
        >>> found["a"].problem
        'expected a complex, got one that cannot be built: not enough values to unpack (expected 2, got 1)'
    """
    read = documents.value(body, what)
    if not isinstance(read, Success) or b"__type__" not in body:
        return read
    try:
        return Success(_DecodingParts().built(read.unwrap()))
    except RecursionError:
        return Bad(Unreadable(what, "", "expected a document of reasonable depth, got one nested too deep"))


def decode_circuits(text: str, most: int) -> Result[list[Any], Unreadable]:
    """Return the circuits of a QPY file in base64, as it is or compressed.

    Source: ``ibm_quantum_schemas.common.qpy``: from version v2.0 of the ``executor``'s parameters on it is compressed.

    Args:
        text: The file in base64.
        most: How many circuits it may hold.
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
    """A typed object that could not be built: the dictionary that it came as."""

    def __init__(self, fields: Mapping[str, Any], problem: str) -> None:
        super().__init__(fields)
        self.problem = problem
        """What was expected, and what was there."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Unbuilt, (dict(self), self.problem)


class _Unbuildable(Exception):  # noqa: N818 - it never leaves this module
    path: str = ""


class _Decoding:
    """One document on its way to objects, with what it may still decompress to."""

    def __init__(self) -> None:
        self.budget = MOST_DECOMPRESSED
        self.depth = 0
        """How many circuits the metadata that is being read is nested in."""

    def built(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._at(f"[{index}]", item) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        inside = {name: self._at(f".{name}", item) for name, item in value.items()}
        return self.object_of(inside, value)

    def object_of(self, inside: dict[str, Any], came_as: dict[str, Any]) -> Any:  # noqa: ARG002 - see _DecodingParts
        """What a dictionary stands for, whose values were built before."""
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
        """The bytes behind base64 of zlib."""
        stream = zlib.decompressobj()
        data = stream.decompress(_unarmoured(text), self.budget + 1)
        if len(data) > self.budget:
            raise ValueError(f"it decompresses to more than {MOST_DECOMPRESSED} bytes")
        if not stream.eof:
            raise ValueError("its compressed data ends too early")
        self.budget -= len(data)
        return data

    def array(self, value: Any) -> Any:
        import numpy as np  # noqa: PLC0415 - costly, and few bodies hold an array

        if isinstance(value, list):
            if not _holds_only_numbers(value):
                raise ValueError("its items are no numbers")
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
        """The circuits of a QPY file.

        Args:
            data: The file.
            most: How many circuits it may hold.
        """
        from qiskit import qpy  # noqa: PLC0415 - costly, and few bodies hold a circuit

        _check_size(data, most)
        try:
            return [*qpy.load(io.BytesIO(data), metadata_deserializer=self._metadata_decoder())]
        except BaseException as error:
            # What qiskit's compiled reader trips over is no Exception, so as not to be caught by accident.
            if type(error).__name__ != "PanicException":
                raise
        raise ValueError("its QPY is damaged")

    def _metadata_decoder(self) -> type[JSONDecoder]:
        """What reads the metadata in a circuit file, which is the service's own JSON.

        An entry that cannot be built stays the dictionary that it came as: it is a note of the user's, and the circuit
        is whole without it.
        """
        # Shares the budget of the document, and counts the circuits in metadata of circuits in metadata.
        parts = _DecodingParts(self)

        class MetadataDecoder(JSONDecoder):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **{**kwargs, "object_hook": lambda fields: parts.object_of(fields, fields)})

        return MetadataDecoder

    def instruction(self, value: Any) -> Any:
        """The only instruction of a circuit, which is how one travels."""
        return self.circuit(value).data[0].operation

    def parameter(self, value: Any) -> Any:
        from qiskit.qpy.binary_io.value import _read_parameter  # noqa: PLC0415 - qiskit has no public reader of one

        return _read_parameter(io.BytesIO(_unarmoured(value)))

    def bit_array(self, value: Any) -> Any:
        import numpy as np  # noqa: PLC0415 - costly, and few bodies hold an array
        from qiskit.primitives.containers import BitArray  # noqa: PLC0415

        array = _sound(value["array"])
        if array.dtype.kind in "iu" and array.dtype != np.uint8 and np.all((array >= 0) & (array < 256)):
            # It came as a list, and a list does not say how wide its numbers are.
            array = array.astype(np.uint8)
        return BitArray(array, value["num_bits"])

    def data_bin(self, value: Any) -> Any:
        from qiskit.primitives.containers import DataBin  # noqa: PLC0415

        # In the order of the names, which is that of the registers; JSON objects are in any order.
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
    """A document, or the metadata of a circuit in one, of which one damaged object must not cost the others."""

    def __init__(self, outer: _Decoding | None = None) -> None:
        super().__init__()
        self._outer = outer
        self.depth = 0 if outer is None else outer.depth + 1

    def unpacked(self, text: Any) -> bytes:
        return super().unpacked(text) if self._outer is None else self._outer.unpacked(text)

    def circuit(self, value: Any) -> Any:
        if self.depth > _DEEPEST_METADATA:
            raise ValueError("it stands in the metadata of too many circuits within each other")
        return super().circuit(value)

    def object_of(self, inside: dict[str, Any], came_as: dict[str, Any]) -> Any:
        try:
            return super().object_of(inside, came_as)
        except _Unbuildable as error:
            return Unbuilt(came_as, str(error))

    def array(self, value: Any) -> Any:
        import numpy as np  # noqa: PLC0415 - costly, and few bodies hold an array

        if isinstance(value, str) and _NAME.fullmatch(value):
            # An array of one text that has no dimension, such as the name of an extrapolator.
            return value
        if isinstance(value, (int, float)) or (isinstance(value, list) and not _holds_only_numbers(value)):
            # The official client writes the items of an array of Python objects.
            return np.array(value, dtype=object if isinstance(value, list) else None)
        return super().array(value)


_DEEPEST_METADATA: Final = 3
_NAME: Final = re.compile(r"[a-z_]{1,20}(?:_[1-7])?")


def _sound(value: Any, name: str = "") -> Any:
    """A part that was built.

    Raises:
        ValueError: If it could not be.
    """
    if isinstance(value, Unbuilt):
        raise ValueError(f"{name}: {value.problem}" if name else value.problem)  # noqa: TRY004 - of a good type
    return value


MOST_BITS: Final = 1_000_000
"""How many qubits and classical bits a circuit and all circuits within it may declare: each is made, used or not."""

_OLDEST_QPY: Final = 2
_LAST_QPY_WITH_EXPRESSIONS_AS_TEXT: Final = 12

_QPY_FILE: Final = struct.Struct("!6sBBBBQ")
_QPY_CIRCUIT: Final = re.compile(
    # The type of the global phase, after which the search goes fast; its size, the numbers of qubits and of classical
    # bits, the sizes of the metadata and of the registers: those of the last two are such as can be.
    rb"[ficpnv](?<=(?P<type>.))(?=(?P<size>..)(?P<qubits>.{4})(?P<clbits>.{4})\x00{4}.{4}\x00\x00)",
    re.DOTALL,
)
_QPY_CIRCUIT_SIZE: Final = 37
_QPY_CIRCUIT_SIZE_BEFORE_12: Final = 33
_POWER_OF_NUMBERS: Final = re.compile(rb"Pow\((?:Integer|Float|Rational|Pow|-?\d)")


def _check_size(data: bytes, most_circuits: int = 1) -> None:
    """Look at what a QPY file declares before anything is made of it, by qiskit and in its compiled reader.

    A circuit may hold others, each with a header of its own, anywhere. So every place that could be such a header
    counts; that a place looks like one by chance is next to impossible. Of a circuit within another whose global phase
    is an expression that cannot be said, so those go unseen. The outermost counts in any case, and so mostly twice.

    Source: the description of the format in qiskit's documentation of ``qiskit.qpy``.
    """
    _, version, *_, programs = _QPY_FILE.unpack_from(data)
    if not 1 <= programs <= most_circuits:
        raise ValueError(f"it holds {programs} circuits")
    if version < _OLDEST_QPY:
        raise ValueError(f"its QPY version {version} is too old")
    header_size = _QPY_CIRCUIT_SIZE if version >= 12 else _QPY_CIRCUIT_SIZE_BEFORE_12
    declared = sum(
        int.from_bytes(header["qubits"]) + int.from_bytes(header["clbits"])
        for header in _QPY_CIRCUIT.finditer(data)
        if _has_its_phase(data, header, header_size)
    )
    offset = _QPY_FILE.size + (version >= 10) + (version >= 5)
    if version >= 16:
        offset = struct.unpack_from("!Q", data, offset)[0]
    declared += sum(struct.unpack_from("!II", data, offset + 5))
    if declared > MOST_BITS:
        raise ValueError(f"it declares {declared} qubits and classical bits, and {MOST_BITS} are allowed")
    if version <= _LAST_QPY_WITH_EXPRESSIONS_AS_TEXT and _POWER_OF_NUMBERS.search(data):
        # Qiskit would work it out, whatever it comes to.
        raise ValueError("it holds a power of numbers")


def _has_its_phase(data: bytes, header: re.Match[bytes], header_size: int) -> bool:
    """Whether what could be the header of a circuit has a global phase of the type and the size that it names."""
    name_size = int.from_bytes(data[max(header.start() - 2, 0) : header.start()])
    start = header.start() - 2 + header_size + name_size
    phase, size = data[start : start + 6], int.from_bytes(header["size"])
    match header["type"]:
        case b"f" | b"i":
            return size == 8
        case b"c":
            return size == 16
        case b"p":
            return size == 18 + int.from_bytes(phase[:2])
        case b"v":
            return size == 34 + int.from_bytes(phase[:2])
        case _:
            return phase == b"\x93NUMPY"


def _holds_only_numbers(value: Any) -> bool:
    """Whether a list is of numbers, or of such lists: of texts numpy would make each as long as the longest."""
    if isinstance(value, list):
        return all(map(_holds_only_numbers, value))
    return isinstance(value, (int, float, complex))


def _unarmoured(text: Any) -> bytes:
    """The bytes behind base64."""
    if not isinstance(text, str):
        raise TypeError(f"base64 expected, got {type(text).__name__}")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"base64 expected: {error}") from None


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
        raise TypeError("an object is needed")
    return QiskitResult.from_dict(dict(value))


def _span(kind: str, _: _Decoding, value: Any) -> Any:
    return execution_spans.span(kind, value)


def _spans(_: _Decoding, value: Any) -> Any:
    return execution_spans.spans([_sound(span) for span in value["spans"]])


def _as_it_is(_: _Decoding, value: Any) -> Any:
    return value


_DECODERS: Final[Mapping[str, Callable[[_Decoding, Any], Any]]] = {
    "complex": _complex,
    "datetime": _datetime,
    "set": _set,
    "ndarray": _Decoding.array,
    "QuantumCircuit": _Decoding.circuit,
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
"""The types that are built; a noise model stays a dictionary, since building it needs Aer."""
