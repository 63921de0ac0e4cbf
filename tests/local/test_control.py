"""What tests tell a service that runs: which faults to make, and to forget its jobs."""

import pytest
import requests
from known_circuits import bell

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.local import LocalService, LocalServiceError


@pytest.fixture(scope="module")
def service():
    with LocalService(workers=1) as service:
        yield service


@pytest.fixture(scope="module")
def provider(service):
    with IBMProvider(service.token, service.url, store=None) as provider:
        yield provider


def statuses(service, times):
    return [requests.get(f"{service.url}/version", timeout=30).status_code for _ in range(times)]


def test_faults_hold_from_when_they_are_ordered_until_others_are(service):
    service.order_faults({"faults": [{"kind": "status", "status": 503, "times": 1}]})
    assert statuses(service, 2) == [503, 200]
    service.order_faults({"faults": [{"kind": "status", "status": 500}]})
    assert statuses(service, 2) == [500, 500]
    service.order_faults(None)
    assert statuses(service, 1) == [200]


def test_same_seed_gives_the_same_row_of_faults_again(service):
    plan = {"seed": 7, "faults": [{"kind": "status", "rate": 0.5}]}
    rows = []
    for _ in range(2):
        service.order_faults(plan)
        rows.append(statuses(service, 12))
    service.order_faults(None)
    assert rows[0] == rows[1]
    assert set(rows[0]) == {200, 503}


def test_plan_that_cannot_be_read_changes_nothing(service):
    with pytest.raises(LocalServiceError, match="Invalid enum value 'earthquake'"):
        service.order_faults({"faults": [{"kind": "earthquake"}]})
    root = service.page_url.partition("/#")[0]
    headers = {"Authorization": f"apikey {service.token}"}
    reply = requests.put(f"{root}/faults", data=b"nothing", headers=headers, timeout=30)
    assert reply.status_code == 400
    assert "expected a plan of faults" in reply.json()["errors"][0]["message"]
    assert statuses(service, 1) == [200]


@pytest.mark.parametrize(("method", "path"), [("PUT", "/faults"), ("DELETE", "/jobs")])
def test_it_is_controlled_with_the_token_alone(service, method, path):
    root = service.page_url.partition("/#")[0]
    reply = requests.request(method, root + path, data=b"{}", timeout=30)
    assert reply.status_code == 401


def test_jobs_are_deleted_whatever_they_do(service, provider):
    ended = provider.get_backend("local_simulator").run(bell(), shots=10)
    ended.result()
    device = provider.get_backend("local_5q")
    circuit = bell().copy_empty_like()
    circuit.measure([0, 1], [0, 1])
    for _ in range(3):
        device.run(circuit, shots=100_000)
    assert len(provider.jobs()) == 4
    service.delete_jobs()
    assert provider.jobs() == []
    # The device is free again.
    assert device.run(circuit, shots=10).result(timeout=60).get_counts()


def test_service_that_is_gone_is_named():
    with LocalService(workers=1) as service:
        pass
    with pytest.raises(LocalServiceError, match="the service did not delete its jobs"):
        service.delete_jobs()
