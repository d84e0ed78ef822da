"""One destination's queue: which row goes next, and when the next may go.

`dispatch` keeps one Lane per destination, asks it what to claim and what to send, and tells it
how attempts ended. A Lane never sleeps, sends or reads a clock: it is given the monotonic time.
"""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Final, Literal, TypeAlias

from responder.core.ledger import MAYBE_TOLD
from responder.core.model import HOUR, MINUTE, Nanoseconds
from responder.core.notification import FailureReason, Outcome, Retry, Unknown
from responder.core.orders import Order
from responder.core.rules import Integration
from responder.delivery.breaker import Breaker, Bucket
from responder.delivery.orders import DeliverySettings, DestinationStatus
from responder.settings.values import Pace

MAX_ASKED: Final = HOUR
"""The longest that a service may make us wait (`Retry-After`)."""

_BREAKING: Final[frozenset[FailureReason]] = frozenset(
    {"timeout", "network", "refused", "server_error", "unknown"}
)
"""Failures that say that the destination is unwell. 429 is not among them: it asks for a pause."""

CROWDED: Final = 20
UNCROWDED: Final = 5
"""More rows than the first wait: people are told so, once, until no more than the second do."""

_ANNOUNCEMENTS: Final = 2
"""How often that is tried."""

REPLY_TRIES: Final = 5
REPLY_TIME: Final = 10 * MINUTE
"""What is left of a row of which people were told is given up after so many tries, or so long after
the first."""

Place: TypeAlias = Literal["queued", "claiming", "ready", "delayed", "replies", "flying", "gone"]

Key: TypeAlias = tuple[int, int]
"""What goes first: (rank, row), or when it is due."""


class Entry:
    """One order on its way.

    `place`: waiting for its claim, being claimed, waiting to be sent, waiting for its next try,
    waiting until nothing else does, being sent, or done with. `key` says which goes first. `due`
    (monotonic) is when it may be tried again, `asked` that the service named that time.
    `succeeded`: a successor waits. `failure` is the last attempt's reason and detail, `doubt` those
    of the last after which the service may have understood it.
    `receipt`: people were told, this is what the integration gave, and what is left (a reply in a
    thread) was tried `reply_tries` times since `reply_since` (monotonic).
    """

    __slots__ = (
        "asked",
        "attempts",
        "doubt",
        "due",
        "failure",
        "key",
        "lane",
        "order",
        "place",
        "receipt",
        "reply_since",
        "reply_tries",
        "serial",
        "succeeded",
    )

    def __init__(self, order: Order, lane: "Lane") -> None:
        """An order that has just been handed over."""
        self.order = order
        self.lane = lane
        self.key: Key = (order.rank, order.row)
        self.attempts = order.attempts
        self.place: Place = "gone"
        self.serial = 0
        self.succeeded = False
        self.due: Nanoseconds = 0
        self.asked = False
        self.failure: tuple[FailureReason, str] | None = None
        self.doubt: tuple[FailureReason, str] | None = None
        self.receipt = order.receipt
        self.reply_tries = 0
        self.reply_since: Nanoseconds = 0


class Heap:
    """Entries at one place, least key first. Those that have left it are skipped."""

    __slots__ = ("_items", "_serial", "place", "size")

    def __init__(self, place: Place) -> None:
        """Empty; `place` is what its entries are marked with."""
        self.place = place
        self._items: list[tuple[Key, int, Entry]] = []
        self._serial = count()
        self.size = 0

    def push(self, entry: Entry, key: Key) -> None:
        """Put an entry here."""
        entry.place, entry.serial = self.place, next(self._serial)
        self.size += 1
        heappush(self._items, (key, entry.serial, entry))

    def peek(self) -> Entry | None:
        """The least, or None."""
        while self._items:
            _, serial, entry = self._items[0]
            if entry.place == self.place and entry.serial == serial:
                return entry
            heappop(self._items)
        return None

    def move(self, entry: Entry, place: Place) -> None:
        """An entry leaves for `place`."""
        entry.place = place
        self.size -= 1

    def __iter__(self) -> Iterator[Entry]:
        """Every entry, in no order."""
        return (e for _, serial, e in self._items if e.place == self.place and e.serial == serial)


class Lane:
    """A destination: its rows in order, its pace, its breaker."""

    def __init__(
        self,
        integration: tuple[str, str],
        settings: DeliverySettings,
        random: Callable[[], float],
        pace: Pace | None,
        began: Nanoseconds,
    ) -> None:
        """Idle since `began`, for the (kind, destination) of an integration."""
        self.kind, self.destination = integration
        self.breaker = Breaker(settings.breaker_after, settings.breaker_probe, settings.breaker_max_probe)
        self.in_flight = 0
        self.wake_at: Nanoseconds | None = None
        self._settings = settings
        self._random = random
        self._bucket = Bucket(pace, began) if pace else None
        self._queued = Heap("queued")
        self._ready = Heap("ready")
        self._delayed = Heap("delayed")
        self._replies = Heap("replies")
        self._claiming: dict[int, Entry] = {}
        self._paused_until = began
        self._limited = 0
        self._announcements = _ANNOUNCEMENTS
        self._announcing = False

    # -- rows in, rows out ------------------------------------------------------------------

    def add(self, entry: Entry, wait: Nanoseconds, now: Nanoseconds) -> None:
        """A row to be told. `wait`: the service asked an earlier process to be left alone for so long."""
        if wait > 0:
            self._paused_until = max(self._paused_until, now + min(wait, MAX_ASKED))
        if entry.receipt:
            self._replies.push(entry, (now, entry.order.row))
        else:
            (self._ready if entry.order.claimed else self._queued).push(entry, entry.key)

    def remove(self, entry: Entry) -> None:
        """A row that waits is not to be told any more."""
        for heap in (self._queued, self._ready, self._delayed, self._replies):
            if entry.place == heap.place:
                heap.move(entry, "gone")

    def claimed(self, entry: Entry) -> None:
        """The row's claim is durable."""
        del self._claiming[entry.order.row]
        self._ready.push(entry, entry.key)

    def unclaimable(self, entry: Entry) -> None:
        """The row could not be claimed, or is out of date before it was sent."""
        del self._claiming[entry.order.row]
        entry.place = "gone"

    # -- what may go ------------------------------------------------------------------------

    def ahead(self, now: Nanoseconds) -> int:
        """How many rows may be claimed and not under way.

        As many as can be sent at once, and as many again: a claim is one fsync, and the next
        rows are claimed while these are under way. Where the pace is set, as many as may go: what
        comes later may be more urgent. None while the destination is left alone.
        """
        if self.breaker.opened or not self._may_go(now):
            return 0
        ahead = 2 * self._settings.per_destination - self.in_flight
        return min(ahead, self._bucket.tokens(now)) if self._bucket else ahead

    def claimable(self, order: Order, ahead: int, planned: int) -> bool:
        """Whether an order that is not here yet may be claimed at once, after `planned` others."""
        key, first = (order.rank, order.row), self._queued.peek()
        return (first is None or key < first.key) and self._has_room(key, ahead, planned)

    def _has_room(self, key: Key, ahead: int, planned: int = 0) -> bool:
        """Whether fewer than `ahead` are claimed that go before `key`."""
        before = len(self._claiming) + planned
        if before + self._ready.size < ahead:
            return True
        return before < ahead and before + sum(entry.key < key for entry in self._ready) < ahead

    def to_claim(self, now: Nanoseconds) -> list[Entry]:
        """The rows to claim now; they count as being claimed from here on."""
        if not self._queued.size:
            return []
        ahead = self.ahead(now)
        out: list[Entry] = []
        if self.breaker.opened and self._may_go(now) and not self._claiming:
            untried = any(entry.attempts == 0 for entry in self._ready)
            ahead = 0 if untried else self._ready.size + 1
        while (entry := self._queued.peek()) and self._has_room(entry.key, ahead):
            self._queued.move(entry, "claiming")
            self._claiming[entry.order.row] = entry
            out.append(entry)
        return out

    def to_send(self, now: Nanoseconds, crowded: bool) -> Entry | None:
        """The row to send now, if any; it counts as under way from here on.

        `crowded`: all slots of the process are taken. Every destination may still have one
        row under way, so that some that hang never hold back another.
        """
        while (entry := self._delayed.peek()) and entry.due <= now:
            self._delayed.move(entry, "gone")
            self._ready.push(entry, entry.key)
        if self.in_flight >= (1 if crowded else self._settings.per_destination) or not self._may_go(now):
            return None
        entry = self._next_probe() if self.breaker.opened else self._next(now)
        if entry is None:
            return None
        (self._replies if entry.receipt else self._ready).move(entry, "flying")
        if self._bucket:
            self._bucket.take(now)
        self.in_flight += 1
        entry.attempts += 1
        self.breaker.began(entry.order.row)
        return entry

    @property
    def sendable(self) -> int:
        """How many rows wait for nothing but their turn."""
        return self._ready.size + self._replies.size

    def next_wake(self, now: Nanoseconds) -> Nanoseconds | None:
        """When to ask again if nothing happens before; None if time alone changes nothing."""
        gate = max(self._paused_until, self._bucket.ready_at(now) if self._bucket else now)
        if self.breaker.opened:
            gate = max(gate, self.breaker.probe_at if self.breaker.probing is None else now)
        if (self._ready.size or self._queued.size) and gate > now:
            return gate
        # A reply that may go and does not waits for rows, not for time.
        waiting = [max(entry.due, gate) for entry in (self._delayed.peek(), self._replies.peek()) if entry]
        return min((at for at in waiting if at > now), default=None)

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
        (self._replies if entry.receipt else self._delayed).push(entry, (entry.due, entry.order.row))

    # -- in two parts -----------------------------------------------------------------------

    def partly(self, entry: Entry, receipt: str, now: Nanoseconds) -> None:
        """People were told: what is left of the row waits for everything else."""
        entry.receipt, entry.due, entry.doubt, entry.failure = receipt, now, None, None
        self._replies.push(entry, (now, entry.order.row))

    def gives_up(self, entry: Entry, now: Nanoseconds) -> bool:
        """Whether what is left of a row, which has just failed, is not tried again."""
        entry.reply_tries += 1
        entry.reply_since = entry.reply_since or now
        spent = entry.reply_tries >= REPLY_TRIES or now - entry.reply_since >= REPLY_TIME
        return spent or self.breaker.opened

    @property
    def replies(self) -> list[Entry]:
        """Rows of which people were told, that wait to tell the rest."""
        return list(self._replies)

    # -- when much waits --------------------------------------------------------------------

    def to_announce(self, now: Nanoseconds) -> Integration | None:
        """By whom to say now that much waits here, if it is to be said."""
        if self._bucket is None:
            return None
        if self.waiting <= UNCROWDED:
            self._announcements = _ANNOUNCEMENTS
        due = self.waiting > CROWDED and self._announcements and not self._announcing
        first = self._queued.peek() or self._ready.peek() or self._delayed.peek()
        if first is None or not due or self.breaker.opened or not self._may_go(now):
            return None
        return first.order.integration

    def announcing(self, now: Nanoseconds) -> None:
        """It is being said; that counts as one that went."""
        assert self._bucket is not None
        self._announcing = True
        self._announcements -= 1
        self._bucket.take(now)

    def announced(self, outcome: Outcome, now: Nanoseconds) -> None:
        """How saying so ended, or that nobody can say it. After a failure it is said once more."""
        self._announcing = False
        if not isinstance(outcome, Retry | Unknown):
            self._announcements = 0
        elif isinstance(outcome, Retry) and outcome.reason == "rate_limited":
            self._pause(min(outcome.after, MAX_ASKED), now)

    # -- looking ----------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many rows are known and not under way."""
        return self._ready.size + self._queued.size + self._delayed.size + len(self._claiming)

    def status(self, now: Nanoseconds) -> DestinationStatus:
        """How it stands."""
        breaker: Literal["closed", "open", "probing"] = "closed"
        if self.breaker.opened:
            breaker = "open" if self.breaker.probing is None else "probing"
        paused = now < self._paused_until
        return DestinationStatus(
            self.destination, self.kind, self.waiting, self.in_flight, breaker, paused, self._replies.size
        )

    # -- inside -----------------------------------------------------------------------------

    def _may_go(self, now: Nanoseconds) -> bool:
        if now < self._paused_until or not self.breaker.allows(now):
            return False
        return self._bucket is None or self._bucket.tokens(now) > 0

    def _next(self, now: Nanoseconds) -> Entry | None:
        """The row whose turn it is, unless what may go is kept for a better one that is being claimed."""
        entry = self._ready.peek()
        if entry is None:
            reply = None if self._queued.size or self._claiming else self._replies.peek()
            return reply if reply and reply.due <= now else None
        if self._bucket is None or not self._claiming:
            return entry
        better = sum(other.key < entry.key for other in self._claiming.values())
        return entry if self._bucket.tokens(now) > better else None

    def _next_probe(self) -> Entry | None:
        # The least tried first: one row that the service cannot digest must not be the only
        # one that ever asks whether it is well.
        if self._claiming:
            return None
        return min(self._ready, key=lambda entry: (entry.attempts, entry.key), default=None)

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
            self._ready.push(entry, entry.key)

    def _backoff(self, attempts: int) -> Nanoseconds:
        """Exponential with jitter; the longest, jitter included, is `max_retry`."""
        settings = self._settings
        longest = settings.max_retry / (1 + settings.jitter)
        # 1.5^64 first retries are longer than any max_retry; far beyond, a float overflows.
        plain = min(settings.first_retry * settings.factor ** min(attempts - 1, 64), longest)
        return int(plain * (1 + settings.jitter * (2 * self._random() - 1)))
