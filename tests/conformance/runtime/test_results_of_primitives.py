"""What the official client's own integration suite asks of results: shapes, kinds, shots and metadata.

Where a primitive exists twice, in the service and on the client's side, both are asked.
"""

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.circuit.library import UnitaryGate, iqp, real_amplitudes
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import PauliList, SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import EstimatorV2, SamplerV2, Session
from qiskit_ibm_runtime.executor import Executor
from qiskit_ibm_runtime.executor_estimator import Estimator
from qiskit_ibm_runtime.executor_sampler import Sampler
from qiskit_ibm_runtime.noise_learner import NoiseLearner
from qiskit_ibm_runtime.noise_learner_v3 import NoiseLearnerV3
from qiskit_ibm_runtime.quantum_program import QuantumProgram
from qiskit_ibm_runtime.results import NoiseLearnerV3Result, QuantumProgramItemResult, QuantumProgramResult
from samplomatic import build
from samplomatic.transpiler import generate_boxing_pass_manager
from samplomatic.utils import find_unique_box_instructions

SECONDS = 120
SAMPLERS, ESTIMATORS = [SamplerV2, Sampler], [EstimatorV2, Estimator]


def named(kind):
    return kind.__module__.split(".")[1]


@pytest.fixture(scope="module")
def ready(device):
    """Make a circuit one of the device's."""
    return generate_preset_pass_manager(backend=device, optimization_level=1, seed_transpiler=1).run


def with_options(primitive, **options):
    """Set options by their paths, as in ``execution__rep_delay``, which a user does with dots."""
    for path, value in {"execution__rep_delay": 0.0, **options}.items():
        *inside, name = path.split("__")
        at = primitive.options
        for each in inside:
            at = getattr(at, each)
        setattr(at, name, value)
    return primitive


def sampled(kind, mode, pubs, **options):
    result = with_options(kind(mode=mode), **options).run(pubs).result(timeout=SECONDS)
    assert isinstance(result, PrimitiveResult)
    assert isinstance(result.metadata, dict)
    assert len(result) == len(pubs)
    for pub in result:
        assert isinstance(pub, PubResult)
        assert isinstance(pub.data, DataBin)
        assert isinstance(pub.metadata, dict)
        assert all(isinstance(bits, BitArray) for bits in pub.data.values())
    return result


def phases():
    """Two qubits with two parameters."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.rz(Parameter("theta"), 0)
    circuit.rz(Parameter("lambda"), 1)
    circuit.measure_all()
    return circuit


@pytest.mark.parametrize("twirls", [False, True])
@pytest.mark.parametrize("kind", SAMPLERS, ids=named)
def test_pubs_have_their_shapes_and_metadata(kind, twirls, device, ready):
    circuits = [ready(phases()) for _ in range(2)]
    circuits[0].metadata, circuits[1].metadata = {"list": [1, 2, 3]}, {"tuple": (1, 2, 3)}
    shapes = [(5, 4), (3,)]
    pubs = [
        (circuit, np.random.default_rng(1).random((*shape, 2))) for circuit, shape in zip(circuits, shapes, strict=True)
    ]
    options = {"twirling__enable_gates": twirls, "default_shots": 100}
    result = sampled(kind, device, pubs, **options)
    assert [pub.data.meas.shape for pub in result] == shapes
    assert [pub.metadata["circuit_metadata"] for pub in result] == [{"list": [1, 2, 3]}, {"tuple": [1, 2, 3]}]


@pytest.mark.parametrize(
    ("number", "size", "shots"), [("auto", "auto", 1024), (5, "auto", 1000), (5, 3, 15), ("auto", 100, 1000)]
)
def test_twirling_decides_the_shots(number, size, shots, device, ready, bell):
    options = {"enable_gates": True, "num_randomizations": number, "shots_per_randomization": size}
    result = sampled(
        Sampler,
        device,
        [ready(bell)],
        default_shots=1000,
        **{f"twirling__{name}": value for name, value in options.items()},
    )
    assert result[0].data.meas.num_shots == shots


@pytest.mark.parametrize("kind", SAMPLERS, ids=named)
@pytest.mark.parametrize("way", ["options", "run", "pub", "pub-like"])
def test_shots_are_given_in_each_way(way, kind, device, ready, bell):
    circuit = ready(bell)
    sampler = with_options(kind(mode=device), **({"default_shots": 100} if way == "options" else {}))
    pub = {"pub": SamplerPub(circuit, shots=100), "pub-like": (circuit, None, 100)}.get(way, circuit)
    [result] = sampler.run([pub], **({"shots": 100} if way == "run" else {})).result(timeout=SECONDS)
    assert sum(result.data.meas.get_counts().values()) == result.data.meas.num_shots == 100


def registers(first, second, third, qubits, bits):
    """Three qubits in the state plus, and a measurement into registers of these sizes."""
    named = [ClassicalRegister(size, name) for name, size in (("a", first), ("b", second), ("c", third))]
    circuit = QuantumCircuit(QuantumRegister(3, "q"), *named)
    circuit.h(range(3))
    circuit.measure(qubits, bits)
    return circuit


@pytest.mark.parametrize("kind", SAMPLERS, ids=named)
def test_registers_have_their_bits(kind, device, ready):
    cases = [
        (registers(1, 2, 3, [0, 1, 2, 2], [0, 2, 4, 5]), {"a": {0, 1}, "b": {0, 2}, "c": {0, 6}}),
        (registers(1, 5, 3, [0, 1, 2, 2], [0, 2, 4, 5]), {"a": {0, 1}, "b": {0, 2, 24, 26}, "c": {0}}),
        (registers(1, 2, 3, [1], [5]), {"a": {0}, "b": {0}, "c": {0, 4}}),
        (registers(1, 2, 3, [0, 1, 2], [5, 5, 5]), {"a": {0}, "b": {0}, "c": {0, 4}}),
    ]
    result = sampled(kind, device, [ready(circuit) for circuit, _ in cases], default_shots=500)
    for pub, (_, expected) in zip(result, cases, strict=True):
        assert len(pub.data) == 3
        for name, outcomes in expected.items():
            counts = pub.data[name].get_int_counts()
            # Readout errs, but seldom.
            assert sum(counts.get(outcome, 0) for outcome in outcomes) > 425
            assert min(counts.get(outcome, 0) for outcome in outcomes) > 60


@pytest.mark.parametrize("kind", SAMPLERS, ids=named)
def test_order_of_measurements_is_that_of_the_circuit(kind, device, ready):
    circuit = QuantumCircuit(3, 3)
    angles = [Parameter(name) for name in "xy"]
    circuit.rx(angles[0], 0)
    circuit.rx(angles[1], 1)
    circuit.x(2)
    circuit.measure([0, 1, 2], [2, 1, 0])
    values = [[0.0, 0.0], [np.pi, 0.0], [0.0, np.pi]]
    result = sampled(kind, device, [(ready(circuit), values)], default_shots=200)
    found = [max(counts, key=counts.get) for counts in map(result[0].data.c.get_counts, range(3))]
    assert found == ["001", "101", "011"]


@pytest.mark.parametrize("kind", SAMPLERS, ids=named)
@pytest.mark.parametrize(("matrix", "bit"), [(np.eye(2), "0"), ([[0, 1], [1, 0]], "1")], ids=["identity", "x"])
def test_unitary_is_transpiled_and_run(matrix, bit, kind, device, ready):
    circuit = QuantumCircuit(1)
    circuit.append(UnitaryGate(matrix), [0])
    circuit.measure_all()
    counts = sampled(kind, device, [ready(circuit)], default_shots=100)[0].data.meas.get_counts()
    assert counts[bit] > 80


DECOUPLING = {
    "dynamical_decoupling__enable": True,
    "dynamical_decoupling__sequence_type": "XX",
    "dynamical_decoupling__extra_slack_distribution": "middle",
    "dynamical_decoupling__scheduling_method": "asap",
    "dynamical_decoupling__skip_reset_qubits": True,
}


@pytest.mark.parametrize("kind", SAMPLERS, ids=named)
@pytest.mark.parametrize("options", [{"execution__init_qubits": True, "execution__rep_delay": 0.00025}, DECOUPLING])
def test_options_of_a_sampler_are_taken(options, kind, device, ready, bell):
    counts = sampled(kind, device, [ready(bell)], default_shots=200, **options)[0].data.meas.get_counts()
    assert counts["00"] + counts["11"] > 170


@pytest.mark.parametrize("kind", ESTIMATORS, ids=named)
def test_observables_are_broadcast_over_parameters(kind, device, ready):
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    bell.rz(Parameter("phase"), 0)
    circuit = ready(bell)
    zz, xx = (
        SparsePauliOp.from_list(terms).apply_layout(circuit.layout)
        for terms in ([("ZZ", 1.0), ("II", 9.0)], [("XX", 1.0), ("II", 3.0)])
    )
    estimator = with_options(kind(mode=device))
    pubs = [(circuit, [[zz], [xx]], [[0], [np.pi]]), (circuit, [zz, xx], [[0], [np.pi]])]
    result = estimator.run(pubs, precision=0.05).result(timeout=SECONDS)
    assert np.abs(result[0].data.evs - np.array([[10.0, 10.0], [4.0, 2.0]])).max() < 0.5
    assert np.abs(result[1].data.evs - np.array([10.0, 2.0])).max() < 0.5
    assert result[1].data.stds.shape == (2,)


@pytest.mark.parametrize("kind", ESTIMATORS, ids=named)
def test_estimator_and_sampler_share_a_session(kind, device, ready, bell):
    first, second = (ready(real_amplitudes(num_qubits=2, reps=reps)) for reps in (2, 3))
    sums = [[("II", 1), ("IZ", 2), ("XI", 3)], [("IZ", 1)], [("ZI", 1), ("ZZ", 1)]]
    one, other, third = (
        SparsePauliOp.from_list(terms).apply_layout(circuit.layout)
        for terms, circuit in zip(sums, (first, second, first), strict=True)
    )
    angles, more, others = [0, 1, 1, 2, 3, 5], [0, 1, 1, 2, 3, 5, 8, 13], [1, 2, 3, 4, 5, 6]
    cases = [
        ([(first, one, [angles])], [(1,)]),
        ([(first, [one, third], [angles, others]), (second, other, more)], [(2,), ()]),
        ([(first, one, angles), (second, other, more), (first, third, others)], [(), (), ()]),
    ]
    with Session(backend=device) as session:
        estimator = with_options(kind(mode=session))
        for pubs, shapes in cases:
            job = estimator.run(pubs, precision=0.1)
            result = job.result(timeout=SECONDS)
            assert job.session_id == session.session_id
            assert [pub.data.evs.shape for pub in result] == shapes
            assert all(pub.metadata for pub in result)
        assert sampled(SamplerV2, session, [ready(bell)], default_shots=10)


def test_every_option_of_the_estimator_is_taken_together(device, ready):
    circuit = ready(iqp([[6, 5, 3], [5, 4, 5], [3, 5, 1]]))
    options = {
        "default_precision": 0.05,
        "default_shots": 400,
        "resilience_level": 1,
        "seed_estimator": 42,
        "resilience__measure_mitigation": True,
        "resilience__zne_mitigation": True,
        "resilience__zne__amplifier": "gate_folding_back",
        "resilience__zne__noise_factors": [3, 5],
        "resilience__zne__extrapolator": "linear",
        "resilience__pec_mitigation": False,
        "resilience__layer_noise_learning__max_layers_to_learn": 10,
        "resilience__layer_noise_learning__shots_per_randomization": 64,
        "resilience__layer_noise_learning__num_randomizations": 16,
        "resilience__layer_noise_learning__layer_pair_depths": [0, 1, 2, 4],
        "resilience__measure_noise_learning__num_randomizations": 32,
        "resilience__measure_noise_learning__shots_per_randomization": 100,
        "execution__init_qubits": True,
        "execution__rep_delay": 0.00025,
        "twirling__enable_gates": True,
        "twirling__enable_measure": True,
        "twirling__strategy": "active",
        "twirling__num_randomizations": 16,
        "twirling__shots_per_randomization": 100,
    }
    job = with_options(EstimatorV2(mode=device), **options).run([(circuit, SparsePauliOp("X" * circuit.num_qubits))])
    [pub] = job.result(timeout=SECONDS)
    assert (pub.data.evs.shape, pub.data.stds.shape) == ((), ())
    assert pub.metadata["shots"] == 1600


PASSED = {
    "str": "ciao",
    "float": 1.2,
    "int": 1,
    "bool": True,
    "none": None,
    "list": [1, 2, 3],
    "array": np.array([1.0, 2.0]),
    "nested": {"array": np.array([3.0, 4.0])},
}


@pytest.mark.parametrize("kind", ["circuit", "samplex"])
def test_executor_gives_back_inputs_arrays_and_data(kind, device, ready):
    circuit = ready(phases())
    values = np.random.default_rng(1).random((2, 3, 2))
    program = QuantumProgram(123, passthrough_data=PASSED)
    if kind == "circuit":
        program.append_circuit_item(circuit, circuit_arguments=values)
    else:
        boxing = generate_boxing_pass_manager(enable_gates=True, enable_measures=True, inject_noise_site="after")
        template, samplex = build(boxing.run(circuit))
        program.append_samplex_item(template, samplex=samplex, samplex_arguments={"parameter_values": values})
    executor = Executor(device)
    executor.options.execution.rep_delay = 0.0
    job = executor.run(program)
    assert job.inputs["options"] == executor.options
    assert isinstance(job.inputs["quantum_program"], QuantumProgram)
    assert job.inputs["schema_version"] == "v2.0"
    result = job.result(timeout=SECONDS)
    assert isinstance(result, QuantumProgramResult)
    [item] = result
    assert isinstance(item, QuantumProgramItemResult)
    names = {"meas"} if kind == "circuit" else {"meas", "measurement_flips.meas"}
    assert set(item.keys()) == names
    assert item["meas"].shape == (2, 3, 123, 2)
    if kind == "samplex":
        assert item["measurement_flips.meas"].shape == (2, 3, 1, 2)
    passed = dict(result.passthrough_data)
    assert np.array_equal(passed.pop("array"), PASSED["array"])
    assert np.array_equal(passed.pop("nested")["array"], PASSED["nested"]["array"])
    assert passed == {name: value for name, value in PASSED.items() if name not in {"array", "nested"}}


FEW = {"num_randomizations": 2, "shots_per_randomization": 50, "layer_pair_depths": [0, 1]}


@pytest.mark.parametrize(
    ("options", "layers"),
    [({"max_layers_to_learn": 1}, 1), ({"max_layers_to_learn": 0}, 0), ({"twirling_strategy": "all"}, 2)],
)
def test_noise_learner_says_its_options_and_kinds(options, layers, device, ready):
    circuits = [QuantumCircuit(2), QuantumCircuit(3)]
    circuits[0].cx(0, 1)
    for pair in ((0, 1), (1, 2), (0, 1)):
        circuits[1].cx(*pair)
    with Session(backend=device) as session:
        learner = NoiseLearner(mode=session, options=FEW | options)
        result = learner.run([ready(circuit) for circuit in circuits]).result(timeout=SECONDS)
    assert len(result.data) >= layers if layers else result.data == []
    for layer in result.data:
        assert isinstance(layer.circuit, QuantumCircuit)
        assert isinstance(layer.error.generators, PauliList)
        assert layer.circuit.num_qubits == len(layer.qubits) == layer.error.generators.num_qubits
        assert len(layer.error.generators) == len(layer.error.rates)
    assert result.metadata["backend"] == device.name
    assert result.metadata["input_options"] == (
        {"max_layers_to_learn": 4, "twirling_strategy": "active-accum"} | FEW | options
    )


def test_noise_learner_v3_learns_what_boxes_are_found(device):
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    for qubit, name in enumerate(("theta", "phi", "lambda")):
        circuit.rz(Parameter(name), qubit)
    circuit.measure_all()
    boxing = generate_preset_pass_manager(backend=device, optimization_level=0)
    boxing.post_scheduling = generate_boxing_pass_manager(enable_gates=True, enable_measures=True)
    instructions = find_unique_box_instructions(boxing.run(circuit))
    assert len(instructions) == 3
    learner = NoiseLearnerV3(device)
    for name, value in FEW.items():
        setattr(learner.options, name, value)
    job = learner.run(instructions)
    assert job.inputs["instructions"] == instructions
    result = job.result(timeout=SECONDS)
    assert all(isinstance(each, NoiseLearnerV3Result) for each in result)
    assert [each.metadata["learning_protocol"] for each in result] == ["lindblad", "lindblad", "trex"]
    maps = [each.to_pauli_lindblad_map() for each in result]
    assert [each.num_qubits for each in maps] == [len(instruction.qubits) for instruction in instructions]
    assert maps[2].num_terms == len(instructions[2].qubits)


SETS = 2000


def turned():
    """A qubit that is 1 where the angle is pi, and 0 where it is 0."""
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a"), 0)
    return circuit


@pytest.mark.parametrize("kind", SAMPLERS, ids=named)
def test_sampler_takes_two_thousand_sets_in_one_pub(kind, device, ready):
    circuit = turned()
    circuit.measure_all()
    values = np.tile([[0.0], [np.pi]], (SETS // 2, 1))
    [pub] = sampled(kind, device, [(ready(circuit), values)], default_shots=40)
    found = pub.data.meas.to_bool_array()[..., 0].mean(axis=-1)
    assert (found.round() == np.tile([0.0, 1.0], SETS // 2)).all()


@pytest.mark.parametrize("kind", ESTIMATORS, ids=named)
def test_estimator_takes_two_thousand_sets_in_one_pub(kind, device, ready):
    circuit = ready(turned())
    values = np.tile([[0.0], [np.pi]], (SETS // 2, 1))
    estimator = with_options(kind(mode=device), resilience__measure_mitigation=False)
    pub = (circuit, SparsePauliOp("Z").apply_layout(circuit.layout), values)
    [result] = estimator.run([pub], precision=0.25).result(timeout=SECONDS)
    assert (np.sign(result.data.evs) == np.tile([1.0, -1.0], SETS // 2)).all()
