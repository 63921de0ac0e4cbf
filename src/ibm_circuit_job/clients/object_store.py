"""Reading a result that lies at a URL: in an object store, which wants no token and gets none.

The URL comes from the service and is itself a secret: anyone who has it may read the result. So no message repeats more
of it than the host and the path.
"""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from http.client import responses
from typing import Final

import requests
from attrs import evolve
from urllib3.util import parse_url
from urllib3.util.retry import Retry

from ibm_circuit_job.clients import bodies
from ibm_circuit_job.clients.http import CONNECT_SECONDS, ONCE, RETRY, RequestFailed, new_session
from ibm_circuit_job.clients.network_errors import BROKEN, unreachable
from ibm_circuit_job.clients.network_settings import settings_for
from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.clients.pasted import is_loopback
from ibm_circuit_job.errors import Refused, Unreachable, Unreadable, Unsupported
from ibm_circuit_job.state.facts import MOST_BYTES
from ibm_circuit_job.wire.error_replies import read_error


def read(
    url: str,
    *,
    doing: str,
    parameters: ClientParameters | None = None,
    most: int = MOST_BYTES,
    prompt: bool = False,
) -> bytes:
    """Return what lies at a URL.

    Args:
        url: Where it lies: https, or http on this machine.
        doing: What it is for, as in ``"read the result of job abc"``.
        parameters: Proxies, and whether certificates are checked; nothing else of them is used.
        most: How many bytes it may hold.
        prompt: Try once, for a caller that has a policy of its own.

    Raises:
        RequestFailed: If the URL is not one of these, the store refuses or cannot be reached, or there is more.
    """
    asking = _asking.set(True)
    try:
        failed = _fetched(url, doing, parameters, most, ONCE if prompt else RETRY)
    finally:
        _asking.reset(asking)
    if isinstance(failed, bytes):
        return failed
    # Raised here, and not where it was caught: the network's exception holds the URL.
    raise RequestFailed(failed)


_asking: Final[ContextVar[bool]] = ContextVar("asking the object store", default=False)


def _without_queries(record: logging.LogRecord) -> bool:
    """Cut the queries of URLs from what urllib3 logs while the store is asked."""
    if _asking.get() and isinstance(record.args, tuple):
        record.args = tuple(part.partition("?")[0] if isinstance(part, str) else part for part in record.args)
    return True


for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_without_queries)


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
    most: int,
    retry: Retry,
) -> bytes | Refused | Unreachable | Unreadable | Unsupported:
    if not is_allowed(url):
        scheme = url.split(":", 1)[0][:20]
        return Unsupported(doing, f"expected the result to lie at an https URL, got one of {scheme!r}")
    with new_session(retry) as session:
        return _answer(session, url, doing, parameters, most)


def _answer(
    session: requests.Session, url: str, doing: str, parameters: ClientParameters | None, most: int
) -> bytes | Refused | Unreachable | Unreadable | Unsupported:
    shown, settings = _without_query(url), settings_for(url, parameters)
    if missing := settings.what_is_missing(url):
        return Unsupported(doing, missing)
    try:
        with session.get(
            url,
            timeout=(CONNECT_SECONDS, bodies.SILENT_SECONDS),
            stream=True,
            allow_redirects=False,
            **settings.as_arguments(url),
        ) as response:
            if response.status_code != 200:
                # Not in its own words, which may repeat the URL.
                words = responses.get(response.status_code, "")
                by_store = _is_by_store(bodies.beginning(response, _ERROR_BYTES))
                return Refused(doing, shown, response.status_code, words, by_service=by_store)
            return bodies.read_steadily(response, most)
    except bodies.TooLarge as error:
        return Unreadable("result", "", str(error))
    except BROKEN as error:
        found = unreachable(doing, url, error, shown=shown, settings=settings, parameters=parameters)
        words = found.message.replace(parse_url(url).query or url, "***")
        for password in settings.passwords():
            words = words.replace(password, "***")
        return evolve(found, message=words)


def _is_by_store(error: bytes) -> bool:
    """Whether an error is the store's own: XML as that of S3, or what the local service sends."""
    return _XML_ERROR.match(error) is not None or read_error(error).by_service


_ERROR_BYTES: Final = 10_000
_XML_ERROR: Final = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<Error\b")


def _without_query(url: str) -> str:
    parts = parse_url(url)
    return f"{parts.scheme}://{parts.host}{parts.path or ''}"
