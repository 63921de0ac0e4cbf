"""``store.to_parquet(folder, partition_by=...)``: files in folders, brought up to date, and never half of one."""

import json
import os
import shutil
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ibm_circuit_job import IBMBackendValueError, Job, JobDetails, JobStore, JobStoreDamagedError, JobStoreError
from ibm_circuit_job.state.facts import ResultPayload
from ibm_circuit_job.store import exporting, frames
from ibm_circuit_job.wire.circuit_rows import circuit_rows, shot_rows
from ibm_circuit_job.wire.replies import status_report

pytest_plugins = ["postgresql"]

NOON = datetime(2024, 1, 30, 12, tzinfo=UTC)


def experiment(counts, memory=None):
    data = {"counts": counts} if memory is None else {"counts": counts, "memory": memory}
    header = {"name": "bell", "memory_slots": 2}
    return {"shots": sum(counts.values()), "success": True, "data": data, "header": header}


def job(job_id, *experiments, day=0, backend="ibm_a"):
    experiments = experiments or (experiment({"0x0": 1, "0x3": 2}),)
    body = {"backend_name": "b", "job_id": job_id, "success": True, "results": list(experiments)}
    return Job(
        job_id,
        status=status_report("Completed", NOON),
        details=JobDetails(NOON, created=NOON + timedelta(days=day), tags=["x"], backend=backend),
        payload=ResultPayload(NOON, json.dumps(body).encode()),
    )


@pytest.fixture
def few(monkeypatch):
    """Segments of two jobs."""
    monkeypatch.setattr(exporting, "_MOST_JOBS", 2)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "circuits"


def read(folder):
    """The rows of a folder, and what its partitions say of them."""
    dataset = pytest.importorskip("pyarrow.dataset")
    rows = dataset.dataset(folder, format="parquet", partitioning="hive").to_table().to_pylist()
    return sorted(rows, key=lambda row: (row["job_id"], row.get("circuit_number", 0), row.get("shot") or 0))


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def ids(folder):
    return [row["job_id"] for row in read(folder)]


def test_rows_are_those_of_one_file_in_folders_of_their_kind(store_url, folder, parquet, tmp_path):
    with JobStore(store_url) as store:
        store.save_all([job("a"), job("b", day=3), job("c", backend="ibm b/ä"), Job("bare")])
        assert store.to_parquet(folder, partition_by=["backend", "month"]) == 4
        store.to_parquet(tmp_path / "one.parquet")
    parts = {"ibm_a": ("2024-01", "2024-02"), "ibm%20b%2F%C3%A4": ("2024-01",)}
    named = [f"backend={backend}/month={month}" for backend, months in parts.items() for month in months]
    unknown = "backend=__HIVE_DEFAULT_PARTITION__/month=__HIVE_DEFAULT_PARTITION__"
    assert files(folder) == sorted(["_manifest.json", *(f"{each}/part-000000.parquet" for each in (*named, unknown))])
    one = parquet.read_table(tmp_path / "one.parquet").to_pylist()
    found = read(folder)
    assert [row.pop("month") for row in found] == ["2024-01", "2024-02", None, "2024-01"]
    assert found == sorted(one, key=lambda row: row["job_id"])


def test_files_and_folders_are_their_owners_alone(store, folder):
    store.save(job("a"))
    store.to_parquet(folder, partition_by="backend")
    assert {path.stat().st_mode & 0o077 for path in [folder, *folder.rglob("*")]} == {0}


@pytest.mark.usefixtures("few")
def test_second_export_writes_nothing_if_nothing_changed(store, folder):
    store.save_all(job(f"job {number}", day=number) for number in range(5))
    assert store.to_parquet(folder, partition_by=["month"]) == 5
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*")}
    assert store.to_parquet(folder, partition_by=["month"]) == 5
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*")} == before


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.save(job("new", day=9)),
        lambda store: store.save(job("between", day=1)),
        lambda store: store.save(job("job 0", day=0, backend="ibm_b")),
        lambda store: store.delete("job 1"),
        lambda store: [store.delete(f"job {number}") for number in (2, 3)],
        lambda store: [store.delete(f"job {number}") for number in range(5)],
        lambda store: store.save_all(job(f"more {number}", day=0) for number in range(5)),
    ],
    ids=["added", "added between", "changed", "deleted", "segment deleted", "all deleted", "many between"],
)
def test_next_export_has_what_changed_since(store, folder, tmp_path, change):
    store.save_all(job(f"job {number}", day=number) for number in range(5))
    store.to_parquet(folder, partition_by=["backend"])
    change(store)
    count = store.to_parquet(folder, partition_by=["backend"])
    store.to_parquet(tmp_path / "new", partition_by=["backend"])
    assert count == len(store.records())
    if count:
        assert read(folder) == read(tmp_path / "new")
    named = json.loads((folder / "_manifest.json").read_text())["segments"]
    assert files(folder) == sorted(["_manifest.json", *(path for segment in named for path in segment["files"])])


def snapshots(monkeypatch, folder, to):
    """Copy a folder as a process leaves it that is killed: before each file is synced, and before and after it is
    renamed.
    """
    copies = []

    def copy():
        copies.append(to / str(len(copies)))
        shutil.copytree(folder, copies[-1])

    fsync, replace = os.fsync, Path.replace

    def before_fsync(descriptor):
        copy()
        fsync(descriptor)

    def around_replace(path, target):
        copy()
        replace(path, target)
        copy()

    monkeypatch.setattr(os, "fsync", before_fsync)
    monkeypatch.setattr(Path, "replace", around_replace)
    return copies


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("changed", [False, True], ids=["first export", "later export"])
def test_killed_export_goes_on_where_it_was(store, folder, parquet, tmp_path, changed):
    store.save_all(job(f"job {number}", day=number // 2, backend=f"ibm_{number % 2}") for number in range(3))
    if changed:
        store.to_parquet(folder, partition_by=["backend"])
        store.save_all([job("job 1", day=0, backend="ibm_c"), job("between", day=1)])
    with pytest.MonkeyPatch.context() as patched:
        copies = snapshots(patched, folder, tmp_path / "killed")
        store.to_parquet(folder, partition_by=["backend"])
    expected = read(folder)
    assert len(copies) > 10
    for copy in copies:
        for path in copy.rglob("part-*.parquet"):
            parquet.read_table(path)
        assert store.to_parquet(copy, partition_by=["backend"]) == len(expected)
        assert read(copy) == expected
        assert not [path for path in copy.rglob(".*") if path.is_file()]


@pytest.mark.usefixtures("few")
def test_finished_segments_are_not_written_again(store, folder, tmp_path):
    store.save_all(job(f"job {number}", day=number) for number in range(6))
    with pytest.MonkeyPatch.context() as patched:
        copies = snapshots(patched, folder, tmp_path / "killed")
        store.to_parquet(folder, partition_by=[])
    half = next(copy for copy in copies if (copy / "part-000001.parquet").exists())
    first = (half / "part-000000.parquet").stat().st_ino
    store.to_parquet(half, partition_by=[])
    assert (half / "part-000000.parquet").stat().st_ino == first


def test_file_that_was_deleted_is_written_again(store, folder):
    store.save(job("a"))
    store.to_parquet(folder, partition_by=[])
    (folder / "part-000000.parquet").unlink()
    store.to_parquet(folder, partition_by=[])
    assert ids(folder) == ["a"]


# Shots


MEMORY = experiment({"0x0": 1, "0x3": 2}, memory=["0x3", "0x0", "0x3"])
COUNTED = experiment({"0x0": 1, "0x3": 2})


def test_each_shot_is_a_row_in_its_order(store, folder, parquet, tmp_path):
    store.save_all([job("a", MEMORY, COUNTED), Job("without")])
    assert store.to_parquet(folder, partition_by=["backend"], rows="shot") == 6
    assert store.to_parquet(tmp_path / "one.parquet", rows="shot") == 6
    one = parquet.read_table(tmp_path / "one.parquet")
    assert tuple(one.column_names) == frames.SHOT_COLUMNS
    rows = one.to_pylist()
    assert [(row["circuit_number"], row["shot"], row["outcome"]) for row in rows] == [
        *((0, 0, "11"), (0, 1, "00"), (0, 2, "11")),
        *((1, None, "00"), (1, None, "11"), (1, None, "11")),
    ]
    first = {"job_id": "a", "circuit": "bell", "backend": "ibm_a", "tags": ["x"], "created": NOON, "status": "DONE"}
    assert rows[0] == {**first, "calibration": None, "circuit_number": 0, "shot": 0, "outcome": "11"}
    assert read(folder) == sorted(rows, key=lambda row: (row["circuit_number"], row["shot"] or 0))


def test_shots_are_as_many_as_the_counts_say(store, folder, parquet):
    store.save(job("a", experiment({"0x0": 70_000, "0x3": 50_001})))
    assert store.to_parquet(folder, partition_by=[], rows="shot") == 120_001
    outcomes = parquet.read_table(folder / "part-000000.parquet", columns=["outcome"])["outcome"]
    counts = {each["values"]: each["counts"] for each in outcomes.value_counts().to_pylist()}
    [row] = circuit_rows(store.load("a"))
    assert counts == row.counts == {"00": 70_000, "11": 50_001}


def test_counts_beyond_all_measure_are_no_shots():
    assert [*shot_rows(job("a", experiment({"0x0": 2**62})))] == []


def test_memory_does_not_grow_with_the_number_of_jobs(store, tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "_OUTCOMES_AT_ONCE", 500)
    monkeypatch.setattr(exporting, "_MOST_JOBS", 5)
    peaks = []
    for count in (10, 30):
        store.save_all(job(f"{number}", experiment({"0x0": 500}), day=number) for number in range(count))
        tracemalloc.start()
        store.to_parquet(tmp_path / f"{count}", partition_by=["year"], rows="shot")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


# What is refused


def test_folder_of_another_export_is_left(store, folder, tmp_path):
    store.save(job("a"))
    store.to_parquet(folder, partition_by=["backend"])
    for other in ({"partition_by": ["month"]}, {"partition_by": ["backend"], "rows": "shot"}):
        with pytest.raises(JobStoreError, match=r"it was exported with .*; give the same arguments, or another folder"):
            store.to_parquet(folder, **other)
    with pytest.raises(JobStoreError, match=r"job_tags=\[\]"):
        store.to_parquet(folder, job_tags=["x"], partition_by=["backend"])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(JobStoreError, match=r"this folder has no _manifest\.json"):
        store.to_parquet(tmp_path / "mine", partition_by=["backend"])
    assert files(tmp_path / "mine") == ["thesis.txt"]


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', "\udcff"])
def test_damaged_manifest_is_said(store, folder, text):
    folder.mkdir()
    (folder / "_manifest.json").write_text(text, errors="surrogateescape")
    with pytest.raises(JobStoreDamagedError, match=r"_manifest\.json is damaged: .*; move the folder away"):
        store.to_parquet(folder, partition_by=[])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"partition_by": ["tag"]},
            "expected partition_by to be one or several of 'backend', 'year', 'month', 'day', got",
        ),
        ({"partition_by": 7}, "expected partition_by to be one or several of"),
        ({"partition_by": [["day"]]}, "expected partition_by to be one or several of"),
        ({"rows": "job"}, "expected rows to be 'circuit' or 'shot', got 'job'"),
    ],
)
def test_wrong_argument_makes_no_folder(store, folder, wrong, message):
    with pytest.raises(IBMBackendValueError, match=message):
        store.to_parquet(folder, **wrong)
    assert not folder.exists()


def test_folder_that_cannot_be_written_is_said(store, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JobStoreError, match=r"could not export to .*file"):
        store.to_parquet(tmp_path / "file", partition_by=[])
