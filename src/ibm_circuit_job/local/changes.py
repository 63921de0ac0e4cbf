"""That something has changed in the service, for those that show it: a number that grows, and a wait for the next one.

Lives in the service's event loop.
"""

from __future__ import annotations

import asyncio
import contextlib


class Changes:
    """How many changes there were, and whether there will be more."""

    def __init__(self) -> None:
        self.number = 0
        """How many changes there were."""
        self.has_ended = False
        """Whether the service stops, so that there will be no more."""
        self._next = asyncio.Event()

    def note(self) -> None:
        """Count a change, and wake those that wait for one."""
        self.number += 1
        self._wake()

    def end(self) -> None:
        """Wake those that wait: there will be no more changes."""
        self.has_ended = True
        self._wake()

    async def after(self, number: int, seconds: float) -> None:
        """Return when there was a change after change *number*, the service stops, or *seconds* have passed."""
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
