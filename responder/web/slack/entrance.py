"""The two paths that Slack calls: who called is proved before anything is read, and the answer is quick.

`web.app` mounts them where a signing secret is configured. A request that is not signed, not fresh, or
not new is refused and counted; it reaches neither the engine nor a parser.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from aiohttp import web

from responder.clock import Clock
from responder.core.catalogue import Secret
from responder.core.model import MILLISECOND
from responder.engine import Engine
from responder.errors import ResponderError, TooLarge, Unauthenticated, UsageError
from responder.notify.http import Http
from responder.settings.values import Person
from responder.store.database import Database
from responder.store.slackseen import first_time
from responder.telemetry import Metrics, logger
from responder.web.slack.caller import Caller, caller, is_user
from responder.web.slack.commands import Commands, Typed
from responder.web.slack.following import Following
from responder.web.slack.presses import Payload, Presses
from responder.web.slack.reply import Reply, plainly
from responder.web.slack.responseurl import ResponseUrls
from responder.web.slack.signature import fault

COMMANDS: Final = "/slack/commands"
INTERACTIONS: Final = "/slack/interactions"

LARGEST_COMMAND: Final = 16 << 10
LARGEST_INTERACTION: Final = 256 << 10
"""Bytes of a body."""

ANSWER_WITHIN: Final = 2_500 * MILLISECOND
"""Slack gives up after three seconds."""

_FIELDS: Final = 64

WORKING: Final = plainly("Working on it; the rest is said here in a moment.")

log = logger("slack")


class SlackEntrance:
    """What Slack may call. `stop` when nothing is to be answered any more."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        clock: Clock,
        metrics: Metrics,
        api_url: str,
        secrets: Callable[[], Iterable[Secret]],
        people: Callable[[], Iterable[Person]],
    ) -> None:
        """`secrets`: those that sign now, two while they are rotated; `people`: who is who now."""
        self._database = database
        self._clock = clock
        self._counted = metrics.slack_requests
        self._secrets = secrets
        self._people = people
        self._http = Http()
        self._urls = ResponseUrls(self._http, api_url, clock)
        self._following = Following(engine, self._urls, clock)
        self._commands = Commands(engine, self._following)
        self._presses = Presses(engine)
        self._later: set[asyncio.Task[None]] = set()

    def add_routes(self, app: web.Application) -> None:
        """Put both paths into `app`."""
        app.router.add_post(COMMANDS, self.commands)
        app.router.add_post(INTERACTIONS, self.interactions)

    async def stop(self) -> None:
        """Say nothing any more."""
        await self._following.stop()
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        await self._http.close()

    async def commands(self, request: web.Request) -> web.StreamResponse:
        """A slash command. The answer's body is what is said to whoever typed it."""
        form = await self._form(request, LARGEST_COMMAND)
        if "ssl_check" in form:
            return web.Response()
        who = self._caller(form.get("user_id", ""))
        typed = Typed(
            form.get("command", ""),
            form.get("text", ""),
            form.get("channel_id", ""),
            form.get("response_url", ""),
        )
        reply = await self._answered(self._commands.run(who, typed), typed.response_url)
        return web.json_response(reply.document())

    async def interactions(self, request: web.Request) -> web.StreamResponse:
        """A pressed button. The answer is empty; what is said goes to the response_url."""
        form = await self._form(request, LARGEST_INTERACTION)
        if "ssl_check" in form:
            return web.Response()
        try:
            payload = msgspec.json.decode(form.get("payload", ""), type=Payload)
        except msgspec.DecodeError:
            raise UsageError("the payload cannot be read") from None
        who = self._caller(payload.user.id)
        if payload.type == "block_actions":
            for action in payload.actions[:1]:
                reply = await self._answered(self._presses.run(who, action), payload.response_url)
                self._spawn(self._say(payload.response_url, reply))
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

    def _caller(self, user: str) -> Caller:
        if not is_user(user):
            raise UsageError("there is no user in it")
        return caller(self._people(), user)

    def _refused(self, reason: str, error: ResponderError) -> ResponderError:
        self._counted.labels(reason).inc()
        log.warning("slack_refused", reason=reason)
        return error

    # -- answers --------------------------------------------------------------------------

    async def _answered(self, work: Coroutine[Any, Any, Reply], url: str) -> Reply:
        """What came of it, or that it takes longer: then the rest is said later."""
        doing = asyncio.create_task(_safely(work))
        limit = asyncio.ensure_future(self._clock.sleep(ANSWER_WITHIN))
        await asyncio.wait({doing, limit}, return_when=asyncio.FIRST_COMPLETED)
        limit.cancel()
        if doing.done():
            return doing.result()
        self._spawn(self._say(url, doing))
        return WORKING

    async def _say(self, url: str, what: Reply | Awaitable[Reply]) -> None:
        await self._urls.post(url, what if isinstance(what, Reply) else await what)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)


async def _safely(work: Coroutine[Any, Any, Reply]) -> Reply:
    try:
        return await work
    except ResponderError as error:
        return plainly(f"Not done: {error}")
    except Exception:  # a bug: whoever asked gets no traceback, the log does
        log.exception("slack_request_failed")
        return plainly("Something went wrong here; the log says what.")


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
