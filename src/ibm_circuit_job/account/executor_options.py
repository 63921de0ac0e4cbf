"""Requests for the ``sampler`` as parameters of the program ``executor``, for services without a sampler.

The executor runs a list of circuits, each with arrays of parameter values, and returns the bits of each register.
Source: ``ibm_quantum_schemas.executor.version_2_0``.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import evolve
from qiskit import QuantumCircuit, qasm3
from qiskit.exceptions import QiskitError

from ibm_circuit_job.account.run_options import RunRequest
from ibm_circuit_job.errors import IBMBackendValueError
from ibm_circuit_job.wire import typed_json

SCHEMA: Final = "v2.0"
"""The version of the executor's parameters."""

_OPTIONS: Final = frozenset({"init_qubits", "rep_delay"})
"""The options of the sampler's ``execution`` that the executor has under the same names."""


def executor_request(request: RunRequest) -> RunRequest:
    """Return a request for the sampler as a request for the executor.

    Args:
        request: A request of :func:`~ibm_circuit_job.account.sampler_options.sampler_request`.

    Returns:
        The request, with the same circuits, shots, tags and options. The names of the circuits and of their classical
        registers, and their metadata, are pass-through data: the service returns them with the result.

    Raises:
        IBMBackendValueError: If the executor lacks an option, or if a circuit cannot be encoded.
    """
    given: Mapping[str, Any] = request.params["options"]
    options = given.get("execution", {}) if isinstance(given.get("execution", {}), Mapping) else {}
    wrong = sorted({*given} - {"execution"} | {*options} - _OPTIONS)
    if wrong:
        raise IBMBackendValueError(
            f"expected no {wrong[0]}, because the service has no program 'sampler', and its 'executor' does not "
            "support it"
        )
    try:
        program = _program(request)
    except (TypeError, ValueError, RecursionError, QiskitError) as error:
        raise IBMBackendValueError(f"expected circuits that QPY or OpenQASM 3 can encode: {error}") from None
    params = {"schema_version": SCHEMA, "quantum_program": program, "options": dict(options)}
    return evolve(request, program="executor", params=params)


def _program(request: RunRequest) -> dict[str, Any]:
    return {
        "shots": request.shots,
        "circuits": _encoded(request.circuits),
        "items": [dict(_ITEM) for _ in request.circuits],
        "meas_level": "classified",
        "passthrough_data": {
            "circuits": [_described(circuit) for circuit in request.circuits],
            # The key names are those of the official client's sampler.
            "post_processor": {"circuits_metadata": [_metadata(circuit) for circuit in request.circuits]},
        },
    }


_NO_VALUES: Final = {"data": base64.b64encode(zlib.compress(b"")).decode(), "shape": [0], "dtype": "f64"}
"""An array of no parameter values."""
_ITEM: Final = {"item_type": "circuit", "circuit_arguments": _NO_VALUES, "shape": [], "chunk_size": "auto"}


def _encoded(circuits: Sequence[QuantumCircuit | str]) -> dict[str, Any]:
    """Return all circuits in one QPY file; as texts, if one of them is a text."""
    if any(isinstance(circuit, str) for circuit in circuits):
        return {"data": [circuit if isinstance(circuit, str) else qasm3.dumps(circuit) for circuit in circuits]}
    file = typed_json.qpy_file(circuits)
    return {
        "b64_data": base64.b64encode(zlib.compress(file)).decode(),
        "qpy_version": typed_json.qpy_version(),
        "num_programs": len(circuits),
    }


def _described(circuit: QuantumCircuit | str) -> dict[str, Any]:
    """Return the name of a circuit, and its classical registers in their order, as [name, number of bits]."""
    if isinstance(circuit, str):
        return {}
    return {"name": circuit.name, "registers": [[register.name, len(register)] for register in circuit.cregs]}


def _metadata(circuit: QuantumCircuit | str) -> Any:
    """Return the metadata of a circuit, with typed values as plain JSON."""
    return {} if isinstance(circuit, str) else typed_json.metadata_json(circuit.metadata or {})
