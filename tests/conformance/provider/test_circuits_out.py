"""What our run() sends with the oldest qiskit that it takes: QPY, metadata, and OpenQASM 3 text."""

import base64
import json
import zlib
from datetime import UTC, datetime

import numpy as np
import pytest
from qiskit import QuantumCircuit, qpy

from ibm_circuit_job import IBMBackendValueError, IBMProvider
from ibm_circuit_job.wire import typed_json
from ibm_circuit_job.wire.typed_json import circuit_files

TEXT = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nx q[0];\nc = measure q;\n'
METADATA = {"n": np.int64(3), "xs": np.arange(2), "z": 1j, "at": datetime(2026, 11, 26, 12, tzinfo=UTC)}


@pytest.fixture
def ours(services):
    with IBMProvider(services.plain.token, services.plain.url) as provider:
        yield provider.get_backend("local_simulator")


def one():
    circuit = QuantumCircuit(1, 1, metadata=METADATA)
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


def test_circuits_are_written_in_the_newest_version_of_qiskit():
    text = json.loads(typed_json.encode(one()))["__value__"]
    assert zlib.decompress(base64.b64decode(text))[6] == qpy.QPY_VERSION == 13


def test_metadata_comes_back_with_the_result(ours):
    result = ours.run(one(), shots=5).result(timeout=60)
    found = result.results[0].header.metadata
    assert (found["n"], list(found["xs"]), found["z"], found["at"]) == (3, [0, 1], 1j, METADATA["at"])


def test_text_is_run(ours):
    assert ours.run(TEXT, shots=10).result(timeout=60).get_counts() == {"01": 10}


def test_circuit_that_goes_into_no_version_is_refused(ours, monkeypatch):
    monkeypatch.setattr(circuit_files, "NEWEST_QPY", 1)
    with pytest.raises(IBMBackendValueError, match="expected arguments that go to JSON"):
        ours.run(one())
