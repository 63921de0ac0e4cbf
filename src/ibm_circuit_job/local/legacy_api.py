"""The ``legacy`` dialect of the service: what IBM Quantum Platform Classic spoke, and ``qiskit-ibm-provider`` speaks.

Everything but the version and the login demands the token that a login gave.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ibm_circuit_job.local.charges import charged_for
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.job_api import MOST_OF_A_STRANGER, Refusal, headers_of, json_response, read, refusal_of
from ibm_circuit_job.local.jobs import LocalJob
from ibm_circuit_job.local.oldest_api import OldestApi
from ibm_circuit_job.local.records import NotWritten
from ibm_circuit_job.local.sessions import SessionApi

INSTANCE: Final = ("ibm-q", "open", "main")
"""The one hub, group and project of the service."""
PATH: Final = "/api"
"""Where the dialect is."""
LOGIN_SECONDS: Final = 1_209_600
"""How long a login holds."""


class _Login(msgspec.Struct):
    api_token: str = msgspec.field(name="apiToken")


class LegacyApi(SessionApi):
    """The endpoints of the dialect."""

    programs = frozenset({"circuit-runner", "qasm3-runner"})
    results_at_url = 10 * 1024 * 1024

    def application(self) -> Starlette:
        """Return the Starlette application."""
        return Starlette(
            routes=[
                *self.log_in_routes(),
                Route("/Network", self._network),
                # Before /jobs/{id}, which would match /jobs/v2.
                *OldestApi(self).routes(),
                *self.job_routes(),
                *self.session_routes(),
                Route("/facade/v1/jobs/{id}/type", self._type),
                Route("/backends", self._backends),
                Route("/backends/{name}/defaults", self._defaults),
                WebSocketRoute("/stream/jobs/{id}", self._stream),
            ],
            exception_handlers={Refusal: _refused, NotWritten: _not_written, 404: _no_such_path},
        )

    def log_in_routes(self) -> list[BaseRoute]:
        """Return the routes by which a client logs in and learns where the others are."""
        return [
            Route("/version", self._version),
            Route("/users/loginWithToken", self._login, methods=["POST"]),
            Route("/users/me", self._me),
        ]

    def check(self, connection: HTTPConnection) -> None:
        """Let in a client that has logged in."""
        if not self.service.access.is_issued("login", connection.headers.get("x-access-token", "")):
            raise Refusal(401, 1201, "Not authorised: the access token is missing or not valid.")

    def more_of(self, job: LocalJob) -> dict[str, Any]:
        """Return the instance that paid."""
        del job
        hub, group, project = INSTANCE
        return {"hub": hub, "group": group, "project": project}

    def usage_of(self, job: LocalJob, seconds: float | None) -> dict[str, Any]:
        """Return the seconds that a job is charged, once it has run; a simulator charges the time of its run."""
        used = None if seconds is None else charged_for(job, self.queues.clock())
        return {"quantum_seconds": used, "seconds": used}

    def check_session(self, session_id: str | None, backend: str, request: Request) -> None:
        """Let a submission into its session; one that was never opened is no more than a name here."""
        if self.queues.sessions.find(session_id) is not None:
            super().check_session(session_id, backend, request)

    def matches(self, job: LocalJob, request: Request) -> bool:
        """Return whether a job is asked for by a listing."""
        provider = request.query_params.get("provider", "/".join(INSTANCE))
        return provider == "/".join(INSTANCE) and super().matches(job, request)

    # Logging in

    async def _version(self, _: Request) -> Response:
        return json_response({"new_api": True, "api-auth": "0.1"})

    async def _login(self, request: Request) -> Response:
        given = await read(request, _Login, MOST_OF_A_STRANGER)
        if not self.service.access.is_token(given.api_token):
            raise Refusal(401, 3446, "Login failed: the API token is not valid.")
        return json_response(
            {"id": self.service.access.issue("login", LOGIN_SECONDS), "ttl": LOGIN_SECONDS, "userId": "local"}
        )

    async def _me(self, request: Request) -> Response:
        self.check(request)
        root = f"{request.url.scheme}://{request.url.netloc}{PATH}"
        return json_response(
            {
                "id": "local",
                "email": "local",
                "urls": {"http": root, "ws": root.replace("http", "ws", 1), "services": {"runtime": root}},
            }
        )

    async def _network(self, request: Request) -> Response:
        self.check(request)
        hub, group, project = INSTANCE
        devices = {name: {"name": name} for name in DEVICES}
        projects = {project: {"name": project, "isDefault": True, "devices": devices}}
        return json_response([{"name": hub, "groups": {group: {"name": group, "projects": projects}}}])

    # What only this dialect has

    async def _type(self, request: Request) -> Response:
        self.check(request)
        job_id = request.path_params["id"]
        if job_id not in self.queues.jobs:
            # Not the code of the other paths: clients know an unknown job by this one.
            raise Refusal(404, 3250, f"Job {job_id} not found.")
        return json_response({"type": "IQX" if self.queues.jobs[job_id].is_oldest else "RUNTIME"})

    async def _backends(self, request: Request) -> Response:
        self.check(request)
        return json_response({"devices": list(DEVICES)})

    async def _defaults(self, request: Request) -> Response:
        self.check(request)
        return json_response({})

    async def _stream(self, socket: WebSocket) -> None:
        try:
            job = self._running(socket)
        except Refusal as refusal:
            await socket.send_denial_response(_response(refusal))
            return
        await socket.accept()
        await socket.send_text('{"type":"acknowledged"}')
        await _hold(job, socket)

    def _running(self, socket: WebSocket) -> LocalJob:
        self.check(socket)
        job = self.found(socket)
        if job.status != "Running":
            raise Refusal(409, 1295, f"Job {job.id} is not running.")
        return job


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


def _response(refusal: Refusal) -> Response:
    error = {"error": {"code": refusal.code, "message": refusal.message, "name": "Error"}}
    return json_response(error, refusal.status, headers_of(refusal))


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - Starlette calls it for nothing else
    return _response(error)


async def _not_written(_: Request, error: Exception) -> Response:
    return _response(refusal_of(error))


async def _no_such_path(request: Request, _: Exception) -> Response:
    return _response(Refusal(404, 1200, f"No such path: {request.url.path}"))
