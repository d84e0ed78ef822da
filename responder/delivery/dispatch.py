"""Carries orders to the world: claims, sends, retries, and reports how each ended.

`engine` hands it orders after the commit that opened their rows, or once what these follow from is durable;
`service` starts and stops it. It never sends a row that is not handed over as claimed, or claimed by itself
since, never sends one row twice at once, and never decides what is told.
"""

import asyncio
import contextlib
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final, TypeAlias

import msgspec
import structlog

from responder.clock import Clock
from responder.core.messages import BreakerTurned
from responder.core.model import SECOND, Nanoseconds
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
from responder.core.tracecontext import TraceContext
from responder.delivery.conveyor import Conveyor, Writes
from responder.delivery.lane import Entry, Lane
from responder.delivery.orders import (
    DeliverySettings,
    DeliveryStore,
    Snapshot,
)
from responder.notify.integration import Announcer, Preparer, Sender
from responder.settings.values import Pace
from responder.tracing import Tracing, within

STOP_BUDGET: Final = 5_000_000_000
"""How long a stop waits for what is under way, in nanoseconds."""

_PREPARED: Final = 4
"""In a storm there is no time to get ready for more."""

LONGEST_RECEIPT: Final = 4096
"""In bytes of UTF-8: a receipt is a place or two, and is kept with the state for as long as the incident."""

_log = structlog.get_logger(__name__)


def unpaced(kind: str) -> Pace | None:
    """No kind of integration is paced."""
    return None


Observe: TypeAlias = Callable[[str, float, Mapping[str, str] | None], None]
"""Hears how many seconds an attempt took: kind of integration, seconds, and the names of its span."""


def unobserved(kind: str, seconds: float, names: Mapping[str, str] | None) -> None:
    """Nobody wants to know."""


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
        observe: Observe = unobserved,
        tracing: Tracing | None = None,
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
        self._observe = observe
        self._tracing = tracing
        self._began = clock.monotonic()
        self._distrusted: frozenset[str] = frozenset()
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._entries: dict[int, Entry] = {}
        self._sends: dict[asyncio.Task[Outcome], Entry] = {}
        self._announcements: set[asyncio.Task[None]] = set()
        self._announced = 0
        self._starved: dict[Lane, None] = {}
        self._wakes: list[tuple[Nanoseconds, int, Lane]] = []
        self._timer: asyncio.Task[None] | None = None
        self._waking = False
        self._paused = False
        self._stopping = False
        self._turns = 0
        self._outcomes: Counter[tuple[str, str, str]] = Counter()
        self._claims: Conveyor[int, Entry] = Conveyor("claims", clock, self._claim_writes)
        self._attempts: Conveyor[int, Attempted] = Conveyor("attempts", clock, self._attempt_writes)
        self._reports: Conveyor[int, Ending | BreakerTurned] = Conveyor("reports", clock, self._report_writes)

    # -- what the service calls -------------------------------------------------------------

    def pause(self) -> None:
        """Take orders, and begin none before `resume`: what sends them is still to be imported."""
        self._paused = True

    def resume(self) -> None:
        """Begin what was taken meanwhile."""
        self._paused = False
        for lane in list(self._lanes.values()):
            self._pump(lane)

    # -- what the engine calls --------------------------------------------------------------

    def distrust(self, destinations: Collection[str]) -> None:
        """Before any order: these were down when an earlier process ended, so each begins with a probe."""
        self._distrusted = frozenset(destinations)

    def start_now(self, orders: Iterable[Order]) -> set[int]:
        """The rows whose claims the engine may write into its own commit.

        They are those whose turn it would be at once, or as soon as one that is under way ends.
        Hand the same orders over, `claimed`; nothing is reserved until then.
        """
        if self._stopping or self._paused:
            return set()
        now = self._clock.monotonic()
        ahead: dict[Lane, int] = {}
        planned: Counter[Lane] = Counter()
        rows: set[int] = set()
        for order in sorted(orders, key=lambda order: (order.rank, order.row)):
            lane = self._lane(order.integration)
            if self._knows(order.row):
                continue
            if lane not in ahead:
                ahead[lane] = lane.ahead(now)
            if lane.claimable(order, ahead[lane], planned[lane]):
                planned[lane] += 1
                rows.add(order.row)
        return rows

    def prepare(self, orders: Sequence[Order]) -> None:
        """Get ready for orders that are about to be handed over; nothing is sent."""
        if self._paused:
            return
        for order in orders[:_PREPARED]:
            with contextlib.suppress(Exception):  # it fails again when it is sent, and is judged then
                sender = self._senders(order.integration)
                if isinstance(sender, Preparer):
                    sender.prepare(order.notification)

    def hand(self, orders: Iterable[Order]) -> None:
        """Take orders. A row that is here already, or whose ending is not reported yet, is ignored."""
        lanes: dict[Lane, None] = {}
        now = self._clock.monotonic()
        for order in orders:
            if self._knows(order.row):
                continue
            lane = self._lane(order.integration)
            entry = Entry(order, lane)
            self._entries[order.row] = entry
            if entry.receipt and lane.breaker.opened:
                self._leave_rest(entry, "breaker_open", "")
                continue
            lane.add(entry, order.not_before - self._clock.now() if order.not_before else 0, now)
            lanes[lane] = None
        for lane in lanes:
            self._pump(lane)

    def succeed(self, row: int) -> None:
        """A successor of `row` waits: if that is not being sent, it ends as superseded now.

        If it is under way, it ends so when it would have to be tried again. If people were told of it
        and a part is left, it ends as delivered: the successor tells the rest.
        """
        entry = self._entries.get(row)
        if entry is None:
            return
        entry.succeeded = True
        if entry.place not in ("flying", "claiming"):
            entry.lane.remove(entry)
            self._end_early(entry)

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
        return Snapshot(lanes, dict(self._outcomes), len(self._reports), self._announced)

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
            lane = Lane(key, self._settings, self._random, pace, self._began)
            if integration.destination in self._distrusted:
                lane.breaker.distrust(self._began)
            self._lanes[key] = lane
        return lane

    def _pump(self, lane: Lane) -> None:
        if self._stopping or self._paused:
            return
        now = self._clock.monotonic()
        if by := lane.to_announce(now):
            self._announce(lane, by, now)
        for entry in lane.to_claim(now):
            self._claims.put(entry.order.row, entry)
        while sent := lane.to_send(now, len(self._sends) >= self._settings.overall):
            send = asyncio.create_task(self._send(sent), name="delivery send")
            self._sends[send] = sent
            send.add_done_callback(self._sent)
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
        maybe_told = entry.doubt is not None or order.attempts > 0 or order.notification.doubt
        attempt = Attempt(self._settings.timeout, entry.attempts, maybe_told, entry.receipt)
        began = self._clock.monotonic()
        if order.trace is not None and self._tracing is not None:
            return await self._send_traced(self._tracing, entry, attempt, order.trace)
        outcome = await self._senders(order.integration).send(order.notification, attempt)
        self._observe(order.integration.kind, (self._clock.monotonic() - began) / SECOND, None)
        return outcome

    async def _send_traced(
        self, tracing: Tracing, entry: Entry, attempt: Attempt, above: TraceContext
    ) -> Outcome:
        order, began = entry.order, self._clock.monotonic()
        kind = order.integration.kind
        span = tracing.follow("deliver", above)
        span.attributes |= {
            "responder.row": order.row,
            "responder.receiver": order.notification.receiver,
            "responder.integration": kind,
            "responder.attempt": entry.attempts,
        }
        ended = "unknown"
        try:
            with within(span):
                outcome = await self._senders(order.integration).send(order.notification, attempt)
            ended = "delivered" if isinstance(outcome, Delivered | Partly) else _reason(outcome)
        finally:
            span.end("" if ended == "delivered" else ended, attributes={"responder.outcome": ended})
        self._observe(kind, (self._clock.monotonic() - began) / SECOND, span.context.names)
        return outcome

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
        outcome = task.result() if bug is None else _blamed(bug, entry.order.integration)
        was_open = lane.breaker.opened
        if isinstance(outcome, Delivered | Partly):
            lane.answered(entry)
            self._told(entry, outcome, now)
        elif isinstance(outcome, Rejected):
            if outcome.reason == "unsupported":
                lane.abandoned(entry, now)
            else:
                lane.answered(entry)
            self._count(entry, outcome.reason)
            if entry.receipt:
                self._leave_rest(entry, outcome.reason, outcome.detail)
            else:
                self._end(entry, "dead", outcome.reason, outcome.detail)
        else:
            lane.failed(entry, outcome, now, ours=bug is not None)
            assert entry.failure is not None
            self._count(entry, entry.failure[0])
            self._retry(entry, now)
        if lane.breaker.opened != was_open:
            self._turned(lane)
        while self._starved and len(self._sends) < self._settings.overall:
            starved = next(iter(self._starved))
            del self._starved[starved]
            self._pump(starved)
        self._pump(lane)

    def _told(self, entry: Entry, outcome: Delivered | Partly, now: Nanoseconds) -> None:
        """People were told. What is left is tried once everything else was, unless it is out of date."""
        receipt = outcome.receipt
        if len(receipt.encode()) > LONGEST_RECEIPT:
            _log.error("receipt_too_long", **_names(entry), size=len(receipt), most=LONGEST_RECEIPT)
            receipt = ""
        first_part = isinstance(outcome, Partly) and bool(receipt) and not entry.receipt
        entry.receipt = receipt or entry.receipt
        if not first_part or entry.succeeded:
            self._end(entry, "delivered", None, "")
            return
        entry.lane.partly(entry, receipt, now)
        row = entry.order.row
        self._attempts.put(row, Attempted(row, entry.attempts, self._clock.now(), None, "", receipt))

    def _leave_rest(self, entry: Entry, reason: FailureReason, detail: str) -> None:
        """What was left of a row of which people were told is not tried again."""
        _log.warning("rest_not_told", **_names(entry), reason=reason, detail=detail)
        self._end(entry, "delivered", None, "")

    def _retry(self, entry: Entry, now: Nanoseconds) -> None:
        assert entry.failure is not None
        reason, detail = entry.failure
        if entry.succeeded:
            entry.lane.remove(entry)
            self._end_early(entry)
            return
        if entry.receipt and entry.lane.gives_up(entry, now):
            entry.lane.remove(entry)
            self._leave_rest(entry, reason, detail)
            return
        next_at = self._clock.now() + entry.lane.next_try(entry) - now
        row, attempts = entry.order.row, entry.attempts
        self._attempts.put(row, Attempted(row, attempts, next_at, reason, detail, entry.receipt))
        level = _log.warning if attempts == 1 else _log.debug
        level("delivery_failed", **_names(entry), reason=reason, detail=detail, attempts=attempts)

    def _announce(self, lane: Lane, by: Integration, now: Nanoseconds) -> None:
        """Say that much waits, if the integration can."""
        names = {"kind": by.kind, "destination": by.destination}
        _log.warning("destination_crowded", **names, waiting=lane.waiting)
        sender: object = None
        try:
            sender = self._senders(by)
        except Exception as bug:
            _blamed(bug, by)
        if not isinstance(sender, Announcer):
            lane.announced(Delivered(), now)
            return
        lane.announcing(now)
        task = asyncio.create_task(self._say(lane, by, sender), name="delivery announcement")
        self._announcements.add(task)
        task.add_done_callback(self._announcements.discard)

    async def _say(self, lane: Lane, by: Integration, sender: Announcer) -> None:
        try:
            outcome = await sender.announce(lane.waiting, self._settings.timeout)
        except Exception as bug:
            outcome = _blamed(bug, by)
        if isinstance(outcome, Delivered | Partly):
            self._announced += 1
        else:
            reason = _reason(outcome)
            names = {"kind": by.kind, "destination": by.destination}
            _log.warning("announcement_failed", **names, reason=reason, detail=outcome.detail)
        lane.announced(outcome, self._clock.monotonic())
        self._pump(lane)

    # -- writing ----------------------------------------------------------------------------

    def _end(self, entry: Entry, state: State, reason: FailureReason | None, detail: str) -> None:
        row, attempts = entry.order.row, entry.attempts
        del self._entries[row]
        self._attempts.drop(row)
        maybe_told = entry.doubt is not None or entry.order.attempts > 0
        ending = Ending(row, state, reason, detail, attempts, self._clock.now(), maybe_told, entry.receipt)
        if state == "delivered":
            self._count(entry, "delivered")
        self._reports.put(row, ending)
        if entry.order.notification.update:
            level = _log.debug if state == "delivered" else _log.warning
            level("place_updated", **_names(entry), state=state, reason=reason, detail=detail)
            return
        level = _log.error if state == "dead" else _log.info
        level(f"notification_{state}", **_names(entry), reason=reason, detail=detail, attempts=attempts)

    def _end_early(self, entry: Entry) -> None:
        """A successor of a row waits: it is superseded, unless people were told of it."""
        if entry.receipt:
            self._end(entry, "delivered", None, "")
            return
        reason, detail = entry.doubt or entry.failure or (None, "")
        self._end(entry, "superseded", reason, detail)

    def _turned(self, lane: Lane) -> None:
        # Whoever asks now what a destination that is down still owes must not find what was told.
        for entry in lane.replies if lane.breaker.opened else ():
            lane.remove(entry)
            self._leave_rest(entry, "breaker_open", "")
        turned = BreakerTurned(
            destination=lane.destination,
            opened=lane.breaker.opened,
            reason=lane.breaker.reason or "",
            waiting=lane.waiting,
        )
        self._turns += 1
        self._reports.put(-self._turns, turned)  # rows are positive
        _log.warning("breaker_turned", **msgspec.structs.asdict(turned))

    def _count(self, entry: Entry, outcome: str) -> None:
        order = entry.order
        if order.notification.update:
            return  # nothing that is owed
        self._outcomes[order.integration.kind, order.notification.receiver, outcome] += 1

    def _claim_writes(self, batch: Mapping[int, Entry]) -> Writes[int]:
        rows = []
        for row, entry in batch.items():
            if entry.succeeded:
                entry.lane.unclaimable(entry)
                self._end_early(entry)
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
                self._end_early(entry)
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
        return [*self._sends, *self._announcements, *(task for task in writes if task)]


def _reason(outcome: Rejected | Retry | Unknown) -> FailureReason:
    return "unknown" if isinstance(outcome, Unknown) else outcome.reason


def _blamed(bug: BaseException, integration: Integration) -> Retry:
    # A bug in a sender is no reason to lose a page: it is told, and tried again. Only its name
    # and place are kept, since its words may hold a secret.
    places = traceback.extract_tb(bug.__traceback__)
    place = f"{places[-1].filename}:{places[-1].lineno}" if places else ""
    _log.error("sender_bug", kind=integration.kind, error=type(bug).__name__, place=place)
    return Retry("unknown", type(bug).__name__)


def _names(entry: Entry) -> dict[str, object]:
    order = entry.order
    names: dict[str, object] = {
        "row": order.row,
        "receiver": order.notification.receiver,
        "kind": order.integration.kind,
        "destination": order.integration.destination,
    }
    return names if order.trace is None else {**names, **order.trace.names}
