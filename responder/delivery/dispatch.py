"""Carries orders to the world: claims, sends, retries, and reports how each ended.

`engine` hands it orders after the commit that opened their rows; `service` starts and stops it.
It never sends a row whose claim is not durable, never sends one row twice at once, and never
decides what is told.
"""

import asyncio
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final

import msgspec
import structlog

from responder.clock import Clock
from responder.core.messages import BreakerTurned
from responder.core.model import Nanoseconds
from responder.core.notification import (
    Attempt,
    Delivered,
    FailureReason,
    Outcome,
    Partly,
    Rejected,
    Retry,
    Unknown,
)
from responder.core.orders import Attempted, Ending, Order, State
from responder.core.rules import Integration
from responder.delivery.conveyor import Conveyor, Writes
from responder.delivery.lane import Entry, Lane
from responder.delivery.orders import (
    DeliverySettings,
    DeliveryStore,
    Pace,
    Snapshot,
)
from responder.notify.integration import Preparer, Sender

STOP_BUDGET: Final = 5_000_000_000
"""How long a stop waits for what is under way, in nanoseconds."""

_PREPARED: Final = 4
"""In a storm there is no time to get ready for more."""

_log = structlog.get_logger(__name__)


def unpaced(kind: str) -> Pace | None:
    """No kind of integration is paced."""
    return None


class Delivery:
    """The outbox workers of one process. Every method is called on the event loop."""

    def __init__(
        self,
        settings: DeliverySettings,
        clock: Clock,
        senders: Callable[[Integration], Sender],
        random: Callable[[], float],
        store: DeliveryStore,
        report: Callable[[Ending], Awaitable[None]],
        on_breaker: Callable[[BreakerTurned], Awaitable[None]],
        pace: Callable[[str], Pace | None] = unpaced,
    ) -> None:
        """Idle. `random` draws from [0, 1); `pace` says how fast each kind may be told.

        `report` and `on_breaker` may raise Overloaded or StorageError: they are called again.
        """
        self._settings = settings
        self._clock = clock
        self._senders = senders
        self._random = random
        self._store = store
        self._report = report
        self._on_breaker = on_breaker
        self._pace = pace
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._entries: dict[int, Entry] = {}
        self._sends: dict[asyncio.Task[Outcome], Entry] = {}
        self._starved: dict[Lane, None] = {}
        self._wakes: list[tuple[Nanoseconds, int, Lane]] = []
        self._timer: asyncio.Task[None] | None = None
        self._waking = False
        self._stopping = False
        self._turns = 0
        self._outcomes: Counter[tuple[str, str, str]] = Counter()
        self._claims: Conveyor[int, Entry] = Conveyor("claims", clock, self._claim_writes)
        self._attempts: Conveyor[int, Attempted] = Conveyor("attempts", clock, self._attempt_writes)
        self._reports: Conveyor[int, Ending | BreakerTurned] = Conveyor("reports", clock, self._report_writes)

    # -- what the engine calls --------------------------------------------------------------

    def start_now(self, orders: Iterable[Order]) -> set[int]:
        """The rows whose claims the engine may write into its own commit.

        They are those whose turn it would be at once, or as soon as one that is under way ends.
        Hand the same orders over after the commit, `claimed`; nothing is reserved until then.
        """
        now = self._clock.monotonic()
        planned: Counter[Lane] = Counter()
        rows: set[int] = set()
        for order in orders:
            lane = self._lane(order.integration)
            if self._stopping or self._knows(order.row) or lane.unclaimed:
                continue
            if planned[lane] < lane.room(now):
                planned[lane] += 1
                rows.add(order.row)
        return rows

    def prepare(self, orders: Sequence[Order]) -> None:
        """Get ready for orders that are about to be handed over; nothing is sent."""
        for order in orders[:_PREPARED]:
            sender = self._senders(order.integration)
            if isinstance(sender, Preparer):
                sender.prepare(order.notification)

    def hand(self, orders: Iterable[Order]) -> None:
        """Take orders. A row that is here already, or whose ending is not reported yet, is ignored."""
        lanes: dict[Lane, None] = {}
        for order in orders:
            if self._knows(order.row):
                continue
            lane = self._lane(order.integration)
            entry = Entry(order, lane)
            self._entries[order.row] = entry
            lane.add(entry)
            lanes[lane] = None
        for lane in lanes:
            self._pump(lane)

    def succeed(self, row: int) -> None:
        """A successor of `row` waits: if that is not being sent, it ends as superseded now.

        If it is under way, it ends so when it would have to be tried again.
        """
        entry = self._entries.get(row)
        if entry is None:
            return
        entry.succeeded = True
        if entry.place not in ("flying", "claiming"):
            entry.lane.remove(entry)
            self._end_superseded(entry)

    async def stop(self, budget: Nanoseconds = STOP_BUDGET) -> None:
        """Begin nothing more; let what is under way end, and be reported, within `budget`.

        What does not end in time stays as the store knows it, and is taken up at the next start.
        """
        self._stopping = True
        if self._timer:
            self._timer.cancel()
        deadline = asyncio.create_task(self._clock.sleep(budget))
        while (busy := self._busy()) and not deadline.done():
            await asyncio.wait({*busy, deadline}, return_when=asyncio.FIRST_COMPLETED)
        rest = [deadline, *self._busy(), *(task for task in (self._timer, self._claims.task) if task)]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    # -- looking ----------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """How everything stands, for metrics and pages."""
        now = self._clock.monotonic()
        lanes = tuple(lane.status(now) for lane in self._lanes.values())
        return Snapshot(lanes, dict(self._outcomes), len(self._reports))

    def waiting_for(self, row: int) -> FailureReason | None:
        """Why a row that delivery has is not told yet: `breaker_open`, its last failure, or None."""
        entry = self._entries.get(row)
        if entry is None or entry.place == "flying":
            return None
        if entry.lane.breaker.opened:
            return "breaker_open"
        return entry.failure[0] if entry.failure else None

    # -- lanes ------------------------------------------------------------------------------

    def _lane(self, integration: Integration) -> Lane:
        key = (integration.kind, integration.destination)
        lane = self._lanes.get(key)
        if lane is None:
            pace = self._pace(integration.kind)
            lane = Lane(key, self._settings, self._random, pace, self._clock.monotonic())
            self._lanes[key] = lane
        return lane

    def _pump(self, lane: Lane) -> None:
        if self._stopping:
            return
        now = self._clock.monotonic()
        for entry in lane.to_claim(now):
            self._claims.put(entry.order.row, entry)
        while sent := lane.to_send(now, len(self._sends) >= self._settings.overall):
            task = asyncio.create_task(self._send(sent), name="delivery send")
            self._sends[task] = sent
            task.add_done_callback(self._sent)
        if lane.sendable and len(self._sends) >= self._settings.overall:
            self._starved[lane] = None
        wake = lane.next_wake(now)
        if wake is not None and (lane.wake_at is None or wake < lane.wake_at):
            lane.wake_at = wake
            self._arm(wake, lane)

    def _arm(self, at: Nanoseconds, lane: Lane) -> None:
        earliest = not self._wakes or at < self._wakes[0][0]
        self._turns += 1
        heappush(self._wakes, (at, self._turns, lane))
        if earliest and not self._waking:
            if self._timer:
                self._timer.cancel()
            self._timer = asyncio.create_task(self._wake(), name="delivery timer")

    async def _wake(self) -> None:
        while self._wakes:
            await self._clock.sleep(self._wakes[0][0] - self._clock.monotonic())
            now = self._clock.monotonic()
            self._waking = True
            while self._wakes and self._wakes[0][0] <= now:
                at, _, lane = heappop(self._wakes)
                if lane.wake_at == at:
                    lane.wake_at = None
                    self._pump(lane)
            self._waking = False
        self._timer = None

    # -- sending ----------------------------------------------------------------------------

    async def _send(self, entry: Entry) -> Outcome:
        order = entry.order
        maybe_told = entry.doubt is not None or order.attempts > 0
        attempt = Attempt(self._settings.timeout, entry.attempts, maybe_told)
        return await self._senders(order.integration).send(order.notification, attempt)

    def _sent(self, task: "asyncio.Task[Outcome]") -> None:
        entry = self._sends.pop(task)
        lane, now = entry.lane, self._clock.monotonic()
        bug: BaseException | None = None
        if not task.cancelled():
            bug = task.exception()
        elif self._stopping:
            lane.abandoned(entry, now)
            return
        else:
            bug = asyncio.CancelledError()
        outcome = task.result() if bug is None else _blamed(bug, entry)
        was_open = lane.breaker.opened
        if isinstance(outcome, Delivered | Partly):
            lane.answered(entry)
            self._end(entry, "delivered", None, "")
        elif isinstance(outcome, Rejected):
            if outcome.reason == "unsupported":
                lane.abandoned(entry, now)
            else:
                lane.answered(entry)
            self._end(entry, "dead", outcome.reason, outcome.detail)
        else:
            lane.failed(entry, outcome, now, ours=bug is not None)
            self._retry(entry, now)
        self._count(entry, outcome)
        if lane.breaker.opened != was_open:
            self._turned(lane)
        while self._starved and len(self._sends) < self._settings.overall:
            starved = next(iter(self._starved))
            del self._starved[starved]
            self._pump(starved)
        self._pump(lane)

    def _retry(self, entry: Entry, now: Nanoseconds) -> None:
        assert entry.failure is not None
        if entry.succeeded:
            entry.lane.remove(entry)
            self._end_superseded(entry)
            return
        reason, detail = entry.failure
        next_at = self._clock.now() + entry.lane.next_try(entry) - now
        row, attempts = entry.order.row, entry.attempts
        self._attempts.put(row, Attempted(row, attempts, next_at, reason, detail))
        level = _log.warning if attempts == 1 else _log.debug
        level("delivery_failed", **_names(entry), reason=reason, detail=detail, attempts=attempts)

    # -- writing ----------------------------------------------------------------------------

    def _end(self, entry: Entry, state: State, reason: FailureReason | None, detail: str) -> None:
        row, attempts = entry.order.row, entry.attempts
        del self._entries[row]
        self._attempts.drop(row)
        maybe_told = entry.doubt is not None or entry.order.attempts > 0
        ending = Ending(row, state, reason, detail, attempts, self._clock.now(), maybe_told)
        self._reports.put(row, ending)
        level = _log.error if state == "dead" else _log.info
        level(f"notification_{state}", **_names(entry), reason=reason, detail=detail, attempts=attempts)

    def _end_superseded(self, entry: Entry) -> None:
        reason, detail = entry.doubt or entry.failure or (None, "")
        self._end(entry, "superseded", reason, detail)

    def _turned(self, lane: Lane) -> None:
        turned = BreakerTurned(
            destination=lane.destination,
            opened=lane.breaker.opened,
            reason=lane.breaker.reason or "",
            waiting=lane.waiting,
        )
        self._turns += 1
        self._reports.put(-self._turns, turned)  # rows are positive
        _log.warning("breaker_turned", **msgspec.structs.asdict(turned))

    def _count(self, entry: Entry, outcome: Outcome) -> None:
        if isinstance(outcome, Delivered | Partly):
            reason = "delivered"
        else:
            reason = "unknown" if isinstance(outcome, Unknown) else outcome.reason
        order = entry.order
        self._outcomes[order.integration.kind, order.notification.receiver, reason] += 1

    def _claim_writes(self, batch: Mapping[int, Entry]) -> Writes[int]:
        rows = []
        for row, entry in batch.items():
            if entry.succeeded:
                entry.lane.unclaimable(entry)
                self._end_superseded(entry)
            else:
                rows.append(row)
        return [(rows, self._claim({row: batch[row] for row in rows}))] if rows else []

    async def _claim(self, batch: Mapping[int, Entry]) -> None:
        claimed = set(await self._store.claim(list(batch)))
        for row, entry in batch.items():
            if row in claimed and not entry.succeeded:
                entry.lane.claimed(entry)
                continue
            entry.lane.unclaimable(entry)
            if row in claimed:
                self._end_superseded(entry)
            else:
                del self._entries[row]
        for lane in {entry.lane: None for entry in batch.values()}:
            self._pump(lane)

    def _attempt_writes(self, batch: Mapping[int, Attempted]) -> Writes[int]:
        return [(list(batch), self._store.attempts(list(batch.values())))]

    def _report_writes(self, batch: Mapping[int, Ending | BreakerTurned]) -> Writes[int]:
        # At the same time, so that the inputs log commits them as one group.
        return [
            ([key], self._report(item) if isinstance(item, Ending) else self._on_breaker(item))
            for key, item in batch.items()
        ]

    # -- small questions --------------------------------------------------------------------

    def _knows(self, row: int) -> bool:
        return row in self._entries or row in self._reports

    def _busy(self) -> "list[asyncio.Task[object]]":
        writes = (self._reports.task, self._attempts.task)
        return [*self._sends, *(task for task in writes if task)]


def _blamed(bug: BaseException, entry: Entry) -> Retry:
    # A bug in a sender is no reason to lose a page: it is told, and tried again. Only its name
    # and place are kept, since its words may hold a secret.
    places = traceback.extract_tb(bug.__traceback__)
    place = f"{places[-1].filename}:{places[-1].lineno}" if places else ""
    _log.error("sender_bug", kind=entry.order.integration.kind, error=type(bug).__name__, place=place)
    return Retry("unknown", type(bug).__name__)


def _names(entry: Entry) -> dict[str, object]:
    order = entry.order
    return {
        "row": order.row,
        "receiver": order.notification.receiver,
        "kind": order.integration.kind,
        "destination": order.integration.destination,
    }
