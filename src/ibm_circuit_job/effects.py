"""The side effects of a job's life, and nothing else: each function does one thing and says how it went.

Each takes the client that it needs and returns an ``IOResult``: a fact, or a
:data:`~ibm_circuit_job.errors.Failure`. None holds a decision; what to do next is ``state.waiting``'s.

The client may be ours or anybody's. Exceptions of a foreign client are recognised by their shape
(``status_code`` and ``message``), not by their class; one that has no such shape is a bug, and is not caught.
"""

from __future__ import annotations

import inspect
import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from types import FunctionType
from typing import Any, Final, TypeVar

import requests
from returns.io import IO, IOFailure, IOResult, IOSuccess
from returns.result import Failure as Bad
from returns.result import Result, Success
from returns.unsafe import unsafe_perform_io

from ibm_circuit_job.clients.http import RequestFailed
from ibm_circuit_job.clients.protocols import JobClient, StreamingClient, SubmittingClient
from ibm_circuit_job.errors import Failure, Refused, Unreachable, Unreadable
from ibm_circuit_job.state import wire
from ibm_circuit_job.state.facts import JobInputs, JobMetrics, ResultPayload, StatusReport
from ibm_circuit_job.state.job import Job

_T = TypeVar("_T")
_logger: Final = logging.getLogger(__name__)


def perform(effect: IOResult[_T, Failure]) -> Result[_T, Failure]:
    """Return what an effect came to. Only the classic classes call this: they are where effects end.

    Example:
        >>> perform(IOSuccess(1))
        <Success: 1>
    """
    return unsafe_perform_io(IO.from_ioresult(effect))


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return the seconds of a clock that never goes back."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Wait. Ctrl-C ends it at once."""
    if seconds > 0:
        time.sleep(seconds)


def submit_job(
    client: SubmittingClient,
    *,
    program: str,
    backend: str,
    params: object,
    instance: str | None,
    tags: Sequence[str],
) -> IOResult[wire.Submission, Failure]:
    """Submit a job."""
    return _read(
        f"submit a job to {backend}",
        lambda: client.program_run(
            program_id=program, backend_name=backend, params=params, hgp=instance, job_tags=tags
        ),
        wire.read_submission,
    )


def fetch_job(client: JobClient, job_id: str, seconds: float | None = None) -> IOResult[Job, Failure]:
    """Fetch what the service says of a job, without its circuits.

    Args:
        client: Whom to ask.
        job_id: Which job.
        seconds: Try once, and give up after so long a silence; by default the client's own patience.

    Returns:
        A Job that holds the facts of this reply, to be merged into what is known.
    """
    return _read(
        f"read job {job_id}",
        lambda: client.job_get(job_id, exclude_params=True, **_limit(client, seconds)),
        lambda reply: wire.read_job(reply, now()).bind(partial(_about, job_id)),
    )


def _about(job_id: str, seen: Job) -> Result[Job, Unreadable]:
    """Nothing but a reply about the job that was asked for."""
    if seen.job_id == job_id:
        return Success(seen)
    return Bad(Unreadable("job reply", "id", f"expected {job_id!r}, got {seen.job_id!r}"))


def fetch_inputs(client: JobClient, job_id: str) -> IOResult[JobInputs | None, Failure]:
    """Fetch the parameters with which a job was submitted; ``None`` where the service keeps them to itself."""
    return _read(
        f"read the inputs of job {job_id}",
        lambda: client.job_get(job_id, exclude_params=False),
        lambda reply: wire.read_job(reply, now()).map(lambda job: job.inputs),
    )


def fetch_metrics(client: JobClient, job_id: str) -> IOResult[JobMetrics, Failure]:
    """Fetch a job's metrics."""
    return _read(
        f"read the metrics of job {job_id}",
        lambda: client.job_metadata(job_id),
        lambda reply: wire.read_metrics(reply, now()),
    )


def fetch_result(client: JobClient, job_id: str) -> IOResult[ResultPayload, Failure]:
    """Fetch the body of a job's result. Of a private job this consumes it: it can be read only once."""

    def payload(body: bytes | str) -> Result[ResultPayload, Unreadable]:
        return Success(ResultPayload(now(), body.encode() if isinstance(body, str) else body))

    return _read(f"read the result of job {job_id}", lambda: client.job_results(job_id), payload)


def request_cancel(client: JobClient, job_id: str) -> IOResult[datetime, Failure]:
    """Ask the service to cancel a job, and return when it accepted."""
    return _read(f"cancel job {job_id}", lambda: client.job_cancel(job_id), lambda _: Success(now()))


def put_tags(client: JobClient, job_id: str, tags: Sequence[str]) -> IOResult[datetime, Failure]:
    """Replace a job's tags, and return when the service accepted them."""
    return _read(f"tag job {job_id}", lambda: client.update_tags(job_id, list(tags)), lambda _: Success(now()))


def offers_stream(client: object) -> bool:
    """Return whether a client can listen to a push stream.

    Asked of the class, not of the object: a ``MagicMock`` has every attribute that one asks it for.
    """
    return isinstance(getattr(type(client), "job_stream", None), FunctionType)


def listen(client: StreamingClient, job_id: str, seconds: float | None) -> IOResult[bool, Failure]:
    """Listen to a job until the service closes its stream (True) or the time is up (False)."""
    return _read(f"listen to job {job_id}", lambda: client.job_stream(job_id, seconds), Success)


_warned: Final[set[str]] = set()
_warned_lock: Final = threading.Lock()
_MOST_WARNED: Final = 1000


def warn_of_unknown_status(report: StatusReport) -> None:
    """Log one warning for each status string that this version of the library does not know."""
    if report.is_known:
        return
    with _warned_lock:
        if report.server_status in _warned or len(_warned) >= _MOST_WARNED:
            return
        _warned.add(report.server_status)
    _logger.warning(
        "The service reports a job status that this version does not know: %r. It counts as not final.",
        report.server_status[:100],
    )


def _limit(client: object, seconds: float | None) -> dict[str, Any]:
    """The keyword with which our own client is limited in time; foreign ones have no such thing."""
    method = getattr(type(client), "job_get", None)
    if seconds is None or not isinstance(method, FunctionType):
        return {}
    return {"seconds": seconds} if "seconds" in inspect.signature(method).parameters else {}


def _read(doing: str, call: Callable[[], Any], read: Callable[[Any], Result[_T, Unreadable]]) -> IOResult[_T, Failure]:
    """Call the client, then read what it answered."""
    try:
        reply = call()
    except Exception as error:
        failure = _failure_of(error, doing)
        if failure is None:
            raise
        return IOFailure(failure)
    result = read(reply)
    return IOSuccess(result.unwrap()) if isinstance(result, Success) else IOFailure(result.failure())


def _failure_of(error: Exception, doing: str) -> Failure | None:
    """What an exception of a client means; ``None`` where it is no trouble of the network or the service."""
    if isinstance(error, RequestFailed):
        return error.failure
    status = getattr(error, "status_code", None)
    message = str(getattr(error, "message", error))
    if isinstance(status, int) and 300 <= status < 600:
        return Refused(doing, "the service", status, message)
    if isinstance(status, int) or isinstance(error, (requests.RequestException, OSError)):
        return Unreachable(doing, "the service", message)
    return None
