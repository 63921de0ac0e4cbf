"""Run the local service in this process: one uvicorn server on one port."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import uvicorn
from attrs import field, frozen
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from ibm_circuit_job.local.access import Access
from ibm_circuit_job.local.cloud_api import CloudApi
from ibm_circuit_job.local.connections import protocol_that_closes_after
from ibm_circuit_job.local.control import Control
from ibm_circuit_job.local.crew import Crew
from ibm_circuit_job.local.description import description
from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.executor import JobExecutor
from ibm_circuit_job.local.faults import Clock, FaultInjector, FaultPlan, OrderedFaults
from ibm_circuit_job.local.front import Front
from ibm_circuit_job.local.instances import Instance
from ibm_circuit_job.local.job_api import RateLimit, Service
from ibm_circuit_job.local.jobs import JobQueues
from ibm_circuit_job.local.legacy_api import PATH as LEGACY_PATH
from ibm_circuit_job.local.legacy_api import LegacyApi
from ibm_circuit_job.local.limits import JOB_SECONDS, Limits, share_of_machine
from ibm_circuit_job.local.page import Page
from ibm_circuit_job.local.platform_api import HANDLERS, PlatformApi
from ibm_circuit_job.local.pooled import PooledExecutor, Submit
from ibm_circuit_job.local.records import NotWritten, Records, RecordsUnavailable
from ibm_circuit_job.local.replies import json_response

PLATFORM_PATH: Final = "/experimental/api/v1"
"""The path of the API of IBM Quantum Platform; ``/api/v1`` serves it as well. The official client uses a URL unchanged
only if it contains the word ``experimental``; of any other URL it uses the host name without the port."""


@frozen
class ServerSettings:
    """The settings of a service. All but *host* are arguments of ``LocalService``."""

    data: str
    """The folder in which the service saves its jobs."""
    token: str | None = field(default=None, repr=False)
    """The API token that clients must have; by default the token that is saved in *data*."""
    host: str = "127.0.0.1"
    """The IP address or name on which the service listens."""
    port: int = 0
    """The port; 0 for any free port."""
    workers: int = 2
    """How many processes execute jobs. With *executor*: how many jobs of a simulator the executor gets at once."""
    executor: str | Submit | None = None
    """What executes jobs: the address of a Dask scheduler, or ``submit`` of an executor; by default processes of
    the service."""
    seed: int | None = None
    """The seed of every simulation whose job gives no seed."""
    rate_limit: int | None = None
    """How many jobs may be submitted in a minute; by default, any number."""
    results_at_url: int | None = None
    """Results of at least this many bytes are sent as a URL. By default, the limit is 10 MiB in the API of Classic, and
    the API of IBM Quantum Platform has none."""
    token_seconds: int = 3600
    """Seconds for which an access token of IBM Quantum Platform is valid."""
    faults: FaultPlan = field(factory=FaultPlan)
    """What goes wrong."""
    memory_mb: int | None = None
    """MB of memory that each worker may use; by default an equal share of what is free when the service starts."""
    job_seconds: float = JOB_SECONDS
    """Seconds that a job may execute."""
    idle_seconds: float = 30.0
    """Seconds after which the service closes a connection on which no request has arrived."""
    allowed_hosts: tuple[str, ...] = ()
    """Names that are allowed in ``Host`` and ``Origin``, in addition to ``localhost`` and IP addresses."""
    instances: tuple[Instance, ...] = (Instance(),)
    """The instances of IBM Quantum Platform."""
    usage_seconds: float = 0.1
    """Seconds from the end of a job until its usage is settled."""
    withdrawn_versions: tuple[str, ...] = ()
    """API versions that are not served."""

    devices: tuple[Device, ...] | None = None
    """The backends; by default those of :data:`~.devices.BY_DEFAULT`."""


@frozen
class Started:
    """The URLs of a running service, and its token."""

    url: str
    """The URL of the API of IBM Quantum Platform Classic."""
    platform_url: str
    """The URL of the API of IBM Quantum Platform."""
    root: str
    """The URL below which the other services are: IAM, the search, the catalog and the resource controller."""
    instance: str
    """The first instance of IBM Quantum Platform, as a CRN."""
    token: str = field(repr=False)
    """The API token."""

    @property
    def page_url(self) -> str:
        """The URL of the page. The token is in its fragment, which browsers do not send to servers."""
        return f"{self.root}/#token={quote(self.token, safe='')}"

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables with which our client and both official ones use this service."""
        return {
            "QISKIT_IBM_TOKEN": self.token,
            "QISKIT_IBM_URL": self.platform_url,
            "QISKIT_IBM_CHANNEL": "ibm_quantum_platform",
            "IAM_URL": self.root,
            "GLOBAL_SEARCH_URL": f"{self.root}/search",
            "GLOBAL_CATALOG_URL": f"{self.root}/catalog",
            "RESOURCE_CONTROLLER_URL": f"{self.root}/resources",
        }


class PortUnavailable(OSError):  # noqa: N818 - named for what it says
    """The service cannot listen on the port; the message says why."""


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address.

    Args:
        host: An IP address or name of this machine.
        port: The port; 0 for any free port.

    Raises:
        PortUnavailable: If another program listens there, or the system does not allow it.
    """
    # The protocol is named, because asyncio sends small replies at once (TCP_NODELAY) only if it is.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        # Listen at once, since another program can bind a port on which no socket listens yet.
        bound.listen(1024)
    except OSError as error:
        bound.close()
        why = "is taken by another program" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        raise PortUnavailable(f"port {port} of {host} {why}; give another one, or 0 for any") from None
    return bound


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached only from this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def application(service: Service, page: Page, control: Control) -> Starlette:
    """Return the service as a Starlette application: both APIs, the services of the cloud, page and controls."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        service.queues.start()
        yield
        await page.stop()
        await service.queues.stop()

    legacy = LegacyApi(service)
    platform = PlatformApi(service, legacy).application()
    described = json_response(description(PLATFORM_PATH))
    return Starlette(
        routes=[
            *page.routes(),
            *control.routes(),
            *CloudApi(service).routes(),
            Route("/openapi.json", lambda _: described),
            Mount(PLATFORM_PATH, platform),
            Mount("/api/v1", platform),
            Mount(LEGACY_PATH, legacy.application()),
        ],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )


_STREAMS_SECONDS: Final = 0.7
"""Seconds that open streams have to end when the service stops."""


class _Server(uvicorn.Server):
    def __init__(self, config: Any, started: Callable[[], None], stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started, self._on_stopping = started, stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # This comes first: uvicorn waits for open streams, and they end only when they know that the service stops.
        self._on_stopping()
        # A stream whose client reads nothing does not end. Uvicorn would cancel it, and log a traceback.
        asyncio.get_running_loop().call_later(_STREAMS_SECONDS, self._drop_connections)
        await super().shutdown(sockets=sockets)

    def _drop_connections(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def _allow_many_connections() -> None:
    """Raise the limit of open files to the most that the system allows. It also limits the number of connections."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - Windows does not have it

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _executor(settings: ServerSettings) -> JobExecutor:
    if isinstance(settings.executor, str):
        from ibm_circuit_job.local.dask_cluster import DaskExecutor, dask_address  # noqa: PLC0415 - where it is used

        return DaskExecutor(dask_address(settings.executor), settings.memory_mb, settings.job_seconds)
    limits = Limits(settings.memory_mb or share_of_machine(settings.workers), settings.job_seconds)
    if settings.executor is not None:
        return PooledExecutor(settings.executor, settings.workers, limits)
    return Crew(settings.workers, limits)


def serve(
    settings: ServerSettings, bound: socket.socket, started: Callable[[Started, Callable[[], None]], None]
) -> None:
    """Run the service until it is stopped: by SIGINT, by SIGTERM, or by the function that *started* gets.

    Args:
        settings: The settings.
        bound: The socket on which the service listens.
        started: Called once, when the service takes requests. Its arguments are the URLs of the service and a function
            that stops the service.

    Raises:
        RecordsUnavailable: If the folder of the service cannot be used.
        ExecutorUnavailable: If the executor cannot be used.
    """
    _allow_many_connections()
    if settings.devices is not None:
        DEVICES.use(settings.devices)
    # Only the owner can read the files that the service and SQLite create.
    os.umask(0o077)
    with contextlib.ExitStack() as at_end:
        at_end.callback(bound.close)
        executor = _executor(settings)
        at_end.callback(executor.kill)
        # Before the records, since worker processes inherit the files that are open when they start.
        executor.start()
        records = Records(Path(settings.data))
        at_end.callback(records.close)
        try:
            access = Access.load(records, settings.token, settings.token_seconds)
        except NotWritten as error:
            raise RecordsUnavailable(f"the folder {settings.data} cannot be used: {error}") from None
        clock = Clock()
        queues = JobQueues(records, executor, seed=settings.seed, clock=clock)
        service = Service(
            queues,
            access,
            RateLimit(settings.rate_limit),
            settings.results_at_url,
            settings.instances,
            settings.usage_seconds,
            set(settings.withdrawn_versions),
        )
        ordered = OrderedFaults(settings.faults)
        app = application(service, Page(service, executor), Control(service, ordered))
        config = uvicorn.Config(
            Front(FaultInjector(app, ordered, clock), settings.allowed_hosts, settings.host),
            log_level="warning",
            http=protocol_that_closes_after(settings.idle_seconds),
            ws="wsproto",
            timeout_graceful_shutdown=1,
            timeout_keep_alive=75,
            lifespan="on",
        )
        host, port = bound.getsockname()[:2]
        root = f"http://{host}:{port}"
        where = Started(f"{root}{LEGACY_PATH}", f"{root}{PLATFORM_PATH}", root, settings.instances[0].crn, access.token)

        def stop() -> None:
            server.should_exit = True

        server = _Server(config, lambda: started(where, stop), queues.changes.end)
        server.run(sockets=[bound])
