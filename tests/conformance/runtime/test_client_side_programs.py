"""The official client's primitives that run quantum programs, and the sampler with its options, on our devices."""

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime import EstimatorV2, SamplerV2
from qiskit_ibm_runtime.executor import Executor
from qiskit_ibm_runtime.executor_estimator import Estimator
from qiskit_ibm_runtime.executor_sampler import Sampler
from qiskit_ibm_runtime.noise_learner import NoiseLearner
from qiskit_ibm_runtime.noise_learner_v3 import NoiseLearnerV3
from qiskit_ibm_runtime.quantum_program import QuantumProgram
from same_counts import SHOTS, SIGMAS, apart, circuits
from samplomatic import Twirl, build
from samplomatic.transpiler import generate_boxing_pass_manager

from ibm_circuit_job import IBMCircuitJob

SECONDS = 120


@pytest.fixture(scope="session")
def seeded(connect, services):
    return connect(services.seeded).backend("local_5q")


@pytest.fixture(scope="session")
def counted(seeded):
    """The counts of the twenty circuits by the sampler that runs in the service."""
    sampler = SamplerV2(mode=seeded, options={"execution": {"rep_delay": 0.0}})
    return [pub.data.meas.get_counts() for pub in sampler.run(circuits(), shots=SHOTS).result(timeout=SECONDS)]


def rotation():
    circuit = QuantumCircuit(2)
    angle = Parameter("a")
    circuit.sx(0)
    circuit.rz(angle, 0)
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


@pytest.mark.parametrize("twirling", [{}, {"enable_gates": True}, {"enable_gates": True, "enable_measure": True}])
def test_client_side_sampler_counts_alike(seeded, counted, twirling):
    sampler = Sampler(mode=seeded)
    sampler.options.execution.rep_delay = 0.0
    for name, value in twirling.items():
        setattr(sampler.options.twirling, name, value)
    job = sampler.run(circuits(), shots=SHOTS)
    theirs = job.result(timeout=SECONDS)
    ours = IBMCircuitJob.from_runtime_job(job).primitive_result()
    for mine, yours in zip(ours, theirs, strict=True):
        assert mine.data.meas.get_counts() == yours.data.meas.get_counts()
    counts = [pub.data.meas.get_counts() for pub in theirs]
    if twirling.get("enable_measure"):
        # Its readout errors are evened out, so its counts are others: of 8 randomizations of 64 shots each.
        assert [sum(each.values()) for each in counts] == [512] * 20
    else:
        assert apart(counts, counted) <= SIGMAS


@pytest.mark.parametrize("twirling", [{}, {"enable_gates": True}])
def test_sampler_of_the_service_counts_alike(seeded, counted, twirling):
    sampler = SamplerV2(mode=seeded, options={"execution": {"rep_delay": 0.0}, "twirling": twirling})
    theirs = sampler.run(circuits(), shots=SHOTS).result(timeout=SECONDS)
    assert apart([pub.data.meas.get_counts() for pub in theirs], counted) <= SIGMAS
    spans = theirs.metadata["execution"]["execution_spans"]
    assert spans.pub_idxs == [*range(20)]
    assert spans[0].mask(0).all()


@pytest.mark.parametrize("level", ["classified", "kerneled", "avg_kerneled", "both"])
def test_executor_runs_circuits_and_samplexes(seeded, level):
    circuit = rotation()
    angles = np.linspace(0.0, np.pi, 3).reshape(3, 1)
    template, samplex = build(generate_boxing_pass_manager().run(circuit))
    program = QuantumProgram(shots=400, meas_level=level, passthrough_data={"a": [1, angles]})
    program.append_circuit_item(circuit, circuit_arguments=angles)
    program.append_samplex_item(template, samplex=samplex, samplex_arguments={"parameter_values": angles}, shape=(5, 3))
    executor = Executor(seeded)
    executor.options.execution.rep_delay = 0.0
    job = executor.run(program)
    result = job.result(timeout=SECONDS)
    names = {"kerneled": {"meas_iq"}, "avg_kerneled": {"meas_avg_iq"}, "both": {"meas", "meas_iq"}}
    assert set(result[0]) == names.get(level, {"meas"})
    assert (result.passthrough_data["a"][1] == angles).all()
    assert len(result.metadata.chunk_timing) == 1
    ours = IBMCircuitJob.from_runtime_job(job).primitive_result()
    for mine, yours in zip(ours, result, strict=True):
        assert {name: array.tobytes() for name, array in mine.items()} == {
            name: array.tobytes() for name, array in yours.items()
        }
    if level == "classified":
        straight = result[1]["meas"] ^ result[1]["measurement_flips.meas"]
        expected = np.cos(angles[:, 0] / 2) ** 2
        assert np.abs(result[0]["meas"].mean(axis=1)[:, 0] - expected).max() < 0.15
        assert np.abs(straight.mean(axis=(0, 2))[:, 0] - expected).max() < 0.1


@pytest.mark.parametrize(
    ("resilience", "far"),
    [
        ({"measure_mitigation": False}, 0.12),
        ({"measure_mitigation": True}, 0.08),
        ({"measure_mitigation": True, "zne_mitigation": True}, 0.3),
    ],
    ids=["plain", "trex", "zne"],
)
def test_client_side_estimator_is_right(seeded, resilience, far):
    circuit = rotation().remove_final_measurements(inplace=False)
    estimator = Estimator(mode=seeded)
    estimator.options.execution.rep_delay = 0.0
    for name, value in resilience.items():
        setattr(estimator.options.resilience, name, value)
    job = estimator.run([(circuit, [[{"ZZ": 1.0}, {"IZ": 1.0}]], [[[0.0]], [[np.pi]]])], precision=0.03)
    evs = job.result(timeout=SECONDS)[0].data.evs
    assert np.abs(evs - np.array([[1.0, -1.0], [1.0, 1.0]])).max() < far
    ours = IBMCircuitJob.from_runtime_job(job).primitive_result()
    assert np.allclose(ours[0].data.evs, evs)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_estimator_of_the_service_is_right(seeded, level):
    circuit = rotation().remove_final_measurements(inplace=False)
    layout = SparsePauliOp(["ZZ", "IZ"], [1.0, 0.5])
    estimator = EstimatorV2(mode=seeded, options={"execution": {"rep_delay": 0.0}, "resilience_level": level})
    job = estimator.run([(circuit, [layout, "XX"], [[0.0], [np.pi]], 0.03)])
    [pub] = job.result(timeout=SECONDS)
    assert np.abs(pub.data.evs - np.array([0.5, 0.0])).max() < 0.2
    ours = IBMCircuitJob.from_runtime_job(job).primitive_result()
    assert np.allclose(ours[0].data.evs, pub.data.evs)
    assert np.allclose(ours[0].data.stds, pub.data.stds)


FEW = {"layer_pair_depths": [0, 2, 6], "num_randomizations": 4, "shots_per_randomization": 200}


def test_noise_learner_learns_the_layers_of_a_circuit(seeded):
    job = NoiseLearner(mode=seeded, options=FEW).run([rotation()])
    [layer] = job.result(timeout=SECONDS)
    assert layer.qubits == [0, 1]
    assert len(layer.error.generators) == 15
    # About the error of a cx and those of the twirls.
    assert 0.004 < layer.error.rates.sum() < 0.025
    [mine] = IBMCircuitJob.from_runtime_job(job).primitive_result()
    assert np.allclose(mine.rates, layer.error.rates)


def test_noise_learner_v3_learns_layers_and_readout(seeded):
    circuit = QuantumCircuit(QuantumRegister(5, "q"), ClassicalRegister(2, "c"))
    with circuit.box([Twirl()]):
        circuit.cx(3, 1)
    with circuit.box([Twirl()]):
        circuit.measure([1, 4], [0, 1])
    learner = NoiseLearnerV3(seeded)
    for name, value in FEW.items():
        setattr(learner.options, name, value)
    job = learner.run(circuit.data)
    layer, readout = job.result(timeout=SECONDS)
    rates = [each.to_pauli_lindblad_map().rates for each in (layer, readout)]
    assert 0.004 < rates[0].sum() < 0.025
    assert layer.metadata["learning_protocol"] == "lindblad"
    assert readout.metadata["learning_protocol"] == "trex"
    assert (rates[1] > 0).all()
    mine = IBMCircuitJob.from_runtime_job(job).primitive_result()
    assert np.allclose(mine[0].rates.sum(), rates[0].sum())
    assert np.allclose(mine[1].rates, rates[1])


def test_refusal_names_the_option(seeded):
    sampler = SamplerV2(mode=seeded, options={"execution": {"init_qubits": False}})
    job = sampler.run([circuits()[0]], shots=1)
    job.wait_for_final_state(timeout=SECONDS)
    assert "options.execution.init_qubits" in job.error_message()
