"""What the engine hands to delivery and gets back: orders and endings.

`engine` makes Orders once their rows are committed, `delivery` answers each with one Ending, which
comes back as an Input. Nothing here does anything.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from responder.core.model import Nanoseconds
from responder.core.notification import FailureReason, Notification
from responder.core.rules import Integration

State: TypeAlias = Literal["delivered", "dead", "superseded"]


@dataclass(frozen=True, slots=True)
class Order:
    """One ledger row to be told.

    `attempts`: how often it was tried before (by an earlier process). `claimed`: the row's claim
    is durable, so that it may be sent at once.
    """

    notification: Notification
    integration: Integration
    attempts: int = 0
    claimed: bool = False

    @property
    def row(self) -> int:
        """The ledger row's id."""
        return self.notification.row


@dataclass(frozen=True, slots=True)
class Ending:
    """Delivery is done with a row.

    `reason` says why it was not delivered. For a superseded row it is the last failure after
    which the service may have understood it, if there was one, else the last failure.
    `maybe_told`: after some attempt the service may have understood it, whatever came later.
    `attempts` counts those of earlier processes too. `at` is wall clock.
    """

    row: int
    state: State
    reason: FailureReason | None
    detail: str
    attempts: int
    at: Nanoseconds
    maybe_told: bool = False


@dataclass(frozen=True, slots=True)
class Attempted:
    """A row was tried in vain and waits until `next_at` (wall clock)."""

    row: int
    attempts: int
    next_at: Nanoseconds
    reason: FailureReason
    detail: str
