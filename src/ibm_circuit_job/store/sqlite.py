"""SQLite for a store: a file in WAL mode (write-ahead log), in which readers and a writer do not block each other."""

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
"""The longest single wait of SQLite for a lock, in seconds. Between two of them, a fork can end the transaction."""
SWITCH_SECONDS: Final = 30.0
"""The seconds for which the switch to WAL mode is tried."""


def listen(engine: sql.Engine) -> None:
    """Set up each new connection of an engine, and begin each transaction by its execution options.

    The options are: ``patience``, the seconds to wait for a lock; ``in_transaction``, false to begin no transaction;
    ``writes``, whether the transaction writes. A transaction that writes also has ``is_synced``, ``is_wal`` and
    ``on_wait``, a function that is called during the wait for the lock, and may raise to end the wait.
    """
    sql.event.listen(engine, "connect", _configure)
    sql.event.listen(engine, "begin", _begin)


def stop_of(connection: sql.Connection) -> Callable[[], None]:
    """Return a function that interrupts the running statement of a connection from another thread."""
    driver: Any = connection.connection.dbapi_connection
    return partial(_interrupt, driver)


def _interrupt(driver: Any) -> None:
    # The connection may be closed already, if its transaction failed.
    with suppress(sqlite3.ProgrammingError):
        driver.interrupt()


def _configure(connection: Any, _: object) -> None:
    """Set up a new connection. The file is not read here, since a read may have to wait for other programs."""
    # The driver does not begin transactions; _begin() does.
    connection.isolation_level = None
    # A text that is no UTF-8 does not fail the whole query. The check of its digest finds it.
    connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    connection.execute("PRAGMA foreign_keys = ON")


def use_wal(connection: sql.Connection) -> bool:
    """Switch the file to WAL mode, and return whether the file system supports it."""
    deadline = time.monotonic() + SWITCH_SECONDS
    while connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
        try:
            return bool(connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar() == "wal")
        except OperationalError as error:
            # SQLite does not wait for another process that switches at the same time, so this retries.
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
        # Without WAL mode, a commit waits for readers.
        _set_patience(connection, patience)


def _begin_to_write(connection: sql.Connection, patience: float, on_wait: Callable[[], None]) -> None:
    """Begin a transaction with the write lock. A lock taken later could fail, if another program has written since."""
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
    """Set the seconds for which SQLite waits for a lock."""
    # Rounded, since each new value takes a statement.
    rounded = seconds if seconds < 1 else float(int(seconds))
    _set_pragma(connection, "busy_timeout", f"{rounded * 1000:.0f}")


def _set_pragma(connection: sql.Connection, name: str, value: str) -> None:
    """Set a pragma of a connection, unless it has this value already."""
    if connection.info.get(name) != value:
        connection.exec_driver_sql(f"PRAGMA {name} = {value}")
        connection.info[name] = value
