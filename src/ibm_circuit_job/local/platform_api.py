"""The API of IBM Quantum Platform, which ``qiskit-ibm-runtime`` uses."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route

from ibm_circuit_job.local import api_forms
from ibm_circuit_job.local.charges import MOST_COST, charged_for
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.instances import Instance, by_crn, usage_reply, used_seconds
from ibm_circuit_job.local.job_api import MOST_PAGE_JOBS, Service, check_key
from ibm_circuit_job.local.jobs import LocalJob
from ibm_circuit_job.local.legacy_api import LegacyApi
from ibm_circuit_job.local.replies import Refusal, error_handlers, headers_of, json_response, read
from ibm_circuit_job.local.sessions import SessionApi

_LONGEST: Final = {"program": 63, "backend": 100, "created_after": 100, "created_before": 100, "session_id": 1000}
"""Filter of a listing -> the most characters that its value may have."""


class InstanceConfiguration(msgspec.Struct):
    """The body of ``PUT /instances/configuration``."""

    instance_limit: Annotated[int, msgspec.Meta(ge=1, le=2_147_483_647)] | None = None


class PlatformApi(SessionApi):
    """The endpoints of the API of IBM Quantum Platform.

    Args:
        service: The queues, the tokens and the settings.
        legacy: The API of IBM Quantum Platform Classic. Its clients can log in at this URL, too, and get the URL of
            their API from the reply.
    """

    programs = frozenset({"sampler", "estimator", "executor", "noise-learner", "noise-learner-v3"})
    listing_excludes_params = "true"

    def __init__(self, service: Service, legacy: LegacyApi) -> None:
        super().__init__(service)
        self._instances = by_crn(service.instances)
        self._legacy = legacy

    def application(self) -> Starlette:
        """Return the API as a Starlette application."""
        return Starlette(
            routes=[
                *self.job_routes(),
                Route("/versions", self._versions),
                Route("/versions/{version}", self._withdraw, methods=["DELETE"]),
                Route("/backends", self._backends),
                Route("/instance", self._instance),
                Route("/instances/usage", self._usage),
                Route("/instances/configuration", self._configuration_of_instance),
                Route("/instances/configuration", self._configure_instance, methods=["PUT"]),
                *self.session_routes(),
                *self._legacy.log_in_routes(),
            ],
            exception_handlers=HANDLERS,
        )

    # Authentication

    def check(self, connection: HTTPConnection) -> None:
        """Check that a request has a version, an access token of IAM or the API token, and an instance.

        Raises:
            Refusal: If one of them is missing or not valid.
        """
        self._version(connection)
        kind, _, given = connection.headers.get("authorization", "").partition(" ")
        access = self.service.access
        is_known = (kind == "Bearer" and access.is_issued("iam", given)) or (
            kind == "apikey" and access.is_token(given)
        )
        if not is_known:
            raise Refusal(401, 1201, "Not authorised: the access token is missing or not valid.")
        if connection.headers.get("service-crn") not in self._instances:
            raise Refusal(403, 1215, "Expected the header Service-CRN to name an instance of the account.")

    def _version(self, connection: HTTPConnection) -> str:
        version = connection.headers.get("ibm-api-version", "")
        if version in api_forms.SUNSETS and version not in self.service.withdrawn:
            return version
        served = ", ".join(each["version"] for each in api_forms.listed(self.service.withdrawn))
        raise Refusal(400, 1202, f"Expected the header IBM-API-Version to be one of {served}, got {version[:20]!r}.")

    def instance_of(self, connection: HTTPConnection) -> str | None:
        """Return the instance (CRN) that a request names."""
        return connection.headers.get("service-crn")

    def may_see(self, instance: str | None, connection: HTTPConnection) -> bool:
        """Return whether a request names this instance; ``None`` stands for the first instance."""
        return (instance or self.service.instances[0].crn) == self.instance_of(connection)

    def check_submission(self, request: Request) -> None:
        """Check that the instance of a submission has seconds left.

        Raises:
            Refusal: If the jobs of its last 28 days were charged its limit.
        """
        instance = self._named(request)
        limit = self._limit(instance)
        if limit is not None and self._used(request) >= limit:
            message = f"Instance {instance.name} has used all of its {limit:g} seconds. Raise its limit, or wait."
            raise Refusal(409, 1280, message)

    # Forms of replies

    def formed(self, kind: str, reply: dict[str, Any], request: Request) -> dict[str, Any]:
        """Return a reply in the form of the API version that the request names."""
        return api_forms.formed(kind, reply, self._version(request))

    def created(self, job: LocalJob) -> dict[str, Any]:
        """Return the reply to a submission."""
        more = {"session_id": job.session_id, "private": job.private or None, "calibration_id": job.calibration_id}
        return super().created(job) | {name: value for name, value in more.items() if value is not None}

    def extra_fields(self, job: LocalJob) -> dict[str, Any]:
        """Return the usage of the job, and the user who submitted it."""
        usage = self.usage_of(job, None)
        return {
            "usage": usage,
            "bss": {"seconds": usage["seconds"]},
            "user_id": "local",
            "private": job.private or None,
            "cost": job.cost or MOST_COST,
        }

    def usage_of(self, job: LocalJob, seconds: float | None) -> dict[str, Any]:
        """Return the seconds that a job is charged; the status is ``complete`` some time after it has ended."""
        del seconds
        now = self.queues.clock()
        used = charged_for(job, now)
        is_settled = job.finished is not None and (now - job.finished).total_seconds() >= self.service.usage_seconds
        return {
            "quantum_seconds": used,
            "seconds": used,
            "status": "complete" if is_settled else "pending",
            "qpu_charge_time_seconds": used,
        }

    def without_result(self, job: LocalJob) -> Response:
        """Return the reply to a request for a result that the job does not have (HTTP status 204)."""
        del job
        return Response(status_code=204)

    # Listings

    def page_of(self, request: Request) -> tuple[int, int]:
        """Return the most jobs that a listing wants, and how many it skips; the defaults if they are out of range.

        Raises:
            Refusal: If one of them is no whole number.
        """
        query = request.query_params
        limit, offset = _integer(query.get("limit"), "limit"), _integer(query.get("offset"), "offset")
        return (
            limit if limit is not None and 1 <= limit <= MOST_PAGE_JOBS else MOST_PAGE_JOBS,
            offset if offset is not None and 0 <= offset <= _MOST_OFFSET else 0,
        )

    def check_listing(self, request: Request) -> None:
        """Check that the filters of a listing are within the limits of the API.

        Raises:
            Refusal: If one is not; the message names it.
        """
        query = request.query_params
        for name, longest in _LONGEST.items():
            if name in query and not 1 <= len(query[name]) <= longest:
                raise Refusal(400, 1221, f"{name}: expected 1 to {longest} characters, got {len(query[name])}.")
        for name, allowed in (("pending", _FLAGS), ("exclude_params", _FLAGS), ("sort", ("ASC", "DESC"))):
            if name in query and query[name] not in allowed:
                raise Refusal(400, 1221, f"{name}: expected {' or '.join(allowed)}, got {query[name][:40]!r}.")
        tags = query.getlist("tags")
        if len(tags) > 8 or any(len(tag) > 86 for tag in tags):
            raise Refusal(400, 1221, "tags: expected at most 8 of at most 86 characters each.")

    # Instances

    async def _instance(self, request: Request) -> Response:
        self.check(request)
        instance = self._named(request)
        limit = self._limit(instance)
        reply: dict[str, Any] = {"backends": list(DEVICES), "plan_id": instance.plan_id}
        if limit is not None:
            seconds = f"{limit:g}"
            reply |= {"instance_limit": limit, "instance_limit_seconds": seconds, "usage_allocation_seconds": seconds}
        return json_response(reply)

    async def _usage(self, request: Request) -> Response:
        self.check(request)
        instance = self._named(request)
        return json_response(usage_reply(instance, self._limit(instance), self._used(request), self.queues.clock()))

    async def _configuration_of_instance(self, request: Request) -> Response:
        self.check(request)
        limit = self._limit(self._named(request))
        return json_response({} if limit is None else {"instance_limit": limit})

    async def _configure_instance(self, request: Request) -> Response:
        self.check(request)
        wanted = (await read(request, InstanceConfiguration)).instance_limit
        if wanted is not None and self._used(request) > wanted:
            raise Refusal(409, 1280, f"The instance has used more than {wanted} seconds already.")
        name = f"{_LIMIT}{self.instance_of(request)}"
        self.records.save_setting(name, msgspec.json.encode(wanted).decode())
        return Response(status_code=204)

    def _named(self, request: Request) -> Instance:
        return self._instances[self.instance_of(request) or ""]

    def _limit(self, instance: Instance) -> float | None:
        saved = self.records.settings(_LIMIT).get(instance.crn)
        return instance.limit_seconds if saved is None else msgspec.json.decode(saved, type=float | None)

    def _used(self, request: Request) -> float:
        jobs = (job for job in self.queues.jobs.values() if self.may_see(job.instance, request))
        return used_seconds(jobs, self.queues.clock())

    # Backends and versions

    async def _backends(self, request: Request) -> Response:
        self.check(request)
        devices = [
            {
                **device.listed(),
                "status": {"name": "online", "reason": "available"},
                "queue_length": self.queues.length(device.name),
            }
            for device in DEVICES.values()
        ]
        return json_response({"devices": devices})

    async def _versions(self, _: Request) -> Response:
        return json_response({"versions": api_forms.listed(self.service.withdrawn)})

    async def _withdraw(self, request: Request) -> Response:
        # IBM's API has no such request: with it, tests withdraw a version as IBM will one day.
        check_key(request, self.service)
        version = request.path_params["version"]
        if version not in api_forms.SUNSETS:
            raise Refusal(404, 1200, f"There is no API version {version[:20]!r}.")
        self.service.withdrawn.add(version)
        return Response(status_code=204)


_LIMIT: Final = "instance-limit/"
"""The start of the name of the setting with the limit of an instance; its CRN follows."""
_FLAGS: Final = ("true", "false")
_MOST_OFFSET: Final = 2_147_483_647


def _integer(value: str | None, name: str) -> int | None:
    if value is None:
        return None
    try:
        return int(value[:20])
    except ValueError:
        raise Refusal(400, 1221, f"{name}: expected a whole number, got {value[:40]!r}.") from None


def _response(refusal: Refusal) -> Response:
    error = {"code": refusal.code, "message": refusal.message, "solution": "", "more_info": ""}
    return json_response({"errors": [error], "trace": secrets.token_hex(8)}, refusal.status, headers_of(refusal))


HANDLERS: Final = error_handlers(_response)
"""Exception or HTTP status -> the function that makes the reply, in this API and at the root of the service."""
