"""The webhook integration against a real HTTP server: what goes out, and how answers are judged."""

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from responder import __version__
from responder.core.catalogue import Authorization, BasicAuth, OAuth2, Secret, Tls
from responder.core.model import MILLISECOND, SECOND
from responder.core.notification import Attempt, Delivered, Outcome, Rejected, Retry, Unknown
from responder.notify.integration import Senders
from tests.notify.notices import MONDAY, alert, notification, tell, webhook
from tests.notify.sink import Sink, garbage, reset, serving, slow_body

TLS = Path(__file__).parent / "tls"

LONG = 10 * SECOND


# -- what goes out ----------------------------------------------------------------------------


async def test_one_post_with_the_payload_and_a_stable_key(sink: Sink, senders: Senders) -> None:
    assert await tell(senders, f"{sink.url}/hook?a=1&b=%2F") == Delivered()
    assert await tell(senders, f"{sink.url}/hook?a=1&b=%2F") == Delivered()
    first, second = sink.received
    assert (first.method, first.path) == ("POST", "/hook?a=1&b=%2F")
    assert first.json["alerts"][0]["labels"] == {"alertname": "Alert1"}
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["User-Agent"] == f"Responder/{__version__}"
    assert first.headers["Content-Length"] == str(len(first.body))
    assert first.headers["Idempotency-Key"] == f'"7-{MONDAY}"'
    assert "Authorization" not in first.headers
    assert (second.headers, second.body) == (first.headers, first.body)


async def test_ten_thousand_alerts_arrive(sink: Sink, senders: Senders) -> None:
    alerts = tuple(alert(n, alertname="HighCPU", instance=f"host-{n}") for n in range(10_000))
    outcome = await senders(webhook(sink.url)).send(notification(firing=alerts), Attempt(LONG))
    assert outcome == Delivered()
    assert len(sink.received[0].json["alerts"]) == 10_000


async def test_max_alerts_is_the_integrations(sink: Sink, senders: Senders) -> None:
    told = notification(firing=(alert(1), alert(2), alert(3)))
    await senders(webhook(sink.url, max_alerts=2)).send(told, Attempt(LONG))
    payload = sink.received[0].json
    assert (len(payload["alerts"]), payload["truncatedAlerts"]) == (2, 1)


BASIC = "Basic " + b64encode(b"us:pa ss").decode()


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({"basic_auth": BasicAuth("us", Secret("pa ss"))}, BASIC),
        ({"authorization": Authorization("Bearer", Secret("tok"))}, "Bearer tok"),
        ({"authorization": Authorization("Key", Secret("k"))}, "Key k"),
        ({"headers": (("authorization", Secret("own")),)}, "own"),
    ],
)
async def test_credentials(sink: Sink, senders: Senders, settings: dict[str, Any], sent: str) -> None:
    await tell(senders, sink.url, **settings)
    assert sink.received[0].headers["Authorization"] == sent


async def test_a_user_in_the_url_is_sent_as_basic_authentication(sink: Sink, senders: Senders) -> None:
    await tell(senders, sink.url.replace("//", "//us:pa%20ss@"))
    assert sink.received[0].headers["Authorization"] == BASIC


async def test_own_headers_replace_ours(sink: Sink, senders: Senders) -> None:
    await tell(senders, sink.url, headers=(("user-agent", Secret("mine")), ("X-Team", Secret("sre"))))
    headers = sink.received[0].headers
    assert (headers["User-Agent"], headers["X-Team"]) == ("mine", "sre")


async def test_cookies_are_not_kept(sink: Sink, senders: Senders) -> None:
    sink.answers(web.Response(headers={"Set-Cookie": "session=1; Path=/"}))
    await tell(senders, sink.url)
    await tell(senders, sink.url)
    assert [("Cookie" in received.headers) for received in sink.received] == [False, False]


# -- how answers are judged -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Delivered()),
        (202, Delivered()),
        (204, Delivered()),
        (299, Delivered()),
        (300, Rejected("client_error", "HTTP 300")),
        (304, Rejected("client_error", "HTTP 304")),
        (400, Rejected("client_error", "HTTP 400")),
        (401, Rejected("auth_error", "HTTP 401")),
        (403, Rejected("auth_error", "HTTP 403")),
        (404, Rejected("client_error", "HTTP 404")),
        (413, Rejected("client_error", "HTTP 413")),
        (429, Retry("rate_limited", "HTTP 429")),
        (500, Retry("server_error", "HTTP 500")),
        (503, Retry("server_error", "HTTP 503")),
    ],
)
async def test_status_codes(sink: Sink, senders: Senders, status: int, outcome: Outcome) -> None:
    sink.answers(status)
    assert await tell(senders, sink.url) == outcome


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"Retry-After": "30"}, 30 * SECOND),
        (
            {"Retry-After": "Mon, 05 Jan 2026 00:02:00 GMT", "Date": "Mon, 05 Jan 2026 00:01:00 GMT"},
            60 * SECOND,
        ),
        ({"Retry-After": "soon"}, 0),
        ({"Retry-After": "-5"}, 0),
    ],
)
async def test_retry_after(
    sink: Sink, senders: Senders, status: int, headers: dict[str, str], after: int
) -> None:
    sink.answers(web.Response(status=status, headers=headers))
    outcome = await tell(senders, sink.url)
    assert isinstance(outcome, Retry)
    assert outcome.after == after


async def test_the_answers_words_are_one_short_line(sink: Sink, senders: Senders) -> None:
    sink.answers(web.Response(status=500, text="<b>no\n\n\tway</b>\x1b[31m " + "x" * 5_000))
    outcome = await tell(senders, sink.url)
    assert outcome == Retry("server_error", ("HTTP 500: <b>no way</b> [31m " + "x" * 5_000)[:210])


async def test_a_slow_body_does_not_undo_an_answer(sink: Sink, senders: Senders) -> None:
    sink.answers(slow_body(200))
    assert await tell(senders, sink.url) == Delivered()
    sink.answers(slow_body(500))
    assert await tell(senders, sink.url, within=500 * MILLISECOND) == Retry("server_error", "HTTP 500")


async def test_a_service_that_hangs(sink: Sink, senders: Senders) -> None:
    sink.answers(sink.hang)
    assert await tell(senders, sink.url, within=500 * MILLISECOND) == Retry(
        "timeout", "no answer within 0.5s"
    )


async def test_its_own_timeout_wins(sink: Sink, senders: Senders) -> None:
    sink.answers(sink.hang)
    assert await tell(senders, sink.url, timeout=300 * MILLISECOND) == Retry(
        "timeout", "no answer within 0.3s"
    )


async def test_a_connection_that_ends_after_the_request_leaves_us_not_knowing(
    sink: Sink, senders: Senders
) -> None:
    sink.answers(reset)
    assert await tell(senders, sink.url) == Unknown("the connection ended before an answer came")


async def test_an_answer_that_is_not_http_leaves_us_not_knowing(sink: Sink, senders: Senders) -> None:
    sink.answers(garbage)
    assert await tell(senders, sink.url) == Unknown("the answer is not HTTP")


async def test_nobody_listens(senders: Senders, unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/"
    assert await tell(senders, url) == Retry("refused", "connection refused")


async def test_a_connection_that_ends_while_the_request_goes_out(senders: Senders) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1_000)
        writer.transport.abort()

    alerts = tuple(alert(n, annotations={"text": "x" * 2_000}) for n in range(10_000))
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        outcome = await senders(webhook(url)).send(notification(firing=alerts), Attempt(LONG))
    assert outcome == Retry("network", "the connection ended before the request was sent")


async def test_a_name_that_does_not_exist(senders: Senders) -> None:
    outcome = await tell(senders, "http://does-not-exist.invalid/")
    assert isinstance(outcome, Retry)
    assert (outcome.reason, outcome.detail.partition(":")[0]) == ("network", "name resolution")


@pytest.mark.parametrize("url", ["http://", "nonsense", "ftp://host/", "http://host:99999/"])
async def test_a_url_that_cannot_be_used(senders: Senders, url: str) -> None:
    assert await tell(senders, url) == Rejected(
        "client_error", "no request can be made of this URL, proxy or these headers"
    )


async def test_what_cannot_be_rendered_is_not_the_url_s_fault(sink: Sink, senders: Senders) -> None:
    half = alert(1, annotations={"summary": "\ud800"})
    with pytest.raises(UnicodeEncodeError):  # a bug, which delivery tries again
        await senders(webhook(sink.url)).send(notification(firing=(half,)), Attempt(SECOND))
    assert sink.received == []


async def test_a_header_that_cannot_be_sent(sink: Sink, senders: Senders) -> None:
    outcome = await tell(senders, sink.url, headers=(("X-Bad", Secret("a\r\nb: c")),))
    assert outcome == Rejected("client_error", "no request can be made of this URL, proxy or these headers")
    assert sink.received == []


# -- redirects --------------------------------------------------------------------------------


def to(location: str, status: int) -> web.Response:
    return web.Response(status=status, headers={"Location": location})


@pytest.mark.parametrize(
    ("status", "method", "empty"),
    [
        (301, "POST", False),
        (302, "POST", False),
        (307, "POST", False),
        (308, "POST", False),
        (303, "GET", True),
    ],
)
async def test_redirects_keep_the_payload(
    sink: Sink, senders: Senders, status: int, method: str, empty: bool
) -> None:
    sink.answers(to("/there", status), 200)
    assert await tell(senders, f"{sink.url}/here") == Delivered()
    here, there = sink.received
    assert (there.path, there.method) == ("/there", method)
    assert there.body == (b"" if empty else here.body)


async def test_redirects_are_not_followed_when_told_so(sink: Sink, senders: Senders) -> None:
    sink.answers(to("/there", 302))
    assert await tell(senders, sink.url, follow_redirects=False) == Rejected("client_error", "HTTP 302")
    assert len(sink.received) == 1


async def test_credentials_stay_with_their_host(sink: Sink, senders: Senders) -> None:
    settings: dict[str, Any] = {
        "basic_auth": BasicAuth("us", Secret("pass")),
        "headers": (("X-Api-Key", Secret("key")),),
    }
    async with serving() as other:
        sink.answers(to("/same", 307), to(f"{other.url}/other", 307))
        assert await tell(senders, sink.url, **settings) == Delivered()
    carried = [("Authorization" in r.headers, "X-Api-Key" in r.headers) for r in sink.received]
    assert carried == [(True, True), (True, True)]
    assert [("Authorization" in r.headers, "X-Api-Key" in r.headers) for r in other.received] == [
        (False, False)
    ]
    assert other.received[0].body == sink.received[0].body


async def test_redirects_in_a_circle_end(sink: Sink, senders: Senders) -> None:
    sink.answers(to("/again", 307))
    assert await tell(senders, sink.url) == Rejected("client_error", "more than 10 redirects")
    assert len(sink.received) == 11


@pytest.mark.parametrize("location", ["ftp://elsewhere/", "http://host:99999/"])
async def test_redirects_to_nowhere(sink: Sink, senders: Senders, location: str) -> None:
    sink.answers(to(location, 302))
    outcome = await tell(senders, sink.url)
    assert outcome == Rejected("client_error", "no request can be made of this URL, proxy or these headers")


# -- secrets ----------------------------------------------------------------------------------


async def test_no_secret_comes_back_in_a_detail(senders: Senders, unused_tcp_port: int) -> None:
    """A service that repeats everything it was sent gives away nothing, and neither do errors."""
    canary = "canary7"

    async def echo(request: web.Request) -> web.Response:
        heard = f"{request.url} {request.raw_path} {dict(request.headers)} {await request.text()}"
        return web.Response(status=500, text=heard)

    async with serving() as sink:
        sink.answers(echo)
        base = sink.url.replace("//", f"//{canary}user:{canary}pass@")
        settings: list[dict[str, Any]] = [
            {},
            {"basic_auth": BasicAuth("u", Secret(f"{canary}b"))},
            {"authorization": Authorization("Bearer", Secret(f"{canary}t"))},
            {"headers": (("X-Key", Secret(f"{canary}h")),)},
            {"oauth2": OAuth2("i", Secret(f"{canary}o"), f"{sink.url}/{canary}?x={canary}")},
            {"tls": Tls(cert_file=f"/{canary}", key_file=f"/{canary}")},
            {"proxy_url": Secret(f"http://{canary}:{canary}@127.0.0.1:{unused_tcp_port}")},
            {"proxy_url": Secret(f"socks5://{canary}:{canary}@127.0.0.1:{unused_tcp_port}")},
        ]
        nowhere = f"http://{canary}:{canary}@127.0.0.1:{unused_tcp_port}/{canary}?{canary}"
        for url in (f"{base}/{canary}/path?{canary}=q", nowhere, f"http://[{canary}/{canary}"):
            for chosen in settings:
                outcome = await tell(senders, url, **chosen)
                assert canary not in repr(outcome)
                assert b64encode(canary.encode()).decode()[:8] not in repr(outcome)
