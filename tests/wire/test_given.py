"""The data that a constructor is given: what they are as facts, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.wire.given import given_error, given_job

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


def given(**more):
    return given_job("a", NOON, **more)


def test_nothing_given_is_nothing_known():
    assert given().facts == ()


@pytest.mark.parametrize(
    "said", ["2024-02-03T12:00:00", "2024-02-03T13:00:00+01:00", NOON, NOON.astimezone(timezone(timedelta(hours=5)))]
)
def test_times_are_utc(said):
    job = given(creation_date=said, time_per_step={"running": said, "finished": None})
    assert job.created == NOON
    assert job.metrics.timestamps == (("running", NOON),)


def test_status_carries_the_error():
    report = given(status="FAILED", error={"message": "No.", "code": 1517}).status
    assert (report.status, report.reason, report.reason_code) == (JobStatus.ERROR, "No.", 1517)
    assert given_error(NOON, "No.").reason == "No."


def test_kind_is_a_field_of_no_name():
    assert given(kind="circuits").details.unknown == (("kind", '"circuits"'),)


@pytest.mark.parametrize(
    ("result", "body"), [({"a": 1}, b'{"a":1}'), ("[]", b"[]"), (b"x", b"x"), (bytearray(b"x"), b"x")]
)
def test_result_is_the_body_that_it_is(result, body):
    assert given(result=result).payload.raw == body


@pytest.mark.parametrize(
    ("info", "version"), [("0.1.0,0.21.2", "0.1.0,0.21.2"), ({"qiskit": "2.6"}, '{"qiskit":"2.6"}')]
)
def test_versions_of_the_client_are_kept_as_text(info, version):
    assert given(client_info=info).metrics.client_version == version


def test_no_versions_are_nothing_measured():
    assert given(client_info={}).metrics is None


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"name": 5}, "name to be a string"),
        ({"name": "\ud800"}, "name to be a string"),
        ({"status": b"x"}, "status to be a string"),
        ({"tags": "x"}, "tags to be a list of strings"),
        ({"tags": [1]}, "tags to be a list of strings"),
        ({"creation_date": "noon"}, "creation_date to be a time in ISO 8601"),
        ({"creation_date": 5}, "creation_date to be a time in ISO 8601"),
        ({"time_per_step": []}, "time_per_step to be a dictionary"),
        ({"time_per_step": {1: NOON}}, "time_per_step to be a dictionary"),
        ({"time_per_step": {"running": 5}}, r"time_per_step\['running'\] to be a time"),
        ({"result": [1]}, "result to be a dictionary, JSON text or bytes"),
        ({"result": {"a": object()}}, "result to be a dictionary, JSON text or bytes"),
        ({"error": 5}, "error to be a dictionary with a 'message'"),
        ({"error": {"message": 5}}, r"error\['message'\] to be a string"),
        ({"error": {"message": "x", "code": []}}, r"error\['code'\] to be an integer or a string"),
        ({"client_info": 5}, "client_info to be a text"),
        ({"client_info": {"qiskit": 2}}, "client_info to be a text"),
    ],
)
def test_wrong_data_is_named_with_what_is_right(wrong, expected):
    with pytest.raises(ValueError, match=f"expected {expected}"):
        given(**wrong)
