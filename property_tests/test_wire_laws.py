"""What the readers promise: valid replies are read as meant, and no bytes at all make them raise."""

import json
from datetime import UTC, datetime

from attrs import evolve
from hypothesis import given, settings
from returns.result import Result, Success

from ibm_circuit_job import Job
from ibm_circuit_job.errors import OtherForm, Unreadable, describe
from ibm_circuit_job.state.facts import JobInputs, ResultPayload
from ibm_circuit_job.testing.replies import job_reply, metrics_reply
from ibm_circuit_job.testing.strategies import (
    JOB_ID,
    hostile_replies,
    job_details,
    job_metrics,
    job_replies,
    status_reports,
)
from ibm_circuit_job.wire import error_replies, queries, records, replies, results, typed_json

NOW = datetime(2024, 2, 3, 12, tzinfo=UTC)

READERS = {
    "job": lambda body: replies.read_job(body, NOW),
    "page": lambda body: replies.read_job_page(body, NOW),
    "entry of a page": lambda body: replies.read_job_page(b'{"jobs":[' + body + b"]}", NOW),
    "metrics": lambda body: replies.read_metrics(body, NOW),
    "submission": replies.read_submission,
    "pushed status": lambda body: replies.read_pushed_status(body, NOW),
    "stored job": records.from_json,
    "result": lambda body: results.decode(ResultPayload(NOW, body)),
    "primitive result": lambda body: results.decode_primitive(ResultPayload(NOW, body)),
    "typed JSON": lambda body: typed_json.decode(body, "body"),
}


@given(job_replies())
def test_valid_reply_is_read(body):
    seen = replies.read_job(body, NOW).unwrap()
    assert seen.job_id == JOB_ID
    assert all(fact.observed_at == NOW for fact in seen.facts)


@given(job_replies())
def test_reply_that_a_client_has_decoded_is_read_alike(body):
    decoded = json.loads(body)
    again = replies.read_job(json.dumps(decoded).encode(), NOW).unwrap()
    assert replies.read_job(decoded, NOW).unwrap() == again


# No reply says which service it comes from.
@given(
    status_reports().filter(lambda report: not report.assumed),
    job_details().map(lambda details: evolve(details, service_url=None)),
)
def test_facts_go_through_a_reply_unchanged(report, details):
    seen = replies.read_job(job_reply(Job(JOB_ID, report, details)), details.observed_at).unwrap()
    assert seen.details is not None or details.is_empty
    if seen.details is not None:
        assert _without_usage_text(evolve(seen.details, stamp=details.stamp)) == details
    assert (seen.status.status, seen.status.server_status) == (report.status, report.server_status)
    if report.reason:
        assert seen.status.reason == report.reason
    assert seen.status.reason_solution == report.reason_solution


def _without_usage_text(details):
    """A reader keeps the usage verbatim as well, since it need not be all that it reads."""
    return evolve(details, unknown=[fact for fact in details.unknown if fact[0] != "usage"])


@given(job_metrics())
def test_metrics_go_through_a_reply_unchanged(metrics):
    seen = replies.read_metrics(metrics_reply(metrics), metrics.observed_at).unwrap()
    assert _without_usage(seen) == _without_usage(metrics)
    assert (seen.quantum_seconds, seen.usage_seconds) == (metrics.quantum_seconds, metrics.usage_seconds)
    assert (seen.charged_seconds, seen.usage_status) == (metrics.charged_seconds, metrics.usage_status)
    assert seen.caller == metrics.caller


def _without_usage(metrics):
    """A reader keeps the usage verbatim as well, since it reads a part of it only."""
    return [fact for fact in metrics.unknown if fact[0] != "usage"], metrics.timestamps, metrics.position_in_queue


# To make a reply up takes longer than to read it.
@settings(max_examples=4 * settings.default.max_examples)
@given(hostile_replies())
def test_no_bytes_make_a_reader_raise(body):
    for name, reader in READERS.items():
        read = reader(body)
        assert isinstance(read, Result), name
        if not isinstance(read, Success):
            assert isinstance(read.failure(), Unreadable | OtherForm), name
            assert len(describe(read.failure())) < 2000, name


@given(hostile_replies())
def test_no_error_body_makes_its_reader_raise(body):
    assert len(error_replies.read_error(body).message) <= 1000


@given(hostile_replies())
def test_no_inputs_make_a_query_raise(body):
    job = Job(JOB_ID, inputs=JobInputs(NOW, body))
    assert isinstance(queries.circuits(job), list)
    assert isinstance(queries.header(job), dict)
    assert isinstance(queries.backend_options(job), dict)


@given(hostile_replies())
def test_whatever_is_read_survives_json(body):
    read = replies.read_job(body, NOW)
    if isinstance(read, Success):
        assert records.from_json(records.to_json(read.unwrap())).unwrap() == read.unwrap()
