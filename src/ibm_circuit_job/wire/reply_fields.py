# ruff: noqa: RUF009 - ``_said`` makes a field of attrs, anew each time
"""What the service's replies hold, on the way from JSON to facts: the fields by name, each read leniently.

The names here are those of the wire, and times are still texts; ``replies`` makes facts of them. Each field has the
reader of its value beside it. A field is found without regard to case and underscores. A field that cannot be read
costs itself alone, unless the reply says nothing without it. Fields that are unknown, or that cannot be read, are kept
as the JSON text that they came as.
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
"""A reply: its bytes, or, from a client that decodes by itself, the object that it made of them."""

Unknown = tuple[tuple[str, str], ...]
"""Unknown fields: (name, JSON text verbatim)."""

NULL: Final = msgspec.Raw(b"null")


# Reading one field


class _Misread(ValueError):  # noqa: N818 - it never leaves this module
    """That an object says nothing, since a field of it cannot be read; and where that field is."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


_Reader: TypeAlias = Callable[[Any, type], Any]
"""Makes something of the value of a field. What it is to be the reader knows by itself."""


class _Part(NamedTuple):
    """What a reader made of a field of which it left something out: its text is kept as well."""

    read: Any


def _said(read: _Reader | None, *, default: Any = None, essential: bool = False) -> Any:
    """A field of a reply.

    Args:
        read: Reads its value; ``None`` where the field stays the bytes that it came as, since it may be large.
        default: What stands for null, and for a field that is missing; ``NOTHING`` where it must be there.
        essential: Whether the object says nothing where this field cannot be read.
    """
    return field(default=default, metadata={_READER: read, _ESSENTIAL: essential or default is NOTHING})


_READER: Final = "reader"
_ESSENTIAL: Final = "essential"


def _steps(value: Any, _: type) -> Any:
    """The times of the steps of a job, as texts. One that is no text costs itself alone."""
    said = object_of(value)
    steps = {step: text for step, text in said.items() if text is None or isinstance(text, str)}
    return steps if len(steps) == len(said) else _Part(steps)


def _nested(target: type) -> _Reader:
    """A reader of an object within a reply."""

    def read_nested(value: Any, _: type) -> Any:
        found = value if type(value) is dict else object_of(value)
        read: Any
        read, left = _structured(found, target, None)
        return _Part(read) if left else read

    return read_nested


def _program(value: Any, kind: type) -> Any:
    """The program; the legacy dialect may give its ID alone."""
    return ProgramFields(value) if isinstance(value, str) else _program_object(value, kind)


# What each reply holds


@define
class StateFields:
    """The ``state`` of a job reply."""

    status: str | None = _said(text_of, essential=True)
    reason: str | None = _said(text_of)
    reason_code: int | str | None = _said(code_of)
    reason_solution: str | None = _said(text_of)


@define
class ProgramFields:
    """The ``program`` of a job reply."""

    id: str | None = _said(text_of)


@define
class UsageFields:
    """The ``usage`` of a job or metrics reply: that of today, and the forms before API version 2026-03-15."""

    quantum_seconds: float | None = _said(number_of)
    seconds: float | None = _said(number_of)
    qpu_charge_time_seconds: float | None = _said(number_of)
    status: str | None = _said(text_of)


@define
class BssFields:
    """The ``bss`` of a job or metrics reply: what the service accounted for before there was a ``usage``."""

    seconds: float | None = _said(number_of)


_program_object: Final = _nested(ProgramFields)


@define
class JobFields:
    """A job reply."""

    id: str = _said(text_of, default=NOTHING)
    state: StateFields | None = _said(_nested(StateFields), essential=True)
    status: str | None = _said(text_of)
    backend: str | None = _said(text_of)
    program: ProgramFields | None = _said(_program)
    created: str | None = _said(text_of)
    name: str | None = _said(text_of)
    tags: tuple[str, ...] | None = _said(texts_of)
    session_id: str | None = _said(text_of)
    run_mode: str | None = _said(text_of)
    estimated_running_time_seconds: float | None = _said(number_of)
    private: bool | None = _said(flag_of)
    usage: UsageFields | None = _said(_nested(UsageFields))
    bss: BssFields | None = _said(_nested(BssFields))
    params: msgspec.Raw = _said(None, default=NULL)


@define
class MetricsFields:
    """A metrics reply."""

    timestamps: dict[str, str | None] | None = _said(_steps)
    position_in_queue: int | None = _said(integer_of)
    position_in_provider: int | None = _said(integer_of)
    estimated_start_time: str | None = _said(text_of)
    estimated_completion_time: str | None = _said(text_of)
    usage: UsageFields | None = _said(_nested(UsageFields))
    bss: BssFields | None = _said(_nested(BssFields))
    caller: str | None = _said(text_of)
    qiskit_version: str | None = _said(text_of)


@define
class PageFields:
    """A listing."""

    jobs: msgspec.Raw = _said(None, default=NOTHING)
    count: int | None = _said(integer_of)
    offset: int | None = _said(integer_of)


@define
class SubmissionFields:
    """The reply to a submission."""

    id: str = _said(text_of, default=NOTHING)
    backend: str | None = _said(text_of)


@define
class PushedStatusFields:
    """The ``data`` of a pushed status."""

    status: str = _said(text_of, default=NOTHING)


@define
class PushFields:
    """A message of the oldest push."""

    type: str = _said(text_of, default=NOTHING)
    data: PushedStatusFields | None = _said(_nested(PushedStatusFields), essential=True)


_KEPT_WHOLE: Final = frozenset({"usage", "bss"})
"""Fields of which a part is read, and which are therefore kept verbatim as well."""


# Reading one object


class _Field(NamedTuple):
    """A field of a kind of object."""

    name: str
    read: _Reader | None
    is_essential: bool
    default: Any


def _folded(name: str) -> str:
    """A name without case and underscores. Long ones are none of ours, nor are those with an underscore at an end."""
    if len(name) > _LONGEST_NAME or name.startswith("_") or name.endswith("_"):
        return name
    return name.replace("_", "").replace("-", "").lower()


_LONGEST_NAME: Final = 64
"""A longer name is none that the protocol knows."""


def _fields_of(target: Any) -> Mapping[str, _Field]:
    """The fields of a kind of object, by their spelling, and by that without case and underscores."""
    said = [
        _Field(each.name, each.metadata[_READER], each.metadata[_ESSENTIAL], each.default) for each in fields(target)
    ]
    return {spelling: each for each in said for spelling in (each.name, _folded(each.name))}


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
"""For each kind of object: the fields that must be there."""


def _sorted_out(target: type, names: tuple[str, ...]) -> tuple[tuple[tuple[str, _Field], ...], tuple[str, ...]]:
    """The fields that names mean, and the names that mean none.

    Where a field is there in several spellings, the exact one is read.
    """
    known = {name: each for name in names if (each := _field_called(target, name)) is not None}
    read = {name: each for name, each in known.items() if name == each.name or each.name not in known}
    return tuple(read.items()), tuple(name for name in names if name not in read)


_remembered: Final = lru_cache(maxsize=1000)(_sorted_out)
"""The same, remembered: replies hold the same names each time."""


def _field_called(target: type, name: str) -> _Field | None:
    known = _FIELDS[target]
    return known.get(name) or known.get(_folded(name))


def _structured(
    found: Mapping[str, Any], target: type[_T], decoded: Callable[[Any], Any] | None
) -> tuple[_T, list[str]]:
    """Read the fields of an object.

    Args:
        found: The fields by name.
        target: What should be in it.
        decoded: Returns the value of a field that has a reader; ``None`` where they are values already.

    Returns:
        The object, and the names of the fields that it does not hold, or not in full.

    Raises:
        _Misread: If a field without which it says nothing is missing, or cannot be read.
    """
    names = tuple(found)
    known, unknown = (_remembered if sum(map(len, names)) < _SHORT else _sorted_out)(target, names)
    said: dict[str, Any] = {}
    left = list(unknown)
    wrong: dict[str, _Misread] = {}
    for name, (field_name, reader, _, default) in known:
        value = found[name]
        if reader is None:
            said[field_name] = value
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
        elif field_name in _KEPT_WHOLE:
            left.append(name)
        said[field_name] = value
    if wrong or not said.keys() >= _REQUIRED[target]:
        _check_essential(target, said, wrong)
    return target(**said), left


def _check_essential(target: type, said: Mapping[str, Any], wrong: Mapping[str, _Misread]) -> None:
    """Raise what is wrong with a field without which the object says nothing."""
    for name, error in wrong.items():
        if _FIELDS[target][name].is_essential:
            raise error
    for name in sorted(_REQUIRED[target] - said.keys()):
        raise _Misread(name, f"expected a field {name!r}, which is missing")
    if target is JobFields and "status" in wrong and (said.get("state") is None or said["state"].status is None):
        # It stands for that of the state.
        raise wrong["status"]


# Opening one reply


def opened(body: Document, target: type[_T], what: str) -> Result[tuple[_T, Unknown], Unreadable]:
    """Read one object.

    Args:
        body: The reply.
        target: What should be in it.
        what: What it should be, for the failure: ``"job reply"``.

    Returns:
        The fields that the target has, and all others verbatim; or an ``Unreadable`` that names the path.

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
"""Bytes of a reply that is short enough for what it holds to be remembered."""


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
    """One object for all that is equal: the jobs of one account differ in little of what we do not know."""
    return unknown


# What a third-party client has decoded


def _encoded(body: Mapping[str, Any]) -> bytes:
    """The JSON of an object, so that there is one reader. A field that cannot be written costs itself alone."""
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
    # Not msgspec: there may be lone surrogates, which are escaped here, and replaced when this is read.
    return json.dumps(value, default=_encoded_again)


def _encoded_again(value: object) -> Any:
    """What a third-party client has built, such as a circuit, in the service's own form."""
    if isinstance(value, datetime):
        return value.isoformat()
    if type(value).__name__ == "QuantumProgram":
        return _program_again(value)
    try:
        dump = getattr(value, "model_dump", None)
        if callable(dump):
            # The options of the official client.
            return dump(mode="json")
        return json.loads(typed_json.encode(value))
    except Exception:  # noqa: BLE001 - it must not hide the rest of the reply, of whatever type it is
        return repr(value)


def _program_again(program: Any) -> dict[str, Any]:
    """The part of a quantum program that is read again: its circuits, and the arguments of those that have any."""
    items = [
        {"circuit": item.circuit, "circuit_arguments": getattr(item, "circuit_arguments", None)}
        for item in program.items
    ]
    return {"shots": program.shots, "meas_level": program.meas_level, "items": items}
