"""Slash commands, from a signed request to what is said and what the engine decided."""

import sys
from typing import Final

import msgspec
import pytest
from msgspec.structs import replace

from responder.core.ledger import Told, View
from responder.core.model import SECOND, Alert, labels_from
from responder.core.rules import Ruleset
from responder.core.state import Changes, Group, State
from responder.notify.slackthread import receipt
from responder.store import journal
from responder.web.slack.commands import HELP
from responder.web.slack.incidents import waiting_in
from tests.clock import MONDAY
from tests.web.slack.place import ANA, BEN, FLOORS, GUEST, READER, RUNBOOK, Place

# -- /ack -------------------------------------------------------------------------------------


async def test_the_only_incident_of_the_channel_needs_no_name(place: Place) -> None:
    await place.fire("HighCPU")
    await place.fire("Elsewhere", team="other")
    incident = place.service.engine.state.groups[1].incident
    assert await place.type("/ack") == f"{incident} acknowledged"
    assert place.incidents() == [("HighCPU", "ana"), ("Elsewhere", "")]
    [message] = place.slack.messages("ops")
    await place.until(lambda: "Acknowledged by ana" in str(message.attachments))


async def test_of_several_one_is_chosen_with_a_button(place: Place) -> None:
    await place.fire("HighCPU", "DiskFull")
    assert await place.type("/ack", GUEST) == "2 incidents wait for somebody"
    whisper = place.whisper(GUEST)
    assert sorted(block["text"]["text"].partition(" (")[0] for block in whisper.blocks) == [
        "DiskFull, prod",
        "HighCPU, prod",
    ]
    wanted = next(b for b in whisper.blocks if b["text"]["text"].startswith("DiskFull"))
    said = await place.press(whisper, "acknowledge", GUEST, value=wanted["accessory"]["value"])
    assert said.endswith(" acknowledged")
    assert sorted(place.incidents()) == [("DiskFull", f"slack:{GUEST}"), ("HighCPU", "")]


async def test_nothing_waits(place: Place) -> None:
    said = await place.type("/ack")
    assert said.startswith("Nothing that was told in this channel waits for somebody.")
    await place.fire("HighCPU")
    await place.type("/ack HighCPU")
    assert await place.type("/ack") == said


@pytest.mark.parametrize("what", ["HighCPU", "cluster=prod", "“HighCPU”", 'alertname=~"High.*" cluster=prod'])
async def test_it_may_be_named(place: Place, what: str) -> None:
    await place.fire("HighCPU")
    assert (await place.type(f"/ack {what}")).endswith(" acknowledged")
    assert place.incidents() == [("HighCPU", "ana")]


async def test_it_may_be_named_by_its_id(place: Place) -> None:
    await place.fire("HighCPU", "DiskFull")
    incident = next(g.incident for g in place.service.engine.state.groups.values())
    assert await place.type(f"/ack {incident}", GUEST) == f"{incident} acknowledged"
    assert [by for _, by in place.incidents()] == [f"slack:{GUEST}", ""]


async def test_what_cannot_be_acknowledged_is_said(place: Place) -> None:
    await place.fire("HighCPU")
    for typed, said in CANNOT_BE:
        assert (await place.type(typed)).replace("\u2060", "").startswith(said), typed
    assert place.incidents() == [("HighCPU", "")]


CANNOT_BE: Final = [
    ("/ack Nothing", "Not done: no incident with such an alert is open"),
    ("/ack 7-abc", "Not done: no incident 7-abc is open"),
    ("/ack alertname=~(", "Not done: the regular expression '(' is not RE2"),
    ('/ack "open', "Not done: No closing quotation: close the quote, or write the value without spaces"),
    (f"/ack {'a ' * 65}", "Not done: 65 words; at most 64 are read"),
]


async def test_the_journal_names_the_slack_id(place: Place) -> None:
    await place.fire("HighCPU")
    await place.type("/ack", GUEST)
    await place.type("/ack HighCPU", ANA)
    entries = await place.service.database.read(lambda c: [*journal.entries(c, 1, 100)])
    bodies = [msgspec.json.decode(entry.body) for entry in entries]
    acks = [body for body in bodies if body.get("kind") == "acknowledge"]
    assert [(body["actor"], body["asked"]["via"], body["asked"]["person"]) for body in acks] == [
        (f"slack:{GUEST}", "slack", ""),
        (f"ana (slack:{ANA})", "slack", "ana"),
    ]


# -- /runbook ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed", ["/runbook", "/runbook help", "/runbook dance now", "/runbook run", "/other"]
)
async def test_what_is_not_known_is_answered_with_help(place: Place, typed: str) -> None:
    assert await place.type(typed) == HELP


async def test_runbooks_are_listed_and_shown(place: Place) -> None:
    assert await place.type("/runbook list") == "There are no runbooks in the rules."
    place.use()
    assert await place.type("/runbook list", GUEST) == "1 runbooks"
    [line] = place.whisper(GUEST).blocks
    assert line["text"]["text"] == "*pod-restarts* Pods restart too often (approve, medium risk)"
    assert await place.type("/runbook show pod-restarts", GUEST) == "Pods restart too often"
    said = [block["text"]["text"].replace("\u2060", "") for block in place.whisper(GUEST).blocks]
    assert said == [
        "Pods restart too often",
        "*pod-restarts* · approve · medium risk",
        "*Parameters*\n```\nnamespace: dns_label, from the alert's label namespace\n"
        "deployment: dns_subdomain, 'checkout' if it is not given\n```",
        "*Steps*\n```\n1. kubernetes.rollout_restart\nif it does not help: tell other\n```",
        RUNBOOK.prose,
    ]
    assert place.whisper(GUEST).blocks[-1]["text"]["type"] == "plain_text"


async def test_a_runbook_that_does_not_exist_is_perhaps_another(place: Place) -> None:
    place.use()
    assert await place.type("/runbook show pod-restart") == (
        "Not done: there is no runbook 'pod-restart': did you mean pod-restarts?"
    )
    assert await place.type("/runbook plan <!channel>") == (
        "Not done: there is no runbook '&lt;!channel&gt;': see /runbook list"
    )


async def test_who_may_not_ask_for_a_run_is_told_which_role_is_missing(place: Place) -> None:
    place.use()
    needs = "Not done: asking for a run needs the role 'respond'"
    for user, rest in ((READER, ", which rita lacks"), (GUEST, NOBODY)):
        assert await place.type("/runbook run pod-restarts namespace=shop", user) == needs + rest
    assert place.runs == []


NOBODY: Final = (
    ", and U0GUEST is nobody in the people file: such users may acknowledge and read, nothing else"
)


async def test_values_are_checked_and_what_is_wrong_is_said(place: Place) -> None:
    place.use()
    for typed, said in WRONG_VALUES:
        answer = await place.type(f"/runbook run pod-restarts {typed}")
        assert answer.replace("\u2060", "").startswith(f"Not done: {said}"), typed
    assert place.runs == []


WRONG_VALUES: Final = [
    ("namespace", "'namespace' is no NAME=VALUE"),
    ("namespace=a namespace=b", "namespace is given twice"),
    ("", "namespace: a value is missing"),
    ("namespace=';rm -rf /'", "namespace: ';rm -rf /' is no dns_label"),
    ("namespace=shop size=3", "size: the runbook has no such parameter"),
    ("namespace=shop --reason", "--reason needs a text after the runbook's name"),
]


async def test_a_run_that_is_asked_for_is_followed_and_approved_by_somebody_else(place: Place) -> None:
    place.use(floors=replace(FLOORS, approvals={"medium": 2}))
    said = await place.type(
        "/runbook run pod-restarts namespace=shop deployment=checkout --reason 'it hangs'"
    )
    [run] = place.runs
    assert said == f"Run {run.id} of pod-restarts was asked for; what comes of it is said here."
    assert (run.person, run.via, run.why, run.parameters) == (
        "ana",
        "slack",
        "it hangs",
        {"namespace": "shop", "deployment": "checkout", "cluster": "prod"},
    )
    run = await place.gather(run.id)
    assert (run.state, run.needed) == ("awaiting_approval", 2)
    await place.until(lambda: place.slack.messages("ops"))
    [card] = place.slack.messages("ops")
    assert card.blocks[0]["text"]["text"] == "pod-restarts: waits for an approval"
    assert await place.press(card, "approve") == (
        f"Not done: you asked for run {run.id}: another person must approve it"
    )
    assert await place.press(card, "approve", BEN) == f"{run.id} approved"
    assert (place.run(run.id).state, place.run(run.id).approvals[0].via) == ("approved", "slack")


async def test_a_plan_is_said_to_who_asked_and_nothing_is_done(place: Place) -> None:
    place.use()
    said = await place.type("/runbook plan pod-restarts namespace=shop")
    [run] = place.runs
    assert said == f"Run {run.id} is being planned; what comes of it is said here."
    run = await place.gather(run.id)
    assert (run.state, run.only_plan) == ("cancelled", True)
    await place.until(lambda: len(place.whispers()) == 2)
    texts = str(place.whisper().attachments)
    assert ("PATCH deployments/checkout" in texts, "✓" in texts) == (True, True)
    assert place.slack.messages("ops") == []


# -- speed ------------------------------------------------------------------------------------


def incidents(state: State, count: int) -> None:
    """So many incidents fire, and a tenth of them was told in the channel C1."""
    changes = Changes()
    for number in range(1, count + 1):
        labels = labels_from({"alertname": "A", "pod": f"web-{number}"})
        changes.groups[number] = Group(number, "r", labels, MONDAY, MONDAY)
        changes.alerts[number] = Alert(number, labels, (), MONDAY, 0, MONDAY, groups=(number,))
        where = receipt("C1" if number % 10 == 0 else "C2", f"{number}.0", None)
        changes.told[number, "i1"] = Told(View({number: 1}, at=MONDAY), receipt=str(where))
    state.apply(changes)


def calls(count: int) -> int:
    """Function calls that it takes to find what waits in a channel."""
    state = State(Ruleset("", None, {}))  # type: ignore[arg-type]  # no route is looked at
    incidents(state, count)
    made = 0

    def counting(frame: object, event: str, argument: object) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    sys.setprofile(counting)
    try:
        found = waiting_in(state, "C1", MONDAY + SECOND)
    finally:
        sys.setprofile(None)
    assert len(found) == count // 10
    return made


def test_finding_what_waits_costs_so_much_for_each_incident_however_many_there_are() -> None:
    few, many = calls(1_000), calls(4_000)
    assert few < 20_000
    assert many < 4.2 * few
