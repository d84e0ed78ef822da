"""What a simulation comes to, line by line: who is told of what, and what is not told and why.

`cli.simulate` prints the lines, `trial` and `hearing` look at them. They come from the orders and events
of decisions alone; nothing here knows why something was decided so.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from responder.core.draft import Decision
from responder.core.messages import AlertsLeft, AlertsMuted, Closed, Deliver, Owed
from responder.core.model import SECOND, Labels, Nanoseconds
from responder.core.notification import Notification
from responder.core.routing import Route
from responder.core.rules import Receiver, Ruleset
from responder.core.state import Group

_HIDING: Final = frozenset(
    {"inhibition", "silence", "mute_time_interval", "active_time_interval", "maintenance"}
)
"""Reasons of rows that were closed because alerts are hidden: that was said when the hiding began."""


@dataclass(frozen=True, slots=True)
class Line:
    """One integration is told, or is not. `at` counts from the start of the simulation.

    `by`: the rule or the intervals that hide the alerts, as the journal names them. `group` is the
    id of the group within its course. `route_labels` are expanded, of what is told.
    """

    at: Nanoseconds
    type: Literal["notification", "suppressed"]
    receiver: str
    integration: str
    group_key: str
    reason: str
    firing: tuple[Labels, ...]
    resolved: tuple[Labels, ...]
    by: str = ""
    group: int = 0
    route_labels: Labels = ()

    @property
    def status(self) -> str:
        """`firing` while anything in it fires."""
        return "firing" if self.firing else "resolved"

    def document(self) -> dict[str, Any]:
        """The line as JSON has it; `at` in seconds."""
        whole, part = divmod(self.at, SECOND)
        found: dict[str, Any] = {
            "at": self.at / SECOND if part else whole,
            "type": self.type,
            "receiver": self.receiver,
            "integration": self.integration,
            "group_key": self.group_key,
            "reason": self.reason,
            "status": self.status,
            "firing": [dict(labels) for labels in self.firing],
            "resolved": [dict(labels) for labels in self.resolved],
        }
        if self.route_labels:
            found["route_labels"] = dict(self.route_labels)
        return found | {"by": self.by} if self.by else found


class Lines:
    """Gathers lines from the decisions of one course."""

    def __init__(self, ruleset: Ruleset, start: Nanoseconds) -> None:
        self._ruleset = ruleset
        self._start = start
        self._routes: dict[int, Route] = {}
        self._labels: dict[int, Labels] = {}
        self._groups: dict[int, Group] = {}
        self._rows: dict[int, Owed] = {}
        self._mentioned: dict[int, set[int]] = defaultdict(set)
        self._fired: dict[int, dict[str, tuple[Labels, ...]]] = defaultdict(dict)

    def follow(self, ruleset: Ruleset) -> None:
        """Decisions from now on are made under other rules."""
        self._ruleset = ruleset

    def of(self, decision: Decision, at: Nanoseconds) -> Iterator[Line]:
        """The lines of one decision. Every decision of the course must pass here, in order."""
        for alert in decision.changes.alerts.values():
            self._labels[alert.id] = alert.labels
        self._groups |= decision.changes.groups
        for group in decision.changes.groups:
            self._route(group)
        at -= self._start
        for effect in decision.effects:
            if isinstance(effect, Deliver):
                yield self._told(effect.notification, at)
        for event in decision.events:
            match event:
                case Owed():
                    self._rows[event.row] = event
                case Closed():
                    row = self._rows.pop(event.row)
                    if event.state != "delivered" and event.reason not in _HIDING:
                        yield self._not_told(row, event, at)
                case AlertsMuted():
                    yield from self._left_out(event.group, event.alerts, event.reason, at, event.by)
                case AlertsLeft():
                    unheard = [a for a in event.alerts if a not in self._mentioned[event.group]]
                    if unheard:
                        yield from self._left_out(event.group, unheard, "resolved_before_told", at)
                    self._mentioned[event.group].difference_update(event.alerts)
                case _:
                    pass
        for group in decision.changes.closed_groups:
            self._groups.pop(group, None)
            self._routes.pop(group, None)
            self._fired.pop(group, None)
            self._mentioned.pop(group, None)
        for alert_id in decision.changes.dropped:
            del self._labels[alert_id]

    def _told(self, told: Notification, at: Nanoseconds) -> Line:
        fires = (*told.firing, *told.stale)
        firing = tuple(sorted(alert.labels for alert in fires))
        self._fired[told.group][told.integration] = firing
        self._mentioned[told.group].update(alert.id for alert in (*fires, *told.resolved))
        return Line(
            at,
            "notification",
            told.receiver,
            told.integration,
            told.group_key,
            told.reason,
            firing,
            tuple(sorted(alert.labels for alert in told.resolved)),
            group=told.group,
            route_labels=_expanded(told),
        )

    def _not_told(self, row: Owed, closed: Closed, at: Nanoseconds) -> Line:
        fires = (*row.firing, *row.stale)
        self._mentioned[row.group].update((*fires, *row.resolved))
        resolved = self._sets(row.resolved)
        if closed.reason == "send_resolved_false":  # its row names nothing: that is what was asked for
            resolved = self._fired[row.group].get(row.integration, ())
        return Line(
            at,
            "suppressed",
            row.receiver,
            row.integration,
            self._key(row.group),
            closed.reason,
            self._sets(fires),
            resolved,
            closed.by,
            row.group,
        )

    def _left_out(
        self, group: int, alerts: list[int], reason: str, at: Nanoseconds, by: str = ""
    ) -> Iterator[Line]:
        """Alerts of a group that nobody of its receiver is told of."""
        self._mentioned[group].update(alerts)
        over = reason == "resolved_before_told"
        sets = self._sets(alerts)
        receiver = self._ruleset.receivers.get(self._route(group).receiver, Receiver(""))
        for integration in receiver.integrations:
            firing, resolved = ((), sets) if over else (sets, ())
            yield Line(
                at,
                "suppressed",
                receiver.name,
                integration.id,
                self._key(group),
                reason,
                firing,
                resolved,
                by,
                group,
            )

    def _sets(self, alerts: Iterable[int]) -> tuple[Labels, ...]:
        return tuple(sorted(self._labels[alert] for alert in alerts))

    def _key(self, group: int) -> str:
        return self._route(group).group_key(self._groups[group].labels)

    def _route(self, group: int) -> Route:
        """A group's route; where the rules in force have it no more, as it was last."""
        route = self._ruleset.router.by_id.get(self._groups[group].route)
        if route is not None:
            self._routes[group] = route
        return self._routes[group]


def _expanded(told: Notification) -> Labels:
    if not told.route_labels:
        return ()
    from responder.templating import route_labels  # whoever has none needs no templates

    return tuple(route_labels(told, "").items())
