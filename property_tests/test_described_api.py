"""The local service does what its own description says, whatever is asked of it: schemathesis makes the requests."""

import pytest
import requests
from hypothesis import HealthCheck, settings

from ibm_circuit_job.local import LocalService
from ibm_circuit_job.local.description import description

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
schema = schemathesis.openapi.from_dict(description("/experimental/api/v1"))


@pytest.fixture(scope="module")
def served():
    """Where a service is, and the headers of a request to it."""
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey"}
    with LocalService(workers=1) as service:
        asked = requests.post(
            f"{service.environment['IAM_URL']}/identity/token", data=form | {"apikey": service.token}, timeout=30
        )
        headers = {"Authorization": f"Bearer {asked.json()['access_token']}", "Service-CRN": service.instance}
        yield service.platform_url, headers


@schema.parametrize()
@settings(suppress_health_check=list(HealthCheck), deadline=None)
def test_reply_is_as_described(case, served):
    url, headers = served
    response = case.call(base_url=url, headers=headers)
    checks = schemathesis.checks
    case.validate_response(
        response,
        checks=[
            checks.not_a_server_error,
            checks.load_all_checks() or checks.CHECKS.get_one("status_code_conformance"),
            checks.CHECKS.get_one("content_type_conformance"),
            checks.CHECKS.get_one("response_schema_conformance"),
        ],
    )
