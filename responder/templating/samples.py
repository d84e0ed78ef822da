"""Notifications that no template may stumble over: one alert and many, over, stale, hostile, bare.

`rendering.check` tries every template on them when the rules are loaded. Nothing of them is ever sent.
"""

from collections.abc import Iterator
from typing import Any

from responder.core.model import HOUR, MINUTE, SECOND, Alert, labels_from
from responder.core.notification import Notification, ToldReason
from responder.templating.context import Pairs, facts

_NOW = 1_767_571_200 * SECOND  # 2026-01-05T00:00:00Z
_HOSTILE = "<!channel> </b> {{ 7 * 7 }} {% raw %} %s & ' \" \\ \n\u202e\U0001f525"


def _alert(number: int, ends_at: int = 0, stale: bool = False) -> Alert:
    labels = {
        "alertname": "HighErrorRate",
        "severity": "critical",
        "cluster": "production",
        "namespace": "shop",
        "service": "web",
        "pod": f"web-{number}",
    }
    notes = {
        "summary": f"{number} % of requests fail",
        "description": "Since the last deployment.",
        "runbook_url": "https://runbooks.example.com/high-error-rate",
    }
    return Alert(
        number,
        labels_from(labels),
        labels_from(notes),
        _NOW - HOUR,
        ends_at,
        _NOW,
        "http://prometheus:9090/graph?g0.expr=up",
        stale=stale,
    )


def _notification(reason: ToldReason, **alerts: tuple[Alert, ...]) -> Notification:
    return Notification(
        row=1,
        at=_NOW - 2 * MINUTE,
        reason=reason,
        receiver="slack-critical",
        integration="sample",
        group=1,
        group_key='{}:{alertname="HighErrorRate"}',
        group_labels=labels_from({"alertname": "HighErrorRate"}),
        firing=alerts.get("firing", ()),
        resolved=alerts.get("resolved", ()),
        stale=alerts.get("stale", ()),
        opened_at=_NOW - HOUR,
        skipped=1,
    )


def samples() -> Iterator[tuple[str, dict[str, Any]]]:
    """What each is, and its context."""
    ended = _NOW - MINUTE
    hostile = Alert(
        9,
        labels_from({"alertname": _HOSTILE, "severity": _HOSTILE, "a b.c": "x"}),
        labels_from({"summary": _HOSTILE, "description": _HOSTILE}),
        _NOW,
        0,
        _NOW,
        "javascript:alert(1)",
    )
    bare = Alert(10, labels_from({"job": "x"}), (), 0, 0, _NOW)
    many = tuple(_alert(number) for number in range(20))
    notifications = (
        ("one alert", _notification("first_notification", firing=(_alert(1),))),
        ("many alerts", _notification("some_resolved", firing=many, resolved=(_alert(30, ended),))),
        ("a resolved alert", _notification("all_resolved", resolved=(_alert(1, ended),))),
        ("a stale alert", _notification("stale", stale=(_alert(1, stale=True),))),
        ("an alert with marks in every text", _notification("new_alerts", firing=(hostile,))),
        ("an alert without annotations", _notification("repeat", firing=(bare,))),
    )
    for what, notification in notifications:
        yield what, facts(notification, "http://127.0.0.1:9095", _NOW, Pairs(team=_HOSTILE))
