"""Texts, times and durations in a form that a page and a terminal can show."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, tzinfo
from typing import Final

_LONGEST: Final = 300
"""How many characters of a text are shown."""
_LONGEST_TEXT: Final = 60_000
"""How many characters of a text of several lines are shown."""
LARGEST: Final = 10**15
"""Numbers from here on are not shown: no job has so many shots or seconds, or such a place."""


def printable(text: str) -> str:
    r"""Return a text cut to 300 characters, with U+FFFD in place of lone surrogates and control characters.

    Characters that change the direction of the text count as control characters.

    Example:
        >>> printable("a\x1b[31m") == "a\ufffd[31m"
        True
    """
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    if short.isprintable():
        # A short cut for nearly all texts: a loop over the characters takes longer than the rest of a view.
        return short
    return "".join(each if _is_printable(each) else "\ufffd" for each in short)


def lines(text: str) -> str:
    r"""Return a text of several lines, cut to 60,000 characters; other characters are replaced as by :func:`printable`.

    Example:
        >>> lines("a\nb\x1b") == "a\nb\ufffd"
        True
    """
    short = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
    return "".join(each if each == "\n" or _is_printable(each) else "\ufffd" for each in short)


def _is_printable(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cs"} and character not in _DIRECTIONS


_DIRECTIONS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def in_zone(moment: datetime, zone: tzinfo | None) -> str:
    """Return a time in a zone, to the second.

    Args:
        moment: An aware time. If it has no equivalent in the zone, because that would be in the year 0 or 10000, it is
            shown in UTC.
        zone: The time zone; ``None`` for the machine's zone.

    Example:
        >>> from datetime import UTC, datetime
        >>> in_zone(datetime(2024, 2, 3, 12, tzinfo=UTC), UTC)
        '2024-02-03 12:00:00 UTC'
    """
    try:
        local = moment.astimezone(zone)
    except (OverflowError, ValueError, OSError):
        return in_utc(moment)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname() or ''}".rstrip()


def in_utc(moment: datetime) -> str:
    """Return a time in UTC, to the second.

    Example:
        >>> from datetime import UTC, datetime
        >>> in_utc(datetime(2024, 2, 3, 12, tzinfo=UTC))
        '2024-02-03 12:00:00 UTC'
    """
    try:
        return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return moment.isoformat(" ", "seconds")


def seconds(number: float) -> str:
    """Return a duration, given in seconds, in hours, minutes and seconds.

    Example:
        >>> seconds(42.0), seconds(3723.0)
        ('42 s', '1 h 2 min')
    """
    if not 0 <= number < LARGEST:
        return f"{number:.3g} s"
    if number < 60:
        return f"{round(number, 2):g} s"
    minutes, rest = divmod(round(number), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min {rest} s"


def number_of_jobs(number: int) -> str:
    """Return how many jobs there are, in words.

    Example:
        >>> number_of_jobs(1), number_of_jobs(2)
        ('1 job', '2 jobs')
    """
    return f"{number} job{'' if number == 1 else 's'}"
