"""``await job`` and ``job.future()``: the result for asyncio and for concurrent.futures."""

import asyncio
import copy
import os
import pickle
import threading
from concurrent import futures

import pytest

from ibm_circuit_job import IBMCircuitJob, IBMJobApiError, IBMJobFailureError, WaitPolicy
from ibm_circuit_job.errors import Refused
from ibm_circuit_job.testing import ScriptedClient

BODY = b'{"backend_name": "b", "backend_version": "1", "job_id": "a", "success": true, "results": []}'
RUNS, ENDED = (b'{"id": "a", "state": {"status": "%s"}}' % status for status in (b"Running", b"Completed"))


def job_of(*replies, results=(BODY,)):
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient(replies, results=results))
    job.wait_policy = WaitPolicy(shortest_pause=0.001, share=0.001)
    return job


async def first_status(job):
    while job.state.status is None:  # noqa: ASYNC110 - no event tells what a handle learns
        await asyncio.sleep(0)


async def waited(job):
    return await job


@pytest.fixture
def held():
    """A job that runs until the test lets it end."""
    job, may_end = job_of(RUNS), threading.Event()
    job.client.job_get = lambda *_, **__: ENDED if may_end.is_set() else RUNS
    yield job, may_end
    may_end.set()


def test_awaited_job_is_its_result(simulator, bell):
    result = asyncio.run(waited(simulator.run(bell, shots=100)))
    assert sum(result.get_counts().values()) == 100


def test_event_loop_goes_on_while_a_job_is_awaited(held):
    job, may_end = held

    async def both():
        awaiting = asyncio.ensure_future(waited(job))
        await first_status(job)
        may_end.set()
        return await awaiting

    assert asyncio.run(both()).success


def test_several_jobs_are_awaited_together():
    async def all_of(jobs):
        return await asyncio.gather(*jobs)

    assert [result.success for result in asyncio.run(all_of([job_of(RUNS, ENDED) for _ in range(3)]))] == [True] * 3


def test_task_that_is_cancelled_ends_its_wait_and_not_the_job(held):
    job, _ = held

    async def cancelled():
        awaiting = asyncio.ensure_future(waited(job))
        await first_status(job)
        awaiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await awaiting

    asyncio.run(cancelled())
    assert job.running()
    assert "job_cancel" not in [method for method, _ in job.client.calls]


def test_time_limit_of_asyncio_ends_the_wait(held):
    async def limited():
        async with asyncio.timeout(0.05):
            await held[0]

    with pytest.raises(TimeoutError):
        asyncio.run(limited())


def test_awaited_job_that_failed_raises_why():
    with pytest.raises(IBMJobFailureError, match="Out of helium"):
        asyncio.run(waited(job_of(b'{"id": "a", "state": {"status": "Failed", "reason": "Out of helium"}}')))


# Futures


def test_future_is_one_of_the_standard_library(held):
    job, may_end = held
    future = job.future()
    assert isinstance(future, futures.Future)
    assert (future.running(), future.done()) == (True, False)
    may_end.set()
    done, _ = futures.wait([future], timeout=60)
    assert [each.result().success for each in done] == [True]


def test_several_calls_share_one_future_and_one_reading(held):
    job, may_end = held
    with futures.ThreadPoolExecutor(4) as threads:
        shared = list(threads.map(lambda _: job.future(), range(8)))
    may_end.set()
    assert len(set(shared)) == 1
    shared[0].result(timeout=60)
    assert job.future() is shared[0]
    assert [method for method, _ in job.client.calls].count("job_results") == 1


def test_future_is_not_cancelled_and_the_job_goes_on(held):
    job, may_end = held
    future = job.future()
    assert not future.cancel()
    assert job.running()
    may_end.set()
    assert future.result(timeout=60).success
    assert "job_cancel" not in [method for method, _ in job.client.calls]


def test_future_that_failed_is_begun_again():
    job = job_of(Refused("read job a", "http://x", 403, "No."), ENDED)
    first = job.future()
    with pytest.raises(IBMJobApiError, match="403: No"):
        first.result(timeout=60)
    assert job.future() is not first
    assert job.future().result(timeout=60).success


def test_copies_and_pickles_have_futures_of_their_own(held):
    job, may_end = held
    future = job.future()
    for other in (copy.copy(job), pickle.loads(pickle.dumps(job))):
        assert other.future() is not future
    may_end.set()
    future.result(timeout=60)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_fork_does_not_wait_for_a_thread_that_it_lacks(held):
    job, may_end = held
    future = job.future()
    child = os.fork()
    if child == 0:
        may_end.set()
        os._exit(0 if job.future() is not future and job.future().result(timeout=60).success else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
