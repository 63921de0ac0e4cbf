"""Compares values with the table of facts; each comparison is counted."""

import re
from datetime import datetime

import facts

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Wrong(Exception):  # noqa: N818 - named for what it says
    """A value is none that the description allows."""


class Checker:
    """Counts what it compares.

    Args:
        version: The API version whose forms count.
    """

    def __init__(self, version):
        self.version = version
        self.count = 0

    def has(self, value):
        """Whether the version has a field."""
        return (value.since is None or value.since <= self.version) and (
            value.until is None or self.version < value.until
        )

    def fields(self, path, found, table):
        """Compare an object with the fields that it may have."""
        self.count += 1
        if not isinstance(found, dict):
            raise Wrong(f"{path}: expected an object, got {found!r}")
        allowed = {name: value for name, value in table.items() if self.has(value)}
        unknown = found.keys() - allowed.keys()
        if unknown:
            raise Wrong(f"{path}: {', '.join(sorted(unknown))} is not in the description of {self.version}")
        for name, value in allowed.items():
            if name in found:
                self.value(f"{path}.{name}", found[name], value)
            elif value.required:
                raise Wrong(f"{path}.{name}: is required")

    def value(self, path, found, value):
        """Compare one value."""
        self.count += 1
        if found is None and value.nullable:
            return
        if value.many:
            if not isinstance(found, list):
                raise Wrong(f"{path}: expected a list, got {found!r}")
            if value.most_items is not None and len(found) > value.most_items:
                raise Wrong(f"{path}: expected at most {value.most_items} items, got {len(found)}")
        for item in found if value.many else [found]:
            self.one(path, item, value)

    def one(self, path, found, value):
        """Compare one item."""
        if value.kind in facts.SHAPES:
            self.fields(path, found, facts.SHAPES[value.kind])
            return
        if not _KINDS[value.kind](found):
            raise Wrong(f"{path}: expected {value.kind}, got {found!r}")
        if value.among and found not in value.among:
            raise Wrong(f"{path}: expected one of {value.among}, got {found!r}")
        if value.longest is not None and len(found) > value.longest:
            raise Wrong(f"{path}: expected at most {value.longest} characters, got {len(found)}")
        if (value.least is not None and found < value.least) or (value.most is not None and found > value.most):
            raise Wrong(f"{path}: expected {value.least} to {value.most}, got {found!r}")

    def body(self, given, table):
        """Compare the body of a request, or see that there is none."""
        if table is not None:
            self.fields("body", given, table)
        elif given is not None:
            raise Wrong("body: the operation has none")

    def query(self, given, table):
        """Compare the parameters of a URL, each a list of texts."""
        self.count += 1
        for name, texts in given.items():
            if name not in table:
                raise Wrong(f"query.{name}: is not in the description")
            value = table[name]
            read = [_READ.get(value.kind, str)(text) for text in texts]
            if not value.many and len(read) != 1:
                raise Wrong(f"query.{name}: expected one value, got {texts}")
            self.value(f"query.{name}", read if value.many else read[0], value)


def _is_time(found):
    try:
        return isinstance(found, str) and datetime.fromisoformat(found).tzinfo is not None
    except ValueError:
        return False


def _flag(text):
    return {"true": True, "false": False}.get(text, text)


def _integer(text):
    return int(text) if re.fullmatch(r"-?\d+", text) else text


_READ = {"flag": _flag, "integer": _integer}
_KINDS = {
    "text": lambda found: isinstance(found, str),
    "number": lambda found: isinstance(found, (int, float)) and not isinstance(found, bool),
    "integer": lambda found: isinstance(found, int) and not isinstance(found, bool),
    "flag": lambda found: isinstance(found, bool),
    "time": _is_time,
    "date": lambda found: isinstance(found, str) and _DATE.fullmatch(found) is not None,
    "object": lambda found: isinstance(found, dict),
    "any": lambda _: True,
}
