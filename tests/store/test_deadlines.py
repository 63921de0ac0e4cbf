"""A store whose database is silent, cut off, busy or locked: every call ends in time, and says what is the matter."""

import contextlib
import pickle
import signal
import threading
from datetime import UTC, datetime

import psycopg
import pytest
import sqlalchemy as sql
from swallowing_proxy import SwallowingProxy

from ibm_circuit_job import IBMCircuitJob, Job, JobStore, JobStoreError, JobStoreUnavailableError, ResultPayload
from ibm_circuit_job.errors import Refused
from ibm_circuit_job.job.journal import journal_of
from ibm_circuit_job.store import Writing, database
from ibm_circuit_job.store import url as urls
from ibm_circuit_job.testing import ScriptedClient
from ibm_circuit_job.threads import calls

pytest_plugins = ["postgresql"]

TIMEOUT = 0.3
"""Seconds for a call that has to fail, whatever it has come to by then."""
ANSWERED_TIMEOUT = 2.0
"""Seconds for a call that has to fail, but first has to reach the server or its lock."""
PATIENCE = 30.0
"""Seconds for a call that has to succeed, and after which a thread that does not end is a failure."""


@pytest.fixture
def proxy(postgresql_store_url):
    proxy = SwallowingProxy(sql.make_url(postgresql_store_url).port)
    yield proxy
    proxy.close()


@pytest.fixture
def behind_proxy(postgresql_store_url, proxy):
    """The URL of a database behind the proxy."""
    return sql.make_url(postgresql_store_url).set(port=proxy.port).render_as_string(hide_password=False)


@pytest.fixture
def store(behind_proxy):
    with JobStore(behind_proxy, timeout=PATIENCE) as store:
        store.save(Job("a"))
        yield store


CALLS = {
    "load": lambda store: store.load("a"),
    "save": lambda store: store.save(Job("b")),
    "list": lambda store: store.records(),
    "delete": lambda store: store.delete("b"),
}


def ended(threads):
    for thread in threads:
        thread.join(PATIENCE)
    return not any(thread.is_alive() for thread in threads)


def in_thread(call):
    """Make a call in a thread, and return the thread, and a list with the error that it raised."""
    raised = []

    def run():
        try:
            call()
        except JobStoreError as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, raised


@contextlib.contextmanager
def impatient(store, seconds=TIMEOUT):
    """Until the end of the block, a call ends soon."""
    store._database.timeout = seconds
    yield
    store._database.timeout = PATIENCE


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_silent_server_ends_every_call_with_an_error(store, proxy, call):
    proxy.swallows = True
    with impatient(store):
        thread, raised = in_thread(lambda: call(store))
        assert ended([thread])
    assert isinstance(raised[0], JobStoreUnavailableError)
    assert "did not answer in time" in str(raised[0])
    proxy.swallows = False
    assert store.load("a") == Job("a")


def test_silent_server_leaves_no_thread_waiting(store, proxy, monkeypatch):
    """The thread ends once it has had no work for a while."""
    monkeypatch.setattr(calls, "_IDLE_SECONDS", 0.1)
    before = set(threading.enumerate())
    proxy.swallows = True
    with impatient(store), pytest.raises(JobStoreUnavailableError):
        store.load("a")
    waiting = [thread for thread in set(threading.enumerate()) - before if thread.name == "ibm-circuit-job-store"]
    assert ended(waiting)


def test_silent_server_can_be_opened_no_longer_than_the_timeout(behind_proxy, proxy):
    proxy.swallows = True
    thread, raised = in_thread(lambda: JobStore(behind_proxy, timeout=TIMEOUT))
    assert ended([thread])
    assert isinstance(raised[0], JobStoreUnavailableError)


@pytest.mark.parametrize("kind", ["silent", "locked"])
def test_ctrl_c_ends_a_call_at_once(store, proxy, postgresql_store_url, kind):
    """Long before its timeout: a handle on the lock, or the silence, is there until the end."""
    store._database.timeout = 600.0
    with contextlib.ExitStack() as stack:
        if kind == "silent":
            proxy.swallows = True
        else:
            stack.enter_context(locked(postgresql_store_url))
        interrupt = threading.Timer(0.1, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            store.save(Job("b"))
        interrupt.join()
    proxy.swallows = False
    store._database.timeout = PATIENCE
    assert store.load("a") == Job("a")


@contextlib.contextmanager
def locked(postgresql_store_url, table="jobs"):
    """Another program has locked a table."""
    with psycopg.connect(postgresql_store_url.replace("+psycopg", "")) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("table", ["jobs", "store_version"])
def test_table_lock_of_another_program_ends_every_call(store, postgresql_store_url, call, table):
    with locked(postgresql_store_url, table), impatient(store, ANSWERED_TIMEOUT):
        thread, raised = in_thread(lambda: call(store))
        assert ended([thread])
    assert isinstance(raised[0], JobStoreUnavailableError)
    assert "another program or thread has locked it" in str(raised[0])
    call(store)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_connection_that_was_cut_is_made_again(store, proxy, call):
    proxy.cut()
    call(store)
    assert store.load("a") == Job("a")


def test_server_that_is_away_for_a_moment_is_waited_for(store, proxy):
    proxy.refuses = True
    proxy.cut()
    thread, raised = in_thread(lambda: store.save(Job("b")))
    proxy.refuses = False
    assert ended([thread])
    assert raised == []
    assert store.load("b") == Job("b")


def test_too_many_clients_are_waited_for(store, postgresql_store_url):
    url = sql.make_url(postgresql_store_url)
    with psycopg.connect(postgresql_store_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("CREATE ROLE crowd LOGIN PASSWORD 'crowd' CONNECTION LIMIT 1")
        try:
            owner.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO crowd")
            crowded = url.set(username="crowd", password="crowd")
            other = psycopg.connect(crowded.set(drivername="postgresql").render_as_string(hide_password=False))
            as_crowd = crowded.render_as_string(hide_password=False)
            with pytest.raises(JobStoreUnavailableError, match="accepts no more connections"):
                JobStore(as_crowd, timeout=ANSWERED_TIMEOUT)
            opened = []
            thread, raised = in_thread(lambda: opened.append(JobStore(as_crowd, timeout=PATIENCE)))
            other.close()
            assert ended([thread])
            assert raised == []
            opened[0].close()
        finally:
            owner.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM crowd")
            owner.execute("DROP ROLE crowd")


# Results


def test_result_in_a_silent_store_is_not_said_to_be_gone(store, proxy):
    """The service gives the result of a private job once, and the store has it."""
    gone = Refused("read the result of job a", "http://127.0.0.1", 410, "It was read.")
    done = b'{"id": "a", "state": {"status": "Completed"}}'
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([done] * 3, results=[gone] * 3), store=store)
    proxy.swallows = True
    with (
        impatient(store),
        pytest.raises(JobStoreUnavailableError, match="could not read the result of job a in the store"),
    ):
        job.result()


# Encodings and schemas


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_database_of_another_encoding_is_used_or_told(postgresql_url, encoding):
    url = sql.make_url(postgresql_url)
    name = f"{url.database}_{encoding.lower()}"
    with psycopg.connect(postgresql_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    with JobStore(url.set(database=name).render_as_string(hide_password=False)) as store:
        store.save(Job("plain"))
        assert store.load("plain") == Job("plain")
        if encoding == "SQL_ASCII":
            store.save(Job("\u0416"))
            assert store.load("\u0416") == Job("\u0416")
        else:
            with pytest.raises(JobStoreError, match="ENCODING 'UTF8'"):
                store.save(Job("\u0416"))


def test_schema_without_rights_is_told_with_the_remedy(postgresql_url):
    url = sql.make_url(postgresql_url)
    with psycopg.connect(postgresql_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        guest = url.set(username="guest", password="guest")
        try:
            with pytest.raises(JobStoreError, match="right CREATE on it"):
                JobStore(guest.render_as_string(hide_password=False))
            nowhere = url.update_query_dict({"options": "-csearch_path=missing"})
            with pytest.raises(JobStoreError, match="search_path names no schema"):
                JobStore(nowhere.render_as_string(hide_password=False))
            owner.execute("CREATE SCHEMA team AUTHORIZATION guest")
            in_team = guest.update_query_dict({"options": "-csearch_path=team"})
            with JobStore(in_team.render_as_string(hide_password=False)) as store:
                store.save(Job("a"))
                assert store.load("a") == Job("a")
        finally:
            owner.execute("DROP SCHEMA IF EXISTS team CASCADE")
            owner.execute("DROP ROLE guest")


# Pickles


def test_pickle_of_a_store_has_no_secret_and_opens_again(postgresql_store_url, monkeypatch):
    url = sql.make_url(postgresql_store_url)
    with psycopg.connect(postgresql_store_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("CREATE ROLE odd LOGIN SUPERUSER PASSWORD 'p@ss/w:rd%?#'")
    odd = url.set(username="odd", password="p@ss/w:rd%?#").update_query_dict({"application_name": "a b&c"})
    try:
        with JobStore(odd.render_as_string(hide_password=False), results_held=7, timeout=11) as store:
            store.save(Job("a"))
            dumped = pickle.dumps(store)
        assert b"p@ss" not in dumped
        assert b"p%40ss" not in dumped
        with pickle.loads(dumped) as copy:
            assert copy.load("a") == Job("a")
            assert (copy._results_held, copy._database.timeout) == (7, 11)
    finally:
        with psycopg.connect(postgresql_store_url.replace("+psycopg", ""), autocommit=True) as owner:
            owner.execute("DROP OWNED BY odd CASCADE")
            owner.execute("DROP ROLE odd")


def test_pickled_store_finds_its_password_in_the_environment(postgresql_store_url, monkeypatch):
    with JobStore(postgresql_store_url) as store:
        store.save(Job("a"))
        dumped = pickle.dumps(store)
    # As in another process.
    monkeypatch.setattr(urls, "_known", {})
    with pickle.loads(dumped) as copy, pytest.raises(JobStoreError, match="PGPASSWORD"):
        copy.load("a")
    monkeypatch.setenv("PGPASSWORD", sql.make_url(postgresql_store_url).password)
    with pickle.loads(dumped) as copy:
        assert copy.load("a") == Job("a")
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("IBM_CIRCUIT_JOB_STORE", postgresql_store_url)
    with pickle.loads(dumped) as copy:
        assert copy.load("a") == Job("a")


def test_timeout_is_a_number_of_seconds(tmp_path):
    for wrong in (0, -1, True, "30", None, float("nan"), float("inf")):
        with pytest.raises(JobStoreError, match="expected timeout to be a number of seconds above 0"):
            JobStore(tmp_path / "jobs.sqlite", timeout=wrong)


def test_large_result_written_at_once_has_time_for_its_size(tmp_path, monkeypatch):
    """A second for each million bytes, and none of it is cut off by a shorter bound."""
    body = b'{"results": [], "padding": "%s"}' % (b"x" * 10_000_000)
    payload = ResultPayload(datetime(2024, 2, 3, tzinfo=UTC), body)
    with JobStore(tmp_path / "jobs.sqlite") as store:
        monkeypatch.setattr(database, "UNWAITED_SECONDS", 0.0)
        journal = journal_of(store, "a")
        journal.add(Job("a"), Job("a"), None, payload)
        assert isinstance(journal.write(Writing.AT_ONCE), Job)
        monkeypatch.undo()
        assert store.load("a").payload.raw == body
