"""Client: an adapter of any client of the service. A client is adapted once, for a handle, a backend or an effect.

The client may be ours, a test double, or the ``RuntimeClient`` of the official packages. The adapter calls the methods
that the client has, with the keywords that they take. It recognises the client's exceptions by their attributes
``status_code`` and ``message``, not by their class. Any other exception is a bug, and is not caught.
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
"""Why a handle without a client cannot send a request. An unpickled handle has no client."""
THIS_MACHINE: Final = "this machine"
"""The name of all services on this machine."""
_OUR_KEYWORDS: Final = frozenset({"seconds", "prompt"})
"""Keywords of our own clients. A method with ``**keywords`` does not get them, a method that names them does."""


@frozen(eq=False)
class Client:
    """An adapted client, which the effects use. :func:`adapted` makes one."""

    original: Any
    """The client itself; ``None`` without a connection."""
    offers_stream: bool
    """Whether the client can listen to a push stream."""
    limits_tags: bool
    """Whether the service limits the number and the length of tags."""
    stores_names: bool
    """Whether the client can rename a job: ``job_update_attribute``, ``PUT /Jobs/ID/attributes`` of the oldest API."""

    @property
    def parameters(self) -> clients.ClientParameters | None:
        """The URL and the credentials of its account; ``None`` for a third-party client."""
        try:
            params = getattr(self.original, "params", None)
        except Exception:  # noqa: BLE001 - a property of a third-party client may raise anything
            return None
        return params if isinstance(params, clients.ClientParameters) else None

    @property
    def service(self) -> str | None:
        """The name of its service and instance, without credentials; ``None`` for a third-party client.

        All services on this machine have one name, since a service may start again on another port with the same jobs.
        """
        params = self.parameters
        if params is None:
            return None
        if clients.pasted.is_loopback(clients.pasted.host_of(params.url)):
            return THIS_MACHINE
        return f"{params.url} {params.instance}" if params.instance else params.url

    @property
    def seconds_ahead(self) -> float | None:
        """The seconds by which the service's clock is ahead of this machine's; ``None`` before the first reply."""
        ahead = getattr(self.original, "clock_ahead", None)
        return float(ahead) if isinstance(ahead, (int, float)) else None

    def ask(self, doing: str, method: str, *arguments: Any, **wanted: Any) -> IOResult[Any, Failure]:
        """Call a method of the client, and return its reply or a failure.

        Args:
            doing: What the call does, for the message of a failure, as in ``"read job abc"``.
            method: The name of the method.
            *arguments: The positional arguments of the method.
            **wanted: The keyword arguments of the method. A keyword that the method does not take is left out: older
                clients take fewer keywords than ours.

        Returns:
            The reply, as the method returned it. Or a failure: :class:`~ibm_circuit_job.errors.Unsupported` if the
            client has no such method; :class:`~ibm_circuit_job.errors.Refused` if the reply has a ``status_code`` of
            300 or more; the failure of :func:`attempted` if the method raised an error of the network or the service.

        Raises:
            Exception: Any other exception of the client.
        """
        call = getattr(self.original, method, None)
        if callable(call):
            answered = attempted(doing, partial(call, *arguments, **_understood(call, wanted)))
            return answered.bind_result(partial(_unless_refused, doing))
        name = type(self.original).__name__
        lacks = NOT_CONNECTED if self.original is None else f"the client, a {name}, has no method {method}()"
        return IOFailure(Unsupported(doing, lacks))

    def job_type(self, job_id: str) -> IOResult[Any, Failure]:
        """Request the API that has a job: ``"RUNTIME"``, or ``"IQX"`` for one of the oldest jobs.

        Source: ``GET /facade/v1/jobs/ID/type``.
        """
        return self.ask(f"read the type of job {job_id}", "job_type", job_id)


AnyClient: TypeAlias = JobClient | Client
"""A client of jobs, adapted or not."""


def adapted(client: object) -> Client:
    """Return a client as the effects use it. An adapted client is returned unchanged.

    The abilities of the client are read from its class, not from the object, since a ``MagicMock`` has every attribute.

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
    """Return what a call of a client returned, or the failure for an error of the network or the service.

    Args:
        doing: What the call does, for the message of a failure.
        call: A function that calls the client.

    Raises:
        Exception: Any other exception of the client.
    """
    try:
        return IOSuccess(call())
    except Exception as error:
        failure = _failure_of(error, doing)
        if failure is None:
            raise
        return IOFailure(failure)


def _failure_of(error: Exception, doing: str) -> Failure | None:
    """The failure for an exception of a client; ``None`` if it is not an error of the network or the service."""
    if isinstance(error, clients.RequestFailed):
        return error.failure
    status = getattr(error, "status_code", None)
    message = str(getattr(error, "message", error))
    if type(error).__name__ == "IBMNotAuthorizedError":
        # The only exception of the official clients without a status.
        status = 401
    if isinstance(status, int) and 300 <= status < 600:
        # The official clients raise from the exception of requests, which has the reply.
        answer = getattr(error.__cause__, "response", None)
        return Refused(doing, "the service", status, message, by_service=_is_by_service(answer, message))
    import requests  # noqa: PLC0415 - slow to import, and seldom needed

    if isinstance(status, int) or isinstance(error, (requests.RequestException, OSError)):
        return Unreachable(doing, "the service", message)
    return None


def _unless_refused(doing: str, reply: Any) -> Result[Any, Failure]:
    """The reply; a failure if its status is a refusal. Some clients return refusals instead of raising."""
    status = getattr(reply, "status_code", None)
    if isinstance(status, int) and status >= 300:
        return Bad(Refused(doing, "the service", status, by_service=_is_by_service(reply)))
    return Success(reply)


def _is_by_service(answer: object, message: str = "") -> bool:
    """Whether the service itself sent a refusal, and not a proxy or a captive portal. True if that is not known.

    Args:
        answer: The reply, if it is known, with its body as ``content``.
        message: The message of the client's exception.
    """
    body = getattr(answer, "content", None)
    return wire.error_replies.read_error(body).by_service if isinstance(body, bytes) else "<html" not in message.lower()


def _understood(call: Callable[..., Any], wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keyword arguments that a method takes."""
    # The function of a method, so that the cache has no reference to the client. A mock has none.
    function = getattr(call, "__func__", call)
    names, takes_any = _of_function(function) if isinstance(function, FunctionType) else _parameters(function)
    return {name: value for name, value in wanted.items() if name in names or (takes_any and name not in _OUR_KEYWORDS)}


def _parameters(function: Callable[..., Any]) -> tuple[frozenset[str], bool]:
    """The names of a function's parameters, and whether it takes any other keyword."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        # Some functions written in C have no signature.
        return frozenset(), False
    return (
        frozenset(parameter.name for parameter in parameters),
        any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters),
    )


_of_function = lru_cache(maxsize=500)(_parameters)
"""The same, cached for each function. The cache has no reference to a client."""


# The replies of a client, checked and converted


def job_reply(job_id: str, reply: Any, observed_at: datetime) -> Result[Job, Unreadable]:
    """Return the facts of a job reply; ``Unreadable`` if the reply is about another job.

    Args:
        job_id: The ID of the job in the request.
        reply: The reply: bytes, or a dictionary. A dictionary with a status may lack the ID, as from a test double.
        observed_at: The time of the reply; aware.
    """
    if isinstance(reply, Mapping) and "id" not in reply and not reply.keys().isdisjoint({"state", "status"}):
        reply = {**reply, "id": job_id}
    read = wire.replies.read_job(reply, observed_at)
    match read:
        case Success(seen) if seen.job_id != job_id:
            return Bad(Unreadable("job reply", "id", f"expected {job_id!r}, got {seen.job_id!r}"))
    return read


def result_body(doing: str, reply: Any) -> Result[bytes, Failure]:
    """Return the bytes of a result, also from a third-party client that returns a text or a decoded object.

    Args:
        doing: What the call does, for the message of a failure.
        reply: The reply of the client.

    Returns:
        The bytes. Or a failure: :class:`~ibm_circuit_job.errors.NoResult` for an empty body and ``null``;
        :class:`~ibm_circuit_job.errors.Unreadable` for a page of HTML.
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
    """Return the bytes of a result at a URL that the service has named. The request has no token.

    Args:
        client: The client whose proxies are used.
        doing: What the request does, for the message of a failure.
        url: The URL of the result.
        prompt: Whether to send the request once; by default it is sent again after some failures.
    """
    read = partial(clients.object_store.read, url, doing=doing, parameters=client.parameters, prompt=prompt)
    return attempted(doing, read).bind_result(partial(result_body, doing))


def log_text(reply: Any) -> Result[str, Failure]:
    """Return the text of a job's log."""
    if isinstance(reply, (bytes, str)):
        return Success(reply if isinstance(reply, str) else reply.decode("utf-8", "replace"))
    return Bad(Unreadable("log", "", f"expected a text, got a {type(reply).__name__}"))


def properties_of(reply: Any) -> Result[Mapping[str, Any] | None, Failure]:
    """Return a backend's properties; ``None`` where the service has none."""
    if not reply or isinstance(reply, Mapping):
        return Success(reply or None)
    return Bad(Unreadable("properties reply", "", f"expected an object, got a {type(reply).__name__}"))
