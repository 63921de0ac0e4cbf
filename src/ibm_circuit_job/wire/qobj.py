"""Reads a ``Qobj``, the JSON in which programs of 2018 to 2023 submitted circuits. qiskit 2 cannot read it.

Source: the JSON schema ``qobj_schema.json`` of qiskit-terra 0.12, and ``qiskit.qobj`` of qiskit 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Instruction


def params_of(submitted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a job for a Qobj: the options, the header, and the circuits.

    Args:
        submitted: The Qobj, decoded.

    Returns:
        The fields of its ``config``, and ``header`` and ``circuits``. ``None`` stands in the place of a circuit that
        cannot be read, such as a pulse schedule.

    Example:
        >>> params_of({"config": {"shots": 10}, "header": {"note": "x"}, "experiments": []})
        {'shots': 10, 'header': {'note': 'x'}, 'circuits': []}
    """
    config, header, experiments = (submitted.get(name) for name in ("config", "header", "experiments"))
    return {
        **(config if isinstance(config, Mapping) else {}),
        "header": dict(header) if isinstance(header, Mapping) else {},
        "circuits": [_circuit_or_none(each) for each in experiments] if isinstance(experiments, list) else [],
    }


def _circuit_or_none(experiment: Any) -> QuantumCircuit | None:
    try:
        return _circuit(experiment)
    except Exception:  # noqa: BLE001 - of whatever is wrong with one, the others are read
        return None


def _circuit(experiment: Mapping[str, Any]) -> QuantumCircuit:
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister  # noqa: PLC0415 - the core is imported without it

    header = experiment.get("header") or {}
    config = experiment.get("config") or {}
    registers = [
        *(QuantumRegister(size, name) for name, size in header.get("qreg_sizes") or [["q", config["n_qubits"]]]),
        *(ClassicalRegister(size, name) for name, size in header.get("creg_sizes") or [["c", config["memory_slots"]]]),
    ]
    circuit = QuantumCircuit(*registers, name=header.get("name"), global_phase=header.get("global_phase", 0))
    circuit.metadata = header.get("metadata") or {}
    conditions: dict[int, tuple[Any, int]] = {}
    for each in experiment["instructions"]:
        if each["name"] == "bfunc":
            conditions[each["register"]] = _condition(circuit, each)
            continue
        operation = _operation(each)
        bits = each.get("qubits", []), each.get("memory", [])
        if "conditional" in each:
            body = QuantumCircuit(circuit.qubits, circuit.clbits, *circuit.cregs)
            body.append(operation, *bits)
            circuit.if_test(conditions[each["conditional"]], body, circuit.qubits, circuit.clbits)
        else:
            circuit.append(operation, *bits)
    return circuit


def _condition(circuit: QuantumCircuit, function: Mapping[str, Any]) -> tuple[Any, int]:
    """The register that a Boolean function compares with a number, and that number."""
    mask, value = int(function["mask"], 16), int(function["val"], 16)
    for register in circuit.cregs:
        first = circuit.find_bit(register[0]).index
        if mask == (2**register.size - 1) << first:
            return register, value >> first
    bit = mask.bit_length() - 1
    if function.get("relation", "==") != "==" or mask != 1 << bit:
        raise ValueError
    return circuit.clbits[bit], value >> bit


def _operation(instruction: Mapping[str, Any]) -> Instruction:
    from qiskit.circuit import Barrier, Delay, Gate, Measure, Reset  # noqa: PLC0415 - as above

    name, size, params = instruction["name"], len(instruction.get("qubits", [])), instruction.get("params", [])
    if name in _PLAIN:
        return {"measure": Measure, "reset": Reset, "barrier": lambda: Barrier(size)}[name]()
    if name == "delay":
        return Delay(params[0])
    if name == "unitary":
        from qiskit.circuit.library import UnitaryGate  # noqa: PLC0415 - for those who submitted one

        return UnitaryGate([[complex(*entry) for entry in row] for row in params[0]])
    known = _gates().get("id" if name == "u0" else name)
    if known is None or known.num_qubits != size:
        # A gate that only the device or the program defines.
        return Gate(name, size, params)
    return known.base_class(*([] if name == "u0" else params))


_PLAIN: Final = frozenset({"measure", "reset", "barrier"})


@cache
def _gates() -> Mapping[str, Any]:
    from qiskit.circuit.library import get_standard_gate_name_mapping  # noqa: PLC0415 - as above

    found: Mapping[str, Any] = get_standard_gate_name_mapping()
    return found
