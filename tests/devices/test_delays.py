"""Delays become whole numbers of the device's unit of time, which is all that QPY has of them."""

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from ibm_circuit_job.devices.delays import with_delays_in_dt
from ibm_circuit_job.wire import typed_json

DT = 4e-9


def delays(circuit):
    found = []
    for each in circuit.data:
        if each.operation.name == "delay":
            found.append((each.operation.duration, each.operation.unit))
        for block in getattr(each.operation, "blocks", ()):
            found += delays(block)
    return found


@pytest.mark.parametrize(
    ("duration", "unit", "whole"),
    [(1, "us", 250), (2.5, "ns", 1), (1e-3, "s", 250_000), (8000, "ps", 2), (0.1, "ms", 25_000), (7, "dt", 7)],
)
def test_each_unit_becomes_whole_numbers_of_dt(duration, unit, whole):
    circuit = QuantumCircuit(1)
    circuit.delay(duration, 0, unit=unit)
    assert delays(with_delays_in_dt(circuit, DT)) == [(whole, "dt")]


def test_delays_inside_branches_and_loops_are_found():
    circuit = QuantumCircuit(2, 1, name="mine", metadata={"a": 1})
    with circuit.if_test((0, 1)) as otherwise:
        circuit.delay(1, 1, unit="us")
        with circuit.for_loop(range(2)):
            circuit.delay(2, 1, unit="us")
    with otherwise:
        circuit.x(0)
    circuit.delay(3, 0, unit="us")
    made = with_delays_in_dt(circuit, DT)
    assert delays(made) == [(250, "dt"), (500, "dt"), (750, "dt")]
    assert (made.name, made.metadata, made.num_clbits) == ("mine", {"a": 1}, 1)
    assert delays(circuit)[0] == (1, "us")


def test_circuit_without_other_delays_is_returned_itself():
    circuit = QuantumCircuit(1, 1)
    circuit.delay(5, 0, unit="dt")
    circuit.delay(Parameter("a"), 0, unit="us")
    with circuit.if_test((0, 1)):
        circuit.x(0)
    assert with_delays_in_dt(circuit, DT) is circuit


def test_such_delays_are_read_as_they_were_written():
    circuit = QuantumCircuit(2, 1)
    with circuit.if_test((0, 1)):
        circuit.delay(1.5, 1, unit="us")
    sent = typed_json.encode({"circuit": with_delays_in_dt(circuit, DT)})
    assert delays(typed_json.decode(sent, "params").unwrap()["circuit"]) == [(375, "dt")]
