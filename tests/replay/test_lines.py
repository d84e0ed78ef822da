"""Lines of a course whose rules change on its way."""

from responder.core.messages import AlertsReceived, ReceivedAlert
from responder.core.model import MINUTE, SECOND, labels_from
from responder.replay import Course, Line, Lines, reachable
from tests.clock import MONDAY
from tests.replay.recorded import ROUTING, rules

FIRST = reachable(rules())
OTHER = reachable(
    rules(ROUTING.replace("{name: nobody}", "{name: nobody, webhook_configs: [{url: 'http://h/'}]}"))
)
QUIET = reachable(rules("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"))


def test_lines_follow_the_rules_that_are_in_force() -> None:
    found: list[Line] = []
    lines = Lines(FIRST, MONDAY)
    course = Course(FIRST, MONDAY, lambda decision, at: found.extend(lines.of(decision, at)))
    labels = labels_from({"alertname": "A", "severity": "info"})
    course.give(AlertsReceived("webhook", b"", (ReceivedAlert(labels, (), 0, 0, "", False),)), "somebody")
    course.advance(MONDAY + MINUTE)
    lines.follow(OTHER)
    course.load(OTHER)
    course.advance(MONDAY + 6 * MINUTE)
    lines.follow(QUIET)
    course.load(QUIET)
    course.advance(MONDAY + 20 * MINUTE)
    assert [(line.at, line.receiver, line.reason, line.firing) for line in found] == [
        (5 * MINUTE + 30 * SECOND, "nobody", "first_notification", (labels,))
    ]
    assert found[0].group_key == '{}/{severity="info"}:{alertname="A"}'
    assert found[0].group == 1


def test_who_is_told_when_the_rules_change_is_not_told_twice_of_the_same() -> None:
    found: list[Line] = []
    lines = Lines(FIRST, MONDAY)
    course = Course(FIRST, MONDAY, lambda decision, at: found.extend(lines.of(decision, at)))
    labels = labels_from({"alertname": "A", "severity": "critical"})
    course.give(AlertsReceived("webhook", b"", (ReceivedAlert(labels, (), 0, 0, "", False),)), "somebody")
    course.advance(MONDAY + MINUTE)
    lines.follow(OTHER)
    course.load(OTHER)
    course.advance(MONDAY + 20 * MINUTE)
    assert sorted((line.at, line.receiver) for line in found) == [
        (30 * SECOND, "pager"),
        (30 * SECOND, "team"),
    ]
