"""Processes that merge what they know of the same jobs into one store, all at once, on either database.

They are those of ``tests/shared/merging_processes.py``.
"""

import time
from functools import reduce

import pytest
from attrs import evolve
from merging_processes import HISTORIES, PROCESSES, ROUNDS, THOROUGH, what_comes

from ibm_circuit_job import Job, JobStore, refresh

pytest_plugins = ["clean_process", "postgresql"]


def test_processes_that_merge_at_once_lose_nothing(unmade_store_url, clean_process):
    started = time.monotonic()
    saves = sum(clean_process.call("merging_processes", "merged", unmade_store_url))
    seconds = time.monotonic() - started
    came = {}
    for number in range(PROCESSES):
        for records in what_comes(number):
            for record in records:
                came.setdefault(record.job_id, set()).update(record.facts)
    started = time.monotonic()
    with JobStore(unmade_store_url) as store:
        kind = store._database.url.get_backend_name()
        assert {job.job_id for job in store.records()} == came.keys()
        for job_id, facts in came.items():
            expected = refresh(Job(job_id), *facts)
            history, kept = store.history(job_id), store.load(job_id)
            assert kept == expected
            assert store.record(job_id) == evolve(expected, inputs=None, payload=None)
            assert len(history) == len(facts)
            assert set(history) == facts
            assert reduce(refresh, history, Job(job_id)) == expected
            if expected.payload is not None:
                assert kept.payload.raw == expected.payload.raw
    print(
        f"{kind}: {PROCESSES} processes merged {HISTORIES} histories of {len(came)} jobs, "
        f"{sum(map(len, came.values()))} facts, in {saves} transactions and {seconds:.1f} s "
        f"({saves / seconds:.0f} a second); read and folded in {time.monotonic() - started:.1f} s"
    )


@pytest.mark.parametrize("processes", [2, 8] if THOROUGH else [3])
def test_processes_that_create_the_store_at_once_all_succeed(unmade_store_url, processes, clean_process):
    seen = clean_process.call("merging_processes", "created", unmade_store_url, processes)
    assert seen == [processes] * processes * ROUNDS
