"""Incidents as `/api/v1` writes them: an incident is one life of a group.

`web.api.incidents` fills its answers from here, from the state alone. Nothing here decides,
changes anything or asks the database.
"""

from collections.abc import Iterable
from typing import Any, Final

from responder.core.model import Alert, Nanoseconds, fingerprint, format_time, label
from responder.core.notification import Acknowledgement
from responder.core.rules import Ruleset
from responder.core.run import Run
from responder.core.severity import severity_of
from responder.core.state import Group, State
from responder.web.api.runview import brief_run, run_order

_NAMES: Final = 10
"""Alert names that an incident is listed with."""


class IncidentView:
    """The incidents of one moment."""

    def __init__(self, state: State, ruleset: Ruleset, now: Nanoseconds) -> None:
        """Look at `state` under `ruleset`."""
        self._state = state
        self._routes = ruleset.router.by_id
        self._now = now

    def _members(self, group: Group) -> list[Alert]:
        return list(self._state.members.get(group.id, {}).values())

    def is_open(self, group: Group) -> bool:
        """Whether something in it fires, or may still."""
        now = self._now
        return any(not alert.resolved_at(now) for alert in self._members(group))

    def brief(self, group: Group) -> dict[str, Any]:
        """What a list shows of an incident."""
        alerts = self._members(group)
        firing = [alert for alert in alerts if alert.firing_at(self._now)]
        stale = sum(alert.stale for alert in alerts)
        route = self._routes.get(group.route)
        return {
            "id": group.incident,
            "group": group.id,
            "receiver": route.receiver if route else "",
            "labels": dict(group.labels),
            "status": "firing" if firing or stale else "resolved",
            "severity": _worst(firing or alerts),
            "alertnames": _names(firing or alerts),
            "alerts": {
                "firing": len(firing),
                "resolved": len(alerts) - len(firing) - stale,
                "stale": stale,
                "hidden": sum(alert.id in group.muted for alert in firing),
            },
            "since": format_time(group.created_at),
            "acknowledged": shown_acknowledgement(group.acknowledged),
            "runs": [brief_run(run) for run in self._runs(group)],
        }

    def whole(self, group: Group) -> dict[str, Any]:
        """Everything about an incident: its alerts and who was told as well."""
        route = self._routes.get(group.route)
        alerts = sorted(self._members(group), key=lambda alert: (alert.starts_at, alert.id))
        return {
            **self.brief(group),
            "route": group.route,
            "group_key": route.group_key(group.labels) if route else "",
            "next_look": format_time(group.due_at),
            "fallbacks": list(group.fallbacks),
            "told": [
                {
                    "integration": integration,
                    "last_told": format_time(told.told.at) if told.told.at else None,
                    "on_its_way": told.head is not None,
                }
                for integration, told in sorted(self._state.told.get(group.id, {}).items())
            ],
            "members": [self._alert(group, alert) for alert in alerts],
        }

    def _runs(self, group: Group) -> list[Run]:
        runs = self._state.runs
        return sorted((runs[number] for number in self._state.runs_of_group.get(group.id, ())), key=run_order)

    def _alert(self, group: Group, alert: Alert) -> dict[str, Any]:
        status = "stale" if alert.stale else "resolved" if alert.resolved_at(self._now) else "firing"
        return {
            "fingerprint": fingerprint(alert.labels),
            "labels": dict(alert.labels),
            "annotations": dict(alert.annotations),
            "status": status,
            "startsAt": format_time(alert.starts_at),
            "endsAt": format_time(alert.ends_at) if alert.ends_at else None,
            "hidden_by": group.muted.get(alert.id),
        }


def shown_acknowledgement(given: Acknowledgement | None) -> dict[str, Any] | None:
    """Who took an incident on; `until` null: until it resolves."""
    if given is None:
        return None
    return {
        "by": given.by,
        "at": format_time(given.at),
        "until": format_time(given.until) if given.until else None,
        "note": given.note,
    }


_SEVERITIES: Final = ("critical", "error", "warning", "info")


def _worst(alerts: Iterable[Alert]) -> str:
    return min(map(severity_of, alerts), key=_SEVERITIES.index, default="")


def _names(alerts: Iterable[Alert]) -> list[str]:
    return sorted({label(alert.labels, "alertname") for alert in alerts})[:_NAMES]
