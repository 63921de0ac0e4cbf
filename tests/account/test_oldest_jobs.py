"""The oldest jobs, those that ``job_type`` calls ``IQX``, on a real local service and on clients of others."""

import json
import pickle

import known_circuits
import pytest
from qiskit import transpile

from ibm_circuit_job import (
    IBMCircuitJob,
    IBMJobApiError,
    IBMJobInvalidStateError,
    IBMJobNotFoundError,
    IBMProvider,
    JobStore,
)
from ibm_circuit_job.local import LocalService, LocalServiceError
from ibm_circuit_job.testing import ScriptedClient


@pytest.fixture(scope="module")
def service():
    with LocalService(workers=1, seed=7) as service:
        yield service


@pytest.fixture(scope="module")
def provider(service):
    with IBMProvider(service.token, service.url, store=None) as provider:
        yield provider


@pytest.fixture(scope="module")
def young(provider):
    """The job before it was aged, with its result read."""
    circuit = known_circuits.bell()
    circuit.metadata = {"angle": 0.5}
    backend = provider.get_backend("local_5q")
    job = backend.run(
        transpile(circuit, backend, seed_transpiler=1), shots=100, memory=True, header={"note": "x"}, job_tags=["old"]
    )
    job.result(timeout=60)
    # Read now: the service has it under its ID no more when it is aged.
    job.properties()
    return job


@pytest.fixture(scope="module")
def aged(service, provider, young):
    circuits = young.circuits()
    service.age_job(young.job_id())
    # The handle has what it has read.
    assert young.circuits() == circuits
    return young.job_id()


def test_it_is_retrieved_with_the_same_result(provider, young, aged):
    job = provider.retrieve_job(aged)
    assert job.kind == "q-object-external-storage"
    assert job.done()
    assert job.result().get_memory() == young.result().get_memory()
    assert job.result().to_dict()["results"][0]["header"]["metadata"] == {"angle": 0.5}


def test_its_inputs_are_read_from_its_qobj(provider, young, aged):
    job = provider.retrieve_job(aged)
    assert job.circuits() == young.circuits()
    assert job.circuits()[0].metadata == {"angle": 0.5}
    assert job.header() == {"note": "x"}
    options = job.backend_options()
    assert (options["shots"], options["memory"]) == (100, True)


def test_it_says_when_each_step_was_and_how_good_the_device_was(provider, young, aged):
    job = provider.retrieve_job(aged)
    assert job.creation_date() == young.creation_date()
    assert set(job.time_per_step()) == {"CREATING", "RUNNING", "COMPLETED"}
    assert job.properties().to_dict() == young.properties().to_dict()
    assert job.tags() == ["old"]
    assert job.error_message() is None


def test_it_is_listed_where_legacy_jobs_are_asked_for(provider, aged):
    assert aged not in [job.job_id() for job in provider.jobs(limit=None)]
    listed = provider.jobs(legacy=True, backend_name="local_5q", job_tags=["old"], status="DONE", limit=None)
    assert [job.job_id() for job in listed] == [aged]
    assert sum(listed[0].result().get_counts().values()) == 100
    assert provider.jobs(legacy=True, status="pending") == []
    assert provider.jobs(legacy=True, job_tags=["another"]) == []
    assert provider.jobs(legacy=True, limit=0) == []


def test_constructor_with_kind_reads_from_the_account(provider, young, aged):
    job = IBMCircuitJob(None, provider.account_client, aged, kind="q-object", runtime_client=provider.runtime_client)
    assert job.status().name == "DONE"
    assert job.result().get_counts() == young.result().get_counts()


def test_result_of_unknown_kind_is_found_by_job_type(provider, young, aged):
    job = IBMCircuitJob(None, provider.account_client, aged, status="COMPLETED", runtime_client=provider.runtime_client)
    assert job.result().get_counts() == young.result().get_counts()


def test_it_cannot_be_cancelled_or_tagged(provider, aged):
    job = provider.retrieve_job(aged)
    with pytest.raises(IBMJobInvalidStateError, match="cannot be cancelled"):
        job.cancel()
    with pytest.raises(IBMJobApiError):
        job.update_tags(["new"])
    with pytest.raises(IBMJobApiError, match="the oldest jobs have no log"):
        job.logs()


def test_store_and_pickle_have_it(service, young, aged, tmp_path):
    with (
        JobStore(tmp_path / "jobs.sqlite") as store,
        IBMProvider(service.token, service.url, store=store) as provider,
    ):
        provider.retrieve_job(aged).result()
        assert [job.result().get_counts() for job in provider.jobs(offline=True)] == [young.result().get_counts()]
        again = provider.attach(pickle.loads(pickle.dumps(provider.retrieve_job(aged))))
        assert again.result(refresh=True).get_counts() == young.result().get_counts()


def test_neither_dialect_has_it_among_its_jobs(service, provider, aged):
    with (
        IBMProvider(service.token, service.platform_url, instance=service.instance, store=None) as platform,
        pytest.raises(IBMJobNotFoundError),
    ):
        platform.retrieve_job(aged)
    with pytest.raises(IBMJobNotFoundError):
        provider.retrieve_job("0" * 20)


def test_what_cannot_be_aged_is_said(service, provider):
    with pytest.raises(LocalServiceError, match="replied with HTTP status 404"):
        service.age_job("nothing")
    with pytest.raises(LocalServiceError, match="expected job_id to be the ID of a job, got 3"):
        service.age_job(3)


class AccountOfOthers:
    """An account client as ``qiskit-ibm-provider`` has it: its replies are renamed, its results JSON text."""

    def job_get(self, job_id):
        return {
            "job_id": job_id,
            "_backend_info": {"name": "ibmqx2"},
            "status": "COMPLETED",
            "creation_date": "2019-03-01T12:00:00.000Z",
            "kind": "q-object",
            "qobj": {"config": {"shots": 1024}, "header": {}, "experiments": []},
            "cost": 0.5,
        }

    def job_result(self, job_id):
        entry = {"shots": 1024, "success": True, "data": {"counts": {"0x0": 484, "0x3": 540}}}
        return json.dumps(
            {
                "backend_name": "ibmqx2",
                "backend_version": "1.1.1",
                "qobj_id": "e",
                "job_id": job_id,
                "success": True,
                "results": [entry],
            }
        )


def test_client_of_others_reads_the_oldest_jobs():
    job = IBMCircuitJob(None, AccountOfOthers(), "a", kind="q-object", runtime_client=ScriptedClient())
    assert job.status().name == "DONE"
    assert job.result().get_counts() == {"0": 484, "11": 540} or sum(job.result().get_counts().values()) == 1024
    assert job.backend_options() == {"shots": 1024}
    assert job.creation_date().year == 2019
    assert job.cost == 0.5


def test_account_client_alone_is_enough():
    job = IBMCircuitJob(None, AccountOfOthers(), "a")
    assert sum(job.result().get_counts().values()) == 1024


def test_other_jobs_never_ask_for_their_type():
    client = ScriptedClient(
        [b'{"id": "a", "state": {"status": "Completed"}, "program": {"id": "circuit-runner"}}'],
        results=[b'{"backend_name": "b", "results": []}'],
    )
    job = IBMCircuitJob(None, AccountOfOthers(), "a", runtime_client=client)
    assert job.result().results == []
