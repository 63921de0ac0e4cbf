"""The local service does what its own description says, whatever is asked of it: schemathesis makes the requests."""

import os

import pytest
import requests
from hypothesis import HealthCheck, settings

from ibm_circuit_job.local import LocalService
from ibm_circuit_job.local.description import description

if os.environ.get("HYPOTHESIS_PROFILE") != "thorough":
    # Before the import, and the reading of the description, which take some seconds of every worker.
    pytest.skip("it takes minutes: make thorough", allow_module_level=True)
schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
schema = schemathesis.openapi.from_dict(description("/experimental/api/v1"))


@pytest.fixture(scope="module")
def served():
    """Where a service is, the headers of a request to it, and an ID that there is of each kind."""
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey"}
    with LocalService(workers=1) as service:
        asked = requests.post(
            f"{service.environment['IAM_URL']}/identity/token", data=form | {"apikey": service.token}, timeout=30
        )
        headers = {"Authorization": f"Bearer {asked.json()['access_token']}", "Service-CRN": service.instance}
        own = headers | {"IBM-API-Version": "2026-04-15"}
        job = {"program_id": "sampler", "backend": "local_simulator", "private": True}
        there = {
            path: requests.post(f"{service.platform_url}{path}", json=body, headers=own, timeout=30).json()["id"]
            for path, body in (("/jobs", job), ("/sessions", {"backend": "local_5q"}))
        }
        yield service.platform_url, headers, there | {"/backends": "local_27q"}


CHECKS = [
    getattr(schemathesis.checks, name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    )
]


@schema.parametrize()
@settings(suppress_health_check=list(HealthCheck), max_examples=200)
def test_reply_is_as_described(case, served):
    url, headers, there = served
    # Most names that are made up are those of nothing.
    if "id" in (case.path_parameters or {}) and len(case.path_parameters["id"]) % 2:
        case.path_parameters["id"] = there["/" + case.path.split("/")[1]]
    if isinstance(case.body, dict) and isinstance(case.body.get("backend"), str) and len(case.body["backend"]) % 2:
        case.body |= {"backend": "local_simulator"} | ({"program_id": "sampler"} if case.path == "/jobs" else {})
    response = case.call(base_url=url, headers=headers)
    case.validate_response(response, checks=CHECKS)
