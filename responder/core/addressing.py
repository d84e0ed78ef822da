"""Who is told of a group: its receiver, and the fallbacks that were engaged because it was not reached.

`core.flush` and `core.decide` ask it for every integration of a group, and for the next fallback
to engage. It tells nobody and changes nothing.
"""

from typing import Final, NamedTuple

from responder.core.draft import Draft
from responder.core.messages import FallbackEngaged
from responder.core.rules import Integration, Ruleset
from responder.core.state import DEAD_LETTERS, Group

ONLY_THROUGH_ITSELF: Final = "it would be told only through what it is about"
"""Why another receiver is told of Responder's own trouble."""


class Addressee(NamedTuple):
    """An integration and the receiver as whose part it is told."""

    receiver: str
    integration: Integration


def addressees(ruleset: Ruleset, group: Group) -> list[Addressee]:
    """Everybody who is told of a group, each integration once; nobody if its route is gone."""
    route = ruleset.router.by_id.get(group.route)
    if route is None:
        return []
    receivers, name = ruleset.receivers, route.receiver
    found = [Addressee(name, integration) for integration in receivers[name].integrations]
    for name in group.fallbacks:
        if name in receivers:  # else a reload took it away
            known = {to.integration.id for to in found}
            found += [Addressee(name, i) for i in receivers[name].integrations if i.id not in known]
    return found


def addressee(ruleset: Ruleset, group: Group, integration: str) -> Addressee | None:
    """The one with this integration."""
    return next((to for to in addressees(ruleset, group) if to.integration.id == integration), None)


def next_fallback(draft: Draft, group: Group) -> FallbackEngaged | None:
    """The fallback to engage for what the group has to say now, if there is one."""
    receivers, names = draft.ruleset.receivers, _names(draft, group)
    if not (draft.state.trouble or group.fallbacks or receivers[names[0]].fallback):
        return None  # nearly always
    down = draft.state.down
    for name in names:
        receiver = receivers.get(name)
        if receiver is None or not _has_fallback(draft, name, names):
            continue
        for integration in receiver.integrations:
            why = _not_reached(draft, group, integration, down)
            if why:
                return FallbackEngaged(group.id, name, receiver.fallback, why)
    return _past_the_trouble(draft, group, names)


def may_engage(draft: Draft, group: Group, to: Addressee) -> bool:
    """Whether anybody else would be told if `to` were out of reach."""
    return _has_fallback(draft, to.receiver, _names(draft, group)) or bool(_trouble(draft, group))


def is_stranded(draft: Draft, group: Group) -> bool:
    """Whether a group about Responder's own trouble can be told to nobody but through that trouble."""
    return bool(_trouble(draft, group)) and not _past_it(draft, group, addressees(draft.ruleset, group))


def _names(draft: Draft, group: Group) -> tuple[str, ...]:
    return (draft.ruleset.router.by_id[group.route].receiver, *group.fallbacks)


def _has_fallback(draft: Draft, name: str, names: tuple[str, ...]) -> bool:
    fallback = draft.ruleset.receivers[name].fallback
    return fallback not in names and fallback in draft.ruleset.receivers


def _not_reached(draft: Draft, group: Group, integration: Integration, down: set[str]) -> str:
    """Why an integration does not hear what it is owed; "" if it does, or is owed nothing."""
    if integration.destination in down and draft.told(group.id, integration.id).head:
        return f"breaker_open {integration.destination}"
    return f"dead {integration.destination}" if _is_dead(draft, group, integration) else ""


def _is_dead(draft: Draft, group: Group, integration: Integration) -> bool:
    """Whether its newest row about the group was refused for good."""
    row = draft.state.dead_of.get((group.id, integration.id))
    if row is not None and row not in draft.changes.unlisted:
        return True
    where = (group.id, integration.id)
    return any((dead.group, dead.integration) == where for dead in draft.changes.dead.values())


# -- Responder's own trouble ------------------------------------------------------------------


def _trouble(draft: Draft, group: Group) -> list[dict[str, str]]:
    """The labels of its alerts that say that something cannot be told."""
    if not draft.state.trouble:
        return []
    return [dict(alert.labels) for alert in draft.state.trouble.values() if group.id in alert.groups]


def _past_the_trouble(draft: Draft, group: Group, names: tuple[str, ...]) -> FallbackEngaged | None:
    """Its own trouble is told to the root receiver, or the first, that does not share in it."""
    if not _trouble(draft, group) or _past_it(draft, group, addressees(draft.ruleset, group)):
        return None
    receivers = draft.ruleset.receivers
    for name in (draft.ruleset.router.root.receiver, *receivers):
        others = [Addressee(name, integration) for integration in receivers[name].integrations]
        if name not in names and _past_it(draft, group, others):
            return FallbackEngaged(group.id, names[0], name, ONLY_THROUGH_ITSELF)
    return None


def _past_it(draft: Draft, group: Group, others: list[Addressee]) -> bool:
    """Whether any of these can be told without what the group's trouble is about."""
    unwell = draft.state.down
    for labels in _trouble(draft, group):
        if labels["alertname"] == DEAD_LETTERS:
            receiver = draft.ruleset.receivers.get(labels.get("receiver", ""))
            integrations = receiver.integrations if receiver else ()
            unwell |= {i.destination for i in integrations if i.kind == labels.get("integration")}
    return any(
        to.integration.supported
        and to.integration.destination not in unwell
        and not _is_dead(draft, group, to.integration)
        for to in others
    )
