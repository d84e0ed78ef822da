"""Silences from beginning to end: what they hide, who is told all the same, and what comes after them."""

from pathlib import Path

import pytest

from tests.acceptance.timeline.rules import Hook, inhibit, route, rules
from tests.acceptance.timeline.timeline import Ledger, Timeline, firing, resolved

pytestmark = pytest.mark.acceptance

ONE = rules(route("team", group_by=("alertname",)))
AS_ALERTMANAGER = rules(route("team", group_by=("alertname",)), compatibility="alertmanager")


async def test_silenced_from_the_start_to_the_end_is_told_to_nobody(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").silence("quiet", "alertname=HighCPU", lasts="2h").post(firing("HighCPU"))
    line.at("20m").post(resolved("HighCPU"))
    await line.run("8h")
    assert line.ledger() == Ledger(1, {"suppressed(silence)": 1})


async def test_silenced_after_it_was_told_and_resolved_while_silenced(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").post(firing("HighCPU"))
    line.at("30s").expect("team", "first_notification", firing=["HighCPU"])
    line.at("1m").silence("quiet", "alertname=HighCPU", lasts="10h")
    line.at("7m").post(resolved("HighCPU"))
    line.at("10m30s").expect("team", "all_resolved", resolved=["HighCPU"])
    await line.run("12h")
    assert line.ledger() == Ledger(2, {"delivered": 2})


async def test_alertmanager_swallows_that_end(tmp_path: Path) -> None:
    line = Timeline(tmp_path, AS_ALERTMANAGER)
    line.at("0s").post(firing("HighCPU"))
    line.at("30s").expect("team", "first_notification", firing=["HighCPU"])
    line.at("1m").silence("quiet", "alertname=HighCPU", lasts="10h")
    line.at("7m").post(resolved("HighCPU"))
    await line.run("12h")


async def test_a_silence_that_ends_by_time_over_what_still_fires(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").post(firing("HighCPU"))
    line.at("30s").expect("team", "first_notification", firing=["HighCPU"])
    line.at("1m").silence("quiet", "alertname=HighCPU", lasts="16m")
    line.at("17m").expect("team", "unmuted", firing=["HighCPU"])
    line.at("20m").post(resolved("HighCPU"))
    line.at("20m30s").expect("team", "all_resolved", resolved=["HighCPU"])
    await line.run("1h")
    assert line.ledger() == Ledger(3, {"delivered": 3})


async def test_a_silence_that_is_ended_by_hand_over_what_still_fires(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").silence("quiet", "alertname=HighCPU", lasts="10h").post(firing("HighCPU"))
    line.at("17m").expire("quiet").expect("team", "unmuted", firing=["HighCPU"])
    await line.run("1h")
    assert line.ledger() == Ledger(2, {"delivered": 1, "suppressed(silence)": 1})


async def test_alertmanager_says_nothing_before_the_repeat(tmp_path: Path) -> None:
    line = Timeline(tmp_path, AS_ALERTMANAGER)
    line.at("0s").post(firing("HighCPU"))
    line.at("30s").expect("team", "first_notification", firing=["HighCPU"])
    line.at("1m").silence("quiet", "alertname=HighCPU", lasts="16m")
    await line.run("4h")
    assert line.ledger() == Ledger(1, {"delivered": 1})


async def test_a_restart_forgets_no_silence_and_no_end(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").post(firing("HighCPU"), firing("HighRAM"), firing("HighIO"))
    for name in ("HighCPU", "HighRAM", "HighIO"):
        line.at("30s").expect("team", "first_notification", firing=[name])
    line.at("1m").silence("short", "alertname=HighCPU", lasts="10m")
    line.at("1m").silence("long", "alertname=HighRAM", lasts="30m")
    line.at("1m").silence("by hand", "alertname=HighIO", lasts="10h")
    line.at("6m").stop()
    # The short one ends while nobody is there: it is followed by what it hid as soon as somebody is.
    line.at("20m").start().expect("team", "unmuted", firing=["HighCPU"])
    line.at("25m").expire("by hand").expect("team", "unmuted", firing=["HighIO"])
    line.at("31m").expect("team", "unmuted", firing=["HighRAM"])
    await line.run("1h")
    assert line.ledger() == Ledger(6, {"delivered": 6})


async def test_what_is_silenced_leaves_the_message_and_does_not_stop_it(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").silence("quiet", "instance=b", lasts="17m")
    line.at("0s").post(firing("HighCPU", instance="a"), firing("HighCPU", instance="b"))
    line.at("30s").expect("team", "first_notification", firing=["HighCPU/a"])
    line.at("6m").post(firing("HighCPU", instance="c"))
    line.at("10m30s").expect("team", "new_alerts", firing=["HighCPU/a", "HighCPU/c"])
    line.at("17m").expect("team", "unmuted", firing=["HighCPU/a", "HighCPU/b", "HighCPU/c"])
    await line.run("1h")
    assert line.ledger() == Ledger(3, {"delivered": 3})


async def test_one_that_is_prolonged_goes_on_and_one_that_is_narrowed_lets_out(tmp_path: Path) -> None:
    line = Timeline(tmp_path, ONE)
    line.at("0s").silence("quiet", 'alertname=~"HighCPU|HighRAM"', lasts="10m")
    line.at("0s").post(firing("HighCPU"), firing("HighRAM"))
    line.at("9m").silence("longer", 'alertname=~"HighCPU|HighRAM"', lasts="30m", replaces="quiet")
    line.at("20m").silence("narrower", "alertname=HighCPU", lasts="30m", replaces="longer")
    line.at("20m").expect("team", "unmuted", firing=["HighRAM"])
    line.at("50m").expect("team", "unmuted", firing=["HighCPU"])
    await line.run("1h")
    assert line.ledger() == Ledger(4, {"delivered": 2, "suppressed(silence)": 2})


async def test_inhibited_as_well_it_counts_as_inhibited(tmp_path: Path) -> None:
    both = rules(
        route("team", group_by=("alertname",)),
        inhibit_rules=[inhibit("alertname=Down", "alertname=HighCPU")],
    )
    line = Timeline(tmp_path, both)
    line.at("0s").silence("quiet", "alertname=HighCPU", lasts="10h").post(firing("HighCPU"), firing("Down"))
    line.at("30s").expect("team", "first_notification", firing=["Down"])
    line.at("7m").post(resolved("Down"))
    line.at("10m30s").expect("team", "all_resolved", resolved=["Down"])
    line.at("20m").expire("quiet").expect("team", "unmuted", firing=["HighCPU"])
    await line.run("1h")
    assert line.ledger() == Ledger(4, {"delivered": 3, "suppressed(inhibition)": 1})


async def test_every_receiver_hears_what_it_missed_and_no_more(tmp_path: Path) -> None:
    line = Timeline(
        tmp_path,
        rules(
            route("root", "", route("first", "team=a", go_on=True), route("second"), group_by=("alertname",)),
            {"second": [Hook("other", send_resolved=False)]},
        ),
        ("main", "other"),
    )
    line.at("0s").post(firing("HighCPU", team="a"))
    line.at("30s").expect("first", "first_notification", firing=["HighCPU"])
    line.at("30s").expect("second", "first_notification", firing=["HighCPU"])
    line.at("1m").silence("quiet", "team=a", lasts="10h")
    line.at("20m").post(resolved("HighCPU", team="a"))
    line.at("20m30s").expect("first", "all_resolved", resolved=["HighCPU"])
    await line.run("12h")
    assert line.ledger() == Ledger(4, {"delivered": 3, "suppressed(send_resolved_false)": 1})
