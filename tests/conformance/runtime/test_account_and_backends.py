"""Finding the instance, and what the backends say of themselves."""

from datetime import datetime, timedelta

import pytest
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime import QiskitRuntimeService
from qiskit_ibm_runtime.accounts.exceptions import InvalidAccountError
from qiskit_ibm_runtime.exceptions import IBMInputValueError


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
    assert names(found.backends()) == {"local_simulator", "local_5q", "local_27q"}


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
        ({}, {"local_simulator", "local_5q", "local_27q"}),
        ({"name": "local_5q"}, {"local_5q"}),
        ({"min_num_qubits": 6}, {"local_simulator", "local_27q"}),
        ({"simulator": True}, {"local_simulator"}),
        ({"simulator": False, "operational": True}, {"local_5q", "local_27q"}),
        ({"n_qubits": 27}, {"local_27q"}),
        ({"dynamic_circuits": True}, {"local_simulator"}),
        ({"dynamic_circuits": False}, {"local_5q", "local_27q"}),
        ({"filters": lambda backend: backend.num_qubits < 10}, {"local_5q"}),
        ({"include_mocks": True}, {"local_simulator", "local_5q", "local_27q"}),
        ({"use_fractional_gates": None}, {"local_simulator", "local_5q", "local_27q"}),
    ],
)
def test_backends_can_be_filtered(service, filters, found):
    assert names(service.backends(**filters)) == found


def test_backends_of_a_named_instance_are_listed(service, services):
    assert names(service.backends(instance=services.plain.instance)) == {"local_simulator", "local_5q", "local_27q"}


def test_unknown_backend_is_not_found(service):
    with pytest.raises(QiskitBackendNotFoundError):
        service.backend("ibm_lima")


def test_least_busy_backend_is_one_that_has_nothing_to_do(connect, slow, until):
    job = slow(20)
    until(job.running)
    service = connect()  # The client looks at the lengths of the queues but once.
    assert service.least_busy(simulator=False, operational=True).name == "local_27q"
    assert service.least_busy(min_num_qubits=28).name == "local_simulator"


def test_backend_has_a_status(device):
    status = device.status()
    assert (status.backend_name, status.operational, status.status_msg) == ("local_5q", True, "active")


def test_status_counts_the_jobs_that_wait(device, slow, until):
    first = slow(20)
    until(first.running)
    before = device.status().pending_jobs
    slow(20)
    assert device.status().pending_jobs == before + 1


def test_backend_has_a_configuration(device):
    configuration = device.configuration()
    assert (configuration.backend_name, configuration.n_qubits, configuration.simulator) == ("local_5q", 5, False)
    assert set(configuration.basis_gates) >= {"cx", "rz", "sx", "x"}
    assert [0, 1] in configuration.coupling_map
    assert configuration.default_rep_delay == pytest.approx(250e-6)
    assert configuration.online_date.year == 2024


def test_backend_has_properties(device):
    properties = device.properties()
    assert 50e-6 < properties.t1(0) < 250e-6
    assert 4e9 < properties.frequency(4) < 6e9
    assert 0 < properties.readout_error(2) < 0.1
    assert 0 < properties.gate_error("cx", [0, 1]) < 0.1
    assert properties.is_qubit_operational(0)


def test_properties_of_an_earlier_day_are_older(device):
    yesterday = datetime.now() - timedelta(days=1)  # noqa: DTZ005 - the client takes local times
    earlier, now = device.properties(datetime=yesterday), device.properties()
    assert earlier.last_update_date < now.last_update_date
    assert earlier.t1(0) != now.t1(0)


def test_simulator_has_no_properties(simulator):
    assert simulator.properties() is None


def test_target_of_a_device_has_errors_and_lengths(device):
    assert device.target.num_qubits == 5
    assert device.target["cx"][0, 1].error > 0
    assert device.target["cx"][0, 1].duration > 0
    assert device.target["measure"][0,].error > 0
    assert (0, 2) not in device.target["cx"]


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
