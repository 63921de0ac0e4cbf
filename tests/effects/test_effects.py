"""Pure-function pipelines over a real service: effects and records, without the classic object."""

import pydoc
from functools import partial

import pytest
from returns.pipeline import flow
from returns.pointfree import bind_ioresult, map_

from ibm_circuit_job import Job, effects, merge, refresh, retag
from ibm_circuit_job.errors import Refused
from ibm_circuit_job.wire import queries, records, replies


@pytest.fixture
def job_id(simulator, bell):
    job = simulator.run(bell, shots=10, header={"note": "x"}, job_tags=["effects"])
    job.wait_for_final_state(timeout=60)
    return job.job_id()


@pytest.fixture(scope="session")
def client(provider):
    return provider.runtime_client


def test_record_is_built_from_effects_alone(client, job_id):
    record = flow(
        effects.fetch_job(client, job_id),
        map_(partial(merge, Job(job_id))),
        bind_ioresult(lambda job: effects.fetch_metrics(client, job_id).map(partial(refresh, job))),
        bind_ioresult(lambda job: effects.fetch_inputs(client, job_id).map(partial(refresh, job))),
        bind_ioresult(lambda job: effects.fetch_result(client, job_id).map(partial(refresh, job))),
    )
    job = effects.perform(record).unwrap()
    assert queries.status(job).name == "DONE"
    assert [circuit.name for circuit in queries.circuits(job)] == ["bell"]
    assert queries.header(job) == {"note": "x"}
    assert queries.backend_options(job)["shots"] == 10
    assert list(queries.time_per_step(job)) == ["created", "running", "finished"]
    assert records.from_json(records.to_json(job)).unwrap() == job


def test_tags_are_replaced_on_the_service(client, job_id):
    known = effects.perform(effects.fetch_job(client, job_id)).unwrap()
    accepted = effects.perform(effects.put_tags(client, job_id, ["new"])).unwrap()
    retagged = retag(known, ["new"], accepted)
    seen = effects.perform(effects.fetch_job(client, job_id)).unwrap()
    assert retagged.tags == seen.tags == merge(retagged, seen).tags == ("new",)


def test_failure_of_an_effect_is_a_value(client):
    failure = effects.perform(effects.fetch_job(client, "nope")).failure()
    assert isinstance(failure, Refused)
    assert (failure.http_status, failure.code, failure.message) == (404, "1291", "Job nope not found.")


def test_listing_is_read_page_by_page(client, job_id):
    body = client.jobs_get(limit=1, job_tags=["effects"], pending=False, backend_name="local_simulator")
    page = replies.read_job_page(body, effects.now()).unwrap()
    assert [job.job_id for job in page.jobs] == [job_id]
    assert page.count >= 1
    assert page.jobs[0].tags == ("effects",)


def test_job_is_of_the_runtime_and_can_be_deleted(client, job_id):
    assert client.job_type(job_id) == "RUNTIME"
    client.job_delete(job_id)
    assert effects.perform(effects.fetch_job(client, job_id)).failure().http_status == 404


@pytest.mark.parametrize("function", [effects.fetch_job, effects.put_tags, effects.put_name])
def test_help_shows_the_clock_by_its_name(function):
    assert "= SYSTEM_CLOCK" in pydoc.plain(pydoc.render_doc(function))
    assert "lambda" not in pydoc.plain(pydoc.render_doc(function))
