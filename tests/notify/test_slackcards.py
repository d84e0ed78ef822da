"""Updates through the real client library: the incident's message, a card for each run, every way to fail."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from responder.core.catalogue import Secret
from responder.core.notification import Attempt, Delivered, Notification, Rejected, Retry, Unknown
from responder.core.run import Run
from responder.delivery.dispatch import LONGEST_RECEIPT
from responder.notify import runs as words
from responder.notify.slackcards import KEPT, Card, Shown, read
from responder.sandbox.slackroom import Message
from tests.notify.runs import BY_ANA, DENIED, HELPED, WAITS, run, update
from tests.notify.workspace import Workspace, incident, pod, running

FIRST = incident(1, firing=(pod(1),))


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    async with running(pressable=True) as made:
        yield made


async def told(workspace: Workspace) -> Notification:
    """The incident after it was told."""
    return replace(FIRST, receipt=await workspace.tell(FIRST))


def calls(workspace: Workspace) -> list[str]:
    return [call.method.removeprefix("chat.") for call in workspace.slack.calls]


def headers(messages: list[Message]) -> list[str]:
    return [message.blocks[0]["text"]["text"] for message in messages]


def lines(message: Message) -> list[str]:
    blocks = [block for one in message.attachments for block in one["blocks"] if block["type"] != "actions"]
    return [text["text"] for block in blocks for text in block.get("elements") or [block["text"]]]


def buttons(message: Message) -> list[tuple[str, str]]:
    blocks = [block for one in message.attachments for block in one["blocks"] if block["type"] == "actions"]
    return [(one["action_id"], one["value"]) for block in blocks for one in block["elements"]]


async def test_an_update_edits_the_message_and_says_nothing_new(workspace: Workspace) -> None:
    known = await told(workspace)
    metadata = workspace.slack.messages("ops")[0].metadata
    assert await workspace.send(update(known, acknowledged=BY_ANA)) == Delivered("")
    [message] = workspace.slack.messages("ops")
    assert (message.replies, message.edited, message.metadata) == ([], False, metadata)
    assert lines(message)[1] == (
        "Acknowledged by ana at <!date^1767571380^{date_short_pretty} {time}|2026-01-05 00:03 UTC>"
    )
    assert buttons(message) == [("unacknowledge", "7-695aff00")]
    assert calls(workspace) == ["postMessage", "update"]


async def test_an_ordinary_message_shows_both_as_well(workspace: Workspace) -> None:
    await workspace.tell(replace(FIRST, acknowledged=BY_ANA, runs=(DENIED, WAITS)))
    [message] = workspace.slack.messages("ops")
    assert [line.partition(" until")[0] for line in lines(message)[1:4]] == [
        "Acknowledged by ana at <!date^1767571380^{date_short_pretty} {time}|2026-01-05 00:03 UTC>",
        "Run r2-695aff3c: pod-restarts on prod / shop / Deployment checkout: denied (cooldown)",
        "Run r1-695aff3c: pod-restarts on prod / shop / Deployment checkout: waits for an approval (0 of 1)",
    ]


async def test_a_button_takes_the_incident_on_while_it_fires(workspace: Workspace) -> None:
    await workspace.tell(FIRST)
    assert buttons(workspace.slack.messages("ops")[0]) == [("acknowledge", "7-695aff00")]
    await workspace.tell(incident(2, resolved=(pod(1, ended=FIRST.at),), reason="all_resolved"))
    assert buttons(workspace.slack.messages("ops")[1]) == []


async def test_without_somebody_to_hear_of_it_there_are_no_buttons() -> None:
    async with running() as workspace:
        known = await told(workspace)
        await workspace.send(update(known, runs=(WAITS,)))
        [message] = workspace.slack.messages("ops")
        assert [buttons(one) for one in (message, *message.replies)] == [[], []]


async def test_a_run_has_one_card_in_the_thread_that_changes(workspace: Workspace) -> None:
    known = await told(workspace)
    first = await workspace.send(update(known, runs=(WAITS,)))
    assert isinstance(first, Delivered)
    [message] = workspace.slack.messages("ops")
    [card] = message.replies
    assert (headers([card]), card.broadcast) == (["pod-restarts: waits for an approval"], True)
    assert [action for action, _ in buttons(card)] == ["approve", "deny"]
    assert card.metadata == {
        "event_type": "responder_run",
        "event_payload": {"run": WAITS.id, "state": "awaiting_approval", "seen": True},
    }
    second = await workspace.send(update(known, 901, runs=(HELPED,), shown=first.receipt))
    assert isinstance(second, Delivered)
    [same] = message.replies
    assert (headers([same]), buttons(same), same.ts) == (["pod-restarts: succeeded"], [], card.ts)
    assert [(one.run, one.ts, one.seen) for one in read(second.receipt).values()] == [
        (WAITS.id, card.ts, True)
    ]
    assert calls(workspace) == ["postMessage", "update", "postMessage", "update", "update"]


async def test_a_card_that_shows_the_same_is_left_alone(workspace: Workspace) -> None:
    known = await told(workspace)
    first = await workspace.send(update(known, runs=(DENIED, WAITS)))
    assert isinstance(first, Delivered)
    again = await workspace.send(update(known, 901, runs=(DENIED, WAITS), shown=first.receipt))
    assert again == first
    assert calls(workspace) == ["postMessage", "update", "postMessage", "postMessage", "update"]


async def test_a_run_of_which_nothing_is_known_yet_has_no_card(workspace: Workspace) -> None:
    known = await told(workspace)
    assert await workspace.send(update(known, runs=(run(),))) == Delivered("")
    [message] = workspace.slack.messages("ops")
    assert (message.replies, lines(message)[1]) == (
        [],
        "Run r1-695aff3c: pod-restarts on prod / shop / Deployment checkout: proposed",
    )


async def test_the_channel_is_shown_once_that_a_card_waits(workspace: Workspace) -> None:
    known = await told(workspace)
    young = replace(WAITS, state="proposed")
    receipt = ""
    loud = []
    for state in (young, WAITS, replace(WAITS, needed=2), HELPED):
        outcome = await workspace.send(update(known, runs=(state,), shown=receipt))
        assert isinstance(outcome, Delivered)
        receipt = outcome.receipt
        loud.append(workspace.slack.calls[-1].arguments.get("reply_broadcast"))
    assert loud == [None, True, None, None]
    assert [one.broadcast for one in workspace.slack.messages("ops")[0].replies] == [True]


async def test_where_the_channel_cannot_be_shown_it_the_card_changes_all_the_same(
    workspace: Workspace,
) -> None:
    known = await told(workspace)
    young = replace(WAITS, state="proposed")
    first = await workspace.send(update(known, runs=(young,)))
    assert isinstance(first, Delivered)
    workspace.slack.fault("chat.update", "none")
    workspace.slack.fault("chat.update", "ok_false:cant_broadcast_message")
    assert isinstance(await workspace.send(update(known, runs=(WAITS,), shown=first.receipt)), Delivered)
    assert headers(workspace.slack.messages("ops")[0].replies) == ["pod-restarts: waits for an approval"]


async def test_an_incident_that_was_not_told_here_is_not_shown_here(workspace: Workspace) -> None:
    assert await workspace.send(update(FIRST, runs=(WAITS,), shown="x")) == Delivered("x")
    assert calls(workspace) == []


async def test_an_incoming_webhook_cannot_change_what_it_said(workspace: Workspace) -> None:
    hook: dict[str, Any] = {"webhook_url": Secret("https://hooks.slack.example/services/x")}
    known = replace(FIRST, receipt='{"v":1,"channel":"C000000002","ts":"1.0"}')
    outcome = await workspace.send(update(known, runs=(WAITS,), shown="x"), **hook)
    assert (outcome, calls(workspace)) == (Delivered("x"), [])


# -- every way to fail ------------------------------------------------------------------------


async def test_where_the_message_is_gone_the_cards_stand_in_the_channel(workspace: Workspace) -> None:
    known = await told(workspace)
    workspace.slack.room.delete("ops", json.loads(known.receipt)["ts"])
    assert isinstance(await workspace.send(update(known, runs=(WAITS,))), Delivered)
    assert headers(workspace.slack.messages("ops")) == ["pod-restarts: waits for an approval"]


async def test_a_card_that_is_gone_is_posted_again(workspace: Workspace) -> None:
    known = await told(workspace)
    first = await workspace.send(update(known, runs=(WAITS,)))
    assert isinstance(first, Delivered)
    [message] = workspace.slack.messages("ops")
    workspace.slack.room.delete("ops", message.replies[0].ts)
    assert isinstance(await workspace.send(update(known, runs=(HELPED,), shown=first.receipt)), Delivered)
    assert headers(message.replies) == ["pod-restarts: succeeded"]


async def test_blocks_that_slack_refuses_leave_text_and_buttons(workspace: Workspace) -> None:
    known = await told(workspace)
    workspace.slack.fault("chat.postMessage", "ok_false:invalid_blocks")
    assert isinstance(await workspace.send(update(known, runs=(WAITS,))), Delivered)
    [card] = workspace.slack.messages("ops")[0].replies
    assert [block["type"] for block in card.blocks] == ["section", "actions"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("ratelimited", Retry),
        ("503", Retry),
        ("ok_false:invalid_auth", Rejected),
        ("reset_after", Unknown),
        ("hang_after", Retry),
    ],
)
async def test_what_stands_already_is_not_posted_twice(workspace: Workspace, fault: str, kind: Any) -> None:
    known = await told(workspace)
    both = update(known, runs=(DENIED, WAITS))
    workspace.slack.fault("chat.postMessage", "none")
    workspace.slack.fault("chat.postMessage", fault)
    outcome = await workspace.send(both, within=300_000_000 if fault == "hang_after" else 10_000_000_000)
    assert isinstance(outcome, kind)
    sender = workspace.senders(workspace.integration())
    assert isinstance(await sender.send(both, Attempt(10_000_000_000, 2, fault.endswith("after"))), Delivered)
    [message] = workspace.slack.messages("ops")
    assert headers(message.replies) == ["pod-restarts: denied", "pod-restarts: waits for an approval"]


async def test_after_a_restart_the_thread_is_searched_for_a_card(workspace: Workspace) -> None:
    known = await told(workspace)
    assert isinstance(await workspace.send(update(known, runs=(WAITS,))), Delivered)
    again = await workspace.send(update(known, runs=(HELPED,)), maybe_told=True)
    assert isinstance(again, Delivered)
    assert headers(workspace.slack.messages("ops")[0].replies) == ["pod-restarts: succeeded"]
    workspace.slack.fault("conversations.replies", "ok_false:thread_not_found")
    other = replace(DENIED)
    assert isinstance(await workspace.send(update(known, runs=(other,)), maybe_told=True), Delivered)


# -- receipts ---------------------------------------------------------------------------------


def test_the_newest_cards_fit_into_a_receipt() -> None:
    cards = tuple(Card(f"r{10**6 + n}-ffffffff", "1767571200.000001", "a" * 8, True) for n in range(KEPT))
    receipt = str(Shown(1, cards))
    assert len(receipt) <= LONGEST_RECEIPT
    assert [*read(receipt).values()] == [*cards]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"v":2,"cards":[]}', '{"v":1,"cards":[1]}'])
def test_a_receipt_that_cannot_be_read_knows_no_cards(text: str) -> None:
    assert read(text) == {}


async def test_older_cards_are_forgotten_first(workspace: Workspace) -> None:
    known = await told(workspace)
    cards = tuple(Card(f"r{n}-0", f"{n}.0", "x", True) for n in range(100, 100 + KEPT))
    shown = str(Shown(1, cards))
    outcome = await workspace.send(update(known, runs=(DENIED,), shown=shown))
    assert isinstance(outcome, Delivered)
    kept = [*read(outcome.receipt)]
    assert (len(kept), kept[0], kept[-1]) == (KEPT, "r101-0", DENIED.id)


async def test_runs_whose_cards_are_forgotten_are_not_shown_again(workspace: Workspace) -> None:
    known = await told(workspace)
    many = tuple(replace(DENIED, number=number) for number in range(1, KEPT + 4))
    first = await workspace.send(update(known, runs=many[:-1]))
    assert isinstance(first, Delivered)
    second = await workspace.send(update(known, 901, runs=many, shown=first.receipt))
    assert isinstance(second, Delivered)
    assert len(workspace.slack.messages("ops")[0].replies) == KEPT + 1
    assert [*read(second.receipt)] == [run.id for run in many[-KEPT:]]


def test_the_newest_runs_are_named_and_the_others_counted() -> None:
    many: tuple[Run, ...] = tuple(run(number) for number in range(1, 9))
    assert [line.partition(":")[0] for line in words.lines(replace(FIRST, runs=many))] == [
        "3 earlier runs",
        *(f"Run r{number}-695aff3c" for number in range(4, 9)),
    ]
