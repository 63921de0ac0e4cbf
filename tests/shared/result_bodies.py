"""Bodies of results of each program, as the service writes them."""

import base64
import importlib
import json

import numpy as np
from ibm_quantum_schemas.common import CompressedTensorModel, TensorModel
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, SamplerPubResult

from ibm_circuit_job.wire import typed_json

EXECUTOR_VERSIONS = ["v0.1", "v0.2", "v1.0", "v1.1", "v2.0"]
START, STOP = "2025-01-01T12:00:00Z", "2025-01-01T12:00:05Z"


def bits(seed, *shape):
    """Random booleans."""
    return np.random.default_rng(seed).integers(0, 2, shape).astype(bool)


def packed_sampler(*circuits, metadata=None, notes=()):
    """The body of a ``sampler`` job.

    Args:
        circuits: For each circuit its registers: name -> booleans of the shape ``(*sweep, shots, bits)``.
        metadata: The metadata of all.
        notes: What the user wrote to each circuit.
    """
    pubs = []
    for index, registers in enumerate(circuits):
        shape = next(iter(registers.values())).shape[:-2]
        data = {name: BitArray.from_bool_array(array, "little") for name, array in registers.items()}
        note = notes[index] if index < len(notes) else {}
        pubs.append(SamplerPubResult(DataBin(shape=shape, **data), {"circuit_metadata": note}))
    return typed_json.encode(PrimitiveResult(pubs, metadata or {"version": 2}))


def rest_sampler(*circuits):
    """The body of the same job, had it been submitted without ``support_qiskit``."""

    def samples(array):
        if array.ndim > 1:
            return [samples(part) for part in array]
        return hex(int("".join("1" if bit else "0" for bit in reversed(array)) or "0", 2))

    results = [
        {
            "data": {
                name: {"samples": samples(array), "num_bits": array.shape[-1]} for name, array in registers.items()
            },
            "metadata": {},
        }
        for registers in circuits
    ]
    return json.dumps({"results": results, "metadata": {"version": 2}}).encode()


def executor(version, *items, passthrough_data=None, role=None):
    """The body of an ``executor`` job, written by the service's own models.

    Args:
        version: The version of the schema.
        items: For each item its arrays: name -> booleans of the shape ``(*item, shots, bits)``, and others.
        passthrough_data: What was passed through: plain JSON.
        role: The semantic role.
    """
    models = importlib.import_module(f"ibm_quantum_schemas.executor.version_{version[1:].replace('.', '_')}")
    tensor = CompressedTensorModel if version == "v2.0" else TensorModel
    part = {"idx_item": 0, "size": 1}
    if version >= "v1.0":
        part |= {"permutation": [], "element_range": (0, 1, 1)}
    fields = {
        "data": [
            {
                "results": {name: tensor.from_numpy(array).model_dump() for name, array in item.items()},
                "metadata": None if version == "v0.1" else {},
            }
            for item in items
        ],
        "metadata": {"chunk_timing": [{"start": START, "stop": STOP, "parts": [part]}]},
    }
    if version >= "v0.2":
        fields["passthrough_data"] = passthrough_data
    if version >= "v1.0":
        fields["semantic_role"] = role
    return models.QuantumProgramResultModel.model_validate(fields).model_dump_json().encode()


ESTIMATOR = typed_json.encode(
    PrimitiveResult(
        [SamplerPubResult(DataBin(evs=np.array([0.5]), stds=np.array([0.1]), shape=(1,)), {"shots": 10})],
        {"version": 2},
    )
).replace(b'"SamplerPubResult"', b'"PubResult"')
REST_ESTIMATOR = b'{"results": [{"data": {"evs": 0.5, "stds": 0.1}, "metadata": {"shots": 10}}], "metadata": {}}'
_RATES = base64.b64encode(np.array([0.1, 0.2]).tobytes()).decode()
NOISE_LEARNER_V3 = json.dumps(
    {
        "schema_version": "v0.3",
        "data": [
            {
                "generators_sparse": [[["XZ", [0, 1]]], [["Y", [1]]]],
                "num_qubits": 2,
                "rates": {"data": _RATES, "shape": [2], "dtype": "f64"},
                "rates_std": {"data": _RATES, "shape": [2], "dtype": "f64"},
                "metadata": {"learning_protocol": "trex"},
            }
        ],
    }
).encode()
NOISE_LEARNER = json.dumps(
    {
        "data": [
            {
                "__type__": "_json",
                "__module__": "qiskit_ibm_runtime.utils.noise_learner_result",
                "__class__": "LayerError",
                "__value__": {"circuit": None, "qubits": [4, 7], "error": None},
            }
        ],
        "metadata": {"backend": "device", "input_options": {}},
    }
).encode()
CLASSIC = b'{"backend_name": "b", "job_id": "a", "success": true, "results": []}'
