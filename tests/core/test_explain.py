"""Why an alert is told or not, at each stage, from the functions that decide it."""

from typing import Any

from msgspec.structs import replace

from responder.core.explain import explain_alert
from responder.core.messages import BreakerTurned, CreateSilence, ExpireSilence
from responder.core.model import HOUR, fingerprint
from responder.core.rules import Receiver
from responder.core.state import State
from tests.clock import MONDAY
from tests.core.timeline import Timeline
from tests.core.words import firing, hook, inhibit, labels_of, resolved, route, rules

NIGHT: dict[str, dict[str, object]] = {"night": {"times": [{"start_time": "00:10", "end_time": "01:00"}]}}


def explained(t: Timeline, name: str) -> dict[str, Any]:
    return explain_alert(t.state, t.ruleset, labels_of(name), t.now)


def told(t: Timeline, name: str) -> str:
    """What the first integration of the first group knows of an alert."""
    word = explained(t, name)["groups"][0]["integrations"][0]["told"]
    assert isinstance(word, str)
    return word


def test_against_rules_alone_it_says_what_would_happen() -> None:
    ruleset = rules(route("alertname=A", to="ops", by=["alertname"]))
    found = explain_alert(State(ruleset), ruleset, labels_of("A/1"), MONDAY)
    assert (found["labels"], found["alert"], found["fingerprint"]) == (
        {"alertname": "A", "instance": "1"},
        None,
        fingerprint(labels_of("A/1")),
    )
    assert [step["matched"] for step in found["route"]] == [True, False, True]
    (group,) = found["groups"]
    assert (group["receiver"], group["group"], group["next_look"]) == ("ops", None, None)
    assert group["group_key"] == '{}/{alertname="A"}:{alertname="A"}'
    assert group["timers"] == {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"}
    assert group["integrations"] == [
        {
            "integration": "ops",
            "receiver": "ops",
            "supported": True,
            "told": "nothing",
            "last_told": None,
            "open_rows": [],
        }
    ]
    assert group["fallbacks"] == []


def test_an_inherited_mute_hides_and_names_its_place() -> None:
    child = route("alertname=A", to="ops", by=["alertname"])
    parent = replace(
        route("alertname=~.+", child, to="team", mute=["night"]), inherit_mutes=True, place="r:9"
    )
    with Timeline(rules(parent, intervals=NIGHT)) as t:
        t.at("10m").post(firing("A")).at("10m30s").expect(
            "10m30s ops first_notification +A = suppressed mute_time_interval"
        )
        intervals = explained(t, "A")["groups"][0]["intervals"]
        assert (intervals["verdict"], intervals["by"], intervals["inherited_from"]) == (
            "hidden",
            "night",
            "r:9",
        )
        t.at("1h").expect("1h ops unmuted +A")


def test_what_an_integration_knows_of_an_alert_at_each_stage() -> None:
    with Timeline(rules(stale_after="1h")) as t:
        t.post(firing("A"))
        assert told(t, "A") == "nothing"
        t.answer("team", "sending").at("30s")
        assert told(t, "A") == "on its way"
        t.answer("team", "delivered")
        assert told(t, "A") == "firing"
        t.at("1h10m")
        assert told(t, "A") == "stale"
        t.post(firing("A"), firing("B")).at("1h16m").post(resolved("A")).at("1h21m")
        assert (told(t, "B"), told(t, "C")) == ("firing", "nothing")
        t.answer("team", "sending").post(firing("C")).at("1h26m").post(resolved("C"))
        t.skip().at("1h31m").fail("team", maybe=True)
        assert t.state.alerts[labels_of("C")].groups
        assert told(t, "C") == "on its way"
        t.answer("team", "delivered").skip()


def test_what_waits_says_for_what_and_who_is_told_in_the_meantime() -> None:
    spare = [Receiver("team", (hook("team"),), "spare"), Receiver("spare", (hook("spare"),))]
    with Timeline(rules(receivers=spare)) as t:
        t.answer("team", "sending").post(firing("A")).at("1m").post(firing("B")).at("6m")
        (group,) = explained(t, "A")["groups"]
        assert group["fallbacks"] == []
        rows = [("first_notification", ""), ("new_alerts", "the row before it")]
        assert [(r["reason"], r["waits_for"]) for r in group["integrations"][0]["open_rows"]] == rows
        t.give(BreakerTurned("http://team", True, "timeout", 1))
        (group,) = explained(t, "A")["groups"]
        assert group["fallbacks"] == ["spare"]
        assert [(one["receiver"], one["told"]) for one in group["integrations"]] == [
            ("team", "on its way"),
            ("spare", "firing"),
        ]
        assert group["integrations"][0]["open_rows"] == [
            {
                "row": 1,
                "reason": "first_notification",
                "at": "2026-01-05T00:00:30Z",
                "waits_for": "breaker_open",
            },
            {"row": 2, "reason": "new_alerts", "at": "2026-01-05T00:05:30Z", "waits_for": "breaker_open"},
        ]
        t.answer("team", "delivered").skip()


def test_what_is_hidden_says_by_what_and_until_when() -> None:
    ruleset = rules(mute=["night"], intervals=NIGHT, inhibits=[inhibit("alertname=Top", "alertname=A")])
    with Timeline(ruleset) as t:
        t.post(firing("A")).at("5m").post(firing("Top")).at("11m")
        found = explained(t, "A")
        assert found["groups"][0]["intervals"] == {
            "verdict": "hidden",
            "reason": "mute_time_interval",
            "by": "night",
            "until": "2026-01-05T01:00:00Z",
            "inherited_from": None,
        }
        (finding,) = found["inhibition"]
        assert finding == {
            "rule": "rule",
            "inhibited_by": {"alertname": "Top"},
            "why": "a source with equal labels fires",
        }
        assert told(t, "A") == "firing, hidden since"
        t.at("2h")
        assert explained(t, "A")["groups"][0]["intervals"] == {
            "verdict": "open",
            "reason": None,
            "by": None,
            "until": None,
            "inherited_from": None,
        }
        t.skip()


def test_an_alert_shows_where_it_stands() -> None:
    with Timeline(rules()) as t:
        t.api(firing("A", until="4m", note="x")).post(firing("B")).at("5m")
        a, b = explained(t, "A")["alert"], explained(t, "B")["alert"]
        assert (a["status"], a["endsAt"], a["annotations"], a["source"]) == (
            "resolved",
            "2026-01-05T00:04:00Z",
            {"summary": "x"},
            "api",
        )
        assert (b["status"], b["endsAt"], b["renewedAt"]) == ("firing", None, "2026-01-05T00:00:00Z")
        t.skip()


def test_explaining_changes_nothing() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A")).at("10s")
        before = [t.state.groups.copy(), t.state.by_id.copy(), t.state.told.copy(), list(t.state.timers)]
        for name in ("A", "B"):
            explained(t, name)
        assert before == [t.state.groups, t.state.by_id, t.state.told, t.state.timers]
        t.at("1m").skip()


def test_silences_that_are_about_an_alert_and_not_over() -> None:
    with Timeline(rules()) as t:
        t.at("1m")
        for name, what, starts, ends in (
            ("s", "A", t.now, t.now + HOUR),
            ("later", "A", t.now + HOUR, t.now + 2 * HOUR),
            ("ended", "A", t.now, t.now + HOUR),
            ("other", "B", t.now, t.now + HOUR),
        ):
            t.give(CreateSilence(name, (("alertname", "=", what),), starts, ends, "boss", "why"), "alice")
        t.give(ExpireSilence("ended"))
        assert explained(t, "A")["silences"] == [
            {
                "silence": name,
                "state": state,
                "matchers": '{alertname="A"}',
                "author": "alice",
                "createdBy": "boss",
                "comment": "why",
                "startsAt": starts,
                "endsAt": ends,
            }
            for name, state, starts, ends in (
                ("later", "pending", "2026-01-05T01:01:00Z", "2026-01-05T02:01:00Z"),
                ("s", "active", "2026-01-05T00:01:00Z", "2026-01-05T01:01:00Z"),
            )
        ]
