"""mthree: readout errors are measured with our backend, and taken out of its counts."""

import mthree
import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile

SHOTS = 8000


@pytest.fixture
def ready(device):
    """Four qubits, all 0 or all 1, measured."""
    circuit = QuantumCircuit(4)
    circuit.h(0)
    for qubit in range(3):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return transpile(circuit, device, optimization_level=1, seed_transpiler=1)


def of_ends(distribution):
    return distribution.get("0000", 0) + distribution.get("1111", 0)


@pytest.mark.parametrize("method", ["independent", "balanced", "marginal"])
def test_correction_brings_counts_nearer_to_the_ideal(device, ready, method):
    qubits = mthree.utils.final_measurement_mapping(ready)
    mitigation = mthree.M3Mitigation(device)
    jobs = mitigation.cals_from_system(qubits, shots=SHOTS, method=method)
    counts = device.run(ready, shots=SHOTS).result().get_counts()
    corrected = of_ends(mitigation.apply_correction(counts, qubits))
    assert {job.status().name for job in jobs} == {"DONE"}
    # Each of four readouts is wrong in one of a hundred cases or more; errors of three cx remain.
    measured = of_ends(counts) / SHOTS
    assert measured < 0.97
    assert max(0.93, measured + 0.01) < corrected < 1.03


def test_calibration_is_that_of_the_device(device, calibrated):
    mitigation = mthree.M3Mitigation(device)
    mitigation.cals_from_system(range(5), shots=SHOTS, async_cal=False)
    for qubit, matrix in enumerate(mitigation.single_qubit_cals):
        expected = calibrated(qubit)
        for measured, probability in [(matrix[1, 0], expected.wrong_one), (matrix[0, 1], expected.wrong_zero)]:
            assert measured == pytest.approx(probability, abs=1e-3 + 5 * np.sqrt(probability / SHOTS))


def test_calibration_may_run_beside_the_program(device, ready):
    qubits = mthree.utils.final_measurement_mapping(ready)
    mitigation = mthree.M3Mitigation(device)
    mitigation.cals_from_system(qubits, shots=SHOTS, async_cal=True)
    counts = device.run(ready, shots=SHOTS).result().get_counts()
    value = mitigation.apply_correction(counts, qubits).expval()
    assert value == pytest.approx(1, abs=0.15)


def test_calibration_goes_to_a_file_and_back(device, ready, tmp_path):
    qubits = mthree.utils.final_measurement_mapping(ready)
    mitigation = mthree.M3Mitigation(device)
    mitigation.cals_from_system(qubits, shots=1000, async_cal=False)
    mitigation.cals_to_file(str(tmp_path / "calibration.json"))
    again = mthree.M3Mitigation(device)
    again.cals_from_file(str(tmp_path / "calibration.json"))
    for measured, read in zip(mitigation.single_qubit_cals, again.single_qubit_cals, strict=True):
        assert (measured is None and read is None) or np.allclose(measured, read)


def test_simulator_is_calibrated_to_no_errors(simulator):
    mitigation = mthree.M3Mitigation(simulator)
    mitigation.cals_from_system([0, 1], shots=200, async_cal=False)
    assert np.allclose(mitigation.single_qubit_cals[0], np.eye(2))


def test_examples_of_the_documentation_run(run_documented):
    run_documented("mthree")
