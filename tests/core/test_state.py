"""The state: what `apply` makes of changes, and which timer comes next."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from responder.core.ledger import FRESH, OpenRow, Told, View
from responder.core.messages import Started
from responder.core.model import Alert, labels_from
from responder.core.state import Changes, DeadRow, Group, State
from tests.core.invariants import consistent, difference
from tests.core.timeline import Timeline
from tests.core.words import firing, inhibit, labels_of, rules


def alert(number: int, *groups: int, name: str = "A", **more: int) -> Alert:
    labels = labels_from({"alertname": name, "n": str(number)})
    return Alert(number, labels, (), 1, more.get("ends_at", 0), 1, groups=groups)


def group(number: int, tick_at: int = 100, wake_at: int = 0) -> Group:
    return Group(number, f"route {number}", (), 0, tick_at, wake_at)


def state_of(*changes: Changes) -> State:
    state = State(rules())
    for one in changes:
        state.apply(one)
        consistent(state)
    return state


def test_alerts_join_leave_and_go() -> None:
    both = Changes(groups={1: group(1), 2: group(2)}, alerts={1: alert(1, 1, 2), 2: alert(2, 1)})
    state = state_of(both)
    assert {key: sorted(members) for key, members in state.members.items()} == {1: [1, 2], 2: [1]}
    assert state.names == {"A": 2}
    state.apply(Changes(alerts={1: alert(1, 2)}))
    consistent(state)
    assert {key: sorted(members) for key, members in state.members.items()} == {1: [2], 2: [1]}
    state.apply(Changes(dropped=[1, 2]))
    consistent(state)
    assert (state.alerts, state.by_id, state.names, state.members) == ({}, {}, {}, {1: {}, 2: {}})


def test_rows_are_known_by_where_they_belong() -> None:
    head, behind = OpenRow(5, "repeat", View({1: 1})), OpenRow(6, "repeat", View())
    state = state_of(
        Changes(groups={1: group(1)}),
        Changes(told={(1, "x"): Told(head=head, behind=behind), (1, "y"): Told(hidden={1: 1})}),
    )
    assert (state.rows, state.hiding) == ({5: (1, "x"), 6: (1, "x")}, {1})
    assert (state.told_to(1, "x").head, state.told_to(1, "z"), state.told_to(9, "x")) == (head, FRESH, FRESH)
    state.apply(Changes(told={(1, "x"): Told(head=behind), (1, "y"): Told()}))
    consistent(state)
    assert (state.rows, state.hiding) == ({6: (1, "x")}, set())
    state.apply(Changes(closed_groups=[1]))
    consistent(state)
    assert (state.rows, state.told, state.groups) == ({}, {}, {})


def test_a_group_opened_under_the_labels_of_one_that_closes_keeps_its_place() -> None:
    old, new = group(1), msgspec.structs.replace(group(2), route="route 1")
    state = state_of(Changes(groups={1: old}), Changes(groups={2: new}, closed_groups=[1]))
    assert state.group_index == {("route 1", ()): 2}


def test_the_dead_are_listed_until_they_are_unlisted() -> None:
    state = state_of(Changes(dead={3: DeadRow(1, "x"), 4: DeadRow(2, "x")}), Changes(unlisted=[3]))
    assert (state.dead, state.dead_of) == ({4: DeadRow(2, "x")}, {(2, "x"): 4})


def test_the_next_timer_is_the_earliest_that_still_holds() -> None:
    state = state_of(Changes(groups={1: group(1, 100), 2: group(2, 90, 80)}, collect_at=85))
    assert state.next_due() == (80, 2)
    state.apply(Changes(groups={2: group(2, 90)}))
    assert state.next_due() == (85, 0)
    state.apply(Changes(collect_at=200))
    assert state.next_due() == (90, 2)
    state.apply(Changes(closed_groups=[2]))
    assert state.next_due() == (100, 1)
    state.apply(Changes(closed_groups=[1]))
    assert state.next_due() == (200, 0)
    assert State(rules()).next_due() is None


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 50), st.integers(0, 50))))
def test_timers_come_in_order_of_time_and_then_of_group(moves: list[tuple[int, int, int]]) -> None:
    state = State(rules())
    for number, tick_at, wake_at in moves:
        state.apply(Changes(groups={number: group(number, tick_at, wake_at)}))
        wanted = min((known.due_at, known.id) for known in state.groups.values())
        assert state.next_due() == wanted


def test_counters_and_the_ruleset_in_force() -> None:
    state = state_of(Changes(rules="other", next_alert=4, next_group=5, next_row=6), Changes())
    assert (state.rules, state.next_alert, state.next_group, state.next_row) == ("other", 4, 5, 6)


def test_another_ruleset_indexes_the_sources_anew() -> None:
    ruleset = rules(inhibits=[inhibit("alertname=A", "alertname=B")])
    with Timeline(rules()) as t:
        t.post(firing("A"), firing("B"))
        assert t.state.inhibitor.inhibited_by(labels_of("B"), t.now) is None
        t.state.replace_rules(ruleset)
        found = t.state.inhibitor.inhibited_by(labels_of("B"), t.now)
        assert found is not None
        assert found[1].id == 1
        t.state.replace_rules(t.ruleset)
        t.at("1m").skip()


def test_states_that_differ_say_where() -> None:
    one, other = state_of(Changes(groups={1: group(1)})), state_of(Changes(groups={1: group(1, 101)}))
    assert difference(one, one) == []
    assert difference(one, other) == ["groups", "timers"]
    with Timeline(rules()) as t:
        assert isinstance(t.inputs[0].body, Started)
