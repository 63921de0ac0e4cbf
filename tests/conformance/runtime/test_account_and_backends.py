"""Finding the instance, and what the backends say of themselves."""

import pytest
from backend_checks import BackendChecks
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime import QiskitRuntimeService
from qiskit_ibm_runtime.accounts.exceptions import InvalidAccountError
from qiskit_ibm_runtime.exceptions import IBMInputValueError

SIMULATORS = {"local_simulator", "ibmq_qasm_simulator"}
LARGE = SIMULATORS | {"local_27q", "local_heron"}
EVERY = LARGE | {"local_5q"}


def names(backends):
    return {backend.name for backend in backends}


def test_account_names_its_instance(service, services):
    assert service.active_instance() == services.plain.instance
    assert service.active_account()["instance"] == services.plain.instance
    assert service.channel == "ibm_quantum_platform"


def test_instances_are_found_by_search(service, services):
    (instance,) = service.instances()
    assert instance["crn"] == services.plain.instance
    assert (instance["name"], instance["plan"], instance["pricing_type"]) == ("local", "open", "free")


@pytest.mark.parametrize(
    "wanted",
    [
        {"instance": None},
        {"instance": "auto"},
        {"instance": "local"},
        {"instance": None, "plans_preference": ["open"]},
        {"instance": None, "region": "us-east"},
    ],
)
def test_instance_need_not_be_given_by_its_crn(connect, services, wanted):
    found = connect(**wanted)
    assert found.active_instance() == services.plain.instance
    assert names(found.backends()) == EVERY


def test_unknown_instance_is_refused(connect):
    with pytest.raises(IBMInputValueError, match="does not have access"):
        connect(instance="crn:v1:bluemix:public:quantum-computing:us-east:a/other:other::")


def test_unknown_name_of_an_instance_is_refused(connect):
    with pytest.raises(IBMInputValueError, match="not a valid instance name"):
        connect(instance="no-such-instance")


def test_plan_that_no_instance_has_is_refused(connect):
    with pytest.raises(IBMInputValueError):
        connect(instance=None, plans_preference=["premium"])


@pytest.mark.filterwarnings("ignore:Unable to retrieve IBM Cloud access token")
def test_wrong_token_is_refused(connect):
    with pytest.raises(InvalidAccountError, match="valid API token"):
        connect(token="not-the-token")


def test_account_can_be_saved_and_used(services, tmp_path):
    file = str(tmp_path / "accounts.json")
    QiskitRuntimeService.save_account(
        token=services.plain.token,
        url=services.plain.platform_url,
        instance=services.plain.instance,
        channel="ibm_quantum_platform",
        filename=file,
        name="local",
    )
    kept = QiskitRuntimeService(filename=file, name="local", url_resolver=lambda url, *_: url)
    assert kept.backend("local_5q").num_qubits == 5


def test_usage_of_the_instance_is_told(service):
    usage = service.usage()
    assert usage["usage_consumed_seconds"] >= 0
    assert usage["instance_id"] == service.active_instance()


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, EVERY),
        ({"name": "local_5q"}, {"local_5q"}),
        ({"min_num_qubits": 6}, LARGE),
        ({"simulator": True}, SIMULATORS),
        ({"simulator": False, "operational": True}, {"local_5q", "local_27q", "local_heron"}),
        ({"n_qubits": 27}, {"local_27q"}),
        ({"dynamic_circuits": True}, SIMULATORS | {"local_heron"}),
        ({"dynamic_circuits": False}, {"local_5q", "local_27q"}),
        ({"filters": lambda backend: backend.num_qubits < 10}, {"local_5q"}),
        ({"include_mocks": True}, EVERY),
        ({"use_fractional_gates": None}, EVERY),
    ],
)
def test_backends_can_be_filtered(service, filters, found):
    assert names(service.backends(**filters)) == found


def test_backends_of_a_named_instance_are_listed(service, services):
    assert names(service.backends(instance=services.plain.instance)) == EVERY


def test_unknown_backend_is_not_found(service):
    with pytest.raises(QiskitBackendNotFoundError):
        service.backend("ibm_lima")


def test_least_busy_backend_is_one_that_has_nothing_to_do(connect, slow, until):
    job = slow(20)
    until(job.running)
    service = connect()  # The client looks at the lengths of the queues but once.
    assert service.least_busy(simulator=False, operational=True).name == "local_27q"
    assert service.least_busy(min_num_qubits=28).name in SIMULATORS | {"local_heron"}


def test_backend_can_be_refreshed(service):
    device = service.backend("local_5q")
    device.refresh()
    assert device.target["cx"][0, 1].error > 0


def test_token_is_renewed_before_it_runs_out(strict, services, until):
    seconds = services.strict.token_seconds
    client = strict._get_api_client()
    manager = client._session.auth.tm
    first = manager.get_token()
    until(lambda: client.backend_status("local_5q") and manager.get_token() != first, seconds=4 * seconds)
    assert client.backend_status("local_5q")["operational"]


class TestBackends(BackendChecks):
    """What every client is told of the backends."""


def test_simulator_of_earlier_years_is_found_by_its_name(service, sample, bell):
    backend = service.backend("ibmq_qasm_simulator")
    counts = sample(backend, bell, shots=100).result(timeout=100)[0].join_data().get_counts()
    assert set(counts) <= {"00", "11"}
