"""Telling people of the incidents of a run, whatever they were told before.

`core.advance` and `core.resuming` call it where a run needs a person, or a step says so. It opens no
row: it makes groups due.
"""

import msgspec

from responder.core.draft import Draft
from responder.core.messages import (
    Escalated,
)
from responder.core.run import Run
from responder.core.state import Group


def escalate(draft: Draft, run: Run, receivers: tuple[str, ...], why: str) -> None:
    """People hear of the incidents of a run, whatever they were told before; `receivers` as well."""
    groups = [group for key in run.groups if (group := draft.group(key)) is not None]
    known = {group.id: _receivers(draft, group) for group in groups}
    told = set[str]().union(*known.values())
    more = tuple(name for name in receivers if name not in told and name in draft.ruleset.receivers)
    for group in groups:
        everybody = (*known[group.id], *more)
        draft.changes.groups[group.id] = msgspec.structs.replace(
            group, fallbacks=(*group.fallbacks, *more), escalate=everybody
        )
        draft.look_now(group.id)
        draft.events.append(Escalated(group.id, list(everybody), why))
        more = ()  # one incident tells them


def _receivers(draft: Draft, group: Group) -> tuple[str, ...]:
    route = draft.ruleset.router.by_id.get(group.route)
    return (route.receiver, *group.fallbacks) if route else group.fallbacks
