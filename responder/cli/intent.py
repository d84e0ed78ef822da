"""What a page would do with its parameters filled in: nothing is looked at, and no guard is asked.

`cli.runs` prints it for `runbook plan --rules`. Values are checked against their types as in a run; nothing
is carried out here.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from responder.core.model import format_duration
from responder.core.parameters import fill, fill_query
from responder.core.runbook import CLUSTER, ActionStep, Bound, NotifyStep, Runbook, Step, WaitStep, bind
from responder.errors import NotFound, UsageError
from responder.ruleset import load_ruleset
from responder.settings import Settings

_THE_CLUSTER: Final = "(cluster)"
"""Where none is named: which ones are configured is not known here."""


def page_of(rules: Path, name: str) -> Runbook:
    """The page in a rules directory. Raises NotFound, and what reading the rules raises."""
    found = load_ruleset(rules, Settings(), read_files=False).ruleset.runbooks.get(name)
    if found is None:
        raise NotFound(f"{rules} has no runbook {name[:64]!r} that is right: see `responder runbook lint`")
    return found


def intent_of(runbook: Runbook, given: Mapping[str, str]) -> dict[str, Any]:
    """The intent as a document. Raises UsageError with all that keeps the parameters from being bound."""
    bound = bind(runbook, None, given, (given.get(CLUSTER) or _THE_CLUSTER,))
    if bound.problems:
        raise UsageError("; ".join(bound.problems))
    target = runbook.target
    return {
        "runbook": runbook.name,
        "hash": runbook.hash,
        "looked": False,
        "parameters": dict(bound.values),
        "target": target
        and {
            "cluster": bound.values[CLUSTER],
            "namespace": bound.fill(target.namespace),
            "kind": target.kind,
            "name": bound.fill(target.name),
        },
        "preconditions": [fill_query(query.text, bound.values) for query in runbook.preconditions],
        "steps": [_step(step, bound) for step in runbook.steps],
        "verify": [fill_query(verify.query.text, bound.values) for verify in runbook.verify],
        "on_failure": [_step(step, bound) for step in runbook.on_failure],
    }


def intent_lines(intent: Mapping[str, Any]) -> Iterator[str]:
    """The same in words."""
    name, digest = intent["runbook"], intent["hash"][:12]
    yield f"{name}  {digest}: by its page alone; nothing was looked at, no guard was asked"
    given = " ".join(f"{name}={value}" for name, value in sorted(intent["parameters"].items()))
    yield f"  parameters {given}"
    if target := intent["target"]:
        yield f"  target {'/'.join(target[part] for part in ('cluster', 'namespace', 'kind', 'name'))}"
    yield from (f"  only if {' '.join(query.split())}" for query in intent["preconditions"])
    yield from (f"  {number}. {step}" for number, step in enumerate(intent["steps"], start=1))
    yield from (f"  it helped if {' '.join(query.split())}" for query in intent["verify"])
    yield from (f"  if it did not: {step}" for step in intent["on_failure"])


def _step(step: Step, bound: Bound) -> str:
    match step:
        case ActionStep():
            said = "".join(f" {name}={fill(text, bound.values)}" for name, text in step.arguments.items())
            return f"{step.action}{said} (at most {format_duration(step.timeout)})"
        case WaitStep():
            return f"wait for {format_duration(step.duration)}"
        case NotifyStep():
            return f"tell {step.receiver}"
