"""Both ways in answer alike: the short one for plain posts of alerts, and aiohttp's for all else."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

import pytest
import yaml
from aiohttp import web

from responder.service import Service
from responder.settings import load_settings
from responder.store.database import reading
from responder.web import connection
from responder.web.access import Access
from responder.web.connection import Connections
from tests.peers.payloads import api_alert, webhook_alert, webhook_payload
from tests.peers.ports import free_port

API: Final = "/api/v2/alerts"
ALERT: Final = json.dumps([api_alert("One")]).encode()
RULES: Final = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}

Reply = tuple[int, dict[str, str], bytes]


class Caller:
    """One connection, spoken to byte by byte."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._writer.close()

    def head(self, length: int | None, path: str = API, more: str = "", version: str = "1.1") -> bytes:
        lines = [f"POST {path} HTTP/{version}", f"Host: 127.0.0.1:{self.port}"]
        lines.append("Content-Type: application/json")
        lines += [f"Content-Length: {length}"] if length is not None else []
        lines += [more] if more else []
        return "\r\n".join((*lines, "", "")).encode()

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def write_all(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def reply(self, *, bodiless: bool = False) -> Reply:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        first, *fields = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
        length = 0 if bodiless else int(headers.get("content-length", "0"))
        body = await self._reader.readexactly(length)
        return int(first.split()[1]), headers, body

    async def post(self, body: bytes, path: str = API, more: str = "") -> Reply:
        self.write(self.head(len(body), path, more) + body)
        return await self.reply()

    async def ask(self, path: str, method: str = "GET", more: str = "") -> Reply:
        self.write(self.asking(path, method, more))
        return await self.reply(bodiless=method == "HEAD")

    def asking(self, path: str, method: str = "GET", more: str = "") -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *([more] if more else [])]
        return "\r\n".join((*lines, "", "")).encode()

    async def ended(self) -> bool:
        try:
            return await self._reader.read() == b""
        except ConnectionResetError:  # by whoever did not read all that was written
            return True


@asynccontextmanager
async def serving(directory: Path, **settings: Any) -> AsyncIterator[int]:
    async with running(directory, **settings) as service:
        yield service.settings.listen.port


@asynccontextmanager
async def running(directory: Path, **settings: Any) -> AsyncIterator[Service]:
    port = free_port()
    rules = directory / "routing.yaml"
    rules.write_text(yaml.safe_dump(RULES))
    config = directory / "responder.yaml"
    given = {
        "listen": f"127.0.0.1:{port}",
        "storage": f"sqlite:///{directory}/responder.db",
        "rules": str(rules),
    }
    config.write_text(yaml.safe_dump(given | settings))
    service = Service(load_settings(config, {}))
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def test_a_connection_serves_one_post_after_the_other(tmp_path: Path) -> None:
    async with serving(tmp_path) as port, Caller(port) as caller:
        for _ in range(3):
            status, headers, body = await caller.post(ALERT)
            assert (status, body) == (200, b"")
            assert headers.keys() == {"content-length", "date"}


async def test_requests_that_are_sent_without_waiting_are_answered_in_order(tmp_path: Path) -> None:
    bad = b'[{"labels": {}}]'
    async with serving(tmp_path) as port, Caller(port) as caller:
        caller.write(
            b"".join(caller.head(len(body)) + body for body in [ALERT, bad, bad, ALERT, b"[]", ALERT] * 50)
        )
        statuses = [(await caller.reply())[0] for _ in range(300)]
    assert statuses == [200, 400, 400, 200, 200, 200] * 50


async def test_a_request_may_come_in_any_pieces(tmp_path: Path) -> None:
    async with serving(tmp_path) as port, Caller(port) as caller:
        whole = caller.head(len(ALERT)) + ALERT
        for piece in range(0, len(whole), 7):
            caller.write(whole[piece : piece + 7])
            await asyncio.sleep(0)
        assert (await caller.reply())[0] == 200


async def test_the_same_connection_may_ask_for_anything_else(tmp_path: Path) -> None:
    async with serving(tmp_path) as port, Caller(port) as caller:
        assert (await caller.post(ALERT))[0] == 200
        caller.write(f"GET /-/healthy HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert (await caller.reply())[2] == b"Responder is healthy.\n"
        assert (await caller.post(ALERT))[0] == 200


@pytest.mark.parametrize(
    ("more", "body"),
    [
        ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(ALERT), ALERT)),
        ("Connection: close", ALERT),
        ("Connection: upgrade\r\nUpgrade: h2c", ALERT),
    ],
)
async def test_odd_requests_are_served_too(tmp_path: Path, more: str, body: bytes) -> None:
    async with serving(tmp_path) as port, Caller(port) as caller:
        length = None if "chunked" in more else len(body)
        caller.write(caller.head(length, more=more) + body)
        assert (await caller.reply())[0] == 200
        if more == "Connection: close":
            assert await caller.ended()


async def test_a_sender_may_ask_before_it_sends_the_body(tmp_path: Path) -> None:
    async with serving(tmp_path) as port, Caller(port) as caller:
        caller.write(caller.head(len(ALERT), more="Expect: 100-continue"))
        assert (await caller.reply())[0] == 100
        caller.write(ALERT)
        assert (await caller.reply())[0] == 200


async def test_an_old_client_is_answered_and_let_go(tmp_path: Path) -> None:
    async with serving(tmp_path) as port, Caller(port) as caller:
        caller.write(caller.head(len(ALERT), version="1.0") + ALERT)
        assert (await caller.reply())[0] == 200
        assert await caller.ended()


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ("Content-Length: 3", 400),
        ("Host: elsewhere", 400),
        ("Origin: https://elsewhere.test", 403),
        ("Sec-Fetch-Site: cross-site", 403),
    ],
)
async def test_what_no_sender_may_say(tmp_path: Path, more: str, status: int) -> None:
    async with serving(tmp_path) as port, Caller(port) as caller:
        assert (await caller.post(ALERT, more=more))[0] == status


BODIES: Final = {
    "nothing": b"",
    "no JSON": b"{",
    "another thing": b'{"a": 1}',
    "no alerts": b"[]",
    "one bad among good": json.dumps([api_alert("A"), {"labels": {"a": 1}}, api_alert("B")]).encode(),
    "a webhook": json.dumps(
        {"version": "4", "alerts": [{"status": "firing", "labels": {"a": "b"}}]}
    ).encode(),
    "an unknown version": b'{"version": "5", "alerts": []}',
    "too many": json.dumps([api_alert(f"A{number}") for number in range(21)]).encode(),
    "too long": b"[" + b" " * 70_000 + b"]",
}


@pytest.mark.parametrize("path", [API, "/webhooks/alertmanager"])
@pytest.mark.parametrize("what", BODIES)
async def test_both_ways_answer_alike(tmp_path: Path, path: str, what: str) -> None:
    limits = {"alerts_per_request": 20, "body": "64KiB"}
    async with serving(tmp_path, limits=limits) as port, Caller(port) as short, Caller(port) as general:
        status, _, body = await short.post(BODIES[what], path)
        assert (status, body) == (await general.post(BODIES[what], f"{path}?general"))[::2]


@pytest.mark.parametrize(("path", "status"), [(API, 400), ("/webhooks/alertmanager", 200)])
async def test_of_a_batch_the_good_alerts_are_stored_and_the_answer_says_what_is_wrong(
    tmp_path: Path, path: str, status: int
) -> None:
    alerts = [webhook_alert("A"), {"labels": {"a": 1}}, webhook_alert("B")]
    body = json.dumps(alerts if path == API else webhook_payload(alerts)).encode()
    async with serving(tmp_path) as port, Caller(port) as caller:
        assert (await caller.post(body, path))[0] == status
    with reading(tmp_path / "responder.db") as connection:
        (kept,) = connection.execute("SELECT count(*) FROM alerts").fetchone()
    assert kept == 3  # and Responder's own, about the bad one


async def test_both_ways_want_the_same_token(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.yaml"
    digest = sha256(b"right").hexdigest()
    tokens.write_text(yaml.safe_dump([{"name": "sender", "sha256": digest, "roles": ["ingest"]}]))
    async with serving(tmp_path, auth={"tokens_file": str(tokens)}) as port:
        for more in ("X: y", "Authorization: Bearer wrong", "Authorization: Bearer right"):
            async with Caller(port) as short, Caller(port) as general:
                status, headers, body = await short.post(ALERT, more=more)
                assert (status, body) == (await general.post(ALERT, f"{API}?general", more))[::2]
                assert (headers.get("www-authenticate"), status) == (
                    (None, 200) if "right" in more else ("Bearer", 401)
                )


async def test_what_never_ends_its_head_is_cut_off(tmp_path: Path) -> None:
    async with serving(tmp_path) as port, Caller(port) as caller:
        caller.write(f"POST {API} HTTP/1.1\r\n".encode() + b"X: " + b"y" * 40_000)
        assert (await caller.reply())[0] == 400


async def test_what_comes_drop_by_drop_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_IDLE", 0.1)
    monkeypatch.setattr(connection, "_SWEEP", 0.02)
    async with serving(tmp_path) as port, Caller(port) as caller, asyncio.timeout(5):
        ended = asyncio.create_task(caller.ended())
        caller.write(f"POST {API} HTTP/1.1\r\n".encode())
        while not ended.done():
            caller.write(b"X")
            await asyncio.sleep(0.01)
        assert ended.result()


async def test_nothing_is_kept_of_what_somebody_may_not_send(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text(yaml.safe_dump([{"name": "s", "sha256": sha256(b"right").hexdigest(), "roles": []}]))
    piece, pieces = b"x" * (64 << 10), 200
    async with serving(tmp_path, auth={"tokens_file": str(tokens)}) as port, Caller(port) as caller:
        tracemalloc.start()
        try:
            caller.write(caller.head(len(piece) * pieces, more="Authorization: Bearer wrong"))
            for _ in range(pieces - 1):
                await caller.write_all(piece)
            kept = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert kept < len(piece) * pieces / 4
        caller.write(piece)
        assert (await caller.reply())[0] == 401
        assert (await caller.post(ALERT))[0] == 401  # the connection is as good as before


async def test_what_a_sender_wrote_in_a_broken_line_is_in_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as port, Caller(port) as caller:
        caller.write(caller.head(len(ALERT), more="Authorization: Bearer canary\0") + ALERT)
        assert (await caller.reply())[0] == 400
    # asyncio's debug mode has something to say of a slow machine.
    assert [record.name for record in caplog.records if record.name != "asyncio"] == ["aiohttp.server"]
    assert "canary" not in caplog.text


async def test_a_stop_closes_idle_connections(tmp_path: Path) -> None:
    async with serving(tmp_path) as port:
        caller = await Caller(port).__aenter__()
        assert (await caller.post(ALERT))[0] == 200
    assert await caller.ended()
    await caller.__aexit__()


# -- probes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
async def test_both_ways_say_alike_how_it_is(tmp_path: Path, path: str, method: str) -> None:
    async with serving(tmp_path) as port, Caller(port) as short, Caller(port) as general:
        for _ in range(2):
            status, headers, body = await short.ask(path, method)
            said = await general.ask(f"{path}?general", method)
            assert (status, body) == said[::2]
            assert headers.keys() == {"content-length", "content-type", "date"}
            assert headers.items() <= {**said[1], "date": headers["date"]}.items()
        assert (await short.post(ALERT))[0] == 200
        assert "server" not in (await short.ask(path, method))[1]  # it has not been handed over


OPEN_METRICS: Final = "Accept: application/openmetrics-text; version=1.0.0"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("more", ["Accept: */*", OPEN_METRICS])
async def test_both_ways_show_the_same_metrics(tmp_path: Path, method: str, more: str) -> None:
    async with serving(tmp_path) as port, Caller(port) as short, Caller(port) as general:
        assert [(await short.post(ALERT))[0], (await short.ask("/metrics"))[0]] == [200, 200]
        status, headers, body = await short.ask("/metrics", method, more)
        said = await general.ask("/metrics?general", method, more)
        assert (status, headers["content-type"]) == (said[0], said[1]["content-type"])
        assert [line.split()[:-1] for line in body.splitlines()] == [
            line.split()[:-1] for line in said[2].splitlines()
        ]
        assert method == "HEAD" or b'\nresponder_alerts{state="active"} 1.0\n' in body
        assert "server" not in headers  # it has not been handed over
        assert (await short.post(ALERT))[0] == 200


async def test_however_many_alerts_there_are_each_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("responder.service._COUNTED_AT_ONCE", 2)
    async with running(tmp_path) as service, Caller(service.settings.listen.port) as caller:
        over = {"endsAt": "2026-01-05T00:00:00Z", "startsAt": "2026-01-04T00:00:00Z"}
        given = [api_alert(f"Alert{number}") for number in range(5)] + [{**api_alert("Over"), **over}]
        assert (await caller.post(json.dumps(given).encode()))[0] == 200
        assert await service.engine.caught_up()
        _, _, body = await caller.ask("/metrics")
        assert [line for line in body.splitlines() if line.startswith(b"responder_alerts{")] == [
            b'responder_alerts{state="active"} 5.0',
            b'responder_alerts{state="resolved"} 1.0',
            b'responder_alerts{state="stale"} 0.0',
        ]


async def test_both_ways_show_metrics_to_the_same_callers(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.yaml"
    known = [
        {"name": name, "sha256": sha256(name.encode()).hexdigest(), "roles": [role]}
        for name, role in (("reader", "read"), ("sender", "ingest"))
    ]
    tokens.write_text(yaml.safe_dump(known))
    for auth in ({"metrics": "read"}, {"metrics": "open"}):
        async with serving(tmp_path, auth={"tokens_file": str(tokens), **auth}) as port:
            for name, status in (("reader", 200), ("sender", 403), ("nobody", 401)):
                expected = 200 if auth["metrics"] == "open" else status
                more = f"Authorization: Bearer {name}"
                async with Caller(port) as caller:
                    assert (await caller.ask("/metrics", more=more))[0] == expected
                    assert (await caller.ask("/metrics?general", more=more))[0] == expected


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_metrics_that_cannot_be_read_are_a_bug_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async with running(tmp_path) as service, Caller(service.settings.listen.port) as caller:
        monkeypatch.setattr(service.delivery, "snapshot", broken)
        status, _, body = await caller.ask("/metrics", method)
        assert (status, b"ZeroDivision" in body, bool(body)) == (500, False, method == "GET")
        assert await caller.ended()  # and nothing came after it


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_who_stops_shows_no_metrics_by_either_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    async with running(tmp_path) as service:
        monkeypatch.setattr(service, "_stopping", True)
        for path in ("/metrics", "/metrics?general"):
            async with Caller(service.settings.listen.port) as caller:
                status, _, body = await caller.ask(path, method)
                assert (status, bool(body)) == (503, method == "GET")
                assert await caller.ended()
        monkeypatch.setattr(service, "_stopping", False)
        async with Caller(service.settings.listen.port) as caller:
            _, _, body = await caller.ask("/metrics")
        assert b'responder_http_requests_total{code="503",entrance="management"} 2.0\n' in body
        assert b'entrance="metrics"' not in body


async def test_two_wishes_for_a_format_are_the_general_ways(tmp_path: Path) -> None:
    more = f"Accept: text/plain\r\n{OPEN_METRICS}"
    async with serving(tmp_path) as port, Caller(port) as one, Caller(port) as other:
        replies = [await one.ask("/metrics", more=more), await other.ask("/metrics?general", more=more)]
        assert replies[0][1]["content-type"] == replies[1][1]["content-type"]


async def test_a_probe_that_is_odd_is_answered_too(tmp_path: Path) -> None:
    async with serving(tmp_path) as port, Caller(port) as last, Caller(port) as long:
        assert (await last.ask("/-/healthy", more="Connection: close"))[2] == b"Responder is healthy.\n"
        assert await last.ended()
        long.write(long.asking("/-/healthy", more="Content-Length: 2") + b"{}")
        assert (await long.reply())[2] == b"Responder is healthy.\n"


async def test_after_the_last_answer_of_a_connection_nothing_is_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as port, Caller(port) as caller:
        caller.write(caller.asking("/-/healthy", more="Connection: close") + caller.asking("/"))
        assert (await caller.reply())[0] == 200
        assert await caller.ended()


# -- before there is a general way ------------------------------------------------------------


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 (nobody says so)
            await asyncio.sleep(0)


async def answered(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=f"{request.method} {request.path} {len(await request.read())}")


@asynccontextmanager
async def half(directory: Path) -> AsyncIterator[tuple[int, Connections]]:
    """A second socket of a service, that has no general way yet."""
    port = free_port()
    async with running(directory, hosts=[f"127.0.0.1:{port}"]) as service:
        shared = Connections(
            service.intake,
            service.access,
            service.health,
            service.exposition,
            service.metrics.answered,
            1 << 20,
            lambda: False,
            service.clock,
        )
        server = await asyncio.get_running_loop().create_server(shared, "127.0.0.1", port)
        try:
            yield port, shared
        finally:
            server.close()
            await shared.stop()


async def test_what_cannot_be_served_yet_waits_and_holds_up_nobody(tmp_path: Path) -> None:
    async with half(tmp_path) as (port, shared), Caller(port) as first, Caller(port) as second:
        general = web.Server(answered)
        first.write(first.asking("/first") + first.asking("/later"))
        assert [(await second.ask(path))[0] for path in ("/-/ready", "/metrics")] == [200, 200]
        for _ in range(2):
            assert (await second.post(ALERT))[0] == 200
        second.write(second.head(300_000, f"{API}?general") + b"x" * 200_000)
        await until(lambda: len(shared.waiting) == 2)
        shared.hand_over_to(general)
        assert [(await first.reply())[2] for _ in range(2)] == [b"GET /first 0", b"GET /later 0"]
        second.write(b"x" * 100_000)
        assert (await second.reply())[2] == b"POST /api/v2/alerts 300000"
        async with Caller(port) as third:
            assert (await third.ask("/at-once"))[2] == b"GET /at-once 0"
        general.pre_shutdown()
        await general.shutdown(1)


async def test_who_waits_for_too_long_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_IDLE", 0.1)
    monkeypatch.setattr(connection, "_SWEEP", 0.02)
    async with half(tmp_path) as (port, shared), Caller(port) as caller, asyncio.timeout(5):
        caller.write(caller.asking("/"))
        assert await caller.ended()
        assert shared.waiting == {}


async def test_who_waits_while_we_stop_is_let_go(tmp_path: Path) -> None:
    async with half(tmp_path) as (port, shared), Caller(port) as caller, asyncio.timeout(5):
        caller.write(caller.asking("/"))
        await until(lambda: len(shared.waiting) == 1)
        stopping = asyncio.create_task(shared.stop())
        await asyncio.sleep(0)
        shared.hand_over_to(web.Server(answered))  # too late: it is closed already
        await stopping
        assert await caller.ended()


async def test_who_may_is_asked_for_each_request(tmp_path: Path) -> None:
    async with half(tmp_path) as (port, shared), Caller(port) as caller:
        assert (await caller.post(ALERT))[0] == 200
        shared.access = Access(None, (), ())  # it goes by another name from here on
        assert (await caller.post(ALERT))[0] == 421


class Deaf(asyncio.Transport):
    """To somebody who may leave the answers unread."""

    def __init__(self) -> None:
        super().__init__()
        self.answers, self.reading, self.closing = 0, True, False

    def write(self, data: Any) -> None:
        self.answers += bytes(data).count(b"HTTP/1.1 200 ")

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_who_asks_more_than_is_read_or_served_waits_and_holds_up_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        answered, clock = service.metrics.answered, service.clock
        own = Connections(
            service.intake,
            service.access,
            service.health,
            service.exposition,
            answered,
            1 << 20,
            lambda: False,
            clock,
        )
        asking, transport = own(), Deaf()
        asking.connection_made(transport)
        probe = b"GET /-/healthy HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        many = (512 << 10) // len(probe)
        asking.data_received(probe * many)
        assert (transport.answers, transport.reading) == (1, False)  # whoever else asks has their turn now
        await turns(4)
        asking.pause_writing()
        before = transport.answers
        assert 1 < before < 10
        await turns(4)
        assert transport.answers == before
        asking.resume_writing()
        await turns(many)
        assert (transport.answers, transport.reading) == (many, True)
        asking.close_if_idle()
        assert transport.closing
        asking.connection_lost(None)
        await own.stop()
