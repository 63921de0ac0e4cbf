"""Limits of one call, in time and in bytes, and the connections that apply them.

A :class:`Call` has a deadline and a limit of bytes. While it is entered, its thread reads and writes through a
:class:`BoundedSocket`, which checks the limits of the call before each piece. So the deadline also ends a call to a
server that sends a reply byte by byte: its headers, chunk sizes, trailers, replies 100 or websocket frames. This works
in the thread of the caller, and for each library that reads from the socket.

A socket cannot limit the lookup of a host name. So a connection is opened in a thread, which is abandoned at the
deadline; see :mod:`~ibm_circuit_job.clients.opening`.

HTTP requests use ``requests`` with a :class:`BoundedAdapter`; a websocket takes over a socket of the same kind.
"""

from __future__ import annotations

import contextlib
import contextvars
import io
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, Self

from requests.adapters import HTTPAdapter

from ibm_circuit_job.clients.opening import connect_in_time
from ibm_circuit_job.state.facts import MOST_BYTES

SILENT_SECONDS: Final = 30.0
"""The longest time until a reply begins, and the longest time in which :data:`LEAST_BYTES` of its body must arrive."""
LEAST_BYTES: Final = 1024
"""The bytes of a body that must arrive within :data:`SILENT_SECONDS`, unless the body ends."""
DOCUMENT_SECONDS: Final = 300.0
"""The longest time for a whole document, even if it arrives steadily."""
CONNECT_SECONDS: Final = 10.0
"""The longest time until a server accepts a connection, and again until TLS is set up."""
DOCUMENT_BYTES: Final = 64_000_000
"""The default size limit of a reply that is not a result, in bytes."""

_DOCUMENT_VARIABLE: Final = "IBM_CIRCUIT_JOB_MOST_DOCUMENT_BYTES"
_RESULT_VARIABLE: Final = "IBM_CIRCUIT_JOB_MOST_RESULT_BYTES"
FRAMING_BYTES: Final = 1_000_000
"""The most bytes of a reply besides its body: headers, chunk sizes and trailers, without TLS."""
_PIECE_BYTES: Final = 64 * 1024
_AHEAD_BYTES: Final = 4096


class TooLarge(OSError):  # noqa: N818 - named for what it says
    """A reply has more bytes than its limit."""


class NoProgress(TimeoutError):  # noqa: N818 - named for what it says
    """Too few bytes of a body arrived in time."""


class Bound:
    """The size limit of a body in bytes, which an environment variable may change.

    Example:
        >>> Bound.of_documents().most
        64000000
    """

    def __init__(self, variable: str, default: int) -> None:
        value = os.environ.get(variable, "")
        self.variable = variable
        self.most = int(value) if value.isdecimal() and int(value) > 0 else default

    @classmethod
    def of_documents(cls) -> Bound:
        """Return the bound of every reply that is not a result."""
        return cls(_DOCUMENT_VARIABLE, DOCUMENT_BYTES)

    @classmethod
    def of_results(cls) -> Bound:
        """Return the bound of a result."""
        return cls(_RESULT_VARIABLE, MOST_BYTES)

    def check(self, size: int) -> None:
        """Check the size of a body in bytes.

        Raises:
            TooLarge: If it is larger than the limit.
        """
        if size > self.most:
            raise TooLarge(
                f"expected at most {self.most} bytes, got more; "
                f"set the environment variable {self.variable} to allow a larger reply"
            )


class Call:
    """The deadline, the progress and the size of one call to a server. It applies within its ``with`` block.

    A call has three parts: sending the request, waiting for the reply, reading the body. Each part may take ``silent``
    seconds. When :data:`LEAST_BYTES` were sent or received in that time, the part gets as many seconds again.

    Args:
        seconds: The time limit of the whole call; ``None`` for no limit as long as it makes progress.
        bound: The size limit of the body of the reply.
        silent: The seconds that a part may take without progress; :data:`SILENT_SECONDS` by default.
        is_upgrade: Whether another protocol uses the connection after the headers. Then nothing is read ahead.
        received: The bytes of the same reply that an earlier call has received.
    """

    def __init__(
        self,
        seconds: float | None,
        bound: Bound,
        *,
        silent: float | None = None,
        is_upgrade: bool = False,
        received: int = 0,
    ) -> None:
        self.bound = bound
        self.is_upgrade = is_upgrade
        self.received = received
        """The bytes received so far, before decompression."""
        self.socket: BoundedSocket | None = None
        """The socket of the reply; ``None`` before there is a connection."""
        self._silent = SILENT_SECONDS if silent is None else silent
        self._deadline = math.inf if seconds is None else time.monotonic() + seconds
        self._moved = 0
        self._until = 0.0
        self._entered: contextvars.Token[Call | None] | None = None
        self.begin_part()

    def __enter__(self) -> Self:
        self._entered = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._entered is not None:
            _current.reset(self._entered)

    def begin_part(self) -> None:
        """Record that the next part of the call begins: the reply or its body."""
        self._until, self._moved = time.monotonic() + self._silent, 0

    def progressed(self, count: int) -> None:
        """Record that so many bytes of a body were sent or received."""
        self._moved += count

    def seconds_left(self) -> float:
        """Return the seconds that the next piece may take.

        Raises:
            TimeoutError: If the deadline has passed, or there was no progress.
        """
        now = time.monotonic()
        if now >= self._until and self._moved >= LEAST_BYTES:
            self.begin_part()
        left = min(self._deadline, self._until) - now
        if left > 0:
            return left
        if self._moved and now < self._deadline:
            raise NoProgress(
                f"only {self._moved} bytes came in {self._silent:g} seconds, expected at least {LEAST_BYTES}"
            )
        raise TimeoutError("timed out")

    def receive(self, count: int) -> None:
        """Record that so many bytes arrived, of the headers, the body or anything else.

        Raises:
            TooLarge: If a reply within the limit cannot have so many bytes.
        """
        self.received += count
        if self.received > self.bound.most + FRAMING_BYTES:
            self.bound.check(self.received)


_current: Final[contextvars.ContextVar[Call | None]] = contextvars.ContextVar("the call of this thread", default=None)


class BoundedSocket:
    """A socket that applies the limits of the :class:`Call` of its thread to each piece.

    Args:
        connected: The socket, with or without TLS. Its own timeout applies where there is no call.
    """

    def __init__(self, connected: Any) -> None:
        self._socket = connected
        self._seconds: float | None = connected.gettimeout()
        self._readers = 0
        self._is_closed = False
        self._ahead = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def gettimeout(self) -> float | None:
        """Return the time limit of each piece without a call, in seconds."""
        return self._seconds

    def settimeout(self, seconds: float | None) -> None:
        """Set the time limit of each piece without a call, in seconds."""
        self._seconds = seconds

    def recv(self, size: int) -> bytes:
        """Receive at most *size* bytes; bytes that were read ahead come first."""
        if self._ahead:
            received, self._ahead = self._ahead[:size], self._ahead[size:]
        else:
            received = self._piece(self._socket.recv, size)
        self._count(len(received))
        return received

    def recv_into(self, buffer: Any) -> int:
        """Receive into a buffer, and return the number of bytes; bytes that were read ahead come first."""
        if self._ahead:
            received = self.recv(len(buffer))
            buffer[: len(received)] = received
            return len(received)
        count: int = self._piece(self._socket.recv_into, buffer)
        self._count(count)
        return count

    def peek(self) -> bytes:
        """Return the next bytes without consuming them; empty at the end of the stream."""
        if not self._ahead:
            self._ahead = self._piece(self._socket.recv, _AHEAD_BYTES)
        return self._ahead

    def send(self, data: Any) -> int:
        """Send some of the bytes, and return how many."""
        count: int = self._piece(self._socket.send, data)
        call = _current.get()
        if call is not None:
            call.progressed(count)
        return count

    def sendall(self, data: Any) -> None:
        """Send all bytes."""
        view = memoryview(data).cast("B")
        while view:
            view = view[self.send(view[:_PIECE_BYTES]) :]

    def makefile(self, mode: str = "rb", buffering: int | None = None) -> io.RawIOBase | io.BufferedReader:
        """Return a file from which a reply is read. The part of the call that waits for the reply begins now.

        Args:
            mode: ``"rb"``.
            buffering: Ignored. The file has no buffer if the connection is upgraded: the new protocol reads what
                follows the headers from the socket.
        """
        del buffering
        assert mode == "rb"  # noqa: S101 - http.client asks for no other
        self._readers += 1
        reader, call = _Reader(self), _current.get()
        if call is None:
            return io.BufferedReader(reader)
        call.socket = self
        call.begin_part()
        return reader if call.is_upgrade else io.BufferedReader(reader)

    def close(self) -> None:
        """Close the socket, as soon as all its files are closed."""
        self._is_closed = True
        if self._readers == 0:
            self._socket.close()

    def reader_closed(self) -> None:
        """Record that one of its files was closed."""
        self._readers -= 1
        if self._is_closed:
            self.close()

    def _piece(self, move: Callable[[Any], Any], piece: Any) -> Any:
        """Send or receive one piece, within the time that the call allows."""
        call = _current.get()
        if call is None:
            self._socket.settimeout(self._seconds)
            return move(piece)
        while True:
            # seconds_left() raises after the deadline, and so ends this loop.
            self._socket.settimeout(call.seconds_left())
            with contextlib.suppress(TimeoutError):
                return move(piece)

    @staticmethod
    def _count(received: int) -> None:
        call = _current.get()
        if call is not None:
            call.receive(received)


class _Reader(io.RawIOBase):
    def __init__(self, connected: BoundedSocket) -> None:
        # requests-ntlm reads the certificate of the server from the attribute of this name.
        self._sock = connected

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._sock.recv_into(buffer)

    def peek(self, size: int = 1) -> bytes:
        """Return the next bytes without consuming them, so that a line is read in one piece and not byte by byte."""
        del size
        return self._sock.peek()

    def read1(self, size: int = -1) -> bytes:
        """Return the bytes that arrive first; http.client calls this method on a file that has ``peek``."""
        return self.read(size) or b""

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._sock.reader_closed()


class _BoundedConnection:
    """A mixin for connections of urllib3: their sockets are bounded, and connecting ends at the deadline."""

    _bounded: BoundedSocket | None = None
    socket_options: Any

    @property
    def sock(self) -> BoundedSocket | None:
        return self._bounded

    @sock.setter
    def sock(self, connected: Any) -> None:
        is_to_be_bounded = connected is not None and not isinstance(connected, BoundedSocket)
        self._bounded = BoundedSocket(connected) if is_to_be_bounded else connected

    def connect(self) -> None:
        connect: Callable[[], None] = super().connect  # type: ignore[misc] # a method of the class it is mixed into
        call = _current.get()
        if call is None:
            connect()
            return
        # urllib3 iterates over the options before it tries each address of the host.
        self.socket_options = _OptionsInTime(self.socket_options or ())
        connect_in_time(self, connect, call.seconds_left())


class _OptionsInTime(tuple[Any, ...]):
    """Options of a socket. Iterating over them raises after the deadline, so that no further address is tried."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        call = _current.get()
        if call is not None:
            call.seconds_left()
        return super().__iter__()


@lru_cache(maxsize=20)
def _bounded_pool(kind: type[Any]) -> type[Any]:
    """A subclass of a kind of pool, whose connections are bounded."""
    if issubclass(kind.ConnectionCls, _BoundedConnection):
        return kind
    connection = type(f"Bounded{kind.ConnectionCls.__name__}", (_BoundedConnection, kind.ConnectionCls), {})
    return type(f"Bounded{kind.__name__}", (kind,), {"ConnectionCls": connection})


class BoundedAdapter(HTTPAdapter):
    """An adapter of ``requests`` whose connections apply the :class:`Call` of their thread, also through a proxy."""

    def init_poolmanager(self, *arguments: Any, **given: Any) -> None:
        """Make the pools, with bounded connections."""
        self._making = threading.Lock()
        super().init_poolmanager(*arguments, **given)
        _bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **given: Any) -> Any:
        """Return the pools of a proxy, with bounded connections."""
        # Of two threads that make the pools at once, requests forgets those of one, with their open connections.
        with self._making:
            manager = super().proxy_manager_for(proxy, **given)
            _bound(manager)
        return manager


def _bound(manager: Any) -> None:
    manager.pool_classes_by_scheme = {
        scheme: _bounded_pool(kind) for scheme, kind in manager.pool_classes_by_scheme.items()
    }
