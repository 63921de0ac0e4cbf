"""Opening a connection in a thread of its own, which is abandoned when the time is up.

The lookup of a name cannot be interrupted. So a connection is opened in a thread, which ends by itself, and then closes
what it opened if it was abandoned. How many such threads there are is limited, for each host and in all.
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
"""How many connections to one host and port may be opened at a time; those that were abandoned count."""
MOST_IN_ALL: Final = 256
"""The same, of all hosts together."""


def connect_in_time(connection: Any, connect: Callable[[], None], seconds: float) -> None:
    """Connect in a thread of its own.

    Where as many connections are being opened as may be, one of them is waited for, unless all were abandoned.

    Args:
        connection: The connection. It is closed if it comes about when nothing waits for it any more.
        connect: Opens it.
        seconds: How long that may take.

    Raises:
        urllib3.exceptions.ConnectTimeoutError: If the time is up, or as many as may be were abandoned already.
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
        # There are no more threads to be had.
        openings.end(opening)
        raise
    except BaseException:
        # Ctrl-C, while it started.
        openings.abandon(opening)
        raise
    if not opening.wait(end - time.monotonic()):
        words = f"no connection within {seconds:.2g} seconds: the name server or the host does not answer"
        raise urllib3.exceptions.ConnectTimeoutError(words)


class _Opening:
    """A connection that is opened in a thread."""

    def __init__(self, connection: Any, connect: Callable[[], None], openings: _Openings) -> None:
        self.address = f"{connection.host}:{connection.port}"
        self._connection, self._connect, self._openings = connection, connect, openings
        self._ended = threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        """Open it, in the thread."""
        try:
            self._connect()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the caller waits
            self._error = error
        was_abandoned = self._openings.end(self)
        self._ended.set()
        if was_abandoned:
            self._connection.close()

    def wait(self, seconds: float) -> bool:
        """Return whether the connection came about in time. Ctrl-C ends the wait at once."""
        has_ended = False
        try:
            self._ended.wait(seconds)
        finally:
            has_ended = not self._openings.abandon(self)
        if has_ended and self._error is not None:
            raise self._error
        return has_ended


class _Openings:
    """The connections that are being opened by threads of this process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way: set[_Opening] = set()
        self._abandoned: set[_Opening] = set()

    def add(self, opening: _Opening, end: float) -> None:
        """Add one, as soon as there may be one more.

        Args:
            opening: The connection.
            end: Until when to wait for that, on the monotonic clock.

        Raises:
            urllib3.exceptions.ConnectTimeoutError: If there may be no more of them until then.
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
        """Note that a connection was opened or failed, and return whether it was abandoned before."""
        with self._changed:
            was_abandoned = opening in self._abandoned
            self._under_way.discard(opening)
            self._abandoned.discard(opening)
            self._changed.notify_all()
            return was_abandoned

    def abandon(self, opening: _Opening) -> bool:
        """Note that nothing waits for a connection any more, and return whether it is still being opened."""
        with self._changed:
            is_under_way = opening in self._under_way
            if is_under_way:
                self._abandoned.add(opening)
                self._changed.notify_all()
            return is_under_way


_openings: Final[PerProcess[_Openings]] = PerProcess(_Openings)
