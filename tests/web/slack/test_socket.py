"""Socket Mode: the service connects, hears what people type and press, and stays connected."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from responder.sandbox.slackpeople import Sent
from tests.web.slack.place import ANA, GUEST, Place, serving


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with serving(tmp_path, socket=True) as made:
        await made.until(lambda: made.slack.link.connections)
        yield made


def opened(place: Place) -> int:
    return len(place.slack.called("apps.connections.open"))


async def test_commands_and_buttons_work_without_a_way_in(place: Place) -> None:
    await place.fire("HighCPU", "DiskFull")
    assert await place.type("/ack", GUEST) == "2 incidents wait for somebody"
    said = await place.press(place.whisper(GUEST), "acknowledge", GUEST)
    assert said.endswith(" acknowledged")
    incident = place.service.engine.state.groups[1].incident
    [message] = [one for one in place.slack.messages("ops") if incident in str(one.attachments)]
    await place.until(lambda: "Acknowledge" in str(message.attachments))
    assert place.counted() == {"accepted": 2}
    assert [sorted(frame) for frame in place.slack.link.acknowledged] == [
        ["envelope_id", "payload"],  # a command's answer goes along
        ["envelope_id"],
    ]


async def test_there_is_nothing_to_call_over_http(place: Place) -> None:
    body = urlencode({"command": "/ack", "user_id": ANA}).encode()
    for path in ("/slack/commands", "/slack/interactions"):
        assert (await place.people.deliver(path, body, {})).status == 404


async def test_an_envelope_counts_once(place: Place) -> None:
    fields = {"command": "/runbook", "text": "help", "user_id": ANA}
    first = await place.slack.link.send("slash_commands", fields, "e1")
    again = await place.slack.link.send("slash_commands", fields, "e1")
    assert (first is not None and "payload" in first, again) == (True, {"envelope_id": "e1"})
    assert place.counted() == {"accepted": 1, "replayed": 1}


async def test_nonsense_is_acknowledged_and_does_nothing(place: Place) -> None:
    link = place.slack.link
    for kind, payload in (
        ("slash_commands", {"command": "/ack"}),
        ("slash_commands", []),
        ("interactive", "x"),
        ("interactive", {"type": "block_actions"}),
        ("events_api", {"event": {}}),
    ):
        answer = await link.send(kind, payload)
        assert answer is not None
        assert list(answer) == ["envelope_id"]
    await link.say({"type": "something_new"})
    await link.say({"no": "type"})
    assert await place.type("/runbook help") != ""


async def test_before_slack_closes_a_connection_the_next_is_open(place: Place) -> None:
    link = place.slack.link
    await link.say({"type": "disconnect", "reason": "refresh_requested"})
    await place.until(lambda: link.connections == 2)
    assert opened(place) == 2
    assert await place.type("/runbook list") == "There are no runbooks in the rules."


async def test_a_connection_that_is_lost_is_opened_again_and_not_at_once_again_and_again(
    place: Place,
) -> None:
    link = place.slack.link
    place.slack.fault("apps.connections.open", "ok_false:internal_error", 2)
    place.slack.fault("apps.connections.open", "ok_false:invalid_auth", 1)
    before = place.clock.monotonic()
    await link.cut()
    await place.until(lambda: link.connections)
    waited = (place.clock.monotonic() - before) / 1_000_000_000
    assert (opened(place), 7 <= waited < 12) == (5, True)  # at once, then after 1, 2 and 4 seconds
    assert await place.people.type(ANA, "ops", "/runbook list") != Sent(0)


async def test_an_answer_that_takes_long_is_said_later(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    held = asyncio.Event()
    command = place.service.engine.command

    async def slowly(*arguments: object) -> object:
        await held.wait()
        return await command(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(place.service.engine, "command", slowly)
    typing = asyncio.create_task(place.type("/ack Nothing"))
    await place.until(typing.done)
    assert typing.result() == "Working on it; the rest is said here in a moment."
    held.set()
    await place.until(lambda: len(place.whispers()) == 2)
