"""Who is told in the stead of a receiver that cannot be reached, from when on, and for how long."""

import pytest

from responder.core.decide import decide
from responder.core.messages import BreakerTurned, FallbackEngaged, Input, Noted
from responder.core.rules import Compatibility, Receiver, Ruleset
from tests.core.test_ledger import NIGHT, in_both_modes
from tests.core.timeline import Timeline
from tests.core.words import firing, hook, inhibit, resolved, route, rules

TEAM = Receiver("team", (hook("team"),), fallback="spare")
SPARE = Receiver("spare", (hook("spare"),), fallback="last")
LAST = Receiver("last", (hook("last"),))
CHAIN = (TEAM, SPARE, LAST)


def opened(name: str, waiting: int = 1) -> BreakerTurned:
    return BreakerTurned(f"http://{name}", True, "timeout", waiting)


def closed(name: str) -> BreakerTurned:
    return BreakerTurned(f"http://{name}", False)


def engaged(t: Timeline) -> list[tuple[str, str, str]]:
    """Who stood in for whom, and why."""
    found = t.events_of(FallbackEngaged)
    return [(event.receiver, event.fallback, event.why) for event in found]


# -- a destination that is down ---------------------------------------------------------------


@in_both_modes
def test_what_waits_when_the_breaker_opens_is_told_to_the_fallback_at_once_and_so_is_its_end(
    mode: Compatibility,
) -> None:
    with Timeline(rules(receivers=CHAIN, compatibility=mode)) as t:
        t.answer("team", "held").post(firing("A")).at("1m").give(opened("team"))
        t.expect("1m spare first_notification +A")
        assert engaged(t) == [("team", "spare", "breaker_open http://team")]
        # Alertmanager has given up the beginning by then, and owes no end.
        unheard = ["5m30s team all_resolved -A = suppressed resolved_before_told"] * (mode == "responder")
        t.at("2m").post(resolved("A")).at("6m").expect(
            "1m30s ops first_notification +ResponderDeliveryFailing",
            "5m30s spare all_resolved -A",
            "5m30s team first_notification +A = superseded",
            *unheard,
        )
        t.answer("team", "delivered").skip()


def test_what_fires_while_it_is_down_is_told_to_both() -> None:
    with Timeline(rules(receivers=CHAIN, by=["alertname"])) as t:
        t.give(opened("team"))
        t.at("1m").expect("30s ops first_notification +ResponderDeliveryFailing")
        t.answer("team", "held").post(firing("A")).at("2m").expect("1m30s spare first_notification +A")
        t.give(closed("team"))
        t.answer("team", "delivered").at("7m").expect(
            "2m team first_notification +A", "5m30s ops all_resolved -ResponderDeliveryFailing"
        )
        # For the rest of this incident; the next is told as usual.
        t.post(firing("B"), resolved("A")).at("12m").expect(
            "7m30s team first_notification +B", "11m30s team all_resolved -A", "11m30s spare all_resolved -A"
        )


def test_who_is_told_all_there_is_needs_nobody_in_its_stead() -> None:
    with Timeline(rules(receivers=CHAIN)) as t:
        t.post(firing("A")).at("1m").give(opened("team"))
        t.at("6m").expect(
            "30s team first_notification +A", "1m30s ops first_notification +ResponderDeliveryFailing"
        )
        assert engaged(t) == []


def test_an_end_alone_engages_nobody_since_nobody_else_heard_of_the_beginning() -> None:
    with Timeline(rules(receivers=CHAIN)) as t:
        t.post(firing("A")).at("1m").give(opened("team"))
        t.answer("team", "held").post(resolved("A")).at("6m").expect(
            "30s team first_notification +A", "1m30s ops first_notification +ResponderDeliveryFailing"
        )
        assert engaged(t) == []
        t.answer("team", "delivered").expect("6m team all_resolved -A")


def test_what_is_hidden_engages_nobody_before_it_is_announced() -> None:
    ruleset = rules(receivers=CHAIN, mute=["night"], intervals=NIGHT)
    with Timeline(ruleset) as t:
        t.at("10m").answer("team", "held").post(firing("A")).give(opened("team"))
        t.at("59m").expect(
            "10m30s team first_notification +A = suppressed mute_time_interval",
            "10m30s ops first_notification +ResponderDeliveryFailing",
        )
        assert engaged(t) == []
        t.at("61m").expect("1h spare first_notification +A")
        t.answer("team", "delivered").expect("1h1m team unmuted +A")


def test_a_fallback_that_is_down_as_well_has_its_own() -> None:
    with Timeline(rules(receivers=CHAIN)) as t:
        t.give(opened("team"))
        t.give(opened("spare"))
        t.answer("team", "held").answer("spare", "held").post(firing("A"))
        t.at("1m").expect(
            "30s ops first_notification +ResponderDeliveryFailing +ResponderDeliveryFailing",
            "30s last first_notification +A",
        )
        assert engaged(t) == [
            ("team", "spare", "breaker_open http://team"),
            ("spare", "last", "breaker_open http://spare"),
        ]
        t.answer("team", "delivered").answer("spare", "delivered").expect(
            "1m team first_notification +A", "1m spare first_notification +A"
        )


def test_receivers_that_stand_in_for_each_other() -> None:
    one, other = Receiver("team", (hook("team"),), "spare"), Receiver("spare", (hook("spare"),), "team")
    with Timeline(rules(receivers=[one, other])) as t:
        t.give(opened("team"))
        t.give(opened("spare"))
        t.answer("team", "held").answer("spare", "held").post(firing("A")).at("1m").skip()
        assert engaged(t) == [("team", "spare", "breaker_open http://team")]
        t.answer("team", "delivered").answer("spare", "delivered").skip()


def test_an_integration_that_both_have_is_told_once() -> None:
    both = Receiver("team", (hook("team"), hook("page")), "spare")
    spare = Receiver("spare", (hook("page"), hook("mail")))
    with Timeline(rules(receivers=[both, spare])) as t:
        t.give(opened("team"))
        t.answer("team/team", "held").post(firing("A")).at("1m").expect(
            "30s ops first_notification +ResponderDeliveryFailing",
            "30s team/page first_notification +A",
            "30s spare/mail first_notification +A",
        )
        t.answer("team/team", "delivered").expect("1m team/team first_notification +A")


def test_a_look_at_each_group_that_waits_is_a_decision_of_its_own() -> None:
    ruleset = rules(receivers=CHAIN, by=["instance"])
    with Timeline(ruleset, check=False) as t:
        t.answer("team", "held").post(*(firing(f"A/{n}") for n in range(50))).at("1m")
        given = Input(99, t.now, "delivery", opened("team", 50))
        decision = decide(t.state, ruleset, given)
        assert decision.effects == []
        assert {g.wake_at for key, g in decision.changes.groups.items() if key <= 50} == {t.now}
        assert len(decision.changes.groups) == 51  # and that of Responder's own alert
        t.give(opened("team", 50))
        assert len(t.lines) == 50
        t.answer("team", "delivered").skip()


def test_a_group_without_a_fallback_is_not_looked_at() -> None:
    ruleset = rules()
    with Timeline(ruleset) as t:
        t.answer("team", "held").post(firing("A")).at("1m")
        decision = decide(t.state, ruleset, Input(99, t.now, "delivery", opened("team")))
        assert list(decision.changes.groups) == [2]
        t.answer("team", "delivered").skip()


# -- a row that was refused -------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["client_error", "auth_error"])
def test_who_refuses_for_good_is_stood_in_for_at_once(reason: str) -> None:
    with Timeline(rules(receivers=CHAIN)) as t:
        t.answer("team", reason).post(firing("A")).at("50s").expect(
            f"30s team first_notification +A = dead {reason}", "30s spare first_notification +A"
        )
        assert engaged(t) == [("team", "spare", "dead http://team")]
        t.answer("team", "delivered").post(resolved("A")).at("6m").expect(
            "1m ops first_notification +ResponderDeadLetters", "5m30s spare all_resolved -A"
        )


def test_what_we_lack_is_stood_in_for() -> None:
    lacking = Receiver("team", (hook("team", supported=False),), "spare")
    with Timeline(rules(receivers=[lacking, SPARE])) as t:
        t.post(firing("A")).at("1m").expect(
            "30s team first_notification +A = dead unsupported", "30s spare first_notification +A"
        )
        t.post(resolved("A")).at("6m").expect("5m30s spare all_resolved -A")


def test_who_could_not_be_told_of_an_end_is_not_stood_in_for() -> None:
    with Timeline(rules(receivers=CHAIN)) as t:
        t.post(firing("A")).at("1m").answer("team", "client_error").post(resolved("A")).at("6m")
        assert engaged(t) == []
        t.answer("team", "delivered").skip()


def test_a_restart_forgets_no_fallback() -> None:
    with Timeline(rules(receivers=CHAIN)) as t:
        t.answer("team", "sending").post(firing("A")).at("1m").give(opened("team"))
        t.at("2m").stop().wait("1m").start().skip()
        t.post(resolved("A")).at("6m")
        assert "5m30s spare all_resolved -A" in t.lines
        t.answer("team", "delivered").skip()


def test_a_receiver_that_a_reload_takes_away_is_told_no_more() -> None:
    with Timeline(rules(receivers=CHAIN)) as t:
        t.answer("team", "held").post(firing("A")).at("1m").give(opened("team"))
        t.expect("1m spare first_notification +A")
        t.load(rules(name="without"))
        t.post(resolved("A")).answer("team", "delivered").at("6m").expect(
            "1m team first_notification +A",
            "1m30s ops first_notification +ResponderDeliveryFailing",
            "5m30s team all_resolved -A",
        )


def test_a_destination_that_nobody_names_any_more_is_down_no_more() -> None:
    with Timeline(rules(receivers=[Receiver("other", (hook("other"),))])) as t:
        t.give(opened("other"))
        t.at("1m").expect("30s ops first_notification +ResponderDeliveryFailing")
        assert t.state.down == {"http://other"}
        t.load(rules(name="without"))
        assert t.state.down == set()
        t.at("6m").expect("5m30s ops all_resolved -ResponderDeliveryFailing")


# -- Responder's own trouble ------------------------------------------------------------------


def test_that_a_destination_is_down_is_not_told_through_it_alone_but_to_the_root_receiver() -> None:
    with Timeline(rules()) as t:
        t.answer("ops", "held").give(opened("ops"))
        t.at("1m").expect("30s team first_notification +ResponderDeliveryFailing")
        assert engaged(t) == [("ops", "team", "it would be told only through what it is about")]
        t.give(closed("ops"))
        t.answer("ops", "delivered").at("6m").expect(
            "1m ops first_notification +ResponderDeliveryFailing",
            "5m30s ops all_resolved -ResponderDeliveryFailing",
            "5m30s team all_resolved -ResponderDeliveryFailing",
        )


def test_who_has_another_way_to_be_told_of_it_is_told_that_way() -> None:
    ops = Receiver("ops", (hook("ops"), hook("page")))
    with Timeline(rules(receivers=[ops])) as t:
        t.answer("ops/ops", "held").give(opened("ops"))
        t.at("1m").expect("30s ops/page first_notification +ResponderDeliveryFailing")
        assert engaged(t) == []
        t.answer("ops/ops", "delivered").skip()


def three(*order: str) -> Ruleset:
    return rules(receivers=[Receiver(name, (hook(name),)) for name in order])


def test_where_the_root_receiver_is_down_too_the_first_that_is_not_is_told() -> None:
    lacking = Receiver("lacking", (hook("lacking", supported=False),))
    others = [lacking, *(Receiver(name, (hook(name),)) for name in ("one", "two"))]
    with Timeline(rules(receivers=others)) as t:
        t.answer("ops", "held").answer("team", "held")
        t.give(opened("team"))
        t.give(opened("ops"))
        t.at("1m").expect("30s one first_notification +ResponderDeliveryFailing +ResponderDeliveryFailing")
        t.answer("ops", "delivered").skip()


def test_another_that_goes_down_later_is_found_out_at_once() -> None:
    with Timeline(three("one")) as t:
        t.answer("ops", "held").answer("team", "held").give(opened("ops"))
        t.at("1m").give(opened("team"))
        assert engaged(t)[1:] == [("ops", "one", "it would be told only through what it is about")]
        t.skip().answer("ops", "delivered").answer("team", "delivered").skip()


def test_where_nothing_is_up_it_waits_and_that_is_noted_once() -> None:
    with Timeline(rules()) as t:
        t.answer("ops", "held").answer("team", "held")
        t.give(opened("team"))
        t.give(opened("ops"))
        t.at("30m").expect()
        stranded = [e for e in t.events_of(Noted) if e.what == "nobody_reachable"]
        assert stranded == [Noted("nobody_reachable", "group 1 waits: no destination is up")]
        t.give(closed("team"))
        t.answer("team", "delivered").at("36m")
        assert ["team", "first_notification"] in [line.split()[1:3] for line in t.lines]
        t.answer("ops", "delivered").skip()


def test_that_a_receiver_refuses_is_not_told_to_it_alone() -> None:
    with Timeline(rules(route("alertname=A", to="ops"))) as t:
        t.answer("ops", "client_error").post(firing("A")).at("2m").expect(
            "30s ops first_notification +A = dead client_error",
            "1m ops first_notification +ResponderDeadLetters = dead client_error",
            "1m team first_notification +ResponderDeadLetters",
        )
        t.answer("ops", "delivered")


def test_a_mere_sender_cannot_make_a_destination_be_down() -> None:
    with Timeline(rules(receivers=CHAIN)) as t:
        t.api(firing("ResponderDeliveryFailing", severity="critical", destination="http://team"))
        t.answer("team", "held").post(firing("A")).at("1m")
        assert (t.state.down, engaged(t)) == (set(), [])
        t.answer("team", "delivered").skip()


def test_an_inhibited_alert_of_ours_engages_nobody() -> None:
    ruleset = rules(inhibits=[inhibit("alertname=Top", 'alertname=~"Responder.*"')])
    with Timeline(ruleset) as t:
        t.post(firing("Top")).answer("ops", "held").give(opened("ops"))
        t.at("1m")
        assert engaged(t) == []
        t.answer("ops", "delivered").skip()
