"""Results of ``executor`` jobs that the official client-side sampler and estimator made, rule by rule."""

import numpy as np
import pytest

from ibm_circuit_job.errors import OtherForm
from ibm_circuit_job.wire.results.client_side import primitive_result, role_of
from ibm_circuit_job.wire.results.executor import ExecutorItem, ExecutorResult
from ibm_circuit_job.wire.results.extrapolation import Extrapolation, extrapolated
from ibm_circuit_job.wire.results.primitives import UnreadablePubResult

TIMING = {"scheduler_timing": {"timing": "x"}}


def sampled(*items, kind="classified", twirling=False, notes=None, version="v0.1"):
    data = {"version": version, "twirling": twirling, "meas_type": kind, "options": {"a": [1]}, "shots": 4}
    if notes is not None:
        data["circuits_metadata"] = notes
    items = tuple(each if isinstance(each, ExecutorItem) else ExecutorItem(each, TIMING) for each in items)
    return primitive_result(ExecutorResult(items, {}, {"post_processor": data}, "sampler-v2"))


def task(observables, bases=("ZZ",), **more):
    return {
        "version": "0.1",
        "mitigation": None,
        "broadcast_obs_and_params": True,
        "observables": observables,
        "param_shape": [],
        "param_basis_pairs": [[[], basis] for basis in bases],
        "program_item_index": 0,
        **more,
    }


def estimated(items, *tasks, number=None, **more):
    data = {"version": "v0.1", "num_pubs": len(tasks) if number is None else number, "shots": 10, **more}
    passed = {"post_processor": data, "qiskit_mitigation": [*tasks]}
    return primitive_result(
        ExecutorResult(tuple(ExecutorItem(item, TIMING) for item in items), {}, passed, "estimator_v2")
    )


def measured(*ones, places=1, shots=10):
    """Bits of two qubits: the first shots of each randomization have qubit 0 in state 1."""
    bits = np.zeros((len(ones), places, shots, 2), bool)
    for randomization, number in enumerate(ones):
        bits[randomization, :, :number, 0] = True
    return bits


def test_role_that_is_not_known_is_no_primitive():
    result = ExecutorResult((), {}, None, "other")
    assert role_of(result) is None
    assert "expected one of the roles" in primitive_result(result).failure().message


@pytest.mark.parametrize("passed", [None, {}, {"post_processor": {}}])
def test_damaged_pass_through_data_is_another_form(passed):
    found = primitive_result(ExecutorResult((), {}, passed, "sampler_v2")).failure()
    assert isinstance(found, OtherForm)
    assert "cannot be read" in found.message


def test_version_of_the_post_processor_must_be_known():
    assert "expected the version v0.1" in sampled(version="v9").failure().message


def test_sampler_has_bits_notes_and_schedule():
    result = sampled({"c": np.ones((4, 2), bool)}, notes=[{"mine": 1}]).unwrap()
    assert result[0].data.c.get_counts() == {"11": 4}
    assert result[0].metadata == {"circuit_metadata": {"mine": 1}, "compilation": {"scheduler_timing": {"timing": "x"}}}
    assert result.metadata["options"] == {"a": [1]}


def test_twirled_shots_are_flipped_back_and_joined():
    flips = np.array([[[False]], [[True]]])
    item = {"c": np.broadcast_to(flips, (2, 3, 1)), "measurement_flips.c": flips}
    result = sampled(item, twirling=True).unwrap()
    assert result[0].data.c.get_counts() == {"0": 6}
    assert result[0].metadata["num_randomizations"] == 2


def test_twirled_bits_without_randomizations_cost_their_pub():
    pubs = sampled({"c": np.ones((4, 2), bool)}, {"c": np.ones((1, 4, 2), bool)}, twirling=True).unwrap()
    assert pubs[0].problem == "pub 0 of the result cannot be read: expected at least 3 axes of c, got the shape (4, 2)"
    assert pubs[1].data.c.num_shots == 4


def test_kerneled_points_are_joined_and_averages_averaged():
    points = np.arange(6, dtype=complex).reshape(2, 3, 1)
    assert sampled({"c_iq": points}, kind="kerneled", twirling=True).unwrap()[0].data.c.shape == (6, 1)
    averages = np.array([[1 + 0j], [3 + 0j]])
    assert sampled({"c_avg_iq": averages}, kind="avg_kerneled", twirling=True).unwrap()[0].data.c.tolist() == [2]


def test_sampler_item_without_data_costs_itself_alone():
    result = sampled({}, {"c": np.ones((4, 2), bool)}).unwrap()
    assert isinstance(result[0], UnreadablePubResult)
    assert result[1].data.c.num_shots == 4


def test_expectation_is_the_mean_parity_with_its_error():
    pub = estimated([{"_meas": measured(2)}], task({"ZZ": 2.0, "II": 1.0})).unwrap()[0]
    assert float(pub.data.evs) == pytest.approx(2 * 0.6 + 1)
    assert float(pub.data.stds) == pytest.approx(2 * np.sqrt((1 - 0.36) / 10))
    assert pub.metadata["compilation"] == {"scheduler_timing": {"timing": "x"}}


def test_error_of_randomizations_is_that_of_their_means():
    pub = estimated([{"_meas": measured(0, 10)}], task({"IZ": 1.0})).unwrap()[0]
    assert float(pub.data.evs) == 0
    assert float(pub.data.stds) == pytest.approx(1 / np.sqrt(2))
    assert float(pub.data.ensemble_standard_error) == pytest.approx(1 / np.sqrt(20))


@pytest.mark.parametrize(("term", "mean"), [("I0", 0.8), ("I1", 0.2), ("0Z", 0.6), ("1Z", 0.0)])
def test_projector_counts_only_shots_that_it_lets_through(term, mean):
    pub = estimated([{"_meas": measured(2)}], task({term: 1.0})).unwrap()[0]
    assert float(pub.data.evs) == pytest.approx(mean)


def test_term_is_read_in_the_first_basis_that_agrees():
    bits = measured(0, places=2)
    bits[0, 1, :, 0] = True
    bases = ("+ZX", "+XZ")
    values = [estimated([{"_meas": bits}], task({term: 1.0}, bases)).unwrap()[0].data.evs for term in ("IX", "IZ")]
    assert values == [1, -1]


def test_term_without_a_basis_costs_its_pub():
    pub = estimated([{"_meas": measured(0)}], task({"XX": 1.0})).unwrap()[0]
    assert isinstance(pub, UnreadablePubResult)
    assert "no basis was measured for the term XX" in pub.problem


def test_observables_are_broadcast_with_the_parameters():
    bits = measured(0, places=2)
    bits[0, 1, :, 0] = True
    wanted = task([[{"IZ": 1.0}], [{"ZI": 1.0}]])
    wanted |= {"param_shape": [2], "param_basis_pairs": [[[0], "ZZ"], [[1], "ZZ"]]}
    pub = estimated([{"_meas": bits}], wanted, circuits_metadata=[{"mine": 1}]).unwrap()[0]
    assert pub.data.evs.tolist() == [[1, -1], [1, 1]]
    assert pub.metadata["circuit_metadata"] == {"mine": 1}


def test_more_expectation_values_than_fit_are_refused():
    wanted = task({"ZZ": 1.0}) | {"param_shape": [100_000, 100_000]}
    assert "expected at most" in estimated([{"_meas": measured(0)}], wanted).unwrap()[0].problem


def test_probabilistic_cancellation_counts_signs_and_scales():
    item = {"_meas": measured(0, 0, 0), "pauli_signs": np.array([[[1, 0]], [[0, 0]], [[1, 1]]], bool)}
    pub = estimated([item], task({"ZZ": 1.0}, mitigation="pec", pec_gamma=3.0)).unwrap()[0]
    assert float(pub.data.evs) == pytest.approx(3 * (-1 + 1 + 1) / 3)


def test_readout_calibration_scales_each_term():
    calibration = measured(1)[:, 0]
    parts = [
        task({"IZ": 1.0}, trex_calibration=True),
        {"mitigation": "trex", "program_item_index": 1},
    ]
    pub = estimated([{"_meas": measured(1)}, {"_trex_cal": calibration}], *parts, number=1).unwrap()[0]
    assert float(pub.data.evs) == pytest.approx(0.8 * np.exp(0.2))


def test_missing_calibration_costs_the_pub():
    pub = estimated([{"_meas": measured(1)}], task({"IZ": 1.0}, trex_calibration=True)).unwrap()[0]
    assert "calibration of its readout is missing" in pub.problem


AMPLIFIED = {"noise_factors": [1, 2, 3], "extrapolator": ["linear"], "extrapolated_noise_factors": [0, 4]}


def test_folded_gates_are_extrapolated_to_no_noise():
    items = [{"_meas": measured(ones)} for ones in (1, 2, 3)]
    pub = estimated(items, task({"IZ": 1.0}, mitigation="gate_folding", **AMPLIFIED)).unwrap()[0]
    assert float(pub.data.evs) == pytest.approx(1)
    assert pub.data.evs_noise_factors.tolist() == pytest.approx([0.8, 0.6, 0.4])
    assert pub.data.evs_extrapolated.tolist() == [pytest.approx([1, 0.2])]
    assert pub.metadata["resilience"]["zne"]["extrapolators"].tolist() == "linear"
    assert len(pub.metadata["compilation"]) == 3


def test_terms_with_different_models_say_multiple():
    bits = np.stack([measured(ones) for ones in (1, 2, 3)])
    bits[:, 0, 0, :, 1] = [[True] * number + [False] * (10 - number) for number in (4, 4, 4)]
    wanted = task({"IZ": 1.0}, mitigation="pea", noise_factors=[1, 2, 3], extrapolator=["linear"])
    pub = estimated([{"_meas": bits}], wanted).unwrap()[0]
    assert float(pub.data.evs) == pytest.approx(1)
    assert pub.data.evs_extrapolated is None


@pytest.mark.parametrize(
    ("changed", "problem"),
    [({"mitigation": "other"}, "version 0.1"), ({"version": "9"}, "'9'"), ({"broadcast_obs_and_params": 0}, "broadca")],
)
def test_task_of_another_kind_is_another_form(changed, problem):
    assert problem in estimated([], task({"Z": 1.0}) | changed).failure().message


def test_number_of_tasks_must_be_that_of_the_pubs():
    assert "expected 2 tasks, got 1" in estimated([], task({"Z": 1.0}), number=2).failure().message


@pytest.mark.parametrize("mitigation", [{}, {"mitigation": "pea", **AMPLIFIED}])
def test_bits_with_too_few_axes_cost_the_pub(mitigation):
    pub = estimated([{"_meas": np.zeros((3, 2), bool)}], task({"ZZ": 1.0}, **mitigation)).unwrap()[0]
    assert "axes" in pub.problem


def test_options_of_a_mitigation_that_was_off_are_left_out():
    options = {"resilience": {"zne_mitigation": True, "zne": {"x": 1}, "pec": {"y": 1}}}
    said = estimated([], options=options, precision=0.1).unwrap().metadata
    assert said["options"]["resilience"] == {"zne_mitigation": True, "zne": {"x": 1}}
    assert said["target_precision"] == 0.1
    assert estimated([]).unwrap().metadata == {"executor": {}}


# Extrapolation

FACTORS = (1.0, 2.0, 3.0, 4.0, 5.0)
ERRORS = [0.01] * len(FACTORS)


def fitted(function, *models, factors=FACTORS, errors=ERRORS, term="ZZ"):
    values = [function(factor) for factor in factors]
    return extrapolated(values, errors[: len(factors)], term, Extrapolation(tuple(factors), models, (6.0,)))


def test_polynomial_is_found_with_its_degree():
    fit = fitted(lambda x: 0.9 - 0.1 * x + 0.01 * x**2, "polynomial_degree_2")
    assert (fit.value, fit.values[0, 0]) == (pytest.approx(0.9), pytest.approx(0.66))


@pytest.mark.parametrize(
    ("model", "rate"), [("exponential", -0.3), ("exponential", 0.05), ("double_exponential", -0.3)]
)
def test_exponentials_are_found(model, rate):
    fit = fitted(lambda x: 0.7 * np.exp(rate * x), model)
    assert fit.value == pytest.approx(0.7, abs=1e-3)


def test_negative_exponential_is_found():
    assert fitted(lambda x: -0.7 * np.exp(-0.3 * x), "exponential").value == pytest.approx(-0.7, abs=1e-3)


def test_model_without_enough_values_makes_room_for_the_next():
    fit = fitted(lambda x: 0.9 - 0.1 * x, "polynomial_degree_3", "linear", factors=FACTORS[:3])
    assert (fit.model, fit.value) == ("linear", pytest.approx(0.9))
    assert np.isnan(fit.values[0, 0])


def test_fallback_is_the_value_with_the_least_noise():
    fit = fitted(lambda x: 1.0 / x, "fallback")
    assert (fit.value, fit.error) == (1.0, 0.01)


def test_errors_of_zero_weight_nothing():
    assert fitted(lambda x: 0.9 - 0.1 * x, "linear", errors=[0.0] * 5).value == pytest.approx(0.9)


def test_impossible_values_are_passed_over():
    fit = fitted(lambda x: 9.0 - x, "linear", "fallback")
    assert fit.model == "fallback" or fit.value == pytest.approx(9.0)


def test_model_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="'cubic' is not known"):
        fitted(lambda x: x, "cubic")
