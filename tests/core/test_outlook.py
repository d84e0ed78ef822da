"""What is said of the future comes true, if nothing else happens."""

from dataclasses import replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from responder.core import outlook
from responder.core.intervalparse import parse_interval
from responder.core.matching import parse_matchers
from responder.core.messages import Acknowledge, BreakerTurned, CreateSilence
from responder.core.model import HOUR, MINUTE, SECOND, Nanoseconds, parse_duration
from responder.core.rules import Compatibility, Receiver, Ruleset
from responder.core.suppression import Maintenance, Suppression
from tests.clock import MONDAY
from tests.core.timeline import Timeline
from tests.core.words import firing, hook, inhibit, labels_of, resolved, route, rules, times

NIGHT: dict[str, dict[str, object]] = {"night": {"times": [{"start_time": "00:10", "end_time": "01:00"}]}}


def coming(t: Timeline, name: str = "A") -> list[tuple[str, str]]:
    """(when, what is said) of what comes."""
    alert = t.state.alerts[labels_of(name)]
    found = outlook.coming(t.state, t.ruleset, alert, t.now)
    return [(_after(one.at), one.detail) for one in found]


def choices(t: Timeline, name: str = "A") -> list[tuple[str, str]]:
    alert = t.state.alerts[labels_of(name)]
    return [(one.do, one.command) for one in outlook.choices(t.state, t.ruleset, alert, t.now)]


def _after(at: Nanoseconds) -> str:
    minutes, seconds = divmod((at - MONDAY) // SECOND, 60)
    return f"{minutes}m{seconds}s"


def silence(t: Timeline, name: str, lasts: Nanoseconds, begins: Nanoseconds = 0) -> None:
    t.give(
        CreateSilence(name, (("alertname", "=", "A"),), t.now + begins, t.now + begins + lasts, "me", "why")
    )


STALE = ("1440m0s", "it counts as stale, unless its sender renews it")
TIMERS = "look, or repeat, more or less often: group_interval 5m, repeat_interval 4h, of the route at {}"


def test_the_next_look_tells_and_then_it_is_repeated() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A"))
        assert coming(t) == [
            ("0m30s", "its group is looked at: team is told (first_notification)"),
            ("240m30s", "team is told (repeat)"),
            STALE,
        ]
        t.at("1m").skip()
        assert coming(t) == [
            ("5m30s", "its group is looked at: nothing of it is news"),
            ("240m30s", "team is told (repeat)"),
            STALE,
        ]
        assert choices(t) == [
            (TIMERS, ""),
            ("keep it quiet for a while", "responder silence add MATCHER... --comment WHY"),
        ]


def test_what_somebody_took_on_is_repeated_when_their_time_is_over() -> None:
    with Timeline(rules(repeat="10m")) as t:
        t.post(firing("A")).at("1m").skip()
        (group,) = t.state.groups.values()
        t.give(Acknowledge((group.incident,), until=t.now + 30 * MINUTE), "ann")
        assert coming(t) == [
            ("5m30s", "its group is looked at: nothing of it is news"),
            ("10m30s", "team is not told (repeat): acknowledged ann"),
            ("20m30s", "team is not told (repeat): acknowledged ann"),
            ("30m30s", "team is not told (repeat): acknowledged ann"),
            ("31m0s", "ann had taken it on until then"),
            ("31m0s", "team is told (repeat)"),
            STALE,
        ]
        assert choices(t)[0] == (
            "give it back, and repeats are told again",
            f"responder unack {group.incident}",
        )
        t.at("32m").expect(
            "10m30s team repeat +A = suppressed acknowledged",
            "20m30s team repeat +A = suppressed acknowledged",
            "30m30s team repeat +A = suppressed acknowledged",
            "31m team repeat +A",
        )


def test_what_a_silence_hides_is_told_at_its_end() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A")).at("1m").skip()
        silence(t, "s", HOUR)
        silence(t, "later", HOUR, 2 * HOUR)
        assert coming(t) == [
            ("5m30s", "its group is looked at: it is hidden (silence s)"),
            ("61m0s", "silence s ends"),
            ("61m0s", "team is told (unmuted)"),
            ("121m0s", "silence later begins"),
            ("181m0s", "team is told (unmuted)"),
            STALE,
        ]
        assert choices(t) == [
            ("end silence s: what it hides is told at once", "responder silence expire s"),
            (TIMERS, ""),
        ]
        t.at("1h2m").expect("1h1m team unmuted +A")


def test_intervals_and_maintenance() -> None:
    window = Maintenance(
        "backup",
        parse_matchers("alertname=A").matchers,
        ("x",),
        (parse_interval({"times": times("00:20-02:00")}),),
        "ops",
        "why",
        MONDAY + 90 * MINUTE,
        "suppression.yaml:2",
    )
    ruleset = replace(rules(mute=["night"], intervals=NIGHT), suppression=Suppression([window]))
    with Timeline(ruleset) as t:
        t.post(firing("A")).at("30m").skip()
        assert coming(t)[:5] == [
            ("30m30s", "its group is looked at: it is hidden (mute_time_interval night)"),
            ("60m0s", "time intervals end (night)"),
            ("90m0s", "maintenance backup ends"),
            ("90m0s", "team is told (unmuted)"),
            ("330m30s", "team is told (repeat)"),
        ]
        assert choices(t)[:2] == [
            ("end maintenance backup early: its until, at suppression.yaml:2", ""),
            ("change mute_time_intervals night of the route at {}/{}/1", ""),
        ]
        t.at("2h").expect("1h30m team unmuted +A")


def test_an_alert_from_an_api_and_what_inhibits_it() -> None:
    ruleset = rules(inhibits=[inhibit("alertname=Top", "alertname=A")])
    with Timeline(ruleset) as t:
        t.api(firing("A", until="4m"), firing("Top", until="4m")).at("1m").skip()
        assert coming(t) == [
            ("4m0s", "it is over, unless its sender renews it"),
            ("4m0s", 'what inhibits it, {alertname="Top"}, is over unless it is renewed'),
            ("4m30s", "its group is looked at: it is hidden (inhibition rule alert 2)"),
        ]
        assert choices(t)[0] == ('mend what inhibits it, {alertname="Top"}, or change the rule', "")
        t.api(resolved("A"), resolved("Top")).at("10m").skip()


def test_an_end_that_is_to_be_told() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A")).at("1m").skip().post(resolved("A"))
        assert coming(t) == [("5m30s", "its group is looked at: team is told (all_resolved)")]
        assert choices(t) == [(TIMERS, "")]
        t.at("6m").expect("5m30s team all_resolved -A")


def test_what_was_refused_and_what_does_not_answer() -> None:
    two = Receiver("two", (hook("good"), hook("bad"), hook("lacking", supported=False)))
    with Timeline(rules(route("alertname=A", to="two"), receivers=[two])) as t:
        t.answer("bad", "auth_error").post(firing("A")).at("1m").skip()
        t.give(BreakerTurned("http://good", True, "timeout", 1))
        t.at("1m1s").skip()
        found = choices(t)
        assert ("find out why http://good takes nothing", "responder doctor") in found
        assert ("give two an integration that can be delivered to", "responder check") in found
        assert [command for do, command in found if do == "tell two again what it refused"] == [
            f"responder delivery resend {row}" for row in sorted(t.state.dead)
        ]
        t.at("2m").skip()


def test_it_changes_nothing() -> None:
    with Timeline(rules(mute=["night"], intervals=NIGHT)) as t:
        t.post(firing("A"), firing("B")).at("20m").skip()
        silence(t, "s", HOUR)
        before = [t.state.groups.copy(), t.state.by_id.copy(), t.state.rows.copy(), list(t.state.timers)]
        told = {group: dict(entries) for group, entries in t.state.told.items()}
        coming(t)
        choices(t)
        assert before == [t.state.groups, t.state.by_id, t.state.rows, t.state.timers]
        assert told == t.state.told
        t.at("2h").skip()


# -- it comes true ----------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("fire"), st.sampled_from("AB")),
        st.tuples(st.just("resolve"), st.sampled_from("AB")),
        st.tuples(st.just("silence"), st.integers(1, 90)),
        st.tuples(st.just("wait"), st.integers(1, 40)),
    ),
    max_size=7,
)


def _ruleset(mode: Compatibility, repeat: str) -> Ruleset:
    return rules(mute=["night"], intervals=NIGHT, repeat=repeat, compatibility=mode)


@example([("fire", "B"), ("wait", 6), ("resolve", "B")], "alertmanager", "7m")  # B leaves while it is muted
@settings(max_examples=40)
@given(steps=STEPS, mode=st.sampled_from(["responder", "alertmanager"]), repeat=st.sampled_from(["7m", "1h"]))
def test_who_is_told_next_is_as_it_was_said(
    steps: list[tuple[str, Any]], mode: Compatibility, repeat: str
) -> None:
    with Timeline(_ruleset(mode, repeat), check=False) as t:
        t.post(firing("A"))
        for number, (what, value) in enumerate(steps):
            match what:
                case "fire":
                    t.post(firing(value, note=str(number)))
                case "resolve":
                    t.post(resolved(value))
                case "silence":
                    silence(t, f"s{number}", value * MINUTE)
                case _:
                    t.wait(f"{value}m")
        t.skip()
        alert = t.state.alerts.get(labels_of("A"))
        if alert is None or not alert.groups or not alert.firing_at(t.now):
            return
        found = outlook.coming(t.state, t.ruleset, alert, t.now)
        expected = [
            (one.at, one.detail.rpartition("(")[2].rstrip(")")) for one in found if "is told (" in one.detail
        ]
        if mode == "alertmanager":
            expected = expected[:1]
        until = max((at for at, _ in expected), default=t.now)
        seen = t.seen
        t._advance(until)
        told = [line.split() for line in t.lines[seen:] if "=" not in line and "+A" in line.split()]
        got = [(MONDAY + parse_duration(line[0]), line[2]) for line in told]
        t.skip()
        assert got[: len(expected)] == expected
