"""How a transaction of the store is written: whether it is synced, and whether it waits for others."""

from __future__ import annotations

import enum


class Writing(enum.Enum):
    """How a transaction of the store is written.

    Example:
        >>> Writing.SOON.name
        'SOON'
    """

    SYNCED = "synced"
    """On the disk before it returns; waits for others."""
    AT_ONCE = "at once"
    """On the disk before it returns; never waits for others: done at once or not at all."""
    SOON = "soon"
    """No sync, and no waiting for others."""
