"""What hides an alert now, and until when: time intervals, inhibit rules, silences, maintenance.

`core.flush` and `core.explain` ask for each alert of a group, `core.judging` for those of a run. They
come from `core.inhibition`, `core.timeintervals`, `core.silenceindex` and `core.suppression`; nothing
here tells anybody.
"""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from responder.core import timeintervals
from responder.core.draft import Draft
from responder.core.model import Alert, Nanoseconds
from responder.core.routing import Route
from responder.core.rules import Ruleset


class Verdict(msgspec.Struct, frozen=True):
    """Why an alert is hidden: the named reason, by which rule, and when that may end (0: unknown)."""

    reason: str
    by: str
    until: Nanoseconds = 0

    def __str__(self) -> str:
        return f"{self.reason} {self.by}"


def muting(ruleset: Ruleset, route: Route, at: Nanoseconds) -> tuple[str, tuple[str, ...]]:
    """The named reason and the time intervals that hide all of a route's groups; active ones count first."""
    intervals = ruleset.time_intervals
    if route.active_time_intervals and not timeintervals.mutes(route.active_time_intervals, intervals, at):
        return "active_time_interval", route.active_time_intervals
    return "mute_time_interval", tuple(timeintervals.mutes(route.mute_time_intervals, intervals, at))


def group_verdict(draft: Draft, route: Route) -> Verdict | None:
    """Whether the route's time intervals hide all of its groups now, and until when."""
    reason, names = muting(draft.ruleset, route, draft.at)
    if not names:
        return None
    return Verdict(reason, ",".join(names), next_interval_change(draft, route))


def next_interval_change(draft: Draft, route: Route) -> Nanoseconds:
    """When the route's time intervals may begin or cease to hide; 0: they have none, or not within a year."""
    intervals = draft.ruleset.time_intervals
    changes = (
        timeintervals.next_change([intervals[name] for name in watched], draft.at)
        for watched in (route.active_time_intervals, route.mute_time_intervals)
    )
    return min((at for at in changes if at), default=0)


def inhibition_verdict(draft: Draft, alert: Alert, route: Route) -> Verdict | None:
    """Whether an inhibit rule hides the alert now."""
    found = draft.state.inhibitor.inhibited_by(alert.labels, draft.at)
    if found is None:
        return None
    rule, source = found
    until = source.ends_at + route.group_wait if source.ends_at else 0
    return Verdict("inhibition", f"{rule.name or rule.place or 'inhibit_rule'} alert {source.id}", until)


def silence_verdict(draft: Draft, alert: Alert) -> Verdict | None:
    """Whether a silence hides the alert now; of several, the one that does so for longest."""
    silences = draft.state.silences
    hiding = (silences.hiding if draft.ruleset.mends else silences.hiding_to_the_end)(alert, draft.at)
    return Verdict("silence", hiding[0].id, hiding[0].ends_at) if hiding else None


def maintenance_verdict(draft: Draft, alert: Alert) -> Verdict | None:
    """Whether a maintenance window hides the alert now; of several, the one that does so for longest."""
    hiding = draft.ruleset.suppression.hiding(alert.labels, draft.at)
    return Verdict("maintenance", hiding[0][0].name, hiding[0][1]) if hiding else None


Stage: TypeAlias = Callable[[Alert], Verdict | None]


def stages(draft: Draft, route: Route) -> tuple[Stage, ...]:
    """What can hide an alert in this route's groups now, in the order of stages: nearly always nothing.

    The first verdict on an alert is the one that counts. What cannot hide any alert at all
    is left out, because a look asks for each of a group's alerts.
    """
    state, found = draft.state, list[Stage]()
    if state.inhibitor.has_sources:
        found.append(lambda alert: inhibition_verdict(draft, alert, route))
    whole = group_verdict(draft, route)
    if whole:
        found.append(lambda alert: whole)
    if state.silences.may_hide:
        found.append(lambda alert: silence_verdict(draft, alert))
    if draft.ruleset.suppression.maintenance:
        found.append(lambda alert: maintenance_verdict(draft, alert))
    return tuple(found)


def first_verdict(asked: tuple[Stage, ...], alert: Alert) -> Verdict | None:
    """What hides the alert, by these stages."""
    for stage in asked:
        verdict = stage(alert)
        if verdict:
            return verdict
    return None


def verdict_on(draft: Draft, alert: Alert, route: Route) -> Verdict | None:
    """What hides the alert in this route's groups now."""
    return first_verdict(stages(draft, route), alert)
