"""Clients of the local service that leave in the midst of a request, or never begin one."""

import json
import socket
import struct
from urllib.parse import urlsplit

import pytest
import requests

from ibm_circuit_job.local import LocalService


@pytest.fixture
def service():
    with LocalService(workers=1, idle_seconds=1.0) as service:
        yield service


def connected(service):
    return socket.create_connection(("127.0.0.1", urlsplit(service.url).port), timeout=30)


def token_of(service):
    reply = requests.post(f"{service.url}/users/loginWithToken", json={"apiToken": service.token}, timeout=10)
    return reply.json()["id"]


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("leave", [reset, socket.socket.close])
def test_client_that_leaves_amid_a_request_costs_no_traceback(leave, capfd):
    # Started here, so that it writes where capfd reads.
    service = LocalService(workers=1)
    head = f"Host: localhost\r\nX-Access-Token: {token_of(service)}\r\n"
    body = json.dumps({"program_id": "circuit-runner"})
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    for sent in (
        f"POST /api/jobs HTTP/1.1\r\n{head}Content-Length: 5000\r\n\r\n{body}",
        f"POST /api/jobs HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n20\r\n{body}",
        "POST /api/users/loginWithToken HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{",
        "POST /identity/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\na=",
        f"GET /api/jobs HTTP/1.1\r\n{head}\r\n",
        f"GET /api/stream/jobs/x HTTP/1.1\r\n{head}{upgrade}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ):
        connection = connected(service)
        connection.sendall(sent.encode())
        # An answer to a later request shows that the service has read this one.
        requests.get(f"{service.url}/version", timeout=10)
        leave(connection)
    requests.get(f"{service.url}/version", timeout=10)
    service.stop()
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert "ERROR" not in said


@pytest.mark.parametrize("sent", [b"", b"GET /api/vers", b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n"])
def test_connection_on_which_no_request_comes_is_closed(service, sent):
    with connected(service) as connection:
        connection.sendall(sent)
        assert connection.recv(1) == b""


def test_connection_that_begins_a_second_request_is_closed(service):
    with connected(service) as connection:
        connection.sendall(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        reply = b""
        while not reply.endswith(b"}"):
            reply += connection.recv(10_000)
        connection.sendall(b"GET /api")
        assert connection.recv(1) == b""


def test_connection_in_use_is_left_open(service):
    with requests.Session() as session:
        for _ in range(3):
            assert session.get(f"{service.url}/version", timeout=10).status_code == 200
