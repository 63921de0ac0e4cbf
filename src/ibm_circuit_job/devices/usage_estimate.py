"""UsageEstimate: the quantum time that circuits will be charged, by the timing of the device, before they are sent.

Source: IBM's guide "Workload usage", whose formula is
``<per sub-job overhead> + (rep_delay + <circuit length>) * <num executions>``. Its overhead is about 2 seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from attrs import frozen
from qiskit import QuantumCircuit
from qiskit.transpiler import Target

from ibm_circuit_job.devices.configuration import BackendConfiguration

OVERHEAD_SECONDS: Final = 2.0
"""Seconds that a job is charged beside its executions, where the service does not say how many."""
DEFAULT_REP_DELAY: Final = 250e-6
"""Seconds between two executions, where neither the job nor the service says how many."""


@frozen
class UsageEstimate:
    """The quantum time that a job is expected to be charged.

    It is an estimate and no limit. A service may split a job into several, each with an overhead of its own.

    Example:
        >>> print(UsageEstimate(4.016, 8000, 250e-6, (1e-6, 3e-6), 2.0))
        about 4.02 s of quantum time: 2 s, and 8000 executions of 252 µs each
    """

    quantum_seconds: float
    """The expected charge, in seconds."""
    executions: int
    """How many times circuits are executed: shots x circuits."""
    rep_delay: float
    """Seconds between two executions."""
    circuit_seconds: tuple[float, ...]
    """Seconds that each circuit takes, in their order: its longest path by the timing of the device."""
    overhead_seconds: float
    """Seconds that are charged for the job besides its executions."""
    unknown: tuple[str, ...] = ()
    """What is not counted, each as a sentence, because nothing says it before the job runs; empty where all counts."""

    def __str__(self) -> str:
        """The estimate in one line for people."""
        each = (self.rep_delay + sum(self.circuit_seconds) / max(len(self.circuit_seconds), 1)) * 1e6
        said = (
            f"about {_digits(self.quantum_seconds, 3)} s of quantum time: {self.overhead_seconds:g} s, "
            f"and {self.executions} executions of {_digits(each, 4)} µs each"
        )
        return "; ".join([said, *self.unknown])


def _digits(number: float, digits: int) -> str:
    """A number with so many digits at least, and no exponent where it is large."""
    return f"{number:.{digits}g}" if number < 10**digits else f"{number:.0f}"


def estimated_usage(
    configuration: BackendConfiguration,
    target: Target,
    circuits: Sequence[QuantumCircuit | str],
    shots: int,
    *,
    rep_delay: float | None = None,
    init_circuit: QuantumCircuit | None = None,
) -> UsageEstimate:
    """Return the quantum time that circuits are expected to be charged.

    The overhead is the field ``usage_overhead_seconds`` of the configuration, which the local service has; else
    ``OVERHEAD_SECONDS``. To initialize the qubits takes no time of its own: the service does it within ``rep_delay``.

    Args:
        configuration: What the backend is.
        target: The lengths of its instructions.
        circuits: The circuits, in the instructions of the target. A text is one in OpenQASM 3, which is not read.
        shots: How often each is executed.
        rep_delay: Seconds between two executions; that of the configuration by default.
        init_circuit: A circuit that is run before each of the circuits.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from ibm_circuit_job import BackendConfiguration
        >>> from ibm_circuit_job.devices.target import target_of
        >>> said = {"backend_name": "ibm_x", "n_qubits": 1, "basis_gates": ["x"], "default_rep_delay": 250}
        >>> device = BackendConfiguration.from_dict(said)
        >>> estimated_usage(device, target_of(device, None), [QuantumCircuit(1)], 4000).quantum_seconds
        3.0
    """
    timing = _Timing(target)
    before = 0.0 if init_circuit is None else timing.seconds(init_circuit)
    lengths = []
    for index, circuit in enumerate(circuits):
        if isinstance(circuit, str):
            timing.unknown[f"the length of the circuit at [{index}], which is a text, is not counted"] = None
        lengths.append(before + (0.0 if isinstance(circuit, str) else timing.seconds(circuit)))
    delay = configuration.get("default_rep_delay", DEFAULT_REP_DELAY) if rep_delay is None else rep_delay
    if configuration.get("simulator", False):
        unknown = ["a simulator is charged the time that it computes, which is not known before"]
    else:
        unknown = [*timing.unknown]
    overhead = _overhead(configuration)
    seconds = overhead + shots * sum(delay + length for length in lengths)
    return UsageEstimate(seconds, shots * len(circuits), delay, tuple(lengths), overhead, tuple(unknown))


def _overhead(configuration: BackendConfiguration) -> float:
    said = configuration.get("usage_overhead_seconds")
    is_number = isinstance(said, (int, float)) and not isinstance(said, bool)
    return float(said) if is_number and 0 <= said < float("inf") else OVERHEAD_SECONDS


_UNITS: Final[Mapping[str, float]] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
_TAKE_NO_TIME: Final = frozenset({"barrier", "store", "break_loop", "continue_loop"})


class _Timing:
    """How long circuits take on a device, and what of that is not known.

    Args:
        target: The lengths of the instructions.
    """

    def __init__(self, target: Target) -> None:
        self._dt = target.dt
        self._lengths = cache(lambda name: dict(target[name]) if name in target.operation_names else {})
        self.unknown: dict[str, None] = {}
        """Sentences on what is not counted, each once, in the order in which it was found."""

    def seconds(self, circuit: QuantumCircuit) -> float:
        """Return the longest path through a circuit.

        Of branches the longest counts, and a ``for`` loop as often as it runs unless it is left.
        """
        return self._path(circuit, {bit: index for index, bit in enumerate(circuit.qubits)})

    def _path(self, circuit: QuantumCircuit, places: Mapping[Any, int]) -> float:
        ends: dict[Any, float] = {}
        for instruction in circuit.data:
            bits = (*instruction.qubits, *instruction.clbits)
            begin = max((ends.get(bit, 0.0) for bit in bits), default=0.0)
            on = tuple(places[qubit] for qubit in instruction.qubits)
            ends.update(dict.fromkeys(bits, begin + self._length(instruction, on)))
        return max(ends.values(), default=0.0)

    def _length(self, instruction: Any, on: tuple[int, ...]) -> float:
        name = instruction.name
        if name in _TAKE_NO_TIME:
            return 0.0
        if blocks := getattr(instruction.operation, "blocks", ()):
            # The qubits of a block stand for those that the instruction acts on.
            longest = max(self._path(block, dict(zip(block.qubits, on, strict=True))) for block in blocks)
            return longest * self._repetitions(instruction.operation)
        if name == "delay":
            return self._delay(instruction.operation)
        properties = self._lengths(name).get(on)
        if properties is None or properties.duration is None:
            self.unknown[f"the length of {name!r} is not known, so it is not counted"] = None
            return 0.0
        return float(properties.duration)

    def _repetitions(self, operation: Any) -> int:
        if operation.name == "while_loop":
            self.unknown["how often a while loop runs is not known, so it counts once"] = None
        return len(operation.params[0]) if operation.name == "for_loop" else 1

    def _delay(self, operation: Any) -> float:
        unit = self._dt if operation.unit == "dt" else _UNITS.get(operation.unit)
        if unit is None:
            self.unknown["the length of a delay is not known, so it is not counted"] = None
            return 0.0
        return float(operation.duration) * unit
