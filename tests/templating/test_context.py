from responder.core.model import HOUR, MINUTE, SECOND, fingerprint
from responder.templating import context_of
from responder.templating.context import MOST_ALERTS, NAMES
from responder.templating.samples import samples
from tests.notify.notices import MONDAY, alert, notification


def test_everything_that_a_template_sees() -> None:
    firing = alert(
        1,
        annotations={"summary": "s", "runbook_url": "https://r.example/"},
        starts_at=MONDAY - 90 * MINUTE + 5,
        generator_url="http://p/",
        alertname="A",
        pod="x",
    )
    over = alert(2, {"summary": "s"}, MONDAY - HOUR, MONDAY - 30 * SECOND, alertname="A", pod="y")
    told = notification(
        firing=(firing,), resolved=(over,), group_labels={"alertname": "A"}, route_labels={"team": "shop"}
    )
    context = context_of(told, "https://responder.example", MONDAY + 2 * MINUTE + 3 * SECOND)
    first = {
        "status": "firing",
        "labels": {"alertname": "A", "pod": "x"},
        "annotations": {"runbook_url": "https://r.example/", "summary": "s"},
        "starts_at": "2026-01-04T22:30:00Z",
        "ends_at": "",
        "lasted": "1h32m",
        "generator_url": "http://p/",
        "fingerprint": fingerprint(firing.labels),
    }
    second = {
        "status": "resolved",
        "labels": {"alertname": "A", "pod": "y"},
        "annotations": {"summary": "s"},
        "starts_at": "2026-01-04T23:00:00Z",
        "ends_at": "2026-01-04T23:59:30Z",
        "lasted": "59m",
        "generator_url": "",
        "fingerprint": fingerprint(over.labels),
    }
    assert context == {
        "receiver": "web.hook",
        "status": "firing",
        "reason": "first_notification",
        "incident": "1-0",
        "counts": {"firing": 1, "stale": 0, "resolved": 1, "all": 2},
        "alerts": [first, second],
        "firing": [first],
        "stale": [],
        "resolved": [second],
        "group_labels": {"alertname": "A"},
        "common_labels": {"alertname": "A"},
        "common_annotations": {"summary": "s"},
        "route_labels": {"team": "shop"},
        "external_url": "https://responder.example",
        "late": "2m3s",
        "skipped": 0,
    }


def test_missing_labels_are_empty_and_missing_times_too() -> None:
    told = notification(firing=(alert(1, starts_at=0, alertname="A"),))
    context = context_of(told, "", MONDAY + 59 * SECOND)
    (shown,) = context["firing"]
    assert (shown["labels"]["nope"], shown["annotations"]["nope"]) == ("", "")
    assert (shown["starts_at"], shown["lasted"], context["late"]) == ("", "", "")


def test_the_names_are_those_that_are_known() -> None:
    for _, context in samples():
        assert set(context) == NAMES


def test_many_alerts_are_cut_and_counted() -> None:
    told = notification(firing=tuple(alert(number) for number in range(1, MOST_ALERTS + 2)))
    context = context_of(told, "", MONDAY)
    assert (len(context["alerts"]), len(context["firing"])) == (MOST_ALERTS, MOST_ALERTS)
    assert context["counts"]["firing"] == MOST_ALERTS + 1
