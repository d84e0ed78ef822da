"""Bringing the places where an incident was told up to date: who took it on, what is done about it.

`core.decide` calls it at the end of each decision and for what delivery reports. It tells nothing that
is owed: a place that was never told is not shown anything, one that is being told is shown it after that.
"""

import msgspec

from responder.core.addressing import Addressee, addressee, addressees
from responder.core.draft import Draft
from responder.core.ledger import Told
from responder.core.messages import Show
from responder.core.model import Alert
from responder.core.notification import Notification
from responder.core.state import Group


def settle(draft: Draft) -> None:
    """At the end of a decision: every place that is out of date is to be brought up to date."""
    for group_id in sorted(draft.outdated):
        group = draft.group(group_id)
        if group is None:
            continue
        for to in addressees(draft.ruleset, group):
            told = draft.told(group_id, to.integration.id)
            if to.integration.shows and (told.told.at or told.head):
                told = msgspec.structs.replace(told, outdated=True)
                draft.put_told(group_id, to.integration.id, refresh(draft, group, to, told))


def refresh(draft: Draft, group: Group, to: Addressee, told: Told) -> Told:
    """Order that a place is brought up to date if it must be and nothing is on its way there."""
    if not told.outdated or told.showing or told.head or not told.told.at:
        return told
    told = msgspec.structs.replace(told, outdated=False, showing=draft.new_row_id())
    draft.effects.append(_show(draft, group, to, told))
    return told


def again(draft: Draft) -> None:
    """Order again what was under way when an earlier process ended, or the memory was built anew."""
    for row, (group_id, integration) in sorted(draft.state.shows.items()):
        group, told = draft.group(group_id), draft.told(group_id, integration)
        to = addressee(draft.ruleset, group, integration) if group else None
        if group is None or to is None:
            continue
        assert told.showing == row
        draft.effects.append(_show(draft, group, to, told))


def ended(draft: Draft, row: int, receipt: str) -> None:
    """A place is up to date, or could not be brought there: what changed meanwhile comes next."""
    group_id, integration = draft.state.shows[row]
    group, told = draft.group(group_id), draft.told(group_id, integration)
    told = msgspec.structs.replace(told, showing=0, shown=receipt or told.shown)
    to = addressee(draft.ruleset, group, integration) if group else None
    if group is not None and to is not None:
        told = refresh(draft, group, to, told)
    draft.put_told(group_id, integration, told)


def _show(draft: Draft, group: Group, to: Addressee, told: Told) -> Show:
    route, view = draft.ruleset.router.by_id[group.route], told.told
    by_id, fresh = draft.state.by_id, draft.changes.alerts

    def alerts(ids: dict[int, int]) -> tuple[Alert, ...]:
        found = (fresh.get(alert) or by_id.get(alert) for alert in ids)
        return tuple(alert for alert in found if alert is not None)

    notification = Notification(
        row=told.showing,
        at=draft.at,
        reason="repeat",
        receiver=to.receiver,
        integration=to.integration.id,
        group=group.id,
        group_key=route.group_key(group.labels),
        group_labels=group.labels,
        route_labels=route.labels,
        firing=alerts(view.firing),
        resolved=alerts(view.resolved),
        stale=alerts(view.stale),
        opened_at=group.created_at,
        since=draft.at,
        receipt=told.receipt,
        acknowledged=group.acknowledged,
        runs=draft.shown_runs(group.id),
        update=True,
        shown=told.shown,
    )
    return Show(told.showing, notification, to.integration)
