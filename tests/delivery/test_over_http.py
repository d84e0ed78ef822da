"""The end of the corridor in one piece: Delivery and the webhook sender against a real server.

Time is virtual and stands still while a request is on its way.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace
from structlog.testing import capture_logs

from responder.core.catalogue import Authorization, BasicAuth, Secret
from responder.core.model import HOUR, MILLISECOND, MINUTE, SECOND
from responder.core.rules import Integration
from responder.delivery import Delivery, Order
from responder.notify.integration import Senders
from tests.delivery.desk import Desk, open_desk
from tests.notify.notices import notification, webhook
from tests.notify.sink import Sink, garbage, reset, serving, slow_body


@asynccontextmanager
async def delivering(**settings: Any) -> AsyncIterator[tuple[Desk, Delivery]]:
    senders = Senders("http://responder:9095", True)
    try:
        async with open_desk(senders=senders, **settings) as (desk, delivery):
            desk.clock.busy.append(lambda: any(lane.in_flight for lane in delivery.snapshot().destinations))
            yield desk, delivery
    finally:
        await senders.close()


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with serving() as running:
        yield running


def orders(integration: Integration, *rows: int) -> list[Order]:
    return [Order(notification(row), integration) for row in rows]


def rows(sink: Sink) -> list[str]:
    return [received.headers["Idempotency-Key"].strip('"').partition("-")[0] for received in sink.received]


async def until(happened: Callable[[], bool]) -> None:
    """Let the event loop turn until something on the network has happened."""
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110  (nobody rings a bell)
            await asyncio.sleep(0)


async def test_a_hundred_notifications(sink: Sink) -> None:
    sink.answers(sink.hang)
    async with delivering() as (desk, delivery):
        delivery.hand(orders(webhook(sink.url), *range(1, 101)))
        await until(lambda: sink.most_at_once == 8)
        sink.answers(200)
        sink.release()
        await until(lambda: len(desk.endings) == 100)
        assert sorted(desk.ended) == [(row, "delivered", None) for row in range(1, 101)]
        assert sorted(rows(sink), key=int) == [str(row) for row in range(1, 101)]
        assert sink.most_at_once == 8


@pytest.mark.parametrize(
    "own", [(), (("user-agent", "ours"), ("X-Team", "sre")), (("idempotency-KEY", "mine"),)]
)
async def test_what_was_prepared_goes_out_as_if_it_had_not_been(
    sink: Sink, own: tuple[tuple[str, str], ...]
) -> None:
    headers = tuple((name, Secret(value)) for name, value in own)
    integration = webhook(
        sink.url, authorization=Authorization("Bearer", Secret("pre-shared")), headers=headers
    )
    async with delivering() as (desk, delivery):
        for prepared in (False, True):
            sink.answers(500, web.Response(status=307, headers={"Location": sink.url + "/there"}), 200)
            if prepared:
                delivery.prepare(orders(integration, 1))
            delivery.hand(orders(integration, 1))
            await until(lambda: len(sink.received) >= 1)
            await desk.clock.advance(MINUTE)
            assert desk.ended == [(1, "delivered", None)]
            desk.endings.clear()
        once, again = sink.received[:3], sink.received[3:]
        assert [(r.path, r.headers, r.body) for r in again] == [(r.path, r.headers, r.body) for r in once]
        assert {r.headers["Authorization"] for r in again} == {"Bearer pre-shared"}
        for name, value in own:
            for received in again:
                assert [v for n, v in received.headers.items() if n.lower() == name.lower()] == [value]


async def test_what_cannot_be_prepared_is_judged_when_it_is_sent(sink: Sink) -> None:
    async with delivering() as (desk, delivery):
        unusable, usable = orders(webhook("http://host:99999/"), 1), orders(webhook(sink.url), 2)
        delivery.prepare([*unusable, *usable])
        delivery.hand([*unusable, *usable])
        await until(lambda: len(desk.endings) == 2)
        assert sorted(desk.ended) == [(1, "dead", "client_error"), (2, "delivered", None)]


async def test_faults_of_every_kind_and_then_an_answer(sink: Sink) -> None:
    sink.answers(500, reset, garbage, 503, web.Response(status=302), 200)
    async with delivering() as (desk, delivery):
        delivery.hand(orders(webhook(sink.url), 1))
        await desk.clock.advance(MINUTE)
        reasons = [attempted.reason for batch in desk.attempts for attempted in batch]
        assert reasons == ["server_error", "unknown", "unknown", "server_error"]
        assert desk.ended == [(1, "dead", "client_error")]
        assert rows(sink) == ["1"] * 5
        delivery.hand(orders(webhook(sink.url), 2))
        await desk.clock.advance(MINUTE)
        assert desk.ended[1:] == [(2, "delivered", None)]


async def test_a_sink_that_hangs_and_comes_back(sink: Sink) -> None:
    sink.answers(sink.hang, slow_body(200), 200)
    hanging = webhook(sink.url, timeout=200 * MILLISECOND)
    async with delivering() as (desk, delivery):
        delivery.hand(orders(hanging, 1))
        await desk.clock.advance(MINUTE)
        assert {attempted.reason for batch in desk.attempts for attempted in batch} == {"timeout"}
        assert desk.ended == [(1, "delivered", None)]


async def test_429_with_retry_after_two_hundred_times(sink: Sink) -> None:
    limited = web.Response(status=429, headers={"Retry-After": "7"})
    sink.answers(*[limited] * 200, 200)
    async with delivering() as (desk, delivery):
        began = desk.clock.monotonic()
        with capture_logs():
            delivery.hand(orders(webhook(sink.url), 1))
            await desk.clock.advance(200 * 7 * SECOND - 1)
            assert (len(sink.received), desk.endings) == (200, [])
            await desk.clock.advance(1)
        assert desk.clock.monotonic() - began == 1_400 * SECOND
        (ending,) = desk.endings
        assert (ending.state, ending.attempts, desk.turns) == ("delivered", 201, [])


async def test_an_hour_without_the_sink(unused_tcp_port: int) -> None:
    integration = webhook(f"http://127.0.0.1:{unused_tcp_port}/hook")
    async with delivering() as (desk, delivery):
        with capture_logs():
            delivery.hand(orders(integration, 1, 2, 3))
            await desk.clock.advance(HOUR)
            assert desk.endings == []
            async with serving(port=unused_tcp_port) as sink:
                await desk.clock.advance(MINUTE)
                assert sorted(desk.ended) == [(row, "delivered", None) for row in (1, 2, 3)]
                assert sorted(rows(sink)) == ["1", "2", "3"]
        assert [(turn.opened, turn.reason) for turn in desk.turns] == [(True, "refused"), (False, "refused")]
        # about one probe a minute, not one for each row and second
        assert sum(ending.attempts for ending in desk.endings) < 90


async def test_a_sink_that_hangs_holds_back_nobody_else(sink: Sink) -> None:
    async with serving() as other, delivering() as (desk, delivery):
        sink.answers(sink.hang)
        hanging = replace(webhook(sink.url, identity="i2"), destination="http://other")
        delivery.hand(orders(hanging, *range(1, 30)))
        delivery.hand(orders(webhook(other.url), *range(101, 110)))
        await until(lambda: len(desk.endings) == 9)
        assert sorted(desk.ended) == [(row, "delivered", None) for row in range(101, 110)]
        assert sink.most_at_once <= 8
        await until(lambda: sink.most_at_once == 8)
        sink.answers(200)
        sink.release()
        await until(lambda: len(desk.endings) == 38)
        assert sink.most_at_once == 8


async def test_secrets_stay_inside(unused_tcp_port: int) -> None:
    """Neither an ending, an attempt nor a log line holds what a URL or a header keeps secret."""
    canary = "canary7"

    async def echo(request: web.Request) -> web.Response:
        return web.Response(status=500, text=f"{request.raw_path} {dict(request.headers)}")

    async with serving() as sink, delivering(breaker_after=2) as (desk, delivery):
        sink.answers(echo, echo, echo, 400)
        base = sink.url.replace("//", f"//{canary}:{canary}@") + f"/{canary}?{canary}"
        for row, integration in enumerate(
            [
                webhook(base, identity="a"),
                webhook(base, identity="b", basic_auth=BasicAuth(canary, Secret(canary))),
                webhook(base, identity="c", authorization=Authorization("Bearer", Secret(canary))),
                webhook(f"http://{canary}:{canary}@127.0.0.1:{unused_tcp_port}/{canary}", identity="d"),
                webhook(f"http://[{canary}", identity="e"),
                webhook(base, identity="f", headers=(("X", Secret(f"{canary}\r\n")),)),
            ],
            start=1,
        ):
            with capture_logs() as logs:
                delivery.hand(orders(integration, row))
                await desk.clock.advance(HOUR)
            written = repr((desk.endings, desk.attempts, desk.turns, delivery.snapshot(), logs))
            assert logs
            assert canary not in written
        assert len(sink.received) == 6
