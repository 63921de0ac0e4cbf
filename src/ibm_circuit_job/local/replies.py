"""Reads requests and makes replies: bodies, query parameters, JSON, results, and the refusal of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ibm_circuit_job.local.jobs import JobQueues, LocalJob
from ibm_circuit_job.local.records import NotWritten, Records

MOST_BODY_BYTES: Final = 64 * 1024 * 1024
"""The most bytes that the body of a request may have."""
MOST_LOGIN_BYTES: Final = 16 * 1024
"""The most bytes that the body of a request may have if the client has not authenticated yet."""
SILENCE_SECONDS: Final = 30.0
"""Seconds within which the next part of a request has to arrive."""

_T = TypeVar("_T")


class Refusal(Exception):  # noqa: N818 - named for what it says
    """A request is refused, with this HTTP status, code of the service and message."""

    def __init__(self, status: int, code: int, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after


async def body_of(request: Request, most: int = MOST_BODY_BYTES) -> bytes:
    """Return the body of a request.

    Args:
        request: The request.
        most: The most bytes that it may have.

    Raises:
        Refusal: If it has more bytes (413), or does not arrive in time (408).
    """
    body = bytearray()
    chunks = request.stream()
    try:
        while True:
            async with asyncio.timeout(SILENCE_SECONDS):
                body += await anext(chunks)
            if len(body) > most:
                raise Refusal(413, 1225, f"The request has more than {most} bytes, which is the limit.")
    except StopAsyncIteration:
        return bytes(body)
    except TimeoutError:
        raise Refusal(408, 1225, f"No further bytes of the request came for {SILENCE_SECONDS:g} seconds.") from None


async def read(request: Request, kind: type[_T], most: int = MOST_BODY_BYTES) -> _T:
    """Return the JSON body of a request.

    Args:
        request: The request.
        kind: The type of the body.
        most: The most bytes that it may have.

    Raises:
        Refusal: If it has more bytes, does not arrive in time, or is no JSON of this type.
    """
    try:
        body = await body_of(request, most)
        # Fields that stay raw JSON are not decoded below, so their UTF-8 is checked here.
        body.decode()
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal(400, 1221, f"The request cannot be read: {error}.") from None


def number_in(query: Mapping[str, str], name: str, default: int) -> int:
    """Return the number in a query parameter; *default* if the parameter is missing.

    Raises:
        Refusal: If it is no whole number from 0 up, or has more than 9 digits.
    """
    value = query.get(name, str(default))
    if not value.isdecimal() or len(value) > 9:
        raise Refusal(400, 1221, f"{name}: expected a number from 0 up, got {value[:40]!r}.")
    return int(value)


def moment_of(value: str, name: str) -> datetime:
    """Return the time in a query parameter, in UTC.

    Args:
        value: An ISO time. A time without a zone is in UTC.
        name: The name of the query parameter, for the message.

    Raises:
        Refusal: If the value is no time of the years 2 to 9998.
    """
    refusal = Refusal(400, 1221, f"{name}: expected an ISO time, got {value[:40]!r}.")
    try:
        moment = datetime.fromisoformat(value.replace(" ", "+"))
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise refusal from None
    if not 2 <= moment.year <= 9998:
        raise refusal
    return moment


def moment_in(query: Mapping[str, str], name: str) -> datetime | None:
    """Return the time in a query parameter, in UTC; ``None`` if the parameter is missing.

    Raises:
        Refusal: If the value is no time, as :func:`moment_of` says.
    """
    return moment_of(query[name], name) if name in query else None


def iso(moment: datetime) -> str:
    """Return a time as the service writes it: an ISO time that ends in ``Z``."""
    return moment.isoformat().replace("+00:00", "Z")


def json_response(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a response with a value as JSON."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def headers_of(refusal: Refusal) -> dict[str, str]:
    """Return the headers of the reply that refuses a request."""
    return {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}


def error_handlers(response_of: Callable[[Refusal], Response]) -> Mapping[Any, Callable[..., Any]]:
    """Return exception or HTTP status -> the function that makes the reply, for a Starlette application.

    Args:
        response_of: Returns the reply that refuses a request, in the form of an API.
    """

    async def refused(_: Request, error: Refusal) -> Response:
        return response_of(error)

    async def not_written(_: Request, error: NotWritten) -> Response:
        return response_of(Refusal(503, 1500, f"The service cannot write to its folder: {error}."))

    async def no_such_path(request: Request, _: Exception) -> Response:
        return response_of(Refusal(404, 1200, f"No such path: {request.url.path}"))

    return {Refusal: refused, NotWritten: not_written, 404: no_such_path}


def result_response(queues: JobQueues, job: LocalJob, body: bytes, request: Request) -> Response:
    """Return the reply with a result. The result of a private job is deleted when it has been sent.

    Args:
        queues: The queues of the service.
        job: The job.
        body: The bytes of its result.
        request: The request.

    Raises:
        Refusal: If the result of a private job is being sent to another request.
    """
    if not job.private or request.method != "GET":
        return Response(body, media_type="text/plain")
    if job.is_being_sent:
        raise Refusal(409, 1297, f"The result of private job {job.id} is being sent to another request.")
    return _SentOnce(body, job, queues.records)


class _SentOnce(Response):
    """The reply with the result of a private job, which is deleted before the last byte of the reply is sent.

    If the client has disconnected before that, it does not have the whole result. So the result is not deleted, and can
    be requested again.
    """

    media_type = "text/plain"

    def __init__(self, body: bytes, job: LocalJob, records: Records) -> None:
        super().__init__(body)
        self._job, self._records = job, records

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the reply."""
        self._job.is_being_sent = True
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            # Sending the second part waits until the first part is sent, except for what fits into the server's buffer.
            for piece in (self.body[:-1], b""):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            if not await Request(scope, receive).is_disconnected():
                # Before the last byte, so that a client that has the whole result can never get it again.
                self._records.delete_result(self._job)
            await send({"type": "http.response.body", "body": self.body[-1:]})
        finally:
            self._job.is_being_sent = False
