"""A clock that can be passed in: it tells the time, and lets it pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from attrs import frozen


@frozen
class Clock:
    """A clock: it tells the time, and lets it pass.

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
    """Returns the wall time, aware, in UTC."""
    monotonic: Callable[[], float]
    """Returns the seconds of a clock that never goes back."""
    sleep: Callable[[float], object]
    """Returns after so many seconds of it."""
    name: str = "Clock(...)"
    """What it is shown as."""

    def __repr__(self) -> str:
        return self.name
