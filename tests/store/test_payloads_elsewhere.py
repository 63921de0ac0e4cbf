"""Payloads that lie outside of the database of a store: in a folder, in memory, in an object store."""

import hashlib
import multiprocessing
import os
import pickle
import shutil
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
import sqlalchemy as sql
import zstandard

from ibm_circuit_job import (
    Job,
    JobInputs,
    JobStore,
    JobStoreDamagedError,
    JobStoreError,
    JobStoreUnavailableError,
    ResultPayload,
    refresh,
)
from ibm_circuit_job.store import bodies, migration, payloads, places, record_store, schema
from ibm_circuit_job.wire.replies import status_report

pytest_plugins = ["postgresql"]

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
BODY = b'{"results": [' + b"1, " * 500 + b"1]}"
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def place(store_url, tmp_path):
    """The URL of a place: memory beside a store in PostgreSQL, a folder beside one in a file."""
    return f"memory://{tmp_path.name}" if "://" in store_url else (tmp_path / "payloads").as_uri()


@pytest.fixture
def store(store_url, place):
    with JobStore(store_url, payloads=place) as store:
        yield store


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "payloads"


@pytest.fixture
def in_folder(tmp_path, folder):
    """A store in a file, with its payloads in a folder."""
    with JobStore(tmp_path / "jobs.sqlite", payloads=folder) as store:
        yield store


def done(job_id, body=BODY, *, inputs=None):
    job = refresh(Job(job_id), status_report("Completed", NOON), ResultPayload(NOON, body))
    return job if inputs is None else refresh(job, JobInputs(NOON, inputs))


def objects(place):
    """The payloads in a place: SHA-256 -> what is in it."""
    files, root = fsspec.core.url_to_fs(place)
    found = files.find(root) if files.exists(root) else []
    return {
        Path(path).stem: zstandard.ZstdDecompressor().decompress(files.cat_file(path))
        for path in found
        if not path.endswith("ABOUT.txt")
    }


def path_of(folder, sha256=SHA256):
    return folder / sha256[:2] / f"{sha256}.zst"


@contextmanager
def inside(store):
    engine = sql.create_engine(store._database.url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def rows(store, table):
    with inside(store) as connection:
        return connection.execute(sql.select(sql.func.count()).select_from(table)).scalar()


# Saving and reading


def test_payload_is_in_its_place_and_read_from_there(store, place):
    job = done("a", inputs=b'{"shots": 10}')
    store.save(job)
    assert objects(place) == {each.sha256: each.raw for each in (job.payload, job.inputs)}
    assert rows(store, schema.body_parts) == 0
    assert (store.load("a"), store.payload("a"), store.inputs("a")) == (job, job.payload, job.inputs)
    assert set(store.history("a")) == {*job.facts}
    assert store.check().is_sound


def test_every_program_that_opens_the_store_uses_its_place(store, store_url, place):
    store.save(done("a"))
    with JobStore(store_url) as other:
        other.save(done("b", b"other"))
        assert other.payloads == store.payloads == place
        assert other.load("a") == done("a")
    assert set(objects(place)) == {SHA256, hashlib.sha256(b"other").hexdigest()}
    with pickle.loads(pickle.dumps(store)) as copy:
        assert copy.load("b") == done("b", b"other")


def test_another_place_is_refused(store, store_url, place):
    with pytest.raises(JobStoreError, match=rf"its payloads are in {place}, and payloads= names memory://other"):
        JobStore(store_url, payloads="memory://other")
    assert not fsspec.filesystem("memory").exists("memory://other/ABOUT.txt")
    with JobStore(store_url, payloads=f"{place}/") as same:
        assert same.payloads == place


def test_two_jobs_share_a_payload_until_both_are_deleted(store, place):
    store.save_all([done("a"), done("b")])
    assert objects(place) == {SHA256: BODY}
    store.delete("a")
    assert store.load("b") == done("b")
    store.delete("b")
    assert objects(place) == {}
    assert rows(store, schema.unused_bodies) == 0


def test_store_that_gets_a_place_later_has_both(store_url, place):
    with JobStore(store_url) as early:
        early.save(done("a"))
        with JobStore(store_url, payloads=place) as late:
            late.save(done("b", b"other"))
            assert late.load("a") == done("a")
            # It has seen before that there was none.
            assert early.load("b") == done("b", b"other")
            early.delete("b")
            late.delete("a")
            assert objects(place) == {}
            assert late.check().is_sound


def test_archive_and_copy_have_the_payloads(store, store_url, tmp_path, place):
    store.save(done("a", inputs=b"{}"))
    store.export(tmp_path / "archive")
    assert (tmp_path / "archive" / "bodies" / f"{SHA256}.json").read_bytes() == BODY
    with JobStore(tmp_path / "other.sqlite", payloads=f"{place}-other") as other:
        other.import_(tmp_path / "archive")
        other.save(store.load("a"))
        assert other.load("a") == store.load("a") == done("a", inputs=b"{}")
        store.delete("a")
        assert set(objects(f"{place}-other")) == {SHA256, hashlib.sha256(b"{}").hexdigest()}


def test_older_store_gets_a_place(store_url, place):
    with JobStore(store_url) as store:
        store.save(done("a"))
        with inside(store) as connection:
            connection.execute(sql.text("DROP TABLE settings"))
            connection.execute(sql.text("DROP TABLE unused_bodies"))
            before = migration.MIGRATIONS.index(migration._add_place_of_payloads)
            connection.execute(sql.text(f"DELETE FROM store_version WHERE version > {before}"))  # noqa: S608 - a number
    with JobStore(store_url, payloads=place) as store:
        store.save(done("b", b"other"))
        assert (store.load("a"), store.load("b")) == (done("a"), done("b", b"other"))


def test_object_that_may_show_a_part_is_written_and_renamed(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "_SHOWS_WHOLE_OBJECTS", frozenset())
    with JobStore(tmp_path / "jobs.sqlite", payloads=f"memory://{tmp_path.name}") as store:
        store.save(done("a"))
        assert store.load("a") == done("a")
    assert objects(f"memory://{tmp_path.name}") == {SHA256: BODY}


# Damage


def test_missing_payload_is_named_and_mended(store, place):
    store.save(done("a", inputs=b"{}"))
    files, root = fsspec.core.url_to_fs(place)
    files.rm_file(f"{root}/{SHA256[:2]}/{SHA256}.zst")
    with pytest.raises(
        JobStoreDamagedError, match=rf"the result of job a .* bytes are missing .*{SHA256}\.zst in {place}"
    ):
        store.load("a")
    assert store.inputs("a").raw == b"{}"
    store.save(done("a"))
    assert store.load("a") == done("a", inputs=b"{}")


@pytest.mark.parametrize("how", ["cut off", "another", "empty"])
def test_damaged_payload_costs_itself_alone_and_is_mended(in_folder, folder, how):
    store, place = in_folder, folder.as_uri()
    store.save_all([done("a", inputs=b"{}"), done("b", b"other")])
    content = path_of(folder).read_bytes()
    changed = {
        "cut off": content[:-3],
        "another": zstandard.ZstdCompressor().compress(BODY.replace(b"1", b"2")),
        "empty": b"",
    }
    path_of(folder).write_bytes(changed[how])
    with pytest.raises(JobStoreDamagedError, match=rf"the result of job a .*{SHA256}\.zst in {place}"):
        store.load("a")
    assert store.inputs("a").raw == b"{}"
    assert store.record("a") is not None
    assert store.load("b") == done("b", b"other")
    [line] = store.check().damage
    assert SHA256 in line
    assert place in line
    store.save(done("a"))
    assert store.check().is_sound
    assert store.load("a") == done("a", inputs=b"{}")


def test_name_of_a_payload_is_no_path_of_another_file(in_folder, folder, tmp_path):
    in_folder.save(done("a"))
    outside = tmp_path / "secret.zst"
    shutil.copy(path_of(folder), outside)
    with inside(in_folder) as connection:
        named = {"sha256": "../../secret", "size": len(BODY)}
        connection.execute(sql.insert(schema.bodies).values(named))
    assert "secret" in in_folder.check().damage[0]


# Trouble


def test_folder_that_is_away_loses_nothing(in_folder, folder):
    in_folder.save(done("a"))
    folder.rename(folder.with_name("elsewhere"))
    for empty in (False, True):
        if empty:
            # As a mount point is without its drive.
            folder.mkdir()
        for failing in (
            lambda: in_folder.load("a"),
            lambda: in_folder.save(done("b", b"other")),
            in_folder.check,
        ):
            with pytest.raises(JobStoreUnavailableError, match=r"file://.*ABOUT.txt, so it is another folder"):
                failing()
        assert not empty or list(folder.iterdir()) == []
    assert in_folder.records_of(["b"]) == {}
    folder.rmdir()
    folder.with_name("elsewhere").rename(folder)
    assert in_folder.load("a") == done("a")


def test_payload_that_cannot_be_deleted_now_is_deleted_later(in_folder, folder):
    in_folder.save_all([done("a"), done("b", b"other")])
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(JobStoreUnavailableError, match="could not delete a payload in"):
        in_folder.delete("a")
    assert in_folder.record("a") is None
    folder.with_name("elsewhere").rename(folder)
    assert path_of(folder).exists()
    in_folder.delete("a")
    assert not path_of(folder).exists()
    assert in_folder.load("b") == done("b", b"other")


def test_payload_saved_again_before_it_is_deleted_stays(in_folder, folder):
    in_folder.save(done("a"))
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(JobStoreUnavailableError):
        in_folder.delete("a")
    folder.with_name("elsewhere").rename(folder)
    in_folder.save(done("b"))
    in_folder.delete("c")
    assert in_folder.load("b") == done("b")


def test_payload_deleted_while_it_is_saved_again_is_there(in_folder, folder, monkeypatch):
    in_folder.save(done("a"))
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(JobStoreUnavailableError):
        in_folder.delete("a")
    folder.with_name("elsewhere").rename(folder)

    def written_and_deleted(place, packed):
        bodies.put_all(place, packed)
        assert path_of(folder).exists()
        in_folder.delete("c")
        assert not path_of(folder).exists()

    monkeypatch.setattr(record_store, "put_all", written_and_deleted)
    in_folder.save(done("b"))
    assert in_folder.load("b") == done("b")


def test_two_that_save_and_delete_one_payload_lose_none(store_url, tmp_path):
    """Each round, one thread deletes the only job that has a payload, and another saves a job that has the same."""
    place = str(tmp_path / "payloads") if "://" in store_url else f"memory://{tmp_path.name}"
    with JobStore(store_url, payloads=place) as first, JobStore(store_url) as second:
        for number in range(8):
            first.save(done(f"old {number}"))
            together = threading.Barrier(2)

            def save(number=number, together=together):
                together.wait()
                second.save(done(f"new {number}"))

            saving = threading.Thread(target=save)
            saving.start()
            together.wait()
            first.delete(f"old {number}")
            saving.join()
            assert first.load(f"new {number}") == done(f"new {number}")
            first.delete(f"new {number}")


def _saved_until_it_writes(url, place, ready):
    """Saves a job, and waits for its end in the midst of writing its payload."""

    def stop(*_):
        ready.set()
        threading.Event().wait()

    os.fsync = stop
    with JobStore(url, payloads=place) as store:
        store.save(done("a"))


def test_killed_writer_leaves_no_part_of_a_payload(tmp_path, folder):
    url = str(tmp_path / "jobs.sqlite")
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    writer = context.Process(target=_saved_until_it_writes, args=(url, str(folder), ready))
    writer.start()
    assert ready.wait(60)
    writer.kill()
    writer.join()
    with JobStore(url, payloads=folder) as store:
        assert store.records() == []
        assert not path_of(folder).exists()
        store.save(done("a"))
        assert store.load("a") == done("a")


# The place itself


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_folder_is_its_owners_alone(in_folder, folder):
    before = os.umask(0)
    try:
        in_folder.save(done("a"))
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o077 for path in [folder, *folder.rglob("*")]} == {0}
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("s3://key:s3cret@bucket", "set up credentials on the machine instead"),
        ("memory://a?key=s3cret", "set up credentials on the machine instead"),
        ("nosuch://bucket", "whose protocol fsspec does not know"),
        ("simplecache::memory://s3cret", "got something else"),
        ("file://host/folder", "write three slashes, file:///"),
        ("/", "expected payloads to be a folder"),
        ("", "got something else"),
        (7, "got something else"),
    ],
)
def test_place_that_is_none_is_refused(tmp_path, wrong, message):
    with pytest.raises(JobStoreError, match=message) as raised:
        JobStore(tmp_path / "jobs.sqlite", payloads=wrong)
    assert "s3cret" not in str(raised.value)
    assert not (tmp_path / "jobs.sqlite").exists()


def test_place_that_cannot_be_made_is_not_remembered(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JobStoreUnavailableError, match="could not make the folder of payloads at"):
        JobStore(tmp_path / "jobs.sqlite", payloads=tmp_path / "file" / "payloads")
    with JobStore(tmp_path / "jobs.sqlite", payloads=tmp_path / "my payloads") as store:
        assert store.payloads == (tmp_path / "my payloads").as_uri()
        store.save(done("a"))
    with JobStore(tmp_path / "jobs.sqlite") as again:
        assert again.load("a") == done("a")


def test_damaged_setting_is_damage(in_folder):
    in_folder.save(done("a"))
    with inside(in_folder) as connection:
        connection.execute(sql.update(schema.settings).values(value="nosuch://x"))
    with JobStore(in_folder.location) as again, pytest.raises(JobStoreDamagedError, match="of its payloads"):
        again.load("a")


def test_deleted_payloads_are_as_many_as_were_saved(in_folder, folder, monkeypatch):
    monkeypatch.setattr(payloads, "_AT_ONCE", 2)
    for number in range(5):
        payload = ResultPayload(NOON + timedelta(minutes=number), f"body {number}".encode())
        in_folder.save(Job("a", payload=payload))
    assert len(objects(folder.as_uri())) == 5
    in_folder.delete("a")
    assert objects(folder.as_uri()) == {}
