"""Virtual time for timelines: hours pass in the time that deciding takes.

`world` runs the engine and delivery on it. Time stands still while anything is on its way through
the database or the network, so that what happens at an instant is recorded at that instant.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from responder.core.model import SECOND, Nanoseconds
from tests.clock import ManualClock

_TURNS: Final = 12
"""Turns of the event loop in which what was woken has asked the database or the network for something."""

_NAP: Final = 9 * SECOND
"""Below the ten seconds after which the engine takes itself to have been paused."""


class TimelineClock(ManualClock):
    """A ManualClock that settles in fewer turns, since `busy` knows of everything that takes longer."""

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        while True:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            if not any(ask() for ask in self.busy):
                return
            await asyncio.sleep(0.0002)


class EngineClock:
    """The same time for the engine, which looks at the clock every second in case it was set.

    Nobody sets it here without `wake`, so the engine sleeps through to its next timer, or nearly.
    """

    def __init__(self, clock: ManualClock, left: Callable[[], Nanoseconds]) -> None:
        """`left`: how far away the engine's next timer is."""
        self._clock = clock
        self._left = left

    def now(self) -> Nanoseconds:
        """The wall clock."""
        return self._clock.now()

    def monotonic(self) -> Nanoseconds:
        """The monotonic clock."""
        return self._clock.monotonic()

    async def sleep(self, duration: Nanoseconds) -> None:
        """Sleep as long as was asked for, or for more than a second up to the next timer."""
        if duration == SECOND:
            duration = max(min(self._left(), _NAP), duration)
        await self._clock.sleep(duration)
