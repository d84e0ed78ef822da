"""What a Slack workspace holds: channels, their messages and threads, as a person would see them.

`slack` changes it as its callers ask, `slackview` shows it. Nothing here speaks HTTP.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from responder.clock import Clock
from responder.core.model import SECOND

_MICROSECOND: Final = 1_000

_KEPT: Final = 1_000
"""Messages of a channel or a thread; older ones are forgotten, as on Slack's free plan."""


@dataclass(slots=True)
class Message:
    """One message. `versions` are its earlier texts, `edited` whether Slack says so beside it.

    `broadcast`: a reply in a thread that the channel is shown as well. `whispered_to`: the one user
    who sees it, "" for a message like any other.
    """

    ts: str
    author: str
    text: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    thread_ts: str = ""
    replies: list["Message"] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    edited: bool = False
    own: bool = True
    broadcast: bool = False
    whispered_to: str = ""

    def document(self, *, with_metadata: bool = False) -> dict[str, Any]:
        """As the Web API gives it."""
        document: dict[str, Any] = {
            "type": "message",
            "ts": self.ts,
            "text": self.text,
            "username": self.author,
        }
        if self.own:
            document |= {"bot_id": "B0RESPONDER", "app_id": "A0RESPONDER"}
        if self.blocks:
            document["blocks"] = self.blocks
        if self.attachments:
            document["attachments"] = self.attachments
        if self.metadata and with_metadata:
            document["metadata"] = self.metadata
        if self.thread_ts:
            document["thread_ts"] = self.thread_ts
        if self.broadcast:
            document["subtype"] = "thread_broadcast"
        if self.replies:
            document |= {"thread_ts": self.ts, "reply_count": len(self.replies)}
        return document


@dataclass(slots=True)
class Channel:
    """A channel and its messages, oldest first. `member`: whether the bot is in it."""

    id: str
    name: str
    private: bool = False
    archived: bool = False
    member: bool = True
    read_only: bool = False
    messages: list[Message] = field(default_factory=list)
    ephemeral: list[tuple[str, Message]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As the Web API gives it."""
        return {
            "id": self.id,
            "name": self.name,
            "is_channel": not self.private,
            "is_private": self.private,
            "is_archived": self.archived,
            "is_member": self.member,
        }

    def timeline(self, user: str = "") -> list[Message]:
        """What one sees in the channel itself: its messages, replies that it is shown, what is for `user`."""
        more = [reply for message in self.messages for reply in message.replies if reply.broadcast]
        more += [message for reader, message in self.ephemeral if reader == user]
        return sorted([*self.messages, *more], key=lambda one: one.ts) if more else self.messages

    def find(self, ts: str) -> tuple[Message, list[Message]] | None:
        """The message and the list that it stands in: the channel's own, or a thread's."""
        for message in self.messages:
            if message.ts == ts:
                return message, self.messages
            for reply in message.replies:
                if reply.ts == ts:
                    return reply, message.replies
        return None


class Room:
    """The workspace. `on_change` hears of each message that is new or was edited."""

    def __init__(self, clock: Clock) -> None:
        """Without channels and people."""
        self.channels: dict[str, Channel] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.on_change: Callable[[Channel, Message], None] = lambda channel, message: None
        self._clock = clock
        self._last = 0

    def add_channel(
        self, name: str, *, private: bool = False, archived: bool = False, member: bool = True
    ) -> Channel:
        """A new channel."""
        made = Channel(f"C{len(self.channels) + 1:09d}", name, private, archived, member)
        self.channels[made.id] = made
        return made

    def add_user(self, user: str, name: str) -> None:
        """A person of the workspace."""
        self.users[user] = {"id": user, "name": name, "deleted": False, "is_bot": False}

    def channel(self, name: str) -> Channel:
        """The channel of that name (with or without `#`) or id. Raises KeyError."""
        name = name.removeprefix("#")
        if name in self.channels:
            return self.channels[name]
        for channel in self.channels.values():
            if channel.name == name and not channel.archived:
                return channel
        for channel in self.channels.values():
            if channel.name == name:
                return channel
        raise KeyError(name)

    def messages(self, name: str) -> list[Message]:
        """What stands in a channel, oldest first, without the threads' replies."""
        return self.channel(name).messages

    def say(self, name: str, text: str, author: str = "ana", thread_ts: str = "") -> Message:
        """A person writes something."""
        channel = self.channel(name)
        said = Message(self.stamp(), author, text, thread_ts=thread_ts, own=False)
        self.put(channel, said)
        return said

    def put(self, channel: Channel, message: Message) -> None:
        """Into the channel, or the thread that it belongs to. Raises KeyError if there is no such thread."""
        into = channel.messages
        if message.thread_ts:
            parent = next((one for one in channel.messages if one.ts == message.thread_ts), None)
            if parent is None:
                raise KeyError(message.thread_ts)
            into = parent.replies
        into.append(message)
        del into[:-_KEPT]
        self.on_change(channel, message)

    def delete(self, name: str, ts: str) -> None:
        """A person deletes a message. Raises KeyError."""
        found = self.channel(name).find(ts)
        if found is None:
            raise KeyError(ts)
        found[1].remove(found[0])

    def stamp(self) -> str:
        """A `ts`: seconds and microseconds as text, never given twice."""
        self._last = max(self._last + 1, self._clock.now() // _MICROSECOND)
        seconds, micros = divmod(self._last, SECOND // _MICROSECOND)
        return f"{seconds}.{micros:06d}"
