"""Tells Slack: one message per incident and channel that changes as it does, and a thread of what happened.

`integration` makes a SlackSender per entry of `slack_configs`. It makes one try per call, and never
two posts of one thing where it can find the first.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, ParamSpec, TypeVar

import structlog

from responder import templating
from responder.clock import Clock
from responder.core.catalogue import SlackSettings, Template
from responder.core.model import MINUTE, SECOND, Nanoseconds
from responder.core.notification import (
    Attempt,
    Delivered,
    Notification,
    Outcome,
    Partly,
    Rejected,
)
from responder.core.rules import Integration
from responder.core.truncation import truncate_runes
from responder.notify import slackthread as thread
from responder.notify.http import Http, Progress, timed_out
from responder.notify.slackblocks import TEXT_BYTES, Message, Words, message, plain_message
from responder.notify.slackcards import Cards
from responder.notify.slackhook import IncomingWebhook
from responder.notify.slackmarkup import cut_mrkdwn, escape
from responder.notify.slackthread import Receipt, Told
from responder.notify.slackweb import Failed, Workspaces, entries, is_channel_id, next_cursor

_P = ParamSpec("_P")
_T = TypeVar("_T")

_log: Final = structlog.get_logger(__name__)

EVENT_TYPE: Final = "responder_incident"
"""Of the metadata of an incident's message."""

_MANY: Final = 500
"""More alerts than this are rendered in a thread, so that the event loop goes on."""

_MARGIN: Final = 5 * MINUTE
"""How far Slack's clock and ours may be apart."""

_PAGES: Final = 3
_PAGE: Final = 200
"""How far back a message is looked for, after a try of which nobody knows how it ended."""

_SEARCHED: Final = 0.5
"""The part of an attempt's time that this may take: a duplicate is better than silence."""

_LONGEST_REPLY: Final = 2_900

_REFUSED: Final = frozenset(
    {
        "invalid_attachments",
        "invalid_blocks",
        "invalid_blocks_format",
        "attachment_payload_limit_exceeded",
        "msg_blocks_too_long",
        "msg_too_long",
    }
)
"""Our message is at fault, not the channel: the plain text may do."""

_LOST: Final = frozenset(
    {"block_mismatch", "cant_update_message", "channel_not_found", "edit_window_closed", "message_not_found"}
)
"""The message cannot be edited any more: another one must say it."""


class SlackSender:
    """One `slack_configs` entry."""

    def __init__(
        self,
        integration: Integration,
        external_url: str,
        clock: Clock,
        http: Http,
        workspaces: Workspaces,
        *,
        pressable: bool = False,
    ) -> None:
        """Nothing is connected yet. `pressable`: somebody hears of it when a button is pressed."""
        settings = integration.settings
        assert isinstance(settings, SlackSettings)
        self._settings: SlackSettings = settings
        self._external_url = external_url
        self._clock = clock
        self._workspaces = workspaces
        self._hook = IncomingWebhook(settings, clock, http) if settings.webhook_url else None
        look = {
            "username": settings.username or None,
            "icon_emoji": settings.icon_emoji or None,
            "icon_url": settings.icon_url or None,
        }
        self._look = look
        self._how = {"unfurl_links": False, "unfurl_media": False, **look}
        self._pressable = pressable and self._hook is None
        self._cards = Cards(_REFUSED, _LOST, pressable=self._pressable)

    async def send(self, notification: Notification, attempt: Attempt) -> Outcome:
        """Post, update, or reply in the thread, and judge the answer. The integration's own timeout wins."""
        limit = self._settings.timeout or attempt.within
        progress = Progress()
        try:
            async with asyncio.timeout(limit / SECOND):
                if notification.update:
                    return await self._show(notification, attempt, progress)
                if self._hook:
                    rendered = await self._message(notification)
                    return await self._post_to_hook(self._hook, rendered, notification, progress)
                if (partly := thread.read(attempt.receipt)) is not None:
                    return await self._reply(partly, notification, progress)
                return await self._tell(notification, attempt, limit, progress)
        except TimeoutError:
            return timed_out(progress, limit)
        except Failed as failed:
            return failed.outcome

    async def announce(self, waiting: int, within: Nanoseconds) -> Outcome:
        """Say in the channel that so many incidents wait for their turn."""
        text = (
            f"{waiting} more incidents are waiting for this channel. "
            "They come one a second, critical ones first."
        )
        limit = self._settings.timeout or within
        progress = Progress()
        try:
            async with asyncio.timeout(limit / SECOND):
                if self._hook:
                    return await self._post_to_hook(self._hook, Message(text, [], []), None, progress)
                await self._say(progress, text=text)
                return Delivered()
        except TimeoutError:
            return timed_out(progress, limit)
        except Failed as failed:
            return failed.outcome

    # -- the message ----------------------------------------------------------------------

    async def _tell(
        self, notification: Notification, attempt: Attempt, limit: Nanoseconds, progress: Progress
    ) -> Outcome:
        place, lost = thread.read(notification.receipt), ""
        if place is not None:
            if await self._update(place, notification, progress):
                return await self._updated(place, notification)
            lost = place.ts
        if attempt.maybe_told:
            found = await self._found(notification, lost, limit, progress)
            if found is not None and await self._update(found, notification, progress):
                return await self._updated(found, notification)
        return await self._post(notification, progress, continues=bool(lost))

    async def _show(self, notification: Notification, attempt: Attempt, progress: Progress) -> Outcome:
        """Who took the incident on, and its runs, where it was told. Nothing new is told of alerts."""
        place = None if self._hook else thread.read(notification.receipt)
        if place is None:
            return Delivered(notification.shown)
        threaded = await self._update(place, notification, progress)

        async def call(method: str, **arguments: Any) -> Mapping[str, Any]:
            how = self._how if method == "chat.postMessage" else {}
            return await self._in_channel(method, progress, **how, **arguments)

        return Delivered(await self._cards.show(place, notification, attempt, call, threaded=threaded))

    async def _post(self, notification: Notification, progress: Progress, *, continues: bool) -> Outcome:
        metadata = self._metadata(notification)
        rendered = await self._message(notification, continues=continues)
        try:
            answer = await self._say(progress, metadata=metadata, **_parts(rendered))
        except Failed as failed:
            if failed.error not in _REFUSED:
                raise
            self._complain(failed, notification)
            text = plain_message(notification, self._external_url, self._clock.now()).text
            answer = await self._say(progress, metadata=metadata, text=text)
        channel, ts = answer.get("channel"), answer.get("ts")
        if not (isinstance(channel, str) and isinstance(ts, str)):
            return Delivered()
        return Delivered(str(thread.receipt(channel, ts, thread.told(notification))))

    async def _update(self, place: Receipt, notification: Notification, progress: Progress) -> bool:
        """Whether the message could be edited; where it is lost, another one must say it."""
        try:
            await self._edit(place, notification, progress)
        except Failed as failed:
            if failed.error not in _LOST:
                raise
            return False
        return True

    async def _edit(self, place: Receipt, notification: Notification, progress: Progress) -> None:
        arguments = {
            "channel": place.channel,
            "ts": place.ts,
            # None leaves it as it is: it tells which row of alerts the message shows.
            "metadata": None if notification.update else self._metadata(notification),
        }
        rendered = await self._message(notification)
        try:
            await self._in_channel("chat.update", progress, **arguments, **_parts(rendered))
        except Failed as failed:
            if failed.error not in _REFUSED:
                raise
            self._complain(failed, notification)
            plain = plain_message(notification, self._external_url, self._clock.now())
            await self._in_channel("chat.update", progress, **arguments, **_parts(plain))

    async def _updated(self, place: Receipt, notification: Notification) -> Outcome:
        if await self._says(place, notification):
            return Partly(str(place))
        return Delivered(str(thread.receipt(place.channel, place.ts, thread.told(notification))))

    async def _reply(self, place: Receipt, notification: Notification, progress: Progress) -> Outcome:
        if text := await self._says(place, notification):
            text = truncate_runes(text, _LONGEST_REPLY)
            block = {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}
            arguments = {**self._how, "channel": place.channel, "thread_ts": place.ts, "blocks": [block]}
            preview = cut_mrkdwn(escape(text), TEXT_BYTES)
            await self._in_channel("chat.postMessage", progress, **arguments, text=preview)
        return Delivered(str(thread.receipt(place.channel, place.ts, thread.told(notification))))

    async def _says(self, place: Receipt, notification: Notification) -> str:
        return await _aside(notification, thread.reply, place.told, notification, self._clock.now())

    async def _message(self, notification: Notification, *, continues: bool = False) -> Message:
        return await _aside(notification, self._rendered, notification, continues)

    def _rendered(self, notification: Notification, continues: bool) -> Message:
        now = self._clock.now()
        words = Words(
            self._own("title", notification, now, html=False),
            self._own("text", notification, now, html=True),
        )
        return message(notification, now, words, continues=continues, pressable=self._pressable)

    def _own(self, name: str, notification: Notification, now: Nanoseconds, *, html: bool) -> str | None:
        """The text that somebody wrote for it, or None for ours.

        `html`: it is mrkdwn, so what comes out of alerts is escaped, and what the author wrote is not.
        """
        template: Template | None = self._settings.templates.get(name)
        if template is None:
            return None
        if template.plain:
            return template.source
        try:
            context = templating.context_of(notification, self._external_url, now)
            text = templating.render(template, context, html=html)
        except templating.TemplateFailed as error:
            _log.warning("template_failed", place=template.place, problem=str(error))
            return None
        # Slack knows three entities; Jinja2 writes quotes as two more.
        return text.replace("&#34;", '"').replace("&#39;", "'") if html else text

    def _metadata(self, notification: Notification) -> Mapping[str, Any]:
        return {
            "event_type": EVENT_TYPE,
            "event_payload": {
                "incident": notification.incident,
                "row": str(notification.row),
                "key": _key(notification),
            },
        }

    def _complain(self, failed: Failed, notification: Notification) -> None:
        detail = failed.outcome.detail
        _log.warning("slack_refused_blocks", row=notification.row, error=failed.error, detail=detail)

    # -- the channel ----------------------------------------------------------------------

    async def _say(self, progress: Progress, **arguments: Any) -> Mapping[str, Any]:
        """Post to the channel: by its name the first time, then by the id that it has. Raises Failed."""
        workspace, name = self._workspaces.of(self._settings), self._settings.channel
        channel, given = workspace.known(name), {**self._how, **arguments}
        try:
            answer = await self._in_channel("chat.postMessage", progress, channel=channel, **given)
        except Failed as failed:
            if failed.error != "channel_not_found" or channel == name:
                raise
            workspace.forget(name)  # it is gone; another may have its name
            answer = await self._in_channel("chat.postMessage", progress, channel=name, **given)
        workspace.learn(name, answer.get("channel"))
        return answer

    async def _in_channel(self, method: str, progress: Progress, **arguments: Any) -> Mapping[str, Any]:
        """The call; where the bot is not in the channel, once more after it has joined. Raises Failed."""
        workspace = self._workspaces.of(self._settings)
        try:
            return await workspace.call(method, progress, **arguments)
        except Failed as failed:
            if failed.error != "not_in_channel":
                raise
            try:
                channel = await workspace.channel(arguments["channel"], progress)
                await workspace.call("conversations.join", progress, channel=channel)
            except Failed as other:
                if isinstance(other.outcome, Rejected):
                    raise failed from None  # it says better what a person must do
                raise
            return await workspace.call(method, progress, **arguments)

    async def _found(
        self, notification: Notification, lost: str, limit: Nanoseconds, progress: Progress
    ) -> Receipt | None:
        """The message that an earlier try may have left, if it can be found in good time.

        `lost`: the `ts` of one that cannot be edited. That none can be found is no reason to be
        silent: a duplicate is allowed.
        """
        try:
            async with asyncio.timeout(limit * _SEARCHED / SECOND):
                return await self._search(notification, lost, progress)
        except TimeoutError:
            problem = "it took too long"
        except Failed as failed:
            problem = failed.outcome.detail
        _log.warning("slack_not_searched", row=notification.row, problem=problem)
        return None

    async def _search(self, notification: Notification, lost: str, progress: Progress) -> Receipt | None:
        workspace = self._workspaces.of(self._settings)
        channel = await workspace.channel(self._settings.channel, progress)
        oldest = max((notification.since or notification.at) - _MARGIN, 0) // SECOND
        key, cursor = _key(notification), None
        for _ in range(_PAGES if channel else 0):
            try:
                page = await workspace.call(
                    "conversations.history",
                    progress,
                    channel=channel,
                    include_all_metadata=True,
                    oldest=str(oldest),
                    limit=_PAGE,
                    cursor=cursor,
                )
            except Failed as failed:
                if failed.error == "channel_not_found" and not is_channel_id(self._settings.channel):
                    workspace.forget(self._settings.channel)
                raise
            for entry in entries(page, "messages"):
                ts, row = str(entry.get("ts")), _row(entry, key)
                if row is not None and ts != lost:
                    said: Told | None = thread.told(notification) if row == str(notification.row) else None
                    return thread.receipt(channel, ts, said)
            if not (cursor := next_cursor(page)):
                break
        return None

    async def _post_to_hook(
        self, hook: IncomingWebhook, rendered: Message, notification: Notification | None, progress: Progress
    ) -> Outcome:
        fields = {"channel": self._settings.channel or None, **self._look}
        outcome, refused = await hook.post({**fields, **_parts(rendered)}, progress)
        if refused in _REFUSED and notification is not None:
            _log.warning("slack_refused_blocks", row=notification.row, error=refused)
            plain = plain_message(notification, self._external_url, self._clock.now())
            outcome, _ = await hook.post({**fields, "text": plain.text}, progress)
        return outcome


async def _aside(notification: Notification, call: Callable[_P, _T], *args: _P.args, **more: _P.kwargs) -> _T:
    """The call's result; where it goes through many alerts, made in a thread."""
    count = len(notification.firing) + len(notification.resolved) + len(notification.stale)
    return await asyncio.to_thread(call, *args, **more) if count > _MANY else call(*args, **more)


def _key(notification: Notification) -> str:
    """What the message of this incident is found by. Two integrations may tell one channel."""
    return f"{notification.incident}/{notification.integration}"


def _row(entry: Mapping[str, Any], key: str) -> str | None:
    """The row that last wrote a message of the history, if it is the one that is looked for."""
    metadata = entry.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT_TYPE:
        return None
    payload = metadata.get("event_payload")
    if not isinstance(payload, dict) or payload.get("key") != key:
        return None
    return str(payload.get("row"))


def _parts(rendered: Message) -> dict[str, Any]:
    return {"text": rendered.text, "blocks": rendered.blocks, "attachments": rendered.attachments}
