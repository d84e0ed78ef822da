"""A clock that tests set by hand.

It implements `responder.clock.Clock`; nothing moves until a test says so. `advance` takes
virtual time forward from sleeper to sleeper, letting the event loop settle between two.
"""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

from responder.core.model import SECOND, Nanoseconds

MONDAY: Final = 1_767_571_200 * SECOND
"""2026-01-05T00:00:00Z."""

_TURNS: Final = 50
"""Turns of the event loop in which everything that was woken has had its say."""


class ManualClock:
    """Wall and monotonic time as a test sets them.

    `busy` are questions such as "is a request on its way?": time stands still while one of them
    says yes, so that work on real sockets and threads takes no virtual time.
    """

    def __init__(self, now: Nanoseconds = MONDAY, *busy: Callable[[], bool]) -> None:
        """Start at `now`; the monotonic clock starts elsewhere, so that mixing them up shows."""
        self.busy = list(busy)
        self._now = now
        self._monotonic = 1_000 * SECOND
        self._sleepers: list[tuple[Nanoseconds, int, asyncio.Future[None]]] = []
        self._slept = 0

    def now(self) -> Nanoseconds:
        """The wall clock."""
        return self._now

    def monotonic(self) -> Nanoseconds:
        """The monotonic clock."""
        return self._monotonic

    async def sleep(self, duration: Nanoseconds) -> None:
        """Wait until `advance` has come so far."""
        if duration <= 0:
            await asyncio.sleep(0)
            return
        waiter = asyncio.get_running_loop().create_future()
        self._slept += 1
        heappush(self._sleepers, (self._monotonic + duration, self._slept, waiter))
        await waiter

    @property
    def sleepers(self) -> int:
        """How many sleeps are under way."""
        return sum(not waiter.done() for _, _, waiter in self._sleepers)

    def jump(self, duration: Nanoseconds) -> None:
        """Set the wall clock forward (or back) alone, as a person or a time server does."""
        self._now += duration

    async def advance(self, duration: Nanoseconds) -> None:
        """Let `duration` pass, waking who sleeps in order of due time."""
        end = self._monotonic + duration
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, waiter = heappop(self._sleepers)
            if waiter.done():
                continue
            self._pass(due)
            waiter.set_result(None)
            await self.settle()
        self._pass(end)
        await self.settle()

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        while any(ask() for ask in self.busy):
            for _ in range(_TURNS):
                await asyncio.sleep(0.0002)
                if not any(ask() for ask in self.busy):
                    break
            for _ in range(_TURNS):
                await asyncio.sleep(0)

    def _pass(self, until: Nanoseconds) -> None:
        elapsed = max(until - self._monotonic, 0)
        self._monotonic += elapsed
        self._now += elapsed
