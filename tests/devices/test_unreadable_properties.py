"""What cannot be read of a backend's properties costs itself alone, and is named."""

from datetime import UTC, datetime

import pytest

from ibm_circuit_job.devices.properties import BackendProperties

DATE = "2024-02-03T04:00:00Z"
MEASURED = datetime(2024, 2, 3, 4, tzinfo=UTC)


def entry(name="T1", value=1.0, unit="us", date=DATE):
    return {"name": name, "value": value, "unit": unit, "date": date}


def gate(name="cx", qubits=(0, 1), *parameters, **fields):
    return {"gate": name, "qubits": list(qubits), "parameters": list(parameters), **fields}


def read(**fields):
    """The properties of a small document, with some of its fields as given."""
    small = {"backend_name": "ibm_x", "last_update_date": DATE, "qubits": [[entry()]], "gates": [gate("x", [0])]}
    return BackendProperties.from_dict(small | fields, UTC)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"backend_version": 1}, "backend_version: expected a string, got 1"),
        ({"last_update_date": None}, "last_update_date: expected a time in ISO 8601, got None"),
        ({"qubits": [[entry()], "ab"]}, "qubits[1]: expected a list, got 'ab'"),
        ({"qubits": [[entry()], [], [], ["a"]]}, "qubits[3][0]: expected an object, got 'a'"),
        ({"qubits": [[entry(), entry("T2", "x")]]}, "qubits[0][1].value: expected a number, got 'x'"),
        ({"qubits": [[entry(), entry("T2", None)]]}, "qubits[0][1].value: expected a number, got None"),
        ({"qubits": [[entry("T2", float("nan")), entry()]]}, "qubits[0][0].value: expected a finite number, got nan"),
        ({"qubits": [[entry("T2", 10**400), entry()]]}, "qubits[0][0].value: expected a number, got 1000"),
        ({"qubits": [[entry(date=None)]]}, "qubits[0][0].date: expected a time in ISO 8601, got None"),
        ({"qubits": [[entry(), entry(None)]]}, "qubits[0][1].name: expected a string, got None"),
        ({"qubits": [[entry(), entry("T2", unit=3)]]}, "qubits[0][1].unit: expected a string, got 3"),
        ({"qubits": [[entry(date="9999-12-31T23:59:59-12:00")]]}, "qubits[0][0].date: expected a time between"),
        ({"gates": [3, gate("x", [0])]}, "gates[0]: expected an object, got 3"),
        ({"gates": [gate("x", [0]), {"qubits": [0]}]}, "gates[1].gate: expected a string, got nothing"),
        ({"gates": [{"gate": "cx"}, gate("x", [0])]}, "gates[0].qubits: expected a list, got nothing"),
        ({"gates": [gate(qubits=(0, 1.5)), gate("x", [0])]}, "gates[0].qubits[1]: expected a whole number, got 1.5"),
        ({"gates": [gate("x", [0], 3)]}, "gates[0].parameters[0]: expected an object, got 3"),
        ({"gates": [gate("x", [0]) | {"parameters": "y"}]}, "gates[0].parameters: expected a list, got 'y'"),
        ({"gates": [gate("x", [0]) | {"name": {(1, 2): 3}}]}, "gates[0].name: expected a value that JSON can have"),
        ({"general": [entry(), 3]}, "general[1]: expected an object, got 3"),
        ({"general": 3}, "general: expected a list, got 3"),
        ({"site": {1: set(), (2,): 3}}, "site: expected a value that JSON can have"),
    ],
)
def test_unreadable_part_costs_itself_alone(fields, message):
    properties = read(**fields)
    assert len(properties.unreadable) == 1
    assert properties.unreadable[0].startswith(message)
    assert properties.t1(0) == 1e-6
    assert properties.gate_property("x", 0) == {}
    assert properties.last_update_date == MEASURED


def test_date_of_the_last_update_stands_for_an_unreadable_one():
    assert read(qubits=[[entry(date="soon")]]).qubit_property(0, "T1") == (1e-6, MEASURED)


def test_everything_readable_leaves_nothing_to_name():
    properties = read()
    assert properties.unreadable == ()
    assert "unreadable" not in properties.to_dict()


@pytest.mark.parametrize(("value", "works"), [(0, False), (False, False), ("false", False), (True, True), (None, True)])
def test_operational_may_be_a_truth_value(value, works):
    properties = read(qubits=[[entry(), entry("operational", value, "")]])
    assert properties.is_qubit_operational(0) is works
