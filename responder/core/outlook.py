"""What comes next for an alert and when, and what a person could change about it.

`core.explain` asks it. Each look that lies ahead is taken by `core.flush` itself, on a draft that is thrown
away, as if every sender went on as it does now; nothing is decided here, and nothing is promised.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from responder.core import acknowledging, flush, ledger, notificationlog, verdicts
from responder.core.addressing import addressee, addressees
from responder.core.draft import Draft
from responder.core.messages import Closed, Event, Owed
from responder.core.model import DAY, Alert, Nanoseconds, format_duration, format_labels
from responder.core.routing import Route
from responder.core.rules import Ruleset
from responder.core.state import Group, State

_WORK: Final = 1_000
"""Alerts that are looked at for one group, all looks together: so that nobody has to wait for it."""

_TELLINGS: Final = 2
_FAR: Final = 2 * DAY
"""How far ahead is looked: to the first repeat, until somebody was told so often, or for so long."""


@dataclass(frozen=True, slots=True)
class Coming:
    """Something that will happen at `at`, unless something else does before. `group` 0: to the alert."""

    at: Nanoseconds
    what: str
    detail: str
    group: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that a person could do, and the command that does it ("": none does)."""

    do: str
    command: str = ""


def coming(state: State, ruleset: Ruleset, alert: Alert, now: Nanoseconds) -> list[Coming]:
    """What lies ahead, the next first."""
    found = [*_of_alert(state, ruleset, alert, now), *_of_hiding(state, ruleset, alert, now)]
    for group, route in _groups(state, ruleset, alert):
        found += _of_group(Draft(state, ruleset, now), group, route, alert)
    return sorted(found, key=lambda one: (one.at, one.what == "look", one.group, one.detail))


def choices(state: State, ruleset: Ruleset, alert: Alert, now: Nanoseconds) -> list[Choice]:
    """What could be changed about it."""
    found = [
        Choice(f"end silence {one.id}: what it hides is told at once", f"responder silence expire {one.id}")
        for one in state.silences.hiding(alert, now)
    ]
    found += [
        Choice(f"end maintenance {one.name} early: its until, at {one.place}")
        for one, _ in ruleset.suppression.hiding(alert.labels, now)
    ]
    inhibited = state.inhibitor.inhibited_by(alert.labels, now)
    if inhibited:
        rule, source = inhibited
        where = f" at {rule.place}" if rule.place else ""
        found.append(
            Choice(f"mend what inhibits it, {format_labels(source.labels)}, or change the rule{where}")
        )
    audible = not found
    for group, route in _groups(state, ruleset, alert):
        draft = Draft(state, ruleset, now)
        audible = audible and verdicts.group_verdict(draft, route) is None
        found += _choices_of_group(draft, group, route)
    if alert.firing_at(now) and audible:
        found.append(Choice("keep it quiet for a while", "responder silence add MATCHER... --comment WHY"))
    return found


def _groups(state: State, ruleset: Ruleset, alert: Alert) -> Iterator[tuple[Group, Route]]:
    """The groups that it is in, as far as their routes are there."""
    for group_id in alert.groups:
        group = state.groups[group_id]
        route = ruleset.router.by_id.get(group.route)
        if route is not None:
            yield group, route


# -- the alert itself, and what hides it ------------------------------------------------------


def _of_alert(state: State, ruleset: Ruleset, alert: Alert, now: Nanoseconds) -> Iterator[Coming]:
    if not alert.firing_at(now) or alert.stale:
        return
    if alert.ends_at:
        yield Coming(alert.ends_at, "ends", "it is over, unless its sender renews it")
    if alert.source == "webhook":
        at = alert.updated_at + ruleset.stale_after
        yield Coming(at, "stale", "it counts as stale, unless its sender renews it")


def _of_hiding(state: State, ruleset: Ruleset, alert: Alert, now: Nanoseconds) -> Iterator[Coming]:
    for silence in state.silences.of_labels(alert.labels):
        match silence.phase(now):
            case "active":
                yield Coming(silence.ends_at, "silence_ends", f"silence {silence.id} ends")
            case "pending":
                yield Coming(silence.starts_at, "silence_begins", f"silence {silence.id} begins")
            case "expired":
                pass
    for window in ruleset.suppression.of_labels(alert.labels):
        at = window.next_change(now)
        if at:
            verb = "ends" if window.state(now) == "open" else "begins"
            yield Coming(at, f"maintenance_{verb}", f"maintenance {window.name} {verb}")
    inhibited = state.inhibitor.inhibited_by(alert.labels, now)
    if inhibited and inhibited[1].ends_at:
        labels = format_labels(inhibited[1].labels)
        yield Coming(
            inhibited[1].ends_at,
            "inhibition_ends",
            f"what inhibits it, {labels}, is over unless it is renewed",
        )


# -- its groups -------------------------------------------------------------------------------


def _of_group(draft: Draft, group: Group, route: Route, alert: Alert) -> Iterator[Coming]:
    change = verdicts.next_interval_change(draft, route)
    if change:
        verb = "end" if verdicts.group_verdict(draft, route) else "begin to hide it"
        names = ", ".join((*route.active_time_intervals, *route.mute_time_intervals))
        yield Coming(change, "intervals", f"time intervals {verb} ({names})", group.id)
    if group.acknowledged and group.acknowledged.until:
        detail = f"{group.acknowledged.by} had taken it on until then"
        yield Coming(group.acknowledged.until, "acknowledgement_ends", detail, group.id)
    yield from _looks(draft, group, route, alert)


def _looks(now: Draft, group: Group, route: Route, alert: Alert) -> Iterator[Coming]:
    """The next look at the group, and later ones on which somebody is told of the alert, or would be."""
    ahead = _Ahead(now, group, route, alert)
    told, said_before = 0, ""
    for number in range(max(_WORK // max(len(now.state.members[group.id]), 1), 1)):
        said, hidden = ahead.look()
        if not number:
            said = said or (f"it is hidden ({hidden})" if hidden else "nothing of it is news")
            yield Coming(ahead.at, "look", f"its group is looked at: {said}", group.id)
        elif said and said != said_before:
            yield Coming(ahead.at, "look", said, group.id)
        said_before = said
        told += "is told (" in said
        if told == _TELLINGS or "is told (repeat)" in said or ahead.at > now.at + _FAR:
            return
        ahead.go_on()


class _Ahead:
    """A group as it will be, as if everybody who is told takes it and every sender renews its alerts."""

    def __init__(self, now: Draft, group: Group, route: Route, alert: Alert) -> None:
        self.at = max(group.due_at, now.at)
        self._tick_at = group.tick_at
        self._wake_at: Nanoseconds = 0
        self._group, self._route, self._alert = group, route, alert
        self._members = now.state.members[group.id]
        self._now = flush.look(Draft(now.state, now.ruleset, now.at), route, self._members.values())
        self._draft = Draft(now.state, now.ruleset, now.at)

    def look(self) -> tuple[str, verdicts.Verdict | None]:
        """Look at the group: who is told of the alert and why, or why not, and what hides it then."""
        draft, at, before = self._draft, self.at, len(self._draft.events)
        draft.at = at
        if not draft.ruleset.mends:
            notificationlog.recall(draft, self._group, self._members.values())
        firing = self._now.firing
        renewed = (
            msgspec.structs.replace(one, ends_at=0, updated_at=at) if one.id in firing else one
            for one in self._members.values()
        )
        seen = flush.look(draft, self._route, renewed)
        # Whoever inhibits goes on to, if its sender renews it.
        seen.verdicts.update({a: v for a, v in self._now.verdicts.items() if v.reason == "inhibition"})
        group = acknowledging.review(draft, self._group, seen.firing)
        # Whom it is escalated to hears of it once.
        self._group = msgspec.structs.replace(flush.tell(draft, group, seen), escalate=())
        self._let_leave(seen)
        self._deliver(at)
        self._wake_at = flush.wake_at(draft, self._group, seen)
        verdict = seen.verdicts.get(self._alert.id) if self._alert.id in firing else None
        return "; ".join(self._said(draft.events[before:])), verdict

    def _let_leave(self, seen: flush.Look) -> None:
        """Alerts that are over and of whose end nobody has to hear are members no more."""
        flush.leave(self._draft, self._group, seen)
        changed = self._draft.changes.alerts
        self._members = {
            key: alert
            for key, alert in self._members.items()
            if key not in changed or self._group.id in changed[key].groups
        }

    def go_on(self) -> None:
        """Time passes until the group is looked at again."""
        if self._tick_at <= self.at:
            self._tick_at = self.at + self._route.group_interval
        self.at = min(self._tick_at, self._wake_at or self._tick_at)

    def _deliver(self, at: Nanoseconds) -> None:
        changes, mends = self._draft.changes, self._draft.ruleset.mends
        for key, told in list(changes.told.items()):
            while told.head:
                told = ledger.delivered(told, told.head, self._members, at, mends)
                to = None if mends else addressee(self._draft.ruleset, self._group, key[1])
                if to:
                    notificationlog.note(self._draft, self._group, to, told.told)
            changes.told[key] = told

    def _said(self, events: list[Event]) -> Iterator[str]:
        closed = {event.row: event for event in events if isinstance(event, Closed)}
        for event in events:
            if isinstance(event, Owed) and self._alert.id in (*event.firing, *event.resolved, *event.stale):
                end = closed.get(event.row)
                if end is None:
                    yield f"{event.receiver} is told ({event.reason})"
                else:
                    why = f"{end.reason} {end.by or end.detail}".rstrip()
                    yield f"{event.receiver} is not told ({event.reason}): {why}"


def _choices_of_group(draft: Draft, group: Group, route: Route) -> Iterator[Choice]:
    whole = verdicts.group_verdict(draft, route)
    if whole:
        of = route.mutes_of if whole.reason == "mute_time_interval" else route.actives_of
        yield Choice(f"change {whole.reason}s {whole.by} of the route at {of or route.place or route.id}")
    if group.acknowledged:
        yield Choice("give it back, and repeats are told again", f"responder unack {group.incident}")
    for to in addressees(draft.ruleset, group):
        dead = draft.state.dead_of.get((group.id, to.integration.id))
        if dead:
            yield Choice(f"tell {to.receiver} again what it refused", f"responder delivery resend {dead}")
        if to.integration.destination in draft.state.down:
            yield Choice(f"find out why {to.integration.destination} takes nothing", "responder doctor")
        if not to.integration.supported:
            yield Choice(f"give {to.receiver} an integration that can be delivered to", "responder check")
    timers = f"group_interval {format_duration(route.group_interval)}"
    timers += f", repeat_interval {format_duration(route.repeat_interval)}"
    yield Choice(f"look, or repeat, more or less often: {timers}, of the route at {route.place or route.id}")
