"""Slack through the real client library: one message per incident, its thread, and every way to fail."""

import json
from typing import Any

import msgspec
import pytest
import structlog

from responder.core.catalogue import Secret, Template
from responder.core.model import MILLISECOND, MINUTE, SECOND
from responder.core.notification import (
    Attempt,
    Delivered,
    Notification,
    Outcome,
    Partly,
    Rejected,
    Retry,
    Unknown,
)
from responder.notify.integration import Announcer
from responder.sandbox.slackapi import TOKEN
from responder.sandbox.slackroom import Message
from tests.notify.workspace import Workspace, incident, pod, running

CRITICAL = "🔴 Firing: HighErrorRate, prod / shop / web / web-1"
TWO = "🔴 Firing (2): HighErrorRate, prod / shop / web"

FIRST = incident(1, firing=(pod(1),))


def more(receipt: str, row: int = 2) -> Notification:
    return incident(row, firing=(pod(1), pod(2)), reason="new_alerts", receipt=receipt)


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


def place(receipt: str) -> tuple[str, str]:
    read = json.loads(receipt)
    return read["channel"], read["ts"]


def methods(workspace: Workspace) -> list[str]:
    return [call.method for call in workspace.slack.calls]


# -- one message ------------------------------------------------------------------------------


async def test_the_first_time_a_message_is_posted(workspace: Workspace) -> None:
    outcome = await workspace.send(FIRST)
    assert outcome == Delivered(
        '{"v":1,"channel":"C000000002","ts":"1767571200.000000","told":{"firing":"1"}}'
    )
    [message] = workspace.slack.messages("ops")
    assert (message.text, message.metadata) == (
        CRITICAL,
        {
            "event_type": "responder_incident",
            "event_payload": {"incident": "7-695aff00", "row": "1", "key": "7-695aff00/i1"},
        },
    )
    [call] = workspace.slack.calls
    assert sorted(call.arguments) == [
        "attachments",
        "blocks",
        "channel",
        "metadata",
        "text",
        "unfurl_links",
        "unfurl_media",
    ]


async def test_then_it_changes_and_the_thread_says_what_has(workspace: Workspace) -> None:
    receipt = await workspace.tell(FIRST)
    first = await workspace.send(more(receipt))
    assert first == Partly(receipt)
    assert isinstance(first, Partly)
    [message] = workspace.slack.messages("ops")
    assert (message.text, message.replies, message.edited) == (TWO, [], False)
    assert message.metadata["event_payload"]["row"] == "2"
    second = await workspace.send(more(receipt), receipt=first.receipt)
    channel, ts = place(receipt)
    assert second == Delivered(f'{{"v":1,"channel":"{channel}","ts":"{ts}","told":{{"firing":"1,2"}}}}')
    assert texts(message.replies) == ["More: web-2 fails 7% of requests (pod=web-2)"]
    assert methods(workspace) == ["chat.postMessage", "chat.update", "chat.postMessage"]


async def test_there_is_no_second_stage_where_there_is_nothing_to_say(workspace: Workspace) -> None:
    receipt = await workspace.tell(FIRST)
    same = incident(2, firing=(pod(1),), reason="test", receipt=receipt)
    assert await workspace.send(same) == Delivered(receipt)
    assert methods(workspace) == ["chat.postMessage", "chat.update"]


async def test_a_reply_that_was_overtaken_is_made_up_for_by_the_next(workspace: Workspace) -> None:
    receipt = await workspace.tell(FIRST)
    overtaken = await workspace.send(more(receipt))
    assert isinstance(overtaken, Partly)
    now = incident(3, firing=(pod(1), pod(2), pod(3)), reason="new_alerts", receipt=overtaken.receipt)
    await workspace.tell(now)
    [message] = workspace.slack.messages("ops")
    assert [reply.blocks[0]["text"]["text"] for reply in message.replies] == [
        "More (2):\n• web-2 fails 7% of requests (pod=web-2)\n• web-3 fails 7% of requests (pod=web-3)"
    ]


async def test_a_reply_is_plain_text_whatever_it_says(workspace: Workspace) -> None:
    receipt = await workspace.tell(FIRST)
    await workspace.tell(
        incident(2, firing=(pod(1), pod(2, zone="<!channel> *x*")), reason="new_alerts", receipt=receipt)
    )
    [reply] = workspace.slack.messages("ops")[0].replies
    assert reply.blocks == [
        {
            "type": "section",
            "text": {
                "type": "plain_text",
                "text": "More: web-2 fails 7% of requests (pod=web-2, zone=<!channel> *x*)",
                "emoji": False,
            },
        }
    ]
    assert reply.text == "More: web-2 fails 7% of requests (pod=web-2, zone=&lt;!channel&gt; \u2060*x\u2060*)"


async def test_ten_thousand_alerts(workspace: Workspace) -> None:
    many = tuple(pod(n) for n in range(10_000))
    receipt = await workspace.tell(incident(1, firing=many))
    assert json.loads(receipt)["told"] == {"n": [10_000, 0, 0]}
    end = tuple(pod(n, ended=workspace.clock.now() + MINUTE) for n in range(10_000))
    await workspace.tell(incident(2, resolved=end, reason="all_resolved", receipt=receipt))
    [message] = workspace.slack.messages("ops")
    assert (message.text, texts(message.replies)) == (
        "🟢 Resolved (10000): HighErrorRate, prod / shop / web",
        ["All over after 1m."],
    )


async def test_own_name_and_icon(workspace: Workspace) -> None:
    look: dict[str, Any] = {"username": "Shop", "icon_emoji": ":bell:", "icon_url": "https://x.example/i.png"}
    await workspace.tell(FIRST, **look)
    assert workspace.slack.messages("ops")[0].author == "Shop"
    workspace.slack.scopes.remove("chat:write.customize")
    assert await workspace.send(FIRST, **look) == Rejected(
        "auth_error", "missing_scope: the bot token needs the scope chat:write.customize"
    )


async def test_the_announcement(workspace: Workspace) -> None:
    sender = workspace.senders(workspace.integration())
    assert isinstance(sender, Announcer)
    assert await sender.announce(23, 10 * SECOND) == Delivered()
    assert texts(workspace.slack.messages("ops")) == [
        "23 more incidents are waiting for this channel. They come one a second, critical ones first."
    ]
    workspace.slack.fault("chat.postMessage", "ratelimited")
    assert await sender.announce(23, 10 * SECOND) == Retry("rate_limited", "ratelimited", 3 * SECOND)
    workspace.slack.fault("chat.postMessage", "hang")
    assert await sender.announce(23, 100 * MILLISECOND) == Retry("timeout", "no answer within 0.1s")


# -- when nobody knows how a try ended -----------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "outcome", "found"),
    [
        ("reset_after", Unknown("the connection ended before an answer came"), True),
        ("hang_after", Retry("timeout", "no answer within 0.2s"), True),
        ("reset", Unknown("the connection ended before an answer came"), False),
        ("ok_false:fatal_error", Unknown("fatal_error"), False),
        ("bad_json", Unknown("HTTP 200 OK: the answer cannot be read"), False),
        ("504", Unknown("HTTP 504 Gateway Timeout"), False),
    ],
)
async def test_the_message_is_looked_for_and_stays_the_only_one(
    workspace: Workspace, fault: str, outcome: Outcome, found: bool
) -> None:
    workspace.slack.fault("chat.postMessage", fault)
    within = 200 * MILLISECOND if fault == "hang_after" else 10 * SECOND
    assert await workspace.send(FIRST, within=within) == outcome
    workspace.slack.room.say("ops", "what is this?")
    receipt = await workspace.tell(FIRST, maybe_told=True)
    messages = [message for message in workspace.slack.messages("ops") if message.own]
    assert [(message.text, message.ts) for message in messages] == [(CRITICAL, place(receipt)[1])]
    assert methods(workspace)[1:] == [
        "conversations.list",
        "conversations.history",
        "chat.update" if found else "chat.postMessage",
    ]
    assert json.loads(receipt)["told"] == {"firing": "1"}


async def test_with_a_receipt_there_is_nothing_to_look_for(workspace: Workspace) -> None:
    receipt = await workspace.tell(FIRST)
    assert await workspace.send(more(receipt), maybe_told=True) == Partly(receipt)
    assert methods(workspace) == ["chat.postMessage", "chat.update"]


async def test_another_rows_message_of_the_same_incident_is_taken_over(workspace: Workspace) -> None:
    workspace.slack.fault("chat.postMessage", "reset_after")
    await workspace.send(FIRST)
    receipt = await workspace.tell(more(""), maybe_told=True)
    [message] = workspace.slack.messages("ops")
    assert (message.text, texts(message.replies)) == (TWO, ["More alerts: now 2 firing."])
    assert place(receipt) == ("C000000002", message.ts)


async def test_what_others_wrote_is_not_ours(workspace: Workspace) -> None:
    other = incident(1, firing=(pod(1),))
    sender = workspace.senders(workspace.integration())
    for strange in (
        Notification(**{**msgspec.structs.asdict(other), "group": 8}),
        Notification(**{**msgspec.structs.asdict(other), "integration": "i2"}),
    ):
        assert isinstance(await sender.send(strange, Attempt(10 * SECOND)), Delivered)
    await workspace.tell(FIRST, maybe_told=True)
    assert texts(workspace.slack.messages("ops")) == [CRITICAL] * 3


async def test_a_busy_channel_is_read_in_pages_and_not_for_ever(workspace: Workspace) -> None:
    workspace.slack.fault("chat.postMessage", "reset_after")
    await workspace.send(FIRST)
    for number in range(450):
        workspace.slack.room.say("ops", f"talk {number}")
    await workspace.tell(FIRST, maybe_told=True)
    assert methods(workspace)[1:] == ["conversations.list", *["conversations.history"] * 3, "chat.update"]
    for number in range(700):
        workspace.slack.room.say("ops", f"more talk {number}")
    await workspace.tell(FIRST, maybe_told=True)
    assert methods(workspace)[6:] == [*["conversations.history"] * 3, "chat.postMessage"]


async def test_the_search_does_not_go_back_further_than_the_news(workspace: Workspace) -> None:
    workspace.slack.fault("chat.postMessage", "none")
    await workspace.tell(FIRST, maybe_told=True)
    history = workspace.slack.called("conversations.history")[0].arguments
    assert history == {
        "channel": "C000000002",
        "include_all_metadata": "1",
        "oldest": str(FIRST.at // SECOND - 300),
        "limit": "200",
    }


@pytest.mark.parametrize(
    ("faults", "problem"),
    [
        (
            {"conversations.history": "ok_false:missing_scope"},
            "missing_scope: the bot token needs the scope (not said)",
        ),
        ({"conversations.history": "ratelimited"}, "ratelimited"),
        ({"conversations.history": "hang"}, "it took too long"),
        ({"conversations.list": "reset"}, "the connection ended before the request was sent"),
        ({"conversations.list": "ok_false:invalid_cursor"}, "invalid_cursor"),
    ],
)
async def test_a_search_that_fails_silences_nobody(
    workspace: Workspace, faults: dict[str, str], problem: str
) -> None:
    for method, fault in faults.items():
        # aiohttp itself asks once more where a question got no answer.
        workspace.slack.fault(method, fault, times=2 if fault == "reset" else 1)
    with structlog.testing.capture_logs() as logged:
        outcome = await workspace.send(FIRST, maybe_told=True, within=SECOND)
    assert isinstance(outcome, Delivered)
    assert texts(workspace.slack.messages("ops")) == [CRITICAL]
    assert [(line["event"], line["problem"]) for line in logged] == [("slack_not_searched", problem)]


async def test_channels_are_listed_once_page_by_page_and_private_ones_only_with_the_scope(
    workspace: Workspace,
) -> None:
    for number in range(1_500):
        workspace.slack.add_channel(f"team-{number}")
    workspace.slack.scopes.remove("groups:read")
    for channel in ("#team-1400", "team-1400", "#ops"):
        await workspace.tell(FIRST, channel=channel, maybe_told=True)
    listed = [
        (call.arguments["types"], call.answer["ok"]) for call in workspace.slack.called("conversations.list")
    ]
    assert listed == [
        ("public_channel,private_channel", False),
        ("public_channel", True),
        ("public_channel", True),
    ]
    assert [message.text for message in workspace.slack.messages("team-1400")] == [CRITICAL]


async def test_a_channel_is_named_once_and_then_told_by_its_id_whatever_it_is_called(
    workspace: Workspace,
) -> None:
    await workspace.tell(FIRST)
    workspace.slack.room.channel("ops").name = "operations"
    await workspace.tell(FIRST)
    assert [call.arguments["channel"] for call in workspace.slack.called("chat.postMessage")] == [
        "#ops",
        "C000000002",
    ]
    assert texts(workspace.slack.messages("operations")) == [CRITICAL, CRITICAL]


@pytest.mark.parametrize("maybe_told", [False, True])
async def test_a_channel_that_was_made_anew_is_found_by_its_name(
    workspace: Workspace, maybe_told: bool
) -> None:
    await workspace.tell(FIRST, maybe_told=maybe_told)
    old = workspace.slack.room.channel("ops")
    del workspace.slack.room.channels[old.id]
    made = workspace.slack.add_channel("ops")
    made.id = "C00000NEW1"
    workspace.slack.room.channels = {
        **{key: value for key, value in workspace.slack.room.channels.items() if value is not made},
        made.id: made,
    }
    await workspace.tell(FIRST, maybe_told=maybe_told)
    await workspace.tell(FIRST, maybe_told=True)
    assert texts(made.messages) == [CRITICAL]
    assert len(workspace.slack.called("conversations.list")) == maybe_told


async def test_a_channel_given_by_its_id_is_not_listed(workspace: Workspace) -> None:
    await workspace.tell(FIRST, channel="C000000002", maybe_told=True)
    assert methods(workspace) == ["conversations.history", "chat.postMessage"]


# -- a message that cannot be edited -----------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    ["message_not_found", "cant_update_message", "edit_window_closed", "block_mismatch", "channel_not_found"],
)
async def test_a_message_that_is_lost_is_continued_by_another(workspace: Workspace, error: str) -> None:
    receipt = await workspace.tell(FIRST)
    workspace.slack.fault("chat.update", f"ok_false:{error}")
    again = await workspace.send(more(receipt))
    assert isinstance(again, Delivered)
    old, new = workspace.slack.messages("ops")
    assert place(again.receipt) == ("C000000002", new.ts)
    assert (old.text, new.text) == (CRITICAL, TWO)
    note = "Continues an earlier message, which cannot be edited any more"
    assert note in json.dumps(new.attachments)
    assert json.loads(again.receipt)["told"] == {"firing": "1,2"}


@pytest.mark.parametrize("deleted", [True, False])
async def test_the_message_that_continues_is_looked_for_as_well(workspace: Workspace, deleted: bool) -> None:
    receipt = await workspace.tell(FIRST)
    if deleted:
        workspace.slack.room.delete("ops", place(receipt)[1])
    else:
        workspace.slack.fault("chat.update", "ok_false:edit_window_closed", times=2)
    workspace.slack.fault("chat.postMessage", "reset_after")
    assert await workspace.send(more(receipt)) == Unknown("the connection ended before an answer came")
    after = await workspace.tell(more(receipt), maybe_told=True)
    assert texts(workspace.slack.messages("ops")) == ([TWO] if deleted else [CRITICAL, TWO])
    assert place(after)[1] == workspace.slack.messages("ops")[-1].ts


async def test_what_is_lost_is_not_looked_for(workspace: Workspace) -> None:
    receipt = await workspace.tell(FIRST)
    workspace.slack.fault("chat.update", "ok_false:edit_window_closed")
    await workspace.tell(more(receipt), maybe_told=True)
    assert methods(workspace)[2:] == ["conversations.history", "chat.postMessage"]
    assert texts(workspace.slack.messages("ops")) == [CRITICAL, TWO]


async def test_a_deleted_message(workspace: Workspace) -> None:
    receipt = await workspace.tell(FIRST)
    workspace.slack.room.delete("ops", place(receipt)[1])
    await workspace.tell(more(receipt))
    assert texts(workspace.slack.messages("ops")) == [TWO]


async def test_a_thread_that_is_gone(workspace: Workspace) -> None:
    receipt = await workspace.tell(FIRST)
    assert await workspace.send(more(receipt)) == Partly(receipt)
    workspace.slack.room.delete("ops", place(receipt)[1])
    assert await workspace.send(more(receipt), receipt=receipt) == Rejected(
        "client_error", "thread_not_found"
    )


# -- blocks that are refused -------------------------------------------------------------------

REFUSED = [
    "invalid_attachments",
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
]


@pytest.mark.parametrize("error", REFUSED)
async def test_what_is_refused_is_told_as_text(workspace: Workspace, error: str) -> None:
    workspace.slack.fault("chat.postMessage", f"ok_false:{error}")
    receipt = await workspace.tell(FIRST)
    [message] = workspace.slack.messages("ops")
    assert (message.text.splitlines()[:2], message.blocks, message.attachments) == (
        [CRITICAL, "Began: 1 firing."],
        [],
        [],
    )
    assert message.metadata["event_payload"]["row"] == "1"
    workspace.slack.fault("chat.update", f"ok_false:{error}")
    assert await workspace.send(more(receipt)) == Partly(receipt)
    assert (message.text.splitlines()[0], message.blocks, message.attachments) == (TWO, [], [])
    await workspace.tell(more(receipt))
    assert (message.text, len(message.blocks), len(message.attachments)) == (TWO, 1, 1)


async def test_what_is_refused_twice_is_rejected(workspace: Workspace) -> None:
    workspace.slack.fault("chat.postMessage", "ok_false:invalid_blocks", times=2)
    assert await workspace.send(FIRST) == Rejected("client_error", "invalid_blocks")
    assert methods(workspace) == ["chat.postMessage"] * 2


# -- the bot and the channel ---------------------------------------------------------------------


async def test_the_bot_joins_a_public_channel_that_it_is_not_in(workspace: Workspace) -> None:
    workspace.slack.scopes.remove("chat:write.public")
    workspace.slack.room.channel("ops").member = False
    await workspace.tell(FIRST)
    assert texts(workspace.slack.messages("ops")) == [CRITICAL]
    assert methods(workspace) == [
        "chat.postMessage",
        "conversations.list",
        "conversations.join",
        "chat.postMessage",
    ]


INVITE = Rejected(
    "client_error",
    "not_in_channel: invite the bot to the channel, or give it the scope chat:write.public",
)


@pytest.mark.parametrize("missing", ["channels:join", "channels:read"])
async def test_where_it_cannot_join_a_person_must_invite_it(workspace: Workspace, missing: str) -> None:
    workspace.slack.scopes.difference_update({"chat:write.public", missing})
    workspace.slack.room.channel("ops").member = False
    assert await workspace.send(FIRST) == INVITE


async def test_where_joining_fails_for_now_it_is_tried_again(workspace: Workspace) -> None:
    workspace.slack.scopes.remove("chat:write.public")
    workspace.slack.room.channel("ops").member = False
    workspace.slack.fault("conversations.join", "ratelimited")
    assert await workspace.send(FIRST) == Retry("rate_limited", "ratelimited", 3 * SECOND)
    workspace.slack.fault("conversations.join", "reset")
    assert await workspace.send(FIRST) == Retry("network", "the connection ended before the request was sent")


async def test_channels_that_nobody_can_post_to(workspace: Workspace) -> None:
    workspace.slack.add_channel("old", archived=True)
    workspace.slack.add_channel("secret", private=True, member=False)
    workspace.slack.add_channel("news").read_only = True
    gone = "channel_not_found: there is no such channel, or it is private and the bot was not invited"
    expected = {
        "#old": "is_archived: the channel is archived: restore it, or tell another",
        "#secret": gone,
        "#nowhere": gone,
        "#news": "restricted_action_read_only_channel: only some may post in this channel: let the bot",
    }
    outcomes = {name: await workspace.send(FIRST, channel=name) for name in expected}
    assert outcomes == {name: Rejected("client_error", detail) for name, detail in expected.items()}


async def test_a_channel_that_was_archived_meanwhile(workspace: Workspace) -> None:
    receipt = await workspace.tell(FIRST)
    workspace.slack.room.channel("ops").archived = True
    assert await workspace.send(more(receipt)) == Rejected(
        "client_error", "is_inactive: the channel is archived or frozen: restore it, or tell another"
    )


# -- rates -------------------------------------------------------------------------------------


async def test_slacks_own_rate_is_obeyed() -> None:
    async with running(strict=True) as workspace:
        outcomes = [await workspace.send(incident(row, firing=(pod(row),))) for row in range(1, 8)]
        assert [type(outcome) for outcome in outcomes] == [Delivered] * 5 + [Retry] * 2
        assert outcomes[5] == Retry("rate_limited", "ratelimited", SECOND)
        await workspace.clock.advance(SECOND)
        assert isinstance(await workspace.send(FIRST), Delivered)


# -- own words ---------------------------------------------------------------------------------


async def test_texts_of_somebody_elses(workspace: Workspace) -> None:
    templates = {
        "title": Template("Shop <b>", plain=True),
        "text": Template("See <https://x.example|this>", plain=True),
    }
    await workspace.tell(FIRST, templates=templates)
    [message] = workspace.slack.messages("ops")
    assert (message.text, message.blocks[0]["text"]["text"]) == ("🔴 Shop &lt;b&gt;", "Shop <b>")
    assert message.attachments[0]["blocks"][1]["text"] == {
        "type": "mrkdwn",
        "text": "See <https://x.example|this>",
    }


async def test_a_template_that_fails_is_replaced_by_our_text_and_logged(workspace: Workspace) -> None:
    templates = {"title": Template("{{ oops.", place="rules/routing.yaml:7:9")}
    with structlog.testing.capture_logs() as logged:
        await workspace.tell(FIRST, templates=templates)
    assert texts(workspace.slack.messages("ops")) == [CRITICAL]
    assert [(line["event"], line["place"]) for line in logged] == [
        ("template_failed", "rules/routing.yaml:7:9")
    ]


# -- secrets -----------------------------------------------------------------------------------


async def test_the_token_is_in_no_outcome_and_no_log_line(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    outcomes: list[Outcome] = []
    with structlog.testing.capture_logs() as logged:
        for error in (TOKEN, f"invalid_blocks {TOKEN}", "invalid_auth"):
            workspace.slack.fault("chat.postMessage", f"ok_false:{error}")
            outcomes.append(await workspace.send(FIRST))
        outcomes.append(await workspace.send(FIRST, token=Secret("xoxb-another-token")))
    assert outcomes == [
        Rejected("client_error", "<secret>"),
        Rejected("client_error", "invalid_blocks <secret>"),
        Rejected("auth_error", "invalid_auth: the bot token is wrong"),
        Rejected("auth_error", "invalid_auth: the bot token is wrong"),
    ]
    everything = repr(outcomes) + repr(logged) + caplog.text
    assert TOKEN not in everything
    assert "xoxb-another-token" not in everything
