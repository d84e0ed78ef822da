"""A Delivery with everything around it under a test's control."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from responder.core.messages import BreakerTurned
from responder.core.model import SECOND
from responder.core.notification import Attempt, Delivered, Notification, Outcome
from responder.core.orders import Rank
from responder.core.rules import Integration
from responder.delivery import Attempted, Delivery, DeliverySettings, Ending, Order
from responder.delivery.dispatch import unpaced
from responder.notify.integration import Sender
from responder.settings.values import Pace
from tests.clock import ManualClock
from tests.notify.notices import notification


def order(
    row: int,
    destination: str = "one",
    *,
    claimed: bool = False,
    attempts: int = 0,
    rank: Rank = Rank.LATER,
    receipt: str = "",
    not_before: int = 0,
) -> Order:
    integration = Integration(f"i-{destination}", "webhook", True, destination)
    return Order(notification(row), integration, attempts, claimed, rank, receipt, not_before)


@dataclass
class Desk:
    """What went out, what came back, and how everybody behaves.

    `sent` holds (virtual seconds, row) of each attempt. `answer` makes the outcome of one; it
    may raise, or return a future to be waited for.
    """

    clock: ManualClock
    announces: bool = False
    answer: Callable[[int], Any] = lambda row: Delivered()
    sent: list[tuple[float, int]] = field(default_factory=list)
    tries: list[Attempt] = field(default_factory=list)
    announcements: list[tuple[float, int]] = field(default_factory=list)
    announced: Callable[[], Any] = Delivered
    claims: list[list[int]] = field(default_factory=list)
    attempts: list[list[Attempted]] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    turns: list[BreakerTurned] = field(default_factory=list)
    unclaimable: set[int] = field(default_factory=set)
    broken: Exception | None = None
    claiming: asyncio.Event | None = None
    under_way: dict[str, int] = field(default_factory=dict)
    most_at_once: dict[str, int] = field(default_factory=dict)

    def __call__(self, integration: Integration) -> Sender:
        return (Announcing if self.announces else Scripted)(self, integration.destination)

    async def claim(self, rows: Sequence[int]) -> Collection[int]:
        if self.claiming:
            await self.claiming.wait()
        if self.broken:
            raise self.broken
        self.claims.append(list(rows))
        return [row for row in rows if row not in self.unclaimable]

    async def record(self, attempted: Sequence[Attempted]) -> None:
        if self.broken:
            raise self.broken
        self.attempts.append(list(attempted))

    async def report(self, ending: Ending) -> None:
        if self.broken:
            raise self.broken
        self.endings.append(ending)

    async def turned(self, turn: BreakerTurned) -> None:
        if self.broken:
            raise self.broken
        self.turns.append(turn)

    @property
    def rows(self) -> list[int]:
        """The rows of the attempts, in order."""
        return [row for _, row in self.sent]

    @property
    def ended(self) -> list[tuple[int, str, str | None]]:
        """(row, state, reason) of the endings, in order."""
        return [(ending.row, ending.state, ending.reason) for ending in self.endings]

    def seconds(self) -> float:
        """Virtual time since the beginning."""
        return round((self.clock.monotonic() - 1_000 * SECOND) / SECOND, 6)


@dataclass
class Scripted:
    """A Sender that does what its Desk says."""

    desk: Desk
    destination: str

    async def send(self, notification: Notification, attempt: Attempt) -> Outcome:
        desk, here = self.desk, self.destination
        assert attempt.within == 10 * SECOND
        desk.sent.append((desk.seconds(), notification.row))
        desk.tries.append(attempt)
        desk.under_way[here] = desk.under_way.get(here, 0) + 1
        desk.most_at_once[here] = max(desk.most_at_once.get(here, 0), desk.under_way[here])
        try:
            answer = desk.answer(notification.row)
            outcome: Outcome = await answer if asyncio.isfuture(answer) else answer
            return outcome
        finally:
            desk.under_way[here] -= 1


class Announcing(Scripted):
    """A Sender that can also say that much waits."""

    async def announce(self, waiting: int, within: int) -> Outcome:
        self.desk.announcements.append((self.desk.seconds(), waiting))
        outcome: Outcome = self.desk.announced()
        return outcome


@dataclass
class Store:
    """The Desk's store, under the names that Delivery calls."""

    desk: Desk

    async def claim(self, rows: Sequence[int]) -> Collection[int]:
        return await self.desk.claim(rows)

    async def attempts(self, attempted: Sequence[Attempted]) -> None:
        await self.desk.record(attempted)


@asynccontextmanager
async def open_desk(
    pace: Callable[[str], Pace | None] = unpaced,
    random: Callable[[], float] = lambda: 0.5,
    senders: Callable[[Integration], Sender] | None = None,
    **settings: Any,
) -> AsyncIterator[tuple[Desk, Delivery]]:
    """A Desk and its Delivery; `random` 0.5 means that jitter changes nothing."""
    desk = Desk(ManualClock())
    chosen = DeliverySettings(**settings)
    delivery = Delivery(
        chosen, desk.clock, senders or desk, random, Store(desk), desk.report, desk.turned, pace
    )
    try:
        yield desk, delivery
    finally:
        stop = asyncio.create_task(delivery.stop())
        await desk.clock.settle()
        await desk.clock.advance(5 * SECOND)
        await stop
        assert [task for task in asyncio.all_tasks() if task.get_name().startswith("delivery")] == []
