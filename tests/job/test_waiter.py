"""The shells around the waiting policy: what holds them up, what they say, and that they leave nothing behind."""

import asyncio
import logging
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import (
    IBMCircuitJob,
    IBMJobApiError,
    IBMJobNotFoundError,
    IBMJobTimeoutError,
    IBMProvider,
    WaitPolicy,
)
from ibm_circuit_job.clients import stream
from ibm_circuit_job.clients.http import RequestFailed
from ibm_circuit_job.errors import Refused, Unreachable
from ibm_circuit_job.local import LocalService
from ibm_circuit_job.testing import ScriptedClient

DOWN = Unreachable("read job a", "http://x", "no route")
BUSY = Refused("read job a", "http://x", 503, "Maintenance until noon.")


def reply(status):
    return b'{"id": "a", "state": {"status": "%s"}}' % status.encode()


def job_of(client):
    return IBMCircuitJob(backend=None, api_client=None, job_id="a", runtime_client=client)


@pytest.fixture
def stuck():
    """A client that never answers, like one behind a name server that does not; released in the end."""
    released = threading.Event()

    class Stuck:
        def job_get(self, job_id):
            released.wait()
            return reply("Completed")

    yield Stuck()
    released.set()


@pytest.mark.parametrize("timeout", [0.0, 0.3])
def test_timeout_is_honoured_whatever_holds_the_client_up(stuck, timeout):
    with pytest.raises(IBMJobTimeoutError):
        job_of(stuck).wait_for_final_state(timeout)


def test_timeout_is_honoured_while_polling():
    with pytest.raises(IBMJobTimeoutError, match=r"within 0\.3 seconds"):
        job_of(ScriptedClient([reply("Queued")])).wait_for_final_state(0.3)


def test_kind_of_trouble_is_logged_once_and_its_end_once(caplog):
    client = ScriptedClient([DOWN, BUSY, DOWN, BUSY, DOWN, reply("Running"), DOWN, reply("Completed")])
    with caplog.at_level(logging.WARNING):
        job_of(client).wait_for_final_state(timeout=30)
    said = [record.getMessage() for record in caplog.records]
    assert [("continues after a failure" in line, "succeed again" in line) for line in said] == [
        (True, False),
        (True, False),
        (False, True),
        (True, False),
        (False, True),
    ]
    assert "no route" in said[0]
    assert "Maintenance until noon." in said[1]


def test_wait_that_is_given_up_says_what_was_tried_and_answered():
    job = job_of(ScriptedClient([reply("Queued"), DOWN, BUSY]))
    job.wait_policy = WaitPolicy(patience=0.5)
    with pytest.raises(
        IBMJobApiError,
        match=r"gave up waiting for job a after \d+ tries in \d seconds without one good reply; .*503: Maintenance",
    ):
        job.wait_for_final_state()


@pytest.mark.parametrize(("status", "kind"), [(404, IBMJobNotFoundError), (403, IBMJobApiError), (401, IBMJobApiError)])
def test_trouble_that_cannot_get_better_ends_the_wait_at_once(status, kind):
    client = ScriptedClient([Refused("read job a", "http://x", status, "No.")])
    with pytest.raises(kind, match=f"{status}: No"):
        job_of(client).wait_for_final_state()
    assert len(client.calls) == 1


def test_wait_ends_when_somebody_else_has_seen_the_end():
    job = job_of(ScriptedClient([reply("Queued")]))
    told = job_of(ScriptedClient([reply("Completed")]))
    told.refresh()
    job.wait_for_final_state(10, callback=lambda *_, **__: job.learn(told.state))
    assert job.state.is_final


def test_ctrl_c_ends_a_wait_at_once(program):
    waiting = """
import signal, threading
from ibm_circuit_job import IBMCircuitJob
# A program in the background of a shell is deaf to it by default.
signal.signal(signal.SIGINT, signal.default_int_handler)
class Silent:
    def job_get(self, job_id):
        print("asked", flush=True)
        threading.Event().wait()
IBMCircuitJob(None, None, "a", runtime_client=Silent()).wait_for_final_state(TIMEOUT)
"""
    for timeout in ("None", "50"):
        with program("-c", waiting.replace("TIMEOUT", timeout)) as process:
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert "KeyboardInterrupt" in process.communicate()[1]


# Streams


@pytest.fixture
def running(slow):
    """A job that has begun to run, for some seconds."""

    def started(seconds):
        job = slow(seconds)
        while not job.running():
            time.sleep(0.01)
        return job

    return started


def test_host_that_refuses_streams_is_tried_again_later(monkeypatch):
    gate, clock = stream._Gate(), [100.0]
    monkeypatch.setattr(stream.time, "monotonic", lambda: clock[0])
    refusal = Refused("listen to job a", "ws://x", 403, "Forbidden.")
    assert gate.shut("x") is None
    gate.refused("x", refusal)
    assert gate.shut("x") is refusal
    assert gate.shut("y") is None
    clock[0] += 31
    assert gate.shut("x") is None
    gate.refused("x", refusal)
    clock[0] += 31
    assert gate.shut("x") is refusal
    gate.opened("x")
    assert gate.shut("x") is None


@pytest.mark.parametrize(
    "trouble",
    [
        Refused("listen", "ws://x", 409, "The job does not run."),
        Refused("listen", "ws://x", 404, "Job not found.", "1291"),
        Refused("listen", "ws://x", 401, "Not authorised."),
        Unreachable("listen", "ws://x", "no route"),
    ],
)
def test_trouble_of_one_stream_is_not_held_against_its_host(trouble):
    gate = stream._Gate()
    gate.refused("x", trouble)
    assert gate.shut("x") is None


def test_stream_without_a_pong_is_found_dead(monkeypatch):
    monkeypatch.setattr(stream, "PING_SECONDS", 0.3)
    plan = {"faults": [{"kind": "stream_silent"}]}
    with LocalService(faults=plan, workers=1) as service:
        client = IBMProvider(service.token, service.url).runtime_client
        with pytest.raises(RequestFailed, match=r"silent for 0\.6 seconds"):
            client.job_stream("any", 1000.0)
    # What it is in earnest: a dead stream is found within 30 seconds.
    monkeypatch.undo()
    assert 2 * stream.PING_SECONDS <= 30


def test_stream_that_is_closed_early_is_opened_again(bell):
    plan = {"seed": 1, "faults": [{"kind": "stream_closed", "seconds": 0.05, "times": 3}]}
    with LocalService(faults=plan, workers=1) as service:
        provider = IBMProvider(service.token, service.url)
        circuit = QuantumCircuit(1, 1)
        circuit.measure(0, 0)
        job = provider.get_backend("local_5q").run(circuit, shots=3000, rep_delay=500e-6)
        asked = []
        count = provider.runtime_client.job_get
        provider.runtime_client.job_get = lambda *args, **keywords: (asked.append(1), count(*args, **keywords))[1]
        job.wait_for_final_state(timeout=30)
    assert job.state.is_final
    assert len(asked) < 40


def test_threads_and_sockets_are_gone_after_waits(running, provider):
    before = {thread.name for thread in threading.enumerate()}
    jobs = [running(0.3)]
    with ThreadPoolExecutor(4) as threads:
        for _ in threads.map(lambda _: jobs[0].wait_for_final_state(timeout=20), range(4)):
            pass
    # One that stays is ended by the timeout of the test, which shows what it does.
    while {thread.name for thread in threading.enumerate()} - before:
        time.sleep(0.01)


# asyncio


def test_event_loop_goes_on_while_jobs_are_waited_for(simulator, slow, bell):
    async def scene():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        ticking = asyncio.create_task(tick())
        jobs = [slow(0.3), *(simulator.run(bell, shots=50) for _ in range(4))]
        found = await asyncio.gather(*(job.result_async(timeout=30) for job in jobs))
        ticking.cancel()
        return ticks, [sum(result.get_counts().values()) for result in found]

    ticks, shots = asyncio.run(scene())
    assert shots == [600, 50, 50, 50, 50]
    assert ticks >= 5


def test_stream_is_listened_to_from_asyncio(running):
    job = running(0.5)
    asyncio.run(job.wait_for_final_state_async(timeout=30))
    assert job.status() is JobStatus.DONE


def test_timeout_is_honoured_from_asyncio(stuck):
    with pytest.raises(IBMJobTimeoutError):
        asyncio.run(job_of(stuck).wait_for_final_state_async(0.3))


def test_wait_can_be_cancelled_from_asyncio():
    async def scene():
        client = ScriptedClient([reply("Queued")])
        waiting = asyncio.create_task(job_of(client).wait_for_final_state_async())
        while not client.calls:  # noqa: ASYNC110 - it is asked by another thread, which sets no event
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(scene())


def test_callback_is_told_from_asyncio():
    told = []
    client = ScriptedClient([reply("Queued"), reply("Running"), reply("Completed")])
    job = job_of(client)
    asyncio.run(job.wait_for_final_state_async(10, callback=lambda _, status, *__, **___: told.append(status.name)))
    assert told == ["QUEUED", "RUNNING", "DONE"]


def test_failure_comes_out_of_an_async_result():
    job = job_of(ScriptedClient([b'{"id": "a", "state": {"status": "Cancelled"}}']))
    with pytest.raises(Exception, match="was cancelled"):
        asyncio.run(job.result_async())
