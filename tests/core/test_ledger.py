"""Who is owed a notification and why: Alertmanager's statements S72 to S86 and S93 to S98."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.core import ledger
from responder.core.ledger import FRESH, NOTHING, Episodes, OpenRow, Sets, Told, View
from responder.core.messages import Closed
from responder.core.model import HOUR, SECOND
from responder.core.notification import ToldReason
from responder.core.rules import Compatibility, Receiver, Ruleset
from tests.core.timeline import Timeline
from tests.core.words import firing, hook, inhibit, resolved, route, rules

BOTH: list[Compatibility] = ["responder", "alertmanager"]
NIGHT: dict[str, dict[str, object]] = {"night": {"times": [{"start_time": "00:10", "end_time": "01:00"}]}}
CRITICAL = inhibit("severity=critical", "severity=warning", "alertname")

in_both_modes = pytest.mark.parametrize("mode", BOTH)

NOW = 1_000 * HOUR


def why(
    *,
    firing: Episodes | None = None,
    resolved: Episodes | None = None,
    stale: Episodes | None = None,
    muted: Episodes | None = None,
    base: View = NOTHING,
    hidden: Episodes | None = None,
    perhaps: Episodes | None = None,
    now: int = NOW,
    send_resolved: bool = True,
    mends: bool = True,
) -> ToldReason | None:
    """The reason for four hours between repeats."""
    return ledger.reason_to_tell(
        Sets(firing or {}, resolved or {}, stale or {}, muted or {}),
        base,
        hidden or {},
        perhaps or {},
        now=now,
        repeat_interval=4 * HOUR,
        send_resolved=send_resolved,
        mends=mends,
    )


def told(firing: Episodes, resolved: Episodes | None = None, *, ago: int = HOUR) -> View:
    return View(firing, resolved or {}, {}, NOW - ago)


# -- the table --------------------------------------------------------------------------------


@pytest.mark.parametrize("mends", [True, False])
def test_s72_without_an_entry_only_something_firing_is_told(mends: bool) -> None:
    assert [
        why(mends=mends),
        why(resolved={1: 1}, mends=mends) if not mends else None,
        why(firing={1: 1}, mends=mends),
    ] == [None, None, "first_notification"]


@pytest.mark.parametrize("mends", [True, False])
def test_s73_something_new_that_fires_is_told(mends: bool) -> None:
    assert [
        why(firing={1: 1}, base=told({1: 1}), mends=mends),
        why(firing={1: 1, 2: 1}, base=told({1: 1}), mends=mends),
        why(firing={2: 1}, base=told({}, {1: 1}), mends=mends),
        why(firing={2: 1}, base=told({1: 1, 2: 1}), mends=mends),
    ] == [None, "new_alerts", "first_notification", None]


@pytest.mark.parametrize("mends", [True, False])
@pytest.mark.parametrize("send_resolved", [True, False])
def test_s74_nothing_fires_any_more_and_something_did(mends: bool, send_resolved: bool) -> None:
    assert [
        why(resolved={1: 1}, base=told({1: 1}), mends=mends, send_resolved=send_resolved),
        why(resolved={1: 1}, base=told({}, {1: 1}), mends=mends, send_resolved=send_resolved),
    ] == ["all_resolved", None]


@pytest.mark.parametrize("mends", [True, False])
def test_s75_something_more_is_resolved(mends: bool) -> None:
    base = told({1: 1, 2: 1})
    assert [
        why(firing={1: 1}, resolved={2: 1}, base=base, mends=mends),
        why(firing={1: 1}, resolved={2: 1}, base=base, mends=mends, send_resolved=False),
        why(firing={1: 1}, resolved={2: 1}, base=told({1: 1}, {2: 1}), mends=mends),
    ] == ["some_resolved", None, None]


def test_s76_a_repeat_falls_due_after_repeat_interval() -> None:
    late, exact, early = (told({1: 1}, ago=4 * HOUR + extra) for extra in (1, 0, -1))
    assert [why(firing={1: 1}, base=base, mends=False) for base in (late, exact, early)] == [
        "repeat",
        None,
        None,
    ]
    assert [why(firing={1: 1}, base=base) for base in (late, exact, early)] == ["repeat", "repeat", None]


@pytest.mark.parametrize("mends", [True, False])
def test_s77_an_entry_without_a_time_is_infinitely_old(mends: bool) -> None:
    assert why(firing={1: 1}, base=View({1: 1}), mends=mends) == "repeat"


def test_the_order_of_reasons_is_alertmanagers() -> None:
    base = told({1: 1, 2: 1}, ago=9 * HOUR)
    assert [
        why(firing={1: 1, 3: 1}, resolved={2: 1}, base=base),
        why(firing={1: 1}, resolved={2: 1}, base=base),
        why(firing={1: 1}, resolved={}, base=base),
    ] == ["new_alerts", "some_resolved", "repeat"]


def test_an_episode_that_is_new_is_news_to_us_and_not_to_alertmanager() -> None:
    assert [why(firing={1: 2}, base=told({1: 1}), mends=mends) for mends in (True, False)] == [
        "new_alerts",
        None,
    ]


def test_what_was_hidden_is_unmuted_and_beside_something_new_it_is_new() -> None:
    assert [
        why(firing={1: 1}, hidden={1: 1}),
        why(firing={1: 1}, base=told({1: 1}), hidden={1: 1}),
        why(firing={1: 1, 2: 1}, base=told({1: 1}), hidden={1: 1}),
        why(firing={1: 1, 2: 1}, hidden={1: 1, 2: 1}),
        why(firing={1: 1}, base=told({1: 1}), hidden={1: 1}, mends=False),
    ] == ["unmuted", "unmuted", "new_alerts", "unmuted", None]


def test_not_all_is_resolved_while_something_told_is_muted_or_stale() -> None:
    base = told({1: 1, 2: 1})
    assert [
        why(resolved={1: 1}, muted={2: 1}, base=base),
        why(resolved={1: 1}, muted={3: 1}, base=base),
        why(resolved={1: 1}, muted={3: 1}, base=base, perhaps={3: 1}),
        why(resolved={1: 1}, muted={2: 1}, base=base, mends=False),
    ] == ["some_resolved", "all_resolved", "some_resolved", "all_resolved"]


def test_stale_is_told_once_and_again_only_for_a_new_episode() -> None:
    said = View({}, {}, {1: 1}, NOW - HOUR)
    assert [
        why(stale={1: 1}, base=told({1: 1})),
        why(stale={1: 1}, base=said),
        why(stale={1: 2}, base=said),
    ] == ["stale", None, "stale"]


@given(
    st.dictionaries(st.integers(1, 4), st.integers(1, 2)),
    st.dictionaries(st.integers(1, 4), st.integers(1, 2)),
    st.booleans(),
    st.booleans(),
)
def test_what_was_just_told_is_not_told_again(
    firing: Episodes, resolved: Episodes, send_resolved: bool, mends: bool
) -> None:
    resolved = {alert: episode for alert, episode in resolved.items() if alert not in firing}
    base = View(firing, resolved, {}, NOW)
    assert why(firing=firing, resolved=resolved, base=base, send_resolved=send_resolved, mends=mends) is None


# -- rows -------------------------------------------------------------------------------------


def row(
    number: int, *alerts: int, reason: ToldReason = "new_alerts", resolved: Episodes | None = None
) -> OpenRow:
    return OpenRow(number, reason, View(dict.fromkeys(alerts, 1), resolved or {}, {}, number * SECOND))


def test_at_most_one_row_is_with_delivery_and_one_waits() -> None:
    first, replaced = ledger.open_row(FRESH, row(1, 1))
    assert (first.head, first.behind, replaced) == (row(1, 1), None, None)
    second, replaced = ledger.open_row(first, row(2, 1, 2))
    assert (second.head, second.behind, replaced) == (row(1, 1), row(2, 1, 2), None)
    third, replaced = ledger.open_row(second, row(3, 1, 2, 3))
    behind = row(3, 1, 2, 3).instead_of(2 * SECOND, 1)  # nobody was told what row 2 said
    assert (third.head, third.behind, replaced) == (row(1, 1), behind, 2)
    assert [told.newest for told in (FRESH, first, second, third)] == [
        NOTHING,
        row(1, 1).view,
        row(2, 1, 2).view,
        row(3, 1, 2, 3).view,
    ]
    assert [third.names(alert) for alert in (1, 3, 4)] == [True, True, False]


def test_what_is_delivered_counts_as_told_and_the_next_row_takes_its_place() -> None:
    told = Told(head=row(1, 1), behind=row(2, 1, 2), perhaps={1: 1, 2: 1}, refused=View())
    after = ledger.delivered(told, row(1, 1), {1: 1}, 9 * SECOND, mends=True)
    assert after == Told(told=row(1, 1).view, head=row(2, 1, 2), perhaps={2: 1})


def test_s79_alertmanager_counts_from_delivery_and_we_from_the_look() -> None:
    told = Told(head=row(1, 1))
    times = [ledger.delivered(told, row(1, 1), {1: 1}, 9 * SECOND, mends).told.at for mends in (True, False)]
    assert times == [SECOND, 9 * SECOND]


def test_what_was_told_and_is_muted_stays_told_even_if_it_ends_before_the_delivery() -> None:
    told = Told(told=View({1: 1, 3: 1}, at=SECOND), head=row(2, 2))
    members = {1: 1, 2: 1}  # 1 is muted; whether it still fires does not matter; 3 has left
    after = ledger.delivered(told, row(2, 2), members, 2 * SECOND, mends=True)
    assert after.told.firing == {1: 1, 2: 1}
    as_alertmanager = ledger.delivered(told, row(2, 2), members, 2 * SECOND, mends=False)
    assert as_alertmanager.told.firing == {2: 1}


def test_what_is_shown_is_hidden_no_more_unless_a_newer_row_leaves_it_out() -> None:
    hidden = {1: 1, 2: 1}
    alone = Told(head=row(1, 1), hidden=hidden)
    assert ledger.delivered(alone, row(1, 1), {1: 1}, SECOND, mends=True).hidden == {2: 1}
    muted_since = Told(head=row(1, 1), behind=row(2, 3), hidden=hidden)
    assert ledger.delivered(muted_since, row(1, 1), {1: 1}, SECOND, mends=True).hidden == hidden


def test_what_was_not_delivered_does_not_count_as_told() -> None:
    told = Told(told=View({5: 1}), head=row(1, 1), behind=row(2, 2), hidden={1: 1})
    head = row(2, 2).instead_of(SECOND, 1)
    lost = ledger.not_delivered(told, row(1, 1), "server_error", maybe_told=False)
    assert lost == Told(told=View({5: 1}), head=head, hidden={1: 1})
    unknown = ledger.not_delivered(told, row(1, 1), "timeout", maybe_told=True)
    assert unknown == Told(told=View({5: 1}), head=head, hidden={1: 1}, perhaps={1: 1})
    refused = ledger.not_delivered(told, row(1, 1), "auth_error", maybe_told=False)
    assert refused == Told(told=View({5: 1}), head=head, hidden={1: 1}, refused=row(1, 1).view)


def test_the_next_row_says_since_when_and_in_place_of_how_many() -> None:
    told = ledger.open_row(FRESH, row(1, 1))[0]
    told = ledger.open_row(told, row(2, 1, 2))[0]
    told = ledger.open_row(told, row(3, 1, 2, 3))[0]  # in place of 2
    told = ledger.not_delivered(told, row(1, 1), "server_error", maybe_told=False)
    assert told.head == row(3, 1, 2, 3).instead_of(SECOND, 2)
    told = ledger.not_delivered(told, told.head, "client_error", maybe_told=False)
    assert (told.head, told.since, told.skipped) == (None, SECOND, 3)
    told = ledger.open_row(told, row(4, 1, 2, 3))[0]
    assert (told.head, told.since, told.skipped) == (row(4, 1, 2, 3).instead_of(SECOND, 3), 0, 0)


def test_what_was_skipped_before_a_row_that_arrives_is_told_with_it_and_what_came_since_is_not() -> None:
    told = ledger.open_row(FRESH, row(1, 1))[0]
    told = ledger.open_row(told, row(2, 1, 2))[0]
    told = ledger.open_row(told, row(3, 1, 2, 3))[0]
    told = ledger.delivered(told, row(1, 1), {1: 1, 2: 1, 3: 1}, 9 * SECOND, mends=True)
    assert told.head == row(3, 1, 2, 3).instead_of(2 * SECOND, 1)


def test_a_receipt_holds_until_there_is_another() -> None:
    told = Told(head=row(1, 1), behind=row(2, 2))
    told = ledger.delivered(told, row(1, 1), {}, SECOND, mends=True, receipt="C1 17.4")
    assert told.receipt == "C1 17.4"
    assert ledger.delivered(told, row(2, 2), {}, SECOND, mends=True).receipt == "C1 17.4"
    assert ledger.delivered(told, row(2, 2), {}, SECOND, mends=True, receipt="C1 18.0").receipt == "C1 18.0"


def test_a_row_that_was_stored_before_there_were_receipts_can_be_read() -> None:
    stored = b'[[{"1":1},{},{},5],[{},{},{},0],{},{},null,[7,"repeat",[{"1":1},{},{},6]],null]'
    assert msgspec.json.decode(stored, type=Told) == Told(
        told=View({1: 1}, at=5), head=OpenRow(7, "repeat", View({1: 1}, at=6))
    )


def test_only_who_heard_or_may_have_heard_of_the_beginning_hears_of_the_end() -> None:
    told = Told(
        told=View({1: 1}, {2: 1}, {3: 1}),
        perhaps={4: 1},
        head=OpenRow(1, "new_alerts", View({5: 1}, {2: 1}, {3: 1})),
    )
    assert ledger.sayable(dict.fromkeys(range(1, 8), 1), told) == dict.fromkeys(range(1, 6), 1)


def test_for_an_integration_without_ends_what_ended_is_forgotten() -> None:
    told = Told(told=View({1: 1, 2: 1}, {}, {3: 1}, 7), perhaps={2: 1, 4: 1})
    assert ledger.forget_resolved(told, {2: 1, 3: 1}) == Told(told=View({1: 1}, {}, {}, 7), perhaps={4: 1})
    assert ledger.forget_resolved(told, {9: 1}) is told


# -- the statements as timelines --------------------------------------------------------------


@in_both_modes
def test_s74_without_send_resolved_the_end_clears_the_log_and_is_not_transmitted(mode: Compatibility) -> None:
    with Timeline(rules(resolved=False, compatibility=mode)) as t:
        t.post(firing("A")).at("1m").post(resolved("A")).at("6m").expect(
            "30s team first_notification +A", "5m30s team all_resolved = suppressed send_resolved_false"
        )
        assert t.state.groups == {}
        t.post(firing("A")).at("7m").expect("6m30s team first_notification +A")


def test_s74_without_send_resolved_the_end_is_noted_once_while_the_beginning_is_on_its_way() -> None:
    with Timeline(rules(resolved=False)) as t:
        t.answer("team", "sending").post(firing("A")).at("1m").post(resolved("A"))
        t.at("30m").expect("5m30s team all_resolved = suppressed send_resolved_false")
        t.answer("team", "delivered").expect("30m team first_notification +A")
        assert t.state.groups == {}


@in_both_modes
def test_s78_each_notification_carries_the_whole_group(mode: Compatibility) -> None:
    two = Receiver("team", (hook("ends"), hook("none", resolved=False)))
    with Timeline(rules(receivers=[two], compatibility=mode)) as t:
        t.post(firing("A"), firing("B"), firing("C")).at("1m").post(resolved("B"))
        t.at("5m30s").skip().post(resolved("A"), firing("D")).at("11m").expect(
            "10m30s team/ends new_alerts +C +D -A", "10m30s team/none new_alerts +C +D"
        )


def test_s79_a_repeat_goes_out_on_the_tick_on_which_it_falls_due() -> None:
    with Timeline(rules(repeat="5m")) as t:
        t.post(firing("A")).at("11m").expect(
            "30s team first_notification +A", "5m30s team repeat +A", "10m30s team repeat +A"
        )


def test_s79_as_alertmanager_an_exact_multiple_waits_one_tick_more() -> None:
    with Timeline(rules(repeat="5m", compatibility="alertmanager")) as t:
        t.post(firing("A")).at("21m").expect(
            "30s team first_notification +A", "10m30s team repeat +A", "20m30s team repeat +A"
        )


@in_both_modes
def test_s80_repeat_interval_rounds_up_to_the_next_tick_and_any_send_restarts_it(mode: Compatibility) -> None:
    with Timeline(rules(repeat="7m", compatibility=mode)) as t:
        t.post(firing("A")).at("6m").post(firing("B")).at("22m").expect(
            "30s team first_notification +A", "10m30s team new_alerts +A +B", "20m30s team repeat +A +B"
        )


def test_s80_below_group_interval_every_tick_repeats() -> None:
    with Timeline(rules(repeat="1m")) as t:
        t.post(firing("A")).at("11m").expect(
            "30s team first_notification +A", "5m30s team repeat +A", "10m30s team repeat +A"
        )


def test_s81_without_ends_an_alert_that_fires_again_is_told() -> None:
    with Timeline(rules(resolved=False)) as t:
        t.post(firing("A"), firing("B")).at("1m").post(resolved("B")).at("6m").post(firing("B"))
        t.at("11m").expect("30s team first_notification +A +B", "10m30s team new_alerts +A +B")


def test_s81_as_alertmanager_it_is_silent_until_repeat_interval() -> None:
    with Timeline(rules(resolved=False, repeat="20m", compatibility="alertmanager")) as t:
        t.post(firing("A"), firing("B")).at("1m").post(resolved("B")).at("6m").post(firing("B"))
        t.at("26m").expect("30s team first_notification +A +B", "25m30s team repeat +A +B")


def test_s82_an_alert_that_ends_and_fires_again_between_two_looks_is_told() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A"), firing("B")).at("1m").post(resolved("B")).at("2m").post(firing("B"))
        t.at("6m").expect("30s team first_notification +A +B", "5m30s team new_alerts +A +B")


def test_s82_as_alertmanager_it_is_invisible() -> None:
    with Timeline(rules(compatibility="alertmanager")) as t:
        t.post(firing("A"), firing("B")).at("1m").post(resolved("B")).at("2m").post(firing("B"))
        t.at("6m").expect("30s team first_notification +A +B")


def test_s82_the_end_of_an_alert_that_came_and_went_between_two_looks_is_not_told() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A")).at("1m").post(firing("B")).at("2m").post(resolved("B"))
        t.at("6m").expect("30s team first_notification +A")


def test_s82_nor_is_it_told_to_who_heard_of_an_earlier_end() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A"), firing("B")).at("30s").expect("30s team first_notification +A +B")
        t.at("2m").post(resolved("A")).at("5m30s").expect("5m30s team some_resolved +B -A")
        t.at("6m").post(firing("A")).at("7m").post(resolved("A")).at("10m30s").expect()


def test_s82_as_alertmanager_its_end_is_told() -> None:
    with Timeline(rules(compatibility="alertmanager")) as t:
        t.post(firing("A")).at("1m").post(firing("B")).at("2m").post(resolved("B"))
        t.at("6m").expect("30s team first_notification +A", "5m30s team some_resolved +A -B")


def test_s84_reordering_integrations_or_renaming_a_receiver_tells_nobody_again() -> None:
    one = Receiver("team", (hook("x"), hook("y")))
    with Timeline(rules(receivers=[one])) as t:
        t.post(firing("A")).at("1m").skip()
        t.load(rules(receivers=[Receiver("team", (hook("y"), hook("x")))], name="2"))
        t.at("20m").expect()
        renamed = rules(receivers=[Receiver("crew", (hook("y"), hook("x")))], name="3")
        assert renamed.router.root.receiver == "team"
        t.post(resolved("A")).at("21m").expect(
            "20m30s team/y all_resolved -A", "20m30s team/x all_resolved -A"
        )


def place_of(name: str, *integrations: str, compatibility: Compatibility = "responder") -> Ruleset:
    """All alerts but A go to `name`, as the receiver of a route that is there in every case."""
    receiver = Receiver(name, tuple(map(hook, integrations)))
    return rules(
        route("alertname=A", to=name),
        receivers=[receiver],
        compatibility=compatibility,
        name=f"{name} {integrations}",
    )


def test_s84_an_integration_is_known_by_what_it_is() -> None:
    with Timeline(place_of("crew", "x")) as t:
        t.post(firing("A")).at("1m").expect("30s crew first_notification +A")
        t.load(place_of("team", "x"))
        t.at("6m").expect()
        t.load(place_of("team", "new", "x"))
        t.at("11m").expect("10m30s team/new first_notification +A")


def test_s84_as_alertmanager_another_name_or_place_is_another_integration() -> None:
    with Timeline(place_of("crew", "x", compatibility="alertmanager")) as t:
        t.post(firing("A")).at("1m").expect("30s crew first_notification +A")
        t.load(place_of("team", "x", compatibility="alertmanager"))
        t.expect("1m team first_notification +A")
        t.at("2m").load(place_of("team", "new", "x", compatibility="alertmanager"))
        # `new` has the place of what was told, and believes that it was.
        t.expect("2m team/x first_notification +A")
        t.at("11m").expect()


@in_both_modes
def test_s85_a_refused_notification_is_owed_again_at_the_next_tick_while_the_group_lives(
    mode: Compatibility,
) -> None:
    with Timeline(rules(compatibility=mode)) as t:
        t.answer("team", "client_error").post(firing("A")).at("6m").expect(
            "30s team first_notification +A = dead client_error",
            "1m ops first_notification +ResponderDeadLetters",
            "5m30s team first_notification +A = dead client_error",
        )
        (dead,) = t.state.dead.values()
        assert dead.count == 2
        t.answer("team", "delivered").at("11m").expect(
            "10m30s team first_notification +A", "11m ops all_resolved -ResponderDeadLetters"
        )
        assert t.state.dead == {}


@in_both_modes
def test_s86_without_ends_and_with_nothing_firing_nothing_is_sent(mode: Compatibility) -> None:
    with Timeline(rules(resolved=False, compatibility=mode)) as t:
        t.post(firing("A")).at("1m").answer("team", "client_error").post(resolved("A"))
        t.at("6m").expect(
            "30s team first_notification +A", "5m30s team all_resolved = suppressed send_resolved_false"
        )


# -- siblings ---------------------------------------------------------------------------------

SIBLINGS = (
    route("alertname=A", to="team", go_on=True),
    route("alertname=A", to="team", go_on=True, wait="1m"),
    route("alertname=A", to="ops", wait="1m"),
)


def test_s14_siblings_with_equal_matchers_are_told_each_for_itself() -> None:
    with Timeline(rules(*SIBLINGS)) as t:
        t.post(firing("A")).at("2m").expect(
            "30s team first_notification +A",
            "1m team first_notification +A",
            "1m ops first_notification +A",
        )
        t.post(resolved("A")).at("6m").expect(
            "5m30s team all_resolved -A", "6m team all_resolved -A", "6m ops all_resolved -A"
        )


def test_s14_as_alertmanager_what_one_sibling_told_the_other_believes_to_have_told() -> None:
    with Timeline(rules(*SIBLINGS, compatibility="alertmanager")) as t:
        t.post(firing("A")).at("2m").expect(
            "30s team first_notification +A",
            "1m ops first_notification +A",  # another receiver
        )
        t.post(resolved("A")).at("6m").expect("5m30s team all_resolved -A", "6m ops all_resolved -A")
        assert t.state.groups == {}


# -- mutes ------------------------------------------------------------------------------------


def test_s93_who_was_told_it_fires_is_told_it_resolved_under_an_interval() -> None:
    with Timeline(rules(mute=["night"], intervals=NIGHT)) as t:
        t.post(firing("A"), firing("B")).at("20m").post(resolved("A")).at("30m").expect(
            "30s team first_notification +A +B", "20m30s team some_resolved -A"
        )
        t.post(resolved("B")).at("3h").expect("30m30s team all_resolved -B")


def test_s93_who_was_told_it_fires_is_told_it_resolved_under_inhibition() -> None:
    with Timeline(rules(by=["severity"], inhibits=[CRITICAL])) as t:
        t.post(firing("A?")).at("1m").post(firing("A!")).at("2m").expect(
            "30s team first_notification +A?", "1m30s team first_notification +A!"
        )
        t.at("6m").post(resolved("A?")).at("11m").expect("10m30s team all_resolved -A?")


def test_s93_as_alertmanager_the_end_is_swallowed() -> None:
    ruleset = rules(by=["severity"], inhibits=[CRITICAL], compatibility="alertmanager")
    with Timeline(ruleset) as t:
        t.post(firing("A?")).at("1m").post(firing("A!")).at("2m").skip()
        t.at("6m").post(resolved("A?")).at("2h").expect()


def test_s93_the_end_of_what_is_muted_is_told_even_if_something_else_was_told_meanwhile() -> None:
    with Timeline(rules(inhibits=[inhibit("alertname=Top", "alertname=A")])) as t:
        t.post(firing("A")).at("1m").post(firing("Top")).at("5m30s").expect(
            "30s team first_notification +A", "5m30s team new_alerts +Top"
        )
        t.at("6m").post(resolved("A")).at("11m").expect("10m30s team some_resolved +Top -A")


def test_s94_what_fires_again_after_a_muted_end_is_told() -> None:
    with Timeline(rules(mute=["night"], intervals=NIGHT, interval="20m")) as t:
        t.post(firing("A"), firing("B")).at("21m").post(resolved("A")).at("45m").post(firing("A"))
        t.at("2h").expect(
            "30s team first_notification +A +B",
            "40m30s team some_resolved -A",
            "1h team new_alerts +A +B",
        )


def test_s94_as_alertmanager_it_is_silent_until_repeat_interval() -> None:
    ruleset = rules(mute=["night"], intervals=NIGHT, interval="20m", compatibility="alertmanager")
    with Timeline(ruleset) as t:
        t.post(firing("A"), firing("B")).at("21m").post(resolved("A")).at("45m").post(firing("A"))
        t.at("3h").expect("30s team first_notification +A +B")


def test_s95_what_still_fires_when_it_is_unmuted_is_told() -> None:
    with Timeline(rules(mute=["night"], intervals=NIGHT)) as t:
        t.post(firing("A")).at("3h").expect("30s team first_notification +A", "1h team unmuted +A")


def test_s95_as_alertmanager_it_is_not_told_before_repeat_interval() -> None:
    with Timeline(rules(mute=["night"], intervals=NIGHT, compatibility="alertmanager")) as t:
        t.post(firing("A")).at("3h").expect("30s team first_notification +A")


@in_both_modes
def test_s96_what_was_muted_since_its_birth_is_told_at_the_next_tick_at_the_latest(
    mode: Compatibility,
) -> None:
    with Timeline(rules(mute=["night"], intervals=NIGHT, compatibility=mode)) as t:
        t.at("15m").post(firing("A")).at("2h").expect(
            "15m30s team first_notification +A = suppressed mute_time_interval",
            "1h team unmuted +A" if mode == "responder" else "1h30s team first_notification +A",
        )


@in_both_modes
def test_s97_an_alert_that_several_rules_hide_counts_for_the_first(mode: Compatibility) -> None:
    ruleset = rules(inhibits=[CRITICAL], mute=["night"], intervals=NIGHT, compatibility=mode)
    with Timeline(ruleset) as t:
        t.at("15m").post(firing("A!"), firing("A?")).at("16m").expect(
            "15m30s team first_notification +A! +A? = suppressed inhibition"
        )


@in_both_modes
def test_s98_a_partial_mute_shrinks_the_notification_and_does_not_stop_it(mode: Compatibility) -> None:
    with Timeline(rules(inhibits=[CRITICAL], compatibility=mode)) as t:
        t.post(firing("A!"), firing("A?"), firing("B")).at("1m").expect("30s team first_notification +A! +B")


# -- rows in flight ---------------------------------------------------------------------------


def test_a_newer_decision_replaces_what_waits_and_supersedes_what_would_be_tried_again() -> None:
    with Timeline(rules()) as t:
        t.answer("team", "sending").post(firing("A")).at("1m").post(firing("B"))
        t.at("6m").post(firing("C")).at("11m").expect("10m30s team new_alerts +A +B = superseded")
        t.fail("team").expect("11m team first_notification +A = superseded")
        t.answer("team", "delivered").expect("11m team first_notification +A +B +C")


def test_what_was_superseded_and_never_told_ends_unheard() -> None:
    with Timeline(rules()) as t:
        t.answer("team", "held").post(firing("A")).at("1m").post(resolved("A"))
        t.at("6m").expect(
            "5m30s team first_notification +A = superseded",
            "5m30s team all_resolved -A = suppressed resolved_before_told",
        )
        assert t.state.groups == {}


def test_what_may_have_been_told_is_told_the_end() -> None:
    with Timeline(rules()) as t:
        t.answer("team", "sending").post(firing("A")).at("1m").post(resolved("A")).at("6m")
        t.fail("team", maybe=True).answer("team", "delivered").expect(
            "6m team first_notification +A = superseded", "6m team all_resolved -A"
        )
        assert t.state.groups == {}


def test_an_unmuting_that_waits_behind_something_lost_is_still_told() -> None:
    top = inhibit("alertname=Top", "alertname=A")
    with Timeline(rules(inhibits=[top], repeat="5m")) as t:
        t.post(firing("A")).at("1m").post(firing("Top")).at("6m").expect(
            "30s team first_notification +A", "5m30s team new_alerts +Top"
        )
        t.answer("team", "sending").at("11m").post(resolved("Top")).at("11m30s").fail("team")
        t.expect("11m30s team repeat +Top = superseded")
        t.answer("team", "delivered").expect("11m30s team unmuted +A -Top")
        t.skip()


def test_a_mute_that_begins_while_a_row_waits_is_announced_when_it_ends() -> None:
    top = inhibit("alertname=Top", "alertname=A")
    with Timeline(rules(inhibits=[top])) as t:
        t.answer("team", "sending").post(firing("A")).at("1m").post(firing("Top")).at("6m")
        t.answer("team", "delivered").expect("6m team first_notification +A", "6m team new_alerts +Top")
        t.at("7m").post(resolved("Top")).at("8m").expect("7m30s team unmuted +A -Top")


def test_s30_telling_is_tried_until_it_succeeds_or_something_newer_is_to_be_told() -> None:
    with Timeline(rules()) as t:
        t.answer("team", "held").post(firing("A"), firing("B")).at("6m").expect()
        t.post(resolved("A")).at("11m").expect("10m30s team first_notification +A +B = superseded")
        t.answer("team", "delivered").expect("11m team first_notification +B")


def test_s30_as_alertmanager_it_is_given_up_after_group_interval_and_tried_anew() -> None:
    with Timeline(rules(compatibility="alertmanager")) as t:
        t.answer("team", "held").post(firing("A"), firing("B")).at("6m").expect(
            "5m30s team first_notification +A +B = superseded"
        )
        t.post(resolved("A")).at("11m").expect("10m30s team first_notification +A +B = superseded")
        t.answer("team", "delivered").expect("11m team first_notification +B -A")
        assert [(e.row, e.by) for e in t.events_of(Closed) if e.state == "superseded"] == [
            (1, "row 2"),
            (2, "row 3"),
        ]


def test_s30_as_alertmanager_what_is_over_before_it_was_told_is_given_up_for_good() -> None:
    with Timeline(rules(compatibility="alertmanager")) as t:
        t.answer("team", "sending").post(firing("A")).at("6m").post(resolved("A")).at("10m30s").expect(
            "10m30s team first_notification +A = superseded"
        )
        t.fail("team").expect("10m30s team first_notification +A = superseded")
        assert (t.state.groups, [e.by for e in t.events_of(Closed)]) == ({}, ["group_interval"] * 2)


def test_s30_as_alertmanager_it_is_tried_for_ten_seconds_at_least() -> None:
    with Timeline(rules(interval="4s", compatibility="alertmanager")) as t:
        t.answer("team", "held").post(firing("A")).at("41s").expect()
        t.at("42s").expect("42s team first_notification +A = superseded")
        t.answer("team", "delivered").expect("42s team first_notification +A")


def test_s30_as_alertmanager_an_end_that_nobody_is_told_of_gives_up_what_was_on_its_way() -> None:
    with Timeline(rules(resolved=False, compatibility="alertmanager")) as t:
        t.post(firing("A")).at("1m").answer("team", "held").post(firing("B")).at("6m").skip()
        t.post(resolved("A"), resolved("B")).at("11m").expect(
            "10m30s team all_resolved = suppressed send_resolved_false",
            "10m30s team new_alerts +A +B = superseded",
        )
        assert t.state.groups == {}


def test_a_sink_that_is_down_for_an_hour_gets_the_present_state_once() -> None:
    with Timeline(rules(repeat="10m")) as t:
        t.answer("team", "sending").post(firing("A"), firing("B")).at("6m").post(resolved("B"))
        t.at("1h").answer("team", "delivered")
        assert [line for line in t.lines if "=" not in line] == [
            "1h team first_notification +A +B",
            "1h team some_resolved +A -B",
        ]
        sums = t.skip().sums()
        assert (sums.owed, sums.closed["delivered"], sums.closed["superseded"]) == (
            sums.owed,
            2,
            sums.owed - 2,
        )
