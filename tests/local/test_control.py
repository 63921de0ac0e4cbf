"""What tests tell a service that runs: which faults to make, and to forget its jobs."""

import pytest
import requests
from known_circuits import bell

from ibm_circuit_job.local import LocalService, LocalServiceError


def statuses(service, times):
    return [requests.get(f"{service.url}/version", timeout=30).status_code for _ in range(times)]


def test_faults_hold_from_when_they_are_ordered_until_others_are(own_service):
    own_service.order_faults({"faults": [{"kind": "status", "status": 503, "times": 1}]})
    assert statuses(own_service, 2) == [503, 200]
    own_service.order_faults({"faults": [{"kind": "status", "status": 500}]})
    assert statuses(own_service, 2) == [500, 500]
    own_service.order_faults(None)
    assert statuses(own_service, 1) == [200]


def test_same_seed_gives_the_same_row_of_faults_again(own_service):
    plan = {"seed": 7, "faults": [{"kind": "status", "rate": 0.5}]}
    rows = []
    for _ in range(2):
        own_service.order_faults(plan)
        rows.append(statuses(own_service, 12))
    own_service.order_faults(None)
    assert rows[0] == rows[1]
    assert set(rows[0]) == {200, 503}


def test_plan_that_cannot_be_read_changes_nothing(own_service):
    with pytest.raises(LocalServiceError, match="Invalid enum value 'earthquake'"):
        own_service.order_faults({"faults": [{"kind": "earthquake"}]})
    root = own_service.page_url.partition("/#")[0]
    headers = {"Authorization": f"apikey {own_service.token}"}
    reply = requests.put(f"{root}/faults", data=b"nothing", headers=headers, timeout=30)
    assert reply.status_code == 400
    assert "expected a plan of faults" in reply.json()["errors"][0]["message"]
    assert statuses(own_service, 1) == [200]


@pytest.mark.parametrize(("method", "path"), [("PUT", "/faults"), ("DELETE", "/jobs")])
def test_it_is_controlled_with_the_token_alone(own_service, method, path):
    root = own_service.page_url.partition("/#")[0]
    reply = requests.request(method, root + path, data=b"{}", timeout=30)
    assert reply.status_code == 401


def test_jobs_are_deleted_whatever_they_do(own_service, own_provider):
    ended = own_provider.get_backend("local_simulator").run(bell(), shots=10)
    ended.result()
    device = own_provider.get_backend("local_5q")
    circuit = bell().copy_empty_like()
    circuit.measure([0, 1], [0, 1])
    for _ in range(3):
        device.run(circuit, shots=100_000)
    assert len(own_provider.jobs()) == 4
    own_service.delete_jobs()
    assert own_provider.jobs() == []
    # The device is free again.
    assert device.run(circuit, shots=10).result(timeout=60).get_counts()


def test_service_that_is_gone_is_named():
    with LocalService(workers=1) as service:
        pass
    with pytest.raises(LocalServiceError, match="the service did not delete its jobs"):
        service.delete_jobs()
