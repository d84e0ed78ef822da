"""What a simulation says of runs: which runbook would have begun one, and what every guard said of it.

`cli.simulate` prints the lines. Nothing is looked at in a simulation and nothing is done, so guards that need
facts cannot tell, and say so.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from responder.core.draft import Decision
from responder.core.messages import (
    Act,
    AlertsReceived,
    Body,
    FactsGathered,
    Inspect,
    RunJudged,
    RunProposed,
)
from responder.core.model import SECOND, Nanoseconds, label
from responder.core.plan import Facts, Firing
from responder.core.rules import Ruleset
from responder.core.run import GuardResult


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run was judged. `at` counts from the start; `state` is what it became by it."""

    at: Nanoseconds
    run: str
    runbook: str
    target: str
    state: str
    verdicts: tuple[GuardResult, ...]

    def document(self) -> dict[str, Any]:
        """The line as JSON has it; `at` in seconds."""
        whole, part = divmod(self.at, SECOND)
        return {
            "at": self.at / SECOND if part else whole,
            "type": "run",
            "run": self.run,
            "runbook": self.runbook,
            "target": self.target,
            "state": self.state,
            "verdicts": [
                {"guard": one.guard, "verdict": one.verdict, "reason": one.reason} for one in self.verdicts
            ],
        }


class RunLines:
    """Gathers the lines of one course."""

    def __init__(self, start: Nanoseconds) -> None:
        self._start = start
        self._proposed: dict[str, RunProposed] = {}

    def of(self, decision: Decision, at: Nanoseconds) -> Iterator[RunLine]:
        """The lines of one decision. Every decision of the course must pass here, in order."""
        states = {run.id: run.state for run in decision.changes.runs.values()}
        for event in decision.events:
            if isinstance(event, RunProposed):
                self._proposed[event.run] = event
            elif isinstance(event, RunJudged):
                begun = self._proposed[event.run]
                yield RunLine(
                    at - self._start,
                    event.run,
                    begun.runbook,
                    begun.target,
                    states.get(event.run, ""),
                    tuple(event.verdicts),
                )


def unseen(act: Act, now: Nanoseconds) -> Body | None:
    """A world in which nothing can be looked at but whether the simulated alert fires."""
    if not isinstance(act, Inspect):
        return None
    firing: Firing = "yes" if act.alert is not None else "no"
    facts = Facts(now, None, firing, "simulation", problem="a simulation looks at no cluster")
    return FactsGathered(act.run, act.lap, facts)


def with_clusters(ruleset: Ruleset, bodies: Iterator[Body]) -> Ruleset:
    """The rules with every cluster that an alert names, since a simulation is given no configuration."""
    names = {
        label(alert.labels, "cluster")
        for body in bodies
        if isinstance(body, AlertsReceived)
        for alert in body.alerts
    }
    return replace(ruleset, clusters=tuple(sorted(names - {""})) or ("simulation",))
