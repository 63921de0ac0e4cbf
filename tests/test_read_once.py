"""The result of a private job, which can be read once: what counts as read, and what does not."""

import gzip
import http.client
import io
import itertools
import os
import queue
import random
import signal
import socket
import sys
import threading
import urllib.request
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
import requests
import uvicorn
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.clients import ClientParameters, RequestFailed, object_store
from ibm_circuit_job.clients.held_reply import OneStepBehind
from ibm_circuit_job.clients.http import HttpSession
from ibm_circuit_job.effects import fetch_located, fetch_result, perform
from ibm_circuit_job.errors import Unreachable
from ibm_circuit_job.local import LocalService
from ibm_circuit_job.local.acknowledgement import AcknowledgedProtocol

# The children that are forked here do nothing but ask the service.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")

READ = "was read, and is deleted"
BEING_READ = "is being read by another request"
REFUSED = {404, 409}
"""What a second reading is told: 409 until the service has seen how the connection of the first ended."""


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
        return first.status_code == 200 and second.status_code in REFUSED

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
    body, size = b"", reply.length - but
    while piece := reply.read(size - len(body)):
        body += piece
    return body


# What the service takes for a reading


def test_second_reading_is_refused_on_the_same_connection_and_on_another(provider):
    result = Result(provider)
    with requests.Session() as session:
        assert result.get(session).status_code == 200
        elsewhere = result.get()
        assert (elsewhere.status_code, BEING_READ in elsewhere.text) == (409, True)
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
    assert result.get().status_code in REFUSED


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
        assert result.get().status_code in REFUSED


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
    assert result.get().status_code in REFUSED


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

    BODY = b"x" * 40_000

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
        while scope["path"] == "/gone" and (await receive())["type"] != "http.disconnect":
            pass
        if scope["path"] != "/unasked":
            scope["state"]["connection"].when_decided(self.was_read.put)
        size = b"%d" % len(self.BODY)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", size)]})
        if scope["path"] == "/late-body":
            self.headers_were_sent.set()
            # All the server waits: what the client does now is seen when the body is on its way.
            self.client_has_left.wait(10)
        while scope["path"] == "/no-body" and (await receive())["type"] != "http.disconnect":
            pass
        await send({"type": "http.response.body", "body": self.BODY})

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.run, args=([self._bound],))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join()
        self._bound.close()

    def ask(self, path="/", more=b"", room=None):
        asking = socket.socket()
        if room is not None:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        asking.connect(self.address)
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


def test_answer_is_acknowledged_by_whoever_says_nothing_until_the_server_ends_the_connection(told):
    with told.ask() as asking:
        assert take(asking) == told.BODY
        assert told.hears_no_more()
        assert asking.recv(1) == b""
        assert told.was_read.get_nowait() is True


def test_answer_is_acknowledged_by_whoever_says_nothing_for_long_after_the_server_has_ended_the_connection(told):
    with told.ask(more=b"Connection: close\r\n") as asking:
        assert take(asking) == told.BODY
        assert asking.recv(1) == b""
        assert told.hears_no_more()
        assert told.was_read.get(timeout=10) is True


def test_answer_is_acknowledged_once_and_before_the_next_request_is_heard(told):
    with told.ask() as asking:
        assert take(asking) == told.BODY
        asking.sendall(b"GET /unasked HTTP/1.1\r\nHost: h\r\n\r\n")
        assert take(asking) == told.BODY
        assert told.was_read.get_nowait() is True
    with told.ask("/unasked") as asking:
        take(asking)
    assert told.hears_no_more()


def test_end_that_comes_between_headers_and_body_is_no_acknowledgement(told):
    with told.ask("/no-body") as asking:
        assert asking.recv(1000)
    assert told.was_read.get(timeout=10) is False
    assert told.hears_no_more()


def test_whoever_asks_for_an_acknowledgement_when_the_client_has_left_is_told_at_once(told):
    told.ask("/gone").close()
    assert told.was_read.get(timeout=10) is False


LITTLE_ROOM = 4096
"""So little that most of the answer waits with the kernel of the server."""


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
def test_client_that_will_say_no_more_acknowledges_nothing_that_has_not_arrived(told, more):
    with told.ask(more=more, room=LITTLE_ROOM) as asking:
        asking.recv(1, socket.MSG_PEEK)
        asking.shutdown(socket.SHUT_WR)
        assert told.was_read.get(timeout=10) is False


def test_request_that_overtakes_the_answer_acknowledges_nothing(told):
    with told.ask(room=LITTLE_ROOM) as asking:
        asking.recv(1, socket.MSG_PEEK)
        asking.sendall(b"GET /unasked HTTP/1.1\r\nHost: h\r\n\r\n")
        assert [take(asking), take(asking)] == [told.BODY] * 2
        assert told.hears_no_more()
    assert told.was_read.get(timeout=10) is True


def test_request_that_did_not_wait_for_the_answer_acknowledges_nothing(told):
    asking = told.ask(more=b"\r\nGET /unasked HTTP/1.1\r\nHost: h\r\n")
    take(asking)
    assert told.hears_no_more()
    # The second answer is left there.
    asking.recv(1, socket.MSG_PEEK)
    asking.close()
    assert told.was_read.get(timeout=10) is False


# A client that keeps a result before it lets go of the last piece


class DiskError(OSError):
    """What keeping raises, and what the network could have raised, too."""


def full(_):
    raise DiskError("No space left on device")


def another(client):
    """The same client with connections of its own."""
    return type(client)(client.params)


@pytest.mark.parametrize("shots", [10, LARGE])
def test_result_is_being_read_until_it_was_kept(provider, shots):
    result = Result(provider, shots)
    kept = []

    def keep(body):
        assert BEING_READ in result.get().text
        kept.append(body)

    assert [another(provider.runtime_client).job_results(result.job_id, keep=keep)] == kept
    assert READ in result.get().text


@pytest.mark.parametrize("shots", [10, LARGE])
def test_client_that_is_killed_while_it_keeps_has_read_nothing(provider, shots):
    result = Result(provider, shots)
    client = another(provider.runtime_client)
    assert killed(client.job_results, result.job_id, keep=lambda _: die())
    assert result.can_be_read()


@pytest.mark.parametrize("shots", [10, LARGE])
def test_client_that_is_killed_while_it_keeps_what_lay_at_a_url_has_read_nothing(stored, shots):
    result = Result(stored, shots, at_url=True)
    assert killed(object_store.read, result.url, doing="read", keep=lambda _: die())
    assert result.can_be_read()


@pytest.mark.parametrize("shots", [10, LARGE])
def test_result_at_a_url_is_being_read_until_it_was_kept(stored, shots):
    result = Result(stored, shots, at_url=True)
    kept = []

    def keep(body):
        assert BEING_READ in result.get().text
        kept.append(body)

    assert [object_store.read(result.url, doing="read", keep=keep)] == kept
    assert result.get().status_code in REFUSED


def die_at(moment):
    """Be killed at the so-manieth call or return of a function from now on; tell how many there were."""
    calls = itertools.count()

    def call(*_):
        if next(calls) == moment:
            die()

    sys.setprofile(call)
    return calls


@pytest.mark.parametrize("shots", [10, LARGE])
def test_client_that_is_killed_at_any_moment_before_it_keeps_has_read_nothing(provider, shots):
    def read(moment, keep):
        calls = die_at(moment)
        another(provider.runtime_client).job_results(result.job_id, keep=keep)
        return next(calls)

    result = Result(provider, shots)
    calls = read(None, lambda _: sys.setprofile(None))
    result = Result(provider, shots)
    for moment in range(0, calls, calls // 10):
        # At the latest here: into how many pieces a body falls is different each time, and so is the number of calls.
        assert killed(read, moment, lambda _: die())
    assert result.can_be_read()


def test_result_was_kept_or_can_be_read_again_whenever_the_client_that_keeps_it_is_killed(classic, tmp_path):
    store, part = tmp_path / "store", tmp_path / "part"

    def keep(moment, body):
        die_at(moment)
        part.write_bytes(body)
        part.replace(store)

    def read(moment):
        another(classic.runtime_client).job_results(result.job_id, keep=partial(keep, moment))

    result, fates = Result(classic), set()
    for moment in range(0, 140, 10):
        store.unlink(missing_ok=True)
        assert killed(read, moment)
        reply = result.get()
        fates.add((store.exists(), 404 if reply.status_code in REFUSED else reply.status_code))
        if reply.status_code == 200:
            assert not store.exists() or store.read_bytes() == reply.content
        result = Result(classic)
    assert fates == {(False, 200), (True, 200), (True, 404)}


def test_what_keeping_raises_goes_on_and_the_result_can_be_read_again(provider):
    result = Result(provider)
    with pytest.raises(DiskError):
        provider.runtime_client.job_results(result.job_id, keep=full)
    assert result.can_be_read()


def test_what_keeping_from_a_url_raises_goes_on_and_the_result_can_be_read_again(stored):
    result = Result(stored, at_url=True)
    with pytest.raises(DiskError):
        object_store.read(result.url, doing="read it", keep=full)
    assert result.can_be_read()


def test_payload_that_is_kept_is_the_one_that_is_returned(provider, stored):
    kept = []
    result = Result(provider)
    assert [perform(fetch_result(provider.runtime_client, result.job_id, kept.append)).unwrap()] == kept
    result = Result(stored, at_url=True)
    located = perform(fetch_located(stored.runtime_client, result.job_id, result.url, kept.append)).unwrap()
    assert [located] == kept[1:]


def test_client_that_keeps_nothing_reads_on_the_connection_that_it_has(provider):
    client = another(provider.runtime_client)
    result = Result(provider)
    client.job_get(result.job_id)
    assert client.job_results(result.job_id)
    assert BEING_READ in result.get().text
    # Whatever it asks for next goes by the same connection.
    client.job_get(result.job_id)
    assert READ in result.get().text


def test_token_that_is_not_accepted_is_renewed_and_the_result_is_kept_once(provider):
    client, kept = another(provider.runtime_client), []
    client.list_backends()
    client._account._token = "expired"
    assert [client.job_results(Result(provider).job_id, keep=kept.append)] == kept


def test_refusal_is_tried_again_and_named_and_never_kept():
    refused = {"kind": "status", "path": "/results", "method": "GET"}
    faults = [{**refused, "status": 503, "times": 2}, {**refused, "status": 418, "times": 1}]
    kept = []
    with LocalService(workers=1, faults={"faults": faults}) as service:
        provider = provider_of(service, "legacy")
        job_id = private_job(provider)
        assert perform(fetch_result(provider.runtime_client, job_id, kept.append)).failure().http_status == 418
        assert kept == []
        fetch_result(provider.runtime_client, job_id, kept.append)
        assert len(kept) == 1
        assert perform(fetch_result(provider.runtime_client, job_id, kept.append)).failure().http_status == 404


class Foreign:
    """A client of somebody else's."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def job_results(self, job_id):
        return self.answers.pop(0)


class Knowing(Foreign):
    """One that takes what it does not heed."""

    def job_results(self, job_id, **_):
        return self.answers.pop(0)


@pytest.mark.parametrize("kind", [Foreign, Knowing])
def test_body_that_a_foreign_client_brings_is_kept_before_it_is_returned(kind):
    kept = []
    payload = perform(fetch_result(kind('{"results": []}'), "a", kept.append)).unwrap()
    assert payload.raw == b'{"results": []}'
    assert kept == [payload]
    with pytest.raises(DiskError):
        fetch_result(kind(b"{}"), "a", full)
    refused = requests.Response()
    refused.status_code = 404
    assert perform(fetch_result(kind(refused), "a", kept.append)).failure().http_status == 404
    assert kept == [payload]


class Sender(ThreadingHTTPServer):
    """Answers to order, and tells how the connection ended."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Sent)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.answers = []
        self.ends = queue.SimpleQueue()


class _Sent(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        answer = self.server.answers.pop(0)
        self.wfile.write(answer)
        if b"Connection: close" in answer:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_WR)

    def handle(self):
        try:
            super().handle()
            self.rfile.read(1)
            self.server.ends.put("in order")
        except OSError:
            self.server.ends.put("reset")

    def log_message(self, *_):
        pass


@pytest.fixture
def sender():
    with Sender() as sender:
        thread = threading.Thread(target=sender.serve_forever, args=(0.01,))
        thread.start()
        yield sender
        sender.shutdown()
        thread.join()


BODY = b'{"results": []}'
ZIPPED = gzip.compress(BODY)
ANSWERS = {
    "short": b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + BODY,
    "empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "closing": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 15\r\n\r\n" + BODY,
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n%s\r\na\r\n%s\r\n0\r\n\r\n"
    % (BODY[:5], BODY[5:]),
    "zipped": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(ZIPPED), ZIPPED),
}
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"
CUT_OFF = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 15\r\n\r\n{"


@pytest.mark.parametrize("before", [[], [BUSY, BUSY]], ids=["at once", "at last"])
@pytest.mark.parametrize("kind", ANSWERS)
def test_connection_ends_in_order_if_the_body_was_kept_and_else_is_reset(sender, kind, before):
    http = HttpSession(ClientParameters("secret", sender.url))
    kept = []
    sender.answers = [*before, ANSWERS[kind]] * 2
    assert http.download("read", sender.url, keep=kept.append) == kept[0]
    assert kept == [b"" if kind in {"empty", "no content"} else BODY]
    assert sender.ends.get(timeout=10) == "in order"
    with pytest.raises(DiskError):
        http.download("read", sender.url, keep=full)
    assert sender.ends.get(timeout=10) == "reset"


def test_body_that_is_cut_off_is_not_kept(sender):
    sender.answers = [CUT_OFF]
    with pytest.raises(RequestFailed) as raised:
        HttpSession(ClientParameters("secret", sender.url)).download("read", sender.url, keep=full)
    assert isinstance(raised.value.failure, Unreachable)


def test_refusal_of_what_is_to_be_kept_shows_no_secret(sender):
    sender.answers = [b'HTTP/1.1 400 No\r\nContent-Length: 32\r\n\r\n{"error": {"message": "secret"}}']
    with pytest.raises(RequestFailed) as raised:
        HttpSession(ClientParameters("secret", sender.url)).download("read", sender.url, keep=full)
    assert raised.value.failure.message == "***"


def test_body_that_comes_by_a_proxy_is_kept_too(sender):
    sender.answers = [ANSWERS["short"]]
    kept = []
    given = ClientParameters("secret", "https://service.invalid", proxies={"urls": {"http": sender.url}})
    HttpSession(given).download("read", "http://service.invalid/a", keep=kept.append)
    assert kept == [BODY]


@pytest.mark.parametrize("size", [1, 7, 8192, 100_000])
def test_last_piece_stays_with_the_kernel_until_it_is_let_go_of(size):
    body = random.Random(size).randbytes(size)
    ours, theirs = socket.socketpair()
    with theirs, ours:
        held = OneStepBehind(ours, ours.makefile("rb", buffering=0))
        sending = threading.Thread(target=theirs.sendall, args=(body,))
        sending.start()
        reader = io.BufferedReader(held)
        assert reader.read(size) == body
        sending.join()
        ours.setblocking(False)
        left = ours.recv(size, socket.MSG_PEEK)
        assert left
        assert body.endswith(left)
        reader.close()
        held.let_go()
        with pytest.raises(BlockingIOError):
            ours.recv(1)
