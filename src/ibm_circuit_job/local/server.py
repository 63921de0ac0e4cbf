"""The service's process: one uvicorn on one port, started with settings and stopped in order."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from attrs import field, frozen
from starlette.applications import Starlette
from starlette.routing import Mount

from ibm_circuit_job.local.jobs import JobQueues
from ibm_circuit_job.local.legacy import LegacyApi


@frozen
class ServerSettings:
    """How a service is set up."""

    token: str = field(repr=False)
    """The API token that clients must log in with."""
    port: int = 0
    """The port on loopback; 0 for any that is free."""
    workers: int = 2
    """How many processes execute jobs."""


class PortUnavailable(OSError):  # noqa: N818 - named for what it says
    """The port cannot be listened on; the message says why."""


def bound_socket(port: int) -> socket.socket:
    """Return a socket that is bound to a loopback port.

    Raises:
        PortUnavailable: If another program listens there, or the system does not allow it.
    """
    # With its protocol named: asyncio sends small replies at once only on a socket that says that it is TCP.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError as error:
        bound.close()
        why = "is taken by another program" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        raise PortUnavailable(f"port {port} of 127.0.0.1 {why}; give another one, or 0 for any") from None
    return bound


def application(settings: ServerSettings) -> Starlette:
    """Return the service as a Starlette application."""
    queues = JobQueues(settings.workers)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        queues.start()
        yield
        await queues.stop()

    legacy = LegacyApi(queues, settings.token).application()
    return Starlette(routes=[Mount("/api", legacy)], lifespan=lifespan)


class _Server(uvicorn.Server):
    def __init__(self, config: Any, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._tell_started()


def serve(settings: ServerSettings, bound: socket.socket, started: Callable[[str, Callable[[], None]], None]) -> None:
    """Run the service until it is told to stop, or gets SIGINT or SIGTERM.

    Args:
        settings: How it is set up.
        bound: Where it listens.
        started: Called once when it takes requests, with its URL and a function that stops it.
    """
    config = uvicorn.Config(
        application(settings),
        log_level="warning",
        ws="wsproto",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
        lifespan="on",
    )
    url = f"http://127.0.0.1:{bound.getsockname()[1]}/api"

    def stop() -> None:
        server.should_exit = True

    server = _Server(config, lambda: started(url, stop))
    server.run(sockets=[bound])
