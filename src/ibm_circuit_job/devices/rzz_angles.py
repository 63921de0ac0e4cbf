"""The angles of ``rzz`` that devices run, 0 to pi/2, and equivalent circuits for all other angles.

From version 2.2, qiskit's transpiler gets such a circuit from a registry. Older versions have no bounds of angles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from qiskit.circuit import Qubit
from qiskit.circuit.library import RZGate, RZZGate, XGate
from qiskit.dagcircuit import DAGCircuit

LARGEST_ANGLE: Final = math.pi / 2
"""The largest angle of ``rzz``, in radians; the smallest is 0."""

_ROUNDING: Final = 1e-10
"""The tolerance for rounding errors in an angle, in radians. The official client has the same."""

_NO_ANGLE: Final = 1e-12
"""The angle in radians below which no gate is needed, since it is a rounding error."""


def is_in_bounds(angle: float) -> bool:
    """Return whether devices run ``rzz`` with this angle, in radians.

    Example:
        >>> [is_in_bounds(angle) for angle in (0.0, 1.0, -1.0, 3.0)]
        [True, True, False, False]
    """
    return 0.0 <= angle <= LARGEST_ANGLE + _ROUNDING


def folded(angles: Sequence[float], _: Sequence[Any] = ()) -> DAGCircuit:
    """Return a circuit that is equal to ``rzz`` with any angle, and uses only angles from 0 to pi/2.

    The angle is a multiple of pi and a rest of at most pi/2. An odd multiple becomes a Z on both qubits. For a negative
    rest, an X before and after the gate on one qubit changes the sign. The global phase is equal as well.

    Args:
        angles: A sequence with one angle, in radians.

    Example:
        >>> import math
        >>> [(each.op.name, each.op.params) for each in folded([3.0 - math.pi]).op_nodes()]
        [('x', []), ('rzz', [0.14159265358979312]), ('x', [])]
    """
    angle = float(angles[0])
    turns = round(angle / math.pi)
    rest = angle - turns * math.pi
    dag = DAGCircuit()
    qubits = (Qubit(), Qubit())
    dag.add_qubits(qubits)
    # rzz(pi) is -i ZZ, and rz(pi) on both qubits is -ZZ.
    dag.global_phase = (-turns * math.pi / 2 + (math.pi if turns % 2 else 0.0)) % (2 * math.pi)
    if turns % 2:
        for qubit in qubits:
            dag.apply_operation_back(RZGate(math.pi), (qubit,))
    if abs(rest) > _NO_ANGLE:
        turned = [XGate()] if rest < 0 else []
        for gate in turned:
            dag.apply_operation_back(gate, qubits[:1])
        dag.apply_operation_back(RZZGate(min(abs(rest), LARGEST_ANGLE)), qubits)
        for gate in turned:
            dag.apply_operation_back(gate, qubits[:1])
    return dag


def _registry() -> Any:
    """Qiskit's registry of such circuits; ``None`` before qiskit 2.2."""
    try:
        from qiskit.transpiler.passes.utils import wrap_angles  # noqa: PLC0415 - not in every version of qiskit
    except ImportError:
        return None
    # Qiskit 2.2 documents only the module's registry.
    found = getattr(wrap_angles.WrapAngles, "DEFAULT_REGISTRY", None)
    return wrap_angles.WRAP_ANGLE_REGISTRY if found is None else found


def register() -> bool:
    """Register :func:`folded` with qiskit's transpiler, and return whether this qiskit has such a registry.

    A function that the official client or a user has registered stays.
    """
    registry = _registry()
    if registry is None:
        return False
    try:
        registry.substitute_angle_bounds("rzz", [-1.0], [0, 1])
    except KeyError:
        registry.add_wrapper("rzz", folded)
    return True
