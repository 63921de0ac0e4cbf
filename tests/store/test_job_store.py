"""JobStore: jobs and results in a file of SQLite, or in PostgreSQL."""

import hashlib
import io
import json
import os
import pickle
import random
import sqlite3
import stat
import time
import traceback
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sql
from descriptors import descriptors
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import (
    IBMBackendValueError,
    IBMCircuitJob,
    Job,
    JobStore,
    JobStoreDamagedError,
    JobStoreError,
    merge,
    refresh,
)
from ibm_circuit_job.state.facts import JobDetails, JobInputs, JobName, JobTags, ResultPayload
from ibm_circuit_job.store import bodies, database, merging, reading, schema
from ibm_circuit_job.store.writing import Writing
from ibm_circuit_job.wire.replies import status_report

pytest_plugins = ["postgresql"]

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
BODY = b'{"results": []}'
SECRET = "s3cret-of-mine"


def later(seconds):
    return NOON + timedelta(seconds=seconds)


@pytest.fixture
def store(store_url):
    with JobStore(store_url) as store:
        yield store


@pytest.fixture
def file(tmp_path):
    return tmp_path / "jobs.sqlite"


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A store in which nothing is saved, since the arguments are wrong."""
    with JobStore(tmp_path_factory.mktemp("empty") / "jobs.sqlite") as store:
        yield store
        assert store.records() == []


@contextmanager
def inside(store):
    """A transaction in the database of a store, past the store."""
    engine = sql.create_engine(store._database.url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def rows(store, table):
    with inside(store) as connection:
        return connection.execute(sql.select(sql.func.count()).select_from(table)).scalar()


def finished(job_id, *, body=BODY, seconds=0):
    return refresh(Job(job_id), status_report("Completed", later(seconds)), ResultPayload(later(seconds), body))


# Saving and reading


def test_saved_job_is_there_after_reopening(store_url):
    job = refresh(finished("a"), JobDetails(NOON, tags=["x"]), JobInputs(NOON, b"{}"), JobName(NOON, "bell"))
    with JobStore(store_url) as store:
        store.save(job)
    with JobStore(store_url) as again:
        assert again.load("a") == job
        assert again.load("a").payload.raw == BODY
        assert again.inputs("a") == job.inputs
        assert again.payload("a") == job.payload


def test_record_is_all_but_the_bodies(store):
    store.save(refresh(finished("a"), JobInputs(NOON, b"{}")))
    assert store.record("a") == Job("a", status_report("Completed", NOON))
    assert store.records() == [store.record("a")]


def test_what_is_not_kept_is_not_there(store):
    store.save(Job("a"))
    assert (store.load("b"), store.record("b"), store.history("b"), store.at("b", NOON)) == (None, None, [], Job("b"))
    assert (store.inputs("b"), store.payload("b"), store.records_of(["b"])) == (None, None, {})
    assert (store.inputs("a"), store.payload("a"), store.history("a")) == (None, None, [])
    assert store.load("a") == Job("a")
    store.delete("b")


def test_records_are_found_by_any_number_of_ids(store):
    store.save_all(Job(f"job {number}") for number in range(3))
    wanted = [f"job {number}" for number in range(1, 1200)]
    assert store.records_of([*wanted, *wanted]) == {"job 1": Job("job 1"), "job 2": Job("job 2")}


def test_jobs_are_saved_all_or_none(store):
    with pytest.raises(JobStoreError, match=r"expected the ID of a job, got 'b\\n'"):
        store.save_all([Job("a"), Job("b\n")])
    assert store.records() == []


def test_older_bodies_of_results_stay_there(store):
    for seconds, body in enumerate([b"first", b"second"]):
        store.save(finished("a", body=body, seconds=seconds))
    assert store.load("a").payload.raw == b"second"
    assert [store.payload("a", newer).raw for newer in (0, 1)] == [b"second", b"first"]
    assert store.payload("a", 2) is None


def test_history_is_in_the_order_in_which_facts_came(store):
    late, early = JobName(later(5), "late"), JobName(later(1), "early")
    store.save(refresh(Job("a"), late))
    store.save(refresh(Job("a"), early))
    assert store.history("a") == [JobDetails(later(5), name="late"), JobDetails(later(1), name="early")]
    assert store.load("a").name == "late"
    assert [store.at("a", later(seconds)).name for seconds in (0, 1, 4, 5)] == [None, "early", "early", "late"]


def test_moment_without_a_zone_is_refused(empty):
    with pytest.raises(JobStoreError, match="expected moment to be a datetime with a time zone, got"):
        empty.at("a", NOON.replace(tzinfo=None))


def test_facts_seen_by_a_moment_count_even_if_saved_later(store):
    seen = [Job("a", details=JobDetails(NOON, backend="b")), Job("a", details=JobDetails(later(5), name="bell"))]
    store.save(merge(*seen))
    assert [(record.backend, record.name) for record in (store.at("a", later(seconds)) for seconds in (-1, 0, 5))] == [
        (None, None),
        ("b", None),
        ("b", "bell"),
    ]


def test_moment_may_be_of_any_kind_of_datetime(store):
    class Timestamp(datetime):
        """Such as that of pandas."""

    store.save(Job("a", details=JobDetails(NOON, name="bell")))
    assert store.at("a", Timestamp(2025, 1, 1, tzinfo=UTC)).name == "bell"


@pytest.mark.parametrize("job_id", [5, None, "", b"a", ["a"], 2**70], ids=repr)
def test_what_is_no_id_of_a_job_is_refused(empty, job_id):
    uses = (empty.load, empty.record, empty.payload, empty.inputs, empty.history, empty.delete)
    for use in (*uses, lambda job_id: empty.at(job_id, NOON), lambda job_id: empty.records_of(["a", job_id])):
        with pytest.raises(JobStoreError, match="expected the ID of a job, got "):
            use(job_id)


@pytest.mark.parametrize("newer", [-1, "x", True, None])
def test_number_of_newer_results_is_checked(empty, newer):
    with pytest.raises(JobStoreError, match="expected newer to be a whole number from 0 up, got "):
        empty.payload("a", newer)


def test_numbers_may_be_larger_than_a_database_has(store):
    store.save(finished("a"))
    assert [job.job_id for job in store.records(limit=2**70)] == ["a"]
    assert store.records(skip=2**70) == store.records(limit=2**63, skip=2**63) == []
    assert store.payload("a", newer=2**70) is None


@pytest.mark.parametrize("wrong", [5, b"x", ["x"], True, "\ud800"], ids=repr)
@pytest.mark.parametrize("name", ["backend_name", "service"])
def test_text_that_is_looked_for_is_checked(empty, name, wrong):
    for find in (empty.jobs, empty.records):
        with pytest.raises(IBMBackendValueError, match=f"expected {name} to be a string of whole characters, or None,"):
            find(**{name: wrong})


def test_what_is_no_record_is_not_saved(empty):
    handle = IBMCircuitJob(None, None, "a")
    for wrong in (handle, "a", None, [Job("a")]):
        for save in (empty.save, lambda job: empty.save_all([Job("b"), job])):
            with pytest.raises(JobStoreError, match="expected a Job, such as the state of a handle, got "):
                save(wrong)
    for wrong in (Job("a"), None):
        with pytest.raises(JobStoreError, match="expected a list of Jobs, got a "):
            empty.save_all(wrong)


@pytest.mark.parametrize("service", [5, b"x", ["x"]])
def test_service_that_is_no_text_is_not_saved(empty, service):
    for save in (lambda: empty.save(Job("a"), service=service), lambda: empty.save_all([], service=service)):
        with pytest.raises(JobStoreError, match="expected service to be a string or None, got "):
            save()


def test_tags_that_were_taken_away_are_not_found_any_more(store):
    store.save(Job("a", details=JobDetails(NOON, tags=["x", "y"])))
    store.save(Job("a", details=JobDetails(later(1), tags=["y"])))
    assert (store.records(job_tags=["x"]), store.records(job_tags=["y"])) == ([], [store.record("a")])
    store.save(Job("a", details=JobDetails(later(2), tags=[])))
    assert store.records(job_tags=["y"]) == []


def test_texts_of_any_kind_are_given_back(store):
    text = "naïve ☃ \0 \U0001f600 ' \" % \\"
    details = JobDetails(NOON, backend=text, name=text, tags=[text], unknown=[("x", '"\\u0000"')])
    store.save(Job("é ☃ '%", details=details))
    assert store.load("é ☃ '%").details == details
    assert [job.job_id for job in store.records(backend_name=text, job_tags=[text])] == ["é ☃ '%"]


def test_moments_are_exact_to_the_microsecond_in_any_year(store):
    moments = [datetime.min.replace(tzinfo=UTC), later(0.000001), datetime.max.replace(tzinfo=UTC)]
    for moment in moments:
        store.save(refresh(Job("a"), JobInputs(moment, b"%d" % moment.year), JobDetails(moment, created=moment)))
    assert [fact.observed_at for fact in store.history("a") if isinstance(fact, JobInputs)] == moments
    assert store.inputs("a") == JobInputs(moments[-1], b"9999")
    assert store.records(start_datetime=moments[-1], end_datetime=moments[-1]) == [store.record("a")]
    assert store.records(end_datetime=later(0)) == []


def test_unfinished_jobs_lack_an_end_or_a_result_oldest_first(store):
    store.save(Job("running", status_report("Running", later(3))), service="one")
    store.save(Job("without result", status_report("Running", later(2))), service="one")
    store.save(Job("without result", status_report("Completed", later(2))), service="one")
    store.save(Job("of others", status_report("Completed", later(2))), service="one")
    store.save(finished("asked for", body=b"<html>Try later.</html>", seconds=2))
    store.save(Job("gone", status_report("Running", later(2))), service="one")
    store.save(Job("gone", status_report("Completed", later(2))), service="one")
    store.give_up_result("gone")
    store.save(Job("unknown", details=JobDetails(later(1), tags=["x"])))
    store.save(finished("finished"), service="one")
    store.save(Job("failed", status_report("Failed", NOON)), service="one")
    store.save(Job("elsewhere", status_report("Running", later(9))), service="other")
    found = {service: [job.job_id for job in store.unfinished(service=service)] for service in (None, "one", "third")}
    assert found == {
        None: ["unknown", "asked for", "without result", "running", "elsewhere"],
        "one": ["unknown", "asked for", "without result", "running"],
        "third": ["unknown", "asked for"],
    }


def test_cancel_that_was_only_accepted_is_not_an_end(store):
    store.save(refresh(Job("a"), status_report("Cancelled", NOON)))
    store.save(Job("b", store.record("a").status.__class__(NOON, JobStatus.CANCELLED, "Cancelled", assumed=True)))
    assert [job.job_id for job in store.unfinished()] == ["b"]


def test_service_of_a_job_is_known_once_somebody_said_it(store):
    store.save(Job("a"))
    assert store.records(service="one") == [Job("a")]
    store.save(Job("a"), service="one")
    store.save(Job("a"))
    assert (store.records(service="one"), store.records(service="other")) == ([Job("a")], [])


# Bodies


@pytest.mark.parametrize("way", ["save", "import"])
def test_body_that_is_damaged_is_mended_by_whoever_has_it(store, tmp_path, way):
    store.save(finished("a"))
    store.export(tmp_path / "archive")
    with store._database._engine.begin() as connection:
        connection.execute(sql.update(schema.body_parts).values(data=b"damaged"))
    with pytest.raises(JobStoreDamagedError):
        store.load("a")
    if way == "save":
        store.save(finished("a"))
    else:
        store.import_(tmp_path / "archive")
    assert store.load("a") == finished("a")


def test_body_that_two_jobs_have_is_stored_once(store):
    store.save_all([finished("a"), refresh(finished("b", seconds=5), JobInputs(NOON, BODY))])
    store.save(finished("a", seconds=7))
    assert (rows(store, schema.bodies), rows(store, schema.body_parts)) == (1, 1)
    assert store.load("a").payload.raw == store.load("b").payload.raw == store.inputs("b").raw == BODY


def test_shared_body_goes_with_the_last_of_its_jobs(store):
    store.save_all([finished("a"), finished("b")])
    store.delete("a")
    assert store.load("a") is None
    assert store.history("a") == []
    assert store.load("b") == finished("b")
    store.delete("b")
    tables = (schema.jobs, schema.history, schema.tags, schema.bodies, schema.body_parts)
    assert [rows(store, table) for table in tables] == [0] * 5


def test_statements_do_not_grow_with_the_number_of_jobs_saved(file):
    """A database answers none that has too many parameters."""
    sizes = []
    jobs = [finished(f"job {number}", body=b"%d" % number) for number in range(1200)]
    with JobStore(file) as store:

        def note(_connection, _cursor, _statement, parameters, _context, is_of_many_rows):
            sizes.extend(map(len, parameters if is_of_many_rows else [parameters]))

        sql.event.listen(store._database._engine, "before_cursor_execute", note)
        store.save_all(jobs)
        assert len(store.records_of(job.job_id for job in jobs)) == 1200
        assert rows(store, schema.bodies) == 1200
    assert max(sizes) < 1000


def test_earlier_body_stays_until_the_job_is_deleted(store):
    store.save_all([finished("a", body=b"first"), finished("a", body=b"second", seconds=1)])
    store.save(finished("b", body=b"first"))
    store.delete("b")
    assert store.payload("a", newer=1).raw == b"first"


def test_large_body_is_kept_in_parts(store, monkeypatch):
    monkeypatch.setattr(bodies, "_PART", 100_000)
    body = random.Random(5).randbytes(250_000)
    store.save(finished("a", body=body))
    assert rows(store, schema.body_parts) == 3
    assert store.load("a").payload.raw == body


def test_body_is_compressed(store):
    store.save(finished("a", body=b"0123456789" * 100_000))
    with inside(store) as connection:
        assert connection.execute(sql.select(sql.func.length(schema.body_parts.c.data))).scalar() < 10_000
    assert store.payload("a").raw == b"0123456789" * 100_000


# Damage

LONG = random.Random(7).randbytes(2000)


def flip(store, position, mask=0xFF):
    """Flip bits of one byte of LONG as it is kept."""
    with inside(store) as connection:
        part = sql.and_(schema.body_parts.c.part == 0, schema.body_parts.c.sha256 == digest(LONG))
        data = bytearray(connection.execute(sql.select(schema.body_parts.c.data).where(part)).scalar_one())
        data[position] ^= mask
        connection.execute(sql.update(schema.body_parts).where(part).values(data=bytes(data)))


def lose(store):
    with inside(store) as connection:
        connection.execute(sql.delete(schema.body_parts).where(schema.body_parts.c.sha256 == digest(LONG)))


def digest(body):
    return hashlib.sha256(body).hexdigest()


DAMAGES = {
    "a byte at the front": lambda store: flip(store, 0),
    "a byte in the middle": lambda store: flip(store, 1000),
    "a byte at the end": lambda store: flip(store, -1),
    "a part that is gone": lose,
}
EACH_DAMAGE = pytest.mark.parametrize(
    ("store_url", "damage"),
    [
        *(("sqlite", damage) for damage in ("a byte at the front", "a byte at the end", "a part that is gone")),
        *(("postgresql", damage) for damage in ("a byte in the middle", "a part that is gone")),
    ],
    indirect=["store_url"],
)
"""Each damage in one of the databases: a damaged byte is found when both have given the bytes back."""


@pytest.fixture
def damaged(store_url, damage):
    """A store in which the newer one of two results of a job is damaged."""
    with JobStore(store_url) as store:
        yield with_damage(store, damage)


def with_damage(store, damage):
    store.save(refresh(finished("a"), JobInputs(NOON, b"{}")))
    store.save(finished("b"))
    store.save(finished("a", body=LONG, seconds=1))
    DAMAGES[damage](store)
    return store


@EACH_DAMAGE
def test_damaged_body_is_an_error_that_names_it(damaged):
    for read in (damaged.load, damaged.payload, damaged.history):
        with pytest.raises(JobStoreDamagedError, match=r"could not load the result of job a from the store at"):
            read("a")


def test_body_that_claims_a_larger_size_is_not_believed(file):
    with JobStore(file) as store:
        store.save(finished("a", body=LONG))
        tracemalloc.start()
        for mask in range(0x80, 0x100, 16):
            # In this byte stands where in the next ones it says how large it is.
            flip(store, 4, mask)
            with suppress(JobStoreDamagedError):
                assert store.payload("a").raw == LONG
            flip(store, 4, mask)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert store.payload("a").raw == LONG
    assert peak < 10_000_000


@EACH_DAMAGE
def test_all_else_can_still_be_read(damaged):
    assert damaged.payload("a", newer=1).raw == BODY
    assert damaged.inputs("a").raw == b"{}"
    assert damaged.record("a").status.observed_at == later(1)
    assert damaged.load("b") == finished("b")
    assert len(damaged.records()) == 2


@EACH_DAMAGE
def test_damaged_body_is_mended_when_it_arrives_again(damaged):
    damaged.save(finished("a", body=LONG, seconds=2))
    assert damaged.load("a").payload == ResultPayload(later(2), LONG)
    assert [damaged.payload("a", newer).raw for newer in (0, 1, 2)] == [LONG, LONG, BODY]
    assert rows(damaged, schema.bodies) == 3


@EACH_DAMAGE
def test_damaged_body_is_mended_when_another_job_has_the_same(damaged):
    damaged.save(finished("c", body=LONG))
    assert damaged.load("a").payload.raw == LONG


@EACH_DAMAGE
def test_job_with_a_damaged_body_can_be_deleted(damaged):
    damaged.delete("a")
    assert [job.job_id for job in damaged.records()] == ["b"]
    assert damaged.load("b") == finished("b")


def test_damaged_inputs_are_said_to_be_inputs(store):
    store.save(Job("a", inputs=JobInputs(NOON, LONG)))
    flip(store, 1000)
    with pytest.raises(JobStoreDamagedError, match=r"the inputs of job a .* the bytes do not match their SHA-256"):
        store.inputs("a")


@pytest.mark.parametrize(
    "record", ["", "{", "null", '{"format": 99, "job": {}}', '{"format": 1, "job": {"job_id": 5}}']
)
def test_damaged_record_is_named(file, record):
    known = refresh(finished("a"), JobName(NOON, "bell"))
    with JobStore(file) as store:
        store.save_all([known, Job("b")])
        with inside(store) as connection:
            connection.execute(sql.update(schema.jobs).where(schema.jobs.c.job_id == "a").values(record=record))
        for use in (store.load, store.record):
            with pytest.raises(JobStoreDamagedError, match="the record of job a "):
                use("a")
        assert store.load("b") == Job("b")
        # Whoever saves has it made anew.
        store.save(Job("a", details=JobDetails(NOON, tags=["x"])))
        assert store.load("a") == refresh(known, JobTags(NOON, ["x"]))


def test_damaged_record_and_history_are_not_overwritten(store):
    store.save(finished("a"))
    with inside(store) as connection:
        for table in (schema.jobs, schema.history):
            connection.execute(sql.update(table).where(table.c.record.is_not(None)).values(record="{"))
    with pytest.raises(JobStoreDamagedError, match=r"job a is damaged, and so is its history: .* truncated"):
        store.save(Job("a", details=JobDetails(NOON, tags=["x"])))
    assert store.payload("a") == finished("a").payload


# Where it is


@pytest.mark.parametrize(
    "url",
    [
        lambda folder: str(folder / "jobs.sqlite"),
        lambda folder: folder / "jobs.sqlite",
        lambda folder: f"sqlite:///{folder}/jobs.sqlite",
        lambda folder: "~/jobs.sqlite",
        lambda folder: Path("~/jobs.sqlite"),
        lambda folder: "sqlite:///~/jobs.sqlite",
        lambda folder: "jobs.sqlite",
        lambda folder: Path("jobs.sqlite"),
        lambda folder: "sqlite:///jobs.sqlite",
        lambda folder: "./new/../jobs.sqlite",
    ],
    ids=["text", "Path", "URL", "~", "Path of ~", "URL of ~", "relative", "relative Path", "relative URL", "dots"],
)
def test_file_is_named_in_any_way(tmp_path, monkeypatch, url):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with JobStore(url(tmp_path)) as store:
        # Where it is does not depend on where one is later.
        monkeypatch.chdir("/")
        store.close()
        store.save(Job("a"))
    with JobStore(tmp_path / "jobs.sqlite") as again:
        assert again.load("a") == Job("a")


@pytest.mark.parametrize("name", ["a?b=c#d.sqlite", "100%41.sqlite", "a:b@c.sqlite", "ü ☃.sqlite"])
def test_file_may_have_any_name(tmp_path, name):
    with JobStore(tmp_path / name) as store:
        store.save(Job("a"))
        assert (tmp_path / name).stat().st_size > 0
        with pickle.loads(pickle.dumps(store)) as copy:
            assert copy.load("a") == Job("a")


def test_default_is_a_file_in_the_users_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for unset in (lambda: monkeypatch.delenv("IBM_CIRCUIT_JOB_STORE"), lambda: None):
        unset()
        with JobStore() as store:
            store.save(Job("a"))
        assert mode(tmp_path / "data/ibm-circuit-job/jobs.sqlite") == 0o600
        assert mode(tmp_path / "data/ibm-circuit-job") == 0o700
        monkeypatch.setenv("IBM_CIRCUIT_JOB_STORE", "")


def test_variable_says_where_jobs_are_kept(store_url, monkeypatch):
    monkeypatch.setenv("IBM_CIRCUIT_JOB_STORE", store_url)
    with JobStore() as store:
        store.save(Job("a"))
    with JobStore(store_url) as store:
        assert store.load("a") == Job("a")


def test_variable_may_say_that_there_is_no_store_by_default(monkeypatch, file):
    monkeypatch.setenv("IBM_CIRCUIT_JOB_STORE", "none")
    with pytest.raises(JobStoreError, match="there is no default, since IBM_CIRCUIT_JOB_STORE is 'none'"):
        JobStore()
    JobStore(file).close()


@pytest.mark.parametrize("held", [-1, 1.5, "4", True, 2**63])
def test_number_of_results_held_is_checked(file, held):
    with pytest.raises(JobStoreError, match=r"expected results_held to be a whole number from 0 to \d+, or None, got"):
        JobStore(file, results_held=held)
    assert not file.exists()


# Who can read it


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def _open_to_all():
    """Whatever is made is everybody's, where nobody says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_to_all")
def test_new_files_and_their_folder_are_private_to_the_owner(tmp_path):
    file = tmp_path / "new" / "jobs.sqlite"
    with JobStore(file) as store:
        store.save(finished("a"))
        beside = sorted(each.name for each in file.parent.iterdir())
        assert beside == ["jobs.sqlite", "jobs.sqlite-shm", "jobs.sqlite-wal"]
        assert {mode(each) for each in file.parent.iterdir()} == {0o600}
        assert mode(file.parent) == 0o700


@pytest.mark.usefixtures("_open_to_all")
def test_open_file_is_made_private_and_its_folder_is_unchanged(tmp_path):
    folder, file = tmp_path / "there", tmp_path / "there" / "jobs.sqlite"
    folder.mkdir(0o755)
    file.touch(0o644)
    with JobStore(file) as store:
        store.save(Job("a"))
        assert {mode(each) for each in folder.iterdir()} == {0o600}
        assert mode(folder) == 0o755


# What is wrong


def test_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "file" / "jobs.sqlite", tmp_path):
        with pytest.raises(JobStoreError, match=f"could not open the store at {wrong}: "):
            JobStore(wrong)


def test_shared_database_with_tables_of_our_names_is_refused(postgresql_url):
    with JobStore(postgresql_url) as store, inside(store) as connection:
        schema.version.drop(connection)
    with pytest.raises(JobStoreError, match="it is a database of another program"):
        JobStore(postgresql_url)


def test_store_of_a_newer_version_in_postgresql_is_refused(postgresql_url):
    with JobStore(postgresql_url) as store, inside(store) as connection:
        connection.execute(sql.insert(schema.version).values(version=99))
    with pytest.raises(JobStoreError, match=r"it has version 99, .* use a newer version"):
        JobStore(postgresql_url)


def test_locked_store_is_not_waited_for_with_no_patience(file):
    with JobStore(file) as store:
        holder = sqlite3.connect(file, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            JobStoreError, match=r"could not save job a .* another program or thread has locked it \(database is locked"
        ):
            store.save(Job("a"), how=Writing.SOON)
        holder.close()
        # Ten times as long as it took to fail.
        with pytest.raises(JobStoreError, match=r"it failed less than \d\.\d seconds ago"):
            store.save(Job("a"), how=Writing.SOON)
        # Others read, and what must be kept is kept.
        assert store.load("a") is None
        store.save(Job("a"))
        assert store.load("a") == Job("a")


def test_store_that_is_only_to_be_opened_is_not_made(unmade_store_url):
    with pytest.raises(
        JobStoreError, match="expected the URL of a store, or the path of its file; there is no store at "
    ):
        JobStore(unmade_store_url, create=False)
    with JobStore(unmade_store_url) as store:
        store.save(Job("a"))
    with JobStore(unmade_store_url, create=False) as store:
        assert store.records() == [Job("a")]


def of_another(url, **parts):
    return sql.make_url(url).set(**parts).render_as_string(hide_password=False)


def test_missing_database_is_reported_whatever_its_name(postgresql_url):
    with pytest.raises(JobStoreError, match=r"does not exist$"):
        JobStore(of_another(postgresql_url, database="locked readonly malformed"))


@pytest.fixture
def served(postgresql_url):
    """A store in PostgreSQL that has a job."""
    with JobStore(postgresql_url) as store:
        store.save(Job("a", details=JobDetails(NOON, name="bell")))
    return postgresql_url


def changed(url, *statements):
    """What the store of a database says after somebody has changed that."""
    with JobStore(url) as store, inside(store) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    with JobStore(url) as store, pytest.raises(JobStoreError) as raised:
        store.save(Job("a", details=JobDetails(NOON, tags=["x"])))
    return raised.value


def test_lock_that_is_held_on_a_server_is_told(served):
    with JobStore(served, timeout=1) as store, inside(store) as connection:
        connection.exec_driver_sql("LOCK TABLE jobs")
        with pytest.raises(JobStoreError, match=r"another program or thread has locked it \(.*\); try again"):
            store.save(Job("a"))


def test_database_that_is_only_for_reading_is_read_and_says_so(served):
    said = changed(served, f"ALTER DATABASE {sql.make_url(served).database} SET default_transaction_read_only TO on")
    assert "it cannot be written to" in str(said)
    with JobStore(served) as store:
        assert store.load("a").name == "bell"


def test_missing_table_on_a_server_is_a_damaged_store(served):
    said = changed(served, "DROP TABLE tags")
    assert isinstance(said, JobStoreDamagedError)
    assert "a table is missing" in str(said)


def test_tables_of_somebody_else_are_said_to_be_so(served):
    guest = f"guest_of_{sql.make_url(served).database}"
    allow = (f"CREATE ROLE {guest} LOGIN PASSWORD 'guest'", f"GRANT SELECT ON store_version TO {guest}")
    with JobStore(served) as store, inside(store) as connection:
        for statement in allow:
            connection.exec_driver_sql(statement)
    with (
        JobStore(of_another(served, username=guest, password="guest")) as store,
        pytest.raises(JobStoreError, match=r"you may not use its tables .*; ask their owner"),
    ):
        store.records()


WRONG = [
    *(5, b"jobs.sqlite", "", "://", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///jobs.sqlite?mode=ro"),
    *("sqlite+nonsense:///jobs.sqlite", "sqlite+aiosqlite:///jobs.sqlite"),
    *(f"mysql://me:{SECRET}@host/jobs", f"me:{SECRET}@://host/jobs", f"postgres://me:{SECRET}@host/jobs"),
    *(f"postgresql+{driver}://me:{SECRET}@host/jobs" for driver in ("nonsense", "asyncpg", "psycopg2")),
    *(f"postgresql+psycopg://me:a{cut}{SECRET}@host/jobs" for cut in ("@", "@b/", "@b:")),
    f"postgresql+psycopg://me@host:{SECRET}/jobs",
    f"postgresql+psycopg://me:p@{SECRET}?x@host/jobs",
    *(":memory:", "file:jobs.sqlite", "file:jobs.sqlite?mode=memory"),
    *(f"postgresql://me:{SECRET}@127.0.0.1/jo\udce4bs", f"postgresql://me:\udce4{SECRET}@127.0.0.1/jobs"),
]
"""What is no URL of a store; in those at the end the password has characters that ought to have been encoded."""


@pytest.mark.parametrize("url", WRONG, ids=repr)
def test_bad_store_url_is_refused_without_repeating_it(tmp_path, monkeypatch, url):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JobStoreError, match="expected the path of a file, sqlite:///FILE, or postgresql") as raised:
        JobStore(url)
    assert_secret(raised.value, SECRET)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["~nobody-of-that-name/jobs.sqlite", "jobs\0.sqlite", "x" * 300])
def test_path_that_cannot_be_is_refused(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    for wrong in (path, Path(path), f"sqlite:///{path}"):
        with pytest.raises(JobStoreError, match="could not open the store at "):
            JobStore(wrong)


def test_driver_need_not_be_named(postgresql_store_url):
    with JobStore(postgresql_store_url.replace("+psycopg", "")) as store:
        assert store._database.url.drivername == "postgresql+psycopg"


# Passwords


def assert_secret(error, secret):
    """Nothing that can be shown of an error, or of what led to it, holds a secret."""
    shown = ["".join(traceback.format_exception(error))]
    led_to_it = [error]
    for each in led_to_it:
        shown += [str(each), repr(each), repr(each.args), repr(vars(each))]
        led_to_it += [other for other in (each.__cause__, each.__context__) if other and other not in led_to_it]
    assert not [text for text in shown if secret in text]


def in_query(url):
    """The same URL, with user and password in its query part."""
    moved = {"user": url.username, "password": url.password}
    return sql.URL.create(url.drivername, host=url.host, port=url.port, database=url.database, query=moved)


def as_text(url):
    return url.render_as_string(hide_password=False)


@pytest.fixture(params=[lambda url: url, in_query], ids=["before the host", "in the query"])
def secret_url(request, postgresql_store_url):
    return request.param(sql.make_url(postgresql_store_url))


def password_of(url):
    return url.password or url.query["password"]


def test_password_is_not_shown(secret_url):
    with JobStore(as_text(secret_url)) as store:
        assert repr(store) == f"<JobStore('127.0.0.1:{secret_url.port}/{secret_url.database}')>"
        for trouble in (lambda: store.at("a", None), lambda: store.save(Job("\n"))):
            with pytest.raises(JobStoreError) as raised:
                trouble()
            assert_secret(raised.value, password_of(secret_url))


def with_password(url, password):
    return as_text(url).replace(password_of(url), password)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda url: with_password(url, SECRET), "password authentication failed"),
        (lambda url: with_password(url.set(port=1), SECRET), "refused"),
        (lambda url: as_text(url.set(database="missing")), "does not exist"),
        (lambda url: with_password(url.update_query_dict({"nonsense": "1"}), SECRET), "nonsense"),
    ],
    ids=["wrong password", "no server", "no database", "no such option"],
)
def test_password_is_not_shown_when_the_server_cannot_be_used(secret_url, wrong, said):
    with pytest.raises(JobStoreError, match=rf"could not open the store at 127.0.0.1:.*{said}") as raised:
        JobStore(wrong(secret_url))
    assert_secret(raised.value, SECRET)
    assert_secret(raised.value, password_of(secret_url))


def test_password_is_not_shown_when_the_database_goes_away(secret_url, postgresql):
    with JobStore(as_text(secret_url)) as store:
        server = sql.create_engine(postgresql, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {secret_url.database} WITH (FORCE)")
        server.dispose()
        for use in (store.records, lambda: store.save(finished("a"))):
            with pytest.raises(JobStoreError, match=r"could not .* 127.0.0.1:.* does not exist") as raised:
                use()
            assert_secret(raised.value, password_of(secret_url))


def test_store_without_a_password_is_pickled_by_its_url(postgresql_store_url, file, monkeypatch):
    url = sql.make_url(postgresql_store_url)
    monkeypatch.setenv("PGPASSWORD", url.password)
    for each in (postgresql_store_url.replace(f":{url.password}", ""), str(file)):
        with JobStore(each, results_held=7) as store:
            store.save(finished("a"))
            dumped = pickle.dumps(store)
        assert url.password.encode() not in dumped
        with pickle.loads(dumped) as copy:
            assert copy.load("a") == finished("a")
            assert copy._results_held == 7


def test_pickle_of_a_store_is_without_its_password(secret_url):
    with JobStore(as_text(secret_url)) as store:
        dumped = pickle.dumps(store)
    assert password_of(secret_url).encode() not in dumped
    with pickle.loads(dumped) as copy:
        assert copy.records() == []


# Processes and threads

FORKS = """
import json, os, sys, warnings
warnings.simplefilter("error", ResourceWarning)
from ibm_circuit_job import Job, JobStore

store = JobStore(json.load(sys.stdin))
store.save(Job("before"))


def number_of_connection():
    def look(connection):
        is_sqlite = connection.dialect.name == "sqlite"
        return None if is_sqlite else connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()

    return store._database.read("look", look)


begun = number_of_connection()
for number in range(3):
    child = os.fork()
    if not child:
        store.save(Job(f"of child {number}"))
        grandchild = os.fork()
        if not grandchild:
            store.save(Job(f"of grandchild {number}"))
            os._exit(0)
        done = os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1])
        store.close()
        os._exit(done)
    store.save(Job(f"of parent {number}"))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.record(f"of child {number}")
assert number_of_connection() == begun, "a fork has closed its parent's connection"
print(json.dumps(sorted(job.job_id for job in store.records())))
"""


def test_forks_and_their_parent_go_on_with_the_same_store(store_url, program):
    # By its input: a URL has a password, and the words of a program can be listed.
    with program("-c", FORKS) as process:
        process.stdin.write(json.dumps(store_url))
        process.stdin.close()
        printed, warned = process.communicate()
    who = ("child", "grandchild", "parent")
    assert json.loads(printed) == ["before", *(f"of {each} {number}" for each in who for number in range(3))]
    assert warned == ""


def test_threads_share_a_store(store):
    with ThreadPoolExecutor(16) as pool:
        names = [JobDetails(later(seconds), name=f"{seconds}") for seconds in range(64)]
        list(pool.map(lambda named: store.save(Job("a", details=named)), names))
        loaded = list(pool.map(lambda _: store.load("a"), range(16)))
    assert set(loaded) == {Job("a", details=names[-1])}
    assert set(store.history("a")) == set(names)


def test_threads_may_mend_make_and_delete_the_same_bodies(store):
    def turn(number):
        job_id = f"job {number % 2}"
        store.save(finished(job_id, seconds=number))
        if number % 3 == 0:
            store.delete(job_id)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(turn, range(32)))
    for job_id in ("job 0", "job 1"):
        store.delete(job_id)
    assert [rows(store, table) for table in (schema.jobs, schema.history, schema.bodies)] == [0, 0, 0]


def test_job_deleted_during_a_save_is_saved(postgresql_store_url, monkeypatch):
    running, done = (Job("a", status_report(status, NOON)) for status in ("Running", "Completed"))
    with JobStore(postgresql_store_url) as store:
        insert = merging.insert_new

        def insert_where_somebody_did_and_deletes_it(connection, table, rows):
            if table is schema.jobs:
                monkeypatch.undo()
                store.save(running)
                inserted = insert(connection, table, rows)
                store.delete("a")
                return inserted
            return insert(connection, table, rows)

        monkeypatch.setattr(merging, "insert_new", insert_where_somebody_did_and_deletes_it)
        store.save(done)
        assert store.history("a") == [done.status]


@pytest.mark.parametrize("number", range(3, 7))
def test_job_saved_during_its_deletion_leaves_no_body(postgresql_store_url, number):
    """Saved just before so many statements of the deletion: deleted once more, nothing of it is there."""
    statements = []

    def save_in_time(*_):
        if len(statements) == number:
            other.save(finished("a"))
        statements.append(number)

    with JobStore(postgresql_store_url) as store, JobStore(postgresql_store_url) as other:
        assert store.load("a") is None
        engine = store._database._engine
        sql.event.listen(engine, "before_cursor_execute", save_in_time)
        store.delete("a")
        sql.event.remove(engine, "before_cursor_execute", save_in_time)
        store.delete("a")
        assert [rows(store, table) for table in (schema.jobs, schema.history, schema.bodies)] == [0, 0, 0]


def test_body_is_looked_at_before_the_store_is_locked(file, monkeypatch):
    is_result, looked_at = merging.results.is_result, []

    def is_result_while_another_writes(payload, job_id):
        other = sqlite3.connect(file, timeout=0)
        other.execute("BEGIN IMMEDIATE")
        other.close()
        looked_at.append(job_id)
        return is_result(payload, job_id)

    with JobStore(file) as store:
        store.save(Job("b", status_report("Running", NOON)))
        monkeypatch.setattr(merging.results, "is_result", is_result_while_another_writes)
        store.save(finished("a"))
        assert looked_at == ["a"]


def test_whoever_reads_sees_one_moment_of_the_store(store_url, monkeypatch):
    with JobStore(store_url) as reader, JobStore(store_url) as other:
        reader.save(finished("a"))
        find = reading.references_in

        def delete_then_find(row):
            monkeypatch.undo()
            other.delete("a")
            return find(row)

        # After the record was read, and before the body is.
        monkeypatch.setattr(reading, "references_in", delete_then_find)
        assert reader.load("a") == finished("a")
        assert reader.load("a") is None


def test_body_that_two_mend_at_once_is_mended_once(postgresql_store_url, monkeypatch):
    monkeypatch.setattr(database, "_TRIES", 1)
    with JobStore(postgresql_store_url) as store, ThreadPoolExecutor(1) as pool:
        store.save(finished("a", body=LONG))
        lose(store)
        # Both have found it damaged before either of them has mended it.
        file = io.BytesIO()
        packed = {digest(LONG): bodies.pack(LONG, file)}

        def mend(connection):
            bodies.put(connection, {digest(LONG): LONG}, packed, file)

        def mend_while_another_does(connection):
            mend(connection)
            other = pool.submit(store._database.write, "mend", mend)
            wait_until_it_waits(store)
            return other

        store._database.write("mend", mend_while_another_does).result()
        assert rows(store, schema.body_parts) == 1
        assert store.payload("a").raw == LONG


def wait_until_it_waits(store):
    """Until a transaction waits for another one."""
    with inside(store) as connection:
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while not connection.exec_driver_sql(waiting).scalar():
            time.sleep(0.01)


def test_store_that_was_closed_opens_again_by_itself(store):
    store.save(Job("a"))
    for _ in range(2):
        store.close()
    assert store.load("a") == Job("a")
    store.close()
    store.save(Job("b"))
    assert len(store.records()) == 2


def test_store_that_is_closed_during_a_transaction_leaves_no_connection_open(store):
    store.close()
    before = descriptors()
    store._database.read("read nothing", lambda _: store._database.close())
    assert descriptors() <= before
