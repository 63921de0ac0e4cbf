"""A row of a store that is not what was saved, or is gone, is noticed; the next save makes a record anew."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest

from ibm_circuit_job import Job, JobDetails, JobInputs, JobStore, JobStoreDamagedError, ResultPayload, refresh
from ibm_circuit_job.store import merging
from ibm_circuit_job.wire.replies import status_report

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
FACTS = [
    JobInputs(NOON, b'{"shots": 10}'),
    JobDetails(NOON, backend="dev", tags=["common"]),
    status_report("Queued", NOON + timedelta(minutes=1)),
    ResultPayload(NOON + timedelta(minutes=2), b'{"url": "http://elsewhere.example/a"}'),
    ResultPayload(NOON + timedelta(minutes=3), b'{"results": []}'),
    status_report("Completed", NOON + timedelta(minutes=4)),
]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "jobs.sqlite"
    with JobStore(path) as store:
        for fact in FACTS:
            store.save(refresh(Job("a"), fact), service="https://a crn:1")
        store.save(Job("b", details=JobDetails(NOON, tags=["common"])))
    return path


@pytest.fixture
def path(template, tmp_path):
    return shutil.copy(template, tmp_path / "jobs.sqlite")


def by_sql(path, *statements):
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_sound_rows_are_read(path):
    with JobStore(path) as store:
        assert store.history("a") == FACTS
        assert store.load("a") == reduce(refresh, FACTS, Job("a"))


@pytest.mark.parametrize(
    "change",
    [
        "record = replace(record, '\"common\"', '\"comm0n\"')",
        "service = 'https://b'",
        "first_seen = first_seen + 1",
        "payload_at = payload_at + 1",
        "payload_stamp = payload_stamp + 1",
        "payload_sha256 = inputs_sha256",
        "has_result = 0",
        "is_awaited = 0",
        "result_is_gone = 1",
        "history_digest = replace(history_digest, substr(history_digest, 9, 1), 'x')",
        "digest = NULL",
        "job_id = 'c'",
    ],
)
def test_row_of_a_job_that_was_changed_is_damaged(path, change):
    by_sql(path, "PRAGMA foreign_keys = OFF", f"UPDATE jobs SET {change} WHERE job_id = 'a'")  # noqa: S608 - it stands above
    with JobStore(path) as store:
        for read in (store.load, store.record):
            with pytest.raises(JobStoreDamagedError, match=r"the record of job a .* is damaged"):
                read("a")
        assert [record.job_id for record in store.records()] == ["b"]
        assert not store.check().is_sound


@pytest.mark.parametrize(
    "change",
    [
        "record = replace(record, '\"common\"', '\"comm0n\"')",
        "record = NULL, slot = 'payload'",
        "slot = 'inputs', sha256 = (SELECT sha256 FROM bodies LIMIT 1)",
        "digest = 'x'",
        "number = number + 100",
    ],
)
def test_history_with_a_row_that_was_changed_is_damaged(path, change):
    by_sql(path, f"UPDATE history SET {change} WHERE job_id = 'a' AND number = 2")  # noqa: S608 - it stands above
    with JobStore(path) as store:
        with pytest.raises(JobStoreDamagedError, match="the history of job a is damaged"):
            store.history("a")
        with pytest.raises(JobStoreDamagedError, match="the history of job a is damaged"):
            store.at("a", NOON)
        # It costs no other part.
        assert store.load("a") == reduce(refresh, FACTS, Job("a"))
        assert store.payload("a").raw == b'{"results": []}'


_SWAP = (
    "UPDATE history SET number = 100 WHERE job_id = 'a' AND number = 2",
    "UPDATE history SET number = 2 WHERE job_id = 'a' AND number = 3",
    "UPDATE history SET number = 3 WHERE job_id = 'a' AND number = 100",
)
_REPEAT = (
    "INSERT INTO history SELECT job_id, 100, digest || ' ', record, slot, observed_at, stamp, sha256"
    " FROM history WHERE job_id = 'a' AND number = 2"
)


@pytest.mark.parametrize(
    "changes",
    [
        ("DELETE FROM history WHERE job_id = 'a' AND number = 1",),
        ("DELETE FROM history WHERE job_id = 'a' AND number = 6",),
        ("DELETE FROM history WHERE job_id = 'a'",),
        _SWAP,
        (_REPEAT,),
    ],
    ids=["first removed", "last removed", "all removed", "swapped", "repeated"],
)
def test_history_with_other_rows_than_were_saved_is_damaged(path, changes):
    by_sql(path, *changes)
    with JobStore(path) as store:
        with pytest.raises(JobStoreDamagedError, match="the history of job a is damaged"):
            store.history("a")
        # What is saved later hides nothing.
        store.save(Job("a", details=JobDetails(NOON + timedelta(hours=1), name="bell")))
        with pytest.raises(JobStoreDamagedError, match="the history of job a is damaged"):
            store.history("a")
        assert store.history("b") == [JobDetails(NOON, tags=["common"])]


def test_job_whose_row_is_gone_is_not_unknown(path):
    by_sql(path, "DELETE FROM tags WHERE job_id = 'a'", "DELETE FROM jobs WHERE job_id = 'a'")
    with JobStore(path) as store:
        for read in (store.load, store.record, store.payload, store.inputs, store.history):
            with pytest.raises(
                JobStoreDamagedError, match=r"job a .* is damaged: the record is missing, but the job has"
            ):
                read("a")


def test_result_whose_fact_is_gone_is_found_and_an_older_one_missed(path):
    by_sql(path, "DELETE FROM history WHERE job_id = 'a' AND slot = 'payload'")
    with JobStore(path) as store:
        assert store.payload("a").raw == b'{"results": []}'
        with pytest.raises(JobStoreDamagedError, match="the history of job a is damaged: a fact is missing"):
            store.payload("a", newer=1)


def test_result_is_read_though_the_row_of_its_job_is_damaged(path):
    by_sql(path, "UPDATE jobs SET payload_sha256 = NULL, service = 'https://b' WHERE job_id = 'a'")
    with JobStore(path) as store:
        assert store.payload("a").raw == b'{"results": []}'
        assert store.inputs("a").raw == b'{"shots": 10}'


@pytest.mark.parametrize(
    "change", ["record = '{'", "payload_at = 5", "has_result = 0, digest = 'x'", "service = X'00'"]
)
def test_save_makes_a_damaged_row_anew_from_its_history(path, change):
    by_sql(path, f"UPDATE jobs SET {change} WHERE job_id = 'a'")  # noqa: S608 - it stands above
    named = JobDetails(NOON + timedelta(hours=1), name="bell")
    with JobStore(path) as store:
        store.save(Job("a", details=named), service="https://a crn:1")
        assert store.load("a") == reduce(refresh, [*FACTS, named], Job("a"))
        assert store.history("a") == [*FACTS, named]
        assert store.unfinished() == [store.record("b")]
        assert store.check().is_sound


def test_history_that_is_bounded_is_sound(tmp_path, monkeypatch):
    monkeypatch.setattr(merging, "MOST_FACTS", 5)
    with JobStore(tmp_path / "jobs.sqlite") as store:
        for minute in range(20):
            store.save(Job("a", status=status_report(f"Queued {minute}", NOON + timedelta(minutes=minute))))
        assert len(store.history("a")) == 5
        assert store.check().is_sound


def test_result_that_is_given_up_leaves_a_sound_row(path):
    with JobStore(path) as store:
        store.give_up_result("a")
        store.give_up_result("unknown")
        assert store.check().is_sound
        assert store.load("a") == reduce(refresh, FACTS, Job("a"))


def test_export_says_which_fact_is_missing_and_exports_the_rest(path, tmp_path):
    by_sql(path, "DELETE FROM history WHERE job_id = 'a' AND number = 2")
    with JobStore(path) as store, JobStore(tmp_path / "other.sqlite") as other:
        with pytest.raises(JobStoreDamagedError, match=r"exported all to .* the history of job a is damaged"):
            store.export(tmp_path / "archive")
        assert other.import_(tmp_path / "archive") == 2
        assert other.load("a").status == store.load("a").status
