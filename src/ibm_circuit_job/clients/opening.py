"""Opens a connection in a thread, which is abandoned after a time limit.

The lookup of a host name cannot be interrupted. So each connection is opened in its own thread. An abandoned thread
ends by itself, and closes its connection then. The number of these threads is limited, for each host and in all.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import urllib3

from ibm_circuit_job.threads.locks import PerProcess

MOST_OF_HOST: Final = 32
"""The most connections to one host and port that may be opening at the same time, with abandoned ones."""
MOST_IN_ALL: Final = 256
"""The same for all hosts together."""


def connect_in_time(connection: Any, connect: Callable[[], None], seconds: float) -> None:
    """Open a connection in a new thread, and wait for it.

    If the limit of opening connections is reached, this function waits until one of them ends. It raises at once if all
    of them are abandoned.

    Args:
        connection: The connection. It is closed if it opens after the time limit.
        connect: A function that opens it.
        seconds: The time limit.

    Raises:
        urllib3.exceptions.ConnectTimeoutError: If the time is over, or the limit is reached by abandoned connections.
    """
    end = time.monotonic() + seconds
    openings = _openings()
    opening = _Opening(connection, connect, openings)
    openings.add(opening, end)
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(opening.run,), name="ibm-circuit-job-connect", daemon=True)
    try:
        thread.start()
    except Exception:
        # The system cannot start another thread.
        openings.end(opening)
        raise
    except BaseException:
        # Ctrl-C while the thread starts.
        openings.abandon(opening)
        raise
    if not opening.wait(end - time.monotonic()):
        words = f"no connection within {seconds:.2g} seconds: the name server or the host does not answer"
        raise urllib3.exceptions.ConnectTimeoutError(words)


class _Opening:
    """A connection that a thread opens."""

    def __init__(self, connection: Any, connect: Callable[[], None], openings: _Openings) -> None:
        self.address = f"{connection.host}:{connection.port}"
        self._connection, self._connect, self._openings = connection, connect, openings
        self._ended = threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        """Open the connection; called in the thread."""
        try:
            self._connect()
        except BaseException as error:  # noqa: BLE001 - wait() raises it in the caller's thread
            self._error = error
        was_abandoned = self._openings.end(self)
        self._ended.set()
        if was_abandoned:
            self._connection.close()

    def wait(self, seconds: float) -> bool:
        """Return whether the attempt ended in time, and raise its exception. Ctrl-C ends the wait at once."""
        has_ended = False
        try:
            self._ended.wait(seconds)
        finally:
            has_ended = not self._openings.abandon(self)
        if has_ended and self._error is not None:
            raise self._error
        return has_ended


class _Openings:
    """The connections that threads of this process are opening."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way: set[_Opening] = set()
        self._abandoned: set[_Opening] = set()

    def add(self, opening: _Opening, end: float) -> None:
        """Add a connection, as soon as the limits allow it.

        Args:
            opening: The connection.
            end: The end of the wait, on the monotonic clock.

        Raises:
            urllib3.exceptions.ConnectTimeoutError: If the limits do not allow it until then.
        """
        with self._changed:
            while True:
                of_host = {other for other in self._under_way if other.address == opening.address}
                if len(of_host) >= MOST_OF_HOST:
                    before, where = of_host, f" to {opening.address}"
                elif len(self._under_way) >= MOST_IN_ALL:
                    before, where = self._under_way, ""
                else:
                    self._under_way.add(opening)
                    return
                left = end - time.monotonic()
                if left <= 0 or before <= self._abandoned:
                    raise urllib3.exceptions.ConnectTimeoutError(
                        f"{len(before)} earlier connections{where} have not ended: the name server or the host does "
                        "not answer; try again in a minute"
                    )
                self._changed.wait(left)

    def end(self, opening: _Opening) -> bool:
        """Record that a connection was opened or failed, and return whether it was abandoned before."""
        with self._changed:
            was_abandoned = opening in self._abandoned
            self._under_way.discard(opening)
            self._abandoned.discard(opening)
            self._changed.notify_all()
            return was_abandoned

    def abandon(self, opening: _Opening) -> bool:
        """Record that the caller no longer waits for a connection, and return whether it is still opening."""
        with self._changed:
            is_under_way = opening in self._under_way
            if is_under_way:
                self._abandoned.add(opening)
                self._changed.notify_all()
            return is_under_way


_openings: Final[PerProcess[_Openings]] = PerProcess(_Openings)
