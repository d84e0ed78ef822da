"""Alerts, groups and silences as Alertmanager's API writes them.

`web.alertmanager` fills its answers from here. Whether an alert is silenced or inhibited is asked
of the real functions, at the moment of the request; nothing here decides or changes anything.
"""

from functools import lru_cache
from typing import Literal

import msgspec

from responder.core import verdicts
from responder.core.model import SECOND, Alert, Labels, Nanoseconds, fingerprint, format_time
from responder.core.notification import Notification
from responder.core.routing import Route
from responder.core.rules import Ruleset
from responder.core.silence import Phase, Silence, WireMatcher, wire_matcher
from responder.core.state import Group, State
from responder.web.alertquery import AlertQuery


class Named(msgspec.Struct):
    """A receiver."""

    name: str


class AlertStatus(msgspec.Struct):
    """Whether an alert is told, and what keeps it from being. `mutedBy`: intervals, and windows of ours."""

    state: Literal["active", "suppressed"]
    silencedBy: list[str]
    inhibitedBy: list[str]
    mutedBy: list[str]


class ShownAlert(msgspec.Struct):
    """An alert."""

    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    endsAt: str
    updatedAt: str
    generatorURL: str
    fingerprint: str
    receivers: list[Named]
    status: AlertStatus


class ShownGroup(msgspec.Struct, omit_defaults=True):
    """A group and those of its alerts that were asked for. Version 0.25 knows no `routeLabels`."""

    labels: dict[str, str]
    receiver: Named
    alerts: list[ShownAlert]
    routeLabels: dict[str, str] = {}


class SilenceStatus(msgspec.Struct):
    """Whether a silence is in force."""

    state: Phase


class ShownSilence(msgspec.Struct, omit_defaults=True):
    """A silence. `author` is ours: who it was by their token, whatever `createdBy` claims."""

    id: str
    status: SilenceStatus
    updatedAt: str
    comment: str
    createdBy: str
    startsAt: str
    endsAt: str
    matchers: list[WireMatcher]
    author: str
    annotations: dict[str, str] = {}


@lru_cache(maxsize=16_384)
def wire_time(at: Nanoseconds) -> str:
    """RFC 3339 with milliseconds, as Alertmanager's API writes every time."""
    whole, nanos = divmod(at, SECOND)
    return f"{format_time(whole * SECOND)[:-1]}.{nanos // 1_000_000:03d}Z"


def shown_silence(silence: Silence, now: Nanoseconds) -> ShownSilence:
    """A silence as it is at `now`."""
    return ShownSilence(
        id=silence.id,
        status=SilenceStatus(silence.phase(now)),
        updatedAt=wire_time(silence.updated_at),
        comment=silence.comment,
        createdBy=silence.created_by,
        startsAt=wire_time(silence.starts_at),
        endsAt=wire_time(silence.ends_at),
        matchers=[wire_matcher(matcher) for matcher in silence.matchers],
        author=silence.author,
        annotations=dict(silence.annotations),
    )


def silence_order(silence: Silence, now: Nanoseconds) -> tuple[int, Nanoseconds, str]:
    """Active ones first, the one that ends soonest before others; then pending, then expired ones."""
    match silence.phase(now):
        case "active":
            return 0, silence.ends_at, silence.id
        case "pending":
            return 1, silence.starts_at, silence.id
        case "expired":
            return 2, -silence.ends_at, silence.id


class View:
    """Alerts as they are at one moment."""

    def __init__(self, state: State, ruleset: Ruleset, now: Nanoseconds, external_url: str = "") -> None:
        """Look at `state` under `ruleset`. `external_url`: where we are, for labels that say so."""
        self._state = state
        self._ruleset = ruleset
        self._now = now
        self._external_url = external_url
        self._muted: dict[Route, tuple[str, ...]] = {}

    def alert(self, alert: Alert, query: AlertQuery, muted_by: tuple[str, ...] = ()) -> ShownAlert | None:
        """An alert that fires and is asked for. The receivers may repeat: one for each route."""
        if not alert.firing_at(self._now) or not query.wants_labels(alert.labels):
            return None
        silenced = sorted(s.id for s in self._state.silences.hiding(alert, self._now))
        inhibited = self._inhibited_by(alert.labels)
        if not query.wants_status(silenced=bool(silenced), inhibited=bool(inhibited)):
            return None
        windows = self._ruleset.suppression.hiding(alert.labels, self._now)
        muted_by += tuple(window.name for window, _ in windows)
        suppressed = silenced or inhibited or muted_by
        return ShownAlert(
            labels=dict(alert.labels),
            annotations=dict(alert.annotations),
            startsAt=wire_time(alert.starts_at),
            endsAt=wire_time(alert.ends_at),
            updatedAt=wire_time(alert.updated_at),
            generatorURL=alert.generator_url,
            fingerprint=fingerprint(alert.labels),
            receivers=[Named(name) for name in self.receivers(alert.labels)],
            status=AlertStatus("suppressed" if suppressed else "active", silenced, inhibited, list(muted_by)),
        )

    def receivers(self, labels: Labels) -> list[str]:
        """The receivers of an alert with these labels, in match order."""
        return [route.receiver for route in self._ruleset.router.match(labels)]

    def muted_by(self, route: Route) -> tuple[str, ...]:
        """The time intervals that keep a route quiet."""
        names = self._muted.get(route)
        if names is None:
            names = self._muted[route] = verdicts.muting(self._ruleset, route, self._now)[1]
        return names

    def route_labels(self, group: Group, route: Route) -> dict[str, str]:
        """The labels of a group's route, over all of the group's alerts, as if it were told of them now."""
        if not route.labels:
            return {}
        from responder.templating import route_labels  # whoever has none needs no templates

        members = sorted(self._state.members[group.id].values(), key=lambda alert: alert.id)
        told = Notification(
            row=0,
            at=self._now,
            reason="repeat",
            receiver=route.receiver,
            integration="",
            group=group.id,
            group_key=route.group_key(group.labels),
            group_labels=group.labels,
            firing=tuple(one for one in members if one.firing_at(self._now)),
            resolved=tuple(one for one in members if not one.firing_at(self._now)),
            opened_at=group.created_at,
            route_labels=route.labels,
        )
        return route_labels(told, self._external_url)

    def _inhibited_by(self, labels: Labels) -> list[str]:
        found = self._state.inhibitor.inhibited_by(labels, self._now)
        return [fingerprint(found[1].labels)] if found else []
