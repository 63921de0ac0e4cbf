"""Results whose bodies take their time: how long they are read on, and what a caller's time being up means."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler

import pytest
from loopback import LoopbackServer, Replying, served

from ibm_circuit_job import IBMCircuitJob, IBMJobTimeoutError, JobStore, WaitPolicy
from ibm_circuit_job.clients import ClientParameters, RequestFailed, RuntimeClient, bounded, object_store
from ibm_circuit_job.errors import Unreachable
from ibm_circuit_job.threads import background

BODY = b'{"backend_name": "b", "backend_version": "1", "job_id": "a", "success": true, "results": [], "x": "%s"}'
BODY = BODY % (b"x" * 100_000)
HALF = len(BODY) // 2


class Server(LoopbackServer):
    """A service with one job, which is done; how its result comes is set by the test."""

    send = None

    def __init__(self):
        super().__init__(Handler)
        self.asked = 0
        self.was_asked = threading.Event()
        self.go_on = threading.Event()
        """Until then, the second half of a body does not come."""


class Handler(Replying, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(200, '{"id": "access"}')

    def do_GET(self):
        if self.path == "/users/me":
            url = self.server.url
            self.reply(200, f'{{"urls": {{"http": "{url}", "services": {{"runtime": "{url}"}}}}}}')
        elif self.path.split("?")[0] == "/jobs/a":
            self.reply(200, '{"id": "a", "state": {"status": "Completed"}}')
        elif self.path.endswith("/metrics"):
            self.reply(200, "{}")
        elif self.path.startswith("/stream/"):
            self.reply(409, '{"error": {"code": 1295, "message": "The job does not run."}}')
        else:
            self.server.asked += 1
            self.server.was_asked.set()
            self.server.send(self)

    def headers_of(self, size):
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()


def halves(request):
    request.headers_of(len(BODY))
    request.wfile.write(BODY[:HALF])
    request.wfile.flush()
    request.server.go_on.wait(30)
    request.wfile.write(BODY[HALF:])


def silent_at_first(request):
    """Say no more than half, the first time."""
    halves(request) if request.server.asked == 1 else request.reply(200, BODY)


def trickling_at_first(request):
    """Send a byte now and then, the first time."""
    if request.server.asked > 1:
        request.reply(200, BODY)
        return
    request.headers_of(len(BODY))
    try:
        for byte in BODY:
            request.wfile.write(bytes([byte]))
            if request.server.go_on.wait(0.02):
                return
    except OSError:
        request.close_connection = True


def cut_off_at_first(request):
    """Send less than was said, the first time."""
    if request.server.asked > 1:
        request.reply(200, BODY)
        return
    request.headers_of(len(BODY))
    request.wfile.write(BODY[:HALF])
    request.close_connection = True


@pytest.fixture
def server():
    with served(Server()) as server:
        server.send = halves
        yield server
        server.go_on.set()


@pytest.fixture
def client(server):
    client = RuntimeClient(ClientParameters("token", server.url))
    yield client
    client.close()


@pytest.fixture
def job(client):
    job = IBMCircuitJob(None, None, "a", runtime_client=client)
    job.wait_policy = WaitPolicy(shortest_pause=0.01)
    # It is done, so that all of a timeout is for the result.
    job.status()
    return job


@pytest.fixture(params=["blocking", "asyncio"])
def result(request, job):
    def ask(**given):
        return asyncio.run(job.result_async(**given)) if request.param == "asyncio" else job.result(**given)

    return ask


def test_body_in_transit_at_timeout_goes_to_the_next_call(server, result):
    for _ in range(2):
        with pytest.raises(IBMJobTimeoutError, match="could not read the result of job a within 0"):
            result(timeout=0.1)
    server.go_on.set()
    assert result(timeout=30).success
    assert server.asked == 1


def test_body_that_arrives_after_the_time_is_up_is_stored(server, job, tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        stored = threading.Event()
        save = store.save

        def saved(record, **given):
            save(record, **given)
            if record.payload is not None:
                stored.set()

        store.save = saved
        job.keep_in(store)
        with pytest.raises(IBMJobTimeoutError):
            job.result(timeout=0.1)
        assert store.payload("a") is None
        server.go_on.set()
        assert stored.wait(30)
        assert store.payload("a").raw == BODY


def test_calls_of_any_kind_join_the_reading_that_is_under_way(server, job):
    with pytest.raises(IBMJobTimeoutError):
        job.result(timeout=0.1)

    async def both():
        tasks = [asyncio.create_task(job.result_async(timeout=30)) for _ in range(2)]
        await asyncio.sleep(0)
        server.go_on.set()
        return await asyncio.gather(*tasks)

    first, second = asyncio.run(both())
    assert first is second is job.result()
    assert server.asked == 1


def test_task_that_is_cancelled_leaves_the_reading_to_the_next(server, job):
    async def cancelled():
        task = asyncio.create_task(job.result_async(timeout=30))
        assert await asyncio.to_thread(server.was_asked.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.go_on.set()
        return await job.result_async(timeout=30)

    assert asyncio.run(cancelled()).success
    assert server.asked == 1


def test_refresh_joins_the_refresh_that_is_under_way(server, job):
    # Both end before the reading may: a refresh that has ended is not joined.
    for _ in range(2):
        with pytest.raises(IBMJobTimeoutError):
            job.result(timeout=0.1, refresh=True)
    assert server.was_asked.wait(30)
    assert server.asked == 1
    server.go_on.set()
    assert job.result(timeout=30).success
    assert server.asked == 1


def test_refresh_reads_again_after_the_reading_that_is_under_way(server, job):
    with pytest.raises(IBMJobTimeoutError):
        job.result(timeout=0.1)
    server.go_on.set()
    assert job.result(timeout=30, refresh=True).success
    assert server.asked == 2


@pytest.mark.parametrize("send", [silent_at_first, trickling_at_first, cut_off_at_first])
@pytest.mark.parametrize("is_stored", [False, True])
def test_body_that_makes_no_progress_is_read_anew(server, job, tmp_path, monkeypatch, send, is_stored):
    monkeypatch.setattr(bounded, "SILENT_SECONDS", 0.2)
    server.send = send
    with JobStore(tmp_path / "jobs.sqlite") as store:
        if is_stored:
            job.keep_in(store)
        assert job.result(timeout=60).success
    assert server.asked == 2


def test_body_that_makes_progress_is_read_to_its_end(server, job, monkeypatch):
    monkeypatch.setattr(bounded, "SILENT_SECONDS", 0.1)

    def steadily(request):
        request.headers_of(len(BODY))
        for first in range(0, len(BODY), 10_000):
            request.wfile.write(BODY[first : first + 10_000])
            request.server.go_on.wait(0.05)

    server.send = steadily
    assert job.result(timeout=60).success
    assert server.asked == 1


def test_result_at_a_url_that_makes_no_progress_is_a_failure(server, monkeypatch):
    monkeypatch.setattr(bounded, "SILENT_SECONDS", 0.2)
    server.send = trickling_at_first
    with pytest.raises(RequestFailed) as raised:
        object_store.read(f"{server.url}/r", doing="read it", prompt=True)
    assert isinstance(raised.value.failure, Unreachable)


def trickling_error(request):
    """Answer 503, with a body that does not end."""
    request.send_response(503)
    request.send_header("Content-Length", "1000000")
    request.end_headers()
    try:
        while not request.server.go_on.wait(0.02):
            request.wfile.write(b"x")
    except OSError:
        request.close_connection = True


def test_error_that_does_not_end_is_trouble_like_any_other(server, job, monkeypatch):
    monkeypatch.setattr(bounded, "SILENT_SECONDS", 1.0)
    server.send = lambda request: trickling_error(request) if server.asked == 1 else request.reply(200, BODY)
    assert job.result(timeout=60).success
    assert server.asked == 2


def test_error_of_an_object_store_that_does_not_end_is_a_refusal(server, monkeypatch):
    monkeypatch.setattr(bounded, "SILENT_SECONDS", 0.2)
    server.send = trickling_error
    found = background.started(lambda: object_store.read(f"{server.url}/r", doing="read it", prompt=True))
    with pytest.raises(RequestFailed) as raised:
        found.result(10)
    assert raised.value.failure.http_status == 503


def test_end_of_the_program_waits_for_a_body_that_is_under_way(server, job, tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        job.keep_in(store)
        with pytest.raises(IBMJobTimeoutError):
            job.result(timeout=0.1)
        server.go_on.set()
        # Called when a program ends.
        background.finish(30)
        assert store.payload("a").raw == BODY


def test_result_in_transit_is_stored_before_the_program_ends(server, program, tmp_path):
    reading = f"""
import atexit
from ibm_circuit_job import IBMCircuitJob, IBMJobTimeoutError, JobStore
from ibm_circuit_job.clients import ClientParameters, RuntimeClient
client = RuntimeClient(ClientParameters("token", {server.url!r}))
job = IBMCircuitJob(None, None, "a", runtime_client=client, store=JobStore({str(tmp_path / "jobs.sqlite")!r}))
job.status()
try:
    job.result(timeout=0.1)
except IBMJobTimeoutError:
    # What is registered last is called first.
    atexit.register(print, "late", flush=True)
"""
    with program("-c", reading) as process:
        assert process.stdout.readline() == "late\n"
        server.go_on.set()
        assert process.wait(30) == 0
    with JobStore(tmp_path / "jobs.sqlite") as store:
        assert store.payload("a").raw == BODY
