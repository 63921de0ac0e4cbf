"""Forks of a process that has files of SQLite open.

What SQLite knows of the files that a process has open, and of the locks on them, a fork inherits, and there it is
wrong: the fork would write without any lock, to a log that others take away, or wait for ever for a lock that nobody
holds. So no such file is open when a process forks: what is under way ends before, the rest waits until after, and both
processes open the file anew.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

PATIENCE: Final = 10.0
"""How many seconds a fork waits for what is under way."""


class Closable(Protocol):
    """A database, as far as a fork is concerned."""

    @property
    def name(self) -> str:
        """Where it is."""

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""

    def disconnect(self) -> None:
        """Close all connections that are not in use."""

    def forget_connections(self) -> None:
        """Leave the connections to the process that opened them."""


class Inherited(Exception):  # noqa: N818 - named for what it says
    """A file was in use when the process forked, so that the fork cannot use it."""


_changed: Final = threading.Condition()
_databases: Final[weakref.WeakSet[Closable]] = weakref.WeakSet()
_inherited: Final[set[str]] = set()
"""Where the files are that were in use when this process was made."""
_users = 0
_forks = 0
"""How many threads are about to fork the process."""


def watch(database: Closable) -> None:
    """Have forks of the process know of a database from now on."""
    with _changed:
        _databases.add(database)


@contextmanager
def unforked(name: str) -> Iterator[None]:
    """Use a file of SQLite, while the process does not fork.

    Args:
        name: Where it is.

    Raises:
        Inherited: If this process was forked from one that was using it.
    """
    global _users  # noqa: PLW0603 - a process forks as a whole
    with _changed:
        _changed.wait_for(lambda: _forks == 0)
        if name in _inherited:
            raise Inherited
        _users += 1
    try:
        yield
    finally:
        with _changed:
            _users -= 1
            _changed.notify_all()


def _before() -> None:
    global _forks  # noqa: PLW0603
    # Held until after, so that the fork does not inherit it from another thread.
    _changed.acquire()
    _forks += 1
    _changed.wait_for(lambda: _users == 0, PATIENCE)
    for database in _databases:
        if database.is_sqlite:
            database.disconnect()


def _after_in_parent() -> None:
    global _forks  # noqa: PLW0603
    _forks -= 1
    _changed.notify_all()
    _changed.release()


def _after_in_child() -> None:
    global _forks, _users
    if _users:
        _inherited.update(database.name for database in _databases if database.is_sqlite)
    # Their threads are not here.
    _forks, _users = 0, 0
    for database in _databases:
        database.forget_connections()
    _changed.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
