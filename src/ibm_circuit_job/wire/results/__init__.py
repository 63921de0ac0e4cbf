"""Results: from the body of a results reply to a qiskit ``Result``, a ``PrimitiveResult``, or a record of arrays.

- ``kinds`` recognises the kind of a body, and ``decoding`` calls the module for it.
- ``classic`` decodes a ``Result``, ``primitives`` the results of ``sampler`` and ``estimator``, ``executor`` and
  ``client_side`` those of quantum programs, ``noise_learner`` those of noise learners.
- ``late_sampler`` and ``late_executor`` decode bits at the first access to them.
- ``experiments`` turns registers into counts. ``reasons`` finds in a log why a job failed.

No body makes a function raise. Bodies are limited in size (``limits``), never unpickled, and cannot name a class to
build. Each module is loaded at its first use.
"""

from typing import TYPE_CHECKING, Final

from ibm_circuit_job.lazy_names import lazy_names

__all__ = [
    "Binding",
    "BodyKind",
    "ResultContext",
    "decode",
    "decode_primitive",
    "error_in",
    "is_result",
    "kind_of",
    "lacks_names",
    "partial",
]

_MODULE_OF: Final = {
    "Binding": "context",
    "BodyKind": "kinds",
    "ResultContext": "context",
    "decode": "decoding",
    "decode_primitive": "decoding",
    "error_in": "reasons",
    "is_result": "kinds",
    "kind_of": "kinds",
    "lacks_names": "kinds",
    "partial": "decoding",
}

if TYPE_CHECKING:
    from ibm_circuit_job.wire.results.context import Binding, ResultContext
    from ibm_circuit_job.wire.results.decoding import decode, decode_primitive, partial
    from ibm_circuit_job.wire.results.kinds import BodyKind, is_result, kind_of, lacks_names
    from ibm_circuit_job.wire.results.reasons import error_in
else:
    __getattr__, __dir__ = lazy_names(__name__, module_of=_MODULE_OF)
