"""The reply to an upgrade is read in whole pieces, and what follows its headers stays for the reader of the frames."""

import socket

import pytest

from ibm_circuit_job.clients.bounded import Bound, BoundedSocket, Call

HEADERS = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
FRAME = bytes([0x81, 2]) + b"ok"


class CountingSocket:
    """A socket that counts how often something is received from it."""

    def __init__(self, connected):
        self.connected, self.received = connected, 0

    def __getattr__(self, name):
        return getattr(self.connected, name)

    def recv(self, size):
        self.received += 1
        return self.connected.recv(size)

    def recv_into(self, buffer):
        self.received += 1
        return self.connected.recv_into(buffer)


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield CountingSocket(ours), theirs


def headers_of(reader):
    return b"".join(iter(reader.readline, b"\r\n"))


def test_headers_of_an_upgrade_come_in_one_piece(ends):
    ours, theirs = ends
    theirs.sendall(HEADERS + FRAME)
    bounded = BoundedSocket(ours)
    with Call(5.0, Bound.of_documents(), is_upgrade=True) as call:
        assert headers_of(bounded.makefile()) + b"\r\n" == HEADERS
        assert call.received == len(HEADERS)
    assert ours.received == 1


@pytest.mark.parametrize("size", [1, 2, 100])
def test_frames_that_came_with_the_headers_are_there(ends, size):
    ours, theirs = ends
    theirs.sendall(HEADERS + FRAME)
    bounded = BoundedSocket(ours)
    with Call(5.0, Bound.of_documents(), is_upgrade=True):
        headers_of(bounded.makefile())
    with Call(5.0, Bound.of_documents()) as call:
        received = b""
        while len(received) < len(FRAME):
            received += bounded.recv(size)
        assert received == FRAME
        assert call.received == len(FRAME)
    theirs.sendall(b"next")
    assert bounded.recv(100) == b"next"


def test_headers_that_end_early_are_an_end_of_the_stream(ends):
    ours, theirs = ends
    theirs.sendall(HEADERS[:20])
    theirs.close()
    with Call(5.0, Bound.of_documents(), is_upgrade=True):
        reader = BoundedSocket(ours).makefile()
        assert reader.readline() == HEADERS[:20]
        assert reader.readline() == b""


def test_headers_that_do_not_come_are_waited_for_until_the_limit(ends):
    ours, _ = ends
    with Call(0.05, Bound.of_documents(), is_upgrade=True), pytest.raises(TimeoutError):
        BoundedSocket(ours).makefile().readline()
