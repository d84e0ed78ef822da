"""A run in words: what it is about, what it would do exactly, what every guard says, and its story.

Commands about runs print through it, from the documents of `/api/v1/runs`. It decides nothing and
asks nobody.
"""

from collections.abc import Iterator
from typing import Any, Final

from responder.cli.client import seconds

_WORDS: Final = {"deny": "DENY ", "ask": "ask  ", "allow": "allow"}
_ORDER: Final = ("deny", "ask", "allow")


def run_lines(run: dict[str, Any]) -> Iterator[str]:
    """The whole run, most important first."""
    reason = f" ({run['reason']})" if run["reason"] else ""
    yield f"{run['id']}  {run['runbook']}  {run['state']}{reason}"
    for line in _heading(run):
        yield f"  {line}"
    if run["plan"] is not None:
        yield from _plan(run["plan"], run)
    if run["verdicts"]:
        yield "guards"
        for verdict in sorted(run["verdicts"], key=lambda one: _ORDER.index(one["verdict"])):
            yield f"  {_WORDS[verdict['verdict']]} {verdict['guard']}: {verdict['reason']}"
    if run["story"]:
        yield "story"
        for moment in run["story"]:
            by = f" by {moment['by']}" if moment["by"] else ""
            yield f"  {seconds(moment['at'])}  {moment['state']}: {moment['text']}{by}"


def _heading(run: dict[str, Any]) -> Iterator[str]:
    target = run["target"]
    if target is not None:
        uid = f", uid {target['uid']}" if target["uid"] else ""
        yield f"target {run_target(run)}{uid}"
    who = run["requested_by"] or (f"an alert of {run['trigger']}" if run["trigger"] else run["via"])
    person = f" ({run['person']})" if run["person"] not in ("", who) else ""
    why = f": {run['why']}" if run["why"] else ""
    yield f"asked for by {who}{person} at {seconds(run['created_at'])}{why}"
    yield f"risk {run['risk']}, mode {run['mode']}"
    if run["parameters"]:
        given = " ".join(f"{name}={value}" for name, value in sorted(run["parameters"].items()))
        yield f"parameters {given}"
    if run["incidents"]:
        yield f"incidents {', '.join(run['incidents'])}"
    if run["facts"] and run["facts"]["problem"]:
        yield f"could not look: {run['facts']['problem']}"
    if approvals := _approvals(run):
        yield approvals
    if run["ended_at"]:
        yield f"over since {seconds(run['ended_at'])}"


def _approvals(run: dict[str, Any]) -> str:
    """Who said yes to the plan as it is, and by when others have to."""
    given = [
        f"{one['person']} at {seconds(one['at'])}{'' if one['counts'] else ' (to another plan)'}"
        for one in run["approvals"]
    ]
    if not run["needed"] and not given:
        return ""
    needed = f"persons needed in all: {run['needed']}"
    if run["person"]:
        needed += f" (who asked counts: {run['person']})"
    said = f"; approved by {', '.join(given)}" if given else "; nobody has approved yet"
    until = f"; expires {seconds(run['expires_at'])}" if run["open"] and run["expires_at"] else ""
    return f"{needed}{said}{until}"


def run_target(run: dict[str, Any]) -> str:
    """`cluster/namespace/Kind/name`, or nothing."""
    target = run["target"]
    if target is None:
        return ""
    return "/".join(target[part] for part in ("cluster", "namespace", "kind", "name"))


def _plan(plan: dict[str, Any], run: dict[str, Any]) -> Iterator[str]:
    yield f"plan {plan['hash']}"
    for number, step in enumerate(plan["steps"], start=1):
        yield from _step(number, step)
    if plan["on_failure"]:
        yield "  and if that does not help"
        for number, step in enumerate(plan["on_failure"], start=1):
            yield from _step(number, step)


def _step(number: int, step: dict[str, Any]) -> Iterator[str]:
    notes = [f"risk {step['risk']}"] if step["mutates"] else ["changes nothing"]
    if step["timeout"]:
        notes.append(f"at most {step['timeout']}")
    if step["undo"]:
        notes.append(f"undone by {step['undo']}")
    yield f"  {number}. {step['action']} {step['target']} ({', '.join(notes)})"
    for call in step["calls"]:
        yield f"       {call}"
    for name in ("arguments", "observed", "intended"):
        if step[name]:
            yield f"       {name} {_values(step[name])}"
    if step["bounds"]:
        yield f"       bounds {step['bounds']}"


def _values(values: dict[str, Any]) -> str:
    import json

    return ", ".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in sorted(values.items())
    )
