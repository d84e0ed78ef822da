"""Socket Mode: a connection that we open and over which Slack sends what it would else call us with.

`service` runs a Socket where there is an app-level token, for places that Slack cannot reach. It opens the
next connection before Slack closes the one it has, and knows nothing of what an envelope means.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias

import aiohttp
import msgspec
import structlog

from responder.clock import Clock
from responder.core.catalogue import Secret, SlackSettings
from responder.core.model import SECOND, Nanoseconds
from responder.notify.http import Http, Progress
from responder.notify.slackweb import Failed, Workspaces

Take: TypeAlias = Callable[[str, str, Any], Awaitable[Mapping[str, Any] | None]]
"""Takes an envelope: its type, its id and what is in it. What it returns is the answer, if one is taken."""

_FIRST_WAIT: Final = SECOND
_LONGEST_WAIT: Final = 60 * SECOND
_OPEN_WITHIN: Final = 10
_HEARTBEAT: Final = 10.0
"""Seconds between the pings by which a connection that is dead is noticed."""

_LARGEST: Final = 1 << 20

_log: Final = structlog.get_logger(__name__)


class Frame(msgspec.Struct, frozen=True):
    """What Slack sends: an envelope, or a word about the connection (`hello`, `disconnect`)."""

    type: str = ""
    envelope_id: str = ""
    payload: Any = None
    accepts_response_payload: bool = False
    reason: str = ""


class Socket:
    """The connection, and its successors."""

    def __init__(self, app_token: Secret, api_url: str, clock: Clock, take: Take) -> None:
        """Nothing is connected yet."""
        self._settings = SlackSettings("", app_token, api_url)
        self._http = Http()
        self._workspaces = Workspaces(self._http, clock)
        self._clock = clock
        self._take = take
        self._wait: Nanoseconds = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Connect, and stay connected."""
        self._running = asyncio.create_task(self._run(), name="slack socket")

    async def stop(self) -> None:
        """Close every connection; an envelope that is being answered is not."""
        tasks = [*self._tasks, *([self._running] if self._running else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._workspaces.close()
        await self._http.close()

    async def _run(self) -> None:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            while True:
                leaving = asyncio.Event()
                self._spawn(self._connect(session, leaving))
                await leaving.wait()
                wait, self._wait = self._wait, min(self._wait * 2 or _FIRST_WAIT, _LONGEST_WAIT)
                await self._clock.sleep(wait)

    async def _connect(self, session: aiohttp.ClientSession, leaving: asyncio.Event) -> None:
        """Serve one connection. `leaving`: the next one is to be opened, and this one may last a bit."""
        try:
            async with asyncio.timeout(_OPEN_WITHIN):
                answer = await self._workspaces.of(self._settings).call("apps.connections.open", Progress())
            url = str(answer.get("url"))
            async with session.ws_connect(url, heartbeat=_HEARTBEAT, max_msg_size=_LARGEST) as socket:
                async for message in socket:
                    if message.type == aiohttp.WSMsgType.TEXT:
                        self._heard(socket, message.data, leaving)
        except Failed as failed:
            _log.error("slack_socket_refused", key="slack.app_token_file", detail=failed.outcome.detail)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            _log.warning("slack_socket_lost", error=type(error).__name__)
        finally:
            leaving.set()

    def _heard(self, socket: aiohttp.ClientWebSocketResponse, text: str, leaving: asyncio.Event) -> None:
        try:
            frame = msgspec.json.decode(text, type=Frame)
        except msgspec.DecodeError:
            _log.warning("slack_socket_frame_unreadable")
            return
        if frame.type == "hello":
            self._wait = 0
            _log.info("slack_socket_connected")
        elif frame.type == "disconnect":
            _log.info("slack_socket_leaving", reason=frame.reason[:64])
            leaving.set()
        elif frame.envelope_id:
            self._spawn(self._answer(socket, frame))

    async def _answer(self, socket: aiohttp.ClientWebSocketResponse, frame: Frame) -> None:
        said = await self._take(frame.type, frame.envelope_id, frame.payload)
        answer: dict[str, Any] = {"envelope_id": frame.envelope_id}
        if said is not None and frame.accepts_response_payload:
            answer["payload"] = said
        with suppress(aiohttp.ClientError, OSError):  # gone meanwhile: Slack tells whoever asked
            await socket.send_str(msgspec.json.encode(answer).decode())

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
