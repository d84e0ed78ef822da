"""What a command or a press comes to, however it reached us, in the time that Slack gives.

`entrance` (over HTTP) and `envelopes` (Socket Mode) hand over what is proved to be Slack's. It does through
the engine what was asked, answers in time, and says the rest later at the response_url.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Final

import msgspec

from responder.clock import Clock
from responder.core.model import MILLISECOND
from responder.engine import Engine
from responder.errors import ResponderError, UsageError
from responder.notify.http import Http
from responder.settings.values import Person
from responder.telemetry import logger
from responder.web.slack.caller import Caller, caller, is_user
from responder.web.slack.commands import Commands, Typed
from responder.web.slack.following import Following
from responder.web.slack.presses import Payload, Presses
from responder.web.slack.reply import Reply, plainly
from responder.web.slack.responseurl import ResponseUrls

ANSWER_WITHIN: Final = 2_500 * MILLISECOND
"""Slack gives up after three seconds."""

WORKING: Final = plainly("Working on it; the rest is said here in a moment.")

log = logger("slack")


class Desk:
    """One for all ways in. `stop` when nothing is to be answered any more."""

    def __init__(
        self, engine: Engine, clock: Clock, api_url: str, people: Callable[[], Iterable[Person]]
    ) -> None:
        """`api_url`: the Web API's base; `people`: who is who now."""
        self._clock = clock
        self._people = people
        self._http = Http()
        self._urls = ResponseUrls(self._http, api_url, clock)
        self._following = Following(engine, self._urls, clock)
        self._commands = Commands(engine, self._following)
        self._presses = Presses(engine)
        self._later: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Say nothing any more."""
        await self._following.stop()
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        await self._http.close()

    async def command(self, fields: Mapping[str, str]) -> Reply:
        """What is said to whoever typed a command. Raises UsageError where the fields make no sense."""
        who = self._caller(fields.get("user_id", ""))
        typed = Typed(
            fields.get("command", ""),
            fields.get("text", ""),
            fields.get("channel_id", ""),
            fields.get("response_url", ""),
        )
        return await self._answered(self._commands.run(who, typed), typed.response_url)

    async def interaction(self, document: str) -> None:
        """A pressed button; what is said of it goes to the response_url. Raises UsageError."""
        try:
            payload = msgspec.json.decode(document, type=Payload)
        except msgspec.DecodeError:
            raise UsageError("the payload cannot be read") from None
        who = self._caller(payload.user.id)
        if payload.type == "block_actions":
            for action in payload.actions[:1]:
                reply = await self._answered(self._presses.run(who, action), payload.response_url)
                self._spawn(self._say(payload.response_url, reply))

    def _caller(self, user: str) -> Caller:
        if not is_user(user):
            raise UsageError("there is no user in it")
        return caller(self._people(), user)

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
