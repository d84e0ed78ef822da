"""Alerts and webhook payloads as real senders write them.

Tests and benchmarks post them. Nothing here is an expectation: those stand in the tests.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

STARTED: Final = "2026-01-05T00:00:00Z"
ZERO: Final = "0001-01-01T00:00:00Z"


def api_alert(name: str, annotations: Mapping[str, str] | None = None, **labels: str) -> dict[str, Any]:
    """An alert for POST /api/v2/alerts, without times: it starts now and ends by resolve_timeout."""
    return {
        "labels": {"alertname": name, **labels},
        "annotations": dict(annotations or {"summary": f"{name} happened"}),
        "generatorURL": "http://127.0.0.1:9090/graph",
    }


def webhook_alert(
    name: str, *, status: str = "firing", starts_at: str = STARTED, ends_at: str = ZERO, **labels: str
) -> dict[str, Any]:
    """An alert within a webhook payload."""
    return {
        "status": status,
        "labels": {"alertname": name, **labels},
        "annotations": {"summary": f"{name} happened"},
        "startsAt": starts_at,
        "endsAt": ends_at,
        "generatorURL": "http://127.0.0.1:9090/graph",
    }


def webhook_payload(alerts: Sequence[Mapping[str, Any]], receiver: str = "responder") -> dict[str, Any]:
    """Alertmanager's webhook payload, version 4, around these alerts."""
    firing = any(alert["status"] == "firing" for alert in alerts)
    first = dict(alerts[0]["labels"]) if alerts else {}
    common = {k: v for k, v in first.items() if all(alert["labels"].get(k) == v for alert in alerts)}
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{first.get("alertname", "")}"}}',
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": receiver,
        "groupLabels": {},
        "commonLabels": common,
        "commonAnnotations": {},
        "externalURL": "http://127.0.0.1:9093",
        "alerts": [dict(alert) for alert in alerts],
    }
