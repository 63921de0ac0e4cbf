"""The service's own JSON: ``{"__type__": T, "__value__": V}`` stands for an object.

:func:`encode` writes what a user submits. :func:`decode` reads what a server sent, and does not trust it: only
the types of ``reading`` are built, arrays are never unpickled, what is compressed may not grow beyond
``reading.MOST_DECOMPRESSED``, and an object of an unknown type stays the dictionary that it came as. In particular
``settings``, which names a module and a class to build, is never honoured; and ``ParameterExpression``, a text that
qiskit would work out whatever it comes to, is left as it is.

:func:`decode` is all or nothing. :func:`decode_parts` reads a result, of which one damaged part must not cost the
others: an object that cannot be built stays an :class:`Unbuilt`, the dictionary that it came as.
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
