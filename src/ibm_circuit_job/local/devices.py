"""The default backends of the local service: an ideal simulator with two names, and three noisy devices.

A device is calibrated each day at 04:00 UTC. A calibration depends only on the name of the device and the date, so the
calibration of any day can be computed again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from ibm_circuit_job.local.calibrations import calibrated_at
from ibm_circuit_job.local.device import DEFAULT_REP_DELAY, LONGEST_REP_DELAY, Device
from ibm_circuit_job.local.heron import Heron


@frozen
class ClassicDevice(Device):
    """A device with ``cx`` gates. Without a coupling map, it is the ideal simulator."""

    @property
    def is_simulator(self) -> bool:
        """Whether it has no coupling map."""
        return not self.coupling

    def configuration(self) -> dict[str, Any]:
        """Return the reply to ``GET /backends/NAME/configuration``."""
        return _configuration(self)

    def properties(self, moment: datetime) -> dict[str, Any]:
        """Return the reply to ``GET /backends/NAME/properties`` at a time; empty for a simulator."""
        return _properties(self, moment)


def _both_ways(*edges: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted({*edges, *((target, control) for control, target in edges)}))


_T_SHAPE = _both_ways((0, 1), (1, 2), (1, 3), (3, 4))
# fmt: off
_HEAVY_HEX = _both_ways(
    (0, 1), (1, 2), (1, 4), (2, 3), (3, 5), (4, 7), (5, 8), (6, 7), (7, 10), (8, 9), (8, 11), (10, 12), (11, 14),
    (12, 13), (12, 15), (13, 14), (14, 16), (15, 18), (16, 19), (17, 18), (18, 21), (19, 20), (19, 22), (21, 23),
    (22, 25), (23, 24), (24, 25), (25, 26),
)
# fmt: on

BY_DEFAULT: Final[tuple[Device, ...]] = (
    ClassicDevice("local_simulator", 30),
    ClassicDevice("local_5q", 5, _T_SHAPE),
    ClassicDevice("local_27q", 27, _HEAVY_HEX),
    Heron(),
    # Older programs use the simulator by this name, and clients find only backends that are listed.
    ClassicDevice("ibmq_qasm_simulator", 30),
)
"""The backends of a service without a setting ``devices``."""


class Devices(Mapping[str, Device]):
    """Name -> backend, for the backends of this process.

    The service and each of its workers are separate processes. Each calls :meth:`use` once, at its start.

    Args:
        devices: The backends.
    """

    def __init__(self, devices: Iterable[Device]) -> None:
        self.use(devices)

    def use(self, devices: Iterable[Device]) -> None:
        """Replace the backends."""
        self._devices = {device.name: device for device in devices}

    def __getitem__(self, name: str) -> Device:
        return self._devices[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._devices)

    def __len__(self) -> int:
        return len(self._devices)


DEVICES: Final = Devices(BY_DEFAULT)
"""Name -> backend, for the backends of this process."""

BACKEND_VERSION: Final = "1.0.0"
MAX_SHOTS: Final = 100_000
MAX_CIRCUITS: Final = 300

_DEVICE_GATES: Final = ("cx", "id", "rz", "sx", "x", "reset")
# fmt: off
_SIMULATOR_GATES: Final = (
    "ccx", "ccz", "cp", "cswap", "cu", "cx", "cy", "cz", "ecr", "h", "id", "p", "r", "rx", "rxx", "ry", "ryy", "rz",
    "rzx", "rzz", "s", "sdg", "swap", "sx", "sxdg", "t", "tdg", "u", "x", "y", "z", "reset",
)
# fmt: on
_QUANTUM_VOLUME: Final = 32
"""The quantum volume of real devices with gates of this quality, such as ``ibmq_guadalupe``."""
CONTROL_FLOW: Final = ("if_else", "while_loop", "for_loop", "switch_case", "break_loop", "continue_loop")
"""The control flow that a simulator runs."""


def configuration(device: Device) -> dict[str, Any]:
    """Return the reply to ``GET /backends/NAME/configuration``."""
    return device.configuration()


def properties(device: Device, moment: datetime) -> dict[str, Any]:
    """Return the reply to ``GET /backends/NAME/properties`` at a time; empty for a simulator.

    Args:
        device: The backend.
        moment: The time, with a time zone.
    """
    return device.properties(moment)


def _configuration(device: Device) -> dict[str, Any]:
    gates = _SIMULATOR_GATES if device.is_simulator else _DEVICE_GATES
    control_flow = CONTROL_FLOW if device.is_simulator else ()
    return {
        "backend_name": device.name,
        "backend_version": BACKEND_VERSION,
        "n_qubits": device.qubits,
        "basis_gates": list(gates),
        "coupling_map": [list(pair) for pair in device.coupling] or None,
        "gates": [_gate(name, device) for name in gates],
        "supported_instructions": [*gates, *control_flow, "measure", "delay", "barrier"],
        # IBM's configurations have these features in two fields: the newer one is supported_features.
        "supported_features": ["qasm3", "dynamic_circuits"] if control_flow else [],
        "simulator": device.is_simulator,
        "local": False,
        "conditional": device.is_simulator,
        "dynamic_reprate_enabled": not device.is_simulator,
        "default_rep_delay": DEFAULT_REP_DELAY * 1e6,
        "rep_delay_range": [0.0, LONGEST_REP_DELAY * 1e6],
        "meas_levels": [2],
        "meas_map": [list(range(device.qubits))],
        "memory": True,
        "open_pulse": False,
        "max_shots": MAX_SHOTS,
        "max_experiments": MAX_CIRCUITS,
        "dt": 0.2222222222222222,
        "online_date": "2024-01-01T04:00:00Z",
        "description": f"{device.qubits}-qubit {'simulator' if device.is_simulator else 'device'} of the local service",
        "credits_required": False,
        "quantum_volume": None if device.is_simulator else _QUANTUM_VOLUME,
        "url": None,
    }


def _gate(name: str, device: Device) -> dict[str, Any]:
    gate: dict[str, Any] = {"name": name, "parameters": [], "qasm_def": f"gate {name} {{ }}"}
    if not device.is_simulator:
        qubits = device.coupling if name == "cx" else [(qubit,) for qubit in range(device.qubits)]
        gate["coupling_map"] = [list(operands) for operands in qubits]
    return gate


def _properties(device: Device, moment: datetime) -> dict[str, Any]:
    if device.is_simulator:
        return {}
    calibrated = calibrated_at(moment)
    date = calibrated.isoformat().replace("+00:00", "Z")
    drawn = random.Random(f"{device.name} {date}")

    def entry(name: str, value: float, unit: str = "") -> dict[str, Any]:
        return {"name": name, "value": value, "unit": unit, "date": date}

    def gate(name: str, operands: Sequence[int], error: float, length: float) -> dict[str, Any]:
        return {
            "gate": name,
            "name": name + "_".join(map(str, operands)),
            "qubits": list(operands),
            "parameters": [entry("gate_error", error), entry("gate_length", length, "ns")],
        }

    qubits = []
    gates = []
    for qubit in range(device.qubits):
        t1 = drawn.uniform(80.0, 200.0)
        qubits.append(
            [
                entry("T1", t1, "us"),
                entry("T2", drawn.uniform(0.4, 1.2) * t1, "us"),
                entry("frequency", drawn.uniform(4.8, 5.3), "GHz"),
                entry("anharmonicity", -0.34, "GHz"),
                entry("readout_error", drawn.uniform(0.008, 0.025)),
                entry("prob_meas0_prep1", drawn.uniform(0.010, 0.030)),
                entry("prob_meas1_prep0", drawn.uniform(0.005, 0.015)),
                entry("readout_length", 860.4, "ns"),
            ]
        )
        error = drawn.uniform(1.5e-4, 4e-4)
        gates += [gate(name, [qubit], error, 35.6) for name in ("id", "sx", "x")]
        gates.append(gate("rz", [qubit], 0.0, 0.0))
        gates.append(gate("reset", [qubit], 0.0, 900.0))
    for control, target in device.coupling:
        gates.append(gate("cx", [control, target], drawn.uniform(5e-3, 1.2e-2), drawn.uniform(250.0, 500.0)))
    return {
        "backend_name": device.name,
        "backend_version": BACKEND_VERSION,
        "last_update_date": date,
        "qubits": qubits,
        "gates": gates,
        "general": [],
    }


def measured(entries: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return name -> value of the properties of a qubit or a gate, with times in seconds.

    Values that are no finite numbers are left out.

    Args:
        entries: The entries for one qubit or gate in the reply to ``GET /backends/NAME/properties``.

    Example:
        >>> measured([{"name": "T1", "value": 2.0, "unit": "ms"}, {"name": "gate_error", "value": 0.01, "unit": ""}])
        {'T1': 0.002, 'gate_error': 0.01}
    """
    return {
        entry["name"]: entry["value"] * _SECONDS.get(entry.get("unit", ""), 1.0)
        for entry in entries
        if isinstance(entry.get("value"), int | float) and math.isfinite(entry["value"])
    }


_SECONDS: Final[Mapping[str, float]] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
