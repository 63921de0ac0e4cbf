"""What the checks of clients and libraries share. They run in the environments of those."""

import json
import os
import time
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import known_circuits
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate

pytest.register_assert_rewrite("backend_checks", "our_job_checks")


def pytest_terminal_summary(terminalreporter):
    outcomes = ("passed", "failed", "error", "skipped")
    counted = {outcome: len(terminalreporter.stats.get(outcome, ())) for outcome in outcomes}
    versions = " ".join(f"{name} {version(name)}" for name in (os.environ["CONFORMANCE_PACKAGE"], "qiskit"))
    summary = json.dumps(counted | {"versions": versions})
    Path(os.environ["CONFORMANCE_SUMMARY"]).write_text(summary, encoding="utf-8")


@pytest.fixture(scope="session")
def services():
    """The services by name: ``plain``, and ``strict``, with all limits that one can set."""
    given = json.loads(os.environ["CONFORMANCE_SERVICES"])
    return SimpleNamespace(**{name: SimpleNamespace(**where) for name, where in given.items()})


@pytest.fixture
def keep_counts():
    """Write down counts on a device, with the way in which they were counted, to be compared with those of others."""
    file = Path(os.environ["CONFORMANCE_COUNTS"])

    def kept(device, way, counts):
        written = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        written.setdefault(device, {})[way] = counts
        file.write_text(json.dumps(written), encoding="utf-8")

    return kept


@pytest.fixture
def bell():
    return known_circuits.bell()


@pytest.fixture
def ones():
    """A circuit of the devices' own gates, whose outcome is 1 but for noise."""
    circuit = QuantumCircuit(1, 1, name="ones")
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


@pytest.fixture
def mystery():
    """A circuit that no backend can run."""
    circuit = QuantumCircuit(1, 1, name="mystery")
    circuit.append(Gate("mystery", 1, []), [0])
    circuit.measure(0, 0)
    return circuit


@pytest.fixture
def until():
    """Ask until something holds; the service answers at its own pace."""

    def asked(holds, seconds=30.0):
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"still not so after {seconds:g} seconds"

    return asked
