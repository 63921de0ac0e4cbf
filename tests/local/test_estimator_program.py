"""The program ``estimator``: values that agree with the exact ones, and what each option does."""

import numpy as np
import pytest
from ibm_quantum_schemas.estimator.version_0_1 import PrimitiveResultWrapperModel
from programs import body_of, outcome_of, result_of
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

OBSERVABLES = [[{"ZZ": 1.0}, {"ZI": 1.0}, {"XX": 0.5, "YY": 0.25, "II": 2.0}]]
ANGLES = np.array([[[0.0]], [[1.0]], [[np.pi]]])


def rotation():
    """Two qubits, entangled by the gates of a device."""
    circuit = QuantumCircuit(2, metadata={"mine": 1})
    circuit.sx(0)
    circuit.rz(Parameter("a"), 0)
    circuit.sx(0)
    circuit.cx(0, 1)
    return circuit


def exact():
    states = [Statevector(rotation().assign_parameters(angles)) for angles in ANGLES.reshape(3, 1)]
    sums = [SparsePauliOp.from_list(list(each.items())) for each in OBSERVABLES[0]]
    return np.array([[state.expectation_value(each).real for each in sums] for state in states])


def params(level=0, *, pub=None, **options):
    pub = pub or [rotation(), OBSERVABLES, ANGLES, 0.02]
    return {"pubs": [pub], "version": 2, "support_qiskit": True, "resilience_level": level, "options": options}


@pytest.mark.parametrize("backend", ["local_simulator", "local_5q"])
@pytest.mark.parametrize("level", [1, 2])
def test_values_are_exact_where_readout_is_mitigated(backend, level):
    fewer = {"num_randomizations": 8}
    options = {"twirling": fewer, "resilience": {"measure_noise_learning": fewer}}
    data = result_of("estimator", params(level, **options), backend=backend)[0].data
    # Without extrapolation what the gates' errors leave is seen.
    assert np.abs(data.evs - exact()).max() < 0.08
    if backend == "local_simulator" and level == 1:
        assert (np.abs(data.evs - exact()) <= 5 * data.stds + 1e-9).all()


def test_values_without_mitigation_have_the_errors_of_the_device():
    data = result_of("estimator", params(), backend="local_5q")[0].data
    assert 0.02 < 1 - data.evs[0, 0] < 0.12
    assert (data.stds == data.ensemble_standard_error).all()


@pytest.mark.parametrize("level", [0, 1, 2])
def test_result_is_that_of_the_published_model(level):
    body = PrimitiveResultWrapperModel.model_validate(body_of("estimator", params(level))).value_
    assert body.metadata.resilience.measure_mitigation == (level >= 1)
    assert body.metadata.resilience.zne_mitigation == (level == 2)
    assert body.metadata.twirling.enable_gates == (level == 2)
    [pub] = body.pub_results
    assert pub.value_.metadata.circuit_metadata == {"mine": 1}
    assert pub.value_.metadata.target_precision == 0.02


def test_precision_decides_the_shots():
    pub = [rotation(), OBSERVABLES, ANGLES]
    shots = [
        result_of("estimator", given)[0].metadata["shots"]
        for given in (
            params(pub=[*pub, 0.1]),
            params(pub=pub),
            params(pub=pub, default_precision=0.05),
            params(pub=pub, default_shots=33),
            params(pub=[*pub, 0.1], default_shots=33),
        )
    ]
    assert shots == [100, 4096, 400, 33, 100]


def test_seed_decides_the_values():
    def values(seed):
        return result_of("estimator", params(seed_estimator=seed), seed=None)[0].data.evs.tolist()

    assert values(1) == values(1) != values(2)


def test_twirling_has_as_many_randomizations_as_asked_for():
    twirling = {"enable_gates": True, "num_randomizations": 5, "shots_per_randomization": 20, "strategy": "all"}
    [pub] = result_of("estimator", params(twirling=twirling))
    assert (pub.metadata["num_randomizations"], pub.metadata["shots"]) == (5, 100)


def test_readout_errors_are_mitigated():
    noise = NoiseModel()
    noise.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))

    def value(level, **learning):
        options = {"simulator": {"noise_model": noise}, "resilience": {"measure_noise_learning": learning}}
        return result_of("estimator", params(level, **options))[0].data.evs[0, 0]

    assert value(0) < 0.6
    assert abs(value(1) - 1) < 0.15
    assert value(1) != value(1, num_randomizations=8, shots_per_randomization=50)


@pytest.mark.parametrize("amplifier", ["gate_folding", "gate_folding_front", "gate_folding_back"])
def test_gates_errors_are_extrapolated_to_zero(amplifier):
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
    circuit = QuantumCircuit(2)
    for _ in range(4):
        circuit.cx(0, 1)
    zne = {"noise_factors": [1, 1.5, 3], "extrapolator": ["exponential"], "amplifier": amplifier}
    resilience = {"zne_mitigation": True, "zne": zne}
    given = params(pub=[circuit, {"ZZ": 1.0}, None, 0.01], simulator={"noise_model": noise}, resilience=resilience)
    data = result_of("estimator", given)[0].data
    # Each gate leaves 9 parts of 10, and a folded one 729 of 1000.
    assert np.abs(data.evs_noise_factors - 0.9 ** np.array([4, 6, 12])).max() < 0.05
    assert abs(data.evs - 1) < 0.05
    assert data.evs_extrapolated.shape == (1, 4)
    assert abs(data.evs_extrapolated[0, 0] - data.evs) < 1e-9


def test_decoupling_is_said_to_do_nothing():
    plain, decoupled = (
        result_of("estimator", params(dynamical_decoupling={"enable": enable}))[0] for enable in (False, True)
    )
    assert (plain.data.evs == decoupled.data.evs).all()
    assert decoupled.metadata["dynamical_decoupling"].startswith("not applied")


def test_plain_body_has_lists():
    body = body_of("estimator", {"pubs": [[rotation(), OBSERVABLES, ANGLES.tolist()]], "resilience_level": 0})
    assert np.abs(np.array(body["results"][0]["data"]["evs"]) - exact()).max() < 0.1
    assert body["metadata"]["version"] == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"default_precision": 0}, "options.default_precision: Input should be greater than 0"),
        ({"execution": {"init_qubits": False}}, "options.execution.init_qubits: expected true"),
        ({"execution": {"rep_delay": 0.1}}, "options.execution.rep_delay: expected 0 to 0.0005 seconds"),
        ({"resilience": {"pec_mitigation": True}}, "options.resilience.pec_mitigation: expected none"),
        (
            {"resilience": {"zne_mitigation": True, "zne": {"amplifier": "pea"}}},
            "options.resilience.zne.amplifier: expected one of the gate foldings, got 'pea'",
        ),
        (
            {"resilience": {"measure_mitigation": True}, "twirling": {"enable_measure": False}},
            "options.twirling.enable_measure: expected true where measure_mitigation is on",
        ),
        ({"simulator": {"coupling_map": [[0, 1]]}}, "options.simulator.coupling_map: expected null"),
        ({"experimental": {"fast": True}}, "options.experimental.fast: not known here"),
        ({"louder": 1}, "options.louder: Extra inputs are not permitted"),
    ],
)
def test_refusal_names_the_option(options, reason):
    outcome = outcome_of("estimator", params(**options))
    assert outcome.result is None
    assert reason in outcome.reason


def test_terms_of_other_letters_are_refused():
    outcome = outcome_of("estimator", params(pub=[rotation(), {"+0": 1.0}, [0.1]]))
    assert "pubs[0][1]: expected Pauli terms of I, X, Y and Z, got +, 0" in outcome.reason
