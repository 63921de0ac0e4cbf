"""Good replies of every kind, and how they are damaged."""

import base64
import json
import zlib
from datetime import UTC, datetime

import msgspec
import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, SamplerPubResult

from ibm_circuit_job import Job, ResultPayload
from ibm_circuit_job.testing.model_service import RESULT
from ibm_circuit_job.wire import records, typed_json

NOW = datetime(2024, 2, 3, tzinfo=UTC)


def seeds():
    """Good bodies of every kind, to be damaged."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.measure_all()
    bits = BitArray(np.array([[1], [2]], np.uint8), 2)
    return [
        (
            b'{"id":"a","state":{"status":"Failed","reason":"x","reason_code":1517},"created":"2024-02-03T10:11:12.5Z",'
            b'"tags":["x"],"estimated_running_time_seconds":2,"private":true,"cost":10,"params":{"shots":1}}'
        ),
        b'{"jobs":[{"id":"a"},{"id":"b"}],"count":2,"limit":10,"offset":0}',
        b'{"timestamps":{"created":"2024-02-03T10:00:00Z"},"position_in_queue":3,"usage":{"seconds":2}}',
        b'{"type":"job-status","data":{"status":"RUNNING"}}',
        RESULT,
        typed_json.encode({"circuits": [circuit], "shots": 10, "header": {"x": 1j}, "a": np.arange(3)}),
        typed_json.encode(PrimitiveResult([SamplerPubResult(DataBin(c=bits))], {"version": 2})),
        *REST_AND_EXECUTOR,
        *(json.dumps(reply).encode() for reply in (*ERRORS, *DEVICES, *ACCOUNTS)),
        b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
        records.to_json(Job("a", payload=ResultPayload(NOW, b"{}"))),
    ]


def damaged(chance, body, others):
    """The body with a few things done to it; now and then inside of what is compressed."""
    if chance.random() < 0.2:
        body = _damaged_inside(chance, body)
    data = bytearray(body)
    for _ in range(chance.randint(0, 4)):
        place = chance.randrange(len(data) + 1)
        match chance.randrange(7):
            case 0:
                del data[place:]
            case 1:
                data[place : place + 1] = bytes([chance.randrange(256)])
            case 2:
                del data[place : place + chance.randint(1, 20)]
            case 3:
                other = chance.choice(others)
                start = chance.randrange(len(other))
                data[place:place] = other[start : start + chance.randint(1, 200)]
            case 4:
                data[place:place] = chance.choice([b"[", b'{"a":', b"9", b"\\ud800", b"null,"]) * chance.randint(
                    1, 3000
                )
            case 5:
                data = bytearray(data.replace(chance.choice(_WORDS), chance.choice(_WORDS), 1))
            case _:
                data[place:place] = chance.choice([b"NaN", b"-Infinity", b"1e999", b"\xff", b'"', b"\\"])
    return bytes(data)


# What the other programs send, and what the executor's jobs were submitted with.
_BITS = {"data": "/w==", "shape": [2, 2, 2], "dtype": "bool"}
_ITEM = {"results": {"c": _BITS, "measurement_flips.c": _BITS, "_meas": _BITS}, "metadata": {}}
_TASK = {
    "version": "0.1",
    "mitigation": None,
    "observables": [{"ZZ": 0.5, "01": 1.0}],
    "param_basis_pairs": [[[], "ZZ"]],
    "param_shape": [],
    "broadcast_obs_and_params": True,
    "program_item_index": 0,
    "trex_calibration": None,
}
_PASSED = {
    "post_processor": {"version": "v0.1", "twirling": True, "meas_type": "classified", "shots": 2, "options": {}}
}
_PASSED["post_processor"] |= {"num_pubs": 1}
_FOLDED = _TASK | {"mitigation": "gate_folding", "noise_factors": [1], "extrapolator": ["linear", "exponential"]}
_NOISE = {"generators_sparse": [[["X", [0]]]], "num_qubits": 1, "rates": _BITS, "rates_std": _BITS, "metadata": {}}
REST_AND_EXECUTOR = [
    msgspec.json.encode(body)
    for body in (
        {"results": [{"data": {"c": {"samples": ["0x1", "0x2"], "num_bits": 2}}, "metadata": {}}], "metadata": {}},
        {"results": [{"data": {"evs": [0.5], "stds": [0.1]}, "metadata": {}}], "metadata": {}},
        {"schema_version": "v0.3", "data": [_NOISE]},
        *(
            {
                "schema_version": "v1.0",
                "data": [_ITEM],
                "metadata": {"chunk_timing": [{"start": "2025-01-01T00:00:00Z", "stop": "2025-01-01T00:00:00Z"}]},
                "semantic_role": role,
                "passthrough_data": _PASSED | {"qiskit_mitigation": [task]},
            }
            for role, task in (("sampler_v2", _TASK), ("estimator_v2", _TASK), ("estimator_v2", _FOLDED))
        ),
        {
            "schema_version": "v1.0",
            "quantum_program": {
                "shots": 2,
                "circuits": {"b64_data": "UUlTS0lU", "qpy_version": 17, "num_programs": 1},
                "items": [{"item_type": "circuit", "circuit_arguments": _BITS, "shape": []}],
            },
        },
    )
]

ERRORS = (
    {"errors": [{"code": 1291, "message": "Job not found.", "solution": "x", "more_info": "x"}], "trace": "x"},
    {"error": {"code": 1295, "message": "The job is not running."}},
    {"errorCode": "BXNIM0415E", "errorMessage": "No key.", "context": {"requestId": "x"}},
)
"""Refusals of both dialects, and of IAM."""
_FIGURE = {"name": "T1", "date": "2024-02-03T04:00:00Z", "unit": "us", "value": 80.5}
DEVICES = (
    {
        "backend_name": "ibm_x",
        "backend_version": "1.0",
        "n_qubits": 2,
        "basis_gates": ["cz", "x", "rzz"],
        "gates": [{"name": "cz", "coupling_map": [[0, 1]], "parameters": []}],
        "coupling_map": [[0, 1]],
        "dt": 0.5,
        "max_shots": 100,
        "timing_constraints": {"granularity": 1},
        "rep_delay_range": [0, 500],
        "default_rep_delay": 250,
        "meas_map": [[0, 1]],
        "supported_instructions": ["cz", "x", "delay", "if_else"],
        "instruction_signatures": [{"name": "measure_2", "num_qubits": 1, "num_clbits": 1}],
    },
    {
        "backend_name": "ibm_x",
        "last_update_date": "2024-02-03T04:00:00Z",
        "qubits": [[_FIGURE], [_FIGURE]],
        "gates": [{"gate": "cz", "qubits": [0, 1], "parameters": [{**_FIGURE, "name": "gate_error"}]}],
        "general": [_FIGURE],
    },
    {"state": True, "status": "active", "message": "x", "length_queue": 3, "backend_version": "1.0"},
    {"devices": [{"name": "ibm_x", "status": {"name": "online"}, "queue_length": 2}, "ibm_y"]},
)
"""The configuration, properties and status of a device, and the listing of devices."""
CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/mine:1::"
ACCOUNTS = (
    {"id": "access-token", "ttl": 1209600, "access_token": "a.b.c", "expires_in": 3600, "token_type": "Bearer"},
    {"urls": {"http": "http://127.0.0.1/api", "ws": "ws://127.0.0.1/api", "services": {"runtime": "http://127.0.0.1"}}},
    [{"name": "hub", "groups": {"group": {"name": "group", "projects": {"project": {"isDefault": True}}}}}],
    {"items": [{"crn": CRN, "name": "lab", "service_plan_unique_id": "p", "doc": {"extensions": {}}}], "limit": 100},
    {"overview_ui": {"en": {"display_name": "Open"}}, "metadata": {"pricing": {"type": "free"}}},
    {"versions": [{"version": "2026-04-15", "status": "live"}]},
    {
        "usage_consumed_seconds": 5,
        "usage_limit_seconds": 600,
        "usage_limit_reached": False,
        "usage_period": {"days": 28},
    },
)
"""Logins of both dialects, the account, its hubs, instances and plans, API versions and usage."""

_WORDS = [b"QuantumCircuit", b"ndarray", b"BitArray", b"DataBin", b"PrimitiveResult", b"SamplerPubResult", b"complex"]
_WORDS += [b"Parameter", b"ParameterExpression", b"Instruction", b"Result", b"set", b"datetime", b"settings"]
_WORDS += [b"2", b"-1", b"99999999999", b'"x"', b"null", b"[]", b"{}", b"true"]


def _damaged_inside(chance, body):
    """Damage what is behind base64 and zlib."""
    try:
        tree = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return body
    texts = list(_packed_texts(tree))
    if not texts:
        return body
    text = chance.choice(texts)
    data = bytearray(zlib.decompress(base64.b64decode(text)))
    for _ in range(chance.randint(1, 6)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    if chance.random() < 0.05:
        data += bytes(chance.randint(1, 50_000_000))
    return body.replace(text.encode(), base64.b64encode(zlib.compress(data, 1)))


def _packed_texts(tree):
    if isinstance(tree, dict):
        if tree.get("__type__") in {"QuantumCircuit", "ndarray"} and isinstance(tree.get("__value__"), str):
            yield tree["__value__"]
        for value in tree.values():
            yield from _packed_texts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _packed_texts(value)
