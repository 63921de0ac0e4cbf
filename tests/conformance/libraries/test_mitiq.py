"""mitiq: errors are extrapolated to zero, with circuits that run on our backend."""

import pytest
from mitiq import Executor, MeasurementResult, Observable, PauliString, zne
from qiskit import QuantumCircuit, transpile

SHOTS = 8000
LINEAR = zne.inference.LinearFactory([1, 3, 5])


@pytest.fixture
def circuit():
    """Ten cx that undo each other: without errors, both qubits end as 0."""
    wanted = QuantumCircuit(2)
    wanted.x(0)
    for _ in range(10):
        wanted.cx(0, 1)
    wanted.x(0)
    return wanted


@pytest.fixture
def execute(device):
    """Run circuits in one job, and return how often all qubits are 0."""

    def executed(circuits: list[QuantumCircuit]) -> list[float]:
        measured = [each.measure_all(inplace=False) for each in circuits]
        # Level 0 leaves the gates that undo each other where they are.
        ready = transpile(measured, device, optimization_level=0, initial_layout=[0, 1])
        counts = device.run(ready, shots=SHOTS).result().get_counts()
        return [each.get("00", 0) / SHOTS for each in (counts if isinstance(counts, list) else [counts])]

    return executed


def test_extrapolated_value_is_nearer_to_the_ideal(circuit, execute):
    (noisy,) = execute([circuit])
    mitigated = zne.execute_with_zne(circuit, Executor(execute, max_batch_size=10), factory=LINEAR)
    # The errors of ten cx are taken out; those of two readouts remain.
    assert noisy < 0.96
    assert noisy + 0.01 < mitigated < 1.03


def test_more_gates_mean_more_errors(circuit, execute):
    values = execute([zne.scaling.fold_gates_at_random(circuit, scale, seed=1) for scale in (1, 3, 5)])
    assert values[0] > values[1] > values[2]


def test_one_circuit_at_a_time_will_do(circuit, execute):
    def alone(each: QuantumCircuit) -> float:
        return execute([each])[0]

    mitigated = zne.execute_with_zne(circuit, alone, factory=LINEAR, scale_noise=zne.scaling.fold_global)
    assert execute([circuit])[0] < mitigated < 1.03


def test_observable_is_measured_by_bits(circuit, device):
    def bits(circuits: list[QuantumCircuit]) -> list[MeasurementResult]:
        ready = transpile(circuits, device, optimization_level=0, initial_layout=[0, 1])
        results = device.run(ready, shots=SHOTS, memory=True).result()
        return [
            MeasurementResult([[int(bit) for bit in reversed(shot)] for shot in results.get_memory(index)])
            for index in range(len(circuits))
        ]

    observable = Observable(PauliString("ZZ"))
    value = zne.execute_with_zne(circuit, bits, observable, factory=LINEAR)
    assert 0.8 < value.real < 1.05


def test_examples_of_the_documentation_run(run_documented):
    run_documented("mitiq")
