"""Injects faults between the service and its clients, by a plan with a seed.

A plan is a list of faults. For each request, the faults that fit it are drawn in the order of the plan, each with its
rate; the first one that is drawn happens. The same seed gives the same sequence of draws.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from attrs import define
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Kind = Literal[
    "status",
    "html",
    "reset_before",
    "reset_during",
    "cut_off",
    "garbled",
    "unknown_status",
    "stale_status",
    "slow",
    "stream_refused",
    "stream_silent",
    "stream_closed",
    "clock_step",
]
"""What can go wrong; see :class:`Fault`."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of fault, and how often it happens.

    - ``status``: the reply is an error with this ``status``; 429 has the header ``Retry-After``. The request had no
      effect.
    - ``html``: the reply is an outage page with this ``status``. The request had no effect.
    - ``reset_before``: the connection is reset before the reply. The request had no effect.
    - ``reset_during``: the connection is reset in the middle of the body of the reply. The request had its effect.
    - ``cut_off``: the body of the reply is only half of the JSON. The request had its effect.
    - ``garbled``: a part of the body is noise that is not valid UTF-8. The request had its effect.
    - ``unknown_status``: a job reply has an unknown status.
    - ``stale_status``: the reply about a job that has ended says that it is running.
    - ``slow``: the reply is delayed by ``seconds``.
    - ``stream_refused``: a push stream is refused with this ``status``.
    - ``stream_silent``: a push stream opens, but nothing comes from it, not even a pong.
    - ``stream_closed``: a push stream is closed with this ``code`` after ``seconds``.
    - ``clock_step``: the clock of the service jumps by ``seconds``.
    """

    kind: Kind
    """What goes wrong."""
    rate: float = 1.0
    """The probability that it happens to a request, 0 to 1."""
    path: str = ""
    """A regular expression; only requests whose path it matches somewhere."""
    method: str | None = None
    """Only requests with this HTTP method; any method by default."""
    times: int | None = None
    """How often it happens at most; any number by default."""
    status: int = 503
    """The HTTP status of ``status``, ``html`` and ``stream_refused``."""
    seconds: float = 0.2
    """The seconds of ``slow``, ``stream_closed`` and ``clock_step``."""
    retry_after: int = 1
    """The header ``Retry-After`` of a reply with status 429, in seconds."""
    code: int = 1011
    """The code with which ``stream_closed`` closes the websocket."""


class FaultPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plan of faults.

    Example:
        >>> FaultPlan(faults=[Fault("status", rate=0.1)], seed=7).faults[0].status
        503
    """

    faults: list[Fault] = []
    """The faults. The first one that fits a request and is drawn happens."""
    seed: int = 0
    """The seed of the draws."""


class NoFaultPlan(ValueError):  # noqa: N818 - named for what it says
    """A document is no valid plan of faults; the message says why."""


def read_plan(plan: bytes) -> FaultPlan:
    """Return the plan in a JSON document.

    Args:
        plan: The document: an object with ``faults`` and ``seed``.

    Raises:
        NoFaultPlan: If the document is no valid plan; the message says what is wrong, and in which field.

    Example:
        >>> read_plan(b'{"seed": 7, "faults": [{"kind": "html", "rate": 0.5}]}').seed
        7
    """
    try:
        found = msgspec.json.decode(plan, type=FaultPlan)
        for index, fault in enumerate(found.faults):
            re.compile(fault.path)
            if not 0 <= fault.rate <= 1:
                raise NoFaultPlan(f"faults[{index}].rate: expected a number from 0 to 1, got {fault.rate!r}")
    except (msgspec.MsgspecError, UnicodeDecodeError, re.error) as error:
        raise NoFaultPlan(f"expected a plan of faults: {error}") from None
    return found


@define
class Clock:
    """The clock of the service. The fault ``clock_step`` makes it jump."""

    ahead: timedelta = timedelta()
    """By how much it is ahead of the clock of the machine."""

    def __call__(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC) + self.ahead


_OF_STREAMS: Final = frozenset({"stream_refused", "stream_silent", "stream_closed"})
_OF_JOB_REPLIES: Final = frozenset({"unknown_status", "stale_status"})
_SPARED: Final = re.compile(r"^/(?:page/.*|faults|jobs)?$")
"""Paths to which no fault happens: the page of the service and its controls, which IBM's service does not have."""
_JOB_PATH: Final = re.compile(r"/jobs/[^/]+$")
_FINAL: Final = frozenset({"Completed", "Failed", "Cancelled"})


class OrderedFaults:
    """The plan of faults in force, and how often each fault can still happen.

    Args:
        plan: The first plan.
    """

    def __init__(self, plan: FaultPlan) -> None:
        self.order(plan)

    def order(self, plan: FaultPlan) -> None:
        """Replace the plan. The draws of the new plan start from its seed."""
        self._faults = plan.faults
        self._left = [fault.times for fault in plan.faults]
        self.drawn = random.Random(plan.seed)
        """The source of random numbers."""

    def next(self, scope: Scope) -> Fault | None:
        """Return the fault that happens to a request, and count it; ``None`` if none happens."""
        for index, fault in enumerate(self._faults):
            if not _fits(fault, scope) or self._left[index] == 0:
                continue
            # Draw only for faults that fit, so that a fault for other paths does not change the sequence.
            if self.drawn.random() < fault.rate:
                left = self._left[index]
                self._left[index] = None if left is None else left - 1
                return fault
        return None


class FaultInjector:
    """An ASGI application that injects faults. ``GET /faults`` returns how many requests and faults there were.

    Args:
        app: The application that serves the requests.
        ordered: The plan of faults in force.
        clock: The clock of the service.
    """

    def __init__(self, app: ASGIApp, ordered: OrderedFaults, clock: Clock) -> None:
        self._app = app
        self._ordered = ordered
        self._clock = clock
        self._served: Counter[str] = Counter()
        self._happened: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or websocket."""
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("GET", "/faults"):
            await _reply(send, 200, msgspec.json.encode({"served": self._served, "faults": self._happened}))
            return
        if scope["type"] == "http" and _SPARED.search(scope["path"]):
            await self._app(scope, receive, send)
            return
        fault = self._ordered.next(scope)
        if scope["type"] != "lifespan":
            self._served[scope["type"]] += 1
        if fault is not None:
            self._happened[fault.kind] += 1
        if fault is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._faulty_stream(fault, receive, send)
        else:
            await self._faulty_reply(fault, scope, receive, send)

    async def _faulty_reply(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.kind:
            case "status":
                body = b'{"error":{"code":1,"message":"A fault of the plan.","name":"Error"}}'
                await _reply(send, fault.status, body, retry_after=fault.retry_after)
            case "html":
                page = b"<html><head><title>Down for maintenance</title></head><body>Sorry.</body></html>"
                await _reply(send, fault.status, page, b"text/html")
            case "reset_before":
                await _reset(receive)
            case "slow":
                await asyncio.sleep(fault.seconds)
                await self._app(scope, receive, send)
            case "clock_step":
                self._clock.ahead += timedelta(seconds=fault.seconds)
                await self._app(scope, receive, send)
            case _:
                await self._changed_reply(fault, scope, receive, send)

    async def _changed_reply(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application serve the request, and send another reply than the application's."""
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, collect)
        start, body = messages[0], b"".join(message.get("body", b"") for message in messages[1:])
        if not body:
            for message in messages:
                await send(message)
            return
        if fault.kind == "reset_during":
            await send(start)
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            await _reset(receive)
            return
        changed = self._changed(fault.kind, body)
        headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        await send({**start, "headers": [*headers, (b"content-length", str(len(changed)).encode())]})
        await send({"type": "http.response.body", "body": changed})

    def _changed(self, kind: str, body: bytes) -> bytes:
        if kind == "cut_off":
            return body[: len(body) // 2]
        if kind == "garbled":
            place = self._ordered.drawn.randrange(len(body) + 1)
            # The byte 0xFF is never in UTF-8. Without it, the noise could be valid text, such as another number.
            return body[:place] + b"\xff" + self._ordered.drawn.randbytes(4) + body[place + 5 :]
        try:
            reply = msgspec.json.decode(body)
            ended = reply["state"]["status"] in _FINAL
        except (msgspec.MsgspecError, KeyError, TypeError):
            return body
        if kind == "stale_status" and not ended:
            return body
        status = "Levitating" if kind == "unknown_status" else "Running"
        return msgspec.json.encode({**reply, "state": {"status": status}, "status": status})

    async def _faulty_stream(self, fault: Fault, receive: Receive, send: Send) -> None:
        await receive()
        if fault.kind == "stream_refused":
            await send({"type": "websocket.http.response.start", "status": fault.status, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b""})
            return
        await send({"type": "websocket.accept"})
        if fault.kind == "stream_closed":
            await asyncio.sleep(fault.seconds)
            await send({"type": "websocket.close", "code": fault.code})
            return
        # Stop reading, so that pings get no pong.
        _transport(receive).pause_reading()
        try:
            await asyncio.sleep(_LONGEST_SILENCE_SECONDS)
        except asyncio.CancelledError:
            # The service stops. Raised again, the error would be logged with a traceback.
            return
        finally:
            _transport(receive).abort()


_LONGEST_SILENCE_SECONDS: Final = 120.0
"""Seconds after which a silent stream is closed."""


def _fits(fault: Fault, scope: Scope) -> bool:
    if scope["type"] not in {"http", "websocket"}:
        return False
    if (scope["type"] == "websocket") != (fault.kind in _OF_STREAMS):
        return False
    if fault.method is not None and fault.method != scope.get("method"):
        return False
    if fault.kind in _OF_JOB_REPLIES and not (scope.get("method") == "GET" and _JOB_PATH.search(scope["path"])):
        return False
    return re.search(fault.path, scope["path"]) is not None


async def _reply(send: Send, status: int, body: bytes, kind: bytes = b"application/json", retry_after: int = 1) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if status == 429:
        headers.append((b"retry-after", b"%d" % retry_after))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _reset(receive: Receive) -> None:
    """Reset the connection, and return when the server has noticed it."""
    _transport(receive).abort()
    message: MutableMapping[str, Any] = {}
    while message.get("type") != "http.disconnect":
        message = await receive()


def _transport(receive: Any) -> Any:
    """Return the transport of a connection. ASGI has no access to it, but uvicorn's ``receive`` is a bound method."""
    return receive.__self__.transport
