"""Locks that a fork of the process finds free.

A fork has one thread of its parent's, and the locks that the others held, which nobody would ever release there.
"""

from __future__ import annotations

import os
import threading

_forks = 0
"""How many forks lie between this process and the one that was started."""
_renewing = threading.Lock()


class ForkFreeLock:
    """A lock, to be taken as ``with lock():``; in a fork it is another one.

    Nothing but a lock of the interpreter's own is entered there, so that Ctrl-C cannot come after it was taken and
    before it is sure to be released.

    Example:
        >>> lock = ForkFreeLock()
        >>> with lock():
        ...     print("by one thread at a time")
        by one thread at a time
    """

    def __init__(self) -> None:
        self._made_after = _forks
        self._lock = threading.Lock()

    def __call__(self) -> threading.Lock:
        """Return the lock of this process."""
        if self._made_after != _forks:
            with _renewing:
                if self._made_after != _forks:
                    self._lock = threading.Lock()
                    self._made_after = _forks
        return self._lock


def _after_in_child() -> None:
    global _forks, _renewing  # noqa: PLW0603 - they are the process's
    _forks += 1
    _renewing = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_in_child)
