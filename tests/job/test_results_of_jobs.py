"""The result of a job: waited for, read once, kept; partial, consumed, or lying at a URL."""

import logging
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler

import msgspec
import pytest
from loopback import LoopbackServer, Replying, served
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.providers.exceptions import JobError, JobTimeoutError

from ibm_circuit_job import (
    IBMCircuitJob,
    IBMJobApiError,
    IBMJobFailureError,
    IBMJobInvalidStateError,
    IBMJobNotFoundError,
    IBMJobTimeoutError,
    Job,
    JobInputs,
)
from ibm_circuit_job.clients import ClientParameters, RequestFailed
from ibm_circuit_job.clients.object_store import is_allowed, read
from ibm_circuit_job.errors import Refused, Unreachable
from ibm_circuit_job.testing import ScriptedClient
from ibm_circuit_job.wire import queries, typed_json

DONE = b'{"id": "a", "state": {"status": "Completed"}, "private": false}'
PRIVATE = b'{"id": "a", "state": {"status": "Completed"}, "private": true}'
FAILED = b'{"id": "a", "state": {"status": "Failed", "reason": "Too hot.", "reason_code": 7}}'
FAILED_WITHOUT_REASON = b'{"id": "a", "state": {"status": "Failed", "reason": "Error"}}'
DOWN = Unreachable("read the result of job a", "http://x", "no route")
SIGNATURE = "X-Signature=5ecret"
RESET = None
"""Instead of an HTTP status: the connection breaks."""


def body_of(*outcomes, success=True):
    """The body of a result with one circuit for each outcome; None stands for a circuit that failed."""
    return msgspec.json.encode(
        {
            "backend_name": "b",
            "job_id": "a",
            "success": success,
            "results": [
                {
                    "shots": 3,
                    "success": outcome is not None,
                    "status": "DONE" if outcome else "ERROR",
                    "header": {"name": f"c{index}", "memory_slots": 1, "creg_sizes": [["c", 1]]},
                    "data": {} if outcome is None else {"counts": {outcome: 3}},
                }
                for index, outcome in enumerate(outcomes)
            ],
        }
    )


def gone(status):
    return Refused("read the result of job a", "http://x", status, "No such result.")


def job_of(client, **given):
    return IBMCircuitJob(None, None, "a", runtime_client=client, **given)


def asked(client):
    return [method for method, _ in client.calls]


class Store(LoopbackServer):
    """An object store on loopback: what it holds by path, and what it was asked."""

    def __init__(self):
        super().__init__(_Objects)
        self.holds = {}
        self.requests = []

    def put(self, path, body, status=200):
        self.holds[path] = (status, body)
        return f"{self.url}{path}?{SIGNATURE}"


class _Objects(Replying, BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append((self.path, dict(self.headers)))
        status, body = self.server.holds.get(self.path.split("?")[0], (404, b"<Error>NoSuchKey</Error>"))
        if status is RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        if status == 302:
            self.reply(status, Location=body.decode())
        else:
            self.reply(status, body)


@pytest.fixture
def store():
    with served(Store()) as store:
        yield store


def location(url):
    return msgspec.json.encode({"url": url})


# Where it lies in the reply


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        ("Cancelled", IBMJobInvalidStateError, "was cancelled"),
        ("Cancelled - Ran too long", IBMJobInvalidStateError, "was cancelled"),
        ("Failed", IBMJobFailureError, "The service gave no reason"),
    ],
)
def test_job_that_is_not_done_has_no_result(status, error, message):
    client = ScriptedClient([b'{"id": "a", "state": {"status": "%s"}}' % status.encode()])
    with pytest.raises(error, match=message) as raised:
        job_of(client).result()
    assert isinstance(raised.value, JobError)


def test_reason_of_a_failed_job_is_in_the_error_with_its_code():
    with pytest.raises(IBMJobFailureError, match=r"job a failed: Error code 7; Too hot\."):
        job_of(ScriptedClient([FAILED])).result()


def test_result_waits_for_the_job_to_end():
    running = b'{"id": "a", "state": {"status": "Running"}}'
    client = ScriptedClient([running, running, DONE], results=[body_of("0x1")])
    assert job_of(client).result(timeout=30).get_counts() == {"1": 3}
    assert asked(client) == ["job_get"] * 3 + ["job_results"]


def test_result_of_a_job_that_does_not_end_in_time_is_a_timeout():
    client = ScriptedClient([b'{"id": "a", "state": {"status": "Running"}}'])
    with pytest.raises(IBMJobTimeoutError, match="within 0 seconds") as raised:
        job_of(client).result(timeout=0)
    assert isinstance(raised.value, JobTimeoutError)
    assert "job_results" not in asked(client)


def test_refresh_reads_the_result_again_and_caches_the_new_one():
    client = ScriptedClient([DONE], results=[body_of("0x1"), body_of("0x0")])
    job = job_of(client)
    first = job.result()
    assert job.result() is first
    again = job.result(refresh=True)
    assert again.get_counts() == {"0": 3}
    assert job.result() is again
    assert asked(client).count("job_results") == 2


def test_threads_that_ask_during_a_download_share_it():
    reading, go_on = threading.Event(), threading.Event()

    class Slow(ScriptedClient):
        def job_results(self, job_id):
            reading.set()
            assert go_on.wait(30)
            return super().job_results(job_id)

    client = Slow([DONE], results=[body_of("0x1")])
    job = job_of(client)
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(job.result)
        assert reading.wait(30)
        others = [threads.submit(job.result) for _ in range(3)]
        go_on.set()
        assert len({id(each.result()) for each in [first, *others]}) == 1
    assert asked(client).count("job_results") == 1


@pytest.mark.parametrize("trouble", [DOWN, gone(404), gone(410), b"<html>down</html>", b'{"success": true}'])
def test_failed_second_reading_keeps_what_was_kept(trouble):
    job = job_of(ScriptedClient([DONE], results=[body_of("0x1"), trouble]))
    kept = job.result()
    with pytest.raises((IBMJobApiError, IBMJobTimeoutError)):
        job.result(timeout=1, refresh=True)
    assert job.result() is kept
    assert job.state.payload.raw == body_of("0x1")


# Read elsewhere


@pytest.mark.parametrize(("reply", "status"), [(PRIVATE, 404), (PRIVATE, 410), (DONE, 410)])
def test_result_that_was_read_elsewhere_is_an_error_that_says_so(reply, status):
    with pytest.raises(IBMJobApiError, match=rf"was read before.*only once.*{status}") as raised:
        job_of(ScriptedClient([reply], results=[gone(status)])).result()
    assert not isinstance(raised.value, IBMJobNotFoundError)


def test_result_that_is_missing_does_not_mean_that_the_job_is():
    with pytest.raises(IBMJobApiError, match="404: No such result") as raised:
        job_of(ScriptedClient([DONE], results=[gone(404)])).result()
    assert not isinstance(raised.value, IBMJobNotFoundError)
    assert "only once" not in str(raised.value)


def test_privacy_is_asked_for_if_unknown():
    job = job_of(ScriptedClient([PRIVATE], results=[gone(404)]), status="COMPLETED")
    with pytest.raises(IBMJobApiError, match="only once"):
        job.result()


def test_result_of_a_private_job_is_read_once_and_stays():
    client = ScriptedClient([PRIVATE], results=[body_of("0x1"), gone(404)])
    job = job_of(client)
    assert job.private
    kept = job.result()
    job.refresh()
    assert job.error_message() is None
    assert job.result() is kept
    assert asked(client).count("job_results") == 1


# Partial


def test_partial_result_of_a_failed_job_has_what_ran():
    client = ScriptedClient([FAILED], results=[body_of("0x1", None)])
    job = job_of(client)
    result = job.result(partial=True)
    assert result.success is False
    assert result.get_counts("c0") == {"1": 3}
    with pytest.raises(QiskitError, match=r"no status.*ERROR"):
        result.get_counts("c1")
    assert job.result(partial=True) is result
    with pytest.raises(IBMJobFailureError, match="Too hot"):
        job.result()
    assert asked(client).count("job_results") == 1


def test_partial_result_is_read_again_where_that_is_asked_for():
    client = ScriptedClient([FAILED], results=[body_of("0x1"), body_of("0x0"), DOWN])
    job = job_of(client)
    assert job.result(partial=True).get_counts() == {"1": 3}
    again = job.result(partial=True, refresh=True)
    assert again.get_counts() == {"0": 3}
    with pytest.raises(IBMJobTimeoutError, match="no route"):
        job.result(timeout=1, partial=True, refresh=True)
    assert job.result(partial=True) is again


@pytest.mark.parametrize("left", [b"JobError: 'Too hot.'", b"", b"{}", gone(404)])
def test_failed_job_without_a_result_is_a_failure_with_a_reason(left):
    job = job_of(ScriptedClient([FAILED], results=[left]))
    with pytest.raises(IBMJobFailureError, match="Error code 7; Too hot"):
        job.result(partial=True)


def test_partial_changes_nothing_for_a_job_that_is_done():
    job = job_of(ScriptedClient([DONE], results=[body_of("0x1")]))
    assert job.result(partial=True).success is True
    assert job.result(partial=True) is job.result()


def test_partial_result_of_a_cancelled_job_is_an_invalid_state():
    client = ScriptedClient([b'{"id": "a", "state": {"status": "Cancelled"}}'])
    with pytest.raises(IBMJobInvalidStateError):
        job_of(client).result(partial=True)


# At a URL


def test_result_at_a_url_is_read_from_there_without_our_token(store):
    client = ScriptedClient([DONE], results=[location(store.put("/r", body_of("0x1")))])
    client.params = ClientParameters("the-token", "http://127.0.0.1:1/api")
    job = job_of(client)
    assert job.result().get_counts() == {"1": 3}
    assert job.result() is job.result()
    [(path, headers)] = store.requests
    assert path == f"/r?{SIGNATURE}"
    assert "the-token" not in repr(headers)
    assert {name.lower() for name in headers}.isdisjoint({"authorization", "x-access-token", "cookie"})


@pytest.mark.parametrize(
    "url",
    [
        "http://store.example/r?X-Signature=5ecret",
        "http://store.example\\@127.0.0.1/r?X-Signature=5ecret",
        "http://127.0.0.1@store.example/r?X-Signature=5ecret",
        "http://0.0.0.0/r",
        "file:///etc/passwd",
        "ftp://127.0.0.1/r",
        "http://",
        "http://[",
        "r",
        "",
    ],
)
def test_result_at_a_url_that_is_not_safe_is_refused(url):
    assert not is_allowed(url)
    with pytest.raises(IBMJobApiError, match="expected an https URL for the result") as raised:
        job_of(ScriptedClient([DONE], results=[location(url)])).result()
    assert "5ecret" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["https://store.example/r", "HTTPS://store.example", "http://localhost:80/r", "http://[::1]:80/r"]
)
def test_https_and_this_machine_are_safe(url):
    assert is_allowed(url)


def test_result_at_a_url_may_hold_so_many_bytes_and_no_more(store, monkeypatch):
    url = store.put("/r", b"x" * 1000)
    monkeypatch.setenv("IBM_CIRCUIT_JOB_MOST_RESULT_BYTES", "1000")
    assert read(url, doing="read") == b"x" * 1000
    monkeypatch.setenv("IBM_CIRCUIT_JOB_MOST_RESULT_BYTES", "999")
    with pytest.raises(RequestFailed, match="expected at most 999 bytes"):
        read(url, doing="read")


def test_redirect_of_a_store_is_not_followed(store):
    elsewhere = store.put("/elsewhere", body_of("0x1"))
    url = store.put("/r", elsewhere.encode(), status=302)
    with pytest.raises(IBMJobTimeoutError, match="answered 302"):
        job_of(ScriptedClient([DONE], results=[location(url)])).result(timeout=1)
    assert {path.split("?")[0] for path, _ in store.requests} == {"/r"}


def test_error_of_a_store_names_no_signature(store):
    url = store.put("/r", b"<Error>AccessDenied</Error>", status=403)
    with pytest.raises(IBMJobApiError, match=r"127\.0\.0\.1.*/r answered 403") as raised:
        job_of(ScriptedClient([DONE], results=[location(url)])).result()
    assert "5ecret" not in str(raised.value)


@pytest.mark.parametrize("status", [403, 404, 503, RESET])
def test_url_signature_is_in_no_error_and_no_log(store, status, caplog):
    caplog.set_level(logging.DEBUG)
    url = store.put("/r", b'{"error": {"message": "Not here: /r?X-Signature=5ecret"}}', status=status)
    with pytest.raises((IBMJobApiError, IBMJobTimeoutError)) as raised:
        job_of(ScriptedClient([DONE], results=[location(url)])).result(timeout=1)
    assert store.requests
    assert "5ecret" not in repr([raised.value, raised.value.__cause__, raised.value.__context__])
    assert "urllib3.connectionpool" in {record.name for record in caplog.records}
    assert "5ecret" not in caplog.text


def test_object_store_is_reached_through_the_given_proxy(store, monkeypatch):
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    given = ClientParameters("t", proxies={"urls": {"https": f"http://127.0.0.1:{store.server_port}"}})
    with pytest.raises(RequestFailed, match="Tunnel connection failed: 501"):
        read("https://store.invalid/r", doing="read", parameters=given)


def test_url_that_has_expired_asks_the_service_for_another(store):
    expired = store.put("/old", b"Request has expired", status=403)
    client = ScriptedClient([DONE], results=[location(expired), location(store.put("/new", body_of("0x1")))])
    assert job_of(client).result().get_counts() == {"1": 3}
    assert [path.split("?")[0] for path, _ in store.requests] == ["/old", "/old", "/new"]


def test_url_of_a_read_once_result_survives_object_store_outage(store):
    busy = store.put("/r", b"try again", status=429)
    client = ScriptedClient([PRIVATE], results=[location(busy), gone(404)])
    job = job_of(client)
    with pytest.raises(IBMJobTimeoutError, match="429"):
        job.result(timeout=1)
    store.put("/r", body_of("0x1"))
    assert job.result().get_counts() == {"1": 3}
    assert asked(client).count("job_results") == 1


def test_failed_second_reading_of_a_url_keeps_what_was_kept(store):
    client = ScriptedClient([DONE], results=[location(store.put("/r", body_of("0x1")))])
    job = job_of(client)
    kept = job.result()
    store.put("/r", b"<Error><Code>NoSuchKey</Code></Error>", status=404)
    with pytest.raises(IBMJobApiError, match="404"):
        job.result(refresh=True)
    assert job.result() is kept


def test_partial_result_at_a_url_is_read_from_there(store):
    client = ScriptedClient([FAILED], results=[location(store.put("/r", body_of("0x1")))])
    result = job_of(client).result(partial=True)
    assert (result.success, result.get_counts()) == (False, {"1": 3})


def test_reason_of_a_failure_may_lie_at_a_url(store):
    client = ScriptedClient([FAILED_WITHOUT_REASON], results=[location(store.put("/r", b"JobError: 'Too hot.'"))])
    assert job_of(client).error_message() == "Too hot."


# Of the sampler


def test_circuit_names_stay_with_results_if_one_is_unreadable():
    circuit = QuantumCircuit(1, name="second")
    body = typed_json.encode({"pubs": [["no circuit", None, 10], [circuit, None, 10], []]})
    job = Job("a", inputs=JobInputs(datetime(2024, 2, 3, tzinfo=UTC), body))
    assert queries.sampled_names(job) == ("circuit-0", "second", "circuit-2")


# Why a job failed


def test_error_message_asks_for_the_results_text_once():
    client = ScriptedClient([FAILED_WITHOUT_REASON], results=[b"JobError: 'Too hot.'"])
    job = job_of(client)
    assert job.error_message() == job.error_message() == "Too hot."
    assert asked(client).count("job_results") == 1


def test_error_message_may_be_the_end_of_a_traceback():
    text = b"noise\nTraceback (most recent call last):\n  ...\nValueError: too hot"
    job = job_of(ScriptedClient([FAILED_WITHOUT_REASON], results=[text]))
    assert job.error_message().startswith("Traceback")
    assert job.error_message().endswith("ValueError: too hot")


@pytest.mark.parametrize("status", ["Queued", "Running", "Completed", "Cancelled"])
def test_error_message_without_a_failure_reads_no_result(status):
    client = ScriptedClient([b'{"id": "a", "state": {"status": "%s", "reason": "x"}}' % status.encode()])
    assert job_of(client).error_message() is None
    assert "job_results" not in asked(client)
