"""What is told when, to the instant and in full, by the real engine, database, delivery and webhooks."""

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from responder.core.model import HOUR, MILLISECOND, MINUTE, SECOND
from responder.settings.values import Pace
from tests.acceptance.timeline.rules import Hook, inhibit, route, rules
from tests.acceptance.timeline.timeline import Ledger, Timeline, firing, resolved

pytestmark = pytest.mark.acceptance

PAIRS = rules(
    route(
        "root",
        "",
        route("critical", 'severity="critical"'),
        route("warning", 'severity="warning"'),
        group_by=("alertname", "service"),
    ),
    inhibit_rules=[inhibit('severity="critical"', 'severity="warning"', "alertname", "service")],
)
ONE = rules(route("team", group_by=("alertname",)))
TWO = rules(
    route(
        "root",
        "",
        route("first", 'alertname=~".+"', go_on=True),
        route("second", 'alertname=~".+"'),
        group_by=("alertname",),
    ),
    {"second": [Hook("other")]},
)


# -- told, inhibited, resolved ----------------------------------------------------------------


async def test_told_inhibited_resolved(tmp_path: Path) -> None:
    line = Timeline(tmp_path, PAIRS)
    line.at("0s").post(firing("HighErrorRate", severity="critical", service="shop"))
    line.at("10s").post(firing("HighErrorRate", severity="warning", service="shop"))
    line.at("30s").expect("critical", "first_notification", firing=["HighErrorRate"])
    line.at("7m").post(
        resolved("HighErrorRate", severity="critical", service="shop"),
        resolved("HighErrorRate", severity="warning", service="shop"),
    )
    line.at("10m30s").expect("critical", "all_resolved", resolved=["HighErrorRate"])
    await line.run("8h")
    assert line.ledger() == Ledger(3, {"delivered": 2, "suppressed(inhibition)": 1})


async def test_what_was_inhibited_is_announced_when_its_source_ends(tmp_path: Path) -> None:
    line = Timeline(tmp_path, PAIRS)
    line.at("0s").post(
        firing("HighErrorRate", severity="critical", service="shop"),
        firing("HighErrorRate", severity="warning", service="shop"),
    )
    line.at("30s").expect("critical", "first_notification", firing=["HighErrorRate"])
    line.at("7m").post(resolved("HighErrorRate", severity="critical", service="shop"))
    # group_wait after the source's end, in which the target may end as well; not a group_interval.
    line.at("7m30s").expect("warning", "unmuted", firing=["HighErrorRate"])
    line.at("10m30s").expect("critical", "all_resolved", resolved=["HighErrorRate"])
    line.at("20m").post(resolved("HighErrorRate", severity="warning", service="shop"))
    line.at("20m30s").expect("warning", "all_resolved", resolved=["HighErrorRate"])
    await line.run("2h")
    assert line.ledger() == Ledger(5, {"delivered": 4, "suppressed(inhibition)": 1})


async def test_who_was_told_before_the_source_came_is_told_of_the_end(tmp_path: Path) -> None:
    line = Timeline(tmp_path, PAIRS)
    line.at("0s").post(firing("HighErrorRate", severity="warning", service="shop"))
    line.at("30s").expect("warning", "first_notification", firing=["HighErrorRate"])
    line.at("1m").post(firing("HighErrorRate", severity="critical", service="shop"))
    line.at("1m30s").expect("critical", "first_notification", firing=["HighErrorRate"])
    line.at("2m").post(resolved("HighErrorRate", severity="warning", service="shop"))
    line.at("5m30s").expect("warning", "all_resolved", resolved=["HighErrorRate"])
    line.at("8m").post(resolved("HighErrorRate", severity="critical", service="shop"))
    line.at("11m30s").expect("critical", "all_resolved", resolved=["HighErrorRate"])
    await line.run("1h")
    assert line.ledger() == Ledger(4, {"delivered": 4})


async def test_another_service_is_not_inhibited(tmp_path: Path) -> None:
    line = Timeline(tmp_path, PAIRS)
    line.at("0s").post(
        firing("HighErrorRate", severity="critical", service="shop"),
        firing("HighErrorRate", severity="warning", service="search"),
    )
    line.at("30s").expect("critical", "first_notification", firing=["HighErrorRate"])
    line.at("30s").expect("warning", "first_notification", firing=["HighErrorRate"])
    await line.run("1h")
    assert line.ledger() == Ledger(2, {"delivered": 2})


# -- grouping and repeating -------------------------------------------------------------------


async def test_alerts_that_come_together_are_told_together(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").post(firing("HighCPU", instance="a"))
    line.at("29s").post(firing("HighCPU", instance="b"))
    line.at("30s").expect("team", "first_notification", firing=["HighCPU/a", "HighCPU/b"])
    line.at("1m").post(firing("HighCPU", instance="c"), resolved("HighCPU", instance="a"))
    line.at("5m30s").expect("team", "new_alerts", firing=["HighCPU/b", "HighCPU/c"], resolved=["HighCPU/a"])
    line.at("6m").post(resolved("HighCPU", instance="b"))
    line.at("10m30s").expect("team", "some_resolved", firing=["HighCPU/c"], resolved=["HighCPU/b"])
    line.at("11m").post(resolved("HighCPU", instance="c"))
    line.at("15m30s").expect("team", "all_resolved", resolved=["HighCPU/c"])
    await line.run("2h")
    assert line.ledger() == Ledger(4, {"delivered": 4})


async def test_an_alert_that_ends_before_its_group_is_looked_at_is_told_to_nobody(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").post(firing("Blip"))
    line.at("20s").post(resolved("Blip"))
    await line.run("1h")
    assert line.ledger() == Ledger(0, {})


async def test_an_alert_that_ends_and_fires_again_between_two_looks_is_news(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").post(firing("HighCPU"))
    line.at("30s").expect("team", "first_notification", firing=["HighCPU"])
    line.at("2m").post(resolved("HighCPU"))
    line.at("3m").post(firing("HighCPU"))
    line.at("5m30s").expect("team", "new_alerts", firing=["HighCPU"])
    await line.run("1h")
    assert line.ledger() == Ledger(2, {"delivered": 2})


async def test_three_days_of_repeats(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").post(firing("DiskFilling"))
    line.at("30s").expect("team", "first_notification", firing=["DiskFilling"])
    for hour in range(4, 72, 4):
        line.at(f"{hour}h").post(firing("DiskFilling"))  # as Alertmanager does every repeat_interval
        line.at(f"{hour}h30s").expect("team", "repeat", firing=["DiskFilling"])
    line.at("71h").post(resolved("DiskFilling"))
    line.at("71h30s").expect("team", "all_resolved", resolved=["DiskFilling"])
    await line.run("4d")
    assert line.ledger() == Ledger(19, {"delivered": 19})


async def test_an_alert_that_nobody_renews_goes_stale_and_is_forgotten(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").post(firing("DiskFilling"))
    line.at("30s").expect("team", "first_notification", firing=["DiskFilling"])
    for hour in range(4, 24, 4):
        line.at(f"{hour}h30s").expect("team", "repeat", firing=["DiskFilling"])
    line.at("24h30s").expect("team", "stale", stale=["DiskFilling"])
    await line.run("3d")
    assert line.ledger() == Ledger(7, {"delivered": 7})


async def test_the_api_ends_alerts_by_resolve_timeout(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    for minute in range(10):
        line.at(f"{minute}m").post_api(firing("HighCPU"))
    line.at("30s").expect("team", "first_notification", firing=["HighCPU"])
    # Last heard of after 9m, so it ends after 14m: the look after that tells it.
    line.at("15m30s").expect("team", "all_resolved", resolved=["HighCPU"])
    await line.run("1h")
    assert line.ledger() == Ledger(2, {"delivered": 2})


async def test_a_night_in_a_mute_time_interval(tmp_path: Path) -> None:
    night = {"times": [{"start_time": "00:00", "end_time": "06:00"}]}
    muted = rules(
        route("root", "", route("team", 'alertname=~".+"', mute=("night",)), group_by=("alertname",)),
        intervals={"night": night},
    )
    line = Timeline(tmp_path, muted)
    line.at("1h").post(firing("DiskFilling"))
    line.at("2h").post(firing("Blip"))
    line.at("3h").post(resolved("Blip"))
    line.at("5h").post(firing("DiskFilling"))
    line.at("6h").expect("team", "unmuted", firing=["DiskFilling"])
    line.at("7h").post(resolved("DiskFilling"))
    line.at("7h30s").expect("team", "all_resolved", resolved=["DiskFilling"])
    await line.run("2d")
    # At night: one for each, and after 4h the repeat of the one that was still firing.
    assert line.ledger() == Ledger(5, {"delivered": 2, "suppressed(mute_time_interval)": 3})


# -- destinations in trouble ------------------------------------------------------------------

BY_GROUP = rules(
    route("team", "", route("own", 'service="responder"'), group_by=("alertname", "group"), repeat="1d"),
    {"own": [Hook("own")]},
)


def the(many: range) -> list[str]:
    return [f"g{number:03}" for number in many]


async def test_after_an_hour_without_a_sink_only_what_is_still_true_is_told(tmp_path: Path) -> None:
    line = Timeline(tmp_path, BY_GROUP, ("main", "own"))
    line.at("0s").sink_down()
    for minute, start in enumerate(range(0, 500, 10)):
        line.at(f"{minute}m").post(*(firing("Down", group=name) for name in the(range(start, start + 10))))
    for minute, start in enumerate(range(0, 250, 10)):
        line.at(f"{30 + minute}m").post(
            *(resolved("Down", group=name) for name in the(range(start, start + 10)))
        )
    line.at("1h").sink_up()
    await line.let_pass("2h")

    told = line.sinks["main"].told
    assert Counter((one.reason, one.firing, one.resolved) for one in told) == {
        ("first_notification", ("Down",), ()): 250
    }
    assert sorted(group for one in line.sinks["main"].payloads for group in groups(one)) == the(
        range(250, 500)
    )
    # The breaker asks once a minute whether the sink is back, and then nothing waits any longer.
    assert HOUR < told[0].at <= HOUR + MINUTE
    assert {one.at for one in told} == {told[0].at}
    assert [(one.receiver, one.reason, one.firing) for one in line.sinks["own"].told] == [
        ("own", "first_notification", ("ResponderDeliveryFailing",)),
        ("own", "all_resolved", ()),
    ]
    # A group that came and went: its beginning gave way to its end, which was then no news to anybody.
    assert line.ledger() == Ledger(
        752, {"delivered": 252, "superseded": 250, "suppressed(resolved_before_told)": 250}
    )


def groups(payload: Any) -> list[str]:
    return [alert["labels"]["group"] for alert in payload["alerts"]]


SLACK_AND_MAIL = rules(
    route("slack", "", route("own", 'service="responder"'), group_by=("group",), interval="1m", repeat="1d"),
    {"slack": [Hook("main")], "mail": [Hook("other")], "own": [Hook("own")]},
    fallbacks={"slack": "mail"},
)


async def test_an_hour_without_a_sink_that_somebody_stands_in_for(tmp_path: Path) -> None:
    line = Timeline(tmp_path, SLACK_AND_MAIL, ("main", "other", "own"), pace=lambda kind: Pace(1, 1))
    line.at("0s").sink_down()
    for minute, name in enumerate(the(range(50))):
        severity = "warning" if minute % 5 else "critical"
        line.at(f"{minute}m").post(firing("Down", group=name, severity=severity))
    for minute, name in enumerate(the(range(25))):
        severity = "warning" if minute % 5 else "critical"
        line.at(f"{30 + minute}m").post(resolved("Down", group=name, severity=severity))
    line.at("1h").sink_up()
    await line.let_pass("2h")

    # The first waits for ten failures in a row; whoever stands in hears of it when the breaker opens,
    # of all others at their first look, and of every end of what it was told.
    mail = line.sinks["other"]
    assert [group for one in mail.payloads if one["status"] == "firing" for group in groups(one)] == the(
        range(50)
    )
    assert [one.at for one in mail.told if one.reason == "first_notification"][1:] == [
        minute * MINUTE + 30 * SECOND for minute in range(1, 50)
    ]
    assert [group for one in mail.payloads if one["status"] == "resolved" for group in groups(one)] == the(
        range(25)
    )
    # Afterwards the other is told how things are, one a second, critical ones first; but for the one
    # that was asking whether it is back.
    slack = line.sinks["main"]
    probe, *rest = [group for one in slack.payloads for group in groups(one)]
    left = [name for name in the(range(25, 50)) if name != probe]
    critical = [name for name in left if int(name[1:]) % 5 == 0]
    assert rest == [*critical, *(name for name in left if name not in critical)]
    first = slack.told[0].at
    assert HOUR < first <= HOUR + MINUTE
    assert [round((one.at - first) / SECOND, 3) for one in slack.told] == list(range(25))
    assert {(one.reason, one.firing, one.resolved) for one in slack.told} == {
        ("first_notification", ("Down",), ())
    }
    assert [one.reason for one in line.sinks["own"].told] == ["first_notification", "all_resolved"]
    assert line.ledger() == Ledger(
        152, {"delivered": 102, "superseded": 25, "suppressed(resolved_before_told)": 25}
    )


async def test_a_stand_in_and_that_a_sink_is_down_outlive_the_process(tmp_path: Path) -> None:
    line = Timeline(tmp_path, SLACK_AND_MAIL, ("main", "other", "own"))
    line.at("0s").sink_down()
    line.at("0s").post(firing("Down", group="g1"))
    line.at("10m").stop()
    line.at("11m").start()
    line.at("11m10s").sink_up()
    line.at("12m").post(resolved("Down", group="g1"))
    await line.let_pass("1h")
    assert [one.reason for one in line.sinks["other"].told] == ["first_notification", "all_resolved"]
    # It was told through the probe of the second process, so that it hears of the end as well.
    assert [one.reason for one in line.sinks["main"].told] == ["first_notification", "all_resolved"]
    assert [one.reason for one in line.sinks["own"].told] == ["first_notification", "all_resolved"]


RELEASES = Path(__file__).parents[1] / "store" / "releases"


def written_by(release: str, path: Path) -> None:
    """A database as that release left it."""
    connection = sqlite3.connect(path)
    connection.executescript((RELEASES / f"{release}.sql").read_text())
    connection.close()


async def test_a_database_of_the_release_before_receipts_goes_on(tmp_path: Path) -> None:
    # Six minutes in: HighCPU told and over, and after 1m30s the sink asked for an hour without anything.
    line = Timeline(tmp_path, ONE)
    written_by("0.1.0", line.path)
    line.clock.jump(10 * MINUTE)
    line.at("51m30s").expect("team", "first_notification", firing=["DiskFull"])
    line.at("51m30s").expect("team", "all_resolved", resolved=["HighCPU"])
    await line.run("2h")
    assert line.ledger() == Ledger(3, {"delivered": 3})


async def test_two_hundred_times_429_with_retry_after(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").post(firing("HighCPU")).sink("limiting", times=200, retry_after=3)
    line.at("10m30s").expect("team", "first_notification", firing=["HighCPU"])
    line.at("20m").post(resolved("HighCPU"))
    line.at("20m30s").expect("team", "all_resolved", resolved=["HighCPU"])
    await line.run("1h")
    assert line.sinks["main"].attempts == 202
    assert line.ledger() == Ledger(2, {"delivered": 2})


async def test_a_limit_holds_for_a_destination_and_not_for_others(tmp_path: Path) -> None:
    line = Timeline(tmp_path, TWO, ("main", "other"))
    line.at("0s").sink("limiting", times=2, retry_after=90)
    line.at("0s").post(firing("HighCPU"), firing("HighMemory"))
    for name in ("HighCPU", "HighMemory"):
        line.at("30s").expect("second", "first_notification", firing=[name])
        line.at("2m").expect("first", "first_notification", firing=[name])
    await line.run("1h")
    assert line.sinks["main"].attempts == 4


async def test_what_changed_while_a_sink_was_limited_is_told_once_as_it_is(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").post(firing("HighCPU", instance="a")).sink("limiting", times=1, retry_after=700)
    line.at("1m").post(firing("HighCPU", instance="b"))
    line.at("6m").post(resolved("HighCPU", instance="a"))
    # Looks at 5m30s and 10m30s each put a newer row in place of the one that waits for 12m10s.
    line.at("12m10s").expect("team", "first_notification", firing=["HighCPU/b"])
    await line.run("1h")
    assert line.ledger() == Ledger(3, {"delivered": 1, "superseded": 2})


async def test_a_hanging_sink_holds_up_nobody_else(tmp_path: Path) -> None:
    line = Timeline(tmp_path, TWO, ("main", "other"))
    line.at("0s").sink("hanging")
    names = [f"Alert{number:02}" for number in range(20)]
    for minute, name in enumerate(names):
        line.at(f"{minute}m").post(firing(name))
        line.at(f"{minute}m30s").expect("second", "first_notification", firing=[name])
        line.at("2h").expect("first", "first_notification", firing=[name])
    line.at("2h").sink("well")
    await line.run("3h")
    assert line.ledger() == Ledger(40, {"delivered": 40})


async def test_a_sink_that_never_answers_is_asked_again_and_again(tmp_path: Path) -> None:
    impatient = rules(
        route("team", "", route("own", 'service="responder"'), group_by=("alertname",)),
        {"team": [Hook(timeout=20 * MILLISECOND)], "own": [Hook("own")]},
    )
    line = Timeline(tmp_path, impatient, ("main", "own"), patient=False)
    line.at("0s").post(firing("HighCPU")).sink("hanging")
    line.at("10m").sink("well")
    await line.let_pass("1h")
    told = line.sinks["main"].told
    assert [(one.reason, one.firing) for one in told] == [("first_notification", ("HighCPU",))]
    assert 10 * MINUTE <= told[0].at <= 11 * MINUTE
    # Ten failures with growing pauses, then a probe after 5s, 10s, 20s, 40s and every minute.
    assert line.sinks["main"].attempts == 10 + 4 + 7 + 1
    assert line.ledger() == Ledger(3, {"delivered": 3})


async def test_an_integration_of_the_same_receiver_that_fails_does_not_hold_up_the_other(
    tmp_path: Path,
) -> None:
    both = rules(route("team", group_by=("alertname",)), {"team": [Hook("main"), Hook("other")]})
    line = Timeline(tmp_path, both, ("main", "other"))
    line.at("0s").post(firing("HighCPU")).sink_down()
    line.at("30s").expect("team", "first_notification", firing=["HighCPU"])  # the other
    line.at("40s").sink_up()
    line.at("1m").post(resolved("HighCPU"))
    await line.let_pass("1h")
    assert [one.reason for one in line.sinks["main"].told] == ["first_notification", "all_resolved"]
    assert [one.reason for one in line.sinks["other"].told] == ["first_notification", "all_resolved"]
    assert line.ledger() == Ledger(4, {"delivered": 4})


# -- restarts ---------------------------------------------------------------------------------


async def test_a_restart_before_the_first_look_changes_nothing(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").post(firing("HighCPU"))
    line.at("10s").stop()
    line.at("20s").start()
    line.at("30s").expect("team", "first_notification", firing=["HighCPU"])
    line.at("2m").stop().start()
    line.at("3m").post(resolved("HighCPU"))
    line.at("5m30s").expect("team", "all_resolved", resolved=["HighCPU"])
    await line.run("1h")
    assert line.ledger() == Ledger(2, {"delivered": 2})


async def test_overdue_timers_fire_once_at_start(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").post(firing("HighCPU"))
    line.at("10s").stop()
    line.at("2h").start()
    line.at("2h").expect("team", "first_notification", firing=["HighCPU"])
    await line.run("5h")
    assert line.ledger() == Ledger(1, {"delivered": 1})


async def test_time_in_which_nobody_could_be_heard_ends_no_alert(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").post_api(firing("HighCPU"))
    line.at("30s").expect("team", "first_notification", firing=["HighCPU"])
    line.at("1m").stop()
    line.at("1h").start()
    for minute in range(61, 66):
        line.at(f"{minute}m").post_api(firing("HighCPU"))
    # Heard of until 1h5m, and for resolve_timeout after that; looks are 5m after the one at the start.
    line.at("1h10m").expect("team", "all_resolved", resolved=["HighCPU"])
    await line.run("2h")
    assert line.ledger() == Ledger(2, {"delivered": 2})


async def test_an_end_is_told_to_who_may_have_been_told_the_beginning(tmp_path: Path) -> None:
    line = Timeline(tmp_path, BY_GROUP, ("main", "own"))
    line.at("0s").sink_down()
    line.at("0s").post(*(firing("Down", group=name) for name in the(range(16))))
    line.at("1m").stop()  # a row that was claimed then may have been sent, for all the next process knows
    line.at("2m").start()
    line.at("3m").post(*(resolved("Down", group=name) for name in the(range(8))))
    line.at("10m").stop()
    line.at("11m").sink_up()
    line.at("12m").start()
    await line.let_pass("1h")
    told = [(one["notification_reason"], groups(one)) for one in line.sinks["main"].payloads]
    assert sorted(told) == [("all_resolved", [name]) for name in the(range(8))] + [
        ("first_notification", [name]) for name in the(range(8, 16))
    ]
    assert "pending" not in line.ledger().closed


async def test_a_sink_that_hung_when_the_process_ended_is_told_again(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").post(firing("HighCPU")).sink("hanging")
    line.at("1m").stop().sink("well").start()
    line.at("1m").expect("team", "first_notification", firing=["HighCPU"])
    line.at("2m").post(resolved("HighCPU"))
    line.at("5m30s").expect("team", "all_resolved", resolved=["HighCPU"])
    await line.run("1h")
    assert line.sinks["main"].attempts == 3
    assert line.ledger() == Ledger(2, {"delivered": 2})


# -- the wall clock ---------------------------------------------------------------------------


def seconds(line: Timeline) -> list[tuple[float, tuple[str, ...]]]:
    """When what was told, to a tenth of a second."""
    return [(round(one.at / SECOND, 1), one.firing) for one in line.sinks["main"].told]


async def test_a_clock_that_is_set_back_an_hour_delays_a_timer_by_no_more_than_itself(
    tmp_path: Path,
) -> None:
    line = Timeline(tmp_path, ONE, clock_jumps=True)
    line.at("0s").post_api(firing("HighCPU"))
    line.at("6s").set_clock(back="1h")
    line.at("1m").post_api(firing("HighMemory"))
    await line.let_pass("3m")
    # What was left of group_wait when it was set back, 24s, passes at half speed, and so does the next.
    assert seconds(line) == [(54.0, ("HighCPU",)), (120.0, ("HighMemory",))]


async def test_a_clock_that_is_set_ahead_and_back_delays_a_timer_by_no_more_than_itself(
    tmp_path: Path,
) -> None:
    line = Timeline(tmp_path, ONE, clock_jumps=True)
    line.at("0s").post_api(firing("HighCPU"))
    line.at("6s").set_clock(ahead="1h")
    line.at("8s").set_clock(back="1h")
    line.at("10s").post_api(firing("HighMemory"))
    await line.let_pass("3m")
    # The first is due as soon as the clock says so, which is looked at every second, and over as well:
    # nobody renewed it for an hour of that clock, so nobody is told of it.
    assert seconds(line) == [(70.0, ("HighMemory",))]


async def test_time_goes_on_across_a_restart_with_the_clock_set_back(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE, clock_jumps=True)
    line.at("0s").post_api(firing("HighCPU"))
    line.at("10s").stop().set_clock(back="1h").start()
    await line.let_pass("3m")
    # How long it had run since its last commit is more than the next process can know.
    assert seconds(line) == [(70.0, ("HighCPU",))]
