"""The ``platform`` dialect of the service: what the service of today speaks, and ``qiskit-ibm-runtime``.

Beside the API itself stand the services around it that a client needs: IAM, which gives tokens; the search, which
finds instances; and the catalog, which names their plans.
"""

from __future__ import annotations

import secrets
import time
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.job_api import (
    MOST_OF_A_STRANGER,
    Refusal,
    Service,
    body_of,
    headers_of,
    json_response,
    refusal_of,
    result_response,
)
from ibm_circuit_job.local.jobs import LocalJob
from ibm_circuit_job.local.records import NotWritten
from ibm_circuit_job.local.sessions import SessionApi

INSTANCE: Final = "crn:v1:bluemix:public:quantum-computing:us-east:a/local:local::"
"""The one instance of the service."""
_PLAN: Final = "local-plan"
_VERSIONS: Final = (
    ("2024-01-01", "2027-01-01"),
    ("2025-01-01", "2027-01-01"),
    ("2025-05-01", "2027-01-01"),
    ("2026-02-01", "2027-02-01"),
    ("2026-02-15", "2027-02-15"),
    ("2026-03-15", None),
    ("2026-04-15", None),
)
"""The API versions that are listed, and when IBM may withdraw them. Any is accepted, and all get the same replies."""


class PlatformApi(SessionApi):
    """The endpoints of the dialect."""

    programs = frozenset({"sampler", "estimator", "executor", "noise-learner", "noise-learner-v3"})
    listing_excludes_params = "true"

    def application(self) -> Starlette:
        """Return the Starlette application."""
        return Starlette(
            routes=[
                *self.job_routes(),
                Route("/versions", self._versions),
                Route("/backends", self._backends),
                Route("/instances/usage", self._usage),
                *self.session_routes(),
            ],
            exception_handlers=HANDLERS,
        )

    def check(self, connection: HTTPConnection) -> None:
        """Let in a request that has a token of IAM, and names the instance."""
        kind, _, given = connection.headers.get("authorization", "").partition(" ")
        access = self.service.access
        is_known = (kind == "Bearer" and access.is_issued("iam", given)) or (
            kind == "apikey" and access.is_token(given)
        )
        if not is_known:
            raise Refusal(401, 1201, "Not authorised: the access token is missing or not valid.")
        if connection.headers.get("service-crn") != INSTANCE:
            raise Refusal(403, 1215, "Expected the header Service-CRN to name an instance of the account.")

    def more_of(self, job: LocalJob) -> dict[str, Any]:
        """Return what the job has used."""
        seconds = (job.finished - job.running).total_seconds() if job.running and job.finished else 0
        return {"usage": self.usage_of(job, seconds), "user_id": "local"}

    def usage_of(self, job: LocalJob, seconds: float | None) -> dict[str, Any]:
        """Return the seconds, and whether more may come."""
        used = seconds or 0
        return {
            "quantum_seconds": used,
            "seconds": used,
            "status": "complete" if job.in_final_state else "pending",
            "qpu_charge_time_seconds": used,
        }

    async def _backends(self, request: Request) -> Response:
        self.check(request)
        devices = [
            {
                "name": device.name,
                "status": {"name": "online", "reason": "available"},
                "qubits": device.qubits,
                "is_simulator": device.is_simulator,
                "queue_length": self.queues.length(device.name),
            }
            for device in DEVICES.values()
        ]
        return json_response({"devices": devices})

    async def _versions(self, _: Request) -> Response:
        versions = [
            {"version": version, "status": "live"}
            if sunset is None
            else {"version": version, "status": "deprecated", "sunset_date": sunset}
            for version, sunset in _VERSIONS
        ]
        return json_response({"versions": versions})

    async def _usage(self, request: Request) -> Response:
        self.check(request)
        used = sum(
            (job.finished - job.running).total_seconds()
            for job in self.queues.jobs.values()
            if job.running and job.finished
        )
        return json_response({"instance_id": INSTANCE, "plan_id": _PLAN, "usage_consumed_seconds": round(used)})


class CloudApi:
    """The services around the API: IAM, the search, the catalog, and the object store.

    Args:
        service: What is served.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[BaseRoute]:
        """Return the routes, from the root on."""
        return [
            Route("/identity/token", self._token, methods=["POST"]),
            Route("/search/v3/resources/search", self._search, methods=["POST"]),
            Route("/catalog/{id}", self._catalog),
            Route("/objects/{id}", self._object),
        ]

    async def _token(self, request: Request) -> Response:
        body = (await body_of(request, MOST_OF_A_STRANGER)).decode("utf-8", "replace")
        try:
            form = parse_qs(body, max_num_fields=20)
        except ValueError:
            return _iam_error(400, "BXNIM0109E", "Expected a form of few fields.")
        if form.get("grant_type") != ["urn:ibm:params:oauth:grant-type:apikey"]:
            return _iam_error(400, "BXNIM0106E", "Expected grant_type to be that of an API key.")
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
        item = {
            "crn": INSTANCE,
            "name": "local",
            "service_plan_unique_id": _PLAN,
            "doc": {"extensions": {"backends": list(DEVICES)}},
            "tags": [],
        }
        return json_response({"items": [item], "limit": 100})

    async def _catalog(self, request: Request) -> Response:
        self._check(request)
        plan = {"overview_ui": {"en": {"display_name": "Open"}}, "metadata": {"pricing": {"type": "free"}}}
        return json_response({"id": request.path_params["id"], "name": _PLAN, **plan})

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
            raise Refusal(404, 1297, "There is nothing here, or not any more.")
        return result_response(self._service.queues, job, body, request)


def _iam_error(status: int, code: str, message: str) -> Response:
    return json_response({"errorCode": code, "errorMessage": message}, status)


def _response(refusal: Refusal) -> Response:
    error = {"code": refusal.code, "message": refusal.message, "solution": "", "more_info": ""}
    return json_response({"errors": [error], "trace": secrets.token_hex(8)}, refusal.status, headers_of(refusal))


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - Starlette calls it for nothing else
    return _response(error)


async def _not_written(_: Request, error: Exception) -> Response:
    return _response(refusal_of(error))


async def _no_such_path(request: Request, _: Exception) -> Response:
    return _response(Refusal(404, 1200, f"No such path: {request.url.path}"))


HANDLERS: Final = {Refusal: _refused, NotWritten: _not_written, 404: _no_such_path}
"""How errors look outside of the two APIs."""
