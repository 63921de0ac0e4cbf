"""The handle on a job, and what it does: what it knows, what it keeps, how it waits and reads the result.

``circuit_job`` is the handle. The modules that it is made of are loaded with the first handle.
"""

from typing import TYPE_CHECKING, Final

from ibm_circuit_job.lazy_names import lazy_names

_MODULES: Final = frozenset(
    {"cell", "keeper", "progress", "result_reader", "result_waiter", "shared_future", "shown", "telling", "waiter"}
)

if TYPE_CHECKING:
    from ibm_circuit_job.job import cell as cell
    from ibm_circuit_job.job import keeper as keeper
    from ibm_circuit_job.job import progress as progress
    from ibm_circuit_job.job import result_reader as result_reader
    from ibm_circuit_job.job import result_waiter as result_waiter
    from ibm_circuit_job.job import shared_future as shared_future
    from ibm_circuit_job.job import shown as shown
    from ibm_circuit_job.job import telling as telling
    from ibm_circuit_job.job import waiter as waiter
else:
    __getattr__, __dir__ = lazy_names(__name__, modules=_MODULES)
