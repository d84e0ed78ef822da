"""Looking at one group that is due: who is told, who is not and why, and when to look again.

`core.decide` calls `flush` for a group's tick, and `close_row` when delivery is done with a row.
The verdicts come from `core.verdicts`, the reasons from `core.ledger`; nothing here chooses routes.
"""

from collections.abc import Iterable
from operator import attrgetter
from typing import Final

import msgspec

from responder.core import acknowledging, ledger, notificationlog, propose
from responder.core.addressing import Addressee, addressees, is_stranded, next_fallback
from responder.core.draft import Draft
from responder.core.ledger import Episodes, OpenRow, Sets, Told, View
from responder.core.messages import (
    AlertsLeft,
    AlertsMuted,
    AlertsStale,
    AlertsUnmuted,
    Closed,
    Deliver,
    GroupClosed,
    Noted,
    Owed,
    Succeed,
)
from responder.core.model import SECOND, Alert, Nanoseconds
from responder.core.notification import Notification, ToldReason
from responder.core.routing import Route
from responder.core.rules import Integration
from responder.core.state import ClosedRow, Group, LedgerRow
from responder.core.verdicts import Verdict, first_verdict, stages


class Look(msgspec.Struct, frozen=True):
    """A group's members at one instant, sorted by what can be said of them."""

    firing: Episodes
    resolved: Episodes
    stale: Episodes
    verdicts: dict[int, Verdict]

    @property
    def audible(self) -> bool:
        """Whether anything fires that nothing hides."""
        if not self.verdicts:
            return bool(self.firing)
        return any(alert not in self.verdicts for alert in self.firing)


_by_id = attrgetter("id")


def look(draft: Draft, route: Route, members: Iterable[Alert]) -> Look:
    """Sort a group's members into firing, resolved and stale, with the verdict on each."""
    at = draft.at
    asked = stages(draft, route)
    firing: Episodes = {}
    resolved: Episodes = {}
    stale: Episodes = {}
    verdicts: dict[int, Verdict] = {}
    newly_stale: list[int] = []
    deadline = at - draft.ruleset.stale_after
    for alert in sorted(members, key=_by_id):  # so that memory and rows give the same order
        if 0 < alert.ends_at <= at:
            resolved[alert.id] = alert.episode
        elif alert.stale:
            stale[alert.id] = alert.episode
        elif alert.source == "webhook" and alert.updated_at <= deadline:
            stale[alert.id] = alert.episode
            newly_stale.append(alert.id)
            draft.put_alert(msgspec.structs.replace(alert, stale=True))
        else:
            firing[alert.id] = alert.episode
        if asked and (verdict := first_verdict(asked, alert)):
            verdicts[alert.id] = verdict
    if newly_stale:
        draft.events.append(AlertsStale(newly_stale))
    return Look(firing, resolved, stale, verdicts)


def flush(draft: Draft, group: Group) -> None:
    """Decide one due group: tell, suppress, let resolved alerts leave, set the next time."""
    route = draft.ruleset.router.by_id[group.route]
    members = draft.state.members[group.id]
    if not draft.ruleset.mends:
        notificationlog.recall(draft, group, members.values())
    seen = look(draft, route, members.values())
    _journal_verdicts(draft, group, seen)
    group = acknowledging.review(draft, group, seen.firing)
    group = tell(draft, group, seen)
    left = leave(draft, group, seen)
    if left == len(members) and may_close(draft, group.id):
        draft.changes.closed_groups.append(group.id)
        draft.changes.groups.pop(group.id, None)
        for key in [key for key in draft.changes.told if key[0] == group.id]:
            del draft.changes.told[key]
        draft.events.append(GroupClosed(group.id))
        return
    at = draft.at
    draft.changes.groups[group.id] = Group(
        id=group.id,
        route=group.route,
        labels=group.labels,
        created_at=group.created_at,
        tick_at=at + route.group_interval if group.tick_at <= at else group.tick_at,
        wake_at=wake_at(draft, group, seen),
        muted={a: str(v) for a, v in seen.verdicts.items() if a in seen.firing},
        fallbacks=group.fallbacks,
        stranded=group.stranded,
        acknowledged=group.acknowledged,
    )
    if seen.resolved:
        propose.give_up_resolved(draft, group.id, seen.resolved)


def tell(draft: Draft, group: Group, seen: Look, told: int = 0) -> Group:
    """Tell everybody but the first `told`, and whoever must be told in somebody's stead.

    The group with the fallbacks that were engaged. An end alone engages none: who does not know of
    the beginning has nothing to hear.
    """
    route = draft.ruleset.router.by_id[group.route]
    audible = seen.audible
    while True:
        everybody = addressees(draft.ruleset, group)
        for to in everybody[told:]:
            _tell_integration(draft, group, route, to, seen)
        told = len(everybody)
        engaged = next_fallback(draft, group) if audible else None
        if engaged is None:
            break
        draft.events.append(engaged)
        group = msgspec.structs.replace(group, fallbacks=(*group.fallbacks, engaged.fallback))
    stranded = audible and is_stranded(draft, group)
    if stranded != group.stranded:
        group = msgspec.structs.replace(group, stranded=stranded)
        if stranded:
            draft.events.append(Noted("nobody_reachable", f"group {group.id} waits: no destination is up"))
    return group


def _journal_verdicts(draft: Draft, group: Group, seen: Look) -> None:
    """A suppression is journaled when its verdict changes, not at every look."""
    if not (seen.verdicts or group.muted):
        return
    begun: dict[tuple[str, str], list[int]] = {}
    for alert in seen.firing:
        verdict = seen.verdicts.get(alert)
        if verdict and group.muted.get(alert) != str(verdict):
            begun.setdefault((verdict.reason, verdict.by), []).append(alert)
    for (reason, by), alerts in begun.items():
        draft.events.append(AlertsMuted(group.id, alerts, reason, by))
    ended = [alert for alert in group.muted if alert in seen.firing and alert not in seen.verdicts]
    if ended:
        draft.events.append(AlertsUnmuted(group.id, ended))


def wake_at(draft: Draft, group: Group, seen: Look) -> Nanoseconds:
    """When something that hides a firing alert ends: what it hid is announced then, not a tick later."""
    at = draft.at
    ends = [verdict.until for receivers, verdict, _ in holds(draft, group.id) for _ in receivers]
    if group.acknowledged:
        ends.append(group.acknowledged.until)
    if draft.ruleset.mends:
        ends += [v.until for alert, v in seen.verdicts.items() if alert in seen.firing]
    return min((end for end in ends if end > at), default=0)


def holds(draft: Draft, group: int) -> list[tuple[tuple[str, ...], Verdict, set[int]]]:
    """What keeps receivers from hearing of the group: who, by which run until when, of which alerts.

    Only a run that goes by itself does, as its runbook's `hold` says; `core.advance` ends it.
    """
    found = []
    for run in draft.runs_of(group):
        runbook = draft.ruleset.runbooks.get(run.runbook)
        holds_on = run.hold_until > draft.at and (run.open or run.state == "succeeded")
        if holds_on and runbook is not None and runbook.hold is not None:
            alerts = {  # of another life of an alert nothing is held for this run
                one.alert
                for one in run.episodes
                if (alert := draft.state.by_id.get(one.alert)) and alert.starts_at == one.starts_at
            }
            found.append((runbook.hold.receivers, Verdict("held", f"run {run.id}", run.hold_until), alerts))
    return found


def _held_from(draft: Draft, group: Group, to: Addressee, seen: Look) -> Look:
    """The look as one receiver is to have it: without the alerts of which it is to hear later."""
    held: dict[int, Verdict] = {}
    for receivers, verdict, alerts in holds(draft, group.id):
        if to.receiver in receivers and to.receiver not in group.escalate:
            held |= {alert: verdict for alert in alerts if alert in seen.firing}
    return Look(seen.firing, seen.resolved, seen.stale, held | seen.verdicts) if held else seen


def sets_for(draft: Draft, told: Told, seen: Look) -> Sets:
    """What one integration may be told of what is there."""
    verdicts, firing = seen.verdicts, seen.firing
    muted: Episodes = {}
    if verdicts:
        firing = {a: e for a, e in seen.firing.items() if a not in verdicts}
        muted = {a: e for a, e in seen.firing.items() if a in verdicts}
    if draft.ruleset.mends:
        resolved = ledger.sayable(seen.resolved, told)
        stale = ledger.sayable(seen.stale, told)
    else:
        resolved = {a: e for a, e in seen.resolved.items() if a not in verdicts}
        stale = {}
    return Sets(firing, resolved, stale, muted)


def _tell_integration(draft: Draft, group: Group, route: Route, to: Addressee, seen: Look) -> None:
    mends, integration = draft.ruleset.mends, to.integration
    told = draft.told(group.id, integration.id)
    seen = _held_from(draft, group, to, seen)
    sets = sets_for(draft, told, seen)
    if mends and not integration.send_resolved:
        told = ledger.forget_resolved(told, seen.resolved)
    hidden = {a: e for a, e in told.hidden.items() if a in seen.firing} | sets.muted
    told = msgspec.structs.replace(told, hidden=hidden)
    reason: ToldReason | None = None
    given_up = not mends and _is_given_up(route, told, draft.at)
    said = told.told if given_up else told.newest
    if mends or sets.firing or sets.resolved:
        reason = _reason(draft, route, integration, told, sets, said)
    if reason and told.head and told.behind and not given_up:
        # It is replaced by this: what is news after the head?
        reason = _reason(draft, route, integration, told, sets, told.head.view) or reason
    if to.receiver in group.escalate and sets.firing:
        reason = "escalated"
    elif reason == "repeat" and group.acknowledged:
        told = _withhold(draft, group, route, to, told, sets)
        reason = None
    if reason is None and told.head is None and not hidden:
        told = ledger.nothing_untold(told)
    view = View(sets.firing, sets.resolved if integration.send_resolved else {}, sets.stale, draft.at)
    if reason and told.refused and _same_alerts(told.refused, view):
        reason = None
    elif reason == "all_resolved" and not integration.send_resolved and told.owed.resolved == sets.resolved:
        reason = None  # noted already, while a row that says they fire was still on its way
    elif reason:
        told = open_row(draft, group, to, told, reason, view)
        told = msgspec.structs.replace(
            told, owed=View(sets.firing | sets.muted, sets.resolved, view.stale, draft.at)
        )
    elif sets.muted:
        told = _suppress(draft, group, route, to, told, sets, seen)
    if given_up and (told.behind is None or told.behind.view.at < draft.at):
        told = _cut_off(draft, told)
    draft.put_told(group.id, integration.id, told)


_PATIENCE: Final = 10 * SECOND


def _is_given_up(route: Route, told: Told, at: Nanoseconds) -> bool:
    """Whether Alertmanager gives up what is on its way: after a group_interval, and 10 s at least."""
    return told.head is not None and told.head.view.at + max(route.group_interval, _PATIENCE) <= at


def _cut_off(draft: Draft, told: Told) -> Told:
    """What is on its way was given up, and nothing is news in its stead: it ends when delivery says so."""
    assert told.head is not None
    if told.behind:
        close(draft, ClosedRow(told.behind.id, "superseded", "superseded", by="group_interval"))
    draft.effects.append(Succeed(told.head.id))
    return msgspec.structs.replace(told, behind=None)


def _reason(
    draft: Draft, route: Route, integration: Integration, told: Told, sets: Sets, said: View
) -> ToldReason | None:
    """Why the integration is told now if `said` is the last that it hears before."""
    shown = said.firing if told.head else {}
    return ledger.reason_to_tell(
        sets,
        said,
        {a: e for a, e in told.hidden.items() if a not in shown},
        told.perhaps,
        now=draft.at,
        repeat_interval=route.repeat_interval,
        send_resolved=integration.send_resolved,
        mends=draft.ruleset.mends,
    )


def _same_alerts(one: View, other: View) -> bool:
    return one.firing == other.firing and one.resolved == other.resolved and one.stale == other.stale


def _suppress(
    draft: Draft,
    group: Group,
    route: Route,
    to: Addressee,
    told: Told,
    sets: Sets,
    seen: Look,
) -> Told:
    """Close a row at once for what would have been told had nothing hidden it; a repeat counts too."""
    everything = Sets(sets.firing | sets.muted, sets.resolved, sets.stale, {})
    base = told.owed if told.owed.at else told.newest
    reason = ledger.reason_to_tell(
        everything,
        base,
        {},
        {},
        now=draft.at,
        repeat_interval=route.repeat_interval,
        send_resolved=to.integration.send_resolved,
        mends=draft.ruleset.mends,
    )
    if reason is None:
        return told
    view = View(everything.firing, sets.resolved, sets.stale, draft.at)
    row = _new_row(draft, group, to, reason, view)
    verdict = min((seen.verdicts[a] for a in sets.muted), key=lambda v: (_ORDER.index(v.reason), v.by))
    close(draft, ClosedRow(row.id, "suppressed", verdict.reason, by=verdict.by))
    return msgspec.structs.replace(told, owed=view)


def _withhold(draft: Draft, group: Group, route: Route, to: Addressee, told: Told, sets: Sets) -> Told:
    """Close a row at once for a repeat that is not told because somebody took the incident on."""
    assert group.acknowledged is not None
    last = max(told.owed.at, told.newest.at)
    if draft.at < last + route.repeat_interval:
        return told
    view = View(sets.firing, sets.resolved, sets.stale, draft.at)
    row = _new_row(draft, group, to, "repeat", view)
    close(draft, ClosedRow(row.id, "suppressed", "acknowledged", by=group.acknowledged.by))
    return msgspec.structs.replace(told, owed=view)


_ORDER = ("inhibition", "active_time_interval", "mute_time_interval", "silence", "maintenance", "held")
"""Alertmanager's order of stages, and ours: an alert that several would hide counts for the first."""


def _new_row(draft: Draft, group: Group, to: Addressee, reason: ToldReason, view: View) -> OpenRow:
    route = draft.ruleset.router.by_id[group.route]
    row = OpenRow(draft.new_row_id(), reason, view, labels=route.labels)
    firing, resolved, stale = list(view.firing), list(view.resolved), list(view.stale)
    draft.changes.opened.append(
        LedgerRow(
            id=row.id,
            group=group.id,
            group_key=route.group_key(group.labels),
            receiver=to.receiver,
            integration=to.integration.id,
            at=draft.at,
            reason=reason,
            firing=firing,
            resolved=resolved,
            stale=stale,
            labels=route.labels,
        )
    )
    draft.events.append(
        Owed(row.id, group.id, to.receiver, to.integration.id, reason, firing, resolved, stale)
    )
    return row


def open_row(draft: Draft, group: Group, to: Addressee, told: Told, reason: ToldReason, view: View) -> Told:
    """Open a ledger row; hand it to delivery, let it wait, or close it at once where it must be."""
    row, integration = _new_row(draft, group, to, reason, view), to.integration
    if not integration.supported:
        close(draft, ClosedRow(row.id, "dead", "unsupported", integration.kind))
        draft.list_dead(row.id, group.id, integration.id)
        return msgspec.structs.replace(told, refused=view)
    if reason == "all_resolved" and not integration.send_resolved:
        close(draft, ClosedRow(row.id, "suppressed", "send_resolved_false"))
        if not draft.ruleset.mends:
            notificationlog.note(draft, group, to, View(at=draft.at))
        return msgspec.structs.replace(told, told=View(at=draft.at))
    told, replaced = ledger.open_row(told, row)
    if told.showing:  # what is on its way there may come after this, and is older
        told = msgspec.structs.replace(told, outdated=True)
    if replaced is not None:
        close(draft, ClosedRow(replaced, "superseded", "superseded", by=f"row {row.id}"))
    assert told.head is not None
    if told.head.id == row.id:
        draft.effects.append(deliver(draft, group, to, told))
    else:
        draft.effects.append(Succeed(told.head.id))
    return told


def close(draft: Draft, row: ClosedRow) -> None:
    """Close a ledger row and journal it."""
    draft.close_row(row)
    draft.events.append(Closed(row.id, row.state, row.reason, row.detail, row.by))


def deliver(draft: Draft, group: Group, to: Addressee, told: Told) -> Deliver:
    """The order to tell what the head row says, with the alerts as they are now."""
    route, row = draft.ruleset.router.by_id[group.route], told.head
    assert row is not None
    by_id, fresh = draft.state.by_id, draft.changes.alerts

    def alerts(ids: Iterable[int]) -> tuple[Alert, ...]:
        found = (fresh.get(alert) or by_id.get(alert) for alert in ids)
        return tuple(alert for alert in found if alert is not None)

    return Deliver(
        Notification(
            row=row.id,
            at=row.view.at,
            reason=row.reason,
            receiver=to.receiver,
            integration=to.integration.id,
            group=group.id,
            group_key=route.group_key(group.labels),
            group_labels=group.labels,
            route_labels=row.labels,
            firing=alerts(row.view.firing),
            resolved=alerts(row.view.resolved),
            stale=alerts(row.view.stale),
            opened_at=group.created_at,
            since=row.since or row.view.at,
            skipped=row.skipped,
            receipt=told.receipt,
            first=not (told.told.at or told.receipt),
            doubt=bool(told.perhaps),
            acknowledged=group.acknowledged,
            runs=draft.shown_runs(group.id),
        ),
        to.integration,
    )


def leave(draft: Draft, group: Group, seen: Look) -> int:
    """Let resolved alerts leave when everybody who had to hear of their end has; how many did.

    Alertmanager deletes a resolved alert once every integration of the receiver succeeded, which
    includes "everything was muted"; here an end that is still owed keeps the alert in its group.
    A stale alert of which nobody has heard for twice `stale_after` leaves once it was told as such.
    """
    forgotten = draft.at - 2 * draft.ruleset.stale_after
    long_stale = [a for a in seen.stale if draft.state.by_id[a].updated_at <= forgotten]
    over = [*seen.resolved, *long_stale]
    if not over:
        return 0
    integrations = [to.integration for to in addressees(draft.ruleset, group)]
    tolds = [(i, draft.told(group.id, i.id)) for i in integrations]
    gone = [
        alert
        for alert in over
        if not any(_owes(draft, integration, told, alert, seen) for integration, told in tolds)
    ]
    for alert_id in gone:
        alert = draft.changes.alerts.get(alert_id) or draft.state.by_id[alert_id]
        groups = tuple(key for key in alert.groups if key != group.id)
        draft.put_alert(msgspec.structs.replace(alert, groups=groups))
    if gone:
        never = [a for a in gone if not any(_was_told(told, a) for _, told in tolds)]
        draft.events.append(AlertsLeft(group.id, gone, never))
    return len(gone)


def _owes(draft: Draft, integration: Integration, told: Told, alert: int, seen: Look) -> bool:
    if told.names(alert):
        return True
    if not integration.supported or not integration.send_resolved:
        return False
    if not draft.ruleset.mends:
        return alert in told.told.firing and not (alert in seen.verdicts or alert in seen.stale)
    said_stale = alert in told.told.stale and alert not in seen.stale
    return alert in told.told.firing or said_stale or alert in told.perhaps


def _was_told(told: Told, alert: int) -> bool:
    view = told.told
    return alert in view.firing or alert in view.resolved or alert in view.stale


def may_close(draft: Draft, group: int) -> bool:
    """Whether nothing is left to be told of a group, or done about it."""
    return not has_open_rows(draft, group) and not any(run.open for run in draft.runs_of(group))


def has_open_rows(draft: Draft, group: int) -> bool:
    """Whether any integration of the group still has something open."""
    entries = {**draft.state.told.get(group, {})}
    entries.update({key[1]: told for key, told in draft.changes.told.items() if key[0] == group})
    return any(told.head or told.behind for told in entries.values())
