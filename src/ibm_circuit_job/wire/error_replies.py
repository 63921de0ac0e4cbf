"""The message in the body of an error reply from the service, from IAM, or from a proxy in front of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

from ibm_circuit_job.wire import documents


@frozen
class ServerMessage:
    """The message in the body of an error reply."""

    message: str
    """The server's own words; empty if there are none."""
    code: str | None = None
    """The server's error code."""
    trace_id: str | None = None
    """The ID under which the server's operators find the request."""
    by_service: bool = False
    """Whether the body has the form of the service's own errors. Pages of proxies and gateways have another form."""


def read_error(body: bytes, shown: Callable[[str], str] = str) -> ServerMessage:
    """Read the body of an error reply of either channel, or of IAM. Every body has a message; none raises.

    Args:
        body: The body.
        shown: Returns a text without its secrets. It is called before a text is shortened, because a part of a secret
            would not be recognised.

    Example:
        >>> read_error(b'{"error": {"code": 1291, "message": "Job not found."}}')
        ServerMessage(message='Job not found.', code='1291', trace_id=None, by_service=True)
        >>> read_error(b'{"errors": [{"code": 1291, "message": "No.", "solution": "Ask."}], "trace": "x1"}')
        ServerMessage(message='No. Ask.', code='1291', trace_id='x1', by_service=True)
        >>> read_error(b"<html><title>Bad gateway</title></html>")
        ServerMessage(message='Bad gateway', code=None, trace_id=None, by_service=False)
    """
    read = documents.value(body, "error reply")
    reply = read.value_or(None)
    if not isinstance(reply, Mapping):
        return ServerMessage(_words_of_page(body, shown))
    errors = reply.get("errors")
    error = errors[0] if isinstance(errors, list) and errors else reply.get("error", reply)
    # IAM has the error fields at the root, with other names.
    by_service = isinstance(error, Mapping) and (error is not reply or "errorCode" in reply)
    if not isinstance(error, Mapping):
        error = {"message": error}
    texts = (error.get(key) for key in ("message", "errorMessage", "solution"))
    words = [text for text in texts if isinstance(text, str) and text]
    code, trace = error.get("code", error.get("errorCode")), reply.get("trace")
    return ServerMessage(
        shown(" ".join(words))[:_LONGEST_MESSAGE],
        None if code is None else shown(str(code))[:100],
        shown(str(trace))[:100] if trace else None,
        by_service,
    )


_LONGEST_MESSAGE: Final = 1000


def is_page(body: bytes) -> bool:
    """Return whether a body is a page of HTML, which the service itself never sends.

    Example:
        >>> is_page(b"<!DOCTYPE html><html></html>"), is_page(b'{"results": []}'), is_page(b"<frozen runpy>")
        (True, False, False)
    """
    return _PAGE.match(body, 0, 1000) is not None


_PAGE: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*|<\?xml.*?\?>\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)


def _words_of_page(body: bytes, shown: Callable[[str], str]) -> str:
    """The title of an outage page, or the beginning of a plain text."""
    text = shown(body[:10_000].decode("utf-8", "replace"))
    lower = text.lower()
    start, end = lower.find("<title>"), lower.find("</title>")
    if 0 <= start < end:
        return text[start + len("<title>") : end].strip()[:_LONGEST_MESSAGE]
    return "an HTML page" if "<html" in lower else text.strip()[:200]
