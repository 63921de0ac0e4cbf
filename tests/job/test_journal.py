"""The journal of what is to be written of a job: one for all handles, for as long as it is needed."""

import gc
import os
import signal
import sqlite3
import weakref
from contextlib import closing
from datetime import UTC, datetime

import pytest

from ibm_circuit_job import IBMCircuitJob, Job, JobStore, ResultPayload
from ibm_circuit_job.job import journal as journals
from ibm_circuit_job.job.journal import forgetting, journal_of, write_pending
from ibm_circuit_job.store import Writing
from ibm_circuit_job.wire.replies import status_report

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
QUEUED = Job("a", status=status_report("Queued", NOON))
PAYLOAD = ResultPayload(NOON, b'{"results": []}')


@pytest.fixture
def store(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as opened:
        yield opened


@pytest.fixture(autouse=True)
def only_own_journals(monkeypatch):
    """Without journals that tests of the same process have left, whose store could not be written to."""
    monkeypatch.setattr(journals, "_unwritten", type(journals._unwritten)())


def unwritten():
    return {journal.job_id for journal in journals._unwritten}


def test_stores_at_one_place_have_one_journal_of_a_job(store, tmp_path):
    with JobStore(store.location) as second, JobStore(tmp_path / "other.sqlite") as elsewhere:
        journal = journal_of(store, "a")
        assert journal_of(second, "a") is journal
        assert journal_of(store, "b") is not journal
        assert journal_of(elsewhere, "a") is not journal


def test_journal_without_anything_to_write_ends_with_its_handles(store):
    job = IBMCircuitJob(None, None, "a", store=store)
    journal = weakref.ref(journal_of(store, "a"))
    assert journal() is journal_of(store, "a")
    del job
    gc.collect()
    assert journal() is None


def test_journal_with_something_to_write_outlives_its_handles(store):
    journal_of(store, "a").add(Job("a"), QUEUED, None, PAYLOAD)
    gc.collect()
    assert "a" in unwritten()
    assert journal_of(store, "a").learned == QUEUED
    write_pending(store)
    assert "a" not in unwritten()
    assert store.load("a").payload == PAYLOAD


def test_journal_of_what_is_stored_already_has_nothing_to_write(store):
    journal = journal_of(store, "a")
    journal.add(QUEUED, QUEUED, None)
    assert not journal.is_left
    assert "a" not in unwritten()


def test_another_store_at_the_place_need_not_have_the_results(store):
    journal = journal_of(store, "a")
    journal.add(Job("a"), QUEUED, None, PAYLOAD)
    journal.write()
    assert journal.used_by(store).stored == {PAYLOAD.sha256}
    with JobStore(store.location) as second:
        assert journal.used_by(second).stored == set()
        assert journal.store is second


def test_deleted_job_has_nothing_to_write_if_that_worked(store):
    journal = journal_of(store, "a")
    journal.add(Job("a"), QUEUED, None, PAYLOAD)
    with pytest.raises(OSError, match="disk"), forgetting(store, "a"):
        raise OSError("disk")
    assert journal.is_left
    with forgetting(store, "a"):
        assert journal.writing().locked()
    assert not journal.is_left
    assert "a" not in unwritten()


def test_fork_leaves_what_it_does_not_use_to_its_parent(store):
    journal, other = journal_of(store, "a"), journal_of(store, "b")
    for each in (journal, other):
        each.add(Job(each.job_id), Job(each.job_id, status=QUEUED.status), None, seen_at=NOON)
    child = os.fork()
    if not child:
        signal.alarm(10)
        right = unwritten() == set()
        right = right and journal.used_by(store).seen_at is None
        os._exit(0 if right and unwritten() == {"a"} else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert {"a", "b"} <= unwritten()
    write_pending(store)


def test_result_that_could_not_be_written_is_tried(store):
    journal = journal_of(store, "a")
    with closing(sqlite3.connect(store.location, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        journal.add(Job("a"), Job("a"), None, PAYLOAD)
        assert not isinstance(journal.write(Writing.AT_ONCE), Job)
    assert journal.tried == {PAYLOAD.sha256}
    store.end_back_off()
    assert isinstance(journal.write(), Job)
    assert (journal.tried, journal.stored) == (set(), {PAYLOAD.sha256})
