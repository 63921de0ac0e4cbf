"""Circuit files: parameters in QPY's form, and what is checked before a circuit is made."""

import io
import json
import struct

import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter

from ibm_circuit_job.wire.typed_json import circuit_files


def file_of(*circuits):
    return circuit_files.written(circuits, json.JSONEncoder)


def test_parameter_is_written_as_qiskit_writes_it():
    parameter = Parameter("θ")
    circuit = QuantumCircuit(1)
    circuit.rx(parameter, 0)
    assert circuit_files.parameter_bytes(parameter) in file_of(circuit)
    assert circuit_files.parameter_of(circuit_files.parameter_bytes(parameter)) == parameter


@pytest.mark.parametrize("data", [b"", b"\0", struct.pack("!H16s", 3, b"x" * 16) + b"a"])
def test_parameter_that_ends_too_early_is_refused(data):
    with pytest.raises(ValueError, match=r"buffer|ends too early"):
        circuit_files.parameter_of(data)


def test_file_of_too_many_circuits_is_refused():
    data = file_of(QuantumCircuit(1), QuantumCircuit(2))
    assert len(circuit_files.read(data, 2, json.JSONDecoder)) == 2
    with pytest.raises(ValueError, match="it has 2 circuits"):
        circuit_files.read(data, 1, json.JSONDecoder)


def test_file_of_a_version_that_is_too_old_is_refused():
    data = bytearray(file_of(QuantumCircuit(1)))
    data[6] = 1
    with pytest.raises(ValueError, match="version 1 is too old"):
        circuit_files.read(bytes(data), 1, json.JSONDecoder)


def test_file_of_the_newest_version_that_qiskit_writes_is_read():
    buffer = io.BytesIO()
    qpy.dump(QuantumCircuit(3, 2), buffer)
    (circuit,) = circuit_files.read(buffer.getvalue(), 1, json.JSONDecoder)
    assert (circuit.num_qubits, circuit.num_clbits) == (3, 2)
