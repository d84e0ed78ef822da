"""Listening on loopback, as every stand-in that speaks HTTP does.

`site` and the Kubernetes stand-ins start here. It answers to this machine's own names alone, and says
in one line why a port cannot be had.
"""

import errno
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from aiohttp import web

from responder.errors import UsageError
from responder.settings import Address

_OWN_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})

_Serve: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def own_names_only(request: web.Request, handler: _Serve) -> web.StreamResponse:
    """Another site's page that resolves its own name to loopback gets nothing (DNS rebinding)."""
    name = request.host.rpartition(":")[0] if ":" in request.host.rpartition("]")[2] else request.host
    if name.lower() not in _OWN_NAMES:
        return web.Response(status=421, text="this is a stand-in on loopback; call it by that address\n")
    return await handler(request)


async def listen(runner: web.AppRunner, address: Address) -> Address:
    """Start it at the address; returns it with the port that it got. Raises UsageError."""
    await runner.setup()
    try:
        await web.TCPSite(runner, address.host, address.port).start()
    except OSError as error:
        await runner.cleanup()
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"{address} is in use by another program; the sandbox's stand-ins need it"
            ) from None
        raise UsageError(f"the sandbox's stand-ins cannot listen on {address}: {error.strerror}") from None
    host, port = runner.addresses[0][:2]
    return Address(host, port)
