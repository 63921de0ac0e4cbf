"""A service that stops while clients are connected: it ends in order, and logs nothing."""

import socket
import threading
from urllib.parse import urlsplit

import pytest
import uvicorn

from ibm_circuit_job.local import LocalService
from ibm_circuit_job.local.server import _Server, bound_socket


@pytest.fixture
def service():
    with LocalService(workers=1) as service:
        yield service


def opened(service, path, **headers):
    """A connection over which a reply has begun, of which nothing more is read."""
    parts = urlsplit(service.url)
    connection = socket.socket()
    # Little fits in between, so that the service soon waits for the reader.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((parts.hostname, parts.port))
    lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{name}: {text}" for name, text in headers.items())]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    assert connection.recv(15) == b"HTTP/1.1 200 OK"
    return connection


def test_open_stream_of_the_page_ends(service, capfd):
    with opened(service, "/page/live/devices", Authorization=f"apikey {service.token}"):
        service.stop()
    assert capfd.readouterr().err == ""


async def endless(scope, receive, send):
    """Send more than fits in between."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(64):
        await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})


def test_connection_that_nothing_reads_is_dropped(caplog):
    started = threading.Event()
    config = uvicorn.Config(endless, log_config=None, timeout_graceful_shutdown=1, lifespan="off")
    server = _Server(config, started.set, lambda: None)
    bound = bound_socket("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    assert started.wait(30)
    with bound, socket.create_connection(bound.getsockname()) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
