"""Who heard of what: pages that open, firings one by one, what kept people from hearing."""

from collections import Counter

from responder.core.messages import AlertsReceived, BadRequest, ReceivedAlert
from responder.core.model import HOUR, MINUTE, SECOND, Nanoseconds, labels_from
from responder.replay import ENDLESS, Course, Lines, reachable
from responder.replay.hearing import PAGE, Firing, Hearing, Told
from tests.clock import MONDAY
from tests.replay.scenes import ruleset

RULES = reachable(ruleset(), ENDLESS)
A = labels_from({"alertname": "A", "severity": "critical"})
B = labels_from({"alertname": "A", "severity": "warning"})
PAGED = Told("pager", PAGE)


class Listening:
    """A course whose decisions a Hearing takes in."""

    def __init__(self, since: Nanoseconds = MONDAY, until: Nanoseconds = MONDAY + HOUR) -> None:
        self.hearing = Hearing(since, until)
        lines = Lines(RULES, MONDAY)
        self.course = Course(RULES, MONDAY, lambda made, at: self.hearing.take(made, at, lines.of(made, at)))

    def say(self, at: Nanoseconds, *labels: tuple[tuple[str, str], ...], over: bool = False) -> None:
        self.course.advance(MONDAY + at)
        ends = MONDAY + at if over else 0
        alerts = tuple(ReceivedAlert(each, (), 0, ends, "", False) for each in labels)
        self.course.give(AlertsReceived("api", b"", alerts), "somebody")

    def heard(self) -> list[tuple[Firing, dict[str, Nanoseconds]]]:
        return [(firing, heard.first) for firing, heard in self.hearing.firings.items()]


def test_a_page_is_an_incident_that_opens_and_not_its_news_or_its_end() -> None:
    line = Listening()
    pod = labels_from({**dict(A), "pod": "2"})
    line.say(0, A)
    line.say(MINUTE, pod)
    line.say(10 * MINUTE, A, pod, over=True)
    line.say(30 * MINUTE, A)
    line.course.advance(MONDAY + HOUR)
    assert line.hearing.counts == Counter({PAGED: 2})


def test_only_what_is_told_in_the_span_is_counted_and_all_is_heard() -> None:
    line = Listening(MONDAY + MINUTE, MONDAY + 2 * MINUTE)
    line.say(0, A)
    line.course.advance(MONDAY + HOUR)
    assert line.hearing.counts == Counter()
    assert line.heard() == [(Firing(A, MONDAY), {"pager": MONDAY + 30 * SECOND})]


def test_each_time_that_an_alert_fires_is_one_of_its_own() -> None:
    line = Listening()
    line.say(0, A)
    line.say(10 * MINUTE, A, over=True)
    line.say(20 * MINUTE, A)
    line.course.advance(MONDAY + HOUR)
    assert line.heard() == [
        (Firing(A, MONDAY), {"pager": MONDAY + 30 * SECOND}),
        (Firing(A, MONDAY + 20 * MINUTE), {"pager": MONDAY + 20 * MINUTE + 30 * SECOND}),
    ]


def test_what_kept_people_from_hearing_is_named_without_numbers_of_the_replay() -> None:
    line = Listening()
    line.say(0, A, B)
    line.course.advance(MONDAY + HOUR)
    assert line.hearing.firings[Firing(B, MONDAY)].why_not == {"inhibition routing.yaml:12"}
    assert line.hearing.firings[Firing(B, MONDAY)].first == {}


def test_an_alert_of_responders_own_is_counted_and_is_no_firing() -> None:
    line = Listening()
    line.course.give(BadRequest("somebody", 413, "too large"), "somebody")
    line.course.advance(MONDAY + HOUR)
    assert (line.heard(), line.hearing.counts) == ([], Counter({Told("team", "webhook"): 1}))
