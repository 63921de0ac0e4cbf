"""Reading a result that lies at a URL: in an object store, which wants no token and gets none.

The URL comes from the service and is itself a secret: anyone who has it may read the result. So no message repeats more
of it than the host and the path.
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
    """Return what lies at a URL.

    Args:
        url: Where it lies: https, or http on this machine.
        doing: What it is for, as in ``"read the result of job abc"``.
        parameters: Proxies, and whether certificates are checked; nothing else of them is used.
        prompt: Try once, for a caller that has a policy of its own.

    Raises:
        RequestFailed: If the URL is not one of these, the store refuses or cannot be reached, or there is more.
    """
    secrets = _secrets_in(url)
    with quiet_logs.without(secrets):
        failed = _fetched(url, doing, parameters, http.ONCE if prompt else http.RETRY, secrets)
    if isinstance(failed, bytes):
        return failed
    # Raised here, and not where it was caught: the network's exception holds the URL.
    raise RequestFailed(failed)


def _secrets_in(url: str) -> Secrets:
    """The query of a URL, its longer values, which are no numbers and dates, and a user and a password."""
    try:
        parts = urlsplit(url)
        values = [value for _, value in parse_qsl(parts.query) if len(value) >= _SHORTEST]
        return Secrets.of([parts.query, *values, parts.username, parts.password])
    except ValueError:
        return Secrets.of([url])


_SHORTEST: Final = 20
"""The length of the shortest value of a query that is taken for a signature or a token."""


def is_allowed(url: str) -> bool:
    """Return whether a result may be read from there: https, or http on this machine.

    Example:
        >>> is_allowed("https://store.example/a?signature=x"), is_allowed("http://127.0.0.1:80/a")
        (True, True)
        >>> is_allowed("http://store.example/a"), is_allowed("file:///etc/passwd")
        (False, False)
    """
    try:
        # Read by the parser of the library that connects: two readers of one URL may see two hosts.
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
        return Unsupported(doing, f"expected the result to lie at an https URL, got one of {scheme!r}")
    shown, settings = _without_query(url), settings_for(url, parameters)
    if missing := settings.what_is_missing(url):
        return Unsupported(doing, missing)
    with new_session() as session:
        found = exchanged(session, patience, lambda: Call(None, Bound.of_results()), "GET", url, settings)
    if isinstance(found, Broken):
        return _broken(found.error, url, doing, shown, settings, parameters, secrets)
    if found.status_code != 200:
        # Not in its own words, which may repeat the URL.
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
    if (of_no_use := unusable(doing, error, masked, is_result=True)) is not None:
        return of_no_use
    found = unreachable(doing, url, error, shown=shown, settings=settings, parameters=parameters)
    return evolve(found, message=masked(found.message))


def _is_by_store(error: bytes) -> bool:
    """Whether an error is the store's own: XML as that of S3, or what the local service sends."""
    return _XML_ERROR.match(error) is not None or read_error(error).by_service


_XML_ERROR: Final = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<Error\b")


def _without_query(url: str) -> str:
    parts = parse_url(url)
    return f"{parts.scheme}://{parts.host}{parts.path or ''}"
