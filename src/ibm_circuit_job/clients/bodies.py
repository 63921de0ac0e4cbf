"""Reading the body of a reply piece by piece, for as long as it makes progress.

A body of a hundred megabytes over a slow line takes minutes and is no trouble; one of which nothing more comes is.
"""

from __future__ import annotations

import contextlib
import io
import time
from typing import Final

import requests
import urllib3

SILENT_SECONDS: Final = 30.0
"""Within how many seconds at least :data:`LEAST_BYTES` must come."""
LEAST_BYTES: Final = 1024
"""How many bytes must come within :data:`SILENT_SECONDS`; a body that ends may be shorter."""
_PIECE: Final = 256 * 1024


class TooLarge(ValueError):  # noqa: N818 - named for what it says
    """A body holds more bytes than it may."""


def read_steadily(response: requests.Response, most: int | None = None) -> bytes:
    """Return the body of a reply that was requested with ``stream=True`` and a read timeout.

    Args:
        response: The reply; nothing of its body was read yet.
        most: How many bytes the body may hold; ``None`` for any number.

    Raises:
        requests.RequestException: If fewer than ``LEAST_BYTES`` came in ``SILENT_SECONDS``, or the body ended early.
        urllib3.exceptions.HTTPError: If the connection broke.
        TooLarge: If there is more than ``most``.
    """
    # Its getvalue() is what was written, and no copy of it.
    body = io.BytesIO()
    since, counted = time.monotonic(), 0
    # Whatever has come so far, and not until so much has come.
    while piece := response.raw.read1(_PIECE, decode_content=True):
        size, now = body.tell() + body.write(piece), time.monotonic()
        if most is not None and size > most:
            raise TooLarge(f"expected at most {most} bytes, got more")
        if now - since >= SILENT_SECONDS:
            if size - counted < LEAST_BYTES:
                came = f"only {size - counted} bytes came in {now - since:.0f} seconds"
                raise requests.Timeout(f"{came}, expected at least {LEAST_BYTES}")
            since, counted = now, size
    missing = response.raw.length_remaining
    if missing:
        raise requests.ConnectionError(f"The body ended {missing} bytes early.")
    return body.getvalue()


def beginning(response: requests.Response, most: int) -> bytes:
    """Return the beginning of the body of an error: what comes of it in ``SILENT_SECONDS``, and then one read timeout.

    A body that breaks ends there: the status of the reply says what there is to say.

    Args:
        response: The reply; nothing of its body was read yet.
        most: How many bytes to return at most.
    """
    body, until = bytearray(), time.monotonic() + SILENT_SECONDS
    with contextlib.suppress(requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        while len(body) < most and time.monotonic() < until:
            piece = response.raw.read1(_PIECE, decode_content=True)
            if not piece:
                break
            body += piece
    return bytes(body[:most])
