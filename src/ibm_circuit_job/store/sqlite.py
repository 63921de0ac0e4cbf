"""SQLite, as a store uses it: one file in WAL mode, so that readers and a writer do not wait for one another."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import sqlalchemy as sql
from sqlalchemy.exc import OperationalError

from ibm_circuit_job.store.trouble import is_locked

_SLICE_SECONDS: Final = 0.1
"""How long SQLite waits for a lock by itself, where a fork may wait for that."""
SWITCH_SECONDS: Final = 30.0
"""How long the switch to WAL mode is tried."""


def listen(engine: sql.Engine) -> None:
    """Prepare each connection of an engine, and begin its transactions.

    These execution options say how: ``patience``, the seconds to wait for a lock; ``writes``, ``is_synced``,
    ``is_wal`` and ``on_wait``, for a transaction that writes, of which the last is called while it waits, and raises to
    end that; ``in_transaction``, false to begin none.
    """
    sql.event.listen(engine, "connect", _configure)
    sql.event.listen(engine, "begin", _begin)


def stop_of(connection: sql.Connection) -> Callable[[], None]:
    """Return what ends the statement of a connection, from another thread."""
    driver: Any = connection.connection.dbapi_connection
    return partial(_interrupt, driver)


def _interrupt(driver: Any) -> None:
    # It may have been closed meanwhile, where its transaction failed.
    with suppress(sqlite3.ProgrammingError):
        driver.interrupt()


def _configure(connection: Any, _: object) -> None:
    """Prepare a new connection. Nothing of the file is read here, for that may have to wait for others."""
    # So that transactions begin where the store says, and not where the driver does.
    connection.isolation_level = None
    # A damaged text is found where it is read, and does not hide the others.
    connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    connection.execute("PRAGMA foreign_keys = ON")


def use_wal(connection: sql.Connection) -> bool:
    """Have readers and a writer not wait for one another, from now on; return whether the file system can do that."""
    deadline = time.monotonic() + SWITCH_SECONDS
    while connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
        try:
            return bool(connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar() == "wal")
        except OperationalError as error:
            # For this alone SQLite does not wait by itself, where another process does the same at that moment.
            if not is_locked(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    return True


def _begin(connection: sql.Connection) -> None:
    """Begin a transaction."""
    options = connection.get_execution_options()
    patience = options.get("patience", SWITCH_SECONDS)
    if not options.get("writes"):
        _set_patience(connection, patience)
        if options.get("in_transaction", True):
            connection.exec_driver_sql("BEGIN")
        return
    synchronous = "FULL" if options["is_synced"] else "NORMAL"
    if connection.info.get("synchronous") != synchronous:
        _set_patience(connection, patience)
        _set_pragma(connection, "synchronous", synchronous)
    _begin_to_write(connection, patience, options["on_wait"])
    if not options["is_wal"]:
        # To commit, it has to wait for those that read.
        _set_patience(connection, patience)


def _begin_to_write(connection: sql.Connection, patience: float, on_wait: Callable[[], None]) -> None:
    """Begin with the lock of writers: a transaction that first reads may find that another has written meanwhile."""
    each = min(patience, _SLICE_SECONDS)
    deadline = time.monotonic() + patience - each
    _set_patience(connection, each)
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            if not is_locked(error) or time.monotonic() > deadline:
                raise
            on_wait()
        else:
            return


def _set_patience(connection: sql.Connection, seconds: float) -> None:
    """Have SQLite wait so long for the locks of others."""
    # In steps, since each that differs is a statement.
    rounded = seconds if seconds < 1 else float(int(seconds))
    _set_pragma(connection, "busy_timeout", f"{rounded * 1000:.0f}")


def _set_pragma(connection: sql.Connection, name: str, value: str) -> None:
    """Set something of a connection, unless it is so already."""
    if connection.info.get(name) != value:
        connection.exec_driver_sql(f"PRAGMA {name} = {value}")
        connection.info[name] = value
