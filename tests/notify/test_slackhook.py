"""Incoming webhooks: they post, and their answers are texts."""

import pytest

from responder.core.catalogue import Secret
from responder.core.model import MILLISECOND, SECOND
from responder.core.notification import Delivered, Outcome, Rejected, Retry, Unknown
from responder.notify.integration import Announcer
from tests.notify.workspace import Workspace, incident, pod

PATH = "T0/B0/verysecretpath"


async def post(workspace: Workspace, *, within: int = 10 * SECOND, path: str = PATH) -> Outcome:
    url = Secret(f"{workspace.url}/slack/services/{path}")
    return await workspace.send(incident(firing=(pod(1),)), within=within, channel="", webhook_url=url)


async def test_each_change_is_a_message_of_its_own(workspace: Workspace) -> None:
    workspace.slack.add_hook(PATH, "ops")
    assert [await post(workspace), await post(workspace)] == [Delivered(), Delivered()]
    texts = [message.text for message in workspace.slack.messages("ops")]
    assert texts == ["🔴 Firing: HighErrorRate, prod / shop / web / web-1"] * 2
    assert [message.attachments[0]["color"] for message in workspace.slack.messages("ops")] == ["#c62828"] * 2


async def test_channel_and_look_are_sent_where_they_are_set(workspace: Workspace) -> None:
    workspace.slack.add_hook(PATH, "ops")
    url = Secret(f"{workspace.url}/slack/services/{PATH}")
    told = incident(firing=(pod(1),))
    assert (
        await workspace.send(told, channel="#a", webhook_url=url, username="us", icon_emoji=":x:")
        == Delivered()
    )
    sent = workspace.slack.calls[0].arguments
    assert {name: sent.get(name) for name in ("channel", "username", "icon_emoji", "icon_url")} == {
        "channel": "#a",
        "username": "us",
        "icon_emoji": ":x:",
        "icon_url": None,
    }


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("ratelimited", Retry("rate_limited", "HTTP 429", 3 * SECOND)),
        (
            "503",
            Retry("server_error", "HTTP 503: <!doctype html><html><body><h1>Server Error</h1></body></html>"),
        ),
        (
            "404",
            Rejected(
                "client_error", "HTTP 404: <!doctype html><html><body><h1>Server Error</h1></body></html>"
            ),
        ),
        ("text_plain", Rejected("client_error", "HTTP 200, but not ok: upstream says hello")),
        ("reset", Unknown("the connection ended before an answer came")),
        ("hang", Retry("timeout", "no answer within 0.2s")),
    ],
)
async def test_what_may_go_wrong(workspace: Workspace, fault: str, outcome: Outcome) -> None:
    workspace.slack.add_hook(PATH, "ops")
    workspace.slack.fault("services", fault)
    within = 200 * MILLISECOND if fault == "hang" else 10 * SECOND
    assert await post(workspace, within=within) == outcome
    assert workspace.slack.messages("ops") == []


async def test_a_webhook_that_is_gone(workspace: Workspace) -> None:
    assert await post(workspace) == Rejected(
        "auth_error", "no_service: the incoming webhook was removed or disabled"
    )


async def test_an_archived_channel(workspace: Workspace) -> None:
    workspace.slack.add_hook(PATH, "ops")
    workspace.slack.room.channel("ops").archived = True
    assert await post(workspace) == Rejected("client_error", "HTTP 410: channel_is_archived")


async def test_the_url_is_in_no_detail(workspace: Workspace) -> None:
    outcome = await post(workspace, path="T0/B0/[bad")
    assert "B0" not in repr(outcome)
    bad = await workspace.send(incident(firing=(pod(1),)), channel="", webhook_url=Secret("http://[secret"))
    assert bad == Rejected("client_error", "no request can be made of this URL, proxy or these headers")


async def test_blocks_that_are_refused_are_told_as_text(workspace: Workspace) -> None:
    workspace.slack.add_hook(PATH, "ops")
    calls = workspace.slack.calls
    workspace.slack.fault("services", "text_400:invalid_blocks")
    assert await post(workspace) == Delivered()
    assert [call.status for call in calls] == [400, 200]
    assert sorted(calls[1].arguments) == ["text"]


async def test_the_announcement(workspace: Workspace) -> None:
    workspace.slack.add_hook(PATH, "ops")
    url = Secret(f"{workspace.url}/slack/services/{PATH}")
    sender = workspace.senders(workspace.integration("", webhook_url=url))
    assert isinstance(sender, Announcer)
    assert await sender.announce(23, 10 * SECOND) == Delivered()
    assert [message.text for message in workspace.slack.messages("ops")] == [
        "23 more incidents are waiting for this channel. They come one a second, critical ones first."
    ]
