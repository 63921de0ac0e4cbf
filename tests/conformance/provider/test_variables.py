"""The variables that the local service gives out lead the archived client to it."""

from qiskit_ibm_provider import IBMProvider


def test_variables_alone_connect_the_client(services, monkeypatch, bell):
    for name, value in services.plain.environment.items():
        monkeypatch.setenv(name, value)
    provider = IBMProvider()
    assert provider.get_backend("local_simulator").run(bell, shots=10).result().get_counts().shots() == 10
