"""What each answer of Slack's Web API means, for each call that people see; TLS and proxies."""

import ssl
from pathlib import Path

import pytest
from aiohttp import web

from responder.core.catalogue import Secret, Tls
from responder.core.model import MILLISECOND, SECOND
from responder.core.notification import Delivered, Outcome, Partly, Rejected, Retry, Unknown
from responder.notify.slackweb import is_channel_id
from tests.notify.sink import serving
from tests.notify.workspace import Workspace, incident, pod

TLS = Path(__file__).parent / "tls"
FIRST = incident(1, firing=(pod(1),))
NO_ANSWER = Unknown("the connection ended before an answer came")

FAULTS: dict[str, Outcome] = {
    "ratelimited": Retry("rate_limited", "ratelimited", 3 * SECOND),
    "ok_false:rate_limited": Retry("rate_limited", "rate_limited"),
    "429": Retry("rate_limited", "HTTP 429"),
    "html_500": Retry("server_error", "HTTP 500 Internal Server Error"),
    "502": Unknown("HTTP 502 Bad Gateway"),
    "503": Retry("server_error", "HTTP 503 Service Unavailable"),
    "504": Unknown("HTTP 504 Gateway Timeout"),
    "401": Rejected("auth_error", "HTTP 401 Unauthorized"),
    "403": Rejected("auth_error", "HTTP 403 Forbidden"),
    "404": Rejected("client_error", "HTTP 404 Not Found: is api_url right?"),
    "html_200": Retry("server_error", "HTTP 200 OK: text/html, not Slack's JSON"),
    "text_plain": Retry("server_error", "HTTP 200 OK: text/plain, not Slack's JSON"),
    "bad_json": Unknown("HTTP 200 OK: the answer cannot be read"),
    "null": Unknown("HTTP 200 OK: the answer cannot be read"),
    "list": Unknown("HTTP 200 OK: the answer cannot be read"),
    "hang": Retry("timeout", "no answer within 0.2s"),
    "hang_after": Retry("timeout", "no answer within 0.2s"),
    "reset": NO_ANSWER,
    "reset_after": NO_ANSWER,
    "ok_false:internal_error": Retry("server_error", "internal_error"),
    "ok_false:fatal_error": Unknown("fatal_error"),
    "ok_false:service_unavailable": Retry("server_error", "service_unavailable"),
    "ok_false:request_timeout": Retry("server_error", "request_timeout"),
    "ok_false:team_added_to_org": Retry("server_error", "team_added_to_org"),
    "ok_false:invalid_auth": Rejected("auth_error", "invalid_auth: the bot token is wrong"),
    "ok_false:not_authed": Rejected("auth_error", "not_authed: no bot token arrived"),
    "ok_false:account_inactive": Rejected(
        "auth_error", "account_inactive: the app was removed from the workspace, or the workspace is gone"
    ),
    "ok_false:token_revoked": Rejected(
        "auth_error", "token_revoked: the bot token was revoked: install the app again"
    ),
    "ok_false:token_expired": Rejected("auth_error", "token_expired: the bot token has expired: rotate it"),
    "ok_false:no_permission": Rejected("auth_error", "no_permission"),
    "ok_false:not_allowed_token_type": Rejected(
        "auth_error", "not_allowed_token_type: a bot token (xoxb-...) is needed"
    ),
    "ok_false:org_login_required": Rejected("auth_error", "org_login_required"),
    "ok_false:ekm_access_denied": Rejected("auth_error", "ekm_access_denied"),
    "ok_false:is_archived": Rejected(
        "client_error", "is_archived: the channel is archived: restore it, or tell another"
    ),
    "ok_false:restricted_action": Rejected(
        "client_error", "restricted_action: a workspace setting keeps the bot from posting here"
    ),
    "ok_false:something_new": Rejected("client_error", "something_new"),
    "ok_false:": Unknown("HTTP 200 OK: the answer cannot be read"),
}


@pytest.mark.parametrize("stage", ["post", "update", "reply"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_every_fault_at_every_call(workspace: Workspace, stage: str, fault: str) -> None:
    within = 200 * MILLISECOND if fault.startswith("hang") else 10 * SECOND
    now, receipt = FIRST, ""
    if stage != "post":
        first = await workspace.tell(FIRST)
        now = incident(2, firing=(pod(1), pod(2)), reason="new_alerts", receipt=first)
    if stage == "reply":
        partly = await workspace.send(now)
        assert isinstance(partly, Partly)
        receipt = partly.receipt
    workspace.slack.fault("chat.update" if stage == "update" else "chat.postMessage", fault)
    assert await workspace.send(now, receipt=receipt, within=within) == FAULTS[fault]
    # Once it works again the same row is told, in one message; only a reply may come twice.
    await workspace.tell(now, maybe_told=True)
    [message] = workspace.slack.messages("ops")
    replies = {"post": 0, "update": 1, "reply": 2 if fault.endswith("_after") else 1}
    assert len(message.replies) == replies[stage]


async def test_nobody_listens(workspace: Workspace) -> None:
    assert await workspace.send(FIRST, api_url="http://127.0.0.1:1/api/") == Retry(
        "refused", "connection refused"
    )


async def test_the_integrations_own_timeout_wins(workspace: Workspace) -> None:
    workspace.slack.fault("chat.postMessage", "hang")
    outcome = await workspace.send(FIRST, timeout=100 * MILLISECOND, within=10 * SECOND)
    assert outcome == Retry("timeout", "no answer within 0.1s")


async def test_messages_about_invalid_blocks_are_shown(workspace: Workspace) -> None:
    workspace.slack.fault("chat.postMessage", "ok_false:invalid_blocks")
    workspace.slack.fault("chat.postMessage", "ok_false:no_text")
    assert await workspace.send(FIRST) == Rejected("client_error", "no_text")
    long = await workspace.send(FIRST, username="x", icon_emoji=":y:", channel="")
    assert long == Rejected(
        "client_error",
        "channel_not_found: there is no such channel, or it is private and the bot was not invited",
    )


async def test_no_proxy_is_taken_from_the_environment(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert isinstance(await workspace.send(FIRST), Delivered)


async def test_a_proxy_that_is_configured_is_used(workspace: Workspace) -> None:
    async with serving() as proxy:
        proxy.answers(web.Response(status=503))
        outcome = await workspace.send(FIRST, proxy_url=Secret(f"{proxy.url}"))
        assert outcome == Retry("server_error", "HTTP 503 Service Unavailable")
        assert [received.path for received in proxy.received] == [
            f"{workspace.url}/slack/api/chat.postMessage"
        ]
    assert workspace.slack.calls == []


@pytest.mark.parametrize("url", ["http://[", "ftp://127.0.0.1", "nonsense"])
async def test_a_proxy_that_makes_no_sense(workspace: Workspace, url: str) -> None:
    outcome = await workspace.send(FIRST, proxy_url=Secret(url))
    assert isinstance(outcome, Rejected | Retry)
    assert workspace.slack.calls == []


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    return context


async def test_tls_as_it_is_configured(workspace: Workspace) -> None:
    async with serving(tls=server_context()) as server:
        server.answers(web.json_response({"ok": True, "channel": "C1", "ts": "1.0"}))
        url = f"{server.url}/api/"
        trusting = Tls(ca=(TLS / "ca.pem").read_text(), server_name="hooks.test")
        assert isinstance(await workspace.send(FIRST, api_url=url, tls=trusting), Delivered)
        assert [received.path for received in server.received] == ["/api/chat.postMessage"]
        outcome = await workspace.send(FIRST, api_url=url)
        assert isinstance(outcome, Retry)
        assert (outcome.reason, outcome.detail.partition(":")[0]) == ("network", "certificate")
        missing = Tls(cert_file="/nowhere/a", key_file="/nowhere/b")
        assert await workspace.send(FIRST, api_url=url, tls=missing) == Retry(
            "network", "TLS settings: No such file or directory"
        )


async def test_an_answer_without_a_place_is_no_receipt(workspace: Workspace) -> None:
    async with serving() as server:
        server.answers(web.json_response({"ok": True}))
        assert await workspace.send(FIRST, api_url=f"{server.url}/api/") == Delivered()


async def test_lists_that_are_none(workspace: Workspace) -> None:
    for strange in (
        {"channels": "many", "messages": [1], "response_metadata": []},
        {"channels": [None], "messages": {"a": 1}, "response_metadata": {"next_cursor": 7}},
        {"channels": [{"name": "ops", "id": "C1"}], "messages": [{"metadata": "x"}, {"ts": 1}]},
    ):
        async with serving() as server:
            server.answers(web.json_response({"ok": True, "channel": "C1", "ts": "1.0", **strange}))
            outcome = await workspace.send(FIRST, api_url=f"{server.url}/api/", maybe_told=True)
            assert outcome == Delivered('{"v":1,"channel":"C1","ts":"1.0","told":{"firing":"1"}}')


@pytest.mark.parametrize("url", ["http://[/api/", "nonsense/api/", "ftp://127.0.0.1/api/"])
async def test_an_api_url_that_makes_no_sense(workspace: Workspace, url: str) -> None:
    assert await workspace.send(FIRST, api_url=url) == Rejected(
        "client_error", "no request can be made of this URL, proxy or these headers"
    )


async def test_an_answer_that_breaks_off(workspace: Workspace) -> None:
    async with serving() as server:

        async def half(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            response.content_length = 1_000
            await response.prepare(request)
            await response.write(b'{"ok": true')
            assert request.transport is not None
            request.transport.close()
            return response

        server.answers(half)
        outcome = await workspace.send(FIRST, api_url=f"{server.url}/api/")
        assert outcome == Unknown("HTTP 200 OK: the answer cannot be read")


async def test_bytes_that_are_no_text(workspace: Workspace) -> None:
    async with serving() as server:
        for kind, outcome in (
            ("application/json", Unknown("HTTP 200 OK: the answer cannot be read")),
            ("application/gzip", Retry("server_error", "HTTP 200 OK: application/gzip, not Slack's JSON")),
        ):

            async def garbage(request: web.Request, kind: str = kind) -> web.StreamResponse:
                return web.Response(body=b"\xff\xfe\x00{", content_type=kind)

            server.answers(garbage)
            assert await workspace.send(FIRST, api_url=f"{server.url}/api/") == outcome


@pytest.mark.parametrize(
    ("text", "is_id"),
    [
        ("C012345678", True),
        ("G012AB678", True),
        ("#ops", False),
        ("ops", False),
        ("CRITICAL", False),
        ("C01234567-", False),
    ],
)
def test_an_id_is_told_from_a_name(text: str, is_id: bool) -> None:
    assert is_channel_id(text) is is_id
