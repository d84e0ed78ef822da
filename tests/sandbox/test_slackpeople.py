"""What people type and press in the stand-in, against a service that a test writes, over loopback."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.signature import SignatureVerifier

from responder.core.model import MINUTE
from responder.sandbox import slackpeople
from responder.sandbox.slack import Slack
from responder.sandbox.slackpeople import MOST, NotThere, People, Sent, buttons
from responder.sandbox.slackroom import Message
from tests.clock import ManualClock
from tests.peers.ports import free_port

SECRET: Final = "8f742231b10e8888abcd99yyyzzz85a5"
BUTTON: Final = {
    "type": "button",
    "action_id": "approve",
    "text": {"type": "plain_text", "text": "Approve"},
    "value": "v1",
}

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Stage:
    """The stand-in, and a service that notes what it is sent."""

    def __init__(self, slack: Slack, people: People, clock: ManualClock) -> None:
        self.slack = slack
        self.people = people
        self.clock = clock
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Answer = quietly

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.got.append((request.path, dict(request.headers), await request.read()))
        return await self.answer(request)

    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.got[-1][2].decode(), True).items()}

    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.form()["payload"])
        return found

    def post(self, text: str = "", **more: Any) -> Message:
        message = Message(self.slack.room.stamp(), "Responder", text, **more)
        self.slack.room.put(self.slack.room.channel("ops"), message)
        return message

    def whispers(self, user: str = "U0ANA") -> list[tuple[str, str]]:
        return [
            (one.author, one.text)
            for reader, one in self.slack.room.channel("ops").ephemeral
            if reader == user
        ]


async def quietly(request: web.Request) -> web.StreamResponse:
    return web.Response()


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    clock = ManualClock()
    slack = Slack(clock)
    slack.add_channel("ops")
    for user in ("U0ANA", "U0BEN"):
        slack.room.add_user(user, user.removeprefix("U0").lower())
    port = free_port()
    people = People(slack.room, clock, f"http://127.0.0.1:{port}", SECRET)
    people.place = f"http://127.0.0.1:{port}"
    stage = Stage(slack, people, clock)
    app = web.Application()
    people.add_routes(app)
    for path in ("/slack/commands", "/slack/interactions"):
        app.router.add_post(path, stage.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield stage
    finally:
        await runner.cleanup()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged() as made:
        yield made


async def test_a_command_is_a_form_that_slack_signed(stage: Stage) -> None:
    assert await stage.people.type("U0ANA", "#ops", "/ack  High CPU ") == Sent(200)
    [(path, headers, body)] = stage.got
    assert (path, headers["Content-Type"]) == ("/slack/commands", "application/x-www-form-urlencoded")
    verifier = SignatureVerifier(SECRET)
    assert headers["X-Slack-Signature"] == verifier.generate_signature(
        timestamp=headers["X-Slack-Request-Timestamp"], body=body
    )
    form = stage.form()
    assert form.pop("response_url").startswith(f"{stage.people.place}/slack/response/")
    assert len(form.pop("trigger_id")) == 16
    assert form == {
        "token": "deprecated",
        "api_app_id": "A0RESPONDER",
        "team_id": "T0SANDBOX",
        "team_domain": "sandbox",
        "channel_id": "C000000001",
        "channel_name": "ops",
        "user_id": "U0ANA",
        "user_name": "ana",
        "command": "/ack",
        "text": "High CPU",
        "is_enterprise_install": "false",
    }


@pytest.mark.parametrize(
    ("reply", "whispered", "posted"),
    [
        ("", [], []),
        ("plain words", [("Responder", "plain words")], []),
        ('{"text": "for you"}', [("Responder", "for you")], []),
        ('{"text": "for all", "response_type": "in_channel"}', [], ["for all"]),
    ],
)
async def test_the_answer_is_shown_to_whoever_it_is_for(
    stage: Stage, reply: str, whispered: list[tuple[str, str]], posted: list[str]
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text=reply)

    stage.answer = answer
    await stage.people.type("U0ANA", "ops", "/ack")
    assert stage.whispers() == whispered
    assert stage.whispers("U0BEN") == []
    assert [message.text for message in stage.slack.messages("ops")] == posted


async def test_what_goes_wrong_is_said_by_slack(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=401)

    stage.answer = refuse
    assert await stage.people.type("U0ANA", "ops", "/ack") == Sent(401)
    monkeypatch.setattr(slackpeople, "PATIENCE", 0.05)

    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError

    stage.answer = never
    assert await stage.people.type("U0ANA", "ops", "/ack x") == Sent(0)
    assert stage.whispers() == [
        ("Slackbot", "/ack failed with the error 401"),
        ("Slackbot", "/ack did not respond"),
    ]


async def test_a_press_says_what_was_pressed_and_where(stage: Stage) -> None:
    parent = stage.post("an incident")
    card = stage.post("a card", blocks=[{"type": "actions", "elements": [BUTTON]}], thread_ts=parent.ts)
    assert await stage.people.press("U0BEN", "ops", card.ts, "approve") == Sent(200)
    payload = stage.payload()
    assert (payload["type"], payload["user"]["id"], payload["container"]) == (
        "block_actions",
        "U0BEN",
        {
            "type": "message",
            "message_ts": card.ts,
            "channel_id": "C000000001",
            "is_ephemeral": False,
            "thread_ts": parent.ts,
        },
    )
    [action] = payload["actions"]
    assert (action["action_id"], action["value"]) == ("approve", "v1")
    assert payload["message"]["text"] == "a card"


async def test_a_whisper_can_be_pressed_by_its_reader_alone(stage: Stage) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        block = {"type": "section", "text": {"type": "plain_text", "text": "x"}, "accessory": BUTTON}
        return web.json_response({"text": "choose", "blocks": [block]})

    stage.answer = answer
    await stage.people.type("U0ANA", "ops", "/ack")
    [(_, whisper)] = stage.slack.room.channel("ops").ephemeral
    stage.answer = quietly
    assert await stage.people.press("U0ANA", "ops", whisper.ts, "approve", "v1") == Sent(200)
    payload = stage.payload()
    assert (payload["container"]["is_ephemeral"], "message" in payload) == (True, False)
    with pytest.raises(NotThere, match="this message is gone"):
        await stage.people.press("U0BEN", "ops", whisper.ts, "approve")


async def test_what_is_not_there_cannot_be_pressed_or_typed(stage: Stage) -> None:
    message = stage.post("x", attachments=[{"blocks": [{"type": "actions", "elements": [BUTTON]}]}])
    assert [one["value"] for one in buttons(message)] == ["v1"]
    people = stage.people
    for wrong, why in (
        (people.press("U0ANA", "ops", message.ts, "deny"), "no button 'deny' is there any more"),
        (people.press("U0ANA", "ops", message.ts, "approve", "v2"), "no button 'approve' is there"),
        (people.press("U0ANA", "ops", "1.0", "approve"), "this message is gone"),
        (people.press("U0EVE", "ops", message.ts, "approve"), "nobody here is 'U0EVE'"),
        (people.press("U0ANA", "no", message.ts, "approve"), "there is no channel 'no'"),
        (people.type("U0EVE", "ops", "/ack"), "nobody here is 'U0EVE'"),
        (people.type("U0ANA", "ops", "ack"), "'ack' is no command: it begins with a slash"),
    ):
        with pytest.raises(NotThere, match=why):
            await wrong
    assert stage.got == []


# -- response_url -----------------------------------------------------------------------------


async def test_more_may_be_said_five_times_in_half_an_hour(stage: Stage) -> None:
    await stage.people.type("U0ANA", "ops", "/ack")
    url = stage.form()["response_url"]

    async def say(document: Any, url: str = url) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.post(url, json=document) as answer:
            return answer.status, await answer.text()

    assert await say({"text": "for you"}) == (200, "ok")
    assert await say({"text": "for all", "response_type": "in_channel", "replace_original": False}) == (
        200,
        "ok",
    )
    assert await say({"text": "x", "channel": "C1"}) == (400, "invalid_arguments: channel")
    assert await say({"text": "x", "replace_original": True}) == (400, "invalid_arguments: replace_original")
    assert (await say({"text": ""}))[0] == 400
    assert await say({"text": "one too many"}) == (404, "used_url")
    assert stage.whispers() == [("Responder", "for you")]
    assert [message.text for message in stage.slack.messages("ops")] == ["for all"]
    assert MOST == 5
    await stage.people.type("U0ANA", "ops", "/ack")
    url = stage.form()["response_url"]
    await stage.clock.advance(30 * MINUTE)
    assert await say({"text": "late"}, url) == (404, "expired_url")
    assert await say({"text": "x"}, f"{stage.people.place}/slack/response/nobody") == (404, "expired_url")


# -- threads ----------------------------------------------------------------------------------


async def test_a_channel_shows_replies_that_are_broadcast_and_what_is_for_the_reader(stage: Stage) -> None:
    parent = stage.post("an incident")
    stage.post("quiet", thread_ts=parent.ts)
    stage.post("loud", thread_ts=parent.ts, broadcast=True)
    stage.post("later")

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text="for you")

    stage.answer = answer
    await stage.people.type("U0ANA", "ops", "/ack")
    channel = stage.slack.room.channel("ops")
    assert [one.text for one in channel.timeline()] == ["an incident", "loud", "later"]
    assert [one.text for one in channel.timeline("U0ANA")] == ["an incident", "loud", "later", "for you"]
    assert [one.document().get("subtype") for one in channel.timeline()] == [None, "thread_broadcast", None]
