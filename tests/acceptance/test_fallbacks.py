"""Who stands in when Slack, PagerDuty or mail cannot be told: told what fires, and later of its end.

On a virtual clock, with the real engine, database, delivery and client libraries.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.timeline.people import with_people
from tests.acceptance.timeline.timeline import Ledger, Timeline, firing, resolved
from tests.peers.standins import StandIns, receiver

pytestmark = pytest.mark.acceptance

MAIL = receiver("mail", slack=False, pager=False)
FAILING = [("first_notification", ("ResponderDeliveryFailing",)), ("all_resolved", ())]


def slack(fallback: str) -> dict[str, Any]:
    return receiver("slack", pager=False, mail=False) | {"fallback_receiver": fallback}


def pager(fallback: str) -> dict[str, Any]:
    return receiver("pager", slack=False, mail=False) | {"fallback_receiver": fallback}


def people_of(line: Timeline) -> StandIns:
    assert line.people
    return line.people


def subjects(line: Timeline) -> list[str]:
    return [mail.message["Subject"] for mail in people_of(line).mail.mails]


def posted(line: Timeline) -> list[tuple[list[str], list[str]]]:
    return [
        ([*message.versions, message.text], [reply.text for reply in message.replies])
        for message in people_of(line).slack.messages("ops")
    ]


def paged(line: Timeline) -> list[list[str]]:
    return [[entry.action for entry in incident.log] for incident in people_of(line).pagerduty.incidents]


def own(line: Timeline) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.reason, one.firing) for one in line.sinks["own"].told]


async def test_a_refused_row_is_told_to_who_stands_in_and_so_is_the_end(tmp_path: Path) -> None:
    line = with_people(tmp_path, slack("mail"), MAIL)
    channel = people_of(line).slack.room.channel("ops")
    channel.archived = True
    line.at("0s").post(firing("Down"))
    line.at("20m").post(resolved("Down"))
    await line.let_pass("2h")
    assert subjects(line) == ["[Firing, error] Down", "[Resolved] Down"]
    assert posted(line) == []
    # The dead row stays on the list: nothing has got through since, and nobody has dismissed it.
    assert own(line) == [("first_notification", ("ResponderDeadLetters",))]
    # Slack is owed the alert at each look while it fires, and of its end nothing.
    assert line.ledger() == Ledger(7, {"delivered": 3, "dead(client_error)": 4})


async def test_a_destination_that_is_down_has_somebody_who_stands_in(tmp_path: Path) -> None:
    line = with_people(tmp_path, pager("slack"), receiver("slack", pager=False, mail=False))
    line.at("0s").down("pagerduty").post(firing("Down"))
    line.at("20m").up("pagerduty")
    line.at("30m").post(resolved("Down"))
    await line.let_pass("2h")
    assert posted(line) == [(["🟠 Firing: Down", "🟢 Resolved: Down"], ["Over after 30m."])]
    assert paged(line) == [["trigger", "resolve"]]
    assert own(line) == FAILING
    assert line.ledger() == Ledger(6, {"delivered": 6})


async def test_one_that_is_down_as_well_has_its_own(tmp_path: Path) -> None:
    line = with_people(tmp_path, slack("pager"), pager("mail"), MAIL)
    line.at("0s").down("slack").down("pagerduty").post(firing("Down"))
    line.at("20m").post(resolved("Down"))
    line.at("40m").up("slack").up("pagerduty")
    # Nothing waits for them, so that nobody asks how they are: what comes next does.
    line.at("50m").post(firing("Later"))
    line.at("70m").post(resolved("Later"))
    await line.let_pass("2h")
    assert subjects(line) == [
        "[Firing, error] Down",
        "[Resolved] Down",
        "[Firing, error] Later",
        "[Resolved] Later",
    ]
    assert posted(line) == [(["🟠 Firing: Later", "🟢 Resolved: Later"], ["Over after 20m."])]
    assert paged(line) == [["trigger", "resolve"]]
    first, last = FAILING
    assert own(line) == [first, ("new_alerts", ("ResponderDeliveryFailing",) * 2), last]
    assert line.ledger() == Ledger(
        15, {"delivered": 11, "superseded": 2, "suppressed(resolved_before_told)": 2}
    )
