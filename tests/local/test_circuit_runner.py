"""The program ``circuit-runner``: what its result says besides the counts."""

from datetime import datetime

import pytest
from programs import body_of
from qiskit import QuantumCircuit


@pytest.mark.parametrize("backend", ["local_simulator", "local_5q", "local_heron"])
def test_result_says_when_it_was_made(backend):
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    body = body_of("circuit-runner", {"circuits": [circuit], "shots": 10}, backend=backend)
    assert datetime.fromisoformat(body["date"])
