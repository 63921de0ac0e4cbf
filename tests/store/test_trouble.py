"""A store in bad weather: what is told, what is left of it, and that a result is returned whatever becomes of it."""

import contextlib
import ctypes
import itertools
import logging
import multiprocessing
import os
import pickle
import random
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sql
from descriptors import descriptors
from harmed_stores import full, read_only

from ibm_circuit_job import (
    IBMCircuitJob,
    IBMJobApiError,
    IBMJobTimeoutError,
    Job,
    JobStore,
    JobStoreDamagedError,
    JobStoreError,
    JobStoreUnavailableError,
    ResultPayload,
)
from ibm_circuit_job.errors import Refused
from ibm_circuit_job.state.facts import JobDetails
from ibm_circuit_job.store import bodies, forks, migration, opening, postgresql, sqlite
from ibm_circuit_job.testing import ScriptedClient
from ibm_circuit_job.wire.replies import status_report

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
FORKING = multiprocessing.get_context("fork")
QUEUED = b'{"id": "a", "state": {"status": "Queued"}}'
DONE = b'{"id": "a", "state": {"status": "Completed"}}'
NOISE = random.Random(0).randbytes(100_000)
"""Bytes that no compression makes fewer, for what is not to find room."""
BODY = (
    b'{"backend_name": "b", "backend_version": "1", "job_id": "a", "success": true, "results": [], "noise": "%s"}'
    % NOISE.hex().encode()
)
VERSIONS = [(number,) for number in range(1, len(migration.MIGRATIONS) + 1)]
"""The rows of the table that says which version a store has."""
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
PATIENCE = 30.0
"""Seconds after which a child that does not answer is a failure."""


def job_with(body, job_id="a"):
    return Job(job_id, payload=ResultPayload(NOON, body))


def handle(store, *replies):
    return IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient(replies, results=[BODY]), store=store)


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
def test_database_of_another_program_is_refused_unchanged(path, table, mode):
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
    with pytest.raises(JobStoreDamagedError, match=r"jobs\.sqlite: the file is damaged, or not a store"):
        JobStore(path)
    assert untouched(path) == before


def test_file_that_is_empty_is_a_new_store_and_its_owners_alone(path):
    path.touch(0o644)
    with JobStore(path) as store:
        store.save(Job("a"))
        assert store.record("a") == Job("a")
    assert path.stat().st_mode & 0o777 == 0o600


def test_open_store_is_made_private_with_its_side_files(store, path):
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
    with pytest.raises(
        JobStoreError, match=r"jobs\.sqlite: it has version 99, and this version .* use a newer version"
    ):
        JobStore(path)
    assert untouched(path) == before


# Many that use it at once


def test_store_opened_twice_survives_close_by_another_process(store, path):
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


@pytest.fixture
def short_patience(store):
    """Waits for locks of others that a test can wait out."""
    store._database.timeout = 1.0


@contextlib.contextmanager
def locked_by_another(path, lock="BEGIN IMMEDIATE"):
    """Another process holds a lock."""

    def hold(pipe):
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in lock.split("; "):
                connection.execute(statement).fetchall()
            pipe.send("holds it")
            told(pipe)

    with child(hold) as holder:
        assert holder.hear() == "holds it"
        yield
        holder.tell()
        assert holder.hear() == ("did", None)


WRITING, ALONE = "BEGIN IMMEDIATE", "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; DELETE FROM tags"
"""The lock of a program that writes, which lets others read, and of one that lets nobody do anything."""


def test_lock_of_another_process_is_waited_for_and_then_told(store, path, short_patience):
    store.save(Job("a"))
    with locked_by_another(path):
        began = time.monotonic()
        with pytest.raises(
            JobStoreError, match=r"save job b in the store at .*jobs\.sqlite: another program or thread has locked it"
        ):
            store.save(Job("b"))
        assert time.monotonic() - began < 10
        assert store.records() == [Job("a")]
    store.save(Job("b"))
    assert len(store.records()) == 2


def test_store_is_read_and_opened_while_another_process_writes(store, path):
    store.save(Job("a"))
    with locked_by_another(path), JobStore(path) as second:
        assert second.records() == store.records() == [Job("a")]


@pytest.mark.parametrize("lock", [WRITING, ALONE])
@pytest.mark.parametrize("opened", ["before", "just now"])
def test_status_polls_neither_wait_for_another_process_nor_fail(path, lock, opened, caplog):
    """Not even where a connection has to be made for it."""
    with JobStore(path) as store:
        job = handle(store, QUEUED)
        if opened == "just now" or lock == ALONE:
            store.close()
        with locked_by_another(path, lock):
            began = time.monotonic()
            for _ in range(20):
                assert job.status().name == "QUEUED"
            assert time.monotonic() - began < 10
        assert "another program or thread has locked it" in caplog.text


def test_wait_ends_at_its_timeout_while_the_store_is_locked(store, path, monkeypatch):
    job = handle(store, QUEUED)
    store._database.timeout = 20.0
    with locked_by_another(path), pytest.raises(IBMJobTimeoutError):
        job.wait_for_final_state(timeout=0.5)


def test_result_that_could_not_be_kept_holds_up_no_wait(store, path, monkeypatch):
    job = handle(store, QUEUED)
    with locked_by_another(path):
        store._database.timeout = 0.1
        job.learn(job_with(BODY))
        store._database.timeout = 20.0
        began = time.monotonic()
        with pytest.raises(IBMJobTimeoutError):
            job.wait_for_final_state(timeout=0.5)
        assert time.monotonic() - began < 5


def test_note_that_a_result_is_gone_is_waited_for_by_nobody(store, path, monkeypatch):
    """There is nothing in it that could be lost."""
    gone = Refused("read the result of job a", "http://127.0.0.1", 410, "It was read.")
    store.save_all(Job("a", status=status_report(said, NOON)) for said in ("Running", "Completed"))
    client = ScriptedClient([DONE, DONE], results=[gone, gone])
    job = IBMCircuitJob.from_store(store, store.record("a"), runtime_client=client)
    store._database.timeout = 20.0
    with locked_by_another(path), pytest.raises(IBMJobApiError, match="can be read only once"):
        job.result()
    assert [record.job_id for record in store.unfinished()] == ["a"]
    with pytest.raises(IBMJobApiError):
        job.result()
    assert store.unfinished() == []


def test_what_was_given_and_could_not_be_kept_holds_up_no_wait(store, path, monkeypatch):
    """A submission, tags and names are waited for once: when they are given."""
    job = handle(store, QUEUED)
    with locked_by_another(path):
        store._database.timeout = 0.1
        job.update_tags(["given"])
        store._database.timeout = 20.0
        began = time.monotonic()
        with pytest.raises(IBMJobTimeoutError):
            job.wait_for_final_state(timeout=0.5)
        assert time.monotonic() - began < 5
    monkeypatch.setattr(store, "_backs_off_until", 0.0)
    job.status()
    assert store.record("a").tags == ("given",)


def test_many_threads_share_the_connections_that_there_are(store):
    before = len(descriptors())
    start = threading.Barrier(100)

    def save(number):
        start.wait(30)
        store.save(Job(f"job-{number}"))

    with ThreadPoolExecutor(100) as pool:
        list(pool.map(save, range(100)))
    assert len(store.records()) == 100
    # The file and its log of writes for each, and the index of that for all.
    assert len(descriptors()) <= before + 2 * 35 + 1


def test_connection_that_could_not_be_made_counts_for_nothing(store, monkeypatch):
    dialect, errors = store._database._engine.dialect, []
    store.close()

    def fail(*_, **__):
        raise sqlite3.OperationalError("too many open files")

    monkeypatch.setattr(dialect, "connect", fail)
    for _ in range(100):
        with pytest.raises(JobStoreError, match="too many open files") as raised:
            store.records()
        errors.append(raised.value)
    monkeypatch.undo()
    assert store.records() == []


# Ctrl-C


def broken_off(store, job, number):
    """Save a job, and let Ctrl-C come after so many statements; return the error."""
    dialect, done, is_over = store._database._engine.dialect, [], threading.Event()

    def execute_until_then(cursor, statement, parameters, context=None):
        type(dialect).do_execute(dialect, cursor, statement, parameters, context)
        done.append(statement)
        if len(done) == number:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            assert is_over.wait(PATIENCE)

    dialect.do_execute = execute_until_then
    try:
        store.save(job)
    except KeyboardInterrupt as error:
        return error
    finally:
        is_over.set()
        del dialect.do_execute
    return None


def test_save_that_ctrl_c_breaks_off_leaves_no_lock_behind(store, path):
    """At each of its statements, also where an error is looked at later, as a notebook does."""
    errors = []
    for number in itertools.count(1):
        job = Job("a", details=JobDetails(NOON, name=str(number)), payload=ResultPayload(NOON, b"%d" % number))
        errors.append(broken_off(store, job, number))
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)) as another:
            another.execute("BEGIN IMMEDIATE")
        if errors[-1] is None:
            break
    assert len(errors) > 10
    assert store.load("a") == job


# Where it comes while something is thrown away, Python can but say so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_store_outlives_ctrl_c_at_any_moment(store, path, monkeypatch):
    """Many times, whenever some milliseconds of computing are over."""
    store._database.timeout = 5.0
    is_awaited = []

    def interrupt(*_):
        if is_awaited:
            is_awaited.clear()
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.003, 0.003)
    try:
        interrupted = 0
        while interrupted < (200 if THOROUGH else 60):
            try:
                is_awaited.append(True)
                store.save(Job("a", details=JobDetails(NOON, name=str(interrupted))))
                store.load("a")
            except KeyboardInterrupt:
                interrupted += 1
            is_awaited.clear()
    finally:
        is_awaited.clear()
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    assert not forks._under_way
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as another:
        another.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(store.save, Job("b")).result(30)
    assert store.record("b") == Job("b")


def test_ctrl_c_ends_the_wait_for_a_lock(store, path):
    main = threading.main_thread().ident
    with locked_by_another(path):
        timer = threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT))
        timer.start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            store.save(Job("a"))
        assert time.monotonic() - began < 10


# Results


@pytest.fixture
def at_once(monkeypatch):
    """No rest after trouble, so that what is tried again is tried at once."""
    monkeypatch.setattr(opening, "_LONGEST_BACK_OFF_SECONDS", 0.0)


def locked(store):
    return locked_by_another(store._database._file)


def locked_for_readers(store):
    store.close()
    return locked_by_another(store._database._file, ALONE)


PASSING = {
    full: "there is no space left for it",
    read_only: "it cannot be written to",
    locked: "another program or thread has locked it",
    locked_for_readers: "another program or thread has locked it",
}


@pytest.mark.parametrize("weather", PASSING)
def test_unsaved_result_is_returned_with_warning_saved_later(store, path, weather, short_patience, at_once, caplog):
    caplog.set_level(logging.WARNING)
    store.save(Job("a", details=JobDetails(NOON, name="bell")))
    job = handle(store, DONE)
    with weather(store):
        result = job.result()
        assert result.success
        assert job.result() is result
        assert job.state.payload.raw == BODY
        told = [message for message in caplog.messages if f" in the store at {path}: {PASSING[weather]}" in message]
        # Once each: that the result exists only in memory, and what is the matter with the store.
        unsaved = [
            message for message in told if message.startswith("Could not save the result of job a; it exists only in")
        ]
        assert len(unsaved) == 1
        assert len(told) <= 2
    assert (store.load("a").name, store.load("a").payload) == ("bell", None)
    assert sound(path)
    assert job.result() is result
    assert store.load("a").payload.raw == BODY
    assert store.load("a").status.status.name == "DONE"
    assert job.client.calls.count(("job_results", "a")) == 1


@pytest.mark.parametrize("weather", PASSING)
def test_whatever_cannot_be_saved_leaves_the_store_as_it_was(store, path, weather, short_patience):
    store.save(job_with(b"first"))
    before = store.load("a"), store.history("a")
    with weather(store), pytest.raises(JobStoreError, match=rf"save job a in .*sqlite: {PASSING[weather]}") as raised:
        store.save(Job("a", details=JobDetails(NOON, name="bell"), payload=ResultPayload(NOON, NOISE)))
    assert raised.value.__cause__ is None
    assert "INSERT" not in str(raised.value)
    assert (store.load("a"), store.history("a")) == before
    assert by_sql(path, "SELECT count(*) FROM bodies") == [[(1,)]]
    assert sound(path)


def test_exceeded_quota_is_reported_and_saved_jobs_stay(store, path):
    """As it is where a quota ends: writing fails, though the disk has room."""
    store.save(Job("a"))
    store.close()

    def save_too_much():
        with JobStore(path) as own:
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50_000,) * 2)
            own.save(Job("b"))
            own.save(job_with(NOISE))

    kind, message = in_another_process(save_too_much)
    assert kind == "JobStoreError"
    assert re.search(r"save job a in the store at .*jobs\.sqlite: (the disk failed|there is no space)", message)
    assert sorted(record.job_id for record in store.records()) == ["a", "b"]
    assert sound(path)


def mount(folder, size):
    """In a child: let a folder be a disk of so many bytes, for this process alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    new_user, new_mounts, private, recursive = 0x10000000, 0x20000, 1 << 18, 1 << 14
    if libc.unshare(new_user | new_mounts):
        return False
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    alone = libc.mount(None, b"/", None, private | recursive, None) == 0
    return alone and libc.mount(b"none", os.fsencode(folder), b"tmpfs", 0, f"size={size}".encode()) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets anybody mount something")
def test_full_disk_is_reported_and_memory_is_saved_once_space_is(tmp_path, at_once):
    def fill_and_free():
        if not mount(tmp_path, 2_000_000):
            return None
        path, filling = tmp_path / "jobs.sqlite", tmp_path / "filling"
        store = JobStore(path)
        store.save(Job("a", details=JobDetails(NOON, name="bell")))
        job = handle(store, DONE)
        with contextlib.suppress(OSError), filling.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        logged = []
        logging.getLogger("ibm_circuit_job.job.stored").addFilter(lambda record: logged.append(record.getMessage()))
        result = job.result()
        saved = store.load("a")
        filling.unlink()
        again = job.result() is result
        came = store.load("a").payload
        store.close()
        return result.success, saved.name, saved.payload, again, came.raw == BODY, sound(path), logged

    did, said = in_another_process(fill_and_free)
    assert did == "did", said
    if said is None:
        pytest.skip("nothing can be mounted here")
    *came, logged = said
    assert came == [True, "bell", None, True, True, True]
    assert any(re.search("only in memory.* (no space left|the disk failed)", message) for message in logged)


# Rights


@pytest.fixture
def shared():
    """A folder that others can reach."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    for part in [folder, *folder.rglob("*")]:
        with contextlib.suppress(FileNotFoundError):
            part.chmod(0o777)
    shutil.rmtree(folder)


def without_privileges(work):
    """Do some work in a process for which rights count."""

    def work_as_nobody():
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        return work()

    return in_another_process(work_as_nobody)


def of_nobody(path):
    if os.getuid() == 0:
        os.chown(path, 65534, 65534)


def test_folder_without_rights_is_told(shared):
    (shared / "locked").mkdir(0o555)
    for path in (shared / "locked" / "jobs.sqlite", shared / "locked" / "new" / "jobs.sqlite"):
        said = (
            f"could not open the store at {path}: Permission denied; "
            "expected a file that you own, in a folder in which you may create files"
        )
        assert without_privileges(lambda path=path: JobStore(path)) == ("JobStoreError", said)


def test_folder_that_nobody_may_enter_is_told(shared):
    path = shared / "closed" / "jobs.sqlite"
    path.parent.mkdir()
    JobStore(path).close()
    path.parent.chmod(0)
    kind, message = without_privileges(lambda: JobStore(path))
    assert kind == "JobStoreError"
    assert message.startswith(f"could not open the store at {path}: Permission denied; expected a file that you own")


def test_file_that_is_read_only_is_told_and_left_as_it_is(shared):
    path = shared / "jobs.sqlite"
    with JobStore(path) as store:
        store.save(Job("a"))
    path.chmod(0o444)
    of_nobody(path)
    before = path.read_bytes()
    kind, message = without_privileges(lambda: JobStore(path))
    assert (kind, "jobs.sqlite: Permission denied; expected a file that you own" in message) == ("JobStoreError", True)
    assert path.read_bytes() == before


def test_store_in_a_folder_that_became_read_only_is_told(shared):
    path = shared / "folder" / "jobs.sqlite"
    with JobStore(path) as store:
        store.save(Job("a"))
    of_nobody(path)
    path.parent.chmod(0o555)
    kind, message = without_privileges(lambda: JobStore(path).save(Job("b")))
    assert kind == "JobStoreError"
    assert re.search(r"jobs\.sqlite: it cannot be written to .*; get permission", message)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can have files of others")
def test_file_of_somebody_else_that_is_open_to_others_is_refused(shared):
    path = shared / "jobs.sqlite"
    JobStore(path).close()
    path.chmod(0o666)
    kind, message = without_privileges(lambda: JobStore(path))
    assert (kind, "Operation not permitted; expected a file that you own" in message) == ("JobStoreError", True)


def test_archive_in_a_folder_without_rights_is_told(shared):
    (shared / "closed").mkdir(0o700)
    for path in (shared / "closed", shared / "closed" / "archive"):

        def export(path=path):
            with JobStore(shared / "jobs.sqlite") as store:
                store.export(path)

        said = f"could not export the store to {path}: Permission denied"
        assert without_privileges(export) == ("JobStoreError", said)


def test_file_and_folder_in_place_of_each_other_are_reported(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "jobs.sqlite", tmp_path / "file" / "deep" / "jobs.sqlite", tmp_path / "folder"):
        with pytest.raises(JobStoreError, match=f"could not open the store at {path}: .*; expected a file"):
            JobStore(path)
    assert list((tmp_path / "folder").iterdir()) == []


# Damage


JOBS = ["a", *(f"job-{number}" for number in range(12))]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "jobs.sqlite"
    with JobStore(path) as store:
        store.save_all(Job(job_id, details=JobDetails(NOON, name=f"name of {job_id}")) for job_id in JOBS[1:])
        store.save(job_with(BODY))
    return path


@pytest.fixture
def filled(template, path):
    """The file of a store of these jobs, which no process has open."""
    shutil.copy(template, path)
    return path


def spoil(path, at, what):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(what)


def everything_of(path):
    """All that a store says."""
    with JobStore(path) as store:
        for job_id in JOBS:
            store.load(job_id)
            store.history(job_id)
            store.payload(job_id)
            store.inputs(job_id)
        return store.records()


def pages_of(path, table):
    """Where in the file the pages of a table begin."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        [size] = connection.execute("PRAGMA page_size").fetchone()
        [root] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [table]).fetchone()
    return size, (root - 1) * size


@pytest.mark.parametrize(
    "damage",
    {
        "header": lambda path: spoil(path, 0, NOISE[:100]),
        "header of another kind": lambda path: spoil(path, 0, b"%PDF-1.7"),
        "page in the middle": lambda path: spoil(path, pages_of(path, "history")[1], NOISE[:4096]),
        "table of tables": lambda path: spoil(path, 100, NOISE[:3000]),
        "cut off": lambda path: os.truncate(path, path.stat().st_size // 2),
        "cut off in the first page": lambda path: os.truncate(path, 1000),
        "hardly anything left": lambda path: os.truncate(path, 10),
        "table missing": lambda path: by_sql(path, "DROP TABLE body_parts", "DROP TABLE history"),
    }.items(),
    ids=lambda case: case[0],
)
def test_damaged_file_is_called_damaged_and_left_as_it_is(filled, damage):
    damage[1](filled)
    before = filled.read_bytes()
    with pytest.raises(
        JobStoreDamagedError, match=r"jobs\.sqlite.*: the file is damaged.*; restore it from a copy"
    ) as raised:
        everything_of(filled)
    assert "SELECT" not in str(raised.value)
    assert filled.read_bytes() == before


@pytest.mark.parametrize("seed", range(50 if THOROUGH else 12))
def test_overwritten_store_is_whole_or_reported_as_damaged(filled, seed):
    chance = random.Random(seed)
    for _ in range(10):
        spoil(filled, chance.randrange(100, filled.stat().st_size), chance.randbytes(3))
    with contextlib.suppress(JobStoreError):
        # Of names and numbers nothing tells whether they are those that were saved.
        assert len(everything_of(filled)) == len(JOBS)
    with contextlib.suppress(JobStoreError), JobStore(filled) as store:
        for job_id in JOBS[1::3]:
            with contextlib.suppress(JobStoreError):
                store.save(Job(job_id, details=JobDetails(NOON.replace(hour=13), name="new")))
        with contextlib.suppress(JobStoreError):
            store.delete("a")


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("jobs", "record", "x'00ff'"),
        ("jobs", "record", "17"),
        ("jobs", "record", "'{'"),
        ("jobs", "record", "CAST(x'ff' AS TEXT)"),
        ("jobs", "payload_at", "'noon'"),
        ("jobs", "payload_at", "9223372036854775807"),
        ("jobs", "payload_at", "NULL"),
        ("history", "observed_at", "'noon'"),
        ("history", "observed_at", "9223372036854775807"),
        ("history", "slot", "'result'"),
        ("bodies", "size", "x'00'"),
        ("bodies", "size", "-1"),
        ("bodies", "size", "1 << 62"),
        ("body_parts", "data", "'text'"),
        ("body_parts", "data", "17"),
        ("body_parts", "data", "x''"),
        # A frame of Zstandard that claims to be 4 exabytes, and one that claims nothing.
        ("body_parts", "data", "x'28b52ffde00000000000000040010000'"),
        ("body_parts", "data", "x'28b52ffd00580100006100'"),
    ],
)
def test_value_that_is_damaged_is_called_damaged(filled, table, column, value):
    by_sql(filled, f"UPDATE {table} SET {column} = {value}")  # noqa: S608 - they stand above
    with pytest.raises(JobStoreDamagedError, match=r"(could not load .*jobs\.sqlite|jobs\.sqlite.*damaged)"):
        everything_of(filled)


def frame(size, blocks):
    """A frame of Zstandard that says that it holds so many bytes, and has so many blocks of 128 kB, in 4 bytes each."""
    header = b"\x28\xb5\x2f\xfd\xe0" + size.to_bytes(8, "little")
    block = (2**17 << 3 | 1 << 1).to_bytes(3, "little") + b"x"
    return header + block * blocks + (1).to_bytes(3, "little")


@pytest.mark.parametrize(("size", "blocks"), [(2**50, 0), (2**31 + 1, 0), (2**31, 1), (10**6, 10_000)])
def test_body_of_a_false_size_takes_no_memory_and_hides_no_other(filled, tmp_path, size, blocks):
    by_sql(
        filled,
        f"UPDATE bodies SET size = {size}",  # noqa: S608 - it stands above
        f"UPDATE body_parts SET data = x'{frame(size, blocks).hex()}'",  # noqa: S608 - the same
    )
    with JobStore(filled) as store, JobStore(tmp_path / "other.sqlite") as other:
        tracemalloc.start()
        with pytest.raises(JobStoreDamagedError, match=r"the result of job a .* bytes are missing"):
            store.load("a")
        with pytest.raises(JobStoreDamagedError, match=r"exported all to .*, except .* the result of job a "):
            store.export(tmp_path / "archive")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert other.import_(tmp_path / "archive") == len(JOBS)
    assert peak < 10_000_000


def test_unknown_kind_of_body_does_not_prevent_an_export(filled, tmp_path):
    by_sql(filled, "UPDATE history SET slot = 'other' WHERE job_id = 'a'")
    with JobStore(filled) as store, JobStore(tmp_path / "other.sqlite") as other:
        with pytest.raises(JobStoreDamagedError, match=r"exported all to .*, except .* the history of job a is damag"):
            store.export(tmp_path / "archive")
        assert other.import_(tmp_path / "archive") == len(JOBS)


def test_body_that_could_not_be_read_again_is_not_kept(store, monkeypatch):
    monkeypatch.setattr(bodies, "MOST_BYTES", 100)
    store.save(job_with(b"x" * 100))
    with pytest.raises(JobStoreError, match="expected a body of at most 100 bytes, got 101"):
        store.save(job_with(b"x" * 101))
    assert store.load("a").payload.raw == b"x" * 100


def test_damage_is_no_end_of_the_job(filled, caplog):
    """Nor is it asked about for ever."""
    with JobStore(filled) as store:
        job = handle(store, DONE)
        store.close()
        spoil(filled, pages_of(filled, "history")[1], NOISE[:4096])
        # The row of the job names its result, whatever became of the history.
        assert job.result().success
    assert "could not save job a" in caplog.text
    assert len(caplog.messages) < 10


def test_garbage_write_ahead_log_leaves_the_file_intact(filled):
    for name in ("jobs.sqlite-wal", "jobs.sqlite-shm"):
        filled.with_name(name).write_bytes(NOISE)
    assert len(everything_of(filled)) == len(JOBS)
    assert sound(filled)


# Versions


def test_older_store_is_brought_up_to_date_once(store, path, monkeypatch):
    store.save(Job("a"))
    done = []

    def add_a_table(connection):
        done.append(1)
        connection.execute(sql.text("CREATE TABLE extra (name)"))

    monkeypatch.setattr(migration, "MIGRATIONS", [*migration.MIGRATIONS, add_a_table])
    for _ in range(2):
        with JobStore(path) as newer:
            assert newer.records() == [Job("a")]
    assert done == [1]
    assert by_sql(path, "SELECT version FROM store_version", "SELECT * FROM extra") == [
        [*VERSIONS, (len(VERSIONS) + 1,)],
        [],
    ]


def test_failed_migration_step_leaves_the_store_unchanged(store, path, monkeypatch):
    store.save(Job("a"))
    tables = by_sql(path, "SELECT name, sql FROM sqlite_master")

    def fail_half_way(connection):
        connection.execute(sql.text("CREATE TABLE extra (name)"))
        connection.execute(sql.text("DELETE FROM jobs"))
        connection.execute(sql.text("INSERT INTO nowhere VALUES (1)"))

    def succeed(connection):
        connection.execute(sql.text("CREATE TABLE half (name)"))

    released = list(migration.MIGRATIONS)
    monkeypatch.setattr(migration, "MIGRATIONS", [*released, succeed, fail_half_way])
    with pytest.raises(JobStoreError, match=r"could not open the store at .*jobs\.sqlite: .*no such table: nowhere"):
        JobStore(path)
    monkeypatch.setattr(migration, "MIGRATIONS", released)
    assert by_sql(path, "SELECT name, sql FROM sqlite_master") == tables
    with JobStore(path) as again:
        assert again.records() == [Job("a")]


@pytest.mark.parametrize("version", ["'abc'", "'1'", "x'01'", "1.5", "-1", "''"])
def test_version_that_is_no_number_is_refused_and_left_as_it_is(path, version):
    by_sql(path, "CREATE TABLE store_version (version)", f"INSERT INTO store_version VALUES ({version})")  # noqa: S608 - they stand above
    before = untouched(path)
    with pytest.raises(JobStoreError, match=r"jobs\.sqlite: .* of another program, or damaged: its version is "):
        JobStore(path)
    assert untouched(path) == before


# Several processes


def test_file_system_without_write_ahead_log_is_used(path):
    """SQLite cannot have one either where a file beside the database stands for each lock."""
    engine = sql.create_engine(f"sqlite:///file:{path}?vfs=unix-dotfile&uri=true")
    with engine.connect() as connection:
        assert not sqlite.use_wal(connection)
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"
    engine.dispose()


def test_store_created_by_several_processes_is_created_once(path):
    def create(pipe):
        told(pipe)
        with JobStore(path) as store:
            store.save(Job(f"of-{os.getpid()}"))
            return os.getpid()

    def read(pipe):
        told(pipe)
        with JobStore(path) as store:
            return [len(store.records()) for _ in range(20)]

    with contextlib.ExitStack() as stack:
        creating = [stack.enter_context(child(create)) for _ in range(4)]
        reading = stack.enter_context(child(read))
        for started in (*creating, reading):
            started.tell()
        answers = [started.hear() for started in creating]
        did, seen = reading.hear()
    assert (did, seen == sorted(seen)) == ("did", True)
    with JobStore(path) as store:
        assert sorted(record.job_id for record in store.records()) == sorted(f"of-{pid}" for _, pid in answers)
    assert by_sql(path, "SELECT version FROM store_version") == [VERSIONS]


def test_fork_of_a_process_uses_the_store_as_its_parent_does(store, path):
    store.save(Job("before"))
    job = handle(store, DONE)

    def use():
        job.result()
        store.save(Job("of-child"))
        store.close()
        return len(store.records())

    for number in range(3):
        assert in_another_process(use)[0] == "did"
        store.save(Job(f"of-parent-{number}"))
    assert len(store.records()) == 6
    assert store.load("a").payload.raw == BODY
    store.close()
    assert sound(path)


def test_fork_does_not_go_on_with_the_connections_of_its_parent(store):
    """SQLite's locks are not inherited: the parent takes the log of writes away when it closes what it has."""
    store.save(Job("a"))

    def save_later(pipe):
        told(pipe)
        store.save(Job("b"))
        pipe.send("saved")
        told(pipe)

    with child(save_later) as forked:
        store.close()
        forked.tell()
        assert forked.hear() == "saved"
        assert sorted(record.job_id for record in store.records()) == ["a", "b"]
        forked.tell()
        assert forked.hear() == ("did", None)


def test_fork_with_an_open_store_survives_close_by_its_parent(store):
    """It would, if it had inherited what SQLite knows of files and locks."""
    store.save(Job("before"))

    def save_before_and_after(pipe):
        store.save(Job("first"))
        pipe.send("saved")
        told(pipe)
        result = handle(store, DONE).result()
        store.save(Job("last"))
        return result.success

    with child(save_before_and_after) as forked:
        assert forked.hear() == "saved"
        store.close()
        forked.tell()
        assert forked.hear() == ("did", True)
    assert {record.job_id for record in store.records()} == {"before", "first", "a", "last"}
    assert store.payload("a").raw == BODY


def test_fork_beside_threads_that_write_can_write_itself(store):
    enough = threading.Event()

    def write():
        for number in itertools.count():
            store.save(Job("of-thread", details=JobDetails(NOON, name=f"{number}")))
            if enough.is_set():
                return

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(6):
            assert in_another_process(lambda number=number: store.save(Job(f"of-child-{number}"))) == ("did", None)
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    assert len(store.records()) == 7


def test_threads_may_fork_at_once_beside_threads_that_read(store, monkeypatch):
    """While one of them forks, the other waits, and nobody else gets in between."""
    monkeypatch.setattr(forks, "PATIENCE", 2.0)
    enough = threading.Event()

    def read():
        while not enough.is_set():
            store.records()

    def fork(number):
        return in_another_process(lambda: store.save(Job(f"{number}")))

    store.save_all(Job(f"before-{number}") for number in range(200))
    with ThreadPoolExecutor(4) as pool:
        reading = [pool.submit(read) for _ in range(2)]
        try:
            answers = list(pool.map(fork, range(12)))
        finally:
            enough.set()
        for done in reading:
            done.result()
    assert answers == [("did", None)] * 12


@contextlib.contextmanager
def in_use_for_long(store, monkeypatch):
    """While a transaction is under way for which no fork waits."""
    monkeypatch.setattr(forks, "PATIENCE", 0.01)
    in_use, enough = threading.Event(), threading.Event()

    def use():
        def hold(_):
            in_use.set()
            enough.wait(PATIENCE)

        store._database.read("hold it", hold)

    thread = threading.Thread(target=use)
    thread.start()
    try:
        assert in_use.wait(PATIENCE)
        yield
    finally:
        enough.set()
        thread.join()


def test_fork_of_a_process_that_uses_the_store_gets_an_error(store, path, monkeypatch):
    linked = path.parent / "linked"
    linked.symlink_to(path.parent)
    with in_use_for_long(store, monkeypatch):
        for use_it in (lambda: store.save(Job("a")), lambda: JobStore(path), lambda: JobStore(linked / path.name)):
            kind, told_of = in_another_process(use_it)
            assert kind == "JobStoreError"
            assert "this process was forked while the store was in use" in told_of
    store.save(Job("b"))
    assert [record.job_id for record in store.records()] == ["b"]


def test_fork_can_use_the_stores_that_were_not_in_use(store, tmp_path, monkeypatch):
    with JobStore(tmp_path / "other.sqlite") as other, in_use_for_long(store, monkeypatch):
        assert in_another_process(lambda: other.save(Job("a"))) == ("did", None)
        assert [record.job_id for record in other.records()] == ["a"]


@pytest.mark.parametrize("is_replaced", [False, True])
def test_file_removed_or_replaced_while_open_loses_nothing(store, path, caplog, is_replaced):
    store.save(Job("before"))
    if is_replaced:
        with JobStore(path.with_name("copy")) as copy:
            copy.save(Job("of-copy"))
        path.with_name("copy").replace(path)
    else:
        path.unlink()
    with pytest.raises(JobStoreError, match="was removed, or another was put in its place; close the store"):
        store.save(Job("b"))
    with pytest.raises(JobStoreError, match="was removed, or another was put in its place"):
        store.records()
    job = handle(store, DONE)
    assert job.result().success
    assert "Could not save the result of job a; it exists only in memory" in caplog.text
    for beside in path.parent.glob("jobs.sqlite-*"):
        beside.unlink()
    store.close()
    assert [record.job_id for record in store.records()] == (["of-copy"] if is_replaced else [])
    assert path.stat().st_mode & 0o777 == 0o600
    job.keep_in(store)
    assert store.payload("a").raw == BODY


def test_process_killed_while_saving_leaves_the_store_whole(path, monkeypatch):
    """At six moments of a save of five parts, from its beginning to after its end."""
    monkeypatch.setattr(bodies, "_PART", 1_000_000)
    large = random.Random(1).randbytes(5_000_000)
    with JobStore(path) as store:
        store.save(Job("before", details=JobDetails(NOON, name="bell")))
    began = time.monotonic()
    with JobStore(path.with_name("timed")) as timed:
        timed.save(job_with(large))
    takes = time.monotonic() - began
    saved = set()
    for number in range(6):
        body = large + bytes([number])

        def save(pipe, name=f"job-{number}", body=body):
            with JobStore(path) as own:
                own.records()
                pipe.send("begins")
                own.save(Job(name, payload=ResultPayload(NOON, body)))

        with child(save) as killed:
            assert killed.hear() == "begins"
            # Whenever it is, the store is to be whole: no moment is awaited, they are tried.
            killed.process.join(takes * number / 4)
        assert sound(path)
        with JobStore(path) as store:
            names = {record.job_id for record in store.records()} - {"before"}
            assert store.record("before").name == "bell"
            assert names - saved <= {f"job-{number}"}
            if names - saved:
                assert store.load(f"job-{number}").payload.raw == body
        assert saved <= names
        saved = names
    assert by_sql(path, "SELECT count(*) FROM bodies") == [[(len(saved),)]]


# PostgreSQL


@pytest.fixture
def port():
    """A port at which nobody answers, and that nobody else gets."""
    with contextlib.closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def silent_port():
    """A port that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def team(port):
    return f"postgresql+psycopg://somebody:very-secret@127.0.0.1:{port}/jobs"


def test_server_that_is_not_there_is_told_without_the_password(port):
    with pytest.raises(
        JobStoreError, match=rf"could not open the store at 127\.0\.0\.1:{port}/jobs: .*refused"
    ) as raised:
        JobStore(team(port))
    assert "very-secret" not in str(raised.value)


def test_silent_server_is_waited_for_only_as_long_as_connecting(silent_port, monkeypatch):
    monkeypatch.setattr(postgresql, "_CONNECT_SECONDS", 2)
    began = time.monotonic()
    with pytest.raises(JobStoreError, match=r"could not open the store at .*connection timeout expired"):
        JobStore(team(silent_port))
    assert time.monotonic() - began < 4


def test_url_says_how_long_to_wait_for_a_server(silent_port):
    began = time.monotonic()
    with pytest.raises(JobStoreError, match="connection timeout expired"):
        JobStore(f"{team(silent_port)}?connect_timeout=2")
    assert time.monotonic() - began < 4


def test_server_that_went_away_is_no_end_of_a_job(port, caplog):
    store = pickle.loads(pickle.dumps(JobStore._unpickled(sql.make_url(team(port)), 4, True, 30.0)))
    with store:
        with pytest.raises(
            JobStoreUnavailableError, match=rf"read job a in the store at 127\.0\.0\.1:{port}/jobs: .*refused"
        ):
            store.load("a")
        job = handle(store, QUEUED, DONE)
        assert job.status().name == "QUEUED"
        assert job.result().success
    assert "in the store at 127.0.0.1" in caplog.text
    assert "very-secret" not in caplog.text


# The log


def test_store_in_trouble_is_not_told_of_with_each_poll(store, path, caplog):
    job = handle(store, QUEUED)
    with locked_by_another(path):
        for _ in range(50):
            job.status()
    assert 1 <= len(caplog.messages) <= 2
