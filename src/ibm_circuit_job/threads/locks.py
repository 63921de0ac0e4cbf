"""Objects that belong to one process: a fork makes its own.

A fork inherits the connections of its parent, over which both would read each other's replies, and the locks that
other threads of the parent held, which no thread of the fork ever releases.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")

_forks = 0
"""How many forks lie between this process and the one that was started."""
_renewing = threading.Lock()


class PerProcess(Generic[_T]):
    """An object that each process makes for itself, when it first asks for it.

    Args:
        make: Makes the object.

    Example:
        >>> numbers = PerProcess(list)
        >>> numbers().append(1)
        >>> numbers()
        [1]
    """

    def __init__(self, make: Callable[[], _T]) -> None:
        self._make = make
        self._made_after = _forks
        self._made = make()

    def __call__(self) -> _T:
        """Return the object of this process."""
        if self._made_after != _forks:
            with _renewing:
                if self._made_after != _forks:
                    self._made = self._make()
                    self._made_after = _forks
        return self._made


class ForkFreeLock(PerProcess[threading.Lock]):
    """A lock, taken as ``with lock():``. A fork has one of its own.

    ``with`` enters a lock of the interpreter, so that Ctrl-C cannot come between taking it and the certainty that it is
    released.

    Example:
        >>> lock = ForkFreeLock()
        >>> with lock():
        ...     print("by one thread at a time")
        by one thread at a time
    """

    def __init__(self) -> None:
        super().__init__(threading.Lock)


def _after_in_child() -> None:
    global _forks, _renewing  # noqa: PLW0603 - they are the process's
    _forks += 1
    _renewing = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_in_child)
