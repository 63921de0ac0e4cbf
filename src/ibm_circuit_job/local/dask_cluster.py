"""Executing jobs on a Dask cluster, which decides where; a worker that dies costs a try.

Dask stops no task that runs. So each job runs in a child process of the worker (see :mod:`.child`), which ends when
the service asks the worker for that, with a function that runs beside the tasks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections import OrderedDict
from concurrent.futures import CancelledError
from typing import Any, Final

import msgspec
import psutil
from attrs import frozen

from ibm_circuit_job.local.child import Setup, execute_in_child, packed
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.execution import Outcome, Task
from ibm_circuit_job.local.executor import ExecutorUnavailable, Started
from ibm_circuit_job.local.limits import LEAST_MB, MEMORY_SETTING, Limits, share_of_machine

SCHEMES: Final = {"dask": "tcp", "dask+tcp": "tcp", "dask+tls": "tls", "tcp": "tcp", "tls": "tls"}
"""How addresses of a cluster begin -> the protocol of Dask."""
_CONNECT_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 1.0
"""Seconds between two tries to reach a cluster that was lost."""
_MB: Final = 1024 * 1024
_MOST_STOPPED: Final = 10_000
_CLOSED: Final = frozenset({"closing", "closed", "failed", "stopping", "stopped"})
"""The statuses of a worker of Dask that executes nothing more."""
_PACKAGE: Final = "ibm_circuit_job"
_SAME_COUNTS: Final = ("qiskit", "qiskit_aer")
"""Packages of whose versions the counts of a seed may depend."""
_WORKER_MEMORY: Final = "the --memory-limit of the Dask worker"

_logger: Final = logging.getLogger(__name__)


def dask_address(given: str) -> str:
    """Return the address of a scheduler as Dask takes it.

    Raises:
        ExecutorUnavailable: If it is no address of a scheduler.

    Example:
        >>> dask_address("dask://10.0.0.7:8786"), dask_address("dask+tls://head:8786")
        ('tcp://10.0.0.7:8786', 'tls://head:8786')
    """
    scheme, between, rest = given.partition("://")
    host, colon, port = rest.rpartition(":")
    if scheme not in SCHEMES or not between or not host or not colon or not port.isdecimal():
        raise ExecutorUnavailable(
            f"expected executor to be the address of a Dask scheduler, such as dask://127.0.0.1:8786, or "
            f"dask+tls://HOST:PORT, got {given!r}"
        )
    return f"{SCHEMES[scheme]}://{rest}"


# On a worker


@frozen
class _Call:
    key: str
    """The name of the task."""
    topic: str
    """Where the worker says that it begins."""
    task: Task
    devices: bytes
    memory_mb: int | None
    """MB of memory, where the service sets a limit that is lower than the worker's."""
    job_seconds: float


_stopped: Final[OrderedDict[str, None]] = OrderedDict()
"""The names of the newest tasks of this process that are not wanted."""


def execute_on_worker(call: bytes) -> bytes:
    """Execute a job on the worker of Dask in whose thread this is called.

    Args:
        call: The job and how it is to be executed, as MessagePack.

    Returns:
        The name of the worker and the outcome, as MessagePack.
    """
    from distributed import get_worker  # noqa: PLC0415 - of the extra ``dask``

    worker = get_worker()
    read = msgspec.msgpack.decode(call, type=_Call)
    name = f"Dask worker {worker.name} at {worker.address}"
    worker.log_event(read.topic, {"key": read.key, "name": name})
    own = _memory_mb(worker)
    if read.memory_mb is not None and read.memory_mb <= own:
        limits = Limits(read.memory_mb, read.job_seconds, MEMORY_SETTING)
    else:
        limits = Limits(own, read.job_seconds, _WORKER_MEMORY)

    def is_wanted() -> bool:
        # A worker that has lost its scheduler closes, and waits for its tasks.
        return read.key not in _stopped and worker.status.name not in _CLOSED

    outcome = execute_in_child(read.task, Setup(limits, read.devices), is_wanted)
    return msgspec.msgpack.encode((name, outcome))


def _memory_mb(worker: Any) -> int:
    """The MB that one task of a worker may use: of what Dask gives the worker, beside what it needs itself."""
    threads = worker.state.nthreads
    limit = worker.memory_manager.memory_limit
    if not limit:
        return share_of_machine(threads)
    # In steps, so that the limit of a child that is ready holds for the next job as well.
    free = (int(limit) - psutil.Process(os.getpid()).memory_info().rss) // _MB // threads
    return int(max(LEAST_MB, free // _STEP_MB * _STEP_MB))


_STEP_MB: Final = 256


def stop_on_worker(key: str) -> None:
    """Let a task of this worker end, whether it has begun or not."""
    _stopped[key] = None
    while len(_stopped) > _MOST_STOPPED:
        _stopped.popitem(last=False)


# In the service


class DaskExecutor:
    """Executes jobs on a Dask cluster.

    Args:
        address: Where its scheduler is, as :func:`dask_address` returns it.
        memory_mb: MB of memory that a job may use, where that is less than what Dask gives it.
        job_seconds: Seconds that a job may execute.
    """

    def __init__(self, address: str, memory_mb: int | None, job_seconds: float) -> None:
        self.memory_mb: Final = memory_mb
        """MB of memory that a job may use; ``None`` where the worker decides."""
        self._address = address
        self._job_seconds = job_seconds
        self._client: Any = None
        self._threads = 1
        self._started: dict[str, Started] = {}
        self._named: dict[str, set[str]] = {}
        self._topic = f"ibm-circuit-job-{secrets.token_hex(8)}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connecting = asyncio.Lock()
        self._stopping: set[asyncio.Future[None]] = set()

    @property
    def at_once(self) -> int:
        """How many jobs of one simulator run at once: as many as the workers of the cluster have threads."""
        return max(1, self._threads)

    def start(self) -> None:
        """Connect.

        Raises:
            ExecutorUnavailable: If the cluster cannot be reached, or has another version of this package or of Python.
        """
        self._client = self._connected()

    def kill(self) -> None:
        """Leave the cluster, which drops what it has not begun."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close(timeout=1)

    async def stop(self) -> None:
        """Leave the cluster, once its workers were asked to end what was given up."""
        if self._stopping:
            await asyncio.wait(self._stopping, timeout=_CONNECT_SECONDS)
        await asyncio.to_thread(self.kill)

    async def execute(self, task: Task, started: Started) -> Outcome:
        """Execute a job. Where this is cancelled, its child process ends; see :class:`~.executor.JobExecutor`."""
        self._loop = asyncio.get_running_loop()
        while True:
            client = self._client
            key = f"{task.program}-{task.job_id}-{secrets.token_hex(4)}"
            self._started[key], self._named[key] = started, set()
            try:
                future = await asyncio.to_thread(self._submitted, client, key, task)
                return await self._outcome(client, future)
            except _Lost as error:
                _logger.warning("Job %s: %s; it is tried again.", task.job_id, error)
                await self._connect_again(client)
            finally:
                del self._started[key], self._named[key]

    def _submitted(self, client: Any, key: str, task: Task) -> Any:
        """Give a task to the cluster; in a thread, since it takes as long as the parameters are large."""
        devices = packed(tuple(DEVICES.values()))
        call = _Call(key, self._topic, task, devices, self.memory_mb, self._job_seconds)
        try:
            self._threads = sum(client.nthreads().values())
            # What is drawn for the page comes before jobs that wait.
            first = {"priority": 1} if task.program == "showing" else {}
            return client.submit(execute_on_worker, msgspec.msgpack.encode(call), key=key, pure=False, **first)
        except Exception as error:  # noqa: BLE001 - of the network, or of Dask
            raise _Lost(f"the Dask cluster at {self._address} takes no job: {error}") from None

    async def _outcome(self, client: Any, future: Any) -> Outcome:
        from distributed import KilledWorker  # noqa: PLC0415 - of the extra ``dask``

        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(done.set))
        try:
            await done.wait()
        except asyncio.CancelledError:
            stopping = loop.run_in_executor(None, _stop, client, future)
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)
            raise
        try:
            answer = await asyncio.to_thread(future.result, _CONNECT_SECONDS)
        except KilledWorker as error:
            died = f"died {error.allowed_failures + 1} times, the last time at {error.last_worker.address}"
            more = "Dask's setting distributed.scheduler.allowed-failures"
            return Outcome(None, f"The Dask worker that executed the job {died} ({more}).")
        except (CancelledError, asyncio.CancelledError, TimeoutError):
            raise _Lost(f"the connection to the Dask cluster at {self._address} was lost") from None
        except Exception as error:  # noqa: BLE001 - what a worker of another version raises
            return Outcome(None, f"The Dask worker did not execute the job: {type(error).__name__}: {error}")
        worker, outcome = msgspec.msgpack.decode(answer, type=tuple[str, Outcome])
        if worker not in self._named[future.key]:
            # What it said as it began has not arrived.
            self._say_started({"key": future.key, "name": worker})
        return outcome

    async def _connect_again(self, lost: Any) -> None:
        async with self._connecting:
            if self._client is not lost:
                return
            with contextlib.suppress(Exception):
                await asyncio.to_thread(lost.close, timeout=1)
            while True:
                try:
                    self._client = await asyncio.to_thread(self._connected)
                except ExecutorUnavailable as error:
                    _logger.warning("Jobs wait: %s.", error)
                    await asyncio.sleep(_AGAIN_SECONDS)
                else:
                    return

    def _connected(self) -> Any:
        """Connect, and look at versions.

        Raises:
            ExecutorUnavailable: If that cannot be.
        """
        try:
            from distributed import Client  # noqa: PLC0415 - of the extra ``dask``
        except ImportError:
            raise ExecutorUnavailable(
                "a Dask cluster needs the package distributed: install ibm-circuit-job[dask]"
            ) from None
        connect: Any = Client
        try:
            client = connect(self._address, timeout=_CONNECT_SECONDS, set_as_default=False, name="ibm-circuit-job")
        except Exception as error:  # noqa: BLE001 - the same
            reason = str(error) or type(error).__name__
            raise ExecutorUnavailable(
                f"the Dask cluster at {self._address} cannot be reached ({reason}); "
                "start one with dask scheduler and dask worker, or correct the address"
            ) from None
        try:
            found = client.get_versions(packages=[_PACKAGE, *_SAME_COUNTS])
            check_versions(found["client"]["packages"], {at: each["packages"] for at, each in found["workers"].items()})
            self._threads = sum(client.nthreads().values())
            client.subscribe_topic(self._topic, self._on_started)
        except ExecutorUnavailable:
            client.close(timeout=1)
            raise
        return client

    def _on_started(self, event: Any) -> None:
        """Called in the thread of the client."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._say_started, event[1])

    def _say_started(self, said: Any) -> None:
        if (started := self._started.get(said["key"])) is not None:
            self._named[said["key"]].add(said["name"])
            started(said["name"])


class _Lost(Exception):  # noqa: N818 - named for what it says
    """The connection to the cluster was lost, and the job with it."""


def _stop(client: Any, future: Any) -> None:
    """End a task wherever it is; in a thread."""
    with contextlib.suppress(Exception):
        client.cancel([future])
        client.run(stop_on_worker, future.key, on_error="ignore")


def check_versions(here: Any, workers: Any) -> None:
    """Compare the versions of packages, as Dask names them.

    Raises:
        ExecutorUnavailable: If a worker has another version of this package, or of Python.
    """
    for address, there in workers.items():
        if here.get(_PACKAGE) != there.get(_PACKAGE):
            found = there.get(_PACKAGE)
            has = "does not have the package ibm-circuit-job" if found is None else f"has ibm-circuit-job {found}"
            wanted = f"install ibm-circuit-job[dask]=={here.get(_PACKAGE)} there"
            raise ExecutorUnavailable(f"the Dask worker at {address} {has}; {wanted}")
        mine, theirs = (".".join(str(each.get("python")).split(".")[:2]) for each in (here, there))
        if mine != theirs:
            raise ExecutorUnavailable(
                f"the Dask worker at {address} runs Python {theirs}, and the service Python {mine}; "
                f"start the worker with Python {mine}"
            )
        for name in _SAME_COUNTS:
            if here.get(name) != there.get(name):
                _logger.warning(
                    "The Dask worker at %s has %s %s, and the service %s: the same seed may give other counts.",
                    address, name, there.get(name), here.get(name),
                )  # fmt: skip
