"""What a job on IBM Quantum Platform asks the service for from run() to its result, and over how many connections."""

import time
from urllib.parse import urlsplit

import pytest
from counting_proxy import CountingProxy
from qiskit import transpile

from ibm_circuit_job import IBMProvider

PROPERTIES = "GET /backends/local_5q/properties"


@pytest.fixture
def proxy(service):
    with CountingProxy(urlsplit(service.url).port) as proxy:
        yield proxy


@pytest.fixture
def platform(service, proxy):
    """An account on IBM Quantum Platform, all of whose requests are counted."""
    url = service.platform_url.replace(f":{urlsplit(service.url).port}", f":{proxy.port}", 1)
    with IBMProvider(service.token, url, instance=service.instance, store=None) as provider:
        yield provider


@pytest.fixture
def asked(proxy, platform):
    """Do some work, and return the requests of it, without their queries."""
    root = urlsplit(platform.url).path

    def of(work):
        began = time.time()
        work()
        lines = (line.split(" ") for line in proxy.requests_between(began, time.time()))
        return [f"{method} {urlsplit(path).path.removeprefix(root)}" for method, path in lines]

    return of


def run_and_read(backend, circuit):
    jobs = []

    def work():
        jobs.append(backend.run(circuit, shots=10))
        assert sum(jobs[0].result().get_counts().values()) == 10

    return jobs, work


def test_run_and_result_are_a_submission_polls_and_a_result(platform, proxy, asked, bell):
    backend = platform.get_backend("local_5q")
    circuit = transpile(bell, backend)
    for _ in range(2):
        jobs, work = run_and_read(backend, circuit)
        first, *polls, last = asked(work)
        job = f"/jobs/{jobs[0].job_id()}"
        assert (first, last) == ("POST /jobs", f"GET {job}/results")
        assert polls
        assert set(polls) == {f"GET {job}"}
    assert proxy.connections == 1


def test_first_run_reads_the_properties_that_transpiling_did_not(platform, asked, bell):
    circuit = transpile(bell, basis_gates=["sx", "x", "rz", "cx"])
    backend = platform.get_backend("local_5q")
    _, work = run_and_read(backend, circuit)
    assert asked(work)[:2] == [PROPERTIES, "POST /jobs"]
    _, work = run_and_read(backend, circuit)
    assert PROPERTIES not in asked(work)


def test_listing_of_200_jobs_is_one_request(platform, asked):
    assert asked(lambda: platform.jobs(200)) == ["GET /jobs"]
