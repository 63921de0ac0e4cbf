"""To read the result is part of the wait: trouble is waited out, and what is no result is none."""

import asyncio
import gc
import logging
from datetime import UTC, datetime, timedelta

import pytest
import requests

from ibm_circuit_job import (
    IBMCircuitJob,
    IBMJobApiError,
    IBMJobFailureError,
    IBMJobInvalidStateError,
    IBMJobTimeoutError,
    Job,
    JobStore,
    ResultPayload,
    WaitPolicy,
)
from ibm_circuit_job.errors import Refused, Unreachable
from ibm_circuit_job.state.facts import JobDetails
from ibm_circuit_job.testing import ScriptedClient
from ibm_circuit_job.wire.replies import status_report

DONE = b'{"id": "a", "state": {"status": "Completed"}}'
FAILED = b'{"id": "a", "state": {"status": "Failed"}}'
BODY = b'{"backend_name": "b", "backend_version": "1", "job_id": "a", "success": true, "results": []}'
DOWN = Unreachable("read the result of job a", "http://x", "Connection reset by peer")
BUSY = Refused("read the result of job a", "http://x", 503, "Maintenance.")
ASKED = Refused("read the result of job a", "http://x", 429, "Too many.", retry_after=0.0)
PAGE = Refused("read the result of job a", "http://x", 404, "404 Not Found", by_service=False)
MOVED = Refused("read the result of job a", "http://x", 302, "", by_service=False)
HTML = b"<!DOCTYPE html><html><title>Bad gateway</title></html>"
QUICK = WaitPolicy(shortest_pause=0.001, share=0.001)
TROUBLES = [DOWN, BUSY, ASKED, PAGE, MOVED, HTML, BODY[:40], b"\xff\x00noise", b"", b"null", b'{"message": "later"}']


def job_of(client, state=None):
    job = IBMCircuitJob.from_state(state or Job("a"), runtime_client=client)
    job.wait_policy = QUICK
    return job


def ended(ago, *, private=None):
    """The record of a job that was seen to have ended so long ago."""
    then = datetime.now(UTC) - ago
    return Job("a", status=status_report("Completed", then), details=JobDetails(then, private=private))


class Awaited:
    """One way to wait for a result."""

    def __init__(self, name):
        self.is_async = name == "asyncio"

    def __call__(self, job, *given, **named):
        if self.is_async:
            return asyncio.run(job.result_async(*given, **named))
        return job.result(*given, **named)


@pytest.fixture(params=["blocking", "asyncio"])
def result(request):
    return Awaited(request.param)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_while_the_result_is_read_is_waited_out(result, trouble):
    client = ScriptedClient([DONE], results=[trouble, BODY])
    assert result(job_of(client)).success
    assert client.calls.count(("job_results", "a")) == 2


@pytest.mark.parametrize("trouble", [DOWN, BUSY, PAGE, HTML, b""])
def test_trouble_that_lasts_ends_the_call_at_its_timeout(result, trouble):
    with pytest.raises(IBMJobTimeoutError, match=r"could not read the result of job a within 0\.2 seconds; .*trouble"):
        result(job_of(ScriptedClient([DONE], results=[trouble])), timeout=0.2)


def test_trouble_that_lasts_is_given_up_after_the_patience(result):
    job = job_of(ScriptedClient([DONE], results=[DOWN]))
    job.wait_policy = WaitPolicy(shortest_pause=0.001, share=0.001, patience=0.5)
    with pytest.raises(IBMJobApiError, match=r"gave up waiting for the result of job a after \d+ tries.*reset by peer"):
        result(job)


def test_each_kind_of_trouble_is_logged_once_and_its_end_once(result, caplog):
    client = ScriptedClient([DONE], results=[DOWN, BUSY, DOWN, BUSY, BODY])
    with caplog.at_level(logging.WARNING):
        result(job_of(client))
    said = [record.getMessage() for record in caplog.records]
    assert ["continues after a failure" in line for line in said] == [True, True, False]
    assert all("the result of job a" in line for line in said)


# What is no result


@pytest.mark.parametrize("nothing", [b"", b" \n", b"null"])
def test_body_that_is_empty_is_never_stored(nothing, tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        job = job_of(ScriptedClient([DONE], results=[nothing, BODY]))
        job.keep_in(store)
        assert job.result().success
        assert [fact.raw for fact in store.history("a") if isinstance(fact, ResultPayload)] == [BODY]


def test_page_of_html_is_never_stored(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        job = job_of(ScriptedClient([DONE], results=[HTML, BODY]))
        job.keep_in(store)
        assert job.result().success
        assert [fact.raw for fact in store.history("a") if isinstance(fact, ResultPayload)] == [BODY]


@pytest.mark.parametrize("again", [b'{"message": "later"}', BODY[:40]])
def test_repeated_body_that_is_no_result_is_stored_once(tmp_path, again):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        job = job_of(ScriptedClient([DONE], results=[again]))
        job.keep_in(store)
        with pytest.raises(IBMJobApiError, match="could not read the result"):
            job.result()
        assert [fact.raw for fact in store.history("a") if isinstance(fact, ResultPayload)] == [again]


def test_job_that_ended_long_ago_and_has_no_result_is_an_error(result):
    job = job_of(ScriptedClient([DONE], results=[b""]), ended(timedelta(minutes=2)))
    with pytest.raises(IBMJobApiError, match="the service has none"):
        result(job)


def test_private_job_that_has_no_result_any_more_was_read_before(result):
    job = job_of(ScriptedClient([DONE], results=[b""]), ended(timedelta(minutes=2), private=True))
    with pytest.raises(IBMJobApiError, match="read only once"):
        result(job)


@pytest.mark.parametrize("nothing", ["", None])
def test_foreign_client_that_brings_nothing_brings_no_result(result, nothing):
    answers = [nothing, BODY.decode()]

    class Foreign:
        def job_get(self, job_id):
            return DONE

        def job_results(self, job_id):
            return answers.pop(0)

    assert result(job_of(Foreign())).success


# Who spoke


class Foreign:
    """A third-party client whose exceptions are made as those of the official ones are."""

    def __init__(self, status, body):
        self.answer = requests.Response()
        self.answer.status_code, self.answer._content = status, body
        self.asked = 0

    def job_get(self, job_id):
        return DONE

    def job_results(self, job_id):
        self.asked += 1
        if self.asked == 1:
            try:
                self.answer.raise_for_status()
            except requests.RequestException as error:
                raise self.Refusal(str(error)) from error
        return BODY

    class Refusal(Exception):  # noqa: N818
        status_code = 404
        message = "404 Client Error"


def test_page_that_a_foreign_client_raises_is_waited_out(result):
    client = Foreign(404, b"<html>404 Not Found</html>")
    assert result(job_of(client)).success
    assert client.asked == 2


@pytest.mark.parametrize("body", [b'{"errors": [{"code": 1291, "message": "No."}]}', b'{"error": {"message": "No."}}'])
def test_refusal_raised_by_a_foreign_client_is_final(result, body):
    client = Foreign(404, body)
    with pytest.raises(IBMJobApiError, match="404"):
        result(job_of(client))
    assert client.asked == 1


# Of a job that failed


def test_failed_job_is_a_failure_without_a_timely_reason(result):
    with pytest.raises(IBMJobFailureError, match="job a failed"):
        result(job_of(ScriptedClient([FAILED], results=[DOWN])), timeout=0.2)


def test_error_of_an_awaited_result_is_raised_and_not_logged(caplog):
    job = job_of(ScriptedClient([b'{"id": "a", "state": {"status": "Cancelled"}}']))
    with pytest.raises(IBMJobInvalidStateError, match="was cancelled"):
        asyncio.run(job.result_async())
    gc.collect()
    assert not caplog.records


def test_reason_of_a_failed_job_is_waited_for(result):
    client = ScriptedClient([FAILED], results=[DOWN, HTML, b"JobError: 'Too hot.'"])
    with pytest.raises(IBMJobFailureError, match="Too hot"):
        result(job_of(client), timeout=30)


def test_partial_result_of_a_failed_job_is_waited_for(result):
    client = ScriptedClient([FAILED], results=[DOWN, PAGE, BODY])
    assert not result(job_of(client), timeout=30, partial=True).success


def test_failed_job_that_left_nothing_is_not_waited_for():
    client = ScriptedClient([FAILED], results=[b""])
    with pytest.raises(IBMJobFailureError, match="The service gave no reason"):
        job_of(client).result(partial=True)


def test_reason_is_asked_for_once_outside_of_a_wait():
    client = ScriptedClient([FAILED], results=[PAGE])
    with pytest.raises(IBMJobApiError, match="404"):
        job_of(client).error_message()
    assert client.calls.count(("job_results", "a")) == 1
