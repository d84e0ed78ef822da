"""Alerts and their groups under other rules, and after a start: who stays where, and what ends with the past.

`core.decide` calls it for `RulesLoaded` and `Started`. It tells nobody; groups that it leaves are looked at
when they are due.
"""

import msgspec

from responder.core import flush, propose
from responder.core.addressing import addressee
from responder.core.draft import Draft
from responder.core.messages import AlertsDropped, GroupClosed, Noted, Succeed
from responder.core.model import Nanoseconds
from responder.core.receive import end_own, first_look, join
from responder.core.state import DELIVERY_FAILING, ClosedRow, Group


def rules_loaded(draft: Draft, digest: str) -> None:
    """Other rules are in force."""
    state = draft.state
    draft.events.append(Noted("rules_loaded", digest))
    draft.changes.rules = digest
    route_again(draft, "rules_loaded")
    owe_again(draft, reloaded=True)
    named = {i.destination for receiver in draft.ruleset.receivers.values() for i in receiver.integrations}
    for destination in sorted(state.down - named):  # nobody will ever find out whether it is well again
        end_own(draft, DELIVERY_FAILING, {"destination": destination}, "critical")


def route_again(draft: Draft, by: str) -> None:
    """Route everything again. Groups whose route id and labels live on keep timers and history.

    Alertmanager makes all groups anew: what is on its way is cut off, and each waits group_wait again, or
    is looked at at once if an alert in it has fired for longer than that.
    """
    state, router, mends = draft.state, draft.ruleset.router, draft.ruleset.mends
    kept: set[int] = set()
    began: dict[int, Nanoseconds] = {}
    for alert in [draft.changes.alerts.get(key, known) for key, known in state.by_id.items()]:
        if not alert.groups:
            continue
        if alert.firing_at(draft.at) or not mends:
            groups = join(draft, alert.labels, alert.starts_at)
        else:
            groups = tuple(g for g in alert.groups if state.groups[g].route in router.by_id)
        kept.update(groups)
        if groups != alert.groups:
            draft.put_alert(msgspec.structs.replace(alert, groups=groups))
        if not mends:
            began.update({g: min(began.get(g, alert.starts_at), alert.starts_at) for g in groups})
    for group in state.groups.values():
        gone = group.route not in router.by_id or group.id not in kept
        _close_rows_of_the_past(draft, group, by, gone=gone)
        if gone:
            draft.changes.closed_groups.append(group.id)
            draft.events.append(GroupClosed(group.id))
        elif not mends:
            tick_at = first_look(router.by_id[group.route], began[group.id], draft.at)
            draft.changes.groups[group.id] = msgspec.structs.replace(group, tick_at=tick_at)
    propose.follow(draft)


def owe_again(draft: Draft, *, reloaded: bool) -> None:
    """What was refused in a way that only people can mend: they may have mended it.

    A secret may be another one at each start; what we lack we lack until the rules change.
    """
    for group_id, tolds in draft.state.told.items():
        if group_id in draft.changes.closed_groups:
            continue
        for integration_id in [key for key, told in tolds.items() if told.refused]:
            to = addressee(draft.ruleset, draft.state.groups[group_id], integration_id)
            if reloaded or (to and to.integration.supported):
                told = draft.told(group_id, integration_id)
                draft.put_told(group_id, integration_id, msgspec.structs.replace(told, refused=None))


def _close_rows_of_the_past(draft: Draft, group: Group, by: str, *, gone: bool) -> None:
    mends = draft.ruleset.mends
    for integration_id, told in sorted(draft.state.told.get(group.id, {}).items()):
        rows = [row for row in (told.head, told.behind) if row]
        if not rows or not (gone or not mends or addressee(draft.ruleset, group, integration_id) is None):
            continue
        for row in rows:
            flush.close(draft, ClosedRow(row.id, "superseded", "superseded", by=by))
        draft.effects.append(Succeed(rows[0].id))
        if not gone:
            draft.put_told(group.id, integration_id, msgspec.structs.replace(told, head=None, behind=None))


def forget_alerts(draft: Draft) -> None:
    """Alertmanager keeps silences and its notification log over a restart, and no alerts.

    Responder's own stay, and those that an open run is about: Alertmanager has neither.
    """
    state = draft.state
    run_for = {episode.alert for run in state.runs.values() if run.open for episode in run.episodes}
    gone = [a for a in state.by_id.values() if a.source != "responder" and a.id not in run_for]
    if not gone:
        return
    for alert in gone:
        draft.put_alert(msgspec.structs.replace(alert, groups=()))
    draft.changes.dropped.extend(alert.id for alert in gone)
    draft.events.append(Noted("alerts_forgotten", "compatibility: alertmanager keeps none over a restart"))
    draft.events.append(AlertsDropped([alert.id for alert in gone]))
