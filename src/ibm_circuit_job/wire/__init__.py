"""Between bytes and facts: pure readers and writers of every reply and body of both channels.

Each module is loaded at its first use.
"""

from typing import TYPE_CHECKING, Final

from ibm_circuit_job.lazy_names import lazy_names

_MODULES: Final = frozenset(
    {
        "documents",
        "error_replies",
        "given",
        "inputs",
        "instance_usage",
        "oldest_replies",
        "replies",
        "typed_json",
        "values",
    }
)

if TYPE_CHECKING:
    from ibm_circuit_job.wire import documents as documents
    from ibm_circuit_job.wire import error_replies as error_replies
    from ibm_circuit_job.wire import given as given
    from ibm_circuit_job.wire import inputs as inputs
    from ibm_circuit_job.wire import instance_usage as instance_usage
    from ibm_circuit_job.wire import oldest_replies as oldest_replies
    from ibm_circuit_job.wire import replies as replies
    from ibm_circuit_job.wire import typed_json as typed_json
    from ibm_circuit_job.wire import values as values
else:
    __getattr__, __dir__ = lazy_names(__name__, modules=_MODULES)
