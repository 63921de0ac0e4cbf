"""What a store holds as files: for a person to read, and for any later version."""

import errno
import hashlib
import json
import os
import shutil
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ibm_circuit_job import (
    Job,
    JobDetails,
    JobInputs,
    JobMetrics,
    JobName,
    JobStore,
    JobStoreDamagedError,
    JobStoreError,
    ResultPayload,
)
from ibm_circuit_job.state.transitions import refresh
from ibm_circuit_job.store import archive
from ibm_circuit_job.wire.replies import status_report

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
BODY = b'{"results": []}'
FACTS = [
    JobInputs(NOON, b'{"shots": 10}'),
    JobDetails(NOON, tags=["bell"]),
    status_report("Queued", NOON),
    JobDetails(NOON, backend="b", unknown=[("cost", "10")]),
    JobDetails(NOON, name="first"),
    status_report("Completed", NOON + timedelta(seconds=1)),
    JobMetrics(NOON + timedelta(seconds=2), timestamps=[("running", NOON)], quantum_seconds=0.5),
    ResultPayload(NOON + timedelta(seconds=3), b"cut off"),
    ResultPayload(NOON + timedelta(seconds=4), BODY),
]


@pytest.mark.parametrize(("column", "exported"), [("service", 2), ("job_id", 1)])
def test_text_that_is_damaged_ends_no_export(tmp_path, column, exported):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        store.save_all([Job("a"), Job("b")])
        with store._database._engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE jobs SET {column} = CAST(x'62ff' AS TEXT) WHERE job_id = 'b'")  # noqa: S608 - it stands above
        with pytest.raises(JobStoreDamagedError, match=r"exported all to .*, except .*job '?b"):
            store.export(tmp_path / "archive")
        assert store.import_(tmp_path / "archive") == exported


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A store of two jobs, and its archive."""
    folder = tmp_path_factory.mktemp("template")
    with JobStore(folder / "jobs.sqlite") as store:
        for fact in FACTS:
            store.save(refresh(Job("a"), fact), service="somewhere")
        store.save(Job("b"))
        store.export(folder / "archive")
    return folder


@pytest.fixture
def store(template, tmp_path):
    shutil.copy(template / "jobs.sqlite", tmp_path)
    with JobStore(tmp_path / "jobs.sqlite") as store:
        yield store


@pytest.fixture
def other(tmp_path):
    with JobStore(tmp_path / "other.sqlite") as store:
        yield store


def test_what_is_exported_is_imported_with_its_history(store, other, tmp_path):
    assert store.export(tmp_path / "archive") == 2
    assert other.import_(tmp_path / "archive") == 2
    assert other.history("a") == FACTS
    assert other.load("a") == store.load("a")
    assert other.load("b") == Job("b")
    assert [job.job_id for job in other.records(service="somewhere")] == [job.job_id for job in store.records()]


def test_archive_is_lines_of_json_and_the_bodies_as_they_came(store, tmp_path):
    folder = tmp_path / "archive"
    store.export(folder)
    first, second, end = (json.loads(line) for line in (folder / "jobs.jsonl").read_text().splitlines())
    assert (first["job_id"], first["status"], first["tags"]) == ("a", "DONE", ["bell"])
    assert [next(iter(fact)) for fact in first["facts"]][:3] == ["inputs", "details", "status"]
    assert second["facts"] == []
    assert end == {"format": 2, "jobs": 2}
    result = first["facts"][-1]["payload"]
    assert result["file"] == f"bodies/{hashlib.sha256(BODY).hexdigest()}.json"
    assert (folder / result["file"]).read_bytes() == BODY
    assert {path.suffix for path in (folder / "bodies").iterdir()} == {".json", ".txt"}


def test_archive_is_its_owners_alone(store, tmp_path):
    folder = tmp_path / "archive"
    store.export(folder)
    assert {path.stat().st_mode & 0o077 for path in [folder, *folder.rglob("*")]} == {0}


def test_import_is_a_merge(store, other, tmp_path):
    newer = JobName(NOON + timedelta(hours=1), "second")
    other.save(refresh(Job("a"), newer))
    store.export(tmp_path / "archive")
    for _ in range(2):
        other.import_(tmp_path / "archive")
    assert other.load("a") == refresh(store.load("a"), newer)
    assert len(other.history("a")) == len(FACTS) + 1


def test_nothing_is_written_over(store, tmp_path):
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "mine").touch()
    for path in (tmp_path / "archive", tmp_path / "jobs.sqlite"):
        with pytest.raises(JobStoreError, match="expected a path at which there is nothing yet"):
            store.export(path)
    assert [path.name for path in (tmp_path / "archive").iterdir()] == ["mine"]


def test_export_to_where_nothing_can_be_written_leaves_nothing(store, tmp_path):
    with pytest.raises(JobStoreError, match=r"could not export the store to .*: Not a directory"):
        store.export(tmp_path / "jobs.sqlite" / "archive")
    assert [path for path in tmp_path.iterdir() if not path.name.startswith("jobs")] == []


def test_empty_folder_is_filled_and_stays_what_it_was(store, other, tmp_path, monkeypatch):
    """Also the one that one is in, which must not be replaced, and one that a link leads to."""
    here, linked = tmp_path / "here", tmp_path / "linked"
    here.mkdir(0o750)
    linked.mkdir()
    (tmp_path / "link").symlink_to(linked)
    monkeypatch.chdir(here)
    for path in (".", tmp_path / "link"):
        assert store.export(path) == other.import_(path) == 2
    assert [{path.name for path in folder.iterdir()} for folder in (here, linked)] == [{"bodies", "jobs.jsonl"}] * 2
    assert here.stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "link").is_symlink()


def test_empty_folder_that_could_not_be_filled_is_empty(store, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive.os, "fsync", fail)
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "new"):
        with pytest.raises(JobStoreError, match=f"could not export the store to {path}: No space left on device"):
            store.export(path)
    assert list((tmp_path / "empty").iterdir()) == []
    assert not (tmp_path / "new").exists()


def test_folder_may_have_as_long_a_name_as_any(store, tmp_path):
    assert store.export(tmp_path / ("n" * 255)) == 2


@pytest.mark.parametrize(
    "path", ["~nobody-of-that-name/x", "n" * 300, "a\0b", "\ud800", 5, None, b"x"], ids=lambda path: repr(path)[:9]
)
def test_path_that_is_none_of_a_folder_is_refused(store, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    for use, said in ((store.export, "export the store to"), (store.import_, "import the archive at")):
        with pytest.raises(JobStoreError, match=f"could not {said} .*(expected the path of a folder|too long)"):
            use(path)
    assert {each.name for each in tmp_path.iterdir() if not each.name.startswith("jobs.sqlite")} == set()


def test_export_leaves_out_what_is_damaged_and_says_so(store, tmp_path):
    sha256 = hashlib.sha256(BODY).hexdigest()
    with store._database._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM body_parts WHERE sha256 = ?", (sha256,))
    with pytest.raises(JobStoreDamagedError, match=f"exported all to .*, except .* the result of job a .*{sha256}"):
        store.export(tmp_path / "archive")
    with JobStore(tmp_path / "other.sqlite") as other:
        assert other.import_(tmp_path / "archive") == 2
        assert other.history("a") == FACTS[:-1]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: result_in(folder).write_bytes(BODY[::-1]), "its SHA-256 is not the one in its name"),
        (lambda folder: next((folder / "bodies").glob("*.txt")).unlink(), "No such file"),
        (lambda folder: (folder / "jobs.jsonl").write_text(""), r"jobs.jsonl is damaged: .* may be missing"),
        (lambda folder: cut_off(folder, 1), r"jobs.jsonl is damaged: .* may be missing"),
        (lambda folder: cut_off(folder, 2), r"jobs.jsonl is damaged: .* may be missing"),
        (lambda folder: cut_off(folder, -1), r"jobs.jsonl is damaged: its last line says 2 jobs, and it has 1"),
        (lambda folder: rewritten(folder, "}\n{", "}\n{\n{"), "line 2 of .* is damaged"),
        (lambda folder: rewritten(folder, '"job_id":"b"', '"job_id":3'), "line 2 of .*job_id"),
        (lambda folder: rewritten(folder, '"DONE"', '"GONE"'), r"line 1 of .*job.status.status"),
        (lambda folder: rewritten(folder, '"file":"bodies/', '"file":"../'), "expected a file in bodies"),
        (lambda folder: rewritten(folder, '.json"', '\\u0000.json"'), "expected a file in bodies"),
        (lambda folder: rewritten(folder, f'"size":{len(BODY)}', '"size":16'), "expected 16 bytes, got 15"),
        (lambda folder: rewritten(folder, f'"size":{len(BODY)}', '"size":-1'), "expected at most 2147483648 bytes"),
        (lambda folder: os.truncate(result_in(folder), 2**40), f"expected 15 bytes, got {2**40}"),
        (lambda folder: enlarge(folder, 2**40), f"expected at most 2147483648 bytes, got {2**40}"),
        (
            lambda folder: piped(result_in(folder)),
            "expected a regular file, got a folder, a pipe or a device",
        ),
        (lambda folder: piped(folder / "jobs.jsonl"), "expected a regular file, got a folder, a pipe or a device"),
        (lambda folder: piped(folder / "jobs.jsonl", Path.mkdir), "Is a directory"),
        (lambda folder: rewritten(folder, '"format":2', '"format":3'), "has format 3"),
        (lambda folder: (folder / "jobs.jsonl").unlink(), "No such file"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_archive_that_is_damaged_is_not_imported_at_all(template, other, tmp_path, damage, said):
    folder = shutil.copytree(template / "archive", tmp_path / "archive")
    damage(folder)
    with pytest.raises(JobStoreError, match=said):
        other.import_(folder)
    assert other.records() == []


def test_line_without_end_is_not_read_to_its_end(store, other, tmp_path, monkeypatch):
    store.export(tmp_path / "archive")
    os.truncate(tmp_path / "archive" / "jobs.jsonl", 2**28)
    monkeypatch.setattr(archive, "MOST_BYTES", 10_000)
    tracemalloc.start()
    with pytest.raises(JobStoreDamagedError, match=r"line 3 of .* is damaged"):
        other.import_(tmp_path / "archive")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def cut_off(folder, number):
    """Leave so many lines of those at the front, or at the end."""
    path = folder / "jobs.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:number] if number > 0 else lines[-number:]))


def result_in(folder):
    return folder / f"bodies/{hashlib.sha256(BODY).hexdigest()}.json"


def piped(path, make=os.mkfifo):
    """Something in the place of a file that can be opened, and may never be read."""
    path.unlink()
    make(path)


def enlarge(folder, size):
    """Say that the result is larger than there is room for, and make it so without taking any."""
    rewritten(folder, f'"size":{len(BODY)}', f'"size":{size}')
    os.truncate(result_in(folder), size)


def rewritten(folder, old, new):
    path = folder / "jobs.jsonl"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
