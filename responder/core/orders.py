"""What the engine hands to delivery and gets back: orders and endings.

`engine` makes Orders of rows, `delivery` answers each with one Ending, which
comes back as an Input. Nothing here sends or waits.
"""

from enum import IntEnum
from typing import Final, Literal, TypeAlias

import msgspec

from responder.core.messages import Deliver
from responder.core.model import Nanoseconds, label
from responder.core.notification import FailureReason, Notification
from responder.core.rules import Integration
from responder.core.severity import severity_named
from responder.core.tracecontext import TraceContext

State: TypeAlias = Literal["delivered", "dead", "superseded"]

KEYED: Final = frozenset({"webhook", "pagerduty"})
"""Kinds of integration to which a row that is told twice, under its one key, is told once."""


def perhaps_told(order: Deliver, unrecorded: Nanoseconds) -> bool:
    """Whether an earlier process may have told a row before it was recorded: see `Started.unrecorded`."""
    return order.notification.at == unrecorded and order.integration.kind in KEYED


class Rank(IntEnum):
    """Which of two orders for one destination goes first: the lower; among equals the older row."""

    FIRST_CRITICAL = 0
    FIRST = 1
    LATER_CRITICAL = 2
    LATER = 3
    END = 4


def rank_of(notification: Notification) -> Rank:
    """First what people do not know of at all, then what they know part of, at last what is over."""
    fires = (*notification.firing, *notification.stale)
    if not fires:
        return Rank.END
    said = {label(alert.labels, "severity") for alert in fires}
    if any(severity_named(word) == "critical" for word in said):
        return Rank.FIRST_CRITICAL if notification.first else Rank.LATER_CRITICAL
    return Rank.FIRST if notification.first else Rank.LATER


class Order(msgspec.Struct, frozen=True):
    """One ledger row to be told.

    `attempts`: how often it was tried before (by an earlier process). `claimed`: it may be sent at
    once, because its claim, or all that it follows from, is durable. `receipt`: people were told by an
    earlier process, and what is left waits for everything else. `not_before` (wall clock, 0: none): the
    service asked to be left alone until then. `trace`: the span that its tries are below of, if it is traced.
    """

    notification: Notification
    integration: Integration
    attempts: int = 0
    claimed: bool = False
    rank: Rank = Rank.LATER
    receipt: str = ""
    not_before: Nanoseconds = 0
    trace: TraceContext | None = None

    @property
    def row(self) -> int:
        """The ledger row's id."""
        return self.notification.row


class Ending(msgspec.Struct, frozen=True):
    """Delivery is done with a row.

    `reason` says why it was not delivered. For a superseded row it is the last failure after
    which the service may have understood it, if there was one, else the last failure.
    `maybe_told`: after some attempt the service may have understood it, whatever came later.
    `attempts` counts those of earlier processes too. `at` is wall clock.
    `receipt`: what the integration gave for the next time, of a delivered row.
    """

    row: int
    state: State
    reason: FailureReason | None
    detail: str
    attempts: int
    at: Nanoseconds
    maybe_told: bool = False
    receipt: str = ""


class Attempted(msgspec.Struct, frozen=True):
    """A row was tried and waits until `next_at` (wall clock) to be tried again.

    `reason`: why it failed, or None if it did not: with `receipt`, people were told and part of
    it is left.
    """

    row: int
    attempts: int
    next_at: Nanoseconds
    reason: FailureReason | None
    detail: str
    receipt: str = ""


class Earlier(msgspec.Struct, frozen=True):
    """What an earlier process left of a row that it may have sent.

    `attempts`: how often at the least. `not_before`: until when (wall clock) the service asked to
    be left alone, 0 if it did not.
    """

    attempts: int
    receipt: str = ""
    not_before: Nanoseconds = 0
