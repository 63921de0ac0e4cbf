"""The program ``noise-learner``: what is learned by running circuits is the noise that they are simulated with."""

import json
from importlib import import_module

import numpy as np
import pytest
from ibm_quantum_schemas.common import QpyModel
from ibm_quantum_schemas.noise_learner_v2.version_0_1 import ResultsModel
from programs import NOON, body_of, outcome_of
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit_aer.noise import NoiseModel, depolarizing_error
from samplomatic import Twirl

from ibm_circuit_job.local.devices import DEVICES, properties
from ibm_circuit_job.wire import typed_json

VERSIONS = ("v0.1", "v0.2", "v0.3")
FEW = {"layer_pair_depths": [0, 1], "num_randomizations": 2, "shots_per_randomization": 100}
ENOUGH = {"layer_pair_depths": [0, 2, 8], "num_randomizations": 2, "shots_per_randomization": 1000}


def pair():
    """A circuit with the layer ``cx(0, 1)`` twice and the layer ``cx(1, 2)`` once."""
    circuit = QuantumCircuit(3)
    circuit.cx(0, 1)
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure_all()
    return circuit


def learned(loss, **options):
    """The layers of circuits on a simulator whose ``cx`` loses the state of its qubits with a probability."""
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(loss, 2), ["cx"])
    given = FEW | {"simulator": {"noise_model": noise}, "max_layers_to_learn": 1} | options
    body = body_of("noise-learner", {"circuits": [pair()], "version": 2, "options": given})
    ResultsModel.model_validate(body)
    return [layer["__value__"] for layer in body["data"]]


def rates_of(layer):
    rates = layer["error"]["__value__"]["rates"]
    return typed_json.decode(json.dumps(rates).encode(), "rates").unwrap()


def test_rates_are_those_of_the_noise_and_double_with_it():
    means = []
    for loss in (0.02, 0.04):
        [layer] = learned(loss, **ENOUGH)
        rates = rates_of(layer)
        assert layer["qubits"] == [0, 1]
        assert rates.size == 15
        # Each of 15 generators takes as much, and 8 of them do not commute with a given Pauli.
        expected = -np.log(1 - loss) / 16
        assert abs(rates.mean() / expected - 1) < 0.1
        assert np.abs(rates / expected - 1).max() < 0.6
        means.append(rates.mean())
    assert 1.8 < means[1] / means[0] < 2.2


def test_layers_are_those_that_occur_most_often():
    layers = learned(0.02, max_layers_to_learn=None, twirling_strategy="active")
    assert [layer["qubits"] for layer in layers] == [[0, 1], [1, 2]]
    [first] = learned(0.02, twirling_strategy="active")
    assert first["qubits"] == [0, 1]
    wide = learned(0.02, twirling_strategy="all")
    assert wide[0]["qubits"] == [0, 1, 2]


def boxes(size=5):
    """A layer of ``cx(3, 1)``, and a measurement of two qubits, on the qubits of a device in another order."""
    register, bits = QuantumRegister(size, "q"), ClassicalRegister(2, "c")
    circuit = QuantumCircuit([register[3], register[1], register[4]], bits)
    with circuit.box([Twirl()]):
        circuit.cx(0, 1)
    with circuit.box([Twirl()]):
        circuit.measure([2, 1], [0, 1])
    return circuit


def params(version="v0.3", circuit=None, **options):
    written = QpyModel.from_quantum_circuit(circuit or boxes(), 16).model_dump(mode="json")
    return json.dumps(
        {"schema_version": version, "version": 3, "instructions": written, "options": FEW | options}
    ).encode()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_learned_on_a_device(version):
    models = import_module(f"ibm_quantum_schemas.noise_learner_v3.version_{version[1:].replace('.', '_')}")
    body = body_of("noise-learner", params(version), backend="local_5q")
    layer, readout = models.NoiseLearnerV3ResultsModel.model_validate(body).data
    assert (layer.num_qubits, len(layer.generators_sparse), layer.metadata.learning_protocol) == (2, 15, "lindblad")
    assert readout.metadata.learning_protocol == "trex"
    assert readout.generators_sparse == [[("X", [0])], [("X", [1])]]


def test_rates_are_those_of_the_calibration():
    options = {"num_randomizations": 2, "layer_pair_depths": [0, 2, 16], "shots_per_randomization": 1500}
    layer, readout = body_of("noise-learner-v3", params(**options), backend="local_5q")["data"]
    values = properties(DEVICES["local_5q"], NOON)

    def error(name, *qubits):
        [found] = [gate for gate in values["gates"] if gate["gate"] == name and gate["qubits"] == [*qubits]]
        return found["parameters"][0]["value"]

    # The state that a gate loses, from its average error; the twirl of each qubit is two gates on it.
    of_cx = -np.log(1 - error("cx", 3, 1) * 4 / 3) * 15 / 16
    of_twirls = sum(-np.log(1 - error("sx", qubit) * 2) * 3 / 4 * 2 for qubit in (3, 1))
    assert abs(rates(layer).sum() / (of_cx + of_twirls) - 1) < 0.1
    flips = [
        (named["prob_meas0_prep1"] + named["prob_meas1_prep0"]) / 2
        for named in ({entry["name"]: entry["value"] for entry in values["qubits"][qubit]} for qubit in (1, 4))
    ]
    assert np.abs(rates(readout) / (-np.log(1 - 2 * np.array(flips)) / 2) - 1).max() < 0.5


def rates(item):
    return import_module("ibm_quantum_schemas.common").F64TensorModel.model_validate(item["rates"]).to_numpy()


def not_its_own_inverse():
    circuit = QuantumCircuit(QuantumRegister(5, "q"))
    with circuit.box([Twirl(dressing="right")]):
        circuit.cx(0, 1)
        circuit.cx(1, 0)
    return circuit


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"init_qubits": False}, "options.init_qubits: expected true"),
        ({"rep_delay": 1.0}, "options.rep_delay: expected 0 to 0.0005 seconds"),
        ({"post_selection": {"enable": True}}, "options.post_selection.enable: expected false"),
        (
            {"bit_flip_checks": {"pre_circuit": {"enable": True}}},
            "options.bit_flip_checks.pre_circuit.enable: expected",
        ),
        ({"layer_pair_depths": [1]}, "options.layer_pair_depths: expected two or more numbers from 0 up, got [1]"),
        ({"num_randomizations": "few"}, "options.num_randomizations: Input should be a valid integer"),
        ({"circuit": pair()}, "instructions[0]: expected a box, got 'cx'"),
        ({"circuit": not_its_own_inverse()}, "instructions[0]: expected Clifford gates that are their own inverses"),
    ],
)
def test_refusal_names_the_field(options, reason):
    outcome = outcome_of("noise-learner", params(**options), backend="local_5q")
    assert outcome.result is None
    assert reason in outcome.reason


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"twirling_strategy": "none"}, "options.twirling_strategy: Input should be"),
        ({"experimental": {"fast": 1}}, "options.experimental.fast: not known here"),
        ({"simulator": {"coupling_map": [[0, 1]]}}, "options.simulator.coupling_map: expected null"),
        ({"louder": 1}, "options.louder: Extra inputs are not permitted"),
    ],
)
def test_refusal_of_version_2_names_the_option(options, reason):
    outcome = outcome_of("noise-learner", {"circuits": [pair()], "options": options})
    assert reason in outcome.reason
