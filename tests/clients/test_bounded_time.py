"""Each call ends, whatever a server or a name server does meanwhile; what comes slowly is read on."""

import contextlib
import gzip
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hostile_server import CLOSE, PING, hostile, reply
from request_failures import failure_of

from ibm_circuit_job.clients import ClientParameters, bounded, http, object_store, opening, stream
from ibm_circuit_job.clients.http import HttpSession
from ibm_circuit_job.errors import Obstacle, Refused, Unreachable

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
# The header of gzip, and that of a stored block, in which any byte is right.
ZIPPED = OK + b"Content-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n" + gzip.compress(b"")[:10] + b"\0\xff\xff\0\0"
REPLIES = {
    "nothing": (b"", b""),
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "header": (OK + b"X: ", b"a"),
    "headers": (OK, b"X: y\r\n"),
    "replies 100": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (OK + b"Content-Length: 100000\r\n\r\n", b" "),
    "body without a length": (OK + b"\r\n", b" "),
    "zipped body": (ZIPPED, b"a"),
    "chunk size": (CHUNKED + b"1;", b"a"),
    "chunks": (CHUNKED, b"1\r\n \r\n"),
    "trailers": (CHUNKED + b"1\r\n{\r\n0\r\n", b"X: y\r\n"),
    "many trailers": (CHUNKED + b"1\r\n{\r\n0\r\n", b"X: yyyyyyyyyy\r\n" * 500),
    "refusal": (b"HTTP/1.1 404 No\r\nContent-Length: 100000\r\n\r\n", b" "),
}


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Lower the limits, so that no test waits for them."""
    monkeypatch.setattr(bounded, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(http, "RETRY", http.ONCE)
    monkeypatch.setattr(stream, "PING_SECONDS", 0.2)
    monkeypatch.setattr(stream, "CONNECT_SECONDS", 0.3)


@pytest.fixture
def server():
    with hostile() as server:
        yield server


@pytest.fixture
def session(server):
    session = HttpSession(ClientParameters("secret", server.url))
    yield session
    session.close()


def dripping(server, start, piece):
    def answer(connection, _):
        connection.sendall(start)
        server.drip(connection, piece)

    return answer


CALLS = {
    "patient": lambda session, url: session.request("ask", "GET", url),
    "prompt": lambda session, url: session.request("ask", "GET", url, seconds=1.0),
    "once": lambda session, url: session.request("ask", "POST", url, body=b"{}", once=True),
    "result": lambda session, url: session.download("read", url),
    "located result": lambda _, url: object_store.read(f"{url}/r", doing="read"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", REPLIES)
def test_reply_that_drips_ends_the_call(server, session, kind, call, monkeypatch):
    monkeypatch.setattr(http, "ONCE_SECONDS", 0.3)
    if kind == "refusal":
        # Its headers have to arrive in time.
        monkeypatch.setattr(bounded, "SILENT_SECONDS", 1.0)
        monkeypatch.setattr(http, "ONCE_SECONDS", 1.0)
    server.answer = dripping(server, *REPLIES[kind])
    failure = failure_of(lambda: CALLS[call](session, server.url))
    assert isinstance(failure, Refused if kind == "refusal" else Unreachable)
    assert failure.can_retry


def test_document_ends_though_it_makes_progress(server, session, monkeypatch):
    monkeypatch.setattr(http, "DOCUMENT_SECONDS", 0.6)
    server.answer = dripping(server, OK + b"\r\n", b" " * 2000)
    assert isinstance(failure_of(lambda: session.request("ask", "GET", server.url)), Unreachable)


@pytest.mark.parametrize("size", [50, 2000])
def test_body_that_makes_progress_is_read_on(server, session, size):
    pieces = 25

    def answer(connection, _):
        connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % (size * pieces))
        for _ in range(pieces):
            if server.ended.wait(0.04):
                return
            connection.sendall(b" " * size)

    server.answer = answer
    if size == 2000:
        assert len(session.download("read", server.url)) == size * pieces
        assert len(session.request("ask", "GET", server.url).content) == size * pieces
    else:
        assert "expected at least 1024" in failure_of(lambda: session.download("read", server.url)).message


def test_upload_that_makes_progress_is_sent_in_full(server, session):
    body, got = b"x" * 20_000_000, []

    def answer(connection, head):
        got.append(head)
        connection.sendall(reply(b"{}"))

    server.answer = answer
    assert session.request("submit", "POST", server.url, body=body, once=True).content == b"{}"


def test_connection_that_was_cut_is_not_used_again(server, session):
    server.answer = dripping(server, *REPLIES["body"])
    failure_of(lambda: session.request("ask", "GET", server.url))
    server.answer = lambda connection, _: connection.sendall(reply(b"{}"))
    assert session.request("ask", "GET", server.url).content == b"{}"
    assert session.request("ask", "GET", server.url).content == b"{}"
    assert server.connections == 2


def test_reply_behind_a_1xx_is_not_taken_for_the_next_one(server, session):
    def answer(connection, head):
        if "/first" in head:
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n" + reply(b'"first"'))
        else:
            connection.sendall(reply(b'"second"'))

    server.answer = answer
    refused = failure_of(lambda: session.request("ask", "GET", f"{server.url}/first"))
    assert (refused.http_status, refused.can_retry) == (103, True)
    assert session.request("ask", "GET", f"{server.url}/second").content == b'"second"'


# Name servers


@pytest.fixture
def silent_names(monkeypatch):
    """A name server that does not answer until the test ends."""
    answered, look_up = threading.Event(), socket.getaddrinfo

    def silent(host, *more, **given):
        if "silent" in str(host):
            answered.wait(60)
            raise socket.gaierror("no answer")
        return look_up(host, *more, **given)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    yield answered
    answered.set()
    for thread in openings():
        thread.join(30)


def openings():
    return [thread for thread in threading.enumerate() if thread.name == "ibm-circuit-job-connect"]


@pytest.mark.parametrize("call", [*CALLS, "stream"])
def test_name_server_that_does_not_answer_ends_the_call(session, silent_names, call):
    url = "https://silent.invalid"
    parameters = ClientParameters("secret", url)
    ask = CALLS.get(call, lambda *_: stream.listen("wss://silent.invalid", {}, 5.0, doing="x", parameters=parameters))
    if call == "once":
        failure = failure_of(lambda: session.request("ask", "POST", url, seconds=0.3))
    else:
        failure = failure_of(lambda: ask(session, url))
    assert "the name server or the host does not answer" in failure.message
    if call != "stream":
        assert failure.obstacle is Obstacle.SILENT
        assert not failure.was_sent
    silent_names.set()


def ask_for(session, host):
    return failure_of(lambda: session.request("ask", "GET", f"https://{host}", seconds=0.3)).message


def test_connections_that_are_given_up_end_and_are_limited(session, silent_names, monkeypatch):
    monkeypatch.setattr(opening, "MOST_OF_HOST", 2)
    assert "does not answer" in ask_for(session, "silent.invalid")
    assert "does not answer" in ask_for(session, "silent.invalid")
    refused = ask_for(session, "silent.invalid")
    assert "2 earlier connections to silent.invalid:443 have not ended" in refused
    assert " object" not in refused
    assert len(openings()) == 2
    silent_names.set()
    for thread in openings():
        thread.join(30)
    assert openings() == []
    # A place is free again.
    assert "earlier connections" not in ask_for(session, "silent.invalid")


def test_silent_name_does_not_stop_other_hosts(server, session, silent_names, monkeypatch):
    monkeypatch.setattr(opening, "MOST_OF_HOST", 1)
    server.answer = lambda connection, _: connection.sendall(reply(b"{}"))
    assert "no connection within" in ask_for(session, "silent.invalid")
    assert "1 earlier connections" in ask_for(session, "silent.invalid")
    assert session.request("ask", "GET", server.url).content == b"{}"


def test_hosts_together_are_limited(session, silent_names, monkeypatch):
    monkeypatch.setattr(opening, "MOST_IN_ALL", 2)
    assert "no connection within" in ask_for(session, "silent-a.invalid")
    assert "no connection within" in ask_for(session, "silent-b.invalid")
    assert "2 earlier connections have not ended" in ask_for(session, "silent-c.invalid")


def test_threads_that_ask_at_once_abandon_no_more_than_the_limit(silent_names, monkeypatch, server):
    monkeypatch.setattr(opening, "MOST_OF_HOST", 2)

    def ask(_):
        with contextlib.closing(HttpSession(ClientParameters("secret", server.url))) as session:
            return ask_for(session, "silent.invalid")

    with ThreadPoolExecutor(10) as pool:
        said = list(pool.map(ask, range(10)))
    assert len(openings()) == 2
    assert sum("no connection within" in words for words in said) == 2


def test_threads_that_ask_at_once_wait_for_their_turn(server, monkeypatch):
    monkeypatch.setattr(bounded, "SILENT_SECONDS", 30.0)
    monkeypatch.setattr(opening, "MOST_OF_HOST", 1)
    server.answer = lambda connection, _: connection.sendall(reply(b"{}"))

    def ask(_):
        with contextlib.closing(HttpSession(ClientParameters("secret", server.url))) as session:
            return session.request("ask", "GET", server.url, seconds=30).content

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(ask, range(10))) == [b"{}"] * 10


def test_handshake_of_tls_that_never_ends_ends_the_call(server, session):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        assert isinstance(failure_of(lambda: session.request("ask", "GET", url, seconds=0.3)), Unreachable)


def test_proxy_that_drips_its_answer_ends_the_call(server):
    server.answer = dripping(server, OK, b"X: y\r\n")
    proxied = HttpSession(ClientParameters("secret", "https://a.invalid", proxies={"urls": {"https": server.url}}))
    assert isinstance(failure_of(lambda: proxied.request("ask", "GET", "https://a.invalid")), Unreachable)
    for thread in openings():
        thread.join(30)
    assert openings() == []


# The websocket


def upgraded(server, start, piece=b""):
    def answer(connection, head):
        key = next(line for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Key")).partition(": ")[2]
        accept = stream._accepted(key)
        lines = ("HTTP/1.1 101 Go", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}")
        connection.sendall("\r\n".join((*lines, "", "")).encode() + start)
        if piece:
            server.drip(connection, piece)
        with contextlib.suppress(OSError):
            connection.recv(1000)
        return "close"

    return answer


def listen(server, seconds=20.0):
    return stream.listen(server.ws, {}, seconds, doing="listen", parameters=ClientParameters("secret", server.url))


FRAMES = {
    "nothing": (b"", b""),
    "frame": (b"\x81\x7e\xff\xff", b"a"),
    "frame of 2^63 bytes": (b"\x81\x7f" + b"\x7f" + b"\xff" * 7, b"a"),
    "fragments": (b"\x01\x01a", b"\x00\x01a"),
    "no frames": (b"\xff\xff", b"\xff"),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frame_that_drips_ends_the_stream(server, kind):
    server.answer = upgraded(server, *FRAMES[kind])
    assert isinstance(failure_of(lambda: listen(server)), Unreachable)


@pytest.mark.parametrize("kind", ["nothing", "status line", "header", "headers", "replies 100"])
def test_handshake_that_drips_ends_the_stream(server, kind):
    server.answer = dripping(server, *REPLIES[kind])
    assert isinstance(failure_of(lambda: listen(server)), Unreachable)


def test_refusal_of_a_stream_that_drips_ends_it(server, monkeypatch):
    monkeypatch.setattr(stream, "CONNECT_SECONDS", 1.0)
    server.answer = dripping(server, b"HTTP/1.1 409 No\r\nContent-Length: 100000\r\n\r\n", b" ")
    assert failure_of(lambda: listen(server)).http_status == 409


def test_stream_that_lives_is_listened_to_until_the_time_is_up(server):
    server.answer = upgraded(server, b"", PING)
    assert listen(server, 1.0) is False


def test_frame_right_behind_the_handshake_is_heard(server):
    server.answer = upgraded(server, b"\x81\x02{}" + CLOSE)
    assert listen(server) is True


def test_handshake_without_the_proof_of_the_protocol_is_no_stream(server):
    server.answer = lambda connection, _: connection.sendall(b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\n\r\n" + CLOSE)
    assert failure_of(lambda: listen(server)).message == "expected a websocket, got another protocol"
