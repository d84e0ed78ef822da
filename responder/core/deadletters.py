"""Rows that were refused for good: people's list of them, and what people do about it.

`core.decide` calls it when something gets through, and for the two commands. It forgets none by itself.
"""

from responder.core import flush, ledger
from responder.core.addressing import addressee
from responder.core.draft import Draft
from responder.core.ledger import View
from responder.core.messages import Accepted, Declined, DismissDelivery, Noted, ResendDelivery
from responder.core.receive import end_own
from responder.core.state import DEAD_LETTERS, Group


def settle(draft: Draft, group: Group, integration: str) -> None:
    """Something got through: what had failed for the same (group, integration) is history."""
    row = draft.state.dead_of.get((group.id, integration))
    if row is not None:
        draft.changes.unlisted.append(row)
        _end_dead_letters(draft)


def resend(draft: Draft, actor: str, asked: ResendDelivery) -> Accepted | Declined:
    """Tell again, as things are now, what a dead row would have told."""
    state, row = draft.state, asked.row
    dead = state.dead.get(row)
    if dead is None:
        return Declined(404, f"row {row} is not among the dead: see `responder delivery list --dead`")
    group = state.groups.get(dead.group)
    to = addressee(draft.ruleset, group, dead.integration) if group else None
    if group is None or to is None:
        return Declined(409, f"row {row}: its alerts are over or its receiver is gone; dismiss it")
    told = draft.told(group.id, dead.integration)
    if told.head:
        return Declined(409, f"row {told.head.id} is on its way to the same receiver already")
    route = draft.ruleset.router.by_id[group.route]
    seen = flush.look(draft, route, state.members[group.id].values())
    sets = flush.sets_for(draft, told, seen)
    resolved = sets.resolved if to.integration.send_resolved else {}
    if not (sets.firing or resolved):
        return Declined(409, f"row {row}: nothing of it is left to tell; dismiss it")
    view = View(sets.firing, resolved, sets.stale, draft.at)
    draft.changes.unlisted.append(row)
    told = flush.open_row(draft, group, to, told, "repeat", view)
    draft.put_told(group.id, dead.integration, told)
    _end_dead_letters(draft)
    opened = draft.changes.opened[-1].id
    return Accepted(f"row {opened} was opened in place of {row}")


def dismiss(draft: Draft, actor: str, asked: DismissDelivery) -> Accepted | Declined:
    """Take a dead row off the list."""
    row = asked.row
    dead = draft.state.dead.get(row)
    if dead is None:
        return Declined(404, f"row {row} is not among the dead: see `responder delivery list --dead`")
    draft.changes.unlisted.append(row)
    if dead.group in draft.state.groups:  # an end that was refused for good is owed no more
        told = draft.told(dead.group, dead.integration)
        if told.refused:
            told = ledger.forget_resolved(told, told.refused.resolved)
            draft.put_told(dead.group, dead.integration, told)
    draft.events.append(Noted("dismissed", f"row {row}"))
    _end_dead_letters(draft)
    return Accepted(f"row {row} is off the list")


def _end_dead_letters(draft: Draft) -> None:
    unlisted = set(draft.changes.unlisted)
    if draft.changes.dead or any(row not in unlisted for row in draft.state.dead):
        return
    for alert in list(draft.state.by_id.values()):
        labels = dict(alert.labels)
        if alert.source == "responder" and labels.get("alertname") == DEAD_LETTERS:
            own = {"receiver": labels["receiver"], "integration": labels["integration"]}
            end_own(draft, DEAD_LETTERS, own)
