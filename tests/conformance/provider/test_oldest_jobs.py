"""The oldest jobs of the local service, read by qiskit-ibm-provider and by our job on its clients."""

import inspect
import json
import urllib.request
from urllib.parse import urlsplit

import pytest
import requests
from waiting import ended

from ibm_circuit_job import IBMCircuitJob

pytestmark = pytest.mark.skipif(
    "params" in inspect.signature(requests.Session.get).parameters,
    reason="with this version of requests, qiskit-ibm-provider 0.11 reads nothing from the object store",
)


@pytest.fixture
def aged(services, submit):
    """A job that has become one of the oldest, and its counts before."""
    job = submit(job_tags=["oldest"])
    counts = ended(job).result().get_counts()
    parts = urlsplit(services.plain.url)
    request = urllib.request.Request(  # noqa: S310 - of this machine
        f"{parts.scheme}://{parts.netloc}/jobs/{job.job_id()}/age",
        headers={"Authorization": f"apikey {services.plain.token}"},
        method="POST",
    )
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - of this machine
    return job.job_id(), counts


def test_archived_client_reads_it(provider, aged):
    job_id, counts = aged
    job = provider.retrieve_job(job_id)
    assert job._kind.value == "q-object-external-storage"
    assert job.status().name == "DONE"
    assert job.result().get_counts() == counts
    assert job.tags() == ["oldest"]


def test_archived_client_lists_it(provider, aged):
    job_id, counts = aged
    listed = {job.job_id(): job for job in provider.jobs(legacy=True, limit=200)}
    assert listed[job_id].result().get_counts() == counts
    assert job_id not in {job.job_id() for job in provider.jobs(limit=200)}


def test_our_job_reads_it_with_their_clients(provider, aged):
    job_id, counts = aged
    theirs = provider.retrieve_job(job_id)
    ours = IBMCircuitJob(None, theirs._api_client, job_id, kind="q-object", runtime_client=provider._runtime_client)
    assert ours.result().get_counts() == counts == theirs.result().get_counts()
    assert ours.status() is theirs.status()
    assert ours.creation_date() == theirs.creation_date()
    assert ours.backend_options()["shots"] == 100
    assert json.loads(ours.client.job_get(job_id))["state"] == {"status": "COMPLETED"}


def test_our_job_finds_out_that_it_is_one(provider, aged):
    job_id, counts = aged
    theirs = provider.retrieve_job(job_id)
    ours = IBMCircuitJob(None, theirs._api_client, job_id, status="COMPLETED", runtime_client=provider._runtime_client)
    assert ours.result().get_counts() == counts
