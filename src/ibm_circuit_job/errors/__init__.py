"""What can go wrong: frozen Failure values, the exceptions, and the one mapping between the two.

The Failure values are defined in ``failures``. Only :func:`to_exception` turns one into an exception.

The exceptions::

    qiskit.exceptions.QiskitError
     └── IBMError
          ├── IBMInputValueError           an argument is wrong
          ├── IBMApiError                  the service refused a request or could not be reached
          ├── IBMProviderError
          │    ├── IBMProviderValueError   (also IBMInputValueError) an argument about the account is wrong
          │    └── IBMAccountError         the login failed, or the account has no access
          │         ├── IBMNotAuthorizedError     (also IBMApiError) the service does not accept the token
          │         └── AccountsError
          │              ├── InvalidAccountError  (also IBMProviderValueError) a part of an account is wrong
          │              ├── AccountNotFoundError       no account has that name
          │              └── AccountAlreadyExistsError  an account has that name already
          ├── IBMBackendError
          │    ├── IBMBackendValueError    (also IBMInputValueError) an argument is wrong; nothing was sent
          │    │    └── IBMUsageLimitError  the job would use more quantum time than it may
          │    ├── IBMBackendApiError      (also IBMApiError) the service refused a request or could not be reached
          │    │    ├── IBMBackendApiProtocolError  the reply cannot be read
          │    │    └── IBMBackendJobLimitError     the account has too many unfinished jobs
          │    └── BackendPropertyError    the backend's properties lack this value
          ├── JobStoreError                the store of jobs refused or could not be reached
          │    ├── JobStoreDamagedError    a record or a payload was altered in the store
          │    └── JobStoreUnavailableError  the store cannot be reached, or is locked; a retry may succeed
          └── IBMJobError                  (also qiskit's JobError)
               ├── IBMJobApiError          (also IBMApiError) the service refused a request or could not be reached
               │    └── IBMJobListingError  (also IBMBackendApiError) the same, for a search of jobs
               │         └── IBMJobNotFoundError  the service has no job with this ID
               ├── IBMJobFailureError      the job ran and failed
               ├── IBMJobInvalidStateError the job's state, or an argument, does not allow the call
               └── IBMJobTimeoutError      (also qiskit's JobTimeoutError) the call took longer than its timeout

The names and base classes are those of the archived ``qiskit-ibm-provider``. An ``except`` clause that was written for
it catches the same errors here.
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
        """Return the message without the quotes that qiskit puts around it."""
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
    """The login failed, or the account has no access."""

    is_passing: bool = False
    """Whether the same login may succeed later: the service was busy or out of reach, and refused nothing."""


class IBMNotAuthorizedError(IBMAccountError, IBMApiError):
    """The service does not accept the token."""


class AccountsError(IBMAccountError):
    """The base of the errors of finding and saving accounts."""


class InvalidAccountError(AccountsError, IBMProviderValueError):
    """A part of an account is wrong, such as its instance."""


class AccountNotFoundError(AccountsError):
    """No saved account has this name."""


class AccountAlreadyExistsError(AccountsError):
    """An account of this name is saved already. ``overwrite=True`` replaces it."""


class IBMBackendError(IBMError):
    """The base of the errors of a backend."""


class IBMBackendValueError(IBMBackendError, IBMInputValueError, ValueError):
    """An argument of ``run``, or of a search, is wrong. Nothing was sent to the service."""


class IBMUsageLimitError(IBMBackendValueError):
    """A job is expected to use more quantum time than ``max_quantum_seconds`` allows. Nothing was sent to the service.

    Args:
        message: The estimate and the limit, in words.
        estimated_seconds: The estimated quantum time, in seconds.
        max_quantum_seconds: The allowed quantum time, in seconds.
    """

    def __init__(self, message: str, estimated_seconds: float = 0.0, max_quantum_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.estimated_seconds = estimated_seconds
        self.max_quantum_seconds = max_quantum_seconds


class IBMBackendApiError(IBMBackendError, IBMApiError):
    """The service refused a request about a backend, or could not be reached."""


class IBMBackendApiProtocolError(IBMBackendApiError):
    """The service's reply about a backend cannot be read."""


class IBMBackendJobLimitError(IBMBackendApiError):
    """The account has as many unfinished jobs as it may have. Submit again when one of them has ended.

    Source: error code 3458 of ``POST /jobs``.
    """


class BackendPropertyError(IBMBackendError):
    """The backend's properties lack the requested value, or give it in an unknown unit."""


class JobStoreError(IBMError):
    """A store of jobs cannot be opened, read or written; the message says why.

    The store is unchanged, with one exception: a deadline or Ctrl-C may interrupt the confirmation of a write. Then the
    write is in the store as a whole or not at all. Repeating it is safe.
    """


class JobStoreDamagedError(JobStoreError):
    """A record or a payload was altered after it was saved; the message says which one."""


class JobStoreUnavailableError(JobStoreError):
    """A store cannot be reached, or another process has locked it. The message says why. A later try may succeed."""

    is_repeated = False
    """Whether the store was not tried again, because it failed a moment ago and that error was raised already."""


class IBMJobError(IBMError, JobError):
    """The base of the errors of a job."""


class IBMJobApiError(IBMJobError, IBMApiError):
    """The service refused a request about a job, or could not be reached."""


class IBMJobListingError(IBMJobApiError, IBMBackendApiError):
    """The service refused to find or to list jobs, or could not be reached."""


class IBMJobFailureError(IBMJobError):
    """The job failed on the service; the message contains the service's reason."""


class IBMJobInvalidStateError(IBMJobError):
    """The state of the job, or an argument, does not allow the call."""


class IBMJobNotFoundError(IBMJobListingError):
    """The service has no job with this ID, or the account has no access to it."""


class IBMJobTimeoutError(IBMJobError, JobTimeoutError):
    """The call took longer than its ``timeout``. The job goes on."""


def to_exception(failure: Failure, kind: type[IBMError] = IBMJobApiError) -> IBMError:
    """Return the documented exception for a failure.

    Args:
        failure: What went wrong.
        kind: The exception for a service that refused or could not be reached: ``IBMJobApiError`` for a call about a
            job, ``IBMBackendApiError`` about a backend, ``IBMAccountError`` about a login.

    Returns:
        An exception of the type *kind*, with these exceptions to the rule:

        - ``IBMJobTimeoutError`` for a :class:`TimeUp`.
        - ``IBMJobInvalidStateError`` for an :class:`OtherForm`.
        - ``IBMJobNotFoundError`` if the service itself answered 404 to a call about a job.
        - ``IBMBackendApiProtocolError`` if a reply about a backend cannot be read.
        - ``IBMBackendJobLimitError`` if the account has too many unfinished jobs.
        - For a :class:`GaveUpWaiting` the type is that of its last failure; the message describes the whole wait.

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
"""The service's error code for an account that has as many unfinished jobs as it may have."""


def account_error(failure: Failure, hint: str = "") -> IBMAccountError:
    """Return the exception for a login that failed.

    Its ``is_passing`` says whether the same login may succeed later. It may where the service, a name server or a proxy
    was busy or silent. It will not where a server refused, a certificate is not trusted, or a proxy demands a password.
    It will not where another server's page arrived either: then the URL is most often wrong.

    Args:
        failure: What went wrong.
        hint: What the user can do about it; it ends the message.

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
"""The obstacles that remain until a setting on this machine is changed."""
