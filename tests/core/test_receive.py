"""What received alerts do to the state: begin, go on, end, and join the groups they route to."""

from responder.core.draft import Draft
from responder.core.messages import (
    AlertsChanged,
    AlertsFired,
    AlertsIgnored,
    AlertsResolved,
    Event,
    GroupOpened,
    ReceivedAlert,
)
from responder.core.model import HOUR, MINUTE, SECOND, Source
from responder.core.receive import end_own, raise_own, receive
from responder.core.rules import Receiver, Ruleset
from responder.core.state import State
from tests.clock import MONDAY
from tests.core.invariants import consistent
from tests.core.test_runs import ruleset as acting_rules
from tests.core.test_runs import sign
from tests.core.timeline import Timeline
from tests.core.words import firing, hook, inhibit, labels_of, name_of, resolved, route, rules


def take(
    state: State, ruleset: Ruleset, *alerts: ReceivedAlert, at: str = "0s", source: Source = "webhook"
) -> list[Event]:
    """Receive and apply; the events."""
    draft = Draft(state, ruleset, MONDAY + int(at.rstrip("s")) * SECOND)
    receive(draft, source, alerts)
    state.apply(draft.finish().changes)
    consistent(state)
    return draft.events


def test_a_first_alert_opens_a_group_and_later_ones_join_it() -> None:
    ruleset = rules(by=["alertname"])
    state = State(ruleset)
    assert take(state, ruleset, firing("A/1"), firing("A/2"), firing("B")) == [
        GroupOpened(1, '{}:{alertname="A"}', "team"),
        GroupOpened(2, '{}:{alertname="B"}', "team"),
        AlertsFired(
            [
                (1, {"alertname": "A", "instance": "1"}, (1,)),
                (2, {"alertname": "A", "instance": "2"}, (1,)),
                (3, {"alertname": "B"}, (2,)),
            ]
        ),
    ]
    assert take(state, ruleset, firing("A/3"), at="5s") == [
        AlertsFired([(4, {"alertname": "A", "instance": "3"}, (1,))])
    ]
    assert sorted(state.members[1]) == [1, 2, 4]


def test_s7_an_alert_on_two_routes_is_in_two_groups() -> None:
    ruleset = rules(route("alertname=A", to="team", go_on=True), route("alertname=A", to="team", by=["..."]))
    state = State(ruleset)
    take(state, ruleset, firing("A/1"))
    assert state.alerts[labels_of("A/1")].groups == (1, 2)
    assert [group.labels for group in state.groups.values()] == [(), labels_of("A/1")]


def test_s31_labels_alone_are_the_identity() -> None:
    ruleset = rules()
    state = State(ruleset)
    take(state, ruleset, firing("A", note="one", since="-5s"))
    assert take(state, ruleset, firing("A", note="two", since="-5s"), at="1s") == [AlertsChanged([1])]
    assert take(state, ruleset, firing("A", note="two", since="-5s"), at="2s") == []
    assert len(state.by_id) == 1


def test_an_alert_that_is_over_when_it_is_first_heard_of_joins_no_group() -> None:
    ruleset = rules()
    state = State(ruleset)
    assert take(state, ruleset, resolved("A")) == []
    assert (state.alerts[labels_of("A")].groups, state.groups) == ((), {})
    events = take(state, ruleset, firing("A"), at="1s")
    assert events[1:] == [AlertsFired([(1, {"alertname": "A"}, (1,))])]


def test_the_same_alert_several_times_in_one_request() -> None:
    ruleset = rules()
    state = State(ruleset)
    events = take(state, ruleset, firing("A", note="1"), firing("A", note="2"), resolved("A"), firing("A"))
    (alert,) = state.by_id.values()
    assert (alert.episode, alert.annotations, alert.groups) == (2, (), (1,))
    assert [type(event) for event in events] == [GroupOpened, AlertsFired, AlertsResolved, AlertsChanged]
    assert events[1] == AlertsFired([(1, {"alertname": "A"}, (1,))] * 2)


def test_an_update_that_is_ignored_changes_nothing() -> None:
    ruleset = rules()
    state = State(ruleset)
    take(state, ruleset, firing("A", since="-5s"))
    before = state.alerts[labels_of("A")]
    late = resolved("A", since="-2h", until="-1h")
    assert take(state, ruleset, late, at="1s") == [AlertsIgnored([1], "late or stale update")]
    assert state.alerts[labels_of("A")] is before


def test_an_alert_that_left_its_group_joins_anew_when_it_fires_again() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A")).at("1m").post(resolved("A")).at("6m").skip()
        assert t.group_of("A") == []
        t.post(firing("A")).at("7m").expect("6m30s team first_notification +A")
        assert t.state.alerts[labels_of("A")].episode == 2


def test_what_fires_again_goes_where_the_rules_of_today_send_it() -> None:
    spare = Receiver("spare", (hook("spare"),))
    with Timeline(rules(receivers=[spare])) as t:
        t.post(firing("A")).at("1m").post(resolved("A")).skip()
        t.load(rules(route("alertname=A", to="spare"), receivers=[spare], name="2"))
        assert t.group_of("A") == ["team"]  # its end is still to be told where its beginning was
        t.at("6m").expect("5m30s team all_resolved -A")
        t.post(firing("A")).at("7m").expect("6m30s spare first_notification +A")


def test_several_sources_that_end_in_one_request_wake_what_they_hid_once() -> None:
    ruleset = rules(by=["severity"], inhibits=[inhibit("severity=critical", "severity=warning", "alertname")])
    with Timeline(ruleset) as t:
        t.post(*(firing(name) for name in ("A!", "A?", "B!", "B?"))).at("31s").skip()
        t.post(resolved("A!"), resolved("B!")).at("2m").expect("1m1s team unmuted +A? +B?")
        t.at("6m").expect("5m30s team all_resolved -A! -B!")


def test_a_wake_never_comes_after_the_tick() -> None:
    ruleset = rules(by=["severity"], inhibits=[inhibit("severity=critical", "severity=warning", "alertname")])
    with Timeline(ruleset) as t:
        t.post(firing("A!"), firing("A?")).at("5m20s").skip().post(resolved("A!"))
        t.at("5m31s").expect("5m30s team all_resolved -A!", "5m30s team unmuted +A?")
        t.at("6m").expect()


# -- own alerts -------------------------------------------------------------------------------


def test_an_own_alert_is_raised_renewed_and_ended() -> None:
    ruleset = rules()
    state = State(ruleset)

    def own(at: int, *, end: bool = False, lasts: int = 0) -> None:
        draft = Draft(state, ruleset, MONDAY + at)
        if end:
            end_own(draft, "ResponderX", {"a": "b"})
        else:
            raise_own(draft, "ResponderX", {"a": "b"}, "what", lasts=lasts)
        state.apply(draft.finish().changes)

    own(0, lasts=HOUR)
    (alert,) = state.by_id.values()
    assert dict(alert.labels) == {
        "alertname": "ResponderX",
        "severity": "warning",
        "service": "responder",
        "a": "b",
    }
    assert (alert.source, dict(alert.annotations), alert.ends_at - MONDAY) == (
        "responder",
        {"summary": "what"},
        HOUR,
    )
    own(MINUTE, lasts=HOUR)
    assert state.by_id[1].ends_at - MONDAY == HOUR + MINUTE
    own(2 * MINUTE, end=True)
    assert state.by_id[1].ends_at - MONDAY == 2 * MINUTE
    before = state.by_id[1]
    own(3 * MINUTE, end=True)
    assert state.by_id[1] is before
    own(4 * MINUTE)
    assert (state.by_id[1].ends_at, state.by_id[1].episode) == (0, 2)
    assert name_of(alert.labels) == "ResponderX"


def test_a_group_that_is_closed_in_the_same_decision_is_not_joined() -> None:
    ruleset = rules()
    state = State(ruleset)
    take(state, ruleset, firing("A"))
    draft = Draft(state, ruleset, MONDAY)
    draft.changes.closed_groups.append(1)
    draft.changes.dropped.append(1)
    receive(draft, "webhook", [firing("B"), firing("C")])
    assert [alert.groups for alert in draft.changes.alerts.values()] == [(2,), (2,)]


def test_s110_a_payload_begins_no_run_for_what_in_it_is_over_or_late() -> None:
    with Timeline(acting_rules()) as line:
        line.post(firing("B"), resolved("A", since="-1m", until="0s")).at("1m")
        line.post(firing("A", since="-1m"), firing("B")).at("2m").skip()
        assert line.state.runs == {}


def test_a_pair_that_sends_everything_twice_causes_nothing_twice() -> None:
    lines = []
    for senders in (("am-1",), ("am-1", "am-2")):
        with Timeline(acting_rules()) as line:
            sign(line)
            for at, sent in (
                ("0s", firing("A", since="0s")),
                ("90s", firing("B", since="80s")),
                ("10m", resolved("A", since="0s", until="9m")),
                ("12m", firing("A", since="11m")),
            ):
                line.at(at)
                for sender in senders:
                    line.post(sent, actor=sender)
            line.at("5h")
            lines.append((list(line.lines), [run.state for run in line.state.runs.values()]))
            line.skip()
    once, twice = lines
    assert once == twice
    assert len(once[0]) > 4
    assert once[1]
