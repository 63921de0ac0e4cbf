"""A result that names another job: it is reported, not returned, and not lost."""

import json

import pytest

from ibm_circuit_job import IBMCircuitJob, IBMJobApiError, JobStore
from ibm_circuit_job.testing import ScriptedClient

DONE = b'{"id": "cq1x", "state": {"status": "Completed"}}'


def body(job_id, outcome="0x1"):
    experiment = {"shots": 4, "success": True, "data": {"counts": {outcome: 4}}, "header": {"memory_slots": 1}}
    fields = {"backend_name": "b", "backend_version": "1", "qobj_id": "q", "success": True, "results": [experiment]}
    return json.dumps({**fields, "job_id": job_id}).encode()


def job_with(*results, store=None):
    client = ScriptedClient([DONE], results=list(results))
    return IBMCircuitJob(None, None, "cq1x", runtime_client=client, store=store)


def test_result_of_another_job_is_an_error_that_names_both():
    job = job_with(body("cq1y"), body("cq1y"))
    with pytest.raises(IBMJobApiError, match=r"'cq1x'.*'cq1y'"):
        job.result()
    assert job.state.payload.raw == body("cq1y")


def test_result_of_another_job_is_asked_for_again():
    assert job_with(body("cq1y"), body("cq1x")).result().get_counts() == {"1": 4}


def test_typed_result_of_another_job_is_an_error_too():
    typed = json.dumps({"__type__": "Result", "__value__": json.loads(body("cq1y"))}).encode()
    with pytest.raises(IBMJobApiError, match="cq1y"):
        job_with(typed, typed).result()


@pytest.mark.parametrize("named", ["cq1x", "6ac2f5e8-2c9b-4a3e-8f61-0d3cf3a1b2c4", "", None])
def test_id_that_is_no_other_job_is_accepted(named):
    assert job_with(body(named)).result().get_counts() == {"1": 4}


def test_store_still_awaits_the_result_of_a_job_that_got_another(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        job = job_with(body("cq1y"), body("cq1y"), store=store)
        with pytest.raises(IBMJobApiError):
            job.result()
        assert [record.job_id for record in store.unfinished()] == ["cq1x"]
        assert store.load("cq1x").payload.raw == body("cq1y")
