"""Calls with a deadline: each runs on a worker thread, and its caller waits for it or abandons it.

Python raises KeyboardInterrupt in the main thread only. So Ctrl-C ends the wait at once, and never comes into the midst
of the call itself: what the call has locked, it releases. The threads are daemons, which let a program end.
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
"""How long a thread without work waits for some before it ends."""
_LOOK_SECONDS: Final = 0.05
"""How long a caller waits before it looks again: Ctrl-C just before it begins to wait does not end that wait."""
_STOP_SECONDS: Final = 0.03
"""How long a caller that abandons a call waits for its end: within it, most release what they have locked."""


class Overdue(Exception):  # noqa: N818 - named for what it says
    """A call was not done before its deadline.

    Args:
        seconds: How long it was given.
        last: The last error that the call has noted in ``Call.trouble``.
    """

    def __init__(self, seconds: float, last: Exception | None) -> None:
        super().__init__(f"no answer within {seconds:g} seconds")
        self.seconds = seconds
        self.last = last


class Abandoned(Exception):  # noqa: N818 - named for what it says
    """Raised in a call whose caller waits for it no more."""


class Call(Generic[_T]):
    """One call on a worker thread, as the call itself sees it.

    Args:
        work: What to call.
        seconds: Seconds until the deadline.
    """

    def __init__(self, work: Callable[[Call[_T]], _T], seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
        """The deadline, by the monotonic clock. The call may move it."""
        self.trouble: Exception | None = None
        """What went wrong so far, where the call tries again."""
        self.is_abandoned = False
        """Whether the caller waits no more."""
        self._work = work
        self._value: Any = None
        self._error: BaseException | None = None
        self._stop: Callable[[], object] | None = None
        self._stopping = threading.Lock()
        # A bare lock, and no Event: Ctrl-C in the midst of waiting leaves nothing locked inside.
        self._done = threading.Lock()
        self._done.acquire()

    def left(self) -> float:
        """Return the seconds until the deadline."""
        return max(self.deadline - time.monotonic(), 0.0)

    def check(self) -> None:
        """Go on only if the caller waits.

        Raises:
            Abandoned: If the caller waits no more.
        """
        if self.is_abandoned:
            raise Abandoned

    @contextmanager
    def stopped_by(self, stop: Callable[[], object]) -> Iterator[None]:
        """Have the block ended by a function, should the caller wait no more.

        Args:
            stop: Makes what the block waits for fail; called from the caller's thread.

        Raises:
            Abandoned: If the caller waits no more.
        """
        self._stop = stop
        try:
            self.check()
            yield
        finally:
            # Not while it is stopped: it may be about something that others use next.
            with self._stopping:
                self._stop = None

    def run(self) -> None:
        """Make the call."""
        try:
            self._value = self._work(self)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller raises it
            self._error = error

    def finish(self) -> None:
        """Let the caller go on."""
        self._done.release()

    def outcome(self) -> _T:
        """Return what the call came to, or raise what it raised."""
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error
        value: _T = self._value
        return value

    def wait(self) -> bool:
        """Wait for the end of the call until its deadline; return whether it came."""
        while not self._done.acquire(timeout=min(self.left(), _LOOK_SECONDS)):
            if not self.left():
                return False
        return True

    def abandon(self) -> None:
        """Wait no more, and have the call end soon."""
        self.is_abandoned = True
        with self._stopping:
            if self._stop is not None:
                self._stop()
        self._done.acquire(timeout=_STOP_SECONDS)


_Inbox = SimpleQueue[Call[Any]]
_idle: Final[PerProcess[deque[_Inbox]]] = PerProcess(deque)
"""The inboxes of the threads that have no work. A fork has none of these threads."""


def call_within(seconds: float, work: Callable[[Call[_T]], _T]) -> _T:
    """Make a call on a worker thread, and wait for it.

    Args:
        seconds: Seconds that the caller waits.
        work: What to call. Its argument says how much time is left, and how to stop it.

    Raises:
        Overdue: If it is not done in time. It is told to stop, and what it comes to is dropped.

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
        # Before it is stopped, of which it would tell instead.
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
            # Python ends, and starts no more threads.
            call.run()
            call.finish()
    else:
        inbox.put(call)


def _work_on(call: Call[Any], idle: deque[_Inbox]) -> None:
    """Make one call after another, until there is none for a while."""
    inbox: _Inbox = SimpleQueue()
    while True:
        call.run()
        # Before the caller goes on, whose next call is to find this thread.
        idle.append(inbox)
        call.finish()
        del call
        try:
            call = inbox.get(timeout=_IDLE_SECONDS)
        except Empty:
            try:
                idle.remove(inbox)
            except ValueError:
                # A caller has taken it out, and is about to put a call in, unless Ctrl-C came in between.
                try:
                    call = inbox.get(timeout=_IDLE_SECONDS)
                except Empty:
                    return
            else:
                return
