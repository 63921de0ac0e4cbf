"""What the official client's own integration suite asks of jobs and backends, beside the other checks here."""

import copy
from datetime import datetime
from threading import Thread

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.providers.jobstatus import JobStatus
from qiskit_ibm_provider import IBMProvider, least_busy
from qiskit_ibm_provider.api.exceptions import RequestsApiError
from waiting import ended


@pytest.fixture(scope="module")
def done(simulator):
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure_all()
    return ended(simulator.run(bell, shots=100))


def test_result_has_its_fields(done):
    result = done.result()
    assert (result.backend_name, result.job_id, result.status) == ("local_simulator", done.job_id(), "COMPLETED")
    assert result.results[0].status == "DONE"


def test_result_is_fetched_again_where_asked_for(done):
    result = done.result()
    cached = copy.deepcopy(result.to_dict())
    result.results[0].header.name = "changed"
    assert done.result(refresh=True).to_dict() == cached


def test_shots_may_be_a_number_of_numpy(simulator, bell):
    assert ended(simulator.run(bell, shots=np.int64(100))).result().results[0].shots == 100


def test_options_of_the_backend_count_unless_given(services, bell):
    backend = IBMProvider(token=services.plain.token, url=services.plain.url).get_backend("ibmq_qasm_simulator")
    backend.options.shots = 2048
    backend.set_options(memory=True)
    job = backend.run(bell, shots=1024, foo="foo")
    options = backend.provider.retrieve_job(job.job_id()).backend_options()
    assert (options["shots"], options["memory"], options["foo"]) == (1024, True, "foo")


@pytest.mark.parametrize("status", [["DONE"], "DONE", JobStatus.DONE, [JobStatus.DONE]])
def test_status_is_given_in_each_way(provider, done, status):
    jobs = provider.backend.jobs(backend_name="local_simulator", limit=3, status=status)
    assert jobs
    assert {job.status() for job in jobs} == {JobStatus.DONE}


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        ("pending", {JobStatus.QUEUED, JobStatus.RUNNING}),
        ("completed", {JobStatus.DONE, JobStatus.CANCELLED, JobStatus.ERROR}),
        (["RUNNING", JobStatus.ERROR], {JobStatus.RUNNING, JobStatus.ERROR}),
        (["QUEUED", "CANCELLED"], {JobStatus.QUEUED, JobStatus.CANCELLED}),
    ],
)
def test_listed_jobs_have_the_status_that_is_asked_for(provider, slow, until, status, allowed):
    first = slow(5)
    until(lambda: first.status() is JobStatus.RUNNING)
    slow(5)
    assert {job.status() for job in provider.backend.jobs(limit=3, status=status)} <= allowed


def test_jobs_keep_the_backend_that_they_ran_on(provider, device, simulator, ones, bell):
    jobs = [device.run(ones, shots=1), simulator.run(bell, shots=1)]
    found = [provider.retrieve_job(job.job_id()).backend().name for job in jobs]
    assert found == ["local_5q", "local_simulator"]


def test_properties_of_long_ago_are_none_or_older(device):
    properties = device.properties(datetime=datetime(2019, 2, 1))  # noqa: DTZ001 - the client takes local times
    assert properties is None or properties.last_update_date.year <= 2019


def test_least_busy_of_several_is_one_of_them(provider):
    backends = provider.backends()
    assert least_busy(backends) in backends


def test_devices_with_dynamic_circuits_say_so(provider):
    found = provider.backends(dynamic_circuits=True)
    assert found
    assert all("qasm3" in backend.configuration().supported_features for backend in found)


@pytest.mark.parametrize("name", ["local_5q", "local_27q"])
def test_quantum_volume_is_said(provider, name):
    assert provider.get_backend(name).configuration().quantum_volume >= 10


def test_jobs_are_waited_for_by_several_threads(simulator, bell):
    jobs = [simulator.run(bell, shots=1) for _ in range(2)]
    threads = [Thread(target=job.wait_for_final_state, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [job.status() for job in jobs] == [JobStatus.DONE] * 2


def test_proxy_that_nothing_listens_at_is_an_error(services):
    proxies = {"urls": {"http": "http://user:password@127.0.0.1:9", "https": "https://user:password@127.0.0.1:9"}}
    with pytest.raises(RequestsApiError, match="ProxyError"):
        IBMProvider(services.plain.token, services.plain.url, proxies=proxies)
