"""Where time comes from: the one place that reads a clock.

`engine`, `delivery`, `store` and `web` are given a Clock; tests give them one that they set by
hand. The core is never given one: it gets each input's `at`.
"""

import asyncio
import time
from typing import Protocol

from responder.core.model import SECOND, Nanoseconds


class Clock(Protocol):
    """What may be asked about time. All values are nanoseconds."""

    def now(self) -> Nanoseconds:
        """Wall clock since the Unix epoch; people and peers may set it back and forth."""
        ...

    def monotonic(self) -> Nanoseconds:
        """Never goes back; its zero means nothing."""
        ...

    async def sleep(self, duration: Nanoseconds) -> None:
        """Return after `duration` of monotonic time."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> Nanoseconds:
        """The system's real-time clock."""
        return time.time_ns()

    def monotonic(self) -> Nanoseconds:
        """The system's monotonic clock."""
        return time.monotonic_ns()

    async def sleep(self, duration: Nanoseconds) -> None:
        """Sleep on the event loop."""
        await asyncio.sleep(max(duration, 0) / SECOND)
