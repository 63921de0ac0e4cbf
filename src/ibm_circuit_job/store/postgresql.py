"""PostgreSQL for a store: time limits on the server, and a socket that another thread can shut down."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import sqlalchemy as sql

_CONNECT_SECONDS: Final = 10.0
"""The longest time in seconds for a server to accept a connection."""
CHANNEL: Final = "ibm_circuit_job"
"""The channel for notices that a job was saved for which other processes wait."""
_SET: Final = (
    "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true), "
    "set_config('synchronous_commit', %s, true)"
)


def connect_arguments(url: sql.URL, timeout: float) -> dict[str, Any]:
    """Return the settings of libpq for a store, without those that its URL sets.

    Args:
        url: The URL of the store.
        timeout: The timeout of a transaction in seconds.
    """
    settings = {
        # libpq takes whole seconds, at least two.
        "connect_timeout": max(2, round(min(timeout, _CONNECT_SECONDS))),
        # Without keepalives, libpq waits for hours for a server that has disappeared.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "tcp_user_timeout": 30_000,
        # Whatever the encoding of the server: with SQL_ASCII the driver would return bytes.
        "client_encoding": "utf8",
    }
    return {name: value for name, value in settings.items() if name not in url.query}


def listen(engine: sql.Engine) -> None:
    """Duplicate the socket of each connection of an engine, for :func:`stop_of`."""
    sql.event.listen(engine, "connect", _share_socket)
    sql.event.listen(engine, "close", _close_shared)


def stop_of(connection: sql.Connection) -> Callable[[], None]:
    """Return a function that shuts down a connection from another thread, and so ends its wait for the server."""
    return partial(_shut, connection.info["socket"])


def limit(connection: sql.Connection, *, lock_seconds: float, seconds: float, is_synced: bool) -> None:
    """Set the time limits of a transaction that has begun.

    Args:
        connection: The transaction.
        lock_seconds: The seconds for which a statement may wait for a lock.
        seconds: The seconds that a statement may take.
        is_synced: Whether the commit returns only when it is on the disk.
    """
    limits = (str(max(1, round(each * 1000))) for each in (lock_seconds, seconds))
    connection.exec_driver_sql(_SET, (*limits, "on" if is_synced else "off"))


def _share_socket(connection: Any, record: Any) -> None:
    # A duplicate: libpq closes its own descriptor at any time, and another file may then get the same number.
    record.info["socket"] = socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)


def _close_shared(_: object, record: Any) -> None:
    shared = record.info.pop("socket", None)
    if shared is not None:
        shared.close()


def _shut(shared: socket.socket) -> None:
    with suppress(OSError):
        shared.shutdown(socket.SHUT_RDWR)


class Listener:
    """A separate connection on which notices arrive. Only one thread may use it.

    Args:
        dialect: The dialect of the store's engine.
        url: The URL of the store.
        timeout: The timeout of a transaction in seconds.
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

    def wait(self, seconds: float) -> set[str]:
        """Wait for a notice, and return the texts of all notices that have arrived.

        Args:
            seconds: The longest wait.

        Returns:
            The texts; none after *seconds* without a notice.

        Raises:
            Exception: If the connection was lost: any error of the driver.
        """
        # notifies() is a generator that ends after the timeout.
        first = {notice.payload for notice in self._connection.notifies(timeout=seconds, stop_after=1)}
        return first and first.union(notice.payload for notice in self._connection.notifies(timeout=0.0))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
