"""qiskit-aer makes the noise of our devices out of our backend, as out of its calibration."""

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import CXGate, SXGate
from qiskit.quantum_info import Operator, SuperOp, average_gate_fidelity
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, thermal_relaxation_error

SHOTS = 4000


@pytest.fixture(scope="module")
def noise(device):
    return NoiseModel.from_backend(device)


def infidelity(noise, gate, operands):
    """One minus the average fidelity of a gate under the noise."""
    circuit = QuantumCircuit(len(operands))
    circuit.append(gate, operands)
    noisy = circuit.copy()
    noisy.save_superop()
    channel = AerSimulator(method="superop", noise_model=noise).run(noisy).result().data()["superop"]
    return 1 - average_gate_fidelity(SuperOp(channel), Operator(circuit))


def of_relaxation(properties, operands, seconds):
    """What a gate of that length errs at least, because its qubits relax."""
    errors = [thermal_relaxation_error(properties.t1(q), properties.t2(q), seconds) for q in operands]
    channel = SuperOp(errors[0])
    for error in errors[1:]:
        channel = channel.expand(SuperOp(error))
    return 1 - average_gate_fidelity(channel)


@pytest.mark.parametrize(("gate", "operands"), [(SXGate(), (0,)), (CXGate(), (0, 1)), (CXGate(), (1, 0))])
def test_gate_errs_as_the_calibration_says(device, noise, gate, operands):
    properties = device.properties()
    error, seconds = (read(gate.name, list(operands)) for read in (properties.gate_error, properties.gate_length))
    expected = max(error, of_relaxation(properties, operands, seconds))
    assert infidelity(noise, gate, operands) == pytest.approx(expected, rel=1e-3)


def test_readout_errs_as_the_calibration_says(device, noise):
    found = {
        each["gate_qubits"][0][0]: each["probabilities"]
        for each in noise.to_dict()["errors"]
        if each["type"] == "roerror"
    }
    assert sorted(found) == list(range(5))
    for qubit, matrix in found.items():
        value = device.properties().readout_error(qubit)
        assert np.mean([matrix[0][1], matrix[1][0]]) == pytest.approx(value)


def test_noise_of_the_target_is_that_of_the_properties(device, noise):
    of_properties = NoiseModel.from_backend_properties(device.properties(), dt=device.dt)
    assert sorted(of_properties.noise_instructions) == sorted(noise.noise_instructions)
    assert infidelity(of_properties, CXGate(), (0, 1)) == pytest.approx(infidelity(noise, CXGate(), (0, 1)))


def test_simulator_of_the_backend_counts_as_the_backend_does(device):
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    ready = transpile(circuit, device, optimization_level=1, seed_transpiler=1)
    simulated = AerSimulator.from_backend(device).run(ready, shots=SHOTS, seed_simulator=1).result().get_counts()
    counts = device.run(ready, shots=SHOTS, rep_delay=0.0).result().get_counts()
    for outcome in ("00", "01", "10", "11"):
        assert simulated[outcome] / SHOTS == pytest.approx(counts[outcome] / SHOTS, abs=0.05)
