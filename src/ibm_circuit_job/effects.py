"""The side effects of a job's life, and nothing else: each function does one thing and says how it went.

Each takes the client that it needs and returns an ``IOResult``: a fact, or a
:data:`~ibm_circuit_job.errors.Failure`. None holds a decision; what to do next is ``state.waiting``'s.

The client may be ours or anybody's. Exceptions of a foreign client are recognised by their shape
(``status_code`` and ``message``), not by their class; one that has no such shape is a bug, and is not caught.
"""

from __future__ import annotations

import inspect
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import lru_cache, partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, assert_never

from attrs import define, field, frozen
from returns.io import IO, IOFailure, IOResult, IOSuccess
from returns.result import Failure as Bad
from returns.result import Result, Success
from returns.unsafe import unsafe_perform_io

from ibm_circuit_job import clients, wire
from ibm_circuit_job.clients.protocols import JobClient, StreamingClient, SubmittingClient
from ibm_circuit_job.errors import (
    Failure,
    IBMError,
    IBMJobApiError,
    JobStoreDamagedError,
    JobStoreError,
    JobStoreUnavailableError,
    NoResult,
    Refused,
    StoreTrouble,
    Unreachable,
    Unreadable,
    Unsupported,
    describe,
    to_exception,
)
from ibm_circuit_job.locks import ForkFreeLock
from ibm_circuit_job.state.course import Course
from ibm_circuit_job.state.facts import JobInputs, JobMetrics, ResultPayload, StatusReport
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.transitions import after, merge
from ibm_circuit_job.state.waiting import Finished, GaveUp, Listen, Poll, Step, TimedOut, WaitPolicy

if TYPE_CHECKING:
    import asyncio

    from ibm_circuit_job.store import RecordStore

_T = TypeVar("_T")
_logger: Final = logging.getLogger(__name__)


def perform(effect: IOResult[_T, Failure]) -> Result[_T, Failure]:
    """Return what an effect came to. Only the classic classes call this: they are where effects end.

    Example:
        >>> from returns.io import IOSuccess
        >>> perform(IOSuccess(1))
        <Success: 1>
    """
    return unsafe_perform_io(IO.from_ioresult(effect))


def value(effect: IOResult[_T, Failure], kind: type[IBMError] = IBMJobApiError) -> _T:
    """Return what an effect came to, for the classic classes.

    Raises:
        IBMError: If it failed; ``kind``, or what :func:`~ibm_circuit_job.errors.to_exception` makes of it.
    """
    done = perform(effect)
    if not isinstance(done, Success):
        raise to_exception(done.failure(), kind)
    found: _T = done.unwrap()
    return found


def value_if_possible(effect: IOResult[_T, Failure]) -> _T | None:
    """Return what an effect came to, for the classic classes; ``None`` where the client cannot do it.

    Raises:
        IBMJobApiError: If it failed otherwise.
    """
    done = perform(effect)
    if not isinstance(done, Success) and isinstance(done.failure(), Unsupported):
        return None
    return value(effect)


def value_or_warn(effect: IOResult[_T | None, Failure]) -> _T | None:
    """Return what an effect on a store came to; ``None`` where that is in trouble, which the log says."""
    done = perform(effect)
    if isinstance(done, Success):
        found: _T | None = done.unwrap()
        return found
    warn_of_store(done.failure())
    return None


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


async def pause(seconds: float) -> None:
    """Wait, while the event loop goes on."""
    import asyncio  # noqa: PLC0415 - costly, and for those who use it

    await asyncio.sleep(max(seconds, 0.0))


def chance() -> float:
    """Return a random float in [0, 1)."""
    return random.random()


@frozen
class Clock:
    """The clock of a wait: what tells the time, and what lets it pass.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> passed = []
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> clock = Clock(lambda: noon + timedelta(seconds=sum(passed)), lambda: sum(passed, 0.0), passed.append)
        >>> clock.sleep(60.0)
        >>> clock.now().minute, clock.monotonic()
        (1, 60.0)
    """

    now: Callable[[], datetime]
    """Returns the wall time, aware, in UTC."""
    monotonic: Callable[[], float]
    """Returns the seconds of a clock that never goes back."""
    sleep: Callable[[float], object]
    """Returns after so many seconds of it."""


def system_clock() -> Clock:
    """Return the machine's clock: :func:`now`, :func:`monotonic` and :func:`sleep`."""
    return Clock(now, monotonic, sleep)


def seconds_until(moment: datetime | None) -> float | None:
    """Return how many seconds from now a time is."""
    return None if moment is None else (moment - now()).total_seconds()


def within(seconds: float | None, effect: Callable[[], IOResult[_T, Failure]]) -> IOResult[_T, Failure]:
    """Have an effect happen within a time, whatever holds it up: a name server, a handshake, a third-party client.

    It happens in a thread of its own, which ends by itself; what it then brings is not waited for.

    Args:
        seconds: How long to wait; ``None`` for as long as it takes, in this thread.
        effect: What is to happen.

    Example:
        >>> from returns.io import IOSuccess
        >>> perform(within(5.0, lambda: IOSuccess(1)))
        <Success: 1>
    """
    if seconds is None:
        return effect()
    try:
        return started(effect).result(seconds + _GRACE)
    except TimeoutError:
        return IOFailure(Unreachable("hear from the service", "the service", f"no answer within {seconds:.2g} seconds"))


_GRACE: Final = 0.03
"""Seconds that an effect which limits itself is given to say so."""


def start(effect: Callable[[], object]) -> None:
    """Run an effect in a thread of its own, without waiting for it."""
    started(effect)


def wait_for(news: threading.Event, seconds: float) -> bool:
    """Wait until there are news (True), or for so many seconds (False). Ctrl-C ends it at once."""
    return news.wait(max(seconds, 0.0))


async def aside(effect: Callable[[], _T], *, to_its_end: bool = False) -> _T:
    """Have an effect happen in a thread of its own, while the event loop goes on.

    Args:
        effect: What is to happen.
        to_its_end: Whether the end of the program is to wait for it; see :func:`finish`.
    """
    import asyncio  # noqa: PLC0415 - costly, and for those who use it

    return await asyncio.wrap_future(started(effect, to_its_end=to_its_end))


def await_end(future: Future[Any], seconds: float | None) -> None:
    """Wait until an effect that was :func:`started` has ended, or for so many seconds. Ctrl-C ends it at once."""
    futures.wait([future], seconds)


async def await_end_async(future: Future[Any], seconds: float | None) -> None:
    """Wait for the same while the event loop goes on. The effect goes on where the caller is cancelled."""
    import asyncio  # noqa: PLC0415 - costly, and for those who use it

    ended = asyncio.wrap_future(future)
    # The caller asks the other future for what it came to. Of this one asyncio would log that its exception was
    # never retrieved.
    ended.add_done_callback(_noted)
    await asyncio.wait([ended], timeout=seconds)


def _noted(ended: asyncio.Future[Any]) -> None:
    if not ended.cancelled():
        ended.exception()


_unfinished: Final[set[threading.Thread]] = set()


def finish(seconds: float) -> None:
    """Wait for what was to happen to its end, for so many seconds at most."""
    deadline = monotonic() + seconds
    for thread in [*_unfinished]:
        thread.join(max(deadline - monotonic(), 0.0))


def started(effect: Callable[[], _T], *, to_its_end: bool = False) -> Future[_T]:
    """Start an effect in a thread that keeps no program from ending, unless :func:`finish` waits for it.

    Args:
        effect: What is to happen.
        to_its_end: Whether the end of the program is to wait for it; see :func:`finish`.

    Returns:
        What it will come to. To cancel that has no effect: it goes on.
    """
    done: Future[_T] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        if to_its_end:
            _unfinished.add(threading.current_thread())
        try:
            result = effect()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the caller waits
            done.set_exception(error)
        else:
            done.set_result(result)
        finally:
            _unfinished.discard(threading.current_thread())

    try:
        threading.Thread(target=run, name="ibm-circuit-job-effect", daemon=True).start()
    except RuntimeError:
        # Python ends, and starts no more threads.
        run()
    return done


def submitting_to(backend: str) -> str:
    """Return what a failure to submit says that was tried."""
    return f"submit a job to {backend}"


def clock_ahead(client: object) -> float | None:
    """Return by how many seconds the clock of a client's service is ahead of this machine's, where it has said so."""
    ahead = getattr(client, "clock_ahead", None)
    return float(ahead) if isinstance(ahead, (int, float)) else None


def submit_job(
    client: SubmittingClient,
    *,
    program: str,
    backend: str,
    params: object,
    instance: str | None,
    tags: Sequence[str],
    private: bool = False,
    calibration_id: str | None = None,
) -> IOResult[wire.replies.Submission, Failure]:
    """Submit a job: one request, whose answer may be lost. ``submitter`` finds out what came of it then."""
    return _ask(
        submitting_to(backend),
        client,
        "program_run",
        wire.replies.read_submission,
        program_id=program,
        backend_name=backend,
        params=params,
        hgp=instance,
        job_tags=tags,
        # Left out where they are nothing special: not every client knows them.
        **({"private": True} if private else {}),
        **({} if calibration_id is None else {"calibration_id": calibration_id}),
    )


def fetch_job(
    client: JobClient, job_id: str, seconds: float | None = None, *, clock: Clock | None = None
) -> IOResult[Job, Failure]:
    """Fetch what the service says of a job, without its circuits.

    Args:
        client: The client to ask.
        job_id: Which job.
        seconds: Try once, and give up after so long a silence; by default the client's own patience.
        clock: The clock that stamps the reply; the machine's by default.

    Returns:
        A Job that holds the facts of this reply, to be merged into what is known.
    """
    return _ask(
        f"read job {job_id}",
        client,
        "job_get",
        lambda reply: wire.replies.read_job(reply, _moment(clock)).bind(partial(_about, job_id)),
        job_id,
        exclude_params=True,
        seconds=seconds,
    )


def _moment(clock: Clock | None) -> datetime:
    return now() if clock is None else clock.now()


def _about(job_id: str, seen: Job) -> Result[Job, Unreadable]:
    """Nothing but a reply about the job that was asked for."""
    if seen.job_id == job_id:
        return Success(seen)
    return Bad(Unreadable("job reply", "id", f"expected {job_id!r}, got {seen.job_id!r}"))


def fetch_inputs(client: JobClient, job_id: str) -> IOResult[JobInputs | None, Failure]:
    """Fetch the parameters with which a job was submitted; ``None`` where the service keeps them to itself."""
    return _ask(
        f"read the inputs of job {job_id}",
        client,
        "job_get",
        lambda reply: wire.replies.read_job(reply, now()).bind(partial(_about, job_id)).map(lambda job: job.inputs),
        job_id,
        exclude_params=False,
    )


PAGE: Final = 200
"""How many jobs the service lists at once."""


def fetch_job_page(client: object, **filters: Any) -> IOResult[wire.replies.JobPage, Failure]:
    """Fetch one page of the listing of jobs.

    Args:
        client: The client to ask.
        **filters: What ``jobs_get`` of the client takes; those that are ``None`` are left out.
    """
    wanted = {name: value for name, value in filters.items() if value is not None}
    return _ask("list jobs", client, "jobs_get", lambda reply: wire.replies.read_job_page(reply, now()), **wanted)


def fetch_metrics(client: JobClient, job_id: str, *, clock: Clock | None = None) -> IOResult[JobMetrics, Failure]:
    """Fetch a job's metrics, stamped by the machine's clock or by the one that is given."""
    return _ask(
        f"read the metrics of job {job_id}",
        client,
        "job_metadata",
        lambda reply: wire.replies.read_metrics(reply, _moment(clock)),
        job_id,
    )


def fetch_result(client: JobClient, job_id: str, *, prompt: bool = False) -> IOResult[ResultPayload, Failure]:
    """Fetch the body of a job's result. Of a private job this consumes it: it can be read only once.

    The body may be no more than the URL at which the result lies; see :func:`fetch_located`. An empty body and
    ``null`` are a :class:`~ibm_circuit_job.errors.NoResult`, and a page of HTML is no body of the service's.

    Args:
        client: The client to ask.
        job_id: Which job.
        prompt: Try once; by default the client's own patience.
    """
    doing = f"read the result of job {job_id}"
    # Left out where it is nothing special: not every client knows it.
    wanted = {"prompt": True} if prompt else {}
    return _ask(doing, client, "job_results", partial(_payload, doing), job_id, **wanted)


def fetch_result_of(client: JobClient, job: Job) -> IOResult[ResultPayload, Failure]:
    """Fetch the body of the result of a job that has ended, as a step of a pipeline.

    As :func:`fetch_result`, and where the body is no more than the URL at which the result lies, as
    :func:`fetch_located`. A payload that the record has costs no request.

    Args:
        client: The client to ask.
        job: The job.

    Example:
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.testing import ScriptedClient
        >>> perform(fetch_result_of(ScriptedClient(results=[b'{"results": []}']), Job("a"))).unwrap().raw
        b'{"results": []}'
    """

    def located(payload: ResultPayload) -> IOResult[ResultPayload, Failure]:
        url = wire.replies.read_result_location(payload.raw)
        return IOSuccess(payload) if url is None else fetch_located(client, job.job_id, url)

    return (fetch_result(client, job.job_id) if job.payload is None else IOSuccess(job.payload)).bind(located)


def fetch_located(client: object, job_id: str, url: str, *, prompt: bool = False) -> IOResult[ResultPayload, Failure]:
    """Fetch a result from the URL that the service named, without our token; else as :func:`fetch_result`."""
    doing = f"read the result of job {job_id}"
    params = getattr(client, "params", None)
    parameters = params if isinstance(params, clients.ClientParameters) else None
    return _read(
        doing,
        lambda: clients.object_store.read(url, doing=doing, parameters=parameters, prompt=prompt),
        partial(_payload, doing),
    )


def _payload(doing: str, body: Any) -> Result[ResultPayload, Failure]:
    try:
        # A third-party client may have read it as a text, or decoded it.
        raw = (
            body
            if isinstance(body, bytes)
            else body.encode()
            if isinstance(body, str)
            else wire.typed_json.encode(body)
        )
    except (TypeError, ValueError, RecursionError) as error:
        return Bad(Unreadable("result", "", f"expected a text, got a {type(body).__name__}: {error}"))
    if wire.replies.is_empty(raw):
        return Bad(NoResult(doing))
    if wire.error_replies.is_page(raw):
        words = wire.error_replies.read_error(raw).message
        return Bad(Unreadable("result", "", f"expected a result, got HTML: {words}"))
    return Success(ResultPayload(now(), raw))


def fetch_logs(client: object, job_id: str) -> IOResult[str, Failure]:
    """Fetch a job's log."""
    return _ask(f"read the log of job {job_id}", client, "job_logs", _as_text, job_id)


def _as_text(reply: Any) -> Result[str, Unreadable]:
    if isinstance(reply, (bytes, str)):
        return Success(reply if isinstance(reply, str) else reply.decode("utf-8", "replace"))
    return Bad(Unreadable("log", "", f"expected a text, got a {type(reply).__name__}"))


def fetch_properties(
    client: object, backend: str, moment: datetime | None
) -> IOResult[Mapping[str, Any] | None, Failure]:
    """Fetch how good a backend was at a time, or is now; ``None`` where the service does not say."""

    def read(reply: Any) -> Result[Mapping[str, Any] | None, Unreadable]:
        if not reply:
            return Success(None)
        if isinstance(reply, Mapping):
            return Success(reply)
        return Bad(Unreadable("properties reply", "", f"expected an object, got a {type(reply).__name__}"))

    doing = f"read the properties of backend {backend}"
    return _ask(doing, client, "backend_properties", read, backend, datetime=moment)


def request_cancel(client: JobClient, job_id: str) -> IOResult[datetime | None, Failure]:
    """Ask the service to cancel a job. Return when it accepted; ``None`` where it answers that it did not."""
    return _ask(
        f"cancel job {job_id}",
        client,
        "job_cancel",
        lambda answer: Success(now() if wire.replies.read_cancel(answer) else None),
        job_id,
    )


def put_tags(client: JobClient, job_id: str, tags: Sequence[str]) -> IOResult[datetime, Failure]:
    """Replace a job's tags, and return when the service accepted them."""
    return _ask(f"tag job {job_id}", client, "update_tags", _accepted, job_id, list(tags))


def put_name(client: object, job_id: str, name: str) -> IOResult[datetime, Failure]:
    """Rename a job on the service, and return when it accepted.

    Only clients of the oldest API can: those with ``job_update_attribute``, which is ``PUT /Jobs/ID/attributes``.
    """
    if not isinstance(getattr(type(client), "job_update_attribute", None), FunctionType):
        return IOFailure(Unsupported(f"rename job {job_id}", "the service keeps no names"))
    return _ask(f"rename job {job_id}", client, "job_update_attribute", _accepted, job_id, "name", name)


def _accepted(_: Any) -> Result[datetime, Unreadable]:
    return Success(now())


def offers_stream(client: object) -> bool:
    """Return whether a client can listen to a push stream.

    Asked of the class, not of the object: a ``MagicMock`` has every attribute that one asks it for.
    """
    kind = type(client)
    return isinstance(getattr(kind, "job_stream", None), FunctionType) and getattr(kind, "offers_stream", True)


def limits_tags(client: object) -> bool:
    """Return whether the service of a client limits the number and the length of tags, as that of our own may."""
    return getattr(type(client), "limits_tags", None) is True


def listen(client: StreamingClient, job_id: str, seconds: float | None) -> IOResult[bool, Failure]:
    """Listen to a job until the service closes its stream (True) or the time is up (False)."""
    return _read(f"listen to job {job_id}", lambda: client.job_stream(job_id, seconds), Success)


class Watched(Protocol):
    """What a wait watches: a handle, or any other place for what becomes known of one job."""

    @property
    def state(self) -> Job:
        """What is known of the job."""
        ...

    @property
    def client(self) -> Any:
        """The client to ask."""
        ...

    def observe(self, seen: Job) -> None:
        """Learn what a reply said just now."""
        ...


@define
class _Known:
    """A record in a variable, for a wait without a handle."""

    client: Any
    state: Job
    clock: Clock

    def observe(self, seen: Job) -> None:
        if seen.status is not None:
            warn_of_unknown_status(seen.status)
        self.state = merge(self.state, after(seen, self.state, self.clock.now()))


def wait_until_final(
    client: JobClient,
    job: Job,
    policy: WaitPolicy = WaitPolicy(),  # noqa: B008 - it is frozen
    timeout: float | None = None,
    *,
    clock: Clock | None = None,
) -> IOResult[Job, Failure]:
    """Wait until a job has ended, blocking this thread, and return the record with all that was learned.

    The job reply (``GET /jobs/ID``) is asked for, or the push stream is listened to, as
    :func:`~ibm_circuit_job.state.waiting.next_step` says. A job that is known to have ended costs no request.

    Args:
        client: The client to ask.
        job: What is known of the job.
        policy: How the wait is paced.
        timeout: Seconds to wait; ``None`` for no limit.
        clock: The clock that stamps what is learned and lets the pauses pass; the machine's by default. The limit of a
            single request is always real time.

    Returns:
        The record, whose status is final. Or a failure: :class:`~ibm_circuit_job.errors.TimeUp` if the job has not
        ended in time; what the service said if it refused for good;
        :class:`~ibm_circuit_job.errors.GaveUpWaiting` if trouble lasted longer than the policy's patience.

    Example:
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.testing import ScriptedClient
        >>> replies = [b'{"id": "a", "state": {"status": "Queued"}}', b'{"id": "a", "state": {"status": "Completed"}}']
        >>> passed = []
        >>> clock = Clock(now, lambda: sum(passed, 0.0), passed.append)
        >>> ended = perform(wait_until_final(ScriptedClient(replies), Job("a"), clock=clock))
        >>> ended.unwrap().is_final, len(passed)
        (True, 2)
    """
    used = clock or system_clock()
    return follow(_Known(client, job, used), policy, timeout, clock=used)


def follow(
    job: Watched,
    policy: WaitPolicy,
    timeout: float | None = None,
    tell: Callable[[], object] | None = None,
    *,
    clock: Clock | None = None,
) -> IOResult[Job, Failure]:
    """Wait until a job has ended, as :func:`wait_until_final`, and let what watches it learn each reply.

    Args:
        job: What watches the job.
        policy: How the wait is paced.
        timeout: Seconds to wait; ``None`` for no limit.
        tell: Called after each reply, and at the end.
        clock: The clock of the wait; the machine's by default.
    """
    steps = Steps.begun(job, policy, timeout, clock or system_clock())
    while True:
        step = steps.next()
        match step:
            case Listen(seconds):
                steps.listen(seconds)
            case Poll(after):
                steps.clock.sleep(after)
                steps.poll()
                if steps.wants_metrics(has_listener=tell is not None):
                    steps.measure()
                if tell is not None:
                    tell()
            case Finished():
                if tell is not None:
                    tell()
                return IOSuccess(job.state)
            case TimedOut() | GaveUp():
                return IOFailure(steps.failure(step))
            case _:
                assert_never(step)


@define
class Steps:
    """The steps of one wait, each an effect, and the :class:`~ibm_circuit_job.state.course.Course` that they make."""

    job: Watched
    course: Course
    clock: Clock
    troubles: TroubleLog

    @classmethod
    def begun(cls, job: Watched, policy: WaitPolicy, timeout: float | None, clock: Clock) -> Steps:
        """Return the steps of a wait that begins now."""
        course = Course.begun(
            job.state,
            policy,
            timeout,
            clock.monotonic(),
            offers_stream=offers_stream(job.client),
            seed=chance(),
        )
        return cls(job, course, clock, TroubleLog(f"job {job.state.job_id}"))

    def next(self) -> Step:
        """Return the step to take next."""
        return self.course.next_step(self.job.state, self.clock.monotonic())

    def listen(self, seconds: float | None) -> None:
        """Listen to the push stream for so many seconds."""
        limit = self.course.stream_seconds(self.clock.monotonic())
        heard = within(limit, lambda: listen(self.job.client, self.job.state.job_id, seconds))
        self.course = self.course.after_listening(perform(heard), self.clock.monotonic())

    def poll(self) -> None:
        """Ask for the job reply, and learn what it says."""
        seconds = self.course.call_seconds(self.clock.monotonic())
        ask = lambda: fetch_job(self.job.client, self.job.state.job_id, seconds, clock=self.clock)  # noqa: E731 - named for what it does
        seen = perform(within(self._limit(seconds), ask))
        now = self.clock.monotonic()
        match seen:
            case Success(job):
                self.job.observe(job)
                self.troubles.over(now)
                self.course = self.course.after_polling(self.job.state, None, now)
            case Bad(failure):
                self.course = self.course.after_polling(self.job.state, failure, now)
                if failure.can_retry:
                    self.troubles.note(failure, now)

    def wants_metrics(self, *, has_listener: bool) -> bool:
        """Return whether to :meth:`measure` now."""
        return self.course.wants_metrics(self.job.state, self.clock.monotonic(), has_listener=has_listener)

    def measure(self) -> None:
        """Ask for the metrics. A wait goes on without them."""
        job_id = self.job.state.job_id
        limit = self._limit(self.course.call_seconds(self.clock.monotonic()))
        seconds_to_start = None
        match perform(within(limit, lambda: fetch_metrics(self.job.client, job_id, clock=self.clock))):
            case Success(metrics):
                self.job.observe(Job(job_id, metrics=metrics))
                if metrics.estimated_start is not None:
                    seconds_to_start = (metrics.estimated_start - self.clock.now()).total_seconds()
        self.course = self.course.after_measuring(seconds_to_start, self.clock.monotonic())

    def failure(self, step: TimedOut | GaveUp) -> Failure:
        """Return why the wait ended before the job did."""
        return self.course.failure(self.job.state, step, self.clock.monotonic())

    def _limit(self, seconds: float) -> float | None:
        # Without a deadline a request runs in this thread.
        return None if self.course.wait.deadline is None else seconds


@define
class TroubleLog:
    """Says once of each kind of trouble that it has begun, and once that all of it is over."""

    subject: str
    """What is waited for, as in ``"job abc"``."""
    kinds: set[tuple[str, int | None]] = field(factory=set)
    since: float | None = None

    def note(self, failure: Failure, now: float) -> None:
        """Say that there is trouble, unless it is known."""
        kind = (type(failure).__name__, failure.http_status)
        self.since = now if self.since is None else self.since
        if kind not in self.kinds:
            self.kinds.add(kind)
            _logger.warning("Waiting for %s goes on through trouble: %s", self.subject, describe(failure))

    def over(self, now: float) -> None:
        """Say that the trouble is over, if there was any."""
        if self.since is not None:
            _logger.warning("Waiting for %s: the trouble is over after %.1f seconds", self.subject, now - self.since)
            self.since = None
            self.kinds.clear()


def keep(
    store: RecordStore,
    job: Job,
    *,
    service: str | None = None,
    synced: bool = True,
    patient: bool | None = None,
    just_now: bool = False,
) -> IOResult[None, Failure]:
    """Merge a record into what a store keeps of the job.

    Args:
        store: The store.
        job: The record.
        service: The service that has the job.
        synced: Whether it is to be on the disk afterwards; else it is there soon.
        patient: Whether to wait for others that write; else it is written at once or not at all. By default where it
            is synced.
        just_now: Whether it was seen just now, and so comes after all that the store has.
    """
    seen = now() if just_now else None
    save = lambda: store.save(job, service=service, synced=synced, patient=patient, now=seen)  # noqa: E731 - named for what it does
    return _stored(f"keep job {job.job_id}", save)


def stored_record(store: RecordStore, job_id: str) -> IOResult[Job | None, Failure]:
    """Read what a store keeps of a job, without the bodies of its inputs and its result."""
    return _stored(f"read job {job_id}", lambda: store.record(job_id))


def keep_all(store: RecordStore, jobs: Sequence[Job], *, service: str | None = None) -> IOResult[None, Failure]:
    """Merge what was seen of many jobs just now into what a store keeps; soon or not at all, without waiting.

    What it keeps of one of them may be damaged: then it fails, and the others are kept.
    """
    seen = now()

    def save_each() -> None:
        damage: JobStoreDamagedError | None = None
        for job in jobs:
            try:
                store.save(job, service=service, synced=False, now=seen)
            except JobStoreDamagedError as error:
                damage = error
        if damage is not None:
            raise damage

    def save_all() -> None:
        try:
            store.save_all(jobs, service=service, synced=False, now=seen)
        except JobStoreDamagedError:
            save_each()

    return _stored(f"keep {len(jobs)} jobs", save_all)


def give_up_result(store: RecordStore, job_id: str) -> IOResult[None, Failure]:
    """Note in a store that the result of a job cannot be had any more."""
    return _stored(f"keep job {job_id}", lambda: store.give_up_result(job_id))


def stored_records(store: RecordStore, job_ids: Sequence[str]) -> IOResult[Mapping[str, Job], Failure]:
    """Read what a store keeps of many jobs, without the bodies of their inputs and results."""
    return _stored("read jobs", lambda: store.records_of(job_ids))


def stored_inputs(store: RecordStore, job_id: str) -> IOResult[JobInputs | None, Failure]:
    """Read the inputs that a store keeps of a job."""
    return _stored(f"read the inputs of job {job_id}", lambda: store.inputs(job_id))


def stored_payload(store: RecordStore, job_id: str, newer: int = 0) -> IOResult[ResultPayload | None, Failure]:
    """Read the body of a result that a store keeps: the newest, or the one before so many newer ones."""
    return _stored(f"read the result of job {job_id}", lambda: store.payload(job_id, newer))


def _stored(doing: str, call: Callable[[], _T]) -> IOResult[_T, Failure]:
    try:
        return IOSuccess(call())
    except JobStoreError as error:
        is_damaged, is_known = (isinstance(error, kind) for kind in (JobStoreDamagedError, JobStoreUnavailableError))
        return IOFailure(StoreTrouble(doing, str(error), is_damaged, is_known))
    except Exception as error:  # noqa: BLE001 - a result has arrived, and is not lost whatever a store does
        return IOFailure(StoreTrouble(doing, f"could not {doing}: {type(error).__name__}: {error}"))


def service_of(client: object) -> str | None:
    """Return what names the service of a client, and the instance, without any credentials; ``None`` if it is not ours.

    All services on this machine are one: what a service on one port keeps, another one goes on with on another.
    """
    try:
        params = getattr(client, "params", None)
    except Exception:  # noqa: BLE001 - a client of anybody's
        return None
    if not isinstance(params, clients.ClientParameters):
        return None
    if clients.pasted.is_loopback(clients.pasted.host_of(params.url)):
        return "this machine"
    return f"{params.url} {params.instance}" if params.instance else params.url


def warn_of_store(failure: Failure) -> None:
    """Log that something could not be kept, or read again. It is known all the same."""
    if not _is_told(failure):
        _logger.warning("%s. The job goes on without it.", _writable(describe(failure)))


def warn_of_unkept_result(job_id: str, failure: Failure) -> None:
    """Log that a result has arrived, and is nowhere but in memory."""
    if not _is_told(failure):
        told = _writable(describe(failure))
        _logger.warning("The result of job %s has arrived, but it is in memory alone: %s.", _writable(job_id), told)


def _writable(text: str) -> str:
    """A text that any log can be written with: a lone surrogate cannot."""
    return text.encode("utf-8", "backslashreplace").decode()


def _is_told(failure: Failure) -> bool:
    """Whether the log has it: a poll each second is not to fill it."""
    return isinstance(failure, StoreTrouble) and failure.is_known


def warn_of_metrics(job_id: str, error: Exception) -> None:
    """Log that a client could not be asked what was measured, in a way of its own."""
    _logger.warning("What was measured of job %s is not kept: %s: %s", job_id, type(error).__name__, error)


def warn_of_inputs(job_id: str, error: Exception) -> None:
    """Log that a client could not be asked for the inputs of a job, in a way of its own."""
    _logger.warning("The result of job %s is without the names of its circuits: %s", job_id, error)


def warn_of_name(job_id: str) -> None:
    """Log that a name stays on this handle."""
    _logger.warning("The service keeps no names: that of job %s is known to this handle alone.", job_id)


_warned: Final[set[str]] = set()
_warned_lock: Final = ForkFreeLock()
_MOST_WARNED: Final = 1000


def warn_of_unknown_status(report: StatusReport) -> None:
    """Log one warning for each status string that this version of the library does not know."""
    if report.is_known:
        return
    with _warned_lock():
        if report.server_status in _warned or len(_warned) >= _MOST_WARNED:
            return
        _warned.add(report.server_status)
    _logger.warning(
        "The service reports a job status that this version does not know: %r. It counts as not final.",
        report.server_status[:100],
    )


def _ask(
    doing: str,
    client: object,
    method: str,
    read: Callable[[Any], Result[_T, Failure]],
    *arguments: Any,
    **wanted: Any,
) -> IOResult[_T, Failure]:
    """Call a method of a client, with those keywords that it takes, then read what it answered."""
    call = getattr(client, method, None)
    if not callable(call):
        why = NOT_CONNECTED if client is None else f"the client, a {type(client).__name__}, has no method {method}()"
        return IOFailure(Unsupported(doing, why))

    def read_unless_refused(reply: Any) -> Result[_T, Failure]:
        status = getattr(reply, "status_code", None)
        if isinstance(status, int) and status >= 300:
            # A client that hands the answer over, whatever it is.
            return Bad(Refused(doing, "the service", status, by_service=_is_by_service(reply)))
        return read(reply)

    return _read(doing, lambda: call(*arguments, **_understood(call, wanted)), read_unless_refused)


NOT_CONNECTED: Final = (
    "this handle has no connection to a service; give it one with IBMProvider.attach(job), "
    "or as runtime_client when it is made"
)
"""Why a handle without a client, such as one that was unpickled, can ask nothing."""


def _understood(call: Callable[..., Any], wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those keywords that a client's method takes: doubles, and older clients, know fewer than we."""
    # Of a method, what all its objects share; a mock takes anything.
    function = getattr(call, "__func__", call)
    names, takes_any = _of_function(function) if isinstance(function, FunctionType) else _parameters(function)
    # Our own limit in time, and what keeps a result, go only to a method that names them.
    return {name: value for name, value in wanted.items() if name in names or (takes_any and name not in _OURS)}


_OURS: Final = frozenset({"seconds", "keep", "prompt"})


def _parameters(function: Callable[..., Any]) -> tuple[frozenset[str], bool]:
    """The names of a function's parameters, and whether it takes any other keyword."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        # Some that are written in C do not say.
        return frozenset(), False
    return (
        frozenset(parameter.name for parameter in parameters),
        any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters),
    )


_of_function = lru_cache(maxsize=500)(_parameters)
"""The same, kept: a plain function holds no client alive."""


def _read(doing: str, call: Callable[[], Any], read: Callable[[Any], Result[_T, Failure]]) -> IOResult[_T, Failure]:
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
    if isinstance(error, clients.RequestFailed):
        return error.failure
    status = getattr(error, "status_code", None)
    message = str(getattr(error, "message", error))
    if type(error).__name__ == "IBMNotAuthorizedError":
        # The only one of the official clients' that has no status.
        status = 401
    if isinstance(status, int) and 300 <= status < 600:
        # Those of the official clients are raised from the network's, which has the answer.
        answer = getattr(error.__cause__, "response", None)
        return Refused(doing, "the service", status, message, by_service=_is_by_service(answer, message))
    import requests  # noqa: PLC0415 - costly, and seldom needed

    if isinstance(status, int) or isinstance(error, (requests.RequestException, OSError)):
        return Unreachable(doing, "the service", message)
    return None


def _is_by_service(answer: object, message: str = "") -> bool:
    """Whether an error that a third-party client hands over is the service's own; it is where nothing tells.

    Args:
        answer: What may be the answer, with its body as ``content``.
        message: What the client made of it.
    """
    body = getattr(answer, "content", None)
    return wire.error_replies.read_error(body).by_service if isinstance(body, bytes) else "<html" not in message.lower()
