"""The plain values of a backend for ``views``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from ibm_circuit_job.devices.configuration import BackendConfiguration
from ibm_circuit_job.devices.properties import BackendProperties
from ibm_circuit_job.views.records import BackendView

_T = TypeVar("_T")


def backend_view(name: str, described: BackendConfiguration, properties: BackendProperties | None) -> BackendView:
    """Return the values of a backend to show. Fields that cannot be read are left out.

    Args:
        name: The name of the backend.
        described: Its configuration.
        properties: Its properties; ``None`` if they were not read.

    Example:
        >>> from ibm_circuit_job import BackendConfiguration
        >>> said = {"backend_name": "ibm_x", "n_qubits": 5, "basis_gates": ["cx"], "max_shots": "many"}
        >>> view = backend_view("ibm_x", BackendConfiguration.from_dict(said), None)
        >>> view.num_qubits, view.basis_gates, view.max_shots
        (5, ('cx',), None)
    """
    # A backend that is retired or could not be read has a configuration without qubits.
    if described.n_qubits == 0:
        return BackendView(name)
    return BackendView(
        name,
        num_qubits=described.n_qubits,
        simulator=_if(bool, described.get("simulator")),
        version=_if(str, described.get("backend_version")),
        processor=_processor(described.get("processor_type")),
        basis_gates=described.basis_gates,
        max_shots=_if(int, described.get("max_shots")),
        max_circuits=_if(int, described.get("max_experiments")),
        online_since=_if(datetime, described.get("online_date")),
        calibrated_at=None if properties is None else properties.last_update_date,
    )


def _if(kind: type[_T], value: object) -> _T | None:
    """The value; ``None`` if it has another type."""
    return value if isinstance(value, kind) else None


def _processor(said: Any) -> str | None:
    """The family of a processor with its revision, as ``Heron r2``."""
    if not isinstance(said, Mapping) or not isinstance(said.get("family"), str):
        return None
    revision = said.get("revision")
    return said["family"] if not isinstance(revision, (str, int, float)) else f"{said['family']} r{revision}"
