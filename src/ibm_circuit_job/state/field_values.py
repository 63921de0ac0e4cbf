"""Converters and validators of the fields of facts.

A converter returns the canonical form of a value, so that equal values compare equal. A validator checks the type of a
value. Both raise ``TypeError`` or ``ValueError``.
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
    """Return an aware time in UTC, with ``fold`` 0."""
    if moment.tzinfo is UTC and not moment.fold:
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with a time zone, got {moment!r}")
    return moment.astimezone(UTC).replace(fold=0)


def utc_or_none(moment: datetime | None) -> datetime | None:
    """Return an aware time in UTC; ``None`` for ``None``."""
    return None if moment is None else utc(moment)


def finite_or_none(number: float | None) -> float | None:
    """Return a finite number as a float, and -0.0 as 0.0; ``None`` for ``None``."""
    if number is None:
        return None
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, got {number!r}")
    return float(number) + 0.0


_ONLY_STR = frozenset({str})


def texts_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return texts as a tuple, after a check that none of them contains a lone surrogate."""
    return tuple(map(check_whole, names_of(texts)))


def names_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of fields as a tuple, after a check that they are strings."""
    listed = tuple(names)
    if isinstance(names, str) or not {*map(type, listed)} <= _ONLY_STR:
        raise TypeError(f"expected a list of strings, got {names!r}")
    return listed


def texts_or_none(texts: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return texts as :func:`texts_of` does; ``None`` for ``None``."""
    return None if texts is None else texts_of(texts)


def check_whole(text: str) -> str:
    """Return a user's text unchanged, after a check that it contains no lone surrogate, which UTF-8 cannot encode.

    For a server's text, ``wire.values.whole_text`` replaces lone surrogates instead.

    Raises:
        ValueError: If the text contains a lone surrogate.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"expected a text without lone surrogates, got {text!r}") from None
    return text


def exact_bytes(raw: bytes) -> bytes:
    """Return bytes unchanged.

    Raises:
        TypeError: If *raw* is anything else, such as a ``bytearray``, which could change later.
    """
    if type(raw) is not bytes:
        raise TypeError(f"expected bytes, got a {type(raw).__name__}")
    return raw


class UnknownFields(tuple[tuple[str, JsonText], ...]):
    """Unknown fields: pairs of a name and its JSON text, checked, and sorted by name.

    The type marks a tuple as checked and sorted. Only :func:`unknown_fields` and the readers of ``wire`` make one.
    """

    __slots__ = ()


def unknown_fields(pairs: Iterable[tuple[str, JsonText]]) -> UnknownFields:
    """Return the pairs, checked and sorted; the same object if it is an ``UnknownFields`` already.

    Example:
        >>> unknown_fields([("b", "2"), ("a", "1")])
        (('a', '1'), ('b', '2'))
    """
    if type(pairs) is UnknownFields:
        return pairs
    found: Any = tuple(map(tuple, pairs))
    if not {*map(type, chain.from_iterable(found))} <= _ONLY_STR or any(len(pair) != 2 for pair in found):
        raise TypeError(f"expected pairs of a name and its JSON text, got {found!r}")
    # Sorted, so that two replies with the same fields are equal.
    return UnknownFields(sorted(found))


def steps_of(steps: Iterable[tuple[str, datetime]]) -> tuple[tuple[str, datetime], ...]:
    """Return the times of steps, the earliest first, with one time for each step.

    Upper and lower case do not count. Of two times of one step, the later one is returned.
    """
    found = {step: utc(moment) for step, moment in steps}
    names_of(found)
    # In one order, so that two replies with the same steps are equal.
    ordered = sorted(found.items(), key=_by_time) if len(found) > 1 else list(found.items())
    if len({step.lower() for step, _ in ordered}) < len(ordered):
        last = {step.lower(): (step, moment) for step, moment in ordered}
        ordered = sorted(last.values(), key=_by_time)
    return tuple(ordered)


def _by_time(timestamp: tuple[str, datetime]) -> tuple[datetime, bool, str]:
    step, moment = timestamp
    # Several steps may have the same time to the second; the last step comes last then.
    return moment, step.lower() in LAST_STEPS, step


LAST_STEPS: Final = frozenset({"finished", "completed"})
"""The names of the last step of a job, one for each channel."""
