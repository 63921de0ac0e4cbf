"""The services of IBM Cloud that a client of IBM Quantum Platform needs, and the object store.

IAM (Identity and Access Management) issues access tokens; the search lists instances; the catalog has the names of
their plans; the resource controller finds an instance by its name.
"""

from __future__ import annotations

import time
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.job_api import Service
from ibm_circuit_job.local.replies import MOST_LOGIN_BYTES, Refusal, body_of, json_response, result_response


class CloudApi:
    """The endpoints of IAM, the search, the catalog, the resource controller and the object store.

    Args:
        service: The queues, the tokens and the settings.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[BaseRoute]:
        """Return the routes; their paths start at the root of the service."""
        return [
            Route("/identity/token", self._token, methods=["POST"]),
            Route("/search/v3/resources/search", self._search, methods=["POST"]),
            Route("/catalog/{id}", self._catalog),
            Route("/resources/v2/resource_instances", self._resources),
            Route("/objects/{id}", self._object),
        ]

    async def _token(self, request: Request) -> Response:
        body = (await body_of(request, MOST_LOGIN_BYTES)).decode("utf-8", "replace")
        try:
            form = parse_qs(body, max_num_fields=20)
        except ValueError:
            return _iam_error(400, "BXNIM0109E", "Expected a form of at most 20 fields.")
        if form.get("grant_type") != ["urn:ibm:params:oauth:grant-type:apikey"]:
            message = "Expected grant_type to be urn:ibm:params:oauth:grant-type:apikey."
            return _iam_error(400, "BXNIM0106E", message)
        access = self._service.access
        if not access.is_token(form.get("apikey", [""])[0]):
            return _iam_error(400, "BXNIM0415E", "Provided API key could not be found.")
        issued = access.issue("iam", access.seconds)
        return json_response(
            {
                "access_token": issued,
                "refresh_token": "not_supported",
                "token_type": "Bearer",
                "expires_in": access.seconds,
                "expiration": int(time.time()) + access.seconds,
                "scope": "ibm openid",
            }
        )

    async def _search(self, request: Request) -> Response:
        self._check(request)
        items = [
            {
                "crn": instance.crn,
                "name": instance.name,
                "service_plan_unique_id": instance.plan_id,
                "doc": {"extensions": {"backends": list(DEVICES)}},
                "tags": list(instance.tags),
            }
            for instance in self._service.instances
        ]
        return json_response({"items": items, "limit": len(items)})

    async def _catalog(self, request: Request) -> Response:
        self._check(request)
        plan_id = request.path_params["id"]
        of_plan = next((each for each in self._service.instances if each.plan_id == plan_id), None)
        if of_plan is None:
            raise Refusal(404, 1200, f"There is no plan {plan_id[:100]!r} in the catalog.")
        overview = {"en": {"display_name": of_plan.plan}}
        pricing = {"pricing": {"type": of_plan.pricing_type}}
        return json_response({"id": plan_id, "name": plan_id, "overview_ui": overview, "metadata": pricing})

    async def _resources(self, request: Request) -> Response:
        self._check(request)
        name = request.query_params.get("name")
        found = [
            {
                "id": each.crn,
                "crn": each.crn,
                "name": each.name,
                "region_id": each.region,
                "resource_plan_id": each.plan_id,
            }
            for each in self._service.instances
            if name in {None, each.name}
        ]
        return json_response({"rows_count": len(found), "next_url": None, "resources": found})

    def _check(self, request: Request) -> None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not self._service.access.is_issued("iam", given):
            raise Refusal(401, 1201, "Not authorised: the access token is missing or not valid.")

    async def _object(self, request: Request) -> Response:
        name = request.path_params["id"]
        job = self._service.queues.jobs.get(name)
        if not self._service.access.is_signed(name, request.query_params.get("signature", "")):
            raise Refusal(403, 1201, "The signature is not valid.")
        body = None if job is None else self._service.queues.records.result(job)
        if job is None or body is None:
            raise Refusal(404, 1297, "There is no result at this URL, or it was deleted.")
        return result_response(self._service.queues, job, body, request)


def _iam_error(status: int, code: str, message: str) -> Response:
    return json_response({"errorCode": code, "errorMessage": message}, status)
