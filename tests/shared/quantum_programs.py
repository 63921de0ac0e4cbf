"""The parameters of a job of the program ``executor``, in each version of its schema."""

import numpy as np
from ibm_quantum_schemas.common import (
    CompressedQpyDataModel,
    CompressedTensorModel,
    QpyDataModel,
    QpyModel,
    SamplexModel,
    TensorModel,
)
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from samplomatic import build
from samplomatic.transpiler import generate_boxing_pass_manager

VERSIONS = ("v0.1", "v0.2", "v1.0", "v1.1", "v2.0")
ANGLES = np.linspace(0.0, np.pi, 6).reshape(3, 2, 1)
SSV = {"v0.1": 1, "v0.2": 2, "v1.0": 3, "v1.1": 4}


def tensor_of(version):
    return CompressedTensorModel if version == "v2.0" else TensorModel


def rotation():
    """Two qubits that are 1 together with a probability of sin² of half the angle."""
    circuit = QuantumCircuit(2)
    circuit.sx(0)
    circuit.rz(Parameter("a"), 0)
    circuit.sx(0)
    circuit.x(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def params(version="v2.0", *, shots=400, options=None, chunks="auto", **program):
    """A program of a circuit and a samplex, each for six angles, the samplex four times."""
    circuit = rotation()
    template, samplex = build(generate_boxing_pass_manager().run(circuit))
    tensor = tensor_of(version).from_numpy(ANGLES).model_dump(mode="json")
    written = SamplexModel.from_samplex(samplex, ssv=SSV.get(version)).model_dump(mode="json")
    items = [
        {"item_type": "circuit", "circuit_arguments": tensor, "shape": [], "chunk_size": chunks},
        {
            "item_type": "samplex",
            "samplex": written,
            "samplex_arguments": {"parameter_values": tensor},
            "shape": [4, 3, 2],
            "chunk_size": chunks,
        },
    ]
    circuits = [circuit, template]
    if version.startswith("v0"):
        for item, each in zip(items, circuits, strict=True):
            item["circuit"] = QpyModel.from_quantum_circuit(each, 16).model_dump(mode="json")
        del items[0]["shape"]
    else:
        model = CompressedQpyDataModel if version == "v2.0" else QpyDataModel
        program.setdefault("circuits", model.from_python(circuits, qpy_version=16).model_dump(mode="json"))
    return {
        "schema_version": version,
        "quantum_program": {"shots": shots, "items": items} | program,
        "options": options or {},
    }
