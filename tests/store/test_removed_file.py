"""A store whose file is removed or replaced while it is open is noticed, and the new file gets all that is known."""

import json

import pytest

from ibm_circuit_job import IBMCircuitJob, JobStore
from ibm_circuit_job.job.journal import write_pending
from ibm_circuit_job.testing import ScriptedClient

RAN = b'{"id": "a", "state": {"status": "Completed"}, "created": "2024-02-03T12:00:00Z", "tags": ["x"]}'
RESULT = json.dumps(
    {
        "backend_name": "dev",
        "results": [{"success": True, "shots": 10, "data": {"counts": {"0x1": 10}}, "header": {"memory_slots": 1}}],
        "success": True,
    }
).encode()


def remove(path, *, is_replaced):
    if is_replaced:
        JobStore(path.with_name("copy")).close()
        path.with_name("copy").replace(path)
    else:
        path.unlink()
    for beside in path.parent.glob("jobs.sqlite-*"):
        beside.unlink()


@pytest.mark.parametrize("is_replaced", [False, True])
@pytest.mark.parametrize("is_closed", [False, True])
def test_new_file_gets_the_status_and_the_result(path, is_replaced, is_closed):
    store = JobStore(path)
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([RAN], results=[RESULT]), store=store)
    job.status()
    counts = job.result().get_counts()
    remove(path, is_replaced=is_replaced)
    if is_closed:
        store.close()
    assert job.result().get_counts() == counts
    job.status()
    # As when the process ends.
    write_pending(store)
    with JobStore(path, create=False) as new:
        [again] = new.jobs(job_tags=["x"], status="DONE")
        assert again.result().get_counts() == counts
        assert new.check().is_sound


def test_store_that_was_closed_is_written_to_once(path):
    store = JobStore(path)
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([RAN], results=[RESULT]), store=store)
    job.status()
    job.result()
    before = store.history("a")
    store.close()
    job.result()
    job.status()
    assert store.history("a") == before
