"""What the doctor finds about Slack, at a small server that answers as a test says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from responder.core.catalogue import Secret, SlackSettings
from responder.finding import Finding
from responder.notify.doctor.asking import TEST
from responder.notify.doctor.slack import examine
from responder.notify.http import Http
from tests.notify.pager import closed_port

TOKEN = "xoxb-1234-canary"
ALL = "chat:write,chat:write.public,channels:read,groups:read,channels:history,groups:history,channels:join"
WELL = [
    Finding("ok", "slack 127.0.0.1", "the token is valid: responder in the workspace Platform"),
    Finding("ok", "slack 127.0.0.1", "the scope chat:write is granted"),
]
ADD = "add it to the app (OAuth & Permissions, Bot Token Scopes) and install the app again"
INVITE = "invite the bot in that channel: /invite @BOT"


class Workspace:
    """Slack's Web API, as far as the doctor asks."""

    def __init__(self) -> None:
        self.scopes: str | None = ALL
        self.answers: dict[str, Any] = {
            "auth.test": {"ok": True, "team": "Platform", "user": "responder"},
            "chat.postMessage": {"ok": True},
        }
        self.channels = [
            {"id": "C000001", "name": "ops", "is_member": True},
            {"id": "C000002", "name": "public", "is_member": False},
            {"id": "C000003", "name": "old", "is_member": True, "is_archived": True},
            {"id": "G000004", "name": "secret", "is_member": False, "is_private": True},
        ]
        self.calls: list[tuple[str, str, Any]] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        body = await request.json() if request.can_read_body else dict(request.query)
        self.calls.append((request.method, method, body))
        if request.headers["Authorization"] != f"Bearer {TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        answer = self.answers.get(method) or self.list(request)
        if isinstance(answer, web.Response):
            return answer
        headers = {} if self.scopes is None else {"x-oauth-scopes": self.scopes}
        return web.json_response(answer, headers=headers)

    def list(self, request: web.Request) -> dict[str, Any]:
        """One channel on each page."""
        page = int(request.query.get("cursor", "0"))
        cursor = str(page + 1) if page + 1 < len(self.channels) else ""
        return {"ok": True, "channels": [self.channels[page]], "response_metadata": {"next_cursor": cursor}}


@asynccontextmanager
async def serving() -> AsyncIterator[Workspace]:
    workspace = Workspace()
    app = web.Application()
    app.router.add_route("*", "/api/{method}", workspace.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    workspace.url = f"http://{host}:{port}/api/"
    yield workspace
    await runner.cleanup()


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    async with serving() as running:
        yield running


async def look(
    workspace: Workspace, *channels: str, token: str = TOKEN, send: bool = False, **settings: Any
) -> list[Finding]:
    http = Http()
    wanted = [
        (f"r{number}", SlackSettings(channel, Secret(token), workspace.url, **settings))
        for number, channel in enumerate(channels)
    ]
    try:
        return await examine(wanted, http, send=send)
    finally:
        await http.close()


async def test_all_is_well(workspace: Workspace) -> None:
    found = await look(workspace, "#ops", "C000001", "public")
    assert found == [
        *WELL,
        Finding("ok", "slack #ops", "it exists, and the bot is a member"),
        Finding("ok", "slack C000001", "it exists, and the bot is a member"),
        Finding("ok", "slack public", "it exists and is public: the bot may post without being a member"),
    ]
    methods = [(verb, method) for verb, method, _ in workspace.calls]
    assert methods == [("POST", "auth.test")] + [("GET", "conversations.list")] * 4


async def test_channels_that_cannot_be_told(workspace: Workspace) -> None:
    found = await look(workspace, "#gone", "C9999999", "#old", "#secret", "@ada")
    assert found[2:] == [
        Finding(
            "problem",
            "slack #gone",
            "there is no channel of that name that the bot can see",
            "check how the channel is written; to a private one the bot must be invited",
        ),
        Finding(
            "problem",
            "slack C9999999",
            "there is no channel of that id that the bot can see",
            "check how the channel is written; to a private one the bot must be invited",
        ),
        Finding(
            "problem",
            "slack #old",
            "it is archived: nothing can be posted",
            "choose another channel, or unarchive this one",
        ),
        Finding("problem", "slack #secret", "it is private and the bot is not a member", INVITE),
        Finding(
            "warning",
            "slack @ada",
            "a person or a direct message: it is not looked at",
            "prove it with --send",
        ),
    ]


async def test_what_is_lost_without_a_scope(workspace: Workspace) -> None:
    workspace.scopes = "channels:read"
    found = await look(workspace, "#public", "#secret")
    assert [(each.level, each.about, each.found.partition(":")[0]) for each in found[1:]] == [
        ("problem", "slack 127.0.0.1", "the scope chat"),
        ("warning", "slack 127.0.0.1", "the scope chat"),
        ("warning", "slack 127.0.0.1", "the scope groups"),
        ("warning", "slack 127.0.0.1", "the scope channels"),
        ("warning", "slack 127.0.0.1", "the scope groups"),
        ("warning", "slack 127.0.0.1", "the scope channels"),
        ("problem", "slack #public", "it exists, and the bot is not a member"),
        ("problem", "slack #secret", "it is private and the bot is not a member"),
    ]
    assert found[1] == Finding(
        "problem", "slack 127.0.0.1", "the scope chat:write is missing: nothing can be posted", ADD
    )
    types = {arguments["types"] for _, method, arguments in workspace.calls if method == "conversations.list"}
    assert types == {"public_channel"}


async def test_a_bot_that_may_join_is_warned_about(workspace: Workspace) -> None:
    workspace.scopes = ALL.replace("chat:write.public,", "")
    found = await look(workspace, "#public")
    assert found[-1] == Finding(
        "warning", "slack #public", "it exists, and the bot is not a member yet", INVITE
    )


async def test_what_cannot_be_listed_is_not_called_missing(workspace: Workspace) -> None:
    workspace.scopes = ALL.replace(",groups:read", "")
    assert (await look(workspace, "#gone"))[-1] == Finding(
        "warning",
        "slack #gone",
        "it is not among the channels that the token may list (groups:read is missing)",
        "check how it is written; prove it with --send",
    )
    workspace.scopes = "chat:write"
    workspace.calls.clear()
    assert [each.about for each in await look(workspace, "#gone")] == ["slack 127.0.0.1"] * 8
    assert [method for _, method, _ in workspace.calls] == ["auth.test"]


async def test_scopes_that_nobody_names(workspace: Workspace) -> None:
    workspace.scopes = None
    found = await look(workspace, "#ops")
    assert [each.level for each in found] == ["ok", "warning", "ok"]


async def test_names_and_icons_need_a_scope_of_their_own(workspace: Workspace) -> None:
    found = await look(workspace, "#ops", username="Responder")
    assert found[2] == Finding(
        "problem",
        "slack 127.0.0.1",
        "the scope chat:write.customize is missing, and the rules set username or icon",
        f"{ADD}; or take username and icon out of the rules",
    )


@pytest.mark.parametrize(
    ("token", "found"),
    [
        ("", "the token is empty, or has spaces or line breaks in it"),
        ("xoxb-1\nxoxb-2", "the token is empty, or has spaces or line breaks in it"),
        ("xapp-1", "the token is an app-level one (xapp-), which cannot post"),
        ("hunter22", "the token does not look like one of Slack's"),
        ("xoxb-wrong", "the token is not confirmed: invalid_auth"),
    ],
)
async def test_a_token_that_is_none(workspace: Workspace, token: str, found: str) -> None:
    (finding,) = await look(workspace, "#ops", token=token)
    assert (finding.level, finding.found) == ("problem", found)
    assert not token or token not in repr(finding)
    assert len(workspace.calls) == (token == "xoxb-wrong")


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (web.Response(status=429, headers={"Retry-After": "30"}), "ratelimited"),
        (web.Response(text="<html>"), "HTTP 200, and not Slack's answer"),
        (web.Response(status=503, text="sorry"), "HTTP 503, and not Slack's answer"),
        (web.json_response({"ok": False, "error": "account_inactive"}), "account_inactive"),
    ],
)
async def test_answers_that_help_nobody(workspace: Workspace, answer: web.Response, found: str) -> None:
    workspace.answers["auth.test"] = answer
    (finding,) = await look(workspace, "#ops")
    assert (finding.level, finding.found) == ("problem", f"the token is not confirmed: {found}")


async def test_nobody_is_there(workspace: Workspace) -> None:
    workspace.url = f"http://127.0.0.1:{closed_port()}/api/"
    (finding,) = await look(workspace, "#ops")
    assert finding.found == "the token is not confirmed: 127.0.0.1 cannot be reached: connection refused"


async def test_a_list_that_does_not_end(workspace: Workspace) -> None:
    workspace.answers["conversations.list"] = {
        "ok": True,
        "channels": [],
        "response_metadata": {"next_cursor": "again"},
    }
    found = await look(workspace, "#ops")
    assert [(each.level, each.found) for each in found[2:]] == [
        ("warning", "the list of channels does not end: no channel is looked at")
    ]


async def test_a_test_is_posted_where_it_can_be(workspace: Workspace) -> None:
    found = await look(workspace, "#ops", "#old", send=True)
    assert [(each.about, each.found) for each in found[3:]] == [
        ("slack #ops", "a test message was posted"),
        ("slack #old", "it is archived: nothing can be posted"),
    ]
    posted = [body for _, method, body in workspace.calls if method == "chat.postMessage"]
    assert posted == [{"channel": "#ops", "text": TEST}]
    workspace.answers["chat.postMessage"] = {"ok": False, "error": "not_in_channel"}
    found = await look(workspace, "#ops", send=True)
    assert found[-1] == Finding("problem", "slack #ops", "a test message was refused: not_in_channel", INVITE)


async def test_an_incoming_webhook_is_not_called_by_its_address() -> None:
    paths: list[tuple[str, str, str]] = []

    async def serve(request: web.Request) -> web.Response:
        paths.append((request.method, request.path, await request.text()))
        return (
            web.Response(text="no_team", status=404) if request.path == "/gone" else web.Response(text="ok")
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    http = Http()

    async def ask(path: str, *, send: bool) -> Finding:
        settings = SlackSettings("", webhook_url=Secret(f"http://{host}:{port}{path}"))
        (finding,) = await examine([("hook", settings)], http, send=send)
        return finding

    first, second, third = [
        await ask("/canary", send=False),
        await ask("/canary", send=True),
        await ask("/gone", send=True),
    ]
    await http.close()
    await runner.cleanup()
    assert (first.level, first.about) == ("warning", "slack hook")
    assert first.found.startswith("an incoming webhook: 127.0.0.1 answers, and more cannot be asked")
    assert second == Finding("ok", "slack hook", "an incoming webhook: a test message was posted")
    assert (third.level, third.found) == ("problem", "an incoming webhook refused a test message: HTTP 404")
    assert paths == [
        ("GET", "/", ""),
        ("POST", "/canary", f'{{"text":"{TEST}"}}'),
        ("POST", "/gone", f'{{"text":"{TEST}"}}'),
    ]
