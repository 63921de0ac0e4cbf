"""Our backend, in both dialects, for the libraries that take one."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMProvider

DOCUMENT = Path(__file__).parents[3] / "docs" / "libraries.md"


@pytest.fixture(scope="session", params=["ibm_quantum", "ibm_quantum_platform"])
def provider(request, services):
    where = services.plain
    account = {"url": where.url}
    if request.param == "ibm_quantum_platform":
        account = {"url": where.platform_url, "instance": where.instance}
    with IBMProvider(where.token, channel=request.param, **account) as made:
        yield made


@pytest.fixture
def device(provider):
    """A noisy device of five qubits. It takes no time between two shots, which changes no count."""
    backend = provider.get_backend("local_5q")
    backend.set_options(rep_delay=0.0)
    return backend


@pytest.fixture
def calibrated(device):
    """What the calibration of the device says of a qubit: T1 in seconds, the probabilities of wrong readout."""

    def of_qubit(qubit):
        value = {name: entry[0] for name, entry in device.properties().qubit_property(qubit).items()}
        return SimpleNamespace(
            t1=value["T1"], wrong_zero=value["prob_meas0_prep1"], wrong_one=value["prob_meas1_prep0"]
        )

    return of_qubit


@pytest.fixture
def simulator(provider):
    """An ideal simulator."""
    return provider.get_backend("local_simulator")


@pytest.fixture
def pair():
    """A Bell pair, not measured."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    return circuit


@pytest.fixture
def run_documented(provider):
    """Run the examples under a heading of the documentation, one after the other."""

    def ran(heading):
        text = DOCUMENT.read_text(encoding="utf-8")
        (section,) = (part for part in text.split("\n## ") if part.startswith(f"{heading}\n"))
        examples = re.findall(r"^```py\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
        assert examples
        # As in the documentation, the examples have a provider. A device takes its time in them.
        names = {"provider": provider, "__name__": "example"}
        for example in examples:
            exec(compile(example, f"docs/libraries.md, {heading}", "exec"), names)  # noqa: S102 - our own text

    return ran
