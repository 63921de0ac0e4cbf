"""Measured figures of a qubit, of a gate, or of a whole backend."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, TypeAlias

from attrs import Attribute, field, frozen
from attrs.validators import deep_iterable, instance_of

from ibm_circuit_job.devices.documents import from_json
from ibm_circuit_job.errors import BackendPropertyError
from ibm_circuit_job.state.field_values import JsonText, unknown_fields
from ibm_circuit_job.wire.values import shown

Measured: TypeAlias = tuple[float, datetime]
"""A value in SI base units, and the time of its measurement."""

_EXPONENTS: Final[Mapping[str, int]] = {
    "f": -15,
    "p": -12,
    "n": -9,
    "u": -6,
    "\u00b5": -6,  # the micro sign
    "\u03bc": -6,  # the Greek letter, which looks the same
    "m": -3,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
    "P": 15,
}
"""Prefix of a unit -> power of ten."""


def instant(moment: datetime) -> datetime:
    """Return a time in UTC, to compare it. Python compares times of one zone wrongly around a change of summer time."""
    return moment.astimezone(UTC)


def check_date(_: Any, attribute: Attribute[Any], moment: object) -> None:
    """Validate a date: a ``datetime`` with a time zone, within the years 1 to 9999 in UTC."""
    if not isinstance(moment, datetime):
        raise TypeError(f"{attribute.name}: expected a time, got {shown(moment)}")
    if moment.utcoffset() is None:
        raise ValueError(f"{attribute.name}: expected a time with a time zone, got {moment!r}")
    try:
        instant(moment)
    except OverflowError:
        raise ValueError(f"{attribute.name}: expected a time between the years 1 and 9999, got {moment!r}") from None


def _finite(value: float) -> float:
    """A finite number. NaN differs from itself, so a record with it would, too."""
    try:
        finite = math.isfinite(value)
    except (TypeError, OverflowError):
        raise TypeError(f"value: expected a number, got {shown(value)}") from None
    if not finite:
        raise ValueError(f"value: expected a finite number, got {value!r}")
    return float(value)


@frozen
class Nduv:
    """One figure of the service: date, name, unit and value.

    Example:
        >>> from datetime import UTC, datetime
        >>> Nduv(datetime(2024, 2, 3, tzinfo=UTC), "T1", "us", 80.5).in_base_units()
        8.05e-05
    """

    date: datetime = field(validator=check_date, eq=instant)
    """The time of the measurement, with a time zone."""
    name: str = field(validator=instance_of(str))
    """The name of the figure, as ``T1``, ``frequency`` or ``gate_error``."""
    unit: str = field(validator=instance_of(str))
    """The service's unit, as ``us`` or ``GHz``; empty if there is none."""
    value: float = field(converter=_finite)
    """The value, in that unit."""

    def in_base_units(self) -> float:
        """Return the value in SI base units.

        A unit of one character has no prefix: ``m`` is a metre.

        Raises:
            BackendPropertyError: If the unit begins with an unknown prefix.

        Example:
            >>> from datetime import UTC, datetime
            >>> Nduv(datetime(2024, 2, 3, tzinfo=UTC), "gate_length", "ns", 35.6).in_base_units()
            3.56e-08
        """
        if len(self.unit) < 2:
            return self.value
        exponent = _EXPONENTS.get(self.unit[0])
        if exponent is None:
            raise BackendPropertyError(
                f"{self.name} has an unknown unit: expected one that begins with "
                f"{', '.join(_EXPONENTS)}, got {shown(self.unit)}"
            )
        # Floats have these positive powers of ten exactly, and no negative ones, so a division is more exact.
        return self.value * 10.0**exponent if exponent > 0 else self.value / 10.0**-exponent

    def to_dict(self) -> dict[str, Any]:
        """Return the figure as a dictionary: name of the field -> value."""
        return {"date": self.date, "name": self.name, "unit": self.unit, "value": self.value}


def _qubit_numbers(qubits: Iterable[int]) -> tuple[int, ...]:
    return tuple(map(operator.index, qubits))


def figures_of(figures: Iterable[Nduv]) -> tuple[Nduv, ...]:
    """Convert figures to a tuple."""
    return tuple(figures)


are_figures: Final = deep_iterable(instance_of(Nduv))


def other_field(owner: Any, name: str) -> Any:
    """Return the value of a field of the document without an attribute of its own.

    Raises:
        AttributeError: If the document has no such field.
    """
    # Python itself looks up names with an underscore, even before there are any fields.
    if not name.startswith("_"):
        for known, text in owner.unknown:
            if known == name:
                return from_json([(known, text)])[name]
    raise AttributeError(f"{type(owner).__name__} has no {name!r}")


@frozen
class GateProperties:
    """The figures of one gate on the qubits on which it acts.

    Example:
        >>> GateProperties((0, 1), "cx", ()).to_dict()
        {'qubits': [0, 1], 'gate': 'cx', 'parameters': []}
    """

    qubits: tuple[int, ...] = field(converter=_qubit_numbers)
    """The qubits, in the gate's order."""
    gate: str = field(validator=instance_of(str))
    """The gate's name, as ``cx``."""
    parameters: tuple[Nduv, ...] = field(converter=figures_of, validator=are_figures)
    """The figures, as ``gate_error`` and ``gate_length``."""
    unknown: tuple[tuple[str, JsonText], ...] = field(default=(), converter=unknown_fields)
    """Every other field: (name, JSON text), sorted by name. Each is an attribute as well: ``gate.name``."""

    def __getattr__(self, name: str) -> Any:
        return other_field(self, name)

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as a dictionary, with all other fields of the service."""
        return {
            "qubits": list(self.qubits),
            "gate": self.gate,
            "parameters": [figure.to_dict() for figure in self.parameters],
            **from_json(self.unknown),
        }


# Answering


def by_name(figures: Iterable[Nduv]) -> Mapping[str, Nduv]:
    """Return figures as a dictionary: name -> figure."""
    return {figure.name: figure for figure in figures}


def measured(figures: Mapping[str, Nduv], name: str, whose: str) -> Measured:
    """Return one of the figures.

    Raises:
        BackendPropertyError: If there is no figure of that name, or its unit is unknown.
    """
    figure = figures.get(name)
    if figure is None:
        raise BackendPropertyError(f"expected a figure of {whose}, got {shown(name)}; there are {listed(figures)}")
    return figure.in_base_units(), figure.date


def all_measured(figures: Mapping[str, Nduv]) -> dict[str, Measured]:
    """Return all figures with a known unit: name -> value in SI base units, and date."""
    found = {}
    for name, figure in figures.items():
        with contextlib.suppress(BackendPropertyError):
            found[name] = (figure.in_base_units(), figure.date)
    return found


def is_operational(figures: Mapping[str, Nduv]) -> bool:
    """Return whether a qubit or a gate works; true unless its figures say that it does not."""
    return "operational" not in figures or bool(figures["operational"].value)


def listed(things: Mapping[Any, object], most: int = 10) -> str:
    """Return names as a text for an error: at most *most* of them, and the number of the others."""
    if not things:
        return "none"
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return ", ".join(map(shown, islice(things, most))) + more
