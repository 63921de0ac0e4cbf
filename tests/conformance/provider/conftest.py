"""The official client of the legacy dialect, as its users make it."""

from contextlib import suppress

import pytest
from qiskit_ibm_provider import IBMProvider
from qiskit_ibm_provider.api.client_parameters import ClientParameters
from qiskit_ibm_provider.api.clients import RuntimeClient
from qiskit_ibm_provider.job.exceptions import IBMJobInvalidStateError


@pytest.fixture(scope="session")
def provider(services):
    return IBMProvider(token=services.plain.token, url=services.plain.url)


@pytest.fixture(scope="session")
def strict(services):
    return IBMProvider(token=services.strict.token, url=services.strict.url)


@pytest.fixture(scope="session")
def simulator(provider):
    return provider.get_backend("local_simulator")


@pytest.fixture(scope="session")
def device(provider):
    return provider.get_backend("local_5q")


@pytest.fixture
def slow(device, ones):
    """Run a job that keeps the device busy for about so many seconds."""
    started = []

    def run(seconds, **wanted):
        started.append(device.run(ones, shots=max(1, round(seconds / 500e-6)), rep_delay=500e-6, **wanted))
        return started[-1]

    yield run
    for job in started:
        if not job.in_final_state():
            # It may end by itself just now.
            with suppress(IBMJobInvalidStateError):
                job.cancel()


# What the checks of our own job want of a client


@pytest.fixture
def submit(simulator, bell):
    """Run the Bell circuit on the simulator."""
    return lambda **wanted: simulator.run(bell, **{"shots": 100, "header": {"note": "x"}, **wanted})


@pytest.fixture
def submit_failing(simulator, mystery):
    return lambda: simulator.run(mystery)


@pytest.fixture
def client_of(services):
    """Make a client with another token, or for another URL."""

    def made(token=None, url=None):
        return RuntimeClient(ClientParameters(token=token or "x", url=url or services.plain.url))

    return made


@pytest.fixture
def their_client(provider):
    return provider._runtime_client


@pytest.fixture
def header_of_submit():
    return {"note": "x"}
