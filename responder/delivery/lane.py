"""One destination's queue: which row goes next, and when the next may go.

`dispatch` keeps one Lane per destination, asks it what to claim and what to send, and tells it
how attempts ended. A Lane never sleeps, sends or reads a clock: it is given the monotonic time.
"""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Final, Literal, TypeAlias

from responder.core.ledger import MAYBE_TOLD
from responder.core.model import HOUR, Nanoseconds
from responder.core.notification import FailureReason, Retry, Unknown
from responder.core.orders import Order
from responder.delivery.breaker import Breaker, Bucket
from responder.delivery.orders import DeliverySettings, DestinationStatus, Pace

MAX_ASKED: Final = HOUR
"""The longest that a service may make us wait (`Retry-After`)."""

_BREAKING: Final[frozenset[FailureReason]] = frozenset(
    {"timeout", "network", "refused", "server_error", "unknown"}
)
"""Failures that say that the destination is unwell. 429 is not among them: it asks for a pause."""

Place: TypeAlias = Literal["queued", "claiming", "ready", "delayed", "flying", "gone"]


class Entry:
    """One order on its way.

    `place`: waiting for its claim, being claimed, waiting to be sent, waiting for its next try,
    being sent, or done with. `due` (monotonic) is when it may be tried again, `asked` that the
    service named that time. `succeeded`: a successor waits. `failure` is the last attempt's
    reason and detail, `doubt` those of the last after which the service may have understood it.
    """

    __slots__ = (
        "asked",
        "attempts",
        "doubt",
        "due",
        "failure",
        "lane",
        "order",
        "place",
        "serial",
        "succeeded",
    )

    def __init__(self, order: Order, lane: "Lane") -> None:
        """An order that has just been handed over."""
        self.order = order
        self.lane = lane
        self.attempts = order.attempts
        self.place: Place = "gone"
        self.serial = 0
        self.succeeded = False
        self.due: Nanoseconds = 0
        self.asked = False
        self.failure: tuple[FailureReason, str] | None = None
        self.doubt: tuple[FailureReason, str] | None = None


class Heap:
    """Entries at one place, least number first. Those that have left it are skipped."""

    __slots__ = ("_items", "_place", "_serial", "size")

    def __init__(self, place: Place) -> None:
        """Empty; `place` is what its entries are marked with."""
        self._place = place
        self._items: list[tuple[int, int, Entry]] = []
        self._serial = count()
        self.size = 0

    def push(self, number: int, entry: Entry) -> None:
        """Put an entry here."""
        entry.place, entry.serial = self._place, next(self._serial)
        self.size += 1
        heappush(self._items, (number, entry.serial, entry))

    def peek(self) -> Entry | None:
        """The least, or None."""
        while self._items:
            _, serial, entry = self._items[0]
            if entry.place == self._place and entry.serial == serial:
                return entry
            heappop(self._items)
        return None

    def move(self, entry: Entry, place: Place) -> None:
        """An entry leaves for `place`."""
        entry.place = place
        self.size -= 1

    def __iter__(self) -> Iterator[Entry]:
        """Every entry, in no order."""
        return (e for _, serial, e in self._items if e.place == self._place and e.serial == serial)


class Lane:
    """A destination: its rows in order, its pace, its breaker."""

    def __init__(
        self,
        integration: tuple[str, str],
        settings: DeliverySettings,
        random: Callable[[], float],
        pace: Pace | None,
        now: Nanoseconds,
    ) -> None:
        """Idle, for the (kind, destination) of an integration."""
        self.kind, self.destination = integration
        self.breaker = Breaker(settings.breaker_after, settings.breaker_probe, settings.breaker_max_probe)
        self.in_flight = 0
        self.wake_at: Nanoseconds | None = None
        self._settings = settings
        self._random = random
        self._bucket = Bucket(pace, now) if pace else None
        self._queued = Heap("queued")
        self._ready = Heap("ready")
        self._delayed = Heap("delayed")
        self._claiming = 0
        self._paused_until = now
        self._limited = 0

    # -- rows in, rows out ------------------------------------------------------------------

    def add(self, entry: Entry) -> None:
        """A row to be told."""
        (self._ready if entry.order.claimed else self._queued).push(entry.order.row, entry)

    def remove(self, entry: Entry) -> None:
        """A row that waits is not to be told any more."""
        for heap, place in ((self._queued, "queued"), (self._ready, "ready"), (self._delayed, "delayed")):
            if entry.place == place:
                heap.move(entry, "gone")

    def claimed(self, entry: Entry) -> None:
        """The row's claim is durable."""
        self._claiming -= 1
        self._ready.push(entry.order.row, entry)

    def unclaimable(self, entry: Entry) -> None:
        """The row could not be claimed, or is out of date before it was sent."""
        self._claiming -= 1
        entry.place = "gone"

    # -- what may go ------------------------------------------------------------------------

    def room(self, now: Nanoseconds) -> int:
        """How many more rows may be claimed now.

        As many as can be sent at once, and as many again: a claim is one fsync, and the next
        rows are claimed while these are under way. None while the destination is left alone.
        """
        if self.breaker.opened or not self._may_go(now):
            return 0
        ahead = 2 * self._settings.per_destination - self.in_flight
        if self._bucket:
            ahead = min(ahead, self._bucket.tokens(now))
        return ahead - self._ready.size - self._claiming

    @property
    def unclaimed(self) -> int:
        """How many rows wait for their claim."""
        return self._queued.size + self._claiming

    def to_claim(self, now: Nanoseconds) -> list[Entry]:
        """The rows to claim now; they count as being claimed from here on."""
        if not self._queued.size:
            return []
        room = self.room(now)
        if self.breaker.opened and self._may_go(now) and not self._claiming:
            room = 0 if any(entry.attempts == 0 for entry in self._ready) else 1
        out: list[Entry] = []
        while len(out) < room and (entry := self._queued.peek()):
            self._queued.move(entry, "claiming")
            out.append(entry)
        self._claiming += len(out)
        return out

    def to_send(self, now: Nanoseconds, crowded: bool) -> Entry | None:
        """The row to send now, if any; it counts as under way from here on.

        `crowded`: all slots of the process are taken. Every destination may still have one
        row under way, so that some that hang never hold back another.
        """
        while (entry := self._delayed.peek()) and entry.due <= now:
            self._delayed.move(entry, "gone")
            self._ready.push(entry.order.row, entry)
        if self.in_flight >= (1 if crowded else self._settings.per_destination) or not self._may_go(now):
            return None
        entry = self._next_probe() if self.breaker.opened else self._ready.peek()
        if entry is None:
            return None
        self._ready.move(entry, "flying")
        if self._bucket:
            self._bucket.take(now)
        self.in_flight += 1
        entry.attempts += 1
        self.breaker.began(entry.order.row)
        return entry

    @property
    def sendable(self) -> int:
        """How many rows wait for nothing but their turn."""
        return self._ready.size

    def next_wake(self, now: Nanoseconds) -> Nanoseconds | None:
        """When to ask again if nothing happens before; None if time alone changes nothing."""
        gate = max(self._paused_until, self._bucket.ready_at(now) if self._bucket else now)
        if self.breaker.opened:
            gate = max(gate, self.breaker.probe_at if self.breaker.probing is None else now)
        if (self._ready.size or self._queued.size) and gate > now:
            return gate
        first = self._delayed.peek()
        return max(first.due, gate) if first else None

    def next_try(self, entry: Entry) -> Nanoseconds:
        """The earliest at which a row that waits for its next try may be sent."""
        probe_at = self.breaker.probe_at if self.breaker.opened else 0
        return max(entry.due, self._paused_until, probe_at)

    # -- how attempts ended -----------------------------------------------------------------

    def answered(self, entry: Entry) -> None:
        """The service took the row, or refused it for good: it is well."""
        self._landed(entry)
        self._limited = 0
        self.breaker.answered()

    def abandoned(self, entry: Entry, now: Nanoseconds) -> None:
        """The attempt ended without saying anything about the service."""
        self._landed(entry)
        self.breaker.abandoned(entry.order.row, now)

    def failed(self, entry: Entry, outcome: Retry | Unknown, now: Nanoseconds, *, ours: bool) -> None:
        """The row is to be tried again. `ours`: the fault is in our own code, not the service's.

        While the breaker is open its probes decide when a row is tried again, not the row's own
        backoff; what a service asked for (`Retry-After`) holds in any case.
        """
        self._landed(entry)
        reason: FailureReason = outcome.reason if isinstance(outcome, Retry) else "unknown"
        asked = min(outcome.after, MAX_ASKED) if isinstance(outcome, Retry) else 0
        entry.failure = (reason, outcome.detail)
        if reason in MAYBE_TOLD:
            entry.doubt = entry.failure
        if reason == "rate_limited":
            self.breaker.answered()
            entry.due = self._pause(asked, now)
        else:
            was_open = self.breaker.opened
            if reason in _BREAKING and not ours:
                self.breaker.failed(entry.order.row, reason, now)
            else:
                self.breaker.abandoned(entry.order.row, now)
            if self.breaker.opened and not was_open:
                self._release()
            held = self.breaker.opened and not asked
            entry.due = now if held else now + max(asked, self._backoff(entry.attempts))
        entry.asked = asked > 0
        self._delayed.push(entry.due, entry)

    # -- looking ----------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many rows are known and not under way."""
        return self._ready.size + self._queued.size + self._delayed.size + self._claiming

    def status(self, now: Nanoseconds) -> DestinationStatus:
        """How it stands."""
        breaker: Literal["closed", "open", "probing"] = "closed"
        if self.breaker.opened:
            breaker = "open" if self.breaker.probing is None else "probing"
        paused = now < self._paused_until
        return DestinationStatus(self.destination, self.kind, self.waiting, self.in_flight, breaker, paused)

    # -- inside -----------------------------------------------------------------------------

    def _may_go(self, now: Nanoseconds) -> bool:
        if now < self._paused_until or not self.breaker.allows(now):
            return False
        return self._bucket is None or self._bucket.tokens(now) > 0

    def _next_probe(self) -> Entry | None:
        # The least tried first: one row that the service cannot digest must not be the only
        # one that ever asks whether it is well.
        if self._claiming:
            return None
        return min(self._ready, key=lambda entry: (entry.attempts, entry.order.row), default=None)

    def _landed(self, entry: Entry) -> None:
        self.in_flight -= 1
        entry.place = "gone"

    def _pause(self, asked: Nanoseconds, now: Nanoseconds) -> Nanoseconds:
        if now >= self._paused_until:
            self._limited += 1
        until = now + (asked or self._backoff(self._limited))
        self._paused_until = max(self._paused_until, until)
        return until

    def _release(self) -> None:
        for entry in [entry for entry in self._delayed if not entry.asked]:
            self._delayed.move(entry, "gone")
            self._ready.push(entry.order.row, entry)

    def _backoff(self, attempts: int) -> Nanoseconds:
        """Exponential with jitter; the longest, jitter included, is `max_retry`."""
        settings = self._settings
        longest = settings.max_retry / (1 + settings.jitter)
        # 1.5^64 first retries are longer than any max_retry; far beyond, a float overflows.
        plain = min(settings.first_retry * settings.factor ** min(attempts - 1, 64), longest)
        return int(plain * (1 + settings.jitter * (2 * self._random() - 1)))
