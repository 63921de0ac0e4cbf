"""The account API of IBM Quantum Platform Classic, with the oldest jobs, which ``job_type`` calls ``IQX``.

A request of ``control`` turns a job into one of these ("ages" it). After that, only this API has the job: it lists it,
returns its circuits as a Qobj (the JSON format of old qiskit versions), and returns the URL of its result.

Source: ``api/rest/job.py`` and ``api/rest/root.py`` of ``qiskit-ibm-provider`` 0.11, and of ``qiskit-ibmq-provider``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ibm_circuit_job.local.job_api import MOST_PAGE_JOBS, JobApi
from ibm_circuit_job.local.jobs import LocalJob
from ibm_circuit_job.local.qobj_of_params import qobj_of
from ibm_circuit_job.local.replies import Refusal, iso, json_response, moment_in, number_in

_STATUS: Final = {"Completed": "COMPLETED", "Failed": "ERROR_RUNNING_JOB", "Cancelled": "CANCELLED"}
_MOST_BYTES: Final = 2 * 1024 * 1024
"""The most bytes of parameters that are converted to a Qobj."""


class OldestApi:
    """The endpoints of the oldest jobs.

    Args:
        api: The API of IBM Quantum Platform Classic.
    """

    def __init__(self, api: JobApi) -> None:
        self._api = api
        self._queues = api.queues

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the oldest jobs."""
        return [
            Route("/jobs/v2", self._list),
            Route("/Jobs/{id}/v/1", self._job),
            Route("/Jobs/{id}/resultDownloadUrl", self._result_url),
            Route("/Jobs/{id}/cancel", self._cancel, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        self._api.check(request)
        limit, skip = (number_in(request.query_params, name, default) for name, default in (("limit", 10), ("skip", 0)))
        chosen = [*filter(_filter_of(request), self._queues.newest_first())]
        if request.query_params.get("order", "").endswith("ASC"):
            chosen.reverse()
        page = chosen[skip : skip + min(limit, MOST_PAGE_JOBS)]
        return json_response({"items": [_reply(job) for job in page], "meta": {"count": len(chosen), "skip": skip}})

    async def _job(self, request: Request) -> Response:
        job = self._found(request)
        params = self._queues.records.params(job)
        # In a thread, since loading circuits takes so long that other requests would wait.
        submitted = None if len(params) > _MOST_BYTES else await asyncio.to_thread(qobj_of, job.id, params)
        return json_response(_reply(job) | ({} if submitted is None else {"qObject": submitted}))

    async def _result_url(self, request: Request) -> Response:
        job = self._found(request)
        if not job.has_result:
            raise Refusal(404, 3202, f"Job {job.id} has no result.")
        root = f"{request.url.scheme}://{request.url.netloc}"
        signature = self._api.service.access.signature(job.id)
        return json_response({"url": f"{root}/objects/{job.id}?signature={signature}"})

    async def _cancel(self, request: Request) -> Response:
        job = self._found(request)
        raise Refusal(409, 3209, f"Job {job.id} cannot be cancelled: it is {_STATUS[job.status]}.")

    def _found(self, request: Request) -> LocalJob:
        self._api.check(request)
        job_id = request.path_params["id"]
        job = self._queues.jobs.get(job_id)
        if job is None or not job.is_oldest:
            raise Refusal(404, 3250, f"Job {job_id[:1000]} not found.")
        return job


def _reply(job: LocalJob) -> dict[str, Any]:
    steps = (("CREATING", job.created), ("RUNNING", job.running), ("COMPLETED", job.finished))
    error = {} if job.reason is None else {"error": {"message": job.reason, "code": job.reason_code}}
    return {
        "id": job.id,
        "kind": "q-object-external-storage",
        "backend": {"name": job.backend, "id": job.backend},
        "status": _STATUS[job.status],
        "creationDate": iso(job.created),
        "timePerStep": {step: iso(moment) for step, moment in steps if moment is not None},
        "tags": job.tags,
        "runMode": "fairshare",
        **error,
    }


def _filter_of(request: Request) -> Callable[[LocalJob], bool]:
    query = request.query_params
    after, before = moment_in(query, "created_after"), moment_in(query, "created_before")
    tags = set(query.getlist("job_tags"))

    def passes(job: LocalJob) -> bool:
        return (
            job.is_oldest is True
            # All oldest jobs have ended.
            and query.get("pending", "false").lower() == "false"
            and query.get("backend", job.backend) == job.backend
            and (after is None or job.created >= after)
            and (before is None or job.created <= before)
            and tags <= set(job.tags)
        )

    return passes
