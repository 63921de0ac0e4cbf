"""The handle on a job: its record, saving it, waiting for the job, and reading the result.

``circuit_job`` has the class. The names of this package are those of ``qiskit_ibm_provider.job``.
"""

from typing import TYPE_CHECKING, Final

from ibm_circuit_job.lazy_names import lazy_names

_MODULE_OF: Final = {
    "IBMCircuitJob": "circuit_job",
    "IBMCompositeJob": "composite_job",
    "IBMJob": "ibm_job",
    "IBMJobApiError": "exceptions",
    "IBMJobError": "exceptions",
    "IBMJobFailureError": "exceptions",
    "IBMJobInvalidStateError": "exceptions",
    "IBMJobNotFoundError": "exceptions",
    "IBMJobTimeoutError": "exceptions",
    "QueueInfo": "measured_members",
    "job_monitor": "monitor",
}
"""The names that ``qiskit_ibm_provider.job`` had -> the module that has each."""

if TYPE_CHECKING:
    from ibm_circuit_job.job.circuit_job import IBMCircuitJob as IBMCircuitJob
    from ibm_circuit_job.job.composite_job import IBMCompositeJob as IBMCompositeJob
    from ibm_circuit_job.job.exceptions import IBMJobApiError as IBMJobApiError
    from ibm_circuit_job.job.exceptions import IBMJobError as IBMJobError
    from ibm_circuit_job.job.exceptions import IBMJobFailureError as IBMJobFailureError
    from ibm_circuit_job.job.exceptions import IBMJobInvalidStateError as IBMJobInvalidStateError
    from ibm_circuit_job.job.exceptions import IBMJobNotFoundError as IBMJobNotFoundError
    from ibm_circuit_job.job.exceptions import IBMJobTimeoutError as IBMJobTimeoutError
    from ibm_circuit_job.job.ibm_job import IBMJob as IBMJob
    from ibm_circuit_job.job.monitor import job_monitor as job_monitor
    from ibm_circuit_job.state.queue_info import QueueInfo as QueueInfo
else:
    __getattr__, __dir__ = lazy_names(__name__, module_of=_MODULE_OF)
