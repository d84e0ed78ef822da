"""The incidents that a channel knows of, out of the state: which, what they are called, who has them.

`commands` asks when somebody types `/ack` without saying what. It goes through the incidents once,
however many there are.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from responder.core.model import Nanoseconds, label
from responder.core.state import Group, State
from responder.notify import slackthread
from responder.notify.content import place_in, titled


@dataclass(frozen=True, slots=True)
class Told:
    """An incident that fires and that nobody took on. `id` is what people say."""

    id: str
    title: str
    opened_at: Nanoseconds


def waiting_in(state: State, channel: str, now: Nanoseconds) -> list[Told]:
    """Those that were told in the channel with this id, fire, and are nobody's; the newest first."""
    found = [
        Told(group.incident, _title(state, group, now), group.created_at)
        for group in _told_in(state, channel)
        if not group.acknowledged and _fires(state, group, now)
    ]
    return sorted(found, key=lambda one: (one.opened_at, one.id), reverse=True)


def _told_in(state: State, channel: str) -> Iterator[Group]:
    mark = f'"channel":"{channel}"'  # most receipts are another channel's: those are not read
    for number, integrations in state.told.items():
        for told in integrations.values():
            place = slackthread.read(told.receipt) if mark in told.receipt else None
            if place is not None and place.channel == channel:
                yield state.groups[number]
                break


def _fires(state: State, group: Group, now: Nanoseconds) -> bool:
    return any(alert.firing_at(now) for alert in state.members[group.id].values())


def _title(state: State, group: Group, now: Nanoseconds) -> str:
    labels = group.labels
    if not label(labels, "alertname"):
        firing = (alert for alert in state.members[group.id].values() if alert.firing_at(now))
        labels = next((alert.labels for alert in firing), labels)
    return titled(label(labels, "alertname") or "Alert without a name", place_in(labels))
