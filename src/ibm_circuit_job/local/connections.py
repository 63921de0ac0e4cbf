"""Connections over which no request comes: they are closed."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle


def protocol_that_closes_after(seconds: float) -> type[H11Protocol]:
    """Return uvicorn's HTTP protocol, on connections that are closed when no request comes.

    Args:
        seconds: Seconds in which a client must have sent the whole head of a request, from when it connects, or from
            the first byte of a further request.
    """

    class Limited(_Impatient):
        request_seconds = seconds

    return Limited


class _Impatient(H11Protocol):
    """HTTP, with a limit on the time in which a request must have begun.

    After a request, uvicorn's ``timeout_keep_alive`` counts. It has no limit before the first one, nor for a head that
    comes in pieces.
    """

    request_seconds: ClassVar[float]
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # There is none before the first request, which its type does not say.
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
        # A websocket has a protocol of its own by now.
        if self.transport.get_protocol() is self:
            self.transport.abort()
