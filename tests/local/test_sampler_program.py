"""The program ``sampler``: each option changes what comes back, is refused by its name, or is said in the metadata."""

import msgspec
import numpy as np
import pytest
from ibm_quantum_schemas.sampler.version_0_1 import PrimitiveResultWrapperModel
from programs import NOON, body_of, outcome_of, result_of
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, pauli_error

from ibm_circuit_job.local.device_noise import noise_model
from ibm_circuit_job.local.devices import DEVICES, properties
from ibm_circuit_job.local.programs.twirling import randomizations
from ibm_circuit_job.wire import typed_json

ANGLES = np.linspace(0.0, np.pi, 6).reshape(3, 2, 1)


def rotation():
    circuit = QuantumCircuit(2, metadata={"mine": 1})
    circuit.rx(Parameter("a"), 0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def params(*pub, **options):
    return {"pubs": [list(pub or (rotation(), ANGLES, 500))], "version": 2, "support_qiskit": True, "options": options}


def ones(result, register="meas"):
    """How often the first bit of the only pub is 1, for each set of parameters."""
    return result[0].data[register].to_bool_array("little")[..., 0].mean(axis=-1)


def assert_right(found, shots=500):
    expected = np.sin(ANGLES[..., 0] / 2) ** 2
    assert (np.abs(found - expected) <= 5 * np.sqrt(expected * (1 - expected) / shots) + 1e-9).all()


def test_result_is_that_of_the_published_model():
    body = body_of("sampler", params())
    metadata = PrimitiveResultWrapperModel.model_validate(body).value_.metadata
    [span] = metadata.execution.execution_spans.value_.spans
    assert span.value_.data_slices == {0: [[3, 2, 500], 0, 6, 0, 500]}
    assert_right(ones(result_of("sampler", params())))


def test_default_shots_are_those_of_pubs_without_any():
    result = result_of("sampler", params(rotation(), ANGLES, default_shots=30))
    assert result[0].data.meas.num_shots == 30


@pytest.mark.parametrize(
    ("twirling", "rounds"),
    [
        ({"enable_gates": True}, 8),
        ({"enable_measure": True}, 8),
        ({"enable_gates": True, "num_randomizations": 3}, 3),
        ({"enable_gates": True, "shots_per_randomization": 100}, 5),
        ({"enable_gates": True, "strategy": "all", "num_randomizations": 2, "shots_per_randomization": 250}, 2),
    ],
)
def test_twirling_keeps_the_counts_right(twirling, rounds):
    given = params(twirling=twirling)
    result = result_of("sampler", given)
    assert_right(ones(result))
    assert result[0].data.meas.num_shots == 500
    assert result[0].metadata["num_randomizations"] == rounds
    spans = PrimitiveResultWrapperModel.model_validate(body_of("sampler", given)).value_.metadata.execution
    [span] = spans.execution_spans.value_.spans
    size = randomizations(
        500, twirling.get("num_randomizations", "auto"), twirling.get("shots_per_randomization", "auto")
    )
    assert span.value_.data_slices == {0: [[rounds, 3, 2, size[1]], True, 0, 6 * rounds, 0, size[1], 500]}


def test_measurement_twirling_evens_out_readout():
    # Without it a 0 is read as 1 less often than a 1 as 0.
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.measure_all()

    def wrong(**twirling):
        given = params(circuit, None, 20_000, twirling=twirling)
        return 1 - ones(result_of("sampler", given, backend="local_5q"))

    plain, twirled = wrong(), wrong(enable_measure=True, num_randomizations=200)
    assert twirled < plain - 0.001


SHOTS_OF_AER = 8_000


def test_counts_on_a_device_agree_with_those_of_aer():
    circuits = same_circuits()
    pubs = [[circuit, None, 500] for circuit in circuits]
    ours = result_of("sampler", {"pubs": pubs, "support_qiskit": True}, backend="local_5q")
    device = AerSimulator(noise_model=noise_model(properties(DEVICES["local_5q"], NOON)))
    theirs = device.run(circuits, shots=SHOTS_OF_AER, seed_simulator=3).result()
    for pub, circuit in zip(ours, circuits, strict=True):
        mine, yours = pub.data.meas.get_counts(), theirs.get_counts(circuit)
        for outcome in mine.keys() | yours.keys():
            expected = (mine.get(outcome, 0) + yours.get(outcome, 0)) / (500 + SHOTS_OF_AER)
            sigma = np.sqrt(expected * (1 - expected) * (1 / 500 + 1 / SHOTS_OF_AER))
            assert abs(mine.get(outcome, 0) / 500 - yours.get(outcome, 0) / SHOTS_OF_AER) <= 5 * sigma


def same_circuits():
    """Return twenty circuits of the gates of ``local_5q``."""
    chance, found = np.random.default_rng(20), []
    for number in range(20):
        circuit = QuantumCircuit(5, name=f"circuit {number}")
        for _ in range(20):
            pair = [(0, 1), (1, 0), (1, 2), (3, 1), (3, 4)][chance.integers(5)]
            circuit.rz(chance.uniform(0.0, 6.0), pair[0])
            circuit.sx(pair[1])
            circuit.cx(*pair)
        circuit.measure_all()
        found.append(circuit)
    return found


@pytest.mark.parametrize("kind", ["kerneled", "avg_kerneled"])
@pytest.mark.parametrize("twirling", [{}, {"enable_gates": True}])
def test_measurement_types_have_points(kind, twirling):
    data = result_of("sampler", params(execution={"meas_type": kind}, twirling=twirling))[0].data.meas
    assert data.shape == ((3, 2, 500, 2) if kind == "kerneled" else (3, 2, 2))
    averaged = data.mean(axis=2) if kind == "kerneled" else data
    assert np.abs(averaged[0, 0] - 1).max() < 0.1
    assert np.abs(averaged[2, 1] + 1).max() < 0.1


def test_seed_and_noise_of_the_simulator_count():
    flips = NoiseModel()
    flips.add_all_qubit_quantum_error(pauli_error([("X", 1.0)]), ["rx"])

    def sampled(**simulator):
        return ones(result_of("sampler", params(simulator=simulator), seed=None)).tolist()

    assert sampled(seed_simulator=1) == sampled(seed_simulator=1) != sampled(seed_simulator=2)
    assert sampled(noise_model=flips)[0][0] == 1.0


def test_decoupling_is_said_to_do_nothing():
    plain = result_of("sampler", params())
    decoupled = result_of("sampler", params(dynamical_decoupling={"enable": True}))
    assert (ones(plain) == ones(decoupled)).all()
    assert decoupled[0].metadata["dynamical_decoupling"].startswith("not applied")
    assert plain[0].metadata == {"circuit_metadata": {"mine": 1}}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"default_shots": 0}, "options.default_shots: Input should be greater than or equal to 1"),
        ({"execution": {"init_qubits": False}}, "options.execution.init_qubits: expected true"),
        ({"execution": {"rep_delay": 0.1}}, "options.execution.rep_delay: expected 0 to 0.0005 seconds, got 0.1"),
        ({"execution": {"meas_type": "loud"}}, "options.execution.meas_type: Input should be"),
        ({"twirling": {"strategy": "none"}}, "options.twirling.strategy: Input should be"),
        (
            {"twirling": {"enable_measure": True}, "execution": {"meas_type": "kerneled"}},
            "options.twirling.enable_measure: expected false where meas_type is 'kerneled'",
        ),
        ({"simulator": {"coupling_map": [[0, 1]]}}, "options.simulator.coupling_map: expected null"),
        ({"experimental": {"fast": True}}, "options.experimental.fast: not known here"),
        ({"louder": 1}, "options.louder: Extra inputs are not permitted"),
    ],
)
def test_refusal_names_the_option(options, reason):
    outcome = outcome_of("sampler", params(**options))
    assert outcome.result is None
    assert reason in outcome.reason


def test_noise_is_refused_where_a_device_has_its_own():
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    options = {"simulator": {"noise_model": NoiseModel()}}
    outcome = outcome_of("sampler", params(circuit, None, 1, **options), backend="local_5q")
    assert "options.simulator.noise_model: expected null; local_5q has noise of its own" in outcome.reason


def test_thousands_of_parameter_sets_run_in_chunks():
    angles = np.tile([[0.0], [np.pi]], (1500, 1))
    outcome = outcome_of("sampler", params(rotation(), angles, 5))
    result = typed_json.decode(outcome.result, "result").unwrap()
    assert (ones(result) == np.tile([0.0, 1.0], 1500)).all()
    body = msgspec.json.decode(outcome.result)
    spans = PrimitiveResultWrapperModel.model_validate(body).value_.metadata.execution.execution_spans.value_.spans
    assert [span.value_.data_slices[0][1:3] for span in spans] == [[0, 1000], [1000, 2000], [2000, 3000]]


def test_plain_body_has_samples_and_points():
    text = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nx q[0];\nc = measure q;\n'
    body = body_of("sampler", {"pubs": [[text, None, 3]]})
    assert body["results"][0]["data"] == {"c": {"samples": ["0x1"] * 3, "num_bits": 2}}
    [[_, _, slices]] = body["metadata"]["execution"]["execution_spans"]
    assert slices == {"0": [[3], 0, 1, 0, 3]}
    options = {"execution": {"meas_type": "avg_kerneled"}}
    [one, zero] = body_of("sampler", {"pubs": [[text, None, 300]], "options": options})["results"][0]["data"]["c"]
    assert one[0] < -0.9 < 0.9 < zero[0]


@pytest.mark.parametrize("backend", ["local_simulator", "local_5q"])
def test_boxes_run_as_what_is_in_them(backend):
    circuit = QuantumCircuit(2, 2)
    with circuit.box():
        circuit.x(0)
        with circuit.box():
            circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    counts = result_of("sampler", params(circuit, None, 500), backend=backend)[0].data.c.get_counts()
    assert counts["11"] > 450
