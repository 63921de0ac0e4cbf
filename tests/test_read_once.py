"""The result of a private job, which can be read once: what counts as read, and what does not."""

import http.client
import os
import queue
import signal
import socket
import threading
import urllib.request
from urllib.parse import urlsplit

import pytest
import requests
import uvicorn
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.local import LocalService
from ibm_circuit_job.local.acknowledgement import AcknowledgedProtocol

# The children that are forked here do nothing but ask the service.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")

READ = "was read, and is deleted"
BEING_READ = "is being read by another request"


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
    return IBMProvider(service.token, service.platform_url, service.instance)


@pytest.fixture(scope="module", params=["legacy", "platform"])
def provider(service, request):
    return provider_of(service, request.param)


@pytest.fixture(scope="module")
def classic(service):
    return provider_of(service, "legacy")


@pytest.fixture(params=["legacy", "platform"])
def stored(storing, request):
    return provider_of(storing, request.param)


def private_job(provider, shots=10):
    """Run a private job of twenty qubits, so that many shots make a large result."""
    circuit = QuantumCircuit(20, 20)
    circuit.h(range(20))
    circuit.measure(range(20), range(20))
    job = provider.get_backend("local_simulator").run(circuit, shots=shots, memory=True, private=True)
    job.wait_for_final_state(timeout=60)
    return job.job_id()


LARGE = 100_000


class Result:
    """Where the result of a new private job lies, and how any client asks for it."""

    def __init__(self, provider, shots=10, *, at_url=False):
        self.job_id = private_job(provider, shots)
        self.headers = provider.runtime_client._account.headers()
        self.url = f"{provider.url}/jobs/{self.job_id}/results"
        if at_url:
            self.url, self.headers = self.get().json()["url"], {}
        self.address = (urlsplit(self.url).hostname, urlsplit(self.url).port)

    def get(self, asking=requests, **headers):
        return asking.get(self.url, headers=self.headers | headers, timeout=30)

    def can_be_read(self):
        """Read it, so that it cannot be read again."""
        first, second = self.get(), self.get()
        return (first.status_code, second.status_code) == (200, 404)

    def request(self, *more):
        parts = urlsplit(self.url)
        lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, *more, "", ""]).encode()


def killed(client, *arguments, **named):
    """Run a client in a process of its own, until it is killed."""
    child = os.fork()
    if not child:
        try:
            client(*arguments, **named)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def take(asking, but=0):
    """Take one reply from the kernel, and no byte more, or so many bytes less."""
    reply = http.client.HTTPResponse(asking)
    reply.fp = asking.makefile("rb", buffering=0)
    reply.begin()
    return reply.read(reply.length - but)


# What the service takes for a reading


def test_second_reading_is_refused_on_the_same_connection_and_on_another(provider):
    result = Result(provider)
    with requests.Session() as session:
        assert result.get(session).status_code == 200
        elsewhere = result.get()
        assert (elsewhere.status_code, BEING_READ in elsewhere.text) == (404, True)
        again = result.get(session)
        assert (again.status_code, READ in again.text) == (404, True)
        assert READ in result.get().text


def test_whoever_asks_for_anything_else_on_the_connection_has_read_it(classic):
    result = Result(classic)
    with requests.Session() as session:
        assert result.get(session).status_code == 200
        session.get(f"{classic.url}/version", timeout=10)
        assert READ in result.get().text


@pytest.mark.parametrize("shots", [10, LARGE])
def test_client_that_reads_and_exits_has_read_it(provider, shots):
    result = Result(provider, shots)

    def client():
        with requests.Session() as session:
            result.get(session)
            die()

    assert killed(client)
    assert READ in result.get().text


@pytest.mark.parametrize("shots", [10, LARGE])
def test_result_at_a_url_is_read_once(stored, shots):
    result = Result(stored, shots, at_url=True)
    with requests.Session() as session:
        assert result.get(session).status_code == 200
        assert BEING_READ in result.get().text
        assert result.get(session).status_code == 404
    assert result.get().status_code == 404


def test_client_that_wants_the_connection_closed_has_read_it_once_it_closes_it_too(classic):
    result = Result(classic)
    reply = urllib.request.urlopen(urllib.request.Request(result.url, headers=result.headers), timeout=10)  # noqa: S310
    assert reply.headers["Connection"] == "close"
    assert BEING_READ in result.get().text
    assert len(reply.read()) > 0
    reply.close()
    assert READ in result.get().text


def test_question_for_the_size_neither_waits_for_a_reading_nor_is_one(classic):
    result = Result(classic)
    with requests.Session() as session:
        assert session.head(result.url, headers=result.headers, timeout=10).status_code == 200
        assert session.head(result.url, headers=result.headers, timeout=10).status_code == 200
        assert result.get(session).status_code == 200
        assert result.get().status_code == 404


# What it does not


@pytest.mark.parametrize("more", [[], ["Connection: close"]], ids=["kept", "closed"])
def test_client_that_is_killed_right_after_it_has_asked_has_read_nothing(provider, more):
    result = Result(provider)

    def client():
        asking = socket.create_connection(result.address)
        asking.sendall(result.request(*more))
        die()

    for _ in range(40):
        assert killed(client)
    # What is answered goes to nobody, and the service need not have noticed yet.
    while BEING_READ in (reply := result.get()).text:
        pass
    assert reply.status_code == 200
    assert result.get().status_code == 404


@pytest.mark.parametrize("more", [[], ["Connection: close"]], ids=["kept", "closed"])
@pytest.mark.parametrize("shots", [10, LARGE])
def test_client_that_is_killed_before_it_takes_what_has_arrived_has_read_nothing(provider, shots, more):
    result = Result(provider, shots)

    def client():
        asking = socket.create_connection(result.address)
        asking.sendall(result.request(*more))
        asking.recv(1, socket.MSG_PEEK)
        die()

    for _ in range(5):
        assert killed(client)
    assert result.can_be_read()


@pytest.mark.parametrize("shots", [10, LARGE])
def test_client_that_is_killed_in_the_middle_of_the_body_has_read_nothing(provider, shots):
    result = Result(provider, shots)

    def client():
        asking = socket.create_connection(result.address)
        asking.sendall(result.request())
        take(asking, but=1)
        die()

    assert killed(client)
    assert result.can_be_read()


def test_connection_that_ends_with_the_service_is_no_reading(tmp_path):
    with LocalService(data=tmp_path, workers=1) as service:
        result = Result(provider_of(service, "legacy"))
        session = requests.Session()
        assert result.get(session).status_code == 200
        os.kill(service.pid, signal.SIGKILL)
    session.close()
    with LocalService(data=tmp_path, workers=1) as service:
        result.url = f"{service.url}/jobs/{result.job_id}/results"
        assert result.can_be_read()


def test_fault_that_breaks_the_connection_is_no_reading_and_one_that_spoils_the_body_is():
    faults = [{"kind": kind, "path": "/results", "method": "GET", "times": 1} for kind in ("reset_during", "cut_off")]
    with LocalService(workers=1, faults={"faults": faults}) as service:
        result = Result(provider_of(service, "legacy"))
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            result.get()
        assert result.get().status_code == 200
        assert READ in result.get().text


# The connection itself


class Told:
    """A server with one answer, which keeps what it was told of who has read it."""

    BODY = b"x" * 1000

    def __init__(self):
        self.was_read = queue.SimpleQueue()
        self.headers_were_sent = threading.Event()
        self.client_has_left = threading.Event()
        self._bound = socket.create_server(("127.0.0.1", 0))
        self.address = self._bound.getsockname()
        config = uvicorn.Config(
            self._answer,
            http=AcknowledgedProtocol,
            interface="asgi3",
            lifespan="off",
            log_level="critical",
            timeout_keep_alive=1,
        )
        self._server = uvicorn.Server(config)

    async def _answer(self, scope, receive, send):
        if scope["path"] == "/late":
            self.client_has_left.wait(10)
        if scope["path"] != "/unasked":
            scope["state"]["connection"].when_decided(self.was_read.put)
        size = b"%d" % len(self.BODY)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", size)]})
        if scope["path"] == "/late-body":
            self.headers_were_sent.set()
            # All the server waits: what the client does now is seen when the body is on its way.
            self.client_has_left.wait(10)
        await send({"type": "http.response.body", "body": self.BODY})

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.run, args=([self._bound],))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join()
        self._bound.close()

    def ask(self, path="/", more=b""):
        asking = socket.create_connection(self.address)
        asking.sendall(b"GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n" % (path.encode(), more))
        return asking

    def hears_no_more(self):
        return self.was_read.empty()


@pytest.fixture
def told():
    with Told() as told:
        yield told


def test_end_that_comes_before_the_body_is_no_acknowledgement_of_it(told):
    asking = told.ask("/late-body")
    assert told.headers_were_sent.wait(10)
    asking.recv(1000)
    asking.close()
    told.client_has_left.set()
    assert told.was_read.get(timeout=10) is False
    assert told.hears_no_more()


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
def test_end_that_comes_before_all_of_the_answer_is_no_acknowledgement_of_it(told, more):
    told.ask("/late", more).close()
    told.client_has_left.set()
    assert told.was_read.get(timeout=10) is False


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
@pytest.mark.parametrize("is_read", [True, False])
def test_answer_is_acknowledged_by_whoever_has_read_it_before_the_end(told, is_read, more):
    with told.ask(more=more) as asking:
        if is_read:
            assert take(asking) == told.BODY
        else:
            asking.recv(len(told.BODY), socket.MSG_PEEK | socket.MSG_WAITALL)
        assert told.hears_no_more()
    assert told.was_read.get(timeout=10) is is_read


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
def test_answer_is_acknowledged_by_whoever_says_nothing_for_long(told, more):
    with told.ask(more=more) as asking:
        assert take(asking) == told.BODY
        assert told.was_read.get(timeout=10) is True
        assert told.hears_no_more()


def test_answer_is_acknowledged_once_and_before_the_next_request_is_heard(told):
    with told.ask() as asking:
        assert take(asking) == told.BODY
        asking.sendall(b"GET /unasked HTTP/1.1\r\nHost: h\r\n\r\n")
        assert take(asking) == told.BODY
        assert told.was_read.get_nowait() is True
    with told.ask("/unasked") as asking:
        take(asking)
    assert told.hears_no_more()


def test_request_that_did_not_wait_for_the_answer_acknowledges_nothing(told):
    asking = told.ask(more=b"\r\nGET /unasked HTTP/1.1\r\nHost: h\r\n")
    take(asking)
    assert told.hears_no_more()
    # The second answer is left there.
    asking.recv(1, socket.MSG_PEEK)
    asking.close()
    assert told.was_read.get(timeout=10) is False
