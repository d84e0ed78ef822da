"""Why an alert is told or not: every stage's verdict with its reason, from the real functions.

`web.api` answers with it for a running service and the CLI for rules alone (an empty state). It
decides nothing and changes nothing.
"""

from typing import Any

from responder.core import flush, outlook, verdicts
from responder.core.addressing import Addressee, addressees
from responder.core.draft import Draft
from responder.core.ledger import Told
from responder.core.model import Alert, Labels, Nanoseconds, fingerprint, format_duration, format_time
from responder.core.notification import Acknowledgement
from responder.core.remedies import Remedy, remedies
from responder.core.routing import Route
from responder.core.rules import Ruleset
from responder.core.silence import Silence, shown
from responder.core.state import Group, State
from responder.core.suppression import Maintenance


def explain_alert(state: State, ruleset: Ruleset, labels: Labels, now: Nanoseconds) -> dict[str, Any]:
    """What happens to an alert with these labels at `now`, as one JSON document.

    `alert` is None for labels that are not firing: then it says what would happen. Else `next` is what
    lies ahead of it, and `choices` what a person could change.
    """
    alert = state.alerts.get(labels)
    draft = Draft(state, ruleset, now)
    routes = ruleset.router.match(labels)
    return {
        "labels": dict(labels),
        "fingerprint": fingerprint(labels),
        "at": format_time(now),
        "alert": _alert(alert, now) if alert else None,
        "route": [
            {"route": step.route.id, "depth": step.depth, "matched": step.matched, "why": step.reason}
            for step in ruleset.router.explain(labels)
        ],
        "inhibition": [
            {
                "rule": finding.rule.name or finding.rule.place,
                "inhibited_by": dict(finding.source.labels) if finding.source else None,
                "why": finding.reason,
            }
            for finding in state.inhibitor.explain(labels, now)
        ],
        "silences": [_silence(silence, now) for silence in state.silences.of_labels(labels)],
        "maintenance": [_maintenance(window, now) for window in ruleset.suppression.of_labels(labels)],
        "groups": [_group(draft, route, labels, alert) for route in routes],
        "runbooks": [_remedy(one) for one in remedies(state, ruleset, labels, now)],
        "pages": [
            {"runbook": one.name, "title": one.title}
            for one in ruleset.runbooks_for(labels)
            if not one.steps  # for people alone: nothing begins
        ],
        "next": [
            {"at": format_time(one.at), "what": one.what, "group": one.group or None, "detail": one.detail}
            for one in (outlook.coming(state, ruleset, alert, now) if alert else ())
        ],
        "choices": [
            {"do": one.do, "command": one.command or None}
            for one in (outlook.choices(state, ruleset, alert, now) if alert else ())
        ],
    }


def _alert(alert: Alert, now: Nanoseconds) -> dict[str, Any]:
    status = "stale" if alert.stale else "resolved" if alert.resolved_at(now) else "firing"
    return {
        "id": alert.id,
        "status": status,
        "startsAt": format_time(alert.starts_at),
        "endsAt": format_time(alert.ends_at) if alert.ends_at else None,
        "renewedAt": format_time(alert.updated_at),
        "annotations": dict(alert.annotations),
        "source": alert.source,
    }


def _silence(silence: Silence, now: Nanoseconds) -> dict[str, Any]:
    return {
        "silence": silence.id,
        "state": silence.phase(now),
        "matchers": shown(silence.matchers),
        "author": silence.author,
        "createdBy": silence.created_by,
        "comment": silence.comment,
        "startsAt": format_time(silence.starts_at),
        "endsAt": format_time(silence.ends_at),
    }


def _maintenance(window: Maintenance, now: Nanoseconds) -> dict[str, Any]:
    change = window.next_change(now)
    return {
        "maintenance": window.name,
        "state": window.state(now),
        "matchers": [str(matcher) for matcher in window.matchers],
        "time_intervals": list(window.time_intervals),
        "owner": window.owner,
        "reason": window.reason,
        "place": window.place,
        "next_change": format_time(change) if change else None,
        "until": format_time(window.until),
    }


def _group(draft: Draft, route: Route, labels: Labels, alert: Alert | None) -> dict[str, Any]:
    group_labels = route.group_labels(labels)
    group_id = draft.state.group_index.get((route.id, group_labels))
    group = draft.state.groups.get(group_id) if group_id else None
    whole = verdicts.group_verdict(draft, route)
    # A group that does not exist yet would be told to its receiver alone.
    told_of = group or Group(0, route.id, group_labels, draft.at, draft.at)
    return {
        "route": route.id,
        "group": group_id,
        "group_key": route.group_key(group_labels),
        "receiver": route.receiver,
        "fallbacks": list(told_of.fallbacks),
        "route_labels": dict(route.labels),
        "timers": {
            "group_wait": format_duration(route.group_wait),
            "group_interval": format_duration(route.group_interval),
            "repeat_interval": format_duration(route.repeat_interval),
        },
        "next_look": format_time(group.due_at) if group else None,
        "intervals": {
            "verdict": "hidden" if whole else "open",
            "reason": whole.reason if whole else None,
            "by": whole.by if whole else None,
            "until": format_time(whole.until) if whole and whole.until else None,
            "inherited_from": _inherited_from(route, whole) if whole else None,
        },
        "acknowledged": _acknowledged(group.acknowledged) if group and group.acknowledged else None,
        "held": [
            {"receivers": list(receivers), "by": str(verdict), "until": format_time(verdict.until)}
            for receivers, verdict, _ in (flush.holds(draft, group.id) if group else ())
        ],
        "integrations": [
            _integration(draft, told_of, to, alert) for to in addressees(draft.ruleset, told_of)
        ],
    }


def _acknowledged(mark: Acknowledgement) -> dict[str, Any]:
    return {
        "by": mark.by,
        "at": format_time(mark.at),
        "until": format_time(mark.until) if mark.until else None,
        "note": mark.note,
    }


def _remedy(remedy: Remedy) -> dict[str, Any]:
    run = remedy.run
    begun = remedy.would in ("join", "nothing")
    return {
        "runbook": remedy.runbook.name,
        "title": remedy.runbook.title,
        "would": remedy.would,
        "target": run.target_key or None,
        "parameters": run.parameters,
        "problem": run.why or None,
        "run": {"id": run.id, "state": run.state, "open": run.open, "reason": run.reason} if begun else None,
        "page_mode": remedy.runbook.mode,
        "mode": remedy.mode,
        "why_mode": remedy.why_mode,
        "risk": run.risk,
        "verdicts": [
            {
                "guard": one.guard,
                "verdict": "open" if one.guard in remedy.open else one.verdict,
                "reason": one.reason,
            }
            for one in remedy.verdicts
        ],
    }


def _inherited_from(route: Route, whole: verdicts.Verdict) -> str | None:
    """Which route the intervals that hide a group are written at, if not its own."""
    return (route.mutes_of if whole.reason == "mute_time_interval" else route.actives_of) or None


def _integration(draft: Draft, group: Group, to: Addressee, alert: Alert | None) -> dict[str, Any]:
    receiver, integration = to
    told = draft.state.told_to(group.id, integration.id)
    down = "breaker_open" if integration.destination in draft.state.down else ""
    return {
        "integration": integration.id,
        "receiver": receiver,
        "supported": integration.supported,
        "told": _told(told, alert) if alert else "nothing",
        "last_told": format_time(told.told.at) if told.told.at else None,
        "open_rows": [
            {"row": row.id, "reason": row.reason, "at": format_time(row.view.at), "waits_for": waits}
            for row, waits in ((told.head, down), (told.behind, down or "the row before it"))
            if row
        ],
    }


def _told(told: Told, alert: Alert) -> str:
    """What this integration knows of the alert, in one word or two."""
    key = alert.id
    if told.names(key):
        return "on its way"
    if told.told.firing.get(key) == alert.episode:
        return "firing, hidden since" if key in told.hidden else "firing"
    if key in told.told.resolved:
        return "resolved"
    if key in told.told.stale:
        return "stale"
    if key in told.perhaps:
        return "perhaps: an outcome is unknown"
    return "nothing, hidden" if key in told.hidden else "nothing"
