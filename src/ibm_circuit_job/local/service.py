"""LocalService: starts, controls and stops the local service, which runs in its own process."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import io
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast
from urllib.parse import quote, urlsplit

import msgspec

from ibm_circuit_job.errors import IBMError
from ibm_circuit_job.local.api_forms import SUNSETS

_STOP_SECONDS: Final = 5.0
_CONTROL_SECONDS: Final = 30.0
"""Seconds that the service may take to answer a request that controls it."""
_MOST_SECONDS: Final = 1e9
_LEAST: Final = {"workers": 1, "rate_limit": 1, "memory_mb": 256}
"""Setting -> its smallest value, if that is not 0. A worker needs about 200 MB before its first job."""
_NEEDED: Final = ("jwt", "platformdirs", "psutil", "qiskit_aer", "sqlalchemy", "starlette", "uvicorn", "wsproto")


class LocalServiceError(IBMError):
    """The local service could not be started; the message says why."""


class LocalService:
    """An IBM Quantum service on this machine, in its own process.

    It stops with :meth:`stop`, at the end of a ``with`` block, when it is no longer referred to, when the
    interpreter exits, and also when this process is killed.

    It serves the API of IBM Quantum Platform at :attr:`platform_url`, and that of IBM Quantum Platform Classic, which
    IBM switched off in July 2025, at :attr:`url`.

    Args:
        port: The port on loopback, 0 to 65535; 0 for any free port.
        token: The API token that clients must log in with. By default, the token that is saved in *data*; a new folder
            gets a random one.
        data: The folder in which the service saves its jobs, and from which it loads them at the next start. By
            default a new folder, which is removed when the service stops.
        workers: How many processes execute jobs. With a ``concurrent.futures.Executor``: how many jobs of a simulator
            it gets at once.
        executor: What executes jobs, instead of processes of the service. Either the address of a Dask scheduler
            (``dask://HOST:PORT``, or ``dask+tls://HOST:PORT``), or any ``concurrent.futures.Executor``. The executor
            must work as long as the service runs, and the service does not shut it down.
        seed: The seed of every simulation whose job gives no seed, so that counts can be repeated.
        rate_limit: How many jobs may be submitted a minute; any number by default.
        results_at_url: For results of at least this many bytes, the reply has a URL and not the result. By default
            10 MiB in the API of Classic, and never in the other.
        token_seconds: Seconds for which an access token of IBM Quantum Platform is valid.
        faults: A plan of what goes wrong, in the form of its JSON; see
            :class:`~ibm_circuit_job.local.faults.FaultPlan`.
        memory_mb: MB of memory that each worker may use. A job that needs more fails, with the reason. By default, the
            workers share equally the memory that is free when the service starts.
        job_seconds: Seconds that a job may execute. A job that takes longer fails, with the reason.
        idle_seconds: Seconds after which the service closes a connection on which no request has arrived.
        devices: The backends of the service. Each is the name of a backend of this service, the name of a fake backend
            of ``qiskit-ibm-runtime`` if that package is installed (``fake_fez``), a list of paths, or a ``BackendV2``.
            The paths are those of a configuration, then of its properties, as IBM's API returns them. By default
            ``local_simulator``, ``local_5q``, ``local_27q``, ``local_heron`` and ``ibmq_qasm_simulator``.
        allowed_hosts: Names that are allowed in the headers ``Host`` and ``Origin``, in addition to ``localhost`` and
            IP addresses.
        instances: The instances of IBM Quantum Platform, each with any of ``name``, ``plan``, ``region``,
            ``limit_seconds`` and ``tags``. By default one instance with the name ``local``, the plan ``Open`` and no
            limit. An instance takes no more jobs (HTTP status 409) when its jobs of the last 28 days were charged
            ``limit_seconds``.
        usage_seconds: Seconds from the end of a job until its usage is ``complete``; before, it is ``pending``.
        withdrawn_versions: Versions of IBM's API that are not served; see also :meth:`withdraw_version`.
        startup_seconds: Seconds that the service may take to start.

    Raises:
        LocalServiceError: If an argument is not valid, the port is taken, the folder cannot be used, or the service
            does not start in time. Also if the extra ``local`` is not installed, or if the Dask cluster cannot be
            reached or has another version of this package.

    Example:
        >>> with LocalService() as service:
        ...     service.url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(
        self,
        *,
        port: int = 0,
        token: str | None = None,
        data: str | os.PathLike[str] | None = None,
        workers: int = 2,
        executor: str | Executor | None = None,
        seed: int | None = None,
        rate_limit: int | None = None,
        results_at_url: int | None = None,
        token_seconds: int = 3600,
        faults: Mapping[str, Any] | None = None,
        memory_mb: int | None = None,
        job_seconds: float = 300.0,
        idle_seconds: float = 30.0,
        allowed_hosts: Sequence[str] = (),
        devices: Sequence[Any] | None = None,
        instances: Sequence[Mapping[str, Any]] = (),
        usage_seconds: float = 0.1,
        withdrawn_versions: Sequence[str] = (),
        startup_seconds: float = 60.0,
    ) -> None:
        if type(port) is not int or not 0 <= port <= 65_535:
            raise LocalServiceError(f"expected port to be a whole number from 0 to 65535, got {port!r}")
        missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise LocalServiceError(f"the local service needs {', '.join(missing)}: install ibm-circuit-job[local]")
        _check_faults(faults)
        _check_executor(executor)
        _check_settings(
            token,
            data,
            workers=workers,
            rate_limit=rate_limit,
            results_at_url=results_at_url,
            seed=seed,
            memory_mb=memory_mb,
        )
        _check_seconds(job_seconds=job_seconds, idle_seconds=idle_seconds)
        _check_seconds(0.0, usage_seconds=usage_seconds)
        _check_hosts(allowed_hosts)
        described = _described(devices)
        _check_instances(instances)
        _check_versions(withdrawn_versions)
        temporary = _new_folder() if data is None else None
        settings = {
            "data": temporary or os.fspath(data or ""),
            "token": token,
            "port": port,
            "workers": workers,
            "executor": "relayed" if isinstance(executor, Executor) else executor,
            "seed": seed,
            "rate_limit": rate_limit,
            "results_at_url": results_at_url,
            "token_seconds": token_seconds,
            "faults": {} if faults is None else faults,
            "memory_mb": memory_mb,
            "job_seconds": job_seconds,
            "idle_seconds": idle_seconds,
            "allowed_hosts": list(allowed_hosts),
            "devices": described,
            "instances": [dict(each) for each in instances],
            "usage_seconds": usage_seconds,
            "withdrawn_versions": list(withdrawn_versions),
        }
        process = _new_process()
        self._process = process
        self._stop = weakref.finalize(self, _stop, process, temporary, os.getpid())
        _lifelines.add(process)
        try:
            started = _first_reply(process, settings, startup_seconds)
        except BaseException:
            self._stop()
            raise
        if isinstance(executor, Executor):
            _relay(executor, process)
        self.url: str = started["url"]
        """The URL to log in at, in the API of IBM Quantum Platform Classic."""
        self.platform_url: str = started["platform_url"]
        """The URL of the API of IBM Quantum Platform, in the form that the official client takes."""
        self.instance: str = started["instance"]
        """The first instance of IBM Quantum Platform, as a CRN (Cloud Resource Name)."""
        self.token: str = started["token"]
        """The API token to log in with."""
        self.environment: dict[str, str] = started["environment"]
        """Environment variables with which our client and both official ones use this service, not IBM Cloud."""
        self.page_url: str = started["page_url"]
        """The URL of the page that shows its jobs and devices. It contains the token."""
        self.pid: int = process.pid
        """The process ID of the service."""

    def __repr__(self) -> str:
        return f"<LocalService({self.url!r})>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether the process of the service runs."""
        return bool(self._stop.alive) and self._process.poll() is None

    def withdraw_version(self, version: str) -> None:
        """Withdraw a version of IBM's API, as IBM may do after its sunset date.

        Requests that name this version get the HTTP status 400, and ``GET /versions`` does not list it any more.

        Args:
            version: The version, as in ``"2025-05-01"``.

        Raises:
            LocalServiceError: If there is no such version, or the service does not reply.

        Example:
            >>> with LocalService() as service:
            ...     service.withdraw_version("2025-05-01")
        """
        _check_versions([version])
        self._control("DELETE", f"{urlsplit(self.platform_url).path}/versions/{version}", f"withdraw version {version}")

    def order_faults(self, faults: Mapping[str, Any] | None) -> None:
        """Replace the plan of faults of the running service. The random draws of the new plan start from its seed.

        Args:
            faults: The plan, as for the argument *faults* of the class; ``None`` for no faults.

        Raises:
            LocalServiceError: If *faults* is no plan, or the service does not reply.

        Example:
            >>> with LocalService() as service:
            ...     service.order_faults({"faults": [{"kind": "status", "status": 503, "times": 1}]})
        """
        _check_faults(faults)
        self._control("PUT", "/faults", "take the plan of faults", msgspec.json.encode(faults or {}))

    def delete_jobs(self) -> None:
        """Delete all jobs; those that have not ended are cancelled first. Useful between two tests.

        Raises:
            LocalServiceError: If the service does not reply.

        Example:
            >>> with LocalService() as service:
            ...     service.delete_jobs()
        """
        self._control("DELETE", "/jobs", "delete its jobs")

    def age_job(self, job_id: str) -> None:
        """Turn a job into one of the oldest kind: the jobs of 2018 to 2023, which ``job_type`` calls ``IQX``.

        After that, only the account API of IBM Quantum Platform Classic has the job: ``jobs(legacy=True)`` lists it,
        and its result is read from the object store.

        Args:
            job_id: A job of ``circuit-runner`` that has ended and is not private.

        Raises:
            LocalServiceError: If there is no such job, it has not ended, or the service does not reply.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> from qiskit import QuantumCircuit
            >>> with LocalService() as service, IBMProvider(service.token, service.url, store=None) as provider:
            ...     job = provider.get_backend("local_simulator").run(QuantumCircuit(1, 1))
            ...     job.wait_for_final_state()
            ...     service.age_job(job.job_id())
            ...     provider.jobs(), [old.kind for old in provider.jobs(legacy=True)]
            ([], ['q-object-external-storage'])
        """
        if type(job_id) is not str or not job_id:
            raise LocalServiceError(f"expected job_id to be the ID of a job, got {job_id!r}")
        self._control("POST", f"/jobs/{quote(job_id, safe='')}/age", f"age job {job_id}")

    def _control(self, method: str, path: str, doing: str, body: bytes | None = None) -> None:
        """Send a request that only the local service has, not IBM's."""
        connection = http.client.HTTPConnection(urlsplit(self.platform_url).netloc, timeout=_CONTROL_SECONDS)
        try:
            connection.request(method, path, body, {"Authorization": f"apikey {self.token}"})
            status = connection.getresponse().status
        except OSError as error:
            raise LocalServiceError(f"the service did not {doing}: {error}") from None
        finally:
            connection.close()
        if status != HTTPStatus.NO_CONTENT:
            raise LocalServiceError(f"the service did not {doing}: it replied with HTTP status {status}")

    def stop(self) -> None:
        """Stop the service. Jobs that are running are stopped; with a folder *data*, they run again at the next start.

        A second call does nothing.
        """
        self._stop()


def _new_process() -> subprocess.Popen[bytes]:
    """Start the service's process, which reads its settings from standard input."""
    # In a new session, Ctrl-C in a terminal reaches only the program, which then stops the service in order.
    return subprocess.Popen(
        # -P: nothing is imported from the current folder of the program.
        [sys.executable, "-P", "-m", "ibm_circuit_job.local"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _check_settings(token: object, data: object, **numbers: object) -> None:
    if token is not None and (not isinstance(token, str) or not token.strip() or not token.isascii()):
        raise LocalServiceError("expected token to be a non-empty string of ASCII characters, or None")
    named = os.fspath(data) if isinstance(data, os.PathLike) else data
    if named is not None and (not isinstance(named, str) or not named or not named.isprintable()):
        raise LocalServiceError(f"expected data to be the path of a folder, or None, got {data!r}")
    for name, number in numbers.items():
        least = _LEAST.get(name, 0)
        if (number is None and name != "workers") or (type(number) is int and number >= least):
            continue
        raise LocalServiceError(f"expected {name} to be a whole number from {least} up, got {number!r}")


def _check_seconds(least: float = 1e-9, **settings: object) -> None:
    for name, seconds in settings.items():
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not least <= seconds <= _MOST_SECONDS:
            bound = "from 0 up" if least == 0 else "above 0"
            raise LocalServiceError(f"expected {name} to be a number of seconds {bound}, got {seconds!r}")


def _check_executor(executor: object) -> None:
    if executor is None or isinstance(executor, Executor):
        return
    if not isinstance(executor, str):
        raise LocalServiceError(
            "expected executor to be the address of a Dask scheduler, a concurrent.futures.Executor, or None, got "
            f"{type(executor).__name__}"
        )
    from ibm_circuit_job.local.dask_cluster import dask_address  # noqa: PLC0415 - it needs the extra
    from ibm_circuit_job.local.executor import ExecutorUnavailable  # noqa: PLC0415 - the same

    try:
        dask_address(executor)
    except ExecutorUnavailable as error:
        raise LocalServiceError(str(error)) from None


def _relay(executor: Executor, process: subprocess.Popen[bytes]) -> None:
    from ibm_circuit_job.local.relay import serve_relay  # noqa: PLC0415 - it needs the extra

    arguments = (executor, process.stdout, process.stdin)
    threading.Thread(target=serve_relay, args=arguments, name="local-service-jobs", daemon=True).start()


def _check_hosts(hosts: object) -> None:
    if isinstance(hosts, str) or not isinstance(hosts, Sequence) or not all(isinstance(host, str) for host in hosts):
        raise LocalServiceError(f"expected allowed_hosts to be a list of host names, got {hosts!r}")


def _check_instances(instances: object) -> None:
    from ibm_circuit_job.local.instances import NoInstances, read_instances  # noqa: PLC0415 - it needs the extra

    try:
        read_instances(instances)
    except NoInstances as error:
        raise LocalServiceError(str(error)) from None


def _check_versions(versions: object) -> None:
    known = list(SUNSETS)
    if isinstance(versions, str) or not isinstance(versions, Sequence) or not set(versions) <= set(known):
        raise LocalServiceError(f"expected withdrawn_versions to be a list of {', '.join(known)}, got {versions!r}")


def _described(devices: Sequence[Any] | None) -> list[Any] | None:
    from ibm_circuit_job.local.given_devices import NoDevice, devices_of, documents_of  # noqa: PLC0415 - it needs qiskit

    if devices is None:
        return None
    if isinstance(devices, str) or not isinstance(devices, Sequence):
        raise LocalServiceError(f"expected devices to be a list, got {devices!r}")
    try:
        found = [documents_of(each) for each in devices]
        devices_of(found)
    except NoDevice as error:
        raise LocalServiceError(f"devices: {error}") from None
    return found


def _new_folder() -> str:
    folder = tempfile.mkdtemp(prefix="ibm-circuit-job-")
    # The umask may have removed permissions of the owner.
    Path(folder).chmod(0o700)
    return folder


def _check_faults(faults: Mapping[str, Any] | None) -> None:
    from ibm_circuit_job.local.faults import NoFaultPlan, read_plan  # noqa: PLC0415 - it needs the extra

    try:
        read_plan(msgspec.json.encode(faults or {}))
    except (NoFaultPlan, TypeError) as error:
        raise LocalServiceError(f"faults: {error}") from None


_lifelines: weakref.WeakSet[subprocess.Popen[bytes]] = weakref.WeakSet()


def _close_lifelines() -> None:
    """Close the pipes to all services, in a forked child. An open pipe in the child would let them run on."""
    for process in _lifelines:
        if process.stdin is not None:
            # Only the raw pipe: the parent writes what is still in the buffer, and may hold the lock of the buffer.
            cast("io.BufferedWriter", process.stdin).raw.close()
    _lifelines.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_lifelines)


def _first_reply(process: subprocess.Popen[bytes], settings: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Send the settings to the process, and return the fields of the JSON line that it writes when it has started."""
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(msgspec.json.encode(settings) + b"\n")
        process.stdin.flush()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=lambda: lines.put(_line(process)), name="local-service-start", daemon=True).start()
    try:
        line = lines.get(timeout=seconds)
    except queue.Empty:
        message = f"the local service did not start within {seconds:g} seconds; give a larger startup_seconds"
        raise LocalServiceError(message) from None
    if not line:
        raise LocalServiceError(f"the local service ended at once, with exit code {process.wait(_STOP_SECONDS)}")
    reply = msgspec.json.decode(line, type=dict[str, Any])
    if "error" in reply:
        raise LocalServiceError(f"the local service cannot start: {reply['error']}")
    return reply


def _line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    return process.stdout.readline()


def _stop(process: subprocess.Popen[bytes], temporary: str | None, owner: int) -> None:
    """Close the lifeline, terminate the process, and kill it after a few seconds. Does nothing in a forked child."""
    if os.getpid() != owner:
        return
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    _lifelines.discard(process)
    with contextlib.suppress(OSError):
        process.stdin.close()
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
    if temporary is not None:
        shutil.rmtree(temporary, ignore_errors=True)
