"""The webhook receiver of the benchmarks: as cheap as it can be, in a process of its own.

`python -m tests.bench.sink PORT` answers every POST with 200 and keeps when it first saw each alert firing;
the benchmarks ask it with GET. It does nothing else, since it shares two cores with what is measured.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from tests.peers.calls import answers_ok, get, wait_until
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess


class Counts(msgspec.Struct):
    """What it has seen: distinct firing alerts, requests, and when the last new alert came (monotonic ns)."""

    alerts: int
    requests: int
    last: int


class _Labels(msgspec.Struct):
    instance: str


class _Alert(msgspec.Struct):
    status: str
    labels: _Labels


class _Payload(msgspec.Struct):
    alerts: list[_Alert]


class Seen:
    """When each alert was first seen firing, by the number in its `instance`."""

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(_Payload).decode
        self.forget()

    def forget(self) -> None:
        """As if nothing had come."""
        self.times: dict[str, int] = {}
        self.requests = 0
        self.last = 0

    def take(self, body: bytes) -> None:
        """A webhook payload has come now."""
        now = time.monotonic_ns()
        self.requests += 1
        times = self.times
        for alert in self._decode(body).alerts:
            instance = alert.labels.instance
            if instance not in times and alert.status == "firing":
                times[instance] = self.last = now

    def tell(self, path: str) -> bytes:
        """The answer to a GET: /times, /forget, or the counts."""
        if path == "/times":
            return msgspec.json.encode(self.times)
        if path == "/forget":
            self.forget()
        return msgspec.json.encode(Counts(len(self.times), self.requests, self.last))


class Connection(asyncio.Protocol):
    """HTTP/1.1 as Go's and aiohttp's clients speak it: keep-alive, bodies with a Content-Length."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has no such parent

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end])
            length = content_length(head)
            if len(self._buffer) < end + 4 + length:
                return
            body = bytes(self._buffer[end + 4 : end + 4 + length])
            del self._buffer[: end + 4 + length]
            method, path, _ = head.split(b" ", 2)
            answer = b""
            if method == b"POST":
                self._seen.take(body)
            else:
                answer = self._seen.tell(path.decode())
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))


def content_length(head: bytes) -> int:
    """The Content-Length of a request's or response's head; 0 without one."""
    at = head.lower().find(b"\r\ncontent-length:")
    return int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def serve(port: int) -> None:
    """Serve on loopback until killed."""
    seen = Seen()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(seen), "127.0.0.1", port)
    await server.serve_forever()


class SinkProcess(ChildProcess):
    """The receiver as the benchmarks see it; not started yet."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        argv = [sys.executable, "-m", "tests.bench.sink", str(self.port)]
        root = Path(__file__).parents[2]
        super().__init__("sink", argv, directory, lambda: answers_ok(self.url), env={"PYTHONPATH": str(root)})

    def forget(self) -> None:
        """Forget what came so far."""
        get(f"{self.url}/forget")

    def counts(self) -> Counts:
        """What it has seen."""
        return msgspec.json.decode(get(f"{self.url}/counts").body, type=Counts)

    def times(self) -> dict[int, int]:
        """When each alert was first seen firing (monotonic ns), by its number."""
        seen = msgspec.json.decode(get(f"{self.url}/times").body, type=dict[str, int])
        return {int(instance.removeprefix("i-")): at for instance, at in seen.items()}

    def wait_alerts(self, count: int, timeout: float) -> Counts:
        """Wait until that many distinct alerts were seen."""
        wait_until(lambda: self.counts().alerts >= count, timeout, f"the sink has seen {count} alerts")
        return self.counts()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
