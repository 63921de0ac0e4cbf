"""RuntimeClient: a client of the service's REST API for jobs, sessions and backends.

Replies about jobs are returned as bytes, for :mod:`ibm_circuit_job.wire.replies`; other replies are decoded from JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from returns.result import Success

from ibm_circuit_job.clients import stream
from ibm_circuit_job.clients.account import Account, AccountClient
from ibm_circuit_job.clients.http import Reply, RequestFailed, date_of, deadline_of, seconds_until
from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.errors import Unreadable
from ibm_circuit_job.wire import documents, typed_json

_T = TypeVar("_T")


class RuntimeClient:
    """A client of the jobs and backends of IBM Quantum Platform Classic, the channel ``ibm_quantum``.

    :class:`PlatformClient` is the client of IBM Quantum Platform. Every method raises
    :class:`~ibm_circuit_job.clients.RequestFailed` if the service refuses or cannot be reached. An expired token is
    renewed once per call.

    Args:
        params: The URL and the credentials of the account.
        account: The account, which has the tokens; by default a new one.
    """

    offers_stream = True
    """Whether the service has push streams."""
    names_instance = True
    """Whether the body or the query of a request names the hub/group/project. If not, the headers name the instance."""
    session_limit = "max_session_ttl"
    """The field of a request with the longest duration of a session, in seconds."""
    limits_tags = False
    """Whether the service limits the number and the length of tags; see :mod:`ibm_circuit_job.state.tag_limits`."""

    def __init__(self, params: ClientParameters, *, account: Account | None = None) -> None:
        self.params = params
        self._account = account or AccountClient(params)
        self.clock_ahead: float | None = None
        """The seconds by which the service's clock is ahead of this machine's, to a second or two. It is computed from
        the header ``Date`` of the last reply with a 2xx, and ``None`` before."""

    def __repr__(self) -> str:
        return f"<RuntimeClient({self.params.url!r})>"

    def program_run(
        self,
        *,
        program_id: str,
        backend_name: str,
        params: object,
        hgp: str | None = None,
        job_tags: Sequence[str] = (),
        session_id: str | None = None,
        private: bool = False,
        calibration_id: str | None = None,
    ) -> bytes:
        """Submit a job and return the reply. Source: ``POST /jobs``.

        The request is not repeated after the service may have received it. If the reply is lost, the job may exist.

        Args:
            program_id: ``"circuit-runner"``, ``"qasm3-runner"`` or ``"sampler"``.
            backend_name: The name of the backend.
            params: The program's parameters; circuits, arrays and complex numbers are encoded.
            hgp: The ``hub/group/project`` that pays.
            job_tags: The tags of the job.
            session_id: The ID of the session; ``None`` for no session.
            private: Whether the inputs are hidden, and the result can be read only once.
            calibration_id: The ID of the calibration; IBM Quantum Platform only.
        """
        submission: dict[str, Any] = {"program_id": program_id, "backend": backend_name, "params": params}
        if job_tags:
            submission["tags"] = list(job_tags)
        if session_id is not None:
            submission["session_id"] = session_id
        if private:
            submission["private"] = True
        if calibration_id is not None:
            submission["calibration_id"] = calibration_id
        if hgp is not None and self.names_instance:
            submission["hub"], submission["group"], submission["project"] = hgp.split("/")
        body = typed_json.encode(submission)
        return self._call(f"submit a job to {backend_name}", "POST", "/jobs", body=body, once=True).content

    def job_get(self, job_id: str, exclude_params: bool = True, *, seconds: float | None = None) -> bytes:
        """Return the job reply, by default without the circuits. Source: ``GET /jobs/ID``."""
        query = {"exclude_params": "true"} if exclude_params else None
        return self._job_call("read", job_id, "GET", query=query, seconds=seconds).content

    def jobs_get(
        self,
        limit: int | None = None,
        skip: int | None = None,
        pending: bool | None = None,
        hgp: str | None = None,
        job_tags: Sequence[str] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        descending: bool = True,
        backend_name: str | None = None,
        program_id: str | None = None,
        session_id: str | None = None,
        *,
        seconds: float | None = None,
    ) -> bytes:
        """Return one page of the list of jobs, with 200 jobs at most. Source: ``GET /jobs``."""
        query = {
            "limit": limit,
            "offset": skip,
            "pending": None if pending is None else str(pending).lower(),
            "provider": hgp if self.names_instance else None,
            "tags": None if job_tags is None else list(job_tags),
            "created_after": None if created_after is None else created_after.isoformat(),
            "created_before": None if created_before is None else created_before.isoformat(),
            "sort": None if descending else "ASC",
            "backend": backend_name,
            "program": program_id,
            "session_id": session_id,
            "exclude_params": "true",
        }
        return self._call("list jobs", "GET", "/jobs", query=query, seconds=seconds).content

    def job_metadata(self, job_id: str, *, seconds: float | None = None) -> bytes:
        """Return the metrics reply. Source: ``GET /jobs/ID/metrics``."""
        return self._job_call("read the metrics of", job_id, "GET", "/metrics", seconds=seconds).content

    def job_results(self, job_id: str, *, prompt: bool = False) -> bytes:
        """Return the body of the result; that of a private job can be read once. Source: ``GET /jobs/ID/results``.

        There is no time limit as long as bytes arrive. The body is empty if there is no result (204).

        Args:
            job_id: The ID of the job.
            prompt: Whether to send the request once, for callers that repeat it by their own rules.
        """
        doing = f"read the result of job {job_id}"
        url = f"{self._account.user_urls().runtime}/jobs/{quote(job_id, safe='')}/results"
        return self._authorised(
            lambda headers, _: self._account.http.download(doing, url, headers=headers, prompt=prompt), None
        )

    def job_cancel(self, job_id: str) -> bytes:
        """Request the cancellation of the job, and return the body of the reply.

        Source: ``POST /jobs/ID/cancel``; 204 with an empty body if the service cancels the job, 409 if it has ended.
        """
        return self._job_call("cancel", job_id, "POST", "/cancel").content

    def update_tags(self, job_id: str, tags: Sequence[str]) -> Reply:
        """Replace the job's tags. Source: ``PUT /jobs/ID/tags``."""
        body = msgspec.json.encode({"tags": list(tags)})
        return self._job_call("tag", job_id, "PUT", "/tags", body=body)

    def job_logs(self, job_id: str) -> str:
        """Return the job's log. Source: ``GET /jobs/ID/logs``; 404 until the job ends."""
        return self._job_call("read the log of", job_id, "GET", "/logs").text

    def job_delete(self, job_id: str) -> None:
        """Delete the job from the service. Source: ``DELETE /jobs/ID``."""
        self._job_call("delete", job_id, "DELETE")

    def job_type(self, job_id: str) -> str:
        """Return ``"RUNTIME"`` or ``"IQX"``. Source: ``GET /facade/v1/jobs/ID/type``."""
        path = f"/facade/v1/jobs/{quote(job_id, safe='')}/type"
        reply = self._decoded(self._call(f"read the type of job {job_id}", "GET", path), "job type")
        return str(reply.get("type", "RUNTIME"))

    def job_stream(self, job_id: str, seconds: float | None) -> bool:
        """Listen to the job until the service closes the stream (True) or so many seconds have passed (False).

        Source: ``wss://.../stream/jobs/ID``. The service refuses the stream of a job that is not running.
        """
        doing = f"listen to job {job_id}"
        deadline = deadline_of(seconds)
        url = f"{self._account.user_urls(seconds=seconds).ws}/stream/jobs/{quote(job_id, safe='')}"
        return self._authorised(
            lambda headers, left: stream.listen(url, headers, left, doing=doing, parameters=self.params), deadline
        )

    def session_create(self, backend_name: str, mode: str, max_time: int | None = None) -> dict[str, Any]:
        """Open a session, and return the reply. Source: ``POST /sessions``.

        Args:
            backend_name: The backend of its jobs.
            mode: ``"dedicated"`` or ``"batch"``.
            max_time: The longest duration in seconds; the service's own limit by default.
        """
        limit = {} if max_time is None else {self.session_limit: max_time}
        body = msgspec.json.encode({"backend": backend_name, "mode": mode} | limit)
        reply = self._call(f"open a session on {backend_name}", "POST", "/sessions", body=body, once=True)
        return self._decoded(reply, "session")

    def session_details(self, session_id: str) -> dict[str, Any]:
        """Return the details of a session. Source: ``GET /sessions/ID``."""
        return self._decoded(self._session_call("read", session_id, "GET"), f"session {session_id}")

    def session_close(self, session_id: str) -> None:
        """Close a session to further jobs. Source: ``PATCH /sessions/ID``."""
        self._session_call("close", session_id, "PATCH", body=b'{"accepting_jobs":false}')

    def session_cancel(self, session_id: str) -> None:
        """Close a session to further jobs, and cancel its jobs. Source: ``DELETE /sessions/ID/close``."""
        self._session_call("cancel", session_id, "DELETE", "/close")

    def list_backends(self, hgp: str | None = None) -> list[str]:
        """Return the names of the backends. Source: ``GET /backends``."""
        return list(self.listed_backends(hgp))

    def listed_backends(self, hgp: str | None = None) -> dict[str, Mapping[str, Any]]:
        """Return the entry of each backend in the service's list, by name. IBM Quantum Platform includes the status.

        Source: ``GET /backends``.

        Args:
            hgp: The ``hub/group/project`` of the backends; by default all backends of the account.
        """
        query = {"provider": hgp if self.names_instance else None}
        devices = self._decoded(self._call("list backends", "GET", "/backends", query=query), "backends").get("devices")
        if not isinstance(devices, list):
            raise RequestFailed(Unreadable("list of backends", "devices", f"expected a list, got {devices!r}"))
        # Names on the channel ibm_quantum, records with names on IBM Quantum Platform.
        records = [device if isinstance(device, Mapping) else {"name": device} for device in devices]
        return {record["name"]: record for record in records if isinstance(record.get("name"), str)}

    def backend_configuration(self, backend_name: str, *, calibration_id: str | None = None) -> dict[str, Any]:
        """Return the configuration of a backend. Source: ``GET /backends/NAME/configuration``.

        Args:
            backend_name: The name of the backend.
            calibration_id: The ID of the calibration; ``None`` for the newest. IBM Quantum Platform only.
        """
        return self._backend(backend_name, "configuration", {"calibration_id": calibration_id})

    def backend_properties(
        self, backend_name: str, datetime: datetime | None = None, *, calibration_id: str | None = None
    ) -> dict[str, Any] | None:
        """Return the measured properties of a backend, now or at an earlier time; ``None`` for a simulator.

        Source: ``GET /backends/NAME/properties``.

        Args:
            backend_name: The name of the backend.
            datetime: The properties that were the newest at this time are returned; ``None`` for now.
            calibration_id: The ID of the calibration; ``None`` for the newest. IBM Quantum Platform only.
        """
        moment = None if datetime is None else datetime.isoformat()
        query = {"updated_before": moment, "calibration_id": calibration_id}
        return self._backend(backend_name, "properties", query) or None

    def backend_status(self, backend_name: str) -> dict[str, Any]:
        """Return the status of a backend, with the length of its queue. Source: ``GET /backends/NAME/status``."""
        return self._backend(backend_name, "status")

    def close(self) -> None:
        """Close all connections."""
        self._account.close()

    def _backend(self, name: str, part: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        path = f"/backends/{quote(name, safe='')}/{part}"
        response = self._call(f"read the {part} of backend {name}", "GET", path, query=query)
        return self._decoded(response, f"{part} of backend {name}")

    def _session_call(
        self, verb: str, session_id: str, method: str, part: str = "", *, body: bytes | None = None
    ) -> Reply:
        path = f"/sessions/{quote(session_id, safe='')}{part}"
        return self._call(f"{verb} session {session_id}", method, path, body=body)

    def _job_call(
        self,
        verb: str,
        job_id: str,
        method: str,
        part: str = "",
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        seconds: float | None = None,
    ) -> Reply:
        path = f"/jobs/{quote(job_id, safe='')}{part}"
        return self._call(f"{verb} job {job_id}", method, path, query=query, body=body, seconds=seconds)

    def _call(
        self,
        doing: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        seconds: float | None = None,
        once: bool = False,
    ) -> Reply:
        deadline = deadline_of(seconds)
        url = self._account.user_urls(seconds=seconds).runtime + path
        answer = self._authorised(
            lambda headers, left: self._account.http.request(
                doing, method, url, headers=headers, query=query, body=body, seconds=left, once=once
            ),
            deadline,
        )
        date = date_of(answer.headers.get("Date"))
        if date is not None:
            self.clock_ahead = (date - datetime.now(UTC)).total_seconds()
        return answer

    def _authorised(self, send: Callable[[Mapping[str, str], float | None], _T], deadline: float | None) -> _T:
        """Send a request with the token; send it again with a new token if the service rejects the first."""
        headers = self._account.headers(seconds=seconds_until(deadline))
        try:
            return send(headers, seconds_until(deadline))
        except RequestFailed as error:
            if error.status_code != 401:
                raise
            return send(self._account.headers(headers, seconds=seconds_until(deadline)), seconds_until(deadline))

    def _decoded(self, response: Reply, what: str) -> dict[str, Any]:
        reply = documents.value(response.content, what)
        if not isinstance(reply, Success):
            raise RequestFailed(reply.failure())
        found = reply.unwrap()
        if not isinstance(found, dict):
            raise RequestFailed(Unreadable(what, "", f"expected an object, got a {type(found).__name__}"))
        return found
