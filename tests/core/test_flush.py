"""When a group is looked at, and what a look finds: Alertmanager's statements S18 to S30, S48 to S55."""

import pytest

from responder.core.messages import AlertsLeft, AlertsMuted, AlertsStale, AlertsUnmuted, CreateSilence
from responder.core.model import SECOND
from responder.core.rules import Compatibility, Receiver
from tests.clock import MONDAY
from tests.core.timeline import Timeline
from tests.core.words import firing, hook, inhibit, labels_of, resolved, route, rules

BOTH: list[Compatibility] = ["responder", "alertmanager"]
CRITICAL = inhibit("severity=critical", "severity=warning", "alertname")
NIGHT: dict[str, dict[str, object]] = {"night": {"times": [{"start_time": "00:10", "end_time": "01:00"}]}}
SHIFT: dict[str, dict[str, object]] = {"shift": {"times": [{"start_time": "01:00", "end_time": "02:00"}]}}

in_both_modes = pytest.mark.parametrize("mode", BOTH)


# -- labels of routes -------------------------------------------------------------------------


def test_s10_what_a_row_says_of_its_routes_labels_stays_over_a_reload_and_a_restart() -> None:
    old, new = (
        rules(route("x=1", to="team", labels={"team": f"{when} {{{{ .Status }}}}"}), name=when)
        for when in ("old", "new")
    )
    with Timeline(old) as t:
        t.post(firing("A", x="1")).answer("team", "sending").at("31s").load(new)
        t.stop().at("40s").start(new).at("1m").post(firing("B", x="1"))
        t.at("6m").answer("team", "delivered").skip()
        t.at("11m").answer("team", "delivered").skip()
        assert [(told.row, told.route_labels) for told in t.handed] == [
            (1, (("team", "old {{ .Status }}"),)),
            (1, (("team", "old {{ .Status }}"),)),
            (2, (("team", "new {{ .Status }}"),)),
        ]


def test_s10_other_labels_of_a_route_are_no_news() -> None:
    old, new = (rules(route("x=1", to="team", labels={"team": when}), name=when) for when in ("old", "new"))
    with Timeline(old) as t:
        t.post(firing("A", x="1")).at("1m").expect("30s team first_notification +A").load(new)
        t.at("20m").expect()


def test_s10_what_waits_is_revised_with_the_labels_it_was_opened_with() -> None:
    old, new = (rules(route("x=1", to="team", labels={"team": when}), name=when) for when in ("old", "new"))
    with Timeline(old) as t:
        t.post(firing("A", x="1"), firing("B", x="1")).answer("team", "sending").at("1m")
        t.post(resolved("A", x="1")).at("6m").load(new)  # the end waits behind the beginning
        t.answer("team", "client_error").at("6m1s").answer("team", "delivered").at("6m2s").skip()
        assert [told.route_labels for told in t.handed] == [(("team", "old"),)] * 2


# -- timers -----------------------------------------------------------------------------------


@in_both_modes
def test_s18_a_group_waits_group_wait_and_is_then_looked_at_every_group_interval(mode: Compatibility) -> None:
    with Timeline(rules(compatibility=mode)) as t:
        t.post(firing("A"))
        t.at("29s").expect().at("30s").expect("30s team first_notification +A")
        t.at("31s").post(firing("B")).at("5m29s").expect()
        t.at("5m30s").expect("5m30s team new_alerts +A +B")
        t.at("10m31s").post(firing("C")).at("15m29s").expect()  # nothing was sent at 10m30s
        t.at("15m30s").expect("15m30s team new_alerts +A +B +C")


@in_both_modes
def test_s19_a_group_opened_by_an_alert_older_than_group_wait_is_looked_at_at_once(
    mode: Compatibility,
) -> None:
    with Timeline(rules(by=["alertname"], compatibility=mode)) as t:
        t.post(firing("A", since="-31s"), firing("B", since="-30s"), firing("C", since="-1s"))
        t.expect("0s team first_notification +A")
        t.at("30s").expect("30s team first_notification +B", "30s team first_notification +C")


@in_both_modes
def test_s20_later_alerts_never_change_the_timer(mode: Compatibility) -> None:
    with Timeline(rules(compatibility=mode)) as t:
        t.post(firing("A"))
        t.at("10s").post(firing("B", since="-2h")).at("29s").expect()
        t.at("30s").expect("30s team first_notification +A +B")
        t.at("1m").post(firing("C", since="-2h")).at("5m29s").expect()
        t.at("5m30s").expect("5m30s team new_alerts +A +B +C")


def test_s21_a_slow_delivery_does_not_move_the_ticks_and_rows_are_told_in_order() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A")).answer("team", "sending")
        t.at("1m").post(firing("B"))
        t.at("7m").answer("team", "delivered")
        t.expect("7m team first_notification +A", "7m team new_alerts +A +B")
        t.at("8m").post(firing("C")).at("10m30s").expect("10m30s team new_alerts +A +B +C")


def test_s22_what_a_claimed_row_says_is_frozen() -> None:
    with Timeline(rules()) as t:
        t.api(firing("A", until="40s")).answer("team", "sending")
        t.at("50s").answer("team", "delivered").expect("50s team first_notification +A")
        t.at("5m30s").expect("5m30s team all_resolved -A")


@in_both_modes
def test_s24_an_alert_that_fires_again_while_its_end_is_told_survives(mode: Compatibility) -> None:
    with Timeline(rules(compatibility=mode)) as t:
        t.post(firing("A")).at("1m").post(resolved("A")).expect("30s team first_notification +A")
        t.at("5m").answer("team", "sending").at("5m40s").post(firing("A", since="5m35s"))
        t.at("6m").answer("team", "delivered").expect("6m team all_resolved -A")
        assert t.group_of("A") == ["team"]
        t.at("10m30s").expect("10m30s team first_notification +A")


@in_both_modes
def test_s25_one_refusing_integration_keeps_resolved_alerts_and_the_other_hears_nothing_twice(
    mode: Compatibility,
) -> None:
    both = Receiver("team", (hook("one"), hook("two")))
    with Timeline(rules(receivers=[both], compatibility=mode)) as t:
        t.post(firing("A")).at("30s").skip()
        t.at("1m").post(resolved("A")).answer("team/two", "client_error")
        t.at("11m").expect(
            "5m30s team/one all_resolved -A",
            "5m30s team/two all_resolved -A = dead client_error",
            "6m ops first_notification +ResponderDeadLetters",
            "10m30s team/two all_resolved -A = dead client_error",
        )
        assert t.group_of("A") == ["team"]
        t.answer("team/two", "delivered").at("16m").expect(
            "15m30s team/two all_resolved -A", "16m ops all_resolved -ResponderDeadLetters"
        )
        assert t.group_of("A") == []


@in_both_modes
def test_s26_a_group_that_is_empty_is_gone_and_the_next_alert_waits_again(mode: Compatibility) -> None:
    with Timeline(rules(compatibility=mode)) as t:
        t.post(firing("A")).at("1m").post(resolved("A"))
        t.at("5m30s").expect("30s team first_notification +A", "5m30s team all_resolved -A")
        assert (t.state.groups, t.state.told, t.state.members) == ({}, {}, {})
        t.at("6m").post(firing("B")).at("6m29s").expect()
        t.at("6m30s").expect("6m30s team first_notification +B")


@in_both_modes
def test_s27_an_alert_that_is_over_before_the_first_look_is_told_to_nobody(mode: Compatibility) -> None:
    with Timeline(rules(compatibility=mode)) as t:
        t.post(firing("A")).at("20s").post(resolved("A")).at("1m").expect()
        assert t.state.groups == {}
        assert t.events_of(AlertsLeft) == [AlertsLeft(1, [1], [1])]


def test_s28_an_end_that_falls_under_a_mute_is_told() -> None:
    with Timeline(rules(mute=["night"], intervals=NIGHT)) as t:
        t.post(firing("A")).at("20m").post(resolved("A"))
        t.at("2h").expect("30s team first_notification +A", "20m30s team all_resolved -A")


def test_s28_as_alertmanager_an_end_that_falls_under_a_mute_is_lost() -> None:
    ruleset = rules(mute=["night"], intervals=NIGHT, compatibility="alertmanager")
    with Timeline(ruleset) as t:
        t.post(firing("A")).at("20m").post(resolved("A"))
        t.at("2h").expect("30s team first_notification +A")
        assert t.state.groups == {}


def test_s29_what_was_muted_at_the_first_look_is_told_when_the_mute_ends() -> None:
    with Timeline(rules(mute=["night"], intervals=NIGHT, interval="45m")) as t:
        t.at("15m").post(firing("A")).at("15m30s").expect(
            "15m30s team first_notification +A = suppressed mute_time_interval"
        )
        t.at("59m59s").expect().at("1h").expect("1h team unmuted +A")
        t.at("2h").post(firing("B"))  # the regular ticks are where they were: 15m30s, 1h30s, 1h45m30s...
        t.at("2h30m30s").expect("2h30m30s team new_alerts +A +B")


def test_s29_as_alertmanager_the_next_chance_is_a_full_group_interval_later() -> None:
    ruleset = rules(mute=["night"], intervals=NIGHT, interval="45m", compatibility="alertmanager")
    with Timeline(ruleset) as t:
        t.at("15m").post(firing("A")).at("2h").expect(
            "15m30s team first_notification +A = suppressed mute_time_interval",
            "1h30s team first_notification +A",
        )


@in_both_modes
def test_s37_an_alert_that_nobody_renews_ends_with_its_end_and_is_forgotten_later(
    mode: Compatibility,
) -> None:
    with Timeline(rules(compatibility=mode)) as t:
        t.api(firing("A", until="4m")).at("1m").api(firing("B"))  # resolve_timeout: 6m
        t.at("11m").expect(
            "30s team first_notification +A",
            "5m30s team new_alerts +B -A",
            "10m30s team all_resolved -B",
        )
        assert (len(t.state.by_id), t.state.groups) == (2, {})
        t.at("30m")
        assert t.state.by_id == {}


# -- inhibition in a look ---------------------------------------------------------------------


@in_both_modes
def test_s48_a_source_that_is_itself_muted_still_inhibits(mode: Compatibility) -> None:
    chain = [CRITICAL, inhibit("alertname=Top", "severity=critical")]
    ruleset = rules(by=["..."], inhibits=chain, compatibility=mode)
    with Timeline(ruleset) as t:
        t.post(firing("Top"), firing("A!"), firing("A?")).at("30s").expect(
            "30s team first_notification +A! = suppressed inhibition",
            "30s team first_notification +A? = suppressed inhibition",
            "30s team first_notification +Top",
        )


def test_s49_a_hidden_alert_is_looked_at_group_wait_after_its_source_ended() -> None:
    with Timeline(rules(by=["severity"], inhibits=[CRITICAL])) as t:
        t.post(firing("A!"), firing("A?")).at("30s").skip()
        t.at("1m").post(resolved("A!")).at("1m29s").expect()
        t.at("1m30s").expect("1m30s team unmuted +A?")
        t.at("6m").expect("5m30s team all_resolved -A!")


def test_s49_a_source_that_runs_out_wakes_what_it_hid_after_group_wait() -> None:
    with Timeline(rules(by=["severity"], inhibits=[CRITICAL])) as t:
        t.api(firing("A!", until="2m")).post(firing("A?")).at("30s").skip()
        t.at("1m").api(firing("A!", until="3m")).at("2m30s").expect()  # renewed: still hidden
        t.at("3m29s").expect().at("3m30s").expect("3m30s team unmuted +A?")
        t.at("6m").expect("5m30s team all_resolved -A!")


def test_s49_when_both_end_together_nobody_hears_of_the_hidden_one() -> None:
    with Timeline(rules(by=["severity"], inhibits=[CRITICAL])) as t:
        t.post(firing("A!"), firing("A?")).at("30s").skip()
        t.at("1m").post(resolved("A!")).at("1m20s").post(resolved("A?"))
        t.at("6m").expect("5m30s team all_resolved -A!")
        assert t.state.groups == {}


def test_s49_as_alertmanager_a_hidden_alert_waits_for_its_tick() -> None:
    ruleset = rules(by=["severity"], inhibits=[CRITICAL], compatibility="alertmanager")
    with Timeline(ruleset) as t:
        t.post(firing("A!"), firing("A?")).at("30s").skip()
        t.at("1m").post(resolved("A!")).at("6m").expect(
            "5m30s team all_resolved -A!", "5m30s team first_notification +A?"
        )


@in_both_modes
def test_s53_a_target_stays_inhibited_while_any_source_fires(mode: Compatibility) -> None:
    with Timeline(rules(by=["severity"], inhibits=[CRITICAL], compatibility=mode)) as t:
        t.post(firing("A/1!"), firing("A/2!"), firing("A?")).at("30s").expect(
            "30s team first_notification +A? = suppressed inhibition",
            "30s team first_notification +A/1! +A/2!",
        )
        t.at("1m").post(resolved("A/2!")).at("6m").expect("5m30s team some_resolved +A/1! -A/2!")


def test_s54_the_end_of_an_alert_of_which_nobody_heard_is_not_told() -> None:
    with Timeline(rules(inhibits=[CRITICAL])) as t:
        t.post(firing("A!"), firing("A?"), firing("B"))
        t.at("1m").post(resolved("A!"), resolved("A?")).at("6m").skip()
        assert t.lines == [
            "30s team first_notification +A! +B",
            "1m30s team some_resolved +B -A!",
        ]


def test_s54_as_alertmanager_source_and_target_ending_together_are_both_told() -> None:
    with Timeline(rules(inhibits=[CRITICAL], compatibility="alertmanager")) as t:
        t.post(firing("A!"), firing("A?"), firing("B"))
        t.at("1m").post(resolved("A!"), resolved("A?")).at("6m").expect(
            "30s team first_notification +A! +B",
            "5m30s team some_resolved +B -A! -A?",
        )


def test_s55_after_a_start_and_a_reload_sources_inhibit_from_the_first_look() -> None:
    with Timeline(rules(by=["..."], inhibits=[CRITICAL])) as t:
        t.post(firing("A?")).at("10s").post(firing("A!")).at("20s").stop()
        t.at("10m").start().expect(
            "10m team first_notification +A? = suppressed inhibition",
            "10m team first_notification +A!",
        )
        everything = inhibit("severity=critical", "severity=warning")
        t.load(rules(inhibits=[everything], name="one group"))
        t.at("20m").expect("10m team first_notification +A!")


def test_s55_as_alertmanager_after_a_reload_sources_inhibit_from_the_first_look() -> None:
    with Timeline(rules(by=["..."], wait="10m", compatibility="alertmanager")) as t:
        t.post(firing("A?"), firing("A!"))
        t.at("1m").load(rules(by=["..."], inhibits=[CRITICAL], compatibility="alertmanager", name="2"))
        t.expect(
            "1m team first_notification +A? = suppressed inhibition",
            "1m team first_notification +A!",
        )


# -- silences in a look -----------------------------------------------------------------------


def test_s56_a_silence_is_over_at_its_end() -> None:
    with Timeline(rules()) as t:
        t.give(CreateSilence("s", (("alertname", "=", "A"),), MONDAY, MONDAY + 30 * SECOND, "me", "why"))
        t.post(firing("A")).at("30s").expect("30s team first_notification +A")


def test_s56_as_alertmanager_a_look_at_its_end_still_finds_it() -> None:
    with Timeline(rules(compatibility="alertmanager")) as t:
        for name, matcher in (("s", "A"), ("t", "B"), ("u", "A")):
            until = MONDAY + (20 if name == "u" else 30) * SECOND
            t.give(CreateSilence(name, (("alertname", "=", matcher),), MONDAY, until, "me", "why"))
        t.post(firing("A")).at("30s").expect("30s team first_notification +A = suppressed silence")
        assert t.events_of(AlertsMuted) == [AlertsMuted(1, [1], "silence", "s")]
        assert t.state.silences.all["s"].phase(t.now) == "expired"  # as the API has it
        t.at("6m").expect("5m30s team first_notification +A")


# -- time intervals in a look -----------------------------------------------------------------


@in_both_modes
def test_s65_a_mute_that_begins_between_two_ticks_acts_at_the_next_and_once(mode: Compatibility) -> None:
    ruleset = rules(mute=["night"], intervals=NIGHT, repeat="1m", interval="1m", compatibility=mode)
    with Timeline(ruleset) as t:
        t.post(firing("A")).at("9m30s").skip()
        t.at("10m1s").post(firing("B")).at("10m30s").expect(
            "10m30s team new_alerts +A +B = suppressed mute_time_interval"
        )
        assert t.events_of(AlertsMuted) == [AlertsMuted(1, [1, 2], "mute_time_interval", "night")]


def test_s70_outside_all_active_intervals_is_muted_and_the_beginning_of_one_tells() -> None:
    with Timeline(rules(active=["shift"], intervals=SHIFT)) as t:
        t.post(firing("A")).at("2h").expect(
            "30s team first_notification +A = suppressed active_time_interval",
            "1h team unmuted +A",
        )
        assert t.events_of(AlertsMuted) == [AlertsMuted(1, [1], "active_time_interval", "shift")]
        assert t.events_of(AlertsUnmuted) == [AlertsUnmuted(1, [1])]


def test_s70_active_intervals_are_looked_at_first_and_both_must_let_through() -> None:
    late: dict[str, dict[str, object]] = {"late": {"times": [{"start_time": "00:30", "end_time": "01:30"}]}}
    with Timeline(rules(active=["shift"], mute=["late"], intervals=SHIFT | late)) as t:
        t.post(firing("A")).at("3h").expect(
            "30s team first_notification +A = suppressed active_time_interval",
            "1h30m team unmuted +A",
        )
        verdicts = [(event.reason, event.by) for event in t.events_of(AlertsMuted)]
        # at 1h the route becomes active; now the other interval is what hides
        assert verdicts[0] == ("active_time_interval", "shift")
        assert verdicts[1] == ("mute_time_interval", "late")


@in_both_modes
def test_s6_a_muted_route_still_takes_the_alert(mode: Compatibility) -> None:
    muted = route("alertname=A", to="ops", mute=["night"])
    with Timeline(rules(muted, intervals=NIGHT, compatibility=mode)) as t:
        t.at("10m").post(firing("A")).at("50m").expect(
            "10m30s ops first_notification +A = suppressed mute_time_interval"
        )


# -- stale ------------------------------------------------------------------------------------


def test_a_webhook_alert_that_nobody_renewed_is_told_as_stale_and_counts_out_of_firing() -> None:
    with Timeline(rules(stale_after="1h", inhibits=[inhibit("alertname=A", "alertname=B")])) as t:
        t.post(firing("A")).at("1m").api(firing("C", until="30h")).at("5m30s").skip()
        t.at("30m").post(firing("B")).at("35m30s").expect(
            "30m30s team new_alerts +A +C +B = suppressed inhibition"
        )
        t.at("1h30s").expect("1h30s team stale +C ?A")
        assert t.events_of(AlertsStale) == [AlertsStale([1])]


def test_s106_an_alert_that_a_later_payload_leaves_out_is_not_over() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A"), firing("B")).at("30s").expect("30s team first_notification +A +B")
        t.at("1m").post(firing("A")).at("4h").expect()
        t.at("4h30s").expect("4h30s team repeat +A +B")


def test_a_stale_alert_that_is_heard_of_again_fires_anew() -> None:
    with Timeline(rules(stale_after="1h")) as t:
        t.post(firing("A")).at("1h10m").expect("30s team first_notification +A", "1h30s team stale ?A")
        t.post(firing("A")).at("1h16m").expect("1h10m30s team first_notification +A")
        assert t.state.alerts[labels_of("A")].episode == 2


def test_a_stale_alert_whose_sender_says_it_is_over_is_told_as_resolved() -> None:
    with Timeline(rules(stale_after="1h")) as t:
        t.post(firing("A")).at("1h10m").skip()
        t.post(resolved("A")).at("1h16m").expect("1h10m30s team all_resolved -A")
        assert t.state.groups == {}


def test_a_stale_alert_is_forgotten_when_it_was_told_and_not_before() -> None:
    with Timeline(rules(stale_after="1h")) as t:
        t.post(firing("A")).at("50m").skip().answer("team", "client_error").at("3h")
        assert t.group_of("A") == ["team"]
        t.skip().answer("team", "delivered").at("3h1m").expect(
            "3h30s team stale ?A", "3h1m ops all_resolved -ResponderDeadLetters"
        )
        t.at("3h10m")
        assert t.state.groups == {}


def test_stale_is_never_said_of_what_ends_by_itself() -> None:
    with Timeline(rules(stale_after="1h")) as t:
        t.api(firing("A", until="5h")).at("4h").expect("30s team first_notification +A")
        t.at("6h").skip()


# -- what was skipped -------------------------------------------------------------------------


def skipped(t: Timeline, name: str = "team") -> list[tuple[int, int, int]]:
    """(row, how many were skipped before it, seconds since the oldest news in it) of each order."""
    told = [one for one in t.handed if one.integration == name]
    return [(one.row, one.skipped, (one.at - one.since) // SECOND) for one in told]


def test_who_could_not_be_told_for_a_while_hears_since_when_and_how_much_was_skipped() -> None:
    with Timeline(rules()) as t:
        t.answer("team", "held").post(firing("A")).at("6m").post(firing("B")).at("11m").post(firing("C"))
        t.at("16m").answer("team", "delivered").post(firing("D")).at("21m")
        assert skipped(t) == [(1, 0, 0), (2, 1, 600), (3, 2, 900), (4, 0, 0)]
        t.skip()


def test_rows_that_were_refused_count_as_skipped_until_one_arrives() -> None:
    with Timeline(rules()) as t:
        t.answer("team", "client_error").post(firing("A")).at("6m").answer("team", "delivered").at("11m")
        assert skipped(t) == [(1, 0, 0), (3, 1, 300), (4, 2, 600)]
        t.skip()


def test_what_was_skipped_and_is_no_news_any_more_excuses_nothing() -> None:
    with Timeline(rules()) as t:
        t.post(firing("Z")).at("1m").answer("team", "client_error").post(firing("A")).at("5m31s")
        t.answer("team", "delivered").post(resolved("A")).at("11m").post(firing("B")).at("16m")
        assert skipped(t)[-1][1:] == (0, 0)
        t.skip()


def test_a_row_that_was_suppressed_is_not_skipped() -> None:
    ruleset = rules(inhibits=[inhibit("severity=critical", "severity=warning", "alertname")])
    with Timeline(ruleset) as t:
        t.post(firing("A!"), firing("A?"), firing("B?")).at("1m").post(resolved("A!")).at("6m")
        assert {(many, late) for _, many, late in skipped(t)} == {(0, 0)}
        t.skip()
