"""How many connections a store has, and how long its threads wait for one."""

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from ibm_circuit_job import Job, JobStore, JobStoreError, JobStoreUnavailableError, ResultPayload

pytest_plugins = ["postgresql"]

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
THREADS = 40


def test_more_threads_than_connections_all_have_their_results_stored(postgresql_store_url):
    with JobStore(postgresql_store_url, pool_size=2, timeout=120) as store:

        def save(number):
            store.save(Job(f"job {number}", payload=ResultPayload(NOON, b'{"results": [%d]}' % number)))

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(save, range(THREADS)))
        assert store._database._engine.pool.overflow() <= 0
        assert [store.payload(f"job {number}").raw for number in (0, THREADS - 1)] == [
            b'{"results": [0]}',
            b'{"results": [%d]}' % (THREADS - 1),
        ]
        assert len(store.records()) == THREADS


def test_call_fails_after_the_time_to_wait_for_a_connection(store_url):
    with JobStore(store_url, pool_size=1, pool_timeout=0.05, timeout=60) as store, ThreadPoolExecutor(1) as thread:
        is_in, may_go = threading.Event(), threading.Event()

        def work(_connection):
            is_in.set()
            may_go.wait(60)

        other = thread.submit(store._database.read, "wait", work)
        assert is_in.wait(60)
        with pytest.raises(JobStoreUnavailableError, match="too many threads use it"):
            store.load("a")
        may_go.set()
        other.result(60)
        assert store.load("a") is None


@pytest.mark.parametrize("wrong", [0, -1, 1001, 2.0, True, "5", None])
def test_wrong_pool_size_is_refused(tmp_path, wrong):
    with pytest.raises(JobStoreError, match="expected pool_size to be a whole number from 1 to 1000, got"):
        JobStore(tmp_path / "jobs.sqlite", pool_size=wrong)


@pytest.mark.parametrize("wrong", [0, -1, "5", True, 100_000])
def test_wrong_pool_timeout_is_refused(tmp_path, wrong):
    with pytest.raises(JobStoreError, match="expected pool_timeout to be a number of seconds above 0 and at most"):
        JobStore(tmp_path / "jobs.sqlite", pool_timeout=wrong)


def test_copy_of_a_store_has_the_same_pool(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite", pool_size=3, pool_timeout=1.5) as store:
        copy = pickle.loads(pickle.dumps(store))
    assert (copy._database.pool_size, copy._database.pool_timeout) == (3, 1.5)
