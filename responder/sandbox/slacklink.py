"""The stand-in's Socket Mode: connections that the service opens, and envelopes that go over them.

`slack` mounts it and gives out the one-time addresses; `slackpeople` sends what people type and press. It
keeps to Slack's rules: an address opens once, each envelope goes to one connection, at most ten of them.
"""

import asyncio
import json
import secrets
from typing import Any, Final

from aiohttp import web

MOST: Final = 10
_WAIT: Final = 3.0


class Link:
    """Every connection. `place`: where the stand-in listens, `http://HOST:PORT`."""

    def __init__(self) -> None:
        """None yet."""
        self.place = ""
        self._path = ""
        self.acknowledged: list[dict[str, Any]] = []
        self._tickets: set[str] = set()
        self._sockets: list[web.WebSocketResponse] = []
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._sockets)

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Serve `PREFIX/link/TICKET`."""
        self._path = f"{prefix}/link"
        app.router.add_get(f"{self._path}/{{ticket}}", self._serve)
        app.on_shutdown.append(self._closed)

    def open(self) -> str:
        """The address of one new connection."""
        ticket = secrets.token_hex(8)
        self._tickets.add(ticket)
        return f"{self.place.replace('http', 'ws', 1)}{self._path}/{ticket}"

    async def send(self, kind: str, payload: Any, envelope: str = "") -> dict[str, Any] | None:
        """The answer to an envelope; None: nobody is there, or it came too late."""
        if not self._sockets:
            return None
        envelope = envelope or secrets.token_hex(8)
        waiter = self._waiting[envelope] = asyncio.get_running_loop().create_future()
        frame = {
            "type": kind,
            "envelope_id": envelope,
            "payload": payload,
            "accepts_response_payload": kind == "slash_commands",
        }
        try:
            await self.say(frame)
            async with asyncio.timeout(_WAIT):
                answer: dict[str, Any] = await waiter
                return answer
        except TimeoutError:
            return None
        finally:
            del self._waiting[envelope]

    async def say(self, frame: dict[str, Any]) -> None:
        """Send a frame over the newest connection."""
        await self._sockets[-1].send_str(json.dumps(frame))

    async def cut(self) -> None:
        """Close every connection without a word."""
        for socket in [*self._sockets]:
            await socket.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        ticket = request.match_info["ticket"]
        if ticket not in self._tickets or len(self._sockets) >= MOST:
            return web.Response(status=404)
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        hello = {
            "type": "hello",
            "num_connections": len(self._sockets),
            "connection_info": {"app_id": "A0RESPONDER"},
        }
        try:
            await socket.send_str(json.dumps(hello))
            async for message in socket:
                self._heard(json.loads(message.data))
        finally:
            self._sockets.remove(socket)
        return socket

    def _heard(self, frame: dict[str, Any]) -> None:
        self.acknowledged.append(frame)
        waiter = self._waiting.get(str(frame.get("envelope_id")))
        if waiter is not None and not waiter.done():
            waiter.set_result(frame)

    async def _closed(self, app: web.Application) -> None:
        await self.cut()
