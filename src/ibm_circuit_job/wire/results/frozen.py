"""Immutable JSON values, for records that several threads share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn


class FrozenDict(dict[str, Any]):
    """A dictionary that cannot be changed.

    Example:
        >>> FrozenDict(a=1)["b"] = 2
        Traceback (most recent call last):
        ...
        TypeError: a result cannot be changed; make a dictionary of it with dict(...) first
    """

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a result cannot be changed; make a dictionary of it with dict(...) first")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)


def frozen_json(value: Any) -> Any:
    """Return an immutable form of a value: lists become tuples, dictionaries frozen, and arrays read-only."""
    if isinstance(value, Mapping):
        return FrozenDict({str(name): frozen_json(part) for name, part in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(map(frozen_json, value))
    if isinstance(value, (set, frozenset)):
        return frozenset(value)
    if hasattr(value, "setflags"):
        value.setflags(write=False)
    return value


def thawed_json(value: Any) -> Any:
    """Return a mutable form of a value: tuples become lists, and frozen dictionaries plain ones.

    Example:
        >>> thawed_json(frozen_json({"a": [1, {"b": 2}]}))
        {'a': [1, {'b': 2}]}
    """
    if isinstance(value, Mapping):
        return {name: thawed_json(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [*map(thawed_json, value)]
    return value


def same(one: Any, other: Any) -> bool:
    """Return whether two frozen values are equal. Arrays are compared item by item."""
    if hasattr(one, "dtype") and hasattr(other, "dtype"):
        return bool(one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes())
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(part, other[name]) for name, part in one.items())
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(type(one) is type(other) and one == other)
