"""What inputs come to: delivery's endings, commands, starts, reloads, Responder's own alerts."""

from typing import get_args

import msgspec
import pytest

from responder.core.decide import (
    COLLECT_INTERVAL,
    decide,
    decide_timer,
    decide_timer_undecidable,
    decide_undecidable,
)
from responder.core.messages import (
    Accepted,
    Acknowledge,
    AlertsDropped,
    AlertsIgnored,
    AlertsReceived,
    AlertsRejected,
    Approve,
    BadRequest,
    Body,
    BreakerTurned,
    CancelRun,
    Closed,
    Command,
    CreateSilence,
    Declined,
    Deliver,
    DeliveryEnded,
    DenyRun,
    DismissDelivery,
    ExpireSilence,
    FactsGathered,
    GroupClosed,
    GroupOpened,
    Input,
    Lagging,
    LiftFreeze,
    LimitReached,
    Noted,
    Probed,
    PutFreeze,
    ResendDelivery,
    ResetRunbook,
    ResolveRun,
    Resumed,
    RulesLoaded,
    SignRunbook,
    Started,
    StartRun,
    StepFinished,
    Unacknowledge,
    Unreadable,
    Verified,
)
from responder.core.model import HOUR, MINUTE, SECOND, format_duration
from responder.core.plan import Facts, ObjectFacts, Probe
from responder.core.rules import Compatibility, Receiver
from responder.core.state import State
from tests.clock import MONDAY
from tests.core.timeline import Timeline
from tests.core.words import firing, hook, inhibit, labels_of, name_of, resolved, route, rules

BOTH: list[Compatibility] = ["responder", "alertmanager"]
in_both_modes = pytest.mark.parametrize("mode", BOTH)


def looks(t: Timeline) -> list[str]:
    """When each group is looked at next, in the order in which they were opened."""
    return [format_duration(group.due_at - MONDAY) for group in t.state.groups.values()]


# -- delivery's endings (law 2) ---------------------------------------------------------------


@pytest.mark.parametrize("reason", ["auth_error", "unsupported"])
def test_what_only_people_can_mend_is_owed_again_on_another_alert_set(reason: str) -> None:
    with Timeline(rules(repeat="5m")) as t:
        t.answer("team", reason).post(firing("A")).at("1h").expect(
            f"30s team first_notification +A = dead {reason}",
            "1m ops first_notification +ResponderDeadLetters",
            *(f"{1 + 5 * n}m ops repeat +ResponderDeadLetters" for n in range(1, 12)),
        )
        t.post(firing("B")).at("1h30s").expect(f"1h30s team first_notification +A +B = dead {reason}")
        t.answer("team", "delivered").post(firing("C")).at("1h6m").expect(
            "1h1m ops repeat +ResponderDeadLetters",
            "1h5m30s team first_notification +A +B +C",
            "1h6m ops all_resolved -ResponderDeadLetters",
        )


def test_what_only_people_can_mend_is_owed_again_after_a_reload_a_start_or_a_resend() -> None:
    with Timeline(rules()) as t:
        t.answer("team", "auth_error").post(firing("A")).at("30m").skip()
        t.load(rules(name="2"))
        t.at("31m").expect("30m30s team first_notification +A = dead auth_error")
        t.stop().at("40m").start().at("41m").expect("40m team first_notification +A = dead auth_error")
        (row,) = t.state.dead
        t.answer("team", "delivered")
        assert t.give(ResendDelivery(row)) == Accepted(f"row {row + 1} was opened in place of {row}")
        t.expect("41m team repeat +A")
        t.at("50m").expect("45m ops all_resolved -ResponderDeadLetters")


def test_an_integration_that_we_lack_is_owed_and_dead_once_per_alert_set() -> None:
    lacking = Receiver("team", (hook("there"), hook("lacking", supported=False)))
    with Timeline(rules(receivers=[lacking], repeat="5m")) as t:
        t.post(firing("A")).at("6m").expect(
            "30s team/lacking first_notification +A = dead unsupported",
            "30s team/there first_notification +A",
            "5m30s team/there repeat +A",
        )
        t.post(resolved("A")).at("11m").expect("10m30s team/there all_resolved -A")
        assert t.state.groups == {}
        assert [dead.count for dead in t.state.dead.values()] == [1]


def test_a_restart_does_not_owe_again_what_we_lack_and_a_reload_does() -> None:
    lacking = Receiver("team", (hook("lacking", supported=False),))
    with Timeline(rules(receivers=[lacking])) as t:
        t.post(firing("A")).at("1m").skip().stop().at("2m").start().at("20m").expect()
        t.load(rules(receivers=[lacking], name="2"))
        t.at("21m").expect("20m30s team first_notification +A = dead unsupported")


def test_the_dead_are_one_line_with_a_count_until_delivered() -> None:
    with Timeline(rules()) as t:
        t.answer("team", "refused").post(firing("A")).at("16m").skip()
        ((row, dead),) = t.state.dead.items()
        assert (row, dead.group, dead.integration, dead.count) == (t.state.next_row - 1, 1, "team", 4)
        t.answer("team", "delivered").at("21m")
        assert t.state.dead == {}
        t.skip().at("30m").skip()


def test_an_end_that_was_refused_for_good_and_dismissed_lets_the_group_go() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A")).at("1m").answer("team", "auth_error").post(resolved("A")).at("6m").expect(
            "30s team first_notification +A",
            "5m30s team all_resolved -A = dead auth_error",
            "6m ops first_notification +ResponderDeadLetters",
        )
        t.at("30m")
        assert t.group_of("A") == ["team"]
        (row,) = t.state.dead
        assert t.give(DismissDelivery(row)) == Accepted(f"row {row} is off the list")
        t.at("31m").expect("31m ops all_resolved -ResponderDeadLetters")
        assert t.state.groups == {}


def test_commands_about_a_row_that_is_not_among_the_dead_are_declined() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A")).at("1m").skip()
        text = "row 1 is not among the dead: see `responder delivery list --dead`"
        assert t.give(ResendDelivery(1)) == Declined(404, text)
        assert t.give(DismissDelivery(1)) == Declined(404, text)


def test_a_resend_is_declined_when_nothing_is_left_to_tell_or_something_is_on_its_way() -> None:
    with Timeline(rules(resolved=False)) as t:
        t.answer("team", "refused").post(firing("A")).at("1m").skip()
        (row,) = t.state.dead
        t.answer("team", "sending").at("6m").skip()
        on_its_way = Declined(409, f"row {max(t.state.rows)} is on its way to the same receiver already")
        assert t.give(ResendDelivery(row)) == on_its_way
        t.answer("team", "refused").post(resolved("A")).skip()
        (row,) = t.state.dead
        assert t.give(ResendDelivery(row)) == Declined(
            409, f"row {row}: nothing of it is left to tell; dismiss it"
        )
        t.at("12m").skip()
        assert t.give(ResendDelivery(row)) == Declined(
            409, f"row {row}: its alerts are over or its receiver is gone; dismiss it"
        )
        t.give(DismissDelivery(row))
        t.at("30m").skip()


def test_an_ending_of_a_row_that_is_closed_or_unknown_changes_nothing() -> None:
    with Timeline(rules()) as t:
        t.answer("team", "sending").post(firing("A")).at("1m").post(firing("B")).at("6m")
        behind = next(iter(t.state.told[1].values())).behind
        assert behind is not None
        for row in (behind.id, 99):
            t.give(DeliveryEnded(row, "delivered"), "delivery")
        t.expect().answer("team", "delivered").expect(
            "6m team first_notification +A", "6m team new_alerts +A +B"
        )
        t.give(DeliveryEnded(1, "dead", "refused"), "delivery")
        t.expect()


# -- commands, lists and own alerts -----------------------------------------------------------


def test_alerts_that_cannot_be_used_are_told_and_the_rest_lives() -> None:
    with Timeline(rules()) as t:
        t.bad("labels: none", "startsAt: what", alerts=[firing("A")], actor="prometheus-1")
        assert t.events_of(AlertsRejected) == [AlertsRejected([(0, "labels: none"), (1, "startsAt: what")])]
        t.at("30m").expect("30s team first_notification +A", "30s ops first_notification +ResponderBadAlert")
        own = t.state.alerts[
            labels_of("ResponderBadAlert", severity="warning", service="responder", sender="prometheus-1")
        ]
        assert dict(own.annotations) == {
            "summary": "prometheus-1 sent 2 alerts that cannot be used; the first: labels: none"
        }
        t.at("1h10m").expect("1h30s ops all_resolved -ResponderBadAlert")


def test_a_sender_that_keeps_sending_nonsense_is_told_of_once() -> None:
    with Timeline(rules()) as t:
        for minutes in range(0, 120, 10):
            t.at(f"{minutes}m").give(BadRequest("curl", 400, "not JSON"))
        t.at("2h40m").expect("30s ops first_notification +ResponderBadAlert")
        t.at("3h").expect("2h50m30s ops all_resolved -ResponderBadAlert")


def test_lagging_is_told_until_accepting_goes_on() -> None:
    with Timeline(rules()) as t:
        t.give(Lagging(12 * SECOND + 5))
        t.at("1m").expect("30s ops first_notification +ResponderLagging")
        t.deafen().at("2m").resume().at("10m").expect("5m30s ops all_resolved -ResponderLagging")


def test_a_breaker_that_turns_is_told_with_what_waits() -> None:
    with Timeline(rules()) as t:
        t.give(BreakerTurned("http://team", opened=True, reason="timeout", waiting=3), "delivery")
        t.at("1m").expect("30s ops first_notification +ResponderDeliveryFailing")
        (own,) = t.state.by_id.values()
        assert dict(own.annotations) == {
            "summary": "http://team does not take notifications (timeout); 3 wait."
        }
        t.give(BreakerTurned("http://team", opened=False), "delivery")
        t.give(BreakerTurned("http://team", opened=False), "delivery")
        t.at("10m").expect("5m30s ops all_resolved -ResponderDeliveryFailing")


def test_a_breaker_that_opens_closes_and_opens_at_one_instant_is_open() -> None:
    with Timeline(rules()) as t:
        for opened in (True, False, True):
            t.give(BreakerTurned("http://team", opened=opened), "delivery")
        t.at("1m").expect("30s ops first_notification +ResponderDeliveryFailing")


def test_a_limit_is_told_of() -> None:
    with Timeline(rules()) as t:
        t.give(LimitReached("active_alerts", "prometheus"))
        t.at("1m").expect("30s ops first_notification +ResponderAlertLimit")


def test_an_input_that_cannot_be_read_is_undecidable_and_told() -> None:
    with Timeline(rules()) as t:
        reply = t.give(Unreadable("alerts_webhook", "not JSON"), "alertmanager")
        assert reply == Declined(500, "this input could not be decided; see the journal")
        assert t.events_of(Noted)[1:] == [Noted("undecidable", "alerts_webhook: not JSON")]
        t.at("1m").expect("30s ops first_notification +ResponderUndecidable")


def test_an_input_that_raises_is_closed_as_undecidable_with_its_error() -> None:
    ruleset = rules()
    state = State(ruleset)
    given = Input(7, MONDAY, "somebody", AlertsReceived("webhook", b"", ()))
    decision = decide_undecidable(state, ruleset, given, "ZeroDivisionError: division by zero")
    state.apply(decision.changes)
    assert decision.events[0] == Noted("undecidable", "ZeroDivisionError: division by zero")
    assert [name_of(alert.labels) for alert in state.by_id.values()] == ["ResponderUndecidable"]
    assert decision.reply == Declined(500, "this input could not be decided; see the journal")


def test_a_look_that_raises_is_put_off_and_told() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A")).at("10s")
        decision = decide_timer_undecidable(t.state, t.ruleset, 1, MONDAY + 30 * SECOND, "KeyError: 5")
        assert decision.changes.groups[1].due_at == MONDAY + 5 * MINUTE + 30 * SECOND
        assert [name_of(alert.labels) for alert in decision.changes.alerts.values()] == [
            "ResponderUndecidable"
        ]
        at = MONDAY + 30 * MINUTE
        decision = decide_timer_undecidable(t.state, t.ruleset, 0, at, "KeyError: 5")
        assert decision.changes.collect_at == at + COLLECT_INTERVAL
        t.at("1m").skip()


def test_own_alerts_of_one_decision_join_the_group_that_it_opened() -> None:
    with Timeline(rules()) as t:
        t.bad("labels: none", alerts=[firing("ResponderBadAlert", severity="warning")])
        assert len(t.events_of(GroupOpened)) == 1
        t.at("1m").expect("30s ops first_notification +ResponderBadAlert +ResponderBadAlert")


def test_a_group_into_which_an_own_alert_falls_while_it_empties_lives_on() -> None:
    """The group of the refused row and that of the alert that tells of it may be one."""
    with Timeline(rules(route(to="team", by=[]))) as t:
        t.answer("team", "sending").post(firing("ResponderDeadLetters/x", since="-1h"))
        t.skip().post(resolved("ResponderDeadLetters/x")).answer("team", "refused")
        t.at("3h").answer("team", "delivered").at("4h").skip()
        assert [(name_of(a.labels), len(a.groups)) for a in t.state.by_id.values()] == []


# -- alerts that come late, twice, far ahead (law 2, S36, S105) -------------------------------


@in_both_modes
def test_s105_the_same_from_two_peers_is_told_once(mode: Compatibility) -> None:
    with Timeline(rules(compatibility=mode)) as t:
        t.post(firing("A", since="0s"), actor="am-1").at("1s").post(firing("A", since="0s"), actor="am-2")
        t.at("1m").post(firing("A", since="0s"), actor="am-2").at("10m").expect(
            "30s team first_notification +A"
        )
        t.post(resolved("A", since="0s", until="9m")).at("10m5s").post(
            resolved("A", since="0s", until="9m"), actor="am-2"
        )
        t.at("11m").expect("10m30s team all_resolved -A")
        assert t.state.groups == {}


def test_s36_a_late_firing_of_an_episode_that_is_over_is_ignored() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A", since="0s")).at("1m").post(resolved("A", since="0s", until="55s"))
        t.at("1m1s").post(firing("A", since="0s"), actor="am-2").at("20m").expect(
            "30s team first_notification +A", "5m30s team all_resolved -A"
        )
        assert t.events_of(AlertsIgnored) == [AlertsIgnored([1], "late or stale update")]


def test_s36_as_alertmanager_it_comes_back_to_life() -> None:
    with Timeline(rules(compatibility="alertmanager")) as t:
        t.post(firing("A", since="0s")).at("1m").post(resolved("A", since="0s", until="55s"))
        t.at("1m1s").post(firing("A", since="0s"), actor="am-2").at("20m").expect(
            "30s team first_notification +A"
        )


def test_s36_a_late_end_of_an_earlier_episode_is_ignored() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A", since="0s")).at("10m").post(firing("A", since="9m"))
        t.at("11m").post(resolved("A", since="-2h", until="-1h")).at("30m").expect(
            "30s team first_notification +A"
        )


def test_an_alert_that_ran_out_because_its_sender_was_away_fires_again_with_its_old_start() -> None:
    with Timeline(rules()) as t:
        t.api(firing("A", since="0s", until="4m")).at("6m").expect(
            "30s team first_notification +A", "5m30s team all_resolved -A"
        )
        t.at("10m").api(firing("A", since="0s", until="14m")).at("11m").expect(
            "10m team first_notification +A"
        )
        t.at("20m").expect("15m team all_resolved -A")


def test_the_end_of_an_alert_whose_sender_is_ahead_of_us_counts() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A", since="5m")).at("1m").post(resolved("A", since="5m", until="6m"))
        t.at("6m").expect("30s team first_notification +A", "5m30s team all_resolved -A")


@in_both_modes
def test_a_far_future_end_and_the_zero_time_are_no_end_that_comes(mode: Compatibility) -> None:
    with Timeline(rules(compatibility=mode, repeat="300d", interval="1d")) as t:
        t.post(firing("A", until="100y")).api(firing("B", until="230y"))
        assert t.state.alerts[labels_of("A")].ends_at == 0
        t.at("30s").expect("30s team first_notification +A +B")
        t.at("23h").expect()


# -- starts and pauses ------------------------------------------------------------------------


def test_overdue_timers_fire_once_at_the_start() -> None:
    with Timeline(rules(repeat="5m", by=["alertname"])) as t:
        t.post(firing("A")).at("20s").post(firing("B")).at("40s").skip().stop()
        t.at("3h").start().expect("3h team repeat +A", "3h team first_notification +B")
        assert looks(t) == ["3h5m", "3h5m"]
        t.at("3h5m").expect("3h5m team repeat +A", "3h5m team repeat +B")


def test_timers_that_are_not_overdue_keep_their_time_over_a_start() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A")).at("10s").stop().at("20s").start()
        assert looks(t) == ["30s"]
        t.at("30s").expect("30s team first_notification +A")


def test_time_in_which_nobody_could_be_heard_ends_no_alert() -> None:
    with Timeline(rules(resolve_timeout="5m")) as t:
        t.api(firing("A", until="4m"), firing("B", until="2h"), firing("C", until="50s"))
        t.at("1m").post().stop().at("1h").start()  # C had ended when we heard for the last time
        ends = {name: t.state.alerts[labels_of(name)].ends_at - MONDAY for name in "ABC"}
        assert ends == {"A": HOUR + 5 * MINUTE, "B": 2 * HOUR, "C": 50 * SECOND}
        t.at("1h6m").expect(
            "30s team first_notification +A +B +C",
            "1h team some_resolved +A +B -C",
            "1h5m team some_resolved +B -A",
        )


def test_a_pause_extends_ends_and_fires_overdue_timers_once() -> None:
    with Timeline(rules(resolve_timeout="5m")) as t:
        t.api(firing("A", until="4m")).at("1m").expect("30s team first_notification +A")
        t.deafen().at("1h").resume().expect()
        t.at("1h4m59s").expect().at("1h5m").expect("1h5m team all_resolved -A")


def test_a_pause_makes_nothing_stale() -> None:
    with Timeline(rules(stale_after="2h")) as t:
        t.post(firing("A")).at("90m").expect("30s team first_notification +A")
        t.stop().at("10h").start().at("10h20m").skip()
        assert not t.state.alerts[labels_of("A")].stale
        t.at("10h40m")
        assert t.state.alerts[labels_of("A")].stale
        assert t.lines[-1].endswith("stale ?A")
        t.skip()


def test_what_ran_out_before_a_pause_stays_over() -> None:
    with Timeline(rules()) as t:
        t.api(firing("A", until="2m")).at("6m").skip()
        t.deafen().at("7m").resume()
        assert t.state.alerts[labels_of("A")].resolved_at(t.now)
        t.at("1h").expect()


def test_a_row_that_was_never_sent_tells_how_things_are_at_the_start() -> None:
    with Timeline(rules()) as t:
        t.answer("team", "held").post(firing("A"), firing("B")).at("1m").post(resolved("B")).stop()
        t.at("2m").start().expect("2m team first_notification +A +B = superseded")
        t.answer("team", "delivered").expect("2m team first_notification +A")


def test_a_row_of_which_nothing_is_left_is_not_told_at_the_start() -> None:
    with Timeline(rules()) as t:
        t.answer("team", "held").post(firing("A")).at("1m").post(resolved("A")).stop().at("2m").start()
        t.expect(
            "2m team first_notification +A = superseded",
            "2m team all_resolved -A = suppressed resolved_before_told",
        )
        assert t.state.groups == {}


def test_a_row_that_may_have_been_sent_is_sent_again_as_it_was() -> None:
    with Timeline(rules()) as t:
        t.answer("team", "sending").post(firing("A"), firing("B")).at("1m").post(resolved("B")).stop()
        t.at("2m").start().answer("team", "delivered").expect("2m team first_notification +A +B")
        t.at("6m").expect("5m30s team some_resolved +A -B")


def test_a_restored_database_is_told_of() -> None:
    with Timeline(rules()) as t:
        t.stop().at("1m").start(restored=True).at("2m").expect(
            "1m30s ops first_notification +ResponderChainBroken"
        )
        assert t.events_of(Noted)[-1] == Noted(
            "restored", "the journal is older than the anchor beside the database"
        )


# -- another ruleset --------------------------------------------------------------------------


def test_s100_groups_whose_route_and_labels_live_on_keep_timers_and_history() -> None:
    with Timeline(rules(by=["alertname"])) as t:
        t.post(firing("A")).at("1m").post(firing("B")).expect("30s team first_notification +A")
        t.load(rules(by=["alertname"], repeat="7m", name="2"))
        assert looks(t) == ["5m30s", "1m30s"]
        t.at("8m").expect("1m30s team first_notification +B")
        t.at("12m").expect("10m30s team repeat +A", "11m30s team repeat +B")


def test_s100_as_alertmanager_all_groups_are_made_anew_and_dedup_hides_what_did_not_change() -> None:
    with Timeline(rules(by=["job"], compatibility="alertmanager")) as t:
        t.post(firing("A", job="x"), firing("B", job="y")).at("1m").skip()
        t.post(firing("C", job="y"), firing("D", job="z"))
        t.load(rules(by=["job"], compatibility="alertmanager", name="2"))
        # x has not changed; y has, and does not wait for 5m30s; z is too young.
        t.expect("1m team new_alerts +B +C")
        assert looks(t) == ["6m", "6m", "1m30s"]
        t.at("1m30s").expect("1m30s team first_notification +D")


def test_s100_as_alertmanager_a_route_that_moves_is_known_by_its_group_key() -> None:
    before = rules(route("alertname=A", to="team"), compatibility="alertmanager")
    after = rules(
        route("alertname=Z", to="ops"),
        route("alertname=A", to="team"),
        compatibility="alertmanager",
        name="2",
    )
    with Timeline(before) as t:
        t.post(firing("A")).at("1m").expect("30s team first_notification +A")
        t.load(after)
        assert (t.events_of(GroupClosed), t.group_of("A")) == ([GroupClosed(1)], ["team"])
        t.at("5m").post(resolved("A")).at("6m").expect("6m team all_resolved -A")


def test_s100_as_alertmanager_what_is_being_sent_is_cut_off() -> None:
    with Timeline(rules(compatibility="alertmanager")) as t:
        t.answer("team", "sending").post(firing("A")).at("1m").load(
            rules(compatibility="alertmanager", name="2")
        )
        t.expect("1m team first_notification +A = superseded")
        assert t.succeeded == {1}
        assert t.events_of(Closed) == [Closed(1, "superseded", "superseded", by="rules_loaded")]
        t.give(DeliveryEnded(1, "delivered"), "delivery")  # it was under way
        t.answer("team", "delivered").expect("1m team first_notification +A")


def test_s102_after_a_restart_alerts_are_there_and_their_ends_are_told() -> None:
    with Timeline(rules()) as t:
        t.api(firing("A", until="5m")).at("1m").expect("30s team first_notification +A")
        # Time in which nobody could be heard ends nothing: there are five minutes to renew it.
        t.stop().at("10m").start().at("3h").expect("15m team all_resolved -A")


def test_s102_as_alertmanager_alerts_are_gone_and_silences_and_what_was_told_are_not() -> None:
    with Timeline(rules(by=["alertname"], repeat="20m", compatibility="alertmanager")) as t:
        t.post(firing("A"), firing("B"), firing("C")).at("1m").skip()
        t.answer("team", "sending").post(firing("D")).at("2m")
        t.give(CreateSilence("s", (("alertname", "=", "C"),), t.now, MONDAY + HOUR, "me", "why"))
        t.stop().at("10m").start().expect("10m team first_notification +D = superseded")
        assert (t.state.by_id, t.state.groups, t.state.rows) == ({}, {}, {})
        assert list(t.state.silences.all) == ["s"]
        assert t.events_of(AlertsDropped) == [AlertsDropped([1, 2, 3, 4])]
        assert [e for e in t.events_of(Noted) if e.what == "alerts_forgotten"] == [
            Noted("alerts_forgotten", "compatibility: alertmanager keeps none over a restart")
        ]
        # A is said again, and was told; that B is over is said now; C is silenced; D ended meanwhile.
        t.answer("team", "delivered").post(firing("A"), resolved("B"), firing("C", since="0s")).at("15m")
        t.expect("10m30s team all_resolved -B")
        t.at("26m").expect("25m team repeat +C = suppressed silence", "25m30s team repeat +A")
        sums = t.sums()
        assert sums.owed == sum(sums.closed.values())


def test_s102_as_alertmanager_an_end_that_came_meanwhile_is_never_told() -> None:
    with Timeline(rules(compatibility="alertmanager")) as t:
        t.api(firing("A", until="5m")).at("1m").expect("30s team first_notification +A")
        t.stop().at("10m").start().at("3h").expect()
        # That it fires was told, which is forgotten after twice repeat_interval and a quarter of an hour.
        assert [e.expires_at for e in t.state.log.values()] == [MONDAY + 8 * HOUR + 15 * MINUTE + 30 * SECOND]
        t.at("8h31m")
        assert t.state.log == {}


def test_s102_as_alertmanager_own_alerts_stay() -> None:
    with Timeline(rules(compatibility="alertmanager")) as t:
        t.answer("ops", "sending").post(firing("A")).give(BadRequest("someone", 400, "not JSON"))
        t.at("31s").skip().stop().at("10m").start()
        t.expect("10m ops first_notification +ResponderBadAlert = superseded")
        assert [name_of(alert.labels) for alert in t.state.by_id.values()] == ["ResponderBadAlert"]
        t.answer("ops", "delivered").expect("10m ops first_notification +ResponderBadAlert")


def test_a_route_that_goes_closes_its_rows_and_its_alerts_go_where_they_now_belong() -> None:
    spare = Receiver("spare", (hook("spare"),))
    with Timeline(rules(route("alertname=A", to="spare"), receivers=[spare])) as t:
        t.answer("spare", "sending").post(firing("A")).at("1m").post(firing("B")).at("1m30s").expect(
            "1m30s team first_notification +B"
        )
        head = next(iter(t.state.rows))
        t.load(rules(name="2", receivers=[spare]))
        t.expect("1m30s spare first_notification +A = superseded")
        assert t.group_of("A") == ["team"]
        assert [e for e in t.events_of(Closed) if e.row == head] == [
            Closed(head, "superseded", "superseded", by="rules_loaded")
        ]
        assert t.events_of(GroupClosed) == [GroupClosed(1)]
        t.give(DeliveryEnded(head, "delivered"), "delivery")  # it was under way
        t.at("7m").expect("6m30s team new_alerts +A +B")


def test_an_integration_that_goes_takes_its_rows_with_it_and_the_others_keep_theirs() -> None:
    two = Receiver("team", (hook("x"), hook("y")))
    with Timeline(rules(receivers=[two])) as t:
        t.answer("team/x", "sending").answer("team/y", "sending").post(firing("A")).at("1m")
        t.load(rules(receivers=[Receiver("team", (hook("y"), hook("z")))], name="2"))
        t.skip()
        assert t.lines[-1].endswith("first_notification +A = superseded")
        assert len(t.state.rows) == 1
        t.answer("team/y", "delivered").expect("1m team/y first_notification +A")
        t.at("6m").expect("5m30s team/z first_notification +A")


def test_what_rules_hid_before_a_reload_is_told_at_the_next_tick() -> None:
    with Timeline(rules(inhibits=[inhibit("alertname=A", "alertname=B")])) as t:
        t.post(firing("A"), firing("B")).at("1m").expect("30s team first_notification +A")
        t.load(rules(name="2"))
        t.at("6m").expect("5m30s team unmuted +A +B")


def test_a_start_under_other_rules_is_a_reload_that_ends_no_alert() -> None:
    with Timeline(rules(by=["alertname"])) as t:
        t.api(firing("A", until="4m")).at("1m").expect("30s team first_notification +A")
        t.stop().at("1h").start(rules(name="2"))
        assert t.group_of("A") == ["team"]
        t.expect("1h team first_notification +A")
        t.at("1h6m").expect("1h5m team all_resolved -A")


def test_an_own_alert_at_a_start_does_not_join_a_group_that_the_new_rules_closed() -> None:
    with Timeline(rules(by=["alertname"])) as t:
        t.give(BadRequest("curl", 400, "no"))
        t.at("1m").expect("30s ops first_notification +ResponderBadAlert")
        t.stop().at("2h").start(rules(route("sender=curl", to="team"), name="2"), restored=True)
        t.at("3h").skip()
        assert all(alert.groups for alert in t.state.by_id.values() if alert.firing_at(t.now))


# -- what is over is forgotten ----------------------------------------------------------------


def test_what_is_over_and_in_no_group_is_forgotten_every_half_hour() -> None:
    with Timeline(rules()) as t:
        t.post(resolved("A")).at("1m").post(firing("B")).at("29m59s")
        assert len(t.state.by_id) == 2
        t.at("30m")
        assert [name_of(alert.labels) for alert in t.state.by_id.values()] == ["B"]
        assert t.events_of(AlertsDropped) == [AlertsDropped([1])]
        t.skip()


def test_what_a_reload_took_out_of_its_group_is_kept_while_a_row_on_its_way_names_it() -> None:
    ops = route("alertname=A", to="ops")
    with Timeline(rules()) as t:
        t.answer("team", "sending").post(firing("A"), firing("B")).at("1m").post(firing("C")).at("6m")
        t.load(rules(ops, name="2"))
        t.post(resolved("A")).at("45m").skip()
        assert "A" in [name_of(alert.labels) for alert in t.state.by_id.values()]
        t.answer("team", "delivered").expect(
            "45m team first_notification +A +B", "45m team new_alerts +A +B +C"
        )
        t.at("1h1m").skip()
        assert [name_of(alert.labels) for alert in t.state.by_id.values()] == ["B", "C"]


# -- purity and totality ----------------------------------------------------------------------


def test_decide_takes_every_kind_of_input_and_leaves_the_state_as_it_was() -> None:
    with Timeline(rules()) as t:
        t.answer("team", "sending").post(firing("A")).at("1m")
        before = msgspec.json.encode([list(t.state.by_id.values()), list(t.state.groups.values())])
        timers = list(t.state.timers)
        bodies: list[Body] = [
            AlertsReceived("webhook", b"", (firing("B"), resolved("A"))),
            BadRequest("x", 400, "y"),
            LimitReached("active_alerts", "x"),
            Unreadable("x", "y"),
            Lagging(HOUR),
            BreakerTurned("x", opened=True),
            DeliveryEnded(1, "delivered"),
            ResendDelivery(1),
            DismissDelivery(1),
            CreateSilence("s", (("alertname", "=", "A"),), t.now, t.now + HOUR, "x", "y"),
            ExpireSilence("s"),
            Started("other", 0),
            Resumed(0, "lag"),
            RulesLoaded("other"),
            Acknowledge(("1-2",), (("a", "=", "b"),), 5, "ann", "mine", "slack"),
            Unacknowledge(("1-2",), (), "ann", "api"),
            StartRun("restart", {"namespace": "shop"}, "ann", "why", "slack", True),
            Approve("r1-2", "ann", "abc", "1-abc", "slack"),
            DenyRun("r1-2", "ann", "no", "api"),
            CancelRun("r1-2", "ann", "no", "api"),
            ResolveRun("r1-2", True, "ann", "seen", "api"),
            PutFreeze("f", "cluster=prod", "deploy", 9, True, "ann"),
            LiftFreeze("f", "ann"),
            SignRunbook("restart", "abc", "read", "ann"),
            ResetRunbook("restart", "mended", "ann"),
            FactsGathered(
                1, 2, Facts(3, ObjectFacts(3, 2, 1, "busy"), "yes", "prometheus", (Probe("q", True),))
            ),
            StepFinished(1, 2, "failed", "no", True),
            Verified(1, 2, None, "why"),
            Probed(1, 2, True, "seen"),
        ]
        assert {type(body) for body in bodies} == {AlertsReceived, *get_args(Command)}
        for body in bodies:
            one = decide(t.state, t.ruleset, Input(9, t.now, "x", body))
            other = decide(t.state, t.ruleset, Input(9, t.now, "x", body))
            assert (one.events, one.changes, one.reply) == (other.events, other.changes, other.reply)
        decide_timer(t.state, t.ruleset, 1, t.now)
        assert before == msgspec.json.encode([list(t.state.by_id.values()), list(t.state.groups.values())])
        assert timers == t.state.timers
        t.answer("team", "delivered").skip()


def test_every_command_is_known_by_a_name() -> None:
    tags = [command.__struct_config__.tag for command in get_args(Command)]
    assert len(set(tags)) == len(tags)


def test_an_order_shows_alerts_as_they_are_when_it_is_given() -> None:
    with Timeline(rules()) as t:
        t.answer("team", "sending").post(firing("A", note="old")).at("1m")
        ((_, order),) = t.orders.items()
        assert isinstance(order, Deliver)
        (shown,) = order.notification.firing
        assert (dict(shown.annotations), order.notification.status) == ({"summary": "old"}, "firing")
        assert (order.notification.group_key, order.notification.at) == ("{}:{}", MONDAY + 30 * SECOND)
        t.answer("team", "delivered").skip()
