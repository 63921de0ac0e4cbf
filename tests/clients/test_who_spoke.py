"""A refusal counts as the service's own where it has the service's form; a page in front of it decides nothing."""

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler

import pytest
from loopback import LoopbackServer, Replying, served
from request_failures import failure_of

from ibm_circuit_job import (
    IBMCircuitJob,
    IBMJobApiError,
    IBMJobNotFoundError,
    IBMJobTimeoutError,
    IBMProvider,
    Job,
    JobStore,
    WaitPolicy,
    wait_all,
)
from ibm_circuit_job.clients import ClientParameters, RequestFailed, object_store
from ibm_circuit_job.clients.http import HttpSession
from ibm_circuit_job.errors import IBMAccountError, Refused, account_error
from ibm_circuit_job.job import watch
from ibm_circuit_job.testing import ScriptedClient
from ibm_circuit_job.wire.replies import status_report

DONE = b'{"id": "a", "state": {"status": "Completed"}}'
PAGE = Refused("read job a", "http://x", 404, "404 Not Found", by_service=False)
OWN = Refused("read job a", "http://x", 404, "Job not found.", "1291")
QUICK = WaitPolicy(shortest_pause=0.001, share=0.001)


class Handler(Replying, BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply(*self.server.answer)


@pytest.fixture
def server():
    with served(LoopbackServer(Handler)) as server:
        yield server


def job_of(client):
    job = IBMCircuitJob(None, None, "a", runtime_client=client)
    job.wait_policy = QUICK
    return job


@pytest.mark.parametrize(
    ("status", "body", "by_service"),
    [
        (404, '{"errors": [{"code": 1291, "message": "Job not found."}], "trace": "x"}', True),
        (404, '{"error": {"code": 1291, "message": "Job not found."}}', True),
        (403, '{"errorCode": "BXNIM0415E", "errorMessage": "No."}', True),
        (404, "<html><title>404 Not Found</title></html>", False),
        (404, "", False),
        (404, "null", False),
        (404, '{"message": "no Route matched with those values"}', False),
        (404, '{"error": "Not Found"}', False),
        (404, '{"errors": []}', False),
        (431, "<html>Request Header Fields Too Large</html>", False),
        (302, "", False),
    ],
)
@pytest.mark.parametrize("way", ["request", "download"])
def test_refusal_is_final_where_the_service_itself_wrote_it(server, way, status, body, by_service):
    server.answer = (status, body)
    http = HttpSession(ClientParameters("secret", server.url))
    calls = {
        "request": lambda: http.request("read", "GET", server.url),
        "download": lambda: http.download("read", server.url),
    }
    failure = failure_of(calls[way])
    assert (failure.http_status, failure.by_service, failure.can_retry) == (status, by_service, not by_service)


@pytest.mark.parametrize(
    ("body", "by_store"), [("<?xml version='1.0'?>\n<Error><Code>NoSuchKey</Code></Error>", True), ("<html>", False)]
)
def test_refusal_of_an_object_store_is_final_where_it_wrote_it(server, body, by_store):
    server.answer = (404, body)
    assert failure_of(lambda: object_store.read(f"{server.url}/r", doing="read it")).by_service is by_store


@pytest.mark.parametrize("status", [401, 407])
def test_demand_for_credentials_is_final_from_any_server(status):
    assert not Refused("read job a", "http://x", status, by_service=False).can_retry


def test_busy_service_may_be_tried_again_whoever_says_so():
    for by_service in (True, False):
        assert Refused("read job a", "http://x", 503, by_service=by_service).can_retry


@pytest.mark.parametrize(("status", "is_passing"), [(503, True), (404, False)])
def test_page_at_the_login_is_not_taken_for_an_outage(status, is_passing):
    error = account_error(Refused("log in", "http://x", status, by_service=False))
    assert isinstance(error, IBMAccountError)
    assert error.is_passing is is_passing


# One question


def test_page_in_place_of_a_job_is_an_error_and_no_missing_job():
    with pytest.raises(IBMJobApiError, match="something in front of the service at http://x answered 404") as raised:
        job_of(ScriptedClient([PAGE])).status()
    assert not isinstance(raised.value, IBMJobNotFoundError)


def test_not_found_from_the_service_is_a_missing_job():
    with pytest.raises(IBMJobNotFoundError, match="Job not found"):
        job_of(ScriptedClient([OWN])).status()


def test_log_is_not_empty_because_of_a_page():
    class Client(ScriptedClient):
        def job_logs(self, job_id):
            raise RequestFailed(PAGE)

    with pytest.raises(IBMJobApiError, match="404"):
        job_of(Client([DONE])).logs()


# Waits


def test_wait_goes_on_through_a_page():
    job = job_of(ScriptedClient([PAGE, PAGE, DONE]))
    job.wait_for_final_state(timeout=30)
    assert job.state.is_final


def test_wait_that_meets_only_pages_says_so_in_log_and_error(caplog):
    job = job_of(ScriptedClient([PAGE]))
    job.wait_policy = WaitPolicy(shortest_pause=0.001, share=0.001, patience=0.5)
    with pytest.raises(IBMJobApiError, match=r"gave up waiting for job a after .*something in front of the service"):
        job.wait_for_final_state()
    assert sum("continues after a failure" in line for line in caplog.messages) == 1


def test_wait_for_many_goes_on_through_a_page():
    jobs = [job_of(ScriptedClient([PAGE, DONE]))]
    wait_all(jobs, timeout=30, policy=QUICK)
    assert jobs[0].state.is_final


def test_wait_for_many_that_hears_of_pages_alone_is_a_timeout():
    with pytest.raises(IBMJobTimeoutError, match="something in front of the service"):
        wait_all([job_of(ScriptedClient([PAGE]))], timeout=0.1, policy=QUICK)


def test_wait_for_many_drops_a_question_that_is_never_answered(monkeypatch):
    """Such as by a connection that died without a word."""
    monkeypatch.setattr(watch, "LONGEST_CALL", 0.1)
    released = threading.Event()

    class Silent(ScriptedClient):
        def job_get(self, job_id, exclude_params=True):
            if not self.calls:
                self.calls.append(("job_get", job_id))
                released.wait(30)
            return super().job_get(job_id)

    jobs = [job_of(Silent([DONE]))]
    try:
        wait_all(jobs, policy=QUICK)
    finally:
        released.set()
    assert jobs[0].state.is_final


# What is not concluded


@pytest.fixture
def kept(tmp_path, provider):
    with JobStore(tmp_path / "jobs.sqlite") as store, IBMProvider(provider.token, provider.url, store=store) as kept:
        yield kept


def test_job_is_resumed_though_a_page_answers_for_it(kept, monkeypatch, caplog):
    kept.store.save_all([Job("a"), Job("b")], service=kept.service)

    def answer(job_id, **_):
        if job_id == "a":
            raise RequestFailed(PAGE)
        return DONE.replace(b'"a"', b'"b"').replace(b"Completed", b"Running")

    monkeypatch.setattr(kept.runtime_client, "job_get", answer)
    assert {job.job_id() for job in kept.resume()} == {"a", "b"}
    assert "The new status of job a could not be read" in caplog.text


@pytest.mark.parametrize(("answer", "error"), [(PAGE, IBMJobTimeoutError), (b"", IBMJobApiError)])
def test_page_or_empty_body_does_not_end_the_wait_for_a_result(tmp_path, answer, error):
    """The job ended long ago, and its result can be read only once."""
    private = DONE.replace(b"}}", b'}, "private": true}')
    with JobStore(tmp_path / "jobs.sqlite") as store:
        for status in ("Running", "Completed"):
            store.save(Job("a", status=status_report(status, datetime(2024, 2, 3, tzinfo=UTC))))
        job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([private], results=[answer]), store=store)
        with pytest.raises(error):
            job.result(timeout=0.1)
        assert [record.job_id for record in store.unfinished()] == ["a"]
