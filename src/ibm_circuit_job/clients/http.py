"""One HTTP request to the service: sent with ``requests``, retried by ``urllib3``, its trouble named.

Nothing here knows what a job is. Redirects are not followed, for they would carry the token to another host.
"""

from __future__ import annotations

import contextlib
import html
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote, quote_plus

import requests
import urllib3
from attrs import evolve, frozen
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from ibm_circuit_job.clients import bodies
from ibm_circuit_job.clients.client_application import client_headers
from ibm_circuit_job.clients.network_errors import BROKEN, unreachable
from ibm_circuit_job.clients.network_settings import NetworkSettings, settings_for
from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.errors import Failure, IBMError, Refused, Unreachable, Unsupported, describe
from ibm_circuit_job.threads.locks import PerProcess
from ibm_circuit_job.wire.error_replies import read_error

CONNECT_SECONDS: Final = 10.0
"""How long a server may take to accept a connection."""
READ_SECONDS: Final = 120.0
"""How long a server may stay silent within a reply."""

_RETRIED_STATUSES: Final = frozenset({500, 502, 503, 504, 520, 521, 522, 524})
"""Answers after which even a POST may be sent again: the service has not taken it."""
_ERROR_BYTES: Final = 100_000
"""How many bytes of an error are read where a result was asked for."""


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


class _SafeRetry(Retry):
    """Retries what is safe to retry: a POST only where the service said that it has not taken it."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        if method.upper() == "POST":
            return status_code in _RETRIED_STATUSES
        return bool(super().is_retry(method, status_code, has_retry_after))


RETRY: Final = _SafeRetry(
    total=5,
    connect=3,
    read=2,
    other=0,
    redirect=False,
    # A 429, and how long it asks to wait, is the caller's to hear: the waiting policy obeys it.
    respect_retry_after_header=False,
    status_forcelist=_RETRIED_STATUSES,
    backoff_factor=0.2,
    backoff_jitter=0.1,
    raise_on_status=False,
)
"""How a patient request is tried again."""
ONCE: Final = Retry(0, redirect=False, raise_on_status=False)
"""A prompt request is tried once."""
_UNREPEATED: Final = Retry(
    total=3, connect=3, read=False, status=0, other=0, redirect=False, backoff_factor=0.2, backoff_jitter=0.1
)
"""How a request is tried that must not be carried out twice: again only where there was no connection to send it on."""


class HttpSession:
    """Connections to one service, shared by any number of threads of one process.

    A request is patient by default: it is tried again by urllib3's rules, for some seconds in all. A request
    with ``seconds`` is tried once and within that time, for a caller that has a policy of its own. All go over the
    same connections.
    """

    def __init__(self, parameters: ClientParameters) -> None:
        # Replaced, and never changed: another thread may be looking through it.
        self._secrets = frozenset(
            spelt for secret in {parameters.token, *_passwords(parameters)} for spelt in _spellings(secret)
        )
        self._parameters = parameters
        # A fork has connections of its own: over shared ones it would read its parent's replies, and its parent its.
        self._sessions = PerProcess(partial(_Sessions.opened, RETRY))

    def keep_secret(self, secret: str) -> None:
        """Let no message show this text."""
        self._secrets |= _spellings(secret)

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
    ) -> requests.Response:
        """Send a request and return the answer, which is a 2xx and has arrived in full.

        Args:
            doing: What it is for, as in ``"read job abc"``.
            method: The HTTP method.
            url: Where to.
            headers: What proves who we are.
            query: Parameters of the URL; those that are ``None`` are left out.
            body: JSON to send.
            seconds: Try once, and have the answer in full by then.
            once: Never send it again after it may have arrived.

        Raises:
            RequestFailed: If there was no answer in time, or it is no 2xx.
        """
        sent = client_headers() | dict(headers or {})
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        sessions = self._sessions()
        session = sessions.unrepeated if once else sessions.patient if seconds is None else sessions.prompt
        answer = self._answer(session, doing, method, url, seconds, headers=sent, params=query, data=body)
        if isinstance(answer, Unreachable):
            # Raised here, and not where it was caught: the network's exception holds the request, and with it a token.
            raise RequestFailed(answer)
        if not 200 <= answer.status_code < 300:
            raise RequestFailed(self._refusal(doing, url, answer))
        return answer

    def download(
        self,
        doing: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        prompt: bool = False,
    ) -> bytes:
        """Send a GET and return the body of the answer, which may be large, and be the only copy.

        It may take any time, as long as it makes progress; see :func:`~ibm_circuit_job.clients.bodies.read_steadily`.

        Args:
            doing: What it is for, as in ``"read the result of job abc"``.
            url: Where to.
            headers: What proves who we are.
            prompt: Try once, for a caller that has a policy of its own.

        Raises:
            RequestFailed: If there was no answer, it was cut off or made no progress, or it is no 2xx.
        """
        sessions = self._sessions()
        session = sessions.prompt if prompt else sessions.patient
        found = self._downloaded(session, doing, url, client_headers() | dict(headers or {}))
        if not isinstance(found, bytes):
            # Raised here, and not where it was caught, as in request().
            raise RequestFailed(found)
        return found

    def _downloaded(
        self, session: requests.Session, doing: str, url: str, headers: Mapping[str, str]
    ) -> bytes | Refused | Unreachable:
        limits = (CONNECT_SECONDS, bodies.SILENT_SECONDS)
        settings = self._settings(doing, url)
        try:
            with session.get(
                url, headers=headers, timeout=limits, allow_redirects=False, stream=True, **settings.as_arguments(url)
            ) as response:
                if not 200 <= response.status_code < 300:
                    # What requests itself sets when it has read a body, which it would do without an end.
                    response._content = bodies.beginning(response, _ERROR_BYTES)  # noqa: SLF001
                    return self._refusal(doing, url, response)
                return bodies.read_steadily(response)
        except BROKEN as error:
            return self._unreachable(doing, url, error, settings)

    def _answer(
        self, session: requests.Session, doing: str, method: str, url: str, seconds: float | None, **sent: Any
    ) -> requests.Response | Unreachable:
        # Which requests takes, though its types do not say so.
        limits: Any = urllib3.Timeout(total=seconds, connect=CONNECT_SECONDS, read=READ_SECONDS)
        deadline, settings = deadline_of(seconds), self._settings(doing, url)
        try:
            response = session.request(
                method,
                url,
                timeout=limits,
                allow_redirects=False,
                stream=deadline is not None,
                **settings.as_arguments(url),
                **sent,
            )
            if deadline is not None:
                _read_by(response, deadline)
        except BROKEN as error:
            return self._unreachable(doing, url, error, settings)
        return response

    def _settings(self, doing: str, url: str) -> NetworkSettings:
        settings = settings_for(url, self._parameters)
        if missing := settings.what_is_missing(url):
            raise RequestFailed(Unsupported(doing, missing))
        return settings

    def _unreachable(self, doing: str, url: str, error: BaseException, settings: NetworkSettings) -> Unreachable:
        found = unreachable(doing, url, error, settings=settings, parameters=self._parameters)
        return evolve(found, message=self._without_secrets(found.message, *settings.passwords()))

    def close(self) -> None:
        """Close all connections."""
        for session in self._sessions().all():
            _close(session)

    def _refusal(self, doing: str, url: str, response: requests.Response) -> Refused:
        said = read_error(response.content, self._without_secrets)
        return Refused(
            doing,
            url,
            response.status_code,
            said.message or self._without_secrets(response.reason or ""),
            said.code,
            said.trace_id,
            _seconds(response.headers.get("Retry-After"), response.headers.get("Date")),
            said.by_service,
        )

    def page_without_secrets(self, page: bytes) -> bytes:
        """Return a page, as of a captive portal, without what was sent to it, so that it can be shown."""
        return self._without_secrets(page.decode("utf-8", "replace")).encode()

    def _without_secrets(self, words: str, *more: str) -> str:
        # The longest first: one may be a part of another.
        for secret in sorted(self._secrets.union(more), key=len, reverse=True):
            words = words.replace(secret, "***")
        return words


def _spellings(secret: str) -> set[str]:
    """A text as it is, and as it stands in a form or in JSON, which an error may repeat."""
    return {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], html.escape(secret)}


def deadline_of(seconds: float | None) -> float | None:
    """Return when the time is up."""
    return None if seconds is None else time.monotonic() + seconds


def seconds_until(deadline: float | None) -> float | None:
    """Return the seconds that are left; where there are none, so few that nothing can come of it."""
    return None if deadline is None else max(deadline - time.monotonic(), 0.001)


def _read_by(response: requests.Response, deadline: float) -> None:
    """Read a body, which may come byte by byte, until a deadline."""
    body = bytearray()
    # Whatever has come so far, and not until so much has come: iter_content() would wait for a full chunk.
    while True:
        _limit(response, deadline - time.monotonic())
        chunk = response.raw.read1(decode_content=True)
        if not chunk:
            break
        body += chunk
        if time.monotonic() > deadline:
            response.close()
            raise requests.Timeout("The answer did not come in full in time.")
    # What requests itself sets when it has read a body.
    response._content = bytes(body)  # noqa: SLF001


def _limit(response: requests.Response, seconds: float) -> None:
    """Let the next piece of a body come within so many seconds."""
    # By way of the reply: a connection that ends with it has let go of its socket.
    stream = getattr(getattr(response.raw, "_fp", None), "fp", None)
    held = getattr(getattr(stream, "raw", None), "_sock", None)
    if held is not None:
        held.settimeout(max(seconds, 0.001))


def _passwords(parameters: ClientParameters) -> set[str]:
    ntlm = (parameters.proxies or {}).get("password_ntlm")
    found = NetworkSettings(parameters.proxy_urls, verify=True).passwords()
    return found | {ntlm} if isinstance(ntlm, str) and ntlm else found


@frozen
class _Sessions:
    """Three ways to try a request again, over the same connections."""

    patient: requests.Session
    prompt: requests.Session
    unrepeated: requests.Session

    @classmethod
    def opened(cls, patient: Retry) -> _Sessions:
        first, *others = (new_session(retry) for retry in (patient, ONCE, _UNREPEATED))
        for session in others:
            for prefix, adapter in session.adapters.items():
                shared = first.adapters[prefix]
                assert isinstance(adapter, HTTPAdapter)  # noqa: S101 - see new_session()
                assert isinstance(shared, HTTPAdapter)  # noqa: S101 - the same
                adapter.poolmanager, adapter.proxy_manager = shared.poolmanager, shared.proxy_manager
        return cls(first, *others)

    def all(self) -> tuple[requests.Session, ...]:
        return self.patient, self.prompt, self.unrepeated


def new_session(retry: Retry) -> requests.Session:
    """Return a session that reads no variables: what holds for a URL goes with each request.

    Args:
        retry: How requests are tried again.
    """
    session = requests.Session()
    session.headers["Accept"] = "application/json"
    session.hooks["response"] = list(_reply_hooks)
    # Nor does it read a .netrc, which must not replace our token.
    session.trust_env = False
    adapter = HTTPAdapter(max_retries=retry, pool_connections=4, pool_maxsize=32)
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
        assert isinstance(adapter, HTTPAdapter)  # noqa: S101 - see new_session()
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
