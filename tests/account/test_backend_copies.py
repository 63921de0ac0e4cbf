"""Backends and providers are copied with their connection, and pickled without it and without any secret."""

import copy
import gc
import pickle

import pytest
from qiskit import QuantumCircuit

from ibm_circuit_job import (
    IBMAccountError,
    IBMBackend,
    IBMBackendApiError,
    IBMBackendError,
    IBMBackendValueError,
    IBMJobApiError,
    IBMProvider,
    IBMRetiredBackend,
)
from ibm_circuit_job.local.devices import DEVICES, configuration

COPIES = [copy.copy, copy.deepcopy]
CONNECT = "make an IBMProvider, and give the backend or the job to its attach"


@pytest.fixture(scope="module")
def platform(service):
    url, instance = service.platform_url, service.instance
    return IBMProvider(service.token, url, instance=instance, channel="ibm_quantum_platform")


@pytest.fixture(scope="module", params=["ibm_quantum", "ibm_quantum_platform"])
def connected(request, provider, platform):
    """A provider of either dialect."""
    return platform if request.param == "ibm_quantum_platform" else provider


def pickled(value):
    return pickle.loads(pickle.dumps(value))


def one():
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


class OwnBackend(IBMBackend):
    """A user's subclass."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.notes = ["mine"]


class OwnProvider(IBMProvider):
    """A user's subclass."""


@pytest.mark.parametrize("copied", COPIES)
def test_copy_of_a_backend_shares_the_connection(connected, copied):
    backend = connected.get_backend("local_5q")
    again = copied(backend)
    assert type(again) is IBMBackend
    assert again.provider is connected
    assert (again.name, again.num_qubits) == ("local_5q", 5)
    assert again.configuration() == backend.configuration()
    assert again.properties() == backend.properties()
    assert again.target.operation_names == backend.target.operation_names
    assert again.status().operational


@pytest.mark.parametrize("copied", COPIES)
def test_options_of_a_copy_are_its_own(device, copied):
    again = copied(device)
    again.set_options(shots=17)
    again.nickname = "mine"
    assert again.options.shots == 17
    assert device.options.shots == 4000
    assert not hasattr(device, "nickname")


def test_target_of_a_deep_copy_is_its_own(device):
    again = copy.deepcopy(device)
    assert again.target is not device.target
    assert copy.copy(device).target is device.target


@pytest.mark.parametrize("copied", [*COPIES, pickled])
def test_copy_of_a_subclass_is_one_with_its_attributes(provider, copied):
    backend = OwnBackend(provider, configuration(DEVICES["local_5q"]))
    again = copied(backend)
    assert type(again) is OwnBackend
    assert again.notes == ["mine"]
    assert (again.notes is backend.notes) is (copied is copy.copy)


@pytest.mark.parametrize("copied", [*COPIES, pickled])
def test_retired_backend_is_copied_as_one(provider, copied):
    again = copied(IBMRetiredBackend(provider, "ibm_gone"))
    assert type(again) is IBMRetiredBackend
    assert again.name == "ibm_gone"
    assert again.properties() is None
    with pytest.raises(IBMBackendError, match="'ibm_gone' is retired"):
        again.run(one())


@pytest.mark.parametrize("copied", COPIES)
def test_job_runs_on_a_copy(device, copied):
    assert copied(device).run(one(), shots=10).result(timeout=60).get_counts()["1"] > 5


@pytest.mark.parametrize("copied", COPIES)
def test_copy_of_a_provider_has_its_clients_and_own_backends(connected, copied):
    backend = connected.get_backend("local_5q")
    again = copied(connected)
    assert again.runtime_client is connected.runtime_client
    assert again.account_client is connected.account_client
    assert (again.url, again.token, again.instance) == (connected.url, connected.token, connected.instance)
    assert again.store is connected.store
    mine = again.get_backend("local_5q")
    assert mine is not backend
    assert mine.provider is again
    mine.set_options(shots=5)
    assert backend.options.shots == 4000
    assert backend.provider is connected


def test_backend_that_is_copied_with_its_provider_is_its_own(provider, device):
    copied_provider, copied_backend = copy.deepcopy((provider, device))
    assert copied_backend.provider is copied_provider


def test_local_service_lives_on_when_a_copy_is_gone():
    with IBMProvider.local(store=None) as provider:
        for copied in (copy.copy(provider), copy.deepcopy(provider)):
            copied.close()
            del copied
        gc.collect()
        assert provider.get_backend("local_5q").status().operational


def test_local_service_lives_as_long_as_a_copy():
    copied = copy.copy(IBMProvider.local(store=None))
    gc.collect()
    assert copied.get_backend("local_5q").status().operational


# Pickles


def test_pickle_holds_no_secret(connected):
    backend = connected.get_backend("local_5q")
    backend.properties()
    proxied = IBMProvider(
        connected.token,
        connected.url,
        instance=connected.instance,
        proxies={"urls": {"https": "http://proxy:1"}, "username_ntlm": "ann", "password_ntlm": "Pa55word"},
        channel=connected.channel,
    )
    headers = connected.runtime_client._account.headers()
    tokens = [value.removeprefix("Bearer ") for name, value in headers.items() if "uth" in name or "oken" in name]
    assert len(tokens) == 1
    for value in (connected, backend, proxied, [backend, connected], copy.copy(connected)):
        data = pickle.dumps(value)
        for secret in (connected.token, *tokens, "Pa55word", "http://proxy:1"):
            assert secret.encode() not in data


def test_unpickled_backend_answers_what_it_knew(connected):
    backend = connected.get_backend("local_5q")
    target = backend.target
    again = pickled(backend)
    assert (again.name, again.num_qubits, again.provider.channel) == ("local_5q", 5, connected.channel)
    assert again.configuration() == backend.configuration()
    assert again.properties() == backend.properties()
    assert again.target["x"][(0,)].error == target["x"][(0,)].error
    assert again.options == backend.options
    assert again.provider.instance == connected.instance
    assert again.provider.get_backend("local_5q") is again


def test_unpickled_backend_says_how_to_connect(connected):
    again = pickled(connected.get_backend("local_5q"))
    for ask in (again.status, lambda: again.properties(refresh=True), lambda: again.run(one())):
        with pytest.raises(IBMBackendApiError, match=CONNECT):
            ask()


def test_unpickled_backend_that_was_attached_runs_jobs(connected):
    again = pickled(connected.get_backend("local_5q"))
    assert connected.attach(again) is again
    assert again.provider is connected
    assert again.status().operational
    assert again.run(one(), shots=10).result(timeout=60).get_counts()["1"] > 5


def test_backend_of_the_other_dialect_is_not_attached(provider, platform):
    with pytest.raises(IBMBackendValueError, match="a backend of the channel 'ibm_quantum', got 'local_5q' of"):
        provider.attach(pickled(platform.get_backend("local_5q")))


def test_unpickled_provider_answers_what_it_knew(connected):
    backend = connected.get_backend("local_5q")
    again, mine = pickled((connected, backend))
    assert (again.url, again.channel, again.instance) == (connected.url, connected.channel, connected.instance)
    assert again.service == connected.service
    assert again.store is None
    assert again.get_backend("local_5q") is mine
    assert mine.provider is again
    again.close()


def test_unpickled_provider_says_how_to_connect(connected):
    again = pickled(connected)
    with pytest.raises(IBMBackendApiError, match=CONNECT):
        again.backends()
    with pytest.raises(IBMJobApiError, match=CONNECT):
        again.jobs()
    with pytest.raises(IBMJobApiError, match=CONNECT):
        again.retrieve_job("cq1x")
    with pytest.raises(IBMAccountError, match=CONNECT):
        _ = again.token


def test_unpickled_provider_is_of_its_class_and_pickles_again(provider):
    own = OwnProvider(provider.token, provider.url)
    own.get_backend("local_5q")
    again = pickled(pickled(own))
    assert type(again) is OwnProvider
    assert again.get_backend("local_5q").num_qubits == 5


def test_pickle_of_a_backend_has_no_other_backend(provider):
    provider.backends()
    assert b"local_27q" not in pickle.dumps(provider.get_backend("local_5q"))
