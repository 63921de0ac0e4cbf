"""Replies as servers send them, and worse."""

import base64
import pickle
import zlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import (
    Job,
    JobDetails,
    JobInputs,
    JobMetrics,
    JobName,
    JobTags,
    ResultPayload,
    StatusReport,
    merge,
    refresh,
    retag,
)
from ibm_circuit_job.state.status import STATUS_OF
from ibm_circuit_job.wire.error_replies import read_error
from ibm_circuit_job.wire.records import from_json, to_json
from ibm_circuit_job.wire.replies import (
    read_job,
    read_job_page,
    read_metrics,
    read_pushed_status,
    read_result_location,
    read_submission,
    status_report,
)

NOW = datetime(2024, 2, 3, 12, tzinfo=UTC)


def details(body):
    return read_job(body, NOW).unwrap().details


def wrong(body):
    failure = read_job(body, NOW).failure()
    return failure.path, failure.message


def test_job_reply_becomes_facts():
    body = b"""{"id": "a", "backend": "b", "state": {"status": "Failed", "reason": "No.", "reason_code": 1517},
        "program": {"id": "circuit-runner"}, "created": "2024-02-03T10:11:12.5Z", "tags": ["x", "y"],
        "session_id": "s", "estimated_running_time_seconds": 2, "private": true, "cost": 10, "params": {"shots": 1}}"""
    job = read_job(body, NOW).unwrap()
    assert (job.status.status, job.status.reason, job.status.reason_code) == (JobStatus.ERROR, "No.", 1517)
    assert job.details.created == datetime(2024, 2, 3, 10, 11, 12, 500_000, UTC)
    assert (job.details.backend, job.details.program, job.tags) == ("b", "circuit-runner", ("x", "y"))
    assert (job.details.session_id, job.details.usage_estimate, job.details.private) == ("s", 2.0, True)
    assert job.details.unknown == (("cost", "10"),)
    assert job.inputs.raw == b'{"shots": 1}'


@pytest.mark.parametrize(("server_status", "status"), STATUS_OF.items())
def test_status_strings_are_read_in_any_case(server_status, status):
    body = b'{"id": "a", "state": {"status": "%s"}}' % server_status.title().encode()
    assert read_job(body, NOW).unwrap().status.status is status


def test_unknown_status_is_kept_and_not_final():
    job = read_job(b'{"id": "a", "state": {"status": "Levitating"}, "tags": ["x"]}', NOW).unwrap()
    assert job.status.server_status == "Levitating"
    assert not job.is_final
    assert job.tags == ("x",)


def test_reason_code_may_be_spelt_otherwise():
    body = b'{"id": "a", "State": {"status": "Cancelled", "reasonCode": "1305"}}'
    assert read_job(body, NOW).unwrap().status.reason_code == 1305


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-02-03T10:11:12", datetime(2024, 2, 3, 10, 11, 12, tzinfo=UTC)),
        ("2024-02-03T10:11:12z", datetime(2024, 2, 3, 10, 11, 12, tzinfo=UTC)),
        ("2024-02-03T10:11:12.123456789Z", datetime(2024, 2, 3, 10, 11, 12, 123_456, UTC)),
        ("2024-02-03T10:11:12+05:30", datetime(2024, 2, 3, 10, 11, 12, tzinfo=timezone(timedelta(hours=5.5)))),
    ],
)
def test_times_of_any_precision_and_zone_become_utc(text, moment):
    created = details(b'{"id": "a", "created": "%s"}' % text.encode()).created
    assert created == moment
    assert created.tzinfo is UTC


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        (b'{"id": "a", "state": {"status": 3}}', "state.status", "expected a string, got 3"),
        (b'{"id": 3, "tags": ["x", 3]}', "id", "expected a string, got 3"),
        (b'{"id": "a", "status": 3}', "status", "expected a string, got 3"),
        (b'{"id": "a", "state": 3}', "state", "expected an object, got 3"),
        (b"{}", "id", "expected a field 'id', which is missing"),
        (b"[]", "", "expected a JSON object, got [] (Expected `object`, got `array`)"),
        (b"<html>down</html>", "", "expected a JSON object, got HTML: <html>down</html>"),
        (b"", "", "expected a JSON object, got an empty body"),
    ],
)
def test_bad_reply_names_the_path_and_what_was_there(body, path, message):
    assert wrong(body) == (path, message)


def test_null_is_absent():
    body = b'{"id": "a", "backend": "b", "tags": null, "estimated_running_time_seconds": null, "created": null}'
    assert details(body) == JobDetails(NOW, backend="b")


def test_reply_that_says_nothing_of_the_job_is_no_news_of_it():
    known = retag(read_job(b'{"id": "a", "backend": "b"}', NOW).unwrap(), ["x"], NOW)
    later = read_job(b'{"id": "a", "state": {"status": "Running"}}', NOW + timedelta(seconds=1)).unwrap()
    assert later.details is None
    assert merge(known, later).details.backend == "b"
    without_tags = read_job(b'{"id": "a", "backend": "c"}', NOW + timedelta(seconds=1)).unwrap()
    assert merge(known, without_tags).tags == ("x",)


@pytest.mark.parametrize(
    ("body", "reason_code", "reason"),
    [
        (b'{"status": "Failed", "reason": "x", "reasonCode": 1517}', 1517, "x"),
        (b'{"Status": "Failed", "Reason": "x", "reason_code": "1517"}', 1517, "x"),
        (b'{"status": "Failed", "reason_code": 1517.0}', 1517, None),
        (b'{"status": "Failed", "reason_code": "E-7"}', "E-7", None),
    ],
)
def test_names_and_numbers_within_the_state_are_read_leniently(body, reason_code, reason):
    status = read_job(b'{"id": "a", "state": %s}' % body, NOW).unwrap().status
    assert (status.status, status.reason_code, status.reason) == (JobStatus.ERROR, reason_code, reason)


@pytest.mark.parametrize(
    "state",
    [
        b'{"status": "Cancelled - Ran too long"}',
        b'{"status": "Cancelled", "reason": "Error", "reason_code": 1305}',
        b'{"status": "Cancelled", "reason_code": "1305"}',
        b'{"status": "Failed", "reason_code": 1305}',
    ],
)
def test_job_that_ran_too_long_is_cancelled_with_its_reason(state):
    status = read_job(b'{"id": "a", "state": %s}' % state, NOW).unwrap().status
    assert status.status is JobStatus.CANCELLED
    assert "time limit" in status.reason


def test_reason_is_read_where_the_status_stands_beside_the_state():
    status = read_job(b'{"id": "a", "state": {"reason": "why"}, "status": "Failed"}', NOW).unwrap().status
    assert (status.status, status.reason) == (JobStatus.ERROR, "why")


def test_unknown_fields_within_known_ones_are_kept():
    body = b'{"id": "a", "state": {"status": "Running", "reason_link": "x"}}'
    assert dict(details(body).unknown)["state"] == '{"status": "Running", "reason_link": "x"}'


def test_lone_surrogates_of_a_foreign_client_are_read():
    job = read_job({"id": "a", "tags": ["\ud800"], "note": "\ud800"}, NOW).unwrap()
    assert job.tags == ("\ufffd",)
    assert from_json(to_json(job)).unwrap() == job


def test_bytes_that_are_no_utf_8_are_refused_wherever_they_are():
    for body in (b'{"id": "a", "cost": "\xff"}', b'{"id": "\xff"}', b'{"id": "a", "x": 1, "tags": [3, "\xff"]}'):
        assert "UTF-8" in read_job(body, NOW).failure().message or "expected" in read_job(body, NOW).failure().message


def test_mending_a_damaged_body_is_linear_in_its_length():
    body = b'{"a":NaN,"b":"' + b'\\"' * 300_000
    assert "expected a JSON object" in read_job(body, NOW).failure().message
    assert "expected a JSON object" in read_job(body + b"\\", NOW).failure().message


def test_messages_repeat_nothing_at_any_length():
    long = b"x" * 1_000_000
    for failure in (
        from_json(b'{"format": 1, "job": {"job_id": "a", "%s": 1}}' % long).failure(),
        read_metrics(b'"%s"' % long, NOW).failure(),
        read_job(b'{"id": "a", "state": ["%s"]}' % long, NOW).failure(),
    ):
        assert len(failure.path) + len(failure.message) < 1100


@pytest.mark.parametrize(
    ("good", "bad", "path"),
    [
        (b'"server_status":"Running"', b'"server_status":false', "job.status.server_status"),
        (b'"status":"RUNNING"', b'"status":"WALKING"', "job.status.status"),
        (b'"tags":["x"]', b'"tags":"x"', "job.details.tags"),
        (b'"position_in_queue":3', b'"position_in_queue":3.7', "job.metrics.position_in_queue"),
    ],
)
def test_stored_record_is_read_strictly(good, bad, path):
    job = refresh(Job("a"), status_report("Running", NOW), JobDetails(NOW, tags=["x"]))
    stored = to_json(refresh(job, JobMetrics(NOW, position_in_queue=3)))
    assert good in stored
    assert from_json(stored).unwrap().tags == ("x",)
    assert from_json(stored.replace(good, bad)).failure().path == path


def test_reason_code_that_looks_like_a_number_survives():
    job = Job("a", StatusReport(NOW, JobStatus.ERROR, "Failed", reason_code="007"))
    assert from_json(to_json(job)).unwrap() == job


def test_place_of_a_result_is_told_from_a_result():
    assert read_result_location(b'{"url": "https://x/y"}') == "https://x/y"
    assert read_result_location(b'{"url": 3}') is None
    assert read_result_location(b'{"results": [], "url": "https://x/y"}') is None


def test_duplicate_key_and_lone_surrogate_are_read():
    assert details(b'{"id": "a", "backend": "x", "backend": "y", "tags": ["\\ud800"]}').backend == "y"


def test_inputs_that_are_not_there_are_no_news():
    assert read_job(b'{"id": "a", "params": {}}', NOW).unwrap().inputs is None


def test_decoded_reply_of_a_foreign_client_is_read_too():
    job = read_job({"id": "a", "state": {"status": "Running"}, "cost": 1, "created": NOW}, NOW).unwrap()
    assert job.status.status is JobStatus.RUNNING
    assert job.details.created == NOW
    assert job.details.unknown == (("cost", "1"),)


def test_metrics_become_facts():
    body = b"""{"timestamps": {"created": "2024-02-03T10:00:00Z", "running": null}, "position_in_queue": "3",
        "usage": {"quantum_seconds": 1.5, "seconds": 2}, "qiskit_version": "0.1.0,0.21.2", "bss": {"seconds": 2}}"""
    metrics = read_metrics(body, NOW).unwrap()
    assert metrics.timestamps == (("created", datetime(2024, 2, 3, 10, tzinfo=UTC)),)
    assert (metrics.position_in_queue, metrics.quantum_seconds, metrics.usage_seconds) == (3, 1.5, 2.0)
    assert dict(metrics.unknown)["bss"] == '{"seconds": 2}'


def test_page_leaves_out_the_job_that_is_wrong_and_names_it():
    body = b'{"jobs": [{"id": "a"}, {"id": "b", "state": 5}, {"id": "c"}, {"id": 3}], "count": 4}'
    page = read_job_page(body, NOW).unwrap()
    assert [job.job_id for job in page.jobs] == ["a", "c"]
    assert [wrong.path for wrong in page.unreadable] == ["jobs[1].state", "jobs[3].id"]


def test_page_on_which_every_job_is_wrong_is_a_failure():
    assert read_job_page(b'{"jobs": [{"id": 3}, {"id": 4}]}', NOW).failure().path == "jobs[0].id"
    assert read_job_page(b'{"jobs": []}', NOW).unwrap().jobs == ()


def test_oldest_push_messages_are_read():
    assert read_pushed_status(b'{"type": "authenticated"}', NOW).unwrap() is None
    message = b'{"type": "job-status", "data": {"status": "COMPLETED"}}'
    assert read_pushed_status(message, NOW).unwrap().status is JobStatus.DONE
    assert read_pushed_status(b'{"type": "job-status", "data": {"status": 3}}', NOW).failure().path == "data.status"


def test_submission_without_an_id_is_refused():
    assert read_submission(b'{"backend": "b"}').failure().path == "id"


@pytest.mark.parametrize("body", [b"", b"\xff", b"[1]", b'{"error": "x"}', b'{"errors": [3]}', b"<html>"])
def test_any_error_body_has_an_answer(body):
    assert isinstance(read_error(body).message, str)


def test_job_survives_json():
    job = Job("a", inputs=JobInputs(NOW, b"\x00\xff"), payload=ResultPayload(NOW, b"{}"))
    assert from_json(to_json(job)).unwrap() == job


def test_stored_result_that_was_damaged_is_refused():
    stored = to_json(Job("a", payload=ResultPayload(NOW, b"{}"))).replace(b'"e30="', b'"W10="')
    assert from_json(stored).failure().path == "job.payload.raw"


def test_json_of_a_newer_format_is_refused():
    failure = from_json(to_json(Job("a")).replace(b'"format":2', b'"format":3')).failure()
    assert (failure.path, failure.message) == ("format", "expected 2 or before, got 3")


PICKLED_BEFORE_STAMPS = (
    "eNptU0tP20AQBhLFIRDSShxKuSBO5RJhkpiHKhUpVaUW1aro42qt1+vsFr/YB5QipHKgVaW9sf2P/RmdtZ0QpNqytTOzs9/3zcz+"
    "aP7BzYXy0RssTAPMOFZMBl/zsC8kkqQPK6Mb7+B/b3ZuzY15oVvgC1hk9CIyumW3KWH05v/zY4QlRFc/lttOSZFz+XDUSh4Kwi9I"
    "FCBpdDuCDMlSMr+8N+OO83epsVrSNHRNt63/e57ZGJjL1oxIIhHYJwv2/WVOzR18P+Gjjn5+zsQZk/2C5xcsIlxYVVPey6CtIgfp"
    "+hlEtigSW0JhTISIVZJcbXGVlefpbsmWB7PkcZ4WCZEEqtHiBIk8M75eqVYBziMCpoOEUEDR/Na9OiLyRElWbm4LyUk2kdSctFSo"
    "nYhIxBJhaFt3gNrr2pyWjHbppnZChM9IZlsA3XFA14Sj1EJhALBsfN3MUGrRmxJNgOniN1CgOwI0Aa5tH0CDriCtSK4pgSYkIAKq"
    "CSfYswrOLuqlys6y/DKzpLqfq/UbRpKo5HVnbo3uYYr4BBopCM4zCPh6tTqyrpVvxaVEcoZn4t7X5iNxHdtPSEoLYXb00yIXTJaU"
    "s+BcEUXMSUOvz3unbQXI3pR/ZGFh0ny9/uDCVbOquvfOFcqkSucId2vCM8caThjJZAAtF2UWPaIvS730lU+Pfd3CKEksMohrsaxQ"
    "stRmZ+ptZT2S1uDo0oyd6220feTeGFuRAl0lOYrKyp4SoRL5ofbMZ9Iv46XrG3vbKNobeUYfD4fuwIvRYDQKB97+AXLdoYci14v3"
    "yYE3PCSHwzgcxnjPjck+uAbuLt71dmPPxQjF8QGy4G0OwzWBpll0Bzh/sqMyh/ukunrd+uptlPdpoBevYJYseRhclD6k+6i8r7P0"
    "Cd3TzZAkCWxWYf8fG3ayug=="
)
"""A record with each kind of fact, as it was pickled when it had its tags and its name beside the details."""


def test_record_that_an_older_version_pickled_is_read():
    noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
    later = noon.replace(hour=13)
    known = Job(
        "a",
        StatusReport(noon, JobStatus.DONE, "Completed"),
        JobDetails(noon, backend="b", tags=["x"]),
        JobMetrics(noon, position_in_queue=3),
        JobInputs(noon, b'{"a":1}'),
        ResultPayload(noon, b"{}"),
    )
    read = pickle.loads(zlib.decompress(base64.b64decode(PICKLED_BEFORE_STAMPS)))
    assert read == refresh(known, JobTags(later, ["y"]), JobName(later, "bell"))
    assert pickle.loads(pickle.dumps(read)) == read
