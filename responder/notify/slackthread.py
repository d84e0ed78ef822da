"""Where an incident's message stands in Slack, what its thread has said, and what it says next.

`slack` reads and writes a Receipt with each delivery and posts what `reply` gives. A reply says
what has changed since the last one; it never repeats the whole.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from responder.core.model import Alert, Labels, Nanoseconds, label
from responder.core.notification import Notification
from responder.core.truncation import truncate_runes
from responder.notify import content
from responder.notify.slackblocks import over_after

_VERSION: Final = 1
_LONGEST: Final = 3_000
"""Bytes for the alerts in a receipt; where there are too many, their numbers must do."""

_LISTED: Final = 5
"""Alerts that a reply names of each sort."""

_ALERT: Final = 200


class Told(msgspec.Struct, frozen=True, omit_defaults=True, rename={"counts": "n"}):
    """Which alerts people have read of: `id` or `id.episode`, separated by commas.

    `counts`: firing, stale, resolved, instead of the lists where those would be too long.
    """

    firing: str = ""
    stale: str = ""
    resolved: str = ""
    counts: tuple[int, int, int] | None = None


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """The message of an incident. `told` None: somebody posted it, but what it said is not known."""

    v: int
    channel: str
    ts: str
    told: Told | None = None

    def __str__(self) -> str:
        """As it is kept."""
        return msgspec.json.encode(self).decode()


def receipt(channel: str, ts: str, told: Told | None) -> Receipt:
    """A Receipt of this version."""
    return Receipt(_VERSION, channel, ts, told)


def read(text: str) -> Receipt | None:
    """The receipt, or None if there is none or this version cannot read it."""
    try:
        found = msgspec.json.decode(text, type=Receipt) if text else None
    except msgspec.DecodeError:
        return None
    return found if found and found.v == _VERSION and found.channel and found.ts else None


def told(notification: Notification) -> Told:
    """What people have read once they have read of this notification."""
    parts = (notification.firing, notification.stale, notification.resolved)
    lists = [",".join(map(_key, part)) for part in parts]
    if sum(map(len, lists)) > _LONGEST:
        return Told(counts=(len(parts[0]), len(parts[1]), len(parts[2])))
    return Told(lists[0], lists[1], lists[2])


def reply(before: Told | None, notification: Notification, now: Nanoseconds) -> str:
    """What the thread is to say of this notification, as plain text; "" if there is nothing to say."""
    if before is None or before.counts is not None:
        lines = _in_numbers(before, notification, now)
    else:
        lines = _by_name(before, notification, now)
    late = content.lateness(notification, now)
    return "\n".join(lines) + (f"\n({late})" if late else "") if lines else ""


def _by_name(before: Told, notification: Notification, now: Nanoseconds) -> list[str]:
    firing, stale, over = (_keys(text) for text in (before.firing, before.stale, before.resolved))
    known = {key.partition(".")[0] for key in firing | stale | over}
    news = [alert for alert in notification.firing if _key(alert) not in firing]
    fresh = [alert for alert in news if str(alert.id) not in known]
    again = [alert for alert in news if str(alert.id) in known]
    common = content.common_labels(notification)
    if content.state_of(notification) == "resolved":
        ended = any(_key(alert) not in over for alert in notification.resolved)
        if not (ended or firing or stale):
            return []
        end = over_after(notification, now)
        return [f"{end}." if len(notification.resolved) < 2 else f"All {end.lower()}."]
    lines = _why(notification, now, changed=bool(news))
    lines += _list("More", fresh, common)
    lines += _list("Fires again", again, common)
    lines += _list(
        "Nobody renews it any more",
        [alert for alert in notification.stale if _key(alert) not in stale],
        common,
    )
    lines += _list("Over", [alert for alert in notification.resolved if _key(alert) not in over], common)
    return lines


def _in_numbers(before: Told | None, notification: Notification, now: Nanoseconds) -> list[str]:
    """Where the alerts that were told of are not known one by one."""
    if content.state_of(notification) == "resolved":
        return [f"All {over_after(notification, now).lower()}."]
    counts = (len(notification.firing), len(notification.stale), len(notification.resolved))
    if (
        before is not None
        and before.counts == counts
        and notification.reason in ("new_alerts", "some_resolved")
    ):
        # As many as before, but others.
        return [f"{content.news(notification)}: still {content.counts(notification)}."]
    lines = _why(notification, now, changed=False)
    if not lines:
        lines = [f"{content.news(notification)}: now {content.counts(notification)}."]
    return lines


def _why(notification: Notification, now: Nanoseconds, *, changed: bool) -> list[str]:
    """A line for reasons that are news even where no alert has changed."""
    began = min((alert.starts_at for alert in notification.firing if alert.starts_at), default=0)
    since = f" after {content.rounded(max(now - began, 0))}" if began else ""
    if notification.reason == "repeat":
        return [] if changed else [f"Still so{since}: {content.counts(notification)}."]
    if notification.reason in ("unmuted", "escalated"):
        return [f"{content.news(notification)}: {content.counts(notification)}."]
    return []


def _list(what: str, alerts: Sequence[Alert], common: Labels) -> list[str]:
    if not alerts:
        return []
    if len(alerts) == 1:
        return [f"{what}: {_name(alerts[0], common)}"]
    lines = [f"{what} ({len(alerts)}):", *(f"• {_name(alert, common)}" for alert in alerts[:_LISTED])]
    if len(alerts) > _LISTED:
        lines.append(f"and {len(alerts) - _LISTED} more")
    return lines


def _name(alert: Alert, common: Labels) -> str:
    what = content.one_line(content.summary_of(alert) or label(alert.labels, "alertname"))
    own = content.one_line(content.differing(alert, common))
    return truncate_runes(what, _ALERT) + (f" ({truncate_runes(own, _ALERT)})" if own else "")


def _key(alert: Alert) -> str:
    return str(alert.id) if alert.episode == 1 else f"{alert.id}.{alert.episode}"


def _keys(text: str) -> set[str]:
    return set(text.split(",")) - {""}
