"""Stores in SQLite that take nothing any more, for as long as a block lasts."""

import contextlib

import sqlalchemy as sql


def full(store):
    """The disk is full: so SQLite says, once a database has as many pages as it may."""

    def fill(connection, _):
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    return _with_each_connection(store, fill)


def read_only(store):
    """The file cannot be written to any more."""

    def refuse(connection, _):
        connection.execute("PRAGMA query_only = ON")

    return _with_each_connection(store, refuse)


@contextlib.contextmanager
def _with_each_connection(store, harm):
    engine = store._database._engine
    store.close()
    sql.event.listen(engine, "connect", harm)
    try:
        yield
    finally:
        sql.event.remove(engine, "connect", harm)
        store.close()
