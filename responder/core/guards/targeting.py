"""What is acted on: exactly one thing, that was allowed, and that can bear it.

The guards `target`, `allow_list` and `min_healthy`. None of them takes a name for more than a name:
a pattern, an emptiness or a second object is refused.
"""

from math import ceil
from typing import Final

import re2  # type: ignore[import-untyped]

from responder.core.guardrules import MOST_TARGETS, Allowed
from responder.core.guards.answers import allow, deny
from responder.core.guards.situation import CannotTell, Situation, known
from responder.core.plan import TargetRef
from responder.core.run import GuardResult

_NAME: Final = re2.compile("[A-Za-z0-9]([-A-Za-z0-9._:/@]*[A-Za-z0-9])?")


def target(situation: Situation) -> GuardResult:
    """G3: one object, named in full, frozen in the plan."""
    if situation.problems:
        return deny("; ".join(situation.problems))
    one, plan = situation.target, situation.planned
    for what, name in (("cluster", one.cluster), ("kind", one.kind), ("name", one.name)):
        if not _NAME.fullmatch(name):
            return deny(f"the target's {what} is {name[:64]!a}, which names nothing")
    if one.namespace and not _NAME.fullmatch(one.namespace):
        return deny(f"the target's namespace is {one.namespace[:64]!a}, which names nothing")
    meant = {(step.target or plan.target).key for step in situation.changes} | {plan.target.key}
    if len(meant) > MOST_TARGETS:
        return deny(f"the plan has {len(meant)} targets, the limit is {MOST_TARGETS}")
    if plan.target.key != one.key:
        return deny(f"the plan is about {plan.target.key}, not about {one.key}")
    if not plan.target.uid:
        raise CannotTell(f"which {one.kind} {one.key} is: the plan has no uid")
    return allow(f"{one.key}, nothing else")


def allow_list(situation: Situation) -> GuardResult:
    """G4: whoever runs Responder has listed these actions for this target. No list: nothing."""
    plan, rules = situation.planned, situation.rules
    for step in situation.changes:
        one = step.target or plan.target
        if not any(_covers(line, step.action, one) for line in rules.allow):
            why = "guards.allow does not list it" if rules.allow else "guards.allow is empty"
            return deny(f"{step.action} on {one.key} is not allowed: {why}")
    return allow("guards.allow lists every action" if situation.changes else "nothing is changed")


def _covers(line: Allowed, action: str, one: TargetRef) -> bool:
    return line.action == action and all(
        said in ("*", name)
        for said, name in (
            (line.cluster, one.cluster),
            (line.namespace, one.namespace),
            (line.name, one.name),
        )
    )


def min_healthy(situation: Situation) -> GuardResult:
    """G12: after what the action itself takes away, enough is left that serves."""
    if not situation.changes:
        return allow("nothing is changed")
    rules, own, rolling = situation.rules, situation.runbook.guards, situation.run.rolling
    what = "how many of the target's parts serve"
    facts = situation.facts_of(what, rules.fresh)
    found = known(facts.object, f"{what} ({facts.problem})" if facts.problem else what)
    desired = known(found.desired, "how many parts the target should have")
    healthy = known(found.healthy, what)
    takes = known(found.takes, "how many parts the action takes away")
    if found.busy and not rolling:
        return deny(f"the target is not to be touched now: {found.busy}")
    left = healthy - takes
    share = max(rules.min_healthy, own.min_healthy or 0.0)
    # Never the last one; and 51% of 100 are 51, whatever the floating point says.
    least = max(1, rules.min_healthy_count, own.min_healthy_count or 0, ceil(share * desired - 1e-9))
    shown = f"{healthy} of {desired} serve, the action takes {takes}"
    data = {"healthy": healthy, "desired": desired, "takes": takes, "least": least}
    if rolling and takes <= 0:
        return allow(f"{shown}: taking it back costs nothing that serves", **data)
    if left < least:
        return deny(f"{shown}: {max(left, 0)} would be left, {least} must", **data)
    return allow(f"{shown}: {left} are left, {least} must", **data)
