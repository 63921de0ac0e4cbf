"""Requests with which tests control the local service. IBM's service does not have them."""

from __future__ import annotations

import contextlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ibm_circuit_job.local.faults import NoFaultPlan, OrderedFaults, read_plan
from ibm_circuit_job.local.job_api import Service, check_key
from ibm_circuit_job.local.jobs import CannotCancel
from ibm_circuit_job.local.replies import Refusal, body_of

_MOST_BYTES = 1024 * 1024


class Control:
    """The endpoints that control the service.

    Args:
        service: The service that is controlled.
        ordered: The plan of faults in force.
    """

    def __init__(self, service: Service, ordered: OrderedFaults) -> None:
        self._service = service
        self._ordered = ordered

    def routes(self) -> list[BaseRoute]:
        """Return the routes; their paths start at the root of the service."""
        return [
            Route("/faults", self._order_faults, methods=["PUT"]),
            Route("/jobs", self._delete_jobs, methods=["DELETE"]),
            Route("/jobs/{id}/age", self._age_job, methods=["POST"]),
        ]

    async def _order_faults(self, request: Request) -> Response:
        check_key(request, self._service)
        try:
            self._ordered.order(read_plan(await body_of(request, _MOST_BYTES)))
        except NoFaultPlan as error:
            raise Refusal(400, 1221, str(error)) from None
        return Response(status_code=204)

    async def _age_job(self, request: Request) -> Response:
        """Turn a job that has ended into one of the oldest kind; see ``oldest_api``."""
        check_key(request, self._service)
        job = self._service.queues.jobs.get(request.path_params["id"])
        if job is None or job.program != "circuit-runner" or job.private:
            raise Refusal(404, 1291, "Expected the ID of a job of circuit-runner that is not private.")
        if not job.in_final_state:
            raise Refusal(409, 1294, f"Job {job.id} cannot be aged before it has ended.")
        self._service.queues.age(job)
        return Response(status_code=204)

    async def _delete_jobs(self, request: Request) -> Response:
        """Cancel the jobs that have not ended, and delete all jobs that existed when the request arrived."""
        check_key(request, self._service)
        queues = self._service.queues
        jobs = list(queues.jobs.values())
        for job in jobs:
            # The job has ended, or its outcome is being saved.
            with contextlib.suppress(CannotCancel):
                queues.cancel(job)
        for job in jobs:
            await job.ended.wait()
            if job.id in queues.jobs:
                queues.delete(job)
        return Response(status_code=204)
