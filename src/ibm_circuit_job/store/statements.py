"""Statements for many rows at once, in the dialect of each database.

All rows for PostgreSQL are one parameter, which is JSON. So are all texts to compare a column with. Thus one statement
serves any number of rows, and is sent, parsed and planned once. SQLite takes rows one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Final, TypeAlias, TypeVar

import msgspec
import sqlalchemy as sql
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

_AT_ONCE: Final = 500
"""The most rows in one statement, which bounds its memory."""
_T = TypeVar("_T")
Rows: TypeAlias = Sequence[Mapping[str, Any]]
"""Rows of a table: column -> value. All rows have the same columns, and no value is of type ``bytes``."""


def insert(connection: sql.Connection, table: sql.Table, rows: Rows) -> None:
    """Insert rows in one statement."""
    if not rows:
        return
    if _takes_json(connection):
        connection.execute(_insertion(table, tuple(rows[0])), _given(rows))
    else:
        connection.execute(sql.insert(table), rows)


def insert_new(connection: sql.Connection, table: sql.Table, rows: Rows) -> set[str]:
    """Insert rows in one statement, and return the keys of the inserted rows.

    In PostgreSQL, rows that another transaction has inserted before are skipped.

    Args:
        connection: The transaction. In SQLite, no other transaction writes at the same time.
        table: A table with a primary key of one column.
        rows: The rows, sorted by their keys, so that two transactions that insert the same rows cannot deadlock.
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
        rows: The key and the new values of each row; all rows have the same columns.
    """
    if not rows:
        return
    [key] = table.primary_key.columns
    names = tuple(rows[0])
    if _takes_json(connection):
        connection.execute(_change_by_json(table, names), _given(rows))
    else:
        # The parameter of the key is not named after its column: SQLAlchemy would take it as a new value of the column.
        connection.execute(_change(table, names), [{**row, _KEY: row[key.name]} for row in rows])


def portions(things: Iterable[_T]) -> Iterator[list[_T]]:
    """Yield things in portions, each small enough for one statement."""
    listed = list(things)
    return (listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE))


def is_among(column: sql.ColumnElement[Any], name: str) -> sql.ColumnElement[bool]:
    """Return the condition that the value of a column is one of the texts in a parameter.

    Args:
        column: The column.
        name: The name of the parameter. Its value comes from :func:`texts`.
    """
    return column.in_(sql.select(sql.column("value", sql.String)).select_from(_Elements(sql.bindparam(name))))


def texts(listed: Iterable[str]) -> str:
    """Return the value of a parameter of :func:`is_among`.

    Example:
        >>> texts(["cq1x", "cq2y"])
        '["cq1x","cq2y"]'
    """
    return msgspec.json.encode(list(listed)).decode()


def pairs(name: str) -> sql.TableValuedAlias:
    """Return a table of the members of a JSON object in a parameter, with the columns ``key`` and ``value``."""
    return _Pairs(sql.bindparam(name)).table_valued(sql.column("key", sql.String), sql.column("value", sql.String))


def json_list(column: sql.ColumnElement[Any]) -> sql.ColumnElement[str]:
    """Return an aggregate: a JSON list, as text, of the values that a column has in a group of rows."""
    return _List(column)


class ByDialect(FunctionElement[_T]):
    """An SQL function that each database spells differently."""

    inherit_cache = True
    spelt: ClassVar[Mapping[str, str]]
    """Name of the dialect -> SQL, with ``{}`` in place of the argument."""


@compiles(ByDialect)
def _(function: Any, compiler: Any, **options: Any) -> str:
    spelt: str = function.spelt[compiler.dialect.name]
    return spelt.format(compiler.process(function.clauses, **options))


# SQLAlchemy looks for inherit_cache in each class itself.


class _Elements(ByDialect[str]):
    """A table of the elements of a JSON list, with one column ``value``."""

    inherit_cache = True
    spelt: ClassVar = {"sqlite": "json_each({})", "postgresql": "json_array_elements_text(CAST({} AS json))"}


class _Pairs(ByDialect[str]):
    """A table of the members of a JSON object, with the columns ``key`` and ``value``."""

    inherit_cache = True
    spelt: ClassVar = {"sqlite": "json_each({})", "postgresql": "json_each_text(CAST({} AS json))"}


class _List(ByDialect[str]):
    """A JSON list, as text, of the values in a group of rows."""

    inherit_cache = True
    type = sql.Text()
    spelt: ClassVar = {"sqlite": "json_group_array({})", "postgresql": "CAST(json_agg({}) AS text)"}


_KEY: Final = "key_of_row"


def _takes_json(connection: sql.Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _given(rows: Rows) -> dict[str, str]:
    return {"given_rows": msgspec.json.encode(rows).decode()}


# Built once for each set of columns, since SQLAlchemy takes longer to build a statement than to execute it.


@cache
def _rows_given(table: sql.Table, names: tuple[str, ...]) -> Any:
    """A table of the rows in the parameter from :func:`_given`."""
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
