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

from attrs import evolve
from urllib3.util import parse_url

from ibm_circuit_job.clients import http
from ibm_circuit_job.clients.bounded import Bound, Call
from ibm_circuit_job.clients.http import Broken, Patience, RequestFailed, exchanged, new_session
from ibm_circuit_job.clients.network_errors import unreachable, unusable
from ibm_circuit_job.clients.network_settings import NetworkSettings, settings_for
from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.clients.pasted import is_loopback
from ibm_circuit_job.errors import Refused, Unreachable, Unreadable, Unsupported
from ibm_circuit_job.wire.error_replies import read_error


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
    asking = _asking.set(True)
    try:
        failed = _fetched(url, doing, parameters, http.ONCE if prompt else http.RETRY)
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
    patience: Patience,
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
        return _broken(found.error, url, doing, shown, settings, parameters)
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
) -> Unreachable | Unreadable | Unsupported:
    if (of_no_use := unusable(doing, error, is_result=True)) is not None:
        return of_no_use
    found = unreachable(doing, url, error, shown=shown, settings=settings, parameters=parameters)
    words = found.message.replace(parse_url(url).query or url, "***")
    for password in settings.passwords():
        words = words.replace(password, "***")
    return evolve(found, message=words)


def _is_by_store(error: bytes) -> bool:
    """Whether an error is the store's own: XML as that of S3, or what the local service sends."""
    return _XML_ERROR.match(error) is not None or read_error(error).by_service


_XML_ERROR: Final = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<Error\b")


def _without_query(url: str) -> str:
    parts = parse_url(url)
    return f"{parts.scheme}://{parts.host}{parts.path or ''}"
