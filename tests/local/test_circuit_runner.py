"""The program ``circuit-runner``: what its result says besides the counts."""

from datetime import datetime

import pytest
from programs import body_of
from qiskit import QuantumCircuit
from qiskit.circuit.library import QFTGate
from qiskit_aer import AerSimulator


@pytest.mark.parametrize("backend", ["local_simulator", "local_5q", "local_heron"])
def test_result_says_when_it_was_made(backend):
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    body = body_of("circuit-runner", {"circuits": [circuit], "shots": 10}, backend=backend)
    assert datetime.fromisoformat(body["date"])


def test_composite_gate_is_taken_apart_without_a_new_target(monkeypatch):
    made = []
    target = AerSimulator.target.fget
    monkeypatch.setattr(AerSimulator, "target", property(lambda simulator: made.append(1) or target(simulator)))
    circuit = QuantumCircuit(2, 2)
    circuit.append(QFTGate(2), [0, 1])
    circuit.append(QFTGate(2).inverse(), [0, 1])
    circuit.x(0)
    circuit.measure([0, 1], [0, 1])
    body = body_of("circuit-runner", {"circuits": [circuit], "shots": 10})
    assert body["results"][0]["data"]["counts"] == {"0x1": 10}
    assert not made
