"""A wait without ``timeout`` asks again where a server falls silent on a live connection, whichever member waits."""

import asyncio
import json
import threading
from contextlib import contextmanager

import pytest
from hostile_server import hostile, reply

from ibm_circuit_job import IBMCircuitJob, WaitPolicy, as_completed, wait_all
from ibm_circuit_job.clients import ClientParameters, bounded, stream
from ibm_circuit_job.clients.runtime import RuntimeClient
from ibm_circuit_job.job import result_reader, watch
from ibm_circuit_job.state import course

LONGEST = 0.2
PATIENCE = 20.0
"""Seconds after which a wait that has not ended is a failure."""
RESULT = {
    "backend_name": "b",
    "backend_version": "1",
    "success": True,
    "results": [{"shots": 10, "success": True, "data": {"counts": {"0x1": 10}}, "header": {"memory_slots": 1}}],
}


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Lower the limits, so that no test waits for them."""
    for module in (course, watch, result_reader):
        monkeypatch.setattr(module, "LONGEST_CALL", LONGEST)
    monkeypatch.setattr(stream, "CONNECT_SECONDS", LONGEST)


PLACES = {
    "the login": "/loginWithToken",
    "the account": "/users/me",
    "the stream": "/stream/",
    "the status": "/api/jobs/",
    "the listing": "/api/jobs?",
    "the result": "/results",
}
WAYS = {
    "wait_all": wait_all,
    "as_completed": lambda jobs: list(as_completed(jobs)),
    "wait_for_final_state": lambda jobs: jobs[0].wait_for_final_state(),
    "wait_for_final_state_async": lambda jobs: asyncio.run(jobs[0].wait_for_final_state_async()),
    "result": lambda jobs: jobs[0].result(),
    "result_async": lambda jobs: asyncio.run(jobs[0].result_async()),
}
MANY = ("wait_all", "as_completed")
CASES = [
    *((place, way, 1) for place in ("the login", "the account", "the status", "the stream") for way in WAYS),
    *((place, way, 8) for place in ("the login", "the listing") for way in MANY),
    *(("the result", way, 1) for way in ("result", "result_async")),
]
"""Which request is not answered, which member waits, and for how many jobs."""


@contextmanager
def silent_once(place):
    """A service that does not answer the first request of a kind; all jobs are done once it was asked for it."""
    silent = []

    def answer(connection, head):
        path = head.split(" ", 2)[1]
        if PLACES[place] in path and not silent:
            silent.append(path)
            server.ended.wait()
        elif "/loginWithToken" in path:
            connection.sendall(reply(b'{"id": "token"}'))
        elif "/users/me" in path:
            urls = {"http": f"{server.url}/api", "ws": f"{server.ws}/api", "services": {"runtime": f"{server.url}/api"}}
            connection.sendall(reply(json.dumps({"urls": urls}).encode()))
        elif "/stream/" in path:
            connection.sendall(reply(b'{"error": {"code": 1295, "message": "It is not running."}}', status="409 No"))
        elif path.endswith("/results"):
            connection.sendall(reply(json.dumps(RESULT).encode()))
        elif path.startswith("/api/jobs?"):
            connection.sendall(reply(json.dumps({"jobs": [job(str(number)) for number in range(8)]}).encode()))
        else:
            connection.sendall(reply(json.dumps(job(path.split("/")[3].partition("?")[0])).encode()))

    def job(job_id):
        # The stream is opened for a job that runs.
        runs = place == "the stream" and not silent
        return {"id": job_id, "state": {"status": "Running" if runs else "Completed"}}

    with hostile(answer) as server:
        yield silent, server


def handles(server, number):
    client = RuntimeClient(ClientParameters("secret", f"{server.url}/api", channel="ibm_quantum"))
    jobs = [IBMCircuitJob(None, None, str(each), runtime_client=client) for each in range(number)]
    for job in jobs:
        job.wait_policy = WaitPolicy(shortest_pause=0.001, share=0.001)
    return jobs


@pytest.mark.parametrize(("place", "way", "number"), CASES)
def test_wait_without_timeout_asks_again_after_silence(place, way, number, monkeypatch):
    if place in {"the login", "the account", "the result"}:
        # The login for a stream, and a result, have no limit of the wait's, but that of any request.
        monkeypatch.setattr(bounded, "SILENT_SECONDS", LONGEST)
    with silent_once(place) as (silent, server):
        jobs, ended = handles(server, number), []
        thread = threading.Thread(target=lambda: ended.append(WAYS[way](jobs)), daemon=True)
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert ended
    assert len(silent) == 1
    assert all(job.state.is_final for job in jobs)
