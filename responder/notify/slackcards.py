"""Where each run's card stands in Slack, and how the cards of an incident are brought up to date.

`slack` calls it with each update of an incident. A card is posted once and edited from then on, and
one that waits for an approval is shown in the channel once; none is posted twice where the first can
be found.
"""

from collections.abc import Awaitable, Mapping
from hashlib import sha256
from typing import Any, Final, Protocol

import msgspec
import structlog

from responder.core.notification import Attempt, Notification
from responder.core.run import Run
from responder.notify.slackblocks import Message
from responder.notify.slackcard import card, plain_card, waits
from responder.notify.slackthread import Receipt
from responder.notify.slackweb import Failed, entries

EVENT_TYPE: Final = "responder_run"
"""Of the metadata of a run's card."""

KEPT: Final = 40
"""Cards that a receipt remembers, the newest: as many as fit into its size."""

_REMEMBERED: Final = 500
"""Incidents of which is remembered what was posted, in case that the update as a whole fails."""

_VERSION: Final = 1
_DIGEST: Final = 8
_THREAD: Final = 200

_log: Final = structlog.get_logger(__name__)


class Card(msgspec.Struct, frozen=True, array_like=True):
    """One card: of which run, where, what it shows (a digest), and whether the channel has seen it."""

    run: str
    ts: str
    shows: str = ""
    seen: bool = False


class Shown(msgspec.Struct, frozen=True):
    """The cards of an incident, as the receipt of an update keeps them."""

    v: int
    cards: tuple[Card, ...] = ()

    def __str__(self) -> str:
        """As it is kept."""
        return msgspec.json.encode(self).decode()


def read(text: str) -> Mapping[str, Card]:
    """The cards of a receipt by their run; none where this version cannot read it."""
    try:
        shown = msgspec.json.decode(text, type=Shown) if text else None
    except msgspec.DecodeError:
        return {}
    return {one.run: one for one in shown.cards} if shown and shown.v == _VERSION else {}


class Call(Protocol):
    """A method of the Web API in the incident's channel. Raises Failed."""

    def __call__(self, method: str, **arguments: Any) -> Awaitable[Mapping[str, Any]]:
        """The answer of a call that succeeded."""
        ...


class Cards:
    """The cards of one integration."""

    def __init__(self, refused: frozenset[str], lost: frozenset[str], *, pressable: bool) -> None:
        """`refused`: Slack's words for a message that it does not take, `lost` for one that is gone."""
        self._refused = refused
        self._lost = lost
        self._pressable = pressable
        self._posted: dict[str, dict[str, Card]] = {}

    async def show(
        self, place: Receipt, notification: Notification, attempt: Attempt, call: Call, *, threaded: bool
    ) -> str:
        """Bring every card up to date; the receipt. Raises Failed.

        `threaded`: the incident's message is still there, and its thread takes the cards.
        """
        known = dict(read(notification.shown)) | self._posted.get(notification.incident, {})
        wanted = [run for run in notification.runs if _worth_a_card(run)][-KEPT:]
        if (attempt.maybe_told or attempt.number > 1) and any(run.id not in known for run in wanted):
            known = await self._found(place, call) | known
        for run in wanted:
            known[run.id] = await self._put(place, run, known.get(run.id), call, threaded=threaded)
            self._remember(notification.incident, known)
        self._posted.pop(notification.incident, None)
        return str(Shown(_VERSION, tuple(known.values())[-KEPT:])) if known else notification.shown

    def _remember(self, incident: str, cards: Mapping[str, Card]) -> None:
        """Should the next card fail, these stand already."""
        if len(self._posted) >= _REMEMBERED:
            del self._posted[next(iter(self._posted))]
        self._posted[incident] = dict(cards)

    async def _put(
        self, place: Receipt, run: Run, before: Card | None, call: Call, *, threaded: bool
    ) -> Card:
        rendered = card(run, pressable=self._pressable)
        shows = sha256(msgspec.json.encode(rendered)).hexdigest()[:_DIGEST]
        if before is not None and before.shows == shows:
            return before
        loud = waits(run) and threaded and not (before and before.seen)
        seen = loud or bool(before and before.seen) or not threaded
        arguments: dict[str, Any] = {"channel": place.channel, "metadata": _metadata(run, seen)}
        if loud:
            arguments["reply_broadcast"] = True
        if before is not None:
            try:
                await self._say("chat.update", run, rendered, call, **arguments, ts=before.ts)
                return Card(run.id, before.ts, shows, seen)
            except Failed as failed:
                if failed.error not in self._lost:
                    raise
        if threaded:
            arguments["thread_ts"] = place.ts
        answer = await self._say("chat.postMessage", run, rendered, call, **arguments)
        return Card(run.id, str(answer.get("ts", "")), shows, seen)

    async def _say(
        self, method: str, run: Run, rendered: Message, call: Call, **arguments: Any
    ) -> Mapping[str, Any]:
        """The call, once more without what Slack does not take."""
        try:
            return await call(method, **arguments, **_parts(rendered))
        except Failed as failed:
            if failed.error == "cant_broadcast_message":
                del arguments["reply_broadcast"]
            elif failed.error in self._refused:
                _log.warning("slack_refused_blocks", run=run.id, error=failed.error)
                rendered = plain_card(run, pressable=self._pressable)
            else:
                raise
        return await call(method, **arguments, **_parts(rendered))

    async def _found(self, place: Receipt, call: Call) -> dict[str, Card]:
        """Cards that an earlier try may have left in the thread; a duplicate is better than none."""
        try:
            page = await call(
                "conversations.replies",
                channel=place.channel,
                ts=place.ts,
                include_all_metadata=True,
                limit=_THREAD,
            )
        except Failed as failed:
            _log.warning("slack_thread_not_searched", problem=failed.outcome.detail)
            return {}
        found = {}
        for entry in entries(page, "messages"):
            metadata = entry.get("metadata")
            payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
            if isinstance(payload, dict) and metadata and metadata.get("event_type") == EVENT_TYPE:
                run, ts = str(payload.get("run")), str(entry.get("ts"))
                found[run] = Card(run, ts, seen=payload.get("seen") is True)
        return found


def _worth_a_card(run: Run) -> bool:
    """Whether there is more to say of it than the incident's own message says."""
    return bool(run.plan or run.verdicts or run.ended_at or run.state != "proposed")


def _metadata(run: Run, seen: bool) -> Mapping[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"run": run.id, "state": run.state, "seen": seen}}


def _parts(rendered: Message) -> dict[str, Any]:
    return {"text": rendered.text, "blocks": rendered.blocks, "attachments": rendered.attachments}
