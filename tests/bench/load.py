"""Load: as much as wrk can send for some seconds, a fixed number of requests, or so many a second.

The cases call it. It counts what was answered 200 and nothing else as accepted; all of it is bounded in count
or time, and goes to loopback only.
"""

import asyncio
import json
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import uvloop

from tests.bench.sink import content_length

SCRIPT: Final = Path(__file__).with_name("post.lua")
AGAIN: Final = 0.05
"""Seconds after which a refused (503) request is sent again."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """What `press` came to: requests answered 200 in so many seconds, the others, and latencies."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float


def press(
    wrk: str, url: str, templates: Path, *, connections: int, per_request: int, seconds: float, again: int = 0
) -> Pressed:
    """As many requests as `connections` can send, of new alerts each (or `again` of them, repeated)."""
    command = [
        wrk,
        "--threads=1",
        f"--connections={connections}",
        f"--duration={max(1, round(seconds))}s",
        "--timeout=10s",
        f"--script={SCRIPT}",
        url,
        "--",
        str(templates),
        str(per_request),
        str(again),
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    found = json.loads(output[output.index("{") :])
    found["requests"] -= found["refused"]
    return Pressed(**found)


@dataclass(slots=True)
class Sent:
    """What `send` came to: which requests were answered 200, how often which status came, and the time."""

    began: int = 0
    ended: int = 0
    accepted: list[int] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0

    @property
    def seconds(self) -> float:
        """From the first request to the last answer."""
        return (self.ended - self.began) / 1e9


def requests(url: str, bodies: Sequence[bytes]) -> list[bytes]:
    """Whole HTTP requests around these bodies."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n".encode()
    )
    return [b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body) for body in bodies]


def send(
    url: str,
    bodies: Sequence[bytes],
    connections: int,
    *,
    after: int = 0,
    act: Callable[[], None] = lambda: None,
) -> Sent:
    """Send each body once, over so many connections at a time, again after a 503.

    Once `after` of them are answered 200, `act` is called (a kill, say); connections that break end early.
    """
    return uvloop.run(_send(url, requests(url, bodies), connections, after, act))


async def _send(url: str, whole: list[bytes], connections: int, after: int, act: Callable[[], None]) -> Sent:
    sent = Sent()
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    queue = iter(enumerate(whole))

    def accepted() -> None:
        if len(sent.accepted) == after:
            act()

    sent.began = sent.ended = time.monotonic_ns()
    made = [
        await loop.create_connection(lambda: _Sender(queue, sent, accepted), "127.0.0.1", parts.port or 80)
        for _ in range(min(connections, len(whole)))
    ]
    await asyncio.gather(*(sender.over for _, sender in made))
    for transport, _ in made:
        transport.abort()
    return sent


class _Sender(asyncio.Protocol):
    def __init__(self, queue: Iterator[tuple[int, bytes]], sent: Sent, accepted: Callable[[], None]) -> None:
        self._queue = queue
        self._sent = sent
        self._accepted = accepted
        self._buffer = b""
        self._index = -1
        self._request = b""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has no such parent
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or len(self._buffer) < end + 4 + content_length(self._buffer[:end]):
            return
        status = int(self._buffer[9:12])
        self._buffer = b""
        sent = self._sent
        sent.statuses[status] += 1
        sent.ended = time.monotonic_ns()
        if status == 503:
            asyncio.get_running_loop().call_later(AGAIN, self._transport.write, self._request)
            return
        if status == 200:
            sent.accepted.append(self._index)
            self._accepted()
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self._sent.broken += 1
            self.over.set_result(None)

    def _next(self) -> None:
        self._index, self._request = next(self._queue, (-1, b""))
        if self._request:
            self._transport.write(self._request)
        elif not self.over.done():
            self.over.set_result(None)


def pace(url: str, bodies: Sequence[bytes], per_second: float) -> list[int]:
    """Send each body once, evenly spread, on one connection: when each was sent (monotonic ns)."""
    parts = urlsplit(url)
    times: list[int] = []
    with socket.create_connection(("127.0.0.1", parts.port or 80), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.monotonic()
        for number, request in enumerate(requests(url, bodies)):
            time.sleep(max(0.0, began + number / per_second - time.monotonic()))
            times.append(time.monotonic_ns())
            connection.sendall(request)
            answer = connection.recv(65536)
            if answer[9:12] != b"200":
                raise AssertionError(f"{url}: {answer[:200]!r}")
    return times
