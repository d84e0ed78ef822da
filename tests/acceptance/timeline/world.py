"""The engine, its database, delivery and the webhook integration, wired as the service wires them.

`timeline` builds one World per life of the process: stopping one and building another over the
same database is a restart. Nothing in it is a stand-in but the clock and the dice.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from responder.core.messages import AlertsReceived
from responder.core.model import SECOND, Nanoseconds
from responder.core.receiving import Limits as AlertLimits
from responder.core.receiving import parse_api, parse_webhook
from responder.core.rules import Ruleset
from responder.delivery import Delivery, DeliverySettings
from responder.delivery.dispatch import unpaced
from responder.engine import Engine
from responder.notify.integration import Senders
from responder.settings.values import Limits, Pace
from responder.store.database import Database, Writer
from responder.store.outbox import OutboxStore
from responder.telemetry import Metrics
from tests.acceptance.timeline.clock import NAP, EngineClock, TimelineClock

T = TypeVar("T")

EXTERNAL_URL = "http://responder.test"


class WatchedDatabase(Database):
    """A Database that knows how many of its answers are outstanding."""

    outstanding = 0

    def submit(self, job: Callable[[Writer], T], **how: Any) -> "asyncio.Future[T]":
        """Queue a job."""
        self.outstanding += 1
        future = super().submit(job, **how)
        future.add_done_callback(self._answered)
        return future

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a reader."""
        self.outstanding += 1
        try:
            return await super().read(query)
        finally:
            self.outstanding -= 1

    def _answered(self, _: object) -> None:
        self.outstanding -= 1


def _never(source: Mapping[str, str], running: Ruleset) -> Ruleset | None:
    raise AssertionError("every timeline keeps one ruleset")


def _announcing() -> bool:
    """Whether somebody is being told that much waits: no row, so that no lane counts it."""
    return any(task.get_name() == "delivery announcement" for task in asyncio.all_tasks())


class World:
    """One life of the process."""

    def __init__(
        self,
        path: Path,
        ruleset: Ruleset,
        clock: TimelineClock,
        hanging: Callable[[], int],
        *,
        naps: bool,
        pace: Callable[[str], Pace | None] = unpaced,
    ) -> None:
        """`hanging`: requests that time may pass over, because nobody will answer them soon.

        `naps`: the engine may sleep for longer than it would. `pace`: how fast each kind may be told.
        """
        self.clock = clock
        self.database = WatchedDatabase(path)
        self.metrics = Metrics()
        self.engine = Engine(
            self.database,
            EngineClock(clock, self._left, naps=naps),
            ruleset,
            Limits(lag=2 * NAP),
            self.metrics,
            _never,
        )
        self._senders = Senders(EXTERNAL_URL, ruleset.mends, clock)
        self.delivery = Delivery(
            DeliverySettings(),
            clock,
            self._senders,
            lambda: 0.5,  # the middle: no jitter
            OutboxStore(self.database, clock),
            self.engine.report,
            self.engine.breaker_turned,
            pace,
        )
        self._hanging = hanging
        self._naps = naps
        self._alive = False

    async def start(self) -> None:
        """Open the database and begin to decide."""
        self.database.open()
        self._alive = True
        self.clock.busy = [self._busy]
        await self.engine.start(self.delivery)
        await self.clock.settle()

    async def stop(self) -> None:
        """End; what is under way is cut off, as when the process is told to end and has no time left."""
        await self.delivery.stop(0)
        await self.engine.stop()
        self._alive = False
        await self._senders.close()
        await self.database.close()

    async def post(self, body: bytes, *, webhook: bool) -> None:
        """What an entrance does with a request's body once it has let it in."""
        parsed = parse_webhook(body, AlertLimits()) if webhook else parse_api(body, AlertLimits())
        source: Literal["webhook", "api"] = "webhook" if webhook else "api"
        await self.engine.accept("alertmanager", [AlertsReceived(source, body, *parsed)])

    def _busy(self) -> bool:
        if not self._alive:
            return False
        under_way = sum(status.in_flight for status in self.delivery.snapshot().destinations)
        if self.database.outstanding or under_way > self._hanging() or _announcing():
            return True
        # Of a clock that was set ahead the engine hears at its next look: until then it sleeps on.
        return self._naps and not self.engine.idle

    def _left(self) -> Nanoseconds:
        due = self.engine.state.next_due()
        return due[0] - self.engine.log.now() if due else SECOND
