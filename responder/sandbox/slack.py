"""A stand-in for Slack's Web API and its incoming webhooks, as strict as the real ones or stricter.

The sandbox and the tests mount it with `add_routes`, look at what it holds, and tell it which calls
shall go wrong. It stays on loopback, and it accepts nothing that Slack is known to refuse.
"""

import asyncio
import json
import re
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from aiohttp import web

from responder.clock import Clock
from responder.core.model import SECOND, Nanoseconds
from responder.sandbox.slackroom import Channel, Message, Room
from responder.sandbox.slackrules import POSTED_TEXT, Refused, check

TOKEN: Final = "xoxb-sandbox-bot-token"  # noqa: S105 (opens this stand-in and nothing else)

SCOPES: Final = (
    "chat:write",
    "chat:write.public",
    "chat:write.customize",
    "channels:read",
    "channels:history",
    "channels:join",
    "groups:read",
    "groups:history",
    "users:read",
)
"""What the bot may do unless a test takes something away."""

Arguments: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the method (`services` for a webhook), its arguments, the status and the answer.

    `status` 0: the connection was cut, or nothing was answered.
    """

    method: str
    arguments: Arguments
    status: int
    answer: Any = None


class _Bucket:
    """So many at once, and so many a second after that."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._at = float(burst), clock.monotonic()

    def take(self) -> Nanoseconds:
        """0, or how long to wait."""
        now = self._clock.monotonic()
        self._left = min(self._left + (now - self._at) / SECOND * self._rate, float(self._burst))
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0
        return int((1 - self._left) / self._rate * SECOND)


class _Limited(Exception):
    def __init__(self, wait: Nanoseconds) -> None:
        super().__init__(wait)
        self.seconds = max(-(-wait // SECOND), 1)


@dataclass(frozen=True, slots=True)
class _Method:
    """What a method takes, needs, and how often it may be called in a minute (0: no tier)."""

    run: Callable[["Slack", Arguments], dict[str, Any]]
    takes: frozenset[str]
    scope: str = ""
    tier: int = 0
    verbs: frozenset[str] = field(default_factory=lambda: frozenset({"POST"}))


class Slack:
    """One workspace with one bot, whose token is `token`.

    `strict` makes it hold callers to Slack's rates: a message a second and channel with a burst of
    five, and each method's tier. `scopes` may be changed at any time.
    """

    def __init__(self, clock: Clock, *, token: str = TOKEN, strict: bool = False) -> None:
        """An empty workspace."""
        self.room = Room(clock)
        self.token = token
        self.strict = strict
        self.scopes = set(SCOPES)
        self.calls: list[Call] = []
        self._hooks: dict[str, str] = {}
        self._faults: dict[str, deque[str]] = {}
        self._buckets: dict[str, _Bucket] = {}
        self._hanging: list[asyncio.Future[None]] = []
        self._clock = clock

    def add_routes(self, app: web.Application, prefix: str = "/slack") -> None:
        """Serve `PREFIX/api/METHOD` and `PREFIX/services/...`."""
        app.router.add_route("*", f"{prefix}/api/{{method}}", self._serve)
        app.router.add_post(f"{prefix}/services/{{path:.+}}", self._serve_hook)
        app.on_shutdown.append(self._released)

    def add_channel(self, name: str, **kind: bool) -> Channel:
        """A channel: `private`, `archived`, `member` (True: the bot is in it)."""
        return self.room.add_channel(name, **kind)

    def add_hook(self, path: str, channel: str) -> None:
        """An incoming webhook at `PREFIX/services/PATH` that posts into the channel."""
        self._hooks[path] = self.room.channel(channel).id

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
            try:
                return 200, self._run(method, request.method, token, dict(arguments)), {}
            except Refused as refused:
                return 200, _refusal(refused), {}
            except _Limited as limited:
                return 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(limited.seconds)}

        return await self._answer(request, method, arguments, run)

    async def _serve_hook(self, request: web.Request) -> web.StreamResponse:
        try:
            arguments = json.loads(await request.read())
        except ValueError:
            arguments = None

        def run() -> tuple[int, Any, dict[str, str]]:
            try:
                return *self._run_hook(request.match_info["path"], arguments), {}
            except Refused as refused:
                return 400, refused.error, {}
            except _Limited as limited:
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
            self.calls.append(Call(method, arguments, 0))
            await self._cut(request, kind)
            return web.Response(status=500)
        self.calls.append(Call(method, arguments, status, answer))
        if isinstance(answer, str):
            response = web.Response(status=status, text=answer, headers=headers)
            response.content_type = headers.get("Content-Type") or (
                "text/html" if answer == _HTML else "text/plain"
            )
            return response
        return web.json_response(answer, status=status, headers=headers)

    async def _cut(self, request: web.Request, kind: str) -> None:
        if kind.startswith("hang"):
            waiter = asyncio.get_running_loop().create_future()
            self._hanging.append(waiter)
            await waiter
        if request.transport is not None:
            request.transport.abort()

    # -- what is asked --------------------------------------------------------------------

    def _run(self, name: str, verb: str, token: str, arguments: Arguments) -> dict[str, Any]:
        method = _METHODS.get(name)
        if method is None:
            raise Refused("unknown_method")
        if not token:
            raise Refused("not_authed")
        if token != self.token:
            raise Refused("invalid_auth")
        if verb not in method.verbs:
            raise Refused("invalid_post_type" if verb == "POST" else "method_not_supported")
        if unknown := sorted(arguments.keys() - method.takes):
            # Slack ignores most of these; a stand-in is there to find mistakes.
            raise Refused("invalid_arguments", *(f"[ERROR] unsupported argument: {one}" for one in unknown))
        if method.scope:
            self._need(method.scope)
        if method.tier:
            self._limit(name, method.tier / 60, method.tier)
        return {"ok": True, **method.run(self, arguments)}

    def _need(self, *scopes: str) -> None:
        missing = [scope for scope in scopes if scope not in self.scopes]
        if missing:
            raise _MissingScope(missing[0], sorted(self.scopes))

    def _limit(self, what: str, rate: float, burst: int) -> None:
        if not self.strict:
            return
        if what not in self._buckets:
            self._buckets[what] = _Bucket(rate, burst, self._clock)
        if wait := self._buckets[what].take():
            raise _Limited(wait)

    def _channel(self, arguments: Arguments, *, by_name: bool = False) -> Channel:
        """The channel that is meant, if the bot can know of it."""
        given = str(arguments.get("channel") or "")
        try:
            channel = self.room.channel(given) if by_name else self.room.channels[given]
        except KeyError:
            raise Refused("channel_not_found") from None
        if channel.private and not channel.member:
            raise Refused("channel_not_found")
        return channel

    def _writable(self, channel: Channel) -> None:
        if channel.archived:
            raise Refused("is_archived")
        if not channel.member and "chat:write.public" not in self.scopes:
            raise Refused("not_in_channel")
        if channel.read_only:
            raise Refused("restricted_action_read_only_channel")

    def _own(self, channel: Channel, arguments: Arguments, not_ours: str) -> tuple[Message, list[Message]]:
        found = channel.find(str(arguments.get("ts") or arguments.get("message_ts") or ""))
        if found is None:
            raise Refused("message_not_found")
        if not_ours and not found[0].own:
            raise Refused(not_ours)
        return found

    # -- methods --------------------------------------------------------------------------

    def _post(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(arguments, by_name=True)
        self._writable(channel)
        if any(arguments.get(name) for name in ("username", "icon_emoji", "icon_url")):
            self._need("chat:write.customize")
        check(arguments)
        self._limit(f"post {channel.id}", 1, 5)
        message = self._made(arguments, arguments.get("username") or "Responder")
        thread = str(arguments.get("thread_ts") or "")
        message.thread_ts = thread
        try:
            self.room.put(channel, message)
        except KeyError:
            # What Slack does with a reply to a message that is gone is not documented.
            raise Refused("thread_not_found") from None
        answer = {"channel": channel.id, "ts": message.ts, "message": message.document(with_metadata=True)}
        if len(arguments.get("text") or "") > POSTED_TEXT:
            answer |= {
                "warning": "message_truncated",
                "response_metadata": {"warnings": ["message_truncated"]},
            }
        return answer

    def _made(self, arguments: Arguments, author: str) -> Message:
        return Message(
            self.room.stamp(),
            author,
            (arguments.get("text") or "")[:POSTED_TEXT],
            arguments.get("blocks") or [],
            arguments.get("attachments") or [],
            arguments.get("metadata") or {},
        )

    def _update(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(arguments)
        if channel.archived:
            raise Refused("is_inactive")
        message, _ = self._own(channel, arguments, "cant_update_message")
        check(arguments, update=True)
        text = arguments.get("text")
        message.versions.append(message.text)
        if text is not None:
            # Text without blocks takes the old ones away.
            message.edited = not arguments.get("blocks") and text != message.text
            message.text, message.blocks = text, arguments.get("blocks") or []
        elif arguments.get("blocks") is not None:
            message.blocks = arguments["blocks"]
        if arguments.get("attachments") is not None:
            message.attachments = arguments["attachments"]
        if arguments.get("metadata") is not None:
            message.metadata = arguments["metadata"]
        self.room.on_change(channel, message)
        document = message.document(with_metadata=True)
        return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": document}

    def _post_ephemeral(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(arguments, by_name=True)
        self._writable(channel)
        user = str(arguments.get("user") or "")
        if user not in self.room.users:
            raise Refused("user_not_in_channel")
        check(arguments)
        message = self._made(arguments, "Responder")
        channel.ephemeral.append((user, message))
        return {"message_ts": message.ts}

    def _permalink(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(arguments)
        message, _ = self._own(channel, arguments, "")
        link = f"https://sandbox.slack.invalid/archives/{channel.id}/p{message.ts.replace('.', '')}"
        return {"channel": channel.id, "permalink": link}

    def _delete(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(arguments)
        message, among = self._own(channel, arguments, "cant_delete_message")
        among.remove(message)
        return {"channel": channel.id, "ts": message.ts}

    def _list(self, arguments: Arguments) -> dict[str, Any]:
        kinds = set(str(arguments.get("types") or "public_channel").split(","))
        if kinds - {"public_channel", "private_channel", "im", "mpim"}:
            raise Refused("invalid_types")
        needed = {"public_channel": "channels:read", "private_channel": "groups:read"}
        self._need(*(needed[kind] for kind in sorted(kinds & needed.keys(), reverse=True)))
        shown = [
            channel.document()
            for channel in self.room.channels.values()
            if ("private_channel" if channel.private else "public_channel") in kinds
            and (channel.member or not channel.private)
            and not (channel.archived and _true(arguments.get("exclude_archived")))
        ]
        page, after = _page(shown, arguments, 100)
        return {"channels": page, "response_metadata": {"next_cursor": after}}

    def _readable(self, arguments: Arguments) -> Channel:
        channel = self._channel(arguments)
        self._need("groups:history" if channel.private else "channels:history")
        if not channel.member:
            raise Refused("not_in_channel")
        return channel

    def _history(self, arguments: Arguments) -> dict[str, Any]:
        return _told(self._readable(arguments).messages[::-1], arguments)

    def _replies(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._readable(arguments)
        found = channel.find(str(arguments.get("ts") or ""))
        if found is None:
            raise Refused("thread_not_found")
        return _told([found[0], *found[0].replies], arguments)

    def _join(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(arguments)
        if channel.archived:
            raise Refused("is_archived")
        if channel.member:
            warning = "already_in_channel"
            return {
                "channel": channel.document(),
                "warning": warning,
                "response_metadata": {"warnings": [warning]},
            }
        channel.member = True
        return {"channel": channel.document()}

    def _user(self, arguments: Arguments) -> dict[str, Any]:
        user = self.room.users.get(str(arguments.get("user") or ""))
        if user is None:
            raise Refused("user_not_found")
        return {"user": user}

    def _test(self, arguments: Arguments) -> dict[str, Any]:
        return {
            "url": "https://sandbox.slack.invalid/",
            "team": "Sandbox",
            "team_id": "T0SANDBOX",
            "user": "responder",
            "user_id": "U0RESPONDER",
            "bot_id": "B0RESPONDER",
        }

    def _run_hook(self, path: str, arguments: Any) -> tuple[int, str]:
        if path not in self._hooks:
            return 404, "no_service"
        channel = self.room.channels[self._hooks[path]]
        if channel.archived:
            return 410, "channel_is_archived"
        if not isinstance(arguments, dict):
            return 400, "invalid_payload"
        arguments = dict(arguments)
        check(arguments)
        self._limit(f"post {channel.id}", 1, 5)
        self.room.put(channel, self._made(arguments, arguments.get("username") or "incoming-webhook"))
        return 200, "ok"


class _MissingScope(Refused):
    def __init__(self, needed: str, provided: list[str]) -> None:
        super().__init__("missing_scope")
        self.needed = needed
        self.provided = ",".join(provided)


def _refusal(refused: Refused) -> dict[str, Any]:
    answer: dict[str, Any] = {"ok": False, "error": refused.error}
    if isinstance(refused, _MissingScope):
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


def _told(messages: list[Message], arguments: Arguments) -> dict[str, Any]:
    """A page of messages between `oldest` and `latest`."""
    oldest, latest = str(arguments.get("oldest") or "0"), str(arguments.get("latest") or "9" * 12)
    if not all(re.fullmatch(r"\d+(\.\d+)?", ts) for ts in (oldest, latest)):
        raise Refused("invalid_ts_oldest")
    inclusive = _true(arguments.get("inclusive"))
    within = [
        message
        for message in messages
        if (float(oldest) < float(message.ts) < float(latest))
        or (inclusive and message.ts in (oldest, latest))
    ]
    with_metadata = _true(arguments.get("include_all_metadata"))
    page, after = _page([one.document(with_metadata=with_metadata) for one in within], arguments, 100)
    answer: dict[str, Any] = {"messages": page, "has_more": bool(after)}
    if after:
        answer["response_metadata"] = {"next_cursor": after}
    return answer


def _page(
    entries: list[dict[str, Any]], arguments: Arguments, normal: int
) -> tuple[list[dict[str, Any]], str]:
    try:
        limit = int(arguments.get("limit") or normal)
    except ValueError:
        raise Refused("invalid_limit") from None
    if not 0 < limit < 1_000:
        raise Refused("invalid_limit")
    try:
        cursor = arguments.get("cursor")
        start = int(b64decode(cursor, validate=True).decode().removeprefix("next:")) if cursor else 0
    except ValueError:
        raise Refused("invalid_cursor") from None
    end = start + limit
    return entries[start:end], b64encode(f"next:{end}".encode()).decode() if end < len(entries) else ""


def _true(value: Any) -> bool:
    return value in (True, "1", "true")


_HTML: Final = "<!doctype html><html><body><h1>Server Error</h1></body></html>"
_WORDLESS: Final[dict[str, tuple[int, Any, dict[str, str]]]] = {
    "text_plain": (200, "upstream says hello", {}),
    "bad_json": (200, '{"ok": tr', {"Content-Type": "application/json"}),
    "null": (200, None, {}),
    "list": (200, [], {}),
    "hang": (0, None, {}),
    "reset": (0, None, {}),
}

_MESSAGE: Final = {
    "channel",
    "text",
    "blocks",
    "attachments",
    "markdown_text",
    "parse",
    "link_names",
    "as_user",
}
_LOOK: Final = {"username", "icon_emoji", "icon_url"}
_POST: Final = {"thread_ts", "reply_broadcast", "unfurl_links", "unfurl_media", "mrkdwn", "metadata"}
_PAGED: Final = {"cursor", "limit"}
_HISTORY: Final = {"channel", "oldest", "latest", "inclusive", "include_all_metadata"} | _PAGED
_GET: Final = frozenset({"GET", "POST"})

_METHODS: Final = {
    "auth.test": _Method(Slack._test, frozenset(), verbs=_GET),
    "chat.delete": _Method(Slack._delete, frozenset({"channel", "ts", "as_user"}), "chat:write", 50),
    "chat.getPermalink": _Method(Slack._permalink, frozenset({"channel", "message_ts"}), verbs=_GET),
    "chat.postEphemeral": _Method(
        Slack._post_ephemeral, frozenset(_MESSAGE | _LOOK | {"user", "thread_ts"}), "chat:write", 100
    ),
    "chat.postMessage": _Method(Slack._post, frozenset(_MESSAGE | _LOOK | _POST), "chat:write"),
    "chat.update": _Method(
        Slack._update, frozenset(_MESSAGE | {"ts", "metadata", "reply_broadcast"}), "chat:write", 50
    ),
    "conversations.history": _Method(Slack._history, frozenset(_HISTORY), "", 50, _GET),
    "conversations.join": _Method(Slack._join, frozenset({"channel"}), "channels:join", 50),
    "conversations.list": _Method(
        Slack._list, frozenset({"types", "exclude_archived", "team_id"} | _PAGED), "", 20, _GET
    ),
    "conversations.replies": _Method(Slack._replies, frozenset(_HISTORY | {"ts"}), "", 50, _GET),
    "users.info": _Method(Slack._user, frozenset({"user", "include_locale"}), "users:read", 100, _GET),
}
