"""What a listing and a delete cost does not depend on how many jobs a store has."""

import json
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sql

from ibm_circuit_job import Job, JobStore, refresh
from ibm_circuit_job.state.facts import JobDetails, JobInputs, ResultPayload
from ibm_circuit_job.store import schema
from ibm_circuit_job.wire.replies import status_report

pytest_plugins = ["postgresql"]

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
SERVICE = "https://a crn:1"
LISTINGS = {
    "all": {},
    "since": {"start_datetime": NOON + timedelta(seconds=5), "descending": False},
    "until": {"end_datetime": NOON + timedelta(seconds=50)},
    "backend": {"backend_name": "b"},
    "backend since": {"backend_name": "b", "start_datetime": NOON + timedelta(seconds=5)},
    "status": {"status": "DONE"},
    "statuses": {"status": ["DONE", "QUEUED"]},
    "completed": {"status": "completed", "descending": False},
    "pending": {"status": "pending"},
    "tag": {"job_tags": ["x"]},
    "tag since": {"job_tags": ["x"], "start_datetime": NOON + timedelta(seconds=5), "descending": False},
    "tags": {"job_tags": ["x", "y"]},
    "service": {"service": SERVICE},
    "service without its instance": {"service": "https://a"},
    "all that there is": {"backend_name": "b", "status": "completed", "job_tags": ["x"], "service": SERVICE},
}


EMPTY = "SCAN unused_bodies"
"""It has a row only between the deletion of a payload elsewhere and its removal there."""
ORDERED = ("SCAN jobs USING INDEX jobs_by_moment", "SCAN jobs USING INDEX jobs_unfinished")


def fill(store, count):
    """Save many jobs, of which all but the first have ended, and of which all have the same tags, backend, service."""
    store.save_all(
        (
            refresh(
                Job(f"job {number:06}"),
                JobDetails(NOON + timedelta(seconds=number), backend="b", tags=["x", "y"]),
                status_report("Completed" if number else "Queued", NOON + timedelta(seconds=number)),
                JobInputs(NOON, f"{number}".encode()),
                ResultPayload(NOON, json.dumps({"results": [], "number": number // 2}).encode()),
            )
            for number in range(count)
        ),
        service=SERVICE,
    )


@pytest.fixture(scope="module")
def small_and_large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("size")
    # To fill it is one call, which takes long on a machine that does much else.
    with JobStore(folder / "small.sqlite") as small, JobStore(folder / "large.sqlite", timeout=600) as large:
        fill(small, 100)
        fill(large, 1000)
        yield small, large


@contextmanager
def steps(store):
    """Count the steps that SQLite takes in all connections of a store."""
    taken = [0]

    def count():
        taken[0] += 1

    def listen(connection, *_):
        connection.set_progress_handler(count, 1)

    store.close()
    sql.event.listen(store._database._engine, "connect", listen)
    yield taken
    sql.event.remove(store._database._engine, "connect", listen)
    store.close()


def steps_of(store, work):
    with steps(store) as taken:
        work(store)
    return taken[0]


@pytest.mark.parametrize("filters", LISTINGS.values(), ids=LISTINGS)
def test_first_jobs_of_a_listing_cost_the_same_in_any_store(small_and_large, filters):
    small, large = (steps_of(store, lambda store: store.records(limit=1, **filters)) for store in small_and_large)
    assert large < small * 1.2 + 100


def test_unfinished_jobs_cost_the_same_in_any_store(small_and_large):
    for service in (None, SERVICE, "https://a"):
        small, large = (
            steps_of(store, lambda store: len(store.unfinished(service=service)))  # noqa: B023 - done by then
            for store in small_and_large
        )
        assert large < small * 1.2 + 100


def test_delete_costs_the_same_in_any_store(small_and_large):
    small, large = (steps_of(store, lambda store: store.delete("job 000007")) for store in small_and_large)
    assert large < small * 1.2 + 100


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request, tmp_path_factory):
    """A store of each kind with a few jobs; a test that deletes one deletes its own."""
    with ExitStack() as ended:
        if request.param == "sqlite":
            url = str(tmp_path_factory.mktemp("store") / "jobs.sqlite")
        else:
            url = ended.enter_context(request.getfixturevalue("postgresql_databases").one(with_store=True))
        store = ended.enter_context(JobStore(url))
        fill(store, 3)
        yield store


def plan_of(store, work):
    """How the database finds the rows of all that some work asks it for."""
    said = []

    def explain(connection, _, statement, parameters, context, is_many):
        if not is_many and statement.startswith(("SELECT", "DELETE", "UPDATE")) and " store_version" not in statement:
            asked = connection.connection.dbapi_connection.cursor()
            asked.execute(f"EXPLAIN {'QUERY PLAN ' if store._database.is_sqlite else ''}{statement}", parameters)
            said.extend(str(row[-1]) for row in asked.fetchall())

    def without_scans(connection):
        connection.exec_driver_sql("SET LOCAL enable_seqscan TO off")
        connection.exec_driver_sql("SET LOCAL enable_sort TO off")

    engine = store._database._engine
    if not store._database.is_sqlite:
        # Of a few rows it reads all, rather than an index.
        sql.event.listen(engine, "begin", without_scans)
    sql.event.listen(engine, "before_cursor_execute", explain)
    work()
    sql.event.remove(engine, "before_cursor_execute", explain)
    if not store._database.is_sqlite:
        sql.event.remove(engine, "begin", without_scans)
    return said


def assert_finds(plan):
    assert plan
    for line in plan:
        assert "Seq Scan" not in line, plan
        # In an index from its begin, or until there are enough.
        assert not line.startswith("SCAN") or line.endswith((*ORDERED, EMPTY)), plan
        assert "TEMP B-TREE" not in line, plan
        assert "Sort  (cost" not in line, plan


@pytest.mark.parametrize("filters", LISTINGS.values(), ids=LISTINGS)
def test_no_listing_reads_a_whole_table(store, filters):
    assert_finds(plan_of(store, lambda: store.records(limit=2, **filters)))


def test_neither_unfinished_nor_delete_reads_a_whole_table(store):
    assert_finds(plan_of(store, store.unfinished))
    assert_finds(plan_of(store, lambda: store.unfinished(service=SERVICE)))
    known = JobDetails(NOON, backend="b", tags=["x"]), JobInputs(NOON, b"{}"), ResultPayload(NOON, b"[]")
    store.save(refresh(Job("to be deleted"), *known))
    assert_finds(plan_of(store, lambda: store.delete("to be deleted")))


@pytest.mark.parametrize("column", ["program", "session_id"])
def test_jobs_of_a_program_or_session_are_found_in_order(store, column):
    jobs = schema.jobs.c
    query = sql.select(jobs.job_id).where(jobs[column] == "x").order_by(jobs.moment.desc(), jobs.job_id.desc())

    def ask():
        store._database.read("look", lambda connection: connection.execute(query.limit(1)).all())

    assert_finds(plan_of(store, ask))
