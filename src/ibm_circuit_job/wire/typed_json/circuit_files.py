"""Circuits as QPY files, and parameters in QPY's form.

The first header of a file is checked before qiskit reads the file.
"""

from __future__ import annotations

import io
import json
import re
import struct
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

NEWEST_QPY: Final = 17
"""The newest version of QPY that the service reads; it reads 13 to 17.

Source: ``TypedQpyCircuitModelV13to17`` of ``ibm-quantum-schemas``, a part of the sampler's parameters.
"""

MOST_BITS: Final = 1_000_000
"""The most qubits and classical bits that a circuit may declare. qiskit makes an object for each of them."""


def qpy_version() -> int:
    """Return the newest version of QPY that both qiskit writes and the service reads."""
    from qiskit import qpy  # noqa: PLC0415 - costly

    newest: int = qpy.QPY_VERSION
    return min(NEWEST_QPY, newest)


def written(circuits: Sequence[Any], metadata_encoder: type[json.JSONEncoder]) -> bytes:
    """Return circuits as one QPY file.

    Args:
        circuits: The circuits.
        metadata_encoder: The JSON encoder for their metadata.

    Raises:
        TypeError: If the encoder cannot write the metadata of a circuit.
        ValueError: If a circuit cannot be written in a QPY version that the service reads.
    """
    from qiskit import qpy  # noqa: PLC0415 - costly
    from qiskit.exceptions import QiskitError  # noqa: PLC0415

    version, buffer = qpy_version(), io.BytesIO()
    try:
        qpy.dump(circuits, buffer, metadata_serializer=metadata_encoder, version=version)
    except QiskitError as error:
        names = ", ".join(repr(circuit.name) for circuit in circuits)
        raise ValueError(
            f"circuit {names} cannot be written in QPY version {version}, "
            f"and the service reads no newer one than {NEWEST_QPY}: {error}"
        ) from None
    return buffer.getvalue()


def read(data: bytes, most: int, metadata_decoder: type[json.JSONDecoder]) -> list[Any]:
    """Return the circuits of a QPY file.

    Args:
        data: The file.
        most: The most circuits that the file may contain.
        metadata_decoder: The JSON decoder for their metadata.

    Raises:
        ValueError: If the file has no circuits or too many, is too old, declares too many bits, or is damaged.
        Exception: Any other type, from qiskit, if the file is damaged.
    """
    from qiskit import qpy  # noqa: PLC0415 - costly, and few bodies contain a circuit

    _check_header(data, most)
    try:
        return [*qpy.load(io.BytesIO(data), metadata_deserializer=metadata_decoder)]
    except BaseException as error:
        # qiskit's compiled reader raises PanicException, which is not a subclass of Exception.
        if type(error).__name__ != "PanicException":
            raise
    raise ValueError("its QPY is damaged")


_OLDEST_QPY: Final = 2
_LAST_QPY_WITH_EXPRESSIONS_AS_TEXT: Final = 12
_FILE: Final = struct.Struct("!6sBBBBQ")
_BITS: Final = struct.Struct("!II")
_POWER_OF_NUMBERS: Final = re.compile(rb"Pow\((?:Integer|Float|Rational|Pow|-?\d)")


def _check_header(data: bytes, most_circuits: int) -> None:
    """Check the header of a QPY file and of its first circuit.

    Source: the description of the format in qiskit's documentation of ``qiskit.qpy``.

    Raises:
        ValueError: If the file exceeds a limit.
    """
    _, version, *_, programs = _FILE.unpack_from(data)
    if not 1 <= programs <= most_circuits:
        raise ValueError(f"it has {programs} circuits; expected at least 1 and at most {most_circuits}")
    if version < _OLDEST_QPY:
        raise ValueError(f"its QPY version {version} is too old")
    offset = _FILE.size + (version >= 10) + (version >= 5)
    if version >= 16:
        # Since version 16, a table has the offset of each circuit.
        offset = struct.unpack_from("!Q", data, offset)[0]
    # The numbers of bits follow the size of the name, and the type and the size of the global phase.
    declared = sum(_BITS.unpack_from(data, offset + 5))
    if declared > MOST_BITS:
        raise ValueError(f"it declares {declared} qubits and classical bits, and {MOST_BITS} are allowed")
    if version <= _LAST_QPY_WITH_EXPRESSIONS_AS_TEXT and _POWER_OF_NUMBERS.search(data):
        # qiskit would evaluate it, and 10 to the power of 10**8 takes longer than a minute.
        raise ValueError("it has an expression with a power of numbers, which is not evaluated")


# Parameters


_PARAMETER: Final = struct.Struct("!H16s")
"""The size of the name, and the UUID; the name follows.

Source: ``PARAMETER`` in the description of the format in qiskit's documentation of ``qiskit.qpy``.
"""


def parameter_bytes(parameter: Any) -> bytes:
    """Return a parameter in QPY's form."""
    name: bytes = parameter.name.encode()
    return _PARAMETER.pack(len(name), parameter.uuid.bytes) + name


def parameter_of(data: bytes) -> Any:
    """Return the parameter that :func:`parameter_bytes` wrote.

    Raises:
        ValueError: If the bytes are not a parameter.
    """
    from qiskit.circuit import Parameter  # noqa: PLC0415 - costly

    try:
        size, identity = _PARAMETER.unpack_from(data)
    except struct.error as error:
        raise ValueError(str(error)) from None
    name = data[_PARAMETER.size : _PARAMETER.size + size]
    if len(name) < size:
        raise ValueError("its name ends too early")
    return Parameter(name.decode(), uuid=UUID(bytes=identity))
