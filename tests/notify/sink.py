"""A real HTTP server on loopback that records what it is sent and answers as a test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any, TypeAlias

import msgspec
from aiohttp import web

Script: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Received:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass
class Sink:
    """What was received, and how to answer (200 unless said otherwise)."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    script: Script | None = None
    open_requests: int = 0
    most_at_once: int = 0
    _hanging: list[asyncio.Future[None]] = field(default_factory=list)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.received.append(Received(request.method, request.raw_path, dict(request.headers), body))
        self.open_requests += 1
        self.most_at_once = max(self.most_at_once, self.open_requests)
        try:
            return await self.script(request) if self.script else web.Response()
        finally:
            self.open_requests -= 1

    def answers(self, *responses: int | web.Response | Script) -> None:
        """Answer the first request with the first of these and so on; the last stays."""
        left = list(responses)

        async def script(request: web.Request) -> web.StreamResponse:
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, int):
                return web.Response(status=answer)
            if isinstance(answer, web.Response):
                text, headers = answer.text, answer.headers
                return web.Response(status=answer.status, text=text, headers=headers)
            return await answer(request)

        self.script = script

    async def hang(self, request: web.Request) -> web.StreamResponse:
        """Answer nothing until `release`."""
        waiter = asyncio.get_running_loop().create_future()
        self._hanging.append(waiter)
        await waiter
        return web.Response()

    def release(self) -> None:
        """Let those that hang be answered with 200."""
        for waiter in self._hanging:
            if not waiter.done():
                waiter.set_result(None)
        self._hanging.clear()


async def reset(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def garbage(request: web.Request) -> web.StreamResponse:
    """Answer something that is not HTTP."""
    assert request.transport is not None
    request.transport.write(b"\x00\x01 teapot\r\n\r\n")
    request.transport.close()
    return web.Response()


def slow_body(status: int) -> Script:
    """Send the head of an answer and the beginning of its body, and never the rest."""

    async def script(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        response.content_length = 1_000
        await response.prepare(request)
        await response.write(b"slow")
        await asyncio.get_running_loop().create_future()
        return response

    return script


@asynccontextmanager
async def serving(tls: SSLContext | None = None, port: int = 0) -> AsyncIterator[Sink]:
    """Run a Sink."""
    sink = Sink()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", sink._serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
    await site.start()
    host, real_port = runner.addresses[0][:2]
    sink.url = f"{'https' if tls else 'http'}://{host}:{real_port}"
    try:
        yield sink
    finally:
        sink.release()
        await runner.cleanup()
