"""Reads and decompresses the body of a reply piece by piece, within the limits of its call."""

from __future__ import annotations

import contextlib
import io
import re
import zlib
from collections.abc import Iterator
from typing import Any, Final

import requests
import urllib3

from ibm_circuit_job.clients.bounded import DOCUMENT_BYTES, Call

ENCODINGS: Final = "gzip, deflate"
"""The encodings that requests accept, for the header ``Accept-Encoding``."""
_COMPRESSIONS: Final = frozenset({"gzip", "x-gzip", "deflate"})
_NO_COMPRESSION: Final = frozenset({"", "identity", "none", "binary", "aws-chunked", "utf-8", "utf8"})
"""Words that servers write into the header ``Content-Encoding`` of a body without compression."""
_MOST_ENCODINGS: Final = 4
"""The most compressions of one body, each inside the next."""
_PIECE_BYTES: Final = 256 * 1024
_JSON: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s*[{\["]')
"""The beginning of a JSON document: an object, a list or a text."""


class NotJson(OSError):  # noqa: N818 - named for what it says
    """A body is larger than any error message or web page, and is not JSON."""


class UnknownEncoding(OSError):  # noqa: N818 - named for what it says
    """A body has a compression that the request did not accept."""


def read(response: requests.Response, call: Call) -> bytes:
    """Return the decompressed body of a reply that was requested with ``stream=True``.

    Args:
        response: The reply, before anything of its body was read.
        call: The call of the request; it must be entered.

    Raises:
        requests.RequestException: If the body ended early.
        urllib3.exceptions.HTTPError: If the connection broke, or too few bytes arrived in time.
        TooLarge: If the body is larger than the bound of the call.
        NotJson: If the body is larger than a document may be, and does not begin like JSON.
        UnknownEncoding: If the body has a compression that the request did not accept.
        zlib.error: If the body cannot be decompressed.
    """
    # getvalue() of a BytesIO that is not written to again makes no copy.
    body, is_json = io.BytesIO(), False
    try:
        for piece in _unpacked(response, call):
            size = body.tell() + body.write(piece)
            call.bound.check(size)
            if size > DOCUMENT_BYTES and not is_json:
                _check_begins_as_json(body.getbuffer()[:_PIECE_BYTES])
                is_json = True
    except BaseException:
        # Otherwise the traceback has a reference to the whole body.
        body.close()
        raise
    missing = response.raw.length_remaining
    if missing:
        raise requests.ConnectionError(f"The body ended {missing} bytes early.")
    return body.getvalue()


def _check_begins_as_json(start: memoryview) -> None:
    is_json = _JSON.match(start) is not None
    start.release()
    if not is_json:
        raise NotJson(f"expected JSON, got more than {DOCUMENT_BYTES} bytes that do not begin like JSON")


def beginning(response: requests.Response, call: Call, most: int) -> bytes:
    """Return the beginning of the body of an error reply, as far as it arrives in time.

    A broken body raises nothing: its status says enough, so the bytes that arrived before are returned.

    Args:
        response: The reply, before anything of its body was read.
        call: The call of the request; it must be entered.
        most: The most bytes to return.
    """
    body = bytearray()
    with contextlib.suppress(requests.RequestException, urllib3.exceptions.HTTPError, OSError, zlib.error):
        for piece in _unpacked(response, call):
            body += piece
            if len(body) >= most:
                break
    return bytes(body[:most])


def _unpacked(response: requests.Response, call: Call) -> Iterator[bytes]:
    # The headers of the connection: a hook may have decompressed the body, and response.headers does not change then.
    headers: Any = getattr(response.raw, "headers", {})
    pieces = _received(response, call)
    # The last compression in the header was applied last.
    for encoding in reversed(_encodings(str(headers.get("Content-Encoding", "")))):
        pieces = _bounded(_inflated(pieces, is_zip=encoding != "deflate"), call)
    yield from pieces


def _encodings(header: str) -> list[str]:
    """The compressions that a header names, in its order.

    Raises:
        UnknownEncoding: If the request did not accept one of them, or there are more than ``_MOST_ENCODINGS``.
    """
    named = [word.strip().lower() for word in header.split(",")]
    found = [word for word in named if word not in _NO_COMPRESSION]
    if len(found) > _MOST_ENCODINGS or not _COMPRESSIONS.issuperset(found):
        raise UnknownEncoding(
            f"expected Content-Encoding to be one of {ENCODINGS}, got {header.strip().lower()[:40]!r}"
        )
    return found


def _received(response: requests.Response, call: Call) -> Iterator[bytes]:
    """The pieces of a body as they arrive. read1() does not wait until a piece has its full size."""
    call.begin_part()
    while piece := response.raw.read1(_PIECE_BYTES, decode_content=False):
        call.progressed(len(piece))
        yield piece


def _bounded(pieces: Iterator[bytes], call: Call) -> Iterator[bytes]:
    """The same pieces, with a check of their total size. Each of several compressions is checked by itself."""
    size = 0
    for piece in pieces:
        size += len(piece)
        call.bound.check(size)
        yield piece


def _inflated(pieces: Iterator[bytes], *, is_zip: bool) -> Iterator[bytes]:
    """Decompressed pieces of at most ``_PIECE_BYTES`` each, so that a small body cannot fill the memory at once."""
    unpacker: Any = None
    for piece in pieces:
        left = piece
        while left:
            if unpacker is None:
                # Some servers send deflate without its header (RFC 1950). The first byte shows whether there is one.
                is_raw = not is_zip and left[0] & 0x0F != zlib.DEFLATED
                unpacker = zlib.decompressobj(-zlib.MAX_WBITS if is_raw else 32 + zlib.MAX_WBITS)
            yield unpacker.decompress(left, _PIECE_BYTES)
            left = unpacker.unconsumed_tail
            if unpacker.eof:
                # A body in gzip may have several members, and padding after them.
                left, unpacker = (unpacker.unused_data.lstrip(b"\0") if is_zip else b""), None
                if not left:
                    break
    if unpacker is not None:
        yield unpacker.flush()
        if not unpacker.eof:
            raise requests.ConnectionError("The body ended early.")
