"""Alertmanager's notification log, under its compatibility: it outlives groups, alerts and starts."""

from responder.core.messages import CreateSilence, GroupClosed
from responder.core.model import DAY, HOUR, MINUTE, SECOND, fingerprint
from responder.core.rules import Receiver, Ruleset
from responder.core.state import LogEntry
from tests.clock import MONDAY
from tests.core.timeline import Timeline
from tests.core.words import firing, hook, labels_of, resolved, route, rules

CLEARED = 15 * MINUTE


def old(repeat: str = "4h", *, name: str = "rules") -> Ruleset:
    return rules(repeat=repeat, compatibility="alertmanager", name=name)


def silence(t: Timeline, name: str, lasting: int) -> None:
    t.give(CreateSilence(f"s{len(t.inputs)}", (("alertname", "=", name),), t.now, t.now + lasting, "me", "y"))


def test_an_entry_is_under_alertmanagers_key() -> None:
    two = Receiver("team", (hook("x"), hook("y")))
    ruleset = rules(
        route("alertname=A", to="team", by=["job"]), receivers=[two], compatibility="alertmanager"
    )
    with Timeline(ruleset) as t:
        t.post(firing("A", job="j"), firing("A/1", job="j")).at("20s").post(resolved("A/1", job="j")).at("1m")
        key = '{}/{alertname="A"}:{job="j"}:team/webhook'
        told, at = fingerprint(labels_of("A", job="j")), MONDAY + 30 * SECOND
        over = fingerprint(labels_of("A/1", job="j"))
        entry = LogEntry((told,), (over,), at, at + 8 * HOUR + CLEARED)
        assert t.state.log == {f"{key}/0": entry, f"{key}/1": entry}
        t.skip()


def test_by_default_there_is_none() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A")).at("1m").expect("30s team first_notification +A")
        assert t.state.log == {}


def test_what_was_told_before_there_was_a_log_is_in_it_after_a_start() -> None:
    twins = [route("alertname=B", go_on=True), route("alertname=B")]
    with Timeline(rules(*twins)) as t:
        t.post(firing("A"), firing("A/1")).at("1m").post(resolved("A/1")).at("6m").post(firing("B")).at("7m")
        t.expect(
            "30s team first_notification +A +A/1",
            "5m30s team some_resolved +A -A/1",
            "6m30s team first_notification +B",
            "6m30s team first_notification +B",
        )
        assert t.state.log == {}
        t.stop().at("8m").start(rules(*twins, compatibility="alertmanager", name="2"))
        a, over, b = (fingerprint(labels_of(name)) for name in ("A", "A/1", "B"))
        at, later = MONDAY + 330 * SECOND, MONDAY + 390 * SECOND
        assert t.state.log == {
            "{}:{}:team/webhook/0": LogEntry((a,), (over,), at, at + 8 * HOUR + CLEARED),
            '{}/{alertname="B"}:{}:team/webhook/0': LogEntry((b,), (), later, later + 8 * HOUR + CLEARED),
        }
        t.post(firing("A"), firing("B")).at("20m")  # nobody is told again


def test_what_ended_unheard_and_fires_again_in_another_group_is_silent_until_the_next_repeat() -> None:
    with Timeline(old("30m")) as t:
        t.post(firing("A")).at("1m").expect("30s team first_notification +A")
        silence(t, "A", 10 * MINUTE)
        t.post(resolved("A")).at("20m")
        assert t.events_of(GroupClosed) == [GroupClosed(1)]
        t.post(firing("A")).at("36m").expect("35m30s team repeat +A")


def test_what_was_told_as_firing_and_is_gone_makes_an_end_of_another_the_end_of_all() -> None:
    with Timeline(old()) as t:
        t.post(firing("A"), firing("B")).at("1m").expect("30s team first_notification +A +B")
        t.stop().at("2m").start().post(resolved("B")).at("3m").expect("2m30s team all_resolved -B")


def test_an_end_without_send_resolved_is_noted() -> None:
    with Timeline(rules(resolved=False, compatibility="alertmanager")) as t:
        t.post(firing("A")).at("1m").post(resolved("A")).at("6m").expect(
            "30s team first_notification +A", "5m30s team all_resolved = suppressed send_resolved_false"
        )
        t.post(firing("A")).at("7m").expect("6m30s team first_notification +A")


def test_an_entry_is_forgotten_after_twice_repeat_interval_and_after_five_days_at_the_latest() -> None:
    with Timeline(old("20m")) as t:
        t.post(firing("A")).at("1m").expect("30s team first_notification +A")
        silence(t, "A", 2 * HOUR)
        t.at("55m").load(old("90h", name="2"))
        assert len(t.state.log) == 1
        t.at("2h").expect(
            "25m30s team repeat +A = suppressed silence", "50m30s team repeat +A = suppressed silence"
        )
        assert t.state.log == {}
        t.at("2h6m").expect("2h5m team first_notification +A")
        assert [one.expires_at - one.at for one in t.state.log.values()] == [5 * DAY + CLEARED]
