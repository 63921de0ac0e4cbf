"""A clock that can be passed as an argument, so that tests need no real time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from attrs import frozen


@frozen
class Clock:
    """A clock: the functions that return the time, and the one that waits.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> passed = []
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> clock = Clock(lambda: noon + timedelta(seconds=sum(passed)), lambda: sum(passed, 0.0), passed.append)
        >>> clock.sleep(60.0)
        >>> clock.now().minute, clock.monotonic()
        (1, 60.0)
    """

    now: Callable[[], datetime]
    """Returns the wall time, as a ``datetime`` in UTC."""
    monotonic: Callable[[], float]
    """Returns the seconds of a monotonic clock."""
    sleep: Callable[[float], object]
    """Waits for some seconds of the monotonic clock."""
    name: str = "Clock(...)"
    """The repr of the clock."""

    def __repr__(self) -> str:
        return self.name
