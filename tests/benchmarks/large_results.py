"""Bodies of large results, of each program: the same random bits for the same arguments."""

import json
from collections import Counter

import numpy as np
import result_bodies


def outcomes(circuits, shots, bits, distinct):
    """Yield for each circuit the bits of each shot: nearly all different, or *distinct* different ones."""
    rng = np.random.default_rng(1)
    for _ in range(circuits):
        pool = rng.integers(0, 2, (distinct or shots, bits)).astype(bool)
        yield pool[rng.integers(0, distinct, shots)] if distinct else pool


def classic(circuits, shots, bits, distinct=0):
    """Return the ``Result.to_dict()`` of a job with memory."""
    listed = []
    for number, measured in enumerate(outcomes(circuits, shots, bits, distinct)):
        memory = [hex(int.from_bytes(row)) for row in np.packbits(np.pad(measured, ((0, 0), (-bits % 8, 0))), axis=1)]
        header = {"name": f"circuit-{number}", "creg_sizes": [["meas", bits]], "memory_slots": bits, "n_qubits": bits}
        data = {"counts": dict(Counter(memory)), "memory": memory}
        listed.append({"shots": shots, "success": True, "meas_level": 2, "data": data, "header": header})
    body = {"backend_name": "b", "backend_version": "1", "job_id": "a", "success": True, "results": listed}
    return json.dumps(body).encode()


def sampler(circuits, shots, bits, distinct=0):
    """Return the body of a ``sampler`` job."""
    return result_bodies.packed_sampler(*({"meas": measured} for measured in outcomes(circuits, shots, bits, distinct)))


def executor(circuits, shots, bits, distinct=0):
    """Return the body of an ``executor`` job."""
    return result_bodies.executor(
        "v1.0", *({"meas": measured} for measured in outcomes(circuits, shots, bits, distinct))
    )
