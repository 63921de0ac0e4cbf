"""A store in bad weather: what is told, what is left of it, and that a result is returned whatever becomes of it."""

import contextlib
import multiprocessing
import random
import sqlite3
import subprocess
import sys
import warnings
from datetime import UTC, datetime

import pytest

from ibm_circuit_job import Job, JobStore, JobStoreDamagedError, JobStoreError, ResultPayload

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
FORKING = multiprocessing.get_context("fork")
PATIENCE = 30.0
"""Seconds after which a child that does not answer is a failure."""


@pytest.fixture
def path(tmp_path):
    """Where a store is, or will be."""
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def store(path):
    with JobStore(path) as store:
        yield store


def job_with(body, job_id="a"):
    return Job(job_id, payload=ResultPayload(NOON, body))


def noise(size, seed=0):
    """Bytes that no compression makes fewer."""
    return random.Random(seed).randbytes(size)


# Other processes


class Child:
    """A process that does some work, and then says what came of it."""

    def __init__(self, work):
        self._ours, theirs = FORKING.Pipe()

        def run():
            try:
                theirs.send(("did", work(theirs)))
            except BaseException as error:  # noqa: BLE001 - whatever it is, the test is told
                theirs.send((type(error).__name__, str(error)))

        self.process = FORKING.Process(target=run, daemon=True)
        with warnings.catch_warnings():
            # Newer versions of Python warn of forks beside threads: the child needs none of them.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process.start()
        theirs.close()

    def hear(self):
        """What the child says next."""
        if not self._ours.poll(PATIENCE):
            raise AssertionError("the child says nothing")
        return self._ours.recv()

    def tell(self):
        """Let the child go on."""
        self._ours.send("go on")

    def end(self):
        self.process.kill()
        self.process.join()
        self._ours.close()


@contextlib.contextmanager
def child(work):
    started = Child(work)
    try:
        yield started
    finally:
        started.end()


def told(pipe):
    """In a child: wait until it is told to go on."""
    assert pipe.poll(PATIENCE)
    pipe.recv()


def in_another_process(work):
    """What some work comes to in a process of its own: ``("did", value)``, or an error's name and message."""
    with child(lambda _: work()) as started:
        return started.hear()


def sound(path):
    """Whether SQLite finds nothing wrong in the file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def by_sql(path, *statements):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(statement).fetchall() for statement in statements]


# What is no store


def untouched(path):
    return path.read_bytes(), path.stat().st_mode, sorted(path.parent.iterdir())


@pytest.mark.parametrize("table", ["jobs", "users"])
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_database_of_another_program_is_refused_and_left_as_it_is(path, table, mode):
    by_sql(path, f"PRAGMA journal_mode = {mode}", f"CREATE TABLE {table} (name)")
    path.chmod(0o644)
    before = untouched(path)
    with pytest.raises(JobStoreError, match=r"jobs\.sqlite: it is a database of another program"):
        JobStore(path)
    assert untouched(path) == before


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_file_that_is_no_database_is_refused_and_left_as_it_is(path, size):
    path.write_text("x" * size)
    path.chmod(0o644)
    before = untouched(path)
    with pytest.raises(JobStoreDamagedError, match=r"jobs\.sqlite: the file is damaged, or none of a store"):
        JobStore(path)
    assert untouched(path) == before


def test_file_that_is_empty_is_a_new_store_and_its_owners_alone(path):
    path.touch(0o644)
    with JobStore(path) as store:
        store.save(Job("a"))
        assert store.record("a") == Job("a")
    assert path.stat().st_mode & 0o777 == 0o600


def test_store_that_was_open_to_others_is_closed_to_them_with_the_files_beside_it(store, path):
    store.save(Job("a"))
    parts = [path, *path.parent.glob("jobs.sqlite-*")]
    for part in parts:
        part.chmod(0o644)
    with JobStore(path):
        assert {part.stat().st_mode & 0o777 for part in parts} == {0o600}
    assert len(parts) == 3


def test_store_of_a_newer_version_is_refused_and_left_as_it_is(path):
    JobStore(path).close()
    by_sql(path, "INSERT INTO store_version VALUES (99)")
    path.chmod(0o644)
    before = untouched(path)
    with pytest.raises(JobStoreError, match=r"jobs\.sqlite: it has version 99, and this version .* use a newer one"):
        JobStore(path)
    assert untouched(path) == before


# Many that use it at once


def test_store_that_is_opened_twice_loses_nothing_when_another_process_closes_it(store, path):
    """SQLite's locks of a process are gone once it closes the file in any other way."""
    store.save(Job("a"))
    with JobStore(path) as second:
        assert second.record("a") == Job("a")

    looking = (
        "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1]); "
        "print(connection.execute('SELECT job_id FROM jobs ORDER BY job_id').fetchall()); connection.close()"
    )

    def seen_by_another_program():
        found = subprocess.run([sys.executable, "-c", looking, path], capture_output=True, check=True, text=True)
        return found.stdout.strip()

    assert seen_by_another_program() == "[('a',)]"
    store.save(Job("b"))
    assert seen_by_another_program() == "[('a',), ('b',)]"
