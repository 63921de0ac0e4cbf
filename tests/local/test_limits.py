"""What the service of today limits: charged seconds of jobs, sessions and instances; and what its API refuses."""

import pytest
import requests

from ibm_circuit_job.local import LocalService, LocalServiceError
from ibm_circuit_job.local.api_forms import SUNSETS

NEWEST = [*SUNSETS][-1]
DELAY = 500e-6
QASM = 'OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; bit[1] c; x q[0]; c[0] = measure q[0];'


class Rest:
    """A REST client of one instance, as a user of no library writes it."""

    def __init__(self, service, instance=None, version=NEWEST):
        form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": service.token}
        token = requests.post(f"{service.environment['IAM_URL']}/identity/token", data=form, timeout=30).json()
        self.root = service.platform_url
        self.headers = {
            "Authorization": f"Bearer {token['access_token']}",
            "Service-CRN": instance or service.instance,
            "IBM-API-Version": version,
        }

    def __call__(self, method, path, body=None, **query):
        return requests.request(method, f"{self.root}{path}", headers=self.headers, json=body, params=query, timeout=30)

    def get(self, path, **query):
        reply = self("GET", path, **query)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def submit(self, seconds=0.0, backend="local_5q", **more):
        """Submit a job that a device charges for about so many seconds."""
        shots = max(1, round(seconds / DELAY))
        options = {"execution": {"rep_delay": DELAY}}
        params = {"pubs": [[QASM, None, shots]], "version": 2, "support_qiskit": True, "options": options}
        return self("POST", "/jobs", {"program_id": "sampler", "backend": backend, "params": params} | more)

    def ended(self, until, **asked):
        reply = self.submit(**asked)
        assert reply.status_code == 200, reply.text
        path = f"/jobs/{reply.json()['id']}"
        until(lambda: self.get(path)["state"]["status"] not in {"Queued", "Running"})
        return self.get(path)


@pytest.fixture(scope="module")
def service():
    instances = [{"name": "small", "limit_seconds": 3}, {"name": "lab", "plan": "Premium", "tags": ["lab"]}]
    with LocalService(workers=1, instances=instances, usage_seconds=0.5) as service:
        yield service


@pytest.fixture(scope="module")
def lab(service):
    """An instance without a limit."""
    return Rest(service, service.instance.replace(":small:", ":lab:"))


# Charged seconds


def test_charge_is_repetition_delay_and_circuit_time(lab, until):
    job = lab.ended(until, seconds=0.5)
    # The circuit has a gate of 35.6 ns and a measurement of 860.4 ns.
    assert job["usage"]["qpu_charge_time_seconds"] == pytest.approx(1000 * (DELAY + 896e-9), rel=1e-6)


def test_usage_is_pending_for_a_moment_then_complete(lab, until):
    job = lab.ended(until)
    assert job["usage"]["status"] == "pending"
    path = f"/jobs/{job['id']}"
    until(lambda: lab.get(path)["usage"]["status"] == "complete")
    assert lab.get(f"{path}/metrics")["usage"] == lab.get(path)["usage"]


def test_job_over_its_cost_is_cancelled_with_1305(lab, until):
    job = lab.ended(until, seconds=5, cost=1)
    assert (job["status"], job["state"]["status"]) == ("Cancelled - Ran too long", "Cancelled")
    assert job["state"]["reason_code"] == 1305
    assert "ran longer than the 1 seconds" in job["state"]["reason"]
    assert (job["cost"], job["usage"]["qpu_charge_time_seconds"]) == (1, 1)
    assert lab.ended(until, seconds=0.5, cost=1)["state"]["status"] == "Completed"


@pytest.mark.parametrize(("program", "wanted"), [("estimator", 1.2), ("noise-learner", 1.2)])
def test_other_programs_are_charged_and_limited_alike(lab, until, program, wanted):
    options = {"execution": {"rep_delay": DELAY}}
    observable = "IIIIZ"
    circuit = 'OPENQASM 3.0; include "stdgates.inc"; qubit[5] q; cx q[0], q[1];'
    params = {
        # One basis at a precision of 2400 shots; nine bases at two depths of as many shots in all.
        "estimator": {
            "pubs": [[circuit, observable, None, 2400**-0.5]],
            "version": 2,
            "resilience_level": 0,
            "options": options,
        },
        "noise-learner": {
            "circuits": [circuit],
            "version": 2,
            "options": {"layer_pair_depths": [0, 1], "num_randomizations": 2, "shots_per_randomization": 133},
        },
    }[program]
    job = lab.ended(until, program_id=program, params=params)
    assert job["state"]["status"] == "Completed", job["state"]
    assert job["usage"]["qpu_charge_time_seconds"] == pytest.approx(wanted, rel=0.02)
    job = lab.ended(until, program_id=program, params=params, cost=1)
    assert (job["status"], job["state"]["reason_code"]) == ("Cancelled - Ran too long", 1305)
    assert job["usage"]["qpu_charge_time_seconds"] == 1


def test_session_over_its_time_ends_its_jobs_and_closes(lab, until):
    opened = lab("POST", "/sessions", {"mode": "batch", "backend": "local_5q", "max_ttl": 1}).json()
    first, second = (lab.submit(0.8, session_id=opened["id"]).json()["id"] for _ in range(2))
    until(lambda: lab.get(f"/jobs/{second}")["state"]["status"] == "Cancelled")
    assert lab.get(f"/jobs/{first}")["state"]["status"] == "Completed"
    assert lab.get(f"/jobs/{second}")["state"]["reason_code"] == 1305
    session = lab.get(f"/sessions/{opened['id']}")
    assert (session["state"], session["accepting_jobs"]) == ("closed", False)
    assert session["elapsed_time"] == pytest.approx(1)
    assert lab.submit(session_id=opened["id"]).status_code == 409


def test_job_for_another_backend_than_its_session_is_refused(lab):
    session = lab("POST", "/sessions", {"mode": "dedicated", "backend": "local_27q"}).json()
    refused = lab.submit(session_id=session["id"])
    assert refused.status_code == 400
    assert "is for backend local_27q, not for local_5q" in refused.json()["errors"][0]["message"]


# Instances


def test_instance_over_its_limit_takes_no_more_jobs(service, until):
    small = Rest(service)
    assert small.get("/instances/usage")["usage_limit_reached"] is False
    small.ended(until, seconds=3.1)
    refused = small.submit()
    assert refused.status_code == 409
    assert "has used all of its 3 seconds" in refused.json()["errors"][0]["message"]
    usage = small.get("/instances/usage")
    assert (usage["usage_limit_seconds"], usage["usage_limit_reached"]) == (3, True)
    assert usage["usage_consumed_seconds"] == pytest.approx(3.1, abs=0.1)


def test_limit_of_an_instance_can_be_set(service, lab):
    assert lab("PUT", "/instances/configuration", {"instance_limit": 600}).status_code == 204
    assert lab.get("/instances/configuration") == {"instance_limit": 600}
    assert lab.get("/instance")["instance_limit_seconds"] == "600"
    assert lab("PUT", "/instances/configuration", {"instance_limit": None}).status_code == 204
    assert "usage_limit_seconds" not in lab.get("/instances/usage")
    assert lab("PUT", "/instances/configuration", {"instance_limit": 0}).status_code == 400


def test_job_of_one_instance_is_not_found_in_another(service, lab):
    job_id = lab.submit().json()["id"]
    other = Rest(service)
    assert other("GET", f"/jobs/{job_id}").status_code == 404
    assert job_id not in {job["id"] for job in other.get("/jobs")["jobs"]}


def test_instances_are_found_by_search_and_by_name(service):
    root, headers = service.environment["IAM_URL"], Rest(service).headers
    search = f"{service.environment['GLOBAL_SEARCH_URL']}/v3/resources/search"
    found = requests.post(search, json={}, headers=headers, timeout=30).json()["items"]
    assert [each["name"] for each in found] == ["small", "lab"]
    plan = requests.get(f"{root}/catalog/{found[1]['service_plan_unique_id']}", headers=headers, timeout=30).json()
    assert plan["overview_ui"]["en"]["display_name"] == "Premium"
    assert plan["metadata"]["pricing"]["type"] == "subscription"
    resources = f"{service.environment['RESOURCE_CONTROLLER_URL']}/v2/resource_instances"
    named = requests.get(resources, params={"name": "lab"}, headers=headers, timeout=30).json()
    assert (named["rows_count"], named["resources"][0]["crn"]) == (1, found[1]["crn"])


# What the API refuses


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"tags": ["x"] * 9}, "tags"),
        ({"tags": ["x" * 87]}, "tags"),
        ({"cost": 10_801}, "cost"),
        ({"cost": -1}, "cost"),
        ({"session_id": "x" * 37}, "session_id"),
        ({"calibration_id": "x" * 101}, "calibration_id"),
        ({"log_level": "loud"}, "log_level"),
    ],
)
def test_submission_out_of_range_is_refused_by_field(lab, wrong, named):
    refused = lab.submit(**wrong)
    assert refused.status_code == 400
    assert named in refused.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"tags": [str(number) for number in range(9)]},
        {"pending": "maybe"},
        {"sort": "UP"},
        {"created_after": "noon"},
        {"session_id": "x" * 1001},
        {"limit": "many"},
    ],
)
def test_listing_that_cannot_be_meant_is_refused(lab, wrong):
    refused = lab("GET", "/jobs", **wrong)
    assert refused.status_code == 400
    assert next(iter(wrong)) in refused.json()["errors"][0]["message"]


@pytest.mark.parametrize(("limit", "counts"), [(0, 200), (-1, 200), (201, 200), (1, 1)])
def test_limit_out_of_range_is_the_default(lab, limit, counts):
    assert lab.get("/jobs", limit=limit, offset=-5)["limit"] == counts


def test_private_result_is_read_once_then_204(lab, until):
    job = lab.ended(until, private=True, backend="local_simulator")
    path = f"/jobs/{job['id']}/results"
    assert lab("GET", path).status_code == 200
    again = lab("GET", path)
    assert (again.status_code, again.content) == (204, b"")


def test_job_that_runs_is_not_deleted(lab):
    job_id = lab.submit(seconds=20).json()["id"]
    assert lab("GET", f"/jobs/{job_id}/results").status_code == 204
    assert lab("DELETE", f"/jobs/{job_id}").status_code == 400
    assert lab("POST", f"/jobs/{job_id}/cancel").status_code == 204
    assert lab("DELETE", f"/jobs/{job_id}").status_code == 204


# Versions


def test_each_version_gets_its_own_form(service, lab, until):
    job = lab.ended(until)
    paths = (f"/jobs/{job['id']}", f"/jobs/{job['id']}/metrics")
    for version in SUNSETS:
        client = Rest(service, lab.headers["Service-CRN"], version)
        described, metrics = (client.get(path) for path in paths)
        for reply in (described, metrics):
            assert ("bss" in reply) == ("quantum_seconds" in reply["usage"]) == (version < "2026-03-15")
            assert ("qpu_charge_time_seconds" in reply["usage"]) == (version >= "2026-03-15")
        assert ("circuits_execution_time_ns" in metrics) == (version >= "2026-04-15")
        assert "position_in_queue" not in metrics


@pytest.mark.parametrize("version", ["", "2031-01-01"])
def test_request_without_a_served_version_is_refused(service, version):
    refused = Rest(service, version=version)("GET", "/jobs")
    assert refused.status_code == 400
    assert NEWEST in refused.json()["errors"][0]["message"]


def test_version_is_withdrawn_to_order(service):
    client = Rest(service, version="2024-01-01")
    assert client("GET", "/jobs").status_code == 200
    service.withdraw_version("2024-01-01")
    assert client("GET", "/jobs").status_code == 400
    listed = {each["version"]: each for each in client.get("/versions")["versions"]}
    assert [*listed] == [*SUNSETS][1:]
    assert listed["2025-05-01"] == {"version": "2025-05-01", "status": "deprecated", "sunset_date": "2027-01-01"}
    assert listed[NEWEST] == {"version": NEWEST, "status": "live"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"instances": [{"name": "a b"}]}, "instances"),
        ({"instances": [{}, {}]}, "got the same name twice"),
        ({"instances": [{"limit_seconds": 0}]}, "limit_seconds"),
        ({"withdrawn_versions": ["2031-01-01"]}, "withdrawn_versions"),
        ({"usage_seconds": -1}, "from 0 up"),
    ],
)
def test_setting_that_is_none_is_refused(wrong, said):
    with pytest.raises(LocalServiceError, match=said):
        LocalService(**wrong)
