"""Virtual time for timelines: hours pass in the time that deciding takes.

`world` runs the engine and delivery on it. Time stands still while anything is on its way through
the database or the network, so that what happens at an instant is recorded at that instant.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from responder.core.model import MILLISECOND, MINUTE, SECOND, Nanoseconds
from tests.clock import ManualClock

_TURNS: Final = 12
"""Quiet turns of the event loop after which nothing more will happen by itself."""

_PATIENCE: Final = 20_000
"""Looks at whether everything is settled: seconds, where milliseconds are usual."""

NAP: Final = 30 * MINUTE
"""How long the engine may sleep at a time: below `limits.lag`, after which it thinks that it was paused."""


class TimelineClock(ManualClock):
    """A ManualClock that settles in fewer turns, since `busy` knows of everything that takes longer."""

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        quiet, patience = 0, _PATIENCE
        while quiet < _TURNS:
            await asyncio.sleep(0)
            quiet += 1
            if any(ask() for ask in self.busy):
                quiet, patience = 0, patience - 1
                assert patience, "something is under way for ever, so that time cannot pass"
                await asyncio.sleep(0.0002)


class EngineClock:
    """The same time for the engine, which looks at the clock every second in case it was set.

    Where nobody sets it, the engine may as well sleep through to its next timer, or nearly; where
    somebody does, it sleeps no more exactly than an event loop does.
    """

    def __init__(self, clock: ManualClock, left: Callable[[], Nanoseconds], *, naps: bool) -> None:
        """`left`: how far away the engine's next timer is."""
        self._clock = clock
        self._left = left
        self._naps = naps

    def now(self) -> Nanoseconds:
        """The wall clock."""
        return self._clock.now()

    def monotonic(self) -> Nanoseconds:
        """The monotonic clock."""
        return self._clock.monotonic()

    async def sleep(self, duration: Nanoseconds) -> None:
        """Sleep as long as was asked for, or for more than a second up to the next timer."""
        if not self._naps:
            duration = max(duration, MILLISECOND)
        elif duration == SECOND:
            duration = max(min(self._left(), NAP), duration)
        await self._clock.sleep(duration)
