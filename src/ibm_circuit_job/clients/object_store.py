"""Reads a result from a URL of an object store. The request has no token.

The URL comes from the service and is a secret: anyone with the URL can read the result. So messages contain only its
host and path.
"""

from __future__ import annotations

import re
from http.client import responses
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from attrs import evolve
from urllib3.util import parse_url

from ibm_circuit_job.clients import http, quiet_logs
from ibm_circuit_job.clients.bounded import Bound, Call
from ibm_circuit_job.clients.http import Broken, Patience, RequestFailed, exchanged, new_session
from ibm_circuit_job.clients.network_errors import unreachable, unusable
from ibm_circuit_job.clients.network_settings import NetworkSettings, settings_for
from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.clients.pasted import is_loopback
from ibm_circuit_job.errors import Refused, Unreachable, Unreadable, Unsupported
from ibm_circuit_job.wire.error_replies import read_error
from ibm_circuit_job.wire.masking import Secrets


def read(
    url: str,
    *,
    doing: str,
    parameters: ClientParameters | None = None,
    prompt: bool = False,
) -> bytes:
    """Return the bytes at a URL.

    Args:
        url: The URL: https, or http on this machine.
        doing: What the request does, for error messages, as in ``"read the result of job abc"``.
        parameters: The parameters with ``proxies`` and ``verify``; nothing else of them is used.
        prompt: Whether to send the request once, for callers that repeat it by their own rules.

    Raises:
        RequestFailed: If the URL is not allowed, the store refuses or cannot be reached, or the result is too large.
    """
    secrets = _secrets_in(url)
    with quiet_logs.without(secrets):
        failed = _fetched(url, doing, parameters, http.ONCE if prompt else http.RETRY, secrets)
    if isinstance(failed, bytes):
        return failed
    # Raised outside of the except block: the exception of requests contains the URL.
    raise RequestFailed(failed)


def _secrets_in(url: str) -> Secrets:
    """The secrets of a URL: its query, the longer values in the query, a user name and a password."""
    try:
        parts = urlsplit(url)
        values = [value for _, value in parse_qsl(parts.query) if len(value) >= _SHORTEST_SECRET]
        return Secrets.of([parts.query, *values, parts.username, parts.password])
    except ValueError:
        return Secrets.of([url])


_SHORTEST_SECRET: Final = 20
"""The length from which a value in a query may be a signature or a token; numbers and dates are shorter."""


def is_allowed(url: str) -> bool:
    """Return whether a result may be read from there: https, or http on this machine.

    Example:
        >>> is_allowed("https://store.example/a?signature=x"), is_allowed("http://127.0.0.1:80/a")
        (True, True)
        >>> is_allowed("http://store.example/a"), is_allowed("file:///etc/passwd")
        (False, False)
    """
    try:
        # urllib3 also makes the connection. Another parser might find another host in the same URL.
        parts = parse_url(url)
    except ValueError:
        return False
    host = (parts.host or "").strip("[]")
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def _fetched(
    url: str,
    doing: str,
    parameters: ClientParameters | None,
    patience: Patience,
    secrets: Secrets,
) -> bytes | Refused | Unreachable | Unreadable | Unsupported:
    if not is_allowed(url):
        scheme = url.split(":", 1)[0][:20]
        return Unsupported(doing, f"expected an https URL for the result, got one with the scheme {scheme!r}")
    shown, settings = _without_query(url), settings_for(url, parameters)
    if missing := settings.what_is_missing(url):
        return Unsupported(doing, missing)
    with new_session() as session:
        found = exchanged(session, patience, lambda: Call(None, Bound.of_results()), "GET", url, settings)
    if isinstance(found, Broken):
        return _broken(found.error, url, doing, shown, settings, parameters, secrets)
    if found.status_code != 200:
        # The reply's own message may repeat the URL, so the standard words for the status are used.
        words = responses.get(found.status_code, "")
        return Refused(doing, shown, found.status_code, words, by_service=_is_by_store(found.content))
    return found.content


def _broken(
    error: BaseException,
    url: str,
    doing: str,
    shown: str,
    settings: NetworkSettings,
    parameters: ClientParameters | None,
    secrets: Secrets,
) -> Unreachable | Unreadable | Unsupported:
    masked = secrets.plus(settings.passwords()).masked
    if (failure := unusable(doing, error, masked, is_result=True)) is not None:
        return failure
    found = unreachable(doing, url, error, shown=shown, settings=settings, parameters=parameters)
    return evolve(found, message=masked(found.message))


def _is_by_store(error: bytes) -> bool:
    """Whether the store itself has sent an error: XML as from S3, or the JSON of the local service."""
    return _XML_ERROR.match(error) is not None or read_error(error).by_service


_XML_ERROR: Final = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<Error\b")


def _without_query(url: str) -> str:
    parts = parse_url(url)
    return f"{parts.scheme}://{parts.host}{parts.path or ''}"
