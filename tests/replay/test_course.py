"""The driver on its own: order of timers, inputs and endings."""

from responder.core.draft import Decision
from responder.core.messages import AlertsReceived, Closed, Owed, ReceivedAlert
from responder.core.model import HOUR, MINUTE, SECOND, Nanoseconds, labels_from
from responder.replay import Course
from tests.clock import MONDAY
from tests.core.words import labels_of
from tests.replay.scenes import ruleset

ONE = AlertsReceived("api", b"", (ReceivedAlert(labels_of("A"), (), 0, 0, "", resolved=False),))


def course() -> tuple[Course, list[tuple[Nanoseconds, Decision]]]:
    taken: list[tuple[Nanoseconds, Decision]] = []
    return Course(ruleset(), MONDAY, lambda decision, at: taken.append((at - MONDAY, decision))), taken


def test_what_is_told_is_delivered_at_the_same_instant() -> None:
    line, taken = course()
    line.give(ONE, "somebody")
    line.advance(MONDAY + MINUTE)
    rows = [
        (at, event.reason)
        for at, decision in taken
        for event in decision.events
        if isinstance(event, Owed | Closed)
    ]
    assert rows == [(30 * SECOND, "first_notification")] * 2
    assert line.now == MONDAY + MINUTE


def test_a_timer_that_is_due_at_an_inputs_moment_comes_before_it() -> None:
    line, taken = course()
    line.give(ONE, "somebody")
    line.advance(MONDAY + 30 * SECOND - 1)
    before = len(taken)
    line.now = MONDAY + 30 * SECOND
    second = ReceivedAlert(labels_from({"alertname": "A", "pod": "2"}), (), 0, 0, "", resolved=False)
    line.give(AlertsReceived("api", b"", (second,)), "somebody")
    owed = [
        event.firing for _, decision in taken[before:] for event in decision.events if isinstance(event, Owed)
    ]
    assert owed == [[1]]
    assert [at for at, _ in taken[before:]] == [30 * SECOND] * 3


def test_a_day_leaves_nothing_behind_when_its_alerts_are_over() -> None:
    line, _ = course()
    over = ReceivedAlert(labels_of("A"), (), 0, MONDAY + HOUR, "", resolved=False)
    line.give(AlertsReceived("api", b"", (over,)), "somebody")
    line.advance(MONDAY + 24 * HOUR)
    assert (line.state.by_id, line.state.groups, line.state.rows) == ({}, {}, {})
