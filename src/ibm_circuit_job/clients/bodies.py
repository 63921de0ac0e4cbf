"""Reading the body of a reply piece by piece, and unpacking it, within the bounds of its call."""

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
"""The encodings of bodies that are asked for."""
_COMPRESSIONS: Final = frozenset({"gzip", "x-gzip", "deflate"})
_NO_COMPRESSION: Final = frozenset({"", "identity", "none", "binary", "aws-chunked", "utf-8", "utf8"})
"""What is found in the header ``Content-Encoding`` of bodies that are not compressed, or not by that."""
_MOST_ENCODINGS: Final = 4
"""How many compressions a body may have, one in the other."""
_PIECE: Final = 256 * 1024
_JSON: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s*[{\["]')
"""What a JSON document begins with that is larger than a number."""


class NotJson(OSError):  # noqa: N818 - named for what it says
    """A body is larger than any error or page, and no JSON."""


class UnknownEncoding(OSError):  # noqa: N818 - named for what it says
    """A body is packed in a way that was not asked for."""


def read(response: requests.Response, call: Call) -> bytes:
    """Return the unpacked body of a reply that was requested with ``stream=True``.

    Args:
        response: The reply; nothing of its body was read yet.
        call: The call that it belongs to, which is entered.

    Raises:
        requests.RequestException: If the body ended early.
        urllib3.exceptions.HTTPError: If the connection broke, or too little came in time.
        TooLarge: If there is more than the bound of the call.
        NotJson: If there is more than a document may hold, and it does not begin as JSON does.
        UnknownEncoding: If it is packed in a way that was not asked for.
        zlib.error: If it cannot be unpacked.
    """
    # Its getvalue() is what was written, and no copy of it.
    body, is_begun = io.BytesIO(), False
    try:
        for piece in _unpacked(response, call):
            size = body.tell() + body.write(piece)
            call.bound.check(size)
            if size > DOCUMENT_BYTES and not is_begun:
                _check_begins_as_json(body.getbuffer()[:_PIECE])
                is_begun = True
    except BaseException:
        # The traceback would hold all of it.
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
        raise NotJson(f"expected JSON, got more than {DOCUMENT_BYTES} bytes that do not begin as JSON does")


def beginning(response: requests.Response, call: Call, most: int) -> bytes:
    """Return the beginning of the body of an error: what comes of it in time.

    A body that breaks ends there: the status of the reply says what there is to say.

    Args:
        response: The reply; nothing of its body was read yet.
        call: The call that it belongs to, which is entered.
        most: How many bytes to return at most.
    """
    body = bytearray()
    with contextlib.suppress(requests.RequestException, urllib3.exceptions.HTTPError, OSError, zlib.error):
        for piece in _unpacked(response, call):
            body += piece
            if len(body) >= most:
                break
    return bytes(body[:most])


def _unpacked(response: requests.Response, call: Call) -> Iterator[bytes]:
    # As the connection has it: the headers of the reply stay where a hook has unpacked the body.
    headers: Any = getattr(response.raw, "headers", {})
    pieces = _packed(response, call)
    # The one that is named last was done last.
    for encoding in reversed(_encodings(str(headers.get("Content-Encoding", "")))):
        pieces = _bounded(_inflated(pieces, is_zip=encoding != "deflate"), call)
    yield from pieces


def _encodings(header: str) -> list[str]:
    """The compressions that a header names, in its order.

    Raises:
        UnknownEncoding: If it names one that was not asked for, or more than are ever used.
    """
    named = [word.strip().lower() for word in header.split(",")]
    found = [word for word in named if word not in _NO_COMPRESSION]
    if len(found) > _MOST_ENCODINGS or not _COMPRESSIONS.issuperset(found):
        raise UnknownEncoding(
            f"expected Content-Encoding to be one of {ENCODINGS}, got {header.strip().lower()[:40]!r}"
        )
    return found


def _packed(response: requests.Response, call: Call) -> Iterator[bytes]:
    """The pieces of a body as they come, and not only when so much has come."""
    call.begin_part()
    while piece := response.raw.read1(_PIECE, decode_content=False):
        call.progressed(len(piece))
        yield piece


def _bounded(pieces: Iterator[bytes], call: Call) -> Iterator[bytes]:
    """The pieces of what was unpacked, which may be packed again: that counts, though little may come of it."""
    size = 0
    for piece in pieces:
        size += len(piece)
        call.bound.check(size)
        yield piece


def _inflated(pieces: Iterator[bytes], *, is_zip: bool) -> Iterator[bytes]:
    """Unpacked pieces, each of at most ``_PIECE`` bytes, however much is packed into one."""
    unpacker: Any = None
    for piece in pieces:
        left = piece
        while left:
            if unpacker is None:
                # Some servers send deflate without the header that it should have: the first byte tells.
                is_raw = not is_zip and left[0] & 0x0F != zlib.DEFLATED
                unpacker = zlib.decompressobj(-zlib.MAX_WBITS if is_raw else 32 + zlib.MAX_WBITS)
            yield unpacker.decompress(left, _PIECE)
            left = unpacker.unconsumed_tail
            if unpacker.eof:
                # A body in gzip may have several members; padding after them is passed over.
                left, unpacker = (unpacker.unused_data.lstrip(b"\0") if is_zip else b""), None
                if not left:
                    break
    if unpacker is not None:
        yield unpacker.flush()
        if not unpacker.eof:
            raise requests.ConnectionError("The body ended early.")
