"""Sessions: jobs that belong together, on one backend. Both dialects have them."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ibm_circuit_job.local.job_api import JobApi, Refusal, iso, json_response, read
from ibm_circuit_job.local.jobs import CannotCancel, LocalJob


class _Session(msgspec.Struct):
    """A session as it is asked for, and as it is kept."""

    mode: str = "dedicated"
    backend: str | None = None
    max_ttl: int | None = None
    max_session_ttl: int | None = None
    """What the legacy dialect calls ``max_ttl``."""
    accepting_jobs: bool = True
    created: str = ""
    closed: str | None = None


class _SessionChange(msgspec.Struct):
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

    def check_session(self, session_id: str | None) -> None:
        """Let a submission into its session.

        Raises:
            Refusal: If there is no such session, or it takes no more jobs.
        """
        if session_id is not None and not self._found(session_id).accepting_jobs:
            raise Refusal(409, 1217, f"Session {session_id} is closed, and takes no more jobs.")

    def has_session(self, session_id: str | None) -> bool:
        """Return whether there is a session of that ID."""
        return session_id is not None and session_id in self.records.settings("session/")

    def _found(self, session_id: str) -> _Session:
        kept = self.records.settings("session/").get(session_id)
        if kept is None:
            raise Refusal(404, 1218, f"Session {session_id} not found.")
        return msgspec.json.decode(kept, type=_Session)

    def _keep(self, session_id: str, session: _Session) -> None:
        self.records.keep_setting(f"session/{session_id}", msgspec.json.encode(session).decode())

    def _jobs_of(self, session_id: str) -> list[LocalJob]:
        return [job for job in self.queues.jobs.values() if job.session_id == session_id]

    async def _open(self, request: Request) -> Response:
        self.check(request)
        asked = await read(request, _Session)
        limit = asked.max_session_ttl if asked.max_ttl is None else asked.max_ttl
        session = _Session(asked.mode, asked.backend, limit, created=iso(self.queues.clock()))
        session_id = secrets.token_hex(10)
        self._keep(session_id, session)
        return json_response(self._reply_of(session_id, session))

    async def _details(self, request: Request) -> Response:
        self.check(request)
        session_id = request.path_params["id"]
        return json_response(self._reply_of(session_id, self._found(session_id)))

    async def _change(self, request: Request) -> Response:
        self.check(request)
        session_id = request.path_params["id"]
        self._found(session_id)
        self._accept(session_id, accepting=(await read(request, _SessionChange)).accepting_jobs)
        return Response(status_code=204)

    async def _cancel_all(self, request: Request) -> Response:
        self.check(request)
        session_id = request.path_params["id"]
        self._found(session_id)
        self._accept(session_id, accepting=False)
        for job in self._jobs_of(session_id):
            if not job.in_final_state:
                self._cancel_if_possible(job)
        return Response(status_code=204)

    def _cancel_if_possible(self, job: LocalJob) -> None:
        try:
            self.queues.cancel(job)
        except CannotCancel:
            return

    def _accept(self, session_id: str, *, accepting: bool) -> None:
        session = self._found(session_id)
        session.accepting_jobs = accepting
        session.closed = None if accepting else session.closed or iso(self.queues.clock())
        self._keep(session_id, session)

    def _reply_of(self, session_id: str, session: _Session) -> dict[str, Any]:
        jobs = self._jobs_of(session_id)
        ran = [job.running for job in jobs if job.running is not None]
        ended = [job.finished for job in jobs if job.running is not None and job.finished is not None]
        state = "active" if ran else "open"
        if not session.accepting_jobs and all(job.in_final_state for job in jobs):
            state = "closed"
        started = iso(min(ran)) if ran else None
        steps = (("open", session.created), ("active", started), ("closed", session.closed))
        spans = [(job.finished or self.queues.clock()) - job.running for job in jobs if job.running is not None]
        return {
            "id": session_id,
            "backend_name": session.backend,
            "max_ttl": session.max_ttl,
            "active_ttl": session.max_ttl,
            "interactive_ttl": 60,
            "mode": session.mode,
            "state": state,
            "accepting_jobs": session.accepting_jobs,
            "created_at": session.created,
            "started_at": started,
            "activated_at": started,
            "closed_at": session.closed if state == "closed" else None,
            "last_job_started": iso(max(ran)) if ran else None,
            "last_job_completed": iso(max(ended)) if ended else None,
            "elapsed_time": sum(span.total_seconds() for span in spans),
            "timestamps": [{"status": status, "timestamp": moment} for status, moment in steps if moment is not None],
        }
