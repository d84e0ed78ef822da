"""What is told: the channel-neutral content of one notification, and how telling it ended.

`core.decide` makes Notifications, `delivery` carries them, `notify` turns them into what a
service accepts. Nothing here knows a service.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from responder.core.model import Alert, Labels, Nanoseconds

ToldReason: TypeAlias = Literal[
    "first_notification",
    "new_alerts",
    "some_resolved",
    "all_resolved",
    "repeat",
    "unmuted",
    "escalated",
    "stale",
    "test",
]
"""Why a receiver is told."""

FailureReason: TypeAlias = Literal[
    "rate_limited",
    "server_error",
    "client_error",
    "auth_error",
    "timeout",
    "network",
    "refused",
    "unknown",
    "breaker_open",
    "unsupported",
]
"""Why a delivery did not succeed (yet)."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One ledger row's content, frozen by the decision that opened the row.

    `row` is the ledger row's id and the stable key of everything that is sent for it.
    `at` is the tick that decided it. Alerts are in the order in which they are shown.
    `resolved` is empty where the integration's `send_resolved` is false.
    """

    row: int
    at: Nanoseconds
    reason: ToldReason
    receiver: str
    integration: str
    group: int
    group_key: str
    group_labels: Labels
    firing: tuple[Alert, ...]
    resolved: tuple[Alert, ...]
    stale: tuple[Alert, ...] = ()

    @property
    def status(self) -> Literal["firing", "resolved"]:
        """`firing` while anything in it fires or may still fire, as in Alertmanager's payload."""
        return "firing" if self.firing or self.stale else "resolved"


# -- how an attempt ended ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivered:
    """The service accepted it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not accepted now; the same content may be accepted later.

    `after`: what the service asked for (`Retry-After`), 0 when it did not say.
    """

    reason: FailureReason
    detail: str = ""
    after: Nanoseconds = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never accepted as it is: trying again is pointless."""

    reason: FailureReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been accepted: the connection ended after the request had gone out."""

    detail: str = ""


Outcome: TypeAlias = Delivered | Retry | Rejected | Unknown
