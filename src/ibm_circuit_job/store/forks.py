"""Forks of a process that has files of SQLite open.

What SQLite knows of the files that a process has open, and of the locks on them, a fork inherits, and there it is
wrong: the fork would write without any lock, to a log that others take away, or wait for ever for a lock that no thread
holds. So no such file is open when a process forks: what is under way ends before, the rest waits until after, and both
processes open the file anew.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Protocol

PATIENCE: Final = 10.0
"""How many seconds a fork waits for what is under way."""
_PAUSE: Final = 0.001
"""Seconds between looks at whether it is over."""


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


class _Use:
    """That a file is in use, for as long as this exists."""


_gate: Final = threading.RLock()
"""Held by a thread that forks, from before until after."""
_databases: Final[weakref.WeakSet[Closable]] = weakref.WeakSet()
_inherited: Final[set[str]] = set()
"""Where the files are that were in use when this process was made."""
_uses: Final[weakref.WeakSet[_Use]] = weakref.WeakSet()
"""What is under way. Weakly, so that a use is over even where Ctrl-C keeps it from saying so."""


def watch(database: Closable) -> None:
    """Have forks of the process know of a database from now on."""
    with _gate:
        _databases.add(database)


@contextmanager
def unforked(name: str) -> Iterator[None]:
    """Use a file of SQLite, while the process does not fork.

    Args:
        name: Where it is.

    Raises:
        Inherited: If this process was forked from one that was using it.
    """
    use = _Use()
    # A lock of the interpreter's own: Ctrl-C does not come between its being taken and its being sure to be released.
    with _gate:
        if name in _inherited:
            raise Inherited
        _uses.add(use)
    try:
        yield
    finally:
        _uses.discard(use)


def _before() -> None:
    _gate.acquire()
    deadline = time.monotonic() + PATIENCE
    try:
        while _uses and time.monotonic() < deadline:
            time.sleep(_PAUSE)
    finally:
        for database in _databases:
            if database.is_sqlite:
                database.disconnect()


def _after_in_parent() -> None:
    _open_gate()


def _after_in_child() -> None:
    if _uses:
        _inherited.update(database.name for database in _databases if database.is_sqlite)
    # Their threads are not here.
    _uses.clear()
    for database in _databases:
        database.forget_connections()
    _open_gate()


def _open_gate() -> None:
    # Ctrl-C may have come before it was closed.
    with suppress(RuntimeError):
        _gate.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
