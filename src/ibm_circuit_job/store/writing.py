"""Writing: whether a change is on the disk when a call returns, and whether the call waits for other writers."""

from __future__ import annotations

import enum


class Writing(enum.Enum):
    """How a store writes a change.

    Example:
        >>> [how.name for how in Writing]
        ['SYNCED', 'AT_ONCE', 'SOON']
    """

    SYNCED = "synced"
    """The change is on the disk when the call returns, and survives a power cut. The call waits for other writers."""
    AT_ONCE = "at once"
    """The change is on the disk when the call returns. If others write at that time, the call fails at once."""
    SOON = "soon"
    """The change is in the database when the call returns, and on the disk soon after. If others write at that time,
    the call fails at once."""
