"""Functions for names and times, under the module name of ``qiskit_ibm_provider``."""

from ibm_circuit_job.account.backend_service import to_python_identifier
from ibm_circuit_job.job.local_times import duration_difference, local_to_utc, seconds_to_duration, utc_to_local

__all__ = ["duration_difference", "local_to_utc", "seconds_to_duration", "to_python_identifier", "utc_to_local"]
