"""Tables of circuits whose results have numbers that no column has room for, and files that cannot be named."""

import json
from datetime import UTC, datetime

import pytest

from ibm_circuit_job import Job, JobStore, JobStoreError, ResultPayload
from ibm_circuit_job.wire.circuit_rows import circuit_rows

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


def job(job_id, *, shots=3, count=3):
    circuit = {"shots": shots, "success": True, "data": {"counts": {"0x1": count}}, "header": {"name": "bell"}}
    body = {"backend_name": "b", "job_id": job_id, "success": True, "results": [circuit]}
    return Job(job_id, payload=ResultPayload(NOON, json.dumps(body).encode()))


@pytest.mark.parametrize("count", [10**30, -1, 1.5, "3", None])
def test_a_count_that_is_no_count_costs_its_row_alone(count):
    [row] = circuit_rows(job("a", count=count))
    assert (row.circuit, row.shots, row.counts) == ("bell", 3, None)


@pytest.mark.parametrize("shots", [10**30, -1])
def test_shots_that_are_no_number_of_shots_are_not_known(shots):
    [row] = circuit_rows(job("a", shots=shots))
    assert (row.shots, row.counts) == (None, {"1": 3})


def test_numbers_without_room_cost_no_other_row(tmp_path):
    pytest.importorskip("pandas")
    with JobStore(tmp_path / "jobs.sqlite") as store:
        store.save_all([job("a", shots=10**30), job("b", count=10**30), job("c")])
        assert list(store.to_pandas()["counts"]) == [{"1": 3}, None, {"1": 3}]
        assert store.to_parquet(tmp_path / "circuits.parquet") == 3


def test_a_path_that_no_file_has_is_refused(tmp_path):
    pytest.importorskip("pyarrow")
    with JobStore(tmp_path / "jobs.sqlite") as store, pytest.raises(JobStoreError, match="expected the path of a file"):
        store.to_parquet("a\0b")
