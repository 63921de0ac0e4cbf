"""How long a device takes for a job whose circuits are known.

In a worker process, where what a client submitted is turned into objects.
"""

from __future__ import annotations

from collections.abc import Iterable

from qiskit import QuantumCircuit

from ibm_circuit_job.local.charges import charged, circuit_seconds
from ibm_circuit_job.local.devices import DEFAULT_REP_DELAY, DEVICES, configuration, properties
from ibm_circuit_job.local.execution import Task


def device_seconds(
    task: Task, executions: Iterable[tuple[QuantumCircuit, int]], rep_delay: float | None
) -> float | None:
    """Return the seconds that a device charges for a job: for each execution, the repetition delay and its circuit.

    Args:
        task: A job that was executed.
        executions: Each circuit that was submitted, and how many times it is executed.
        rep_delay: The repetition delay that the job asks for, in seconds; ``None`` for the device's own.

    Returns:
        Seconds; ``None`` for a simulator.
    """
    device = DEVICES[task.backend]
    if device.is_simulator:
        return None
    dt = configuration(device)["dt"] * 1e-9
    described = properties(device, task.started)
    delay = DEFAULT_REP_DELAY if rep_delay is None else float(rep_delay)
    return sum(charged(number, delay, circuit_seconds(circuit, described, dt)) for circuit, number in executions)
