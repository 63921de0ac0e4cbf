"""What a worker process makes of a job for the page: drawings and counts."""

import msgspec
import pytest
from known_circuits import bell
from programs import outcome_of
from qiskit import QuantumCircuit
from qiskit.circuit.library import XGate

from ibm_circuit_job.local.programs.showing import Asked, Shown
from ibm_circuit_job.wire import typed_json


def shown(params, result=None):
    asked = Asked(params if isinstance(params, bytes) else typed_json.encode(params), result)
    outcome = outcome_of("showing", msgspec.msgpack.encode(asked))
    assert outcome.succeeded, outcome.reason
    return msgspec.msgpack.decode(outcome.result, type=Shown)


@pytest.mark.parametrize(
    ("program", "params"),
    [
        ("circuit-runner", {"circuits": [bell()], "shots": 100}),
        ("sampler", {"pubs": [[bell(), None, 100]], "version": 2, "support_qiskit": True}),
    ],
)
def test_circuits_are_drawn_and_counted(program, params):
    result = outcome_of(program, params).result
    seen = shown(params, result)
    [circuit], [counted] = seen.circuits, seen.counts
    assert circuit["name"] == counted["name"] == bell().name
    assert "┤ H ├" in circuit["drawing"]
    assert sum(counted["counts"].values()) == 100


def test_expectation_values_are_said_in_words():
    circuit = QuantumCircuit(1)
    circuit.x(0)
    params = {"pubs": [[circuit, ["Z", "I"], None, 0.1]], "version": 2, "support_qiskit": True}
    params |= {"resilience_level": 0}
    [counted] = shown(params, outcome_of("estimator", params).result).counts
    assert (counted["counts"], counted["note"]) == ({}, "-1, 1")


@pytest.mark.parametrize(
    ("circuit", "size"),
    [(QuantumCircuit(41, name="wide"), "41 qubits, 0 operations"), (QuantumCircuit(1, name="deep"), "1 qubits, 301")],
)
def test_large_circuit_is_described_and_not_drawn(circuit, size):
    for _ in range(301 if circuit.name == "deep" else 0):
        circuit.x(0)
    [seen] = shown({"circuits": [circuit]}).circuits
    assert seen["drawing"] is None
    assert seen["note"].startswith(size)
    assert seen["note"].endswith("too large to be drawn")


def test_circuit_with_a_large_loop_or_a_long_label_is_not_drawn():
    body, loop, labelled = QuantumCircuit(1), QuantumCircuit(1, name="loop"), QuantumCircuit(1, name="labelled")
    for _ in range(300):
        body.x(0)
    loop.for_loop(range(2), None, body, [0], [])
    labelled.append(XGate(label="long" * 30), [0])
    seen = shown({"circuits": [loop, labelled]}).circuits
    assert [each["drawing"] for each in seen] == [None, None]
    assert all(each["note"].endswith("too large to be drawn") for each in seen)


def test_only_the_first_circuits_are_drawn():
    seen = shown({"circuits": [bell() for _ in range(5)]})
    assert (len(seen.circuits), seen.number_of_circuits) == (3, 5)


@pytest.mark.parametrize("params", [b"{}", b'{"circuits": 7}', b'{"pubs": [[]]}', b"[]", b"\xff"])
def test_params_without_a_circuit_show_none(params):
    assert shown(params, b"no result") == Shown()
