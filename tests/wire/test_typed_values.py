"""Typed JSON of single values: what is built, and what a damaged one costs."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.result import Result as QiskitResult

from ibm_circuit_job.wire import typed_json
from ibm_circuit_job.wire.execution_spans import ExecutionSpan, ExecutionSpans

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


def typed(kind, value):
    return json.dumps({"x": {"__type__": kind, "__value__": value}}).encode()


def decoded(body):
    return typed_json.decode(body, "body").map(lambda built: built["x"])


@pytest.mark.parametrize(
    ("kind", "value", "built"),
    [("set", [1, 2], {1, 2}), ("complex", [1, 2], 1 + 2j), ("other", 5, {"__type__": "other", "__value__": 5})],
)
def test_value_is_built_by_its_type(kind, value, built):
    assert decoded(typed(kind, value)).unwrap() == built


def test_result_of_qiskit_is_built():
    body = {"backend_name": "b", "job_id": "a", "success": True, "results": []}
    assert isinstance(decoded(typed("Result", body)).unwrap(), QiskitResult)


@pytest.mark.parametrize(
    ("kind", "value"), [("ndarray", "?"), ("QuantumCircuit", "eJw="), ("Result", 5), ("complex", 5)]
)
def test_value_that_cannot_be_built_is_named(kind, value):
    failure = decoded(typed(kind, value)).failure()
    assert (failure.path.strip("."), f"expected a {kind}" in failure.message) == ("x", True)
    part = typed_json.decode_parts(typed(kind, value), "body").unwrap()["x"]
    assert part["__type__"] == kind


def test_items_of_an_array_of_objects_are_read():
    parts = typed_json.decode_parts(
        json.dumps([{"__type__": "ndarray", "__value__": each} for each in (["a", None], 0.5, "linear")]).encode(), "x"
    ).unwrap()
    assert parts[0].tolist() == ["a", None]
    assert parts[1] == np.array(0.5)
    assert parts[2] == "linear"


def test_span_counts_its_seconds_and_shots():
    span = ExecutionSpan(NOON, NOON + timedelta(seconds=4), (0,), 100)
    spans = ExecutionSpans((span, span))
    assert (span.duration, len(spans), [*spans], spans[1]) == (4.0, 2, [span, span], span)


@pytest.mark.parametrize(
    ("body", "problem"), [("%", "expected a file of circuits"), ("UUlTS0lU", "expected a file of circuits")]
)
def test_damaged_file_of_circuits_is_unreadable(body, problem):
    assert problem in typed_json.decode_circuits(body, 1).failure().message


def test_circuits_in_metadata_are_read_to_a_depth():
    circuit = QuantumCircuit(1)
    for _ in range(6):
        outer = QuantumCircuit(1)
        outer.metadata = {"inner": circuit}
        circuit = outer
    found = typed_json.decode_parts(typed_json.encode([circuit]), "x").unwrap()[0]
    depth = 0
    while isinstance(found, QuantumCircuit):
        found, depth = found.metadata["inner"], depth + 1
    assert depth < 6
    assert "metadata of more than 3 nested circuits" in found.problem
