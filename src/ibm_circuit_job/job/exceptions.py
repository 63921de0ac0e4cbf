"""The exceptions under the name that ``qiskit_ibm_provider.job.exceptions`` had; they stand in ``errors``."""

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
