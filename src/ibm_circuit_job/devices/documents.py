"""Read the service's documents about a backend, field by field. Errors have the path to the wrong field.

Unlike a job reply, such a document is decoded already, and is read in one pass. Each field has a reader, from this
module or from ``wire.values``. Fields without a reader are saved as JSON text.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, TypeVar

from ibm_circuit_job.errors import IBMBackendApiError, IBMError, Unreadable, to_exception
from ibm_circuit_job.state.field_values import JsonText, UnknownFields, unknown_fields
from ibm_circuit_job.wire.values import shown, whole_text

_T = TypeVar("_T")
_D = TypeVar("_D")

Reader: TypeAlias = Callable[[Any, type], _T]
"""Converts a value of a document, as the functions of ``wire.values`` do. The second argument is the expected type."""


class Misread(ValueError):  # noqa: N818 - at the border it becomes the documented exception
    """A value of a document is not as expected. ``path`` says which, as ``.qubits[3][0].value``."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def unreadable(what: str, wrong: Misread) -> IBMError:
    """Return the documented exception for a document that cannot be read.

    Args:
        what: The name of the document, as ``"properties of the backend"``.
        wrong: The error.
    """
    return to_exception(Unreadable(what, wrong.path.removeprefix("."), str(wrong)), IBMBackendApiError)


class _Nothing:
    """The value of an absent field. Errors show it as ``nothing``, and a null as ``None``."""

    def __repr__(self) -> str:
        return "nothing"


_NOTHING: Final = _Nothing()


def _at(key: str | int, read: Reader[_T], value: Any) -> _T:
    """Read the value at a key of an object, or at an index of a list. Errors have its path."""
    try:
        return read(value, object)
    except (TypeError, ValueError) as error:
        step = f"[{key}]" if isinstance(key, int) else f".{key}"
        within = error.path if isinstance(error, Misread) else ""
        raise Misread(step + within, str(error)) from None


def field_of(found: Mapping[str, Any], name: str, read: Reader[_T]) -> _T:
    """Return a field of an object, converted by a reader.

    Raises:
        Misread: If the reader raises an error. It has the path to the field.

    Example:
        >>> field_of({}, "date", moment_of)
        Traceback (most recent call last):
        ibm_circuit_job.devices.documents.Misread: expected a time in ISO 8601, got nothing
    """
    return _at(name, read, found.get(name, _NOTHING))


def optional(read: Reader[_T], default: _D) -> Reader[_T | _D]:
    """Return a reader with a default for fields that are absent or null."""
    return lambda value, kind: default if value is None or value is _NOTHING else read(value, kind)


def list_of(read: Reader[_T]) -> Reader[tuple[_T, ...]]:
    """Return a reader of a list, from the reader of its elements.

    Example:
        >>> from ibm_circuit_job.wire.values import number_of
        >>> list_of(number_of)([1, 2.5], object)
        (1.0, 2.5)
    """

    def read_list(values: Any, _: type) -> tuple[_T, ...]:
        if not isinstance(values, (list, tuple)):
            raise TypeError(f"expected a list, got {shown(values)}")
        return tuple([_at(index, read, value) for index, value in enumerate(values)])

    return read_list


def readable(values: Any, read: Reader[_T]) -> list[_T]:
    """Return the elements of a list that a reader can read. Others are left out; a value that is no list has none.

    Example:
        >>> from ibm_circuit_job.wire.values import text_of
        >>> readable(["cx", None, "x"], text_of), readable(None, text_of)
        (['cx', 'x'], [])
    """
    found = []
    for value in values if isinstance(values, (list, tuple)) else ():
        with contextlib.suppress(TypeError, ValueError):
            found.append(read(value, object))
    return found


def object_of(value: Any, _: type = object) -> Mapping[str, Any]:
    """Return a value that must be an object; its fields are read later.

    Raises:
        Misread: If the value is no object.
    """
    if isinstance(value, Mapping):
        return value
    raise Misread("", f"expected an object, got {shown(value)}")


def moment_of(value: Any, _: type = datetime) -> datetime:
    """Read a time: a text in ISO 8601, or a ``datetime``. A time without a zone is in UTC.

    Returns:
        The time in UTC.

    Raises:
        TypeError: If the value is neither.
        ValueError: If the text is not in ISO 8601, or the time is not within the years 1 to 9999.

    Example:
        >>> moment_of("2024-02-03T04:00:00-05:00")
        datetime.datetime(2024, 2, 3, 9, 0, tzinfo=datetime.timezone.utc)
    """
    if not isinstance(value, (str, datetime)):
        raise TypeError(f"expected a time in ISO 8601, got {shown(value)}")
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value.strip().upper())
    except ValueError:
        raise ValueError(f"expected a time in ISO 8601, got {shown(value)}") from None
    try:
        return moment.replace(tzinfo=UTC) if moment.utcoffset() is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"expected a time between the years 1 and 9999, got {shown(value)}") from None


def as_json(found: Mapping[str, Any], but: frozenset[str] = frozenset()) -> UnknownFields:
    """Return the fields of an object as JSON text, except those whose names are in *but*.

    Raises:
        Misread: If a field cannot be written as JSON. It has the path to the field.

    Example:
        >>> as_json({"gate": "cx", "name": "cx0_1"}, but=frozenset({"gate"}))
        (('name', '"cx0_1"'),)
    """
    return unknown_fields(
        [(whole_text(str(name)), _at(name, _json_of, found[name])) for name in found if name not in but]
    )


def _json_of(value: Any, _: type) -> JsonText:
    try:
        # A third-party client may have decoded times; they become texts again.
        return json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"expected a value that JSON can have: {error}") from None


def from_json(fields: Iterable[tuple[str, JsonText]]) -> dict[str, Any]:
    """Return fields from their JSON text: name -> value. Each call makes new values.

    Example:
        >>> from_json([("name", '"cx0_1"')])
        {'name': 'cx0_1'}
    """
    return {name: json.loads(text) for name, text in fields}


class PartwiseReading:
    """Reads a document part by part. Parts that cannot be read are left out, and listed in ``wrong``.

    Example:
        >>> reading = PartwiseReading()
        >>> reading.part("", {"date": "soon"}, "date", moment_of, None)
        >>> reading.wrong
        ["date: expected a time in ISO 8601, got 'soon'"]
    """

    def __init__(self) -> None:
        self.wrong: list[str] = []
        """A line for each part that could not be read: its path, and what is wrong."""

    def note(self, path: str, wrong: Misread) -> None:
        """Add a line for a part that could not be read."""
        self.wrong.append(f"{(path + wrong.path).removeprefix('.')}: {wrong}")

    def part(self, path: str, said: Mapping[str, Any], name: str, read: Reader[_T], default: _D) -> _T | _D:
        """Return a field of an object; *default* if it cannot be read."""
        try:
            return field_of(said, name, read)
        except Misread as wrong:
            self.note(path, wrong)
            return default

    def elements(self, path: str, values: Any, read: Callable[[str, Mapping[str, Any]], _T]) -> list[_T]:
        """Return the elements of a list of objects that can be read.

        Args:
            path: The path to the list.
            values: The list.
            read: Converts an element, from the path to it and the object.
        """
        if not isinstance(values, (list, tuple)):
            self.wrong.append(f"{path}: expected a list, got {shown(values)}")
            return []
        found = []
        for index, value in enumerate(values):
            try:
                found.append(read(f"{path}[{index}]", object_of(value)))
            except Misread as wrong:
                self.note(f"{path}[{index}]", wrong)
        return found

    def others(self, path: str, said: Mapping[str, Any], known: frozenset[str]) -> UnknownFields:
        """Return the fields of an object without a reader as JSON text. Fields that JSON cannot have are left out."""
        found: list[tuple[str, JsonText]] = []
        for name in said:
            if name not in known:
                try:
                    found += as_json({name: said[name]})
                except Misread as wrong:
                    self.note(path, wrong)
        return unknown_fields(found)
