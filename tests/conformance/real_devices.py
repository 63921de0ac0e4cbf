"""The documents of IBM's devices, which the official client ships, and everything that a target says."""

import json
from functools import cache
from pathlib import Path

import qiskit_ibm_runtime

FOLDER = Path(qiskit_ibm_runtime.__file__).parent / "fake_provider" / "backends"


@cache
def documents(name):
    return [json.loads(next(FOLDER.glob(f"*/{kind}_{name}.json")).read_text()) for kind in ("conf", "props")]


def described(target):
    """Everything that a target says, to be compared."""
    said = {name: getattr(target, name) for name in ("num_qubits", "dt")}
    for name in ("granularity", "min_length", "pulse_alignment", "acquire_alignment"):
        said[name] = getattr(target, name)
    said["qubits"] = [(qubit.t1, qubit.t2, qubit.frequency) for qubit in target.qubit_properties]
    for name in target.operation_names:
        operation = target.operation_from_name(name)
        if not isinstance(operation, type):
            kind = type(operation).__name__
            operation = (kind, operation.num_qubits, operation.num_clbits, list(map(str, operation.params)))
        said["of", name] = (operation, target.gate_has_angle_bounds(name))
        for qubits, measured in target[name].items():
            said[name, qubits] = None if measured is None else (measured.error, measured.duration)
    return said
