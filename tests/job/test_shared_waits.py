"""Waits that several processes share: one asks the service, and the others learn what it saves.

Two stores at one place are as good as two processes: each has its own leases. A process that is killed is a fork. The
service is a folder with the status, and a file for each client that a request makes longer.
"""

import asyncio
import json
import multiprocessing
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
import sqlalchemy as sql

from ibm_circuit_job import IBMCircuitJob, IBMJobTimeoutError, JobStore, WaitPolicy, as_completed, wait_all
from ibm_circuit_job.errors import JobStoreError
from ibm_circuit_job.job import sharing
from ibm_circuit_job.store import schema

pytest_plugins = ["postgresql"]

PAUSE = WaitPolicy(shortest_pause=0.1, steady_pause=0.1, longest_pause=0.1, spread=0.0)
PATIENCE = 60.0


class Client:
    """A client of a service that all processes see."""

    def __init__(self, folder, name):
        self.folder = Path(folder)
        self.file = self.folder / f"{name}.requests"
        self.file.touch()

    def job_get(self, job_id, exclude_params=True):
        with self.file.open("ab") as requests:
            requests.write(b".")
        status = (self.folder / "status").read_text()
        return json.dumps({"id": job_id, "state": {"status": status}}).encode()

    @property
    def requests(self):
        return self.file.stat().st_size

    def say(self, status):
        (self.folder / "new").write_text(status)
        (self.folder / "new").rename(self.folder / "status")


def handle(client, store, job_id="a"):
    job = IBMCircuitJob(None, None, job_id, runtime_client=client)
    job.keep_in(store)
    job.wait_policy = PAUSE
    return job


def until(condition):
    """Wait for what another thread or process does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.02)


@pytest.fixture
def clients(tmp_path):
    """Two clients of one service, of which a job is queued."""
    found = [Client(tmp_path, name) for name in ("first", "second")]
    found[0].say("Queued")
    return found


@pytest.fixture
def stores(store_url):
    """Two stores at one place."""
    with JobStore(store_url) as one, JobStore(store_url) as other:
        yield one, other


@pytest.fixture
def pool(clients):
    with ThreadPoolExecutor(4) as pool:
        yield pool
        # A wait of a test that has failed would not end.
        clients[0].say("Completed")


def both_wait(clients, stores, pool, wait):
    """Have two handles wait, the second once the first asks; return both, and what waits."""
    first, second = (handle(client, store) for client, store in zip(clients, stores, strict=True))
    waits = [pool.submit(wait, first)]
    until(lambda: clients[0].requests)
    waits.append(pool.submit(wait, second))
    until(lambda: sharing_of(stores[1]) and sharing_of(stores[1])._seen)
    return first, second, waits


def sharing_of(store):
    return sharing._sharings().get(id(store))


def wait_for_final_state(job):
    job.wait_for_final_state()


def wait_for_all(job):
    wait_all([job], policy=PAUSE)


def wait_in_a_loop(job):
    asyncio.run(job.wait_for_final_state_async())


@pytest.mark.parametrize("wait", [wait_for_final_state, wait_for_all, wait_in_a_loop])
def test_two_that_wait_for_a_job_ask_as_often_as_one(wait, clients, stores, pool):
    first, second, waits = both_wait(clients, stores, pool, wait)
    asked = clients[0].requests
    until(lambda: clients[0].requests > asked + 2)
    assert clients[1].requests == 0
    clients[0].say("Completed")
    for each in waits:
        each.result(PATIENCE)
    # If the last save met a lock, the other process has the lease before it sees the end, and asks once.
    assert clients[1].requests <= 1
    assert clients[1].requests or first.state.status == second.state.status
    assert second.state.is_confirmed_final


def test_new_wait_follows_while_another_program_writes(clients, tmp_path, pool):
    file = tmp_path / "jobs.sqlite"
    with JobStore(file) as one, JobStore(file) as other:
        waits = [pool.submit(handle(clients[0], one).wait_for_final_state)]
        until(lambda: clients[0].requests)
        with closing(sqlite3.connect(file, isolation_level=None)) as writer:
            until(lambda: begun(writer))
            waits.append(pool.submit(handle(clients[1], other).wait_for_final_state))
            until(lambda: sharing_of(other) and sharing_of(other)._followed)
            assert clients[1].requests == 0
        clients[0].say("Completed")
        for each in waits:
            each.result(PATIENCE)


def begun(writer):
    with suppress(sqlite3.OperationalError):
        writer.execute("BEGIN IMMEDIATE")
    return writer.in_transaction


def test_callback_hears_what_another_process_learned(clients, stores, pool):
    heard = []
    _, second, waits = both_wait(
        clients, stores, pool, lambda job: job.wait_for_final_state(callback=lambda _, status, *__, **___: None)
    )
    waits.append(
        pool.submit(second.wait_for_final_state, callback=lambda _, status, *__, **___: heard.append(status.name))
    )
    clients[0].say("Running")
    until(lambda: "RUNNING" in heard)
    assert clients[1].requests == 0
    clients[0].say("Completed")
    for each in waits:
        each.result(PATIENCE)
    assert heard[-2:] == ["RUNNING", "DONE"]


def test_wait_that_ends_hands_over(clients, stores, pool):
    first = handle(clients[0], stores[0])
    wait = pool.submit(first.wait_for_final_state, timeout=3.0)
    until(lambda: clients[0].requests)
    second = pool.submit(handle(clients[1], stores[1]).wait_for_final_state)
    with pytest.raises(IBMJobTimeoutError):
        wait.result(PATIENCE)
    until(lambda: clients[1].requests)
    clients[0].say("Completed")
    second.result(PATIENCE)


def test_caller_who_does_something_else_loses_the_lease(clients, stores, pool):
    ended, queued = handle(clients[0], stores[0], "ended"), handle(clients[0], stores[0])
    clients[0].say("Completed")
    ended.status()
    clients[0].say("Queued")
    jobs = as_completed([ended, queued], policy=PAUSE)
    # The caller has one job, and does not come back for the next.
    assert next(jobs) is ended
    second = pool.submit(handle(clients[1], stores[1]).wait_for_final_state)
    until(lambda: clients[1].requests)
    clients[0].say("Completed")
    second.result(PATIENCE)
    assert [job.state.is_confirmed_final for job in jobs] == [True]


def test_lease_that_could_not_be_released_is_released_later(clients, tmp_path, pool):
    (tmp_path / "other").mkdir()
    other = Client(tmp_path / "other", "first")
    other.say("Queued")
    with JobStore(tmp_path / "jobs.sqlite") as store:
        jobs = [handle(clients[0], store), handle(other, store, "b")]
        wait = pool.submit(wait_all, jobs, policy=PAUSE)
        until(lambda: clients[0].requests and other.requests)
        execute(store, "CREATE TRIGGER refuse BEFORE DELETE ON job_leases BEGIN SELECT RAISE(ABORT, 'refused'); END")
        clients[0].say("Completed")
        until(lambda: jobs[0].state.is_confirmed_final)
        for _ in range(2):
            renewed = execute(store, "SELECT renewed FROM job_watchers")
            until(lambda renewed=renewed: execute(store, "SELECT renewed FROM job_watchers") != renewed)
        assert execute(store, "SELECT job_id FROM job_leases ORDER BY job_id") == [("a",), ("b",)]
        execute(store, "DROP TRIGGER refuse")
        until(lambda: execute(store, "SELECT job_id FROM job_leases") == [("b",)])
        other.say("Completed")
        wait.result(PATIENCE)


def execute(store, statement):
    with store._database._engine.begin() as connection:
        done = connection.exec_driver_sql(statement)
        return done.fetchall() if done.returns_rows else []


def test_each_asks_for_itself_where_the_leases_cannot_be_read(clients, stores, pool):
    with stores[0]._database._engine.begin() as connection:
        connection.execute(sql.text("DROP TABLE job_watchers"))
    waits = [
        pool.submit(handle(client, store).wait_for_final_state) for client, store in zip(clients, stores, strict=True)
    ]
    until(lambda: all(client.requests > 2 for client in clients))
    clients[0].say("Completed")
    for each in waits:
        each.result(PATIENCE)


def test_each_asks_for_itself_where_waits_are_not_shared(clients, store_url, pool):
    with JobStore(store_url, share_waits=False) as one, JobStore(store_url, share_waits=False) as other:
        waits = [
            pool.submit(handle(client, store).wait_for_final_state)
            for client, store in zip(clients, (one, other), strict=True)
        ]
        until(lambda: all(client.requests > 2 for client in clients))
        clients[0].say("Completed")
        for each in waits:
            each.result(PATIENCE)


def test_nothing_is_left_of_a_wait(clients, stores):
    clients[0].say("Completed")
    handle(clients[0], stores[0]).wait_for_final_state()
    with stores[0]._database._engine.connect() as connection:
        for table in (schema.leases, schema.watchers):
            assert connection.execute(sql.select(sql.func.count()).select_from(table)).scalar() == 0
    until(lambda: "ibm-circuit-job-sharing" not in {thread.name for thread in threading.enumerate()})


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_job_of_a_killed_process_is_asked_for_by_another(clients, store_url, pool):
    # Forked, so that it need not load the library again.
    process = multiprocessing.get_context("fork").Process(target=wait_in, args=(clients[0], store_url))
    process.start()
    try:
        until(lambda: clients[0].requests)
        with JobStore(store_url) as store:
            wait = pool.submit(handle(clients[1], store).wait_for_final_state)
            until(lambda: sharing_of(store) and sharing_of(store)._followed)
            process.kill()
            until(lambda: clients[1].requests)
            clients[0].say("Completed")
            wait.result(PATIENCE)
    finally:
        process.kill()
        process.join()


def wait_in(client, store_url):
    with JobStore(store_url) as store:
        handle(client, store).wait_for_final_state()


@pytest.mark.parametrize("given", [1, "yes", None])
def test_share_waits_is_true_or_false(given, tmp_path):
    with pytest.raises(JobStoreError, match="expected share_waits to be True or False"):
        JobStore(tmp_path / "jobs.sqlite", share_waits=given)
