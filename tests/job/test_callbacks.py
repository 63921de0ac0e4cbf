"""What the callback of a wait hears, of one job and of many: each status, the first one at once, and the places."""

import asyncio
import time

import msgspec
import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMCircuitJob, WaitPolicy, as_completed, wait_all
from ibm_circuit_job.testing import ScriptedClient

QUICK = WaitPolicy(shortest_pause=0.001, share=0.001)


def reply(status, job_id="a"):
    return msgspec.json.encode({"id": job_id, "state": {"status": status}})


def job_of(client, job_id="a", **given):
    job = IBMCircuitJob(None, None, job_id, runtime_client=client, **given)
    job.wait_policy = QUICK
    return job


class Heard:
    """A callback that writes down what it hears, and cancels what it hears of as running."""

    def __init__(self, *, cancels=False):
        self.cancels = cancels
        self.heard = []

    def __call__(self, job_id, status, job, *, queue_info):
        self.heard.append((job_id, status.name, None if queue_info is None else queue_info.position))
        if self.cancels and status is JobStatus.RUNNING:
            job.cancel()


def running(job):
    while not job.running():
        time.sleep(0.01)
    return job


WAYS = {
    "blocking": lambda job, callback: job.wait_for_final_state(60, callback=callback),
    "positional": lambda job, callback: job.wait_for_final_state(60, None, callback),
    "asyncio": lambda job, callback: asyncio.run(job.wait_for_final_state_async(60, callback=callback)),
    "wait_all": lambda job, callback: wait_all([job], 60, callback=callback),
    "as_completed": lambda job, callback: list(as_completed([job], 60, callback=callback)),
}


@pytest.mark.parametrize("way", WAYS)
def test_job_that_runs_already_is_heard_of_before_its_end(slow, provider, way):
    # While its stream is open nothing comes from it. The callback cancels the job, which would run for 50 seconds.
    job = provider.retrieve_job(running(slow(50)).job_id())
    callback = Heard(cancels=True)
    WAYS[way](job, callback)
    assert [status for _, status, _ in callback.heard] == ["RUNNING", "CANCELLED"]


@pytest.mark.parametrize("way", WAYS)
def test_each_status_is_heard_once_in_the_order_it_was_seen(way):
    job = job_of(ScriptedClient(map(reply, ["Queued", "Queued", "Running", "Running", "Completed"])), status="Queued")
    callback = Heard()
    WAYS[way](job, callback)
    assert [status for _, status, _ in callback.heard] == ["QUEUED", "RUNNING", "DONE"]


@pytest.mark.parametrize("way", WAYS)
def test_status_from_before_the_wait_is_not_heard(way):
    # It may be old.
    job = job_of(ScriptedClient(map(reply, ["Running", "Completed"])), status="Queued")
    callback = Heard()
    WAYS[way](job, callback)
    assert [status for _, status, _ in callback.heard] == ["RUNNING", "DONE"]


@pytest.mark.parametrize("way", WAYS)
def test_each_place_in_the_queue_is_heard(way):
    client = ScriptedClient(
        map(reply, ["Queued", "Queued", "Completed"]),
        metrics=[b'{"position_in_queue": 2}', b'{"position_in_queue": 1}'],
    )
    callback = Heard()
    WAYS[way](job_of(client), callback)
    assert callback.heard == [("a", "QUEUED", 2), ("a", "QUEUED", 1), ("a", "DONE", None)]


def test_places_of_many_jobs_are_not_asked_for():
    client = ScriptedClient()
    ended = set()

    def job_get(job_id, exclude_params=True):
        seen = client.calls.count(("job_get", job_id))
        client.calls.append(("job_get", job_id))
        if seen:
            ended.add(job_id)
        return reply("Completed" if seen else "Queued", job_id)

    client.job_get = job_get
    wait_all([job_of(client, f"job-{number}") for number in range(20)], 60, callback=Heard(), policy=QUICK)
    assert len(ended) == 20
    assert not [method for method, _ in client.calls if method == "job_metadata"]


def test_two_handles_on_one_job_are_both_heard_of():
    client = ScriptedClient(map(reply, ["Running", "Completed"]))
    callback = Heard()
    wait_all([job_of(client), job_of(client)], 60, callback=callback, policy=QUICK)
    assert sorted(callback.heard) == [("a", "DONE", None)] * 2 + [("a", "RUNNING", None)] * 2
