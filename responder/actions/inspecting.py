"""Looking before a decision: the target, whether the alert fires, the preconditions, and the plan.

`worker` calls it for every Inspect and reports what it gives. It changes nothing, and what it could not
find out is said to be so.
"""

import asyncio
from collections.abc import Mapping

from responder.actions.action import Action, CannotTell, Seen
from responder.actions.prometheus import Oracle
from responder.clock import Clock
from responder.core.actioncatalogue import ACTIONS
from responder.core.messages import FactsGathered, Inspect
from responder.core.parameters import fill, fill_query
from responder.core.plan import Facts, Firing, Plan, PlannedStep, Probe, TargetRef
from responder.core.runbook import ActionStep, NotifyStep, Query, Step, WaitStep

_LATER = "as it is when this step's turn comes"


class Inspection:
    """Who is asked: the actions by name, and a Prometheus, if there is one."""

    def __init__(self, actions: Mapping[str, Action], oracle: Oracle | None, clock: Clock) -> None:
        """Ask nobody yet."""
        self._actions = actions
        self._oracle = oracle
        self._clock = clock

    async def inspect(self, asked: Inspect) -> FactsGathered:
        """Everything that the decision needs, asked at once."""
        at = self._clock.now()
        steps = asked.runbook.on_failure if asked.rolling else asked.runbook.steps
        names = dict.fromkeys(step.action for step in steps if isinstance(step, ActionStep))
        (firing, whom), probes, looks = await asyncio.gather(
            self._firing(asked),
            self._probes(asked),
            asyncio.gather(*(self._look(name, asked) for name in names)),
        )
        seen = dict(zip(names, looks, strict=True))
        known = {name: one for name, one in seen.items() if isinstance(one, Seen)}
        problem = next((one for one in seen.values() if isinstance(one, str)), "")
        first = next(iter(known.values()), None) if not problem else None
        facts = Facts(
            at=at,
            object=first.facts if first else None,
            firing=firing,
            firing_asked=whom,
            probes=probes,
            problem=problem,
            notes=first.notes if first else (),
        )
        plan = None if problem else self._plan(asked, known)
        return FactsGathered(asked.run, asked.lap, facts, plan)

    async def _look(self, name: str, asked: Inspect) -> Seen | str:
        """The target as an action sees it, or why it cannot."""
        action = self._actions.get(name)
        if action is None:
            return f"{name} cannot be carried out here"
        try:
            return await action.inspect(asked.target, asked.id)
        except CannotTell as error:
            return str(error)

    async def _firing(self, asked: Inspect) -> tuple[Firing, str]:
        if self._oracle is None or asked.alert is None:
            return "unknown", ""
        firing, _ = await self._oracle.firing(asked.alert)
        return firing, "prometheus"

    async def _probes(self, asked: Inspect) -> tuple[Probe, ...]:
        if asked.rolling:
            return ()
        answers = [self._probe(query, asked.parameters) for query in asked.runbook.preconditions]
        return tuple(await asyncio.gather(*answers))

    async def _probe(self, query: Query, parameters: Mapping[str, str]) -> Probe:
        text = fill_query(query.text, parameters)
        if self._oracle is None:
            return Probe(text, False, "no prometheus is configured")
        answer = await self._oracle.ask(text)
        return Probe(text, answer.holds, str(answer))

    # -- the plan -------------------------------------------------------------------------

    def _plan(self, asked: Inspect, seen: Mapping[str, Seen]) -> Plan:
        """What would be done. Rolling, it is only about what takes back, which is known exactly by now."""
        runbook = asked.runbook
        target = next((one.target for one in seen.values()), asked.target)
        steps = () if asked.rolling else self._steps(runbook.steps, asked, target, seen)
        undo = self._steps(runbook.on_failure, asked, target, seen if asked.rolling else {})
        return Plan(runbook.name, runbook.hash, dict(asked.parameters), target, steps, undo)

    def _steps(
        self, steps: tuple[Step, ...], asked: Inspect, target: TargetRef, seen: Mapping[str, Seen]
    ) -> tuple[PlannedStep, ...]:
        planned: list[PlannedStep] = []
        for step in steps:
            later = any(one.mutates for one in planned)
            planned.append(self._step(step, asked, target, seen, later=later))
        return tuple(planned)

    def _step(
        self, step: Step, asked: Inspect, target: TargetRef, seen: Mapping[str, Seen], *, later: bool
    ) -> PlannedStep:
        match step:
            case WaitStep():
                intended = {"nanoseconds": step.duration}
                return PlannedStep("wait", intended=intended, timeout=step.duration, mutates=False)
            case NotifyStep():
                return PlannedStep("notify", intended={"receiver": step.receiver}, mutates=False)
            case ActionStep():
                kind = ACTIONS[step.action]
                intent = self._actions[step.action].plan(target, seen.get(step.action), asked.id)
                return PlannedStep(
                    step.action,
                    target,
                    intent.calls,
                    dict(intent.intended),
                    dict(intent.observed),
                    step.timeout or kind.timeout,
                    kind.risk,
                    True,
                    kind.undo,
                    intent.bounds or (_LATER if later else ""),
                    {name: fill(text, asked.parameters) for name, text in sorted(step.arguments.items())},
                )
