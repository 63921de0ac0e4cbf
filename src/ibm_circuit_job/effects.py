"""The side effects of a job's life: each function does one, and returns an ``IOResult``: a fact, or a ``Failure``.

No function decides anything: what to do next is for ``state.waiting``. The client is any client of the service; see
:mod:`ibm_circuit_job.clients.foreign`. The clock is the machine's, unless another one is given.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from returns.io import IOFailure, IOResult, IOSuccess
from returns.result import Failure as Bad
from returns.result import Success

from ibm_circuit_job import threads, wire
from ibm_circuit_job.clients import foreign
from ibm_circuit_job.clients.foreign import AnyClient, Client, adapted
from ibm_circuit_job.clients.protocols import StreamingClient, SubmittingClient
from ibm_circuit_job.errors import Failure, IBMError, IBMJobApiError, Unsupported, to_exception
from ibm_circuit_job.state.facts import JobInputs, JobMetrics, ResultPayload
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.threads.background import perform as perform  # noqa: PLC0414 - the name is public here
from ibm_circuit_job.threads.clock import Clock as Clock  # noqa: PLC0414 - the same

if TYPE_CHECKING:
    from ibm_circuit_job.state.waiting import WaitPolicy
    from ibm_circuit_job.threads.following import Steps, Watched

_T = TypeVar("_T")

PAGE: Final = 200
"""How many jobs the service lists at once."""


def value(effect: IOResult[_T, Failure], kind: type[IBMError] = IBMJobApiError) -> _T:
    """Return the outcome of an effect, for the classic classes.

    Raises:
        IBMError: If it failed; ``kind``, or what :func:`~ibm_circuit_job.errors.to_exception` makes of it.
    """
    match done := perform(effect):
        case Success(found):
            outcome: _T = found
            return outcome
    raise to_exception(done.failure(), kind)


def value_if_possible(effect: IOResult[_T, Failure]) -> _T | None:
    """Return the outcome of an effect, for the classic classes; ``None`` where the client cannot do it.

    Raises:
        IBMJobApiError: If it failed otherwise.
    """
    match perform(effect):
        case Bad(Unsupported()):
            return None
    return value(effect)


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


# Looked up at each call, so that whatever stands in for one of them counts everywhere.
SYSTEM_CLOCK: Final = Clock(lambda: now(), lambda: monotonic(), lambda seconds: sleep(seconds), "SYSTEM_CLOCK")  # noqa: PLW0108
"""The machine's clock: :func:`now`, :func:`monotonic` and :func:`sleep`."""


def chance() -> float:
    """Return a random float in [0, 1)."""
    return random.random()


def submit_job(
    client: SubmittingClient | Client,
    *,
    program: str,
    backend: str,
    params: object,
    instance: str | None,
    tags: Sequence[str],
    private: bool = False,
    calibration_id: str | None = None,
    session_id: str | None = None,
) -> IOResult[wire.replies.Submission, Failure]:
    """Submit a job: one request, whose answer may be lost (``POST /jobs``)."""
    # Left out where they are nothing special: not every client knows them.
    special = {"private": private or None, "calibration_id": calibration_id, "session_id": session_id}
    asked = adapted(client).ask(
        f"submit a job to {backend}",
        "program_run",
        program_id=program,
        backend_name=backend,
        params=params,
        hgp=instance,
        job_tags=tags,
        **{name: value for name, value in special.items() if value is not None},
    )
    return asked.bind_result(wire.replies.read_submission)


def fetch_job(
    client: AnyClient, job_id: str, seconds: float | None = None, *, clock: Clock = SYSTEM_CLOCK
) -> IOResult[Job, Failure]:
    """Fetch what the service says of a job, without its circuits (``GET /jobs/ID``).

    Args:
        client: The client to ask.
        job_id: Which job.
        seconds: Try once, and fail after so long a silence; by default the client's own patience.
        clock: The clock that stamps the reply.

    Returns:
        A Job that holds the facts of this reply, to be merged into what is known.
    """
    asked = adapted(client).ask(f"read job {job_id}", "job_get", job_id, exclude_params=True, seconds=seconds)
    return asked.bind_result(lambda reply: foreign.job_reply(job_id, reply, clock.now()))


def fetch_inputs(client: AnyClient, job_id: str, *, clock: Clock = SYSTEM_CLOCK) -> IOResult[JobInputs | None, Failure]:
    """Fetch the parameters with which a job was submitted; ``None`` where the service does not give them away."""
    asked = adapted(client).ask(f"read the inputs of job {job_id}", "job_get", job_id, exclude_params=False)
    return asked.bind_result(lambda reply: foreign.job_reply(job_id, reply, clock.now())).map(lambda job: job.inputs)


def fetch_job_page(client: object, **filters: Any) -> IOResult[wire.replies.JobPage, Failure]:
    """Fetch one page of the listing of jobs (``GET /jobs``).

    Args:
        client: The client to ask.
        **filters: What ``jobs_get`` of the client takes; those that are ``None`` are left out.
    """
    wanted = {name: value for name, value in filters.items() if value is not None}
    asked = adapted(client).ask("list jobs", "jobs_get", **wanted)
    return asked.bind_result(lambda reply: wire.replies.read_job_page(reply, now()))


def fetch_metrics(
    client: AnyClient, job_id: str, seconds: float | None = None, *, clock: Clock = SYSTEM_CLOCK
) -> IOResult[JobMetrics, Failure]:
    """Fetch a job's metrics (``GET /jobs/ID/metrics``): one try in ``seconds``, or with the client's own patience."""
    asked = adapted(client).ask(f"read the metrics of job {job_id}", "job_metadata", job_id, seconds=seconds)
    return asked.bind_result(lambda reply: wire.replies.read_metrics(reply, clock.now()))


def fetch_result(
    client: AnyClient, job_id: str, *, prompt: bool = False, clock: Clock = SYSTEM_CLOCK
) -> IOResult[ResultPayload, Failure]:
    """Fetch the body of a job's result (``GET /jobs/ID/results``). That of a private job can be read only once.

    The body may be no more than the URL at which the result lies; see :func:`fetch_located`.

    Args:
        client: The client to ask.
        job_id: Which job.
        prompt: Try once; by default the client's own patience.
        clock: The clock that stamps the payload.
    """
    doing = f"read the result of job {job_id}"
    # Left out where it is nothing special: not every client knows it.
    asked = adapted(client).ask(doing, "job_results", job_id, **({"prompt": True} if prompt else {}))
    return asked.bind_result(partial(foreign.result_body, doing)).map(lambda raw: ResultPayload(clock.now(), raw))


def fetch_located(
    client: object, job_id: str, url: str, *, prompt: bool = False, clock: Clock = SYSTEM_CLOCK
) -> IOResult[ResultPayload, Failure]:
    """Fetch a result from the URL that the service named, without our token; else as :func:`fetch_result`."""
    body = foreign.located_body(adapted(client), f"read the result of job {job_id}", url, prompt=prompt)
    return body.map(lambda raw: ResultPayload(clock.now(), raw))


def fetch_result_of(client: AnyClient, job: Job) -> IOResult[ResultPayload, Failure]:
    """Fetch the body of the result of a job that has ended, from wherever it lies, as a step of a pipeline.

    A payload that the record has costs no request.

    Example:
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.effects import perform
        >>> from ibm_circuit_job.testing import ScriptedClient
        >>> perform(fetch_result_of(ScriptedClient(results=[b'{"results": []}']), Job("a"))).unwrap().raw
        b'{"results": []}'
    """

    def located(payload: ResultPayload) -> IOResult[ResultPayload, Failure]:
        url = wire.replies.read_result_location(payload.raw)
        return IOSuccess(payload) if url is None else fetch_located(client, job.job_id, url)

    return (fetch_result(client, job.job_id) if job.payload is None else IOSuccess(job.payload)).bind(located)


def fetch_logs(client: object, job_id: str) -> IOResult[str, Failure]:
    """Fetch a job's log (``GET /jobs/ID/logs``)."""
    return adapted(client).ask(f"read the log of job {job_id}", "job_logs", job_id).bind_result(foreign.log_text)


def fetch_properties(
    client: object, backend: str, moment: datetime | None
) -> IOResult[Mapping[str, Any] | None, Failure]:
    """Fetch how good a backend was at a time, or is now; ``None`` where the service does not say."""
    doing = f"read the properties of backend {backend}"
    return adapted(client).ask(doing, "backend_properties", backend, datetime=moment).bind_result(foreign.properties_of)


def request_cancel(
    client: AnyClient, job_id: str, *, clock: Clock = SYSTEM_CLOCK
) -> IOResult[datetime | None, Failure]:
    """Ask the service to cancel a job. Return when it accepted; ``None`` where it answers that it did not."""
    asked = adapted(client).ask(f"cancel job {job_id}", "job_cancel", job_id)
    return asked.map(lambda answer: clock.now() if wire.replies.read_cancel(answer) else None)


def put_tags(
    client: AnyClient, job_id: str, tags: Sequence[str], *, clock: Clock = SYSTEM_CLOCK
) -> IOResult[datetime, Failure]:
    """Replace a job's tags, and return when the service accepted them."""
    return adapted(client).ask(f"tag job {job_id}", "update_tags", job_id, list(tags)).map(lambda _: clock.now())


def put_name(client: object, job_id: str, name: str, *, clock: Clock = SYSTEM_CLOCK) -> IOResult[datetime, Failure]:
    """Rename a job on the service, and return when it accepted. Only clients of the oldest API can do that."""
    used, doing = adapted(client), f"rename job {job_id}"
    if not used.stores_names:
        return IOFailure(Unsupported(doing, "the service keeps no names"))
    return used.ask(doing, "job_update_attribute", job_id, "name", name).map(lambda _: clock.now())


def listen(client: StreamingClient | Client, job_id: str, seconds: float | None) -> IOResult[bool, Failure]:
    """Listen to a job until the service closes its stream (True) or the time is up (False)."""
    return adapted(client).ask(f"listen to job {job_id}", "job_stream", job_id, seconds)


def begin_wait(
    job: Watched, client: object, policy: WaitPolicy | None, timeout: float | None, clock: Clock = SYSTEM_CLOCK
) -> Steps:
    """Return the steps of a wait that begins now. *job* learns each reply; else as :func:`wait_until_final`."""
    used, job_id = adapted(client), job.state.job_id
    look = partial(fetch_job, used, job_id, clock=clock)
    measure = partial(fetch_metrics, used, job_id, clock=clock)
    asked = threads.following.Asked(look, measure, partial(listen, used, job_id))
    return threads.following.Steps.begun(
        job, asked, policy, timeout, clock, offers_stream=used.offers_stream, seed=chance()
    )


def wait_until_final(
    client: AnyClient,
    job: Job,
    policy: WaitPolicy | None = None,
    timeout: float | None = None,
    *,
    clock: Clock = SYSTEM_CLOCK,
) -> IOResult[Job, Failure]:
    """Wait until a job has ended, blocking this thread, and return the record with all that was learned.

    The job reply (``GET /jobs/ID``) is asked for, or the push stream is listened to, as
    :func:`~ibm_circuit_job.state.waiting.next_step` says. A job that is known to have ended costs no request.

    Args:
        client: The client to ask.
        job: What is known of the job.
        policy: How the wait is paced; ``None`` for ``WaitPolicy()``.
        timeout: Seconds to wait; ``None`` for no limit.
        clock: The clock that stamps what is learned and lets the pauses pass. The limit of one request is real time.

    Returns:
        The record, whose status is final. Or a failure: :class:`~ibm_circuit_job.errors.TimeUp` if the job has not
        ended in time; what the service said if it refused for good;
        :class:`~ibm_circuit_job.errors.GaveUpWaiting` if trouble lasted longer than the policy's patience.

    Example:
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.effects import Clock, perform
        >>> from ibm_circuit_job.testing import ScriptedClient
        >>> replies = [b'{"id": "a", "state": {"status": "Queued"}}', b'{"id": "a", "state": {"status": "Completed"}}']
        >>> passed = []
        >>> clock = Clock(now, lambda: sum(passed, 0.0), passed.append)
        >>> ended = perform(wait_until_final(ScriptedClient(replies), Job("a"), clock=clock))
        >>> ended.unwrap().is_final, len(passed)
        (True, 2)
    """
    return threads.following.follow(begin_wait(threads.following.Known(job, clock), client, policy, timeout, clock))
