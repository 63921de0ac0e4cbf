"""Throw damaged replies at every reader for some minutes: ``python property_tests/fuzz.py MINUTES [SEED]``.

Not collected by pytest, for it takes as long as it is told to. It stops at the first exception, at a reply that takes
over a second, and at a process that grows beyond a gigabyte; the seed and the bytes are then printed.
"""

import base64
import random
import resource
import sys
import time
import zlib
from datetime import UTC, datetime

import msgspec
import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, SamplerPubResult
from returns.result import Result

from ibm_circuit_job import Job, JobInputs, ResultPayload
from ibm_circuit_job.testing.model_service import RESULT
from ibm_circuit_job.wire import error_replies, queries, records, replies, results, typed_json

NOW = datetime(2024, 2, 3, tzinfo=UTC)
MOST_SECONDS = 2.0
"""How long all readers together may take for one body, which may decompress to 50 MB for each of them."""
MOST_KILOBYTES = 1_000_000


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


def read_all(body):
    """Every reader; each must return a Result, and the queries must answer."""
    for read in (
        replies.read_job(body, NOW),
        replies.read_job_page(body, NOW),
        replies.read_metrics(body, NOW),
        replies.read_submission(body),
        replies.read_pushed_status(body, NOW),
        records.from_json(body),
        results.decode(ResultPayload(NOW, body)),
        results.decode_primitive(ResultPayload(NOW, body)),
    ):
        assert isinstance(read, Result)
    results.is_result(ResultPayload(NOW, body))
    error_replies.read_error(body)
    job = Job("a", inputs=JobInputs(NOW, body))
    queries.circuits(job)
    queries.header(job)
    queries.backend_options(job)
    queries.named_bindings(job)


def main(minutes, seed):
    chance = random.Random(seed)
    good = seeds()
    until = time.monotonic() + 60 * minutes
    count, slowest = 0, 0.0
    while time.monotonic() < until:
        body = damaged(chance, chance.choice(good), good)
        began = time.process_time()
        try:
            read_all(body)
        except BaseException:
            print(f"seed {seed}, body {count}: {body[:2000]!r}")
            raise
        slowest = max(slowest, time.process_time() - began)
        count += 1
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if slowest > MOST_SECONDS or grown > MOST_KILOBYTES:
            sys.exit(f"seed {seed}, body {count}: {slowest:.2f} s, {grown} kB: {body[:2000]!r}")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"seed {seed}: {count} bodies, none raised; the slowest took {slowest:.3f} s; at most {grown // 1024} MB")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6))
