"""Runbooks as `/api/v1` writes them, with what an alert may start by itself and what limits it.

`web.api.runbooks` fills its answers from here. The effective mode is asked of the real function;
nothing here decides or changes anything.
"""

from typing import Any

from responder.core.actioncatalogue import ACTIONS
from responder.core.draft import Draft
from responder.core.guards import effective_mode
from responder.core.judging import situation
from responder.core.model import Nanoseconds, format_duration, format_time
from responder.core.rules import Ruleset
from responder.core.run import Run
from responder.core.runbook import ActionStep, NotifyStep, Runbook, Step, Verify, WaitStep
from responder.core.state import Signature, State
from responder.ruleset.runbooks import risk_of


class RunbookView:
    """The runbooks of one moment."""

    def __init__(self, state: State, ruleset: Ruleset, now: Nanoseconds) -> None:
        """Look at `state` under `ruleset`."""
        self._state = state
        self._ruleset = ruleset
        self._now = now

    def brief(self, runbook: Runbook) -> dict[str, Any]:
        """What a list shows of a runbook. `match` is a list of lists where one of several is enough."""
        mode, limit = self._mode(runbook)
        match = [[str(matcher) for matcher in matchers] for matchers in runbook.matchers]
        signature = self._state.signatures.get(runbook.name)
        return {
            "name": runbook.name,
            "title": runbook.title,
            "hash": runbook.hash,
            "match": match[0] if len(match) == 1 else match,
            "mode": runbook.mode,
            "effective_mode": mode,
            "limited_by": limit,
            "risk": risk_of(runbook),
            "signed": signature is not None and signature.hash == runbook.hash,
            "signature": _signature(signature),
            "reset_at": format_time(signature.reset_at) if signature and signature.reset_at else None,
        }

    def whole(self, runbook: Runbook) -> dict[str, Any]:
        """Everything about a runbook."""
        return {
            **self.brief(runbook),
            "place": runbook.place,
            "parameters": [
                {
                    "name": parameter.name,
                    "type": str(parameter.type),
                    "label": parameter.label,
                    "default": parameter.default,
                }
                for parameter in runbook.parameters
            ],
            "target": runbook.target
            and {
                "kind": runbook.target.kind,
                "namespace": runbook.target.namespace,
                "name": runbook.target.name,
            },
            "preconditions": [query.text for query in runbook.preconditions],
            "steps": [_step(step) for step in runbook.steps],
            "verify": [_verify(verify) for verify in runbook.verify],
            "on_failure": [_step(step) for step in runbook.on_failure],
            "hold": runbook.hold
            and {
                "receivers": list(runbook.hold.receivers),
                "for": format_duration(runbook.hold.duration),
            },
            "prose": runbook.prose,
        }

    def _mode(self, runbook: Runbook) -> tuple[str, str]:
        imagined = Run(
            number=0,
            runbook=runbook.name,
            runbook_hash=runbook.hash,
            parameters={},
            target=None,
            state="proposed",
            created_at=self._now,
            mode=runbook.mode,
            risk=risk_of(runbook),
        )
        draft = Draft(self._state, self._ruleset, self._now)
        return effective_mode(situation(draft, imagined, runbook, "proposal"))


def _signature(given: Signature | None) -> dict[str, str] | None:
    """Whoever vouched for a text of the page, which may be another one by now."""
    if given is None or not given.hash:
        return None
    return {"hash": given.hash, "by": given.by, "at": format_time(given.at), "reason": given.reason}


def _step(step: Step) -> dict[str, Any]:
    match step:
        case ActionStep():
            timeout = step.timeout or ACTIONS[step.action].timeout
            return {
                "action": step.action,
                "arguments": dict(step.arguments),
                "timeout": format_duration(timeout),
            }
        case WaitStep():
            return {"wait": format_duration(step.duration)}
        case NotifyStep():
            return {"notify": step.receiver}


def _verify(verify: Verify) -> dict[str, Any]:
    """0 stands for the floor of the configuration."""
    return {
        "query": verify.query.text,
        "good": verify.good or None,
        "every": format_duration(verify.every) if verify.every else None,
        "within": format_duration(verify.within) if verify.within else None,
        "settle": format_duration(verify.settle) if verify.settle else None,
    }
