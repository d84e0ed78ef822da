"""Runbooks as `/api/v1` writes them, with what an alert may start by itself and what limits it.

`web.api.runbooks` fills its answers from here. The effective mode is asked of the real function;
nothing here decides or changes anything.
"""

from typing import Any

from responder.core.actioncatalogue import ACTIONS
from responder.core.guards import Situation, effective_mode
from responder.core.model import Nanoseconds, format_duration, format_time
from responder.core.rules import Ruleset
from responder.core.run import Run
from responder.core.runbook import ActionStep, NotifyStep, Risk, Runbook, Step, Verify, WaitStep, greater
from responder.core.state import State


class RunbookView:
    """The runbooks of one moment."""

    def __init__(self, state: State, ruleset: Ruleset, now: Nanoseconds) -> None:
        """Look at `state` under `ruleset`."""
        self._state = state
        self._ruleset = ruleset
        self._now = now

    def brief(self, runbook: Runbook) -> dict[str, Any]:
        """What a list shows of a runbook."""
        mode, limit = self._mode(runbook)
        signature = self._state.signatures.get(runbook.name)
        return {
            "name": runbook.name,
            "title": runbook.title,
            "hash": runbook.hash,
            "match": [[str(matcher) for matcher in matchers] for matchers in runbook.matchers],
            "mode": runbook.mode,
            "effective_mode": mode,
            "limited_by": limit,
            "risk": risk_of(runbook),
            "signed": signature is not None and signature.hash == runbook.hash,
            "signature": None
            if signature is None
            else {
                "hash": signature.hash,
                "by": signature.by,
                "at": format_time(signature.at),
                "reason": signature.reason,
            },
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
        state, ruleset = self._state, self._ruleset
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
        return effective_mode(
            Situation(
                now=self._now,
                when="proposal",
                run=imagined,
                runbook=runbook,
                rules=ruleset.guards,
                runs=tuple(state.runs.values()),
                freezes=tuple(state.freezes.values()),
                signed={name: signature.hash for name, signature in state.signatures.items()},
            )
        )


def risk_of(runbook: Runbook) -> Risk:
    """The greater of the page's risk and its actions'."""
    steps = (*runbook.steps, *runbook.on_failure)
    actions = [ACTIONS[step.action].risk for step in steps if isinstance(step, ActionStep)]
    return greater([runbook.risk, *actions])


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
