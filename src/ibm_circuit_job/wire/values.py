"""Lenient readers of single values: texts, numbers, flags, codes and lists of texts.

Each reader takes a value and a type, which it ignores. It raises ``TypeError`` or ``ValueError`` if it cannot read the
value. The message has what was expected and what was there; the caller adds the path.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any


def shown(value: object) -> str:
    """Return the repr of a value for an error message, cut to 43 characters.

    Example:
        >>> shown("x" * 100)
        "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..."
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        # repr() refuses integers of more than 4300 digits, and values that are nested too deep.
        text = f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= 40 else text[:40] + "..."


def whole_text(text: str) -> str:
    r"""Return a text with U+FFFD in place of each lone surrogate, which UTF-8 cannot encode.

    Example:
        >>> whole_text("a\ud800") == "a\ufffd"
        True
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def text_of(value: Any, _: type) -> str:
    """Read a string, or a datetime that a third-party client made from one."""
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, datetime):
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
    """Read the code of a reason: an integer, which may be written as a text or a float, or any other text."""
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


def object_of(value: Any, _: type = object) -> Mapping[str, Any]:
    """Read an object, without its fields."""
    if isinstance(value, Mapping):
        return value
    raise TypeError(f"expected an object, got {shown(value)}")
