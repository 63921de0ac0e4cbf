"""What can go wrong: frozen Failure values, the exceptions, and the one mapping between the two.

The failures stand in ``failures``. The classic class turns one into an exception at its border, with
:func:`to_exception` and nowhere else.

The exceptions::

    qiskit.exceptions.QiskitError
     └── IBMError
          ├── IBMInputValueError           an argument is wrong
          ├── IBMApiError                  the service refused or could not be reached
          ├── IBMProviderError
          │    ├── IBMProviderValueError   (also IBMInputValueError) an argument about the account is wrong
          │    └── IBMAccountError         logging in, or the account, failed
          │         ├── IBMNotAuthorizedError     (also IBMApiError) the service does not accept the token
          │         └── AccountsError
          │              ├── InvalidAccountError  (also IBMProviderValueError) a part of an account is wrong
          │              ├── AccountNotFoundError       there is no such account
          │              └── AccountAlreadyExistsError  there is one of that name
          ├── IBMBackendError
          │    ├── IBMBackendValueError    (also IBMInputValueError) an argument is wrong; nothing was sent
          │    │    └── IBMUsageLimitError  the job would use more quantum time than it may
          │    ├── IBMBackendApiError      (also IBMApiError) the service refused or could not be reached
          │    │    ├── IBMBackendApiProtocolError  its answer cannot be read
          │    │    └── IBMBackendJobLimitError     it takes no more jobs of this account
          │    └── BackendPropertyError    the backend's properties do not say this
          ├── JobStoreError                the store of jobs refused or could not be reached
          │    ├── JobStoreDamagedError    what it holds is not what was put into it
          │    └── JobStoreUnavailableError  it cannot be reached, or is locked, just now
          └── IBMJobError                  (also qiskit's JobError)
               ├── IBMJobApiError          (also IBMApiError) the service refused or could not be reached
               │    └── IBMJobListingError  (also IBMBackendApiError) when a provider was asked for jobs
               │         └── IBMJobNotFoundError  no such job, as the service itself says
               ├── IBMJobFailureError      the job ran and failed
               ├── IBMJobInvalidStateError the job's state, or an argument, rules this out
               └── IBMJobTimeoutError      (also qiskit's JobTimeoutError) the time was up

Names and families are those of the archived ``qiskit-ibm-provider``: what an ``except`` clause caught there, it catches
here.
"""

from __future__ import annotations

from typing import Final

from qiskit.exceptions import QiskitError
from qiskit.providers.exceptions import JobError, JobTimeoutError

from ibm_circuit_job.errors.failures import Failure as Failure
from ibm_circuit_job.errors.failures import GaveUpWaiting as GaveUpWaiting
from ibm_circuit_job.errors.failures import NoResult as NoResult
from ibm_circuit_job.errors.failures import Obstacle as Obstacle
from ibm_circuit_job.errors.failures import OtherForm as OtherForm
from ibm_circuit_job.errors.failures import Refused as Refused
from ibm_circuit_job.errors.failures import StoreTrouble as StoreTrouble
from ibm_circuit_job.errors.failures import SubmissionUnknown as SubmissionUnknown
from ibm_circuit_job.errors.failures import TimeUp as TimeUp
from ibm_circuit_job.errors.failures import Unreachable as Unreachable
from ibm_circuit_job.errors.failures import Unreadable as Unreadable
from ibm_circuit_job.errors.failures import Unsupported as Unsupported
from ibm_circuit_job.errors.failures import describe as describe
from ibm_circuit_job.errors.failures import is_answer as is_answer


class IBMError(QiskitError):
    """The base of every exception that this library raises on purpose."""

    def __str__(self) -> str:
        """Return the message as it is; qiskit would put it in quotes."""
        return str(self.message)


class IBMInputValueError(IBMError):
    """An argument is wrong; the message says what would be right."""


class IBMApiError(IBMError):
    """The service refused a request, or could not be reached."""


class IBMProviderError(IBMError):
    """The base of the errors of a provider and its account."""


class IBMProviderValueError(IBMProviderError, IBMInputValueError):
    """An argument about the account is wrong."""


class IBMAccountError(IBMProviderError):
    """Logging in failed, or the account has no access to what was asked for."""

    is_passing: bool = False
    """Whether the service could not be reached, or was in trouble: the account was not refused."""


class IBMNotAuthorizedError(IBMAccountError, IBMApiError):
    """The service does not accept the token."""


class AccountsError(IBMAccountError):
    """The base of the errors of finding and saving accounts."""


class InvalidAccountError(AccountsError, IBMProviderValueError):
    """A part of an account cannot be right, such as its instance."""


class AccountNotFoundError(AccountsError):
    """There is no such account."""


class AccountAlreadyExistsError(AccountsError):
    """There is an account of that name, and it was not to be replaced."""


class IBMBackendError(IBMError):
    """The base of the errors of a backend."""


class IBMBackendValueError(IBMBackendError, IBMInputValueError, ValueError):
    """An argument of ``run``, or of a search, is wrong. Nothing was sent to the service."""


class IBMUsageLimitError(IBMBackendValueError):
    """A job is expected to use more quantum time than ``max_quantum_seconds`` allows. Nothing was sent to the service.

    Args:
        message: What was estimated, and what is allowed.
        estimated_seconds: The quantum time that was estimated, in seconds.
        max_quantum_seconds: The quantum time that is allowed, in seconds.
    """

    def __init__(self, message: str, estimated_seconds: float = 0.0, max_quantum_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.estimated_seconds = estimated_seconds
        self.max_quantum_seconds = max_quantum_seconds


class IBMBackendApiError(IBMBackendError, IBMApiError):
    """The service refused a request about a backend, or could not be reached."""


class IBMBackendApiProtocolError(IBMBackendApiError):
    """What the service answered about a backend cannot be read."""


class IBMBackendJobLimitError(IBMBackendApiError):
    """The service takes no more jobs of this account until others have ended."""


class BackendPropertyError(IBMBackendError):
    """The backend's properties do not hold what was asked for, or give it in an unknown unit."""


class JobStoreError(IBMError):
    """A store of jobs cannot be opened, read or written to; the message says why.

    Nothing was changed in it, unless its deadline or Ctrl-C came while it confirmed a write: then the whole is written
    or nothing is, and to write it again does no harm.
    """


class JobStoreDamagedError(JobStoreError):
    """What a store holds is not what was put into it; the message says what is damaged."""


class JobStoreUnavailableError(JobStoreError):
    """A store cannot be reached, or is locked by others, just now; the message says why. A later try may succeed."""

    is_repeated = False
    """Whether nothing was tried, because of trouble that was raised just before."""


class IBMJobError(IBMError, JobError):
    """The base of the errors of a job."""


class IBMJobApiError(IBMJobError, IBMApiError):
    """The service refused a request about a job, or could not be reached."""


class IBMJobListingError(IBMJobApiError, IBMBackendApiError):
    """The service refused to find a job or to list jobs, or could not be reached."""


class IBMJobFailureError(IBMJobError):
    """The job failed on the service; the message holds the service's reason."""


class IBMJobInvalidStateError(IBMJobError):
    """The state of the job, or an argument, does not allow what was asked for."""


class IBMJobNotFoundError(IBMJobListingError):
    """The service knows no job of that ID."""


class IBMJobTimeoutError(IBMJobError, JobTimeoutError):
    """The job did not end within the time that was given."""


def to_exception(failure: Failure, kind: type[IBMError] = IBMJobApiError) -> IBMError:
    """Return the documented exception for a failure.

    Args:
        failure: What went wrong.
        kind: The exception for a service that refused or was out of reach; ``IBMJobApiError`` for calls
            about a job, ``IBMBackendApiError`` about a backend, ``IBMAccountError`` about logging in.

    Returns:
        An ``IBMJobTimeoutError`` for a :class:`TimeUp`, an ``IBMJobInvalidStateError`` for an :class:`OtherForm`, an
        ``IBMJobNotFoundError`` where a call about a job was answered 404 by the service itself, else a ``kind``, or one
        that is more exact: ``IBMBackendApiProtocolError``, ``IBMBackendJobLimitError``. For a
        :class:`GaveUpWaiting` it is the exception of the last trouble, with the message of the whole wait.

    Example:
        >>> from ibm_circuit_job.errors import TimeUp
        >>> to_exception(TimeUp("wait for job abc", 2.5))
        IBMJobTimeoutError('could not wait for job abc within 2.5 seconds')
    """
    if kind is IBMAccountError:
        return account_error(failure)
    kind = type(to_exception(failure.last, kind)) if isinstance(failure, GaveUpWaiting) else _exact_kind(failure, kind)
    return kind(describe(failure))


def _exact_kind(failure: Failure, kind: type[IBMError]) -> type[IBMError]:
    if isinstance(failure, TimeUp):
        return IBMJobTimeoutError
    if isinstance(failure, OtherForm):
        return IBMJobInvalidStateError
    if is_answer(failure, 404) and kind in {IBMJobApiError, IBMJobListingError}:
        return IBMJobNotFoundError
    if kind is IBMBackendApiError:
        if isinstance(failure, Unreadable):
            return IBMBackendApiProtocolError
        if isinstance(failure, Refused) and failure.code == _TOO_MANY_JOBS:
            return IBMBackendJobLimitError
    return kind


_TOO_MANY_JOBS: Final = "3458"
"""The service's code for: the account has as many jobs as it may have at once."""


def account_error(failure: Failure, hint: str = "") -> IBMAccountError:
    """Return the exception for a login that failed, and what may help.

    Whether it may pass: a service that is busy or silent may answer later, and so may a name server or a proxy. What a
    server refused, a certificate that is not trusted and a proxy that asks for a password stay as they are. A page that
    is not the service's says that the URL is wrong, more often than that the service is in trouble.

    Example:
        >>> from ibm_circuit_job.errors import Obstacle, Unreachable
        >>> account_error(Unreachable("log in", "https://x", "timed out"), "; check the url").is_passing
        True
        >>> account_error(Unreachable("log in", "https://x", "self-signed", obstacle=Obstacle.CERTIFICATE)).is_passing
        False
    """
    # IAM answers 400 to a key that it does not accept.
    is_of_iam = isinstance(failure, Refused) and (failure.code or "").startswith("BXNIM")
    is_refused = is_answer(failure, 401, 403) or (is_of_iam and is_answer(failure, 400))
    error = (IBMNotAuthorizedError if is_refused else IBMAccountError)(f"{describe(failure)}{hint}")
    match failure:
        case Refused():
            error.is_passing = failure.is_busy
        case Unreachable():
            error.is_passing = failure.obstacle not in _LASTING
        case Unreadable():
            error.is_passing = False
        case _:
            error.is_passing = failure.can_retry
    return error


_LASTING = frozenset(
    {Obstacle.CERTIFICATE, Obstacle.TLS, Obstacle.CERTIFICATE_FILE, Obstacle.PROXY_CREDENTIALS, Obstacle.SOCKS}
)
