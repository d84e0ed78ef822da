"""A decision while it is being made."""

import msgspec

from responder.core.draft import Draft
from responder.core.ledger import FRESH, Told, View
from responder.core.messages import Noted
from responder.core.state import Changes, ClosedRow, DeadRow, State
from tests.clock import MONDAY
from tests.core.timeline import Timeline
from tests.core.words import firing, labels_of, rules


def test_what_is_decided_shows_in_the_draft_and_not_in_the_state() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A"), firing("B"))
        draft = Draft(t.state, t.ruleset, MONDAY)
        a, b = (t.state.alerts[labels_of(name)] for name in "AB")
        assert draft.alert(labels_of("A")) is a
        assert draft.alert(labels_of("C")) is None
        moved = msgspec.structs.replace(a, groups=())
        draft.put_alert(moved)
        assert draft.alert(labels_of("A")) is moved
        assert draft.members(1) == {b.id: b}
        assert t.state.members[1] == {a.id: a, b.id: b}
        joined = msgspec.structs.replace(a, id=7, groups=(1,))
        draft.put_alert(joined)
        assert draft.members(1) == {b.id: b, 7: joined}
        assert draft.members(99) == {}
        t.at("1m").skip()


def test_ids_are_counted_on_from_the_state() -> None:
    with Timeline(rules()) as t:
        t.post(firing("A")).at("1m").skip()
        draft = Draft(t.state, t.ruleset, MONDAY)
        assert [draft.new_group_id(), draft.new_group_id(), draft.new_row_id()] == [2, 3, 2]
        assert (draft.changes.next_alert, draft.changes.next_group, draft.changes.next_row) == (2, 4, 3)


def test_told_is_recorded_only_if_it_changed() -> None:
    draft = Draft(State(rules()), rules(), MONDAY)
    draft.put_told(1, "x", Told())
    assert (draft.changes.told, draft.told(1, "x")) == ({}, FRESH)
    draft.put_told(1, "x", Told(told=View({1: 1})))
    assert draft.told(1, "x") == Told(told=View({1: 1}))


def test_a_dead_row_takes_the_place_of_the_one_before_on_the_list() -> None:
    state = State(rules())
    state.apply(Changes(dead={4: DeadRow(1, "x", 3), 5: DeadRow(1, "y")}))
    draft = Draft(state, rules(), MONDAY)
    draft.list_dead(9, 1, "x")
    draft.list_dead(10, 2, "x")
    assert draft.changes.dead == {9: DeadRow(1, "x", 4), 10: DeadRow(2, "x")}
    assert draft.changes.unlisted == [4]
    state.apply(draft.changes)
    assert (sorted(state.dead), state.dead_of) == (
        [5, 9, 10],
        {(1, "y"): 5, (1, "x"): 9, (2, "x"): 10},
    )


def test_only_a_decision_with_events_is_worth_a_journal_row() -> None:
    draft = Draft(State(rules()), rules(), MONDAY)
    draft.close_row(ClosedRow(1, "delivered", "repeat"))
    assert draft.finish().notable is False
    draft.events.append(Noted("x"))
    decision = draft.finish("reply")
    assert (decision.notable, decision.reply, decision.changes.closed) == (
        True,
        "reply",
        [ClosedRow(1, "delivered", "repeat")],
    )
