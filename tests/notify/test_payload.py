"""The webhook payload, byte by byte."""

import re
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.core.model import SECOND
from responder.notify.payload import escape, quote_meta, render
from tests.core.words import rules
from tests.notify.notices import MONDAY, alert, notification

FIRING = alert(
    1,
    annotations={"summary": "a < b"},
    starts_at=MONDAY + 123_456_789,
    generator_url="http://p/graph?a=1&b=2",
    alertname="High",
    job="node",
    severity="critical",
)
RESOLVED = alert(
    2, annotations={"summary": "a < b"}, ends_at=MONDAY + 90 * SECOND, alertname="Low", severity="critical"
)


def test_the_whole_payload_as_alertmanager_writes_it() -> None:
    told = notification(
        firing=(FIRING,), resolved=(RESOLVED,), reason="some_resolved", group_labels={"severity": "critical"}
    )
    assert render(told, "http://responder:9095").decode() == (
        '{"receiver":"web\\\\.hook","status":"firing","alerts":['
        '{"status":"firing","labels":{"alertname":"High","job":"node","severity":"critical"},'
        '"annotations":{"summary":"a \\u003c b"},"startsAt":"2026-01-05T00:00:00.123456789Z",'
        '"endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/graph?a=1\\u0026b=2",'
        '"fingerprint":"14ca17ba16af563f"},'
        '{"status":"resolved","labels":{"alertname":"Low","severity":"critical"},'
        '"annotations":{"summary":"a \\u003c b"},"startsAt":"2026-01-05T00:00:00Z",'
        '"endsAt":"2026-01-05T00:01:30Z","generatorURL":"","fingerprint":"c0f304cf346242aa"}],'
        '"notification_reason":"some_resolved","groupLabels":{"severity":"critical"},'
        '"commonLabels":{"severity":"critical"},"commonAnnotations":{"summary":"a \\u003c b"},'
        '"routeLabels":{},"externalURL":"http://responder:9095","version":"4","groupKey":"{}:{}","truncatedAlerts":0}\n'
    )


def test_s10_labels_of_the_route_are_expanded_over_all_that_is_told() -> None:
    labels = {"team": "{{ .CommonLabels.severity }} {{ len .Alerts }} {{ .CommonLabels.job }}", "page": "yes"}
    told = notification(firing=(FIRING,), resolved=(RESOLVED,), route_labels=labels)
    payload = msgspec.json.decode(render(told, "", max_alerts=1))
    assert payload["routeLabels"] == {"page": "yes", "team": "critical 2"}
    assert payload["commonLabels"] == dict(FIRING.labels)


def test_fingerprints_are_alertmanagers() -> None:
    one = alert(1, job="foo", severity="warning")
    payload = msgspec.json.decode(render(notification(firing=(one,)), ""))
    assert payload["alerts"][0]["fingerprint"] == "9266ef3da838ad95"


def test_only_resolved_alerts_make_it_resolved() -> None:
    payload = msgspec.json.decode(render(notification(resolved=(RESOLVED,)), ""))
    assert payload["status"] == "resolved"
    assert [one["status"] for one in payload["alerts"]] == ["resolved"]


def test_a_stale_alert_is_not_over() -> None:
    old = alert(1, starts_at=MONDAY - SECOND, ends_at=0)
    payload = msgspec.json.decode(render(notification(stale=(old,), reason="stale"), ""))
    assert payload["status"] == "firing"
    assert payload["alerts"] == [
        {
            "status": "firing",
            "labels": {"alertname": "Alert1"},
            "annotations": {},
            "startsAt": "2026-01-04T23:59:59Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": payload["alerts"][0]["fingerprint"],
            "stale": True,
        }
    ]


def test_max_alerts_counts_what_it_cut_and_keeps_what_fires() -> None:
    told = notification(
        firing=(alert(2, alertname="Z"),), resolved=(alert(1, ends_at=MONDAY, alertname="A"),)
    )
    payload = msgspec.json.decode(render(told, "", 1))
    shown = (payload["status"], payload["commonLabels"], payload["truncatedAlerts"])
    assert shown == ("firing", {"alertname": "Z"}, 1)


def test_what_fires_is_kept_under_any_rules_that_mend() -> None:
    told = notification(
        firing=(alert(2, alertname="Z"),), resolved=(alert(1, ends_at=MONDAY, alertname="A"),)
    )
    assert msgspec.json.decode(render(told, "", 1, rules().mends))["status"] == "firing"


def test_alertmanagers_truncation_can_say_resolved_while_something_fires() -> None:
    told = notification(
        firing=(alert(2, alertname="Z"),), resolved=(alert(1, ends_at=MONDAY, alertname="A"),)
    )
    payload = msgspec.json.decode(render(told, "", 1, mends=False))
    shown = (payload["status"], payload["commonLabels"], payload["truncatedAlerts"])
    assert shown == ("resolved", {"alertname": "A"}, 1)


@given(st.text())
def test_escaping_changes_the_bytes_and_not_the_meaning(text: str) -> None:
    raw = escape(msgspec.json.encode(text))
    assert msgspec.json.decode(raw) == text
    assert not set("<>&\u2028\u2029") & set(raw.decode())


@given(st.text())
def test_a_quoted_name_is_a_pattern_for_just_that_name(text: str) -> None:
    assert re.fullmatch(quote_meta(text), text)


def test_what_is_quoted_in_a_name() -> None:
    assert quote_meta(r"a.b-c_d/e (f)[g]{h}^$|?*+\#&~") == r"a\.b-c_d/e \(f\)\[g\]\{h\}\^\$\|\?\*\+\\#&~"


@pytest.mark.parametrize("text", ["line\nbreak", "<script>", "💥", "\u2028", 'quote"', "tab\t\x01"])
def test_strange_texts_come_through(text: str) -> None:
    one = alert(1, annotations={"summary": text}, alertname="X", odd=text)
    payload = msgspec.json.decode(render(notification(firing=(one,)), ""))
    assert payload["commonLabels"] == {"alertname": "X", "odd": text}
    assert payload["alerts"][0]["annotations"] == {"summary": text}


def test_ten_thousand_alerts_fit_in_one_payload() -> None:
    alerts = tuple(
        alert(n, alertname="HighCPU", instance=f"host-{n}:9100", job="node", severity="critical")
        for n in range(10_000)
    )
    began = time.perf_counter()
    raw = render(notification(firing=alerts), "")
    took = time.perf_counter() - began
    payload = msgspec.json.decode(raw)
    assert [one["labels"]["instance"] for one in payload["alerts"]] == sorted(
        f"host-{n}:9100" for n in range(10_000)
    )
    assert took < 2  # measured: 0.15 s
