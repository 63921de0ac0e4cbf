"""What an instance has used, how many shots a job has, and what is shown of a result."""

from datetime import UTC, datetime

import pytest
from qiskit.result import Result as QiskitResult

from ibm_circuit_job import Job, JobInputs
from ibm_circuit_job.wire.instance_usage import InstanceUsage, read_instance_usage
from ibm_circuit_job.wire.results.shown import result_view
from ibm_circuit_job.wire.shots import shots_of

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("usage", "remaining"),
    [
        ({}, None),
        ({"consumed_seconds": 1.0}, None),
        ({"limit_seconds": 1.0}, None),
        ({"consumed_seconds": 1.0, "limit_seconds": 5.0, "allocation_seconds": 9.0}, 4.0),
        ({"consumed_seconds": 1.0, "allocation_seconds": 9.0}, 8.0),
        ({"consumed_seconds": 9.0, "limit_seconds": 5.0}, 0.0),
    ],
)
def test_remaining_time_is_what_the_limit_leaves(usage, remaining):
    assert InstanceUsage(**usage).remaining_seconds == remaining


def test_every_field_of_the_usage_is_read():
    body = b"""{"usage_consumed_seconds": 1, "usage_limit_seconds": 2, "usage_allocation_seconds": 3,
        "usage_limit_reached": false, "plan_id": "p",
        "usage_period": {"start_time": "2024-02-03T12:00:00Z", "end_time": "2024-02-03T12:00:00"}}"""
    assert read_instance_usage(body).unwrap() == InstanceUsage(1.0, 2.0, 3.0, NOON, NOON, False, "p")


def test_unreadable_field_of_the_usage_costs_itself_alone():
    body = b'{"usage_consumed_seconds": [], "usage_period": {"start_time": "x"}, "plan_id": "p"}'
    assert read_instance_usage(body).unwrap() == InstanceUsage(plan_id="p")
    assert "expected an object, got a list" in read_instance_usage(b"[]").failure().message


@pytest.mark.parametrize(
    ("params", "shots"),
    [
        (b"page", None),
        (b"{}", None),
        (b'{"shots": 10}', 10),
        (b'{"shots": true}', None),
        (b'{"quantum_program": {"shots": 10}}', 10),
        (b'{"quantum_program": {}}', None),
        (b'{"quantum_program": 5}', None),
        (b'{"pubs": [["c", null, 10], ["c", null, 10]]}', 10),
        (b'{"pubs": [["c", null, 10], ["c", null, 11]]}', None),
        (b'{"pubs": [["c", null, 10], ["c"]]}', None),
        (b'{"pubs": [["c"]]}', None),
        (b'{"pubs": 5}', None),
    ],
)
def test_shots_are_those_that_all_circuits_have(params, shots):
    assert shots_of(Job("a", inputs=JobInputs(NOON, params))) == shots


def test_shots_of_unknown_inputs_are_unknown():
    assert shots_of(Job("a")) is None


def shown(*experiments):
    body = {"backend_name": "b", "job_id": "a", "success": True, "results": [*experiments]}
    return result_view(QiskitResult.from_dict(body))


def experiment(counts, shots=3, **header):
    data = {} if counts is None else {"counts": counts}
    return {"shots": shots, "success": True, "data": data, "header": {"memory_slots": 1, **header}}


def test_counts_of_the_first_circuits_are_shown():
    view = shown(*[experiment({"0x1": 3}, name="mine")] * 5)
    assert (view.job_id, view.shots, view.number_of_circuits) == ("a", 3, 5)
    assert [(each.name, dict(each.counts)) for each in view.circuits] == [("mine", {"1": 3})] * 3


def test_different_shots_are_not_shown_as_one_number():
    assert shown(experiment({"0x1": 3}), experiment({"0x1": 4}, shots=4)).shots is None


def test_circuit_without_counts_says_so():
    (circuit,) = shown(experiment(None)).circuits
    assert (circuit.name, circuit.note) == ("circuit 0", "no counts")


def test_circuit_of_many_outcomes_says_how_many():
    (circuit,) = shown(experiment({hex(number): 1 for number in range(10_001)})).circuits
    assert circuit.note == "10,001 outcomes; get_counts() returns them"
