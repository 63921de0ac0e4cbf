"""Replies whose last piece stays with the kernel until it is let go of, so that TCP acknowledges what was kept.

A process that dies with bytes in its socket that it has not read resets the connection, and whoever sent them can know
that they were not read; so it does not matter at which moment it dies.
"""

from __future__ import annotations

import contextlib
import io
import socket
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection


class OneStepBehind(io.RawIOBase):
    """What comes through a socket, handed over one step before it is taken from the kernel.

    Args:
        connection: The socket.
        holder: What keeps it open.
    """

    def __init__(self, connection: socket.socket, holder: io.RawIOBase) -> None:
        self._connection, self._holder = connection, holder
        self._holds = True
        self._shown = 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, room: Any) -> int:
        """Take what was handed over the last time, and hand over what comes next."""
        self._take()
        count = self._shown = self._connection.recv_into(room, 0, socket.MSG_PEEK)
        if not self._holds:
            self._take()
        return count

    def let_go(self) -> None:
        """Take all that was handed over, and hold nothing back any more."""
        self._holds = False
        self._take()

    def close(self) -> None:
        """Read no more; what was not taken yet can be let go of still."""
        if not self._holds:
            self._holder.close()
        super().close()

    def end(self) -> None:
        """Let the connection end, as far as it is ours to hold: in order if all was taken, else with a reset."""
        self._holder.close()

    def _take(self) -> None:
        while self._shown:
            taken = len(self._connection.recv(self._shown))
            # There is an end where the connection was reset.
            self._shown -= taken or self._shown


class _Reply(HTTPResponse):
    """A reply that is held, if it is a 2xx."""

    def __init__(self, sock: socket.socket, *given: Any, **named: Any) -> None:
        super().__init__(sock, *given, **named)
        # With all that comes through it, from the first byte on: a short body comes with the headers.
        self.held = OneStepBehind(sock, self.fp.detach())
        self.fp = io.BufferedReader(self.held)

    def begin(self) -> None:
        """Read the headers."""
        try:
            super().begin()
        finally:
            # The connection of a refusal goes on to the next try. There is no number yet where this failed.
            if self.status not in range(200, 300):
                self.held.let_go()


class _Connection(HTTPConnection):
    response_class = _Reply


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class HoldingAdapter(HTTPAdapter):
    """Sends one request, and holds the reply until :meth:`let_go`, or until it is closed.

    It can over plain HTTP. TLS has to take from the kernel what it decrypts, and a proxy takes all of it in any case.
    """

    _held: OneStepBehind | None = None

    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        """Make the pools of the connections that go by no proxy."""
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = {**self.poolmanager.pool_classes_by_scheme, "http": _Pool}

    def send(self, *given: Any, **named: Any) -> Any:
        """Send the request."""
        response = super().send(*given, **named)
        self._held = getattr(response.raw._original_response, "held", None)  # noqa: SLF001 - it has no other name
        return response

    def let_go(self) -> None:
        """Take the last piece of the reply: it was kept."""
        if self._held is not None:
            # Whatever became of the connection meanwhile, the reply is there.
            with contextlib.suppress(OSError):
                self._held.let_go()

    def close(self) -> None:
        """Close the connection."""
        super().close()
        if self._held is not None:
            self._held.end()
