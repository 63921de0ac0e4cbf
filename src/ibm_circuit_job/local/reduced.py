"""Prepares a circuit of a device for the simulator: without unused qubits, in gates that the simulator knows.

Delays, and Clifford gates that replace a rotation, get a label by which the noise model finds their error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from attrs import define, field, frozen
from qiskit import QuantumCircuit
from qiskit.circuit import (
    CircuitInstruction,
    ControlFlowOp,
    Measure,
    ParameterExpression,
    QuantumRegister,
    Qubit,
    Reset,
)
from qiskit.circuit.library import CZGate, IGate, RZGate, SdgGate, SGate, SwapGate, SXdgGate, SXGate, XGate, ZGate

_SAME: Final[Mapping[str, Callable[[], Any]]] = {"measure_2": Measure, "reset_2": Reset}
"""Name of an instruction of IBM's devices -> the instruction of qiskit with the same effect."""
_CLIFFORD: Final = frozenset(
    [
        "barrier",
        "delay",
        "measure",
        "reset",
        *("cx", "cy", "cz", "ecr", "h", "id", "s", "sdg", "swap", "sx", "sxdg"),
        *"xyz",
    ]
) | frozenset(_SAME)
_QUARTERS: Final = frozenset({"rx", "rz", "rzz"})
"""Gates that are Clifford gates at multiples of pi/2."""
_SAME_TURNS: Final = 5e-7
"""How far an angle may be from a multiple of pi/2, in units of pi/2. ``samplomatic`` has angles of 32 bits, with errors
up to 3e-7; they change the probability of an outcome by less than 1e-12."""
_IDLE: Final = "idle"


def used_qubits(circuit: QuantumCircuit) -> tuple[int, ...]:
    """Return the qubits that a circuit uses, in ascending order; at least one.

    A qubit with only barriers and delays is not used: it is not measured, so it has no effect on outcomes.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from ibm_circuit_job.local.reduced import used_qubits
        >>> circuit = QuantumCircuit(156)
        >>> _ = circuit.cz(42, 17)
        >>> circuit.measure_all()
        >>> len(used_qubits(circuit))
        156
    """
    numbers = {qubit: index for index, qubit in enumerate(circuit.qubits)}
    used = {
        numbers[qubit]
        for instruction in circuit.data
        if instruction.operation.name not in {"barrier", "delay"}
        for qubit in instruction.qubits
    }
    return tuple(sorted(used)) or (0,)


def neighbours_together(circuit: QuantumCircuit) -> tuple[int, ...]:
    """Return the qubits of a circuit in an order in which the qubits of the same gate are close to each other.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from ibm_circuit_job.local.reduced import neighbours_together
        >>> circuit = QuantumCircuit(4)
        >>> for pair in ((0, 3), (3, 1), (1, 2)):
        ...     _ = circuit.cz(*pair)
        >>> neighbours_together(circuit)
        (2, 1, 3, 0)
    """
    from scipy.sparse import csr_array  # noqa: PLC0415 - costly, and only wide circuits need it
    from scipy.sparse.csgraph import reverse_cuthill_mckee  # noqa: PLC0415 - the same

    met = {tuple(sorted(pair)) for pair in pairs(circuit)}
    if not met:
        return tuple(range(circuit.num_qubits))
    rows, columns = zip(*met, strict=True)
    size = circuit.num_qubits
    matrix = csr_array(([1] * (2 * len(met)), (rows + columns, columns + rows)), shape=(size, size))
    return tuple(int(each) for each in reverse_cuthill_mckee(matrix, symmetric_mode=True))


def pairs(circuit: QuantumCircuit, turns: int = 1, outer: tuple[int, ...] | None = None) -> Iterator[tuple[int, int]]:
    """Yield the qubits of each two-qubit gate, also in the bodies of control flow.

    Args:
        circuit: The circuit.
        turns: How often the body of a loop counts.
        outer: The numbers of the qubits of the circuit; 0, 1, 2... by default.
    """
    numbers = dict(zip(circuit.qubits, outer or range(circuit.num_qubits), strict=True))
    for instruction in circuit.data:
        there = tuple(numbers[qubit] for qubit in instruction.qubits)
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            for _ in range(turns if operation.name in {"for_loop", "while_loop"} else 1):
                for block in operation.blocks:
                    yield from pairs(block, turns, there)
        elif operation.name != "barrier" and len(there) >= 2:
            yield from pairwise(there)


def not_clifford(circuit: QuantumCircuit) -> str | None:
    """Return the first instruction that stabilizers cannot simulate, as a text; ``None`` if there is none.

    Example:
        >>> import math
        >>> from qiskit import QuantumCircuit
        >>> from ibm_circuit_job.local.reduced import not_clifford
        >>> circuit = QuantumCircuit(1)
        >>> _ = circuit.rz(math.pi / 2, 0)
        >>> not_clifford(circuit) is None
        True
        >>> _ = circuit.rz(0.3, 0)
        >>> not_clifford(circuit)
        'rz(0.3)'
    """
    return next((why for why in map(why_not_clifford, circuit.data) if why is not None), None)


def why_not_clifford(instruction: CircuitInstruction) -> str | None:
    """Return an instruction as a text if stabilizers cannot simulate it; ``None`` if they can.

    Args:
        instruction: An instruction of a circuit. For control flow, the text is about its bodies.
    """
    operation = instruction.operation
    if isinstance(operation, ControlFlowOp):
        return next((why for why in map(not_clifford, operation.blocks) if why is not None), None)
    name = operation.name
    if name in _CLIFFORD or name in {"break_loop", "continue_loop"}:
        return None
    if name in _QUARTERS:
        return None if quarter_turns(operation.params[0]) is not None else f"{name}({operation.params[0]})"
    return str(name)


def quarter_turns(angle: Any) -> int | None:
    """Return an angle in units of pi/2, modulo 4; ``None`` if it is no multiple of pi/2, or has no value yet."""
    if isinstance(angle, ParameterExpression):
        if angle.parameters:
            return None
        angle = angle.numeric()
    turns = float(angle) / (math.pi / 2)
    return round(turns) % 4 if math.isfinite(turns) and abs(turns - round(turns)) < _SAME_TURNS else None


@frozen(eq=False)
class Reduced:
    """A circuit without unused qubits."""

    circuit: QuantumCircuit
    """The circuit. Its qubits are in the order of the argument *used* of :func:`reduced`."""
    delays: Mapping[str, tuple[int, float]]
    """Label of a delay -> the qubit of the simulation and the seconds."""


def reduced(circuit: QuantumCircuit, used: Sequence[int], dt: float) -> Reduced:
    """Return a circuit, or a part of it, with only some qubits; rotations that are Clifford gates are replaced by them.

    Args:
        circuit: A circuit on the qubits of a device.
        used: The qubits of the circuit, or of a part that is not connected with the rest, in their new order.
        dt: The seconds of the unit ``dt``.
    """
    work = _Reducing(dt)
    register = QuantumRegister(len(used), "q")
    qubits = dict(zip((circuit.qubits[index] for index in used), register, strict=True))
    numbers = {qubit: index for index, qubit in enumerate(register)}
    made = work.rewritten(circuit, QuantumCircuit(register, name=circuit.name), qubits, numbers)
    return Reduced(made, work.delays)


@define
class _Reducing:
    dt: float
    delays: dict[str, tuple[int, float]] = field(factory=dict)

    def rewritten(
        self, source: QuantumCircuit, made: QuantumCircuit, qubits: Mapping[Qubit, Qubit], numbers: Mapping[Qubit, int]
    ) -> QuantumCircuit:
        made.metadata, made.global_phase = source.metadata, source.global_phase
        made.add_bits(source.clbits)
        for register in source.cregs:
            made.add_register(register)
        for instruction in source.data:
            there = [qubits[qubit] for qubit in instruction.qubits if qubit in qubits]
            if instruction.operation.name == "barrier" or len(there) == len(instruction.qubits):
                self._add(made, instruction, there, numbers)
        return made

    def _add(
        self, made: QuantumCircuit, instruction: CircuitInstruction, there: list[Qubit], numbers: Mapping[Qubit, int]
    ) -> None:
        operation = instruction.operation
        if operation.name == "barrier":
            if there:
                made.barrier(there)
        elif isinstance(operation, ControlFlowOp):
            blocks = []
            for block in operation.blocks:
                inner = dict(zip(block.qubits, (numbers[qubit] for qubit in there), strict=True))
                empty = QuantumCircuit(block.qubits)
                blocks.append(self.rewritten(block, empty, {qubit: qubit for qubit in block.qubits}, inner))
            made.append(operation.replace_blocks(blocks), there, instruction.clbits, copy=False)
        elif operation.name in _SAME:
            made.append(_SAME[operation.name](), there, instruction.clbits, copy=False)
        elif operation.name == "delay":
            self._wait(made, operation, there[0], numbers[there[0]])
        elif operation.name in _QUARTERS and (quarter := quarter_turns(operation.params[0])) is not None:
            _turn(made, operation.name, quarter, there)
        else:
            made.append(operation, there, instruction.clbits, copy=False)

    def _wait(self, made: QuantumCircuit, operation: Any, qubit: Qubit, number: int) -> None:
        seconds = seconds_of(operation, self.dt)
        if seconds is None:
            return
        label = f"{_IDLE}_{number}_{seconds:.12g}"
        self.delays[label] = (number, seconds)
        made.append(IGate(label=label), [qubit], copy=False)


def seconds_of(delay: Any, dt: float) -> float | None:
    """Return the seconds of a delay; ``None`` if its duration is not a number yet.

    Args:
        delay: The instruction.
        dt: The seconds of the unit ``dt``.
    """
    duration = delay.duration
    if isinstance(duration, ParameterExpression):
        if duration.parameters:
            return None
        duration = duration.numeric()
    if not isinstance(duration, int | float):
        return None
    return float(duration) * {"dt": dt, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}.get(delay.unit, dt)


_TURNS: Final = (IGate, SXGate, XGate, SXdgGate)
"""The gates that equal ``rx`` of 0, 1, 2 and 3 times pi/2, up to a global phase."""
_PHASES: Final = (None, SGate, ZGate, SdgGate)
"""The gates that equal ``rz`` of 0, 1, 2 and 3 times pi/2, up to a global phase."""


def _turn(made: QuantumCircuit, name: str, quarter: int, qubits: Sequence[Qubit]) -> None:
    """Add a rotation as Clifford gates. The last one has the label by which the noise model finds its error."""
    if name == "rz":
        # Still an rz, with the exact angle.
        made.append(RZGate(quarter * math.pi / 2), qubits, copy=False)
        return
    if name == "rx":
        made.append(_TURNS[quarter](label=name), qubits, copy=False)
        return
    phase = _PHASES[quarter]
    if phase is not None:
        for qubit in qubits:
            made.append(phase(), [qubit], copy=False)
    if quarter % 2:
        made.append(CZGate(label=name), qubits, copy=False)
        return
    # Two swaps have no effect together; the second one has the label. No device has a swap with another error.
    made.append(SwapGate(), qubits, copy=False)
    made.append(SwapGate(label=name), qubits, copy=False)
