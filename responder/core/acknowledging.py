"""What is decided about acknowledgements: who takes an incident on, what it spreads to, when it ends.

`core.commands` calls it for the two commands and `core.flush` at each look. It hides no news: only repeats
are kept from those who were told.
"""

from collections.abc import Iterable, Iterator

import msgspec

from responder.core.draft import Draft
from responder.core.matching import Matcher, all_match
from responder.core.messages import (
    Accepted,
    Acknowledge,
    AcknowledgementEnded,
    Declined,
    IncidentAcknowledged,
    Unacknowledge,
)
from responder.core.model import format_time
from responder.core.notification import Acknowledgement
from responder.core.state import Group


def acknowledge(draft: Draft, actor: str, asked: Acknowledge) -> Accepted | Declined:
    """Take incidents on, and every other one all of whose firing alerts are among theirs."""
    if asked.until and asked.until <= draft.at:
        return Declined(400, "an acknowledgement ends in the future")
    named = _named(draft, asked)
    if isinstance(named, Declined):
        return named
    chosen = {group.id: group for group in named if _firing(draft, group.id)}
    if not chosen:
        return Declined(409, "nothing of it fires any more")
    covered = set[int]().union(*(_firing(draft, group) for group in chosen))
    spread = [
        group
        for group in _groups_of(draft, covered)
        if group.id not in chosen and not group.acknowledged and _firing(draft, group.id) <= covered
    ]
    mark = Acknowledgement(asked.person or actor, draft.at, asked.until, asked.note)
    everything = [*chosen.values(), *spread]
    for group in everything:
        _mark(draft, group, mark)
    named_ids = [(group.id, group.incident) for group in everything]
    until = format_time(mark.until) if mark.until else ""
    draft.events.append(IncidentAcknowledged(named_ids, mark.by, until, mark.note))
    also = f"; also {', '.join(group.incident for group in spread)}" if spread else ""
    return Accepted(f"{', '.join(group.incident for group in chosen.values())} acknowledged{also}")


def unacknowledge(draft: Draft, actor: str, asked: Unacknowledge) -> Accepted | Declined:
    """Give incidents back."""
    named = _named(draft, asked)
    if isinstance(named, Declined):
        return named
    marked = [group for group in named if group.acknowledged]
    if not marked:
        return Declined(409, "it is not acknowledged")
    for group in marked:
        _mark(draft, group, None)
    ended = [(group.id, group.incident) for group in marked]
    draft.events.append(AcknowledgementEnded(ended, asked.person or actor))
    return Accepted(f"{', '.join(incident for _, incident in ended)} given back")


def review(draft: Draft, group: Group, firing: dict[int, int]) -> Group:
    """The group at a look: an acknowledgement that has run out, or whose incident is over, is gone."""
    mark = group.acknowledged
    if mark is None or (firing and not 0 < mark.until <= draft.at):
        return group
    group = msgspec.structs.replace(group, acknowledged=None)
    why = "time" if firing else "resolved"
    draft.events.append(AcknowledgementEnded([(group.id, group.incident)], why))
    draft.changes.groups[group.id] = group
    if firing:
        draft.outdated.add(group.id)
    return group


def _mark(draft: Draft, group: Group, mark: Acknowledgement | None) -> None:
    """The places show it at once. What it hid is announced at the next look, which comes now if it ends."""
    wake_at = group.wake_at
    if mark is None:
        wake_at = draft.at
    elif mark.until and (not wake_at or mark.until < wake_at):
        wake_at = mark.until
    changed = msgspec.structs.replace(group, acknowledged=mark, wake_at=wake_at)
    draft.changes.groups[group.id] = changed
    draft.outdated.add(group.id)


def _named(draft: Draft, asked: Acknowledge | Unacknowledge) -> list[Group] | Declined:
    if asked.incidents:
        known = {incident: _of_incident(draft, incident) for incident in asked.incidents}
        missing = [incident for incident, group in known.items() if group is None]
        if missing:
            return Declined(404, f"no incident {', '.join(missing)[:200]} is open")
        return [group for group in known.values() if group is not None]
    if not asked.matchers:
        return Declined(400, "say which incident: an id, or matchers")
    matchers = [Matcher(*triple) for triple in asked.matchers]
    alerts = [
        alert.id
        for alert in draft.state.by_id.values()
        if alert.groups and alert.firing_at(draft.at) and all_match(matchers, dict(alert.labels))
    ]
    found = list(_groups_of(draft, alerts))
    return found or Declined(404, "no incident with such an alert is open")


def _of_incident(draft: Draft, incident: str) -> Group | None:
    number = incident.partition("-")[0]
    group = draft.group(int(number)) if number.isdecimal() and len(number) < 19 else None
    return group if group is not None and group.incident == incident else None


def _groups_of(draft: Draft, alerts: Iterable[int]) -> Iterator[Group]:
    ids = {group for alert in alerts for group in draft.state.by_id[alert].groups}
    return (group for key in sorted(ids) if (group := draft.group(key)) is not None)


def _firing(draft: Draft, group: int) -> set[int]:
    return {key for key, alert in draft.members(group).items() if alert.firing_at(draft.at)}
