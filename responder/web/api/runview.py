"""Runs as `/api/v1` writes them: what would be or was done, to what, what every guard said, the story.

`web.api.runs` and `web.api.incidentview` fill their answers from here. A card's nonce is never
shown: it is what a button of that card has to know.
"""

from typing import Any

import msgspec

from responder.core.model import Nanoseconds, format_duration, format_time
from responder.core.plan import Facts, Plan, PlannedStep, TargetRef
from responder.core.run import GuardResult, Run
from responder.store.journal import Entry


def run_order(run: Run) -> int:
    """Newest first."""
    return -run.number


def brief_run(run: Run) -> dict[str, Any]:
    """A run in a line."""
    return {
        "id": run.id,
        "runbook": run.runbook,
        "state": run.state,
        "reason": run.reason,
        "target": run.target_key,
        "created_at": format_time(run.created_at),
    }


def whole_run(run: Run, incidents: list[str]) -> dict[str, Any]:
    """Everything that is remembered of a run. `incidents`: the ids of the open ones that it is about."""
    return {
        "id": run.id,
        "runbook": run.runbook,
        "runbook_hash": run.runbook_hash,
        "state": run.state,
        "open": run.open,
        "reason": run.reason,
        "mode": run.mode,
        "risk": run.risk,
        "parameters": run.parameters,
        "target": _target(run.target),
        "requested_by": run.requested_by,
        "person": run.person,
        "via": run.via,
        "why": run.why,
        "trigger": run.trigger,
        "alerts": [
            {"fingerprint": one.fingerprint, "startsAt": format_time(one.starts_at)} for one in run.episodes
        ],
        "incidents": incidents,
        "plan": _plan(run.plan),
        "facts": _facts(run.facts),
        "verdicts": [_verdict(verdict) for verdict in run.verdicts],
        "needed": run.needed,
        "approvals": [
            {
                "person": one.person,
                "at": format_time(one.at),
                "plan": one.plan_hash,
                "via": one.via,
                "counts": run.plan is not None and one.plan_hash == run.plan.hash,
            }
            for one in run.approvals
        ],
        "step": run.step,
        "applied": run.applied,
        "rolling_back": run.rolling,
        "created_at": format_time(run.created_at),
        "acted_at": _when(run.acted_at),
        "ended_at": _when(run.ended_at),
        "due_at": _when(run.due_at),
        "expires_at": _when(run.expires_at),
        "hold_until": _when(run.hold_until),
        "story": [
            {"at": format_time(one.at), "state": one.state, "text": one.text, "by": one.by}
            for one in run.story
        ],
    }


def journaled(row: Entry, run: str) -> dict[str, Any]:
    """What a row of the journal says about a run; of what else it says nothing is shown."""
    body = row.decoded()
    asked = body.get("asked", {})
    events = [event for event in body["events"] if run in (event.get("run"), *event.get("withdrawn", ()))]
    return {
        "n": row.n,
        "at": row.at,
        "kind": body.get("kind", "tick"),
        "actor": body.get("actor", ""),
        "asked": asked if asked.get("run") == run else None,
        "events": events,
    }


def _when(at: Nanoseconds) -> str | None:
    return format_time(at) if at else None


def _target(target: TargetRef | None) -> dict[str, str] | None:
    return None if target is None else msgspec.structs.asdict(target)


def _plan(plan: Plan | None) -> dict[str, Any] | None:
    if plan is None:
        return None
    return {
        "hash": plan.hash,
        "risk": plan.risk,
        "steps": [_step(step) for step in plan.steps],
        "on_failure": [_step(step) for step in plan.on_failure],
    }


def _step(step: PlannedStep) -> dict[str, Any]:
    return {
        "action": step.action,
        "target": step.target.key if step.target else "",
        "mutates": step.mutates,
        "calls": step.calls,
        "intended": step.intended,
        "observed": step.observed,
        "arguments": step.arguments,
        "bounds": step.bounds,
        "timeout": format_duration(step.timeout) if step.timeout else "",
        "risk": step.risk,
        "undo": step.undo,
    }


def _facts(facts: Facts | None) -> dict[str, Any] | None:
    if facts is None:
        return None
    return {
        "at": format_time(facts.at),
        "object": None if facts.object is None else msgspec.structs.asdict(facts.object),
        "firing": facts.firing,
        "asked": facts.firing_asked,
        "probes": [msgspec.structs.asdict(probe) for probe in facts.probes],
        "problem": facts.problem,
    }


def _verdict(verdict: GuardResult) -> dict[str, Any]:
    return {
        "guard": verdict.guard,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "data": verdict.data,
        "retry_at": _when(verdict.retry_at),
        "approvals": verdict.approvals,
    }
