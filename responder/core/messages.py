"""The vocabularies: Inputs (asked or observed), Events (what was done), Effects (to be done), replies.

`web`, `engine` and `delivery` make Inputs, `core.decide` answers with Events and Effects, the
journal keeps the Events. Names are imperative or past for Inputs, past tense for Events; an Input
carries everything random that its decision will need, and nothing here has behaviour.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from responder.core.matcherparse import Triple
from responder.core.model import Labels, Nanoseconds, Source
from responder.core.notification import FailureReason, Notification, ToldReason
from responder.core.rules import Integration

# -- Inputs -----------------------------------------------------------------------------------


class ReceivedAlert(msgspec.Struct, frozen=True, gc=False):
    """One alert as its sender gave it; 0 stands for a time that was not given.

    `resolved`: the sender's own status says so (webhook only).
    """

    labels: Labels
    annotations: Labels
    starts_at: Nanoseconds
    ends_at: Nanoseconds
    generator_url: str
    resolved: bool


class RejectedAlert(msgspec.Struct, frozen=True, gc=False):
    """An alert that cannot be used: where it stood, why, and the start of its text."""

    index: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class AlertsReceived:
    """Alerts from an entrance. `raw` is the body as it is kept in the inputs log.

    `lines`: it holds several requests of one sender, one a line.
    """

    source: Source
    raw: bytes
    alerts: tuple[ReceivedAlert, ...]
    rejected: tuple[RejectedAlert, ...] = ()
    lines: bool = False


class BadRequest(msgspec.Struct, frozen=True, tag="bad_request"):
    """An entrance was given something that it could not take at all (400, 413)."""

    sender: str
    status: int
    reason: str


class Started(msgspec.Struct, frozen=True, tag="started"):
    """The process is up. Time in which it could not hear does not count.

    `heard_at`: when the last input before it was accepted (0: never).
    `attempted`: ledger rows that an earlier process may have sent.
    `restored`: the journal is older than the anchor beside it, so the database is a backup.
    """

    rules: str
    heard_at: Nanoseconds
    attempted: tuple[int, ...] = ()
    restored: bool = False
    version: str = ""


class Resumed(msgspec.Struct, frozen=True, tag="resumed"):
    """Accepting goes on after a time in which nothing was heard."""

    heard_at: Nanoseconds
    why: str


class Lagging(msgspec.Struct, frozen=True, tag="lagging"):
    """Deciding fell so far behind that accepting had to stop."""

    lag: Nanoseconds


class RulesLoaded(msgspec.Struct, frozen=True, tag="rules_loaded"):
    """The ruleset with this hash is in force from now on."""

    hash: str


class DeliveryEnded(msgspec.Struct, frozen=True, tag="delivery_ended"):
    """Delivery is done with a ledger row.

    `maybe_told`: not delivered as far as we know, and yet the receiver may have understood it.
    `receipt`: what the integration gave for the next time, of a delivered row.
    """

    row: int
    state: Literal["delivered", "dead", "superseded"]
    reason: FailureReason | None = None
    detail: str = ""
    attempts: int = 0
    maybe_told: bool = False
    receipt: str = ""


class BreakerTurned(msgspec.Struct, frozen=True, tag="breaker_turned"):
    """A destination's circuit breaker opened or closed."""

    destination: str
    opened: bool
    reason: str = ""
    waiting: int = 0


class ResendDelivery(msgspec.Struct, frozen=True, tag="resend_delivery"):
    """Somebody asks for a dead row to be told again, with the present state."""

    row: int


class DismissDelivery(msgspec.Struct, frozen=True, tag="dismiss_delivery"):
    """Somebody has seen a dead row and wants it off the list."""

    row: int


class CreateSilence(msgspec.Struct, frozen=True, tag="create_silence"):
    """Somebody wants alerts that all `matchers` match to be quiet for a while.

    `id` is for a new silence. `replaces`: the silence that is to be changed; it keeps its own id, or
    ends and the new one takes its place. `created_by` is what the caller claims.
    """

    id: str
    matchers: tuple[Triple, ...]
    starts_at: Nanoseconds
    ends_at: Nanoseconds
    created_by: str
    comment: str
    annotations: Labels = ()
    replaces: str = ""


class ExpireSilence(msgspec.Struct, frozen=True, tag="expire_silence"):
    """Somebody wants a silence to end now."""

    id: str


class LimitReached(msgspec.Struct, frozen=True, tag="limit_reached"):
    """An entrance refused new alerts because there are too many."""

    limit: str
    sender: str


class Unreadable(msgspec.Struct, frozen=True, tag="unreadable"):
    """A row of the inputs log that this version cannot read; decided as undecidable."""

    kind: str
    error: str


Command: TypeAlias = (
    BadRequest
    | LimitReached
    | Unreadable
    | Started
    | Resumed
    | Lagging
    | RulesLoaded
    | DeliveryEnded
    | BreakerTurned
    | ResendDelivery
    | DismissDelivery
    | CreateSilence
    | ExpireSilence
)
"""Every Input body that is stored as its own JSON, told apart by its `type`."""

Body: TypeAlias = AlertsReceived | Command


@dataclass(frozen=True, slots=True)
class Input:
    """One entry of the inputs log.

    `seq` is its place, gapless; `at` its time, never before that of an earlier one; `actor` who
    asked: a token's name, `anonymous`, or a part of Responder itself.
    """

    seq: int
    at: Nanoseconds
    actor: str
    body: Body


def kind_of(body: Body) -> str:
    """The name under which an Input's body is stored and counted."""
    if isinstance(body, AlertsReceived):
        return "alerts_received"
    tag = type(body).__struct_config__.tag
    assert isinstance(tag, str)
    return tag


# -- Events -----------------------------------------------------------------------------------


class AlertsFired(msgspec.Struct, frozen=True, tag="alerts_fired"):
    """Alerts that began to fire: [id, labels, group ids] each."""

    alerts: list[tuple[int, dict[str, str], tuple[int, ...]]]


class AlertsResolved(msgspec.Struct, frozen=True, tag="alerts_resolved"):
    """Alerts that were said to be over."""

    alerts: list[int]


class AlertsChanged(msgspec.Struct, frozen=True, tag="alerts_changed"):
    """Alerts renewed with other annotations or times."""

    alerts: list[int]


class AlertsIgnored(msgspec.Struct, frozen=True, tag="alerts_ignored"):
    """Late or stale updates that would have killed or resurrected an alert."""

    alerts: list[int]
    why: str


class AlertsStale(msgspec.Struct, frozen=True, tag="alerts_stale"):
    """Webhook alerts that nobody renewed."""

    alerts: list[int]


class AlertsMuted(msgspec.Struct, frozen=True, tag="alerts_muted"):
    """Alerts of a group that fire and are hidden from now on, by which rule, until when if known."""

    group: int
    alerts: list[int]
    reason: str
    by: str


class AlertsUnmuted(msgspec.Struct, frozen=True, tag="alerts_unmuted"):
    """Alerts of a group that nothing hides any more."""

    group: int
    alerts: list[int]


class AlertsLeft(msgspec.Struct, frozen=True, tag="alerts_left"):
    """Resolved alerts that left a group: everyone who had to hear of it has."""

    group: int
    alerts: list[int]
    never_told: list[int]


class AlertsDropped(msgspec.Struct, frozen=True, tag="alerts_dropped"):
    """Alerts that are forgotten: over, and in no group any more."""

    alerts: list[int]


class AlertsRejected(msgspec.Struct, frozen=True, tag="alerts_rejected"):
    """Alerts of a request that could not be used."""

    alerts: list[tuple[int, str]]


class GroupOpened(msgspec.Struct, frozen=True, tag="group_opened"):
    """A route's first alert with these group labels."""

    group: int
    key: str
    receiver: str


class GroupClosed(msgspec.Struct, frozen=True, tag="group_closed"):
    """A group with nobody left in it."""

    group: int


class Owed(msgspec.Struct, frozen=True, tag="owed"):
    """A ledger row was opened: one integration of one group is to be told."""

    row: int
    group: int
    receiver: str
    integration: str
    reason: ToldReason
    firing: list[int]
    resolved: list[int]
    stale: list[int]


class Revised(msgspec.Struct, frozen=True, tag="revised"):
    """A waiting row came to its turn and says less than when it was opened."""

    row: int
    reason: ToldReason
    firing: list[int]
    resolved: list[int]
    stale: list[int]


class Closed(msgspec.Struct, frozen=True, tag="closed"):
    """A ledger row was closed; `state` and `reason` say how and why."""

    row: int
    state: Literal["delivered", "suppressed", "superseded", "dead"]
    reason: str
    detail: str = ""
    by: str = ""


class FallbackEngaged(msgspec.Struct, frozen=True, tag="fallback_engaged"):
    """A receiver could not be reached: for the rest of the incident `fallback` is told as well.

    `why`: a delivery's reason, with the destination or the integration that it is about.
    """

    group: int
    receiver: str
    fallback: str
    why: str


class SilenceCreated(msgspec.Struct, frozen=True, tag="silence_created"):
    """A silence was made. `author` is who it was, `created_by` what was claimed; times as RFC 3339.

    `replaces`: the silence that was to be changed and could not stay the same one.
    """

    silence: str
    matchers: str
    starts_at: str
    ends_at: str
    author: str
    created_by: str
    comment: str
    replaces: str = ""


class SilenceUpdated(msgspec.Struct, frozen=True, tag="silence_updated"):
    """A silence was changed and is the same one: how it is now, and who changed it."""

    silence: str
    matchers: str
    starts_at: str
    ends_at: str
    author: str
    created_by: str
    comment: str


class SilenceExpired(msgspec.Struct, frozen=True, tag="silence_expired"):
    """A silence is over. `by`: who ended it, or `time`."""

    silence: str
    matchers: str
    by: str


class SilencesForgotten(msgspec.Struct, frozen=True, tag="silences_forgotten"):
    """Silences that were over for long."""

    silences: list[str]


class Noted(msgspec.Struct, frozen=True, tag="noted"):
    """Something a reviewer will want to know that changed no alert: a start, a breaker, a reload."""

    what: str
    detail: str = ""


Event: TypeAlias = (
    AlertsFired
    | AlertsResolved
    | AlertsChanged
    | AlertsIgnored
    | AlertsStale
    | AlertsMuted
    | AlertsUnmuted
    | AlertsLeft
    | AlertsDropped
    | AlertsRejected
    | GroupOpened
    | GroupClosed
    | Owed
    | Revised
    | Closed
    | FallbackEngaged
    | SilenceCreated
    | SilenceUpdated
    | SilenceExpired
    | SilencesForgotten
    | Noted
)

# -- Effects ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deliver:
    """Tell: the row is the first open one of its (group, integration)."""

    notification: Notification
    integration: Integration


@dataclass(frozen=True, slots=True)
class Succeed:
    """A newer row waits behind `row`: if that one is not being sent, it is out of date."""

    row: int


Effect: TypeAlias = Deliver | Succeed

# -- Replies ----------------------------------------------------------------------------------


class Accepted(msgspec.Struct, frozen=True):
    """A command did what it was asked to."""

    detail: str = ""


class Declined(msgspec.Struct, frozen=True):
    """A command could not do what it was asked to: an HTTP status and the reason."""

    status: int
    reason: str
