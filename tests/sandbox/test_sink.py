"""The recording sink over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import aiohttp
import msgspec
import pytest

from responder.clock import SystemClock
from responder.core.model import SECOND
from responder.errors import UsageError
from responder.sandbox.arrival import Arrival
from responder.sandbox.sink import KEPT, Sink
from responder.settings import Address
from tests.clock import ManualClock

ANYWHERE = Address("127.0.0.1", 0)


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    sink = Sink(ANYWHERE, ManualClock())
    await sink.start()
    yield sink
    await sink.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def payload(name: str, *, status: str = "firing", reason: str = "first_notification") -> dict[str, Any]:
    alert = {"status": status, "labels": {"alertname": name}}
    return {"version": "4", "alerts": [alert], "notification_reason": reason}


async def test_what_arrives_is_kept_as_it_came(sink: Sink, http: aiohttp.ClientSession) -> None:
    seen: list[Arrival] = []
    sink.on_arrival = seen.append
    body = payload("HighCPU", status="resolved", reason="all_resolved")
    async with http.post(f"{sink.url}/hooks/mail-ops", json=body) as answer:
        assert answer.status == 200
    async with http.get(f"{sink.url}/received") as answer:
        assert await answer.json() == [
            {"number": 1, "at": "2026-01-05T00:00:00Z", "receiver": "mail-ops", "payload": body}
        ]
    (arrival,) = seen
    assert (arrival.receiver, arrival.reason, arrival.status) == ("mail-ops", "all_resolved", "resolved")
    assert (arrival.firing, arrival.resolved) == ((), ({"alertname": "HighCPU"},))
    assert arrival.clock_time == "00:00:00.0"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"alerts": [{}]}', b'{"alerts": [{"labels": {"a": 1}}]}']
)
async def test_what_is_no_webhook_is_refused(sink: Sink, http: aiohttp.ClientSession, body: bytes) -> None:
    async with http.post(f"{sink.url}/hooks/x", data=body) as answer:
        assert answer.status == 400
    assert not sink.arrivals


async def test_the_newest_thousand_are_kept(sink: Sink, http: aiohttp.ClientSession) -> None:
    for number in range(KEPT + 2):
        async with http.post(f"{sink.url}/hooks/r", json=payload(f"a{number}")) as answer:
            assert answer.status == 200
    assert [arrival.number for arrival in sink.arrivals] == list(range(3, KEPT + 3))


async def test_large_ones_are_kept_up_to_a_size(sink: Sink, http: aiohttp.ClientSession) -> None:
    large = msgspec.json.encode(payload("x" * (20 << 20)))
    for _ in range(4):
        async with http.post(f"{sink.url}/hooks/r", data=BytesIO(large)) as answer:
            assert answer.status == 200
    assert [arrival.number for arrival in sink.arrivals] == [2, 3, 4]


async def test_the_page_shows_texts_and_never_runs_them(sink: Sink, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{sink.url}/") as answer:
        assert "Nothing has arrived yet." in await answer.text()
    hook = f"{sink.url}/hooks/%3Cscript%3Er()%3C%2Fscript%3E"
    evil = payload("<script>a()</script>", reason="<script>b()</script>")
    async with http.post(hook, json=evil) as answer:
        assert answer.status == 200
    async with http.get(f"{sink.url}/") as answer:
        page = await answer.text()
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert "<script" not in page
    for text in ("a()", "b()", "r()"):
        assert f"&lt;script&gt;{text}&lt;/script&gt;" in page
    assert "prefers-color-scheme:dark" in page


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:9096", 200),
        ("LOCALHOST", 200),
        ("[::1]:9096", 200),
        ("[::1]", 200),
        ("sandbox.example.com", 421),
        ("127.0.0.1.example.com:9096", 421),
    ],
)
async def test_it_answers_to_its_own_names_only(
    sink: Sink, http: aiohttp.ClientSession, host: str, status: int
) -> None:
    async with http.get(f"{sink.url}/received", headers={"Host": host}) as answer:
        assert answer.status == status


async def test_a_port_in_use_is_said_in_one_line(sink: Sink) -> None:
    with pytest.raises(UsageError) as caught:
        await Sink(sink.address, SystemClock()).start()
    assert str(caught.value) == f"{sink.address} is in use by another program; the sandbox's sink needs it"


async def test_stop_without_start_and_twice_is_nothing() -> None:
    sink = Sink(ANYWHERE, SystemClock())
    await sink.stop()
    await sink.start()
    await sink.stop()
    await sink.stop()


# -- waiting ----------------------------------------------------------------------------------


async def test_until_is_asked_again_at_each_arrival(http: aiohttp.ClientSession) -> None:
    clock = ManualClock()
    sink = Sink(ANYWHERE, clock)
    await sink.start()
    waiting = asyncio.create_task(sink.until(lambda: sink.count == 2, SECOND))
    for name in ("a", "b"):
        assert not waiting.done()
        async with http.post(f"{sink.url}/hooks/r", json=payload(name)) as answer:
            assert answer.status == 200
    assert await waiting is True
    await clock.settle()
    assert clock.sleepers == 0
    await sink.stop()


async def test_until_gives_up_in_time() -> None:
    clock = ManualClock()
    sink = Sink(ANYWHERE, clock)
    waiting = asyncio.create_task(sink.until(lambda: False, SECOND))
    await clock.advance(SECOND - 1)
    assert not waiting.done()
    await clock.advance(1)
    assert await waiting is False


async def test_until_does_not_wait_for_what_holds_already() -> None:
    assert await Sink(ANYWHERE, ManualClock()).until(lambda: True, SECOND) is True
