"""The writer of the service's typed JSON."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import cache
from typing import Any, Final

import msgspec

from ibm_circuit_job.wire.typed_json import circuit_files


def encode(value: object) -> bytes:
    """Return typed JSON for a value: circuits, arrays, numbers, times, sets, results and plain JSON.

    Raises:
        TypeError: If the value, or a part of it, has a type that the service's JSON cannot express.
        ValueError: If a circuit cannot be written in a QPY version that the service reads.

    Example:
        >>> encode({"shots": 10, "phase": 1j})
        b'{"shots":10,"phase":{"__type__":"complex","__value__":[0.0,1.0]}}'
        >>> encode({1})
        b'{"__type__":"set","__value__":[1]}'
    """
    return msgspec.json.encode(_marked(value), enc_hook=_encoded)


def _marked(value: Any) -> Any:
    """The value with typed times and sets, which msgspec would write as plain texts and lists."""
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
    """Whether all values are texts, numbers, booleans or ``None``. A quick test, because a body may have millions."""
    return _PLAIN.issuperset(map(type, values))


_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


def _encoded(value: Any) -> Any:
    if type(value).__name__ == "NoiseModel" and hasattr(value, "to_dict"):
        # Tested by name, because importing Aer takes long.
        return _typed("NoiseModel", value.to_dict(serializable=True))
    for kind, encode_one in _encoders():
        if isinstance(value, kind):
            return _marked(encode_one(value))
    raise TypeError(f"expected a value that the service's JSON has a form for, got a {type(value).__name__}")


class _MetadataEncoder(json.JSONEncoder):
    """Writes the metadata of a circuit as typed JSON, for a QPY file."""

    def default(self, value: Any) -> Any:
        marked = _marked(value)
        return _encoded(value) if marked is value else marked


@cache
def _encoders() -> tuple[tuple[type, Callable[[Any], Any]], ...]:
    """Pairs of a type and its encoder. The first type that matches is used."""
    # Imported here: they are costly, and a job without circuits and results never needs them.
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
                "DataBin",
                {
                    "field_names": list(data),
                    "field_types": [str(type(each)) for each in data.values()],
                    "shape": data.shape,
                    "fields": dict(data.items()),
                },
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


def qpy_file(circuits: Sequence[Any]) -> bytes:
    """Return circuits as one QPY file, their metadata in the service's JSON.

    Raises:
        TypeError: If the metadata of a circuit has a value that the service's JSON cannot express.
        ValueError: If a circuit cannot be written in a QPY version that the service reads.
    """
    return circuit_files.written(circuits, _MetadataEncoder)


def metadata_json(metadata: object) -> Any:
    """Return the metadata of a circuit as decoded typed JSON, in the form that :func:`qpy_file` writes.

    Raises:
        TypeError: If it has a value that the service's JSON cannot express.
        ValueError: If it contains itself.

    Example:
        >>> metadata_json({"a": 1j, None: 2})
        {'a': {'__type__': 'complex', '__value__': [0.0, 1.0]}, 'null': 2}
    """
    return json.loads(json.dumps(metadata, cls=_MetadataEncoder))


def _instruction_text(instruction: Any) -> str:
    """An instruction is sent as the only one of a circuit."""
    from qiskit.circuit import QuantumCircuit  # noqa: PLC0415 - costly

    circuit = QuantumCircuit(instruction.num_qubits, instruction.num_clbits)
    circuit.append(instruction, range(instruction.num_qubits), range(instruction.num_clbits))
    return _circuit_text(circuit)


def _parameter_text(parameter: Any) -> str:
    return base64.standard_b64encode(circuit_files.parameter_bytes(parameter)).decode("ascii")


def _array_text(array: Any) -> str:
    import numpy as np  # noqa: PLC0415 - costly

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return _packed(buffer.getvalue())


def _packed(data: bytes) -> str:
    return base64.standard_b64encode(zlib.compress(data)).decode("ascii")
