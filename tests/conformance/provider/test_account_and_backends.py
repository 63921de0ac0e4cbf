"""Logging in, and what the backends say of themselves."""

import pytest
from backend_checks import BackendChecks
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_provider import IBMProvider
from qiskit_ibm_provider.exceptions import IBMInputValueError

SIMULATORS = {"local_simulator", "ibmq_qasm_simulator"}
LARGE = SIMULATORS | {"local_27q", "local_heron"}
EVERY = LARGE | {"local_5q"}


def test_login_finds_the_instance(provider):
    assert provider.instances() == ["ibm-q/open/main"]
    assert provider.active_account()["instance"] == "ibm-q/open/main"


def test_login_with_the_wrong_token_is_refused(services):
    with pytest.raises(Exception, match="Login failed") as raised:
        IBMProvider(token="not-the-token", url=services.plain.url)
    assert type(raised.value).__name__ in {"RequestsApiError", "IBMNotAuthorizedError"}


def test_instance_can_be_named(services):
    provider = IBMProvider(token=services.plain.token, url=services.plain.url, instance="ibm-q/open/main")
    assert {backend.name for backend in provider.backends()} == EVERY


def test_account_can_be_saved_and_used(services):
    IBMProvider.save_account(token=services.plain.token, url=services.plain.url, name="local", overwrite=True)
    try:
        assert IBMProvider(name="local").get_backend("local_5q").num_qubits == 5
    finally:
        IBMProvider.delete_account(name="local")


def test_all_backends_are_listed(provider):
    assert {backend.name for backend in provider.backends()} == EVERY


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"name": "local_5q"}, {"local_5q"}),
        ({"min_num_qubits": 6}, LARGE),
        ({"simulator": True}, SIMULATORS),
        ({"simulator": False}, {"local_5q", "local_27q", "local_heron"}),
        ({"n_qubits": 27}, {"local_27q"}),
        ({"operational": True, "simulator": False}, {"local_5q", "local_27q", "local_heron"}),
        ({"status_msg": "active"}, EVERY),
        ({"dynamic_circuits": True}, SIMULATORS | {"local_heron"}),
        ({"dynamic_circuits": False}, {"local_5q", "local_27q"}),
        ({"open_pulse": True}, set()),
        ({"filters": lambda backend: "cx" in backend.basis_gates and backend.num_qubits < 10}, {"local_5q"}),
        ({"instance": "ibm-q/open/main", "min_num_qubits": 20}, LARGE),
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


def test_backends_have_no_pulse_defaults(device, simulator):
    assert device.defaults() is None
    assert simulator.defaults() is None


def test_target_of_the_simulator_has_any_two_qubits_coupled(simulator):
    assert simulator.coupling_map is None
    assert "h" in simulator.target.operation_names


class TestBackends(BackendChecks):
    """What every client is told of the backends."""


def test_simulator_of_earlier_years_is_found_by_its_name(provider, bell):
    counts = provider.get_backend("ibmq_qasm_simulator").run(bell, shots=100).result().get_counts()
    assert set(counts) <= {"00", "11"}
