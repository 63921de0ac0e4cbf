"""``store.to_pandas()`` and ``store.to_parquet()``: a row for each circuit of the jobs of a store."""

import json
import sqlite3
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from qiskit import QuantumCircuit

from ibm_circuit_job import (
    IBMBackendValueError,
    IBMProvider,
    Job,
    JobDetails,
    JobInputs,
    JobMetrics,
    JobStore,
    JobStoreError,
    ResultPayload,
    merge,
)
from ibm_circuit_job.store import frames
from ibm_circuit_job.wire.circuit_rows import CircuitRow, circuit_rows
from ibm_circuit_job.wire.replies import status_report

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
COLUMNS = [
    *("job_id", "circuit", "backend", "tags", "shots", "created", "queue_seconds", "run_seconds", "usage_seconds"),
    *("counts", "status", "calibration"),
]


def experiment(name, counts):
    return {
        "shots": sum(counts.values()),
        "success": True,
        "data": {"counts": counts},
        "header": {"name": name, "memory_slots": 2},
    }


def done(job_id, *experiments, day=0, tags=("x",), **details):
    body = {"backend_name": "b", "job_id": job_id, "success": True, "results": list(experiments)}
    created = NOON + timedelta(days=day)
    steps = [
        ("created", created),
        ("running", created + timedelta(seconds=2)),
        ("finished", created + timedelta(seconds=5)),
    ]
    return Job(
        job_id,
        status=status_report("Completed", NOON),
        details=JobDetails(NOON, created=created, tags=tags, backend="ibm_a", charged_seconds=1.5, **details),
        metrics=JobMetrics(NOON, timestamps=steps),
        payload=ResultPayload(NOON, json.dumps(body).encode()),
    )


TWO = (experiment("bell", {"0x0": 1, "0x3": 2}), experiment("ghz", {"0x1": 4}))


def test_each_circuit_is_a_row_with_all_columns(store):
    store.save(done("a", *TWO, unknown=[("calibration_id", '"c1"')]))
    frame = store.to_pandas()
    assert list(frame.columns) == COLUMNS
    first, second = frame.to_dict("records")
    assert first == {
        "job_id": "a",
        "circuit": "bell",
        "backend": "ibm_a",
        "tags": ["x"],
        "shots": 3,
        "created": NOON,
        "queue_seconds": 2.0,
        "run_seconds": 3.0,
        "usage_seconds": 1.5,
        "counts": {"00": 1, "11": 2},
        "status": "DONE",
        "calibration": "c1",
    }
    assert (second["circuit"], second["shots"], second["counts"]) == ("ghz", 4, {"01": 4})


def test_a_job_without_a_result_is_one_row_without_counts(store):
    store.save_all([Job("a"), Job("b", status=status_report("Queued", NOON), inputs=JobInputs(NOON, b'{"shots": 10}'))])
    frame = store.to_pandas().set_index("job_id")
    assert len(frame) == 2
    assert list(frame["counts"]) == [None, None]
    assert (frame.loc["b"]["status"], frame.loc["b"]["shots"]) == ("QUEUED", 10)
    assert list(frame.loc[["a"], ["shots", "created"]].isna().loc["a"]) == [True, True]


def test_an_empty_store_has_the_columns_and_their_types(store, parquet, tmp_path):
    frame = store.to_pandas()
    assert (list(frame.columns), len(frame)) == (COLUMNS, 0)
    assert (str(frame["created"].dtype), str(frame["shots"].dtype)) == ("datetime64[us, UTC]", "Int64")
    assert store.to_parquet(tmp_path / "none.parquet") == 0
    assert parquet.read_table(tmp_path / "none.parquet").column_names == COLUMNS


def test_a_result_that_cannot_be_read_costs_its_row_alone(store):
    broken = experiment("broken", {"0x0": 1}) | {"data": {"counts": {"0x0": "many"}}}
    store.save_all(
        [
            done("a", TWO[0], broken, TWO[1]),
            merge(done("b"), Job("b", payload=ResultPayload(NOON + timedelta(1), b"<html>"))),
            done("c", TWO[1], day=1),
        ]
    )
    counts = [(row.job_id, row.circuit, row.counts) for row in store.to_pandas().itertuples()]
    assert counts[0] == ("a", "bell", {"00": 1, "11": 2})
    assert (counts[1][0], counts[1][2]) == ("a", None)
    assert counts[2] == ("a", "ghz", {"01": 4})
    assert (counts[3][0], counts[3][2]) == ("b", None)
    assert counts[4:] == [("c", "ghz", {"01": 4})]


@pytest.mark.parametrize("of", ["payload", "inputs"])
def test_a_damaged_body_costs_what_is_in_it(path, caplog, of):
    with JobStore(path) as store:
        named = JobInputs(NOON, b'{"shots": 3}')
        store.save_all([merge(done("a", TWO[0]), Job("a", inputs=named)), done("b", TWO[1], day=1)])
    with sqlite3.connect(path) as connection:
        query = "SELECT inputs_sha256, payload_sha256 FROM jobs WHERE job_id = 'a'"
        found = dict(zip(("inputs", "payload"), connection.execute(query).fetchone(), strict=True))
        connection.execute("UPDATE body_parts SET data = x'00' WHERE sha256 = ?", [found[of]])
    with JobStore(path) as store:
        frame = store.to_pandas()
    assert list(frame["job_id"]) == ["a", "b"]
    assert frame["counts"][0] == (None if of == "payload" else {"00": 1, "11": 2})
    assert frame["counts"][1] == {"01": 4}
    assert "A part of job a is left out" in caplog.text


def test_a_damaged_record_is_left_out_with_a_warning(path, caplog):
    with JobStore(path) as store:
        store.save_all([done("a", TWO[0]), done("b", TWO[1])])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE jobs SET record = '{}' WHERE job_id = 'a'")
    with JobStore(path) as store:
        assert list(store.to_pandas()["job_id"]) == ["b"]
    assert "A job is left out: the record of job a" in caplog.text


def test_only_jobs_that_fit_are_rows(store):
    store.save(done("a", TWO[0]), service="https://one x")
    store.save(done("b", TWO[0], day=1, tags=("x", "y")), service="https://two x")
    for filters, found in [
        ({"job_tags": ["x"]}, ["a", "b"]),
        ({"job_tags": ["x", "y"]}, ["b"]),
        ({"start_datetime": NOON + timedelta(hours=1)}, ["b"]),
        ({"end_datetime": NOON + timedelta(hours=1)}, ["a"]),
        ({"backend_name": "ibm_b"}, []),
        ({"service": "https://one x"}, ["a"]),
    ]:
        assert list(store.to_pandas(**filters)["job_id"]) == found
    with pytest.raises(IBMBackendValueError, match="expected start_datetime to be a datetime"):
        store.to_pandas(start_datetime="noon")


def test_a_pending_charge_is_not_known():
    job = Job("a", metrics=JobMetrics(NOON, charged_seconds=9, usage_status="pending"))
    assert [row.usage_seconds for row in circuit_rows(job)] == [None]


def test_parquet_has_the_same_rows(store, parquet, tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "_ROWS_AT_ONCE", 3)
    store.save_all([done(f"j{number}", *TWO, day=number) for number in range(5)])
    store.save(Job("none"))
    file = tmp_path / "circuits.parquet"
    file.write_bytes(b"old")
    assert store.to_parquet(file) == 11
    rows = parquet.read_table(file).to_pylist(maps_as_pydicts="strict")
    expected = store.to_pandas()
    assert [(row["job_id"], row["circuit"], row["counts"], row["tags"]) for row in rows] == list(
        expected[["job_id", "circuit", "counts", "tags"]].itertuples(index=False, name=None)
    )
    assert {row["created"] for row in rows if row["job_id"] == "j0"} == {NOON}
    assert parquet.ParquetFile(file).num_row_groups == 4
    assert file.stat().st_mode & 0o077 == 0


def test_parquet_that_cannot_be_written_changes_nothing(store, tmp_path, monkeypatch):
    store.save(done("a", *TWO))
    with pytest.raises(JobStoreError, match=r"could not write .*missing"):
        store.to_parquet(tmp_path / "missing" / "circuits.parquet")
    with pytest.raises(JobStoreError, match="expected the path of a file, got a int"):
        store.to_parquet(3)
    file = tmp_path / "circuits.parquet"
    file.write_bytes(b"old")
    store.close()

    def rows():
        yield CircuitRow("a")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        frames.write_parquet(rows(), file)
    assert file.read_bytes() == b"old"
    assert sorted(each.name for each in tmp_path.glob("*circuits*")) == ["circuits.parquet"]


def test_parquet_takes_no_more_memory_for_more_jobs(store, tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "_OUTCOMES_AT_ONCE", 400)
    many = {hex(number): 1 for number in range(200)}

    def peak():
        tracemalloc.start()
        store.to_parquet(tmp_path / "circuits.parquet")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    store.save_all([done(f"j{number}", experiment("many", many)) for number in range(4)])
    peak()
    few = peak()
    store.save_all([done(f"j{number}", experiment("many", many)) for number in range(4, 40)])
    assert peak() < 1.5 * few


def test_counts_of_each_program_are_rows(store):
    circuit = QuantumCircuit(1, name="one")
    circuit.x(0)
    circuit.measure_all()
    for channel in ("ibm_quantum", "ibm_quantum_platform"):
        with IBMProvider.local(store=store, channel=channel) as provider:
            backend = provider.get_backend("local_simulator")
            for lacks_sampler in (False, True):
                backend._lacks_sampler = lacks_sampler
                backend.run([circuit, circuit], shots=10).result(timeout=60)
    programs = [record.program for record in store.records(descending=False)]
    assert programs == ["circuit-runner", "circuit-runner", "sampler", "executor"]
    frame = store.to_pandas()
    assert list(frame["counts"]) == [{"1": 10}] * 8
    assert set(frame["circuit"]) == {"one"}
    assert set(frame["shots"]) == {10}


def test_sets_of_parameters_have_a_row_each():
    samples = [["0x0", "0x1"], ["0x1", "0x1"]]
    body = {"results": [{"data": {"c": {"samples": samples, "num_bits": 1}}, "metadata": {}}]}
    job = Job("a", payload=ResultPayload(NOON, json.dumps(body).encode()))
    assert [row.counts for row in circuit_rows(job)] == [{"0": 1, "1": 1}, {"1": 2}]


def test_the_calibration_of_a_submission_is_known(store):
    job = Job("a", details=JobDetails(NOON, unknown=[("calibration_id", '"c1"')]))
    assert [row.calibration for row in circuit_rows(job)] == ["c1"]
    assert [
        row.calibration for row in circuit_rows(Job("a", details=JobDetails(NOON, unknown=[("calibration_id", "1")])))
    ] == [None]


def test_a_missing_extra_is_named(program, tmp_path):
    text = (
        "import sys; sys.modules['pandas'] = sys.modules['pyarrow'] = None\n"
        f"from ibm_circuit_job import JobStore\nstore = JobStore({str(tmp_path / 'jobs.sqlite')!r})\n"
        "for call in (store.to_pandas, lambda: store.to_parquet('x')):\n"
        "    try:\n        call()\n    except ImportError as error:\n        print(error)"
    )
    with program("-c", text) as process:
        printed, _ = process.communicate()
    assert printed.splitlines() == [
        "to_pandas() needs pandas: install ibm-circuit-job[analysis]",
        "to_parquet() needs pyarrow: install ibm-circuit-job[analysis]",
    ]
