"""The stand-in for PagerDuty on a loopback port, and integrations that speak to it."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import Any, Final

from aiohttp import web

from responder.core.catalogue import PagerdutySettings, Secret
from responder.core.rules import Integration
from responder.sandbox.pagerduty import Pagerduty
from tests.clock import ManualClock

KEY: Final = "0123456789abcdefABCDEF0123456789"


class Pager(Pagerduty):
    """The stand-in, which also says where it is."""

    url = ""


@asynccontextmanager
async def serving_pagerduty(
    clock: ManualClock | None = None, prefix: str = "/pagerduty", tls: SSLContext | None = None
) -> AsyncIterator[Pager]:
    """Run the stand-in, which knows KEY alone."""
    pager = Pager(clock or ManualClock(), frozenset({KEY}))
    app = web.Application(client_max_size=4 << 20)
    pager.add_routes(app, prefix)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    host, port = runner.addresses[0][:2]
    pager.url = f"{'https' if tls else 'http'}://{host}:{port}{prefix}/v2/enqueue"
    try:
        yield pager
    finally:
        pager.release()
        await runner.cleanup()


def pagerduty(url: str, *, key: str = KEY, **settings: Any) -> Integration:
    """A PagerDuty integration."""
    return Integration(
        id="pagerduty:1",
        kind="pagerduty",
        send_resolved=True,
        destination="pagerduty 127.0.0.1",
        settings=PagerdutySettings(routing_key=Secret(key), url=url, **settings),
    )


def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
