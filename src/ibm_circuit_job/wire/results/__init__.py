"""Results: from the body of a results reply to a qiskit ``Result``, a ``PrimitiveResult``, or a record of arrays.

``kinds`` says what a body holds. ``decoding`` reads it, with ``classic`` for a ``Result`` as it is, ``primitives``
for ``sampler`` and ``estimator``, ``executor`` and ``client_side`` for quantum programs, ``noise_learner`` for noise.
``late_sampler`` and ``late_executor`` read bits when they are looked at. ``experiments`` turns registers into counts.
``reasons`` finds in a log why a job failed.

No body makes any of them raise. What a server sent is bounded (``limits``), never unpickled, and never names what is
built. A module of this package is loaded when its first name is used.
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
