"""Converts the parameters of a job to a Qobj, the JSON format in which programs of 2018 to 2023 submitted circuits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction

from ibm_circuit_job.wire import typed_json

_NO_CONFIG: Final = frozenset({"circuits", "header", "skip_transpilation"})


def qobj_of(job_id: str, params: bytes) -> dict[str, Any] | None:
    """Return the Qobj of a job; ``None`` if its circuits cannot be written as one.

    Args:
        job_id: The ID of the job, which is also that of the Qobj.
        params: The parameters that were submitted, as JSON.

    Example:
        >>> qobj_of("a", b'{"circuits": [], "shots": 10, "header": {"note": "x"}}')["config"]
        {'shots': 10}
    """
    found = typed_json.decode(params, "params").value_or(None)
    circuits = found.get("circuits") if isinstance(found, Mapping) else None
    listed = circuits if isinstance(circuits, list) else [circuits]
    if not isinstance(found, Mapping) or not all(isinstance(circuit, QuantumCircuit) for circuit in listed):
        return None
    experiments = [_experiment(circuit) for circuit in listed]
    if None in experiments:
        return None
    return {
        "qobj_id": job_id,
        "type": "QASM",
        "schema_version": "1.3.0",
        "config": {name: value for name, value in found.items() if name not in _NO_CONFIG},
        "header": found.get("header") or {},
        "experiments": experiments,
    }


def _experiment(circuit: QuantumCircuit) -> dict[str, Any] | None:
    """Return a circuit as an experiment; ``None`` if a Qobj cannot describe it, for example its control flow."""
    instructions = [_instruction(circuit, each) for each in circuit.data]
    if None in instructions:
        return None
    return {
        "config": {"n_qubits": circuit.num_qubits, "memory_slots": circuit.num_clbits},
        "header": {
            "name": circuit.name,
            "n_qubits": circuit.num_qubits,
            "memory_slots": circuit.num_clbits,
            "qreg_sizes": [[register.name, register.size] for register in circuit.qregs],
            "creg_sizes": [[register.name, register.size] for register in circuit.cregs],
            "global_phase": float(circuit.global_phase),
            "metadata": circuit.metadata or {},
        },
        "instructions": instructions,
    }


def _instruction(circuit: QuantumCircuit, each: CircuitInstruction) -> dict[str, Any] | None:
    operation = each.operation
    fields: dict[str, Any] = {
        "name": operation.name,
        "qubits": [circuit.find_bit(qubit).index for qubit in each.qubits],
    }
    if each.clbits:
        fields["memory"] = [circuit.find_bit(clbit).index for clbit in each.clbits]
    try:
        params = [_number(param) for param in operation.params]
    except (TypeError, ValueError):
        return None
    return fields | ({"params": params} if params else {})


def _number(param: Any) -> Any:
    if isinstance(param, np.ndarray):
        return [[[entry.real, entry.imag] for entry in row] for row in param]
    return float(param)
