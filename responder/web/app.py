"""The HTTP application: every path, the errors' one place, the plain front page.

`general` builds and runs it. Each route checks access first; whatever is raised on purpose becomes a JSON
answer with its status, and anything else a 500 without a traceback for the caller.
"""

import html
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from aiohttp.http import HttpProcessingError

from responder import __version__
from responder.errors import ResponderError
from responder.telemetry import Tally, logger
from responder.web.access import Access
from responder.web.alertmanager import AlertmanagerApi
from responder.web.answer import BUG, STOPPING, of_error, refusal
from responder.web.api import Api
from responder.web.entrances import Entrances
from responder.web.exposition import Exposition
from responder.web.health import Health
from responder.web.paging import NEXT
from responder.web.response import response_of
from responder.web.slack import SlackEntrance

log = logger("web")

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Management:
    """`/-/healthy`, `/-/ready`, `/-/reload`, `/metrics` and `/`."""

    def __init__(
        self,
        access: Access,
        health: Health,
        exposition: Exposition,
        reload: Callable[[str], Awaitable[None]],
    ) -> None:
        """`reload` reads the rules again, for the person or program named."""
        self._access = access
        self._health = health
        self._exposition = exposition
        self._reload = reload

    async def healthy(self, request: web.Request) -> web.Response:
        """As the short way says it."""
        return response_of(self._health.healthy())

    async def ready(self, request: web.Request) -> web.Response:
        """As the short way says it."""
        return response_of(self._health.ready())

    async def reload(self, request: web.Request) -> web.Response:
        """Read the rules again; a bad file changes nothing and is answered with its problems."""
        identity = self._access.check(request, "admin")
        await self._reload(identity.name)
        return web.Response(text="Reloaded.\n")

    async def metrics(self, request: web.Request) -> web.Response:
        """As the short way says it."""
        return response_of(await self._exposition.answer(request))

    async def front(self, request: web.Request) -> web.Response:
        """A plain page: what this is, how it is, where the API is."""
        self._access.check(request, "read")
        reason = self._health.reason()
        state = f"not ready: {html.escape(reason)}" if reason else "ready"
        return web.Response(text=_PAGE.format(version=__version__, state=state), content_type="text/html")


_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Responder</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:2em auto;padding:0 1em}}
@media (prefers-color-scheme:dark){{body{{background:#111;color:#ddd}}a{{color:#8bf}}}}</style></head>
<body><h1>Responder {version}</h1><p>This instance is <strong>{state}</strong>.</p><ul>
<li><code>POST /webhooks/alertmanager</code>: Alertmanager's webhook, version 4</li>
<li><code>/api/v2</code>: Alertmanager's API, for Prometheus, amtool and others:
<a href="/api/v2/alerts">alerts</a>, <a href="/api/v2/silences">silences</a></li>
<li><a href="/api/v1/incidents">/api/v1/incidents</a>: what fires, and who has taken it on</li>
<li><a href="/api/v1/runs">/api/v1/runs</a>: what is done about it</li>
<li><a href="/api/v1/ledger">/api/v1/ledger</a>: what was owed, and how it ended</li>
<li><a href="/api/v1/deliveries">/api/v1/deliveries</a>: notifications, newest first</li>
<li><a href="/api/v1/audit">/api/v1/audit</a>: what was decided, and why</li>
<li><a href="/metrics">/metrics</a></li></ul></body></html>
"""


class _NothingQuoted(logging.Filter):
    """Of a request that is no HTTP aiohttp logs the line that is wrong, and a token may be in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
            record.exc_info = None
        return True


logging.getLogger("aiohttp.server").addFilter(_NothingQuoted())


def build(
    management: Management,
    entrances: Entrances,
    api: Api,
    alertmanager: AlertmanagerApi,
    stopping: Callable[[], bool],
    answered: Tally,
    slack: SlackEntrance | None = None,
) -> web.Application:
    """The application with every route of this version."""

    async def answer(request: web.Request, handler: Serve) -> web.StreamResponse:
        """Turn what is raised into an answer."""
        try:
            if stopping() and not request.path.startswith("/-/"):
                response = response_of(STOPPING)
                response.force_close()
                return response
            return await handler(request)
        except ResponderError as error:
            return response_of(of_error(error))
        except web.HTTPException as error:
            if error.status < 400:
                raise
            kept = [pair for pair in error.headers.items() if not pair[0].lower().startswith("content-")]
            return response_of(refusal(error.status, error.reason, tuple(kept)))
        except ConnectionError:
            raise  # the caller is gone
        except Exception:  # a bug: whoever called gets no traceback, the log does
            log.exception("request_failed", method=request.method, path=request.path)
            return response_of(BUG)

    @web.middleware
    async def counted(request: web.Request, handler: Serve) -> web.StreamResponse:
        """Answer, and count by entrance: a path that is none of ours counts as `other`."""
        response = await answer(request, handler)
        entrance = _ENTRANCES.get(request.path, _entrance(request.path))
        answered.add((entrance, str(response.status)))
        if request.path.startswith("/api/v2/"):
            response.headers["Cache-Control"] = "no-store"
            if request.method in ("GET", "HEAD"):  # other sites' pages may read, and change nothing
                response.headers["Access-Control-Allow-Origin"] = "*"
                response.headers["Access-Control-Expose-Headers"] = f"Link, {NEXT}"
        return response

    app = web.Application(middlewares=[counted], client_max_size=1 << 40)
    entrances.add_routes(app)
    app.router.add_get("/-/healthy", management.healthy)
    app.router.add_get("/-/ready", management.ready)
    app.router.add_post("/-/reload", management.reload)
    app.router.add_get("/metrics", management.metrics)
    app.router.add_get("/", management.front)
    alertmanager.add_routes(app)
    api.add_routes(app)
    if slack is not None:
        slack.add_routes(app)
    return app


_ENTRANCES: Final = {"/webhooks/alertmanager": "webhook", "/api/v2/alerts": "api"}


def _entrance(path: str) -> str:
    """A bounded name for a path that is not among the hot ones."""
    if path.startswith("/api/v2/"):
        return "alertmanager_api"
    if path.startswith("/api/v1/"):
        return "own_api"
    if path.startswith("/slack/"):
        return "slack"
    return "management" if path.startswith("/-/") or path in ("/", "/metrics") else "other"
