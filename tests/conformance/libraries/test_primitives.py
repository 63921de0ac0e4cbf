"""Primitives and sessions of qiskit-ibm-runtime, and of qiskit, on our backend.

The official client runs what is no backend of its own in its local mode: ``BackendSamplerV2`` and
``BackendEstimatorV2`` of qiskit, which call ``backend.run()``. Sessions have no ID there.
"""

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Parameter
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime import Batch, EstimatorV2, SamplerV2, Session
from qiskit_ibm_runtime.exceptions import IBMInputValueError

SHOTS = 4000
OBSERVABLES = [SparsePauliOp("ZZ"), SparsePauliOp("XX"), SparsePauliOp("ZI")]
ANGLES = np.linspace(0, np.pi, 5)

SAMPLERS = {
    "runtime": lambda backend: SamplerV2(mode=backend),
    "qiskit": lambda backend: BackendSamplerV2(backend=backend),
}
ESTIMATORS = {
    "runtime": lambda backend: EstimatorV2(mode=backend),
    "qiskit": lambda backend: BackendEstimatorV2(backend=backend),
}
samplers = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
estimators = pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)


@pytest.fixture
def rotated():
    """One qubit, turned by an angle."""
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("angle"), 0)
    return circuit


def ready(circuit, backend):
    return transpile(circuit, backend, optimization_level=1, seed_transpiler=1)


def on_device(observables, circuit):
    return [each.apply_layout(circuit.layout, circuit.num_qubits) for each in observables]


@samplers
def test_sampled_bell_pair_has_two_outcomes(simulator, pair, sampler):
    job = sampler(simulator).run([ready(pair.measure_all(inplace=False), simulator)], shots=SHOTS)
    counts = job.result()[0].data.meas.get_counts()
    assert set(counts) == {"00", "11"}
    assert counts["00"] == pytest.approx(SHOTS / 2, abs=5 * np.sqrt(SHOTS) / 2)
    assert sum(counts.values()) == SHOTS


@samplers
def test_sampled_bits_are_those_of_their_registers(simulator, sampler):
    circuit = QuantumCircuit(QuantumRegister(3), ClassicalRegister(2, "first"), ClassicalRegister(1, "second"))
    circuit.x(1)
    circuit.measure([0, 1, 2], [0, 1, 2])
    (pub,) = sampler(simulator).run([circuit], shots=10).result()
    assert (pub.data.first.get_counts(), pub.data.second.get_counts()) == ({"10": 10}, {"0": 10})


@samplers
def test_sampled_device_shows_its_noise(device, pair, sampler):
    job = sampler(device).run([ready(pair.measure_all(inplace=False), device)], shots=SHOTS)
    counts = job.result()[0].data.meas.get_counts()
    assert 0.9 < (counts["00"] + counts["11"]) / SHOTS < 0.998
    assert set(counts) == {"00", "01", "10", "11"}


@samplers
def test_sampled_parameters_are_swept_in_one_pub(simulator, rotated, sampler):
    pub = (ready(rotated.measure_all(inplace=False), simulator), ANGLES)
    bits = sampler(simulator).run([pub], shots=SHOTS).result()[0].data.meas
    ones = [bits.get_counts(index).get("1", 0) / SHOTS for index in range(len(ANGLES))]
    assert np.allclose(ones, np.sin(ANGLES / 2) ** 2, atol=5 * 0.5 / np.sqrt(SHOTS))


@estimators
def test_estimated_bell_pair_has_its_expectation_values(simulator, pair, estimator):
    job = estimator(simulator).run([(pair, OBSERVABLES)], precision=1 / np.sqrt(SHOTS))
    assert np.allclose(job.result()[0].data.evs, [1, 1, 0], atol=5 / np.sqrt(SHOTS))


@estimators
def test_estimated_device_shows_its_noise(device, pair, estimator):
    circuit = ready(pair, device)
    job = estimator(device).run([(circuit, on_device(OBSERVABLES, circuit))], precision=1 / np.sqrt(SHOTS))
    values = job.result()[0].data.evs
    assert all(0.85 < value < 0.996 for value in values[:2])
    assert values[2] == pytest.approx(0, abs=0.12)


@estimators
def test_estimated_parameters_are_swept_in_one_pub(simulator, rotated, estimator):
    job = estimator(simulator).run([(rotated, SparsePauliOp("Z"), ANGLES)], precision=1 / np.sqrt(SHOTS))
    assert np.allclose(job.result()[0].data.evs, np.cos(ANGLES), atol=5 / np.sqrt(SHOTS))


@pytest.mark.parametrize("kind", [Session, Batch])
def test_session_runs_primitives_on_our_backend(device, pair, kind):
    circuit = ready(pair, device)
    with kind(backend=device) as session:
        sampled = SamplerV2(mode=session).run([ready(pair.measure_all(inplace=False), device)], shots=SHOTS)
        estimated = EstimatorV2(mode=session).run([(circuit, on_device(OBSERVABLES, circuit))])
        counts = sampled.result()[0].data.meas.get_counts()
        assert 0.9 < (counts["00"] + counts["11"]) / SHOTS < 0.998
        assert 0.85 < estimated.result()[0].data.evs[0] < 0.996
        assert session.session_id is None
    assert sampled.backend().name == "local_5q"


def test_session_is_found_by_primitives_without_a_mode(device, pair):
    with Session(backend=device):
        job = SamplerV2().run([ready(pair.measure_all(inplace=False), device)], shots=100)
    assert job.result()[0].data.meas.num_shots == 100


def test_untranspiled_circuit_is_refused_before_sending(device, pair):
    with pytest.raises(IBMInputValueError, match="not supported by the target"):
        SamplerV2(mode=device).run([pair.measure_all(inplace=False)])


def test_examples_of_the_documentation_run(run_documented):
    run_documented("qiskit-ibm-runtime")
