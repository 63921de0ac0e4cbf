"""What the tests of the local service share."""

import time

import known_circuits
import psutil
import pytest


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

    def is_worker(process):
        try:
            words = process.cmdline()
        except (psutil.ZombieProcess, psutil.NoSuchProcess):
            return False
        # Beside the workers there is only the helper with which Python starts a process.
        return bool(words) and not any("resource_tracker" in word for word in words)

    def listed(service):
        return {child.pid for child in psutil.Process(service.pid).children() if is_worker(child)}

    return listed
