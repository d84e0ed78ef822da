"""Every fault of Slack, PagerDuty and a mail server, at every call: who is told how often, and what is owed.

One story each time, on a virtual clock and through everything that the service has: an alert, a
second one in its group, and the end of both. The faults are the stand-ins' own.
"""

from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

from responder.core.model import MILLISECOND
from responder.sandbox.smtp import Stage
from tests.acceptance.timeline.people import with_people
from tests.acceptance.timeline.timeline import Ledger, Timeline, firing, resolved
from tests.peers.standins import StandIns, receiver

pytestmark = pytest.mark.acceptance

CLEAN: Final = Ledger(3, {"delivered": 3})
Owned: TypeAlias = list[tuple[str, tuple[str, ...]]]

DEAD: Final[Owned] = [("first_notification", ("ResponderDeadLetters",))]
DEAD_FOR_A_WHILE: Final[Owned] = [*DEAD, ("all_resolved", ())]


def tell(
    directory: Path, fault: str, kind: str, configs: dict[str, Any] | None = None
) -> tuple[Timeline, StandIns]:
    """A timeline of the story that is still to be run."""
    team = configs or receiver("team", slack=kind == "slack", pager=kind == "pagerduty", mail=kind == "mail")
    line = with_people(directory, team, timeout=400 * MILLISECOND if "hang" in fault else 0)
    line.at("0s").post(firing("Down", pod="a"))
    line.at("1m").post(firing("Down", pod="b"))
    line.at("10m").post(resolved("Down", pod="a"), resolved("Down", pod="b"))
    assert line.people
    return line, line.people


def own(line: Timeline) -> Owned:
    """What Responder said of itself."""
    return [(one.reason, one.firing) for one in line.sinks["own"].told]


def dead(effect: str, *, last: bool) -> tuple[Ledger, Owned]:
    """What the ledger and Responder's own alert say where one row was refused.

    After an `auth_error` the same is not owed again: if it was the end, nobody hears of it until a
    person does something.
    """
    if not last:
        return Ledger(5, {"delivered": 4, f"dead({effect})": 1}), DEAD_FOR_A_WHILE
    if effect == "auth_error":
        return Ledger(4, {"delivered": 3, f"dead({effect})": 1}), DEAD
    return Ledger(6, {"delivered": 5, f"dead({effect})": 1}), DEAD_FOR_A_WHILE


# -- Slack ------------------------------------------------------------------------------------

SLACK: Final = {
    "ok_false:fatal_error": "again",
    "ok_false:internal_error": "again",
    "ratelimited": "again",
    "503": "again",
    "502": "again",
    "html_500": "again",
    "text_plain": "again",
    "bad_json": "again",
    "null": "again",
    "list": "again",
    "hang": "again",
    "reset": "again",
    "ok_false:not_in_channel": "again",
    "hang_after": "twice",
    "reset_after": "twice",
    "ok_false:invalid_blocks": "plain",
    "ok_false:message_not_found": "gone",
    "ok_false:channel_not_found": "gone",
    "ok_false:invalid_auth": "refused",
    "403": "refused",
}
STEPS: Final = [
    ("chat.postMessage", 0),
    ("chat.update", 0),
    ("chat.postMessage", 1),
    ("chat.update", 1),
    ("chat.postMessage", 2),
]
"""The calls of the story: the message, the second alert in it and in its thread, the end likewise."""

FIRST: Final = "🟠 Firing: Down, a"
MORE: Final = "🟠 Firing (2): Down"
OVER: Final = "🟢 Resolved (2): Down"
MORE_REPLY: Final = "More: Down happened (pod=b)"
OVER_REPLY: Final = "All over after 10m."
REPLIES: Final = [MORE_REPLY, OVER_REPLY]

WELL: Final = [([FIRST, MORE, OVER], REPLIES)]
SAID: Final[dict[tuple[str, int], list[tuple[list[str], list[str]]]]] = {
    ("twice", 0): [([FIRST, FIRST, MORE, OVER], REPLIES)],
    ("twice", 1): [([FIRST, MORE, MORE, OVER], REPLIES)],
    ("twice", 2): [([FIRST, MORE, OVER], [MORE_REPLY, MORE_REPLY, OVER_REPLY])],
    ("twice", 3): [([FIRST, MORE, OVER, OVER], REPLIES)],
    ("twice", 4): [([FIRST, MORE, OVER], [MORE_REPLY, OVER_REPLY, OVER_REPLY])],
    ("plain", 0): [([f"{FIRST} (plain)", MORE, OVER], REPLIES)],
    ("plain", 1): [([FIRST, f"{MORE} (plain)", OVER], REPLIES)],
    ("plain", 2): [([FIRST, MORE, OVER], [OVER_REPLY])],
    ("plain", 3): [([FIRST, MORE, f"{OVER} (plain)"], REPLIES)],
    ("plain", 4): [([FIRST, MORE, OVER], [MORE_REPLY])],
    # A message that is gone cannot be edited: another one takes its place.
    ("gone", 0): [([MORE, OVER], [OVER_REPLY])],
    ("gone", 1): [([FIRST], []), ([MORE, OVER], [OVER_REPLY])],
    ("gone", 2): [([FIRST, MORE, OVER], [OVER_REPLY])],
    ("gone", 3): [([FIRST, MORE], [MORE_REPLY]), ([OVER], [])],
    ("gone", 4): [([FIRST, MORE, OVER], [MORE_REPLY])],
    ("refused", 0): [([MORE, OVER], [OVER_REPLY])],
    # Of the second alert nobody knows: only the end of the first is news.
    ("refused", 1): [
        ([FIRST, "🟢 Resolved: Down, a"], ["Over after 10m. (5m1s late, 1 earlier state skipped)"])
    ],
    ("refused", 2): [([FIRST, MORE, OVER], [OVER_REPLY])],
    ("refused", 3): [([FIRST, MORE], [MORE_REPLY])],
    ("refused", 4): [([FIRST, MORE, OVER], [MORE_REPLY])],
}
"""What stands in the channel at last: each message's texts one after the other, and its replies."""


def said(people: StandIns) -> list[tuple[list[str], list[str]]]:
    return [
        (
            [text(one) for one in (*message.versions, message.text)],
            [" ".join(r.text.split("\n")) for r in message.replies],
        )
        for message in people.slack.messages("ops")
    ]


def text(version: str) -> str:
    first, _, more = version.partition("\n")
    return f"{first} (plain)" if more else first


@pytest.mark.parametrize("step", range(len(STEPS)))
@pytest.mark.parametrize("fault", SLACK)
async def test_slack(tmp_path: Path, fault: str, step: int) -> None:
    line, people = tell(tmp_path, fault, "slack")
    method, skip = STEPS[step]
    people.slack.fault(method, "none", skip)
    people.slack.fault(method, fault)
    await line.let_pass("1h")
    effect = SLACK[fault]
    assert said(people) == SAID.get((effect, step), WELL)
    expected: tuple[Ledger, Owned] = CLEAN, []
    if effect == "refused" and step in (0, 1, 3):
        expected = dead("auth_error", last=step == 3)
    elif (effect, step) == ("gone", 0):
        expected = dead("client_error", last=False)
    assert (line.ledger(), own(line)) == expected


SEARCHING: Final = [
    "ok_false:missing_scope",
    "ok_false:internal_error",
    "ratelimited",
    "503",
    "text_plain",
    "null",
    "list",
    "hang",
    "reset",
]


@pytest.mark.parametrize("method", ["conversations.list", "conversations.history"])
@pytest.mark.parametrize("fault", SEARCHING)
async def test_slack_that_cannot_be_searched_is_told_once_more(
    tmp_path: Path, fault: str, method: str
) -> None:
    line, people = tell(tmp_path, fault, "slack")
    people.slack.fault("chat.postMessage", "reset_after")
    people.slack.fault(method, fault, 2)
    await line.let_pass("1h")
    assert said(people) == [([FIRST], []), *WELL]
    assert (line.ledger(), own(line)) == (CLEAN, [])


@pytest.mark.parametrize("method", ["conversations.list", "conversations.join"])
@pytest.mark.parametrize("fault", [*SEARCHING, "ok_false:invalid_auth", "403", "hang_after", "reset_after"])
async def test_slack_whose_channel_is_to_be_joined_first(tmp_path: Path, fault: str, method: str) -> None:
    line, people = tell(tmp_path, fault, "slack")
    people.slack.fault("chat.postMessage", "ok_false:not_in_channel")
    people.slack.fault(method, fault)
    await line.let_pass("1h")
    # A bot that may not list private channels lists the public ones.
    barred = fault in ("ok_false:invalid_auth", "403") or (method, fault) == (
        "conversations.join",
        "ok_false:missing_scope",
    )
    assert said(people) == (SAID["refused", 0] if barred else WELL)
    expected: tuple[Ledger, Owned] = dead("client_error", last=False) if barred else (CLEAN, [])
    assert (line.ledger(), own(line)) == expected


HOOK: Final = {
    "ratelimited": "again",
    "503": "again",
    "html_500": "again",
    "hang": "again",
    "reset": "again",
    "hang_after": "twice",
    "reset_after": "twice",
    "text_400:invalid_blocks": "plain",
    "text_400:invalid_payload": "client_error",
    "403": "auth_error",
}


@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("fault", HOOK)
async def test_an_incoming_webhook(tmp_path: Path, fault: str, step: int) -> None:
    entry: dict[str, Any] = {"send_resolved": True, "api_url_file": str(tmp_path / "hook")}
    line, people = tell(tmp_path, fault, "slack", {"name": "team", "slack_configs": [entry]})
    (tmp_path / "hook").write_text(people.hook_url("T0/B0/hook"))
    people.slack.add_hook("T0/B0/hook", "ops")
    people.slack.fault("services", "none", step)
    people.slack.fault("services", fault)
    await line.let_pass("1h")
    effect = HOOK[fault]
    posts = [FIRST, MORE, OVER]
    if effect == "twice":
        posts.insert(step, posts[step])
    elif effect == "plain":
        posts[step] += " (plain)"
    elif effect.endswith("_error"):
        last = [FIRST, MORE] if effect == "auth_error" else posts
        posts = [[MORE, OVER], [FIRST, "🟢 Resolved: Down, a"], last][step]
    assert said(people) == [([one], []) for one in posts]
    expected: tuple[Ledger, Owned] = CLEAN, []
    if effect.endswith("_error"):
        expected = dead(effect, last=step == 2)
    assert (line.ledger(), own(line)) == expected


# -- PagerDuty --------------------------------------------------------------------------------

PAGERDUTY: Final = {
    "429": "again",
    "429:7": "again",
    "503": "again",
    "503:7": "again",
    "html_500": "again",
    "hang": "again",
    "reset": "again",
    "bad_json": "twice",
    "reset_after": "twice",
    "413": "smaller",
    "400:Bad thing": "client_error",
    "403": "auth_error",
}


@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("fault", PAGERDUTY)
async def test_pagerduty(tmp_path: Path, fault: str, step: int) -> None:
    line, people = tell(tmp_path, fault, "pagerduty")
    people.pagerduty.fault("none", step)
    people.pagerduty.fault(fault)
    await line.let_pass("1h")
    effect = PAGERDUTY[fault]
    if effect == "smaller":  # an end has nothing that could be left out
        effect = "client_error" if step == 2 else "again"
    log = ["trigger", "trigger", "resolve"]
    if effect == "twice" and step < 2:
        log.insert(0, "trigger")
    elif effect.endswith("_error") and step < 2:
        log.pop(0)
    elif (effect, step) == ("auth_error", 2):
        log.pop()
    (incident,) = people.pagerduty.incidents
    assert [entry.action for entry in incident.log] == log
    # PagerDuty takes the end of what is over, and drops it.
    assert people.pagerduty.dropped.total() == (effect == "twice" and step == 2)
    assert {event["dedup_key"] for event in people.pagerduty.events} == {incident.dedup_key}
    assert incident.status == ("resolved" if "resolve" in log else "triggered")
    expected: tuple[Ledger, Owned] = CLEAN, []
    if effect.endswith("_error"):
        expected = dead(effect, last=step == 2)
    assert (line.ledger(), own(line)) == expected


# -- mail -------------------------------------------------------------------------------------

LATER: Final = "451 4.3.0 try later"
BYE: Final = "421 4.3.2 going down"
NO: Final = "550 5.7.1 no"
COMMANDS: Final[list[Stage]] = ["connect", "ehlo", "auth", "mail", "rcpt", "data", "dot", "quit"]


MAIL: Final[list[tuple[Stage, str]]] = [
    *((stage, kind) for stage in COMMANDS for kind in (LATER, BYE, NO, "reset", "hang")),
    ("dot", "reset_after"),
]


@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize(("stage", "fault"), MAIL)
async def test_mail(tmp_path: Path, stage: Stage, fault: str, step: int) -> None:
    line, people = tell(tmp_path, fault, "mail")
    people.mail.fault(stage, "pass", step)
    people.mail.fault(stage, fault)
    await line.let_pass("1h")
    subjects = ["[Firing, error] Down, a", "[Firing 2, error] Down, a", "[Resolved 2] Down, a"]
    refused = ""
    if fault == "reset_after":
        subjects.insert(step, subjects[step])
    elif fault == NO and stage != "quit":
        refused = "auth_error" if stage == "auth" else "client_error"
        subjects = {
            0: ["[Firing 2, error] Down", "[Resolved 2] Down"],
            1: [subjects[0], "[Resolved] Down, a"],
            2: subjects[:2] if refused == "auth_error" else subjects,
        }[step]
    mails = people.mail.mails
    assert [mail.message["Subject"] for mail in mails] == subjects
    assert len({mail.message["References"] for mail in mails}) == 1
    # Twice is one mail to whoever drops what has been seen.
    assert len({mail.message["Message-ID"] for mail in mails}) == len(set(subjects))
    expected: tuple[Ledger, Owned] = CLEAN, []
    if refused:
        expected = dead(refused, last=step == 2)
    assert (line.ledger(), own(line)) == expected
