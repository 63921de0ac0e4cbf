"""What a job is charged for, what an instance has used, and which client submitted a job."""

import json
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler

import pytest
from attrs import evolve
from loopback import LoopbackServer, Replying, served

from ibm_circuit_job import (
    IBMAccountError,
    IBMCircuitJob,
    IBMProvider,
    InstanceUsage,
    Job,
    JobDetails,
    JobMetrics,
    StatusReport,
    merge,
)
from ibm_circuit_job.testing import ScriptedClient
from ibm_circuit_job.wire import queries
from ibm_circuit_job.wire.instance_usage import read_instance_usage
from ibm_circuit_job.wire.records import from_json, to_json
from ibm_circuit_job.wire.replies import read_job, read_metrics

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/1:2::"
NOW = datetime(2026, 4, 20, 12, tzinfo=UTC)
DONE = b'{"id": "a", "state": {"status": "Completed"}}'


def metrics(**said):
    return json.dumps(said).encode()


def job_on(client):
    return IBMCircuitJob(None, None, "a", runtime_client=client)


@pytest.mark.parametrize(
    ("said", "final", "so_far"),
    [
        ({"usage": {"qpu_charge_time_seconds": 5, "status": "complete"}}, 5.0, 5.0),
        ({"usage": {"qpu_charge_time_seconds": 5, "status": "pending"}}, 0.0, 5.0),
        ({"usage": {"qpu_charge_time_seconds": 5, "status": "Pending"}}, 0.0, 5.0),
        ({"usage": {"qpu_charge_time_seconds": 0, "quantum_seconds": 4}}, 0.0, 0.0),
        (
            {"usage": {"qpu_charge_time_seconds": 5, "quantum_seconds": 4, "seconds": 3}, "bss": {"seconds": 2}},
            5.0,
            5.0,
        ),
        ({"usage": {"quantum_seconds": 4, "seconds": 3}, "bss": {"seconds": 2}}, 4.0, 4.0),
        ({"usage": {"seconds": 3}, "bss": {"seconds": 2}}, 3.0, 3.0),
        ({"bss": {"seconds": 2}}, 2.0, 2.0),
        ({"usage": {"status": "pending"}}, 0.0, 0.0),
        ({}, 0.0, 0.0),
    ],
)
def test_charged_figure_comes_first_in_every_form(said, final, so_far):
    assert job_on(ScriptedClient([DONE], metrics=[metrics(**said)])).usage() == final
    assert job_on(ScriptedClient([DONE], metrics=[metrics(**said)])).usage(partial=True) == so_far


def test_complete_usage_of_a_job_reply_costs_no_request():
    reply = (
        b'{"id": "a", "state": {"status": "Completed"}, "usage": {"qpu_charge_time_seconds": 7, "status": "complete"}}'
    )
    client = ScriptedClient([reply], metrics=[])
    job = job_on(client)
    job.status()
    assert (job.usage(), client.calls) == (7.0, [("job_get", "a")])


def test_pending_usage_is_asked_for_until_it_is_complete():
    said = [
        metrics(usage={"qpu_charge_time_seconds": n, "status": status})
        for n, status in ((1, "pending"), (3, "complete"))
    ]
    client = ScriptedClient([DONE], metrics=said)
    job = job_on(client)
    job.status()
    assert [job.usage(), job.usage(), job.usage()] == [0.0, 3.0, 3.0]
    assert client.calls.count(("job_metadata", "a")) == 2


def test_metrics_are_asked_for_until_the_usage_is_complete():
    said = [
        metrics(usage={"qpu_charge_time_seconds": n, "status": status}, circuits_execution_time_ns=n)
        for n, status in ((1, "pending"), (3, "complete"))
    ]
    job = job_on(ScriptedClient([DONE], metrics=said))
    job.status()
    assert [job.metrics()["circuits_execution_time_ns"] for _ in range(3)] == [1, 3, 3]


def test_final_figure_is_not_replaced_by_a_pending_one():
    final = Job("a", details=JobDetails(NOW, charged_seconds=5, usage_status="complete"))
    pending = Job("a", metrics=JobMetrics(NOW.replace(hour=13), charged_seconds=2, usage_status="pending"))
    for known in (merge(final, pending), merge(pending, final)):
        assert (queries.usage(known), queries.usage_is_complete(known)) == (5.0, True)


def test_older_record_is_read():
    stored = to_json(
        Job("a", StatusReport(NOW, queries.JobStatus.DONE, "Completed"), JobDetails(NOW, backend="b"), JobMetrics(NOW))
    )
    for field in ("reason_solution", "charged_seconds", "usage_status", "caller"):
        stored = stored.replace(b',"%s":null' % field.encode(), b"")
    assert b"charged" not in stored
    assert b"caller" not in stored
    read = from_json(stored).unwrap()
    assert (read.details.backend, read.details.charged_seconds, read.metrics.caller) == ("b", None, None)
    assert from_json(to_json(read)).unwrap() == read


@pytest.mark.parametrize(
    ("said", "versions"),
    [
        (
            {"caller": "qiskit-version-2/qiskit-2.6.2/ibm-circuit-job/0.1.0"},
            {"qiskit": "2.6.2", "ibm-circuit-job": "0.1.0"},
        ),
        (
            {"caller": "qiskit-version-2/qiskit_ibm_runtime-0.51.0,qiskit-2.6.2*/qiskit_ibm_runtime~sampler.py"},
            {"qiskit_ibm_runtime": "0.51.0", "qiskit": "2.6.2"},
        ),
        ({"caller": "qiskit/2.6.2/a-program", "qiskit_version": "2.5.0"}, {"qiskit": "2.6.2"}),
        ({"caller": "a-program", "qiskit_version": "2.5.0"}, {"qiskit": "2.5.0"}),
        ({"qiskit_version": "0.1.0,0.21.2"}, {"qiskit-ibm-provider": "0.1.0", "qiskit-terra": "0.21.2"}),
        ({"caller": "/" * 50}, {}),
        ({}, {}),
    ],
)
def test_client_version_is_read_from_the_caller_too(said, versions):
    known = Job("a", metrics=read_metrics(metrics(**said), NOW).unwrap())
    assert queries.client_version(known) == versions
    assert queries.metrics(known) == said


@pytest.mark.parametrize("channel", ["provider", "platform_provider"])
def test_client_version_of_our_own_job_is_ours(channel, bell, request):
    job = request.getfixturevalue(channel).get_backend("local_simulator").run(bell, shots=1)
    assert {"qiskit", "ibm-circuit-job"} <= job.client_version.keys()


class Saying(Replying, BaseHTTPRequestHandler):
    """Answers each path as the test says."""

    def do_GET(self):
        path = self.path.partition("?")[0].removeprefix("/api/v1")
        self.server.asked.append(path)
        self.reply(*self.server.said[path])

    def do_POST(self):
        self.reply(200, '{"access_token": "issued", "expires_in": 3600}')


@pytest.fixture
def account():
    server = LoopbackServer(Saying)
    server.asked = []
    server.said = {"/versions": (404, ""), "/backends": (200, '{"devices": [{"name": "ibm_a"}]}')}
    with served(server), IBMProvider("key", f"{server.url}/api/v1", instance=CRN) as provider:
        server.asked.clear()
        yield server, provider


def test_three_listed_jobs_and_their_usage_are_one_request(account):
    server, provider = account
    jobs = [
        {
            "id": f"j{n}",
            "backend": "ibm_a",
            "state": {"status": "Completed"},
            "program": {"id": "sampler"},
            "usage": {"qpu_charge_time_seconds": n, "status": "complete"},
        }
        for n in range(3)
    ]
    server.said["/jobs"] = (200, json.dumps({"jobs": jobs, "count": 3, "limit": 3, "offset": 0}))
    listed = provider.jobs(limit=3)
    assert [job.usage() for job in listed] == [0.0, 1.0, 2.0]
    assert server.asked == ["/jobs"]


def test_usage_of_the_instance_is_a_frozen_record(account):
    server, provider = account
    server.said["/instances/usage"] = (
        200,
        json.dumps(
            {
                "instance_id": CRN,
                "plan_id": "open",
                "usage_period": {"start_time": "2026-04-01T00:00:00Z", "end_time": "2026-04-29T00:00:00+02:00"},
                "usage_consumed_seconds": 12,
                "usage_limit_seconds": 600,
                "usage_allocation_seconds": 900,
                "usage_limit_reached": False,
            }
        ),
    )
    usage = provider.usage()
    assert usage == InstanceUsage(
        consumed_seconds=12.0,
        limit_seconds=600.0,
        allocation_seconds=900.0,
        period_start=datetime(2026, 4, 1, tzinfo=UTC),
        period_end=datetime(2026, 4, 28, 22, tzinfo=UTC),
        limit_reached=False,
        plan_id="open",
    )
    assert usage.remaining_seconds == 588.0
    assert evolve(usage, limit_seconds=None).remaining_seconds == 888.0
    assert evolve(usage, consumed_seconds=700.0).remaining_seconds == 0.0
    assert InstanceUsage(consumed_seconds=1.0).remaining_seconds is None


def test_figure_that_cannot_be_read_costs_itself_alone():
    body = metrics(
        usage_consumed_seconds="12",
        usage_limit_seconds="many",
        usage_period={"start_time": 3},
        usage_limit_reached=1,
        plan_id="p",
    )
    assert read_instance_usage(body).unwrap() == InstanceUsage(consumed_seconds=12.0, plan_id="p")


def test_refused_usage_of_the_instance_is_an_account_error(account):
    server, provider = account
    server.said["/instances/usage"] = (403, '{"errors": [{"code": 1, "message": "Not yours."}]}')
    with pytest.raises(IBMAccountError, match=r"usage of the instance.*Not yours"):
        provider.usage()
    server.said["/instances/usage"] = (200, "<html>hello</html>")
    with pytest.raises(IBMAccountError, match="expected a JSON value"):
        provider.usage()


def test_classic_channel_has_no_usage_of_an_instance(provider):
    with pytest.raises(IBMAccountError, match="only IBM Quantum Platform"):
        provider.usage()


def test_job_reply_of_each_form_is_read():
    for usage, more in (
        ({"qpu_charge_time_seconds": 5}, {}),
        ({"quantum_seconds": 5, "seconds": 1}, {}),
        ({"seconds": 5}, {"bss": {"seconds": 1}}),
        (None, {"bss": {"seconds": 5}}),
    ):
        assert read_job({"id": "a", "usage": usage, **more}, NOW).unwrap().details.charged_seconds == 5.0
