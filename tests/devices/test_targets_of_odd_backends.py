"""The target that the transpiler sees: units, gaps and oddities of what the service says of a backend."""

import pytest
from qiskit import transpile

from ibm_circuit_job import IBMBackend
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.errors import Refused
from ibm_circuit_job.local.devices import DEVICES, configuration

DATE = "2024-02-03T04:00:00Z"


class Calibrated:
    """A client of a service that says this of its backend."""

    def __init__(self, calibration):
        self.calibration = calibration

    def backend_properties(self, backend_name, datetime=None):
        if isinstance(self.calibration, Refused):
            raise RequestFailed(self.calibration)
        return self.calibration


class Provider:
    """Has such a client."""

    channel = "ibm_quantum"
    instance = "a/b/c"
    account_client = None

    def __init__(self, calibration):
        self.runtime_client = Calibrated(calibration)


def entry(name, value, unit=""):
    return {"name": name, "value": value, "unit": unit, "date": DATE}


def gate(name, qubits, *entries):
    return {"gate": name, "name": name + "_".join(map(str, qubits)), "qubits": qubits, "parameters": list(entries)}


def calibration(gates=(), readout=()):
    return {
        "backend_name": "local_5q",
        "backend_version": "1.0.0",
        "last_update_date": DATE,
        "qubits": [list(readout) for _ in range(5)],
        "gates": list(gates),
        "general": [],
    }


def target(said, **described):
    return IBMBackend(Provider(said), configuration(DEVICES["local_5q"]) | described).target


@pytest.mark.parametrize(
    ("length", "unit", "seconds"), [(300, "ns", 3e-7), (0.3, "us", 3e-7), (0.3, "µs", 3e-7), (3e-7, "s", 3e-7)]
)
def test_lengths_are_in_seconds_whatever_their_unit(length, unit, seconds):
    lengths = [entry("gate_length", length, unit), entry("gate_error", 0.01)]
    found = target(calibration([gate("cx", [0, 1], *lengths)], [entry("readout_length", length, unit)]))
    assert found["cx"][(0, 1)].duration == pytest.approx(seconds)
    assert found["cx"][(0, 1)].error == pytest.approx(0.01)
    assert found["measure"][(3,)].duration == pytest.approx(seconds)


@pytest.mark.parametrize("parameters", [{}, {"parameters": []}], ids=["absent", "empty"])
def test_gate_without_parameters_is_ideal(parameters):
    bare = {"gate": "x", "name": "x0", "qubits": [0]} | parameters
    properties = target(calibration([bare]))["x"][(0,)]
    assert properties is None or (properties.duration, properties.error) == (None, None)


def test_numbers_may_be_texts():
    lengths = [entry("gate_length", "300", "ns"), entry("gate_error", "0.01")]
    found = target(calibration([gate("cx", [0, 1], *lengths)]), n_qubits="5", dt="0.5")
    assert found.num_qubits == 5
    assert found.dt == pytest.approx(5e-10)
    assert found["cx"][(0, 1)].duration == pytest.approx(3e-7)


def test_instruction_that_is_named_twice_is_there_once():
    pairs = configuration(DEVICES["local_5q"])["coupling_map"]
    found = target(
        calibration(),
        basis_gates=["cx", "x", "x", "cx"],
        supported_instructions=["if_else", "x", "measure", "if_else"],
        coupling_map=pairs + pairs,
    )
    assert {"x", "cx", "if_else", "measure"} <= set(found.operation_names)
    assert sorted(found["cx"]) == sorted(map(tuple, pairs))


def test_backend_without_a_calibration_has_an_ideal_target(bell):
    backend = IBMBackend(
        Provider(Refused("read the properties", "http://x", 404, "None.")), configuration(DEVICES["local_5q"])
    )
    assert backend.properties() is None
    assert set(backend.target["x"].values()) == {None}
    assert transpile(bell, backend).num_qubits == 5
