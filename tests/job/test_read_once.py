"""The result of a private job, which the service hands out once: when it is gone, and when it is not."""

import os
import signal
import socket
import time
import urllib.request
from urllib.parse import urlsplit

import pytest
import requests
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.effects import fetch_located, fetch_result, perform
from ibm_circuit_job.errors import NoResult
from ibm_circuit_job.local import LocalService

READ = "was read, and is deleted"
BEING_SENT = "is being sent to another request"
SMALL, LARGE, LARGEST = 1, 3_000_000, 10_000_000
"""Bytes of a result, or a few more. Of the largest, a connection does not take all before something reads it."""


@pytest.fixture(scope="module")
def service():
    with LocalService(workers=1) as service:
        yield service


@pytest.fixture(scope="module")
def storing():
    """A service with a store: every result lies at a URL."""
    with LocalService(workers=1, results_at_url=1) as service:
        yield service


def provider_of(service, dialect):
    if dialect == "legacy":
        return IBMProvider(service.token, service.url)
    return IBMProvider(service.token, service.platform_url, instance=service.instance)


@pytest.fixture(scope="module", params=["legacy", "platform"])
def provider(service, request):
    return provider_of(service, request.param)


@pytest.fixture(scope="module")
def classic(service):
    return provider_of(service, "legacy")


@pytest.fixture(params=["legacy", "platform"])
def stored(storing, request):
    return provider_of(storing, request.param)


def private_job(provider, size=SMALL):
    """Run a private job whose result has so many bytes: that of any circuit has what the circuit says of itself."""
    circuit = QuantumCircuit(1, 1, metadata={"text": "x" * size})
    circuit.measure(0, 0)
    job = provider.get_backend("local_simulator").run(circuit, shots=10, private=True)
    job.wait_for_final_state(timeout=60)
    return job.job_id()


class Result:
    """Where the result of a new private job lies, and how any client asks for it."""

    def __init__(self, provider, size=SMALL, *, at_url=False):
        self.job_id = private_job(provider, size)
        self.headers = provider.runtime_client._account.headers() | {"IBM-API-Version": "2026-04-15"}
        self.url = f"{provider.url}/jobs/{self.job_id}/results"
        if at_url:
            self.url, self.headers = self.get().json()["url"], {}

    def get(self, asking=requests, **named):
        return asking.get(self.url, headers=self.headers, timeout=30, **named)

    def ask_with_little_room(self):
        """Ask on a connection that takes a few kilobytes, and read nothing of the answer but its beginning."""
        parts = urlsplit(self.url)
        asking = socket.socket()
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asking.connect((parts.hostname, parts.port))
        lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        asking.sendall("\r\n".join([*lines, "", ""]).encode())
        assert asking.recv(100).startswith(b"HTTP/1.1 200")
        return asking


# The service


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_second_reading_is_refused_on_any_connection(provider, size):
    result = Result(provider, size)
    with requests.Session() as session:
        first = result.get(session)
        assert (first.status_code, len(first.content) > size) == (200, True)
        for again in (result.get(session), result.get()):
            told = (404, True) if provider.url.endswith("/api") else (204, False)
            assert (again.status_code, READ in again.text) == told


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_result_at_a_url_is_read_once(stored, size):
    result = Result(stored, size, at_url=True)
    assert [result.get().status_code, result.get().status_code] == [200, 404]


def test_result_was_read_though_the_client_leaves_its_bytes(classic):
    result = Result(classic)
    with result.get(stream=True) as reply:
        assert reply.status_code == 200
        assert READ in result.get().text


def test_connection_that_is_to_be_closed_reads_as_any_other(classic):
    result = Result(classic)
    asked = urllib.request.Request(result.url, headers=result.headers)  # noqa: S310 - of our own
    with urllib.request.urlopen(asked, timeout=10) as reply:  # noqa: S310
        assert reply.headers["Connection"] == "close"
        assert len(reply.read()) > 0
    assert READ in result.get().text


def test_question_for_the_size_is_no_reading(classic):
    result = Result(classic)
    assert requests.head(result.url, headers=result.headers, timeout=10).status_code == 200
    assert [result.get().status_code, result.get().status_code] == [200, 404]


@pytest.mark.parametrize("at_url", [False, True])
def test_result_of_which_a_part_was_sent_can_be_read(service, storing, at_url):
    result = Result(provider_of(storing if at_url else service, "legacy"), LARGEST, at_url=at_url)
    asking = result.ask_with_little_room()
    while_sent = result.get()
    assert (while_sent.status_code, BEING_SENT in while_sent.text) == (409, True)
    asking.close()
    # The service hears of the end of one connection and of a request on another in any order.
    while (reply := result.get()).status_code == 409:
        time.sleep(0.01)
    assert (reply.status_code, result.get().status_code) == (200, 404)


def test_reading_outlives_the_service(tmp_path):
    with LocalService(data=tmp_path, workers=1) as service:
        result = Result(provider_of(service, "legacy"))
        assert result.get().status_code == 200
        os.kill(service.pid, signal.SIGKILL)
    with LocalService(data=tmp_path, workers=1) as service:
        result.url = f"{service.url}/jobs/{result.job_id}/results"
        assert READ in result.get().text


@pytest.mark.parametrize("kind", ["reset_during", "cut_off"])
def test_fault_that_spoils_the_answer_spoils_the_only_one(kind):
    faults = [{"kind": kind, "path": "/results", "method": "GET", "times": 1}]
    with LocalService(workers=1, faults={"faults": faults}) as service:
        result = Result(provider_of(service, "legacy"))
        try:
            assert result.get().status_code == 200
        except requests.RequestException:
            assert kind == "reset_during"
        assert READ in result.get().text


# The client


def test_payload_is_what_was_sent_and_is_sent_once(provider, stored):
    result = Result(provider)
    payload = perform(fetch_result(provider.runtime_client, result.job_id)).unwrap()
    assert payload.raw.startswith(b"{")
    failure = perform(fetch_result(provider.runtime_client, result.job_id)).failure()
    if provider.url.endswith("/api"):
        assert failure.http_status == 404
    else:
        assert isinstance(failure, NoResult)
    result = Result(stored, at_url=True)
    payload = perform(fetch_located(stored.runtime_client, result.job_id, result.url)).unwrap()
    assert payload.raw.startswith(b"{")
    assert perform(fetch_located(stored.runtime_client, result.job_id, result.url)).failure().http_status == 404


def test_rejected_token_is_renewed_before_the_reading(provider):
    client = type(provider.runtime_client)(provider.runtime_client.params)
    client.list_backends()
    client._account._token = "expired"
    assert client.job_results(Result(provider).job_id).startswith(b"{")


def test_refusal_is_tried_again_or_named_and_is_no_reading():
    refused = {"kind": "status", "path": "/results", "method": "GET"}
    faults = [{**refused, "status": 503, "times": 2}, {**refused, "status": 418, "times": 1}]
    with LocalService(workers=1, faults={"faults": faults}) as service:
        client = provider_of(service, "legacy").runtime_client
        job_id = private_job(provider_of(service, "legacy"))
        with pytest.raises(RequestFailed) as raised:
            client.job_results(job_id)
        assert raised.value.status_code == 418
        assert client.job_results(job_id)
