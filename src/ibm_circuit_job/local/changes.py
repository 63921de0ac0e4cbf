"""Counts the changes in the service, and waits for the next one, for the page.

Only the event loop of the service uses it.
"""

from __future__ import annotations

import asyncio
import contextlib


class Changes:
    """The number of changes, and whether there will be more."""

    def __init__(self) -> None:
        self.number = 0
        """The number of changes up to now."""
        self.has_ended = False
        """Whether the service stops, so that there will be no more changes."""
        self._next = asyncio.Event()

    def note(self) -> None:
        """Count a change; calls of :meth:`after` that are waiting return."""
        self.number += 1
        self._wake()

    def end(self) -> None:
        """Record that the service stops; all calls that are waiting return."""
        self.has_ended = True
        self._wake()

    async def after(self, number: int, seconds: float) -> None:
        """Return when :attr:`number` is not *number* any more, the service stops, or *seconds* have passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.number == number and not self.has_ended:
                    await self._next.wait()

    async def pause(self, seconds: float) -> None:
        """Return when the service stops, or *seconds* have passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.has_ended:
                    await self._next.wait()

    def _wake(self) -> None:
        self._next.set()
        self._next = asyncio.Event()
