"""The program ``executor``: items, versions, measurement levels, chunks, and what it refuses."""

import json
from importlib import import_module

import numpy as np
import pytest
from ibm_quantum_schemas.common import CompressedQpyDataModel, OpenQasm3DataModel
from programs import body_of, outcome_of
from qiskit import QuantumCircuit
from quantum_programs import ANGLES, VERSIONS, params, tensor_of


def schema_of(version):
    return import_module("ibm_quantum_schemas.executor.version_" + version[1:].replace(".", "_"))


def ran(given, **wanted):
    """Run a program, whose result the published model reads."""
    body = body_of("executor", json.dumps(given).encode(), **wanted)
    return schema_of(given["schema_version"]).QuantumProgramResultModel.model_validate(body)


def arrays(item):
    return {name: tensor.to_numpy() for name, tensor in item.results.items()}


def assert_right(found, shots):
    """The ones are as many as the angles say, within 5 sigma."""
    expected = np.sin(ANGLES[..., 0] / 2) ** 2
    sigma = np.sqrt(expected * (1 - expected) / shots) + 1e-9
    assert (np.abs(found - expected) <= 5 * sigma).all()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_has_right_bits_and_chunks(version):
    result = ran(params(version))
    circuit, samplex = map(arrays, result.data)
    assert circuit["meas"].shape == (3, 2, 400, 2)
    assert (circuit["meas"][..., 0] == circuit["meas"][..., 1]).all()
    assert_right(circuit["meas"].mean(axis=2)[..., 0], 400)
    straight = samplex["meas"] ^ samplex["measurement_flips.meas"]
    assert samplex["measurement_flips.meas"].any()
    assert_right(straight.mean(axis=(0, 3))[..., 1], 1600)
    [chunk] = result.metadata.chunk_timing
    assert chunk.start <= chunk.stop
    assert [(part.idx_item, part.size) for part in chunk.parts] == [(0, 6), (1, 24)]


def test_each_randomization_is_another_one():
    _, samplex = map(arrays, ran(params()).data)
    flips = samplex["measurement_flips.meas"].reshape(24, 2)
    assert len(np.unique(flips, axis=0)) == 4


def test_seed_decides_the_bits():
    first, again, other = (ran(params(), seed=seed).data for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_chunks_are_as_large_as_they_are_asked_for():
    result = ran(params(chunks=4))
    parts = [[(part.idx_item, *part.element_range) for part in chunk.parts] for chunk in result.metadata.chunk_timing]
    assert parts == [
        [(0, 0, 4, 1)],
        [(0, 4, 6, 1)],
        *[[(1, start, start + 4, 1)] for start in range(0, 24, 4)],
    ]
    assert_right(arrays(result.data[0])["meas"].mean(axis=2)[..., 0], 400)


@pytest.mark.parametrize(
    ("level", "names"),
    [("kerneled", {"meas_iq"}), ("avg_kerneled", {"meas_avg_iq"}), ("both", {"meas", "meas_iq"})],
)
def test_levels_have_points_whose_sign_is_the_bit(level, names):
    found = arrays(ran(params(meas_level=level)).data[0])
    assert set(found) == names
    if level == "both":
        assert ((found["meas_iq"].real < 0) == found["meas"]).all()
    if level == "avg_kerneled":
        assert found["meas_avg_iq"].shape == (3, 2, 2)
        assert abs(found["meas_avg_iq"][0, 0, 0] - 1) < 0.1
        assert abs(found["meas_avg_iq"][2, 1, 0] + 1) < 0.1


def test_data_are_passed_through_as_they_came():
    passed = {"a": [1, 2.5, None], "b": tensor_of("v2.0").from_numpy(np.arange(3.0)).model_dump(mode="json")}
    given = params(passthrough_data=passed, semantic_role="estimator-v2")
    body = body_of("executor", json.dumps(given).encode())
    assert (body["passthrough_data"], body["semantic_role"]) == (passed, "estimator-v2")


def test_circuits_in_openqasm_3_run():
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.measure_all()
    given = params(circuits=None)
    given["quantum_program"]["items"] = [given["quantum_program"]["items"][0]]
    empty = tensor_of("v2.0").from_numpy(np.empty((2, 0))).model_dump(mode="json")
    given["quantum_program"]["items"][0] |= {"circuit_arguments": empty, "shape": [3, 2]}
    given["quantum_program"]["circuits"] = OpenQasm3DataModel.from_python([circuit]).model_dump(mode="json")
    [item] = ran(given).data
    assert arrays(item)["meas"].shape == (3, 2, 400, 1)
    assert arrays(item)["meas"].all()


def test_device_has_noise():
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.measure_all()
    given = params(shots=2000)
    given["quantum_program"]["items"] = [given["quantum_program"]["items"][0]]
    empty = tensor_of("v2.0").from_numpy(np.empty((0,))).model_dump(mode="json")
    given["quantum_program"]["items"][0]["circuit_arguments"] = empty
    given["quantum_program"]["circuits"] = CompressedQpyDataModel.from_python([circuit]).model_dump(mode="json")
    [item] = ran(given, backend="local_5q").data
    assert 0.95 < arrays(item)["meas"].mean() < 1


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"options": {"init_qubits": False}}, "options.init_qubits: expected true"),
        ({"options": {"rep_delay": 1.0}}, "options.rep_delay: expected 0 to 0.0005 seconds, got 1"),
        ({"options": {"scheduler_timing": True}}, "options.scheduler_timing: "),
        ({"options": {"stretch_values": True}}, "options.stretch_values: "),
        ({"options": {"experimental": {"fast": 1}}}, "options.experimental.fast: not known here"),
        ({"shots": 0}, "quantum_program.shots: Input should be greater than or equal to 1"),
        ({"shots": 1_000_000}, "Expected 1 to 100000 shots"),
        ({"meas_level": "loud"}, "quantum_program.meas_level: Input should be"),
        ({"circuits": {"data": ["", "", ""]}}, "exactly one circuit for every program item"),
    ],
)
def test_refusal_names_the_field(changed, reason):
    outcome = outcome_of("executor", json.dumps(params(**changed)).encode())
    assert outcome.result is None
    assert reason in outcome.reason
    assert outcome.reason_code == 1517


@pytest.mark.parametrize(
    ("index", "name", "value", "reason"),
    [
        (0, "shape", [5], "items[0].circuit_arguments: values of shape (3, 2) cannot be broadcast to the shape (5,)"),
        (1, "shape", [5], "items[1].shape: expected a shape to which arguments of shape (3, 2) can be broadcast"),
        (1, "samplex_arguments", {}, "items[1].samplex_arguments: missing are"),
        (0, "item_type", "wave", "items[0]"),
    ],
)
def test_refusal_names_the_item(index, name, value, reason):
    given = params()
    given["quantum_program"]["items"][index][name] = value
    outcome = outcome_of("executor", json.dumps(given).encode())
    assert f"quantum_program.{reason}" in outcome.reason


def test_unknown_version_names_those_that_are_known():
    reason = outcome_of("executor", b'{"schema_version": "v9.9"}').reason
    assert reason == f"schema_version: expected one of {', '.join(VERSIONS)}, got 'v9.9'."
