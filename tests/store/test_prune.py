"""``store.prune()``: old jobs, or their results alone, are removed; only counted by default."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sql

from ibm_circuit_job import IBMBackendValueError, Job, JobDetails, JobInputs, JobStore, ResultPayload, refresh
from ibm_circuit_job.store import retention, schema
from ibm_circuit_job.wire.replies import status_report

pytest_plugins = ["postgresql"]

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
BODY = b'{"results": []}'
DAY = timedelta(days=1)
ANY = timedelta(0)


@pytest.fixture
def store(store_url):
    with JobStore(store_url) as store:
        yield store


def job(job_id, said="Completed", *, created=NOON, body=BODY, **details):
    known = refresh(
        Job(job_id),
        status_report(said, NOON),
        JobDetails(NOON, created=created, **details),
        JobInputs(NOON, f'{{"of": "{job_id}"}}'.encode()),
    )
    return known if body is None else refresh(known, ResultPayload(NOON, body))


def size_of(*jobs):
    bodies = {fact.sha256: len(fact.raw) for each in jobs for fact in each.facts if hasattr(fact, "raw")}
    return sum(bodies.values())


def ids(store):
    return sorted(each.job_id for each in store.records())


def bodies_in(store):
    engine = sql.create_engine(store._database.url)
    with engine.begin() as connection:
        found = connection.execute(sql.select(sql.func.sum(schema.bodies.c.size))).scalar()
    engine.dispose()
    return int(found or 0)


def test_dry_run_says_what_goes_and_removes_nothing(store):
    jobs = [job("a"), job("b")]
    store.save_all(jobs)
    report = store.prune(older_than=DAY)
    assert (report.jobs, report.bytes, report.is_dry_run) == (("a", "b"), size_of(*jobs), True)
    assert ids(store) == ["a", "b"]


def test_what_was_said_to_go_goes(store):
    new = job("new", created=datetime.now(UTC))
    store.save_all([job("old"), new])
    before, said = bodies_in(store), store.prune(older_than=DAY)
    done = store.prune(older_than=DAY, dry_run=False)
    assert (done.jobs, done.bytes, done.is_dry_run) == (said.jobs, said.bytes, False)
    assert ids(store) == ["new"]
    # The result is that of both.
    assert before - bodies_in(store) == said.bytes == size_of(job("old", body=None))
    assert store.load("new") == new
    assert store.check().is_sound


def test_unfinished_and_private_jobs_stay_unless_asked_for(store):
    store.save_all([job("runs", "Running", body=None), job("read once", private=True), job("plain")])
    store.save(job("awaited", "Running", body=None))
    store.save(job("awaited", "Completed", body=None))
    assert store.prune(older_than=ANY).jobs == ("plain",)
    assert store.prune(older_than=ANY, unfinished=True).jobs == ("awaited", "plain", "runs")
    assert store.prune(older_than=ANY, private=True).jobs == ("plain", "read once")
    store.prune(older_than=ANY, dry_run=False)
    assert ids(store) == ["awaited", "read once", "runs"]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"status": "ERROR"}, ("failed",)),
        ({"status": ["ERROR", "DONE"], "tags": ["x"]}, ("failed", "tagged")),
        ({"tags": ["x", "y"]}, ("tagged",)),
        ({"service": "elsewhere"}, ("failed", "far", "tagged")),
        ({"among": ["far", "unknown"]}, ("far",)),
    ],
)
def test_arguments_choose_the_jobs(store, chosen, expected):
    store.save_all([job("failed", "Failed", tags=["x"]), job("tagged", tags=["x", "y"])])
    store.save(job("far"), service="elsewhere")
    store.save(job("near"), service="here")
    assert store.prune(**chosen).jobs == expected


def test_results_alone_go_and_are_not_asked_for_again(store):
    kept = job("a", "Running", body=None)
    store.save(kept)
    store.save_all([job("a"), job("b"), job("without", body=None)])
    report = store.prune(older_than=DAY, results_only=True)
    assert (report.jobs, report.bytes) == (("a", "b"), len(BODY))
    assert store.prune(older_than=DAY, results_only=True, dry_run=False).jobs == ("a", "b")
    assert store.payload("a") is None
    assert store.load("a") == job("a", body=None)
    assert [fact for fact in store.history("a") if isinstance(fact, ResultPayload)] == []
    assert store.unfinished() == []
    assert store.check().is_sound
    assert store.prune(older_than=DAY, results_only=True).jobs == ()
    # What arrives again is there again.
    store.save(job("a"))
    assert store.load("a") == job("a")


def test_result_that_is_the_inputs_of_another_job_stays(store):
    store.save_all([job("a"), refresh(Job("b"), JobInputs(NOON, BODY))])
    report = store.prune(older_than=DAY, results_only=True, dry_run=False)
    assert (report.jobs, report.bytes) == (("a",), 0)
    assert store.inputs("b").raw == BODY


def test_damaged_job_stays(store):
    store.save_all([job("a"), job("b", body=b'{"results": [1]}')])
    engine = sql.create_engine(store._database.url)
    with engine.begin() as connection:
        connection.execute(sql.update(schema.jobs).where(schema.jobs.c.job_id == "a").values(first_seen=7))
    engine.dispose()
    assert store.prune(older_than=DAY, dry_run=False).jobs == ("b",)
    assert ids(store) == []
    assert not store.check().is_sound


def test_all_pages_are_looked_at(store, monkeypatch):
    monkeypatch.setattr(retention, "_PAGE", 2)
    store.save_all(job(f"job {number}", created=NOON + number // 2 * DAY) for number in range(5))
    assert store.prune(older_than=DAY).jobs == tuple(f"job {number}" for number in range(5))


def test_payloads_in_a_folder_go_too(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite", payloads=tmp_path / "payloads") as store:
        store.save_all([job("a"), job("b")])
        store.prune(older_than=DAY, results_only=True, dry_run=False)
        assert len([*(tmp_path / "payloads").rglob("*.zst")]) == 2
        store.prune(older_than=DAY, dry_run=False)
        assert [*(tmp_path / "payloads").rglob("*.zst")] == []
        assert store.check().is_sound


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "expected at least one of older_than"),
        ({"older_than": 7}, "expected older_than to be a timedelta"),
        ({"older_than": -DAY}, "expected older_than to be a timedelta"),
        ({"status": "NOPE"}, "NOPE"),
        ({"among": [7]}, "expected among to be a list of IDs of jobs, got 7 in it"),
        ({"among": "a"}, "expected among to be a list of IDs of jobs"),
    ],
)
def test_wrong_argument_removes_nothing(tmp_path, wrong, message):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        store.save(job("a"))
        with pytest.raises(IBMBackendValueError, match=message):
            store.prune(**wrong, dry_run=False)
        assert ids(store) == ["a"]
