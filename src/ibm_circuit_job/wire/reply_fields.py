"""What the service's replies hold, on the way from JSON to facts: the fields by name, read quickly or leniently.

The names here are those of the wire, and times are still texts; ``wire`` makes facts of them. Nearly every reply is
spelt and typed as the protocol says, and is read in one pass by a typed decoder. Where something is spelt or typed
otherwise the whole of it is read again, leniently; where that fails, a converter says where and what was wrong. Unknown
fields are kept as the JSON text that they came as.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache, partial
from operator import eq
from typing import Any, Final, Optional, TypeVar, get_type_hints

import msgspec
from attrs import define, fields_dict
from cattrs import Converter
from cattrs.v import transform_error
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import Unreadable
from ibm_circuit_job.state.facts import UnknownFields
from ibm_circuit_job.wire import documents, typed_json

_T = TypeVar("_T")

Document = bytes | Mapping[str, Any]
"""A reply: its bytes, or, from a client that decodes by itself, the object that it made of them."""

Unknown = tuple[tuple[str, str], ...]
"""Unknown fields: (name, JSON text verbatim)."""

NULL: Final = msgspec.Raw(b"null")


@define
class StateFields:
    """The ``state`` of a job reply."""

    status: str | None = None
    reason: str | None = None
    reason_code: int | str | None = None
    reason_solution: str | None = None


@define
class ProgramFields:
    """The ``program`` of a job reply."""

    id: str | None = None


@define
class UsageFields:
    """The ``usage`` of a job or metrics reply: that of today, and the forms before API version 2026-03-15."""

    quantum_seconds: float | None = None
    seconds: float | None = None
    qpu_charge_time_seconds: float | None = None
    status: str | None = None


@define
class BssFields:
    """The ``bss`` of a job or metrics reply: what the service accounted for before there was a ``usage``."""

    seconds: float | None = None


@define
class JobFields:
    """A job reply."""

    id: str
    state: StateFields | None = None
    status: str | None = None
    backend: str | None = None
    program: ProgramFields | None = None
    created: str | None = None
    name: str | None = None
    tags: tuple[str, ...] | None = None
    session_id: str | None = None
    run_mode: str | None = None
    estimated_running_time_seconds: float | None = None
    private: bool | None = None
    usage: UsageFields | None = None
    bss: BssFields | None = None
    params: msgspec.Raw = NULL


@define
class MetricsFields:
    """A metrics reply."""

    timestamps: dict[str, str | None] | None = None
    position_in_queue: int | None = None
    position_in_provider: int | None = None
    estimated_start_time: str | None = None
    estimated_completion_time: str | None = None
    usage: UsageFields | None = None
    bss: BssFields | None = None
    caller: str | None = None
    qiskit_version: str | None = None


@define
class PageFields:
    """A listing."""

    jobs: msgspec.Raw
    count: int | None = None
    offset: int | None = None


@define
class SubmissionFields:
    """The reply to a submission."""

    id: str
    backend: str | None = None


@define
class PushedStatusFields:
    """The ``data`` of a pushed status."""

    status: str


@define
class PushFields:
    """A message of the oldest push."""

    type: str
    data: PushedStatusFields | None = None


_RAW_FIELDS: Final = frozenset({"params", "jobs"})
"""Fields that stay bytes: they may be large, and each has a reader of its own."""

_KEPT_WHOLE: Final = frozenset({"usage", "bss"})
"""Fields of which a part is read, and which are therefore kept verbatim as well."""

_NESTED: Final[Mapping[str, type]] = {
    "state": StateFields,
    "program": ProgramFields,
    "usage": UsageFields,
    "bss": BssFields,
    "data": PushedStatusFields,
}
"""The fields that are objects, and what is in them."""

_LONGEST_NAME: Final = 64
"""A longer name is none that the protocol knows."""


# Reading one value leniently


def shown(value: object) -> str:
    """Return a value as it is shown in an error: not at any length."""
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "..."


def whole_text(text: str) -> str:
    """Return a text without lone surrogates, which nothing can be written with: each becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def text_of(value: Any, _: type) -> str:
    """Read a string."""
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, datetime):
        # A foreign client has read the time already.
        return value.isoformat()
    raise TypeError(f"expected a string, got {shown(value)}")


def number_of(value: Any, _: type) -> float:
    """Read a finite number, perhaps written as a string."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"expected a number, got {shown(value)}") from None
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, got {shown(value)}")
    return number


def integer_of(value: Any, target: type) -> int:
    """Read a whole number, perhaps written as a string or with a decimal point."""
    number = number_of(value, target)
    if number != int(number):
        raise ValueError(f"expected a whole number, got {shown(value)}")
    return int(number)


def flag_of(value: Any, _: type) -> bool:
    """Read true or false, perhaps written as a string."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise TypeError(f"expected true or false, got {shown(value)}")


def code_of(value: Any, _: object = None) -> int | str | None:
    """Read the number of a reason: an integer, however it is written, else the text."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) < 10 else whole_text(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise TypeError(f"expected an integer or a string, got {shown(value)}")


def texts_of(value: Any, _: type) -> tuple[str, ...]:
    """Read a list of strings."""
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"expected a list of strings, got {shown(value)}")
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise TypeError(f"expected a list of strings, got {shown(item)} at [{index}]")
    return tuple(map(whole_text, value))


def _raw_of(value: Any, _: type) -> msgspec.Raw:
    return value if isinstance(value, msgspec.Raw) else msgspec.Raw(_as_json(value).encode())


def _program_of(value: Any, _: type) -> ProgramFields:
    if isinstance(value, str):
        return ProgramFields(value)
    name = _known_fields(_object(value), ProgramFields).get("id")
    return ProgramFields(None if name is None else text_of(name, str))


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise TypeError(f"expected an object, got {shown(value)}")


def _unless_none(hook: Callable[[Any, type], Any], value: Any, target: type) -> Any:
    return None if value is None else hook(value, target)


_LENIENT_HOOKS: Final[Mapping[type, Callable[[Any, type], Any]]] = {
    str: text_of,
    float: number_of,
    int: integer_of,
    bool: flag_of,
    msgspec.Raw: _raw_of,
    ProgramFields: _program_of,
}


def _reply_converter(*, explaining: bool) -> Converter:
    """A converter from what the service says. The explaining one is slower, and names the path to an error."""
    converter = Converter(detailed_validation=explaining)
    for target, hook in _LENIENT_HOOKS.items():
        converter.register_structure_hook(target, hook)
        # Said here once more, since cattrs' own way to an optional value is slower.
        optional: Any = Optional[target]  # noqa: UP045 - a type made at run time
        converter.register_structure_hook_func(partial(eq, optional), partial(_unless_none, hook))
    converter.register_structure_hook_func(partial(eq, int | str | None), code_of)
    converter.register_structure_hook_func(partial(eq, tuple[str, ...]), texts_of)
    for nested in (StateFields, UsageFields, BssFields, PushedStatusFields):
        _fold_names(converter, nested)
    return converter


def _fold_names(converter: Converter, target: type) -> None:
    structure = converter.get_structure_hook(target)
    converter.register_structure_hook(
        target, lambda value, kind: structure(_known_fields(_object(value), target), kind)
    )


_replies = _reply_converter(explaining=False)
_replies_explaining = _reply_converter(explaining=True)


# Telling fields that are known from those that are not


@lru_cache(maxsize=1000)
def _folded_short(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _folded(name: str) -> str:
    """A name without case and underscores. Long ones are none of ours, nor are those with an underscore at an end."""
    if len(name) > _LONGEST_NAME or name.startswith("_") or name.endswith("_"):
        return name
    return _folded_short(name)


_WIRE_NAMES: Final[Mapping[Any, Mapping[str, str]]] = {
    target: {spelling: name for name in fields_dict(target) for spelling in (name, _folded(name))}
    for target in (JobFields, MetricsFields, PageFields, SubmissionFields, PushFields, *_NESTED.values())
}
"""For each kind of object: how its fields are spelt, by their spelling as it is and without case and underscores."""


def _sorted_out(found: Mapping[str, _T], target: type) -> tuple[dict[str, _T], list[tuple[str, _T]]]:
    """The fields that the target has, under its own spelling, and those to keep verbatim.

    Where a field is there in several spellings, the exact one is read, and the others are kept.
    """
    names = _WIRE_NAMES[target]
    known: dict[str, _T] = {}
    kept: list[tuple[str, _T]] = []
    for name, value in found.items():
        spelt = names.get(name) or names.get(_folded(name))
        if spelt is None or (spelt != name and spelt in found):
            kept.append((name, value))
            continue
        known[spelt] = value
        if spelt in _KEPT_WHOLE:
            kept.append((name, value))
    return known, kept


def _known_fields(found: Mapping[str, Any], target: type) -> dict[str, Any]:
    return _sorted_out({str(name): value for name, value in found.items()}, target)[0]


def _holds_unknown(value: object, name: str) -> bool:
    """Whether a field that is an object holds something that is not read, so that it is to be kept whole."""
    target = _NESTED.get(name)
    if target is None or not isinstance(value, Mapping):
        return False
    return bool(_sorted_out({str(inner): None for inner in value}, target)[1])


# Opening one object


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
        return _opened_object(body, target, what)
    if not isinstance(body, (bytes, bytearray, str)):
        return Bad(Unreadable(what, "", f"expected JSON, or an object, got a {type(body).__name__}"))
    quick = opened_quickly(body, target)
    return opened_leniently(body, target, what) if quick is None else Success(quick)


def opened_quickly(body: bytes, target: type[_T]) -> tuple[_T, Unknown] | None:
    """Read an object that is spelt and typed as the target has it; ``None`` where anything is otherwise."""
    decoder, used, nested = _quick[target]
    try:
        read = decoder.decode(body)
        found = documents.raw_fields(body)
        for name, target_within in nested:
            if name in found:
                within = bytes(found[name])
                is_exact = _is_exact_short if len(within) <= _LONGEST_NAME else _is_exact
                if not is_exact(target_within, within):
                    return None
        kept = found.keys() - used
        unknown = UnknownFields(sorted([(name, str(found[name], "utf-8")) for name in kept]))
    except (ValueError, RecursionError):
        return None
    short = len(body) < _SHORT
    any_misspelt = _any_misspelt_in_short if short else _any_misspelt
    if any_misspelt(target, frozenset(kept)):
        return None
    return read, _shared(unknown) if short else unknown


_SHORT: Final = 2000
"""Bytes of a reply that is short enough for what it holds to be remembered."""


def _any_misspelt(target: Any, names: frozenset[str]) -> bool:
    """Whether one of the names is another spelling of a field of the target."""
    return any(_folded(name) in _WIRE_NAMES[target] for name in names - _KEPT_WHOLE)


_any_misspelt_in_short: Final[Callable[[Any, frozenset[str]], bool]] = lru_cache(maxsize=1000)(_any_misspelt)
"""The same, remembered: replies hold the same names each time."""


@lru_cache(maxsize=1000)
def _shared(unknown: UnknownFields) -> UnknownFields:
    """One object for all that is equal: the jobs of one account differ in little of what we do not know."""
    return unknown


def _is_exact(target: Any, raw: bytes) -> bool:
    """Whether an object holds nothing but fields of the target, as it spells them; null will do."""
    return raw == b"null" or documents.raw_fields(raw).keys() <= _quick[target][1]


_is_exact_short: Final[Callable[[Any, bytes], bool]] = lru_cache(maxsize=1000)(_is_exact)
"""The same, remembered: most are the same each time."""


_quick: Final[Mapping[Any, tuple[Any, frozenset[str], tuple[tuple[str, type], ...]]]] = {
    target: (
        msgspec.json.Decoder(target),
        frozenset(fields_dict(target)) - _KEPT_WHOLE,
        tuple((name, _NESTED[name]) for name in fields_dict(target) if name in _NESTED),
    )
    for target in _WIRE_NAMES
}
"""For each kind of object: its decoder, the fields of which nothing is left over, and the objects within."""


def opened_leniently(body: bytes, target: type[_T], what: str) -> Result[tuple[_T, Unknown], Unreadable]:
    """Read an object in which something is spelt or typed otherwise, or say what is wrong with it."""
    found = documents.fields(body, what)
    if not isinstance(found, Success):
        return Bad(found.failure())
    raw, kept = _sorted_out(found.unwrap(), target)
    plain = documents.plain(raw, what, leave=_RAW_FIELDS)
    if not isinstance(plain, Success):
        return Bad(plain.failure())
    known = plain.unwrap()
    structured = _structured(known, target, what)
    if not isinstance(structured, Success):
        return Bad(structured.failure())
    read, damaged = structured.unwrap()
    kept += [(name, raw[name]) for name in known if _is_kept_too(name, known[name], damaged)]
    try:
        unknown = tuple((whole_text(name), str(field, "utf-8")) for name, field in kept)
    except UnicodeDecodeError as error:
        return Bad(Unreadable(what, "", f"expected UTF-8, got other bytes at offset {error.start} of a field"))
    return Success((read, unknown))


def _opened_object(body: Mapping[str, Any], target: type[_T], what: str) -> Result[tuple[_T, Unknown], Unreadable]:
    """Read what a foreign client has decoded already."""
    known, kept = _sorted_out({str(name): value for name, value in body.items()}, target)
    structured = _structured(known, target, what)
    if not isinstance(structured, Success):
        return Bad(structured.failure())
    read, damaged = structured.unwrap()
    kept += [(name, known[name]) for name in known if _is_kept_too(name, known[name], damaged)]
    try:
        unknown = tuple((whole_text(name), _as_json(value)) for name, value in kept)
    except (ValueError, TypeError, RecursionError) as error:
        return Bad(Unreadable(what, "", f"expected what goes to JSON: {error}"))
    return Success((read, unknown))


def _is_kept_too(name: str, value: object, damaged: frozenset[str]) -> bool:
    """Whether a field that is read is kept verbatim as well, since something in it is not, or cannot be, read."""
    return name not in _KEPT_WHOLE and (name in damaged or _holds_unknown(value, name))


def _as_json(value: object) -> str:
    # Not msgspec: what a foreign client decoded may hold lone surrogates, which only stay what they are escaped.
    return json.dumps(value, default=_encoded_again, allow_nan=False)


def _encoded_again(value: object) -> Any:
    """What a foreign client has built, such as a circuit, in the service's own form."""
    if type(value).__name__ == "QuantumProgram":
        return _program_again(value)
    try:
        dump = getattr(value, "model_dump", None)
        if callable(dump):
            # The options of the official client.
            return dump(mode="json")
        return json.loads(typed_json.encode(value))
    except Exception:  # noqa: BLE001 - whatever it is, it must not hide the rest of the reply
        return repr(value)


def _program_again(program: Any) -> dict[str, Any]:
    """The part of a quantum program that is read again: its circuits, and the arguments of those that have any."""
    items = [
        {"circuit": item.circuit, "circuit_arguments": getattr(item, "circuit_arguments", None)}
        for item in program.items
    ]
    return {"shots": program.shots, "meas_level": program.meas_level, "items": items}


def _structured(known: dict[str, Any], target: type[_T], what: str) -> Result[tuple[_T, frozenset[str]], Unreadable]:
    """The object, and the names of those of its fields of which something cannot be read and is left out."""
    with contextlib.suppress(Exception):  # then field by field
        return Success((_replies.structure(known, target), frozenset()))
    try:
        return Success(_salvaged(known, target))
    except Exception as first:  # noqa: BLE001 - cattrs raises errors of every kind
        error = first
    try:
        # Again, to have the path in it, and nothing else that is wrong.
        _replies_explaining.structure(_essential_part(known, target), target)
    except Exception as explaining:  # noqa: BLE001 - the same
        error = explaining
    return Bad(explained(error, what))


def _salvaged(known: Mapping[str, Any], target: type[_T]) -> tuple[_T, frozenset[str]]:
    """Read each field by itself. One that cannot be read costs itself alone, unless the reply is nothing without it."""
    essential = _essential(known, target)
    read: dict[str, Any] = {}
    damaged = set()
    for name, value in known.items():
        try:
            read[name] = _replies.structure(value, _HINTS[target][name])
        except Exception:
            damaged.add(name)
            nested = _NESTED.get(name)
            if nested is not None and isinstance(value, Mapping):
                read[name] = _salvaged(_known_fields(value, nested), nested)[0]
            elif name == "timestamps" and isinstance(value, Mapping):
                read[name] = {
                    whole_text(str(step)): whole_text(text) for step, text in value.items() if isinstance(text, str)
                }
            elif name in essential:
                raise
    return target(**read), frozenset(damaged)


def _essential(known: Mapping[str, Any], target: type) -> frozenset[str]:
    """The fields without which an object says nothing."""
    if target is JobFields and not _names_status(known.get("state")):
        return _ESSENTIAL[target] | {"status"}
    return _ESSENTIAL.get(target, frozenset())


def _names_status(state: object) -> bool:
    return isinstance(state, Mapping) and _known_fields(state, StateFields).get("status") is not None


def _essential_part(known: Mapping[str, Any], target: type) -> dict[str, Any]:
    part: dict[str, Any] = {}
    for name in _essential(known, target) & known.keys():
        value, nested = known[name], _NESTED.get(name)
        is_object = nested is not None and isinstance(value, Mapping)
        part[name] = _essential_part(_known_fields(value, nested), nested) if nested and is_object else value
    return part


_ESSENTIAL: Final[Mapping[type, frozenset[str]]] = {
    JobFields: frozenset({"id", "state"}),
    StateFields: frozenset({"status"}),
    PageFields: frozenset({"jobs"}),
    SubmissionFields: frozenset({"id"}),
    PushFields: frozenset({"type", "data"}),
    PushedStatusFields: frozenset({"status"}),
}
"""For each kind of object: the fields without which it says nothing."""

_HINTS: Final[Mapping[Any, Mapping[str, Any]]] = {target: get_type_hints(target) for target in _WIRE_NAMES}
"""For each kind of object: the types of its fields."""


def explained(error: Exception, what: str, root: str = "") -> Unreadable:
    """Return what cattrs found wrong as an ``Unreadable`` with the path to it.

    Args:
        error: What an explaining converter raised.
        what: What was read: ``"job reply"``.
        root: The path to what was structured.
    """
    first = transform_error(error, path=root, format_exception=_words)[0]
    message, _, path = first.rpartition(" @ ")
    return Unreadable(what, path.removeprefix("."), message)


def _words(error: BaseException, _: type | None) -> str:
    if isinstance(error, KeyError):
        return f"expected a field {shown(error.args[0])}, which is missing"
    if isinstance(error, RecursionError):
        return "expected a document of reasonable depth, got one that is nested too deep"
    return str(error)
