"""A webhook receiver on loopback that records what it is told and shows it.

The sandbox points every shipped receiver at it: `POST /hooks/RECEIVER`. It keeps the newest 1,000
notifications in memory and nothing on disk, and it sends nothing anywhere.
"""

import asyncio
import errno
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec
from aiohttp import web

from responder.clock import Clock
from responder.core.model import Nanoseconds
from responder.errors import UsageError
from responder.sandbox.arrival import Arrival
from responder.sandbox.page import render
from responder.settings.values import Address

KEPT: Final = 1_000
"""How many notifications are kept."""

_KEPT_BYTES: Final = 64 << 20
"""Their bodies together: a thousand large ones must not fill the memory."""

_OWN_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


class _Alert(msgspec.Struct):
    labels: dict[str, str]
    status: str = ""


class _Payload(msgspec.Struct):
    alerts: list[_Alert]
    notification_reason: str = ""


class Sink:
    """The receiver: `start`, look at `arrivals`, `stop`."""

    def __init__(self, address: Address, clock: Clock) -> None:
        """Listen nowhere yet."""
        self.address = address
        self.arrivals: deque[Arrival] = deque(maxlen=KEPT)
        self.on_arrival: Callable[[Arrival], None] = lambda arrival: None
        self.count = 0
        self._clock = clock
        self._bytes = 0
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.address}"

    async def start(self) -> None:
        """Listen. Raises UsageError when the port is taken."""
        app = web.Application(client_max_size=_KEPT_BYTES, middlewares=[_own_names_only])
        app.router.add_post("/hooks/{receiver}", self._take)
        app.router.add_get("/received", self._list)
        app.router.add_get("/", self._page)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.address.host, self.address.port).start()
        except OSError as error:
            await runner.cleanup()
            if error.errno == errno.EADDRINUSE:
                raise UsageError(
                    f"{self.address} is in use by another program; the sandbox's sink needs it"
                ) from None
            raise UsageError(
                f"the sandbox's sink cannot listen on {self.address}: {error.strerror}"
            ) from None
        host, port = runner.addresses[0][:2]
        self.address = Address(host, port)
        self._runner = runner

    async def stop(self) -> None:
        """Listen no more."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def until(self, holds: Callable[[], bool], within: Nanoseconds) -> bool:
        """Wait until `holds` says yes, asked again at each arrival; False after `within`."""
        deadline = asyncio.ensure_future(self._clock.sleep(within))
        try:
            while not holds():
                if deadline.done():
                    return False
                self._changed.clear()
                changed = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({changed, deadline}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
            return True
        finally:
            deadline.cancel()

    # -- requests -------------------------------------------------------------------------

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            payload = msgspec.json.decode(body, type=_Payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return web.Response(status=400, text=f"not an Alertmanager webhook: {error}\n")
        self.count += 1
        arrival = Arrival(
            self.count,
            self._clock.now(),
            request.match_info["receiver"],
            payload.notification_reason,
            tuple(alert.labels for alert in payload.alerts if alert.status != "resolved"),
            tuple(alert.labels for alert in payload.alerts if alert.status == "resolved"),
            body,
        )
        self._keep(arrival)
        self.on_arrival(arrival)
        self._changed.set()
        return web.Response()

    def _keep(self, arrival: Arrival) -> None:
        while self.arrivals and (len(self.arrivals) == KEPT or self._bytes + len(arrival.body) > _KEPT_BYTES):
            self._bytes -= len(self.arrivals.popleft().body)
        self.arrivals.append(arrival)
        self._bytes += len(arrival.body)

    async def _list(self, request: web.Request) -> web.Response:
        body = msgspec.json.encode([arrival.document() for arrival in self.arrivals])
        return web.Response(body=body, content_type="application/json")

    async def _page(self, request: web.Request) -> web.Response:
        headers = {
            # Nothing in a page of alerts may run or load anything, escaped or not.
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(text=render(self.arrivals), content_type="text/html", headers=headers)


_Serve: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _own_names_only(request: web.Request, handler: _Serve) -> web.StreamResponse:
    """Another site's page that resolves its own name to loopback gets nothing (DNS rebinding)."""
    name = request.host.rpartition(":")[0] if ":" in request.host.rpartition("]")[2] else request.host
    if name.lower() not in _OWN_NAMES:
        return web.Response(status=421, text="this is a stand-in on loopback; call it by that address\n")
    return await handler(request)
