"""Saying more later: where to, how often, for how long."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from responder.core.model import MINUTE
from responder.notify.http import Http
from responder.web.slack.reply import Reply, plainly
from responder.web.slack.responseurl import MOST, ResponseUrls
from tests.clock import ManualClock
from tests.notify.sink import Sink, serving

API = "https://slack.com/api/"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://hooks.slack.com/commands/T/1/x", True),
        ("https://hooks.slack-gov.com/actions/T/1/x", True),
        ("https://hooks.slack.com:443/x", True),
        ("https://slack.com/x", True),
        ("http://hooks.slack.com/x", False),
        ("https://hooks.slack.com:8443/x", False),
        ("https://hooks.slack.com@evil.example/x", False),
        ("https://user@hooks.slack.com/x", False),
        ("https://hooks.slack.com.evil.example/x", False),
        ("https://evil.example/hooks.slack.com", False),
        ("https://evil.example\\@hooks.slack.com/x", False),
        ("https://hooks.slack.com\n.evil.example/", False),
        ("http://127.0.0.1:9095/-/reload", False),
        ("http://169.254.169.254/latest", False),
        ("file:///etc/passwd", False),
        ("https://[::1", False),
        ("https://hooks.slack.com:port/", False),
        ("", False),
    ],
)
async def test_only_slack_is_called(url: str, allowed: bool) -> None:
    http = Http()
    urls = ResponseUrls(http, API, ManualClock())
    assert urls.allowed(url) is allowed
    if not allowed:
        assert await urls.post(url, plainly("x")) is False
    await http.close()


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with serving() as made:
        yield made


async def test_five_times_and_for_half_an_hour(sink: Sink) -> None:
    clock, http = ManualClock(), Http()
    urls = ResponseUrls(http, f"{sink.url}/api/", clock)
    reply = Reply("*x*", ({"type": "divider"},), public=True)
    assert [await urls.post(f"{sink.url}/one", reply) for _ in range(MOST + 1)] == [True] * MOST + [False]
    assert [received.json for received in sink.received] == MOST * [
        {
            "response_type": "in_channel",
            "replace_original": False,
            "text": "*x*",
            "blocks": [{"type": "divider"}],
        }
    ]
    assert await urls.post(f"{sink.url}/two", plainly("a <b>")) is True
    assert sink.received[-1].json == {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": "a &lt;b&gt;",
    }
    await clock.advance(30 * MINUTE)
    assert await urls.post(f"{sink.url}/two", plainly("late")) is False
    await http.close()


async def test_what_is_not_taken_is_no_error(sink: Sink, unused_tcp_port: int) -> None:
    http = Http()
    refusing = ResponseUrls(http, f"{sink.url}/api/", ManualClock())

    sink.answers(web.Response(status=404, text="expired_url"))
    assert await refusing.post(f"{sink.url}/x", plainly("x")) is False
    nobody = f"http://127.0.0.1:{unused_tcp_port}"
    assert (
        await ResponseUrls(http, f"{nobody}/api/", ManualClock()).post(f"{nobody}/x", plainly("x")) is False
    )
    await http.close()
