"""Incidents as people would be mailed about them: ordinary ones, and one that means harm."""

from typing import Final

from msgspec.structs import replace

from responder.core.model import MINUTE, Alert, labels_from
from responder.core.notification import Notification
from tests.notify.notices import MONDAY, alert, notification

NOW: Final = MONDAY + 10 * MINUTE

_RUNBOOK = "https://runbooks.example.com/high-error-rate"


def error_rate(number: int, pod: str, percent: int, *, ends_at: int = 0, severity: str = "critical") -> Alert:
    return alert(
        number,
        {
            "summary": f"{percent}% of the requests to checkout fail",
            "description": "More than 5% of the requests were answered with 5xx for five minutes.\n"
            "Customers cannot pay.",
            "runbook_url": _RUNBOOK,
            "dashboard_url": f"https://grafana.example.com/d/checkout?var-pod={pod}",
        },
        MONDAY + number * MINUTE,
        ends_at,
        f"https://prometheus.example.com/graph?g0.expr=errors%3A{number}",
        alertname="HighErrorRate",
        severity=severity,
        cluster="prod-eu-1",
        namespace="shop",
        service="checkout",
        pod=pod,
    )


def _about(row: int) -> Notification:
    labels = {"alertname": "HighErrorRate", "cluster": "prod-eu-1", "service": "checkout"}
    made = notification(row, receiver="platform-mail", group_labels=labels)
    return replace(made, firing=(), opened_at=MONDAY + MINUTE, at=NOW, since=NOW)


FIRST: Final = replace(_about(41), firing=(error_rate(1, "checkout-7d9f", 12),))
MORE: Final = replace(
    _about(42),
    reason="new_alerts",
    firing=(
        error_rate(1, "checkout-7d9f", 12),
        error_rate(2, "checkout-x2kq", 7),
        error_rate(3, "checkout-m4vb", 31),
    ),
    resolved=(error_rate(4, "checkout-old1", 9, ends_at=MONDAY + 8 * MINUTE),),
    since=MONDAY + 5 * MINUTE,
    skipped=2,
)
OVER: Final = replace(
    _about(43), reason="all_resolved", resolved=(error_rate(1, "checkout-7d9f", 12, ends_at=NOW - MINUTE),)
)
STALE: Final = replace(
    _about(44), reason="stale", stale=(error_rate(1, "checkout-7d9f", 12, severity="warning"),)
)
MANY: Final = replace(
    _about(45),
    group_labels=labels_from({"alertname": "PodRestartsHigh"}),
    firing=tuple(
        alert(
            n,
            starts_at=MONDAY,
            alertname="PodRestartsHigh",
            severity="warning",
            namespace="shop",
            pod=f"web-{n}",
        )
        for n in range(60)
    ),
)
HOSTILE: Final = replace(
    _about(46),
    group_labels=labels_from({"alertname": 'Alert\r\nSubject: forged <b>"x"</b>'}),
    receiver='ops "<b>\r\nBcc: all@example.com',
    firing=(
        alert(
            1,
            {
                "summary": "\u202eesrever\u202c <script>alert(1)</script> {{ 7 * 7 }}"
                "\r\nBcc: all@example.com\r\n\r\nbody",
                "description": '"><img src="http://evil.example/x.png" onerror="alert(1)">'
                "\n-- \n\x00\x1b[31mred\n" + "w" * 10_000,
                "runbook_url": "javascript:alert(1)",
                "dashboard_url": 'https://ok.example/"onmouseover="alert(1)',
                "graph_url": "https://user:secret@evil.example/",
            },
            MONDAY,
            0,
            "data:text/html,<script>alert(1)</script>",
            alertname='Alert\r\nSubject: forged <b>"x"</b>',
            severity="critical",
            cluster="</td></table><style>*{display:none}</style>",
            namespace="🔥 שלום مرحبا \ud83d",
            pod="p" * 10_000,
        ),
        alert(
            2,
            {"summary": "a second one: <a href='javascript:alert(1)'>click</a>"},
            MONDAY,
            alertname='Alert\r\nSubject: forged <b>"x"</b>',
            severity="critical",
            cluster="</td></table><style>*{display:none}</style>",
            namespace="🔥 שלום مرحبا \ud83d",
            pod="q",
        ),
    ),
)

MAILS: Final = {
    "first": FIRST,
    "more": MORE,
    "over": OVER,
    "stale": STALE,
    "many": MANY,
    "hostile": HOSTILE,
}
