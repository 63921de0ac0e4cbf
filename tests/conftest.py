"""What all tests share: one service on this machine, as users start it."""

import os

import known_circuits
import pytest
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.local import LocalService

# Jobs of tests are kept where a test says so, and not with those of whoever runs them.
os.environ["IBM_CIRCUIT_JOB_STORE"] = "none"

# These run in the environments of the official clients: make conformance.
collect_ignore = ["conformance"]


@pytest.fixture(scope="session")
def service():
    """A service for every test that wants no settings of its own: to start one takes seconds of computing."""
    with LocalService(seed=7) as service:
        yield service


@pytest.fixture(scope="session")
def provider(service):
    with IBMProvider(service.token, service.url) as provider:
        yield provider


@pytest.fixture(scope="session")
def platform_provider(service):
    with IBMProvider(service.token, service.platform_url, instance=service.instance) as provider:
        yield provider


@pytest.fixture(scope="session")
def simulator(provider):
    return provider.get_backend("local_simulator")


@pytest.fixture(scope="session")
def device(provider):
    return provider.get_backend("local_5q")


@pytest.fixture
def bell():
    return known_circuits.bell()


@pytest.fixture
def slow(device):
    """Run a job that keeps the 5-qubit device busy for about so many seconds."""

    def run(seconds: float):
        circuit = QuantumCircuit(1, 1, name="slow")
        circuit.x(0)
        circuit.measure(0, 0)
        return device.run(circuit, shots=max(1, round(seconds / 500e-6)), rep_delay=500e-6)

    return run
