"""The main messages, for the golden files and the pictures."""

from typing import Final, NamedTuple

from responder.core.model import HOUR, MINUTE, SECOND, Alert, Nanoseconds, labels_from
from responder.core.notification import Notification
from tests.notify.notices import MONDAY
from tests.notify.workspace import incident, pod


class Scene(NamedTuple):
    notification: Notification
    now: Nanoseconds


def disk() -> Alert:
    labels = {"alertname": "NodeDiskSpaceLow", "severity": "warning", "cluster": "prod", "instance": "node-3"}
    notes = {
        "summary": "node-3 has 8% of its disk left",
        "description": "At this rate /var/lib is full in about 5 hours.",
        "runbook_url": "https://runbooks.example/node-disk-low",
    }
    return Alert(41, labels_from(labels), labels_from(notes), MONDAY, 0, MONDAY + 3 * MINUTE)


HOSTILE: Final = Alert(
    66,
    labels_from(
        {
            "alertname": "<!channel> *loud* </h3><script>alert(1)</script>",
            "severity": "critical\u202e <!here>",
            "namespace": "<!everyone> & <@U0BOSS>",
            "pod": "<img src=x onerror=alert(1)>",
            "size": "x" * 10_000,
        }
    ),
    labels_from(
        {
            "summary": "<!subteam^S1> <https://evil.example|click here> *b* _i_ ~s~ `c`"
            " &lt;!channel&gt;\n\u202egnp.exe",
            "description": "y" * 10_000,
            "runbook_url": "javascript:alert(1)",
            "dashboard_url": "https://evil.example/|<!channel>",
            "graph_url": "https://user@evil.example/",
        }
    ),
    MONDAY,
    0,
    MONDAY,
    "data:text/html,<script>alert(1)</script>",
)


def twin() -> Alert:
    labels = [(name, "*x*" if name == "pod" else value) for name, value in HOSTILE.labels]
    return Alert(67, tuple(labels), labels_from({"summary": "<@U0BOSS> </span>"}), MONDAY, 0, MONDAY)


LATER: Final = MONDAY + 42 * MINUTE

SCENES: Final = {
    "first-critical": Scene(incident(firing=(pod(1),)), MONDAY + 61 * SECOND),
    "first-warning": Scene(incident(firing=(disk(),)), MONDAY + 61 * SECOND),
    "many-alerts": Scene(
        incident(
            2,
            firing=tuple(pod(number, began=MONDAY + number * SECOND) for number in range(1, 24)),
            reason="new_alerts",
        ),
        MONDAY + 2 * MINUTE,
    ),
    "some-resolved": Scene(
        incident(
            3,
            firing=(pod(1), pod(2, began=MONDAY + 5 * MINUTE)),
            resolved=(pod(3, ended=MONDAY + 12 * MINUTE),),
            reason="some_resolved",
            at=MONDAY + 13 * MINUTE,
        ),
        MONDAY + 13 * MINUTE,
    ),
    "all-resolved": Scene(
        incident(
            4,
            resolved=(pod(1, ended=LATER), pod(2, began=MONDAY + 5 * MINUTE, ended=LATER - MINUTE)),
            reason="all_resolved",
            at=LATER,
        ),
        LATER,
    ),
    "stale": Scene(incident(5, stale=(pod(1),), reason="stale", at=MONDAY + 24 * HOUR), MONDAY + 24 * HOUR),
    "late-and-skipped": Scene(
        incident(6, firing=(pod(1),), reason="new_alerts", since=MONDAY + MINUTE, at=LATER, skipped=3), LATER
    ),
    "hostile": Scene(incident(7, firing=(HOSTILE, twin())), MONDAY + 61 * SECOND),
}
