"""Calls with a deadline. Each call runs in a worker thread; its caller waits for it until the deadline, or Ctrl-C.

Python raises KeyboardInterrupt only in the main thread. So Ctrl-C ends the wait at once, and does not interrupt the
call itself, which releases its locks. The threads are daemons, so they do not delay the end of a program.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeVar

from ibm_circuit_job.threads.locks import PerProcess

_T = TypeVar("_T")

_IDLE_SECONDS: Final = 10.0
"""The seconds for which an idle thread waits for work before it ends."""
_LOOK_SECONDS: Final = 0.05
"""The longest single wait of the main thread in seconds. If Ctrl-C comes just before one, it takes effect after it."""
_STOP_SECONDS: Final = 0.03
"""The seconds for which a caller waits after it has abandoned a call. Most calls release their locks in this time."""


class Overdue(Exception):  # noqa: N818 - named for what it says
    """A call did not end before its deadline.

    Args:
        seconds: The time limit of the call.
        last: The last error in ``Call.trouble``; ``None`` if there was none.
    """

    def __init__(self, seconds: float, last: Exception | None) -> None:
        super().__init__(f"no answer within {seconds:g} seconds")
        self.seconds = seconds
        self.last = last


class Abandoned(Exception):  # noqa: N818 - named for what it says
    """Raised in a call when its caller no longer waits."""


class Call(Generic[_T]):
    """One call in a worker thread.

    Args:
        work: The function to call, with this object as its argument.
        seconds: The seconds until the deadline.
    """

    def __init__(self, work: Callable[[Call[_T]], _T], seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
        """The deadline, by the monotonic clock. The function may change it."""
        self.trouble: Exception | None = None
        """The last error, set by a function that tries again."""
        self.is_abandoned = False
        """Whether the caller no longer waits."""
        self._work = work
        self._value: Any = None
        self._error: BaseException | None = None
        self._stop: Callable[[], object] | None = None
        self._stopping = threading.Lock()
        # A lock, not an Event: if Ctrl-C interrupts the wait for an Event, its inner lock may stay locked.
        self._done = threading.Lock()
        self._done.acquire()

    def left(self) -> float:
        """Return the seconds until the deadline."""
        return max(self.deadline - time.monotonic(), 0.0)

    def check(self) -> None:
        """Check that the caller still waits.

        Raises:
            Abandoned: If the caller no longer waits.
        """
        if self.is_abandoned:
            raise Abandoned

    @contextmanager
    def stopped_by(self, stop: Callable[[], object]) -> Iterator[None]:
        """Call a function to interrupt the ``with`` block, if the caller stops waiting.

        Args:
            stop: Makes the operation fail for which the block waits. It is called in the caller's thread.

        Raises:
            Abandoned: If the caller no longer waits.
        """
        self._stop = stop
        try:
            self.check()
            yield
        finally:
            # Waits for a stop() that is running: the next user of the connection must not be interrupted by it.
            with self._stopping:
                self._stop = None

    def run(self) -> None:
        """Call the function, and record its value or its error."""
        try:
            self._value = self._work(self)
        except BaseException as error:  # noqa: BLE001 - the caller raises it
            self._error = error

    def finish(self) -> None:
        """End the wait of the caller."""
        self._done.release()

    def outcome(self) -> _T:
        """Return the value of the function, or raise its error."""
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error
        value: _T = self._value
        return value

    def wait(self) -> bool:
        """Wait until the call ends (True), or until its deadline (False)."""
        # Ctrl-C comes to the main thread alone. Many other threads would take the processor from the calls.
        is_main = threading.current_thread() is threading.main_thread()
        longest = _LOOK_SECONDS if is_main else threading.TIMEOUT_MAX
        while not self._done.acquire(timeout=min(self.left(), longest)):
            if not self.left():
                return False
        return True

    def abandon(self) -> None:
        """Stop the call, and give it a moment to release its locks."""
        self.is_abandoned = True
        with self._stopping:
            if self._stop is not None:
                self._stop()
        self._done.acquire(timeout=_STOP_SECONDS)


_Inbox = SimpleQueue[Call[Any]]
_idle: Final[PerProcess[deque[_Inbox]]] = PerProcess(deque)
"""The inboxes of idle threads. A forked child has none of these threads."""


def call_within(seconds: float, work: Callable[[Call[_T]], _T]) -> _T:
    """Call a function in a worker thread, and wait for its value.

    Args:
        seconds: The longest wait.
        work: The function. Its argument has the time that is left, and can stop the call.

    Raises:
        Overdue: If the function does not end in time. It is stopped, and its outcome is discarded.

    Example:
        >>> call_within(5, lambda call: call.left() <= 5)
        True
    """
    call = Call(work, seconds)
    is_over = False
    try:
        _start(call)
        is_over = call.wait()
        if is_over:
            return call.outcome()
        # Read before the call is stopped, which would cause another error.
        trouble = call.trouble
    finally:
        if not is_over:
            call.abandon()
    raise Overdue(seconds, trouble)


def _start(call: Call[Any]) -> None:
    try:
        inbox = _idle().pop()
    except IndexError:
        worker = threading.Thread(target=_work_on, args=(call, _idle()), name="ibm-circuit-job-store", daemon=True)
        try:
            worker.start()
        except RuntimeError:
            # Python is ending, and starts no more threads.
            call.run()
            call.finish()
    else:
        inbox.put(call)


def _work_on(call: Call[Any], idle: deque[_Inbox]) -> None:
    """Run one call after another, until no call comes for *_IDLE_SECONDS*."""
    inbox: _Inbox = SimpleQueue()
    while True:
        call.run()
        # This thread becomes idle before the caller continues, so that the caller's next call finds it.
        idle.append(inbox)
        call.finish()
        del call
        try:
            call = inbox.get(timeout=_IDLE_SECONDS)
        except Empty:
            try:
                idle.remove(inbox)
            except ValueError:
                # A caller has just taken the inbox, and will put a call into it, unless Ctrl-C interrupts the caller.
                try:
                    call = inbox.get(timeout=_IDLE_SECONDS)
                except Empty:
                    return
            else:
                return
