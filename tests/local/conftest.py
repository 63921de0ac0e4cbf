"""What the tests of the local service share."""

import time

import psutil
import pytest
from qiskit import QuantumCircuit


@pytest.fixture(scope="session")
def until():
    """Ask until something holds, for a bounded time."""

    def asked(holds, seconds=60.0):
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"still not so after {seconds:g} seconds"

    return asked


@pytest.fixture(scope="session")
def endless():
    """A circuit that runs for ever: a loop whose condition always holds."""
    circuit = QuantumCircuit(2, 2)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.h(1)
        circuit.measure(0, 0)
    circuit.measure(1, 1)
    return circuit


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
