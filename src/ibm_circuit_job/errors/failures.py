"""What can go wrong: frozen Failure values, and each as a sentence.

Inside the library trouble is a value. A function that can fail returns a ``Result`` or an ``IOResult`` with one of
these. No token is ever part of a Failure.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias, assert_never

from attrs import field, frozen


def _not_at_length(text: str) -> str:
    """What a server sent goes into no message at any length."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


_LONGEST = 500


class Obstacle(Enum):
    """What is between this machine and a service that cannot be reached, as far as the error's type says."""

    NAME_SERVER = "no name server knows the host of"
    NOT_LISTENING = "no answer from"
    SILENT = "no answer in time from"
    CERTIFICATE = "a certificate that is not trusted at"
    TLS = "no TLS connection to"
    CERTIFICATE_FILE = "no certificate of an authority to trust for"
    PROXY = "no answer from the proxy on the way to"
    SOCKS = "no support for SOCKS proxies on the way to"
    PROXY_CREDENTIALS = "the proxy asks for a user name and a password on the way to"


@frozen
class Unreachable:
    """No answer came: a name that does not resolve, a refused, reset or silent connection."""

    doing: str
    """What was tried, as in ``"read job abc"``."""
    url: str
    """Where to, without any credentials."""
    message: str
    """The network's own words."""
    was_sent: bool = True
    """Whether the request may have arrived: False where there was no connection to send it on."""
    obstacle: Obstacle | None = None
    """What is in the way; ``None`` where the error's type does not say."""

    can_retry = True
    http_status = None


@frozen
class Refused:
    """The service answered with an HTTP error status."""

    doing: str
    """What was tried, as in ``"read job abc"``."""
    url: str
    """Where to, without any credentials."""
    http_status: int
    """The HTTP status, 300 to 599."""
    message: str = ""
    """The service's own words, or empty where it gave none."""
    code: str | None = None
    """The service's own error code, as text."""
    trace_id: str | None = None
    """The ID under which the service's operators find the request."""
    retry_after: float | None = None
    """Seconds that the service asked to wait before another try."""
    by_service: bool = True
    """Whether the body has the service's form of an error. Else a proxy, a gateway or a login page has answered."""

    @property
    def is_busy(self) -> bool:
        """Whether the status itself says that the same request may succeed later: 408, 425, 429, every 5xx but 501."""
        return self.http_status in {408, 425, 429} or (self.http_status >= 500 and self.http_status != 501)

    @property
    def can_retry(self) -> bool:
        """Whether the same request may succeed later.

        It may where :attr:`is_busy`, and where the service itself did not answer: a page says nothing of the job. A
        demand for credentials (401, 407) is final, whichever server makes it.
        """
        return self.is_busy or not (self.by_service or self.http_status in {401, 407})


@frozen
class Unreadable:
    """A reply arrived, but is not what the protocol says."""

    what: str
    """What was read, as in ``"job reply"``."""
    path: str = field(converter=_not_at_length)
    """Where in it the trouble lies, as in ``"state.status"``; empty for the whole of it."""
    message: str = field(converter=_not_at_length)
    """What was expected, and what was there."""
    is_page: bool = field(default=False, repr=False)
    """Whether it is a page of HTML, which a network's login page, or another server, has sent."""

    can_retry = True
    """An outage page, or a body that was cut off, is whole again a moment later."""
    http_status = None


@frozen
class NoResult:
    """The service answered that the job has no result, or none yet: 204, an empty body, or ``null``."""

    doing: str
    """What was tried, as in ``"read the result of job abc"``."""

    can_retry = True
    """A job that ended a moment ago may have its result a moment later."""
    http_status = None


@frozen
class TimeUp:
    """The caller's time was up before there was an answer."""

    doing: str
    """What was tried."""
    seconds: float
    """How many seconds the caller had allowed."""
    last: Failure | None = None
    """The last trouble on the way, if there was any."""

    can_retry = True
    http_status = None


@frozen
class GaveUpWaiting:
    """A wait was ended by trouble that lasted longer than the patience of its policy."""

    subject: str
    """What was waited for, as in ``"job abc"``."""
    last: Failure
    """The last trouble."""
    tries: int
    """How many tries in a row failed."""
    seconds: float
    """How many seconds the trouble lasted."""

    @property
    def can_retry(self) -> bool:
        """Whether the last trouble may pass."""
        return self.last.can_retry

    @property
    def http_status(self) -> int | None:
        """The HTTP status of the last trouble, if it has one."""
        return self.last.http_status


@frozen
class Unsupported:
    """The client cannot do this, or must not: no request was sent, or its result is larger than it may be."""

    doing: str
    """What was tried."""
    message: str
    """Why it cannot be done, and what would help."""

    can_retry = False
    http_status = None


@frozen
class SubmissionUnknown:
    """The answer to a submission was lost, and it could not be found out whether the job exists."""

    doing: str
    """What was tried, as in ``"submit a job to ibm_x"``."""
    last: Unreachable | Refused | Unreadable | Unsupported
    """The last trouble on the way."""
    candidates: tuple[str, ...] = ()
    """The IDs of jobs one of which may be it: the service does not say enough of them to tell."""

    can_retry = False
    http_status = None


@frozen
class OtherForm:
    """A result has arrived, and cannot be given in the form that was asked for."""

    message: str
    """What it holds, and which call returns it."""

    can_retry = False
    """The next body of the same job is of the same form."""
    http_status = None


@frozen
class StoreTrouble:
    """A store of jobs refused, or could not be reached."""

    doing: str
    """What was tried, as in ``"keep job abc"``."""
    message: str
    """What the store said."""
    is_damaged: bool = False
    """Whether what it holds is not what was put into it."""
    is_known: bool = False
    """Whether nothing was tried, because of trouble that was told just before."""

    can_retry = True
    http_status = None


Failure: TypeAlias = (
    Unreachable
    | Refused
    | Unreadable
    | NoResult
    | TimeUp
    | GaveUpWaiting
    | Unsupported
    | OtherForm
    | StoreTrouble
    | SubmissionUnknown
)
"""Everything that can go wrong with a call: a closed union, to be taken apart with ``match``.

Each has ``can_retry`` (whether trying again can help) and ``http_status`` (an int, or ``None``).
"""


def describe(failure: Failure) -> str:  # noqa: C901, PLR0911 - one for each kind of failure
    """Return the failure as one sentence for a person, the server's own words included.

    Example:
        >>> describe(Refused("read job abc", "http://localhost/jobs/abc", 404, "Job not found.", "1291"))
        'could not read job abc: the service at http://localhost/jobs/abc answered 404: Job not found. (code 1291)'
    """
    match failure:
        case Unreachable():
            culprit = (failure.obstacle or Obstacle.NOT_LISTENING).value
            return f"could not {failure.doing}: {culprit} {failure.url}: {failure.message}"
        case Refused():
            details = [
                f"{name} {value}"
                for name, value in (("code", failure.code), ("trace", failure.trace_id))
                if value is not None
            ]
            said = f": {failure.message}" if failure.message else ""
            known_as = f" ({', '.join(details)})" if details else ""
            speaker = "the service" if failure.by_service else "something in front of the service"
            return (
                f"could not {failure.doing}: {speaker} at {failure.url} answered {failure.http_status}{said}{known_as}"
            )
        case Unreadable():
            where = f"{failure.path}: " if failure.path else ""
            return f"could not read the {failure.what}: {where}{failure.message}"
        case NoResult():
            return f"could not {failure.doing}: the service has none; it answered with an empty body"
        case TimeUp():
            last = f"; the last trouble on the way: {describe(failure.last)}" if failure.last else ""
            return f"could not {failure.doing} within {failure.seconds:g} seconds{last}"
        case GaveUpWaiting():
            return (
                f"gave up waiting for {failure.subject} after {failure.tries} tries in {failure.seconds:.0f} seconds "
                f"without one good reply; the last one: {describe(failure.last)}"
            )
        case Unsupported():
            return f"could not {failure.doing}: {failure.message}"
        case OtherForm() | StoreTrouble():
            return failure.message
        case SubmissionUnknown(candidates=()):
            return (
                f"could not {failure.doing}, or the job exists and its ID is not known: {describe(failure.last)}. "
                "Look for it with IBMProvider.jobs() before you submit again"
            )
        case SubmissionUnknown():
            return (
                f"could not {failure.doing}, or the job is {' or '.join(failure.candidates)}: the service does not "
                f"say enough of these to tell; {describe(failure.last)}. "
                "Look at them with IBMProvider.retrieve_job() before you submit again"
            )
        case _:
            assert_never(failure)


def is_answer(failure: Failure, *statuses: int) -> bool:
    """Return whether the service itself answered with one of these HTTP statuses.

    Example:
        >>> is_answer(Refused("read job a", "http://x", 404), 404, 410)
        True
        >>> is_answer(Refused("read job a", "http://x", 404, by_service=False), 404, 410)
        False
    """
    return isinstance(failure, Refused) and failure.by_service and failure.http_status in statuses
