"""Maintenance windows: when they are open, whom they hide, and what is told when they close."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from responder.core.explain import explain_alert
from responder.core.intervalparse import parse_interval
from responder.core.matching import parse_matchers
from responder.core.messages import AlertsMuted, AlertsUnmuted, CreateSilence
from responder.core.model import DAY, HOUR, MINUTE, Nanoseconds, labels_from
from responder.core.rules import Compatibility, Ruleset
from responder.core.suppression import Maintenance, Suppression
from tests.clock import MONDAY
from tests.core.timeline import Timeline
from tests.core.words import firing, inhibit, labels_of, resolved, rules, times


def window(
    name: str, what: str, *ranges: str, until: Nanoseconds = 30 * DAY, days: Iterable[str] | None = None
) -> Maintenance:
    """One that is open in these times of a day."""
    raw: dict[str, object] = {"times": times(*ranges)} if ranges else {}
    entry = parse_interval(raw if days is None else {**raw, "weekdays": list(days)}, wraps=True)
    return Maintenance(
        name, parse_matchers(what).matchers, ("times",), (entry,), "ops", "backup", MONDAY + until, "s:2"
    )


def under(
    *windows: Maintenance, compatibility: Compatibility = "responder", name: str = "rules", **more: object
) -> Ruleset:
    given = rules(compatibility=compatibility, name=name, **more)  # type: ignore[arg-type]
    return replace(given, suppression=Suppression(windows))


BACKUP = window("backup", "alertname=A", "00:10-01:00")

# -- when -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "at", "state", "change"),
    [
        (BACKUP, 9 * MINUTE, "closed", 10 * MINUTE),
        (BACKUP, 10 * MINUTE, "open", HOUR),
        (BACKUP, HOUR, "closed", DAY + 10 * MINUTE),
        (BACKUP, 29 * DAY + HOUR, "closed", None),
        (BACKUP, 30 * DAY, "over", None),
        (window("w", "a=b", "00:10-01:00", until=30 * MINUTE), 20 * MINUTE, "open", 30 * MINUTE),
        (window("w", "a=b", "00:10-01:00", until=30 * MINUTE), 30 * MINUTE, "over", None),
        (window("w", "a=b"), 0, "open", 30 * DAY),
        (window("w", "a=b", until=900 * DAY), 0, "open", 900 * DAY),
        (window("w", "a=b", "22:00-06:00", days=["sunday"]), 0, "open", 6 * HOUR),
        (window("w", "a=b", days=[]), 0, "closed", None),
    ],
)
def test_whether_it_is_open_and_when_that_changes(
    one: Maintenance, at: Nanoseconds, state: str, change: Nanoseconds | None
) -> None:
    found = one.next_change(MONDAY + at)
    assert (one.state(MONDAY + at), found and found - MONDAY) == (state, change)


# -- whom -------------------------------------------------------------------------------------


def test_all_matchers_must_hold_and_the_longest_comes_first() -> None:
    short, long = window("short", "alertname=A", "00:00-01:00"), window("long", "team=x", "00:00-02:00")
    both = window("both", "alertname=A,team=x", "00:00-01:30")
    shut = window("shut", "alertname=A", "05:00-06:00")
    found = Suppression([short, long, both, shut])

    def hiding(**labels: str) -> list[str]:
        return [one.name for one, _ in found.hiding(labels_from(labels), MONDAY)]

    for _ in range(2):
        assert hiding(alertname="A", team="x", other="y") == ["long", "both", "short"]
        assert hiding(alertname="A", other="y") == ["short"]
        assert hiding(alertname="B") == []
    assert [one.name for one in found.of_labels(labels_from({"alertname": "A"}))] == ["short", "shut"]
    assert Suppression().of_labels(labels_from({"alertname": "A"})) == ()


# -- what is told -----------------------------------------------------------------------------


def test_what_still_fires_when_it_closes_is_told_then() -> None:
    with Timeline(under(BACKUP)) as t:
        t.at("10m").post(firing("A"), firing("B")).at("2h").expect(
            "10m30s team first_notification +B",
            "1h team unmuted +A +B",
        )
        assert t.events_of(AlertsMuted) == [AlertsMuted(1, [1], "maintenance", "backup")]
        assert t.events_of(AlertsUnmuted) == [AlertsUnmuted(1, [1])]


def test_it_comes_back_and_who_was_told_of_the_beginning_is_told_of_the_end() -> None:
    with Timeline(under(window("backup", "alertname=A", "00:10-01:00", "02:00-03:00"), repeat="24h")) as t:
        t.at("10m").post(firing("A")).at("1h30m").expect(
            "10m30s team first_notification +A = suppressed maintenance", "1h team unmuted +A"
        )
        t.at("2h").post(firing("A", note="renewed")).at("2h30m").post(resolved("A"))
        t.at("4h").expect("2h30m30s team all_resolved -A")


def test_what_is_over_when_it_closes_is_told_to_nobody() -> None:
    with Timeline(under(BACKUP)) as t:
        t.at("10m").post(firing("A")).at("40m").post(resolved("A")).at("2h").expect(
            "10m30s team first_notification +A = suppressed maintenance"
        )


def test_its_end_for_good_lets_out_as_well() -> None:
    with Timeline(under(window("backup", "alertname=A", until=30 * MINUTE))) as t:
        t.post(firing("A")).at("2h").expect(
            "30s team first_notification +A = suppressed maintenance", "30m team unmuted +A"
        )


def test_an_end_that_came_while_nobody_was_there() -> None:
    with Timeline(under(BACKUP)) as t:
        t.at("10m").post(firing("A")).at("20m").stop().at("1h30m").start().at("2h").expect(
            "10m30s team first_notification +A = suppressed maintenance", "1h30m team unmuted +A"
        )


def test_other_reasons_come_first_and_a_silence_may_end_within_it() -> None:
    ruleset = under(BACKUP, inhibits=[inhibit("alertname=Top", "alertname=A")])
    with Timeline(ruleset) as t:
        t.at("10m").give(
            CreateSilence("s", (("alertname", "=", "A"),), t.now, t.now + 20 * MINUTE, "me", "why")
        )
        t.post(firing("A")).at("12m").post(firing("Top")).at("15m31s").post(resolved("Top")).at("2h").skip()
        assert [(e.reason, e.by) for e in t.events_of(AlertsMuted)] == [
            ("silence", "s"),
            ("inhibition", "rule alert 2"),
            ("silence", "s"),
            ("maintenance", "backup"),
        ]


def test_one_that_is_taken_out_of_the_rules_lets_out_at_the_next_look() -> None:
    with Timeline(under(BACKUP)) as t:
        t.at("10m").post(firing("A")).at("12m").load(under(name="without"))
        t.at("2h").expect(
            "10m30s team first_notification +A = suppressed maintenance", "15m30s team unmuted +A"
        )


def test_under_alertmanagers_ways_it_hides_too() -> None:
    with Timeline(under(BACKUP, compatibility="alertmanager")) as t:
        t.at("10m").post(firing("A")).at("1h20m").expect(
            "10m30s team first_notification +A = suppressed maintenance", "1h30s team first_notification +A"
        )


# -- why --------------------------------------------------------------------------------------


def test_it_is_explained() -> None:
    ruleset = under(BACKUP)
    with Timeline(ruleset) as t:
        t.at("10m").post(firing("A")).at("20m").skip()
        (found,) = explain_alert(t.state, ruleset, labels_of("A"), t.now)["maintenance"]
        assert found == {
            "maintenance": "backup",
            "state": "open",
            "matchers": ['alertname="A"'],
            "time_intervals": ["times"],
            "owner": "ops",
            "reason": "backup",
            "place": "s:2",
            "next_change": "2026-01-05T01:00:00Z",
            "until": "2026-02-04T00:00:00Z",
        }
        assert explain_alert(t.state, ruleset, labels_of("B"), t.now)["maintenance"] == []
