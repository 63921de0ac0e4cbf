"""The endpoints of sessions, which both APIs have. A session groups jobs on one backend."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ibm_circuit_job.local.charges import charged_for
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.job_api import JobApi
from ibm_circuit_job.local.jobs import CannotCancel, LocalJob
from ibm_circuit_job.local.replies import Refusal, iso, json_response, read
from ibm_circuit_job.local.saved_sessions import SavedSession

LONGEST_SECONDS: Final = 28_800
"""The most seconds that the jobs of a session may be charged together, by default: 8 hours."""
IDLE_SECONDS: Final = 60
"""Seconds after the last job of a session for which its backend stays reserved for it."""


class Opening(msgspec.Struct):
    """The body of ``POST /sessions``."""

    mode: Literal["dedicated", "batch"] = "dedicated"
    backend: str | None = None
    backend_name: str | None = None
    """The backend, if ``backend`` is missing."""
    max_ttl: Annotated[int, msgspec.Meta(ge=1, le=2_147_483_647)] | None = None
    max_session_ttl: Annotated[int, msgspec.Meta(ge=1, le=2_147_483_647)] | None = None
    """The name of ``max_ttl`` in the API of IBM Quantum Platform Classic."""


class SessionChange(msgspec.Struct):
    """The body of ``PATCH /sessions/ID``."""

    accepting_jobs: bool


class SessionApi(JobApi):
    """The endpoints of jobs and backends, and of sessions."""

    def session_routes(self) -> list[BaseRoute]:
        """Return the routes of sessions."""
        return [
            Route("/sessions", self._open, methods=["POST"]),
            Route("/sessions/{id}", self._details),
            Route("/sessions/{id}", self._change, methods=["PATCH"]),
            Route("/sessions/{id}/close", self._cancel_all, methods=["DELETE"]),
        ]

    def check_session(self, session_id: str | None, backend: str, request: Request) -> None:
        """Check that the session of a submission accepts it; a session without a backend gets that of its first job.

        Raises:
            Refusal: If there is no such session, it accepts no more jobs, or it is for another backend.
        """
        if session_id is None:
            return
        session = self._found(session_id, request)
        if not session.accepting_jobs:
            raise Refusal(409, 1217, f"Session {session_id} is closed, and takes no more jobs; open another session.")
        if session.backend is None:
            self.queues.sessions.save(session_id, replace(session, backend=backend))
        elif session.backend != backend:
            raise Refusal(400, 1219, f"Session {session_id} is for backend {session.backend}, not for {backend}.")

    def _found(self, session_id: str, request: Request) -> SavedSession:
        session = self.queues.sessions.find(session_id)
        if session is None or not self.may_see(session.instance, request):
            raise Refusal(404, 1218, f"Session {session_id} not found.")
        return session

    async def _open(self, request: Request) -> Response:
        self.check(request)
        opening = await read(request, Opening)
        backend = opening.backend or opening.backend_name
        if backend is not None and backend not in DEVICES:
            raise Refusal(404, 1216, f"Backend {backend!r} not found.")
        limit = opening.max_session_ttl if opening.max_ttl is None else opening.max_ttl
        opened = SavedSession(
            opening.mode,
            backend,
            limit or LONGEST_SECONDS,
            created=iso(self.queues.clock()),
            instance=self.instance_of(request),
        )
        session_id = secrets.token_hex(10)
        self.queues.sessions.save(session_id, opened)
        return json_response(self._reply_of(session_id, opened))

    async def _details(self, request: Request) -> Response:
        self.check(request)
        session_id = request.path_params["id"]
        return json_response(self._reply_of(session_id, self._found(session_id, request)))

    async def _change(self, request: Request) -> Response:
        self.check(request)
        session_id = request.path_params["id"]
        self._found(session_id, request)
        self._accept(session_id, request, accepting=(await read(request, SessionChange)).accepting_jobs)
        return Response(status_code=204)

    async def _cancel_all(self, request: Request) -> Response:
        self.check(request)
        session_id = request.path_params["id"]
        self._found(session_id, request)
        self._accept(session_id, request, accepting=False)
        for job in self.queues.of_session(session_id):
            if not job.in_final_state:
                self._cancel_if_possible(job)
        return Response(status_code=204)

    def _cancel_if_possible(self, job: LocalJob) -> None:
        try:
            self.queues.cancel(job)
        except CannotCancel:
            return

    def _accept(self, session_id: str, request: Request, *, accepting: bool) -> None:
        session = self._found(session_id, request)
        closed = None if accepting else session.closed or iso(self.queues.clock())
        self.queues.sessions.save(session_id, replace(session, accepting_jobs=accepting, closed=closed))

    def _reply_of(self, session_id: str, session: SavedSession) -> dict[str, Any]:
        jobs = self.queues.of_session(session_id)
        ran = [job.running for job in jobs if job.running is not None]
        ended = [job.finished for job in jobs if job.running is not None and job.finished is not None]
        state, until = self._state(session, jobs)
        started = min(ran) if ran else None
        closed = session.closed if state == "closed" else None
        steps = (("open", session.created), ("active", started and iso(started)), ("closed", session.closed))
        if session.mode == "batch" or started is None:
            elapsed = sum(charged_for(job, self.queues.clock()) for job in jobs)
        else:
            elapsed = max(0.0, (until - started).total_seconds())
        times = {
            "started_at": started and iso(started),
            "activated_at": started and iso(started),
            "closed_at": closed,
            "last_job_started": iso(max(ran)) if ran else None,
            "last_job_completed": iso(max(ended)) if ended else None,
        }
        return {
            "id": session_id,
            "backend_name": session.backend,
            "max_ttl": session.max_ttl or LONGEST_SECONDS,
            "active_ttl": session.max_ttl or LONGEST_SECONDS,
            "interactive_ttl": IDLE_SECONDS,
            "mode": session.mode,
            "state": state,
            "accepting_jobs": session.accepting_jobs,
            "elapsed_time": elapsed,
            "timestamps": [{"status": status, "timestamp": moment} for status, moment in steps if moment is not None],
            **{name: moment for name, moment in times.items() if moment is not None},
        }

    def _state(self, session: SavedSession, jobs: list[LocalJob]) -> tuple[str, datetime]:
        """Return the state of a session, and the time until which its backend was reserved for it."""
        now = self.queues.clock()
        ran = [job for job in jobs if job.running is not None]
        last = max((job.finished for job in ran if job.finished is not None), default=now)
        if any(not job.in_final_state for job in jobs):
            return ("active" if ran else "open"), now
        if not session.accepting_jobs and session.closed is not None:
            return "closed", max(last if ran else now, datetime.fromisoformat(session.closed))
        if not ran:
            return "open", now
        idle_until = last + timedelta(seconds=IDLE_SECONDS)
        return ("active", now) if now < idle_until else ("inactive", idle_until)
