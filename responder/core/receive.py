"""What received alerts do to the state: they begin, go on, end, and join the groups they route to.

`core.decide` calls it for requests and for Responder's own alerts. It never decides who is told:
it only makes groups due.
"""

from collections.abc import Iterable

import msgspec

from responder.core import propose
from responder.core.draft import Draft
from responder.core.merging import span, update
from responder.core.messages import (
    AlertsChanged,
    AlertsFired,
    AlertsIgnored,
    AlertsResolved,
    GroupOpened,
    ReceivedAlert,
)
from responder.core.model import Alert, Labels, Nanoseconds, Source, labels_from
from responder.core.routing import Route
from responder.core.state import Group


def receive(draft: Draft, source: Source, alerts: Iterable[ReceivedAlert], actor: str = "") -> None:
    """Take in alerts from one entrance, sent by `actor`."""
    at, timeout, mends = draft.at, draft.ruleset.resolve_timeout, draft.ruleset.mends
    fired: list[tuple[int, dict[str, str], tuple[int, ...]]] = []
    told_of: dict[str, list[int]] = {"resolved": [], "changed": [], "ignored": []}
    source_ended = False
    firing: list[Alert] = []
    known, changes, new = draft.state.alerts, draft.changes, draft.new
    for received in alerts:
        labels = received.labels
        old = known.get(labels)
        if old is not None:
            old = changes.alerts.get(old.id, old)
        else:
            # Hashing a label set is what costs here: one look-up tells new from seen before.
            fresh = changes.next_alert
            first = new.setdefault(labels, fresh)
            if first == fresh:
                changes.next_alert = fresh + 1
                alert = _begin(draft, fresh, source, received)
                changes.alerts[fresh] = alert
                if alert.groups:
                    fired.append((fresh, dict(labels), alert.groups))
                    firing.append(alert)
                continue
            old = changes.alerts[first]
        alert, change = update(old, received, source, at, timeout, mends=mends)
        if change == "ignored":
            told_of["ignored"].append(old.id)
            continue
        if change == "fired" or (not alert.groups and not alert.resolved_at(at)):
            groups = join(draft, labels, alert.starts_at)
            alert = msgspec.structs.replace(alert, groups=groups)
            fired.append((alert.id, dict(labels), groups))
        elif change in told_of:
            told_of[change].append(alert.id)
        if change == "resolved" and mends and not source_ended:
            source_ended = draft.state.inhibitor.is_source(labels)
        draft.put_alert(alert)
        firing.append(alert)
    if source_ended:
        _wake_hidden(draft)
    if fired:
        draft.events.append(AlertsFired(fired))
    _journal(draft, told_of)
    if draft.ruleset.runbooks:
        propose.propose(draft, actor, firing)
        for key in told_of["resolved"]:
            for group in changes.alerts[key].groups:
                propose.give_up_resolved(draft, group, (key,))


def _journal(draft: Draft, told_of: dict[str, list[int]]) -> None:
    if told_of["resolved"]:
        draft.events.append(AlertsResolved(told_of["resolved"]))
    if told_of["changed"]:
        draft.events.append(AlertsChanged(told_of["changed"]))
    if told_of["ignored"]:
        draft.events.append(AlertsIgnored(told_of["ignored"], "late or stale update"))


def _begin(draft: Draft, alert_id: int, source: Source, received: ReceivedAlert) -> Alert:
    """A label set that is not known. One that is over already joins no group: nobody heard of it.

    Alertmanager puts it into its groups: before a restart, say, somebody may have heard of it.
    """
    at, labels = draft.at, received.labels
    starts_at, ends_at, by_timeout = span(received, source, at, draft.ruleset.resolve_timeout)
    over = 0 < ends_at <= at
    return Alert(
        alert_id,
        labels,
        received.annotations,
        starts_at,
        ends_at,
        at,
        received.generator_url,
        1,
        source,
        by_timeout,
        False,
        () if over and draft.ruleset.mends else join(draft, labels, starts_at),
    )


def join(draft: Draft, labels: Labels, starts_at: Nanoseconds) -> tuple[int, ...]:
    """The ids of the groups that an alert belongs to, opening those that do not exist."""
    index, opened, closed = draft.state.group_index, draft.opened, draft.changes.closed_groups
    groups = []
    for route, key in draft.ruleset.router.groups(labels):
        group = index.get(key)
        if group is None or group in closed:
            group = opened.get(key) or _open(draft, route, key[1], starts_at)
        groups.append(group)
    return tuple(groups)


def _open(draft: Draft, route: Route, labels: Labels, starts_at: Nanoseconds) -> int:
    """A new group waits group_wait, unless its first alert has been firing for longer than that."""
    at = draft.at
    group = Group(
        id=draft.new_group_id(),
        route=route.id,
        labels=labels,
        created_at=at,
        tick_at=first_look(route, starts_at, at),
    )
    draft.changes.groups[group.id] = group
    draft.opened[route.id, labels] = group.id
    draft.events.append(GroupOpened(group.id, route.group_key(labels), route.receiver))
    return group.id


def first_look(route: Route, starts_at: Nanoseconds, at: Nanoseconds) -> Nanoseconds:
    """When a group is looked at first that an alert opens at `at` which has been firing since `starts_at`."""
    return at if starts_at + route.group_wait < at else at + route.group_wait


def _wake_hidden(draft: Draft) -> None:
    """Something that may hide alerts has ended: look again after group_wait, not a tick later.

    The wait is for the hidden alert's own end, which tends to come a moment after its source's.
    """
    for group_id in draft.state.hiding.difference(draft.changes.closed_groups):
        group = draft.changes.groups.get(group_id) or draft.state.groups[group_id]
        wake_at = draft.at + draft.ruleset.router.by_id[group.route].group_wait
        if wake_at < group.due_at:
            draft.changes.groups[group_id] = msgspec.structs.replace(group, wake_at=wake_at)


def raise_own(
    draft: Draft,
    name: str,
    labels: dict[str, str],
    summary: str,
    *,
    lasts: Nanoseconds = 0,
    severity: str = "warning",
) -> None:
    """Raise one of Responder's own alerts; it passes the same routing as any other.

    `lasts` 0: until `end_own`.
    """
    all_labels = labels_from({"alertname": name, "severity": severity, "service": "responder"} | labels)
    ends_at = draft.at + lasts if lasts else 0
    received = ReceivedAlert(all_labels, (("summary", summary),), draft.at, ends_at, "", resolved=False)
    receive(draft, "responder", [received])


def end_own(draft: Draft, name: str, labels: dict[str, str], severity: str = "warning") -> None:
    """End one of Responder's own alerts, if it fires."""
    all_labels = labels_from({"alertname": name, "severity": severity, "service": "responder"} | labels)
    alert = draft.alert(all_labels)
    if alert is not None and alert.firing_at(draft.at):
        received = ReceivedAlert(all_labels, alert.annotations, alert.starts_at, draft.at, "", resolved=True)
        receive(draft, "responder", [received])
