"""The methods of Slack's Web API: who may call them, how often, and what each does in the workspace.

`slack` calls it with what arrived over HTTP. It accepts nothing that Slack is known to refuse, and
less in places: an unknown argument is a mistake here, where Slack lets it pass.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from responder.clock import Clock
from responder.core.model import SECOND, Nanoseconds
from responder.sandbox.slacklink import Link
from responder.sandbox.slackroom import Channel, Message, Room
from responder.sandbox.slackrules import POSTED_TEXT, Refused, check

TOKEN: Final = "xoxb-sandbox-bot-token"  # noqa: S105 (opens this stand-in and nothing else)
APP_TOKEN: Final = "xapp-sandbox-app-token"  # noqa: S105 (the same)

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


class Limited(Exception):
    """Too often; `seconds` is what Retry-After says."""

    def __init__(self, wait: Nanoseconds) -> None:
        """`wait`: until the next call is allowed."""
        super().__init__(wait)
        self.seconds = max(-(-wait // SECOND), 1)


class MissingScope(Refused):
    """`needed` and `provided`, as Slack tells them."""

    def __init__(self, needed: str, provided: list[str]) -> None:
        """The bot lacks `needed`."""
        super().__init__("missing_scope")
        self.needed = needed
        self.provided = ",".join(provided)


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


@dataclass(frozen=True, slots=True)
class _Method:
    """What a method takes, needs, and how often it may be called in a minute (0: no tier).

    `by_app`: it wants the app-level token.
    """

    run: Callable[["Api", Arguments], dict[str, Any]]
    takes: frozenset[str]
    scope: str = ""
    tier: int = 0
    verbs: frozenset[str] = field(default_factory=lambda: frozenset({"POST"}))
    by_app: bool = False


class Api:
    """One bot in one workspace. `hooks`: the channel's id of each incoming webhook's path."""

    def __init__(self, room: Room, clock: Clock, token: str, *, strict: bool) -> None:
        """`strict` holds callers to Slack's rates."""
        self.room = room
        self.token = token
        self.strict = strict
        self.scopes = set(SCOPES)
        self.hooks: dict[str, str] = {}
        self.link = Link()
        self._buckets: dict[str, _Bucket] = {}
        self._clock = clock

    def run(self, name: str, verb: str, token: str, arguments: Arguments) -> dict[str, Any]:
        """The answer of a method. Raises Refused and Limited."""
        method = _METHODS.get(name)
        if method is None:
            raise Refused("unknown_method")
        if not token:
            raise Refused("not_authed")
        if token != (APP_TOKEN if method.by_app else self.token):
            known = token in (APP_TOKEN, self.token)
            raise Refused("not_allowed_token_type" if known else "invalid_auth")
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
            raise MissingScope(missing[0], sorted(self.scopes))

    def _limit(self, what: str, rate: float, burst: int) -> None:
        if not self.strict:
            return
        if what not in self._buckets:
            self._buckets[what] = _Bucket(rate, burst, self._clock)
        if wait := self._buckets[what].take():
            raise Limited(wait)

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
        message.broadcast = _true(arguments.get("reply_broadcast"))
        if message.broadcast and not thread:
            raise Refused("invalid_arguments", "[ERROR] reply_broadcast needs thread_ts")
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
        if _true(arguments.get("reply_broadcast")):
            if not message.thread_ts:
                raise Refused("cant_broadcast_message")
            message.broadcast = True
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
        message.whispered_to = user
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
        return _told(self._readable(arguments).timeline()[::-1], arguments)

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

    def _open(self, arguments: Arguments) -> dict[str, Any]:
        return {"url": self.link.open()}

    def run_hook(self, path: str, arguments: Any) -> tuple[int, str]:
        """Status and text of an incoming webhook. Raises Refused and Limited."""
        if path not in self.hooks:
            return 404, "no_service"
        channel = self.room.channels[self.hooks[path]]
        if channel.archived:
            return 410, "channel_is_archived"
        if not isinstance(arguments, dict):
            return 400, "invalid_payload"
        arguments = dict(arguments)
        check(arguments)
        self._limit(f"post {channel.id}", 1, 5)
        self.room.put(channel, self._made(arguments, arguments.get("username") or "incoming-webhook"))
        return 200, "ok"


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
    "apps.connections.open": _Method(Api._open, frozenset(), "", 50, by_app=True),
    "auth.test": _Method(Api._test, frozenset(), verbs=_GET),
    "chat.delete": _Method(Api._delete, frozenset({"channel", "ts", "as_user"}), "chat:write", 50),
    "chat.getPermalink": _Method(Api._permalink, frozenset({"channel", "message_ts"}), verbs=_GET),
    "chat.postEphemeral": _Method(
        Api._post_ephemeral, frozenset(_MESSAGE | _LOOK | {"user", "thread_ts"}), "chat:write", 100
    ),
    "chat.postMessage": _Method(Api._post, frozenset(_MESSAGE | _LOOK | _POST), "chat:write"),
    "chat.update": _Method(
        Api._update, frozenset(_MESSAGE | {"ts", "metadata", "reply_broadcast"}), "chat:write", 50
    ),
    "conversations.history": _Method(Api._history, frozenset(_HISTORY), "", 50, _GET),
    "conversations.join": _Method(Api._join, frozenset({"channel"}), "channels:join", 50),
    "conversations.list": _Method(
        Api._list, frozenset({"types", "exclude_archived", "team_id"} | _PAGED), "", 20, _GET
    ),
    "conversations.replies": _Method(Api._replies, frozenset(_HISTORY | {"ts"}), "", 50, _GET),
    "users.info": _Method(Api._user, frozenset({"user", "include_locale"}), "users:read", 100, _GET),
}
