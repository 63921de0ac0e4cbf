"""The official client of the platform dialect, as its users make it."""

from contextlib import suppress

import pytest
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2
from qiskit_ibm_runtime.api.client import RuntimeClient
from qiskit_ibm_runtime.api.client_parameters import ClientParameters
from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError


@pytest.fixture(scope="session")
def connect(services):
    """Make a service object for one of the services, from now on the one that the environment leads to."""
    patch = pytest.MonkeyPatch()

    def connected(service=None, **wanted):
        service = service or services.plain
        lead_to(service)
        given = {
            "channel": "ibm_quantum_platform",
            "token": service.token,
            "instance": service.instance,
            "url": service.platform_url,
        }
        made = QiskitRuntimeService(**given | wanted)
        lead_to(services.plain)
        return made

    def lead_to(service):
        for name, value in service.environment.items():
            if not name.startswith("QISKIT_IBM_"):
                patch.setenv(name, value)

    yield connected
    patch.undo()


@pytest.fixture(scope="session")
def service(connect):
    return connect()


@pytest.fixture(scope="session")
def strict(connect, services):
    return connect(services.strict)


@pytest.fixture(scope="session")
def simulator(service):
    return service.backend("local_simulator")


@pytest.fixture(scope="session")
def device(service):
    return service.backend("local_5q")


@pytest.fixture(scope="session")
def sample():
    """Run circuits with the sampler, and return the job."""

    def run(mode, *pubs, tags=(), shots=None, private=False, **options):
        sampler = SamplerV2(mode=mode, options=options)
        if tags:
            sampler.options.environment.job_tags = list(tags)
        if private:
            sampler.options.environment.private = True
        return sampler.run(list(pubs), shots=shots)

    return run


@pytest.fixture
def slow(device, ones, sample):
    """Run a job that keeps the device busy for about so many seconds."""
    started = []

    def run(seconds, mode=None, **wanted):
        shots = max(1, round(seconds / 500e-6))
        started.append(sample(mode or device, ones, shots=shots, execution={"rep_delay": 500e-6}, **wanted))
        return started[-1]

    yield run
    for job in started:
        if not job.in_final_state():
            # It may end by itself just now.
            with suppress(RuntimeInvalidStateError):
                job.cancel()


# What the checks of our own job want of a client


@pytest.fixture
def submit(simulator, bell, sample):
    """Run the Bell circuit on the simulator."""
    return lambda **wanted: sample(simulator, bell, **{"shots": 100, **wanted})


@pytest.fixture
def submit_failing(simulator, mystery, sample):
    return lambda: sample(simulator, mystery)


@pytest.fixture
def client_of(services):
    """Make a client with another token, or for another URL."""

    def made(token=None, url=None):
        return RuntimeClient(
            ClientParameters(
                channel="ibm_quantum_platform",
                token=token or services.plain.token,
                url=url or services.plain.platform_url,
                instance=services.plain.instance,
            )
        )

    return made


@pytest.fixture
def their_client(service):
    return service._get_api_client()


@pytest.fixture
def header_of_submit():
    return {}
