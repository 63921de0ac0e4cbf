"""What can go wrong: frozen Failure values, and each as a sentence.

Inside the library an error is a value. A function that can fail returns a ``Result`` or an ``IOResult`` with one of
these records. No Failure contains a token.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias, assert_never

from attrs import field, frozen


def _shortened(text: str) -> str:
    """A text from a server, cut to the length that a message may quote."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


_LONGEST = 500
"""Characters of a server's text that a message quotes."""


class Obstacle(Enum):
    """What prevents a connection to a service, as far as the type of the error says it."""

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
    """The URL of the request, without credentials."""
    message: str
    """The words of the network error."""
    was_sent: bool = True
    """Whether the request may have arrived; False if no connection was made."""
    obstacle: Obstacle | None = None
    """What prevented the connection; ``None`` if the type of the error does not say it."""

    can_retry = True
    http_status = None


@frozen
class Refused:
    """The service answered with an HTTP error status."""

    doing: str
    """What was tried, as in ``"read job abc"``."""
    url: str
    """The URL of the request, without credentials."""
    http_status: int
    """The HTTP status, 300 to 599."""
    message: str = ""
    """The service's own words; empty if it gave none."""
    code: str | None = None
    """The service's own error code, as text."""
    trace_id: str | None = None
    """The ID under which the service's operators find the request."""
    retry_after: float | None = None
    """How many seconds to wait before another try, as the service requested."""
    by_service: bool = True
    """Whether the body has the form of the service's errors; False if a proxy, a gateway or a login page answered."""

    @property
    def is_busy(self) -> bool:
        """Whether the HTTP status is temporary: 408, 425, 429, and every 5xx except 501."""
        return self.http_status in {408, 425, 429} or (self.http_status >= 500 and self.http_status != 501)

    @property
    def can_retry(self) -> bool:
        """Whether the same request may succeed later.

        It may if :attr:`is_busy`, or if another server answered in place of the service. A demand for credentials
        (401, 407) is final, whichever server makes it.
        """
        return self.is_busy or not (self.by_service or self.http_status in {401, 407})


@frozen
class Unreadable:
    """A reply arrived, but does not follow the protocol."""

    what: str
    """What was read, as in ``"job reply"``."""
    path: str = field(converter=_shortened)
    """The path to the wrong field, as in ``"state.status"``; empty if the reply as a whole is wrong."""
    message: str = field(converter=_shortened)
    """What was expected, and what arrived."""
    is_page: bool = field(default=False, repr=False)
    """Whether the reply is a page of HTML, as a network's login page or another server sends it."""

    can_retry = True
    """An outage page, or a body that was cut off, is often replaced by a good reply a moment later."""
    http_status = None


@frozen
class NoResult:
    """The service answered that the job has no result, or not yet: 204, an empty body, or ``null``."""

    doing: str
    """What was tried, as in ``"read the result of job abc"``."""

    can_retry = True
    """The result of a job that has just ended may arrive a moment later."""
    http_status = None


@frozen
class TimeUp:
    """The caller's timeout expired before there was an answer."""

    doing: str
    """What was tried."""
    seconds: float
    """The caller's timeout, in seconds."""
    last: Failure | None = None
    """The last failure before that; ``None`` if there was none."""

    can_retry = True
    http_status = None


@frozen
class GaveUpWaiting:
    """A wait ended because its requests failed for longer than the ``patience`` of its policy."""

    subject: str
    """What was waited for, as in ``"job abc"``."""
    last: Failure
    """The last failure."""
    tries: int
    """How many requests in a row failed."""
    seconds: float
    """Seconds from the first of these failures to the end of the wait."""

    @property
    def can_retry(self) -> bool:
        """Whether the request that failed last may succeed later."""
        return self.last.can_retry

    @property
    def http_status(self) -> int | None:
        """The HTTP status of the last failure; ``None`` if it has none."""
        return self.last.http_status


@frozen
class Unsupported:
    """The client cannot do this, or must not. No request was sent, or the result is larger than the limit."""

    doing: str
    """What was tried."""
    message: str
    """Why it cannot be done, and what would help."""

    can_retry = False
    http_status = None


@frozen
class SubmissionUnknown:
    """The answer to a submission was lost, and whether the job exists is not known."""

    doing: str
    """What was tried, as in ``"submit a job to ibm_x"``."""
    last: Unreachable | Refused | Unreadable | Unsupported
    """The last failure."""
    candidates: tuple[str, ...] = ()
    """The IDs of jobs that may be the submitted one. The service does not show their parameters."""

    can_retry = False
    http_status = None


@frozen
class OtherForm:
    """A result has arrived, but not in the requested form."""

    message: str
    """What the result contains, and which call returns it."""

    can_retry = False
    """Another request for the same result returns the same form."""
    http_status = None


@frozen
class StoreTrouble:
    """A store of jobs refused, or could not be reached."""

    doing: str
    """What was tried, as in ``"save job abc"``."""
    message: str
    """The words of the store's error."""
    is_damaged: bool = False
    """Whether a record or a payload was altered after it was saved."""
    is_known: bool = False
    """Whether the store was not tried again, because it failed a moment ago and that error was reported already."""

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
"""Everything that can go wrong with a call: a closed union, for use with ``match``.

Each has ``can_retry`` (whether the same request may succeed later) and ``http_status`` (an int, or ``None``).
"""


def describe(failure: Failure) -> str:  # noqa: C901, PLR0911 - one for each kind of failure
    """Return the failure as one sentence, with the server's own words.

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
            message = f": {failure.message}" if failure.message else ""
            codes = f" ({', '.join(details)})" if details else ""
            server = "the service" if failure.by_service else "something in front of the service"
            return (
                f"could not {failure.doing}: {server} at {failure.url} answered {failure.http_status}{message}{codes}"
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
    """Return whether the service itself, and no proxy, answered with one of these HTTP statuses.

    Example:
        >>> is_answer(Refused("read job a", "http://x", 404), 404, 410)
        True
        >>> is_answer(Refused("read job a", "http://x", 404, by_service=False), 404, 410)
        False
    """
    return isinstance(failure, Refused) and failure.by_service and failure.http_status in statuses
