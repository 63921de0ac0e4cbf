"""The exceptions of jobs, under the module name of ``qiskit_ibm_provider``. Their classes are in ``errors``."""

from ibm_circuit_job.errors import (
    IBMJobApiError,
    IBMJobError,
    IBMJobFailureError,
    IBMJobInvalidStateError,
    IBMJobNotFoundError,
    IBMJobTimeoutError,
)

__all__ = [
    "IBMJobApiError",
    "IBMJobError",
    "IBMJobFailureError",
    "IBMJobInvalidStateError",
    "IBMJobNotFoundError",
    "IBMJobTimeoutError",
]
