"""The two paths that Slack calls: who called is proved before anything is read, and the answer is quick.

`web.app` mounts them where a signing secret is configured. A request that is not signed, not fresh, or
not new is refused and counted; it reaches neither the engine nor a parser.
"""

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import parse_qs

from aiohttp import web

from responder.clock import Clock
from responder.core.catalogue import Secret
from responder.errors import ResponderError, TooLarge, Unauthenticated, UsageError
from responder.store.database import Database
from responder.store.slackseen import first_time
from responder.telemetry import Metrics, logger
from responder.web.slack.desk import Desk
from responder.web.slack.signature import fault

COMMANDS: Final = "/slack/commands"
INTERACTIONS: Final = "/slack/interactions"

LARGEST_COMMAND: Final = 16 << 10
LARGEST_INTERACTION: Final = 256 << 10
"""Bytes of a body."""

_FIELDS: Final = 64

log = logger("slack")


class SlackEntrance:
    """What Slack may call over HTTP."""

    def __init__(
        self,
        desk: Desk,
        database: Database,
        clock: Clock,
        metrics: Metrics,
        secrets: Callable[[], Iterable[Secret]],
    ) -> None:
        """`secrets`: those that sign now, two while they are rotated."""
        self._desk = desk
        self._database = database
        self._clock = clock
        self._counted = metrics.slack_requests
        self._secrets = secrets

    def add_routes(self, app: web.Application) -> None:
        """Put both paths into `app`."""
        app.router.add_post(COMMANDS, self.commands)
        app.router.add_post(INTERACTIONS, self.interactions)

    async def commands(self, request: web.Request) -> web.StreamResponse:
        """A slash command. The answer's body is what is said to whoever typed it."""
        form = await self._form(request, LARGEST_COMMAND)
        if "ssl_check" in form:
            return web.Response()
        return web.json_response((await self._desk.command(form)).document())

    async def interactions(self, request: web.Request) -> web.StreamResponse:
        """A pressed button. The answer is empty: what is said goes to the response_url."""
        form = await self._form(request, LARGEST_INTERACTION)
        if "ssl_check" not in form:
            await self._desk.interaction(form.get("payload", ""))
        return web.Response()

    # -- who calls ------------------------------------------------------------------------

    async def _form(self, request: web.Request, most: int) -> dict[str, str]:
        """The fields of a request that Slack made, and made once. Raises what it is refused with."""
        body = await self._read(request, most)
        if _is_ssl_check(body):
            return {"ssl_check": "1"}  # Slack does not sign these, and they ask for nothing
        signature = request.headers.get("X-Slack-Signature")
        now = self._clock.now()
        wrong = fault(request.headers.get("X-Slack-Request-Timestamp"), signature, body, self._secrets(), now)
        if wrong or signature is None:
            raise self._refused(wrong, Unauthenticated("this is not signed by Slack, or not just now"))
        if not await first_time(self._database, signature, now):
            raise self._refused("replayed", Unauthenticated("this request was made before"))
        fields = _fields(body)
        if fields is None:
            raise self._refused("unreadable", UsageError("the body is not a form"))
        self._counted.labels("accepted").inc()
        return fields

    async def _read(self, request: web.Request, most: int) -> bytes:
        body = b""
        if (request.content_length or 0) <= most:
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > most:
                    break
            else:
                return body
        raise self._refused("too_large", TooLarge(f"the body is larger than {most} bytes"))

    def _refused(self, reason: str, error: ResponderError) -> ResponderError:
        self._counted.labels(reason).inc()
        log.warning("slack_refused", reason=reason)
        return error


def _is_ssl_check(body: bytes) -> bool:
    return len(body) < 1_024 and (_fields(body) or {}).get("ssl_check") == "1"


def _fields(body: bytes) -> dict[str, str] | None:
    """The fields of a form, the first of each name; None if it is none."""
    try:
        found = parse_qs(
            body.decode(),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_FIELDS,
        )
    except ValueError:
        return None
    return {name: values[0] for name, values in found.items()}
