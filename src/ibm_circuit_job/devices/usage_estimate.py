"""UsageEstimate: the quantum time that a job is expected to be charged, from the timing of the device.

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
from ibm_circuit_job.devices.delays import SECONDS

OVERHEAD_SECONDS: Final = 2.0
"""The default for the seconds that a job is charged in addition to its executions."""
DEFAULT_REP_DELAY: Final = 250e-6
"""The default for the seconds between two executions."""


@frozen
class UsageEstimate:
    """The quantum time that a job is expected to be charged.

    This is an estimate, not a limit. The service may split a job into several, each with its own overhead.

    Example:
        >>> print(UsageEstimate(4.016, 8000, 250e-6, (1e-6, 3e-6), 2.0))
        about 4.02 s of quantum time: 2 s, and 8000 executions of 252 µs each
    """

    quantum_seconds: float
    """The expected charge, in seconds."""
    executions: int
    """The number of executions: shots x circuits."""
    rep_delay: float
    """The seconds between two executions."""
    circuit_seconds: tuple[float, ...]
    """The seconds that each circuit takes, in order: its longest path by the timing of the device."""
    overhead_seconds: float
    """The seconds that are charged in addition to the executions."""
    unknown: tuple[str, ...] = ()
    """A sentence for each time that is not counted, since it is unknown before the job runs."""

    def __str__(self) -> str:
        """The estimate in one line for people."""
        each = (self.rep_delay + sum(self.circuit_seconds) / max(len(self.circuit_seconds), 1)) * 1e6
        said = (
            f"about {_digits(self.quantum_seconds, 3)} s of quantum time: {self.overhead_seconds:g} s, "
            f"and {self.executions} executions of {_digits(each, 4)} µs each"
        )
        return "; ".join([said, *self.unknown])


def _digits(number: float, digits: int) -> str:
    """A number with at least *digits* digits; a large one has no exponent."""
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

    The overhead is the field ``usage_overhead_seconds`` of the configuration, which the local service has; otherwise
    ``OVERHEAD_SECONDS``. The initialization of qubits is not counted: the service does it within *rep_delay*.

    Args:
        configuration: The configuration of the backend.
        target: The target of the backend, with the durations of its instructions.
        circuits: The circuits, in the instructions of the target. The length of a text in OpenQASM 3 is not counted.
        shots: The number of executions of each circuit.
        rep_delay: The seconds between two executions; that of the configuration by default.
        init_circuit: A circuit that runs before each of the circuits.

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


_TAKE_NO_TIME: Final = frozenset({"barrier", "store", "break_loop", "continue_loop"})


class _Timing:
    """Computes the durations of circuits on a device, and lists what is unknown.

    Args:
        target: The target of the device, with the durations of its instructions.
    """

    def __init__(self, target: Target) -> None:
        self._dt = target.dt
        self._lengths = cache(lambda name: dict(target[name]) if name in target.operation_names else {})
        self.unknown: dict[str, None] = {}
        """A sentence for each time that is not counted, once each, in the order in which it was found."""

    def seconds(self, circuit: QuantumCircuit) -> float:
        """Return the seconds of the longest path through a circuit.

        The longest branch counts. A ``for`` loop counts all its iterations, even if ``break`` may end it earlier.
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
            # The qubits of a block are, in order, those on which the instruction acts.
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
        unit = self._dt if operation.unit == "dt" else SECONDS.get(operation.unit)
        if unit is None:
            self.unknown["the length of a delay is not known, so it is not counted"] = None
            return 0.0
        return float(operation.duration) * unit
