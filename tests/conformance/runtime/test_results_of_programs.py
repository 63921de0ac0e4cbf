"""The results of every program: ours from the bytes that the official encoders wrote, beside the official client's."""

import json
import pickle

import numpy as np
import official_bodies as bodies
import pytest
from qiskit.quantum_info import PauliLindbladMap
from qiskit_ibm_runtime.executor_estimator.prepare import prepare as prepare_estimator
from qiskit_ibm_runtime.executor_estimator.utils import estimator_options_to_boxing_options
from qiskit_ibm_runtime.executor_sampler.prepare import prepare as prepare_sampler
from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions
from qiskit_ibm_runtime.options_models.sampler import SamplerOptions
from qiskit_mitigation import PEA, PEC
from samplomatic.annotations import InjectNoise
from samplomatic.utils import get_annotation

from ibm_circuit_job import ExecutorResult, IBMCircuitJob, IBMJobInvalidStateError, JobStore


def assert_same(ours, theirs, path="result"):
    """Compare nested metadata, arrays number by number."""
    if isinstance(ours, np.ndarray) or isinstance(theirs, np.ndarray):
        ours, theirs = np.asarray(ours), np.asarray(theirs)
        assert ours.shape == theirs.shape, path
        if theirs.dtype.kind in "fc":
            assert np.allclose(ours, theirs, rtol=1e-9, equal_nan=True), path
        else:
            assert np.array_equal(ours, theirs), path
    elif isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), path
        for name, part in theirs.items():
            assert_same(ours[name], part, f"{path}.{name}")
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), path
        for index, part in enumerate(theirs):
            assert_same(ours[index], part, f"{path}[{index}]")
    else:
        assert ours == theirs, path


def assert_same_result(ours, theirs):
    """Compare two ``PrimitiveResult``s."""
    assert len(ours) == len(theirs)
    for our_pub, their_pub in zip(ours, theirs, strict=True):
        assert list(our_pub.data) == list(their_pub.data)
        assert our_pub.data.shape == their_pub.data.shape
        for name, data in their_pub.data.items():
            found = our_pub.data[name]
            if data is None:
                assert found is None
            else:
                assert_same(getattr(found, "array", found), getattr(data, "array", data), name)
                assert getattr(found, "num_bits", None) == getattr(data, "num_bits", None)
        assert_same(our_pub.metadata, their_pub.metadata)
    # Theirs is an object of the executor's own metadata, which is compared below.
    assert_same(
        *({name: part for name, part in each.metadata.items() if name != "executor"} for each in (ours, theirs))
    )


def ours(job):
    return IBMCircuitJob.from_runtime_job(job)


@pytest.mark.parametrize(
    "job",
    [
        bodies.sampler_job,
        bodies.kerneled_job,
        lambda: bodies.kerneled_job(averaged=True),
        bodies.estimator_job,
    ],
    ids=["sampler", "kerneled", "averaged", "estimator"],
)
def test_primitive_result_is_theirs(job):
    theirs = job()
    assert_same_result(ours(theirs).primitive_result(), theirs.result())


def test_counts_of_a_sampler_are_those_of_its_registers():
    theirs = bodies.sampler_job()
    result = ours(theirs).result()
    sweep, registers = theirs.result()
    assert result.get_counts(bodies.rotation()) == [sweep.data.meas.get_counts(index) for index in range(3)]
    assert result.get_counts("pair") == {
        f"{b} {a}": number
        for (a, b), number in _pairs(registers.data.a.get_bitstrings(), registers.data.b.get_bitstrings()).items()
    }
    header = result.results[2].header
    assert (header["pub_index"], header["pub_shape"], header["index"]) == (0, [3], [2])
    assert header["parameters"] == {"phi": 0.8, "theta": 1.0}


def _pairs(first, second):
    counted = {}
    for pair in zip(first, second, strict=True):
        counted[pair] = counted.get(pair, 0) + 1
    return counted


def test_spans_are_the_official_objects_and_go_to_json():
    theirs = bodies.sampler_job()
    result = ours(theirs).result()
    spans = result.metadata["execution"]["execution_spans"]
    assert spans == theirs.result().metadata["execution"]["execution_spans"]
    plain = json.loads(json.dumps(result.to_dict()))["metadata"]["execution"]["execution_spans"]["spans"]
    assert [(span["pub_idxs"], span["size"]) for span in plain] == [([0], 150), ([1], 50)]
    assert pickle.loads(pickle.dumps(result)).metadata["execution"]["execution_spans"] == spans


@pytest.mark.parametrize(
    ("twirling", "kind"),
    [
        ({}, "classified"),
        ({}, "kerneled"),
        ({}, "avg_kerneled"),
        ({"enable_gates": True}, "classified"),
        ({"enable_gates": True}, "kerneled"),
        ({"enable_gates": True}, "avg_kerneled"),
        ({"enable_measure": True}, "classified"),
        ({"enable_gates": True, "enable_measure": True}, "classified"),
    ],
)
def test_client_side_sampler_is_processed_as_theirs(twirling, kind):
    options = SamplerOptions()
    options.execution.meas_type = kind
    for name, value in twirling.items():
        setattr(options.twirling, name, value)
    if twirling:
        options.twirling.num_randomizations, options.twirling.shots_per_randomization = 4, 8
    pubs = [(bodies.rotation(), np.linspace(0, 1, 6).reshape(3, 2)), (bodies.rotation(), [0.1, 0.2])]
    program, _ = prepare_sampler(pubs, options, shots=32)
    theirs = bodies.measured_job(program, role="sampler_v2")
    job = ours(theirs)
    assert_same_result(job.primitive_result(), theirs.result())
    assert len(job.circuits()) == 2
    result = job.result()
    assert [experiment.header["pub_index"] for experiment in result.results] == [0, 0, 0, 1]
    assert result.results[0].header["metadata"] == {"mine": 1}
    if kind == "classified":
        assert result.get_counts(3) == theirs.result()[1].data.meas.get_counts()
    else:
        assert np.allclose(result.get_memory(3), theirs.result()[1].data.meas)


PAULIS = [[{"ZZ": 0.5, "XI": -1.0}], [{"ZI": 1.0, "XY": 0.25}]]
PROJECTORS = [[{"ZZ": 0.5, "XI": -1.0}], [{"01": 1.0, "+Y": 0.25}], [{"II": 1.0, "r-": 0.5}]]


def noise_model(task):
    """Noise of each layer that two-qubit gates are in."""
    boxing = estimator_options_to_boxing_options(EstimatorOptions().twirling, True, True, False)
    circuit = bodies.rotation().remove_final_measurements(inplace=False)
    return [
        (layer, PauliLindbladMap.from_list([("XX", 0.05), ("ZZ", 0.02)]))
        for layer in task().find_unique_layers(circuit, boxing)
        if get_annotation(layer.operation, InjectNoise) is not None
    ]


@pytest.mark.parametrize(
    ("observables", "resilience", "more"),
    [
        (PROJECTORS, {"measure_mitigation": False}, {}),
        (PROJECTORS, {"measure_mitigation": False}, {"enable_gates": True, "enable_measure": True}),
        (PAULIS, {"measure_mitigation": True}, {}),
        (PAULIS, {"measure_mitigation": True, "zne_mitigation": True}, {}),
        (PROJECTORS, {"measure_mitigation": False, "zne_mitigation": True}, {"noise_factors": (1, 3, 5, 7)}),
        (PAULIS, {"measure_mitigation": True, "pec_mitigation": True}, {}),
        (PAULIS, {"measure_mitigation": True, "zne_mitigation": True}, {"amplifier": "pea"}),
    ],
    ids=["plain", "twirled", "trex", "zne", "double exponential", "pec", "pea"],
)
def test_client_side_estimator_is_processed_as_theirs(observables, resilience, more):
    options = EstimatorOptions()
    for name, value in resilience.items():
        setattr(options.resilience, name, value)
    for name in ("enable_gates", "enable_measure"):
        if name in more:
            setattr(options.twirling, name, more[name])
    if "noise_factors" in more:
        options.resilience.zne.noise_factors = more["noise_factors"]
        options.resilience.zne.extrapolator = ("double_exponential", "polynomial_degree_2", "linear")
    if "amplifier" in more:
        options.resilience.zne.amplifier = more["amplifier"]
        options.resilience.layer_noise_model = noise_model(PEA)
    if "pec_mitigation" in resilience:
        options.resilience.layer_noise_model = noise_model(PEC)
    circuit = bodies.rotation().remove_final_measurements(inplace=False)
    pubs = [(circuit, observables, np.linspace(0, 1, 4).reshape(2, 2)), (circuit, {"ZZ": 1.0}, [0.1, 0.2])]
    program, _ = prepare_estimator(pubs, options, precision=0.1)
    theirs = bodies.measured_job(program, role="estimator_v2")
    job = ours(theirs)
    assert_same_result(job.primitive_result(), theirs.result())
    assert len(job.circuits()) == len(program.items)


@pytest.mark.parametrize("version", bodies.VERSIONS)
def test_executor_of_every_version_has_their_arrays(version):
    items = [
        {"c": bodies.random_bits(3, 4, 20, 3), "d": bodies.random_bits(4, 4, 20, 5)},
        {"c": bodies.random_bits(5, 20, 3)},
    ]
    passed = {"a": [1, np.arange(3.0)], "b": None}
    theirs = bodies.their_job("executor", "{}", bodies.executor_body(version, items, passthrough_data=passed))
    job, expected = ours(theirs), theirs.result()
    found = job.primitive_result()
    assert isinstance(found, ExecutorResult)
    assert found.schema_version == version
    for item, wanted in zip(found, expected, strict=True):
        assert_same(dict(item), dict(wanted))
    if version != "v0.1":
        assert_same(found.passthrough_data, expected.passthrough_data)
    [chunk], [wanted] = found.metadata["chunk_timing"], expected.metadata.chunk_timing
    assert (chunk["start"], chunk["stop"]) == (wanted.start, wanted.stop)
    assert pickle.loads(pickle.dumps(found)) == found
    result = job.result()
    assert len(result.results) == 5
    counted = result.get_counts(4)
    assert counted == {f"{value:03b}": number for value, number in enumerate(_counts(items[1]["c"])) if number}
    assert theirs._api_client.calls.count("job_results") == 2  # theirs, and one of ours


def _counts(bits):
    return np.bincount(bits @ np.array([1, 2, 4]), minlength=8)


def test_noise_learner_has_their_rates():
    theirs = bodies.noise_learner_job()
    learned, nothing = ours(theirs).primitive_result()
    [layer, _] = theirs.result()
    assert learned.circuit == layer.circuit
    assert [*learned.qubits] == layer.qubits
    assert_same(learned.rates, layer.error.rates)
    labels = [_label(*generator[0], learned.num_qubits) for generator in learned.generators]
    assert labels == layer.error.generators.to_labels()
    assert nothing.rates is None


def _label(letters, qubits, size):
    placed = dict(zip(qubits, letters, strict=True))
    return "".join(placed.get(qubit, "I") for qubit in reversed(range(size)))


def test_noise_learner_v3_has_their_rates():
    theirs = bodies.noise_learner_v3_job()
    [learned] = ours(theirs).primitive_result()
    [layer] = theirs.result()
    assert_same(learned.rates, layer._rates)
    assert_same(learned.rates_std, layer._rates_std)
    assert learned.generators == ((("XZ", (0, 1)),), (("Y", (1,)),))
    assert learned.metadata["learning_protocol"] == "lindblad"


@pytest.mark.parametrize("job", [bodies.estimator_job, bodies.noise_learner_job, bodies.noise_learner_v3_job])
def test_job_without_counts_says_where_its_result_is(job, tmp_path):
    theirs = job()
    job = ours(theirs)
    with JobStore(tmp_path / "jobs.sqlite") as store:
        job.keep_in(store)
        with pytest.raises(IBMJobInvalidStateError, match=r"primitive_result\(\)"):
            job.result()
        [back] = store.jobs()
        assert len(back.primitive_result()) == len(job.primitive_result())
    assert theirs._api_client.calls.count("job_results") == 1
