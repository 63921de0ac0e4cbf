"""Turns exceptions of a connection into failures: an ``Unreachable`` with its obstacle, or an unusable reply."""

from __future__ import annotations

import http.client
import os
import re
import ssl
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import requests
import urllib3

from ibm_circuit_job.clients.bodies import NotJson, UnknownEncoding
from ibm_circuit_job.clients.bounded import NoProgress, TooLarge
from ibm_circuit_job.clients.network_settings import NetworkSettings, shown_proxy
from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.errors import Obstacle, Unreachable, Unreadable, Unsupported

BROKEN: Final = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    OverflowError,
    ValueError,
    zlib.error,
)
"""The exceptions of a connection that breaks, or of a reply that is not HTTP or cannot be decompressed."""
_NOT_CONNECTED: Final = (
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
    ssl.SSLCertVerificationError,
)
_TOO_LONG: Final = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
_TUNNEL: Final = re.compile(r"Tunnel connection failed: (?P<status>\d{3})")
"""The message of http.client if a proxy refuses a tunnel. No attribute of the exception has the status."""


def unreachable(
    doing: str,
    url: str,
    error: BaseException,
    *,
    shown: str | None = None,
    settings: NetworkSettings,
    parameters: ClientParameters | None,
) -> Unreachable:
    """Return the failure for an exception of a connection.

    Args:
        doing: What the request does, as in ``"read job abc"``.
        url: The URL of the request.
        error: The exception.
        shown: The URL in the message; by default the whole URL.
        settings: The proxies and certificates of the request.
        parameters: The parameters that name the proxy, so that the message can say who named it.
    """
    causes = list(_causes(error))
    words, obstacle, proxy = words_of(error), _obstacle(causes), settings.proxy(url)
    if isinstance(settings.verify, str) and url.startswith("https:") and (broken := _broken_file(settings.verify)):
        obstacle, words = (
            Obstacle.CERTIFICATE_FILE,
            f"{settings.verify!r} (named by {settings.verify_origin}): {broken}",
        )
    elif obstacle in {Obstacle.PROXY, Obstacle.PROXY_CREDENTIALS, Obstacle.SOCKS} and proxy is not None:
        words = f"{shown_proxy(proxy, parameters)}: {words}"
    return Unreachable(doing, shown or url, words, may_have_arrived(error), obstacle)


def unusable(
    doing: str, error: BaseException, shown: Callable[[str], str], *, is_result: bool
) -> Unreadable | Unsupported | None:
    """Return the failure for a reply that arrived and cannot be used; ``None`` for an error of the network.

    A result that is too large, or has an unknown compression, stays so at the next try: this is ``Unsupported``.
    Any other such reply is ``Unreadable``; the request may be repeated, since a proxy may have sent the reply.

    Args:
        doing: What the request was for.
        error: What was raised.
        shown: Returns a text without secrets. It is called before the text is cut to a length.
        is_result: Whether the reply is a result.
    """
    for cause in _causes(error):
        if isinstance(cause, (TooLarge, NotJson, UnknownEncoding)) and is_result:
            return Unsupported(doing, shown(str(cause)))
        if isinstance(cause, (TooLarge, NotJson, UnknownEncoding, zlib.error)):
            return Unreadable("result" if is_result else f"reply to the request to {doing}", "", shown(str(cause)))
    return None


def repeatable_trouble(error: BaseException) -> Literal["connect", "read"] | None:
    """Return the kind of an error after which a request may be sent again.

    Args:
        error: The exception of a request without a reply.

    Returns:
        ``"connect"`` if no connection could be made; ``"read"`` if the connection broke or fell silent later; ``None``
        for errors that remain, such as those of certificates and TLS.
    """
    causes = list(_causes(error))
    if any(isinstance(cause, urllib3.exceptions.ConnectTimeoutError) for cause in causes):
        return "connect"
    if any(isinstance(cause, (ssl.SSLError, urllib3.exceptions.ProxyError)) for cause in causes):
        return None
    kinds = (urllib3.exceptions.ReadTimeoutError, urllib3.exceptions.ProtocolError)
    return "read" if any(isinstance(cause, kinds) for cause in causes) else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and its causes, outermost first."""
    left, seen = [error], set()
    while left:
        cause = left.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = (getattr(cause, "reason", None), getattr(cause, "original_error", None), cause.__cause__, *cause.args)
        left += [each for each in inner if isinstance(each, BaseException)]


def _obstacle(causes: list[BaseException]) -> Obstacle | None:  # noqa: PLR0911 - one for each
    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if has(urllib3.exceptions.ProxyError):
        refused = (_TUNNEL.search(str(cause)) for cause in causes if isinstance(cause, OSError))
        status = next((found["status"] for found in refused if found), None)
        return Obstacle.PROXY_CREDENTIALS if status == "407" else Obstacle.PROXY
    if has(requests.exceptions.InvalidSchema):
        return Obstacle.SOCKS
    if has(ssl.SSLCertVerificationError):
        return Obstacle.CERTIFICATE
    if has(urllib3.exceptions.NameResolutionError):
        return Obstacle.NAME_SERVER
    if has(ConnectionRefusedError):
        return Obstacle.NOT_LISTENING
    if has(*_TOO_LONG):
        return Obstacle.SILENT
    if has(ssl.SSLError) and not has(ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return Obstacle.TLS
    return None


def _broken_file(path: str) -> str | None:
    """The reason why a file or folder of certificates cannot be used; ``None`` if it can."""
    try:
        if os.path.isdir(path):  # noqa: PTH112 - as requests does
            ssl.create_default_context(capath=path)
        else:
            ssl.create_default_context(cafile=path)
    except OSError as error:
        return error.strerror or str(error)
    return None


def words_of(error: BaseException) -> str:
    """Return the message of the innermost cause of an exception; our own where too few bytes of a body arrived."""
    slow = next((cause for cause in _causes(error) if isinstance(cause, NoProgress)), None)
    if slow is not None:
        return str(slow)
    cause: Any = error
    while (inner := getattr(cause, "reason", None) or _first_exception(cause)) is not None and inner is not cause:
        if not isinstance(inner, BaseException):
            break
        cause = inner
    words = str(cause) or type(cause).__name__
    return words.rsplit("object at 0x", 1)[-1].split(">: ", 1)[-1]


def may_have_arrived(error: BaseException) -> bool:
    """Return whether the server may have received a failed request: False if no connection could be made."""
    return not any(isinstance(cause, _NOT_CONNECTED) for cause in _causes(error))


def _first_exception(error: BaseException) -> BaseException | None:
    return next((argument for argument in error.args if isinstance(argument, BaseException)), None)
