"""What cannot be read of one part of a reply costs that part alone."""

import json
from datetime import UTC, datetime
from itertools import product

import pytest
from attrs import asdict
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMCircuitJob, Job, JobMetrics
from ibm_circuit_job.testing import ScriptedClient
from ibm_circuit_job.wire import queries
from ibm_circuit_job.wire.replies import read_job, read_job_page, read_metrics, read_pushed_status, read_submission

NOW = datetime(2026, 4, 20, 12, tzinfo=UTC)
JOB = {
    "id": "a",
    "backend": "ibm_a",
    "state": {"status": "Failed", "reason": "No.", "reason_code": 1517, "reason_solution": "Ask."},
    "status": "Failed",
    "program": {"id": "sampler"},
    "created": "2026-04-20T10:00:00Z",
    "name": "bell",
    "tags": ["x"],
    "session_id": "s",
    "run_mode": "batch",
    "estimated_running_time_seconds": 2.5,
    "private": True,
    "usage": {"qpu_charge_time_seconds": 5, "status": "complete"},
    "cost": 10,
}
METRICS = {
    "timestamps": {"created": "2026-04-20T10:00:00Z", "running": "2026-04-20T10:00:01Z"},
    "position_in_queue": 3,
    "position_in_provider": 2,
    "estimated_start_time": "2026-04-20T11:00:00Z",
    "estimated_completion_time": "2026-04-20T11:00:05Z",
    "usage": {"qpu_charge_time_seconds": 5, "status": "complete", "quantum_seconds": 4, "seconds": 3},
    "caller": "qiskit/2.6.2",
    "qiskit_version": "2.6.2",
    "circuits_execution_time_ns": 7,
}
WRONG = [None, 5, "x", "yesterday", True, [], [3], {}, {"created": 3}, 1e308, {"id": []}, {"status": {}}]


def encoded(value):
    return json.dumps(value).encode()


def known_of(fact):
    """The fields of a fact that say something, but for those kept verbatim."""
    return {name: value for name, value in asdict(fact, recurse=False).items() if name != "unknown"}


def lost(fact, whole):
    """The fields that one fact does not say and the other does."""
    return {name for name, value in known_of(whole).items() if known_of(fact)[name] != value}


COSTS = {
    "backend": {"backend"},
    "program": {"program"},
    "created": {"created"},
    "name": {"name"},
    "tags": {"tags"},
    "session_id": {"session_id"},
    "run_mode": {"run_mode"},
    "estimated_running_time_seconds": {"usage_estimate"},
    "private": {"private"},
    "usage": {"charged_seconds", "usage_status"},
    "cost": set(),
    "status": set(),
}


def test_field_of_a_job_reply_costs_itself_alone():
    whole = read_job(encoded(JOB), NOW).unwrap()
    found = []
    for field, wrong in product(COSTS, WRONG):
        seen = read_job(encoded(JOB | {field: wrong}), NOW).value_or(Job("a"))
        if seen.status != whole.status or not lost(seen.details, whole.details) <= COSTS[field]:
            found.append((field, wrong, seen))
        # The same from a client that has decoded the reply.
        elif read_job(JOB | {field: wrong}, NOW).unwrap().details != seen.details:
            found.append((field, wrong, "decoded"))
    assert found == []


@pytest.mark.parametrize("field", [name for name in COSTS if name not in {"status", "cost", "program"}])
def test_field_that_cannot_be_read_is_kept_verbatim(field):
    seen = read_job(encoded(JOB | {field: [{"odd": 1}]}), NOW).unwrap()
    assert json.loads(dict(seen.details.unknown)[field]) == [{"odd": 1}]
    assert dict(read_job(encoded(JOB | {"created": "soon"}), NOW).unwrap().details.unknown)["created"] == '"soon"'


@pytest.mark.parametrize("wrong", [5, {}, [], ["x"], True, 1.5], ids=repr)
@pytest.mark.parametrize("field", ["reason", "reason_code", "reason_solution"])
def test_field_of_the_state_costs_itself_alone(field, wrong):
    whole = read_job(encoded(JOB), NOW).unwrap()
    seen = read_job(encoded(JOB | {"state": JOB["state"] | {field: wrong}}), NOW).unwrap()
    assert lost(seen.status, whole.status) <= {field}
    assert seen.details.backend == "ibm_a"


@pytest.mark.parametrize(
    ("usage", "charged", "status"),
    [
        # Without a figure the status says nothing, and must not be taken for that of an older figure.
        ({"qpu_charge_time_seconds": "x", "status": "complete"}, None, None),
        ({"qpu_charge_time_seconds": 5, "status": 3}, 5.0, None),
        ({"qpu_charge_time_seconds": "5", "status": "complete"}, 5.0, "complete"),
        ({"qpu_charge_time_seconds": {}, "quantum_seconds": 4}, 4.0, None),
    ],
)
def test_figure_of_the_usage_costs_itself_alone(usage, charged, status):
    details = read_job(encoded(JOB | {"usage": usage}), NOW).unwrap().details
    assert (details.charged_seconds, details.usage_status) == (charged, status)
    assert json.loads(dict(details.unknown)["usage"]) == usage


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"id": 3}, "id"),
        ({"id": None}, "id"),
        ({"id": ""}, "id"),
        ({"state": 3}, "state"),
        ({"state": {"status": 3}}, "state.status"),
        ({"state": {"status": {}, "reason_code": {}}, "tags": 7}, "state.status"),
        ({"state": {}, "status": 3, "usage": 5}, "status"),
    ],
)
def test_id_and_status_cost_the_whole_reply(change, path):
    assert read_job(encoded(JOB | change), NOW).failure().path == path


METRICS_COSTS = {
    "timestamps": {"timestamps"},
    "position_in_queue": {"position_in_queue"},
    "position_in_provider": {"position_in_provider"},
    "estimated_start_time": {"estimated_start"},
    "estimated_completion_time": {"estimated_completion"},
    "usage": {"charged_seconds", "usage_status", "quantum_seconds", "usage_seconds"},
    "caller": {"caller"},
    "qiskit_version": {"client_version"},
    "circuits_execution_time_ns": set(),
    "bss": set(),
}


def test_field_of_a_metrics_reply_costs_itself_alone():
    whole = read_metrics(encoded(METRICS), NOW).unwrap()
    found = []
    for field, wrong in product(METRICS_COSTS, WRONG):
        seen = read_metrics(encoded(METRICS | {field: wrong}), NOW).value_or(JobMetrics(NOW))
        decoded = read_metrics(METRICS | {field: wrong}, NOW).value_or(None)
        if not lost(seen, whole) <= METRICS_COSTS[field] or decoded != seen:
            found.append((field, wrong, seen))
    assert found == []


@pytest.mark.parametrize("wrong", [3, {}, "yesterday", []], ids=repr)
def test_step_costs_itself_alone(wrong):
    steps = METRICS["timestamps"] | {"created": wrong}
    metrics = read_metrics(encoded(METRICS | {"timestamps": steps}), NOW).unwrap()
    assert [step for step, _ in metrics.timestamps] == ["running"]
    assert json.loads(dict(metrics.unknown)["timestamps"]) == steps


def test_listing_has_each_job_without_what_cannot_be_read():
    jobs = [JOB, JOB | {"id": "b", "tags": 7, "created": "soon"}, JOB | {"id": "c", "usage": 5, "cost": "x"}]
    page = read_job_page(encoded({"jobs": jobs, "count": "many", "offset": {}, "limit": []}), NOW).unwrap()
    assert [job.job_id for job in page.jobs] == ["a", "b", "c"]
    assert (page.count, page.unreadable) == (None, ())
    assert [queries.usage(job) for job in page.jobs] == [5.0, 5.0, None]


def test_backend_of_a_submission_costs_itself_alone():
    assert read_submission(b'{"id": "a", "backend": 3}').unwrap().job_id == "a"
    assert read_submission(b'{"id": 3, "backend": "b"}').failure().path == "id"


def test_pushed_status_that_cannot_be_read_is_no_status():
    assert (
        read_pushed_status(b'{"type": "job-status", "data": {"status": 3, "x": 1}}', NOW).failure().path
        == "data.status"
    )


def test_handle_answers_from_a_damaged_reply():
    reply = JOB | {"tags": 7, "created": "soon", "usage": 5, "state": {"status": "Completed", "reason_code": {}}}
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([encoded(reply)]))
    assert job.status() is JobStatus.DONE
    assert (job.session_id, job.tags(), job.cost) == ("s", [], 10)
