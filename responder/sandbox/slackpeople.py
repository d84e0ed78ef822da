"""The stand-in's people: what they type and press is sent to the service, signed as Slack signs it.

`standins` and the tests have them type and press; `slack` mounts the response_url where the service says
more. It keeps to Slack's rules: three seconds, five posts in half an hour, an answer only for who asked.
"""

import asyncio
import hmac
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

import aiohttp
from aiohttp import web

from responder.clock import Clock
from responder.core.model import MINUTE, SECOND, Nanoseconds
from responder.sandbox.slacklink import Link
from responder.sandbox.slackroom import Channel, Message, Room
from responder.sandbox.slackrules import Refused, check

MOST: Final = 5
VALID: Final = 30 * MINUTE
"""How often and for how long a response_url takes a post."""

PATIENCE: Final = 3.0
"""Seconds for which Slack waits for an answer."""

_KEYS: Final = frozenset({"text", "blocks", "attachments", "response_type", "replace_original"})
"""What this stand-in takes at a response_url; it never replaces a message."""

_KEPT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Sent:
    """How the service answered: its status (0: not in time, or not at all), and its text."""

    status: int
    text: str = ""


@dataclass(slots=True)
class _Later:
    """Where more may be said, to whom."""

    channel: Channel
    user: str
    since: Nanoseconds
    posts: int = 0


class NotThere(ValueError):
    """What is to be pressed, or who is to press it, does not exist."""


class People:
    """Everybody in the workspace, in front of an app whose requests go to `url`."""

    def __init__(
        self, room: Room, clock: Clock, url: str, signing_secret: str, link: Link | None = None
    ) -> None:
        """`url`: where the service listens, without a path; `link`: over which it is told instead.

        `place`: where the stand-in itself listens.
        """
        self._room = room
        self._clock = clock
        self._url = url
        self._secret = signing_secret
        self._link = link
        self._later: dict[str, _Later] = {}
        self.place = ""

    def add_routes(self, app: web.Application, prefix: str = "/slack") -> None:
        """Serve `PREFIX/response/KEY`."""
        app.router.add_post(f"{prefix}/response/{{key}}", self._respond)

    async def type(self, user: str, channel: str, text: str) -> Sent:
        """Somebody types a slash command. Raises NotThere."""
        place = self._channel(channel)
        command, _, rest = text.strip().partition(" ")
        if not command.startswith("/"):
            raise NotThere(f"{command[:32]!r} is no command: it begins with a slash")
        form = {
            "token": "deprecated",
            "api_app_id": "A0RESPONDER",
            "team_id": "T0SANDBOX",
            "team_domain": "sandbox",
            "channel_id": place.id,
            "channel_name": place.name,
            "user_id": self._user(user),
            "user_name": str(self._room.users[user].get("name", "")),
            "command": command,
            "text": rest.strip(),
            "response_url": self._response_url(place, user),
            "trigger_id": secrets.token_hex(8),
            "is_enterprise_install": "false",
        }
        sent = await self.send("/slack/commands", urlencode(form).encode())
        if sent.status != 200:
            why = "did not respond" if not sent.status else f"failed with the error {sent.status}"
            self._whisper(place, user, {"text": f"{command} {why}"}, "Slackbot")
        elif sent.text:
            self._take(place, user, _document(sent.text))
        return sent

    async def press(self, user: str, channel: str, ts: str, action_id: str, value: str = "") -> Sent:
        """Somebody presses the button that does this (and carries this) in a message. Raises NotThere."""
        place = self._channel(channel)
        message, whisper = self._message(place, user, ts)
        found = [
            one
            for one in buttons(message)
            if one.get("action_id") == action_id and value in ("", one.get("value"))
        ]
        if not found:
            raise NotThere(f"no button {action_id[:32]!r} is there any more")
        return await self.send("/slack/interactions", self.pressed(user, place, message, found[0], whisper))

    def pressed(
        self, user: str, channel: Channel, message: Message, button: dict[str, Any], whisper: bool = False
    ) -> bytes:
        """The body of an interaction, as Slack writes it."""
        container: dict[str, Any] = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": whisper,
        }
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        name = self._room.users[self._user(user)].get("name", "")
        payload: dict[str, Any] = {
            "type": "block_actions",
            "team": {"id": "T0SANDBOX", "domain": "sandbox"},
            "user": {"id": user, "username": name, "name": name, "team_id": "T0SANDBOX"},
            "api_app_id": "A0RESPONDER",
            "token": "deprecated",
            "container": container,
            "trigger_id": secrets.token_hex(8),
            "channel": {"id": channel.id, "name": channel.name},
            "state": {"values": {}},
            "response_url": self._response_url(channel, user),
            "actions": [
                {
                    "action_id": button["action_id"],
                    "block_id": "b",
                    "type": "button",
                    "value": button.get("value", ""),
                    "action_ts": self._room.stamp(),
                }
            ],
        }
        if not whisper:
            payload["message"] = message.document()
        return urlencode({"payload": json.dumps(payload)}).encode()

    async def send(self, path: str, body: bytes, at: Nanoseconds | None = None) -> Sent:
        """A request to the service, signed now or as if it were `at`; with a link an envelope instead."""
        if self._link is not None:
            return await self._over(self._link, path, body)
        stamp = str((self._clock.now() if at is None else at) // SECOND)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": self.sign(stamp, body),
        }
        return await self.deliver(path, body, headers)

    async def _over(self, link: Link, path: str, body: bytes) -> Sent:
        form = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        if path == "/slack/commands":
            answer = await link.send("slash_commands", form)
        else:
            answer = await link.send("interactive", json.loads(form["payload"]))
        if answer is None:
            return Sent(0)
        return Sent(200, json.dumps(answer["payload"]) if "payload" in answer else "")

    async def deliver(self, path: str, body: bytes, headers: dict[str, str]) -> Sent:
        """A request to the service with these headers and no others."""
        try:
            async with (
                asyncio.timeout(PATIENCE),
                aiohttp.ClientSession() as session,
                session.post(f"{self._url}{path}", data=body, headers=headers) as answer,
            ):
                return Sent(answer.status, await answer.text())
        except (aiohttp.ClientError, TimeoutError):
            return Sent(0)

    def sign(self, stamp: str, body: bytes) -> str:
        """The signature, version 0."""
        base = b"v0:" + stamp.encode() + b":" + body
        return f"v0={hmac.new(self._secret.encode(), base, sha256).hexdigest()}"

    # -- response_url ---------------------------------------------------------------------

    def _response_url(self, channel: Channel, user: str) -> str:
        key = secrets.token_hex(12)
        self._later[key] = _Later(channel, user, self._clock.now())
        while len(self._later) > _KEPT:
            del self._later[next(iter(self._later))]
        return f"{self.place}/slack/response/{key}"

    async def _respond(self, request: web.Request) -> web.Response:
        later = self._later.get(request.match_info["key"])
        if later is None or self._clock.now() - later.since >= VALID:
            return web.Response(status=404, text="expired_url")
        if later.posts >= MOST:
            return web.Response(status=404, text="used_url")
        later.posts += 1
        document = _document(await request.text())
        if unknown := sorted(document.keys() - _KEYS):
            return web.Response(status=400, text=f"invalid_arguments: {', '.join(unknown)}")
        if document.get("replace_original"):
            return web.Response(status=400, text="invalid_arguments: replace_original")
        try:
            check(dict(document))
        except Refused as refused:
            return web.Response(status=400, text=f"{refused.error} {' '.join(refused.messages)}".rstrip())
        self._take(later.channel, later.user, document)
        return web.Response(text="ok")

    # -- what is said ---------------------------------------------------------------------

    def _take(self, channel: Channel, user: str, document: dict[str, Any]) -> None:
        """Into the channel, or for the eyes of one."""
        if document.get("response_type") == "in_channel":
            self._room.put(channel, _message(self._room, document, "Responder"))
        else:
            self._whisper(channel, user, document, "Responder")

    def _whisper(self, channel: Channel, user: str, document: dict[str, Any], author: str) -> None:
        message = _message(self._room, document, author)
        message.whispered_to = user
        channel.ephemeral.append((user, message))
        del channel.ephemeral[:-_KEPT]
        self._room.on_change(channel, message)

    # -- who and what ---------------------------------------------------------------------

    def _user(self, user: str) -> str:
        if user not in self._room.users:
            raise NotThere(f"nobody here is {user[:32]!r}")
        return user

    def _channel(self, name: str) -> Channel:
        try:
            return self._room.channel(name)
        except KeyError:
            raise NotThere(f"there is no channel {name[:64]!r}") from None

    def _message(self, channel: Channel, user: str, ts: str) -> tuple[Message, bool]:
        """The message, and whether it is one that only this user sees."""
        for reader, message in channel.ephemeral:
            if message.ts == ts and reader == user:
                return message, True
        found = channel.find(ts)
        if found is None:
            raise NotThere("this message is gone")
        return found[0], False


def buttons(message: Message) -> Iterator[dict[str, Any]]:
    """Every button in a message."""
    attached = (block for one in message.attachments for block in one.get("blocks") or ())
    for block in (*message.blocks, *attached):
        for element in (*(block.get("elements") or ()), block.get("accessory")):
            if isinstance(element, dict) and element.get("type") == "button":
                yield element


def _document(text: str) -> dict[str, Any]:
    """What is said: JSON, or a text as it stands."""
    try:
        document = json.loads(text)
    except ValueError:
        return {"text": text}
    return document if isinstance(document, dict) else {"text": text}


def _message(room: Room, document: dict[str, Any], author: str) -> Message:
    return Message(
        room.stamp(),
        author,
        str(document.get("text") or ""),
        document.get("blocks") or [],
        document.get("attachments") or [],
    )
