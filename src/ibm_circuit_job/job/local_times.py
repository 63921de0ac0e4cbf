"""Functions of the archived client for times in the machine's zone, and for durations."""

from __future__ import annotations

from datetime import UTC, datetime

from ibm_circuit_job import effects
from ibm_circuit_job.errors import IBMInputValueError


def utc_to_local(utc_dt: datetime | str) -> datetime:
    """Return a time in the machine's zone.

    Args:
        utc_dt: The time, or a text in ISO 8601; UTC if it names no zone.

    Raises:
        TypeError: If it is neither.
        IBMInputValueError: If the text is not ISO 8601.

    Example:
        >>> utc_to_local("2024-02-03T12:00:00Z").timestamp()
        1706961600.0
    """
    return _moment(utc_dt, zone_is_utc=True).astimezone()


def local_to_utc(local_dt: datetime | str) -> datetime:
    """Return a time in UTC.

    Args:
        local_dt: The time, or a text in ISO 8601; in the machine's zone if it names none.

    Raises:
        TypeError: If it is neither.
        IBMInputValueError: If the text is not ISO 8601.

    Example:
        >>> local_to_utc("2024-02-03T12:00:00+01:00").isoformat()
        '2024-02-03T11:00:00+00:00'
    """
    return _moment(local_dt, zone_is_utc=False).astimezone(UTC)


def _moment(given: datetime | str, *, zone_is_utc: bool) -> datetime:
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            raise IBMInputValueError(f"expected a time such as '2024-02-03T12:00:00Z', got {given!r}") from None
    if not isinstance(given, datetime):
        raise TypeError(f"expected a datetime, or a text in ISO 8601, got {given!r}")
    return given.replace(tzinfo=UTC) if zone_is_utc and given.tzinfo is None else given


def seconds_to_duration(seconds: float) -> tuple[int, int, int, int, int]:
    """Return a duration as days, hours, minutes, seconds and milliseconds.

    The milliseconds are 0 unless less than a second is left after the minutes.

    Args:
        seconds: The duration, in seconds.

    Example:
        >>> seconds_to_duration(90061), seconds_to_duration(0.25)
        ((1, 1, 1, 1, 0), (0, 0, 0, 0, 250))
    """
    minutes, left = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    return (days, hours, minutes, int(left), 0) if left >= 1 else (days, hours, minutes, 0, -int(-left * 1000 // 1))


def duration_difference(date_time: datetime) -> str:
    """Return the duration from now to a time, in its two largest units: ``"2 hrs 5 min"``.

    Args:
        date_time: The time; in the machine's zone if it names none.

    Returns:
        The text; empty if less than a second is left, and for a time in the past.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> duration_difference(datetime.now(UTC) + timedelta(days=1, hours=3, minutes=1))
        '1 days 3 hrs'
    """
    days, hours, minutes, seconds, _ = seconds_to_duration(
        max(0.0, (date_time.astimezone(UTC) - effects.now()).total_seconds())
    )
    parts = [(days, "days"), (hours, "hrs"), (minutes, "min"), (seconds, "sec")]
    first = next((index for index, (number, _) in enumerate(parts) if number), len(parts))
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2])
