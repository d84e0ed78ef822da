"""What a template sees of a notification, as plain values.

`routelabels` makes contexts here for whoever renders a template, and `samples` to try templates before they
are needed. Nothing here knows a service, and every text may hold anything that an alert holds.
"""

from typing import Any, Final

from responder.core.model import (
    MINUTE,
    SECOND,
    Alert,
    Labels,
    Nanoseconds,
    fingerprint,
    format_duration,
    format_time,
)
from responder.core.notification import Notification
from responder.core.truncation import common_pairs

MOST_ALERTS: Final = 1_000
"""So many alerts of each status are shown to a template; `counts` has the true numbers."""

NAMES: Final = frozenset(
    {
        "alerts",
        "common_annotations",
        "common_labels",
        "counts",
        "external_url",
        "firing",
        "group_labels",
        "incident",
        "late",
        "reason",
        "receiver",
        "resolved",
        "route_labels",
        "skipped",
        "stale",
        "status",
    }
)
"""Every name that a template may use."""


class Record(dict[str, Any]):
    """A mapping with fixed names: a name that it lacks is a mistake."""


class Pairs(dict[str, str]):
    """Labels or annotations: one that is missing is "", as in Alertmanager."""

    def __missing__(self, key: str) -> str:
        return ""


def facts(
    notification: Notification, external_url: str, now: Nanoseconds, route_labels: Pairs
) -> dict[str, Any]:
    """The context: a value under each of NAMES.

    Times are RFC 3339 in UTC, durations as in `1h30m`; "" where there is none. `late`: how late
    this is told, "" below a minute. `route_labels` are expanded.
    """
    parts = {
        "firing": notification.firing,
        "stale": notification.stale,
        "resolved": notification.resolved,
    }
    told = {
        status: [_alert(alert, status, now) for alert in alerts[:MOST_ALERTS]]
        for status, alerts in parts.items()
    }
    every = [alert for alerts in parts.values() for alert in alerts]
    late = max(now - (notification.since or notification.at), 0)
    return Record(
        receiver=notification.receiver,
        status=notification.status,
        reason=notification.reason,
        incident=notification.incident,
        counts=Record({status: len(alerts) for status, alerts in parts.items()} | {"all": len(every)}),
        alerts=[alert for alerts in told.values() for alert in alerts],
        **told,
        group_labels=_pairs(notification.group_labels),
        common_labels=_pairs(common_pairs(alert.labels for alert in every)),
        common_annotations=_pairs(common_pairs(alert.annotations for alert in every)),
        route_labels=route_labels,
        external_url=external_url,
        late=_rounded(late) if late >= MINUTE else "",
        skipped=notification.skipped,
    )


def _alert(alert: Alert, status: str, now: Nanoseconds) -> Record:
    end = alert.ends_at if status == "resolved" else 0
    lasted = (end or now) - alert.starts_at if alert.starts_at else 0
    return Record(
        status=status,
        labels=_pairs(alert.labels),
        annotations=_pairs(alert.annotations),
        starts_at=format_time(alert.starts_at // SECOND * SECOND) if alert.starts_at else "",
        ends_at=format_time(end // SECOND * SECOND) if end else "",
        lasted=_rounded(lasted) if lasted > 0 else "",
        generator_url=alert.generator_url,
        fingerprint=fingerprint(alert.labels),
    )


def _pairs(labels: Labels) -> Pairs:
    return Pairs(labels)


def _rounded(duration: Nanoseconds) -> str:
    unit = SECOND if duration < 10 * MINUTE else MINUTE
    return format_duration(duration // unit * unit)
