"""Events about runs, freezes, runbooks and acknowledgements, each in a line.

`cli.journaltext` asks it for what it does not know itself. It reads loosely and decides nothing.
"""

from collections.abc import Iterable
from typing import Any, Final

_SHORT: Final = 12
"""Digits of a hash that tell one from another."""

_SAYS: Final = {"deny": "denies", "ask": "asks"}


def run_event(event: dict[str, Any], alerts: str) -> str:
    """The line for an event about a run; `alerts`: those that it names, in words. "" for any other event."""
    match event:
        case {"type": "run_proposed", "run": run, "runbook": runbook, "target": target, "asked": asked}:
            what = f"{runbook} for {target}" if target else f"{runbook}, for no target"
            return f"run {run} is proposed: {what}, by {asked}{f': {alerts}' if alerts else ''}"
        case {"type": "run_joined", "run": run}:
            return f"run {run} answers as well: {alerts}"
        case {"type": "run_judged", "run": run, "when": when, "verdicts": verdicts}:
            against = ", ".join(f"{one['guard']} {_SAYS[one['verdict']]}" for one in _against(event))
            return f"run {run} is judged ({when}): {against or f'all {len(verdicts)} guards allow it'}"
        case {"type": "run_planned", "run": run, "hash": digest, "plan": plan}:
            steps = "; ".join(_steps(plan["steps"]))
            return f"run {run} has the plan {digest[:_SHORT]}: {steps or 'nothing'}"
        case {"type": "run_moved", "run": run, "was": was, "now": now, "reason": reason, "detail": detail}:
            why = f" ({reason})" if reason else ""
            by = f", by {event['by']}" if event.get("by") else ""
            return f"run {run}: {was} -> {now}{why}{f': {detail}' if detail else ''}{by}"
        case {"type": "run_approved", "run": run, "person": person, "plan": plan, "have": have, **rest}:
            via = f" via {rest['via']}" if rest.get("via") else ""
            return f"run {run}: {person} approves plan {plan[:_SHORT]}{via}, {have} of {rest['needed']}"
        case {"type": "step_intended", "run": run, "step": step, "action": action, "target": target, **rest}:
            return (
                f"run {run}: step {step + 1} is to be done, not after {rest['not_after']}: {action} {target}"
            )
        case {"type": "step_ended", "run": run, "step": step, "result": result, "detail": detail}:
            return f"run {run}: step {step + 1} is {result}{f': {detail}' if detail else ''}"
        case _:
            return ""


def steering_event(event: dict[str, Any]) -> str:
    """The line for a freeze, a signature, an acknowledgement, an escalation; "" for any other event."""
    match event:
        case {"type": "freeze_put", "freeze": freeze, "scope": scope, "until": until, "by": by, **rest}:
            hard = "hard " if rest.get("hard") else ""
            back = f"; taken back: {', '.join(rest['withdrawn'])}" if rest.get("withdrawn") else ""
            return f"{hard}freeze {freeze} of {scope} until {until}, by {by}: {rest['reason']}{back}"
        case {"type": "freeze_lifted", "freeze": freeze, "scope": scope, "by": by}:
            return f"freeze {freeze} of {scope} ends, by {by}"
        case {"type": "runbook_signed", "runbook": runbook, "hash": digest, "reason": reason, "by": by}:
            return f"runbook {runbook} {digest[:_SHORT]} is signed by {by}: {reason}"
        case {"type": "runbook_reset", "runbook": runbook, "reason": reason, "by": by}:
            return f"runbook {runbook} may go by itself again, by {by}: {reason}"
        case {"type": "incident_acknowledged", "incidents": incidents, "by": by, "until": until, **rest}:
            end = f" until {until}" if until else ""
            note = f": {rest['note']}" if rest.get("note") else ""
            return f"{by} takes on {_ids(incidents)}{end}{note}"
        case {"type": "acknowledgement_ended", "incidents": incidents, "by": by}:
            return f"nobody's any more, by {by}: {_ids(incidents)}"
        case {"type": "escalated", "group": group, "receivers": receivers, "why": why}:
            return f"group {group}: {', '.join(receivers)} are to be told now: {why}"
        case _:
            return ""


def verdict_lines(event: dict[str, Any]) -> list[str]:
    """What speaks against a run, one line for each guard, of an event that has verdicts."""
    return [f"  {one['guard']} {_SAYS[one['verdict']]}: {one['reason']}" for one in _against(event)]


def _against(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Denials first."""
    verdicts = event.get("verdicts", ())
    return [one for kind in _SAYS for one in verdicts if one["verdict"] == kind]


def _steps(steps: Iterable[dict[str, Any]]) -> Iterable[str]:
    for step in steps:
        target = step.get("target")
        where = "/".join(target[part] for part in ("cluster", "namespace", "kind", "name")) if target else ""
        yield f"{step['action']} {where}".rstrip()


def _ids(incidents: Iterable[tuple[int, str]]) -> str:
    return ", ".join(incident for _, incident in incidents)
