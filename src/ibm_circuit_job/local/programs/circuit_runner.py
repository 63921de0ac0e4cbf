"""The programs ``circuit-runner`` and ``qasm3-runner``, which return the counts of circuits as a ``Result``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from qiskit import QuantumCircuit

from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.device_time import device_seconds
from ibm_circuit_job.local.devices import BACKEND_VERSION, DEVICES, MAX_CIRCUITS
from ibm_circuit_job.local.execution import Outcome, Task
from ibm_circuit_job.local.programs.options import check_repetition, remark_on_delay
from ibm_circuit_job.local.programs.qasm3_text import read_if_text
from ibm_circuit_job.local.programs.refusals import NOT_FOR_THIS_BACKEND, CannotRun, decoded
from ibm_circuit_job.local.simulation import checked_shots, noise_of_options, runnable, simulated
from ibm_circuit_job.wire import documents, typed_json


def run(task: Task) -> Outcome:
    """Return the counts of circuits, as the JSON of a ``Result``. If some circuits cannot run, the others still do.

    Raises:
        CannotRun: If no circuit can run, or the parameters are not valid.
    """
    submitted, device = decoded(task.params, "circuits"), DEVICES[task.backend]
    circuits = submitted["circuits"]
    circuits = circuits if isinstance(circuits, list) else [circuits]
    if task.program == "qasm3-runner":
        circuits = [read_if_text(circuit, f"circuit-{index}") for index, circuit in enumerate(circuits)]
    if not 1 <= len(circuits) <= MAX_CIRCUITS:
        raise CannotRun(f"Expected 1 to {MAX_CIRCUITS} circuits, got {len(circuits)}.")
    shots = checked_shots(submitted.get("shots", 4000))
    rep_delay = _rep_delay(submitted.get("rep_delay"), device)
    prepared = [runnable(task, _prepared(circuit, submitted.get("init_circuit"))) for circuit in circuits]
    ready = [circuit for circuit in prepared if isinstance(circuit, QuantumCircuit)]
    reasons = [reason for reason in prepared if isinstance(reason, str)]
    if not ready:
        raise CannotRun(reasons[0])
    noise = submitted.get("noise_model") if device.is_simulator else None
    ran = simulated(
        task,
        ready,
        shots=shots,
        memory=bool(submitted.get("memory")),
        seed=submitted.get("seed_simulator"),
        noise_model=noise_of_options(device, noise, "noise_model") if isinstance(noise, Mapping) else None,
    )
    if len(ran.results) != len(ready):
        # Aer refused the whole run, before any circuit of it.
        raise CannotRun(str(ran.status))
    reasons += [str(each.status) for each in ran.results if not each.success]
    result: dict[str, Any] = ran.to_dict()
    result.pop("metadata", None)
    experiments = iter(result["results"])
    result["results"] = [
        next(experiments) if isinstance(each, QuantumCircuit) else _failed(circuit, shots, each)
        for circuit, each in zip(circuits, prepared, strict=True)
    ]
    result |= {
        "job_id": task.job_id,
        "qobj_id": task.job_id,
        "backend_name": task.backend,
        "backend_version": BACKEND_VERSION,
        "success": not reasons,
        # qiskit-ibm-provider cannot read a result without a date.
        "date": result.get("date") or datetime.now(UTC).isoformat(),
    }
    if remark := remark_on_delay(submitted.get("rep_delay"), device):
        # A Result has all unknown fields as attributes.
        result["remarks"] = remark
    # The header is returned unchanged, not decoded and encoded.
    given = documents.fields(task.params, "params").unwrap().get("header")
    result["header"] = {} if given is None or bytes(given) == b"null" else given
    reason = "; ".join(dict.fromkeys(reasons))
    seconds = device_seconds(task, ((circuit, _ONE_SET, shots) for circuit in ready), rep_delay)
    return Outcome(typed_json.encode(result), reason, NOT_FOR_THIS_BACKEND if reason else None, seconds)


_ONE_SET: Final = np.empty((1, 0))
"""The parameter values of a circuit without parameters: one empty set."""


def _rep_delay(given: Any, device: Device) -> float | None:
    """Return the repetition delay in seconds; ``None`` for the default of the device, and for a simulator."""
    if given is None or device.is_simulator:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise CannotRun(f"rep_delay: expected a number of seconds, got {given!r}.")
    check_repetition(device, True, float(given), "params")
    return float(given)


def _failed(circuit: Any, shots: int, reason: str) -> dict[str, Any]:
    """Return the result of a circuit that could not run."""
    header = {"name": circuit.name, "memory_slots": circuit.num_clbits}
    return {"shots": shots, "success": False, "status": f"ERROR: {reason}", "header": header, "data": {}}


def _prepared(circuit: Any, initial: Any) -> QuantumCircuit:
    if not isinstance(circuit, QuantumCircuit):
        raise CannotRun(f"Expected circuits, got a {type(circuit).__name__}.")
    if not isinstance(initial, QuantumCircuit):
        return circuit
    return circuit.compose(initial, qubits=range(initial.num_qubits), front=True)
