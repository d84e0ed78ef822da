"""What was told last, as Alertmanager keeps it: by group key and by the place of an integration.

`core.flush`, `core.decide` and `core.outlook` call it under `compatibility: alertmanager` alone. It tells
nobody: by default what was told belongs to its group, and to an integration by what that is.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from responder.core.addressing import Addressee, addressees
from responder.core.draft import Draft
from responder.core.ledger import View
from responder.core.model import MINUTE, Alert, fingerprint
from responder.core.rules import Ruleset
from responder.core.silencing import KEPT
from responder.core.state import Group, LogEntry

_CLEARS: Final = 15 * MINUTE
"""How often Alertmanager clears away entries that have expired: until then they count."""

_OTHERS: Final = 0
"""No alert has this id: it stands for what was told as firing and is not in the group any more."""


def recall(draft: Draft, group: Group, members: Iterable[Alert]) -> None:
    """Before a look: what the log says counts as told, whoever in whichever group was told it."""
    prints = {fingerprint(alert.labels): alert for alert in members}
    for to in addressees(draft.ruleset, group):
        told = draft.told(group.id, to.integration.id)
        entry = draft.logged(_key(draft.ruleset, group, to))
        view = _view(entry, prints) if entry and entry.expires_at > draft.at else View()
        draft.put_told(group.id, to.integration.id, msgspec.structs.replace(told, told=view))


def begin(draft: Draft) -> None:
    """At a start: where there is no entry, what groups know was told by default, or by an earlier version."""
    if draft.state.log:
        return
    known = [
        (draft.told(group.id, to.integration.id).told, group, to)
        for group in draft.state.groups.values()
        for to in addressees(draft.ruleset, group)
    ]
    for view, group, to in sorted(known, key=lambda one: one[0].at):  # of one key the newest counts
        if view.at:
            note(draft, group, to, view)


def note(draft: Draft, group: Group, to: Addressee, view: View) -> None:
    """Somebody was told `view`, at its time."""
    repeat_interval = draft.ruleset.router.by_id[group.route].repeat_interval
    draft.changes.log[_key(draft.ruleset, group, to)] = LogEntry(
        _prints(draft, view.firing),
        _prints(draft, view.resolved),
        view.at,
        view.at + min(KEPT, 2 * repeat_interval) + _CLEARS,
    )


def forget_old(draft: Draft) -> None:
    """Entries are kept for twice `repeat_interval`, or five days if that is less, and a little longer."""
    for key, entry in draft.state.log.items():
        if entry.expires_at <= draft.at:
            draft.changes.log[key] = None


def _key(ruleset: Ruleset, group: Group, to: Addressee) -> str:
    """The key of an entry, as Alertmanager makes it.

    Sibling routes with equal matchers share it; a receiver's new name, or another place in it, gives another.
    """
    kind = to.integration.kind
    same_kind = [one.id for one in ruleset.receivers[to.receiver].integrations if one.kind == kind]
    group_key = ruleset.router.by_id[group.route].group_key(group.labels)
    return f"{group_key}:{to.receiver}/{kind}/{same_kind.index(to.integration.id)}"


def _view(entry: LogEntry, prints: Mapping[str, Alert]) -> View:
    firing, resolved = (
        {alert.id: alert.episode for one in part if (alert := prints.get(one))}
        for part in (entry.firing, entry.resolved)
    )
    if len(firing) < len(entry.firing):
        firing[_OTHERS] = 0
    return View(firing, resolved, {}, entry.at)


def _prints(draft: Draft, alerts: Iterable[int]) -> tuple[str, ...]:
    fresh, known = draft.changes.alerts, draft.state.by_id
    found = (fresh.get(alert) or known.get(alert) for alert in alerts)  # one that left may be forgotten
    return tuple(sorted(fingerprint(alert.labels) for alert in found if alert))
