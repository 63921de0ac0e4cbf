"""How a store writes: on the disk before it returns or not, and waiting for other writers or not."""

from __future__ import annotations

import enum


class Writing(enum.Enum):
    """How a transaction is written.

    Example:
        >>> [how.name for how in Writing]
        ['SYNCED', 'AT_ONCE', 'SOON']
    """

    SYNCED = "synced"
    """On the disk before the call returns, to outlive a power cut. Waits for others that write."""
    AT_ONCE = "at once"
    """On the disk before the call returns. Fails at once where others write: done now, or not at all."""
    SOON = "soon"
    """In the database when the call returns, on the disk soon after. Fails at once where others write."""
