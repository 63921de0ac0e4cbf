"""Noise that was learned, read from each form of the body."""

import json

import numpy as np
import pytest
from result_bodies import NOISE_LEARNER_V3

from ibm_circuit_job.wire import typed_json
from ibm_circuit_job.wire.results.noise_learner import LearnedNoise, NoiseLearnerResult, of_body

RATES = np.array([0.1, 0.2])


def typed(name, value):
    return {"__type__": "_json", "__module__": "x", "__class__": name, "__value__": value}


def read(body):
    raw = body if isinstance(body, bytes) else typed_json.encode(body)
    return of_body(typed_json.decode_parts(raw, "result").unwrap())


def layer(error):
    return {"circuit": None, "qubits": [4, 7], "error": error}


@pytest.mark.parametrize("generators", [["XZ", "IY"], typed("PauliList", {"data": ["XZ", "IY"]})])
def test_layer_has_generators_with_their_qubits(generators):
    noise = typed("PauliLindbladError", {"generators": generators, "rates": RATES})
    [part] = read({"data": [typed("LayerError", layer(noise))], "metadata": {"backend": "b"}}).unwrap()
    assert part.generators == ((("ZX", (0, 1)),), (("Y", (0,)),))
    assert (part.rates.tolist(), part.qubits, part.num_qubits) == ([0.1, 0.2], (4, 7), 2)


def test_oldest_form_is_a_layer_and_its_noise():
    noise = {"generators": ["XZ"], "rates": [0.1]}
    result = read({"data": [[layer(None), noise], [layer(None), None]]}).unwrap()
    assert [part.rates is None for part in result] == [False, True]


def test_damaged_part_costs_itself_alone():
    damaged = {"generators": ["XZ"], "rates": {"__type__": "ndarray", "__value__": "?"}}
    result = read({"data": [[layer(None), damaged], [layer(None), None]]}).unwrap()
    assert "part 0 of the result cannot be read: ValueError" in result[0].problem
    assert result[1].qubits == (4, 7)
    assert "part 0" in read({"data": [5]}).failure().message


def test_results_are_equal_if_their_arrays_are():
    first, second = read(NOISE_LEARNER_V3).unwrap(), read(NOISE_LEARNER_V3).unwrap()
    assert first == second
    assert (len(first), [*first], first.schema_version) == (1, [first[0]], "v0.3")
    other = json.loads(NOISE_LEARNER_V3)
    other["data"][0]["num_qubits"] = 3
    assert first != read(other).unwrap()
    assert first != 5
    assert LearnedNoise() != 5
    assert NoiseLearnerResult((), {}) != NoiseLearnerResult((), {"a": 1})
