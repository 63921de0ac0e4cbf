"""What databases differ in, or have limits for: rows that may be there, and questions about many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

_AT_ONCE: Final = 500
"""How many IDs go into one question; databases have limits."""


def insert_new(connection: sql.Connection, table: sql.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, but for those that are there."""
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(table).on_conflict_do_nothing(), rows)


def portions(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield texts in portions of which each can go into one question."""
    listed = list(texts)
    return (listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE))
