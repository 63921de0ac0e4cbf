"""A service that stops while clients are connected: it ends in order, and logs nothing."""

import socket
from urllib.parse import urlsplit

import pytest
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.local import LocalService


@pytest.fixture
def service():
    with LocalService(workers=1) as service:
        yield service


def opened(service, path, **headers):
    """A connection over which a reply has begun, of which nothing more is read."""
    parts = urlsplit(service.url)
    connection = socket.socket()
    # Little fits in between, so that the service soon waits for the reader.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((parts.hostname, parts.port))
    lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{name}: {text}" for name, text in headers.items())]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    assert connection.recv(15) == b"HTTP/1.1 200 OK"
    return connection


def test_open_stream_of_the_page_ends(service, capfd):
    with opened(service, "/page/live/devices", Authorization=f"apikey {service.token}"):
        service.stop()
    assert capfd.readouterr().err == ""


def test_download_that_nothing_reads_is_dropped(service, capfd):
    circuit = QuantumCircuit(20, 20)
    circuit.h(range(20))
    circuit.measure(range(20), range(20))
    with IBMProvider(service.token, service.url, store=None) as provider:
        job = provider.get_backend("local_simulator").run([circuit] * 8, shots=100_000, memory=True)
        job.wait_for_final_state()
        headers = provider.account_client.headers()
        capfd.readouterr()
        with opened(service, f"/api/jobs/{job.job_id()}/results", **headers):
            service.stop()
    assert capfd.readouterr().err == ""
