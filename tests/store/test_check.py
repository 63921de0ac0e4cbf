"""check() finds what is damaged in a store, also what no listing shows."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from ibm_circuit_job import Job, JobDetails, JobStore, ResultPayload
from ibm_circuit_job.cli import command

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        for job_id in ("a", "b"):
            details = JobDetails(NOON, backend="dev", tags=["x"])
            store.save(Job(job_id, details=details, payload=ResultPayload(NOON, b'{"results": []}')))
    return tmp_path / "jobs.sqlite"


def by_sql(path, *statements):
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def checked(path):
    with JobStore(path, create=False) as store:
        return store.check()


def test_sound_store_has_no_damage(path):
    report = checked(path)
    assert (report.is_sound, report.damage) == (True, ())
    assert (report.jobs, report.facts, report.bodies) == (2, 4, 1)
    assert report.location == str(path)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE jobs SET backend = 'other' WHERE job_id = 'a'", "the columns of job a are damaged.*: backend"),
        ("UPDATE jobs SET unfinished = 0 WHERE job_id = 'a'", "the columns of job a are damaged.*: unfinished"),
        ("UPDATE tags SET tag = 'y' WHERE job_id = 'a'", "the columns of job a are damaged.*: tags"),
        ("DELETE FROM tags WHERE job_id = 'a'", "the columns of job a are damaged.*: tags"),
        ("UPDATE jobs SET record = '{' WHERE job_id = 'a'", "the record of job a is damaged"),
        ("DELETE FROM jobs WHERE job_id = 'a'", r"a history is damaged: .* missing \('a'\)"),
        ("DELETE FROM history WHERE job_id = 'a' AND slot = 'payload'", "it lacks the payload of its record"),
        ("UPDATE history SET observed_at = 5 WHERE job_id = 'a' AND slot IS NULL", "the history of job a is damaged"),
        ("UPDATE body_parts SET data = X'00'", "a body is damaged"),
        ("DELETE FROM bodies", "a body of a history is damaged: .* missing"),
    ],
)
def test_what_a_listing_does_not_show_is_found(path, change, found):
    by_sql(path, change)
    report = checked(path)
    assert not report.is_sound
    assert any(re.search(found, line) for line in report.damage), report.damage


def test_index_that_lacks_a_job_is_found(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = sql || ' WHERE moment < 0' WHERE name = 'jobs_by_moment'")
        connection.commit()
    assert any(line.startswith("the file is damaged: ") for line in checked(path).damage)


def test_command_says_what_is_damaged_and_fails(path, capsys):
    command.app(["check", "--store", str(path)], standalone_mode=False)
    assert capsys.readouterr().out == "2 jobs, 4 facts, 1 bodies; 0 damaged\n"
    by_sql(path, "UPDATE jobs SET backend = 'other' WHERE job_id = 'a'")
    assert command.app(["check", "--json", "--store", str(path)], standalone_mode=False) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["is_sound"], report["jobs"]) == (False, 2)
    assert report["damage"] == ["the columns of job a are damaged: they differ from its record: backend"]
