"""Header: the header of a result or an experiment, a dictionary whose entries are also attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Header(dict[str, Any]):
    """A header that works as a dictionary, as in qiskit 2, and as an object with attributes, as in qiskit 1.

    Example:
        >>> header = Header(name="bell", memory_slots=2)
        >>> header.name, header["name"], header.to_dict() == header
        ('bell', 'bell', True)
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the header has no {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def to_dict(self) -> dict[str, Any]:
        """Return a copy as a plain dictionary."""
        return dict(self)


def give_header(part: Any) -> None:
    """Replace the header of a result or an experiment by a :class:`Header`, if it is a dictionary."""
    header = getattr(part, "header", None)
    if type(header) is dict:
        part.header = Header(header)


def circuit_name(experiment: Any) -> str | None:
    """Return the name of the circuit of an experiment; ``None`` if its header has none.

    Example:
        >>> from types import SimpleNamespace
        >>> circuit_name(SimpleNamespace(header={"name": "bell"})), circuit_name(SimpleNamespace())
        ('bell', None)
    """
    header = getattr(experiment, "header", None)
    # In qiskit 1 the header is an object with attributes.
    name = header.get("name") if isinstance(header, Mapping) else getattr(header, "name", None)
    return name if isinstance(name, str) else None
