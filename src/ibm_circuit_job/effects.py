"""The side effects of a job's life. Each function does one, and returns an ``IOResult`` of a fact or a ``Failure``.

These functions decide nothing; ``state.waiting`` decides what to do next. The client is any client of the service; see
:mod:`ibm_circuit_job.clients.foreign`. The clock is the machine's by default.
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
"""The most jobs that the service lists in one reply."""


def value(effect: IOResult[_T, Failure], kind: type[IBMError] = IBMJobApiError) -> _T:
    """Run an effect and return its value, or raise its failure, for the classic classes.

    Raises:
        IBMError: If the effect failed: *kind*, or the exception of :func:`~ibm_circuit_job.errors.to_exception`.
    """
    match done := perform(effect):
        case Success(found):
            outcome: _T = found
            return outcome
    raise to_exception(done.failure(), kind)


def value_if_possible(effect: IOResult[_T, Failure]) -> _T | None:
    """Run an effect and return its value, for the classic classes; ``None`` if the client does not support it.

    Raises:
        IBMJobApiError: If the effect failed for another reason.
    """
    match perform(effect):
        case Bad(Unsupported()):
            return None
    return value(effect)


def now() -> datetime:
    """Return the present time, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return the seconds of a monotonic clock."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Wait for some seconds. Ctrl-C ends the wait at once."""
    if seconds > 0:
        time.sleep(seconds)


# Looked up at each call, so that a test can replace one of these functions everywhere.
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
    """Submit a job (``POST /jobs``). This is one request; if its reply is lost, the job may exist nevertheless."""
    # Left out if they have their defaults, since not every client accepts them.
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
    """Fetch the job reply, without circuits (``GET /jobs/ID``).

    Args:
        client: The client that sends the request.
        job_id: The job's ID.
        seconds: Try once, and fail after this many seconds without a reply; ``None`` for the client's own limits.
        clock: The clock that stamps the reply.

    Returns:
        A ``Job`` with only the facts of this reply, to merge into the record.
    """
    asked = adapted(client).ask(f"read job {job_id}", "job_get", job_id, exclude_params=True, seconds=seconds)
    return asked.bind_result(lambda reply: foreign.job_reply(job_id, reply, clock.now()))


def fetch_inputs(client: AnyClient, job_id: str, *, clock: Clock = SYSTEM_CLOCK) -> IOResult[JobInputs | None, Failure]:
    """Fetch the parameters of a job (``GET /jobs/ID``); ``None`` if the reply does not contain them."""
    asked = adapted(client).ask(f"read the inputs of job {job_id}", "job_get", job_id, exclude_params=False)
    return asked.bind_result(lambda reply: foreign.job_reply(job_id, reply, clock.now())).map(lambda job: job.inputs)


def fetch_job_page(client: object, **filters: Any) -> IOResult[wire.replies.JobPage, Failure]:
    """Fetch one page of the list of jobs (``GET /jobs``).

    Args:
        client: The client that sends the request.
        **filters: The arguments of ``jobs_get`` of the client; ``None`` is left out.
    """
    wanted = {name: value for name, value in filters.items() if value is not None}
    asked = adapted(client).ask("list jobs", "jobs_get", **wanted)
    return asked.bind_result(lambda reply: wire.replies.read_job_page(reply, now()))


def fetch_metrics(
    client: AnyClient, job_id: str, seconds: float | None = None, *, clock: Clock = SYSTEM_CLOCK
) -> IOResult[JobMetrics, Failure]:
    """Fetch the metrics of a job (``GET /jobs/ID/metrics``): one try within *seconds*, or by the client's limits."""
    asked = adapted(client).ask(f"read the metrics of job {job_id}", "job_metadata", job_id, seconds=seconds)
    return asked.bind_result(lambda reply: wire.replies.read_metrics(reply, clock.now()))


def fetch_result(
    client: AnyClient, job_id: str, *, prompt: bool = False, clock: Clock = SYSTEM_CLOCK
) -> IOResult[ResultPayload, Failure]:
    """Fetch the result of a job (``GET /jobs/ID/results``). The result of a private job can be read only once.

    The reply may be only the URL of the result; see :func:`fetch_located`.

    Args:
        client: The client that sends the request.
        job_id: The job's ID.
        prompt: Whether to try only once; by default, the client tries as often as it is set up to.
        clock: The clock that stamps the payload.
    """
    doing = f"read the result of job {job_id}"
    # Left out if it has its default, since not every client accepts it.
    asked = adapted(client).ask(doing, "job_results", job_id, **({"prompt": True} if prompt else {}))
    return asked.bind_result(partial(foreign.result_body, doing)).map(lambda raw: ResultPayload(clock.now(), raw))


def fetch_located(
    client: object, job_id: str, url: str, *, prompt: bool = False, clock: Clock = SYSTEM_CLOCK
) -> IOResult[ResultPayload, Failure]:
    """Fetch a result from the URL in a reply, without sending our token there; otherwise as :func:`fetch_result`."""
    body = foreign.located_body(adapted(client), f"read the result of job {job_id}", url, prompt=prompt)
    return body.map(lambda raw: ResultPayload(clock.now(), raw))


def fetch_result_of(client: AnyClient, job: Job) -> IOResult[ResultPayload, Failure]:
    """Fetch the result of a job that has ended, also from a URL in the reply, as a step of a pipeline.

    If the record has the payload already, no request is sent.

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
    """Fetch the log of a job (``GET /jobs/ID/logs``)."""
    return adapted(client).ask(f"read the log of job {job_id}", "job_logs", job_id).bind_result(foreign.log_text)


def fetch_properties(
    client: object, backend: str, moment: datetime | None
) -> IOResult[Mapping[str, Any] | None, Failure]:
    """Fetch the properties of a backend, now or at an earlier time; ``None`` if the service has none."""
    doing = f"read the properties of backend {backend}"
    return adapted(client).ask(doing, "backend_properties", backend, datetime=moment).bind_result(foreign.properties_of)


def request_cancel(
    client: AnyClient, job_id: str, *, clock: Clock = SYSTEM_CLOCK
) -> IOResult[datetime | None, Failure]:
    """Request the cancellation of a job. The outcome is the time at which it was accepted; ``None`` if it was not."""
    asked = adapted(client).ask(f"cancel job {job_id}", "job_cancel", job_id)
    return asked.map(lambda answer: clock.now() if wire.replies.read_cancel(answer) else None)


def put_tags(
    client: AnyClient, job_id: str, tags: Sequence[str], *, clock: Clock = SYSTEM_CLOCK
) -> IOResult[datetime, Failure]:
    """Replace the tags of a job. The outcome is the time at which the service accepted them."""
    return adapted(client).ask(f"tag job {job_id}", "update_tags", job_id, list(tags)).map(lambda _: clock.now())


def put_name(client: object, job_id: str, name: str, *, clock: Clock = SYSTEM_CLOCK) -> IOResult[datetime, Failure]:
    """Rename a job on the service, by a client of the oldest API. The outcome is the time at which it was accepted."""
    used, doing = adapted(client), f"rename job {job_id}"
    if not used.stores_names:
        return IOFailure(Unsupported(doing, "the service does not save names"))
    return used.ask(doing, "job_update_attribute", job_id, "name", name).map(lambda _: clock.now())


def listen(client: StreamingClient | Client, job_id: str, seconds: float | None) -> IOResult[bool, Failure]:
    """Listen to the push stream of a job until the service closes it (True), or for *seconds* (False)."""
    return adapted(client).ask(f"listen to job {job_id}", "job_stream", job_id, seconds)


def begin_wait(
    job: Watched, client: object, policy: WaitPolicy | None, timeout: float | None, clock: Clock = SYSTEM_CLOCK
) -> Steps:
    """Return the steps of a wait that begins now. Each reply goes to *job*; otherwise as :func:`wait_until_final`."""
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
    """Wait until a job has ended, and return its record with all facts that have arrived. This blocks the thread.

    The wait polls ``GET /jobs/ID``, or listens to the push stream, as decided by
    :func:`~ibm_circuit_job.state.waiting.next_step`. If the record is final already, no request is sent.

    Args:
        client: The client that sends the requests.
        job: The record of the job.
        policy: How often to poll, and for how long to tolerate failures; ``None`` for ``WaitPolicy()``.
        timeout: The longest wait in seconds; ``None`` for no limit.
        clock: The clock that stamps replies and measures pauses. The time limit of one request is real time.

    Returns:
        The record with a final status. Or a failure: :class:`~ibm_circuit_job.errors.TimeUp` if the job has not
        ended in time; :class:`~ibm_circuit_job.errors.GaveUpWaiting` if requests failed for longer than the policy
        tolerates; or the failure of a request that must not be repeated.

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
