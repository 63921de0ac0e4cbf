"""Makes the two documents that IBM's API has for a backend from the ``Target`` of any ``BackendV2``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from qiskit.circuit import Instruction

_NOT_GATES: Final = frozenset({"delay", "measure", "reset", "barrier"})
_VERSION: Final = "1.0.0"
_DEFAULT_DT: Final = 1e-9


def configuration_of(backend: Any) -> dict[str, Any]:
    """Return the configuration of a backend, as in the reply to ``GET /backends/NAME/configuration``.

    Args:
        backend: A ``BackendV2``.

    Example:
        >>> from ibm_circuit_job.local.target_documents import configuration_of
        >>> from qiskit.providers.fake_provider import GenericBackendV2
        >>> fields = configuration_of(GenericBackendV2(3, seed=1))
        >>> fields["n_qubits"], fields["simulator"], fields["basis_gates"]
        (3, False, ['cx', 'id', 'rz', 'sx', 'x'])
    """
    target = backend.target
    gates = sorted(name for name, _ in _gates(target))
    pairs = sorted({tuple(qubits) for name in gates for qubits in _places(target, name) if len(qubits) == 2})
    dt = (target.dt or _DEFAULT_DT) * 1e9
    return {
        "backend_name": backend.name,
        "backend_version": str(backend.backend_version or _VERSION),
        "n_qubits": target.num_qubits,
        "basis_gates": gates,
        "gates": [_gate(target, name) for name in gates],
        "coupling_map": [list(pair) for pair in pairs],
        "supported_instructions": sorted(target.operation_names),
        "supported_features": ["qasm3", "dynamic_circuits"] if "if_else" in target.operation_names else ["qasm3"],
        "simulator": False,
        "local": False,
        "conditional": False,
        "open_pulse": False,
        "memory": True,
        "max_shots": 100_000,
        "max_experiments": 300,
        "coords": [],
        "u_channel_lo": [],
        "dynamic_reprate_enabled": True,
        "rep_delay_range": [0.0, 500.0],
        "default_rep_delay": 250.0,
        "meas_levels": [2],
        "meas_map": [list(range(target.num_qubits))],
        "dt": dt,
        "dtm": dt,
        "timing_constraints": {
            name: getattr(target, name)
            for name in ("granularity", "min_length", "pulse_alignment", "acquire_alignment")
        },
        "online_date": _date(backend.online_date),
        "description": str(backend.description or f"{target.num_qubits}-qubit device")[:64],
        "credits_required": False,
        "url": None,
    }


def properties_of(backend: Any) -> dict[str, Any]:
    """Return the properties of a backend, as in the reply to ``GET /backends/NAME/properties``, with the date of now.

    Values that its target does not have are left out.

    Args:
        backend: A ``BackendV2``.
    """
    target = backend.target
    date = datetime.now(UTC).replace(microsecond=0).isoformat()

    def entry(name: str, value: float | None, unit: str = "", scale: float = 1.0) -> list[dict[str, Any]]:
        return [] if value is None else [{"name": name, "value": value * scale, "unit": unit, "date": date}]

    qubits = []
    for index in range(target.num_qubits):
        measured = target["measure"].get((index,)) if "measure" in target.operation_names else None
        figures = target.qubit_properties[index] if target.qubit_properties else None
        qubits.append(
            [
                *entry("T1", getattr(figures, "t1", None), "us", 1e6),
                *entry("T2", getattr(figures, "t2", None), "us", 1e6),
                *entry("frequency", getattr(figures, "frequency", None), "GHz", 1e-9),
                *entry("readout_error", getattr(measured, "error", None)),
                *entry("prob_meas0_prep1", getattr(measured, "error", None)),
                *entry("prob_meas1_prep0", getattr(measured, "error", None)),
                *entry("readout_length", getattr(measured, "duration", None), "ns", 1e9),
            ]
        )
    gates = [
        {
            "gate": name,
            "name": name + "_".join(map(str, place)),
            "qubits": list(place),
            "parameters": [
                *entry("gate_error", getattr(figures, "error", None)),
                *entry("gate_length", getattr(figures, "duration", None), "ns", 1e9),
            ],
        }
        for name, _ in _gates(target)
        for place, figures in _places(target, name).items()
    ]
    return {
        "backend_name": backend.name,
        "backend_version": str(backend.backend_version or _VERSION),
        "last_update_date": date,
        "qubits": qubits,
        "gates": gates,
        "general": [],
    }


def _gates(target: Any) -> Iterator[tuple[str, Instruction]]:
    """Yield the gates, without measurements, resets, delays, and control flow (which a target has as classes)."""
    for name in target.operation_names:
        operation = target.operation_from_name(name)
        if name not in _NOT_GATES and not isinstance(operation, type):
            yield name, operation


def _places(target: Any, name: str) -> dict[tuple[int, ...], Any]:
    """Return qubits of a gate -> its properties. A one-qubit gate without qubits in the target acts on each one."""
    places = dict(target[name])
    if None not in places:
        return places
    if target.operation_from_name(name).num_qubits != 1:
        return {}
    return {(qubit,): None for qubit in range(target.num_qubits)}


def _gate(target: Any, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "parameters": [str(each) for each in target.operation_from_name(name).params],
        "qasm_def": "",
        "coupling_map": [list(place) for place in _places(target, name)],
    }


def _date(given: Any) -> str:
    moment = given if isinstance(given, datetime) else datetime(2024, 1, 1, tzinfo=UTC)
    return moment.isoformat()
