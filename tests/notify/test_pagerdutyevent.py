"""The events as they leave: held against files that `UPDATE_GOLDEN=1` writes anew."""

import json
import os
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from msgspec.structs import replace

from responder.core.catalogue import PagerdutySettings, Secret
from responder.core.model import MINUTE, SECOND, Alert, labels_from
from responder.core.notification import Notification
from responder.notify.pagerdutyevent import MOST_BYTES, Events
from responder.sandbox.pagerrules import problems
from tests.notify.notices import MONDAY, alert, notification
from tests.notify.pager import KEY
from tests.notify.runs import BY_ANA, DENIED, WAITS, update

GOLDEN: Final = Path(__file__).parent / "golden" / "pagerduty"
NOW: Final = MONDAY + 30 * SECOND
URL: Final = "https://responder.example.com"


def events(external_url: str = URL, **settings: Any) -> Events:
    return Events(PagerdutySettings(routing_key=Secret(KEY), **settings), external_url)


def cpu(number: int, *, ends_at: int = 0, severity: str = "critical", starts_at: int = MONDAY) -> Alert:
    return alert(
        number,
        {
            "summary": f"CPU of web-{number} is above 90% for 5 minutes",
            "description": "Requests may be slow.",
            "runbook_url": "https://runbooks.example.com/high-cpu",
            "dashboard_url": f"https://grafana.example.com/d/cpu?pod=web-{number}",
        },
        starts_at,
        ends_at,
        "https://prometheus.example.com/graph?g0.expr=cpu",
        alertname="HighCPUUsage",
        cluster="prod",
        namespace="shop",
        deployment="web",
        pod=f"web-{number}",
        severity=severity,
    )


HOSTILE: Final = alert(
    1,
    {
        "summary": "<script>alert(1)</script> {{ 7*7 }} <!channel> \u202egnitset\x1b[31m\x00",
        "runbook_url": "javascript:alert(1)",
        "dashboard_url": "https://user:password@evil.example.com/",
    },
    MONDAY,
    0,
    "https://evil.example.com/<b>",
    alertname="Evil\r\nBcc: everybody@example.com",
    severity="'; DROP TABLE alerts; --",
    pod="{{ cycler.__init__.__globals__ }}",
    instance="$(reboot)" * 40,
)

CASES: Final[dict[str, Notification]] = {
    "first_critical": notification(firing=(cpu(1),)),
    "many_alerts": notification(
        firing=tuple(cpu(n, severity="warning" if n % 2 else "critical") for n in range(1, 121)),
        reason="new_alerts",
    ),
    "partial_resolve": notification(
        firing=(cpu(1, severity="warning"),),
        resolved=(cpu(2, ends_at=MONDAY + 20 * SECOND),),
        reason="some_resolved",
    ),
    "resolve": notification(resolved=(cpu(1, ends_at=MONDAY + 20 * SECOND),), reason="all_resolved"),
    "stale": notification(stale=(cpu(1, severity="info"),), reason="stale"),
    "late": replace(
        notification(firing=(cpu(1, starts_at=MONDAY - 90 * MINUTE + 123_456_789),), reason="unmuted"),
        since=MONDAY - 60 * MINUTE,
        skipped=2,
        opened_at=MONDAY,
    ),
    "hostile": notification(firing=(HOSTILE,)),
    "bare": notification(firing=(Alert(1, labels_from({"a": "b"}), (), 0, 0, MONDAY),)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_event_is_the_one_on_file(name: str) -> None:
    event = msgspec.json.decode(events().encode(CASES[name], NOW))
    assert problems(event) == []
    text = json.dumps(event, indent=2, ensure_ascii=False) + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


def test_every_file_has_its_case() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


def test_however_much_there_is_the_event_is_small_enough() -> None:
    long = labels_from({f"label{n}": "ü" * 4_096 for n in range(64)})
    alerts = tuple(Alert(n, long, long, MONDAY, 0, MONDAY) for n in range(300))
    links = tuple((f"https://wiki.example.com/{n}/{'x' * 1_900}", "y" * 1_000) for n in range(100))
    body = events(links=links).encode(notification(firing=alerts), NOW)
    event = msgspec.json.decode(body)
    assert len(body) <= MOST_BYTES
    assert problems(event) == []
    assert event["payload"]["custom_details"]["left_out"].endswith(
        "texts are shortened, most alerts not named."
    )


def test_a_link_is_sent_once_and_no_more_than_twenty() -> None:
    alerts = tuple(cpu(n) for n in range(40))
    event = msgspec.json.decode(events().encode(notification(firing=alerts), NOW))
    hrefs = [link["href"] for link in event["links"]]
    assert len(hrefs) == len(set(hrefs)) == 20
    assert hrefs[0] == "https://runbooks.example.com/high-cpu"


def test_what_is_no_link_is_no_client_url() -> None:
    event = msgspec.json.decode(events("responder:9095").encode(notification(firing=(cpu(1),)), NOW))
    assert "client_url" not in event


def test_the_worst_of_what_fires_counts() -> None:
    alerts = (cpu(1, severity="info"), cpu(2, severity="critical", ends_at=MONDAY + SECOND))
    mixed = notification(firing=alerts[:1], resolved=alerts[1:], reason="some_resolved")
    assert msgspec.json.decode(events().encode(mixed, NOW))["payload"]["severity"] == "info"


def test_later_events_name_who_took_it_on_and_what_was_done() -> None:
    told = replace(CASES["first_critical"], acknowledged=BY_ANA, runs=(DENIED, WAITS))
    details = json.loads(events().encode(told, NOW))["payload"]["custom_details"]
    assert (details["acknowledged"], details["runs"]) == (
        "Acknowledged by ana at 2026-01-05 00:03 UTC",
        [
            "Run r2-695aff3c: pod-restarts on prod / shop / Deployment checkout: denied (cooldown)",
            "Run r1-695aff3c: pod-restarts on prod / shop / Deployment checkout: "
            "waits for an approval (0 of 1) until 2026-01-05 00:16 UTC",
        ],
    )


def test_an_update_is_an_acknowledgement_without_anything_else() -> None:
    told = update(CASES["first_critical"], acknowledged=BY_ANA)
    assert sorted(json.loads(events().encode(told, NOW))) == ["dedup_key", "event_action", "routing_key"]
