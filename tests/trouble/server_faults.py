"""What a server, or something in front of it, does to a client: each fault is a row of the table.

To add one, write what it sends, and add it to :data:`FAULTS`.
"""

import base64
import hashlib
import json
import math
import socket
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SLOW = 2.0
"""Seconds between two headers: the official clients read no more than a hundred."""
LOGIN, ASKING, ONCE = ("login",), ("status", "result"), ("submission",)
RIGHT = frozenset({"right"})
"""What may come of it where the service is well again."""
SAID = frozenset({"right", "clear error"})
"""What may come of it where that is all that can be done."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    name: str
    """Its row of the table."""
    strike: Callable
    """Sends it; gets a :class:`~faulty_proxy.Struck`."""
    places: tuple[str, ...] = ASKING
    """Which requests it strikes, one in each attempt; see :data:`~faulty_proxy.PLACES`."""
    times: float = 1
    """How many requests it strikes in an attempt."""
    may: frozenset[str] = RIGHT
    """What may come of it with our client."""
    closes: bool = True
    """Whether the connection ends with it."""
    is_large: bool = False
    """Whether an attempt may use all the memory that it is given."""


def drips(start, piece, pause=0.5):
    def strike(struck):
        struck.send(start)
        struck.drip(piece, pause)

    return strike


def endless(start, piece):
    def strike(struck):
        struck.send(start)
        while True:
            struck.send(piece)

    return strike


def sends(status, body, *headers):
    lines = (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", "")
    return lambda struck: struck.send("\r\n".join(lines).encode("latin-1") + body)


def page(status):
    html = f"<html><head><title>{status}</title></head><body><center>{status}</center><hr>nginx</body></html>"
    return sends(status, html.encode(), "Content-Type: text/html")


def redirected(status):
    def strike(struck):
        sends(status, b"", f"Location: {struck.elsewhere}/api/jobs/x")(struck)

    return strike


def bomb():
    """Two gigabytes of nothing in two megabytes, in members that each unpack to 8 MB."""
    packer = zlib.compressobj(9, wbits=31)
    body = (packer.compress(bytes(8 << 20)) + packer.flush()) * 256
    return OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def cookies(struck):
    """As nginx does with a head of more than 8 kB."""
    if len(struck.head) > 8192:
        return page("431 Request Header Fields Too Large")(struck)
    head, body = struck.reply()
    name = f"trace{len(head)}{hash(struck.head) & 0xFFFF}"
    struck.send(head[:-2] + f"Set-Cookie: {name}={'x' * 2000}; Path=/\r\n\r\n".encode() + body)
    return None


def broken_token(struck):
    token = "abc\r\nX-Injected: yes"
    body = {"id": token, "ttl": 1000000, "userId": "x", "access_token": token, "expires_in": 3600, "expiration": 4e9}
    sends("200 OK", json.dumps(body).encode(), "Content-Type: application/json")(struck)


def reset(struck):
    head, body = struck.reply()
    struck.send(head + body[: len(body) // 2])
    # Without a farewell: the other side gets a reset.
    struck.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def echoes(struck):
    """A refusal that repeats what was sent, in words, in a header and in the status line."""
    said = struck.head.replace("\r\n", " ")[:3000]
    body = json.dumps({"errors": [{"code": 1234, "message": said, "solution": said, "more_info": said}], "trace": said})
    sends("400 " + said[-1000:], body.encode(), "Content-Type: application/json", f"X-Echo: {said}")(struck)


def upgraded(start, piece=None, pause=0.5):
    """A websocket that is opened as it should be."""

    def strike(struck):
        fields = dict(line.split(": ", 1) for line in struck.head.split("\r\n")[1:] if line)
        key = next(value for name, value in fields.items() if name.lower() == "sec-websocket-key")
        proof = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False).digest()
        lines = ("HTTP/1.1 101 Go", "Upgrade: websocket", "Connection: Upgrade")
        accept = f"Sec-WebSocket-Accept: {base64.b64encode(proof).decode()}"
        struck.send("\r\n".join((*lines, accept, "", "")).encode() + start)
        struck.wait() if piece is None else struck.drip(piece, pause)

    return strike


STREAM = ("stream",)
FAULTS = (
    Fault("no answer at all", lambda struck: struck.wait()),
    Fault("headers that drip", drips(OK, b"X: y\r\n", SLOW)),
    Fault("one header that drips", drips(OK + b"X: ", b"a")),
    Fault("a chunk size that drips", drips(CHUNKED + b"1;", b"a")),
    Fault("trailers that drip", drips(CHUNKED + b"1\r\n{\r\n0\r\n", b"X: y\r\n", SLOW)),
    Fault("replies `100 Continue` that drip", drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
    Fault("a body that drips", drips(OK + b"Content-Length: 100000\r\n\r\n", b" ")),
    Fault("a body without an end", endless(OK + b"\r\n", b" " * 65536), ("status",), is_large=True),
    Fault("a result without an end", endless(OK + b"\r\n", b" " * 65536), ("result",), may=SAID, is_large=True),
    Fault("2 GB in 2 MB of gzip", lambda struck: struck.send(bomb()), ("status",), is_large=True),
    Fault("a result of 2 GB in 2 MB of gzip", lambda struck: struck.send(bomb()), ("result",), may=SAID, is_large=True),
    Fault("`Content-Length` of 2^64", lambda struck: struck.send(OK + b"Content-Length: %d\r\n\r\n{}" % 2**64)),
    Fault("a chunk of 2^64 bytes", lambda struck: struck.send(CHUNKED + b"1%s\r\n{}" % (b"0" * 16))),
    Fault("a connection that is reset in the midst of a body", reset),
    *(
        Fault(f"a page of HTML: {status}", page(status), (*ASKING, *ONCE))
        for status in ("403 Forbidden", "404 Not Found", "431 Request Header Fields Too Large", "502 Bad Gateway")
    ),
    Fault("a page of HTML at the login: 403 Forbidden", page("403 Forbidden"), LOGIN, may=SAID),
    Fault("302 to another host", redirected("302 Found")),
    Fault("307 to another host, at the submission", redirected("307 Temporary Redirect"), ONCE, may=SAID),
    Fault("a body of `null`", sends("200 OK", b"null", "Content-Type: application/json")),
    Fault(
        "a body of `null` at the login, the device, the submission",
        sends("200 OK", b"null", "Content-Type: application/json"),
        (*LOGIN, "backend", *ONCE),
        may=SAID,
    ),
    Fault("a cookie of 2 kB in each reply; 431 above 8 kB", cookies, ("anything",), times=math.inf, closes=False),
    Fault("an access token with a line break", broken_token, LOGIN, may=SAID),
    Fault("a refusal that repeats the token", echoes, may=SAID),
    Fault("a websocket's handshake that drips", drips(b"HTTP/1.1 101 Go\r\n", b"X: y\r\n", SLOW), STREAM),
    Fault("a websocket that stays silent", upgraded(b""), STREAM),
    Fault("a frame that drips", upgraded(b"\x81\x7e\xff\xff", b"a"), STREAM),
    Fault("a frame of 2^63 bytes", upgraded(b"\x81\x7f\x7f" + b"\xff" * 7, b"a" * 65536, 0.01), STREAM),
    Fault("fragments without an end", upgraded(b"\x01\x01a", b"\x00\x01a"), STREAM),
    Fault("a page of HTML for a websocket: 403 Forbidden", page("403 Forbidden"), STREAM),
)
