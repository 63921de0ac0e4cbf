"""A reply is bounded as it arrives and as it unpacks, whatever its headers say of its size."""

import gzip
import tracemalloc
import zlib

import pytest
from hostile_server import hostile, reply
from request_failures import failure_of

from ibm_circuit_job.clients import ClientParameters, bodies, bounded, http, object_store, stream
from ibm_circuit_job.clients.http import HttpSession
from ibm_circuit_job.errors import Unreachable, Unreadable, Unsupported

BOUND = 200_000
TEXT = b'{"a": "%s"}' % (b"b" * 1000)
DOCUMENT, RESULT = "IBM_CIRCUIT_JOB_MOST_DOCUMENT_BYTES", "IBM_CIRCUIT_JOB_MOST_RESULT_BYTES"


@pytest.fixture(autouse=True)
def bounds(monkeypatch):
    monkeypatch.setenv(DOCUMENT, str(BOUND))
    monkeypatch.setenv(RESULT, str(BOUND))
    monkeypatch.setattr(bounded, "FRAMING_BYTES", 20_000)
    monkeypatch.setattr(http, "RETRY", http.ONCE)
    return monkeypatch


@pytest.fixture
def server():
    with hostile() as server:
        yield server


@pytest.fixture
def session(server):
    session = HttpSession(ClientParameters("secret", server.url))
    yield session
    session.close()


CALLS = {
    "document": (DOCUMENT, lambda session, url: session.request("ask", "GET", url).content),
    "prompt document": (DOCUMENT, lambda session, url: session.request("ask", "GET", url, seconds=30.0).content),
    "result": (RESULT, lambda session, url: session.download("read", url)),
    "located result": (RESULT, lambda _, url: object_store.read(f"{url}/r", doing="read")),
}


def raw_deflate(body):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def endless(start, piece):
    def answer(connection, _):
        connection.sendall(start)
        while True:
            connection.sendall(piece)

    return answer


def sends(body, *headers):
    return lambda connection, _: connection.sendall(reply(body, *headers))


ZEROS = bytes(20 * BOUND)
TOO_LARGE = {
    "plain": sends(bytes(2 * BOUND)),
    "gzip": sends(gzip.compress(ZEROS), "Content-Encoding: gzip"),
    "deflate": sends(zlib.compress(ZEROS), "Content-Encoding: deflate"),
    "gzip twice": sends(gzip.compress(gzip.compress(ZEROS)), "Content-Encoding: gzip, gzip"),
    "gzip of empty members": sends(
        gzip.compress(gzip.compress(b"") * (2 * BOUND // 20)), "Content-Encoding: gzip, gzip"
    ),
    "many members": sends(gzip.compress(bytes(BOUND // 2)) * 3, "Content-Encoding: gzip"),
    "without an end": endless(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536),
    "chunked without an end": endless(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"
    ),
    "trailers without an end": endless(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 10_000
    ),
    "replies 100 without an end": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", TOO_LARGE)
def test_reply_that_is_too_large_is_refused_by_name(server, session, kind, call):
    server.answer = TOO_LARGE[kind]
    variable, ask = CALLS[call]
    tracemalloc.start()
    try:
        failure = failure_of(lambda: ask(session, server.url))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # A result that is too large is so the next time, too. A document is not: something in front has sent it.
    assert isinstance(failure, Unreadable if variable == DOCUMENT else Unsupported)
    assert f"expected at most {BOUND} bytes" in failure.message
    assert variable in failure.message
    # With what the server has in memory, which sends from this process.
    assert peak < 8 * BOUND


PACKED = {
    "identity": (TEXT, "Content-Encoding: identity"),
    "gzip": (gzip.compress(TEXT), "Content-Encoding: gzip"),
    "x-gzip": (gzip.compress(TEXT), "content-encoding: X-GZIP"),
    "gzip twice": (gzip.compress(gzip.compress(TEXT)), "Content-Encoding: gzip, gzip"),
    "deflate, then gzip": (gzip.compress(raw_deflate(TEXT)), "Content-Encoding: deflate , Gzip"),
    "gzip of a bucket": (gzip.compress(TEXT), "Content-Encoding: aws-chunked,gzip"),
    "gzip and identity": (gzip.compress(TEXT), "Content-Encoding: identity, gzip, identity"),
    "none": (TEXT, "Content-Encoding: none"),
    "charset": (TEXT, "Content-Encoding: UTF-8"),
    "binary": (TEXT, "Content-Encoding: binary"),
    "two members": (gzip.compress(TEXT[:500]) + gzip.compress(TEXT[500:]), "Content-Encoding: gzip"),
    "padded": (gzip.compress(TEXT) + bytes(100), "Content-Encoding: gzip"),
    "deflate": (zlib.compress(TEXT), "Content-Encoding: deflate"),
    "raw deflate": (raw_deflate(TEXT), "Content-Encoding: deflate"),
    "large": (gzip.compress(TEXT * 150), "Content-Encoding: gzip"),
}


@pytest.mark.parametrize("kind", PACKED)
def test_body_is_unpacked_as_it_was_sent(server, session, kind):
    body, header = PACKED[kind]
    server.answer = sends(body, header)
    expected = TEXT * 150 if kind == "large" else TEXT
    assert [ask(session, server.url) for _, ask in CALLS.values()] == [expected] * len(CALLS)
    assert server.heads[0].lower().count("accept-encoding: gzip, deflate\r\n") == 1


@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip, compress", "nonsense", "gzip, gzip, gzip, gzip, gzip"])
def test_encoding_that_was_not_asked_for_is_named(server, session, encoding):
    server.answer = sends(TEXT, f"Content-Encoding: {encoding}")
    failure = failure_of(lambda: session.download("read", server.url))
    assert f"expected Content-Encoding to be one of gzip, deflate, got '{encoding}'" in failure.message


@pytest.mark.parametrize("cut", [-4, -1, 5])
@pytest.mark.parametrize("kind", ["gzip", "deflate", "two members"])
def test_packed_body_that_is_cut_off_is_a_failure(server, session, kind, cut):
    body, header = PACKED[kind]
    server.answer = sends(body[:cut], header)
    assert failure_of(lambda: session.download("read", server.url)).can_retry


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
def test_body_that_is_not_packed_as_it_says_is_a_failure(server, session, kind):
    server.answer = sends(b"no such thing", PACKED[kind][1])
    assert failure_of(lambda: session.download("read", server.url)).can_retry


@pytest.mark.parametrize("length", [2**63, 2**64, 10**40])
@pytest.mark.parametrize("call", CALLS)
def test_length_that_no_body_has_is_trouble_that_may_pass(server, session, length, call):
    def answer(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n{}" % length)
        return "close"

    server.answer = answer
    failure = failure_of(lambda: CALLS[call][1](session, server.url))
    assert isinstance(failure, Unreachable)
    assert failure.can_retry


@pytest.mark.parametrize("size", ["ffffffffffffffff", "f" * 40, "-1", "zz", ""])
def test_chunk_of_a_size_that_none_has_is_trouble_that_may_pass(server, session, size):
    def answer(connection, _):
        connection.sendall(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\n{{}}".encode())
        return "close"

    server.answer = answer
    for _, ask in CALLS.values():
        assert failure_of(lambda ask=ask: ask(session, server.url)).can_retry


def test_large_result_that_does_not_begin_as_json_is_refused_early(server, session, bounds):
    bounds.setattr(bodies, "DOCUMENT_BYTES", 100_000)
    server.answer = sends(bytes(150_000))
    assert "expected JSON" in failure_of(lambda: session.download("read", server.url)).message
    whole = b' {"a": "' + b"b" * 150_000 + b'"}'
    server.answer = sends(whole)
    assert session.download("read", server.url) == whole


def test_error_without_an_end_is_told_with_its_status(server, session):
    server.answer = endless(b"HTTP/1.1 404 No\r\n\r\n", b"<html>" + b" " * 65536)
    refused = failure_of(lambda: session.request("ask", "GET", server.url))
    assert (refused.http_status, refused.by_service) == (404, False)


FRAMES = {
    "frame": (b"\x82\x7f" + (2**40).to_bytes(8), b"a" * 65536),
    "fragments": (b"\x02\x01a", b"\x00\x7e\xff\xff" + b"a" * 65535),
    "fragments and pings": (b"\x02\x01a", b"\x00\x7e\xff\xff" + b"a" * 65535 + b"\x89\x00"),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_message_of_a_stream_without_an_end_is_cut_off(server, kind):
    def answer(connection, head):
        key = next(line for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Key")).partition(": ")[2]
        start, piece = FRAMES[kind]
        proof = f"Sec-WebSocket-Accept: {stream._accepted(key)}\r\n\r\n".encode()
        endless(b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + proof + start, piece)(
            connection, head
        )

    server.answer = answer
    parameters = ClientParameters("secret", server.url)
    failure = failure_of(lambda: stream.listen(server.ws, {}, 60.0, doing="listen", parameters=parameters))
    assert f"expected at most {BOUND} bytes" in failure.message
