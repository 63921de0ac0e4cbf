"""The service's own JSON: what is built, and what never is."""

import base64
import io
import struct
import zlib
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter
from qiskit.circuit.library import RXGate
from qiskit.circuit.random import random_circuit

from ibm_circuit_job.wire import typed_json
from ibm_circuit_job.wire.typed_json import reading


def decoded(kind, value):
    return typed_json.decode(msgspec.json.encode({"x": {"__type__": kind, "__value__": value}}), "body")


def there_and_back(value):
    return typed_json.decode(typed_json.encode(value), "body").unwrap()


@pytest.mark.parametrize(
    "value",
    [
        1 + 2j,
        Parameter("theta"),
        RXGate(0.5),
        {"nested": [1j, {"deep": 2j}]},
    ],
)
def test_value_survives(value):
    assert there_and_back(value) == value


def test_times_and_sets_are_read():
    assert decoded("datetime", "2024-02-03T00:00:00+00:00").unwrap() == {"x": datetime(2024, 2, 3, tzinfo=UTC)}
    assert decoded("set", [1, 2]).unwrap() == {"x": {1, 2}}


@pytest.mark.parametrize("array", [np.arange(6).reshape(2, 3), np.array([1j]), np.array([True]), np.array([])])
def test_array_survives(array):
    back = there_and_back(array)
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)


def test_array_in_fortran_order_survives():
    array = np.asfortranarray(np.arange(6).reshape(2, 3))
    assert np.array_equal(there_and_back(array), array)


def test_circuit_survives(bell):
    assert there_and_back([bell]) == [bell]


def test_what_the_provider_client_writes_is_read():
    """Bytes as qiskit-ibm-provider 0.11.0 wrote them on qiskit 1.4."""
    parameter = decoded("Parameter", "AAEYllg0cuxC35Sz9OQ+86H9YQ==").unwrap()["x"]
    assert parameter.name == "a"
    instruction = decoded(
        "Instruction",
        "eJwL9Az29gzhYmRhY4AAxtRCBu40Bg4QkwEBmJD4jMmZRcmlmSW6hqbmMPnq2kJGsBImxkIDBnTABtXNiCEDAUER7oklQIuBIA0qxAGhHtgDif9IAK"
        "YFAFB0GTE=",
    ).unwrap()["x"]
    assert (instruction.name, instruction.params) == ("rx", [0.5])
    array = decoded(
        "ndarray",
        "eJyb7BfqGxDJyFDGUK2eklqcXKRupaBuk2mhrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RrGOpo6CrUKFAAuBihghNJMUBoA5xAbZA==",
    ).unwrap()["x"]
    assert array.tolist() == [0, 1, 2]


@pytest.mark.parametrize("kind", ["settings", "to_json", "ParameterExpression", "never_heard_of", "__import__"])
def test_other_types_stay_the_dictionaries_that_they_are(kind):
    body = {"__type__": kind, "__module__": "os", "__class__": "system", "__value__": {"command": "true"}}
    assert typed_json.decode(msgspec.json.encode(body), "body").unwrap() == body


def packed(data):
    return base64.b64encode(zlib.compress(data)).decode()


def npy(header, content=b""):
    text = (header + " " * (118 - len(header) - 1) + "\n").encode()
    return packed(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (
            "ndarray",
            npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"cos\nsystem\n."),
            "of type object",
        ),
        ("ndarray", npy("{'descr': '<i8', 'fortran_order': False, 'shape': (10000000000000,), }"), "0 bytes follow"),
        ("ndarray", npy("{'descr': '<i8', 'fortran_order': False, 'shape': (-1,), }", b"12345678"), "cannot be built"),
        ("ndarray", packed(b"no array"), "cannot be built"),
        ("ndarray", "no base64!", "expected base64"),
        ("ndarray", 3, "expected base64, got a int"),
        ("ndarray", packed(b"x" * 1000)[:40], "cannot be built"),
        ("ndarray", [[1], {"a": 2}], "cannot be built"),
        ("complex", [1], "cannot be built"),
        ("set", [[1]], "cannot be built"),
        ("QuantumCircuit", packed(b"QISKIT"), "cannot be built"),
        ("Result", 3, "cannot be built"),
        ("BitArray", {"array": 3}, "cannot be built"),
        ("DataBin", {"fields": {"shape": 1}}, "cannot be built"),
    ],
)
def test_what_cannot_be_built_is_named_with_its_path(kind, value, message):
    failure = decoded(kind, value).failure()
    assert failure.path == "x"
    assert message in failure.message


def qpy_bytes(circuit, version):
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer, version=version)
    return bytearray(buffer.getvalue())


@pytest.mark.parametrize("version", [13, 16, qpy.common.QPY_VERSION])
def test_circuit_file_that_claims_millions_of_qubits_is_refused(version):
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    bomb = qpy_bytes(circuit, version)
    assert decoded("QuantumCircuit", packed(bomb)).unwrap() == {"x": circuit}
    struct.pack_into("!I", bomb, bomb.index(struct.pack("!II", 1, 1)), 3_000_000)
    assert "it declares 3000001" in decoded("QuantumCircuit", packed(bomb)).failure().message


@pytest.mark.parametrize("seed", range(5))
def test_large_circuit_is_not_mistaken_for_a_bomb(seed):
    circuit = random_circuit(60, 60, seed=seed, measure=True)
    circuit.global_phase = [0.5, Parameter("a"), Parameter("a") * 2][seed % 3]
    assert there_and_back(circuit) == circuit


def test_powers_of_numbers_in_old_circuit_files_stay_unevaluated():
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a") ** 2, 0)
    file = bytes(qpy_bytes(circuit, 13))
    assert there_and_back(circuit) == circuit
    old = b"QISKIT\x0c" + file[7:] + b"Pow(Integer(10), Integer(9))"
    assert "power of numbers" in decoded("QuantumCircuit", packed(old)).failure().message


@pytest.mark.parametrize("array", [["x" * 100] * 3, [[1], ["x"]], [None]])
def test_list_that_is_not_of_numbers_is_no_array(array):
    assert "not numbers" in decoded("ndarray", array).failure().message


def test_bomb_is_defused(monkeypatch):
    monkeypatch.setattr(reading, "MOST_DECOMPRESSED", 1_000_000)
    assert "more than 1000000 bytes" in decoded("ndarray", packed(b"\0" * 1_000_001)).failure().message


def test_many_small_bombs_share_one_budget(monkeypatch):
    monkeypatch.setattr(reading, "MOST_DECOMPRESSED", 1_000_000)
    array = {"__type__": "ndarray", "__value__": there(np.zeros(100_000, np.uint8))}
    assert "1000000 bytes" in typed_json.decode(msgspec.json.encode([array] * 11), "body").failure().message


def there(array):
    return msgspec.json.decode(typed_json.encode(array))["__value__"]


@pytest.mark.parametrize("value", [object(), {"a": print}])
def test_value_without_a_form_is_refused_by_its_type(value):
    with pytest.raises(TypeError, match="expected a value that the service's JSON has a form for, got a"):
        typed_json.encode(value)
