"""Make the ``Target`` for qiskit's transpiler from the configuration and the properties of a backend.

A gate, a pair of qubits or a figure that cannot be read is left out.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from attrs import frozen
from qiskit.circuit import Gate, Instruction, Parameter
from qiskit.circuit.controlflow import (
    BreakLoopOp,
    ContinueLoopOp,
    ForLoopOp,
    IfElseOp,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.library.standard_gates import get_standard_gate_name_mapping
from qiskit.transpiler import InstructionProperties, QubitProperties, Target

from ibm_circuit_job.devices import rzz_angles
from ibm_circuit_job.devices.configuration import BackendConfiguration
from ibm_circuit_job.devices.documents import object_of, readable
from ibm_circuit_job.devices.figures import Nduv
from ibm_circuit_job.devices.fractional_gates import without_fractional_gates
from ibm_circuit_job.devices.properties import BackendProperties
from ibm_circuit_job.errors import BackendPropertyError
from ibm_circuit_job.wire.values import integer_of, text_of

CONTROL_FLOW: Final[Mapping[str, Any]] = {
    "if_else": IfElseOp,
    "while_loop": WhileLoopOp,
    "for_loop": ForLoopOp,
    "switch_case": SwitchCaseOp,
    "break_loop": BreakLoopOp,
    "continue_loop": ContinueLoopOp,
}
"""The instructions that make a circuit dynamic."""

_NO_GATES: Final = ("measure", "reset", "delay")
"""Instructions that are no gates. A device that lists no instructions has all of them."""

_CONSTRAINTS: Final = ("granularity", "min_length", "pulse_alignment", "acquire_alignment")
_MOST_STEPS: Final = 2**31 - 1

_Places: TypeAlias = dict[tuple[int, ...], InstructionProperties | None]
"""The groups of qubits on which an instruction acts -> duration and error."""


def target_of(
    configuration: BackendConfiguration,
    properties: BackendProperties | None,
    use_fractional_gates: bool | None = False,
) -> Target:
    """Return the target of a backend, as the official client makes it.

    Each gate acts on the qubits in its entry of ``gates``. Qubits and gates that do not work are left out. ``reset``,
    ``delay``, ``measure`` and control flow are included if the device has them. With qiskit 2.2 or newer, ``rzz`` has
    bounds of angles from 0 to pi/2, and the transpiler replaces other angles.

    Args:
        configuration: The configuration of the backend.
        properties: The properties of the backend; ``None`` if unknown. An instruction without figures is ideal.
        use_fractional_gates: Whether fractional gates, as ``rx`` and ``rzz``, are included; ``None`` is the same as
            True. A simulator always has them.

    Example:
        >>> from ibm_circuit_job import BackendConfiguration
        >>> said = {"backend_name": "ibm_x", "n_qubits": 2, "basis_gates": ["cz", "x"], "coupling_map": [[0, 1]]}
        >>> target = target_of(BackendConfiguration.from_dict(said), None)
        >>> sorted(target.operation_names), sorted(target["cz"])
        (['cz', 'delay', 'measure', 'reset', 'x'], [(0, 1)])
    """
    device = _device_of(configuration, properties, use_fractional_gates)
    target = Target(
        description=configuration.backend_name,
        num_qubits=device.qubits,
        dt=_time_step(configuration),
        qubit_properties=None if properties is None else _of_qubits(device),
        **_constraints(device.document.get("timing_constraints")),
    )
    offered = readable(device.document.get("supported_instructions"), text_of) or _NO_GATES
    others = [name for name in offered if name in _NO_GATES or name in CONTROL_FLOW]
    signatures = _signatures(device)
    for name in dict.fromkeys([*readable(device.document.get("basis_gates"), text_of), *others, *signatures]):
        if name in CONTROL_FLOW:
            target.add_instruction(CONTROL_FLOW[name], name=name)
            continue
        instruction = signatures.get(name) or _instruction(name, device)
        if instruction is not None:
            bounds = {"angle_bounds": [(0, rzz_angles.LARGEST_ANGLE)]} if name == "rzz" and _FOLDS else {}
            places = _places(name, instruction.num_qubits, device, is_signed=name in signatures)
            target.add_instruction(instruction, places, name=name, **bounds)
    return target


_FOLDS: Final = rzz_angles.register()
"""Whether this version of qiskit has bounds of angles."""


@frozen(eq=False)
class _Device:
    """The parts of the two documents that can be read."""

    qubits: int
    document: Mapping[str, Any]
    """The configuration."""
    gates: Mapping[str, Mapping[str, Any]]
    """The entries of ``gates``, by name."""
    pairs: list[tuple[int, ...]] | None
    """The pairs of qubits for gates without an own list of pairs; ``None`` for any pair."""
    figures: list[Mapping[str, float]] | None
    """The figures of each qubit, in SI units; ``None`` if unknown."""
    measured: Mapping[str, Mapping[tuple[int, ...], Mapping[str, float]]]
    """The figures of each gate, by its qubits, in SI units."""

    @property
    def operational(self) -> list[int]:
        """The qubits that work."""
        return [qubit for qubit in range(self.qubits) if self.figures is None or _works(self.figures[qubit])]


def _device_of(
    configuration: BackendConfiguration, properties: BackendProperties | None, use_fractional_gates: bool | None
) -> _Device:
    document = configuration.to_dict()
    is_simulator = configuration.get("simulator", False)
    if use_fractional_gates is False and not is_simulator:
        document = without_fractional_gates(document)
    qubits = configuration.n_qubits
    pairs = document.get("coupling_map")
    figures: list[Mapping[str, float]] | None = None
    measured: dict[str, dict[tuple[int, ...], Mapping[str, float]]] = defaultdict(dict)
    if properties is not None:
        said = {number: _in_si(each) for number, each in enumerate(properties.qubits)}
        figures = [said.get(qubit, {}) for qubit in range(qubits)]
        for gate in properties.gates:
            measured[gate.gate][gate.qubits] = _in_si(gate.parameters)
    return _Device(
        qubits,
        document,
        {gate["name"]: gate for gate in readable(document.get("gates"), _named)},
        _operands(pairs, 2, qubits) if pairs else None,
        figures,
        measured,
    )


def _named(value: Any, kind: type) -> Mapping[str, Any]:
    return {**object_of(value), "name": text_of(object_of(value).get("name"), kind)}


def _in_si(figures: Iterable[Nduv]) -> dict[str, float]:
    """The figures with a known unit: name -> value in SI units."""
    found = {}
    for figure in figures:
        try:
            found[figure.name] = figure.value if figure.name == "operational" else figure.in_base_units()
        except BackendPropertyError:
            continue
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _works(figures: Mapping[str, float]) -> bool:
    return bool(figures.get("operational", True))


def _operands(couplings: Any, width: int | None, qubits: int) -> list[tuple[int, ...]]:
    """The groups of qubits in a coupling map with this number of qubits, all of which the device has."""
    groups = [tuple(readable(each, integer_of)) for each in readable(couplings, _group)]
    return list(
        dict.fromkeys(
            group
            for group in groups
            if len(group) == (width or len(groups[0]))
            and len({*group}) == len(group)
            and all(0 <= qubit < qubits for qubit in group)
        )
    )


def _group(value: Any, kind: type) -> list[int]:
    if not isinstance(value, (list, tuple)):
        raise TypeError("expected a list")
    return [integer_of(each, kind) for each in value]


# Instructions


def _instruction(name: str, device: _Device) -> Instruction | None:
    """The instruction of a name; ``None`` if its number of qubits is unknown."""
    known = get_standard_gate_name_mapping().get(name)
    if known is not None:
        return known
    said = device.gates.get(name, {})
    couplings = _operands(said.get("coupling_map"), None, device.qubits)
    if not couplings:
        return None
    return Gate(name, len(couplings[0]), [Parameter(each) for each in readable(said.get("parameters"), text_of)])


def _signatures(device: _Device) -> dict[str, Instruction]:
    """The instructions that qiskit does not know and the device defines, as ``measure_2``."""

    def signed(value: Any, kind: type) -> Instruction:
        said = object_of(value)
        widths = [integer_of(said.get(field), kind) for field in ("num_qubits", "num_clbits")]
        if not 0 <= widths[0] <= device.qubits or not 0 <= widths[1] <= device.qubits:
            raise ValueError("expected no more qubits and bits than the device has")
        parameters = [Parameter(each) for each in readable(said.get("parameters"), text_of)]
        return Instruction(text_of(said.get("name"), kind), *widths, parameters)

    return {each.name: each for each in readable(device.document.get("instruction_signatures"), signed)}


# Qubits, durations and errors of instructions


def _places(name: str, width: int, device: _Device, *, is_signed: bool) -> _Places | None:
    """The qubits on which an instruction acts, with its durations and errors; ``None`` if it acts on any qubits."""
    works = set(device.operational)
    if name == "measure" and device.figures is not None:
        return {(qubit,): _measured(device.figures[qubit], "readout") for qubit in sorted(works)}
    found: _Places = dict.fromkeys(_operands(device.gates.get(name, {}).get("coupling_map"), width, device.qubits))
    measured = {
        on: figures for on, figures in device.measured.get(name, {}).items() if _operands([on], width, device.qubits)
    }
    if not found and not measured:
        # Before version 2.2, qiskit cannot lay out circuits for a target with an instruction on any qubits.
        everywhere = None if is_signed and _FOLDS else _everywhere(name, width, device)
        if everywhere is None:
            return None
        found = dict.fromkeys(everywhere)
    found |= {on: _measured(figures, "gate") for on, figures in measured.items()}
    return {on: how for on, how in found.items() if works.issuperset(on) and _works(measured.get(on, {}))}


def _everywhere(name: str, width: int, device: _Device) -> list[tuple[int, ...]] | None:
    """The qubits of an instruction for which neither document lists any; ``None`` for any qubits."""
    if name in _NO_GATES or width == 1:
        return [(qubit,) for qubit in range(device.qubits)]
    return device.pairs if width == 2 else None


def _measured(figures: Mapping[str, float], kind: str) -> InstructionProperties:
    return InstructionProperties(duration=figures.get(f"{kind}_length"), error=figures.get(f"{kind}_error"))


def _of_qubits(device: _Device) -> list[QubitProperties]:
    return [
        QubitProperties(t1=each.get("T1"), t2=each.get("T2"), frequency=each.get("frequency"))
        for each in device.figures or ()
    ]


def _time_step(configuration: BackendConfiguration) -> float | None:
    step: float | None = configuration.get("dt")
    return step if step is not None and step > 0 else None


def _constraints(said: Any) -> dict[str, int]:
    """The constraints of the device on lengths and alignments of pulses, in time steps."""
    if not isinstance(said, Mapping):
        return {}
    read = {name: readable([said.get(name)], integer_of) for name in _CONSTRAINTS}
    return {name: found[0] for name, found in read.items() if found and 1 <= found[0] <= _MOST_STEPS}
