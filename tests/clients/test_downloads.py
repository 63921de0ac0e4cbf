"""Downloads: the body of a result arrives in full and as it was sent, in every form that HTTP has for it."""

import gzip
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from ibm_circuit_job.clients import ClientParameters, RequestFailed
from ibm_circuit_job.clients.http import HttpSession
from ibm_circuit_job.effects import fetch_result, perform
from ibm_circuit_job.errors import Unreachable


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


@pytest.mark.parametrize("prompt", [False, True])
@pytest.mark.parametrize("kind", [Foreign, Knowing])
def test_body_that_a_foreign_client_brings_is_a_payload(kind, prompt):
    payload = perform(fetch_result(kind('{"results": []}'), "a", prompt=prompt)).unwrap()
    assert payload.raw == b'{"results": []}'
    refused = requests.Response()
    refused.status_code = 404
    assert perform(fetch_result(kind(refused), "a", prompt=prompt)).failure().http_status == 404


class Sender(ThreadingHTTPServer):
    """Answers to order."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Sent)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.answers = []


class _Sent(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        answer = self.server.answers.pop(0)
        self.wfile.write(answer)
        if b"Connection: close" in answer:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_WR)

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


@pytest.fixture
def http(sender):
    http = HttpSession(ClientParameters("secret", sender.url))
    yield http
    http.close()


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
def test_body_is_returned_in_full_however_it_is_sent(sender, http, kind, before):
    sender.answers = [*before, ANSWERS[kind]]
    assert http.download("read", sender.url) == (b"" if kind in {"empty", "no content"} else BODY)
    assert sender.answers == []


def test_body_that_is_cut_off_is_a_failure(sender, http):
    sender.answers = [CUT_OFF]
    with pytest.raises(RequestFailed) as raised:
        http.download("read", sender.url)
    assert isinstance(raised.value.failure, Unreachable)


def test_refusal_of_a_download_shows_no_secret(sender, http):
    sender.answers = [b'HTTP/1.1 400 No\r\nContent-Length: 32\r\n\r\n{"error": {"message": "secret"}}']
    with pytest.raises(RequestFailed) as raised:
        http.download("read", sender.url)
    assert raised.value.failure.message == "***"


def test_body_that_comes_by_a_proxy_is_returned(sender):
    sender.answers = [ANSWERS["short"]]
    given = ClientParameters("secret", "https://service.invalid", proxies={"urls": {"http": sender.url}})
    assert HttpSession(given).download("read", "http://service.invalid/a") == BODY
