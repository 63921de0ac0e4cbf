"""Objects that belong to one process. A forked child makes its own.

A child inherits the connections of its parent, over which each would read the replies to the other. It also inherits
locks that other threads of the parent held; no thread of the child releases them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")

_forks = 0
"""The number of forks between the first process and this one."""
_renewing = threading.Lock()


class PerProcess(Generic[_T]):
    """An object of which each process has its own, made at its first use.

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
        """Return the object for this process."""
        if self._made_after != _forks:
            with _renewing:
                if self._made_after != _forks:
                    self._made = self._make()
                    self._made_after = _forks
        return self._made


class ForkFreeLock(PerProcess[threading.Lock]):
    """A lock, taken as ``with lock():``. A forked child has its own lock.

    The call returns a ``threading.Lock``, so that Ctrl-C cannot interrupt between the moment at which ``with`` takes
    the lock and the moment from which it is certain to release it.

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
