"""The exceptions, under the module name of ``qiskit_ibm_provider``. Their classes are in ``errors``."""

from ibm_circuit_job.errors import AccountNotFoundError as IBMProviderCredentialsNotFound
from ibm_circuit_job.errors import (
    IBMAccountError,
    IBMApiError,
    IBMBackendApiError,
    IBMBackendApiProtocolError,
    IBMBackendError,
    IBMBackendJobLimitError,
    IBMBackendValueError,
    IBMError,
    IBMInputValueError,
    IBMNotAuthorizedError,
    IBMProviderError,
    IBMProviderValueError,
)
from ibm_circuit_job.errors import IBMNotAuthorizedError as IBMProviderCredentialsInvalidToken
from ibm_circuit_job.errors import InvalidAccountError as IBMProviderCredentialsInvalidFormat
from ibm_circuit_job.errors import InvalidAccountError as IBMProviderCredentialsInvalidUrl
from ibm_circuit_job.errors import InvalidAccountError as IBMProviderMultipleCredentialsFound

__all__ = [
    "IBMAccountError",
    "IBMApiError",
    "IBMBackendApiError",
    "IBMBackendApiProtocolError",
    "IBMBackendError",
    "IBMBackendJobLimitError",
    "IBMBackendValueError",
    "IBMError",
    "IBMInputValueError",
    "IBMNotAuthorizedError",
    "IBMProviderCredentialsInvalidFormat",
    "IBMProviderCredentialsInvalidToken",
    "IBMProviderCredentialsInvalidUrl",
    "IBMProviderCredentialsNotFound",
    "IBMProviderError",
    "IBMProviderMultipleCredentialsFound",
    "IBMProviderValueError",
]
