"""The devices of the local service err as their own calibration says."""

from datetime import UTC, datetime

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import CXGate, SXGate
from qiskit.quantum_info import Operator, SuperOp, average_gate_fidelity
from qiskit_aer import AerSimulator

from ibm_circuit_job.local.device_noise import decay, errors_of, model_of, noise_model, twirled
from ibm_circuit_job.local.devices import DEVICES, configuration, properties
from ibm_circuit_job.local.reduced import reduced

DEVICE = DEVICES["local_5q"]
CALIBRATION = properties(DEVICE, datetime(2026, 1, 1, tzinfo=UTC))
DT = configuration(DEVICE)["dt"] * 1e-9


def error_of(gate, operands):
    (found,) = (each for each in CALIBRATION["gates"] if (each["gate"], each["qubits"]) == (gate, list(operands)))
    return found["parameters"][0]["value"]


def time_of(name):
    return next(entry["value"] for entry in CALIBRATION["qubits"][0] if entry["name"] == name) * 1e-6


def waiting(seconds, *, plus):
    """Prepare 1, or +, and wait; the probability of 1, or +, then."""
    circuit = QuantumCircuit(1)
    circuit.h(0) if plus else circuit.x(0)
    circuit.delay(round(seconds / DT), 0, unit="dt")
    if plus:
        circuit.h(0)
    made = reduced(circuit, [0], DT)
    ((label, (qubit, waited)),) = made.delays.items()
    errors = errors_of({"gates": [], "qubits": CALIBRATION["qubits"]})
    noise = model_of(errors, [0], {label: (qubit, decay(errors.times[0], waited, is_pauli=False))})
    made.circuit.save_density_matrix()
    state = AerSimulator(method="density_matrix", noise_model=noise).run(made.circuit).result().data()["density_matrix"]
    return float(np.real(np.asarray(state)[0, 0] if plus else np.asarray(state)[1, 1]))


@pytest.mark.parametrize(("gate", "operands"), [(SXGate(), (0,)), (CXGate(), (0, 1)), (CXGate(), (1, 0))])
def test_gate_errs_by_its_gate_error(gate, operands):
    circuit = QuantumCircuit(len(operands))
    circuit.append(gate, operands)
    noisy = circuit.copy()
    noisy.save_superop()
    simulator = AerSimulator(method="superop", noise_model=noise_model(CALIBRATION))
    channel = simulator.run(noisy).result().data()["superop"]
    fidelity = average_gate_fidelity(SuperOp(channel), Operator(circuit))
    assert 1 - fidelity == pytest.approx(error_of(gate.name, operands), rel=1e-6)


@pytest.mark.parametrize("fraction", [0.1, 1.0, 3.0])
def test_one_decays_in_a_delay_by_its_t1(fraction):
    assert waiting(fraction * time_of("T1"), plus=False) == pytest.approx(np.exp(-fraction), rel=1e-3)


def test_superposition_decays_in_a_delay_by_its_t2():
    assert waiting(time_of("T2"), plus=True) == pytest.approx((1 + np.exp(-1)) / 2, rel=1e-3)


def test_delay_may_be_in_seconds():
    circuit = QuantumCircuit(1)
    circuit.delay(1.5, 0, unit="us")
    assert list(reduced(circuit, [0], DT).delays.values()) == [(0, pytest.approx(1.5e-6))]


def test_name_and_metadata_stay_with_delays():
    circuit = QuantumCircuit(1, 1, name="t1", metadata={"xval": 1e-6})
    circuit.delay(100, 0, unit="dt")
    circuit.measure(0, 0)
    made = reduced(circuit, [0], DT).circuit
    assert (made.name, made.metadata) == ("t1", {"xval": 1e-6})


def test_pauli_decay_has_the_fidelity_of_the_real_one():
    times, waited = (150e-6, 90e-6), 20e-6
    real = average_gate_fidelity(SuperOp(decay(times, waited, is_pauli=False)))
    assert average_gate_fidelity(SuperOp(decay(times, waited, is_pauli=True))) == pytest.approx(real, rel=1e-9)
    assert all(each > 0 for each in twirled(times, waited))


def test_gate_that_was_not_measured_loses_all():
    entry = {"name": "gate_error", "value": 1, "unit": ""}
    errors = errors_of({"gates": [{"gate": "cz", "qubits": [0, 1], "parameters": [entry]}], "qubits": [[], []]})
    assert errors.gates == {("cz", (0, 1)): 1.0}
    assert errors.readout == {0: (0.0, 0.0), 1: (0.0, 0.0)}


def test_readout_error_serves_where_the_two_parts_are_missing():
    entry = {"name": "readout_error", "value": 0.02, "unit": ""}
    assert errors_of({"gates": [], "qubits": [[entry]]}).readout == {0: (0.02, 0.02)}


def test_t2_counts_as_at_most_twice_t1():
    figures = [{"name": name, "value": value, "unit": "us"} for name, value in (("T1", 100), ("T2", 300))]
    assert errors_of({"gates": [], "qubits": [figures]}).times[0] == pytest.approx((100e-6, 200e-6))
