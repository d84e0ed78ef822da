"""The decision function: what one input, or one timer that is due, does to the state.

`engine` and `replay` call `decide` and `decide_timer`, commit what they return and apply it.
Both are pure and total over their arguments: no I/O, no clock, no randomness; `now` is the
input's `at` or the timer's due time, so the same inputs log gives the same journal.
"""

from typing import Final

import msgspec

from responder.core import (
    advance,
    deadletters,
    flush,
    freezing,
    ledger,
    notificationlog,
    rerouting,
    resuming,
    showing,
    signing,
    silencing,
)
from responder.core.addressing import Addressee, addressee, addressees, may_engage, next_fallback
from responder.core.commands import command
from responder.core.draft import Decision, Draft
from responder.core.flush import Look
from responder.core.freeze import LONGEST, Freeze
from responder.core.ledger import OpenRow, Sets, Told, View
from responder.core.messages import (
    Accepted,
    AlertsDropped,
    AlertsReceived,
    AlertsRejected,
    BadRequest,
    BreakerTurned,
    Declined,
    Deliver,
    DeliveryEnded,
    Effect,
    FactsGathered,
    GroupClosed,
    Input,
    Lagging,
    LimitReached,
    Noted,
    Probed,
    Resumed,
    Revised,
    RulesLoaded,
    Started,
    StepFinished,
    Succeed,
    Unreadable,
    Verified,
)
from responder.core.model import HOUR, MINUTE, Nanoseconds, format_duration
from responder.core.orders import perhaps_told
from responder.core.receive import end_own, raise_own, receive
from responder.core.rules import Ruleset
from responder.core.state import DEAD_LETTERS, DELIVERY_FAILING, ClosedRow, Group, LedgerRow, State

COLLECT_INTERVAL: Final = 30 * MINUTE
"""How often what is over is forgotten: alerts that are in no group, as Alertmanager does, and silences."""


def decide(state: State, ruleset: Ruleset, given: Input) -> Decision:
    """What an input comes to."""
    draft = Draft(state, ruleset, given.at)
    body = given.body
    reply: object = None
    match body:
        case AlertsReceived():
            receive(draft, body.source, body.alerts, given.actor)
            if body.rejected:
                _rejected(draft, given.actor, body)
        case DeliveryEnded():
            _delivery_ended(draft, body)
        case BadRequest():
            summary = f"{body.sender} sent a request that was refused with {body.status}: {body.reason}"
            raise_own(draft, "ResponderBadAlert", {"sender": body.sender}, summary, lasts=HOUR)
        case Started():
            _started(draft, body)
        case Resumed():
            draft.events.append(Noted("resumed", body.why))
            _extend_ends(draft, body.heard_at)
            _fire_overdue(draft)
            end_own(draft, "ResponderLagging", {}, "critical")
        case Lagging():
            summary = f"Deciding is {format_duration(body.lag // 10**9 * 10**9)} behind; senders get 503."
            raise_own(draft, "ResponderLagging", {}, summary, severity="critical")
        case RulesLoaded():
            rerouting.rules_loaded(draft, body.hash)
            reply = Accepted(body.hash)
        case BreakerTurned():
            _breaker_turned(draft, body)
        case FactsGathered() | StepFinished() | Verified() | Probed():
            advance.answered(draft, body)
        case LimitReached():
            summary = f"{body.sender} was refused new alerts: {body.limit} is reached."
            raise_own(draft, "ResponderAlertLimit", {}, summary, lasts=HOUR, severity="critical")
        case Unreadable():
            return decide_undecidable(state, ruleset, given, f"{body.kind}: {body.error}")
        case _:
            reply = command(draft, given.actor, body)
    return _finish(draft, reply)


def _finish(draft: Draft, reply: object = None) -> Decision:
    if draft.outdated:
        showing.settle(draft)
    return draft.finish(reply)


def decide_undecidable(state: State, ruleset: Ruleset, given: Input, error: str) -> Decision:
    """Close an input on which `decide` raised twice: journaled, and told to people."""
    draft = Draft(state, ruleset, given.at)
    draft.events.append(Noted("undecidable", error))
    summary = f"Input {given.seq} from {given.actor} could not be decided: {error}"
    raise_own(
        draft, "ResponderUndecidable", {"input": str(given.seq)}, summary, lasts=HOUR, severity="critical"
    )
    return draft.finish(Declined(500, "this input could not be decided; see the journal"))


def decide_timer_undecidable(
    state: State, ruleset: Ruleset, group: int, at: Nanoseconds, error: str
) -> Decision:
    """Put off a group on whose look `decide_timer` raised twice, and tell people."""
    draft = Draft(state, ruleset, at)
    draft.events.append(Noted("undecidable", f"group {group}: {error}"))
    known, run = state.groups.get(group), state.runs.get(-group)
    if run is not None:
        draft.put_run(msgspec.structs.replace(run, due_at=at + COLLECT_INTERVAL))
    elif known is None:
        draft.changes.collect_at = at + COLLECT_INTERVAL
        for freeze in state.freezes.values():
            if freeze.until <= at:
                draft.changes.lifted.append(freeze.id)
        for silence in state.silences.over(at):
            draft.changes.silences[silence.id] = msgspec.structs.replace(silence, ended=True)
    else:
        route = ruleset.router.by_id.get(known.route)
        wait = route.group_interval if route else COLLECT_INTERVAL
        draft.changes.groups[group] = msgspec.structs.replace(known, tick_at=at + wait, wake_at=0)
    summary = f"Group {group} could not be decided: {error}"
    raise_own(draft, "ResponderUndecidable", {"group": str(group)}, summary, lasts=HOUR, severity="critical")
    return draft.finish()


def decide_timer(state: State, ruleset: Ruleset, group: int, at: Nanoseconds) -> Decision:
    """What a due timer comes to: a group's look, a run's time (below zero), or (0) what is over."""
    draft = Draft(state, ruleset, at)
    if group > 0:
        flush.flush(draft, state.groups[group])
    elif group < 0:
        resuming.due(draft, -group)
    else:
        silencing.end_due(draft)
        freezing.end_due(draft)
        if state.collect_at <= at:
            _collect(draft)
    return _finish(draft)


def _collect(draft: Draft) -> None:
    state = draft.state
    open_tolds = (state.told_to(*where) for where in set(state.rows.values()))
    named = set[int]().union(*(told.alerts() for told in open_tolds))
    gone = [
        alert.id
        for alert in state.by_id.values()
        # One that a reload took out of its group may be named by a row on its way.
        if not alert.groups and (alert.stale or alert.resolved_at(draft.at)) and alert.id not in named
    ]
    draft.changes.dropped.extend(gone)
    draft.changes.collect_at = draft.at + COLLECT_INTERVAL
    if gone:
        draft.events.append(AlertsDropped(gone))
    silencing.forget_old(draft)
    notificationlog.forget_old(draft)
    signing.forget_old_runs(draft)


def _rejected(draft: Draft, actor: str, body: AlertsReceived) -> None:
    draft.events.append(AlertsRejected([(one.index, one.reason) for one in body.rejected]))
    first = body.rejected[0]
    summary = f"{actor} sent {len(body.rejected)} alerts that cannot be used; the first: {first.reason}"
    raise_own(draft, "ResponderBadAlert", {"sender": actor}, summary, lasts=HOUR)


# -- time in which nothing was heard ----------------------------------------------------------


def _started(draft: Draft, body: Started) -> None:
    state = draft.state
    draft.events.append(Noted("started", f"version {body.version}, rules {body.rules[:12]}"))
    _extend_ends(draft, body.heard_at)
    if not draft.ruleset.mends:
        notificationlog.begin(draft)
        rerouting.forget_alerts(draft)
    if body.rules != state.rules:
        rerouting.rules_loaded(draft, body.rules)
    elif not draft.ruleset.mends:
        rerouting.route_again(draft, "restart")
    draft.changes.rules = body.rules
    rerouting.owe_again(draft, reloaded=False)
    _fire_overdue(draft)
    if not state.collect_at:
        draft.changes.collect_at = draft.at + COLLECT_INTERVAL
    attempted = set(body.attempted)
    for order in _deliver_heads(draft):
        if order.notification.row in attempted or perhaps_told(order, body.unrecorded):
            continue
        draft.look_now(order.notification.group)  # never sent: what people hear is how things are now
    if body.restored:
        draft.events.append(Noted("restored", "the journal is older than the anchor beside the database"))
        summary = "The database is older than its anchor: a backup was restored, or the journal was cut."
        raise_own(draft, "ResponderChainBroken", {}, summary, severity="critical")
        reason = "the database is older than its anchor: look what was done since, then lift this"
        until = draft.at + LONGEST
        freezing.begin(draft, Freeze(f"restored-{draft.at}", "global", reason, "responder", draft.at, until))
    resuming.restart(draft, frozenset(body.begun))
    showing.again(draft)


def orders_again(state: State, ruleset: Ruleset, at: Nanoseconds) -> list[Effect]:
    """Orders for every row that is with delivery, for an engine whose memory was built anew.

    Whether a commit that failed was durable after all is unknown; delivery ignores what it has.
    """
    draft = Draft(state, ruleset, at)
    _deliver_heads(draft)
    showing.again(draft)
    draft.effects.extend(resuming.acts_again(draft))
    return draft.effects


def _deliver_heads(draft: Draft) -> list[Deliver]:
    """Order every head row to be told."""
    state = draft.state
    heads: list[Deliver] = []
    for row_id, (group_id, integration_id) in sorted(state.rows.items()):
        told = draft.told(group_id, integration_id)
        if told.head is None or told.head.id != row_id or group_id in draft.changes.closed_groups:
            continue
        group = state.groups[group_id]
        to = addressee(draft.ruleset, group, integration_id)
        if to is not None:
            heads.append(flush.deliver(draft, group, to, told))
            draft.effects.append(heads[-1])
            if told.behind:
                draft.effects.append(Succeed(told.head.id))
    return heads


def _extend_ends(draft: Draft, heard_at: Nanoseconds) -> None:
    """Time in which nobody could be heard ends no alert, and makes none stale."""
    at, stale_after = draft.at, draft.ruleset.stale_after
    until, missed = at + draft.ruleset.resolve_timeout, at - heard_at
    fresh_until = max(until, at + missed)
    for alert in draft.state.by_id.values():
        if alert.source == "responder" or not alert.groups:
            continue
        if heard_at < alert.ends_at < until:
            draft.put_alert(msgspec.structs.replace(alert, ends_at=until))
        elif alert.source == "webhook" and heard_at < alert.updated_at + stale_after < fresh_until:
            draft.put_alert(msgspec.structs.replace(alert, updated_at=alert.updated_at + missed))


def _fire_overdue(draft: Draft) -> None:
    """Timers that came due while nobody could be heard fire once, now."""
    at, state = draft.at, draft.state
    silencing.end_due(draft)
    freezing.end_due(draft)
    closed = set(draft.changes.closed_groups)
    for group in state.groups.values():
        if group.due_at < at and group.id not in closed:
            draft.look_now(group.id)
    if 0 < state.collect_at < at:
        draft.changes.collect_at = at


# -- what delivery reports --------------------------------------------------------------------


def _delivery_ended(draft: Draft, body: DeliveryEnded) -> None:
    state = draft.state
    if body.row in state.shows:
        showing.ended(draft, body.row, body.receipt)
        return
    where = state.rows.get(body.row)
    if where is None:
        return  # closed meanwhile, by a reload
    group = state.groups[where[0]]
    told = state.told_to(*where)
    row = told.head
    if row is None or row.id != body.row:
        return
    to = addressee(draft.ruleset, group, where[1])
    assert to is not None
    if body.state == "delivered":
        told = ledger.delivered(
            told, row, state.members[group.id], draft.at, draft.ruleset.mends, body.receipt
        )
        if not draft.ruleset.mends:
            notificationlog.note(draft, group, to, told.told)
        flush.close(draft, ClosedRow(row.id, "delivered", row.reason, attempts=body.attempts))
        deadletters.settle(draft, group, where[1])
        if told.head:
            draft.effects.append(flush.deliver(draft, group, to, told))
        if to.integration.shows and draft.shown_runs(group.id):  # their cards come after it
            told = msgspec.structs.replace(told, outdated=True)
        told = showing.refresh(draft, group, to, told)
    else:
        told = ledger.not_delivered(told, row, body.reason, maybe_told=body.maybe_told)
        _close_failed(draft, group, to, row, body, told)
        if told.head:
            told = _revise(draft, group, to, told)
    draft.put_told(*where, told)
    if body.state == "dead":
        group = _tell_fallbacks(draft, group)
    _let_leave(draft, group, row.view)


def _close_failed(
    draft: Draft, group: Group, to: Addressee, row: OpenRow, body: DeliveryEnded, told: Told
) -> None:
    if body.state == "superseded" and (told.head or not draft.ruleset.mends):
        by = f"row {told.head.id}" if told.head else "group_interval"
        flush.close(draft, ClosedRow(row.id, "superseded", "superseded", body.detail, by, body.attempts))
        return
    reason = body.reason or "unknown"
    flush.close(draft, ClosedRow(row.id, "dead", reason, body.detail, attempts=body.attempts))
    draft.list_dead(row.id, group.id, to.integration.id)
    raise_own(
        draft,
        DEAD_LETTERS,
        {"receiver": to.receiver, "integration": to.integration.kind},
        f"{to.receiver} refused a notification for good ({reason}); see `responder delivery list --dead`.",
    )


def _tell_fallbacks(draft: Draft, group: Group) -> Group:
    """A row was refused for good: who is told of the group in its receiver's stead, from now on."""
    if next_fallback(draft, group) is None:
        return group
    route = draft.ruleset.router.by_id[group.route]
    seen = flush.look(draft, route, draft.members(group.id).values())
    told = flush.tell(draft, group, seen, len(addressees(draft.ruleset, group)))
    if told != group:
        known = draft.changes.groups.get(group.id, group)
        draft.changes.groups[group.id] = msgspec.structs.replace(
            known, fallbacks=told.fallbacks, stranded=told.stranded
        )
    return told


def _revise(draft: Draft, group: Group, to: Addressee, told: Told) -> Told:
    """The row that waited behind one that was not delivered: what of it is still news?"""
    row = told.head
    assert row is not None
    alone = msgspec.structs.replace(told, head=None)
    view = row.view
    if draft.ruleset.mends:
        view = View(
            view.firing, ledger.sayable(view.resolved, alone), ledger.sayable(view.stale, alone), view.at
        )
    route = draft.ruleset.router.by_id[group.route]
    reason = ledger.reason_to_tell(
        Sets(view.firing, view.resolved, view.stale, {}),
        alone.told,
        alone.hidden,
        alone.perhaps,
        now=view.at,
        repeat_interval=route.repeat_interval,
        send_resolved=to.integration.send_resolved,
        mends=draft.ruleset.mends,
    )
    if reason is None:
        why = "no_change" if view.firing else "resolved_before_told"
        flush.close(draft, ClosedRow(row.id, "suppressed", why))
        return alone
    if reason == row.reason and view == row.view:
        draft.effects.append(flush.deliver(draft, group, to, told))
        return told
    row = msgspec.structs.replace(row, reason=reason, view=view)
    told = msgspec.structs.replace(told, head=row)
    lists = (list(view.firing), list(view.resolved), list(view.stale))
    draft.events.append(Revised(row.id, reason, *lists))
    draft.changes.revised.append(
        LedgerRow(
            row.id,
            group.id,
            route.group_key(group.labels),
            to.receiver,
            to.integration.id,
            view.at,
            reason,
            *lists,
            row.labels,
        )
    )
    draft.effects.append(flush.deliver(draft, group, to, told))
    return told


def _let_leave(draft: Draft, group: Group, view: View) -> None:
    """Resolved alerts that the closed row named may have nobody left to hear of them."""
    members, at = draft.members(group.id), draft.at
    named = view.resolved.keys() | view.firing.keys() | view.stale.keys()
    ended = sorted(a for a in named if a in members and 0 < members[a].ends_at <= at)
    over = {alert: members[alert].episode for alert in ended}
    left = flush.leave(draft, group, Look({}, over, {}, {})) if over else 0
    if left == len(members) and flush.may_close(draft, group.id):
        draft.changes.closed_groups.append(group.id)
        draft.events.append(GroupClosed(group.id))


def _breaker_turned(draft: Draft, body: BreakerTurned) -> None:
    turned = "opened" if body.opened else "closed"
    draft.events.append(Noted(f"breaker_{turned}", f"{body.destination} {body.reason}".strip()))
    labels = {"destination": body.destination}
    if body.opened:
        summary = f"{body.destination} does not take notifications ({body.reason}); {body.waiting} wait."
        raise_own(draft, DELIVERY_FAILING, labels, summary, severity="critical")
        _look_for_others(draft, body.destination)
    else:
        end_own(draft, DELIVERY_FAILING, labels, "critical")


def _look_for_others(draft: Draft, destination: str) -> None:
    """A destination is down: groups that wait for it are looked at now, if others may be told instead.

    Each look is a decision of its own, so that hundreds of them hold nothing up.
    """
    state = draft.state
    for group_id, integration_id in state.rows.values():
        group = state.groups[group_id]
        to = addressee(draft.ruleset, group, integration_id)
        if to and to.integration.destination == destination and may_engage(draft, group, to):
            draft.look_now(group_id)
