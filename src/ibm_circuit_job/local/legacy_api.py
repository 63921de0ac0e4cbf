"""The ``legacy`` dialect of the service as a Starlette application: what IBM Quantum Platform Classic spoke.

Reads requests, asks ``jobs`` and ``devices``, writes replies. Everything but the version and the login demands
the token that a login gave.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ibm_circuit_job.local.devices import BACKEND_VERSION, DEVICES, Device, configuration, properties
from ibm_circuit_job.local.jobs import CannotCancel, JobQueues, LocalJob

MOST_BODY: Final = 64 * 1024 * 1024
"""How many bytes a request may hold."""
PAGE: Final = 200
"""How many jobs a page of a listing holds at most."""
INSTANCE: Final = ("ibm-q", "open", "main")
"""The one hub, group and project of the service."""

_T = TypeVar("_T")


class _Login(msgspec.Struct):
    api_token: str = msgspec.field(name="apiToken")


class _Submission(msgspec.Struct):
    program_id: str
    backend: str
    params: msgspec.Raw
    tags: list[str] = []
    session_id: str | None = None


class _Tags(msgspec.Struct):
    tags: list[str]


class _Refusal(Exception):  # noqa: N818 - it never leaves this module
    def __init__(self, status: int, code: int, message: str) -> None:
        self.status, self.code, self.message = status, code, message


class LegacyApi:
    """The endpoints, over one set of queues.

    Args:
        queues: The jobs.
        token: The API token that a login must give.
    """

    def __init__(self, queues: JobQueues, token: str) -> None:
        self._queues = queues
        self._token = token
        self._access_token = secrets.token_urlsafe(32)

    def application(self) -> Starlette:
        """Return the Starlette application."""
        return Starlette(
            routes=[
                Route("/version", self._version),
                Route("/users/loginWithToken", self._login, methods=["POST"]),
                Route("/users/me", self._me),
                Route("/Network", self._network),
                Route("/jobs", self._submit, methods=["POST"]),
                Route("/jobs", self._list),
                Route("/jobs/{id}", self._job),
                Route("/jobs/{id}", self._delete, methods=["DELETE"]),
                Route("/jobs/{id}/results", self._results),
                Route("/jobs/{id}/logs", self._logs),
                Route("/jobs/{id}/metrics", self._metrics),
                Route("/jobs/{id}/cancel", self._cancel, methods=["POST"]),
                Route("/jobs/{id}/tags", self._tags, methods=["PUT"]),
                Route("/facade/v1/jobs/{id}/type", self._type),
                Route("/backends", self._backends),
                Route("/backends/{name}/configuration", self._configuration),
                Route("/backends/{name}/properties", self._properties),
                Route("/backends/{name}/status", self._status),
                WebSocketRoute("/stream/jobs/{id}", self._stream),
            ],
            exception_handlers={_Refusal: _refused, 404: _no_such_path},
        )

    # Logging in

    async def _version(self, _: Request) -> Response:
        return _json({"new_api": True, "api-auth": "0.1"})

    async def _login(self, request: Request) -> Response:
        given = await _read(request, _Login)
        if not hmac.compare_digest(given.api_token.encode(), self._token.encode()):
            raise _Refusal(401, 3446, "Login failed: the API token is not valid.")
        return _json({"id": self._access_token, "ttl": 1_209_600, "userId": "local"})

    async def _me(self, request: Request) -> Response:
        self._check(request)
        root = f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"
        return _json(
            {
                "id": "local",
                "email": "local",
                "urls": {"http": root, "ws": root.replace("http", "ws", 1), "services": {"runtime": root}},
            }
        )

    async def _network(self, request: Request) -> Response:
        self._check(request)
        hub, group, project = INSTANCE
        projects = {project: {"name": project, "isDefault": True, "devices": {}}}
        return _json([{"name": hub, "groups": {group: {"name": group, "projects": projects}}}])

    def _check(self, connection: HTTPConnection) -> None:
        given = connection.headers.get("x-access-token", "")
        if not hmac.compare_digest(given.encode(), self._access_token.encode()):
            raise _Refusal(401, 1201, "Not authorised: the access token is missing or not valid.")

    # Jobs

    async def _submit(self, request: Request) -> Response:
        self._check(request)
        given = await _read(request, _Submission)
        if given.backend not in DEVICES:
            raise _Refusal(404, 1216, f"Backend {given.backend!r} not found.")
        if given.program_id not in {"circuit-runner", "qasm3-runner"}:
            raise _Refusal(404, 1235, f"Program {given.program_id!r} not found.")
        job = self._queues.submit(given.backend, given.program_id, bytes(given.params), given.tags, given.session_id)
        return _json({"id": job.id, "backend": job.backend})

    async def _list(self, request: Request) -> Response:
        self._check(request)
        query = request.query_params
        limit = min(_number(query.get("limit"), "limit", PAGE), PAGE)
        offset = _number(query.get("offset"), "offset", 0)
        chosen = [job for job in self._queues.newest_first() if _matches(job, request)]
        if query.get("sort") == "ASC":
            chosen.reverse()
        page = chosen[offset : offset + limit]
        exclude = query.get("exclude_params") == "true"
        return _json(
            {
                "jobs": [_reply(job, exclude_params=exclude) for job in page],
                "count": len(chosen),
                "limit": limit,
                "offset": offset,
            }
        )

    async def _job(self, request: Request) -> Response:
        job = self._asked_for(request)
        return _json(_reply(job, exclude_params=request.query_params.get("exclude_params") == "true"))

    async def _delete(self, request: Request) -> Response:
        job = self._asked_for(request)
        if not job.in_final_state:
            raise _Refusal(409, 1292, f"Job {job.id} has not ended; cancel it first.")
        del self._queues.jobs[job.id]
        return Response(status_code=204)

    async def _results(self, request: Request) -> Response:
        job = self._asked_for(request)
        if job.result is None and not job.in_final_state:
            raise _Refusal(404, 1293, f"Job {job.id} has not ended, and has no result yet.")
        body = job.result if job.result is not None else f"JobError: {job.reason!r}".encode()
        return Response(body, media_type="text/plain")

    async def _logs(self, request: Request) -> Response:
        job = self._asked_for(request)
        if not job.in_final_state:
            raise _Refusal(404, 1293, f"Job {job.id} has not ended, and has no log yet.")
        lines = [f"{_iso(job.created)} created", f"{_iso(job.finished or job.created)} {job.status}"]
        return Response("\n".join([*lines, *([job.reason] if job.reason else [])]), media_type="text/plain")

    async def _metrics(self, request: Request) -> Response:
        job = self._asked_for(request)
        steps = (("created", job.created), ("running", job.running), ("finished", job.finished))
        seconds = (job.finished - job.running).total_seconds() if job.running and job.finished else None
        return _json(
            {
                "timestamps": {step: None if moment is None else _iso(moment) for step, moment in steps},
                "bss": {"seconds": seconds},
                "usage": {"quantum_seconds": seconds, "seconds": seconds},
                "position_in_queue": self._queues.position(job),
                "position_in_provider": self._queues.position(job),
            }
        )

    async def _cancel(self, request: Request) -> Response:
        job = self._asked_for(request)
        try:
            self._queues.cancel(job)
        except CannotCancel:
            raise _Refusal(409, 1294, f"Job {job.id} cannot be cancelled: it is {job.status}.") from None
        return Response(status_code=204)

    async def _tags(self, request: Request) -> Response:
        job = self._asked_for(request)
        job.tags = (await _read(request, _Tags)).tags
        return Response(status_code=204)

    async def _type(self, request: Request) -> Response:
        self._asked_for(request)
        return _json({"type": "RUNTIME"})

    async def _stream(self, socket: WebSocket) -> None:
        try:
            job = self._running(socket)
        except _Refusal as refusal:
            await socket.send_denial_response(_refusal(refusal))
            return
        await socket.accept()
        await socket.send_text('{"type":"acknowledged"}')
        await _hold(job, socket)

    def _running(self, socket: WebSocket) -> LocalJob:
        self._check(socket)
        job = self._found(socket.path_params["id"])
        if job.status != "Running":
            raise _Refusal(409, 1295, f"Job {job.id} is not running.")
        return job

    def _asked_for(self, request: Request) -> LocalJob:
        self._check(request)
        return self._found(request.path_params["id"])

    def _found(self, job_id: str) -> LocalJob:
        job = self._queues.jobs.get(job_id)
        if job is None:
            raise _Refusal(404, 1291, f"Job {job_id} not found.")
        return job

    # Backends

    async def _backends(self, request: Request) -> Response:
        self._check(request)
        return _json({"devices": list(DEVICES)})

    async def _configuration(self, request: Request) -> Response:
        return _json(configuration(self._device(request)))

    async def _properties(self, request: Request) -> Response:
        before = request.query_params.get("updated_before")
        moment = datetime.now(UTC) if before is None else _moment(before, "updated_before")
        return _json(properties(self._device(request), moment))

    async def _status(self, request: Request) -> Response:
        device = self._device(request)
        return _json(
            {
                "backend_name": device.name,
                "backend_version": BACKEND_VERSION,
                "state": True,
                "status": "active",
                "length_queue": self._queues.length(device.name),
            }
        )

    def _device(self, request: Request) -> Device:
        self._check(request)
        name = request.path_params["name"]
        if name not in DEVICES:
            raise _Refusal(404, 1216, f"Backend {name!r} not found.")
        return DEVICES[name]


async def _hold(job: LocalJob, socket: WebSocket) -> None:
    """Hold the stream open until the job ends or the client leaves."""
    ended = asyncio.ensure_future(job.ended.wait())
    left = asyncio.ensure_future(_left(socket))
    await asyncio.wait({ended, left}, return_when=asyncio.FIRST_COMPLETED)
    if not left.done():
        left.cancel()
        await socket.close(1000)
    ended.cancel()


async def _left(socket: WebSocket) -> None:
    try:
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, RuntimeError, KeyError):
        return


def _reply(job: LocalJob, *, exclude_params: bool) -> dict[str, Any]:
    hub, group, project = INSTANCE
    state: dict[str, Any] = {"status": job.status}
    if job.reason is not None:
        state["reason"] = job.reason
    if job.reason_code is not None:
        state["reason_code"] = job.reason_code
    reply: dict[str, Any] = {
        "id": job.id,
        "backend": job.backend,
        "state": state,
        "status": job.status,
        "program": {"id": job.program},
        "created": _iso(job.created),
        "runtime": job.program,
        "tags": job.tags,
        "session_id": job.session_id,
        "hub": hub,
        "group": group,
        "project": project,
        "cost": 0,
        "private": False,
        "estimated_running_time_seconds": None,
    }
    if not exclude_params:
        reply["params"] = msgspec.Raw(job.params)
    return reply


def _matches(job: LocalJob, request: Request) -> bool:
    query = request.query_params
    wants: list[tuple[str, Callable[[str], bool]]] = [
        ("pending", lambda value: (not job.in_final_state) == (value == "true")),
        ("program", lambda value: job.program == value),
        ("backend", lambda value: job.backend == value),
        ("session_id", lambda value: job.session_id == value),
        ("provider", lambda value: value == "/".join(INSTANCE)),
        ("created_after", lambda value: job.created >= _moment(value, "created_after")),
        ("created_before", lambda value: job.created <= _moment(value, "created_before")),
    ]
    return all(test(query[name]) for name, test in wants if name in query) and set(query.getlist("tags")) <= set(
        job.tags
    )


def _moment(value: str, name: str) -> datetime:
    refusal = _Refusal(400, 1221, f"{name}: expected an ISO time, got {value[:40]!r}.")
    try:
        moment = datetime.fromisoformat(value.replace(" ", "+"))
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise refusal from None
    if not 2 <= moment.year <= 9998:
        raise refusal
    return moment


def _number(value: str | None, name: str, default: int) -> int:
    if value is None:
        return default
    if not value.isdecimal() or len(value) > 9:
        raise _Refusal(400, 1221, f"{name}: expected a number from 0 up, got {value!r}.")
    return int(value)


async def _read(request: Request, kind: type[_T]) -> _T:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY:
            raise _Refusal(413, 1225, f"The request holds more than {MOST_BODY} bytes.")
    try:
        return msgspec.json.decode(bytes(body), type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _Refusal(400, 1221, f"The request cannot be read: {error}.") from None


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _refusal(refusal: _Refusal) -> Response:
    error = {"error": {"code": refusal.code, "message": refusal.message, "name": "Error"}}
    return Response(msgspec.json.encode(error), refusal.status, media_type="application/json")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, _Refusal)  # noqa: S101 - Starlette calls it for nothing else
    return _refusal(error)


async def _no_such_path(request: Request, _: Exception) -> Response:
    return _refusal(_Refusal(404, 1200, f"No such path: {request.url.path}"))
