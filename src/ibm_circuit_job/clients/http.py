"""One HTTP request to the service: sent with ``requests``, tried again where that is safe, its trouble named.

Nothing here knows what a job is. Redirects are not followed, for they would carry the token to another host, and
cookies are not kept. Every request is a :class:`~ibm_circuit_job.clients.bounded.Call`.
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
from ibm_circuit_job.clients.quiet_logs import Holder
from ibm_circuit_job.errors import Failure, IBMError, Refused, Unsupported, describe
from ibm_circuit_job.threads.locks import PerProcess
from ibm_circuit_job.wire.error_replies import read_error
from ibm_circuit_job.wire.hidden_values import HiddenText
from ibm_circuit_job.wire.masking import Secrets

ONCE_SECONDS: Final = 120.0
"""How long a server may take to answer a request that is never sent again, such as a submission."""

_RETRIED_STATUSES: Final = frozenset({500, 502, 503, 504, 520, 521, 522, 524})
"""Answers after which even a POST may be sent again: the service has not taken it."""
_REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""Methods that may be sent again where it is not known whether the service has taken the request."""
_ERROR_BYTES: Final = 100_000
"""How many bytes of an error are read."""


class RequestFailed(IBMError):  # noqa: N818 - named for what it says
    """A request failed; ``failure`` says how. The classic class turns it into a documented exception.

    It has the shape of the official clients' exceptions: ``status_code`` and ``message``.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(describe(failure))
        self.failure = failure
        self.status_code = failure.http_status or -1

    def __reduce__(self) -> tuple[type[RequestFailed], tuple[Failure]]:
        return type(self), (self.failure,)


@frozen
class Reply:
    """What a server answered: all of it, unpacked."""

    status_code: int
    """The HTTP status."""
    reason: str
    """The words beside the status."""
    headers: Mapping[str, str] = field(repr=False)
    """The headers, whose names are found in any case."""
    content: bytes = field(repr=False)
    """The body; of an error, its beginning."""

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status_code < 300

    @property
    def text(self) -> str:
        """The body as a text."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return what the body says, which is JSON.

        Raises:
            ValueError: If it is not, as where it is empty.
        """
        return json.loads(self.content)

    def raise_for_status(self) -> None:
        """Raise ``requests.HTTPError`` if the status is not a 2xx. What a client returns has one."""
        if not self.ok:
            raise requests.HTTPError(f"HTTP {self.status_code} {self.reason}")


@frozen
class Patience:
    """How often a request is tried again."""

    connect: int
    """After connections that did not come about: the request was not sent."""
    read: int
    """After connections that broke or went silent before there was an answer; GET, PUT and DELETE only."""
    status: int
    """After answers that say that the service is busy."""
    total: int = 5
    """After any of them."""


RETRY: Final = Patience(connect=3, read=2, status=5)
"""How a patient request is tried again."""
ONCE: Final = Patience(connect=0, read=0, status=0)
"""A prompt request is tried once."""
_UNREPEATED: Final = Patience(connect=3, read=0, status=0)
"""How a request is tried that must not be carried out twice: again only where there was no connection to send it on."""
_BACKOFF_SECONDS: Final = 0.2


class HttpSession:
    """Connections to one service, shared by any number of threads of one process.

    A request is patient by default: it is tried again, see :data:`RETRY`. A request with ``seconds`` is tried once and
    within that time, for a caller that has a policy of its own. All go over the same connections.
    """

    def __init__(self, parameters: ClientParameters) -> None:
        self._tokens = Holder(Secrets.of([parameters.token]))
        self._all = Holder(Secrets.of([parameters.token, *_passwords(parameters)]))
        self._parameters = parameters
        # A fork has connections of its own: over shared ones it would read its parent's replies, and its parent its.
        self._session = PerProcess(new_session)

    def keep_secret(self, secret: str) -> None:
        """Let no message show this text."""
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
        """Send a request and return the answer, which is a 2xx and has arrived in full.

        Without ``seconds`` a try fails after :data:`~ibm_circuit_job.clients.bounded.SILENT_SECONDS` without an answer,
        and a body that comes too slowly or takes longer than
        :data:`~ibm_circuit_job.clients.bounded.DOCUMENT_SECONDS` fails, too.

        Args:
            doing: What it is for, as in ``"read job abc"``.
            method: The HTTP method.
            url: Where to.
            headers: What proves who we are.
            query: Parameters of the URL; those that are ``None`` are left out.
            body: JSON to send.
            seconds: Try once, and have the answer in full by then.
            once: Never send it again after it may have arrived.
            brings_token: Whether the answer is a token, which may be one that is known; no secret in it is masked.

        Raises:
            RequestFailed: If there was no answer in time, or it is no 2xx.
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
        """Send a GET and return the body of the answer, which may be large, and be the only copy.

        It may take any time, as long as it makes progress; see :class:`~ibm_circuit_job.clients.bounded.Call`.

        Args:
            doing: What it is for, as in ``"read the result of job abc"``.
            url: Where to.
            headers: What proves who we are.
            prompt: Try once, for a caller that has a policy of its own.

        Raises:
            RequestFailed: If there was no answer, it was cut off or made no progress, or it is no 2xx.
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
        # Raised here, and not where it was caught: the network's exception holds the request, and with it a token.
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
        """A good answer, or what went wrong, without secrets but in the body of a good answer."""
        settings = self._settings(doing, url)
        found = exchanged(self._session(), patience, make_call, method, url, settings, **sent)
        masked = self._all.secrets.masked
        if not isinstance(found, Reply):
            of_no_use = unusable(doing, found.error, masked, is_result=is_result)
            if of_no_use is not None:
                return of_no_use
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
        # Variables may name other proxies than those that were given.
        self._all.add(settings.passwords())
        return settings

    def close(self) -> None:
        """Close all connections."""
        _close(self._session())

    def _refusal(self, doing: str, url: str, response: Reply) -> Refused:
        masked = self._all.secrets.masked
        said = read_error(response.content, masked)
        return Refused(
            doing,
            url,
            response.status_code,
            said.message or masked(response.reason or ""),
            said.code,
            said.trace_id,
            _seconds(response.headers.get("Retry-After"), response.headers.get("Date")),
            said.by_service,
        )

    def page_without_secrets(self, page: bytes) -> bytes:
        """Return a page, as of a captive portal, without what was sent to it, so that it can be shown."""
        return self._all.secrets.masked(page.decode("utf-8", "replace")).encode()


def _hidden(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers whose values are in no traceback that shows local variables."""
    return {name: HiddenText(value) for name, value in headers.items()}


def deadline_of(seconds: float | None) -> float | None:
    """Return when the time is up."""
    return None if seconds is None else time.monotonic() + seconds


def seconds_until(deadline: float | None) -> float | None:
    """Return the seconds that are left; where there are none, so few that nothing can come of it."""
    return None if deadline is None else max(deadline - time.monotonic(), 0.001)


def _passwords(parameters: ClientParameters) -> set[str]:
    ntlm = (parameters.proxies or {}).get("password_ntlm")
    found = NetworkSettings(parameters.proxy_urls, verify=True).passwords()
    return found | {ntlm} if isinstance(ntlm, str) and ntlm else found


@frozen
class Broken:
    """A request had no answer, or not all of it."""

    error: BaseException = field(repr=False)
    """What the network raised. It may hold the request, and with it a token."""
    was_answered: bool
    """Whether the headers of an answer came."""


def exchanged(
    session: requests.Session,
    patience: Patience,
    make_call: Callable[[], Call],
    method: str,
    url: str,
    settings: NetworkSettings,
    **sent: Any,
) -> Reply | Broken:
    """Send a request, again where that is safe, and return what came of the last try.

    Args:
        session: One of :func:`new_session`.
        patience: How often to try again.
        make_call: Makes the bounds of one try.
        method: The HTTP method.
        url: Where to.
        settings: The proxies and certificates that hold for it.
        **sent: What else ``requests`` is to send: ``headers``, ``params``, ``data``.
    """
    left = {"connect": patience.connect, "read": patience.read, "status": patience.status}
    for tries in range(patience.total + 1):
        found = _tried(session, make_call(), method, url, settings, sent)
        kind = _worth_a_try(method, found)
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
                # The answer proper may follow on the connection, which is closed with this.
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
    """Send a request and return the answer, whose body is still to be read, while the call is entered.

    Raises:
        requests.RequestException: If there is no answer.
    """
    left = call.seconds_left()
    # The call knows the deadline. Here stands what one piece may take, for the connection that it makes.
    limits: Any = urllib3.Timeout(connect=min(CONNECT_SECONDS, left), read=left)
    return session.request(
        method, url, timeout=limits, allow_redirects=False, stream=True, **settings.as_arguments(url), **sent
    )


def _worth_a_try(method: str, found: Reply | Broken) -> Literal["connect", "read", "status"] | None:
    """After which kind of trouble a request may be sent again; ``None`` where it must not or need not be."""
    if isinstance(found, Reply):
        return "status" if found.status_code in _RETRIED_STATUSES else None
    if found.was_answered:
        return None
    kind = repeatable_trouble(found.error)
    return None if kind == "read" and method not in _REPEATABLE else kind


def new_session() -> requests.Session:
    """Return a session that reads no variables: what holds for a URL goes with each request. It keeps no cookies."""
    session = requests.Session()
    session.headers["Accept"] = "application/json"
    session.headers["Accept-Encoding"] = bodies.ENCODINGS
    session.hooks["response"] = list(_reply_hooks)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Nor does it read a .netrc, which must not replace our token.
    session.trust_env = False
    adapter = BoundedAdapter(pool_connections=4, pool_maxsize=32)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


_reply_hooks: tuple[Callable[..., None], ...] = ()
"""What the sessions that are made from now on call with each reply. Replaced, and never changed."""


@contextlib.contextmanager
def reply_hook(hook: Callable[..., None]) -> Iterator[None]:
    """Have every session that is made within this block, in any thread, call *hook* with each reply.

    Sessions that exist already do not. A session that was made within goes on calling it after the block.

    Args:
        hook: A hook ``response`` of requests: it is called with the reply, before its body is read where that is
            streamed, and with the keyword arguments of the request.
    """
    global _reply_hooks  # noqa: PLW0603 - sessions are made in many places, and in threads of their own
    _reply_hooks = (*_reply_hooks, hook)
    try:
        yield
    finally:
        _reply_hooks = tuple(each for each in _reply_hooks if each is not hook)


def _close(session: requests.Session) -> None:
    """Close a session and its connections, now: urllib3 leaves them to the garbage collector, in its own time."""
    for adapter in session.adapters.values():
        assert isinstance(adapter, HTTPAdapter)  # noqa: S101 - new_session() mounts no other
        for manager in (adapter.poolmanager, *adapter.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - it is no mapping that can be iterated over
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
    session.close()


def date_of(header: str | None) -> datetime | None:
    """Return the time that a header names; ``None`` where it names none.

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


def _seconds(retry_after: str | None, date: str | None) -> float | None:
    """The pause that the header ``Retry-After`` asks for: seconds, or until a time by the server's clock."""
    if retry_after is None or retry_after.isdecimal():
        return None if retry_after is None else float(retry_after)
    until = date_of(retry_after)
    return None if until is None else max((until - (date_of(date) or datetime.now(UTC))).total_seconds(), 0.0)
