"""What was submitted, read from the parameters of each program."""

import base64
import io
import json
from datetime import UTC, datetime

import numpy as np
import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter

from ibm_circuit_job import Job, JobInputs
from ibm_circuit_job.wire import inputs, typed_json

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


def sweep(name="sweep"):
    circuit = QuantumCircuit(1, 1, name=name)
    circuit.rx(Parameter("theta"), 0)
    circuit.measure(0, 0)
    return circuit


def job(params):
    raw = params if isinstance(params, bytes) else typed_json.encode(params)
    return Job("a", inputs=JobInputs(NOON, raw))


def qpy_text(*circuits):
    file = io.BytesIO()
    qpy.dump(circuits, file, version=13)
    return base64.b64encode(file.getvalue()).decode()


def program(items, schema_version="v0.2", **more):
    fields = {"schema_version": schema_version, "quantum_program": {"shots": 7, "items": items, **more}}
    return job(json.dumps(fields).encode())


VALUES = {"data": base64.b64encode(np.array([0.5]).tobytes()).decode(), "shape": [1], "dtype": "f64"}


def names(submitted):
    return [circuit.name for circuit in inputs.circuits(submitted)]


def test_circuits_of_every_program_are_read():
    assert names(job({"circuits": [sweep("a"), sweep("b")]})) == ["a", "b"]
    assert names(job({"circuits": sweep("a")})) == ["a"]
    assert names(job({"pubs": [[sweep("a"), np.array([0.5]), 20], [], 5]})) == ["a"]
    assert names(program([{"circuit": {"circuit_b64": qpy_text(sweep("a"))}}])) == ["a"]
    assert names(program([{}, {}], circuits={"b64_data": qpy_text(sweep("a"), sweep("b"))})) == ["a", "b"]


@pytest.mark.parametrize(
    "more", [{"circuits": {"b64_data": "%"}}, {"circuits": {"b64_data": qpy_text(sweep(), sweep())}}, {}]
)
def test_unreadable_circuit_of_a_program_leaves_its_place(more):
    assert inputs.sampled_names(program([{"circuit": {"circuit_b64": 5}}], **more)) == ("circuit-0",)


@pytest.mark.parametrize("params", [b"page", b"{}", b'{"pubs": 5}', b'{"quantum_program": 5}', b'{"circuits": 5}'])
def test_params_without_circuits_have_none(params):
    assert inputs.circuits(job(params)) == []


def test_values_of_parameters_are_those_of_the_pub_or_item():
    [(name, binding)] = inputs.named_bindings(job({"pubs": [[sweep(), np.array([[0.5]]), 20]]}))
    assert (name, binding.registers, binding.parameters) == ("sweep", ("c",), ("theta",))
    assert binding.values.tolist() == [[0.5]]
    item = {"circuit": {"circuit_b64": qpy_text(sweep())}, "circuit_arguments": VALUES}
    [(_, binding)] = inputs.named_bindings(program([item]))
    assert binding.values.tolist() == [0.5]
    [(_, binding)] = inputs.named_bindings(program([item | {"circuit_arguments": "x"}]))
    assert binding.values is None


def test_classic_job_needs_no_names():
    assert inputs.named_bindings(job({"circuits": [sweep()]})) == []


def test_params_that_are_no_object_are_unreadable():
    assert "expected an object, got a list" in inputs.params(job(b"[]")).failure().message
    assert inputs.params(Job("a")).unwrap() == {}


@pytest.mark.parametrize(
    ("params", "options"),
    [
        ({"shots": 5, "header": {"x": 1}, "circuits": []}, {"shots": 5}),
        ({"pubs": [["c", None, 5], ["d", None, 5]]}, {"shots": 5}),
        ({"pubs": [["c", None, 5], ["d", None, 6]]}, {}),
        ({"quantum_program": {"shots": 5}}, {"shots": 5}),
        (b'{"rep_delay": {"__type__": "ndarray", "__value__": "x"}, "memory": true}', {"memory": True}),
    ],
)
def test_options_are_all_else_with_the_shots(params, options):
    assert inputs.backend_options(job(params)) == options


@pytest.mark.parametrize(("params", "header"), [({"header": {"x": 1}}, {"x": 1}), ({"header": 5}, {}), ({}, {})])
def test_header_is_the_one_that_was_given(params, header):
    assert inputs.header(job(params)) == header
