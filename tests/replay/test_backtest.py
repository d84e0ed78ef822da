"""Two sets of rules under one record: what people would have got, and who would hear of what."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from responder.core.messages import (
    BadRequest,
    CreateSilence,
    DeliveryEnded,
    DismissDelivery,
    ExpireSilence,
    Started,
)
from responder.core.model import DAY, HOUR, MINUTE, SECOND, Nanoseconds
from responder.core.rules import Ruleset
from responder.replay.backtest import AsRecorded, Backtest, Change, Difference, Fixed
from responder.replay.hearing import PAGE, Heard, Told
from tests.clock import MONDAY
from tests.replay.recorded import ROUTING, Record, moment_of, opened, rules

RULES = rules()
QUIET = rules(ROUTING.replace('severity="critical"', 'severity="page"'))
SLOW = rules(ROUTING.replace("  group_by: [alertname]", "  group_by: [alertname]\n  group_wait: 2m"))
DEAF = rules(ROUTING.replace("{matchers: ['severity=~\".+\"'], receiver: team}", "{receiver: nobody}"))

Played = tuple[Backtest, Difference]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Played]:
    """Play what `write` records under both rules, from the beginning to the end or as is said."""

    def played(
        write: Callable[[Record], None],
        now: Ruleset,
        then: Ruleset | None = None,
        since: Nanoseconds = MONDAY,
        until: Nanoseconds = 0,
    ) -> Played:
        record = Record(tmp_path, RULES)
        write(record)
        with opened(record.close()) as recording:
            beginning = recording.beginning(since - HOUR)
            sides = [
                Fixed(each) if isinstance(each, Ruleset) else AsRecorded(recording, beginning)
                for each in (now, then)
            ]
            end = until or recording.ends
            test = Backtest(beginning, sides[0], sides[1], since, end, recording.incidents)
            passed: list[None] = []
            test.play(recording.inputs(beginning.after, end), lambda: passed.append(None))
            assert len(passed) == recording.count(beginning.after, end)
            return test, test.difference()

    return played


Waits = dict[str, Nanoseconds]


def named(changes: list[Change]) -> list[tuple[str, Waits, Waits]]:
    """Each change by the name of its alert, with whom was told when after the alert began."""

    def waits(change: Change, side: Heard) -> Waits:
        return {receiver: at - change.firing.since for receiver, at in side.first.items()}

    return [
        (dict(each.firing.labels)["alertname"], waits(each, each.then), waits(each, each.now))
        for each in changes
    ]


def one_critical(record: Record) -> None:
    record.alerts("1h", "A", severity="critical")
    record.alerts("2h", "A", severity="critical", ends="2h")
    record.alerts("3h", "Last", severity="info")


def test_the_same_rules_make_no_difference(play: Callable[..., Played]) -> None:
    _, found = play(one_critical, RULES)
    counts = {Told("pager", PAGE): 1, Told("team", "slack"): 2}
    assert found == Difference(Counter(counts), Counter(counts), firings=2)


def test_a_page_that_would_not_be(play: Callable[..., Played]) -> None:
    _, found = play(one_critical, QUIET)
    assert (found.now, found.unheard, found.new, found.times) == (
        Counter({Told("team", "slack"): 2}),
        [],
        [],
        [],
    )
    assert named(found.others) == [("A", {"pager": 30 * SECOND, "team": 30 * SECOND}, {"team": 30 * SECOND})]


def test_incidents_of_which_nobody_would_hear(play: Callable[..., Played]) -> None:
    """Two alerts that were told together are one incident; who heard of nothing misses nothing."""

    def write(record: Record) -> None:
        record.alerts("1h", "A", "B", severity="warning")
        record.alerts("1h", "A", severity="warning", pod="2")
        record.alerts("1h", "C", severity="info")

    test, found = play(write, DEAF)
    assert sorted(name for name, *_ in named(found.unheard)) == ["A", "A", "B"]
    assert (found.unheard_incidents, found.new_incidents, found.firings) == (2, 0, 4)
    assert [change.now.why_not for change in found.unheard] == [set()] * 3
    assert test.receivers(found.unheard[0].firing.labels) == ("nobody",)
    assert found.now == Counter()


def test_incidents_of_which_nobody_heard(play: Callable[..., Played]) -> None:
    loud = rules(ROUTING.replace('severity="info"', 'severity="debug"'))
    _, found = play(one_critical, loud)
    assert (named(found.new), found.new_incidents, found.unheard) == (
        [("Last", {}, {"team": 30 * SECOND})],
        1,
        [],
    )


def test_what_would_be_told_later(play: Callable[..., Played]) -> None:
    _, found = play(one_critical, SLOW)
    later = dict.fromkeys(("pager", "team"), 2 * MINUTE)
    assert named(found.times) == [("A", dict.fromkeys(later, 30 * SECOND), later)]
    assert (found.unheard, found.others) == ([], [])


def test_an_alert_at_the_end_of_the_record_is_heard_of_after_it(play: Callable[..., Played]) -> None:
    """Nobody had been told yet when the record ends; what is told after it counts as heard alone."""
    _, found = play(lambda record: record.alerts("1h", "A", severity="critical"), SLOW)
    assert (found.then, found.now, found.unheard) == (Counter(), Counter(), [])
    assert len(found.times) == 1


def test_what_keeps_people_from_hearing_is_named(play: Callable[..., Played]) -> None:
    rule = "{name: quiet, source_matchers: [alertname=Last], target_matchers: [alertname=A]}"
    inhibiting = rules(f"{ROUTING}inhibit_rules: [{rule}]")

    def write(record: Record) -> None:
        record.alerts("1h", "Last", severity="info")
        record.alerts("1h", "A", severity="warning")
        record.alerts("2h", "B", severity="warning", ends="2h1m")

    _, found = play(write, inhibiting)
    assert [(change.firing.since - MONDAY, change.now.why_not) for change in found.unheard] == [
        (HOUR, {"inhibition quiet"})
    ]


def test_an_alert_that_fires_again_is_another_time(play: Callable[..., Played]) -> None:
    def write(record: Record) -> None:
        one_critical(record)
        record.alerts("4h", "A", severity="critical")
        record.alerts("6h", "Last", severity="info")

    _, found = play(write, QUIET)
    assert [change.firing.since - MONDAY for change in found.others] == [HOUR, 4 * HOUR]
    assert found.then[Told("pager", PAGE)] == 2


def test_silences_are_played(play: Callable[..., Played]) -> None:
    def write(record: Record) -> None:
        silence = CreateSilence("s", (("alertname", "=", "A"),), MONDAY, moment_of("8h"), "x", "why")
        record.command("30m", silence)
        record.alerts("1h", "A", severity="critical")
        record.command("2h", ExpireSilence("s"))
        record.alerts("3h", "B", severity="info")

    _, found = play(write, QUIET)
    assert named(found.others) == [("A", {"pager": HOUR, "team": HOUR}, {"team": HOUR})]


def test_time_in_which_nobody_could_be_heard_ends_no_alert(play: Callable[..., Played]) -> None:
    def write(record: Record) -> None:
        record.alerts("1h", "A", severity="warning", ends="1h10m")
        record.command("3h", Started(RULES.hash, moment_of("1h1m"), attempted=(7,)))
        record.alerts("4h", "B", severity="info")

    _, found = play(write, RULES)
    assert found.firings == 2
    assert found.then == Counter({Told("team", "slack"): 2})


def test_deliveries_and_commands_about_rows_are_left_out_and_counted(play: Callable[..., Played]) -> None:
    def write(record: Record) -> None:
        record.alerts("1h", "A", severity="warning")
        record.command("1h", DeliveryEnded(1, "dead", "client_error"))
        record.command("1h", DismissDelivery(1))
        record.raw(moment_of("2h"), "some_later_kind", b'{"type": "some_later_kind"}')

    test, found = play(write, RULES)
    assert test.left_out == Counter(delivery_ended=1, dismiss_delivery=1, some_later_kind=1)
    assert test.played == Counter(started=1, alerts_received=1)
    assert (found.unheard, found.then) == ([], Counter({Told("team", "slack"): 1}))


def test_as_recorded_the_rules_change_when_they_did(play: Callable[..., Played]) -> None:
    def write(record: Record) -> None:
        record.alerts("1h", "A", severity="critical", ends="90m")
        record.reload("2h", QUIET)
        record.alerts("3h", "B", severity="critical", ends="210m")
        record.command("4h", Started(SLOW.hash, moment_of("4h")))
        record.keep(SLOW)
        record.alerts("5h", "C", severity="critical")
        record.alerts("6h", "Last", severity="info")

    _, found = play(write, RULES)
    soon, late = 30 * SECOND, 2 * MINUTE
    assert (found.then[Told("pager", PAGE)], found.now[Told("pager", PAGE)]) == (2, 3)
    assert named(found.others) == [("B", {"team": soon}, {"pager": soon, "team": soon})]
    assert named(found.times) == [("C", {"pager": late, "team": late}, {"pager": soon, "team": soon})]


def test_only_what_happens_in_the_span_counts(play: Callable[..., Played]) -> None:
    def write(record: Record) -> None:
        for hour in range(1, 9):
            record.alerts(f"{hour}h", f"A{hour}", severity="critical")

    _, found = play(write, QUIET, since=moment_of("3h"), until=moment_of("5h"))
    assert [name for name, *_ in named(found.others)] == ["A3", "A4", "A5"]
    assert found.then == Counter({Told("pager", PAGE): 2, Told("team", "slack"): 2})
    assert found.firings == 3


def test_an_alert_of_responders_own_counts_as_told_and_not_as_an_incident(
    play: Callable[..., Played],
) -> None:
    def write(record: Record) -> None:
        record.command("1h", BadRequest("somebody", 413, "too large"))
        record.alerts("3h", "Last", severity="info")

    _, found = play(write, DEAF)
    assert (found.firings, found.unheard) == (1, [])
    assert (found.then[Told("team", "slack")], found.now) == (2, Counter())


def test_who_cannot_be_delivered_to_does_not_hear(play: Callable[..., Played]) -> None:
    opsgenie = "opsgenie_configs: [{api_key: k}]"
    lacking = rules(ROUTING.replace("pagerduty_configs: [{routing_key: k}]", opsgenie))
    _, found = play(one_critical, lacking)
    assert named(found.others) == [("A", {"pager": 30 * SECOND, "team": 30 * SECOND}, {"team": 30 * SECOND})]
    assert found.others[0].now.why_not == {"unsupported"}


def test_a_day_is_played_to_its_end(play: Callable[..., Played]) -> None:
    def write(record: Record) -> None:
        record.alerts("1h", "A", severity="warning", ends="3d")
        record.alerts("1d", "B", severity="info", ends="3d")

    _, found = play(write, RULES)
    assert found.then == Counter({Told("team", "slack"): 1 + (DAY - HOUR) // (4 * HOUR)})
