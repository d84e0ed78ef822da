"""What a person reads, before any service's own form: headline, counts, facts, links, lateness.

`slack`, `pagerduty` and `email` call it, so that one incident reads the same in every place. Every
text it gives is plain and may hold anything that an alert holds: whoever sends it escapes it.
"""

from typing import Final, Literal
from urllib.parse import urlsplit

from responder.core.model import MINUTE, SECOND, Alert, Labels, Nanoseconds, format_duration, label
from responder.core.notification import Notification, ToldReason
from responder.core.severity import Severity, severity_of
from responder.core.truncation import common_pairs, truncate_runes

_WORST: Final[tuple[Severity, ...]] = ("critical", "error", "warning", "info")

_LATE: Final = MINUTE
"""News that is younger than this needs no excuse."""

_LONGEST_URL: Final = 2_000
_PLACE: Final = ("cluster", "namespace", "service", "deployment", "pod", "instance", "job")
"""Labels that say where, in the order in which people narrow it down."""


def worst(notification: Notification) -> Severity:
    """The worst severity among what fires, or among what is over where nothing fires."""
    alerts = notification.firing or notification.stale or notification.resolved
    found = {severity_of(alert) for alert in alerts}
    return next((severity for severity in _WORST if severity in found), "error")


def state_of(notification: Notification) -> Literal["firing", "stale", "resolved"]:
    """What the incident as a whole is."""
    if notification.firing:
        return "firing"
    return "stale" if notification.stale else "resolved"


def counts(notification: Notification) -> str:
    """`3 firing, 1 resolved`: what is zero is left out."""
    parts = (
        (len(notification.firing), "firing"),
        (len(notification.stale), "stale"),
        (len(notification.resolved), "resolved"),
    )
    return ", ".join(f"{number} {word}" for number, word in parts if number)


def name_of(notification: Notification) -> str:
    """What the incident is called: its alerts' common name, else how many names there are."""
    alerts = (*notification.firing, *notification.stale, *notification.resolved)
    names = {label(alert.labels, "alertname") for alert in alerts} - {""}
    if len(names) == 1:
        return names.pop()
    return f"{len(names)} kinds of alert" if names else "Alert without a name"


def place_of(notification: Notification) -> str:
    """Where: the values of the labels that say so and that all alerts share, `prod / shop / web`."""
    return place_in(common_labels(notification))


def place_in(labels: Labels) -> str:
    """Where, as far as these labels say so."""
    values = dict(labels)
    return " / ".join(dict.fromkeys(values[name] for name in _PLACE if values.get(name)))


def headline(notification: Notification, most: int = 150) -> str:
    """One line that is readable in a phone's preview: state, count, name, place."""
    state = state_of(notification)
    number = len(getattr(notification, state))
    head = state.capitalize() if number == 1 else f"{state.capitalize()} ({number})"
    return titled(f"{head}: {name_of(notification)}", place_of(notification), most)


def title(notification: Notification, most: int = 120) -> str:
    """What the incident is called and where it is now, on one line, without its state."""
    return titled(name_of(notification), place_of(notification), most)


def titled(name: str, place: str, most: int = 120) -> str:
    """`name, place` on one line of at most `most` characters."""
    return truncate_runes(one_line(f"{name}, {place}" if place else name), most)


def common_labels(notification: Notification) -> Labels:
    """Labels that every alert of the notification has."""
    alerts = (*notification.firing, *notification.stale, *notification.resolved)
    return common_pairs(alert.labels for alert in alerts)


def common_annotations(notification: Notification) -> Labels:
    """Annotations that every alert of the notification has."""
    alerts = (*notification.firing, *notification.stale, *notification.resolved)
    return common_pairs(alert.annotations for alert in alerts)


def summary_of(alert: Alert) -> str:
    """What the rule says of the alert: its summary, else its description, else its message."""
    annotations = dict(alert.annotations)
    for name in ("summary", "description", "message"):
        if text := annotations.get(name, "").strip():
            return text
    return ""


def differing(alert: Alert, common: Labels) -> str:
    """The labels that tell an alert from the others of its group: `pod=web-1, zone=b`."""
    shared = dict(common)
    own = [(name, value) for name, value in alert.labels if shared.get(name) != value]
    return ", ".join(f"{name}={value}" for name, value in own if name != "severity")


_NEWS: Final[dict[ToldReason, str]] = {
    "first_notification": "Began",
    "new_alerts": "More alerts",
    "some_resolved": "Some are over",
    "all_resolved": "Over",
    "repeat": "Still so",
    "unmuted": "Not muted any more",
    "escalated": "Escalated",
    "stale": "Nobody renews it",
    "test": "A test",
}


def news(notification: Notification) -> str:
    """Why people are told, in a few words."""
    return _NEWS[notification.reason]


def lateness(notification: Notification, now: Nanoseconds) -> str:
    """What was skipped and how late this is; "" where there is nothing to excuse."""
    since = notification.since or notification.at
    late = max(now - since, 0)
    parts = []
    if late >= _LATE:
        parts.append(f"{rounded(late)} late")
    if notification.skipped:
        states = "state" if notification.skipped == 1 else "states"
        parts.append(f"{notification.skipped} earlier {states} skipped")
    return ", ".join(parts)


def rounded(duration: Nanoseconds) -> str:
    """A duration to the second below ten minutes, else to the minute."""
    unit = SECOND if duration < 10 * MINUTE else MINUTE
    return format_duration(duration // unit * unit)


def lasted(alert: Alert, now: Nanoseconds) -> str:
    """How long an alert has been firing, or fired, in the two largest units that matter."""
    end = alert.ends_at if alert.resolved_at(now) else now
    return rounded(max(end - alert.starts_at, 0)) if alert.starts_at else ""


LINKS: Final = (("runbook_url", "Runbook"), ("dashboard_url", "Dashboard"), ("graph_url", "Graph"))
"""Annotations that hold links, and what the link is called."""


def links(alert: Alert) -> list[tuple[str, str]]:
    """(what, URL): runbook, dashboard, graph from annotations, and the rule's own source."""
    annotations = dict(alert.annotations)
    found = [(what, annotations.get(name, "").strip()) for name, what in LINKS]
    found.append(("Source", alert.generator_url))
    return [(what, url) for what, url in found if is_link(url)]


def is_link(url: str) -> bool:
    """Whether a URL out of an alert may become a link: http or https, a host, nothing hidden in it."""
    if not 0 < len(url) <= _LONGEST_URL or not url.isprintable() or any(c in url for c in ' <>"|\\`'):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False


_INVISIBLE: Final = frozenset(
    "\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)
"""Marks that turn or hide what stands beside them."""


def visible(text: str) -> str:
    """The text without control characters and marks of direction; line breaks and tabs stay."""
    if text.isprintable() and not _INVISIBLE.intersection(text):
        return text
    return "".join(
        char
        for char in text.replace("\r\n", "\n").replace("\r", "\n")
        if char in "\n\t" or (char.isprintable() and char not in _INVISIBLE)
    )


def one_line(text: str) -> str:
    """The text as one line: what a subject, a headline or a list entry can hold."""
    return " ".join(visible(text).split())


def plain(notification: Notification, external_url: str, now: Nanoseconds, most: int = 20) -> str:
    """The whole notification as text: what is sent where nothing better can be rendered."""
    common = common_labels(notification)
    lines = [headline(notification, 300), f"{news(notification)}: {counts(notification)}."]
    if late := lateness(notification, now):
        lines.append(f"({late})")
    shown = 0
    for word in ("firing", "stale", "resolved"):
        for alert in getattr(notification, word):
            if shown == most:
                break
            shown += 1
            what = one_line(summary_of(alert) or label(alert.labels, "alertname"))
            own = one_line(differing(alert, common))
            lines.append(f"- {word}: {what}" + (f" ({own})" if own else ""))
            lines += [f"  {name}: {url}" for name, url in links(alert)]
    total = len(notification.firing) + len(notification.stale) + len(notification.resolved)
    if total > shown:
        lines.append(f"and {total - shown} more.")
    lines.append(f"Incident {notification.incident}, {external_url}")
    return "\n".join(lines)
