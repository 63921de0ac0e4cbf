"""The device ``local_heron``, similar to IBM's Heron devices: 156 qubits on a heavy-hexagon lattice, fractional gates.

Its gates are ``cz``, ``rx``, ``rz``, ``rzz``, ``sx``, ``x`` and ``id``. All of its noise is Pauli errors and readout
errors, so that circuits of Clifford gates can be simulated on all of its qubits.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from ibm_circuit_job.local.device import Device

_ROWS: Final = 8
_ROW_QUBITS: Final = 16
"""The number of qubits in a row."""
_BRIDGES: Final = 4
"""The number of qubits between two rows. Each is coupled to one qubit of both rows."""
_SINGLE: Final = ("id", "rx", "rz", "sx", "x")
_DOUBLE: Final = ("cz", "rzz")
# IBM's devices do not have ``while_loop``.
_CONTROL_FLOW: Final = ("if_else", "for_loop", "switch_case", "while_loop")
_DEFINED: Final = {
    "id": ([], "gate id q { U(0, 0, 0) q; }"),
    "rx": (["theta"], "gate rx(theta) q { U(theta, -pi/2, pi/2) q; }"),
    "rz": (["theta"], "gate rz(theta) q { U(0, 0, theta) q; }"),
    "sx": ([], "gate sx q { U(pi/2, 3*pi/2, pi/2) q; }"),
    "x": ([], "gate x q { U(pi, 0, pi) q; }"),
    "cz": ([], "gate cz q0, q1 { CZ q0, q1; }"),
    "rzz": (["theta"], "gate rzz(theta) q0, q1 { cx q0, q1; rz(theta) q1; cx q0, q1; }"),
}
_VERSION: Final = "1.0.0"
_CLOPS: Final = 250_000
_DT_NS: Final = 4.0
_SINGLE_NS: Final = 24
_DOUBLE_NS: Final = 68
_RESET_NS: Final = 2232
_READOUT_NS: Final = 2200


def _bridges(row: int) -> Iterator[tuple[int, int, int]]:
    """Yield each qubit between a row and the next one, as (the qubit above, the qubit, the qubit below)."""
    first = 3 if row % 2 == 0 else 1
    start = row * (_ROW_QUBITS + _BRIDGES)
    for number in range(_BRIDGES):
        column = first + 4 * number
        yield start + column, start + _ROW_QUBITS + number, start + _ROW_QUBITS + _BRIDGES + column


def _edges() -> Iterator[tuple[int, int]]:
    for row in range(_ROWS):
        start = row * (_ROW_QUBITS + _BRIDGES)
        yield from ((start + column, start + column + 1) for column in range(_ROW_QUBITS - 1))
        if row < _ROWS - 1:
            for above, bridge, below in _bridges(row):
                yield above, bridge
                yield bridge, below


_EDGES: Final = tuple(sorted(_edges()))
_COUPLING: Final = tuple(sorted({*_EDGES, *((target, control) for control, target in _EDGES)}))
_QUBITS: Final = _ROWS * _ROW_QUBITS + (_ROWS - 1) * _BRIDGES


def _coordinates() -> list[list[int]]:
    """Return the column and the row of each qubit, from 1."""
    found: dict[int, list[int]] = {}
    for row in range(_ROWS):
        start = row * (_ROW_QUBITS + _BRIDGES)
        found |= {start + column: [column + 1, 2 * row + 1] for column in range(_ROW_QUBITS)}
        if row < _ROWS - 1:
            found |= {bridge: [above - start + 1, 2 * row + 2] for above, bridge, _ in _bridges(row)}
    return [found[qubit] for qubit in range(_QUBITS)]


def line(length: int) -> list[int]:
    """Return a path of qubits: each one is coupled to the next.

    Args:
        length: The number of qubits, from 1 to 128.

    Example:
        >>> from ibm_circuit_job.local.heron import line
        >>> line(20)[-6:]
        [14, 15, 19, 35, 34, 33]
    """
    found: list[int] = []
    for row in range(_ROWS):
        start = row * (_ROW_QUBITS + _BRIDGES)
        # The path leaves an even row at its last bridge, and an odd row at its first.
        columns = range(_ROW_QUBITS) if row == 0 else range(1, _ROW_QUBITS)
        found += [start + column for column in (columns if row % 2 == 0 else reversed(columns))]
        if row < _ROWS - 1:
            found.append(start + _ROW_QUBITS + (_BRIDGES - 1 if row % 2 == 0 else 0))
    return found[:length]


@frozen
class Heron(Device):
    """The device ``local_heron``."""

    name: str = "local_heron"
    qubits: int = _QUBITS
    coupling: tuple[tuple[int, int], ...] = _COUPLING

    @property
    def has_pauli_noise(self) -> bool:
        """``True``: delays have Pauli errors."""
        return True

    def configuration(self) -> dict[str, Any]:
        """Return the reply to ``GET /backends/NAME/configuration``."""
        gates = [*_DOUBLE, *_SINGLE]
        return {
            "backend_name": self.name,
            "backend_version": _VERSION,
            "n_qubits": self.qubits,
            "basis_gates": sorted(gates),
            "gates": [_gate(name) for name in sorted(gates)],
            "local": False,
            "simulator": False,
            "conditional": False,
            "open_pulse": False,
            "memory": True,
            "max_shots": 100_000,
            "max_experiments": 300,
            "coupling_map": [list(pair) for pair in self.coupling],
            "coords": _coordinates(),
            "dynamic_reprate_enabled": True,
            "supported_instructions": [*sorted(gates), "delay", "measure", "reset", *_CONTROL_FLOW],
            "supported_features": ["qobj", "qasm3", "dynamic_circuits", "parameters"],
            "instruction_signatures": [],
            "rep_delay_range": [0.0, 500.0],
            "default_rep_delay": 250.0,
            "meas_levels": [2],
            "meas_kernels": [],
            "discriminators": [],
            "meas_map": [list(range(self.qubits))],
            "sample_name": "family: Heron, revision: 2",
            "processor_type": {"family": "Heron", "revision": "2"},
            "n_registers": 1,
            "credits_required": False,
            "online_date": "2024-01-01T04:00:00.000Z",
            "description": f"{self.qubits}-qubit device of the local service",
            "dt": _DT_NS,
            "dtm": _DT_NS,
            "timing_constraints": {
                "acquire_alignment": 1,
                "granularity": 1,
                "min_length": 2,
                "pulse_alignment": 1,
            },
            "allow_q_object": True,
            "clops": None,
            "clops_h": _CLOPS,
            "clops_v": None,
            "measure_esp_enabled": False,
            "multi_meas_enabled": True,
            "parallel_compilation": True,
            "quantum_volume": None,
            "u_channel_lo": [],
            "url": None,
        }

    def properties(self, moment: datetime) -> dict[str, Any]:
        """Return the reply to ``GET /backends/NAME/properties`` at a time."""
        date = self.calibrated_at(moment).isoformat().replace("+00:00", "Z")
        drawn = random.Random(f"{self.name} {date}")

        def entry(name: str, value: float, unit: str = "") -> dict[str, Any]:
            return {"name": name, "value": value, "unit": unit, "date": date}

        def gate(name: str, operands: Sequence[int], length: float, error: float | None = None) -> dict[str, Any]:
            figures = [] if error is None else [entry("gate_error", error)]
            return {
                "gate": name,
                "name": name + "_".join(map(str, operands)),
                "qubits": list(operands),
                "parameters": [*figures, entry("gate_length", length, "ns")],
            }

        qubits, gates, general = [], [], []
        for qubit in range(self.qubits):
            t1, missed, false = drawn.uniform(150.0, 350.0), drawn.uniform(0.004, 0.02), drawn.uniform(0.002, 0.01)
            figures = [
                entry("T1", t1, "us"),
                entry("T2", drawn.uniform(0.4, 1.2) * t1, "us"),
                entry("readout_error", (missed + false) / 2),
                entry("prob_meas0_prep1", missed),
                entry("prob_meas1_prep0", false),
                entry("readout_length", _READOUT_NS, "ns"),
            ]
            qubits.append(figures)
            error = drawn.uniform(1.5e-4, 4e-4)
            gates += [gate(name, [qubit], _SINGLE_NS, error) for name in ("id", "rx", "sx", "x")]
            gates.append(gate("rz", [qubit], 0, 0))
            gates.append(gate("reset", [qubit], _RESET_NS))
            gates.append(gate("measure", [qubit], _READOUT_NS, (missed + false) / 2))
        for pair in _EDGES:
            for name in _DOUBLE:
                error = drawn.uniform(1.5e-3, 5e-3)
                gates += [gate(name, operands, _DOUBLE_NS, error) for operands in (pair, pair[::-1])]
            joined = "".join(map(str, pair))
            general += [entry(f"jq_{joined}", 0.0, "GHz"), entry(f"zz_{joined}", 0.0, "GHz")]
        return {
            "backend_name": self.name,
            "backend_version": _VERSION,
            "last_update_date": date,
            "qubits": qubits,
            "gates": gates,
            "general": general,
            "general_qlists": [],
        }


def _gate(name: str) -> dict[str, Any]:
    parameters, definition = _DEFINED[name]
    pairs = [list(pair) for pair in _COUPLING]
    places = pairs if name in _DOUBLE else [[qubit] for qubit in range(_QUBITS)]
    return {"name": name, "parameters": parameters, "qasm_def": definition, "coupling_map": places}
