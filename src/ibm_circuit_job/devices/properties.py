"""BackendProperties: the measured properties of a backend, a frozen record that replaces the class of qiskit 1.

Qiskit 2 has removed its class, and programs still use it. A record has the figures of the service, in its units. The
methods return SI base units: seconds and hertz. Records are frozen, hashable and picklable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from numbers import Integral
from typing import Any, Final, overload

from attrs import field, fields_dict, frozen
from attrs.validators import deep_iterable, instance_of

from ibm_circuit_job.devices.documents import (
    Misread,
    PartwiseReading,
    field_of,
    from_json,
    list_of,
    moment_of,
    object_of,
    optional,
    readable,
    unreadable,
)
from ibm_circuit_job.devices.figures import (
    GateProperties,
    Measured,
    Nduv,
    all_measured,
    are_figures,
    by_name,
    check_date,
    figures_of,
    instant,
    is_operational,
    listed,
    measured,
    other_field,
)
from ibm_circuit_job.errors import BackendPropertyError
from ibm_circuit_job.state.field_values import JsonText, unknown_fields
from ibm_circuit_job.wire.values import flag_of, integer_of, number_of, shown, text_of


def _rows(rows: Iterable[Iterable[Nduv]]) -> tuple[tuple[Nduv, ...], ...]:
    return tuple(map(figures_of, rows))


def _gates(gates: Iterable[GateProperties]) -> tuple[GateProperties, ...]:
    return tuple(gates)


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(texts)


@frozen(repr=False)
class BackendProperties:
    """The measured properties of a backend (``GET /backends/NAME/properties``), with the methods of qiskit 1.

    Example:
        >>> from datetime import UTC
        >>> said = {
        ...     "backend_name": "ibm_x",
        ...     "last_update_date": "2024-02-03T04:00:00Z",
        ...     "qubits": [[{"name": "T1", "date": "2024-02-03T04:00:00Z", "unit": "us", "value": 80.5}]],
        ...     "gates": [],
        ... }
        >>> properties = BackendProperties.from_dict(said, UTC)
        >>> properties
        BackendProperties('ibm_x', 1 qubit, last update 2024-02-03T04:00:00+00:00)
        >>> properties.t1(0)
        8.05e-05
    """

    backend_name: str = field(validator=instance_of(str))
    """The backend's name."""
    backend_version: str = field(validator=instance_of(str))
    """The backend's version; empty if unknown."""
    last_update_date: datetime = field(validator=check_date, eq=instant)
    """The time of the last measurement, with a time zone."""
    qubits: tuple[tuple[Nduv, ...], ...] = field(converter=_rows, validator=deep_iterable(are_figures))
    """The figures of each qubit."""
    gates: tuple[GateProperties, ...] = field(converter=_gates, validator=deep_iterable(instance_of(GateProperties)))
    """The figures of each gate on each group of qubits on which it acts."""
    general: tuple[Nduv, ...] = field(default=(), converter=figures_of, validator=are_figures)
    """The figures of the backend as a whole."""
    unknown: tuple[tuple[str, JsonText], ...] = field(default=(), converter=unknown_fields)
    """The other fields: (name, JSON text), sorted by name. Each is an attribute as well, as ``general_qlists``."""
    unreadable: tuple[str, ...] = field(default=(), converter=_texts, eq=False)
    """A line for each part of the document that could not be read, with its path. :meth:`to_dict` lacks these lines."""

    def __getattr__(self, name: str) -> Any:
        return other_field(self, name)

    def __repr__(self) -> str:
        count = f"{len(self.qubits)} qubit{'' if len(self.qubits) == 1 else 's'}"
        return f"BackendProperties({self.backend_name!r}, {count}, last update {self.last_update_date.isoformat()})"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], zone: tzinfo | None = None) -> BackendProperties:
        """Return the properties in a document of the service, or in a dictionary from :meth:`to_dict`.

        A figure, a gate or a field that cannot be read is left out, and listed in ``unreadable``. If the date of a
        figure cannot be read, it gets the date of the last update. If that date cannot be read, it is the newest date
        of any figure.

        Args:
            data: The document; it is not changed. Dates are texts in ISO 8601 or ``datetime`` objects, in UTC if they
                have no zone. ``backend_version``, ``general`` and the ``parameters`` of a gate are optional.
            zone: The time zone of the dates in the record; the machine's zone by default.

        Raises:
            IBMBackendApiError: If the document is no object; if ``backend_name``, ``qubits`` or ``gates`` is missing or
                has the wrong type; or if nothing has a date. The message names the path.

        Example:
            >>> BackendProperties.from_dict({"backend_name": 5})
            Traceback (most recent call last):
            ibm_circuit_job.errors.IBMBackendApiProtocolError: could not read the properties of the backend: \
backend_name: expected a string, got 5
        """
        reading = _Reading(zone)
        try:
            said = object_of(data)
            name = field_of(said, "backend_name", text_of)
            qubits, gates = (field_of(said, each, list_of(_as_it_is)) for each in ("qubits", "gates"))
            reading.updated = _last_update(reading, said, qubits, gates)
        except Misread as wrong:
            raise unreadable("properties of the backend", wrong) from None
        return cls(
            backend_name=name,
            backend_version=reading.part("", said, "backend_version", optional(text_of, ""), ""),
            last_update_date=_in_zone(reading.updated, zone),
            qubits=[reading.figures(f"qubits[{index}]", row) for index, row in enumerate(qubits)],
            gates=reading.elements("gates", gates, reading.gate),
            general=reading.figures("general", said.get("general") or ()),
            unknown=reading.others("", said, _FIELDS_OF_PROPERTIES),
            unreadable=reading.wrong,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the properties as dictionaries and lists, in the units of the service. Dates are ``datetime`` objects.

        All other fields of the service are included.
        """
        return {
            "backend_name": self.backend_name,
            "backend_version": self.backend_version,
            "last_update_date": self.last_update_date,
            "qubits": [[figure.to_dict() for figure in figures] for figures in self.qubits],
            "gates": [gate.to_dict() for gate in self.gates],
            "general": [figure.to_dict() for figure in self.general],
            **from_json(self.unknown),
        }

    @cached_property
    def _by_qubit(self) -> Mapping[int, Mapping[str, Nduv]]:
        # As in qiskit 1, a qubit without figures has no entry.
        return {qubit: by_name(figures) for qubit, figures in enumerate(self.qubits) if figures}

    @cached_property
    def _by_gate(self) -> Mapping[str, Mapping[tuple[int, ...], Mapping[str, Nduv]]]:
        found: dict[str, dict[tuple[int, ...], Mapping[str, Nduv]]] = {}
        for gate in self.gates:
            found.setdefault(gate.gate, {})[gate.qubits] = by_name(gate.parameters)
        return found

    def _figures_of_qubit(self, qubit: int) -> Mapping[str, Nduv]:
        found = self._by_qubit.get(qubit)
        if found is None:
            raise BackendPropertyError(
                f"expected a qubit for which {self.backend_name} has figures, got {shown(qubit)}; "
                f"there are {listed(self._by_qubit)}"
            )
        return found

    def _figures_of_gate(self, gate: str) -> Mapping[tuple[int, ...], Mapping[str, Nduv]]:
        found = self._by_gate.get(gate)
        if found is None:
            raise BackendPropertyError(
                f"expected a gate of {self.backend_name}, got {shown(gate)}; there are {listed(self._by_gate)}"
            )
        return found

    def _figures_of_gate_on(self, gate: str, qubits: int | Iterable[int]) -> Mapping[str, Nduv]:
        everywhere = self._figures_of_gate(gate)
        key = (int(qubits),) if isinstance(qubits, Integral) else tuple(qubits)  # type: ignore[arg-type]
        found = everywhere.get(key)
        if found is None:
            raise BackendPropertyError(
                f"expected qubits that {gate} acts on, got {shown(key)}; there are {listed(everywhere)}"
            )
        return found

    @overload
    def qubit_property(self, qubit: int, name: None = None) -> dict[str, Measured]: ...
    @overload
    def qubit_property(self, qubit: int, name: str) -> Measured: ...
    def qubit_property(self, qubit: int, name: str | None = None) -> dict[str, Measured] | Measured:
        """Return the figures of a qubit.

        Args:
            qubit: The number of the qubit.
            name: The name of a figure, as ``T1`` or ``anharmonicity``; ``None`` for all.

        Returns:
            The value in SI base units, and its date. Without *name*, a dictionary: name -> value and date. It lacks
            figures with an unknown unit.

        Raises:
            BackendPropertyError: If there is no such qubit or figure, or the unit of the figure *name* is unknown.
        """
        figures = self._figures_of_qubit(qubit)
        return all_measured(figures) if name is None else measured(figures, name, f"qubit {qubit}")

    @overload
    def gate_property(
        self, gate: str, qubits: None = None, name: None = None
    ) -> dict[tuple[int, ...], dict[str, Measured]]: ...
    @overload
    def gate_property(self, gate: str, qubits: int | Iterable[int], name: None = None) -> dict[str, Measured]: ...
    @overload
    def gate_property(self, gate: str, qubits: int | Iterable[int], name: str) -> Measured: ...
    def gate_property(
        self, gate: str, qubits: int | Iterable[int] | None = None, name: str | None = None
    ) -> dict[tuple[int, ...], dict[str, Measured]] | dict[str, Measured] | Measured:
        """Return the figures of a gate.

        Args:
            gate: The gate's name.
            qubits: The qubit, or the qubits in the gate's order; ``None`` for all groups of qubits.
            name: The name of a figure, as ``gate_error`` or ``gate_length``; ``None`` for all.

        Returns:
            The value in SI base units, and its date. Without *name*, a dictionary: name -> value and date. Without
            *qubits*, a dictionary: qubits -> such a dictionary. Dictionaries lack figures with an unknown unit.

        Raises:
            BackendPropertyError: If there is no such gate, group of qubits or figure; if *name* is given without
                *qubits*; or if the unit of the figure *name* is unknown.
        """
        if qubits is not None:
            figures = self._figures_of_gate_on(gate, qubits)
            return measured(figures, name, f"{gate} on {shown(qubits)}") if name else all_measured(figures)
        everywhere = self._figures_of_gate(gate)
        if name:
            raise BackendPropertyError(
                f"expected qubits as well, to find {shown(name)} of {gate}; there are {listed(everywhere)}"
            )
        return {on: all_measured(figures) for on, figures in everywhere.items()}

    def t1(self, qubit: int) -> float:
        """Return the relaxation time T1 of a qubit, in seconds.

        Raises:
            BackendPropertyError: If the service has no such figure.
        """
        return self.qubit_property(qubit, "T1")[0]

    def t2(self, qubit: int) -> float:
        """Return the dephasing time T2 of a qubit, in seconds.

        Raises:
            BackendPropertyError: If the service has no such figure.
        """
        return self.qubit_property(qubit, "T2")[0]

    def frequency(self, qubit: int) -> float:
        """Return the frequency of a qubit, in hertz.

        Raises:
            BackendPropertyError: If the service has no such figure.
        """
        return self.qubit_property(qubit, "frequency")[0]

    def readout_error(self, qubit: int) -> float:
        """Return the probability of a wrong readout of a qubit.

        Raises:
            BackendPropertyError: If the service has no such figure.
        """
        return self.qubit_property(qubit, "readout_error")[0]

    def readout_length(self, qubit: int) -> float:
        """Return the duration of the readout of a qubit, in seconds.

        Raises:
            BackendPropertyError: If the service has no such figure.
        """
        return self.qubit_property(qubit, "readout_length")[0]

    def gate_error(self, gate: str, qubits: int | Iterable[int]) -> float:
        """Return the error probability of a gate on a qubit, or on qubits in the gate's order.

        Raises:
            BackendPropertyError: If the service has no such figure.
        """
        return self.gate_property(gate, qubits, "gate_error")[0]

    def gate_length(self, gate: str, qubits: int | Iterable[int]) -> float:
        """Return the duration of a gate on a qubit, or on qubits in the gate's order, in seconds.

        Raises:
            BackendPropertyError: If the service has no such figure.
        """
        return self.gate_property(gate, qubits, "gate_length")[0]

    def is_qubit_operational(self, qubit: int) -> bool:
        """Return whether a qubit works; true unless the service reports that it does not.

        Raises:
            BackendPropertyError: If there is no such qubit.
        """
        return is_operational(self._figures_of_qubit(qubit))

    def is_gate_operational(self, gate: str, qubits: int | Iterable[int] | None = None) -> bool:
        """Return whether a gate works; true unless the service reports that it does not.

        Args:
            gate: The gate's name.
            qubits: The qubit, or the qubits in the gate's order; ``None`` to check all groups of qubits.

        Raises:
            BackendPropertyError: If there is no such gate, or no such qubits for it.
        """
        if qubits is None:
            return all(map(is_operational, self._figures_of_gate(gate).values()))
        return is_operational(self._figures_of_gate_on(gate, qubits))

    def faulty_qubits(self) -> list[int]:
        """Return the qubits that do not work."""
        return [qubit for qubit, figures in self._by_qubit.items() if not is_operational(figures)]

    def faulty_gates(self) -> list[GateProperties]:
        """Return the gates that do not work, each with its qubits."""
        return [gate for gate in self.gates if not self.is_gate_operational(gate.gate, gate.qubits)]


# Reading


_FIELDS_OF_PROPERTIES: Final = frozenset(fields_dict(BackendProperties)) - {"unknown", "unreadable"}
_FIELDS_OF_GATE: Final = frozenset(fields_dict(GateProperties)) - {"unknown"}


class _Reading(PartwiseReading):
    """Reads the parts of a document of properties."""

    def __init__(self, zone: tzinfo | None) -> None:
        super().__init__()
        self.zone = zone
        self.updated = datetime.max.replace(tzinfo=UTC)
        """The date for figures whose own date cannot be read."""

    def figures(self, path: str, values: Any) -> tuple[Nduv, ...]:
        return tuple(self.elements(path, values, self.figure))

    def figure(self, path: str, said: Mapping[str, Any]) -> Nduv:
        return Nduv(
            name=field_of(said, "name", text_of),
            value=field_of(said, "value", _value_of),
            unit=field_of(said, "unit", optional(text_of, "")),
            date=_in_zone(self.part(path, said, "date", moment_of, self.updated), self.zone),
        )

    def gate(self, path: str, said: Mapping[str, Any]) -> GateProperties:
        return GateProperties(
            qubits=field_of(said, "qubits", list_of(integer_of)),
            gate=field_of(said, "gate", text_of),
            parameters=self.figures(f"{path}.parameters", said.get("parameters") or ()),
            unknown=self.others(path, said, _FIELDS_OF_GATE),
        )


def _last_update(reading: _Reading, said: Mapping[str, Any], qubits: Iterable[Any], gates: Iterable[Any]) -> datetime:
    """The date of the last update; if it cannot be read, the newest date of a figure."""
    try:
        return field_of(said, "last_update_date", moment_of)
    except Misread as wrong:
        parameters = [gate.get("parameters") for gate in readable([*gates], object_of)]
        rows = [row for row in (*qubits, *parameters) if isinstance(row, (list, tuple))]
        dates = [figure.get("date") for row in rows for figure in readable(row, object_of)]
        newest = max(readable(dates, moment_of), default=None)
        if newest is None:
            raise
        reading.note("", wrong)
        return newest


def _as_it_is(value: Any, _: type) -> Any:
    return value


def _value_of(value: Any, kind: type) -> float:
    """The value of a figure, a number. The figure ``operational`` may be true or false instead."""
    if isinstance(value, bool) or (isinstance(value, str) and value.lower() in {"true", "false"}):
        return float(flag_of(value, bool))
    return number_of(value, kind)


def _in_zone(moment: datetime, zone: tzinfo | None) -> datetime:
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError):
        # Near the years 1 and 9999, the time may not exist in that zone.
        return moment
