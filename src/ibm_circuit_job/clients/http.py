"""HttpSession: sends HTTP requests to the service, repeats them where that is safe, and raises ``RequestFailed``.

This module does not know what a job is. Redirects are not followed, since they would send the token to another host.
Cookies are not stored. Every request is a :class:`~ibm_circuit_job.clients.bounded.Call`.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final, Literal

import requests
import urllib3
from attrs import evolve, field, frozen
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from ibm_circuit_job.clients import bodies
from ibm_circuit_job.clients.bounded import CONNECT_SECONDS, DOCUMENT_SECONDS, Bound, BoundedAdapter, Call
from ibm_circuit_job.clients.client_application import client_headers
from ibm_circuit_job.clients.network_errors import BROKEN, repeatable_trouble, unreachable, unusable
from ibm_circuit_job.clients.network_settings import NetworkSettings, settings_for
from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.clients.quiet_logs import MaskedInLogs
from ibm_circuit_job.errors import Failure, IBMError, Refused, Unsupported, describe
from ibm_circuit_job.threads.locks import PerProcess
from ibm_circuit_job.wire.error_replies import read_error
from ibm_circuit_job.wire.hidden_values import HiddenText
from ibm_circuit_job.wire.masking import Secrets

ONCE_SECONDS: Final = 120.0
"""The longest time until a reply begins, for a request that is never repeated: a submission."""

_RETRIED_STATUSES: Final = frozenset({500, 502, 503, 504, 520, 521, 522, 524})
"""Statuses after which even a POST may be sent again: the service has not accepted the request."""
_REPEATABLE_METHODS: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""Methods that may be sent again even if the service has received the request."""
_ERROR_BYTES: Final = 100_000
"""The most bytes that are read of the body of an error."""


class RequestFailed(IBMError):  # noqa: N818 - named for what it says
    """A request failed; the attribute ``failure`` has the reason. ``IBMCircuitJob`` raises another exception for it.

    Like the official clients' exceptions, it has ``status_code`` and ``message``.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(describe(failure))
        self.failure = failure
        self.status_code = failure.http_status or -1

    def __reduce__(self) -> tuple[type[RequestFailed], tuple[Failure]]:
        return type(self), (self.failure,)


@frozen
class Reply:
    """A complete reply of a server, decompressed."""

    status_code: int
    """The HTTP status."""
    reason: str
    """The words after the status, as in ``"Not Found"``."""
    headers: Mapping[str, str] = field(repr=False)
    """The headers. Their names are found in upper and lower case."""
    content: bytes = field(repr=False)
    """The body; only the beginning of it for an error."""

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status_code < 300

    @property
    def text(self) -> str:
        """The body as a text."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body, decoded from JSON.

        Raises:
            ValueError: If the body is empty or not JSON.
        """
        return json.loads(self.content)

    def raise_for_status(self) -> None:
        """Raise ``requests.HTTPError`` if the status is not a 2xx. The clients return only replies with a 2xx."""
        if not self.ok:
            raise requests.HTTPError(f"HTTP {self.status_code} {self.reason}")


@frozen
class Patience:
    """How often a request is sent again, for each kind of failure."""

    connect: int
    """How often after a connection could not be made. The request was then not sent."""
    read: int
    """How often after a connection broke or fell silent before the reply; not for POST and PATCH."""
    status: int
    """How often after a reply with a status of a busy service."""
    total: int = 5
    """How often in all."""


RETRY: Final = Patience(connect=3, read=2, status=5)
"""The default: a request is sent again after each kind of failure."""
ONCE: Final = Patience(connect=0, read=0, status=0)
"""A request is sent once."""
_UNREPEATED: Final = Patience(connect=3, read=0, status=0)
"""For a request that must not be executed twice: it is sent again only if no connection could be made."""
_BACKOFF_SECONDS: Final = 0.2


class HttpSession:
    """Connections to one service, shared by any number of threads of one process.

    By default a request is sent again after some failures, see :data:`RETRY`. A request with ``seconds`` is sent once
    and ends within that time, for callers that repeat it by their own rules.

    Args:
        parameters: The proxies, the certificates and the secrets that messages and logs must not show.
    """

    def __init__(self, parameters: ClientParameters) -> None:
        self._tokens = MaskedInLogs(Secrets.of([parameters.token]))
        self._all = MaskedInLogs(Secrets.of([parameters.token, *_passwords(parameters)]))
        self._parameters = parameters
        # A forked process makes its own connections. On shared ones, it and its parent would read each other's replies.
        self._session = PerProcess(new_session)

    def add_secret(self, secret: str) -> None:
        """Mask a text in all messages and logs from now on."""
        self._tokens.add([secret])
        self._all.add([secret])

    def request(
        self,
        doing: str,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        seconds: float | None = None,
        once: bool = False,
        brings_token: bool = False,
    ) -> Reply:
        """Send a request and return the reply, which is complete and has a status of 2xx.

        Args:
            doing: What the request does, for error messages, as in ``"read job abc"``.
            method: The HTTP method.
            url: The URL.
            headers: The authentication headers, and others.
            query: Parameters of the URL; those that are ``None`` are left out.
            body: The bytes to send: JSON, unless *headers* name another type.
            seconds: The time limit for the whole reply; the request is then sent once. By default each try has
                :data:`~ibm_circuit_job.clients.bounded.SILENT_SECONDS` until the reply begins, and
                :data:`~ibm_circuit_job.clients.bounded.DOCUMENT_SECONDS` in all.
            once: Whether the request must not be executed twice. It is then sent again only if no connection was made.
            brings_token: Whether the reply contains a new token. Secrets in its body are then not masked.

        Raises:
            RequestFailed: If there was no complete reply in time, or its status is not a 2xx.
        """
        sent = _hidden(client_headers() | dict(headers or {}))
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        patience = _UNREPEATED if once else RETRY if seconds is None else ONCE
        make_call = partial(
            Call,
            DOCUMENT_SECONDS if seconds is None else seconds,
            Bound.of_documents(),
            silent=ONCE_SECONDS if once else None,
        )
        found = self._good(patience, make_call, doing, method, url, headers=sent, params=query, data=body)
        return found if brings_token else evolve(found, content=self._tokens.secrets.masked_body(found.content))

    def download(
        self,
        doing: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        prompt: bool = False,
    ) -> bytes:
        """Send a GET for a result and return the body of the reply, which may be large.

        There is no time limit as long as bytes arrive; see :class:`~ibm_circuit_job.clients.bounded.Call`.

        Args:
            doing: What the request does, for error messages, as in ``"read the result of job abc"``.
            url: The URL.
            headers: The authentication headers.
            prompt: Whether to send the request once, for callers that repeat it by their own rules.

        Raises:
            RequestFailed: If there was no reply, it was cut off or made no progress, or its status is not a 2xx.
        """
        make_call = partial(Call, None, Bound.of_results())
        patience = ONCE if prompt else RETRY
        sent = _hidden(client_headers() | dict(headers or {}))
        found = self._good(patience, make_call, doing, "GET", url, is_result=True, headers=sent)
        return self._tokens.secrets.masked_body(found.content)

    def _good(
        self,
        patience: Patience,
        make_call: Callable[[], Call],
        doing: str,
        method: str,
        url: str,
        *,
        is_result: bool = False,
        **sent: Any,
    ) -> Reply:
        found = self._answered(patience, make_call, doing, method, url, is_result=is_result, **sent)
        # Raised outside of the except block: the exception of requests has the request, which contains a token.
        if not isinstance(found, Reply):
            raise RequestFailed(found)
        return found

    def _answered(
        self,
        patience: Patience,
        make_call: Callable[[], Call],
        doing: str,
        method: str,
        url: str,
        *,
        is_result: bool,
        **sent: Any,
    ) -> Reply | Failure:
        """A reply with a 2xx, or the failure. Secrets are masked in both, but not in the body of the reply."""
        settings = self._settings(doing, url)
        found = exchanged(self._session(), patience, make_call, method, url, settings, **sent)
        masked = self._all.secrets.masked
        if not isinstance(found, Reply):
            failure = unusable(doing, found.error, masked, is_result=is_result)
            if failure is not None:
                return failure
            failed = unreachable(doing, url, found.error, settings=settings, parameters=self._parameters)
            return evolve(failed, message=masked(failed.message))
        if not found.ok:
            return self._refusal(doing, url, found)
        headers = CaseInsensitiveDict((name, masked(value)) for name, value in found.headers.items())
        return evolve(found, reason=masked(found.reason), headers=headers)

    def _settings(self, doing: str, url: str) -> NetworkSettings:
        settings = settings_for(url, self._parameters)
        if missing := settings.what_is_missing(url):
            raise RequestFailed(Unsupported(doing, missing))
        # The environment may name other proxies than the parameters.
        self._all.add(settings.passwords())
        return settings

    def close(self) -> None:
        """Close all connections."""
        _close(self._session())

    def _refusal(self, doing: str, url: str, response: Reply) -> Refused:
        masked = self._all.secrets.masked
        error = read_error(response.content, masked)
        return Refused(
            doing,
            url,
            response.status_code,
            error.message or masked(response.reason or ""),
            error.code,
            error.trace_id,
            _retry_seconds(response.headers.get("Retry-After"), response.headers.get("Date")),
            error.by_service,
        )

    def page_without_secrets(self, page: bytes) -> bytes:
        """Return a web page with secrets masked, for messages. The page of a captive portal may repeat a request."""
        return self._all.secrets.masked(page.decode("utf-8", "replace")).encode()


def _hidden(headers: Mapping[str, str]) -> dict[str, str]:
    """The same headers, with values that a traceback does not show."""
    return {name: HiddenText(value) for name, value in headers.items()}


def deadline_of(seconds: float | None) -> float | None:
    """Return the time on the monotonic clock after so many seconds; ``None`` for no limit."""
    return None if seconds is None else time.monotonic() + seconds


def seconds_until(deadline: float | None) -> float | None:
    """Return the seconds until a deadline, at least 0.001; ``None`` for no limit."""
    return None if deadline is None else max(deadline - time.monotonic(), 0.001)


def _passwords(parameters: ClientParameters) -> set[str]:
    ntlm = (parameters.proxies or {}).get("password_ntlm")
    found = NetworkSettings(parameters.proxy_urls, verify=True).passwords()
    return found | {ntlm} if isinstance(ntlm, str) and ntlm else found


@frozen
class Broken:
    """A request without a complete reply."""

    error: BaseException = field(repr=False)
    """The exception of the network. It may have a reference to the request, which contains a token."""
    was_answered: bool
    """Whether the headers of a reply arrived."""


def exchanged(
    session: requests.Session,
    patience: Patience,
    make_call: Callable[[], Call],
    method: str,
    url: str,
    settings: NetworkSettings,
    **sent: Any,
) -> Reply | Broken:
    """Send a request, repeat it where that is safe, and return the outcome of the last try.

    Args:
        session: A session of :func:`new_session`.
        patience: How often to send it again.
        make_call: A function that returns the limits of one try.
        method: The HTTP method.
        url: The URL.
        settings: The proxies and certificates for this URL.
        **sent: Further arguments of ``requests``: ``headers``, ``params``, ``data``.
    """
    left = {"connect": patience.connect, "read": patience.read, "status": patience.status}
    for tries in range(patience.total + 1):
        found = _tried(session, make_call(), method, url, settings, sent)
        kind = _repeatable_failure(method, found)
        if kind is None or left[kind] == 0 or tries == patience.total:
            break
        left[kind] -= 1
        if tries:
            time.sleep(_BACKOFF_SECONDS * 2.0**tries + 0.1 * random.random())
    return found


def _tried(
    session: requests.Session, call: Call, method: str, url: str, settings: NetworkSettings, sent: Mapping[str, Any]
) -> Reply | Broken:
    was_answered = False
    try:
        with call, opened(session, call, method, url, settings, **sent) as response:
            was_answered = True
            status = response.status_code
            if status < 200:
                # A reply 1xx announces another one, which is lost: the connection is closed.
                body = b""
            elif status < 300:
                body = bodies.read(response, call)
            else:
                body = bodies.beginning(response, call, _ERROR_BYTES)
            return Reply(status, response.reason or "", response.headers, body)
    except BROKEN as error:
        return Broken(error, was_answered)


def opened(
    session: requests.Session, call: Call, method: str, url: str, settings: NetworkSettings, **sent: Any
) -> requests.Response:
    """Send a request and return the reply without its body, which the caller reads. The call must be entered.

    Raises:
        requests.RequestException: If there is no reply.
    """
    left = call.seconds_left()
    # The call applies the deadline. These limits are for one piece, before the connection has a bounded socket.
    limits: Any = urllib3.Timeout(connect=min(CONNECT_SECONDS, left), read=left)
    return session.request(
        method, url, timeout=limits, allow_redirects=False, stream=True, **settings.as_arguments(url), **sent
    )


def _repeatable_failure(method: str, found: Reply | Broken) -> Literal["connect", "read", "status"] | None:
    """The kind of failure after which the request may be sent again; ``None`` after any other outcome."""
    if isinstance(found, Reply):
        return "status" if found.status_code in _RETRIED_STATUSES else None
    if found.was_answered:
        return None
    kind = repeatable_trouble(found.error)
    return None if kind == "read" and method not in _REPEATABLE_METHODS else kind


def new_session() -> requests.Session:
    """Return a session that stores no cookies and reads no environment variables.

    Proxies and certificates are arguments of each request; see :class:`NetworkSettings`.
    """
    session = requests.Session()
    session.headers["Accept"] = "application/json"
    session.headers["Accept-Encoding"] = bodies.ENCODINGS
    session.hooks["response"] = list(_reply_hooks)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Without this, requests reads .netrc, whose password would replace our token.
    session.trust_env = False
    adapter = BoundedAdapter(pool_connections=4, pool_maxsize=32)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


_reply_hooks: tuple[Callable[..., None], ...] = ()
"""The hooks of new sessions. The tuple is replaced, and never changed in place."""


@contextlib.contextmanager
def reply_hook(hook: Callable[..., None]) -> Iterator[None]:
    """Call *hook* with each reply to a session that is made within this block, in any thread.

    Sessions from before the block do not call the hook. Sessions from within the block also call it after the block.

    Args:
        hook: A hook ``response`` of requests. It is called with the reply, whose body may not be read yet, and with the
            keyword arguments of the request.
    """
    global _reply_hooks  # noqa: PLW0603 - sessions are made in many places, and in threads of their own
    _reply_hooks = (*_reply_hooks, hook)
    try:
        yield
    finally:
        _reply_hooks = tuple(each for each in _reply_hooks if each is not hook)


def _close(session: requests.Session) -> None:
    """Close a session and its connections at once. urllib3 alone leaves the connections to the garbage collector."""
    for adapter in session.adapters.values():
        assert isinstance(adapter, HTTPAdapter)  # noqa: S101 - new_session() mounts no other
        for manager in (adapter.poolmanager, *adapter.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - it is no mapping that can be iterated over
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
    session.close()


def date_of(header: str | None) -> datetime | None:
    """Return the time in a header ``Date`` or ``Retry-After``, aware; ``None`` where it is not a time.

    Example:
        >>> date_of("Thu, 26 Nov 2026 09:00:00 GMT")
        datetime.datetime(2026, 11, 26, 9, 0, tzinfo=datetime.timezone.utc)
        >>> date_of("soon") is None
        True
    """
    try:
        found = parsedate_to_datetime(header or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _retry_seconds(retry_after: str | None, date: str | None) -> float | None:
    """The pause in the header ``Retry-After``, in seconds. The header is a number, or a time by the server's clock."""
    if retry_after is None or retry_after.isdecimal():
        return None if retry_after is None else float(retry_after)
    until = date_of(retry_after)
    return None if until is None else max((until - (date_of(date) or datetime.now(UTC))).total_seconds(), 0.0)
