"""A pool of connections that Ctrl-C cannot close to other threads.

SQLAlchemy's own waits for connections under a lock of Python's library, which Ctrl-C at the wrong moment leaves taken
for good. A file needs no limit, and so nobody has to wait.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import sqlalchemy as sql
from sqlalchemy.pool import ConnectionPoolEntry

_MOST_IDLE: Final = 10
"""How many connections stay open that nobody uses."""


class IdlePool(sql.NullPool):
    """Makes a connection where none is idle, and keeps it for the next who wants one."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # One step takes from it or adds to it, whatever other threads do.
        self._idle: deque[ConnectionPoolEntry] = deque()
        self._is_disposed = False

    def status(self) -> str:
        """Return what there is, for a person."""
        return f"{len(self._idle)} idle connections"

    def _do_get(self) -> ConnectionPoolEntry:
        try:
            return self._idle.pop()
        except IndexError:
            return super()._do_get()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        if self._is_disposed or len(self._idle) >= _MOST_IDLE:
            super()._do_return_conn(record)
        else:
            self._idle.append(record)

    def dispose(self) -> None:
        """Close the connections that are idle, and those in use when they are not any more."""
        self._is_disposed = True
        while self._idle:
            try:
                record = self._idle.pop()
            except IndexError:
                return
            record.close()
