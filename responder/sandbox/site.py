"""The sandbox's one HTTP address: the stand-ins' interfaces, and pages that show what arrived.

`cli.sandbox` starts it. It listens on loopback alone, answers to its own names alone, and its pages
load and run nothing but the one style sheet and the one script that lie beside it.
"""

import secrets
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from responder.sandbox import page
from responder.sandbox.loopback import listen, own_names_only
from responder.sandbox.slackpeople import NotThere, Sent
from responder.sandbox.standins import StandIns
from responder.settings import Address

POLICY: Final = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the browser is held to. Styles within a page: Slack's colours, and the mails in their frames."""

_BODY: Final = 64 << 20

_STATIC: Final[Mapping[str, str]] = {"page.css": "text/css", "page.js": "text/javascript"}

_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Site:
    """The address: `start`, `stop`. `curl` is what its empty pages tell people to type."""

    def __init__(self, address: Address, standins: StandIns, curl: str) -> None:
        """Listen nowhere yet."""
        self.address = address
        self._standins = standins
        self._curl = curl
        self._run = secrets.token_hex(4)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.address}"

    async def start(self) -> None:
        """Listen. Raises UsageError when the port is taken."""
        runner = web.AppRunner(self._app(), access_log=None, handle_signals=False, shutdown_timeout=1)
        self.address = await listen(runner, self.address)
        if self._standins.people is not None:
            self._standins.people.place = self.url
        self._runner = runner

    async def stop(self) -> None:
        """Listen no more."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self._standins.pagerduty.release()
            await runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=_BODY, middlewares=[own_names_only])
        self._standins.slack.add_routes(app)
        self._standins.pagerduty.add_routes(app)
        self._standins.hooks.add_routes(app)
        self._standins.prometheus.add_routes(app)
        if self._standins.people is not None:
            self._standins.people.add_routes(app)
            app.router.add_post("/slack/type", self._type)
            app.router.add_post("/slack/press", self._press)
        app.router.add_get("/received", self._received)
        for name in page.PAGES:
            app.router.add_get(name, self._page)
        for name in _STATIC:
            app.router.add_get(f"/{name}", _file)
        return app

    async def _received(self, request: web.Request) -> web.Response:
        body = msgspec.json.encode([arrival.document() for arrival in self._standins.arrivals])
        return web.Response(body=body, content_type="application/json", headers=_HEADERS)

    async def _type(self, request: web.Request) -> web.Response:
        """Somebody types a command on the page."""
        people, asked = self._standins.people, await _asked(request, _Typed)
        assert people is not None
        return await _done(people.type(asked.user, asked.channel, asked.text))

    async def _press(self, request: web.Request) -> web.Response:
        """Somebody presses a button on the page."""
        people, asked = self._standins.people, await _asked(request, _Pressed)
        assert people is not None
        return await _done(people.press(asked.user, asked.channel, asked.ts, asked.action, asked.value))

    async def _page(self, request: web.Request) -> web.Response:
        tag = f'"{self._run}-{self._standins.count}-{self._standins.cluster.version}"'
        headers = {**_HEADERS, "ETag": tag}
        # The script asks every second: nothing is rendered until something has happened.
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        text = page.render(request.path, self._standins, self._curl, request.query.get("as", ""))
        return web.Response(text=text, content_type="text/html", headers=headers)


class _Typed(msgspec.Struct, frozen=True):
    user: str
    channel: str
    text: str


class _Pressed(msgspec.Struct, frozen=True):
    user: str
    channel: str
    ts: str
    action: str
    value: str


_T = TypeVar("_T")


async def _asked(request: web.Request, kind: type[_T]) -> _T:
    """What the page's script asks for. Another site's page cannot send this type without asking first."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="application/json, please\n")
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None


async def _done(doing: Awaitable[Sent]) -> web.Response:
    try:
        sent = await doing
    except NotThere as error:
        return web.Response(status=404, text=f"{error}\n")
    return web.json_response({"status": sent.status}, headers=_HEADERS)


async def _file(request: web.Request) -> web.Response:
    name = request.path.removeprefix("/")
    text = (Path(__file__).with_name("static") / name).read_text()
    return web.Response(text=text, content_type=_STATIC[name], headers=_HEADERS)
