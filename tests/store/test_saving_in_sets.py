"""A save of many jobs: as few statements as one of a few, merged in any order, and no job stands in for another."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sql
from slow_line import SlowLine

from ibm_circuit_job import Job, JobDetails, JobStore, JobStoreDamagedError, refresh
from ibm_circuit_job.state.facts import JobInputs, JobName, JobTags, ResultPayload
from ibm_circuit_job.store import database, merging, schema, statements
from ibm_circuit_job.wire.replies import status_report

pytest_plugins = ["postgresql"]

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
TABLES = (schema.jobs, schema.history, schema.tags, schema.bodies, schema.body_parts)


def later(seconds):
    return NOON + timedelta(seconds=seconds)


def numbered(number, seconds=0, status="Completed"):
    """A job with tags, inputs and a result of its own."""
    return refresh(
        Job(f"job {number:04}"),
        JobDetails(later(seconds), backend="b", tags=["x", f"tag {number}"], created=later(number)),
        status_report(status, later(seconds)),
        JobInputs(NOON, f"{number}".encode()),
        ResultPayload(later(seconds), json.dumps({"results": [], "number": number, "seconds": seconds}).encode()),
    )


@pytest.fixture
def store(store_url):
    with JobStore(store_url) as store:
        yield store


@pytest.fixture
def line(postgresql_store_url):
    line = SlowLine(sql.make_url(postgresql_store_url).port)
    yield line
    line.close()


@pytest.fixture
def far_store(postgresql_store_url, line):
    """A store behind the line, with a connection that is open."""
    with JobStore(sql.make_url(postgresql_store_url).set(port=line.port)) as store:
        store.save(Job("open"))
        yield store


def statements_of(store, work):
    sent = []

    def note(_connection, _cursor, statement, *_):
        sent.append(statement)

    sql.event.listen(store._database._engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        sql.event.remove(store._database._engine, "before_cursor_execute", note)
    return len(sent)


@pytest.mark.parametrize("seconds", [0, 5], ids=["new jobs", "jobs that are there"])
def test_thirty_jobs_take_the_statements_of_two(store, seconds):
    if seconds:
        store.save_all(numbered(number) for number in range(32))
    few = statements_of(store, lambda: store.save_all([numbered(30, seconds), numbered(31, seconds)]))
    many = statements_of(store, lambda: store.save_all(numbered(number, seconds) for number in range(30)))
    # The first of all saves looks where the store has its bodies, once more.
    assert few - 1 <= many <= few
    assert many <= 20
    assert store.load("job 0012") == refresh(numbered(12), *numbered(12, seconds).facts)
    assert store.check().is_sound


def test_forty_jobs_take_few_turns_of_a_long_line(far_store, line):
    before = line.turns
    far_store.save_all(numbered(number) for number in range(40))
    new = line.turns - before
    far_store.save_all(numbered(number, 5) for number in range(40))
    changed = line.turns - before - new
    far_store.save(numbered(7, 9))
    one = line.turns - before - new - changed
    assert (new <= 20, changed <= 26, one <= 25) == (True, True, True), (new, changed, one)


def test_save_of_a_status_takes_few_turns_of_a_long_line(far_store, line):
    far_store.save(Job("a", status_report("Queued", NOON)))
    before = line.turns
    far_store.save(Job("a", status_report("Running", later(1))))
    # One of them notifies the processes that wait for the job.
    assert line.turns - before <= 9


def test_jobs_of_many_portions_are_merged_whatever_is_there(store, monkeypatch):
    monkeypatch.setattr(statements, "_AT_ONCE", 7)
    store.save_all([numbered(number, status="Running") for number in range(0, 20, 3)])
    # Two of each job, of which the older one comes last.
    store.save_all([numbered(number, seconds) for seconds in (9, 3) for number in range(20)])
    listed = store.records(descending=False)
    assert [job.job_id for job in listed] == [f"job {number:04}" for number in range(20)]
    assert {job.status.status.name for job in listed} == {"DONE"}
    arrived = [fact.observed_at for fact in store.history("job 0003") if isinstance(fact, ResultPayload)]
    assert arrived == [later(0), later(9), later(3)]
    assert store.payload("job 0003").observed_at == later(9)
    assert len(store.records(job_tags=["x"])) == 20
    report = store.check()
    assert (report.jobs, report.bodies, report.damage) == (20, 20 + 7 + 40, ())


def test_tags_of_many_jobs_are_replaced(store):
    store.save_all(numbered(number) for number in range(3))
    store.save_all(Job(f"job {number:04}", details=JobDetails(later(1), tags=["y"])) for number in range(2))
    assert [job.job_id for job in store.records(job_tags=["x"])] == ["job 0002"]
    assert len(store.records(job_tags=["y"])) == 2


def test_damaged_job_costs_itself_alone(store):
    store.save_all(numbered(number) for number in range(3))
    with store._database._engine.begin() as connection:
        for table in (schema.jobs, schema.history):
            of_job = sql.and_(table.c.job_id == "job 0001", table.c.record.is_not(None))
            connection.execute(sql.update(table).where(of_job).values(record="{"))
    with pytest.raises(JobStoreDamagedError, match=r"job 0001 is damaged, .* of the 4 jobs, the other 3 were saved"):
        store.save_all([numbered(number, 5) for number in range(4)])
    assert [store.load(f"job {number:04}").payload.observed_at for number in (0, 2, 3)] == [later(5)] * 3
    assert [line for line in store.check().damage if "job 0001" not in line] == []
    with store._database._engine.begin() as connection:
        of_job = sql.select(sql.func.count()).where(schema.history.c.job_id == "job 0001")
        assert connection.execute(of_job).scalar() == 4


def test_row_that_is_damaged_is_made_anew_among_others(store):
    store.save_all(numbered(number) for number in range(3))
    with store._database._engine.begin() as connection:
        connection.execute(sql.update(schema.jobs).where(schema.jobs.c.job_id == "job 0001").values(record="{"))
    store.save_all(Job(f"job {number:04}", details=JobDetails(later(1), name="bell")) for number in range(3))
    assert [store.load(f"job {number:04}").name for number in range(3)] == ["bell"] * 3
    assert store.load("job 0001").payload == numbered(1).payload
    assert store.check().is_sound


def test_long_histories_are_bounded_in_one_save(store, monkeypatch):
    monkeypatch.setattr(merging, "MOST_FACTS", 10)
    names = [
        Job(job_id, details=JobDetails(later(second), name=f"name {second}")) for job_id in "ab" for second in range(30)
    ]
    store.save_all(names[::2])
    store.save_all(names[1::2])
    assert [len(store.history(job_id)) for job_id in "ab"] == [10, 10]
    assert [store.load(job_id).name for job_id in "ab"] == ["name 29"] * 2
    assert store.check().is_sound


def test_transactions_that_save_the_same_jobs_do_not_wait_in_a_circle(postgresql_store_url, monkeypatch):
    # A transaction that is begun again would hide it.
    monkeypatch.setattr(database, "_TRIES", 1)
    starts = threading.Barrier(6)

    def save(turn):
        # Each second one in the opposite order.
        mine = range(turn % 3, 200, 1 + turn % 4)[:: 1 if turn % 2 else -1]
        starts.wait()
        store.save_all(Job(f"job {number:04}", details=JobDetails(later(turn), tags=[f"{turn}"])) for number in mine)

    with JobStore(postgresql_store_url, timeout=120) as store, ThreadPoolExecutor(6) as threads:
        store.save_all(Job(f"job {number:04}") for number in range(0, 200, 5))
        assert list(threads.map(save, range(6))) == [None] * 6
        assert store.check().is_sound


def test_texts_of_any_kind_are_saved_in_sets(store):
    odd = ["naïve", 'a "quote"', "back\\slash", "two\nlines", "", "𝄞", "{}", "'"]
    jobs = [
        refresh(Job(f"job {number} {'é' * number}"), JobName(NOON, text), JobTags(NOON, [text] if text else []))
        for number, text in enumerate(odd)
    ]
    store.save_all(jobs, service="https://ü/\"'\\ crn:1")
    assert store.records_of(job.job_id for job in jobs) == {job.job_id: job for job in jobs}
    assert set(store.services_of(job.job_id for job in jobs).values()) == {"https://ü/\"'\\ crn:1"}
