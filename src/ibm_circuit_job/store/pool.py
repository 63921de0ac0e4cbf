"""A pool of connections that Ctrl-C cannot close to other threads.

SQLAlchemy's own counts connections, and waits for them under a lock of Python's library: Ctrl-C at the wrong moment
leaves that taken, or a connection counted, for good. Here nothing is locked, and what counts as used is what there is.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from typing import Any, Final

import sqlalchemy as sql
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

_MOST: Final = 30
"""How many connections there are at once, more or less; each has a file or three open."""
_SECONDS: Final = 30.0
"""How long to wait for one."""
_PAUSE: Final = 1.0
"""Seconds between looks at whether there is one, where no thread says so."""


class _Making:
    """That a connection is being made, for as long as this exists."""


class _Turn:
    """That a thread waits for a connection, and the one that it is given."""

    def __init__(self) -> None:
        self.record: ConnectionPoolEntry | None = None
        self._given = threading.Lock()
        self._given.acquire()

    def give(self, record: ConnectionPoolEntry) -> None:
        """Give the thread that waits a connection."""
        self.record = record
        self._given.release()

    def wait(self, seconds: float) -> None:
        """Wait for it, for so many seconds at most."""
        self._given.acquire(timeout=seconds)


class IdlePool(sql.NullPool):
    """Makes a connection where none is idle, and keeps it for the next who wants one."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # One step takes from it or adds to it, whatever other threads do.
        self._idle: deque[ConnectionPoolEntry] = deque()
        self._in_use: weakref.WeakSet[ConnectionPoolEntry | _Making] = weakref.WeakSet()
        self._waiting: deque[_Turn] = deque()
        self._is_disposed = False

    def status(self) -> str:
        """Return what there is, for a person."""
        return f"{len(self._idle)} idle connections, {len(self._in_use)} in use"

    def _do_get(self) -> ConnectionPoolEntry:
        record = self._taken()
        if record is not None:
            return record
        turn, deadline = _Turn(), time.monotonic() + _SECONDS
        self._waiting.append(turn)
        is_over = False
        try:
            # Looked for again: a thread may have been done before the turn was there, or never come to say so.
            while record is None and turn.record is None and time.monotonic() < deadline:
                record = self._taken()
                if record is None:
                    turn.wait(_PAUSE)
            is_over = True
        finally:
            given = self._ended(turn)
            if given is not None and (record is not None or not is_over):
                self._do_return_conn(given)
        found = record or given
        if found is None:
            raise PoolTimeoutError(f"{_MOST} threads use it, and none was done within {_SECONDS:g} seconds")
        return found

    def _ended(self, turn: _Turn) -> ConnectionPoolEntry | None:
        """End a turn, and return the connection that it was given."""
        try:
            self._waiting.remove(turn)
        except ValueError:
            if turn.record is None:
                # It is about to be given one.
                turn.wait(_SECONDS)
        return turn.record

    def _taken(self) -> ConnectionPoolEntry | None:
        """One that is idle, or a new one; ``None`` where there are as many as there may be."""
        try:
            record = self._idle.pop()
        except IndexError:
            if len(self._in_use) >= _MOST:
                return None
            making = _Making()
            self._in_use.add(making)
            try:
                record = super()._do_get()
            finally:
                self._in_use.discard(making)
        self._in_use.add(record)
        return record

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        try:
            turn = self._waiting.popleft()
        except IndexError:
            self._in_use.discard(record)
            if self._is_disposed:
                super()._do_return_conn(record)
            else:
                self._idle.append(record)
        else:
            turn.give(record)

    def dispose(self) -> None:
        """Close the connections that are idle, and those in use when they are not any more."""
        self._is_disposed = True
        while self._idle:
            try:
                record = self._idle.pop()
            except IndexError:
                return
            record.close()
