"""Faults to order: a seeded plan of what goes wrong between the service and its clients.

A plan is a list of faults. Of those that can befall a request, each happens with its rate, in the order of the plan,
and the first that does is the one. The same seed gives the same row of draws.
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
    """One fault, and how often it happens.

    - ``status``: the answer is an error with this ``status``; 429 carries ``retry_after``. Nothing was done.
    - ``html``: the answer is an outage page with this ``status``. Nothing was done.
    - ``reset_before``: the connection is reset before there is an answer. Nothing was done.
    - ``reset_during``: it was done, and the connection is reset in the middle of the answer's body.
    - ``cut_off``: it was done, and the answer is only half of the JSON.
    - ``garbled``: it was done, and a part of the answer is noise, which is no UTF-8.
    - ``unknown_status``: a job reply names an unknown status.
    - ``stale_status``: a job that has ended is said to run.
    - ``slow``: the answer comes after so many ``seconds``.
    - ``stream_refused``: a push stream is refused with this ``status``.
    - ``stream_silent``: a push stream is open, and nothing ever comes from it, not even a pong.
    - ``stream_closed``: a push stream is closed with this ``code`` after so many ``seconds``.
    - ``clock_step``: the service's clock jumps by so many ``seconds``.
    """

    kind: Kind
    rate: float = 1.0
    """The share of requests that it befalls, 0 to 1."""
    path: str = ""
    """Only requests whose path this regular expression finds something in."""
    method: str | None = None
    """Only requests with this method."""
    times: int | None = None
    """How often at most; any number by default."""
    status: int = 503
    seconds: float = 0.2
    retry_after: int = 1
    """Seconds that an answer of 429 asks to wait."""
    code: int = 1011


class FaultPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong, and how often.

    Example:
        >>> FaultPlan(faults=[Fault("status", rate=0.1)], seed=7).faults[0].status
        503
    """

    faults: list[Fault] = []
    seed: int = 0


class NoFaultPlan(ValueError):  # noqa: N818 - named for what it says
    """What was given is no plan; the message says why."""


def read_plan(plan: bytes) -> FaultPlan:
    """Return the plan that a JSON document is.

    Raises:
        NoFaultPlan: If it is none; the message says what is wrong, and where.

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
    """The service's clock, which can be made to jump."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        """Return the time, UTC."""
        return datetime.now(UTC) + self.ahead


_OF_STREAMS: Final = frozenset({"stream_refused", "stream_silent", "stream_closed"})
_OF_JOB_REPLIES: Final = frozenset({"unknown_status", "stale_status"})
_SPARED: Final = re.compile(r"^/(?:page/.*|faults|jobs)?$")
"""The page of the service and its controls, which are not a part of what is tried out: no fault befalls them."""
_JOB_PATH: Final = re.compile(r"/jobs/[^/]+$")
_FINAL: Final = frozenset({"Completed", "Failed", "Cancelled"})


class OrderedFaults:
    """The plan in force, and how far it has been carried out.

    Args:
        plan: What goes wrong at first.
    """

    def __init__(self, plan: FaultPlan) -> None:
        self.order(plan)

    def order(self, plan: FaultPlan) -> None:
        """Replace the plan by another one, which begins with its first draw."""
        self._faults = plan.faults
        self._left = [fault.times for fault in plan.faults]
        self.drawn = random.Random(plan.seed)
        """Where chance comes from."""

    def next(self, scope: Scope) -> Fault | None:
        """Return the fault that befalls a request, which is counted; ``None`` for most requests."""
        for index, fault in enumerate(self._faults):
            if not _can_befall(fault, scope) or self._left[index] == 0:
                continue
            # Drawn only for those that can happen: what is added for other paths does not change the row.
            if self.drawn.random() < fault.rate:
                left = self._left[index]
                self._left[index] = None if left is None else left - 1
                return fault
        return None


class FaultInjector:
    """The service as an ASGI application, with faults. At ``/faults`` it tells how many there were of each.

    Args:
        app: The service.
        ordered: What goes wrong.
        clock: The service's clock.
    """

    def __init__(self, app: ASGIApp, ordered: OrderedFaults, clock: Clock) -> None:
        self._app = app
        self._ordered = ordered
        self._clock = clock
        self._served: Counter[str] = Counter()
        self._befell: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("GET", "/faults"):
            await _answer(send, 200, msgspec.json.encode({"served": self._served, "faults": self._befell}))
            return
        if scope["type"] == "http" and _SPARED.search(scope["path"]):
            await self._app(scope, receive, send)
            return
        fault = self._ordered.next(scope)
        if scope["type"] != "lifespan":
            self._served[scope["type"]] += 1
        if fault is not None:
            self._befell[fault.kind] += 1
        if fault is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._faulty_stream(fault, receive, send)
        else:
            await self._faulty_answer(fault, scope, receive, send)

    async def _faulty_answer(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.kind:
            case "status":
                body = b'{"error":{"code":1,"message":"A fault to order.","name":"Error"}}'
                await _answer(send, fault.status, body, retry_after=fault.retry_after)
            case "html":
                page = b"<html><head><title>Down for maintenance</title></head><body>Sorry.</body></html>"
                await _answer(send, fault.status, page, b"text/html")
            case "reset_before":
                await _reset(receive)
            case "slow":
                await asyncio.sleep(fault.seconds)
                await self._app(scope, receive, send)
            case "clock_step":
                self._clock.ahead += timedelta(seconds=fault.seconds)
                await self._app(scope, receive, send)
            case _:
                await self._changed_answer(fault, scope, receive, send)

    async def _changed_answer(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """What has been done already, and is told wrongly."""
        told: list[Message] = []

        async def keep(message: Message) -> None:
            told.append(message)

        await self._app(scope, receive, keep)
        start, body = told[0], b"".join(message.get("body", b"") for message in told[1:])
        if not body:
            for message in told:
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
            # One byte that is never in UTF-8: noise that reads as text, such as another number, would go unnoticed.
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
        # Nothing is read any more, so that pings get no pong.
        _transport(receive).pause_reading()
        try:
            await asyncio.sleep(_LONGEST_SILENCE)
        except asyncio.CancelledError:
            # The service stops; that is worth no traceback in its log.
            return
        finally:
            _transport(receive).abort()


_LONGEST_SILENCE: Final = 120.0
"""Seconds after which even a silent stream is given up."""


def _can_befall(fault: Fault, scope: Scope) -> bool:
    if scope["type"] not in {"http", "websocket"}:
        return False
    if (scope["type"] == "websocket") != (fault.kind in _OF_STREAMS):
        return False
    if fault.method is not None and fault.method != scope.get("method"):
        return False
    if fault.kind in _OF_JOB_REPLIES and not (scope.get("method") == "GET" and _JOB_PATH.search(scope["path"])):
        return False
    return re.search(fault.path, scope["path"]) is not None


async def _answer(
    send: Send, status: int, body: bytes, kind: bytes = b"application/json", retry_after: int = 1
) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if status == 429:
        headers.append((b"retry-after", b"%d" % retry_after))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _reset(receive: Receive) -> None:
    """Reset the connection, and wait until the server has noticed."""
    _transport(receive).abort()
    message: MutableMapping[str, Any] = {}
    while message.get("type") != "http.disconnect":
        message = await receive()


def _transport(receive: Any) -> Any:
    """The connection itself, which ASGI has no word for; uvicorn's ``receive`` is a method of what holds it."""
    return receive.__self__.transport
