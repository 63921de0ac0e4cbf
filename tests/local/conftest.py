"""What the tests of the local service share."""

import time

import known_circuits
import psutil
import pytest

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.local import LocalService


@pytest.fixture(scope="session")
def until():
    """Ask until something holds, for a bounded time."""

    def asked(holds, seconds=60.0):
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"still not so after {seconds:g} seconds"
            # A loop without a pause would take the processor from what is waited for.
            time.sleep(0.02)

    return asked


@pytest.fixture(scope="module")
def own_service():
    """A service of the module's own, without the jobs of other tests, each of which the page would show."""
    with LocalService(workers=1) as service:
        yield service


@pytest.fixture(scope="module")
def own_provider(own_service):
    with IBMProvider(own_service.token, own_service.url) as provider:
        yield provider


@pytest.fixture(scope="session")
def driver():
    """One browser for all tests; each of them opens the page anew."""
    from chromium import browser  # noqa: PLC0415 - loads Selenium, which few tests need

    with browser() as driver:
        yield driver


@pytest.fixture(scope="session")
def endless():
    return known_circuits.endless()


@pytest.fixture(scope="session")
def workers_of():
    """The process IDs of the workers of a service."""

    def runs(worker):
        try:
            return worker.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def listed(service):
        # They are children of the process that starts them.
        (starter,) = psutil.Process(service.pid).children()
        return {worker.pid for worker in starter.children() if runs(worker)}

    return listed
