"""SharedFuture: one call in a thread, whose future all callers share."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from ibm_circuit_job.threads.background import started
from ibm_circuit_job.threads.locks import ForkFreeLock

_T = TypeVar("_T")


class SharedFuture(Generic[_T]):
    """The future of a call that runs once: a new call begins only after a failure, and in a fork.

    Example:
        >>> shared = SharedFuture()
        >>> first, second = shared.get(lambda: 1), shared.get(lambda: 2)
        >>> first is second, second.result()
        (True, 1)
    """

    def __init__(self) -> None:
        self._lock = ForkFreeLock()
        self._begun: tuple[int, Future[_T]] | None = None

    def get(self, call: Callable[[], _T]) -> Future[_T]:
        """Return the future of the call that runs or has succeeded; else begin *call* in a daemon thread.

        Args:
            call: Returns the result of the future.
        """
        with self._lock():
            if self._begun is not None:
                process, future = self._begun
                # A fork has no thread of its parent.
                if future.exception() is None if future.done() else process == os.getpid():
                    return future
            future = started(call)
            self._begun = os.getpid(), future
            return future
