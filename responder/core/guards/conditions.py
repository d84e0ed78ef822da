"""What must be true around a run: no freeze, a plan, a known sender, a journal.

The guards `freeze`, `blocking`, `precondition`, `plan_first`, `provenance` and `write_ahead`.
They ask nobody: what they judge by was found out before.
"""

from responder.core.guards.answers import allow, deny, moment
from responder.core.guards.situation import CannotTell, Situation, kind, known
from responder.core.run import GuardResult


def freeze(situation: Situation) -> GuardResult:
    """G1: nobody has ordered that nothing be done here. A rollback stops for a hard freeze alone."""
    run, now = situation.run, situation.now
    for one in situation.freezes:
        if one.until <= now or (run.rolling and not one.hard):
            continue
        if one.covers(situation.runbook.name, situation.actions, run.target):
            return deny(
                f"{one.scope} is frozen by {one.by} until {moment(one.until, now)}: {one.reason} ({one.id})",
                freeze=one.id,
            )
    return allow("nothing is frozen here")


def blocking(situation: Situation) -> GuardResult:
    """G14: what people chose not to hear of is nothing to act on."""
    hidden = known(situation.hidden, "whether people hear of its alerts")
    if hidden:
        return deny(f"its alerts are hidden by {hidden}")
    return allow("people hear of its alerts")


def precondition(situation: Situation) -> GuardResult:
    """G18: every question of the page has a good answer; before a step it was asked just now."""
    asked = len(situation.runbook.preconditions)
    if not asked:
        return allow("the page has no preconditions")
    facts = situation.facts_of("whether the preconditions hold", situation.rules.precondition_fresh)
    if len(facts.probes) != asked:
        raise CannotTell(f"whether the preconditions hold: {len(facts.probes)} of {asked} were asked")
    for probe in facts.probes:
        if not probe.ok:
            return deny(f"{probe.question} does not hold" + (f": {probe.detail}" if probe.detail else ""))
    return allow(f"all {asked} hold")


def plan_first(situation: Situation) -> GuardResult:
    """G25: what would be done is known exactly, and is what the page says."""
    plan, run, runbook = situation.planned, situation.run, situation.runbook
    changed = (plan.runbook, plan.runbook_hash) != (
        runbook.name,
        runbook.hash,
    ) or run.runbook_hash != runbook.hash
    # What was begun is taken back as it was planned, whatever became of the page.
    if changed and not run.rolling:
        return deny("the page has changed since the run was proposed")
    if not plan.steps:
        return deny("the plan has no steps")
    for step in situation.changes:
        kind(step.action)
        if not step.calls and not step.bounds:
            raise CannotTell(f"which calls {step.action} would make")
    return allow(f"the plan {plan.hash[:12]} is what the page says")


def provenance(situation: Situation) -> GuardResult:
    """G26: whoever started it may."""
    run = situation.run
    if situation.by_person:
        if not run.requested_by or run.requested_by == "anonymous":
            return deny("whoever asked for it has no name")
        return allow(f"{run.person or run.requested_by} asked for it")
    sender = run.trigger or "anonymous"
    if not situation.trusted:
        return deny(f"alerts from {sender} may not start runs (guards.triggers)")
    return allow(f"alerts from {sender} may start runs")


def write_ahead(situation: Situation) -> GuardResult:
    """G28: what is done is on record before it is done."""
    if not situation.durable:
        return deny("the journal cannot be written")
    return allow("the journal can be written")
