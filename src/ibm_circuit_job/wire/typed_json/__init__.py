"""The service's typed JSON, in which ``{"__type__": T, "__value__": V}`` means an object.

:func:`encode` writes what a user submits. :func:`decode` reads what a server sent, which is not trusted:

- Only the types that ``reading`` lists are built. An object of any other type stays a dictionary.
- Arrays are never unpickled. Data may not decompress to more than ``reading.MOST_DECOMPRESSED`` bytes.
- ``settings``, which names a module and a class to build, stays a dictionary. So does ``ParameterExpression``, a text
  that qiskit would evaluate.

:func:`decode` fails as a whole. :func:`decode_parts` is for results: a damaged object becomes an :class:`Unbuilt`, and
the others are built.
"""

from ibm_circuit_job.wire.typed_json.circuit_files import MOST_BITS, qpy_version
from ibm_circuit_job.wire.typed_json.reading import (
    MOST_DECOMPRESSED,
    PartsReader,
    Unbuilt,
    decode,
    decode_circuits,
    decode_parts,
)
from ibm_circuit_job.wire.typed_json.writing import encode, metadata_json, qpy_file

__all__ = [
    "MOST_BITS",
    "MOST_DECOMPRESSED",
    "PartsReader",
    "Unbuilt",
    "decode",
    "decode_circuits",
    "decode_parts",
    "encode",
    "metadata_json",
    "qpy_file",
    "qpy_version",
]
