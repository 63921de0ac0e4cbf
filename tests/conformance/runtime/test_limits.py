"""The limits of today's service, and how a client finds it, by the official client."""

import pytest
from qiskit_ibm_runtime import Batch, QiskitRuntimeService, SamplerV2, Session
from qiskit_ibm_runtime.exceptions import IBMRuntimeError, RuntimeJobMaxTimeoutError

from ibm_circuit_job import IBMProvider


@pytest.fixture
def variables(services, monkeypatch):
    """The variables that the service gives out, and nothing else."""
    for name, value in services.plain.environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("variables")
def test_variables_alone_connect_the_client(services, bell):
    service = QiskitRuntimeService()
    assert service.active_instance() == services.plain.instance
    job = SamplerV2(service.backend("local_simulator")).run([bell], shots=10)
    assert job.result(timeout=60)[0].data.meas.num_shots == 10


@pytest.mark.usefixtures("variables")
def test_variables_alone_connect_our_client(services):
    with IBMProvider() as provider:
        assert provider.url == services.plain.platform_url
        assert provider.get_backend("local_5q").num_qubits == 5


@pytest.mark.usefixtures("variables")
def test_instance_is_found_by_its_name(services):
    service = QiskitRuntimeService(
        token=services.plain.token, url=services.plain.platform_url, instance="local", channel="ibm_quantum_platform"
    )
    assert service.active_instance() == services.plain.instance
    assert [each["plan"] for each in service.instances()] == ["open"]


def test_job_over_its_longest_time_is_a_time_out(device, ones):
    sampler = SamplerV2(device, options={"max_execution_time": 1, "execution": {"rep_delay": 500e-6}})
    job = sampler.run([ones], shots=4000)
    with pytest.raises(RuntimeJobMaxTimeoutError, match="ran longer than the 1 seconds"):
        job.result(timeout=60)
    assert job.status() in {"CANCELLED", "ERROR"}


@pytest.mark.parametrize("kind", [Session, Batch])
def test_session_over_its_time_takes_no_more_jobs(device, ones, slow, kind):
    with kind(backend=device, max_time=1) as session:
        slow(2, mode=session).wait_for_final_state(timeout=60)
        assert session.status() == "Closed"
        with pytest.raises(IBMRuntimeError, match="takes no more jobs"):
            SamplerV2(session).run([ones], shots=1)


def test_too_many_tags_are_refused(simulator, bell, sample):
    with pytest.raises(IBMRuntimeError, match="tags"):
        sample(simulator, bell, tags=[str(number) for number in range(9)])


def test_usage_of_the_instance_grows_by_the_charge(service, slow, until):
    before = service.usage()["usage_consumed_seconds"]
    job = slow(1)
    job.wait_for_final_state(timeout=60)
    until(lambda: job.usage() > 0)
    assert job.usage() == pytest.approx(1, abs=0.1)
    assert service.usage()["usage_consumed_seconds"] >= before + 0.9
