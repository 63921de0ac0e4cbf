"""How long a device takes for a job whose circuits are known.

In a worker process, where what a client submitted is turned into objects.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from qiskit import QuantumCircuit, qasm3
from returns.result import Success

from ibm_circuit_job.local.charges import charged, circuit_seconds
from ibm_circuit_job.local.devices import DEFAULT_REP_DELAY, DEVICES, configuration, properties
from ibm_circuit_job.local.execution import Task
from ibm_circuit_job.wire import typed_json


def device_seconds(task: Task) -> float | None:
    """Return the seconds that a device charges for a job: for each execution, the repetition delay and its circuit.

    Args:
        task: A job that was executed.

    Returns:
        Seconds; ``None`` for a simulator, and for a program whose executions do not stand in its parameters.
    """
    device = DEVICES[task.backend]
    if device.is_simulator or task.program not in _PROGRAMS:
        return None
    decoded = typed_json.decode(task.params, "params")
    submitted: Any = decoded.unwrap() if isinstance(decoded, Success) else None
    if not isinstance(submitted, Mapping):
        return None
    dt = configuration(device)["dt"] * 1e-9
    described = properties(device, task.started)
    delay = _rep_delay(submitted)
    executions = _executions(submitted)
    return sum(charged(number, delay, circuit_seconds(circuit, described, dt)) for circuit, number in executions)


_PROGRAMS: Final = frozenset({"circuit-runner", "qasm3-runner", "sampler"})
"""The programs whose parameters say how many times each circuit is executed."""


def _rep_delay(submitted: Mapping[str, Any]) -> float:
    options = submitted.get("options") or {}
    given = (options.get("execution") or {}).get("rep_delay", submitted.get("rep_delay"))
    return DEFAULT_REP_DELAY if given is None else float(given)


def _executions(submitted: Mapping[str, Any]) -> Iterator[tuple[QuantumCircuit, int]]:
    """Each circuit, and how many times it is executed."""
    circuits = submitted.get("circuits", [])
    for circuit in circuits if isinstance(circuits, list) else [circuits]:
        yield _circuit(circuit), int(submitted.get("shots", 4000))
    default = (submitted.get("options") or {}).get("default_shots") or 4096
    for pub in submitted.get("pubs", []):
        circuit, values, shots = [*pub, None, None][:3]
        yield _circuit(circuit), _points(values) * int(shots or default)


def _points(values: Any) -> int:
    """How many sets of values for the parameters of a circuit there are."""
    return 1 if values is None else math.prod(np.shape(values)[:-1])


def _circuit(given: Any) -> QuantumCircuit:
    return qasm3.loads(given) if isinstance(given, str) else given
