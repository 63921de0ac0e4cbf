"""Convert the delays of a circuit to ``dt``, the time step of a device.

QPY before version 18 has no unit for a delay, so a delay of 5 microseconds is read as 5 ``dt`` (Qiskit issue 10662).
The transpiler converts delays to ``dt``, except in the blocks of control flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp
from qiskit.circuit.controlflow import CONTROL_FLOW_OP_NAMES

SECONDS: Final[Mapping[str, float]] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
"""Unit of time of a delay -> seconds. The unit ``dt`` depends on the device."""


def with_delays_in_dt(circuit: QuantumCircuit, dt: float) -> QuantumCircuit:
    """Return a circuit with all delays in ``dt``, as whole numbers, also in the blocks of control flow.

    A delay with a parameter as its duration stays as it is.

    Args:
        circuit: The circuit; it is not changed.
        dt: The time step of the device in seconds.

    Returns:
        A new circuit; the same object if all delays are in ``dt`` already.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from ibm_circuit_job.devices.delays import with_delays_in_dt
        >>> circuit = QuantumCircuit(1)
        >>> _ = circuit.delay(1.5, 0, unit="us")
        >>> delay = with_delays_in_dt(circuit, 4e-9).data[0].operation
        >>> delay.duration, delay.unit
        (375, 'dt')
    """
    if not _has_other_delays(circuit):
        return circuit
    made = circuit.copy_empty_like()
    for each in circuit.data:
        operation = each.operation
        if isinstance(operation, ControlFlowOp):
            blocks = [with_delays_in_dt(block, dt) for block in operation.blocks]
            made.append(operation.replace_blocks(blocks), each.qubits, each.clbits, copy=False)
        elif _is_other_delay(operation):
            made.delay(round(operation.duration * SECONDS[operation.unit] / dt), each.qubits, unit="dt")
        else:
            made.append(each)
    return made


def _has_other_delays(circuit: QuantumCircuit) -> bool:
    # Reading every instruction of a large circuit takes a while; counting them does not.
    if CONTROL_FLOW_OP_NAMES.isdisjoint(names := circuit.count_ops()) and "delay" not in names:
        return False
    return any(
        _is_other_delay(each.operation) or any(map(_has_other_delays, getattr(each.operation, "blocks", ())))
        for each in circuit.data
    )


def _is_other_delay(operation: Any) -> bool:
    return operation.name == "delay" and operation.unit in SECONDS and isinstance(operation.duration, int | float)
