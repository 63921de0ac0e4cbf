"""Parts of a backend's configuration that are objects in qiskit 1 and the official clients: gates, control channels.

A part is a frozen record of an object in the service's document. Its fields are attributes, as in these objects, and
items, as in a dictionary.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Self

from attrs import field, frozen

from ibm_circuit_job.devices.documents import as_json, field_of, from_json, object_of
from ibm_circuit_job.state.field_values import JsonText, unknown_fields
from ibm_circuit_job.wire.values import integer_of, number_of, shown, text_of


@frozen(repr=False, eq=False)
class _Part(Mapping[str, Any]):
    """One object of the document: a mapping whose fields are attributes as well."""

    _fields: tuple[tuple[str, JsonText], ...] = field(converter=unknown_fields, alias="fields")
    """The object: (name, JSON text), sorted by name."""

    @classmethod
    def read(cls, value: Any, _: type = object) -> Self:
        """Read an object of the document.

        Raises:
            TypeError: If a field is of the wrong type.
            ValueError: If a field cannot be read.
        """
        return cls(as_json(object_of(value)))

    def to_dict(self) -> dict[str, Any]:
        """Return the part as a new dictionary: name of the field -> value of the attribute."""
        return dict(self)

    def __getitem__(self, name: str) -> Any:
        for known, text in self._fields:
            if known == name:
                return json.loads(text)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __hash__(self) -> int:
        # A part is equal to any mapping with the same items, whatever their order in JSON.
        return hash(tuple(self))

    def __getattr__(self, name: str) -> Any:
        # Python itself looks up names with an underscore, even before there are any fields.
        if not name.startswith("_") and name in self:
            return self[name]
        raise AttributeError(f"{self!r} has no {name!r}" if not name.startswith("_") else name)

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *self]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({from_json(self._fields)!r})"


@frozen(repr=False, eq=False)
class GateConfig(_Part):
    """A gate of a backend, as ``configuration().gates[0]``, with the attributes of this class in qiskit 1.

    ``name``, ``parameters`` and ``qasm_def`` always exist. ``coupling_map``, ``latency_map``, ``conditional``,
    ``description`` and all other fields are attributes if the service has sent them.

    Example:
        >>> gate = GateConfig.read({"name": "cx", "coupling_map": [[0, 1]]})
        >>> gate.name, gate.coupling_map, gate["coupling_map"], gate.parameters
        ('cx', [[0, 1]], [[0, 1]], [])
        >>> hasattr(gate, "latency_map")
        False
    """

    @classmethod
    def read(cls, value: Any, _: type = object) -> Self:
        """Return the gate in an element of the service's ``gates``.

        Raises:
            TypeError: If the element is no object, or its name is no text.
            ValueError: If a field cannot be read.
        """
        said = object_of(value)
        field_of(said, "name", text_of)
        # As in qiskit 1 and the official clients, these fields are left out if they are null or empty.
        absent = {name for name in _LEFT_OUT_WHERE_EMPTY if said.get(name) in (None, [], ())}
        known = {name: each for name, each in said.items() if name not in absent}
        return cls(as_json({"parameters": [], "qasm_def": "", **known}))


_LEFT_OUT_WHERE_EMPTY: Final = ("coupling_map", "latency_map", "conditional", "description")


@frozen(repr=False, eq=False)
class UchannelLO(_Part):
    """A term of the frequency of a control channel, as ``configuration().u_channel_lo[0][0]`` in qiskit 1.

    The frequency is a sum of terms. Each is the complex number ``scale`` times the frequency of the qubit ``q``.

    Example:
        >>> term = UchannelLO.read({"q": 1, "scale": [1.0, 0.0]})
        >>> term.q, term.scale, term["scale"]
        (1, (1+0j), (1+0j))
    """

    @classmethod
    def read(cls, value: Any, _: type = object) -> Self:
        """Return the term in an element of the service's ``u_channel_lo``.

        Raises:
            TypeError: If the element is no object, or a field has the wrong type.
            ValueError: If a field cannot be read.
        """
        said = object_of(value)
        field_of(said, "q", integer_of)
        scale = field_of(said, "scale", _complex)
        return cls(as_json({**said, "scale": [scale.real, scale.imag]}))

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        return complex(*found) if name == "scale" else found


def _complex(value: Any, _: type) -> complex:
    """A complex number, which JSON has as a list of two numbers."""
    if isinstance(value, complex):
        return value
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return complex(number_of(value[0], float), number_of(value[1], float))
    if isinstance(value, (int, float)):
        return complex(number_of(value, float))
    raise TypeError(f"expected a complex number as a list of two numbers, got {shown(value)}")
