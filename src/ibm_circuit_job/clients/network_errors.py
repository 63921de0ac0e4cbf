"""What a connection raised -> an ``Unreachable``, with the obstacle that its types name."""

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
"""What is raised where a connection breaks, or what came over it is no HTTP or cannot be unpacked."""
_NOT_CONNECTED: Final = (
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
    ssl.SSLCertVerificationError,
)
_TOO_LONG: Final = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
_TUNNEL: Final = re.compile(r"Tunnel connection failed: (?P<status>\d{3})")
"""The words of http.client for a refusal of a proxy: the status is in no attribute."""


def unreachable(
    doing: str,
    url: str,
    error: BaseException,
    *,
    shown: str | None = None,
    settings: NetworkSettings,
    parameters: ClientParameters | None,
) -> Unreachable:
    """Return what a connection raised as a failure.

    Args:
        doing: What the request was for.
        url: Where it went.
        error: What was raised.
        shown: The URL as it is shown; by default all of it.
        settings: The proxies and certificates that held for it.
        parameters: Where these are from.
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
    """Return the failure where a reply came that cannot be used; ``None`` for trouble of the network.

    A result that is too large or packed in an unknown way is so the next time, too. Any other such reply may pass: what
    is in front of the service may have sent it.

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
    """Return whether a connection did not come about, or broke or went silent later; ``None`` for what will not pass.

    Certificates and TLS are of the last kind.

    Args:
        error: What was raised before there was an answer.
    """
    causes = list(_causes(error))
    if any(isinstance(cause, urllib3.exceptions.ConnectTimeoutError) for cause in causes):
        return "connect"
    if any(isinstance(cause, (ssl.SSLError, urllib3.exceptions.ProxyError)) for cause in causes):
        return None
    kinds = (urllib3.exceptions.ReadTimeoutError, urllib3.exceptions.ProtocolError)
    return "read" if any(isinstance(cause, kinds) for cause in causes) else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception, and all that it was raised for, outermost first."""
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
    """Why a file or folder of certificates cannot be used."""
    try:
        if os.path.isdir(path):  # noqa: PTH112 - what requests asks
            ssl.create_default_context(capath=path)
        else:
            ssl.create_default_context(cafile=path)
    except OSError as error:
        return error.strerror or str(error)
    return None


def words_of(error: BaseException) -> str:
    """Return the network's own words, from the innermost cause; ours where too little of a body came in time."""
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
    """Return whether a request that failed may have arrived: False where no connection came about."""
    return not any(isinstance(cause, _NOT_CONNECTED) for cause in _causes(error))


def _first_exception(error: BaseException) -> BaseException | None:
    return next((argument for argument in error.args if isinstance(argument, BaseException)), None)
