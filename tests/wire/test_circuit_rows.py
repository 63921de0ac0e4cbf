"""A job as rows of a table, one for each circuit."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from ibm_circuit_job import Job, JobDetails, JobInputs, JobMetrics, ResultPayload
from ibm_circuit_job.wire.circuit_rows import CircuitRow, circuit_rows
from ibm_circuit_job.wire.replies import status_report

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


def experiment(**fields):
    whole = {"shots": 3, "success": True, "data": {"counts": {"0x0": 1, "0x3": 2}}}
    return whole | {"header": {"name": "bell", "memory_slots": 2}} | fields


def rows_of(*experiments, status="Completed", **facts):
    body = {"backend_name": "b", "job_id": "a", "success": True, "results": list(experiments)}
    payload = ResultPayload(NOON, json.dumps(body).encode()) if experiments else None
    return list(circuit_rows(Job("a", status=status_report(status, NOON), payload=payload, **facts)))


def test_job_without_anything_is_one_empty_row():
    assert list(circuit_rows(Job("a"))) == [CircuitRow("a")]


def test_each_circuit_has_its_name_shots_and_counts():
    ghz = experiment(shots=4, data={"counts": {"0x1": 4}}, header={"name": "ghz", "memory_slots": 1})
    found = [(row.circuit, row.shots, row.counts) for row in rows_of(experiment(), ghz)]
    assert found == [("bell", 3, {"00": 1, "11": 2}), ("ghz", 4, {"1": 4})]


def test_what_is_known_of_the_job_stands_in_each_row():
    created = NOON - timedelta(seconds=10)
    steps = [("created", created), ("running", created + timedelta(seconds=2)), ("finished", NOON)]
    details = JobDetails(
        NOON,
        backend="ibm_a",
        created=created,
        tags=["x"],
        charged_seconds=1.5,
        unknown=[("calibration_id", '"c1"')],
    )
    (row,) = rows_of(experiment(), details=details, metrics=JobMetrics(NOON, timestamps=steps))
    assert (row.backend, row.tags, row.created, row.status) == ("ibm_a", ("x",), created, "DONE")
    assert (row.queue_seconds, row.run_seconds, row.usage_seconds) == (2.0, 8.0, 1.5)


def test_pending_usage_is_not_known():
    details = JobDetails(NOON, charged_seconds=1.5, usage_status="pending")
    assert [row.usage_seconds for row in rows_of(experiment(), details=details)] == [None]


def test_result_of_a_cancelled_job_is_left_out():
    assert [row.counts for row in rows_of(experiment(), status="Cancelled")] == [None]


@pytest.mark.parametrize("counts", [{"0x0": 2**70}, {"0x0": -1}, {"0x0": 0.5}, {"0x0": "many"}, {"nonsense": 1}])
def test_counts_that_no_table_has_room_for_cost_their_row_alone(counts):
    rows = rows_of(experiment(data={"counts": counts}), experiment())
    assert [row.counts for row in rows] == [None, {"00": 1, "11": 2}]


def test_circuit_that_failed_has_a_row_without_counts():
    rows = rows_of(experiment(success=False, status="ERROR", data={}), experiment())
    assert [row.counts for row in rows] == [None, {"00": 1, "11": 2}]


def test_shots_come_from_the_inputs_where_the_result_has_none():
    inputs = JobInputs(NOON, b'{"circuits": [], "shots": 7}')
    assert [row.shots for row in rows_of(inputs=inputs)] == [7]


def test_body_that_is_no_result_is_one_row():
    job = Job("a", payload=ResultPayload(NOON, b"<html>"), status=status_report("Completed", NOON))
    assert [(row.circuit, row.counts) for row in circuit_rows(job)] == [(None, None)]
