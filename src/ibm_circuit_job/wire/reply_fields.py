# ruff: noqa: RUF009 - ``_read_by`` makes a new field of attrs at each call
"""The fields of the service's replies: one class for each kind of object, with a reader for each value.

Names are those of the service's JSON, and times are still texts; ``replies`` makes facts of these objects. Case and
underscores in names do not count. A field that cannot be read is treated as missing, unless the object is useless
without it. The JSON text of unknown and unreadable fields is recorded verbatim.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import msgspec
from attrs import NOTHING, define, field, fields
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import Unreadable
from ibm_circuit_job.state.field_values import UnknownFields
from ibm_circuit_job.wire import documents, typed_json
from ibm_circuit_job.wire.values import (
    code_of,
    flag_of,
    integer_of,
    number_of,
    object_of,
    shown,
    text_of,
    texts_of,
    whole_text,
)

_T = TypeVar("_T")

Document = bytes | Mapping[str, Any]
"""A reply: its bytes, or the decoded object if a third-party client has decoded it."""

Unknown = tuple[tuple[str, str], ...]
"""Unknown fields: (name, JSON text verbatim)."""

NULL: Final = msgspec.Raw(b"null")


# Reading one field


class _Misread(ValueError):  # noqa: N818 - it never leaves this module
    """An essential field of an object is missing or cannot be read; ``path`` names it."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


_Reader: TypeAlias = Callable[[Any, type], Any]
"""Reads the value of a field. The second argument is ignored."""


class _Part(NamedTuple):
    """A value of which the reader left something out. The JSON text of the field is recorded as well."""

    read: Any


def _read_by(read: _Reader | None, *, default: Any = None, essential: bool = False) -> Any:
    """Define a field of a reply.

    Args:
        read: Reads the value; ``None`` if the field stays raw bytes, because it may be large.
        default: The value for null and for a missing field; ``NOTHING`` if the field is required.
        essential: Whether the object is useless if this field cannot be read.
    """
    return field(default=default, metadata={_READER: read, _ESSENTIAL: essential or default is NOTHING})


_READER: Final = "reader"
_ESSENTIAL: Final = "essential"


def _steps(value: Any, _: type) -> Any:
    """The times of the steps of a job, as texts, without the values that are not texts."""
    found = object_of(value)
    steps = {step: text for step, text in found.items() if text is None or isinstance(text, str)}
    return steps if len(steps) == len(found) else _Part(steps)


def _nested(target: type) -> _Reader:
    """Return a reader for an object within a reply."""

    def read_nested(value: Any, _: type) -> Any:
        found = value if type(value) is dict else object_of(value)
        read: Any
        read, left = _structured(found, target, None)
        return _Part(read) if left else read

    return read_nested


def _program(value: Any, kind: type) -> Any:
    """The program. IBM Quantum Platform Classic may reply with the program's ID instead of an object."""
    return ProgramFields(value) if isinstance(value, str) else _program_object(value, kind)


# The objects, one class each


@define
class StateFields:
    """The ``state`` of a job reply."""

    status: str | None = _read_by(text_of, essential=True)
    reason: str | None = _read_by(text_of)
    reason_code: int | str | None = _read_by(code_of)
    reason_solution: str | None = _read_by(text_of)


@define
class ProgramFields:
    """The ``program`` of a job reply."""

    id: str | None = _read_by(text_of)


@define
class UsageFields:
    """The ``usage`` of a job or metrics reply, in the present form and in the forms before API version 2026-03-15."""

    quantum_seconds: float | None = _read_by(number_of)
    seconds: float | None = _read_by(number_of)
    qpu_charge_time_seconds: float | None = _read_by(number_of)
    status: str | None = _read_by(text_of)


@define
class BssFields:
    """The ``bss`` of a job or metrics reply, which older API versions had in place of ``usage``."""

    seconds: float | None = _read_by(number_of)


_program_object: Final = _nested(ProgramFields)


@define
class JobFields:
    """A job reply."""

    id: str = _read_by(text_of, default=NOTHING)
    state: StateFields | None = _read_by(_nested(StateFields), essential=True)
    status: str | None = _read_by(text_of)
    backend: str | None = _read_by(text_of)
    program: ProgramFields | None = _read_by(_program)
    created: str | None = _read_by(text_of)
    name: str | None = _read_by(text_of)
    tags: tuple[str, ...] | None = _read_by(texts_of)
    session_id: str | None = _read_by(text_of)
    run_mode: str | None = _read_by(text_of)
    estimated_running_time_seconds: float | None = _read_by(number_of)
    private: bool | None = _read_by(flag_of)
    usage: UsageFields | None = _read_by(_nested(UsageFields))
    bss: BssFields | None = _read_by(_nested(BssFields))
    params: msgspec.Raw = _read_by(None, default=NULL)


@define
class MetricsFields:
    """A metrics reply."""

    timestamps: dict[str, str | None] | None = _read_by(_steps)
    position_in_queue: int | None = _read_by(integer_of)
    position_in_provider: int | None = _read_by(integer_of)
    estimated_start_time: str | None = _read_by(text_of)
    estimated_completion_time: str | None = _read_by(text_of)
    usage: UsageFields | None = _read_by(_nested(UsageFields))
    bss: BssFields | None = _read_by(_nested(BssFields))
    caller: str | None = _read_by(text_of)
    qiskit_version: str | None = _read_by(text_of)


@define
class PageFields:
    """A listing."""

    jobs: msgspec.Raw = _read_by(None, default=NOTHING)
    count: int | None = _read_by(integer_of)
    offset: int | None = _read_by(integer_of)


@define
class SubmissionFields:
    """The reply to a submission."""

    id: str = _read_by(text_of, default=NOTHING)
    backend: str | None = _read_by(text_of)


@define
class PushedStatusFields:
    """The ``data`` of a pushed status."""

    status: str = _read_by(text_of, default=NOTHING)


@define
class PushFields:
    """A message of the oldest push."""

    type: str = _read_by(text_of, default=NOTHING)
    data: PushedStatusFields | None = _read_by(_nested(PushedStatusFields), essential=True)


_ALSO_VERBATIM: Final = frozenset({"usage", "bss"})
"""Fields that are read in part, and therefore recorded verbatim as well."""


# Reading one object


class _Field(NamedTuple):
    """A field of a kind of object."""

    name: str
    read: _Reader | None
    is_essential: bool
    default: Any


def _folded(name: str) -> str:
    """A name in lower case and without underscores.

    The protocol has no long names, and none that begin or end with an underscore; these are returned unchanged.
    """
    if len(name) > _LONGEST_NAME or name.startswith("_") or name.endswith("_"):
        return name
    return name.replace("_", "").replace("-", "").lower()


_LONGEST_NAME: Final = 64
"""The most characters of a name of the protocol."""


def _fields_of(target: Any) -> Mapping[str, _Field]:
    """The fields of a kind of object, by their exact names and by their folded names."""
    known = [
        _Field(each.name, each.metadata[_READER], each.metadata[_ESSENTIAL], each.default) for each in fields(target)
    ]
    return {spelling: each for each in known for spelling in (each.name, _folded(each.name))}


_FIELDS: Final[Mapping[type, Mapping[str, _Field]]] = {
    target: _fields_of(target)
    for target in (
        *(JobFields, MetricsFields, PageFields, SubmissionFields, PushFields),
        *(StateFields, ProgramFields, UsageFields, BssFields, PushedStatusFields),
    )
}


_REQUIRED: Final[Mapping[type, frozenset[str]]] = {
    target: frozenset(name for name, each in known.items() if each.default is NOTHING)
    for target, known in _FIELDS.items()
}
"""Kind of object -> its required fields."""


def _sorted_out(target: type, names: tuple[str, ...]) -> tuple[tuple[tuple[str, _Field], ...], tuple[str, ...]]:
    """Pairs of a name and its field, and the names of unknown fields.

    If an object has a field in several spellings, the exact one is read.
    """
    known = {name: each for name in names if (each := _field_called(target, name)) is not None}
    read = {name: each for name, each in known.items() if name == each.name or each.name not in known}
    return tuple(read.items()), tuple(name for name in names if name not in read)


_remembered: Final = lru_cache(maxsize=1000)(_sorted_out)
"""The same with a cache, because replies of one kind have the same names."""


def _field_called(target: type, name: str) -> _Field | None:
    known = _FIELDS[target]
    return known.get(name) or known.get(_folded(name))


def _structured(
    found: Mapping[str, Any], target: type[_T], decoded: Callable[[Any], Any] | None
) -> tuple[_T, list[str]]:
    """Read the fields of an object.

    Args:
        found: The fields by name.
        target: The class of the object.
        decoded: Decodes the raw JSON of a field; ``None`` if the fields are decoded already.

    Returns:
        The object, and the names of the fields that are not in it, or only in part.

    Raises:
        _Misread: If a required field is missing, or an essential one cannot be read.
    """
    names = tuple(found)
    known, unknown = (_remembered if sum(map(len, names)) < _SHORT else _sorted_out)(target, names)
    read: dict[str, Any] = {}
    left = list(unknown)
    wrong: dict[str, _Misread] = {}
    for name, (field_name, reader, _, default) in known:
        value = found[name]
        if reader is None:
            read[field_name] = value
            continue
        try:
            if decoded is not None:
                value = decoded(value)
            if value is not None or default is NOTHING:
                value = reader(value, object)
        except (TypeError, ValueError, RecursionError) as error:
            within = f".{error.path}" if isinstance(error, _Misread) else ""
            wrong[field_name] = _Misread(field_name + within, str(error))
            left.append(name)
            continue
        if type(value) is _Part:
            value = value.read
            left.append(name)
        elif field_name in _ALSO_VERBATIM:
            left.append(name)
        read[field_name] = value
    if wrong or not read.keys() >= _REQUIRED[target]:
        _check_essential(target, read, wrong)
    return target(**read), left


def _check_essential(target: type, read: Mapping[str, Any], wrong: Mapping[str, _Misread]) -> None:
    """Raise the error of an essential or required field, if there is one."""
    for name, error in wrong.items():
        if _FIELDS[target][name].is_essential:
            raise error
    for name in sorted(_REQUIRED[target] - read.keys()):
        raise _Misread(name, f"expected a field {name!r}, which is missing")
    if target is JobFields and "status" in wrong and (read.get("state") is None or read["state"].status is None):
        # Without a state, the outer status is the only one.
        raise wrong["status"]


# Opening one reply


def opened(body: Document, target: type[_T], what: str) -> Result[tuple[_T, Unknown], Unreadable]:
    """Read one object.

    Args:
        body: The reply.
        target: The class of the object.
        what: The kind of reply, for the failure: ``"job reply"``.

    Returns:
        The object, and all other fields verbatim; or an ``Unreadable`` that names the path of the wrong field.

    Example:
        >>> opened(b'{"id": "a", "Backend": "b", "cost": 1.00}', SubmissionFields, "reply").unwrap()
        (SubmissionFields(id='a', backend='b'), (('cost', '1.00'),))
    """
    if isinstance(body, Mapping):
        body = _encoded(body)
    elif isinstance(body, str):
        body = whole_text(body).encode()
    elif not isinstance(body, (bytes, bytearray)):
        return Bad(Unreadable(what, "", f"expected JSON, or an object, got a {type(body).__name__}"))
    return documents.fields(body, what).bind(partial(_opened, target, what, len(body) < _SHORT))


_SHORT: Final = 2000
"""Bytes below which the unknown fields of a reply are cached."""


def _opened(
    target: type[_T], what: str, is_short: bool, found: Mapping[str, msgspec.Raw]
) -> Result[tuple[_T, Unknown], Unreadable]:
    try:
        read, left = _structured(found, target, documents.decoded)
        unknown = UnknownFields(sorted([(name, str(found[name], "utf-8")) for name in left]))
    except _Misread as wrong:
        return Bad(Unreadable(what, wrong.path, str(wrong)))
    except UnicodeDecodeError as error:
        return Bad(Unreadable(what, "", f"expected UTF-8, got other bytes at offset {error.start} of a field"))
    return Success((read, _shared(unknown) if is_short else unknown))


@lru_cache(maxsize=1000)
def _shared(unknown: UnknownFields) -> UnknownFields:
    """One shared object for equal unknown fields, which saves memory: jobs of one account differ little in them."""
    return unknown


# Replies that a third-party client has decoded


def _encoded(body: Mapping[str, Any]) -> bytes:
    """The JSON of a decoded reply, so that all replies have one reader.

    A value that cannot be encoded becomes a text that describes it.
    """
    try:
        return _as_json(dict(body)).encode()
    except (ValueError, TypeError, RecursionError):
        return _as_json({str(name): _writable(value) for name, value in body.items()}).encode()


def _writable(value: Any) -> Any:
    try:
        _as_json(value)
    except (ValueError, TypeError, RecursionError):
        return shown(value)
    return value


def _as_json(value: object) -> str:
    # Not msgspec, which refuses lone surrogates. json escapes them, and the reader replaces them.
    return json.dumps(value, default=_encoded_again)


def _encoded_again(value: object) -> Any:
    """The service's JSON for an object that a third-party client has built, such as a circuit."""
    if isinstance(value, datetime):
        return value.isoformat()
    if type(value).__name__ == "QuantumProgram":
        return _program_again(value)
    try:
        dump = getattr(value, "model_dump", None)
        if callable(dump):
            # A pydantic model, such as the options of the official client.
            return dump(mode="json")
        return json.loads(typed_json.encode(value))
    except Exception:  # noqa: BLE001 - it must not hide the rest of the reply, of whatever type it is
        return repr(value)


def _program_again(program: Any) -> dict[str, Any]:
    """The fields of a quantum program that ``inputs`` reads: its circuits and their arguments, its shots."""
    items = [
        {"circuit": item.circuit, "circuit_arguments": getattr(item, "circuit_arguments", None)}
        for item in program.items
    ]
    return {"shots": program.shots, "meas_level": program.meas_level, "items": items}
