"""Client: any client of the service, adapted once, when it is handed to a handle, a backend or an effect.

The client may be ours, a test double, or the ``RuntimeClient`` of the official packages. It is asked for the methods
that it has, with those keywords that they take. Its exceptions are recognised by their shape (``status_code`` and
``message``), not by their class. One without that shape is a bug, and is not caught.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache, partial
from types import FunctionType
from typing import Any, Final, TypeAlias, TypeVar

from attrs import frozen
from returns.io import IOFailure, IOResult, IOSuccess
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job import clients, wire
from ibm_circuit_job.clients.protocols import JobClient
from ibm_circuit_job.errors import Failure, NoResult, Refused, Unreachable, Unreadable, Unsupported
from ibm_circuit_job.state.job import Job

_T = TypeVar("_T")

NOT_CONNECTED: Final = (
    "this handle has no connection to a service; give it one with IBMProvider.attach(job), "
    "or as runtime_client when it is made, or call reconnect_with(IBMProvider) before it is pickled"
)
"""Why a handle without a client, such as one that was unpickled, can ask nothing."""
THIS_MACHINE: Final = "this machine"
"""The name of all services on this machine."""
_OURS: Final = frozenset({"seconds", "prompt"})
"""Keywords of our own clients. They go to a method that names them, and not to one that takes any keyword."""


@frozen(eq=False)
class Client:
    """A client in the form in which the effects ask it; :func:`adapted` makes one."""

    original: Any
    """The client that was handed over; ``None`` without a connection."""
    offers_stream: bool
    """Whether it can listen to a push stream."""
    limits_tags: bool
    """Whether its service limits the number and the length of tags."""
    stores_names: bool
    """Whether it can rename a job: ``job_update_attribute``, which is ``PUT /Jobs/ID/attributes`` of the oldest API."""

    @property
    def parameters(self) -> clients.ClientParameters | None:
        """Where its service is, and how to prove who we are; ``None`` for a third-party client."""
        try:
            params = getattr(self.original, "params", None)
        except Exception:  # noqa: BLE001 - a property of a third-party client may raise anything
            return None
        return params if isinstance(params, clients.ClientParameters) else None

    @property
    def service(self) -> str | None:
        """The name of its service, and of the instance, without any credentials; ``None`` for a third-party client.

        All services on this machine are one: what a service on one port has stored, one on another port goes on with.
        """
        params = self.parameters
        if params is None:
            return None
        if clients.pasted.is_loopback(clients.pasted.host_of(params.url)):
            return THIS_MACHINE
        return f"{params.url} {params.instance}" if params.instance else params.url

    @property
    def seconds_ahead(self) -> float | None:
        """By how many seconds its service's clock is ahead of this machine's; ``None`` where it has not said so."""
        ahead = getattr(self.original, "clock_ahead", None)
        return float(ahead) if isinstance(ahead, (int, float)) else None

    def ask(self, doing: str, method: str, *arguments: Any, **wanted: Any) -> IOResult[Any, Failure]:
        """Call a method of the client, with those keywords that it takes, and return what it answered.

        Args:
            doing: What a failure says that was tried, as in ``"read job abc"``.
            method: The name of the method.
            *arguments: Its positional arguments.
            **wanted: Its keywords. One that the method does not take is left out: older clients know fewer than ours.

        Returns:
            The answer as it came. Or a failure: :class:`~ibm_circuit_job.errors.Unsupported` where there is no such
            method; :class:`~ibm_circuit_job.errors.Refused` where the answer has a ``status_code`` of 300 or more.

        Raises:
            Exception: What the client raises, unless it is trouble of the network or the service.
        """
        call = getattr(self.original, method, None)
        if callable(call):
            answered = attempted(doing, partial(call, *arguments, **_understood(call, wanted)))
            return answered.bind_result(partial(_unless_refused, doing))
        name = type(self.original).__name__
        lacks = NOT_CONNECTED if self.original is None else f"the client, a {name}, has no method {method}()"
        return IOFailure(Unsupported(doing, lacks))

    def job_type(self, job_id: str) -> IOResult[Any, Failure]:
        """Ask which API has a job: ``"RUNTIME"``, or ``"IQX"`` for one of the oldest.

        Source: ``GET /facade/v1/jobs/ID/type``.
        """
        return self.ask(f"read the type of job {job_id}", "job_type", job_id)


AnyClient: TypeAlias = JobClient | Client
"""A client that can ask about jobs, adapted or as it came."""


def adapted(client: object) -> Client:
    """Return a client in the form in which the effects ask it. One that is adapted already is returned as it is.

    What it can do is asked of its class, not of the object: a ``MagicMock`` has every attribute that is looked up.

    Args:
        client: Any client of the service; ``None`` for no connection.

    Example:
        >>> from ibm_circuit_job.testing import ScriptedClient
        >>> client = adapted(ScriptedClient())
        >>> client.offers_stream, client.service, adapted(client) is client
        (False, None, True)
    """
    if isinstance(client, Client):
        return client
    kind = type(client)
    return Client(
        client,
        offers_stream=_has_method(kind, "job_stream") and bool(getattr(kind, "offers_stream", True)),
        limits_tags=getattr(kind, "limits_tags", None) is True,
        stores_names=_has_method(kind, "job_update_attribute"),
    )


def _has_method(kind: type, name: str) -> bool:
    return isinstance(getattr(kind, name, None), FunctionType)


def attempted(doing: str, call: Callable[[], _T]) -> IOResult[_T, Failure]:
    """Return what a call of a client returned; trouble of the network or the service as a failure.

    Args:
        doing: What a failure says that was tried.
        call: Calls the client.

    Raises:
        Exception: What the client raises, unless it is trouble of the network or the service.
    """
    try:
        return IOSuccess(call())
    except Exception as error:
        failure = _failure_of(error, doing)
        if failure is None:
            raise
        return IOFailure(failure)


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


def _unless_refused(doing: str, reply: Any) -> Result[Any, Failure]:
    """An answer; as a failure where the client hands it over although it is a refusal."""
    status = getattr(reply, "status_code", None)
    if isinstance(status, int) and status >= 300:
        return Bad(Refused(doing, "the service", status, by_service=_is_by_service(reply)))
    return Success(reply)


def _is_by_service(answer: object, message: str = "") -> bool:
    """Whether a refusal that a third-party client hands over is the service's own; it is where nothing tells.

    Args:
        answer: What may be the answer, with its body as ``content``.
        message: What the client made of it.
    """
    body = getattr(answer, "content", None)
    return wire.error_replies.read_error(body).by_service if isinstance(body, bytes) else "<html" not in message.lower()


def _understood(call: Callable[..., Any], wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those keywords that a method takes."""
    # Of a method, what all its objects share; a mock takes anything.
    function = getattr(call, "__func__", call)
    names, takes_any = _of_function(function) if isinstance(function, FunctionType) else _parameters(function)
    return {name: value for name, value in wanted.items() if name in names or (takes_any and name not in _OURS)}


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
"""The same, inspected once for each function. A plain function keeps no client alive."""


# What a client hands over, as the type that it should be


def job_reply(job_id: str, reply: Any, observed_at: datetime) -> Result[Job, Unreadable]:
    """Return the facts of a job reply. One about another job than the one that was asked for is unreadable.

    A dictionary, which a test double returns, need not have the ID where it says a status.
    """
    if isinstance(reply, Mapping) and "id" not in reply and not reply.keys().isdisjoint({"state", "status"}):
        reply = {**reply, "id": job_id}
    read = wire.replies.read_job(reply, observed_at)
    match read:
        case Success(seen) if seen.job_id != job_id:
            return Bad(Unreadable("job reply", "id", f"expected {job_id!r}, got {seen.job_id!r}"))
    return read


def result_body(doing: str, reply: Any) -> Result[bytes, Failure]:
    """Return the bytes of a result, which a third-party client may have read as a text, or decoded.

    An empty body and ``null`` are a :class:`~ibm_circuit_job.errors.NoResult`, and a page of HTML is unreadable.
    """
    try:
        raw = _encoded(reply)
    except (TypeError, ValueError, RecursionError) as error:
        return Bad(Unreadable("result", "", f"expected a text, got a {type(reply).__name__}: {error}"))
    if wire.replies.is_empty(raw):
        return Bad(NoResult(doing))
    if wire.error_replies.is_page(raw):
        return Bad(
            Unreadable("result", "", f"expected a result, got HTML: {wire.error_replies.read_error(raw).message}")
        )
    return Success(raw)


def _encoded(reply: Any) -> bytes:
    if isinstance(reply, str):
        return reply.encode()
    return reply if isinstance(reply, bytes) else wire.typed_json.encode(reply)


def located_body(client: Client, doing: str, url: str, *, prompt: bool) -> IOResult[bytes, Failure]:
    """Fetch the bytes of a result from the URL that the service named, without our token.

    Args:
        client: The client whose proxies are used.
        doing: What a failure says that was tried.
        url: Where the result lies.
        prompt: Try once.
    """
    read = partial(clients.object_store.read, url, doing=doing, parameters=client.parameters, prompt=prompt)
    return attempted(doing, read).bind_result(partial(result_body, doing))


def log_text(reply: Any) -> Result[str, Failure]:
    """Return the text of a job's log."""
    if isinstance(reply, (bytes, str)):
        return Success(reply if isinstance(reply, str) else reply.decode("utf-8", "replace"))
    return Bad(Unreadable("log", "", f"expected a text, got a {type(reply).__name__}"))


def properties_of(reply: Any) -> Result[Mapping[str, Any] | None, Failure]:
    """Return a backend's properties; ``None`` where the service does not say."""
    if not reply or isinstance(reply, Mapping):
        return Success(reply or None)
    return Bad(Unreadable("properties reply", "", f"expected an object, got a {type(reply).__name__}"))
