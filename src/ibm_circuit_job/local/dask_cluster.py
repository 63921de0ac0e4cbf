"""Executes jobs on a Dask cluster. Dask chooses the worker, and tries a job again when its worker dies.

Dask cannot stop a task that is running. So each job runs in a child process of the worker (see :mod:`.child`). To stop
it, the service calls a function on the worker that runs at the same time as the task.
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
"""Scheme of an address -> protocol of Dask."""
_CONNECT_SECONDS: Final = 10.0
"""Seconds within which the cluster has to reply."""
_AGAIN_SECONDS: Final = 1.0
"""Seconds between two tries to connect to a cluster after the connection was lost."""
_MB: Final = 1024 * 1024
_MOST_STOPPED: Final = 10_000
_CLOSED: Final = frozenset({"closing", "closed", "failed", "stopping", "stopped"})
"""The statuses of a Dask worker that executes no further task."""
_PACKAGE: Final = "ibm_circuit_job"
_SAME_COUNTS: Final = ("qiskit", "qiskit_aer")
"""Packages whose versions may change the counts for a seed."""
_WORKER_MEMORY: Final = "the --memory-limit of the Dask worker"

_logger: Final = logging.getLogger(__name__)


def dask_address(given: str) -> str:
    """Return the address of a scheduler in the form that Dask takes.

    Args:
        given: The address, as in ``dask://HOST:PORT`` or ``dask+tls://HOST:PORT``.

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
    """The topic of Dask's events, on which the worker reports that it starts."""
    task: Task
    devices: bytes
    """The backends of the service, as :func:`~.child.packed` returns them."""
    memory_mb: int | None
    """MB of memory that the service allows a job; ``None`` for what the worker allows."""
    job_seconds: float
    """Seconds that a job may execute."""


_stopped: Final[OrderedDict[str, None]] = OrderedDict()
"""The names of tasks of this process that are not wanted any more; only the newest ones, in order of time."""


def execute_on_worker(call: bytes) -> bytes:
    """Execute a job. Dask calls this in a thread of one of its workers.

    Args:
        call: The job, its limits and the backends of the service, as MessagePack.

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
        # A worker that has lost its scheduler waits for its tasks before it closes, so they have to end.
        return read.key not in _stopped and worker.status.name not in _CLOSED

    outcome = execute_in_child(read.task, Setup(limits, read.devices), is_wanted)
    return msgspec.msgpack.encode((name, outcome))


def _memory_mb(worker: Any) -> int:
    """Return the MB of memory that one task may use: an equal share of what is free within the limit of the worker."""
    threads = worker.state.nthreads
    limit = worker.memory_manager.memory_limit
    if not limit:
        return share_of_machine(threads)
    # In steps: a child process that is ready can execute the next job only if that has the same limit.
    free = (int(limit) - psutil.Process(os.getpid()).memory_info().rss) // _MB // threads
    return int(max(LEAST_MB, free // _STEP_MB * _STEP_MB))


_STEP_MB: Final = 256


def stop_on_worker(key: str) -> None:
    """Stop a task of this worker, whether it has started or not.

    Args:
        key: The name of the task.
    """
    _stopped[key] = None
    while len(_stopped) > _MOST_STOPPED:
        _stopped.popitem(last=False)


# In the service


class DaskExecutor:
    """Executes jobs on a Dask cluster.

    Args:
        address: The address of its scheduler, as :func:`dask_address` returns it.
        memory_mb: MB of memory that a job may use; ``None`` for what its worker allows. The lower limit counts.
        job_seconds: Seconds that a job may execute.
    """

    def __init__(self, address: str, memory_mb: int | None, job_seconds: float) -> None:
        self.memory_mb: Final = memory_mb
        """MB of memory that a job may use; ``None`` if the limit depends on the worker."""
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
        """How many jobs of one simulator run at once: the number of threads of all workers of the cluster."""
        return max(1, self._threads)

    def start(self) -> None:
        """Connect to the cluster.

        Raises:
            ExecutorUnavailable: If the cluster cannot be reached, or has another version of this package or of Python.
        """
        self._client = self._connected()

    def kill(self) -> None:
        """Close the connection. The cluster then drops tasks that have not started."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close(timeout=1)

    async def stop(self) -> None:
        """Close the connection, after the workers have got the requests to stop cancelled jobs."""
        if self._stopping:
            await asyncio.wait(self._stopping, timeout=_CONNECT_SECONDS)
        await asyncio.to_thread(self.kill)

    async def execute(self, task: Task, started: Started) -> Outcome:
        """Execute a job. If the call is cancelled, its child process ends; see :class:`~.executor.JobExecutor`."""
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
        """Submit a task to the cluster, and return its future. Called in a thread, since large parameters take time.

        Raises:
            _Lost: If the cluster does not accept it.
        """
        devices = packed(tuple(DEVICES.values()))
        call = _Call(key, self._topic, task, devices, self.memory_mb, self._job_seconds)
        try:
            self._threads = sum(client.nthreads().values())
            # Drawings for the page have priority over jobs that are waiting.
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
            # The worker's report that it started has not arrived yet.
            self._report_start({"key": future.key, "name": worker})
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
                    _logger.warning("All jobs wait until the cluster can be reached: %s.", error)
                    await asyncio.sleep(_AGAIN_SECONDS)
                else:
                    return

    def _connected(self) -> Any:
        """Return a connected client of Dask, after a check of the versions of the workers.

        Raises:
            ExecutorUnavailable: If the cluster cannot be reached, or a version does not fit.
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
        """Handle the report of a worker that it starts a task. Dask calls this in the thread of its client."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._report_start, event[1])

    def _report_start(self, report: Any) -> None:
        if (started := self._started.get(report["key"])) is not None:
            self._named[report["key"]].add(report["name"])
            started(report["name"])


class _Lost(Exception):  # noqa: N818 - named for what it says
    """The connection to the cluster was lost, so the outcome of the job will not arrive."""


def _stop(client: Any, future: Any) -> None:
    """Stop a task, whether it is waiting or running. Called in a thread, since it waits for the workers."""
    with contextlib.suppress(Exception):
        client.cancel([future])
        client.run(stop_on_worker, future.key, on_error="ignore")


def check_versions(here: Any, workers: Any) -> None:
    """Compare the versions of the service's packages with those of the workers.

    Other versions of Qiskit or Aer are logged only.

    Args:
        here: Package -> version in the process of the service, as Dask reports them.
        workers: Address of a worker -> package -> version.

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
