"""Logging in, and what the backends say of themselves."""

from datetime import datetime, timedelta

import pytest
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_provider import IBMProvider
from qiskit_ibm_provider.exceptions import IBMInputValueError


def test_login_finds_the_instance(provider):
    assert provider.instances() == ["ibm-q/open/main"]
    assert provider.active_account()["instance"] == "ibm-q/open/main"


def test_login_with_the_wrong_token_is_refused(services):
    with pytest.raises(Exception, match="Login failed") as raised:
        IBMProvider(token="not-the-token", url=services.plain.url)
    assert type(raised.value).__name__ in {"RequestsApiError", "IBMNotAuthorizedError"}


def test_instance_can_be_named(services):
    provider = IBMProvider(token=services.plain.token, url=services.plain.url, instance="ibm-q/open/main")
    assert len(provider.backends()) == 3


def test_account_can_be_saved_and_used(services):
    IBMProvider.save_account(token=services.plain.token, url=services.plain.url, name="local", overwrite=True)
    try:
        assert IBMProvider(name="local").get_backend("local_5q").num_qubits == 5
    finally:
        IBMProvider.delete_account(name="local")


def test_all_backends_are_listed(provider):
    assert {backend.name for backend in provider.backends()} == {"local_simulator", "local_5q", "local_27q"}


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"name": "local_5q"}, {"local_5q"}),
        ({"min_num_qubits": 6}, {"local_simulator", "local_27q"}),
        ({"simulator": True}, {"local_simulator"}),
        ({"simulator": False}, {"local_5q", "local_27q"}),
        ({"n_qubits": 27}, {"local_27q"}),
        ({"operational": True, "simulator": False}, {"local_5q", "local_27q"}),
        ({"status_msg": "active"}, {"local_simulator", "local_5q", "local_27q"}),
        ({"dynamic_circuits": True}, {"local_simulator"}),
        ({"dynamic_circuits": False}, {"local_5q", "local_27q"}),
        ({"open_pulse": True}, set()),
        ({"filters": lambda backend: "cx" in backend.basis_gates and backend.num_qubits < 10}, {"local_5q"}),
        ({"instance": "ibm-q/open/main", "min_num_qubits": 20}, {"local_simulator", "local_27q"}),
    ],
)
def test_backends_can_be_filtered(provider, filters, names):
    assert {backend.name for backend in provider.backends(**filters)} == names


def test_unknown_backend_is_not_found(provider):
    with pytest.raises(QiskitBackendNotFoundError):
        provider.get_backend("ibmq_lima")


def test_unknown_instance_is_refused(provider):
    with pytest.raises(IBMInputValueError, match="could not be found"):
        provider.backends(instance="no/such/instance")


def test_backend_has_a_status(device):
    status = device.status()
    assert (status.backend_name, status.operational, status.status_msg) == ("local_5q", True, "active")
    assert status.pending_jobs >= 0


def test_status_counts_the_jobs_that_wait(device, slow, until):
    first = slow(20)
    until(first.running)
    before = device.status().pending_jobs
    slow(20)
    assert device.status().pending_jobs == before + 1


def test_backend_has_a_configuration(device):
    configuration = device.configuration()
    assert configuration.backend_name == "local_5q"
    assert configuration.n_qubits == 5
    assert set(configuration.basis_gates) >= {"cx", "rz", "sx", "x"}
    assert [0, 1] in configuration.coupling_map
    assert configuration.max_shots == 100_000
    assert configuration.max_experiments == 300
    assert configuration.memory
    assert configuration.default_rep_delay == pytest.approx(250e-6)
    assert configuration.rep_delay_range == pytest.approx([0, 500e-6])
    assert configuration.online_date.year == 2024


def test_backend_has_properties(device):
    properties = device.properties()
    assert 50e-6 < properties.t1(0) < 250e-6
    assert 4e9 < properties.frequency(4) < 6e9
    assert 0 < properties.readout_error(2) < 0.1
    assert 0 < properties.gate_error("cx", [0, 1]) < 0.1
    assert properties.gate_length("sx", [0]) == pytest.approx(35.6e-9)
    assert properties.is_qubit_operational(0)
    assert not properties.faulty_qubits()


def test_properties_of_an_earlier_day_are_older(device):
    yesterday = datetime.now() - timedelta(days=1)  # noqa: DTZ005 - the client takes local times
    earlier, now = device.properties(datetime=yesterday), device.properties()
    assert earlier.last_update_date < now.last_update_date
    assert earlier.last_update_date <= yesterday.astimezone()
    assert earlier.t1(0) != now.t1(0)
    assert device.properties(datetime=yesterday).to_dict() == earlier.to_dict()


def test_simulator_has_no_properties(simulator):
    assert simulator.properties() is None


def test_backends_have_no_pulse_defaults(device, simulator):
    assert device.defaults() is None
    assert simulator.defaults() is None


def test_target_of_a_device_has_errors_and_lengths(device):
    assert device.target.num_qubits == 5
    assert device.target["cx"][0, 1].error > 0
    assert device.target["cx"][0, 1].duration > 0
    assert device.target["measure"][0,].error > 0
    assert (0, 2) not in device.target["cx"]
    assert device.target_history(datetime=datetime.now() - timedelta(days=2))["cx"][0, 1].error > 0  # noqa: DTZ005


def test_target_of_the_simulator_has_any_two_qubits_coupled(simulator):
    assert simulator.coupling_map is None
    assert "h" in simulator.target.operation_names
