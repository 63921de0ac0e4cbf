"""The API of IBM Quantum Platform Classic, which IBM switched off in July 2025; ``qiskit-ibm-provider`` uses it.

All paths except the version and the login need the access token that a login returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ibm_circuit_job.local.charges import charged_for
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.jobs import LocalJob
from ibm_circuit_job.local.oldest_api import OldestApi
from ibm_circuit_job.local.replies import MOST_LOGIN_BYTES, Refusal, error_handlers, headers_of, json_response, read
from ibm_circuit_job.local.sessions import SessionApi

INSTANCE: Final = ("ibm-q", "open", "main")
"""The only hub, group and project of the service."""
PATH: Final = "/api"
"""The path of this API."""
LOGIN_SECONDS: Final = 1_209_600
"""Seconds for which the access token of a login is valid: 14 days."""


class _Login(msgspec.Struct):
    api_token: str = msgspec.field(name="apiToken")


class LegacyApi(SessionApi):
    """The endpoints of the API of IBM Quantum Platform Classic."""

    programs = frozenset({"circuit-runner", "qasm3-runner"})
    results_at_url = 10 * 1024 * 1024

    def application(self) -> Starlette:
        """Return the API as a Starlette application."""
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
            exception_handlers=error_handlers(_response),
        )

    def log_in_routes(self) -> list[BaseRoute]:
        """Return the routes with which a client logs in and gets the URLs of the API."""
        return [
            Route("/version", self._version),
            Route("/users/loginWithToken", self._login, methods=["POST"]),
            Route("/users/me", self._me),
        ]

    def check(self, connection: HTTPConnection) -> None:
        """Check that a request has the access token of a login.

        Raises:
            Refusal: If it has not.
        """
        if not self.service.access.is_issued("login", connection.headers.get("x-access-token", "")):
            raise Refusal(401, 1201, "Not authorised: the access token is missing or not valid.")

    def extra_fields(self, job: LocalJob) -> dict[str, Any]:
        """Return the hub, group and project that pay for the job."""
        del job
        hub, group, project = INSTANCE
        return {"hub": hub, "group": group, "project": project}

    def usage_of(self, job: LocalJob, seconds: float | None) -> dict[str, Any]:
        """Return the seconds that a job is charged; ``None`` until it has run. A simulator charges the time it ran."""
        used = None if seconds is None else charged_for(job, self.queues.clock())
        return {"quantum_seconds": used, "seconds": used}

    def check_session(self, session_id: str | None, backend: str, request: Request) -> None:
        """Check that the session of a submission accepts it; see the base class.

        In this API, a session that was never opened is only a name, and accepts any job.

        Raises:
            Refusal: If the session was opened, and does not accept the job.
        """
        if self.queues.sessions.find(session_id) is not None:
            super().check_session(session_id, backend, request)

    def filter_of(self, request: Request) -> Callable[[LocalJob], bool]:
        """Return what says of a job whether it passes the filters of a listing, ``provider`` among them.

        Raises:
            Refusal: If a time is none.
        """
        passes = super().filter_of(request)
        is_ours = request.query_params.get("provider", "/".join(INSTANCE)) == "/".join(INSTANCE)
        return lambda job: is_ours and passes(job)

    # Logging in

    async def _version(self, _: Request) -> Response:
        return json_response({"new_api": True, "api-auth": "0.1"})

    async def _login(self, request: Request) -> Response:
        given = await read(request, _Login, MOST_LOGIN_BYTES)
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

    # Only in this API

    async def _type(self, request: Request) -> Response:
        self.check(request)
        job_id = request.path_params["id"]
        if job_id not in self.queues.jobs:
            # Clients recognise an unknown job by this code, which differs from that of the other paths.
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
        await _stay_open(job, socket)

    def _running(self, socket: WebSocket) -> LocalJob:
        self.check(socket)
        job = self.found(socket)
        if job.status != "Running":
            raise Refusal(409, 1295, f"Job {job.id} is not running.")
        return job


async def _stay_open(job: LocalJob, socket: WebSocket) -> None:
    """Return when the job has ended, after the stream is closed, or when the client disconnects."""
    ended = asyncio.ensure_future(job.ended.wait())
    disconnected = asyncio.ensure_future(_wait_until_disconnected(socket))
    await asyncio.wait({ended, disconnected}, return_when=asyncio.FIRST_COMPLETED)
    if not disconnected.done():
        disconnected.cancel()
        await socket.close(1000)
    ended.cancel()


async def _wait_until_disconnected(socket: WebSocket) -> None:
    try:
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, RuntimeError, KeyError):
        return


def _response(refusal: Refusal) -> Response:
    error = {"error": {"code": refusal.code, "message": refusal.message, "name": "Error"}}
    return json_response(error, refusal.status, headers_of(refusal))
