"""The endpoints of jobs and backends that both APIs of the service have. Both use the same queues.

A subclass for each API (``legacy_api``, ``platform_api``) decides how a client authenticates, which programs exist, the
form of errors, and which further fields a reply has.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from attrs import define, field
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ibm_circuit_job.local.access import Access
from ibm_circuit_job.local.charges import MOST_COST, OVERHEAD
from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.devices import BACKEND_VERSION, DEVICES, configuration, properties
from ibm_circuit_job.local.instances import Instance
from ibm_circuit_job.local.jobs import CannotCancel, JobQueues, LocalJob
from ibm_circuit_job.local.replies import (
    Refusal,
    iso,
    json_response,
    moment_in,
    number_in,
    read,
    result_response,
)

MOST_CLIENT_CHARACTERS: Final = 1000
"""The most characters of the header ``X-Qx-Client-Application`` that are saved with a job."""
RAN_TOO_LONG_STATUS: Final = "Cancelled - Ran too long"
"""The field ``status`` of a job that exceeded a limit on its charged seconds."""
MOST_PAGE_JOBS: Final = 200
"""The most jobs on one page of a listing."""


Tags = Annotated[list[Annotated[str, msgspec.Meta(max_length=86)]], msgspec.Meta(max_length=8)]
"""The tags of a job, within the limits of the API."""
_Name = Annotated[str, msgspec.Meta(max_length=10_000)]


class Submission(msgspec.Struct):
    """The body of ``POST /jobs``."""

    program_id: _Name
    backend: _Name
    params: Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})] = msgspec.field(
        default_factory=lambda: msgspec.Raw(b"{}")
    )
    tags: Tags = []
    session_id: Annotated[str, msgspec.Meta(max_length=36)] | None = None
    private: bool = False
    cost: Annotated[int, msgspec.Meta(ge=0, le=MOST_COST)] | None = None
    calibration_id: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    # The official client sends it in capital letters.
    log_level: Annotated[str, msgspec.Meta(pattern="(?i)^(critical|error|warning|info|debug)$")] | None = None


class TagsChange(msgspec.Struct):
    """The body of ``PUT /jobs/ID/tags``."""

    tags: Tags


@define
class RateLimit:
    """Refuses submissions if there were too many in the last minute."""

    per_minute: int | None = None
    """The most submissions in a minute; ``None`` for any number."""
    _taken: deque[float] = field(factory=deque, init=False)

    def take(self) -> None:
        """Count one submission.

        Raises:
            Refusal: If there were too many; the message says after how many seconds to try again.
        """
        if self.per_minute is None:
            return
        now = time.monotonic()
        while self._taken and now - self._taken[0] >= 60.0:
            self._taken.popleft()
        if len(self._taken) >= self.per_minute:
            wait = max(1, round(60.0 - (now - self._taken[0]) + 0.5))
            message = f"Only {self.per_minute} jobs may be submitted a minute; try again in {wait} seconds."
            raise Refusal(429, 1429, message, retry_after=wait)
        self._taken.append(now)


@define
class Service:
    """The queues, the tokens and the settings, which the endpoints of both APIs use."""

    queues: JobQueues
    access: Access
    rate: RateLimit
    results_at_url: int | None = None
    """Results of at least this many bytes are sent as a URL; ``None`` for the default of each API."""
    instances: tuple[Instance, ...] = (Instance(),)
    """The instances. Jobs and sessions without an instance belong to the first one."""
    usage_seconds: float = 0.1
    """Seconds from the end of a job until its usage is settled."""
    withdrawn: set[str] = field(factory=set)
    """API versions that are not served any more."""


class JobApi(ABC):
    """The endpoints of jobs and backends.

    Args:
        service: The queues, the tokens and the settings.
    """

    programs: frozenset[str]
    """The programs that jobs may have."""
    results_at_url: int | None = None
    """Results of at least this many bytes are sent as a URL, unless a setting says otherwise; ``None`` for never."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.queues = service.queues
        self.records = service.queues.records

    @abstractmethod
    def check(self, connection: HTTPConnection) -> None:
        """Check that a request is authenticated.

        Raises:
            Refusal: If it is not.
        """

    @abstractmethod
    def extra_fields(self, job: LocalJob) -> dict[str, Any]:
        """Return the fields that a job reply has only in this API."""

    @abstractmethod
    def usage_of(self, job: LocalJob, seconds: float | None) -> dict[str, Any]:
        """Return the field ``usage`` of a metrics reply.

        Args:
            job: The job.
            seconds: The seconds that it ran; ``None`` if it has not ended, or has not run.
        """

    def job_routes(self) -> list[BaseRoute]:
        """Return the routes that both APIs have."""
        return [
            Route("/jobs", self._submit, methods=["POST"]),
            Route("/jobs", self._list),
            Route("/jobs/{id}", self._job),
            Route("/jobs/{id}", self._delete, methods=["DELETE"]),
            Route("/jobs/{id}/results", self._results),
            Route("/jobs/{id}/logs", self._logs),
            Route("/jobs/{id}/metrics", self._metrics),
            Route("/jobs/{id}/cancel", self._cancel, methods=["POST"]),
            Route("/jobs/{id}/tags", self._tags, methods=["PUT"]),
            Route("/backends/{name}/configuration", self._configuration),
            Route("/backends/{name}/properties", self._properties),
            Route("/backends/{name}/status", self._status),
        ]

    # Jobs

    async def _submit(self, request: Request) -> Response:
        self.check(request)
        given = await read(request, Submission)
        if given.backend not in DEVICES:
            raise Refusal(404, 1216, f"Backend {given.backend!r} not found.")
        if not bytes(given.params).startswith(b"{"):
            raise Refusal(400, 1221, "The request cannot be read: expected params to be an object.")
        if given.program_id not in self.programs:
            raise Refusal(404, 1235, f"Program {given.program_id!r} not found.")
        device = DEVICES[given.backend]
        self._calibration(device, given.calibration_id)
        self.check_submission(request)
        self.check_session(given.session_id, device.name, request)
        self.service.rate.take()
        job = self.queues.submit(
            device.name,
            given.program_id,
            bytes(given.params),
            given.tags,
            given.session_id,
            private=given.private,
            client=request.headers.get("x-qx-client-application", "")[:MOST_CLIENT_CHARACTERS] or None,
            cost=given.cost,
            calibration_id=given.calibration_id,
            instance=self.instance_of(request),
        )
        return json_response(self.created(job))

    def created(self, job: LocalJob) -> dict[str, Any]:
        """Return the reply to a submission."""
        return {"id": job.id, "backend": job.backend}

    def check_submission(self, request: Request) -> None:
        """Check that the instance of a submission has seconds left.

        Raises:
            Refusal: If no seconds are left.
        """
        del request

    def instance_of(self, connection: HTTPConnection) -> str | None:
        """Return the instance (CRN) that a request names; ``None`` in an API without instances."""
        del connection
        return None

    def may_see(self, instance: str | None, connection: HTTPConnection) -> bool:
        """Return whether a request may access the jobs and sessions of an instance."""
        del instance, connection
        return True

    @abstractmethod
    def check_session(self, session_id: str | None, backend: str, request: Request) -> None:
        """Check that the session of a submission accepts it.

        Args:
            session_id: The session; ``None`` if the submission names none.
            backend: The name of the backend of the submission.
            request: The submission.

        Raises:
            Refusal: If there is no such session, or it accepts no more jobs.
        """

    async def _list(self, request: Request) -> Response:
        self.check(request)
        self.check_listing(request)
        query = request.query_params
        limit, offset = self.page_of(request)
        chosen = [*filter(self.filter_of(request), self.queues.newest_first())]
        if query.get("sort") == "ASC":
            chosen.reverse()
        page = chosen[offset : offset + limit]
        exclude = query.get("exclude_params", self.listing_excludes_params) == "true"
        return json_response(
            {
                "jobs": [self._reply(job, request, exclude_params=exclude) for job in page],
                "count": len(chosen),
                "limit": limit,
                "offset": offset,
            }
        )

    def check_listing(self, request: Request) -> None:
        """Check the filters of a listing.

        Raises:
            Refusal: If this API does not allow them.
        """
        del request

    def page_of(self, request: Request) -> tuple[int, int]:
        """Return the most jobs that a listing wants (``limit``), and how many it skips (``offset``)."""
        query = request.query_params
        return min(number_in(query, "limit", MOST_PAGE_JOBS), MOST_PAGE_JOBS), number_in(query, "offset", 0)

    listing_excludes_params = "false"
    """The default of the query parameter ``exclude_params`` of a listing."""

    def filter_of(self, request: Request) -> Callable[[LocalJob], bool]:
        """Return what says of a job whether it passes the filters of a listing.

        Raises:
            Refusal: If a time is none, also where there is no job to compare with it.
        """
        query = request.query_params
        after, before = moment_in(query, "created_after"), moment_in(query, "created_before")
        tags = set(query.getlist("tags"))

        def passes(job: LocalJob) -> bool:
            wants: list[tuple[str, Callable[[str], bool]]] = [
                ("pending", lambda value: (not job.in_final_state) == (value == "true")),
                ("program", lambda value: job.program == value),
                ("backend", lambda value: job.backend == value),
                ("session_id", lambda value: job.session_id == value),
            ]
            return (
                all(test(query[name]) for name, test in wants if name in query)
                and (after is None or job.created >= after)
                and (before is None or job.created <= before)
                and not job.is_oldest
                and self.may_see(job.instance, request)
                and tags <= set(job.tags)
            )

        return passes

    async def _job(self, request: Request) -> Response:
        job = self._checked_job(request)
        return json_response(
            self._reply(job, request, exclude_params=request.query_params.get("exclude_params") == "true")
        )

    def formed(self, kind: str, reply: dict[str, Any], request: Request) -> dict[str, Any]:
        """Return a reply in the form that this API has for its kind; see ``api_forms.formed``."""
        del kind, request
        return reply

    def _reply(self, job: LocalJob, request: Request, *, exclude_params: bool) -> dict[str, Any]:
        state: dict[str, Any] = {"status": job.status}
        if job.reason is not None:
            state["reason"] = job.reason
        if job.reason_code is not None:
            state["reason_code"] = job.reason_code
        reply: dict[str, Any] = {
            "id": job.id,
            "backend": job.backend,
            "state": state,
            "status": RAN_TOO_LONG_STATUS if job.ran_too_long else job.status,
            "program": {"id": job.program},
            "created": iso(job.created),
            "runtime": job.program,
            "tags": job.tags,
            "session_id": job.session_id,
            "cost": 0,
            "private": job.private,
            "estimated_running_time_seconds": job.estimate,
            **self.extra_fields(job),
        }
        if not exclude_params:
            # The parameters of a private job are never sent.
            reply["params"] = {} if job.private else msgspec.Raw(self.records.params(job))
        return self.formed("job", reply, request)

    async def _delete(self, request: Request) -> Response:
        delete_job(self.queues, self._checked_job(request))
        return Response(status_code=204)

    async def _results(self, request: Request) -> Response:
        job = self._checked_job(request)
        if not job.has_result:
            return self.without_result(job)
        body = self.records.result(job) or b""
        threshold = self.results_at_url if self.service.results_at_url is None else self.service.results_at_url
        if threshold is not None and len(body) >= threshold:
            root = f"{request.url.scheme}://{request.url.netloc}"
            return json_response({"url": f"{root}/objects/{job.id}?signature={self.service.access.signature(job.id)}"})
        return result_response(self.queues, job, body, request)

    def without_result(self, job: LocalJob) -> Response:
        """Return the reply to a request for a result that the job does not have.

        Raises:
            Refusal: If the result of a private job was read before, or the job has not ended.
        """
        if job.was_read:
            raise Refusal(404, 1297, f"The result of private job {job.id} was read, and is deleted.")
        if not job.in_final_state:
            raise Refusal(404, 1293, f"Job {job.id} has not ended, and has no result yet.")
        return Response(f"JobError: {job.reason!r}", media_type="text/plain")

    async def _logs(self, request: Request) -> Response:
        job = self._checked_job(request)
        if not job.in_final_state:
            raise Refusal(404, 1293, f"Job {job.id} has not ended, and has no log yet.")
        return Response("\n".join(log_of(job)), media_type="text/plain")

    async def _metrics(self, request: Request) -> Response:
        job = self._checked_job(request)
        steps = (("created", job.created), ("running", job.running), ("finished", job.finished))
        seconds = (job.finished - job.running).total_seconds() if job.running and job.finished else None
        expected = self.queues.expected(job)
        reply = {
            "timestamps": {step: None if moment is None else iso(moment) for step, moment in steps},
            "bss": {"seconds": seconds},
            "usage": self.usage_of(job, seconds),
            "circuits_execution_time_ns": None if seconds is None else round(seconds * 1e9),
            "position_in_queue": self.queues.position(job),
            "position_in_provider": self.queues.position(job),
            "estimated_start_time": None if expected is None else iso(expected[0]),
            "estimated_completion_time": None if expected is None else iso(expected[1]),
            "caller": job.client,
            "qiskit_version": None if job.client is None else _qiskit_version(job.client),
        }
        return json_response(self.formed("metrics", reply, request))

    async def _cancel(self, request: Request) -> Response:
        cancel_job(self.queues, self._checked_job(request))
        return Response(status_code=204)

    async def _tags(self, request: Request) -> Response:
        job = self._checked_job(request)
        self.queues.retag(job, (await read(request, TagsChange)).tags)
        return Response(status_code=204)

    def _checked_job(self, request: Request) -> LocalJob:
        self.check(request)
        return self.found(request)

    def found(self, connection: HTTPConnection) -> LocalJob:
        """Return the job whose ID is in the path of a request.

        Raises:
            Refusal: If there is no such job, or the request may not access it.
        """
        job_id = connection.path_params["id"]
        job = self.queues.jobs.get(job_id)
        if job is None or job.is_oldest or not self.may_see(job.instance, connection):
            raise Refusal(404, 1291, f"Job {job_id[:1000]} not found.")
        return job

    # Backends

    async def _configuration(self, request: Request) -> Response:
        device = self._device(request)
        self._calibration(device, request.query_params.get("calibration_id"))
        return json_response(configuration(device) | {"usage_overhead_seconds": OVERHEAD})

    async def _properties(self, request: Request) -> Response:
        device = self._device(request)
        moment = moment_in(request.query_params, "updated_before") or self.queues.clock()
        calibrated = self._calibration(device, request.query_params.get("calibration_id"))
        return json_response(properties(device, calibrated or moment))

    def _calibration(self, device: Device, given: str | None) -> datetime | None:
        """Return the date of the calibration with this ID; ``None`` for the ID ``None``.

        Raises:
            Refusal: If there is no such calibration.
        """
        found = None if given is None else device.calibration(given, self.queues.clock())
        if given is not None and found is None:
            raise Refusal(404, 1216, f"Calibration {given[:100]!r} of {device.name} not found.")
        return found

    async def _status(self, request: Request) -> Response:
        device = self._device(request)
        reply = {
            "backend_name": device.name,
            "backend_version": BACKEND_VERSION,
            "state": True,
            "status": "active",
            "message": "",
            "length_queue": self.queues.length(device.name),
        }
        return json_response(self.formed("backend_status", reply, request))

    def _device(self, request: Request) -> Device:
        self.check(request)
        name = request.path_params["name"]
        if name not in DEVICES:
            raise Refusal(404, 1216, f"Backend {name!r} not found.")
        return DEVICES[name]


def cancel_job(queues: JobQueues, job: LocalJob) -> None:
    """Cancel a job.

    Raises:
        Refusal: If it has ended.
    """
    try:
        queues.cancel(job)
    except CannotCancel:
        raise Refusal(409, 1294, f"Job {job.id} cannot be cancelled: it is {job.status}.") from None


def delete_job(queues: JobQueues, job: LocalJob) -> None:
    """Delete a job.

    Raises:
        Refusal: If it has not ended.
    """
    if not job.in_final_state:
        raise Refusal(400, 1296, f"Job {job.id} cannot be deleted before it has ended.")
    queues.delete(job)


def log_of(job: LocalJob) -> list[str]:
    """Return the lines of the log of a job, up to now."""
    lines = [f"{iso(job.created)} created"]
    for number, worker in enumerate(job.workers, 1):
        lines.append(f"executed by {worker}" if number == 1 else f"tried again: executed by {worker}")
    if job.in_final_state:
        lines.append(f"{iso(job.finished or job.created)} {job.status}")
    return [*lines, *([job.reason] if job.reason else [])]


_QISKIT: Final = re.compile(r"(?:^|[/,])qiskit-(\d[\w.+]{0,40})|^[\w,-]{1,80}/(\d[\w.+,]{0,80})")


def _qiskit_version(application: str) -> str | None:
    """Return the version of qiskit in the client's header: ``qiskit/1.4.6``, or a list of ``name-version``.

    Earlier versions of the service saved only the version.
    """
    if application[:1].isdecimal():
        return application
    found = _QISKIT.search(application)
    return None if found is None else found[1] or found[2]


def check_key(request: Request, service: Service) -> None:
    """Check that a request has the API token in its header, ``Authorization: apikey TOKEN``.

    Raises:
        Refusal: If the token is missing or wrong.
    """
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind != "apikey" or not service.access.is_token(given):
        raise Refusal(401, 1201, "Not authorised: the token is missing or not valid.")
