"""The webhook integration against a real HTTP server: what goes out, and how answers are judged."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from responder import __version__
from responder.core.catalogue import Authorization, BasicAuth, OAuth2, Secret, Tls
from responder.core.model import MILLISECOND, SECOND
from responder.core.notification import Delivered, Outcome, Rejected, Retry, Unknown
from responder.notify.integration import Senders
from tests.clock import ManualClock
from tests.notify.notices import MONDAY, alert, notification, webhook
from tests.notify.sink import Sink, garbage, reset, serving, slow_body

TLS = Path(__file__).parent / "tls"
LONG = 10 * SECOND


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with serving() as running:
        yield running


@pytest.fixture
async def senders() -> AsyncIterator[Senders]:
    made = Senders("http://responder:9095", True, ManualClock())
    yield made
    await made.close()


async def tell(senders: Senders, url: str, *, row: int = 7, within: int = LONG, **settings: Any) -> Outcome:
    return await senders(webhook(url, **settings)).send(notification(row), within)


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
    outcome = await senders(webhook(sink.url)).send(notification(firing=alerts), LONG)
    assert outcome == Delivered()
    assert len(sink.received[0].json["alerts"]) == 10_000


async def test_max_alerts_is_the_integrations(sink: Sink, senders: Senders) -> None:
    told = notification(firing=(alert(1), alert(2), alert(3)))
    await senders(webhook(sink.url, max_alerts=2)).send(told, LONG)
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
    assert await tell(senders, sink.url, within=50 * MILLISECOND) == Retry("server_error", "HTTP 500")


async def test_a_service_that_hangs(sink: Sink, senders: Senders) -> None:
    sink.answers(sink.hang)
    assert await tell(senders, sink.url, within=50 * MILLISECOND) == Retry(
        "timeout", "no answer within 0.05s"
    )


async def test_its_own_timeout_wins(sink: Sink, senders: Senders) -> None:
    sink.answers(sink.hang)
    assert await tell(senders, sink.url, timeout=20 * MILLISECOND) == Retry(
        "timeout", "no answer within 0.02s"
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
        outcome = await senders(webhook(url)).send(notification(firing=alerts), LONG)
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
    settings = {
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


@pytest.mark.parametrize("location", ["ftp://elsewhere/", "http://", "http://host:99999/"])
async def test_redirects_to_nowhere(sink: Sink, senders: Senders, location: str) -> None:
    sink.answers(to(location, 302))
    outcome = await tell(senders, sink.url)
    assert outcome == Rejected("client_error", "no request can be made of this URL, proxy or these headers")


# -- TLS and proxies --------------------------------------------------------------------------


def server_context(client_certificate: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    if client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(TLS / "ca.pem")
    return context


CA = (TLS / "ca.pem").read_text()


async def test_tls_with_a_server_name_and_an_authority(senders: Senders) -> None:
    async with serving(server_context()) as sink:
        trusted = Tls(ca=CA, server_name="hooks.test", min_version="TLS12", max_version="TLS13")
        assert await tell(senders, sink.url, tls=trusted) == Delivered()


@pytest.mark.parametrize("tls", [None, Tls(), Tls(ca=CA), Tls(server_name="hooks.test")])
async def test_a_certificate_that_does_not_fit(senders: Senders, tls: Tls | None) -> None:
    async with serving(server_context()) as sink:
        outcome = await tell(senders, sink.url, tls=tls)
    assert isinstance(outcome, Retry)
    assert (outcome.reason, outcome.detail.partition(":")[0]) == ("network", "certificate")
    assert sink.received == []


async def test_verification_can_be_left_out(senders: Senders) -> None:
    async with serving(server_context()) as sink:
        assert await tell(senders, sink.url, tls=Tls(insecure_skip_verify=True)) == Delivered()


async def test_client_certificates_are_shown_and_read_again_when_they_change(
    senders: Senders, tmp_path: Path
) -> None:
    key, cert = tmp_path / "key", tmp_path / "cert"
    tls = Tls(ca=CA, cert_file=str(cert), key_file=str(key), server_name="hooks.test")
    async with serving(server_context(client_certificate=True)) as sink:
        assert await tell(senders, sink.url, tls=tls) == Retry(
            "network", "TLS settings: No such file or directory"
        )
        key.write_text((TLS / "server.key").read_text())
        cert.write_text((TLS / "server.pem").read_text())
        refused = await tell(senders, sink.url, tls=tls)  # a server's certificate is no client's
        assert not isinstance(refused, Delivered)
        key.unlink()
        cert.unlink()
        key.write_text((TLS / "client.key").read_text())
        cert.write_text((TLS / "client.pem").read_text())
        assert await tell(senders, sink.url, tls=tls) == Delivered()
    assert len(sink.received) == 1


async def test_a_proxy_is_used_with_its_credentials(sink: Sink, senders: Senders) -> None:
    proxy = Secret(sink.url.replace("//", "//pu:pp@"))
    assert await tell(senders, "http://hooks.test/in?x=1", proxy_url=proxy) == Delivered()
    received = sink.received[0]
    assert received.path == "http://hooks.test/in?x=1"
    assert received.headers["Proxy-Authorization"] == "Basic " + b64encode(b"pu:pp").decode()


async def test_a_proxy_that_refuses(sink: Sink, senders: Senders) -> None:
    sink.answers(407)
    outcome = await tell(senders, "https://hooks.test/in", proxy_url=Secret(sink.url))
    assert outcome == Retry("network", "the proxy answered HTTP 407")


# -- OAuth 2.0 --------------------------------------------------------------------------------


def oauth(url: str, **more: Any) -> OAuth2:
    return OAuth2("id one", Secret("s3cret/"), f"{url}/token", **more)


def granting(token: str, **more: Any) -> web.Response:
    return web.json_response({"access_token": token, "token_type": "bearer"} | more)


async def test_a_token_is_fetched_once_and_used(sink: Sink, senders: Senders) -> None:
    async with serving() as issuer:
        issuer.answers(granting("tok-1", expires_in=3600))
        settings = oauth(issuer.url, scopes=("a", "b"), endpoint_params=(("audience", "x y"),))
        for _ in range(2):
            assert await tell(senders, sink.url, oauth2=settings) == Delivered()
    assert [received.headers["Authorization"] for received in sink.received] == ["Bearer tok-1"] * 2
    (asked,) = issuer.received
    assert asked.headers["Authorization"] == "Basic " + b64encode(b"id+one:s3cret%2F").decode()
    assert asked.body == b"grant_type=client_credentials&scope=a+b&audience=x+y"


async def test_an_issuer_that_wants_the_credentials_in_the_form(sink: Sink, senders: Senders) -> None:
    async with serving() as issuer:
        issuer.answers(401, granting("tok-1"))
        assert await tell(senders, sink.url, oauth2=oauth(issuer.url)) == Delivered()
    assert "Authorization" not in issuer.received[1].headers
    assert issuer.received[1].body == (
        b"grant_type=client_credentials&client_id=id+one&client_secret=s3cret%2F"
    )


async def test_a_refused_token_is_fetched_anew_once(sink: Sink, senders: Senders) -> None:
    async with serving() as issuer:
        issuer.answers(granting("old"), granting("new"))
        sink.answers(401, 200)
        assert await tell(senders, sink.url, oauth2=oauth(issuer.url)) == Delivered()
        sink.answers(401)
        assert await tell(senders, sink.url, oauth2=oauth(issuer.url)) == Rejected("auth_error", "HTTP 401")
    tokens = [received.headers["Authorization"] for received in sink.received]
    assert tokens == ["Bearer old", "Bearer new", "Bearer new", "Bearer new"]
    assert len(issuer.received) == 3


async def test_an_expired_token_is_fetched_anew(sink: Sink) -> None:
    clock = ManualClock()
    senders = Senders("http://responder:9095", True, clock)
    async with serving() as issuer:
        issuer.answers(granting("one", expires_in="60"), granting("two", expires_in=60.5))
        for _ in range(3):
            await tell(senders, sink.url, oauth2=oauth(issuer.url))
            await clock.advance(30 * SECOND)
    await senders.close()
    tokens = [received.headers["Authorization"] for received in sink.received]
    assert tokens == ["Bearer one", "Bearer one", "Bearer two"]


async def test_many_notifications_ask_for_one_token(sink: Sink, senders: Senders) -> None:
    async with serving() as issuer:
        issuer.answers(granting("one"))
        settings = oauth(issuer.url)
        told = [tell(senders, sink.url, row=row, oauth2=settings) for row in range(20)]
        assert await asyncio.gather(*told) == [Delivered()] * 20
    assert len(issuer.received) == 1


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (400, Rejected("auth_error", "token endpoint: HTTP 400")),
        (403, Rejected("auth_error", "token endpoint: HTTP 403")),
        (
            web.Response(status=429, headers={"Retry-After": "9"}),
            Retry("rate_limited", "token endpoint: HTTP 429", 9 * SECOND),
        ),
        (500, Retry("server_error", "token endpoint: HTTP 500")),
        (200, Retry("server_error", "token endpoint: the answer is not a token")),
        (reset, Retry("network", "token endpoint: the connection ended before an answer came")),
    ],
)
async def test_an_issuer_that_gives_no_token(
    sink: Sink, senders: Senders, answer: Any, outcome: Outcome
) -> None:
    async with serving() as issuer:
        issuer.answers(answer)
        assert await tell(senders, sink.url, oauth2=oauth(issuer.url)) == outcome
    assert sink.received == []


async def test_an_issuer_that_hangs(sink: Sink, senders: Senders) -> None:
    async with serving() as issuer:
        issuer.answers(issuer.hang)
        outcome = await tell(senders, sink.url, within=50 * MILLISECOND, oauth2=oauth(issuer.url))
    assert outcome == Retry("timeout", "the request could not be sent within 0.05s")
    assert sink.received == []


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
