"""Alertmanager's webhook payload, version 4, from a Notification.

`webhook` sends it. It is written for speed, since one payload may hold ten thousand alerts; it
never decides which alerts a receiver hears of.
"""

import re
from functools import lru_cache
from typing import Final

import msgspec

from responder.core.model import ZERO_TIME, fingerprint, format_time
from responder.core.notification import Notification
from responder.core.truncation import Shown, common_pairs, shown

_time: Final = lru_cache(maxsize=4_096)(format_time)
"""Alerts of one rule begin together."""


class _Alert(
    msgspec.Struct,
    gc=False,
    omit_defaults=True,
    rename={"starts_at": "startsAt", "ends_at": "endsAt", "generator_url": "generatorURL"},
):
    status: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    ends_at: str
    generator_url: str
    fingerprint: str
    stale: bool = False


class _Payload(
    msgspec.Struct,
    rename={
        "group_labels": "groupLabels",
        "common_labels": "commonLabels",
        "common_annotations": "commonAnnotations",
        "route_labels": "routeLabels",
        "external_url": "externalURL",
        "group_key": "groupKey",
        "truncated_alerts": "truncatedAlerts",
    },
):
    receiver: str
    status: str
    alerts: list[msgspec.Raw]
    notification_reason: str
    group_labels: dict[str, str]
    common_labels: dict[str, str]
    common_annotations: dict[str, str]
    route_labels: dict[str, str]
    external_url: str
    version: str
    group_key: str
    truncated_alerts: int


def render(notification: Notification, external_url: str, max_alerts: int = 0, mends: bool = True) -> bytes:
    """The payload's JSON. `max_alerts` 0 shows all; `mends` False cuts as Alertmanager does.

    Status and common labels are those of the alerts that are shown, as in Alertmanager. A stale
    alert is `firing` with a further key `stale`: a reader who does not know it must not take it
    for over.
    """
    alerts, cut = shown(notification, max_alerts, mends)
    firing = any(verdict != "resolved" for _, verdict in alerts)
    payload = _Payload(
        receiver=quote_meta(notification.receiver),
        status="firing" if firing else "resolved",
        alerts=[_encoded(entry) for entry in alerts],
        notification_reason=notification.reason,
        group_labels=dict(notification.group_labels),
        common_labels=dict(common_pairs(alert.labels for alert, _ in alerts)),
        common_annotations=dict(common_pairs(alert.annotations for alert, _ in alerts)),
        route_labels=_route_labels(notification, external_url),
        external_url=external_url,
        version="4",
        group_key=notification.group_key,
        truncated_alerts=cut,
    )
    return escape(_encode(payload)) + b"\n"


def _route_labels(notification: Notification, external_url: str) -> dict[str, str]:
    if not notification.route_labels:
        return {}
    from responder.templating import route_labels  # whoever has none needs no templates

    return route_labels(notification, external_url)


_ENCODED: Final[dict[int, tuple[Shown, msgspec.Raw]]] = {}
_ENCODED_MOST: Final = 16_384


def _encoded(entry: Shown) -> msgspec.Raw:
    """An alert's JSON. A group is told again and again with alerts that have not changed: kept."""
    alert, verdict = entry
    known = _ENCODED.get(alert.id)
    if known is not None and known[0][0] is alert and known[0][1] == verdict:
        return known[1]
    if len(_ENCODED) >= _ENCODED_MOST:
        _ENCODED.clear()
    raw = msgspec.Raw(_encode(_alert(entry)))
    _ENCODED[alert.id] = entry, raw
    return raw


def _alert(entry: Shown) -> _Alert:
    alert, verdict = entry
    return _Alert(
        status="resolved" if verdict == "resolved" else "firing",
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        starts_at=_time(alert.starts_at),
        ends_at=_time(alert.ends_at) if verdict == "resolved" else ZERO_TIME,
        generator_url=alert.generator_url,
        fingerprint=fingerprint(alert.labels),
        stale=verdict == "stale",
    )


_encode: Final = msgspec.json.Encoder().encode

_ESCAPES: Final = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)


def escape(raw: bytes) -> bytes:
    """JSON as Go's encoding/json writes it: these five characters occur inside strings only."""
    for plain, escaped in _ESCAPES:
        raw = raw.replace(plain, escaped)
    return raw


@lru_cache(maxsize=4_096)
def quote_meta(text: str) -> str:
    """Go's `regexp.QuoteMeta`, which Alertmanager applies to the receiver's name."""
    return re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text)
