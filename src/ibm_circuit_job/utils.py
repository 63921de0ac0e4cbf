"""Functions under the name that ``qiskit_ibm_provider.utils`` had."""

from ibm_circuit_job.account.backend_service import to_python_identifier
from ibm_circuit_job.job.local_times import duration_difference, local_to_utc, seconds_to_duration, utc_to_local

__all__ = ["duration_difference", "local_to_utc", "seconds_to_duration", "to_python_identifier", "utc_to_local"]
