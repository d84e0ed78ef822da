"""A webhook receiver that records everything and fails as it is told.

Tests point Responder or Alertmanager at its `url`; it serves from a thread of its own. It never decides what
a payload should have been: that is the test's.
"""

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Literal, Self

from aiohttp import web

from tests.peers.ports import free_port


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request is answered: after `delay` seconds with a status, or never, or by a reset connection."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    how: Literal["answer", "hang", "reset"] = "answer"
    body: str = ""


OK: Final = Answer()
HANG: Final = Answer(how="hang")
RESET: Final = Answer(how="reset")


@dataclass(frozen=True, slots=True)
class Received:
    """One request: when (monotonic seconds), what, and how it was answered."""

    at: float
    path: str
    headers: Mapping[str, str]
    body: bytes
    answer: Answer

    @property
    def payload(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def taken(self) -> bool:
        """Whether the sender was told that all is well."""
        return self.answer.how == "answer" and 200 <= self.answer.status < 300

    def alertnames(self, status: str) -> list[str]:
        """The names of the alerts in it that have this status, sorted."""
        return sorted(a["labels"]["alertname"] for a in self.payload["alerts"] if a["status"] == status)


class Sink:
    """The receiver. A context manager: it listens from `__init__` to `close`."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._received: list[Received] = []
        self._changed = threading.Condition()
        self._next: deque[Answer] = deque()
        self._always = OK
        self._loop = asyncio.new_event_loop()
        self._release = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="sink", daemon=True)
        self._thread.start()
        self.open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Listen (again)."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def shut(self) -> None:
        """Stop listening and drop every connection: senders are refused until `open`."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(10)

    def close(self) -> None:
        """Stop for good."""
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def answer_next(self, *answers: Answer) -> None:
        """Answer the next requests so, one each; then as before."""
        with self._changed:
            self._next.extend(answers)

    def answer_always(self, answer: Answer) -> None:
        """Answer so from now on, wherever `answer_next` has nothing left."""
        with self._changed:
            self._always = answer

    def release(self) -> None:
        """Let every hanging request go on to a 200."""
        self._loop.call_soon_threadsafe(self._let_go)

    @property
    def received(self) -> list[Received]:
        """Every request so far, oldest first, whatever was answered."""
        with self._changed:
            return list(self._received)

    @property
    def taken(self) -> list[Received]:
        """Those that were answered well: what the sender may count as told."""
        return [request for request in self.received if request.taken]

    def clear(self) -> None:
        """Forget what was received."""
        with self._changed:
            self._received.clear()

    def wait_until(self, holds: Callable[[list[Received]], bool], timeout: float = 10.0) -> list[Received]:
        """Wait until `holds` says yes to everything received: that. After `timeout` AssertionError."""
        until = time.monotonic() + timeout
        with self._changed:
            while not holds(list(self._received)):
                if not self._changed.wait(until - time.monotonic()) and time.monotonic() >= until:
                    seen = "\n".join(
                        f"  {r.path} -> {r.answer.status if r.answer.how == 'answer' else r.answer.how}: "
                        f"{r.body[:300]!r}"
                        for r in self._received[-10:]
                    )
                    raise AssertionError(
                        f"sink: not within {timeout:g} s; "
                        f"{len(self._received)} requests, the last ones:\n{seen}"
                    )
            return list(self._received)

    def wait_count(self, count: int, timeout: float = 10.0) -> list[Received]:
        """Wait for `count` requests answered well: those."""
        self.wait_until(lambda received: sum(r.taken for r in received) >= count, timeout)
        return self.taken

    async def _listen(self) -> None:
        app = web.Application(client_max_size=256 * 1024 * 1024)
        app.router.add_route("POST", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def _shut(self) -> None:
        self._let_go()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _let_go(self) -> None:
        self._release.set()
        self._release = asyncio.Event()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        with self._changed:
            answer = self._next.popleft() if self._next else self._always
            self._received.append(
                Received(time.monotonic(), request.path, dict(request.headers), body, answer)
            )
            self._changed.notify_all()
        if answer.how == "hang":
            await self._release.wait()
            return web.Response()
        if answer.how == "reset" and request.transport is not None:
            request.transport.abort()
            return web.Response()
        if answer.delay:
            await asyncio.sleep(answer.delay)
        return web.Response(status=answer.status, headers=answer.headers, text=answer.body)
