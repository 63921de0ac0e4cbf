"""The values of a fact's fields: each in one spelling, checked as it goes in.

A converter returns the one spelling of a value; a validator checks its type. They raise ``TypeError`` or
``ValueError``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain
from types import NoneType
from typing import Any, Final, TypeAlias

from attrs.validators import instance_of

JsonText: TypeAlias = str
"""The text of one JSON value, verbatim."""

is_text_or_none: Final = instance_of((str, NoneType))
is_flag_or_none: Final = instance_of((bool, NoneType))
is_integer_or_none: Final = instance_of((int, NoneType))


def utc(moment: datetime) -> datetime:
    """Return an aware time in UTC, and without a fold."""
    if moment.tzinfo is UTC and not moment.fold:
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with a time zone, got {moment!r}")
    return moment.astimezone(UTC).replace(fold=0)


def utc_or_none(moment: datetime | None) -> datetime | None:
    """Return an aware time in UTC; ``None`` for ``None``."""
    return None if moment is None else utc(moment)


def finite_or_none(number: float | None) -> float | None:
    """Return a number as a float that is finite and not -0.0; ``None`` for ``None``."""
    if number is None:
        return None
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, got {number!r}")
    return float(number) + 0.0


_ONLY_STR = frozenset({str})


def texts_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return texts without lone surrogates."""
    return tuple(map(check_whole, names_of(texts)))


def names_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of fields: any texts."""
    listed = tuple(names)
    if isinstance(names, str) or not {*map(type, listed)} <= _ONLY_STR:
        raise TypeError(f"expected a list of strings, got {names!r}")
    return listed


def texts_or_none(texts: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return texts without lone surrogates; ``None`` for ``None``."""
    return None if texts is None else texts_of(texts)


def check_whole(text: str) -> str:
    """Return a text that a user gave, unless it holds a lone surrogate, which cannot be written.

    What a server sent is mended instead, by ``wire.values.whole_text``.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"expected a text without lone surrogates, got {text!r}") from None
    return text


def exact_bytes(raw: bytes) -> bytes:
    """Return bytes, and nothing that is like them."""
    if type(raw) is not bytes:
        raise TypeError(f"expected bytes, got a {type(raw).__name__}")
    return raw


class UnknownFields(tuple[tuple[str, JsonText], ...]):
    """Unknown fields: pairs of a name and its JSON text, checked, and sorted by name.

    A tuple that says so of itself; only :func:`unknown_fields` and readers make one.
    """

    __slots__ = ()


def unknown_fields(pairs: Iterable[tuple[str, JsonText]]) -> UnknownFields:
    """Return the pairs, checked and sorted; the very same object where they are that already.

    Example:
        >>> unknown_fields([("b", "2"), ("a", "1")])
        (('a', '1'), ('b', '2'))
    """
    if type(pairs) is UnknownFields:
        return pairs
    found: Any = tuple(map(tuple, pairs))
    if not {*map(type, chain.from_iterable(found))} <= _ONLY_STR or any(len(pair) != 2 for pair in found):
        raise TypeError(f"expected pairs of a name and its JSON text, got {found!r}")
    # Sorted, so that two replies that say the same are equal.
    return UnknownFields(sorted(found))


def steps_of(steps: Iterable[tuple[str, datetime]]) -> tuple[tuple[str, datetime], ...]:
    """Return the times of steps, the earliest first; one time for each step, whatever its spelling."""
    found = {step: utc(moment) for step, moment in steps}
    names_of(found)
    # In one order, so that two replies that say the same are equal.
    ordered = sorted(found.items(), key=_by_time) if len(found) > 1 else list(found.items())
    if len({step.lower() for step, _ in ordered}) < len(ordered):
        # One step in two spellings: a record has one time for each step, the later.
        last = {step.lower(): (step, moment) for step, moment in ordered}
        ordered = sorted(last.values(), key=_by_time)
    return tuple(ordered)


def _by_time(timestamp: tuple[str, datetime]) -> tuple[datetime, bool, str]:
    step, moment = timestamp
    # A job may be created and run within one second, and finishes last.
    return moment, step.lower() in _LAST_STEPS, step


_LAST_STEPS: Final = frozenset({"finished", "completed"})
