"""The short way out, answered byte by byte: what it keeps, what it gives up, what it says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from responder.notify.http import Http, Progress, Request
from responder.notify.line import NotHttp, written

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each request with the next of `answers`; an empty one ends the connection."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = answers
        self.connections = 0
        self.requests: list[bytes] = []
        self.url = URL()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while self.answers:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head + await reader.readexactly(4))
            except asyncio.IncompleteReadError:
                break
            answer = self.answers.pop(0)
            for piece in answer.split(b"|"):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if not answer or answer.endswith(b"$"):
                break
        writer.close()


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[tuple[Server, Http]]:
    server, http = Server(list(answers)), Http()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server.url = URL(f"http://127.0.0.1:{port}/hook?a=%2F", encoded=True)
    try:
        async with listening:
            yield server, http
            await http.close()
    finally:
        await http.close()


async def post(server: Server, http: Http) -> tuple[int, bytes]:
    headers = CIMultiDict({"Content-Type": "application/json"})
    answer = await http.ask(Request("POST", server.url, headers, b"body"), Progress())
    return answer.status, answer.body


async def test_one_connection_serves_request_after_request() -> None:
    async with answering(PLAIN, PLAIN, PLAIN) as (server, http):
        assert [await post(server, http) for _ in range(3)] == [(200, b"ok")] * 3
    assert server.connections == 1
    assert server.requests[0].startswith(b"POST /hook?a=%2F HTTP/1.1\r\nHost: 127.0.0.1:")


@pytest.mark.parametrize(
    ("answer", "got", "connections"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b""), 1),
        (b"HTTP/1.1 100 Continue\r\n\r\n|" + PLAIN, (200, b"ok"), 1),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + PLAIN, (200, b"ok"), 1),
        (b"HT|TP/1.1 50|0 No\r\nContent-Le|ngth: 3\r\n\r\nba|d", (500, b"bad"), 1),
        (b"HTTP/1.1 400 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n|0\r\n\r\n", (400, b"bad"), 1),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok$", (200, b"ok$"[:2]), 2),
        (b"HTTP/1.0 500 No\r\n\r\nbad$", (500, b"bad$"), 2),
        (b"HTTP/1.1 500 No\r\nContent-Length: 9000\r\n\r\n" + b"x" * 9_000, (500, b"x" * 4_096), 1),
    ],
)
async def test_answers_of_every_form(answer: bytes, got: tuple[int, bytes], connections: int) -> None:
    async with answering(answer, PLAIN) as (server, http):
        assert await post(server, http) == got
        assert await post(server, http) == (200, b"ok")
    assert server.connections == connections


async def test_an_endless_answer_costs_the_connection() -> None:
    endless = b"HTTP/1.1 500 No\r\nContent-Length: 900000\r\n\r\n" + b"x" * 100_000
    async with answering(endless, PLAIN) as (server, http):
        assert await post(server, http) == (500, b"x" * 4_096)
        assert await post(server, http) == (200, b"ok")
    assert server.connections == 2


async def test_a_connection_that_was_closed_meanwhile_is_not_used() -> None:
    async with answering(PLAIN + b"$", PLAIN) as (server, http):
        assert await post(server, http) == (200, b"ok")
        await asyncio.sleep(0.05)
        assert await post(server, http) == (200, b"ok")
    assert server.connections == 2


async def test_what_is_no_http_and_what_never_comes() -> None:
    async with answering(b"\x00\x01", b"") as (server, http):
        with pytest.raises(NotHttp):
            await post(server, http)
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await post(server, http)


async def test_an_answer_that_nobody_asked_for_ends_the_connection() -> None:
    async with answering(PLAIN + PLAIN[:20], PLAIN) as (server, http):
        assert await post(server, http) == (200, b"ok")
        assert await post(server, http) == (200, b"ok")
    assert server.connections == 2


async def test_a_head_that_never_ends_costs_the_connection() -> None:
    endless = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %b\r\n|" % (n, b"x" * 900) for n in range(100))
    async with answering(endless, PLAIN) as (server, http):
        with pytest.raises(NotHttp):
            await post(server, http)
        assert await post(server, http) == (200, b"ok")


async def test_a_service_that_would_speak_something_else_is_no_http() -> None:
    async with answering(b"HTTP/1.1 101 No\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n") as (server, http):
        with pytest.raises(NotHttp):
            await post(server, http)


@pytest.mark.parametrize(
    ("headers", "plain"),
    [
        ({"A": "b"}, True),
        ({"A": "b\r\nC: d"}, False),
        ({"A": "b\nC: d"}, False),
        ({"A\r\nC": "d"}, False),
        ({"A": "\x00"}, False),
        ({"A": "é"}, False),
    ],
)
def test_only_plain_requests_are_written_here(headers: dict[str, str], plain: bool) -> None:
    request = written(URL("http://[::1]:8080/a"), CIMultiDict(headers), b"body")
    assert (request is not None) == plain
    if request:
        assert request.partition(b"\r\n\r\n")[2] == b"body"
        assert b"\r\nHost: [::1]:8080\r\n" in request


def test_a_url_never_adds_a_line() -> None:
    request = written(URL("http://host/a%0d%0ab?c=\r\nd", encoded=True), CIMultiDict(), b"x")
    assert request is not None
    assert request.split(b"\r\n")[:2] == [b"POST /a%0d%0ab?c=d HTTP/1.1", b"Host: host"]
