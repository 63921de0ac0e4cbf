"""The bounds of one call, in time and in bytes, and the connections that obey them.

A :class:`Call` knows when it is to end and how many bytes it may receive. Whatever is read or written while it is
entered goes through a :class:`BoundedSocket`, which asks it before each piece. So a server that sends headers, chunk
sizes, trailers, replies 100 or the frames of a websocket drop by drop is cut off at the same point as a silent one, in
the thread of the caller, and whichever library reads.

What a socket cannot limit happens in a thread that is abandoned when the time is up: the lookup of a name, and the
connection to each of its addresses; see :mod:`~ibm_circuit_job.clients.opening`.

HTTP goes through ``requests`` with a :class:`BoundedAdapter`; the websocket takes over a socket of the same kind.
"""

from __future__ import annotations

import contextlib
import contextvars
import io
import math
import os
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, Self

from requests.adapters import HTTPAdapter

from ibm_circuit_job.clients.opening import connect_in_time
from ibm_circuit_job.state.facts import MOST_BYTES

SILENT_SECONDS: Final = 30.0
"""How long a server may take to answer; then, within how many seconds :data:`LEAST_BYTES` of a body must come."""
LEAST_BYTES: Final = 1024
"""How many bytes of a body must come within :data:`SILENT_SECONDS`; a body that ends may be shorter."""
DOCUMENT_SECONDS: Final = 300.0
"""How long a document may take in all, however steadily it comes."""
CONNECT_SECONDS: Final = 10.0
"""How long a server may take to accept a connection, and as long again for TLS."""
DOCUMENT_BYTES: Final = 64_000_000
"""How many bytes a reply other than a result may hold by default."""

_DOCUMENT_VARIABLE: Final = "IBM_CIRCUIT_JOB_MOST_DOCUMENT_BYTES"
_RESULT_VARIABLE: Final = "IBM_CIRCUIT_JOB_MOST_RESULT_BYTES"
FRAMING_BYTES: Final = 1_000_000
"""How many bytes more than its body a reply may have on the wire: headers, chunk sizes, trailers, TLS excluded."""
_PIECE: Final = 64 * 1024
_AHEAD: Final = 4096


class TooLarge(OSError):  # noqa: N818 - named for what it says
    """A reply holds more bytes than it may."""


class NoProgress(TimeoutError):  # noqa: N818 - named for what it says
    """Too little of a body came in time."""


class Bound:
    """How many bytes a body may hold, and which variable of the environment changes that.

    Example:
        >>> Bound.of_documents().most
        64000000
    """

    def __init__(self, variable: str, default: int) -> None:
        said = os.environ.get(variable, "")
        self.variable = variable
        self.most = int(said) if said.isdecimal() and int(said) > 0 else default

    @classmethod
    def of_documents(cls) -> Bound:
        """Return the bound of every reply that is no result."""
        return cls(_DOCUMENT_VARIABLE, DOCUMENT_BYTES)

    @classmethod
    def of_results(cls) -> Bound:
        """Return the bound of a result."""
        return cls(_RESULT_VARIABLE, MOST_BYTES)

    def check(self, size: int) -> None:
        """Do nothing if a body may have this size.

        Raises:
            TooLarge: If it may not.
        """
        if size > self.most:
            raise TooLarge(
                f"expected at most {self.most} bytes, got more; "
                f"set the environment variable {self.variable} to allow a larger reply"
            )


class Call:
    """One call to a server, while it is entered by ``with``: its deadline, its progress and its size.

    A part of it (sending the request, waiting for the answer, reading the body) may take ``silent`` seconds, and each
    time that :data:`LEAST_BYTES` were sent or received in that time, as many again.

    Args:
        seconds: How long the call may take in all; ``None`` for as long as it makes progress.
        bound: How many bytes the body of the reply may hold.
        silent: How long a part may take without progress; :data:`SILENT_SECONDS` by default.
        is_upgrade: Whether the connection is taken over after the headers of the reply, so that none of what follows
            them may be read ahead.
        received: How many bytes of what is to be received came in an earlier call.
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
        """How many bytes came so far, as they are on the wire."""
        self.socket: BoundedSocket | None = None
        """The socket that the reply is read from."""
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
        """Note that the next part of the call begins: its answer, its body."""
        self._until, self._moved = time.monotonic() + self._silent, 0

    def progressed(self, count: int) -> None:
        """Note that so many bytes of a body were sent or received."""
        self._moved += count

    def seconds_left(self) -> float:
        """Return how long the next piece may take.

        Raises:
            TimeoutError: If the time is up, or there was no progress.
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
        """Note that so many bytes came, of whatever.

        Raises:
            TooLarge: If these are more than a body within the bound can have taken.
        """
        self.received += count
        if self.received > self.bound.most + FRAMING_BYTES:
            self.bound.check(self.received)


_current: Final[contextvars.ContextVar[Call | None]] = contextvars.ContextVar("the call of this thread", default=None)


class BoundedSocket:
    """A socket that asks the :class:`Call` of its thread before each piece; without one it is as any other.

    Args:
        connected: The socket, with or without TLS. Its timeout counts where there is no call.
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
        """Return the limit of each piece, in seconds, where there is no call."""
        return self._seconds

    def settimeout(self, seconds: float | None) -> None:
        """Limit each piece to so many seconds, where there is no call."""
        self._seconds = seconds

    def recv(self, size: int) -> bytes:
        """Receive up to so many bytes; what was received ahead comes first."""
        if self._ahead:
            received, self._ahead = self._ahead[:size], self._ahead[size:]
        else:
            received = self._piece(self._socket.recv, size)
        self._count(len(received))
        return received

    def recv_into(self, buffer: Any) -> int:
        """Receive into a buffer, and return how many bytes came; what was received ahead comes first."""
        if self._ahead:
            received = self.recv(len(buffer))
            buffer[: len(received)] = received
            return len(received)
        count: int = self._piece(self._socket.recv_into, buffer)
        self._count(count)
        return count

    def peek(self) -> bytes:
        """Return the bytes that come next, which :meth:`recv` returns again; empty at the end of the stream."""
        if not self._ahead:
            self._ahead = self._piece(self._socket.recv, _AHEAD)
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
            view = view[self.send(view[:_PIECE]) :]

    def makefile(self, mode: str = "rb", buffering: int | None = None) -> io.RawIOBase | io.BufferedReader:
        """Return a file to read a reply from, which begins the part of the call that waits for it.

        Args:
            mode: ``"rb"``.
            buffering: Not used. The file of an upgrade has no buffer of its own: what follows the headers is read
                from the socket.
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
        """Close the socket, when all its files are closed."""
        self._is_closed = True
        if self._readers == 0:
            self._socket.close()

    def reader_closed(self) -> None:
        """Note that one of its files is closed."""
        self._readers -= 1
        if self._is_closed:
            self.close()

    def _piece(self, move: Callable[[Any], Any], piece: Any) -> Any:
        """Send or receive once, for as long as the call allows."""
        call = _current.get()
        if call is None:
            self._socket.settimeout(self._seconds)
            return move(piece)
        while True:
            # Raises where the time is up.
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
        # requests-ntlm looks for the certificate of the server under this name.
        self._sock = connected

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._sock.recv_into(buffer)

    def peek(self, size: int = 1) -> bytes:
        """Return what comes next without reading it. By this, a line is read in one piece, and not byte by byte."""
        del size
        return self._sock.peek()

    def read1(self, size: int = -1) -> bytes:
        """Return what comes at once; http.client asks a file that reads ahead for it."""
        return self.read(size) or b""

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._sock.reader_closed()


class _BoundedConnection:
    """Mixed into a connection of urllib3: its sockets are bounded, and it comes about in time or not at all."""

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
        connect: Callable[[], None] = super().connect  # type: ignore[misc] # that of the connection it is mixed into
        call = _current.get()
        if call is None:
            connect()
            return
        # urllib3 asks for them before it tries each address.
        self.socket_options = _OptionsInTime(self.socket_options or ())
        connect_in_time(self, connect, call.seconds_left())


class _OptionsInTime(tuple[Any, ...]):
    """Options of a socket, which are refused when the time is up, so that no further address is tried."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        call = _current.get()
        if call is not None:
            call.seconds_left()
        return super().__iter__()


@lru_cache(maxsize=20)
def _bounded_pool(kind: type[Any]) -> type[Any]:
    """The same kind of pool, with bounded connections."""
    if issubclass(kind.ConnectionCls, _BoundedConnection):
        return kind
    connection = type(f"Bounded{kind.ConnectionCls.__name__}", (_BoundedConnection, kind.ConnectionCls), {})
    return type(f"Bounded{kind.__name__}", (kind,), {"ConnectionCls": connection})


class BoundedAdapter(HTTPAdapter):
    """An adapter whose connections obey the :class:`Call` of their thread, through any proxy."""

    def init_poolmanager(self, *arguments: Any, **given: Any) -> None:
        """Make the pools."""
        super().init_poolmanager(*arguments, **given)
        _bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **given: Any) -> Any:
        """Return the pools of a proxy."""
        manager = super().proxy_manager_for(proxy, **given)
        _bound(manager)
        return manager


def _bound(manager: Any) -> None:
    manager.pool_classes_by_scheme = {
        scheme: _bounded_pool(kind) for scheme, kind in manager.pool_classes_by_scheme.items()
    }
