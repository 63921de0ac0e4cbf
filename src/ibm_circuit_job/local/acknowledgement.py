"""HTTP on a connection that says whether a reply was read, as far as TCP itself acknowledges it.

The kernel of a client acknowledges what has arrived there, read or not. But a client that dies, or closes its end,
with bytes that it has not read resets the connection; one that has read them all ends it in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class AcknowledgedProtocol(H11Protocol):
    """One connection. Its requests find it as ``connection`` in their state."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.app_state = {**self.app_state, "connection": self}
        self._decided: Callable[[bool], None] | None = None

    def when_decided(self, decided: Callable[[bool], None]) -> None:
        """Have it said, once, whether the reply to the request that is being answered was read.

        It was if, after all of it had arrived, the client said more on the same connection, ended it in order, or
        left it idle until the service ended it. If the connection breaks, is reset, or ends before, it was not.

        Args:
            decided: What is told, in the event loop.
        """
        self._decide(was_read=False)
        if self.transport.is_closing():
            decided(False)
            return
        self._decided = decided
        self._answering = self.cycle
        # Of our own, for the transport lets go of its socket when it ends the connection, and not when the client does.
        self._held = socket.socket(fileno=os.dup(self.transport.get_extra_info("socket").fileno()))
        self._held.setblocking(False)

    def data_received(self, data: bytes) -> None:
        """Hear the client: whoever says more has read what was said before."""
        if self._has_arrived():
            self._decide(was_read=True)
        super().data_received(data)

    def eof_received(self) -> None:
        """Hear that the client ends the connection: with the acknowledgement of all that it has read, but no more."""
        self._decide(was_read=self._has_arrived() and self._is_sound())
        super().eof_received()

    def timeout_keep_alive_handler(self) -> None:
        """End the connection of a client that has said nothing for long."""
        if self._has_arrived() and self._is_sound():
            self._decide(was_read=True)
        super().timeout_keep_alive_handler()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hear that the connection broke, or that the service has ended it and the client has still to read."""
        super().connection_lost(exc)
        if exc is None and self._decided is not None and self._answering.response_complete:
            self._ending = self.loop.create_task(self._client_ends())
        else:
            self._decide(was_read=False)

    async def _client_ends(self) -> None:
        """Wait until the client ends the connection, too."""
        was_read = False
        try:
            self._held.shutdown(socket.SHUT_WR)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.loop.sock_recv(self._held, 1), self.timeout_keep_alive)
            # The end that was sent just now counts as a byte, and may be on its way yet.
            was_read = self._has_arrived(but=1) and self._is_sound()
        except OSError:
            # It was reset.
            pass
        finally:
            self._decide(was_read=was_read)

    def _has_arrived(self, *, but: int = 0) -> bool:
        """Whether somebody asks, and the whole reply but for so many bytes was acknowledged by the client's kernel."""
        return (
            self._decided is not None
            and self._answering.response_complete
            and self.transport.get_write_buffer_size() == 0
            and _unacknowledged(self._held) <= but
        )

    def _is_sound(self) -> bool:
        return self._held.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0

    def _decide(self, *, was_read: bool) -> None:
        if self._decided is not None:
            decided, self._decided = self._decided, None
            self._held.close()
            decided(was_read)


def _unacknowledged(held: socket.socket) -> int:
    """How many bytes the client's kernel has not acknowledged; 0 where this system does not say."""
    try:
        import fcntl  # noqa: PLC0415 - not there on Windows
        import termios  # noqa: PLC0415

        return int.from_bytes(fcntl.ioctl(held, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except (ImportError, OSError):
        return 0
