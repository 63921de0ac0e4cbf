"""How the service's documents about a backend are read: field by field, with the path to what is wrong.

Unlike a job reply, such a document comes decoded, and is read in one pass. Each field has a reader, from here or from
``wire.values``; fields that are kept for later are kept as JSON text.
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
"""Makes something of a value of a document, as those of ``wire.values`` do; what type it was to be they know."""


class Misread(ValueError):  # noqa: N818 - at the border it becomes the documented exception
    """That a document holds something else than was expected, and where: a path such as ``.qubits[3][0].value``."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def unreadable(what: str, wrong: Misread) -> IBMError:
    """Return the documented exception for a document that cannot be read.

    Args:
        what: The document: ``"properties of the backend"``.
        wrong: What is wrong with it.
    """
    return to_exception(Unreadable(what, wrong.path.removeprefix("."), str(wrong)), IBMBackendApiError)


class _Nothing:
    """What stands for a field that is absent: an error shows it as ``nothing``, and null as ``None``."""

    def __repr__(self) -> str:
        return "nothing"


_NOTHING: Final = _Nothing()


def _at(key: str | int, read: Reader[_T], value: Any) -> _T:
    """Read what stands at a key of an object or a list; errors name the path to it."""
    try:
        return read(value, object)
    except (TypeError, ValueError) as error:
        step = f"[{key}]" if isinstance(key, int) else f".{key}"
        within = error.path if isinstance(error, Misread) else ""
        raise Misread(step + within, str(error)) from None


def field_of(found: Mapping[str, Any], name: str, read: Reader[_T]) -> _T:
    """Return a field of an object as a reader reads it.

    Raises:
        Misread: If the reader raises; it names the path to the field.

    Example:
        >>> field_of({}, "date", moment_of)
        Traceback (most recent call last):
        ibm_circuit_job.devices.documents.Misread: expected a time in ISO 8601, got nothing
    """
    return _at(name, read, found.get(name, _NOTHING))


def optional(read: Reader[_T], default: _D) -> Reader[_T | _D]:
    """Return a reader that has a default for what is absent or null."""
    return lambda value, kind: default if value is None or value is _NOTHING else read(value, kind)


def list_of(read: Reader[_T]) -> Reader[tuple[_T, ...]]:
    """Return a reader of a list, each element of which a reader reads.

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
    """Return those elements of a list that a reader can read: one that it cannot costs itself alone.

    Of what is no list, that is none.

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
    """Read an object, the fields of which are yet to be read.

    Raises:
        Misread: If it is none.
    """
    if isinstance(value, Mapping):
        return value
    raise Misread("", f"expected an object, got {shown(value)}")


def moment_of(value: Any, _: type = datetime) -> datetime:
    """Read a time: a text in ISO 8601, or a time already; UTC where it names no zone.

    Returns:
        The time in UTC.

    Raises:
        TypeError: If it is neither.
        ValueError: If it is no such text, or beyond the calendar.

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
    """Return the fields of an object as JSON text, all but those of which the names are given.

    Raises:
        Misread: If a field cannot be written as JSON; it names the path to it.

    Example:
        >>> as_json({"gate": "cx", "name": "cx0_1"}, but=frozenset({"gate"}))
        (('name', '"cx0_1"'),)
    """
    return unknown_fields(
        [(whole_text(str(name)), _at(name, _json_of, found[name])) for name in found if name not in but]
    )


def _json_of(value: Any, _: type) -> JsonText:
    try:
        # A foreign client may have read times already; they become texts again.
        return json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"expected what goes to JSON: {error}") from None


def from_json(fields: Iterable[tuple[str, JsonText]]) -> dict[str, Any]:
    """Return fields that were kept as JSON text as values, new ones each time.

    Example:
        >>> from_json([("name", '"cx0_1"')])
        {'name': 'cx0_1'}
    """
    return {name: json.loads(text) for name, text in fields}


class PartwiseReading:
    """Reads a document part by part: one that cannot be read costs itself alone, and is listed.

    Example:
        >>> reading = PartwiseReading()
        >>> reading.part("", {"date": "soon"}, "date", moment_of, None)
        >>> reading.wrong
        ["date: expected a time in ISO 8601, got 'soon'"]
    """

    def __init__(self) -> None:
        self.wrong: list[str] = []
        """What could not be read: the path, and what is wrong."""

    def note(self, path: str, wrong: Misread) -> None:
        """List what is wrong with something at a path."""
        self.wrong.append(f"{(path + wrong.path).removeprefix('.')}: {wrong}")

    def part(self, path: str, said: Mapping[str, Any], name: str, read: Reader[_T], default: _D) -> _T | _D:
        """Return a field of an object, or a default where it cannot be read."""
        try:
            return field_of(said, name, read)
        except Misread as wrong:
            self.note(path, wrong)
            return default

    def elements(self, path: str, values: Any, read: Callable[[str, Mapping[str, Any]], _T]) -> list[_T]:
        """Return the elements of a list of objects, as far as they can be read.

        Args:
            path: The path to the list.
            values: The list.
            read: Makes something of an element, given the path to it.
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
        """Return the fields of an object that have no reader as JSON text, as far as they can be written so."""
        found: list[tuple[str, JsonText]] = []
        for name in said:
            if name not in known:
                try:
                    found += as_json({name: said[name]})
                except Misread as wrong:
                    self.note(path, wrong)
        return unknown_fields(found)
