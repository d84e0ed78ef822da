"""How far an alert may go by itself, and whose yes is needed otherwise.

The guards `mode`, `approval`, `auto_disable` and `verify`, and the effective mode that they judge by.
A mode only ever falls by what is found here: a runbook rises when its author, a signature and its
own record all say so.
"""

from typing import Any

from responder.core.guardrules import LONGEST_LOOK
from responder.core.guards.answers import allow, ask, deny, moment, span
from responder.core.guards.situation import Situation, kind, known
from responder.core.model import Nanoseconds, format_duration
from responder.core.run import GuardResult, Run
from responder.core.runbook import MODES, ActionStep, Mode, Risk, greater

_ROLLED = frozenset({"rolling_back", "rolled_back", "rollback_failed"})
_FAILED = _ROLLED | {"failed"}


def effective_mode(situation: Situation) -> tuple[Mode, str]:
    """What the alert may start by itself, and what of it is the limit.

    The lowest of: the page's own, `approve` while its text is not signed, `approve` until it has shown
    enough, the ceiling of the configuration, `approve` after failures in a row.
    """
    runbook, rules = situation.runbook, situation.rules
    limits: list[tuple[Mode, str]] = [(runbook.mode, "the page says so"), (rules.mode, "guards.mode says so")]
    if not runbook.hash or situation.signed.get(runbook.name) != runbook.hash:
        limits.append(("approve", "nobody has signed the page as it is now"))
    if lack := _lacking(situation):
        limits.append(("approve", lack))
    if demotion := demoted(situation):
        limits.append(("approve", demotion))
    # The first of the lowest: what the author wrote comes before what the record says.
    return min(limits, key=lambda limit: MODES.index(limit[0]))


# -- the record ---------------------------------------------------------------------------------


def _record(situation: Situation, within: Nanoseconds) -> list[Run]:
    """How this runbook's runs ended within a time, the newest first; failures before a reset left out."""
    name, now = situation.runbook.name, situation.now
    reset = situation.reset_at.get(name, 0)
    found = [
        run
        for run in situation.others
        if run.runbook == name
        and run.acted_at + within > now
        and (run.state == "succeeded" or (run.state in _FAILED and (run.ended_at or now) > reset))
    ]
    return sorted(found, key=lambda run: (run.ended_at or now, run.number), reverse=True)


def _lacking(situation: Situation) -> str:
    """What evidence is lacking before the runbook may go by itself, "" if it is enough."""
    asked = situation.rules.evidence
    if not asked.runs:
        return ""
    record = _record(situation, asked.within)
    approved = [run for run in record if run.person or any(one.person for one in run.approvals)]
    verified = [run for run in approved if run.state == "succeeded"]
    shown = f"in {format_duration(asked.within)}"
    if rolled := [run for run in record if run.state in _ROLLED]:
        return f"{len(rolled)} of its runs {shown} were rolled back"
    # Verified ones are counted, so that a failure never adds to the evidence.
    if len(verified) < asked.runs:
        return f"{len(verified)} of the {asked.runs} approved runs that it takes helped {shown}"
    if len(verified) < asked.verified * len(approved) - 1e-9:
        return (
            f"{len(verified)} of {len(approved)} approved runs {shown} helped; it takes {asked.verified:.0%}"
        )
    return ""


def demoted(situation: Situation) -> str:
    """Why the runbook must not go by itself after what happened, "" if nothing did."""
    rules = situation.rules
    record = _record(situation, LONGEST_LOOK)
    failures = [run for run in record if run.state in _FAILED]
    if rolled := [run for run in failures if run.state in _ROLLED]:
        return f"its run {rolled[0].id} was rolled back, and nobody has reset it since"
    latest = record[: rules.failures_in_row]
    if len(latest) == rules.failures_in_row and all(run.state in _FAILED for run in latest):
        return f"its last {len(latest)} runs failed, and nobody has reset it since"
    few = sum(run.state in _FAILED for run in record[:10])
    if few >= rules.failures_of_ten:
        return f"{few} of its last {len(record[:10])} runs failed, and nobody has reset it since"
    return ""


# -- people -------------------------------------------------------------------------------------


def risk(situation: Situation) -> Risk:
    """The greatest of the page's risk, the plan's and those of its actions. Raises CannotTell."""
    actions = (kind(action).risk for action in sorted(situation.actions))
    return greater((situation.runbook.risk, situation.planned.risk, *actions))


def persons(situation: Situation) -> frozenset[str]:
    """Who has said yes to this very plan, whoever asked for the run among them. Raises CannotTell.

    Before the first step a yes is good for as long as an approval is waited for, counted from the
    newest one: what people agreed to is done soon, or asked again. Once it has begun, what they agreed
    to is the plan that it began with: the facts of later steps, which are in the plan's hash, did not
    exist then.
    """
    run, plan = situation.run, situation.planned.hash
    if run.acted_at and run.approvals:
        plan = run.approvals[-1].plan_hash
    said = {one.person: one.at for one in run.approvals if one.person and one.plan_hash == plan}
    if situation.by_person and run.person:
        said.setdefault(run.person, run.created_at)
    lapsed = said and not run.acted_at and situation.now >= max(said.values()) + _expires(situation)
    return frozenset() if lapsed else frozenset(said)


def _expires(situation: Situation) -> Nanoseconds:
    own = situation.runbook.guards.expires
    return situation.rules.expires if own is None else min(own, situation.rules.expires)


def one_person(situation: Situation, reason: str) -> GuardResult:
    """Somebody must have said yes, whatever the risk."""
    said = persons(situation)
    if said:
        return allow(f"{reason}; {_names(said)} said yes")
    return ask(1, reason)


def _names(people: frozenset[str]) -> str:
    return " and ".join(sorted(people))


# -- the guards ---------------------------------------------------------------------------------


def mode(situation: Situation) -> GuardResult:
    """G2: an alert starts nothing by itself under a mode that only looks or suggests."""
    effective, limit = effective_mode(situation)
    if effective in ("observe", "suggest"):
        return deny(f"the mode is {effective}: {limit}; a person may ask for the run", mode=effective)
    return allow(f"the mode is {effective}: {limit}", mode=effective)


def approval(situation: Situation) -> GuardResult:
    """G17: as many distinct persons as the risk asks for.

    For what goes by itself, the signature of the page and its record stand for one person where the
    risk is less than high; below `auto` it is at least one.
    """
    run, now, found = situation.run, situation.now, risk(situation)
    needed = known(situation.rules.approvals.get(found), f"how many approvals {found} risk needs")
    if not situation.by_person:
        if effective_mode(situation)[0] != "auto":
            needed = max(needed, 1)
        elif found != "high":
            needed = max(needed - 1, 0)
    needed = max(needed, situation.runbook.guards.approvals or 0)
    said = persons(situation)
    data: dict[str, Any] = {"needed": needed, "have": len(said), "risk": found}
    if situation.when == "approval" and 0 < run.expires_at <= now:
        return deny(
            f"the approval came too late: it was waited for until {moment(run.expires_at, now)}", **data
        )
    if len(said) >= needed:
        yes = f"{_names(said)} said yes to this plan" if said else "nobody has to be asked"
        return allow(f"{found} risk: {yes}", **data)
    people = "one person" if needed == 1 else f"{needed} distinct persons"
    have = f"{len(said)} so far ({_names(said)})" if said else "none so far"
    return ask(
        needed,
        f"{found} risk: {people} must say yes to this plan, {have};"
        f" a yes is good for {span(_expires(situation))}",
        **data,
    )


def auto_disable(situation: Situation) -> GuardResult:
    """G19: after failures a runbook asks, until a person resets it."""
    demotion = demoted(situation)
    if not demotion:
        return allow("its last runs give no reason to ask")
    return allow(f"{demotion}; a person asked") if situation.by_person else one_person(situation, demotion)


def verify(situation: Situation) -> GuardResult:
    """G23: what changes something and cannot be seen to help does not go by itself."""
    runbook = situation.runbook
    if situation.by_person or effective_mode(situation)[0] != "auto":
        return allow("it does not go by itself")
    if not any(isinstance(step, ActionStep) for step in runbook.steps):
        return allow("it changes nothing")
    if not runbook.verify:
        return one_person(situation, "the page does not say how to find out whether it helped")
    if not situation.asks_prometheus:
        return one_person(situation, "there is no Prometheus to ask whether it helped")
    return allow("it is found out whether it helped")
