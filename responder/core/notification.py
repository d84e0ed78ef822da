"""What is told: the channel-neutral content of one notification, and how telling it ended.

`core.decide` makes Notifications, `delivery` carries them, `notify` turns them into what a
service accepts. Nothing here knows a service.
"""

from typing import Literal, TypeAlias

import msgspec

from responder.core.model import Alert, Labels, Nanoseconds
from responder.core.run import Run

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


def incident_id(group: int, opened_at: Nanoseconds) -> str:
    """What people call one life of a group, from its opening to its close."""
    return f"{group}-{opened_at // 1_000_000_000:x}"


class Acknowledgement(msgspec.Struct, frozen=True, array_like=True):
    """Who took an incident on, and when. `until` 0: until it resolves."""

    by: str
    at: Nanoseconds
    until: Nanoseconds = 0
    note: str = ""


class Notification(msgspec.Struct, frozen=True):
    """One ledger row's content, frozen by the decision that opened the row.

    `row` is the ledger row's id and the stable key of everything that is sent for it.
    `at` is the tick that decided it. Alerts are in the order in which they are shown.
    `resolved` is empty where the integration's `send_resolved` is false.
    `opened_at`: when the incident began, that is when its group opened.
    `since`: when the oldest of the news in it was decided, `at` unless an earlier row about the
    same group was not delivered; `skipped`: how many such rows there were.
    `receipt`: what the integration gave when it last told this receiver of this incident, for its
    own use (Slack: where the message stands); "" if it was not told yet.
    `first`: this integration was not told anything of this incident yet, whether or not it gives receipts.
    `doubt`: an earlier row about this incident may have been told, although nobody knows.
    `acknowledged`: who took the incident on, None if nobody did. `runs`: what is or was done about it,
    oldest first, for places that show it.
    `route_labels`: those of the route, as the rules wrote them when the row was opened: texts, some of them
    templates. They are expanded where they are shown (`templating.route_labels`), never here.
    `update`: nothing new is told of the alerts; places that can be edited are to show `acknowledged` and
    `runs` as they are now. `shown` is then the receipt that the last update gave.
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
    opened_at: Nanoseconds = 0
    since: Nanoseconds = 0
    skipped: int = 0
    receipt: str = ""
    doubt: bool = False
    first: bool = False
    acknowledged: Acknowledgement | None = None
    runs: tuple[Run, ...] = ()
    update: bool = False
    shown: str = ""
    route_labels: Labels = ()

    @property
    def incident(self) -> str:
        """The incident's id: the same for every notification about one life of a group.

        Unique in one database, and across databases as far as the moment of opening tells.
        """
        return incident_id(self.group, self.opened_at)

    @property
    def status(self) -> Literal["firing", "resolved"]:
        """`firing` while anything in it fires or may still fire, as in Alertmanager's payload."""
        return "firing" if self.firing or self.stale else "resolved"


# -- how an attempt ended ---------------------------------------------------------------------


class Attempt(msgspec.Struct, frozen=True):
    """One try at telling. `number` counts from 1, over restarts too; `within` is its time.

    `maybe_told`: an earlier try, at this row or at one before it, may have been understood.
    `receipt`: what an earlier try at this very row gave (see Partly), "" if there was none.
    """

    within: Nanoseconds
    number: int = 1
    maybe_told: bool = False
    receipt: str = ""


class Delivered(msgspec.Struct, frozen=True):
    """The service accepted it. `receipt` comes back in the next Notification of this incident."""

    receipt: str = ""


class Partly(msgspec.Struct, frozen=True):
    """People were told; what is left (a reply in a thread) may wait for everything more urgent.

    The row is tried once more with `receipt`, unless a newer one has come: then it counts as
    delivered as it is, and the newer one tells the rest.
    """

    receipt: str


class Retry(msgspec.Struct, frozen=True):
    """Not accepted now; the same content may be accepted later.

    `after`: what the service asked for (`Retry-After`), 0 when it did not say.
    """

    reason: FailureReason
    detail: str = ""
    after: Nanoseconds = 0


class Rejected(msgspec.Struct, frozen=True):
    """Never accepted as it is: trying again is pointless."""

    reason: FailureReason
    detail: str = ""


class Unknown(msgspec.Struct, frozen=True):
    """It may have been accepted: the connection ended after the request had gone out."""

    detail: str = ""


Outcome: TypeAlias = Delivered | Partly | Retry | Rejected | Unknown
