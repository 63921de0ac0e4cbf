"""Closes connections on which no request arrives."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle


def protocol_that_closes_after(seconds: float) -> type[H11Protocol]:
    """Return uvicorn's HTTP protocol with a limit on the time until a request arrives.

    Args:
        seconds: Seconds within which a client has to send the whole head of a request. They count from the start of
            the connection, and from the first byte of each further request.
    """

    class Limited(_Impatient):
        request_seconds = seconds

    return Limited


class _Impatient(H11Protocol):
    """HTTP, with a limit on the time until the head of a request has arrived.

    Uvicorn's ``timeout_keep_alive`` limits only the time after a request. Uvicorn has no limit before the first
    request, and none for a head that arrives in parts.
    """

    request_seconds: ClassVar[float]
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # It is None before the first request, which uvicorn's type does not say.
        request = cast("RequestResponseCycle | None", self.cycle)
        if request is not None and not request.response_complete:
            self._stop_waiting()
        elif self._timer is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.request_seconds, self._close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        # A connection that has become a websocket has another protocol by now.
        if self.transport.get_protocol() is self:
            self.transport.abort()
