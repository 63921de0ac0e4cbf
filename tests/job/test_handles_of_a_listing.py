"""Handles that a store lists: each reads its record and is set up when it is first used, and is as any other then."""

import copy
import logging
import pickle
import sqlite3
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMCircuitJob, Job, JobDetails, JobMetrics, JobStore, JobStoreDamagedError, WaitPolicy
from ibm_circuit_job.store import seals
from ibm_circuit_job.testing import ScriptedClient

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
LATER = NOON.replace(hour=13)
FIELDS = {"program": "sampler", "session_id": "s", "run_mode": "batch", "backend": "ibm_torino"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def store(path):
    with JobStore(path) as store:
        yield store


def bell(job_id="cq1x", **more):
    return Job(job_id, details=JobDetails(NOON, tags=["bell"], **more))


def listed(store, *records):
    store.save_all(records or [bell()])
    return store.jobs(descending=False)


def with_text(path, text):
    """Write a text in the place of the record of a job, with the digest that is right for it."""
    with sqlite3.connect(path) as database:
        database.row_factory = sqlite3.Row
        row = dict(database.execute("SELECT * FROM jobs").fetchone())
        for name in ("has_result", "is_awaited", "result_is_gone"):
            row[name] = bool(row[name])
        digest = seals.digest_of_job(row | {"record": text})
        database.execute("UPDATE jobs SET record = ?, digest = ?", (text, digest))
    database.close()


def test_listed_handle_is_as_one_of_its_record(store):
    [job] = listed(store)
    whole = IBMCircuitJob.from_store(store, bell())
    assert repr(job) == repr(whole)
    assert (job.job_id(), job.tags(), job.state, job.store) == ("cq1x", ["bell"], whole.state, store)
    assert vars(job).keys() == vars(whole).keys()
    assert dir(job) == dir(whole)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda job: pickle.loads(pickle.dumps(job))])
def test_unused_handle_is_copied_and_pickled(store, copied):
    [job] = listed(store)
    assert copied(job).state == bell()


def test_unused_handle_can_be_referred_to_weakly(store):
    [job] = listed(store)
    assert weakref.ref(job)() is job
    assert {job: 1}[job] == 1


def test_field_of_a_reply_is_an_attribute_at_once(store):
    [job] = listed(store, bell(unknown=[("cost", "10")]))
    assert job.cost == 10
    assert not hasattr(job, "price")


def test_value_that_is_assigned_first_stays(store):
    [job] = listed(store)
    patient = WaitPolicy.gentle()
    job.wait_policy = patient
    assert job.tags() == ["bell"]
    assert job.wait_policy is patient


def test_member_of_an_unused_handle_is_not_assigned(store):
    [job] = listed(store)
    with pytest.raises(AttributeError, match="cannot be assigned"):
        job.tags = ["mine"]


def test_threads_that_use_a_handle_first_share_it(store):
    jobs = listed(store, *(Job(f"cq{number:03d}") for number in range(100)))
    barrier = Barrier(len(FIELDS))

    def learn_all(field):
        barrier.wait()
        for job in jobs:
            job.learn(Job(job.job_id(), details=JobDetails(LATER, **{field: FIELDS[field]})))

    with ThreadPoolExecutor(len(FIELDS)) as threads:
        list(threads.map(learn_all, FIELDS))
    learned = {(job.state.program, job.state.session_id, job.state.run_mode, job.state.backend) for job in jobs}
    assert learned == {tuple(FIELDS.values())}


def test_record_is_what_the_store_had_when_it_listed(store):
    [job] = listed(store)
    store.save(Job("cq1x", details=JobDetails(LATER, tags=["ghz"])))
    assert job.tags() == ["bell"]
    assert [each.tags() for each in store.jobs()] == [["ghz"]]


def test_listing_reads_no_record(store, path):
    listed(store)
    with_text(path, '{"format":2,"job":{}}')
    [job] = store.jobs()
    assert job.job_id() == "cq1x"
    with pytest.raises(JobStoreDamagedError, match=r"record of job cq1x in the store at .* is damaged: .*job_id"):
        job.tags()
    assert store.records() == []


def test_damaged_record_is_left_out_of_the_listing(store, path, caplog):
    listed(store, bell("a"), bell("b"))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE jobs SET record = replace(record, 'bell', 'well') WHERE job_id = 'a'")
    database.close()
    with caplog.at_level(logging.WARNING):
        assert [job.job_id() for job in store.jobs()] == ["b"]
    assert "A job is left out: the record of job a in the store at" in caplog.text
    assert "it does not match its digest" in caplog.text


def test_store_that_was_replaced_since_gets_the_whole_record(store, path):
    [job] = listed(store)
    store.close()
    for file in path.parent.iterdir():
        file.unlink()
    store.save(Job("another"))
    job.learn(Job("cq1x", metrics=JobMetrics(LATER, position_in_queue=3)))
    assert (store.record("cq1x").tags, store.record("cq1x").metrics.position_in_queue) == (("bell",), 3)


def test_unread_record_shows_its_job_alone(store):
    listed(store)
    [unread] = store.unread_records(job_tags=["bell"])
    assert repr(unread) == "UnreadRecord(job_id='cq1x')"
    assert unread.read() == bell()
    assert store.unread_records(status="DONE") == []


def test_handle_of_a_listing_without_a_store_asks_its_client():
    client = ScriptedClient([b'{"id": "cq1x", "state": {"status": "Completed"}}'])
    [job] = IBMCircuitJob.from_listing([bell()], runtime_client=client)
    assert (job.client, job.store, job.tags()) == (client, None, ["bell"])
    assert job.status() is JobStatus.DONE
