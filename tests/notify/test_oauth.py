"""Access tokens: fetched, kept, renewed, refused."""

import asyncio
from base64 import b64encode
from typing import Any

import pytest
from aiohttp import web

from responder.core.catalogue import OAuth2, Secret
from responder.core.model import MILLISECOND, SECOND
from responder.core.notification import Delivered, Outcome, Rejected, Retry
from responder.notify.integration import Senders
from tests.clock import ManualClock
from tests.notify.notices import tell
from tests.notify.sink import Sink, reset, serving


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
