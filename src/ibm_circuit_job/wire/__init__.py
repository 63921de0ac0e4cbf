"""Bytes <-> facts and results: every reply and body, of both channels. Pure.

``given``, ``replies`` and ``typed_json`` read and write; each is loaded when it is first used.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final

_MODULES: Final = frozenset(
    {"documents", "error_replies", "given", "inputs", "instance_usage", "replies", "typed_json"}
)

if TYPE_CHECKING:
    from ibm_circuit_job.wire import documents as documents
    from ibm_circuit_job.wire import error_replies as error_replies
    from ibm_circuit_job.wire import given as given
    from ibm_circuit_job.wire import inputs as inputs
    from ibm_circuit_job.wire import instance_usage as instance_usage
    from ibm_circuit_job.wire import replies as replies
    from ibm_circuit_job.wire import typed_json as typed_json
else:

    def __getattr__(name: str) -> ModuleType:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return import_module(f"{__name__}.{name}")
