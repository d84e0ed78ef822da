"""Much at once for one Slack channel, and an hour without Slack: the order, the pace, and nothing lost.

On a virtual clock, with the real engine, database, delivery and client libraries; the stand-in for
Slack holds us to its rates.
"""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from responder.core.model import HOUR, MINUTE, SECOND, format_duration
from responder.sandbox.slackroom import Message
from tests.acceptance.timeline.people import with_people
from tests.acceptance.timeline.timeline import Ledger, Said, Timeline, firing, resolved
from tests.clock import MONDAY
from tests.peers.standins import receiver

pytestmark = pytest.mark.acceptance

SLACK = receiver("slack", pager=False, mail=False)
ANNOUNCED: Final = (
    "{} more incidents are waiting for this channel. They come one a second, critical ones first."
)
MARKS: Final = {"critical": "🔴", "warning": "🟠"}
MAIL = receiver("mail", slack=False, pager=False)


def severity(number: int) -> str:
    return "warning" if number % 5 else "critical"


def name(number: int) -> str:
    return f"G{number:03}"


def burst(numbers: range) -> list[Said]:
    return [firing(name(number), severity=severity(number)) for number in numbers]


def ends(numbers: range) -> list[Said]:
    return [resolved(name(number), severity=severity(number)) for number in numbers]


def critical_first(numbers: range) -> list[str]:
    ordered = sorted(numbers, key=lambda one: (severity(one), one))
    return [f"{MARKS[severity(one)]} Firing: {name(one)}" for one in ordered]


def posted(line: Timeline) -> list[Message]:
    assert line.people
    return line.people.slack.messages("ops")


def at(message: Message) -> float:
    """When it was posted: seconds of the timeline."""
    return float(message.ts) - MONDAY / SECOND


def excuse(message: Message) -> str:
    """What it says of how late it is and what was skipped, or ""."""
    found = re.findall(
        r'"([^"]*\b(?:late|skipped)\b[^"]*)"', json.dumps([message.blocks, message.attachments])
    )
    return " | ".join(found)


def late(message: Message, owed: int) -> str:
    """What is to be said of how late it is, if it was first owed so many seconds after the beginning."""
    passed = int(at(message)) - owed
    rounded = passed if passed < 600 else passed // 60 * 60
    return f"{format_duration(rounded * SECOND)} late" if passed >= 60 else ""


def number_of(message: Message) -> int:
    return int(message.text.partition("Firing: G")[2])


async def test_three_hundred_in_a_minute_come_one_a_second_critical_ones_first(tmp_path: Path) -> None:
    line = with_people(tmp_path, SLACK)
    for second in range(60):
        line.at(f"{second}s").post(*burst(range(second * 5, second * 5 + 5)))
    await line.let_pass("20m")

    # After group_wait a critical one comes each second, as fast as Slack may be told; the announcement
    # that much waits takes the place of one.
    first, last = posted(line)[:4], posted(line)[5:]
    assert [message.text for message in (*first, *last)] == critical_first(range(300))
    assert posted(line)[4].text == ANNOUNCED.format(21)
    assert [at(message) for message in posted(line)] == [30.0 + second for second in range(301)]
    assert [excuse(message) for message in (*first, *last)] == [
        late(message, number_of(message) // 5 + 30) for message in (*first, *last)
    ]
    assert line.ledger() == Ledger(300, {"delivered": 300})
    assert line.sinks["own"].told == []


def an_hour_without_slack(line: Timeline, each: int) -> None:
    """So many incidents open each minute for 50 minutes; half of them are over before Slack is back."""
    line.at("0s").down("slack")
    for minute in range(50):
        line.at(f"{minute}m").post(*burst(range(minute * each, minute * each + each)))
    for minute in range(25):
        line.at(f"{30 + minute}m").post(*ends(range(minute * each, minute * each + each)))
    line.at("1h").up("slack")


def check_what_slack_hears_afterwards(line: Timeline, each: int) -> None:
    """Of each open incident once, as it is, and of nothing else."""
    probe, *rest = posted(line)
    (announcement,) = [message for message in rest if "Firing" not in message.text]
    open_ones = range(25 * each, 50 * each)
    rest.remove(announcement)
    assert [one.text for one in rest] == [text for text in critical_first(open_ones) if text != probe.text]
    assert announcement.text == ANNOUNCED.format(len(open_ones) - 1)
    times = [at(message) for message in posted(line)]
    assert HOUR / SECOND < times[0] <= (HOUR + MINUTE) / SECOND
    assert times == [times[0] + second for second in range(len(open_ones) + 1)]
    assert [excuse(message) for message in (probe, *rest)] == [
        late(message, number_of(message) // each * 60 + 30) for message in (probe, *rest)
    ]
    assert [message.replies for message in posted(line)] == [[] for _ in times]
    assert [(one.receiver, one.reason, one.firing) for one in line.sinks["own"].told] == [
        ("own", "first_notification", ("ResponderDeliveryFailing",)),
        ("own", "all_resolved", ()),
    ]


async def test_an_hour_without_slack_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    line = with_people(tmp_path, SLACK)
    an_hour_without_slack(line, 10)
    await line.let_pass("2h")
    check_what_slack_hears_afterwards(line, 10)
    # What came and went: its beginning gave way to its end, which was then no news to anybody.
    assert line.ledger() == Ledger(
        752, {"delivered": 252, "superseded": 250, "suppressed(resolved_before_told)": 250}
    )


async def test_an_hour_without_slack_that_mail_stands_in_for(tmp_path: Path) -> None:
    slack = {**SLACK, "fallback_receiver": "mail"}
    line = with_people(tmp_path, slack, MAIL)
    an_hour_without_slack(line, 2)
    await line.let_pass("2h")
    check_what_slack_hears_afterwards(line, 2)
    assert line.people
    subjects = [mail.message["Subject"] for mail in line.people.mail.mails]
    assert sorted(subjects) == sorted(
        [f"[Firing, {severity(number)}] {name(number)}" for number in range(100)]
        + [f"[Resolved] {name(number)}" for number in range(50)]
    )
    assert line.ledger() == Ledger(
        302, {"delivered": 202, "superseded": 50, "suppressed(resolved_before_told)": 50}
    )
