"""PostgreSQL, as a store uses it: limits of time on the server, and a socket that can be shut from another thread."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import sqlalchemy as sql

_CONNECT_SECONDS: Final = 10.0
"""How long a server may take to accept a connection, at most."""
CHANNEL: Final = "ibm_circuit_job"
"""The channel of the notices that something was saved of a job which others follow."""
_GATHER_SECONDS: Final = 0.01
"""How long more notices are waited for after the first: many jobs may be saved one after another."""
_SET: Final = (
    "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true), "
    "set_config('synchronous_commit', %s, true)"
)


def connect_arguments(url: sql.URL, timeout: float) -> dict[str, Any]:
    """Return the settings of libpq for a store; what its URL says is preferred.

    Args:
        url: The URL of the store.
        timeout: Seconds that a transaction may take.
    """
    settings = {
        # libpq knows whole seconds, of which it takes at least two.
        "connect_timeout": max(2, round(min(timeout, _CONNECT_SECONDS))),
        # Else libpq bears a server that went away without a word for hours.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "tcp_user_timeout": 30_000,
        # Whatever the server keeps texts in; with SQL_ASCII the driver would return bytes.
        "client_encoding": "utf8",
    }
    return {name: value for name, value in settings.items() if name not in url.query}


def listen(engine: sql.Engine) -> None:
    """Have each connection of an engine with a second handle on its socket, for :func:`stop_of`."""
    sql.event.listen(engine, "connect", _share_socket)
    sql.event.listen(engine, "close", _close_shared)


def stop_of(connection: sql.Connection) -> Callable[[], None]:
    """Return what ends the wait of a connection for its server, from another thread. It ends the connection."""
    return partial(_shut, connection.info["socket"])


def limit(connection: sql.Connection, *, lock_seconds: float, seconds: float, is_synced: bool) -> None:
    """Limit the transaction that has begun.

    Args:
        connection: The transaction.
        lock_seconds: How long a statement may wait for a lock.
        seconds: How long a statement may take.
        is_synced: Whether the commit is on the disk before it returns.
    """
    limits = (str(max(1, round(each * 1000))) for each in (lock_seconds, seconds))
    connection.exec_driver_sql(_SET, (*limits, "on" if is_synced else "off"))


def _share_socket(connection: Any, record: Any) -> None:
    # A handle of its own: libpq closes that of the connection by itself, and another file may get its number.
    record.info["socket"] = socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)


def _close_shared(_: object, record: Any) -> None:
    shared = record.info.pop("socket", None)
    if shared is not None:
        shared.close()


def _shut(shared: socket.socket) -> None:
    with suppress(OSError):
        shared.shutdown(socket.SHUT_RDWR)


class Listener:
    """A connection of its own on which notices arrive. One thread uses it.

    Args:
        dialect: The dialect of the store's engine.
        url: The URL of the store.
        timeout: Seconds that a transaction of the store may take.
    """

    def __init__(self, dialect: sql.Dialect, url: sql.URL, timeout: float) -> None:
        positional, named = dialect.create_connect_args(url)
        self._connection: Any = dialect.connect(*positional, **{**connect_arguments(url, timeout), **named})
        try:
            self._connection.autocommit = True
            self._connection.execute(f"LISTEN {CHANNEL}")
        except BaseException:
            self.close()
            raise

    def wait(self, seconds: float) -> bool:
        """Wait for notices (True), or for so many seconds (False).

        Raises:
            Exception: If the connection was cut: an error of the driver.
        """
        # As the driver documents it: a generator of notices, which ends after a time.
        if not [*self._connection.notifies(timeout=seconds, stop_after=1)]:
            return False
        for _ in self._connection.notifies(timeout=_GATHER_SECONDS):
            pass
        return True

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
