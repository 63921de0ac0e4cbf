"""Faults to order: each kind, as a plain client meets it."""

from datetime import UTC, datetime, timedelta

import pytest
import requests
import websocket
from qiskit import QuantumCircuit
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.errors import Unreachable
from ibm_circuit_job.local import LocalService, LocalServiceError


@pytest.fixture
def faulty():
    """Start a service with these faults in all that has to do with jobs, and log in."""
    started = []

    def start(*faults):
        plan = {"seed": 7, "faults": [{"path": "/jobs", **fault} for fault in faults]}
        service = LocalService(faults=plan, workers=1)
        started.append(service)
        return IBMProvider(service.token, service.url)

    yield start
    for service in started:
        service.stop()


def ask(provider, path="/jobs", timeout=10):
    return requests.get(provider.url + path, headers=provider.account_client.headers(), timeout=timeout)


def test_answers_are_errors_pages_cut_off_garbled_and_late(faulty):
    kinds = [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 429},
        {"kind": "html", "status": 502},
        {"kind": "cut_off"},
        {"kind": "garbled"},
        {"kind": "slow", "seconds": 1.0},
    ]
    provider = faulty(*({**kind, "times": 1} for kind in kinds))
    whole = b'{"jobs":[],"count":0,"limit":200,"offset":0}'
    assert ask(provider).status_code == 500
    refused = ask(provider)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    page = ask(provider)
    assert page.status_code == 502
    assert "<title>Down for maintenance</title>" in page.text
    assert ask(provider).content == whole[: len(whole) // 2]
    garbled = ask(provider).content
    assert garbled != whole
    with pytest.raises(requests.ReadTimeout):
        ask(provider, timeout=0.3)
    assert ask(provider).content == whole


def test_connections_are_reset_before_and_during_a_reply(faulty):
    provider = faulty({"kind": "reset_before", "times": 1}, {"kind": "reset_during", "times": 1})
    with pytest.raises(requests.ConnectionError):
        ask(provider)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ask(provider)
    assert ask(provider).json()["count"] == 0


def test_unknown_and_stale_statuses_do_not_end_a_wait(faulty):
    provider = faulty({"kind": "unknown_status", "rate": 0.4}, {"kind": "stale_status", "rate": 0.4})
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    job = provider.get_backend("local_simulator").run(circuit, shots=10)
    assert job.result(timeout=60).get_counts() == {"0": 10}
    said = {ask(provider, f"/jobs/{job.job_id()}").json()["status"] for _ in range(40)}
    assert said == {"Completed", "Running", "Levitating"}
    assert job.status() is JobStatus.DONE


def test_streams_are_refused_and_closed_with_a_code(faulty):
    provider = faulty(
        {"kind": "stream_refused", "times": 1, "status": 502},
        {"kind": "stream_closed", "times": 1, "code": 4001, "seconds": 0.05},
    )
    url = provider.url.replace("http", "ws", 1) + "/stream/jobs/any"
    headers = provider.account_client.headers()
    with pytest.raises(websocket.WebSocketBadStatusException, match="502"):
        websocket.create_connection(url, header=headers)
    stream = websocket.create_connection(url, header=headers, timeout=10)
    opcode, frame = stream.recv_data()
    stream.shutdown()
    assert (opcode, int.from_bytes(frame[:2])) == (websocket.ABNF.OPCODE_CLOSE, 4001)


def test_silent_stream_sends_no_pong(faulty):
    provider = faulty({"kind": "stream_silent"})
    url = provider.url.replace("http", "ws", 1) + "/stream/jobs/any"
    stream = websocket.create_connection(url, header=provider.account_client.headers(), timeout=0.5)
    stream.ping()
    with pytest.raises(websocket.WebSocketTimeoutException):
        stream.recv_data_frame(control_frame=True)
    stream.shutdown()


def test_clock_jumps(faulty):
    provider = faulty({"kind": "clock_step", "seconds": 3600, "times": 1, "method": "POST"})
    backend = provider.get_backend("local_simulator")
    circuit = QuantumCircuit(1, 1)
    assert backend.run(circuit).creation_date() > datetime.now(UTC) + timedelta(minutes=50)


def test_same_seed_gives_the_same_faults(faulty):
    def row():
        provider = faulty({"kind": "status", "rate": 0.5})
        return [ask(provider).status_code for _ in range(20)]

    first = row()
    assert first == row()
    assert set(first) == {200, 503}


def test_service_tells_how_many_faults_there_were(faulty):
    provider = faulty({"kind": "status", "times": 1}, {"kind": "cut_off", "times": 2})
    told = provider.url.removesuffix("/api") + "/faults"
    before = requests.get(told, timeout=10).json()
    for _ in range(4):
        ask(provider)
    after = requests.get(told, timeout=10).json()
    assert (before["faults"], after["faults"]) == ({}, {"status": 1, "cut_off": 2})
    assert after["served"]["http"] - before["served"]["http"] == 4


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ({"faults": [{"kind": "flood"}]}, r"Invalid enum value 'flood' - at `\$\.faults\[0\]\.kind`"),
        ({"faults": [{"kind": "slow", "rate": 2}]}, r"faults\[0\]\.rate: expected a number from 0 to 1, got 2"),
        ({"fault": []}, "unknown field `fault`"),
        ({"faults": [{"kind": "slow", "path": "("}]}, "expected a plan of faults: "),
    ],
)
def test_plan_that_is_none_is_refused(faults, message):
    with pytest.raises(LocalServiceError, match=message):
        LocalService(faults=faults)


def test_our_client_names_the_reset(faulty):
    provider = faulty({"kind": "reset_before"})
    with pytest.raises(RequestFailed) as raised:
        provider.runtime_client.job_get("any", seconds=5)
    assert isinstance(raised.value.failure, Unreachable)
