"""Warnings in the log if a store cannot be written: each failure once, and each result that exists only in memory."""

import contextlib
import sqlite3

import pytest
from harmed_stores import read_only

from ibm_circuit_job import IBMCircuitJob, JobStore
from ibm_circuit_job.store import opening
from ibm_circuit_job.store.trouble import LoggedTroubles
from ibm_circuit_job.testing import ScriptedClient

BODY = b'{"backend_name": "b", "backend_version": "1", "job_id": "6ac2f5e8-2c9b", "success": true, "results": []}'


def reply(job_id, status):
    return b'{"id": "%s", "state": {"status": "%s"}}' % (job_id.encode(), status.encode())


def handle(store, job_id, *statuses, **scripts):
    client = ScriptedClient([reply(job_id, status) for status in statuses], **scripts)
    return IBMCircuitJob(None, None, job_id, runtime_client=client, store=store)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def store(path):
    # Long enough that a busy machine says what is wrong, and not that there was no answer: two warnings.
    with JobStore(path, timeout=0.5) as store:
        yield store


def locked(path):
    """While another program writes to the store."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return contextlib.closing(other)


def warnings(caplog, of):
    return [message for message in caplog.messages if of in message]


def test_unsaved_result_is_in_the_log_once_for_each_job(store, path, caplog):
    jobs = [handle(store, job_id, "Queued", "Completed", results=[BODY]) for job_id in "ab"]
    with locked(path):
        for job in jobs:
            job.status()
        assert len(warnings(caplog, "goes on without the store")) == 1
        for job in jobs:
            job.result()
            job.status()
            job.result()
        assert len(warnings(caplog, "goes on without the store")) == 1
        for job_id in "ab":
            assert len(warnings(caplog, f"Could not save the result of job {job_id}; it exists only in memory")) == 1


def test_store_that_cannot_be_written_to_says_so_once(store, caplog, monkeypatch):
    monkeypatch.setattr(opening, "_LONGEST_BACK_OFF_SECONDS", 0.0)
    jobs = [handle(store, str(number), "Queued", "Running") for number in range(3)]
    with read_only(store):
        for job in jobs:
            job.status()
            job.status()
    assert len(warnings(caplog, "it cannot be written to")) == 1


def test_trouble_that_comes_and_goes_is_told_once_a_minute(store, path, caplog, monkeypatch):
    monkeypatch.setattr(opening, "_LONGEST_BACK_OFF_SECONDS", 0.0)
    now = [0.0]
    store._database.troubles = LoggedTroubles(lambda: now[0])
    for seconds, warned in [(0, 1), (1, 1), (60, 1), (61, 1), (121, 2), (122, 2)]:
        now[0] = seconds
        with locked(path):
            handle(store, f"unkept-{seconds}", "Queued").status()
        assert len(warnings(caplog, "another program or thread has locked it")) == warned
        handle(store, f"kept-{seconds}", "Queued").status()


def test_trouble_that_lasts_is_told_once_however_rare(store, path, caplog):
    now = [0.0]
    store._database.troubles = LoggedTroubles(lambda: now[0])
    job = handle(store, "a", *["Queued", "Running"] * 2)
    with locked(path):
        for _ in range(4):
            store.end_back_off()
            job.status()
            store.records()
            now[0] += 3600.0
    assert len(warnings(caplog, "another program or thread has locked it")) == 1
