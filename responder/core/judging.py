"""Putting together what guards are asked about, and reading what they say.

`core.propose` and `core.advance` call it. It moves no run: it only says what speaks for it and against it.
"""

import msgspec

from responder.core import freezing, verdicts
from responder.core.draft import Draft
from responder.core.guards import Situation, When, effective_mode, evaluate
from responder.core.messages import RunJudged
from responder.core.model import Alert
from responder.core.run import GuardResult, Run
from responder.core.runbook import Runbook, greater


def alerts_of(draft: Draft, run: Run) -> list[Alert]:
    """The alerts that a run answers and that are still known, as decided so far."""
    found = (draft.changes.alerts.get(e.alert) or draft.state.by_id.get(e.alert) for e in run.episodes)
    return [alert for alert in found if alert is not None]


def situation(
    draft: Draft, run: Run, runbook: Runbook, when: When, problems: tuple[str, ...] = ()
) -> Situation:
    """Everything that the guards may depend on, now."""
    ruleset, at = draft.ruleset, draft.at
    firing = [alert for alert in alerts_of(draft, run) if alert.firing_at(at)]
    others = draft.acted_runs()
    others.pop(run.number, None)
    signatures = {**draft.state.signatures, **draft.changes.signatures}
    triggers = ruleset.guards.triggers
    return Situation(
        now=at,
        when=when,
        run=run,
        runbook=runbook,
        rules=ruleset.guards,
        plan=run.plan,
        facts=run.facts,
        problems=problems,
        runs=tuple(others.values()),
        freezes=freezing.active(draft),
        signed={name: one.hash for name, one in signatures.items() if one.hash},
        reset_at={name: one.reset_at for name, one in signatures.items() if one.reset_at},
        fires_since=min((alert.starts_at for alert in firing), default=None),
        seen_at=max((alert.updated_at for alert in firing), default=0),
        flaps=_flaps(draft, run),
        hidden=_hidden(draft, firing),
        trusted=run.trigger in triggers if triggers else run.trigger not in ("", "anonymous"),
        asks_prometheus=ruleset.asks_prometheus,
        stale_after=ruleset.stale_after,
    )


def judge(draft: Draft, run: Run, runbook: Runbook, when: When, problems: tuple[str, ...] = ()) -> Run:
    """The run with what every guard says of it now, and of which mode and risk it is."""
    seen = situation(draft, run, runbook, when, problems)
    said = evaluate(seen)
    mode, _ = effective_mode(seen)
    named = f"step {run.step + 1}" if when == "step" else when
    draft.events.append(RunJudged(run.id, named, run.plan.hash if run.plan else "", list(said)))
    risk = greater([runbook.risk, run.plan.risk] if run.plan else [runbook.risk])
    needed = max((one.approvals for one in said), default=0)
    return msgspec.structs.replace(run, verdicts=said, mode=mode, risk=risk, needed=max(needed, run.needed))


def denials(run: Run) -> list[GuardResult]:
    """The guards that say no, those first that time will not change: it ends because of them."""
    return sorted((one for one in run.verdicts if one.verdict == "deny"), key=lambda one: one.retry_at > 0)


def reason_of(denial: GuardResult) -> str:
    """The word for the end of a run that a guard ended: the guard's name, or `frozen`."""
    return "frozen" if denial.guard == "freeze" else denial.guard


def asks(run: Run) -> bool:
    """Whether some guard wants a person's yes."""
    return any(one.verdict == "ask" for one in run.verdicts)


def _flaps(draft: Draft, run: Run) -> int:
    """How often its first alert turned between firing and resolved: two turns for each life but the first."""
    if not run.episodes:
        return 0
    since = draft.at - draft.ruleset.guards.flaps_within
    first = run.episodes[0]
    began = {first.starts_at: run.created_at} | draft.lives(first.fingerprint)
    lives = sum(created_at >= since for created_at in began.values())
    return 2 * max(lives - 1, 0)


def _hidden(draft: Draft, firing: list[Alert]) -> str:
    """What keeps people from hearing of any of these; "" if they hear of one, or there is none."""
    said = ""
    for alert in firing:
        for group_id in alert.groups:
            group = draft.group(group_id)
            route = draft.ruleset.router.by_id.get(group.route) if group else None
            if route is None:
                continue
            verdict = verdicts.verdict_on(draft, alert, route)
            if verdict is None:
                return ""
            said = said or str(verdict)
    return said
