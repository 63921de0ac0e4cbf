"""Statements about many rows at once, in the words of each database.

Rows for PostgreSQL, and texts that a column is compared with, are one parameter, a text of JSON: so a statement is the
same for any number of them, and is sent, parsed and planned once. SQLite takes rows one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
import sqlalchemy as sql
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles

_AT_ONCE: Final = 500
"""How many rows go into one statement, so that none takes much memory."""
_T = TypeVar("_T")
Rows: TypeAlias = Sequence[Mapping[str, Any]]
"""Rows of a table: column -> value. All of them have the same columns, and no bytes."""


def insert(connection: sql.Connection, table: sql.Table, rows: Rows) -> None:
    """Insert rows in one statement."""
    if not rows:
        return
    if _takes_json(connection):
        connection.execute(_insertion(table, tuple(rows[0])), _given(rows))
    else:
        connection.execute(sql.insert(table), rows)


def insert_new(connection: sql.Connection, table: sql.Table, rows: Rows) -> set[str]:
    """Insert rows that were not there, in one statement, and return the keys of those that no other has inserted since.

    Args:
        connection: The transaction. In SQLite no other writes meanwhile.
        table: A table with a primary key of one column.
        rows: The rows, in the order of their keys: so no two transactions that insert the same wait for each other.
    """
    if not rows:
        return set()
    [key] = table.primary_key.columns
    if not _takes_json(connection):
        insert(connection, table, rows)
        return {row[key.name] for row in rows}
    statement = _insertion(table, tuple(rows[0])).on_conflict_do_nothing().returning(key)
    return set(connection.execute(statement, _given(rows)).scalars())


def update(connection: sql.Connection, table: sql.Table, rows: Rows) -> None:
    """Update rows in one statement.

    Args:
        connection: The transaction.
        table: A table with a primary key of one column.
        rows: For each row its key and the new values, for all rows of the same columns.
    """
    if not rows:
        return
    [key] = table.primary_key.columns
    names = tuple(rows[0])
    if _takes_json(connection):
        connection.execute(_change_by_json(table, names), _given(rows))
    else:
        # A parameter that has the name of a column is a value of it.
        connection.execute(_change(table, names), [{**row, _KEY: row[key.name]} for row in rows])


def portions(things: Iterable[_T]) -> Iterator[list[_T]]:
    """Yield things in portions of which each can go into one statement."""
    listed = list(things)
    return (listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE))


def is_among(column: sql.ColumnElement[Any], name: str) -> sql.ColumnElement[bool]:
    """Return the condition that a column has one of the texts of a parameter, which :func:`texts` makes of them.

    Args:
        column: The column.
        name: The name of the parameter.
    """
    return column.in_(sql.select(sql.column("value", sql.String)).select_from(_Elements(sql.bindparam(name))))


def texts(listed: Iterable[str]) -> str:
    """Return texts as a parameter of :func:`is_among`.

    Example:
        >>> texts(["cq1x", "cq2y"])
        '["cq1x","cq2y"]'
    """
    return msgspec.json.encode(list(listed)).decode()


class _Elements(sql.sql.functions.GenericFunction[str]):
    """The elements of a list of JSON, in a column ``value``."""

    inherit_cache = True
    name = "json_each"


@compiles(_Elements, "postgresql")
def _(elements: Any, compiler: Any, **options: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(elements.clauses, **options)} AS json))"


_KEY: Final = "key_of_row"


def _takes_json(connection: sql.Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _given(rows: Rows) -> dict[str, str]:
    return {"given_rows": msgspec.json.encode(rows).decode()}


# Made once for a set of columns: to make a statement takes longer than to execute it.


@cache
def _rows_given(table: sql.Table, names: tuple[str, ...]) -> Any:
    """The rows of the parameter that :func:`_given` makes."""
    columns = (sql.column(name, table.c[name].type) for name in names)
    given = sql.func.json_to_recordset(sql.cast(sql.bindparam("given_rows", type_=sql.Text), postgresql.JSON))
    return given.table_valued(*columns, name="given").render_derived(with_types=True)


@cache
def _insertion(table: sql.Table, names: tuple[str, ...]) -> Any:
    given = _rows_given(table, names)
    return postgresql.insert(table).from_select(names, sql.select(*(given.c[name] for name in names)))


@cache
def _change_by_json(table: sql.Table, names: tuple[str, ...]) -> Any:
    given, [key] = _rows_given(table, names), table.primary_key.columns
    values = {name: given.c[name] for name in names if name != key.name}
    return sql.update(table).where(key == given.c[key.name]).values(values)


@cache
def _change(table: sql.Table, names: tuple[str, ...]) -> Any:
    [key] = table.primary_key.columns
    values: dict[str, Any] = {name: sql.bindparam(name) for name in names if name != key.name}
    return sql.update(table).where(key == sql.bindparam(_KEY)).values(values)
