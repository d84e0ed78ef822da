"""The stand-in for Slack is as strict as Slack: seen with the real client library, over loopback."""

from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from responder.core.model import SECOND
from responder.sandbox.slack import Slack
from responder.sandbox.slackapi import APP_TOKEN, SCOPES
from tests.notify.workspace import Workspace, running


class Bot:
    """The real client, and what it is told."""

    def __init__(self, workspace: Workspace, token: str) -> None:
        self.slack: Slack = workspace.slack
        self.client = AsyncWebClient(token, f"{workspace.url}/slack/api/", retry_handlers=[], timeout=5)

    async def ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The answer; where it is a refusal, without `ok`."""
        verb = "GET" if method in GET else "POST"
        how = {"params": arguments} if verb == "GET" else {"json": arguments}
        try:
            data = (await self.client.api_call(method, http_verb=verb, **how)).data
        except SlackApiError as error:
            data = error.response.data
        assert isinstance(data, dict)
        return {name: value for name, value in data.items() if name != "ok" or value}


GET = {
    "conversations.list",
    "conversations.history",
    "conversations.replies",
    "users.info",
    "chat.getPermalink",
}


@pytest.fixture
def bot(workspace: Workspace) -> Bot:
    return Bot(workspace, workspace.slack.token)


async def error(bot: Bot, method: str, **arguments: Any) -> str:
    return str((await bot.ask(method, **arguments)).get("error", ""))


# -- who asks ----------------------------------------------------------------------------------


async def test_tokens(workspace: Workspace, bot: Bot) -> None:
    assert (await bot.ask("auth.test"))["user"] == "responder"
    assert await Bot(workspace, "xoxb-other").ask("auth.test") == {"error": "invalid_auth"}
    assert await Bot(workspace, "").ask("auth.test") == {"error": "not_authed"}


async def test_errors_come_under_200_and_limits_under_429(workspace: Workspace) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{workspace.url}/slack/api/auth.test") as answer:
            assert (answer.status, await answer.json()) == (200, {"ok": False, "error": "not_authed"})
        workspace.slack.fault("auth.test", "ratelimited")
        async with session.post(f"{workspace.url}/slack/api/auth.test") as answer:
            assert (answer.status, answer.headers["Retry-After"], await answer.json()) == (
                429,
                "3",
                {"ok": False, "error": "ratelimited"},
            )


async def test_a_token_may_come_in_the_form(workspace: Workspace) -> None:
    async with aiohttp.ClientSession() as session:
        form = {"token": workspace.slack.token, "channel": "ops", "text": "hi"}
        async with session.post(f"{workspace.url}/slack/api/chat.postMessage", data=form) as answer:
            assert (await answer.json())["channel"] == "C000000002"


async def test_methods_and_arguments_that_do_not_exist(bot: Bot) -> None:
    assert await bot.ask("chat.shout") == {"error": "unknown_method"}
    messages = ["[ERROR] unsupported argument: volume"]
    assert await bot.ask("chat.postMessage", channel="ops", text="x", volume=11) == {
        "error": "invalid_arguments",
        "errors": messages,
        "response_metadata": {"messages": messages},
    }


@pytest.mark.parametrize(
    ("method", "arguments", "scope"),
    [
        ("chat.postMessage", {"channel": "ops", "text": "x"}, "chat:write"),
        ("chat.postMessage", {"channel": "ops", "text": "x", "username": "y"}, "chat:write.customize"),
        ("chat.update", {"channel": "C000000002", "ts": "1.0", "text": "x"}, "chat:write"),
        ("conversations.list", {}, "channels:read"),
        ("conversations.list", {"types": "private_channel"}, "groups:read"),
        ("conversations.history", {"channel": "C000000002"}, "channels:history"),
        ("conversations.join", {"channel": "C000000002"}, "channels:join"),
        ("users.info", {"user": "U1"}, "users:read"),
    ],
)
async def test_each_method_needs_its_scope(
    bot: Bot, method: str, arguments: dict[str, Any], scope: str
) -> None:
    bot.slack.scopes.remove(scope)
    left = ",".join(sorted(set(SCOPES) - {scope}))
    assert await bot.ask(method, **arguments) == {"error": "missing_scope", "needed": scope, "provided": left}


# -- posting -----------------------------------------------------------------------------------


async def test_a_message_is_posted_by_name_or_id_and_its_place_is_told(bot: Bot) -> None:
    answers = [
        await bot.ask("chat.postMessage", channel=name, text="x") for name in ("#ops", "ops", "C000000002")
    ]
    assert [(answer["channel"], answer["ts"]) for answer in answers] == [
        ("C000000002", "1767571200.000000"),
        ("C000000002", "1767571200.000001"),
        ("C000000002", "1767571200.000002"),
    ]
    assert len(bot.slack.messages("ops")) == 3


async def test_where_the_bot_cannot_post(bot: Bot) -> None:
    bot.slack.add_channel("old", archived=True)
    bot.slack.add_channel("secret", private=True, member=False)
    bot.slack.add_channel("inner", private=True)
    bot.slack.add_channel("other", member=False)
    bot.slack.add_channel("news").read_only = True

    async def errors() -> dict[str, str]:
        names = ("old", "secret", "inner", "other", "news", "nowhere", "")
        return {name: await error(bot, "chat.postMessage", channel=name, text="x") for name in names}

    expected = {
        "old": "is_archived",
        "secret": "channel_not_found",
        "inner": "",
        "other": "",
        "news": "restricted_action_read_only_channel",
        "nowhere": "channel_not_found",
        "": "channel_not_found",
    }
    assert await errors() == expected
    bot.slack.scopes.remove("chat:write.public")
    assert await errors() == {**expected, "other": "not_in_channel"}


async def test_a_long_text_is_cut_when_posted_and_refused_when_updated(bot: Bot) -> None:
    answer = await bot.ask("chat.postMessage", channel="ops", text="x" * 40_001)
    assert (answer["warning"], len(bot.slack.messages("ops")[0].text)) == ("message_truncated", 40_000)
    place = {"channel": answer["channel"], "ts": answer["ts"]}
    assert await error(bot, "chat.update", **place, text="é" * 2_000) == ""
    assert await error(bot, "chat.update", **place, text="é" * 2_001) == "msg_too_long"


async def test_a_thread(bot: Bot) -> None:
    first = await bot.ask("chat.postMessage", channel="ops", text="one")
    reply = await bot.ask("chat.postMessage", channel="ops", text="two", thread_ts=first["ts"])
    assert (
        await error(bot, "chat.postMessage", channel="ops", text="x", thread_ts="1.0") == "thread_not_found"
    )
    assert (
        await error(bot, "chat.postMessage", channel="ops", text="x", thread_ts=reply["ts"])
        == "thread_not_found"
    )
    replies = await bot.ask("conversations.replies", channel=first["channel"], ts=first["ts"])
    assert [message["text"] for message in replies["messages"]] == ["one", "two"]
    assert await error(bot, "conversations.replies", channel=first["channel"], ts="1.0") == "thread_not_found"


async def test_an_update_keeps_what_it_does_not_name(bot: Bot) -> None:
    block = {"type": "divider"}
    attached = {"color": "#aabbcc", "blocks": [block]}
    metadata = {"event_type": "e", "event_payload": {"a": "b"}}
    first = await bot.ask(
        "chat.postMessage",
        channel="ops",
        text="one",
        blocks=[block],
        attachments=[attached],
        metadata=metadata,
    )
    place = {"channel": first["channel"], "ts": first["ts"]}
    [message] = bot.slack.messages("ops")
    await bot.ask("chat.update", **place, blocks=[block, block])
    assert (message.text, len(message.blocks), message.edited) == ("one", 2, False)
    await bot.ask("chat.update", **place, text="two")
    assert (message.text, message.blocks, message.attachments, message.edited) == (
        "two",
        [],
        [attached],
        True,
    )
    assert message.metadata == metadata
    await bot.ask("chat.update", **place, text="three", blocks=[block], attachments=[], metadata={})
    assert (message.text, message.blocks, message.attachments, message.metadata, message.edited) == (
        "three",
        [block],
        [],
        {},
        False,
    )
    assert message.versions == ["one", "one", "two"]


async def test_what_cannot_be_updated(bot: Bot) -> None:
    first = await bot.ask("chat.postMessage", channel="ops", text="one")
    theirs = bot.slack.room.say("ops", "hello")
    ours = {"channel": first["channel"], "ts": first["ts"]}
    assert await error(bot, "chat.update", channel="ops", ts=first["ts"], text="x") == "channel_not_found"
    assert (
        await error(bot, "chat.update", channel=first["channel"], ts="1.0", text="x") == "message_not_found"
    )
    assert (
        await error(bot, "chat.update", channel=first["channel"], ts=theirs.ts, text="x")
        == "cant_update_message"
    )
    assert await error(bot, "chat.update", **ours) == "no_text"
    bot.slack.room.channel("ops").archived = True
    assert await error(bot, "chat.update", **ours, text="x") == "is_inactive"


async def test_deleting(bot: Bot) -> None:
    first = await bot.ask("chat.postMessage", channel="ops", text="one")
    theirs = bot.slack.room.say("ops", "hello")
    place = {"channel": first["channel"], "ts": first["ts"]}
    assert await error(bot, "chat.delete", channel=first["channel"], ts=theirs.ts) == "cant_delete_message"
    assert await bot.ask("chat.delete", **place) == {"ok": True, **place}
    assert await error(bot, "chat.delete", **place) == "message_not_found"
    assert await error(bot, "chat.update", **place, text="x") == "message_not_found"
    assert [message.text for message in bot.slack.messages("ops")] == ["hello"]


async def test_ephemeral_messages_have_a_ts_of_another_name_and_cannot_be_updated(bot: Bot) -> None:
    bot.slack.room.users["U1"] = {"id": "U1", "name": "ana"}
    answer = await bot.ask("chat.postEphemeral", channel="ops", user="U1", text="psst")
    assert sorted(answer) == ["message_ts", "ok"]
    assert await error(bot, "chat.postEphemeral", channel="ops", user="U2", text="x") == "user_not_in_channel"
    place = {"channel": "C000000002", "ts": answer["message_ts"]}
    assert await error(bot, "chat.update", **place, text="x") == "message_not_found"
    assert bot.slack.messages("ops") == []


async def test_permalinks_and_people(bot: Bot) -> None:
    first = await bot.ask("chat.postMessage", channel="ops", text="one")
    link = await bot.ask("chat.getPermalink", channel=first["channel"], message_ts=first["ts"])
    assert link["permalink"].endswith("/archives/C000000002/p1767571200000000")
    assert (
        await error(bot, "chat.getPermalink", channel=first["channel"], message_ts="1.0")
        == "message_not_found"
    )
    bot.slack.room.users["U1"] = {"id": "U1", "name": "ana"}
    assert (await bot.ask("users.info", user="U1"))["user"] == {"id": "U1", "name": "ana"}
    assert await error(bot, "users.info", user="U2") == "user_not_found"


# -- looking -----------------------------------------------------------------------------------


async def test_channels_come_in_pages(bot: Bot) -> None:
    for number in range(5):
        bot.slack.add_channel(f"c{number}")
    bot.slack.add_channel("old", archived=True)
    bot.slack.add_channel("inner", private=True)
    bot.slack.add_channel("secret", private=True, member=False)
    seen, cursor = [], ""
    while True:
        page = await bot.ask("conversations.list", limit=3, cursor=cursor, exclude_archived=True)
        seen.append([channel["name"] for channel in page["channels"]])
        if not (cursor := page["response_metadata"]["next_cursor"]):
            break
    assert seen == [["general", "ops", "c0"], ["c1", "c2", "c3"], ["c4"]]
    private = await bot.ask("conversations.list", types="private_channel")
    assert [channel["name"] for channel in private["channels"]] == ["inner"]
    assert await error(bot, "conversations.list", limit=1_000) == "invalid_limit"
    assert await error(bot, "conversations.list", limit="many") == "invalid_limit"
    assert await error(bot, "conversations.list", cursor="%%%") == "invalid_cursor"
    assert await error(bot, "conversations.list", types="channels") == "invalid_types"


async def test_history_is_newest_first_and_tells_metadata_only_when_asked(bot: Bot) -> None:
    metadata = {"event_type": "e", "event_payload": {}}
    first = await bot.ask("chat.postMessage", channel="ops", text="one", metadata=metadata)
    second = await bot.ask("chat.postMessage", channel="ops", text="two")
    channel = first["channel"]

    async def history(**arguments: Any) -> list[tuple[str, Any]]:
        page = await bot.ask("conversations.history", channel=channel, **arguments)
        return [(message["text"], message.get("metadata")) for message in page["messages"]]

    assert await history() == [("two", None), ("one", None)]
    assert await history(include_all_metadata="1") == [("two", None), ("one", metadata)]
    assert await history(oldest=first["ts"]) == [("two", None)]
    assert await history(oldest=first["ts"], latest=second["ts"]) == []
    assert await history(oldest=first["ts"], latest=second["ts"], inclusive="1") == [
        ("two", None),
        ("one", None),
    ]
    assert (
        await error(bot, "conversations.history", channel=channel, oldest="yesterday") == "invalid_ts_oldest"
    )
    page = await bot.ask("conversations.history", channel=channel, limit=1)
    assert (len(page["messages"]), page["has_more"]) == (1, True)
    bot.slack.room.channel("ops").member = False
    assert await error(bot, "conversations.history", channel=channel) == "not_in_channel"


async def test_joining(bot: Bot) -> None:
    channel = bot.slack.room.channel("ops")
    channel.member = False
    assert (await bot.ask("conversations.join", channel=channel.id))["channel"]["is_member"] is True
    assert (await bot.ask("conversations.join", channel=channel.id))["warning"] == "already_in_channel"
    channel.archived = True
    assert await error(bot, "conversations.join", channel=channel.id) == "is_archived"
    secret = bot.slack.add_channel("secret", private=True, member=False)
    assert await error(bot, "conversations.join", channel=secret.id) == "channel_not_found"


# -- rates -------------------------------------------------------------------------------------


async def test_a_message_a_second_and_channel_when_it_is_strict() -> None:
    async with running(strict=True) as workspace:
        bot = Bot(workspace, workspace.slack.token)
        posts = [await error(bot, "chat.postMessage", channel="ops", text="x") for _ in range(6)]
        assert posts == [""] * 5 + ["ratelimited"]
        assert await error(bot, "chat.postMessage", channel="general", text="x") == ""
        await workspace.clock.advance(SECOND)
        posts = [await error(bot, "chat.postMessage", channel="ops", text="x") for _ in range(2)]
        assert posts == ["", "ratelimited"]


async def test_each_method_has_its_tier_when_it_is_strict() -> None:
    async with running(strict=True) as workspace:
        bot = Bot(workspace, workspace.slack.token)
        lists = [await error(bot, "conversations.list") for _ in range(21)]
        assert lists == [""] * 20 + ["ratelimited"]
        await workspace.clock.advance(3 * SECOND)
        assert await error(bot, "conversations.list") == ""


# -- webhooks, faults, records -----------------------------------------------------------------


async def test_incoming_webhooks(workspace: Workspace) -> None:
    slack = workspace.slack
    slack.add_hook("T0/B0/x", "ops")
    async with aiohttp.ClientSession() as session:

        async def post(path: str, body: str) -> tuple[int, str]:
            async with session.post(f"{workspace.url}/slack/services/{path}", data=body) as answer:
                return answer.status, await answer.text()

        assert await post("T0/B0/y", '{"text": "hi"}') == (404, "no_service")
        assert await post("T0/B0/x", '{"text": "hi"}') == (200, "ok")
        assert await post("T0/B0/x", "hi") == (400, "invalid_payload")
        assert await post("T0/B0/x", "{}") == (400, "no_text")
        assert await post("T0/B0/x", '{"blocks": [{}]}') == (400, "invalid_blocks")
        slack.room.channel("ops").archived = True
        assert await post("T0/B0/x", '{"text": "hi"}') == (410, "channel_is_archived")
    assert [message.text for message in slack.messages("ops")] == ["hi"]


async def test_faults_come_in_the_order_in_which_they_were_asked_for(bot: Bot) -> None:
    bot.slack.fault("chat.postMessage", "ok_false:is_archived")
    bot.slack.fault("chat.postMessage", "none")
    bot.slack.fault("chat.postMessage", "ok_false:no_text", times=2)
    got = [await error(bot, "chat.postMessage", channel="ops", text="x") for _ in range(5)]
    assert got == ["is_archived", "", "no_text", "no_text", ""]
    assert len(bot.slack.messages("ops")) == 2


async def test_what_is_cut_after_it_was_done_was_done(bot: Bot) -> None:
    for kind in ("reset", "reset_after"):
        bot.slack.fault("chat.postMessage", kind)
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await bot.ask("chat.postMessage", channel="ops", text=kind)
    assert [message.text for message in bot.slack.messages("ops")] == ["reset_after"]


async def test_every_call_is_recorded_without_the_token(bot: Bot) -> None:
    await bot.ask("chat.postMessage", channel="ops", text="x")
    await bot.ask("users.info", user="U2")
    assert [(call.method, call.arguments, call.status) for call in bot.slack.calls] == [
        ("chat.postMessage", {"channel": "ops", "text": "x"}, 200),
        ("users.info", {"user": "U2"}, 200),
    ]
    assert bot.slack.called("users.info")[0].answer == {"ok": False, "error": "user_not_found"}
    assert bot.slack.token not in repr(bot.slack.calls)


# -- Socket Mode -------------------------------------------------------------------------------


async def test_an_address_for_socket_mode_is_for_the_apps_own_token_and_opens_once(
    workspace: Workspace, bot: Bot
) -> None:
    workspace.slack.link.place = workspace.url
    assert await bot.ask("apps.connections.open") == {"error": "not_allowed_token_type"}
    app = Bot(workspace, APP_TOKEN)
    assert await app.ask("auth.test") == {"error": "not_allowed_token_type"}
    url = (await app.ask("apps.connections.open"))["url"]
    assert url.startswith("ws://127.0.0.1:")
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as socket:
            assert (await socket.receive_json())["type"] == "hello"
            assert workspace.slack.link.connections == 1
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)
    assert await workspace.slack.link.send("slash_commands", {}) is None
