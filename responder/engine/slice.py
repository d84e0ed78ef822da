"""Decisions that are made and applied in memory, on their way to one commit.

`engine.engine` fills a Slice and writes it in one transaction; what it holds for the world
(orders, replies, log lines) is let out only after that, but for orders that may go before.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from responder.core.draft import Decision
from responder.core.messages import (
    Act,
    AlertsReceived,
    Deliver,
    Effect,
    Event,
    Input,
    Show,
    Succeed,
    kind_of,
)
from responder.core.model import Nanoseconds, format_time
from responder.core.orders import Earlier, Order, perhaps_told, rank_of
from responder.core.tracecontext import TraceContext
from responder.engine.causes import Trail
from responder.store.journal import Chain, Head
from responder.store.records import Batch
from responder.store.vocabulary import Vocabulary

_NOT_SENT: Final = Earlier(0)
_SENT: Final = Earlier(1)

TraceOf: TypeAlias = Callable[[int], TraceContext | None]
"""The span in which a ledger row was opened, if it is traced."""


def _untraced(row: int) -> None:
    return None


class Slice(msgspec.Struct):
    """One commit in the making. `orders`, `superseded`, `acts` and `began` (wall clock) come at its begin.

    `entries`: what the journal is to say, as (at, seq, body). `journal` and `head` come by `encode`.
    `refused`: an input that it rests on did not get into the log.
    """

    batch: Batch = msgspec.field(default_factory=Batch)
    entries: list[tuple[Nanoseconds, int, dict[str, Any]]] = msgspec.field(default_factory=list)
    journal: list[tuple[int, int, int, bytes, str]] = msgspec.field(default_factory=list)
    effects: list[Effect] = msgspec.field(default_factory=list)
    events: list[Event] = msgspec.field(default_factory=list)
    replies: dict[int, object] = msgspec.field(default_factory=dict)
    orders: list[Order] = msgspec.field(default_factory=list)
    superseded: set[int] = msgspec.field(default_factory=set)
    refused: bool = False
    acts: list[Act] = msgspec.field(default_factory=list)
    decisions: int = 0
    inputs: int = 0
    alerts: int = 0
    bytes: int = 0
    consumed: int = 0
    at: Nanoseconds = 0
    began: Nanoseconds = 0
    head: Head = msgspec.field(default_factory=Head)
    trail: Trail = msgspec.field(default_factory=Trail)

    def take(self, decision: Decision, at: Nanoseconds, given: Input | None) -> None:
        """Add a decision: its changes, what the journal says of it if it is worth that, its effects."""
        self.batch.add(decision.changes, at)
        self.decisions += 1
        self.at = self.at or at
        self.effects.extend(decision.effects)
        self.events.extend(decision.events)
        if given is not None:
            self.inputs += 1
            self.consumed = given.seq
            body: dict[str, Any] = {"input": given.seq, "kind": kind_of(given.body), "actor": given.actor}
            if isinstance(given.body, AlertsReceived):
                self.alerts += len(given.body.alerts)
                self.bytes += len(given.body.raw)
            else:
                body["asked"] = given.body
        elif decision.notable:
            body = {"tick": format_time(at)}
        else:
            return  # an unchanged tick leaves no trace
        body["events"] = decision.events
        self.entries.append((at, given.seq if given else 0, body))

    def encode(self, vocabulary: Vocabulary, chain: Chain) -> None:
        """Make the rows that are to be written; again, those of the journal stay as they are."""
        self.batch.encode(vocabulary)
        for entry in self.entries[len(self.journal) :]:
            self.journal.append(chain.next_row(*entry))
        self.head = chain.head

    def make_orders(
        self,
        attempted: dict[int, Earlier],
        trace_of: TraceOf = _untraced,
        unrecorded: Nanoseconds = 0,
    ) -> None:
        """Turn the effects into orders.

        `attempted`: rows an earlier process may have sent, as the store knows it. `unrecorded`: see
        `Started`; such rows are to be stored as claimed.
        """
        orders: dict[int, Order] = {}
        for effect in self.effects:
            if isinstance(effect, Deliver):
                row = effect.notification.row
                if row in self.batch.closed:  # delivery had it before this commit, which had failed once
                    continue
                earlier = attempted.pop(row, _NOT_SENT)
                if earlier is _NOT_SENT and perhaps_told(effect, unrecorded):
                    earlier = _SENT
                    self.batch.claimed.add(row)
                orders[row] = Order(
                    effect.notification,
                    effect.integration,
                    earlier.attempts,
                    earlier is not _NOT_SENT,
                    rank_of(effect.notification),
                    earlier.receipt,
                    earlier.not_before,
                    trace_of(row),
                )
            elif isinstance(effect, Show):  # nothing that is owed, so nothing to claim
                orders[effect.row] = Order(effect.notification, effect.integration, claimed=True)
            elif isinstance(effect, Succeed):
                self.superseded.add(effect.row)
            else:
                self.acts.append(effect)
        self.orders = list(orders.values())
