"""Stores and archives of older versions are brought up to date; those of newer versions are left alone."""

import multiprocessing
import os
import signal
import sqlite3
from contextlib import ExitStack, contextmanager
from functools import reduce

import older_stores
import pytest
import sqlalchemy as sql

from ibm_circuit_job import Job, JobStore, JobStoreError, refresh
from ibm_circuit_job.store import migration, schema

pytest_plugins = ["postgresql"]

NEWER = len(migration.MIGRATIONS) + 1
JOBS = ["bare", "done", "failed", "full", "named", "seen-done"]


KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgresql"], scope="module")
VERSIONS = pytest.mark.parametrize("version", [1, 2, 3], scope="module")
PAIRS = pytest.mark.parametrize(
    ("kind", "version"), [("sqlite", 1), ("postgresql", 2), ("sqlite", 3)], ids=["sqlite-1", "postgresql-2", "sqlite-3"]
)
"""Each version and each database, for what is written to a store once it is migrated."""


def make_older(url, version=2):
    older_stores.make_older(url if "://" in url else f"sqlite:///{url}", version)


@pytest.fixture
def older(request, kind, version, tmp_path):
    """The URL of a store of an older version, which a test may change."""
    url = str(tmp_path / "jobs.sqlite") if kind == "sqlite" else request.getfixturevalue("postgresql_url")
    make_older(url, version)
    return url


@pytest.fixture(scope="module")
def migrated(request, kind, version, tmp_path_factory):
    """A store of an older version that was opened, for the tests that only read it."""
    with ExitStack() as ended:
        if kind == "sqlite":
            url = str(tmp_path_factory.mktemp("older") / "jobs.sqlite")
        else:
            url = ended.enter_context(request.getfixturevalue("postgresql_databases").one(with_store=False))
        make_older(url, version)
        yield ended.enter_context(JobStore(url))


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A new store with the same jobs, from their archive."""
    with JobStore(tmp_path_factory.mktemp("new") / "jobs.sqlite") as new:
        assert new.import_(older_stores.ARCHIVE) == len(JOBS)
        yield new


@contextmanager
def inside(store):
    engine = sql.create_engine(store._database.url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def rows_in(store, table):
    with inside(store) as connection:
        query = sql.select(table).order_by(*table.primary_key.columns)
        return [dict(row) for row in connection.execute(query).mappings()]


def ids(records):
    return sorted(record.job_id for record in records)


@KINDS
@VERSIONS
def test_older_store_is_what_its_archive_gives_to_a_new_one(migrated, imported):
    assert ids(migrated.records()) == JOBS
    for job_id in JOBS:
        job = migrated.load(job_id)
        assert job == imported.load(job_id) == reduce(refresh, migrated.history(job_id), Job(job_id))
        assert migrated.history(job_id) == imported.history(job_id)
    # The record's text may be of an older format, which is read.
    ours, theirs = (
        [
            {
                name: row[name]
                for name in row
                if name not in {"record", "digest", "history_digest", "is_awaited", "unfinished"}
            }
            for row in rows
        ]
        for rows in (rows_in(migrated, schema.jobs), rows_in(imported, schema.jobs))
    )
    assert ours == theirs
    assert rows_in(migrated, schema.tags) == rows_in(imported, schema.tags)


@KINDS
@VERSIONS
def test_job_of_an_older_store_is_found_by_all_that_it_says(migrated):
    found = {
        "backend": migrated.records(backend_name="ibm_torino"),
        "tag": migrated.records(job_tags=["y"]),
        "service": migrated.records(service="https://a crn:1", status="DONE", job_tags=["y"]),
        "status": migrated.records(status="DONE", service="https://a"),
    }
    assert {name: ids(records) for name, records in found.items()} == {
        "backend": ["full"],
        "tag": ["full"],
        "service": ["full"],
        "status": ["full", "seen-done"],
    }
    assert ids(migrated.records(status="pending")) == ["bare", "named"]
    assert [job.job_id for job in migrated.records(descending=False)][:2] == ["full", "done"]


@KINDS
@VERSIONS
def test_columns_of_an_older_store_have_the_figures_of_its_jobs(migrated):
    [row] = [row for row in rows_in(migrated, schema.jobs) if row["job_id"] == "full"]
    said = ("program", "session_id", "instance", "usage_seconds", "queued_seconds", "run_seconds")
    assert [row[name] for name in said] == ["sampler", "s-1", "crn:1", 2.5, 60.0, 8.0]


@KINDS
@VERSIONS
def test_reply_that_said_less_hides_nothing_after_the_migration(migrated):
    record = migrated.record("full")
    assert (record.session_id, record.private, record.tags) == ("s-1", True, ("y",))
    assert migrated.record("failed").status.reason == "why"


@KINDS
@VERSIONS
def test_unfinished_jobs_of_an_older_store_are_unfinished(migrated, version):
    # Version 1 did not write down whether a result is awaited.
    awaited = ["bare", "done", "named", "seen-done"] if version == 1 else ["bare", "done", "named"]
    assert ids(migrated.unfinished()) == awaited


@KINDS
@VERSIONS
def test_migrated_store_is_sound(migrated):
    assert migrated.check().damage == ()


@KINDS
@VERSIONS
def test_migrated_store_has_the_columns_and_indexes_of_a_new_one(migrated, imported):
    assert shape_of(migrated) == shape_of(imported)


def shape_of(store):
    """The names of the columns and of the indexes of each table."""
    with inside(store) as connection:
        look = sql.inspect(connection)
        return {
            table: (
                {column["name"] for column in look.get_columns(table)},
                {index["name"] for index in look.get_indexes(table) if not index["unique"]},
            )
            for table in schema.tables.tables
        }


@PAIRS
def test_migrated_store_saves_and_deletes_like_a_new_one(older):
    with JobStore(older) as store:
        store.give_up_result("done")
        assert "done" not in ids(store.unfinished())
        for job_id in JOBS:
            store.save(store.load(job_id))
            store.delete(job_id)
        for table in schema.tables.sorted_tables:
            assert rows_in(store, table) == []


@PAIRS
def test_damaged_record_of_an_older_store_costs_itself_alone(older, caplog):
    engine = sql.create_engine(older if "://" in older else f"sqlite:///{older}")
    with engine.begin() as connection:
        for job_id, text in (("done", "no JSON"), ("named", '{"format": 1, "job": {"job_id": "full"}}')):
            connection.execute(
                sql.text("UPDATE jobs SET record = :text WHERE job_id = :job_id"), {"text": text, "job_id": job_id}
            )
        connection.execute(sql.text("UPDATE history SET record = '{' WHERE job_id = 'full' AND number = 1"))
    engine.dispose()
    with JobStore(older) as store:
        assert ids(store.records()) == ["bare", "failed", "full", "full", "seen-done"]
        assert "done" in caplog.text
        store.save(Job("done"))
        assert store.record("done").status.status.name == "DONE"


@PAIRS
def test_record_rebuilt_from_history_is_found_by_its_tags(older, imported):
    job_id, tags = next((record.job_id, list(record.tags)) for record in imported.records() if record.tags)
    engine = sql.create_engine(older if "://" in older else f"sqlite:///{older}")
    with engine.begin() as connection:
        connection.execute(sql.text("UPDATE jobs SET record = '{' WHERE job_id = :job_id"), {"job_id": job_id})
    engine.dispose()
    with JobStore(older) as store:
        store.save(Job(job_id))
        assert job_id in ids(store.records(job_tags=tags))


def test_text_that_is_no_unicode_ends_no_migration(tmp_path, caplog):
    file = tmp_path / "jobs.sqlite"
    make_older(str(file))
    connection = sqlite3.connect(file)
    for column in ("record", "service", "status", "job_id"):
        connection.execute(f"UPDATE jobs SET {column} = CAST(x'ff41' AS TEXT) WHERE job_id = 'seen-done'")  # noqa: S608 - they stand above
    connection.commit()
    connection.close()
    with JobStore(file) as store:
        assert ids(store.records()) == JOBS[:-1]
    assert "the record of job \ufffdA " in caplog.text
    caplog.text.encode()  # So that any log can be written.


# Several processes, and death


def at_once(count, work, *arguments):
    fork = multiprocessing.get_context("fork")
    running = [fork.Process(target=work, args=arguments) for _ in range(count)]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
    return [process.exitcode for process in running]


def open_and_look(url, barrier):
    barrier.wait(60)
    with JobStore(url) as store:
        os._exit(0 if ids(store.records()) == JOBS else 1)


def test_processes_that_migrate_at_once_migrate_once(unmade_store_url):
    make_older(unmade_store_url)
    barrier = multiprocessing.get_context("fork").Barrier(4)
    assert at_once(4, open_and_look, unmade_store_url, barrier) == [0] * 4
    with JobStore(unmade_store_url) as store:
        assert [row["version"] for row in rows_in(store, schema.version)] == [*range(1, NEWER)]


def migrate_and_die(url):
    fill = migration._fill

    def die(connection):
        fill(connection)
        os.kill(os.getpid(), signal.SIGKILL)

    migration._fill = die
    JobStore(url)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no such signal")
def test_process_killed_while_migrating_leaves_the_older_store(unmade_store_url):
    make_older(unmade_store_url)
    assert at_once(1, migrate_and_die, unmade_store_url) == [-signal.SIGKILL]
    engine = sql.create_engine(unmade_store_url if "://" in unmade_store_url else f"sqlite:///{unmade_store_url}")
    with engine.connect() as connection:
        assert connection.execute(sql.text("SELECT max(version) FROM store_version")).scalar() == 2
        assert connection.execute(sql.text("SELECT count(backend_digest) FROM jobs")).scalar() == 1
    engine.dispose()
    with JobStore(unmade_store_url) as store:
        assert ids(store.records()) == JOBS


# A newer version


def test_store_that_a_newer_version_migrated_while_open_is_left(unmade_store_url, monkeypatch):
    with JobStore(unmade_store_url) as store:
        store.save(Job("a"))
        with monkeypatch.context() as newer:
            newer.setattr(migration, "MIGRATIONS", [*migration.MIGRATIONS, lambda _: None])
            JobStore(unmade_store_url).close()
        before = rows_in(store, schema.jobs)
        for use in (
            lambda: store.save(Job("b")),
            lambda: store.load("a"),
            store.records,
            lambda: store.delete("a"),
            lambda: store.give_up_result("a"),
        ):
            with pytest.raises(
                JobStoreError, match=rf"a newer version has migrated it since it was opened: .* version {NEWER}"
            ):
                use()
        assert rows_in(store, schema.jobs) == before


def test_long_migration_says_in_the_log_how_far_it_is(tmp_path, monkeypatch, caplog):
    make_older(str(tmp_path / "jobs.sqlite"))
    monkeypatch.setattr(migration, "_JOBS_PER_LOG_LINE", 2)
    monkeypatch.setattr(migration, "_JOBS_AT_ONCE", 2)
    with caplog.at_level("INFO"):
        JobStore(tmp_path / "jobs.sqlite").close()
    assert "Migrating the store to a new version, once: 6 jobs" in caplog.text
    assert "Migrating the store to a new version: 4 of 6 jobs done" in caplog.text
