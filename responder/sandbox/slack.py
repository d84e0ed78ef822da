"""A stand-in for Slack's Web API and its incoming webhooks, as strict as the real ones or stricter.

The sandbox and the tests mount it with `add_routes`, look at what it holds, and tell it which calls
shall go wrong. It stays on loopback, and it accepts nothing that Slack is known to refuse.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from responder.clock import Clock
from responder.sandbox.slackapi import TOKEN, Api, Arguments, Limited, MissingScope
from responder.sandbox.slacklink import Link
from responder.sandbox.slackroom import Channel, Message, Room
from responder.sandbox.slackrules import Refused

_KEPT: Final = 10_000
"""Calls that are remembered."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the method (`services` for a webhook), its arguments, the status and the answer.

    `status` 0: the connection was cut, or nothing was answered.
    """

    method: str
    arguments: Arguments
    status: int
    answer: Any = None


class Slack:
    """One workspace with one bot, whose token is `token`.

    `strict` makes it hold callers to Slack's rates: a message a second and channel with a burst of
    five, and each method's tier.
    """

    def __init__(self, clock: Clock, *, token: str = TOKEN, strict: bool = False) -> None:
        """An empty workspace."""
        self.room = Room(clock)
        self.calls: list[Call] = []
        self._api = Api(self.room, clock, token, strict=strict)
        self._faults: dict[str, deque[str]] = {}
        self._hanging: list[asyncio.Future[None]] = []

    @property
    def token(self) -> str:
        """The bot token that is accepted."""
        return self._api.token

    @property
    def scopes(self) -> set[str]:
        """What the bot may do; a test may take something away."""
        return self._api.scopes

    @property
    def link(self) -> Link:
        """Socket Mode; its `place` is to be set once the stand-in listens."""
        return self._api.link

    def add_routes(self, app: web.Application, prefix: str = "/slack") -> None:
        """Serve `PREFIX/api/METHOD`, `PREFIX/services/...` and Socket Mode's connections."""
        self.link.add_routes(app, prefix)
        app.router.add_route("*", f"{prefix}/api/{{method}}", self._serve)
        app.router.add_post(f"{prefix}/services/{{path:.+}}", self._serve_hook)
        app.on_shutdown.append(self._released)

    def add_channel(self, name: str, **kind: bool) -> Channel:
        """A channel: `private`, `archived`, `member` (True: the bot is in it)."""
        return self.room.add_channel(name, **kind)

    def add_hook(self, path: str, channel: str) -> None:
        """An incoming webhook at `PREFIX/services/PATH` that posts into the channel."""
        self._api.hooks[path] = self.room.channel(channel).id

    def messages(self, name: str) -> list[Message]:
        """What stands in a channel, oldest first; each message has its `replies`."""
        return self.room.messages(name)

    def called(self, *methods: str) -> list[Call]:
        """The calls of these methods, in order."""
        return [call for call in self.calls if call.method in methods]

    def fault(self, method: str, kind: str, times: int = 1) -> None:
        """Let the next calls of a method (`services`: of a webhook) go wrong, in the order of asking.

        `ok_false:ERROR`, `text_400:ERROR` (a webhook's way), `ratelimited` (Retry-After: 3), a status
        such as `503` or `html_500`, `text_plain`, `bad_json`, `null`, `list`; `hang` and `reset` before,
        `hang_after` and `reset_after` once the call was done; `none`: goes well.
        """
        self._faults.setdefault(method, deque()).extend([kind] * times)

    def release(self) -> None:
        """Let what hangs end."""
        for waiter in self._hanging:
            if not waiter.done():
                waiter.set_result(None)
        self._hanging.clear()

    async def _released(self, app: web.Application) -> None:
        self.release()

    # -- requests -------------------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        arguments = await _arguments(request)
        token = arguments.pop("token", "")
        authorization = request.headers.get("Authorization", "")
        token = authorization.removeprefix("Bearer ") if authorization else token

        def run() -> tuple[int, Any, dict[str, str]]:
            headers = {"x-oauth-scopes": ",".join(sorted(self.scopes))} if token == self.token else {}
            try:
                return 200, self._api.run(method, request.method, token, dict(arguments)), headers
            except Refused as refused:
                return 200, _refusal(refused), headers
            except Limited as limited:
                headers["Retry-After"] = str(limited.seconds)
                return 429, {"ok": False, "error": "ratelimited"}, headers

        return await self._answer(request, method, arguments, run)

    async def _serve_hook(self, request: web.Request) -> web.StreamResponse:
        try:
            arguments = json.loads(await request.read())
        except ValueError:
            arguments = None

        def run() -> tuple[int, Any, dict[str, str]]:
            try:
                return *self._api.run_hook(request.match_info["path"], arguments), {}
            except Refused as refused:
                return 400, refused.error, {}
            except Limited as limited:
                return 429, "rate_limited", {"Retry-After": str(limited.seconds)}

        return await self._answer(request, "services", arguments, run)

    async def _answer(
        self,
        request: web.Request,
        method: str,
        arguments: Arguments,
        run: Callable[[], tuple[int, Any, dict[str, str]]],
    ) -> web.StreamResponse:
        faults = self._faults.get(method)
        kind = faults.popleft() if faults else "none"
        if kind in ("none", "reset_after", "hang_after"):
            status, answer, headers = run()
        elif kind == "ratelimited":
            status, answer, headers = 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "3"}
        elif kind.startswith("ok_false:"):
            status, answer, headers = 200, {"ok": False, "error": kind.partition(":")[2]}, {}
        elif kind.startswith("text_400:"):
            status, answer, headers = 400, kind.partition(":")[2], {}
        else:
            status, answer, headers = _WORDLESS.get(kind) or (int(kind.removeprefix("html_")), _HTML, {})
        if kind.startswith(("reset", "hang")):
            self._called(Call(method, arguments, 0))
            await self._cut(request, kind)
            return web.Response(status=500)
        self._called(Call(method, arguments, status, answer))
        if isinstance(answer, str):
            response = web.Response(status=status, text=answer, headers=headers)
            response.content_type = headers.get("Content-Type") or (
                "text/html" if answer == _HTML else "text/plain"
            )
            return response
        return web.json_response(answer, status=status, headers=headers)

    def _called(self, call: Call) -> None:
        self.calls.append(call)
        del self.calls[:-_KEPT]

    async def _cut(self, request: web.Request, kind: str) -> None:
        if kind.startswith("hang"):
            waiter = asyncio.get_running_loop().create_future()
            self._hanging.append(waiter)
            await waiter
        if request.transport is not None:
            request.transport.abort()


def _refusal(refused: Refused) -> dict[str, Any]:
    answer: dict[str, Any] = {"ok": False, "error": refused.error}
    if isinstance(refused, MissingScope):
        answer |= {"needed": refused.needed, "provided": refused.provided}
    if refused.messages:
        answer |= {"errors": refused.messages, "response_metadata": {"messages": refused.messages}}
    return answer


async def _arguments(request: web.Request) -> Arguments:
    """Out of the query, and of a body that is JSON or a form."""
    arguments: Arguments = dict(request.query)
    if request.method == "POST":
        if request.content_type == "application/json":
            try:
                body = json.loads(await request.read() or b"{}")
            except ValueError:
                body = {}
            arguments |= body if isinstance(body, dict) else {}
        else:
            arguments |= {
                name: value for name, value in (await request.post()).items() if isinstance(value, str)
            }
    return arguments


_HTML: Final = "<!doctype html><html><body><h1>Server Error</h1></body></html>"
_WORDLESS: Final[dict[str, tuple[int, Any, dict[str, str]]]] = {
    "text_plain": (200, "upstream says hello", {}),
    "bad_json": (200, '{"ok": tr', {"Content-Type": "application/json"}),
    "null": (200, None, {}),
    "list": (200, [], {}),
    "hang": (0, None, {}),
    "reset": (0, None, {}),
}
