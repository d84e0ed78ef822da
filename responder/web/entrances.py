"""The two entrances for alerts as aiohttp serves them: who asks, and a body that is not too long.

Routes of `web.app`; what comes of a body is `intake`'s. Plain posts never get here: `connection` serves
them.
"""

from aiohttp import web

from responder.errors import TooLarge
from responder.web.access import Access, Identity
from responder.web.intake import Entrance, Intake
from responder.web.response import response_of


class Entrances:
    """Both alert entrances."""

    def __init__(self, intake: Intake, access: Access, largest: int) -> None:
        """`largest` is the longest body in bytes."""
        self._intake = intake
        self._access = access
        self._largest = largest

    def add_routes(self, app: web.Application) -> None:
        """Put both paths into `app`."""
        app.router.add_post("/webhooks/alertmanager", self.webhook)
        app.router.add_post("/api/v2/alerts", self.api)

    async def webhook(self, request: web.Request) -> web.Response:
        """`POST /webhooks/alertmanager`: payload version 4."""
        return await self._receive(request, "webhook")

    async def api(self, request: web.Request) -> web.Response:
        """`POST /api/v2/alerts`: as Alertmanager's, so that Prometheus can send here."""
        return await self._receive(request, "api")

    async def _receive(self, request: web.Request, source: Entrance) -> web.Response:
        identity = self._access.check(request, "ingest")
        body = await self._read(request, identity)
        return response_of(await self._intake.take(identity, source, body, request.headers))

    async def _read(self, request: web.Request, identity: Identity) -> bytes:
        limit = self._largest
        try:
            if (request.content_length or 0) > limit:
                raise web.HTTPRequestEntityTooLarge(max_size=limit, actual_size=request.content_length or 0)
            return await request.read()
        except web.HTTPRequestEntityTooLarge:
            text = f"the body is larger than {limit} bytes"
            await self._intake.refuse(identity, 413, text, b"")
            raise TooLarge(text) from None
