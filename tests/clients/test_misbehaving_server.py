"""The REST clients against a server that misbehaves to order, over real sockets."""

import pickle
import socket
import threading
from http.server import BaseHTTPRequestHandler

import pytest
from loopback import LoopbackServer, Replying, served
from request_failures import failure_of

from ibm_circuit_job.clients import ClientParameters, PlatformClient, RequestFailed, RuntimeClient
from ibm_circuit_job.clients.http import HttpSession
from ibm_circuit_job.effects import fetch_job, perform
from ibm_circuit_job.errors import Refused, Unreachable

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/1:2::"
TOKEN = "API-TOP-SECRET"
ACCESS = "ACCESS-TOP-SECRET"


class Server(LoopbackServer):
    """Logs anybody in; what it does for other paths is set by the test."""

    answer = None
    before_login = staticmethod(lambda: None)
    """Called before anybody is logged in."""

    def __init__(self):
        super().__init__(Handler)
        self.asked = []
        self.stopped = threading.Event()
        """Set when the test is over: what waits for it keeps silent."""


class Handler(Replying, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/users/me":
            urls = f'"http": "{self.server.url}", "services": {{"runtime": "{self.server.url}"}}'
            self.reply(200, f'{{"urls": {{{urls}}}}}')
        else:
            self.server.answer(self)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(self.path)
        if self.path in {"/users/loginWithToken", "/identity/token"}:
            self.server.before_login()
            self.reply(200, f'{{"id": "{ACCESS}", "access_token": "{ACCESS}", "expires_in": 3600}}')
        else:
            self.server.answer(self)


@pytest.fixture
def server():
    with served(Server()) as server:
        yield server
        server.stopped.set()


@pytest.fixture
def client(server):
    client = RuntimeClient(ClientParameters(TOKEN, server.url))
    yield client
    client.close()


@pytest.fixture(params=["classic", "today's"])
def either_client(server, request):
    if request.param == "classic":
        client = RuntimeClient(ClientParameters(TOKEN, server.url))
    else:
        client = PlatformClient(ClientParameters(TOKEN, f"{server.url}/api", CRN, channel="ibm_quantum_platform"))
    yield client
    client.close()


def test_redirect_of_a_request_is_not_followed(server, client):
    server.answer = lambda request: request.reply(302, Location="http://127.0.0.1:9/elsewhere")
    assert failure_of(lambda: client.job_get("a")).http_status == 302


def test_redirect_of_a_stream_is_not_followed(server, client):
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        location = f"ws://127.0.0.1:{elsewhere.getsockname()[1]}/stolen"
        server.answer = lambda request: request.reply(302, Location=location)
        assert isinstance(failure_of(lambda: client.job_stream("a", 1.0)), (Refused, Unreachable))
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


def test_stream_that_is_refused_says_with_which_status(server, client):
    server.answer = lambda request: request.reply(404)
    assert failure_of(lambda: client.job_stream("a", 1.0)).http_status == 404


def test_server_that_repeats_tokens_does_not_make_us_repeat_them(server, client):
    server.answer = lambda request: request.reply(400, f'{{"error": {{"message": "{TOKEN} {ACCESS}"}}}}')
    assert failure_of(lambda: client.job_get("a")).message == "*** ***"
    body = f'{{"errors": [{{"code": "{TOKEN}", "message": "No."}}], "trace": "{ACCESS}"}}'
    server.answer = lambda request: request.reply(400, body)
    failure = failure_of(lambda: client.job_get("a"))
    assert (failure.code, failure.trace_id) == ("***", "***")


@pytest.mark.parametrize("status", [None, 500, 503, 504, 429])
def test_submission_that_may_have_arrived_is_sent_once(server, client, status):
    def answer(request):
        if status is None:
            request.close_connection = True
        else:
            request.reply(status, Retry_After="0")

    server.answer = answer
    failure = failure_of(lambda: client.program_run(program_id="circuit-runner", backend_name="b", params={}))
    assert server.asked.count("/jobs") == 1
    assert getattr(failure, "was_sent", True)


@pytest.mark.parametrize("date", ["Thu, 26 Nov 99999999999999999999 09:00:00 GMT", "soon", ""])
def test_date_that_is_none_does_not_cost_a_submission(server, client, date):
    def answer(request):
        request.date_time_string = lambda: date
        request.reply(200, '{"id": "a"}')

    server.answer = answer
    assert client.program_run(program_id="circuit-runner", backend_name="b", params={}) == b'{"id": "a"}'
    assert client.clock_ahead is None


def test_other_post_is_sent_again_if_the_service_did_not_take_it(server, client):
    answers = [503, 503, 204]
    server.answer = lambda request: request.reply(answers.pop(0))
    client.job_cancel("a")
    assert server.asked.count("/jobs/a/cancel") == 3


def test_request_without_a_connection_was_not_sent():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        session = HttpSession(ClientParameters("token", url))
        failure = failure_of(lambda: session.request("submit", "POST", url, body=b"", once=True))
    assert failure.was_sent is False


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("0", 0.0), ("7", 7.0), ("Thu, 26 Nov 2026 09:00:30 GMT", 30.0), ("Wed, 25 Nov 2026 09:00:00 GMT", 0.0)],
)
def test_pause_that_is_asked_for_is_a_number_or_a_date(server, client, asked, seconds):
    def answer(request):
        request.date_time_string = lambda: "Thu, 26 Nov 2026 09:00:00 GMT"
        request.reply(429, Retry_After=asked)

    server.answer = answer
    assert failure_of(lambda: client.job_get("a")).retry_after == seconds


def test_too_many_requests_is_reported_at_once_with_its_pause(server, client):
    server.answer = lambda request: request.reply(429, Retry_After="3600")
    assert failure_of(lambda: client.job_get("a")).retry_after == 3600.0


def test_body_that_is_cut_off_is_a_failure(server, client):
    def cut_off(request):
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b'{"id": "a"')
        request.close_connection = True

    server.answer = cut_off
    assert isinstance(perform(fetch_job(client, "a")).failure(), Unreachable)


def test_trickling_body_does_not_outlast_the_given_time(server, client):
    given_up = threading.Event()

    def trickle(request):
        request.send_response(200)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        while not given_up.wait(0.05):
            request.wfile.write(b" ")
            request.wfile.flush()

    server.answer = trickle
    assert isinstance(perform(fetch_job(client, "a", 0.5)).failure(), Unreachable)
    given_up.set()


def test_login_and_request_share_the_time_that_was_given(server, either_client):
    def late(request):
        server.stopped.wait(0.6)
        request.reply(200, '{"id": "a"}')

    server.before_login = lambda: server.stopped.wait(0.6)
    server.answer = late
    assert isinstance(failure_of(lambda: either_client.job_get("a", seconds=1.0)), Unreachable)
    assert either_client.job_get("a", seconds=5.0) == b'{"id": "a"}'


def test_request_with_a_new_token_has_the_same_time_as_any_other(server, either_client):
    statuses = [200, 401, 200]

    def late(request):
        server.stopped.wait(0.0 if len(statuses) == 3 else 0.6)
        request.reply(statuses.pop(0), '{"id": "a"}')

    server.answer = late
    either_client.job_get("a")
    assert isinstance(failure_of(lambda: either_client.job_get("a", seconds=1.0)), Unreachable)


@pytest.mark.parametrize("headers", [{}, {"Connection": "close"}], ids=["kept", "closed"])
def test_silence_after_headers_does_not_outlast_the_given_time(server, either_client, headers):
    def silent(request):
        server.stopped.wait(0.8)
        request.send_response(200)
        for name, value in {"Content-Length": "1000", **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        server.stopped.wait()

    server.answer = lambda request: request.reply(200, "{}")
    either_client.job_get("a")
    server.answer = silent
    assert isinstance(failure_of(lambda: either_client.job_get("a", seconds=1.0)), Unreachable)


def test_wait_for_the_login_of_another_thread_counts_too(server, either_client):
    logging_in, go_on = threading.Event(), threading.Event()

    def held_up():
        logging_in.set()
        go_on.wait(5)

    server.before_login = held_up
    server.answer = lambda request: request.reply(200, "{}")
    other = threading.Thread(target=either_client.job_get, args=("a",))
    other.start()
    assert logging_in.wait(10)
    assert isinstance(failure_of(lambda: either_client.job_get("a", seconds=0.1)), Unreachable)
    go_on.set()
    other.join()


def test_given_proxy_comes_before_that_of_the_environment(server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.answer = lambda request: request.reply(200, "by way of the proxy")
    session = HttpSession(ClientParameters(TOKEN, "https://service.invalid", proxies={"urls": {"http": server.url}}))
    assert session.request("ask", "GET", "http://service.invalid/a").text == "by way of the proxy"


def test_certificates_that_are_not_to_be_checked_need_no_bundle(server, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle")
    url = server.url.replace("http:", "https:")
    session = HttpSession(ClientParameters(TOKEN, "https://service.invalid", verify=False))
    # It speaks no TLS; but it is there that the request fails, and not for want of a bundle.
    assert "bundle" not in failure_of(lambda: session.request("ask", "GET", url, seconds=5.0)).message


@pytest.mark.parametrize("reply", ["[1]", '[{"groups": null}]', "null", "3"])
def test_hubs_that_are_none_are_a_failure(server, client, reply):
    server.answer = lambda request: request.reply(200, reply)
    failure_of(client._account.user_hubs)


def test_backends_that_are_none_are_a_failure(server, client):
    server.answer = lambda request: request.reply(200, '{"devices": null}')
    assert failure_of(client.list_backends).path == "devices"


def test_failure_survives_a_process_pool():
    error = RequestFailed(Refused("read job a", "http://x", 404))
    assert pickle.loads(pickle.dumps(error)).failure == error.failure


def test_client_closes_connections_that_an_error_refers_to(server, client):
    server.answer = lambda request: request.reply(200, '{"id": "a"}')
    client.job_get("a")
    # Errors of urllib3 name the pool of their connection, and tracebacks live until the garbage is collected.
    pools = client._account.http._session().get_adapter(server.url).poolmanager.pools
    (pool,) = (pools[key] for key in pools.keys())  # noqa: SIM118 - it is no mapping that can be iterated over
    connection = pool._get_conn()
    assert connection.sock is not None
    pool._put_conn(connection)
    client.close()
    assert connection.sock is None
